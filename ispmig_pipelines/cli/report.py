"""Reports of migrations: made again, signed, and proven."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ispmig_pipelines.cli.console import connected, console, say, told
from ispmig_pipelines.cli.default_command import unless_named
from ispmig_pipelines.cli.words import Json, Slug
from ispmig_pipelines.reporting import ReportFormat

SHOW = "show"


report_app = typer.Typer(
    cls=unless_named(SHOW),
    help="The signed report of a migration: ispmig report TENANT [ID] makes it again.",
    no_args_is_help=True,
)


@report_app.command(SHOW)
def report_show(
    tenant: Slug,
    migration_id: Annotated[
        int | None,
        typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="The newest, unless named."),
    ] = None,
    format: Annotated[
        ReportFormat | None, typer.Option(help="A page, or canonical JSON; else by --out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Make the report of a migration again, signed: in short, as a page, or as JSON."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import reporting
        from ispmig_pipelines.page.file import check_place, publish
        from ispmig_pipelines.report import terminal

        if out is not None:
            check_place(out)
        kind = reporting.format_of(format, out)
        made = reporting.report(connection, tenant, migration_id)
        if out is not None:
            publish(out, reporting.written(made, kind))
            say(
                {"tenant": tenant, "migration_id": made.migration, "file": str(out)},
                lambda console: console.print(
                    f"The report of migration {made.migration} is {out}.", markup=False
                ),
            )
        elif as_json or format is not None:
            # To the byte as it is signed: not even a line's end after it.
            kind = ReportFormat.json if as_json else kind
            sys.stdout.write(reporting.written(made, kind))
        else:
            terminal.show(console(), made)


@report_app.command("verify")
def report_verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A report, as JSON or as page.")],
    key: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PEM", help="File of a public key that is trusted; may be given several times."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove that a report is just as it was signed, and by whom; needs no database."""
    with told(as_json):
        from ispmig_pipelines import reporting

        found = reporting.verify(file, key or ())
        say(reporting.as_json(found, file), lambda out: reporting.tell_proven(out, found, file))


@report_app.command("key")
def report_key(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Sign with a new key from now on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the public key that proves reports, to be handed to whoever audits."""
    with told(as_json):
        from ispmig_pipelines import reporting

        data = reporting.key(rotate=rotate)
        say(data, lambda out: reporting.tell_key(out, data))
