"""A preview from the command line: a dry run, and the report that it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ispmig_pipelines.account import account
from ispmig_pipelines.errors import ConflictRefused, ThresholdExceeded, UsageError
from ispmig_pipelines.migrating import PREVIEW_ROWS, MigrationFailed, migrate
from ispmig_pipelines.nearest import did_you_mean
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.settings import settings
from ispmig_pipelines.validation import threshold

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.preview.report import Report

REFUSALS = {error.code: error for error in (ThresholdExceeded, ConflictRefused)}
"""Why a migration may be refused that has a report all the same: the kind of error."""


def preview(
    connection: Connection,
    tenant: str,
    spec: Path,
    *,
    rows: int = PREVIEW_ROWS,
    entities: Sequence[str] = (),
    html: Path | None = None,
    masked: bool = False,
    on_conflict: OnConflict = OnConflict.update,
    max_quarantined: str = threshold.DEFAULT,
) -> Report:
    """Makes a dry run and returns its report, also if the migration would be refused: for too
    much in quarantine, or for what the tenant holds already.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        rows: records of each block to sample, besides some with issues.
        entities: restricts the report, not the run, to these; all when empty.
        html: where to write the report as a page, which only its owner can read.
        masked: show shapes of cells and values only.

    Raises:
        UsageError: tenant, spec, files, threshold, an entity or the page's place are wrong.
        MigrationFailed: the run failed before there was anything to report.
    """
    from ispmig_pipelines.mapping.spec import load_spec
    from ispmig_pipelines.page.file import check_place, publish
    from ispmig_pipelines.platform import tenants
    from ispmig_pipelines.preview import store
    from ispmig_pipelines.preview.page import page

    tenants.get(connection, tenant)
    connection.rollback()
    if entities:
        filled = list(dict.fromkeys(feed.entity for feed in load_spec(spec.absolute()).feeds))
        for name in entities:
            if name not in filled:
                raise UsageError(
                    f"The spec fills no entity {name!r}{did_you_mean(name, filled)}. It fills "
                    f"{', '.join(filled)}."
                )
    if html is not None:
        check_place(html)
    try:
        entry = migrate(
            connection,
            tenant,
            spec,
            dry_run=True,
            on_conflict=on_conflict,
            max_quarantined=max_quarantined,
            preview_rows=rows,
            preview_mask=masked,
        )
    except MigrationFailed as failure:
        if failure.code not in REFUSALS or failure.entry is None:
            raise
        entry = failure.entry
    with _on_record(connection, tenant, entry.id, html, masked=masked):
        report = store.read(settings().reports_folder, tenant, entry.id)
        if entities:
            report = report.of_entities(entities)
        if html is not None:
            publish(html, page(report))
    return report


def _on_record(
    connection: Connection, tenant: str, migration: int, html: Path | None, *, masked: bool
) -> AbstractContextManager[object]:
    """The audit trail has who was shown cells; shapes of them are none."""
    from ispmig_pipelines.platform import trail

    if masked:
        return nullcontext()
    return trail.on_record(
        connection.engine.connect,
        tenant,
        trail.Operation.ACCESS,
        actor=account(),
        details={
            "what": "preview",
            "migration": migration,
            "to": str(html.absolute()) if html else "the terminal",
        },
    )
