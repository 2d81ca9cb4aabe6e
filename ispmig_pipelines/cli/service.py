"""The Dagster UI and daemon: started, and looked for."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ispmig_pipelines import tables
from ispmig_pipelines.cli.console import say, told
from ispmig_pipelines.cli.words import (
    Json,
)


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web UI.")] = 3000,
    as_json: Json = False,
) -> None:
    """Start the Dagster UI and daemon; Ctrl-C stops everything."""
    with told(as_json):
        from ispmig_pipelines.up import up as serve

        def ready(url: str) -> None:
            say(
                {"url": url},
                lambda out: out.print(f"The Dagster UI is at {url} (Ctrl-C stops it)."),
            )
            sys.stdout.flush()

        raise typer.Exit(serve(port, ready=ready))


def status(as_json: Json = False) -> None:
    """Say what is running: database, UI, daemon."""
    with told(as_json):
        from ispmig_pipelines.up import status as look

        found = look()
        say(found, lambda out: tables.status(out, found))
