"""The Dagster UI as ``ispmig up`` serves it: with the reports of migrations beside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dagster import instance_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget

from ispmig_pipelines.defs.webserver import WithReports
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.report.canonical import from_json


@dataclass
class Answer:
    """What a web server answers."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()


Ui = Callable[..., Answer]


def asked(app: Any, path: str, method: str = "GET") -> Answer:
    """The answer of an ASGI application."""
    answer = Answer()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": [],
        "server": ("localhost", 80), "client": ("localhost", 1),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return answer


@pytest.fixture
def ui(ispmig_home: Path) -> Iterator[Ui]:
    with (
        instance_for_test() as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context,
    ):
        app = WithReports(context).create_asgi_app()
        yield lambda *words: asked(app, *words)


@pytest.fixture
def migration(ispmig_home: Path) -> int:
    ledger.prepare(engine())
    tenants.add(engine(), "acme")
    with engine().begin() as connection:
        return ledger.open_migration(
            connection, tenant="acme", mode="load", on_conflict="update", spec_name="<b>North",
            spec_path="north.yaml", spec_text="version: 1", spec_digest="ab" * 32,
            dagster_run_id="run", actor="mo",
        )  # fmt: skip


def test_a_report_is_served_as_page_and_as_json(ui: Ui, migration: int) -> None:
    page = ui(f"/reports/acme/{migration}")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "It has not ended yet." in page.text
    assert "&lt;b&gt;North" in page.text
    made = from_json(ui(f"/reports/acme/{migration}.json").body)
    assert (made.tenant, made.migration) == ("acme", migration)


def test_a_report_can_do_nothing_at_the_address_of_the_ui(ui: Ui, migration: int) -> None:
    headers = ui(f"/reports/acme/{migration}").headers
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert ui(f"/reports/acme/{migration}", "POST").status == 405


@pytest.mark.parametrize("address", ["/reports/acme/99", "/reports/nobody/1", "/reports/acme/1x"])
def test_what_is_not_there_is_told_plainly(ui: Ui, migration: int, address: str) -> None:
    answer = ui(address)
    assert "Traceback" not in answer.text
    if not address.endswith("x"):  # no report's address: Dagster answers
        assert answer.status == 404
        assert answer.headers["content-type"].startswith("text/plain")


def test_another_tenants_migration_is_not_served_under_ones_name(ui: Ui, migration: int) -> None:
    tenants.add(engine(), "other")
    assert ui(f"/reports/other/{migration}").status == 404


def test_the_ui_itself_is_there_as_ever(ui: Ui) -> None:
    assert "dagster_webserver_version" in json.loads(ui("/server_info").body)
