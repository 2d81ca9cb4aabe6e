"""Records that were not loaded: listed, purged, taken in again."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from ispmig_pipelines import tables
from ispmig_pipelines.cli.bar import bar
from ispmig_pipelines.cli.console import connected, console, say, told, write_records
from ispmig_pipelines.cli.default_command import unless_named
from ispmig_pipelines.cli.words import (
    Entities,
    Json,
    ListingFormat,
    Slug,
)
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE

quarantine_app = typer.Typer(
    cls=unless_named("list"),
    help="Records that were not loaded: listed (ispmig quarantine TENANT), or purged.",
    no_args_is_help=True,
)


@quarantine_app.command("list")
def quarantine_list(
    tenant: Slug,
    migration_id: Annotated[
        int | None, typer.Option("--migration", metavar="ID", help="Only of this migration.")
    ] = None,
    entity: Entities = None,
    rule: Annotated[
        str, typer.Option(metavar="CODE", help="Only held back by this rule, e.g. value.date.")
    ] = "",
    closed: Annotated[
        bool, typer.Option("--closed", help="What resubmissions solved, and nothing else.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="What is solved, too.")] = False,
    page: Annotated[
        int | None, typer.Option(min=1, help="Only this page of the listing, from 1.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many records (of a page: 100).")
    ] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="Leave out so many first.")] = None,
    format: Annotated[
        ListingFormat, typer.Option(help="Of the file that --out names.")
    ] = ListingFormat.csv,
    out: Annotated[Path | None, typer.Option(help="Write the listing to this file.")] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="Show masks of cells only, for eyes of others.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the records that were not loaded, and why; as XLSX, a workbook to correct them in."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.platform import quarantine as records
        from ispmig_pipelines.platform import tenants
        from ispmig_pipelines.platform.trail import Record
        from ispmig_pipelines.quarantine import listing as listings

        known = tenants.get(connection, tenant)
        chosen = listings.choose(
            connection, known, migration=migration_id, entities=entity or [], rule=rule,
            closed=closed, everything=everything,
        )  # fmt: skip
        most, first = listings.page(page, limit, offset)
        driver = tenants.raw(connection)
        if out is not None and format is ListingFormat.xlsx:
            if page is not None or limit is not None or offset is not None:
                raise UsageError("A workbook holds all records that are chosen, not a page.")
            if mask:
                raise UsageError("A workbook is to be corrected, so its cells cannot be masked.")
            from ispmig_pipelines.quarantine import workbook

            with listings.on_record(
                connection, known, chosen, format="xlsx", to=str(out.absolute())
            ) as record:
                book = workbook.write(connection, known, chosen, out)
                record.result["records"] = book.records
            say(
                {"tenant": tenant, "records": book.records, "sheets": book.sheets,
                 "file": str(out)},
                lambda console: tables.workbook(console, tenant, book, out),
            )  # fmt: skip
            return
        listing = records.listing(driver, known, chosen, limit=most, offset=first)
        if mask:
            from ispmig_pipelines.quarantine.masked import masked

            listing = masked(connection, known, listing)

        def shown(format: str, to: str) -> AbstractContextManager[Record]:
            if mask:
                return nullcontext(Record(0, {}))
            return listings.on_record(connection, known, chosen, format=format, to=to)

        if out is not None:
            from ispmig_pipelines.quarantine.file import write

            with shown("csv", str(out.absolute())) as record:
                found = records.count_sources(driver, known, chosen, limit=most, offset=first)
                record.result["records"] = found
                issues = write(listing, out)
            say(
                {"tenant": tenant, "records": found, "issues": issues, "file": str(out)},
                lambda console: tables.listing_written(console, found, issues, out),
            )
        elif as_json:
            total = records.count(driver, known, chosen) if most or first else None
            with shown("json", "standard output") as record:
                record.result["records"] = write_records(tenant, listing, total)
        else:
            total = records.count(driver, known, chosen) if most or first else None
            found = records.count_sources(driver, known, chosen, limit=most, offset=first)
            tables.quarantine(console(), tenant, listing, records=found, first=first, total=total)


@quarantine_app.command("purge")
def quarantine_purge(
    tenant: Slug,
    migration_id: Annotated[
        int | None, typer.Option("--migration", metavar="ID", help="Of this migration.")
    ] = None,
    before: Annotated[
        str, typer.Option(metavar="DATE", help="Of migrations that began before this day (UTC).")
    ] = "",
    entity: Entities = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="Only what resubmissions solved.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete them.")] = False,
    as_json: Json = False,
) -> None:
    """Delete records from the quarantine for good; the audit trail keeps who did it."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.quarantine.purge import purge

        found = purge(
            connection, tenant, migration=migration_id, before=before, entities=entity or [],
            only_closed=closed, confirmed=yes,
        )  # fmt: skip
        say(
            {"tenant": tenant, "migrations": list(found.migrations), "records": found.records,
             "purged": found.total},
            lambda out: out.print(
                f"{found.total:,} records were deleted from the quarantine of {tenant}."
                if found.total
                else "There is nothing to delete."
            ),
        )  # fmt: skip


def resubmit(
    tenant: Slug,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The corrected workbook, or a sheet as CSV.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but publishing.")] = False,
    batch_size: Annotated[
        int,
        typer.Option(min=100, max=1_000_000, help="Records that are mapped at a time."),
    ] = DEFAULT_BATCH_SIZE,
    as_json: Json = False,
) -> None:
    """Try corrected records of the quarantine again: run the Dagster job, here and now."""
    with told(as_json), connected() as connection:
        from ispmig_pipelines.migrating import MigrationFailed
        from ispmig_pipelines.quarantine.resubmission import resubmit as run

        try:
            with bar(quiet=as_json):
                found = run(connection, tenant, file, dry_run=dry_run, batch_size=batch_size)
        except MigrationFailed as failure:
            if failure.entry is not None and failure.entry.entities and not as_json:
                tables.migration(console(), failure.entry)
            raise
        say(found.as_json(), lambda out: tables.resubmitted(out, found))
