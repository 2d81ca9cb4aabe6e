"""Migrating a tenant from the command line: the Dagster job, here and now, to its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.errors import RunFailed
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.loading import loading
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.validation import threshold

PREVIEW_ROWS = 20
"""Records of each block that the report of a dry run shows."""

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.platform.ledger import Migration


class MigrationFailed(RunFailed):
    """A migration that failed in its run.

    Attributes:
        entry: what the ledger knows of it, if anything.
    """

    def __init__(self, failure: dict[str, Any], entry: Migration | None) -> None:
        self.entry = entry
        super().__init__(failure, None if entry is None else entry.as_json())


def migrate(
    connection: Connection,
    tenant: str,
    spec: Path,
    *,
    dry_run: bool = False,
    on_conflict: OnConflict = OnConflict.update,
    max_quarantined: str = threshold.DEFAULT,
    batch_size: int = DEFAULT_BATCH_SIZE,
    parts: int = 1,
    processes: int = 0,
    preview_rows: int = PREVIEW_ROWS,
    preview_mask: bool = False,
    log_level: str = "INFO",
) -> Migration:
    """Runs the job ``tenant_migration``, or ``tenant_migration_in_parts`` where there are several;
    returns what the ledger holds of it.

    What can be known to be wrong beforehand is told before a run is made.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        parts: in how many each entity is mapped and validated.
        processes: how many steps may be under way at once, of parts; 0: as many as processors.
        preview_rows: of a dry run: records of each block that its report shows.
        preview_mask: it shows shapes only.
        log_level: of what the run says on standard error.

    Raises:
        UsageError: tenant, spec, files or threshold are wrong; nothing was run.
        MigrationFailed: the run failed.
    """
    with loading():
        from ispmig_pipelines.guarding import refuse_name
        from ispmig_pipelines.mapping.spec import load_spec
        from ispmig_pipelines.platform import tenants

    tenants.get(connection, tenant)
    connection.rollback()
    refuse_name(spec.absolute())
    checked = load_spec(spec.absolute())
    for source in checked.sources:
        checked.source_files(source)
    threshold.parse(max_quarantined)

    with loading():
        from ispmig_pipelines.defs.instance import instance
        from ispmig_pipelines.defs.launch import run_job

    with instance() as dagster:
        run, failure = run_job(
            dagster,
            "tenant_migration" if parts == 1 else "tenant_migration_in_parts",
            tenant,
            {
                "extract": {
                    "spec": str(spec.absolute()),
                    "mode": "dry_run" if dry_run else "load",
                    "on_conflict": on_conflict.value,
                    "max_quarantined": max_quarantined,
                    "batch_size": batch_size,
                    "parts": parts,
                    "preview_rows": preview_rows,
                    "preview_mask": preview_mask,
                }
            },
            execution={"max_concurrent": processes} if processes else {},
            log_level=log_level,
        )
    return entry_of(connection, run.run_id, failure)


def entry_of(connection: Connection, run_id: str, failure: dict[str, Any] | None) -> Migration:
    """The ledger's entry of a run that ended.

    Raises:
        MigrationFailed: with ``failure``, as the run was told to end.
    """
    from ispmig_pipelines.platform import ledger

    entry = None
    if not (failure and failure["exit_code"] == 3):
        entry = ledger.migration_of_run(connection, run_id)
        connection.rollback()
    if failure:
        raise MigrationFailed(failure, entry)
    assert entry is not None  # noqa: S101 - a run that succeeded has entered itself
    return entry
