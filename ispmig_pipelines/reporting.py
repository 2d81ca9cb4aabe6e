"""The report of a migration from the command line: made again from the ledger, shown or written."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ispmig_pipelines.errors import UsageError

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.report.report import MigrationReport


class ReportFormat(StrEnum):
    """How a report is written."""

    html = "html"
    json = "json"


def report(connection: Connection, slug: str, migration: int | None = None) -> MigrationReport:
    """The report of a tenant's migration.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        migration: its id; the newest that read anything unless given.

    Raises:
        UsageError: there is no such tenant or migration.
    """
    from ispmig_pipelines.platform import ledger, tenants
    from ispmig_pipelines.report.gather import gather, newest

    tenant = tenants.get(connection, slug)
    if migration is None:
        entry = newest(ledger.migrations(connection, slug))
        if entry is None:
            raise UsageError(
                f"Tenant {slug} has no migration yet. Start one with: ispmig migrate {slug} SPEC"
            )
        migration = entry.id
    connection.rollback()
    return gather(connection, tenant, migration)


def format_of(said: ReportFormat | None, out: Path | None) -> ReportFormat:
    """The format that is meant: what is said, else what the file's name ends in, else a page.

    Raises:
        UsageError: the name ends in something that a report cannot be.
    """
    if said is not None:
        return said
    ends = "" if out is None else out.suffix.lower()
    known = {"": ReportFormat.html, ".htm": ReportFormat.html, ".html": ReportFormat.html,
             ".json": ReportFormat.json}  # fmt: skip
    if ends not in known:
        raise UsageError(
            f"A report is written as .html or .json, not as {ends}. For PDF, write the page, open "
            "it in a browser and print it; to name the file as you like, say --format html."
        )
    return known[ends]


def written(made: MigrationReport, format: ReportFormat) -> str:
    """The report as a page, or as canonical JSON."""
    from ispmig_pipelines.report.canonical import to_json
    from ispmig_pipelines.report.page import page

    return to_json(made) if format is ReportFormat.json else page(made)
