"""Migrations: previewed, run, looked at afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import typer.core
from rich.console import Console

from ispmig_pipelines import tables
from ispmig_pipelines.cli.console import connected, console, say, told
from ispmig_pipelines.cli.words import (
    Json,
    Slug,
)
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.validation import threshold

if TYPE_CHECKING:
    from ispmig_pipelines.platform.ledger import Migration


def migrate(
    tenant: Slug,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but publishing.")] = False,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(help="Who wins where the tenant has other content under a record's key."),
    ] = OnConflict.update,
    max_quarantined: Annotated[
        str,
        typer.Option(metavar="N|N%", help="Most records of each entity that may go to quarantine."),
    ] = threshold.DEFAULT,
    batch_size: Annotated[
        int,
        typer.Option(
            min=100, max=1_000_000, help="Records that are read, mapped and checked at a time."
        ),
    ] = DEFAULT_BATCH_SIZE,
    as_json: Json = False,
) -> None:
    """Migrate a tenant: run the Dagster job, here and now."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.migrating import MigrationFailed
        from ispmig_pipelines.migrating import migrate as run

        try:
            entry = run(
                connection,
                tenant,
                spec,
                dry_run=dry_run,
                on_conflict=on_conflict,
                max_quarantined=max_quarantined,
                batch_size=batch_size,
            )
        except MigrationFailed as failure:
            if failure.entry is not None and failure.entry.entities and not as_json:
                tables.migration(console(), failure.entry)
            raise
        say(entry.as_json(), lambda out: tables.migration(out, entry))


def preview(
    tenant: Slug,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.")],
    rows: Annotated[
        int, typer.Option(min=0, max=1000, help="Records of each block that are shown.")
    ] = 20,
    entity: Annotated[
        list[str] | None, typer.Option(help="Only this entity; may be given several times.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as a page, too.")
    ] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="Show masks of cells and values only.")
    ] = False,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(help="Who wins where the tenant has other content under a record's key."),
    ] = OnConflict.update,
    max_quarantined: Annotated[
        str,
        typer.Option(metavar="N|N%", help="Most records of each entity that may go to quarantine."),
    ] = threshold.DEFAULT,
    as_json: Json = False,
) -> None:
    """Show what a migration would do, by a dry run: before and after, issues, changes."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines import exporting, previewing
        from ispmig_pipelines.preview import terminal

        chosen = exporting.listed(entity or [])
        report = previewing.preview(
            connection,
            tenant,
            spec,
            rows=rows,
            entities=chosen,
            html=html,
            masked=mask,
            on_conflict=on_conflict,
            max_quarantined=max_quarantined,
        )
        written = {"html": str(html) if html else None}
        if not report.passed:
            written["error"] = {  # type: ignore[assignment]
                "code": report.refused_as,
                "message": report.refused,
                "exit_code": previewing.REFUSALS[report.refused_as].exit_code,
            }
        say(
            report.model_dump(mode="json") | written,
            lambda out: terminal.show(out, report, whole=bool(chosen)),
        )
        if html and not as_json:
            console().print(f"The page is {html}.", markup=False)
        if not report.passed:
            raise typer.Exit(previewing.REFUSALS[report.refused_as].exit_code)


def migrations(tenant: Slug, as_json: Json = False) -> None:
    """List a tenant's migrations, the newest first."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.platform import ledger, tenants

        tenants.get(connection, tenant)
        found = ledger.migrations(connection, tenant)
        say(
            {"tenant": tenant, "migrations": [m.as_json() for m in found]},
            lambda out: tables.migrations(out, found),
        )


def migration(
    migration_id: Annotated[
        int,
        typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="From ispmig migrations."),
    ],
    as_json: Json = False,
) -> None:
    """Show one migration, whole."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.platform import ledger

        found = ledger.migration(connection, migration_id)
        say(found.as_json() | {"spec_text": found.spec_text}, lambda out: _show(out, found))
        if found.error and not as_json:
            console().print(found.error, markup=False)


def _show(out: Console, entry: Migration) -> None:
    tables.migration(out, entry)
    tables.personal_data(out, entry)
