"""Specs: their mistakes, their differences, their schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ispmig_pipelines.cli.console import connected, say, say_failed, told
from ispmig_pipelines.cli.words import (
    Json,
)
from ispmig_pipelines.errors import UsageError

spec_app = typer.Typer(
    help="Specs: their mistakes, their differences, their schema.", no_args_is_help=True
)


@spec_app.command("check")
def spec_check(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.")],
    sources: Annotated[
        bool, typer.Option("--sources", help="Open and look through its sources, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell every mistake of a spec at once, and what its sources leave open."""
    with told(as_json):
        from ispmig_pipelines import spec_checking

        found = spec_checking.check(spec, sources=sources)
        if found.error is not None:
            say_failed(found.error, found.as_json(), lambda out: spec_checking.tell(out, found))
        say(found.as_json(), lambda out: spec_checking.tell(out, found))


@spec_app.command("diff")
def spec_diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A spec, or migration:ID.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    as_json: Json = False,
) -> None:
    """Say in words what is different in B."""
    with told(as_json):
        from ispmig_pipelines import spec_comparing

        found = spec_comparing.compare(a, b, connected)
        say(found.as_json(), lambda out: spec_comparing.tell(out, found))
        if not found.same:
            raise typer.Exit(1)


@spec_app.command("schema")
def spec_schema(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON Schema by which editors complete and check specs."""
    with told(as_json):
        from ispmig_pipelines.mapping.spec_schema import spec_schema_text

        text = spec_schema_text()
        if out is None:
            # It is JSON as it is.
            sys.stdout.write(text)
            return
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{out} cannot be written: {error.strerror}.") from None
        say(
            {"schema": str(out)},
            lambda console: console.print(f"The schema is {out}.", markup=False),
        )
