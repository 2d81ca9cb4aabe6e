"""The audit trail: verified, shown, exported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ispmig_pipelines.cli.console import connected, console, options, say, say_failed, told
from ispmig_pipelines.cli.words import Json

audit_app = typer.Typer(
    help="The audit trail: who did what with a tenant's data, in a chain that shows tampering.",
    no_args_is_help=True,
)
Whose = Annotated[
    str,
    typer.Argument(metavar="TENANT", help="The tenant's slug; without it the platform's own."),
]


@audit_app.command("verify")
def audit_verify(
    tenant: Annotated[
        str | None, typer.Argument(metavar="TENANT", help="Only this one; all unless named.")
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A report, page or JSON, whose audit head is to be in the chain, too.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find every altered, missing, forged or moved entry, and name it."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import auditing

        found = auditing.verify(connection, tenant, report or ())
        error = auditing.broken(found)
        data = {"holds": error is None, "chains": [one.as_json() for one in found]}

        def show(out: Console) -> None:
            auditing.tell_verified(out, found)

        if error is not None:
            say_failed(error, data, show)
        say(data, show)


@audit_app.command("show")
def audit_show(
    tenant: Whose = "",
    operation: Annotated[
        str, typer.Option(metavar="NAME", help='Only of this operation, e.g. "export".')
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Only so many, the newest.")] = 50,
    before: Annotated[
        int | None,
        typer.Option(metavar="POSITION", min=1, help="Only older ones than the one at this place."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the newest entries of a tenant's audit trail, the oldest of them first."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import auditing
        from ispmig_pipelines.nearest import did_you_mean
        from ispmig_pipelines.platform.trail import Operation

        if operation and operation not in set(Operation):
            from ispmig_pipelines.errors import UsageError

            names = [str(one) for one in Operation]
            raise UsageError(
                f"There is no operation {operation[:40]!r}{did_you_mean(operation, names)}. Those "
                f"there are: {', '.join(names)}."
            )
        rows = auditing.entries(connection, tenant, operation=operation, limit=limit, before=before)
        if options["json"]:
            say({"tenant": tenant, "entries": list(rows)}, lambda out: None)
        else:
            auditing.tell_entries(console(), rows)


@audit_app.command("export")
def audit_export(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file, .json or .csv.")],
    tenant: Whose = "",
    as_json: Json = False,
) -> None:
    """Write a tenant's whole audit trail into a file, for whoever audits."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import auditing

        written = auditing.write(connection, tenant, out)
        say(
            {"tenant": tenant, "entries": written, "file": str(out)},
            lambda shown: shown.print(f"{written:,} entries written to {out}", markup=False),
        )
