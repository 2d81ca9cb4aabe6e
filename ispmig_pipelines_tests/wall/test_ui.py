"""The platform's own UI shows every tenant to whoever may see it, and is no source of any."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import uvicorn
from dagster import instance_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget

from ispmig_pipelines.defs.webserver import WithReports
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.remote import RemoteFile


@pytest.fixture
def ui(ispmig_home: Path) -> Iterator[str]:
    """Its address."""
    with (
        instance_for_test() as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        app = WithReports(context).create_asgi_app()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until = time.monotonic() + 30
            while not server.started and time.monotonic() < until:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("path", ["/server_info", "/graphql?query={version}"])
def test_no_spec_reads_it(ui: str, path: str) -> None:
    assert requests.get(ui + path, timeout=30).status_code == 200
    with pytest.raises(SourceError):
        RemoteFile(ui + path).open().read()
