"""Resubmitting a corrected file from the command line: the Dagster job, for each migration of which
the file has records, the oldest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.migrating import entry_of

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.platform.ledger import Migration


@dataclass
class Resubmitted:
    """What became of a file.

    Attributes:
        records: in the file; solved_before: of these, by earlier resubmissions, which are left
            alone.
        solved: records that this solved, each once however many entities it feeds; open: that
            stay in quarantine.
        solved_by: the earlier resubmissions.
        entries: what the ledger has of each resubmission.
        ignored: what of the file was passed over.
    """

    tenant: str
    file: str
    dry_run: bool
    records: int = 0
    solved_before: int = 0
    solved: int = 0
    open: int = 0
    solved_by: list[int] = field(default_factory=list)
    entries: list[Migration] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "tenant": self.tenant,
            "file": self.file,
            "dry_run": self.dry_run,
            "records": self.records,
            "solved_before": self.solved_before,
            "solved_by": self.solved_by,
            "solved": self.solved,
            "open": self.open,
            "migrations": [entry.as_json() for entry in self.entries],
            "ignored": self.ignored,
        }


def resubmit(
    connection: Connection,
    tenant: str,
    file: Path,
    *,
    dry_run: bool = False,
    batch_size: int = DEFAULT_BATCH_SIZE,
    log_level: str = "INFO",
) -> Resubmitted:
    """Runs the job ``tenant_resubmit``; what can be known to be wrong beforehand is told before.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        log_level: of what the runs say on standard error.

    Raises:
        UsageError: the tenant or the file is wrong; nothing was run.
        MigrationFailed: a run failed; those before it stand.
    """
    from ispmig_pipelines.defs.tenant_migration import resubmission
    from ispmig_pipelines.guarding import refuse_name
    from ispmig_pipelines.platform import tenants

    known = tenants.get(connection, tenant)
    connection.rollback()
    path = file.absolute()
    refuse_name(path)
    if not path.is_file():
        raise UsageError(f"There is no file {file}. Name the corrected workbook.")
    held, ignored = resubmission.look_at(connection, known, path)
    done = Resubmitted(tenant, str(path), dry_run, ignored=ignored)
    done.records = sum(one.records for one in held)
    done.solved_before = sum(one.solved for one in held)
    done.solved_by = sorted({by for one in held for by in one.solved_by})

    from ispmig_pipelines.defs.instance import instance
    from ispmig_pipelines.defs.launch import run_job

    with instance() as dagster:
        for one in held:
            if not one.open:
                continue
            run, failure = run_job(
                dagster,
                "tenant_resubmit",
                tenant,
                {
                    "take": {
                        "file": str(path),
                        "migration": one.migration,
                        "dry_run": dry_run,
                        "batch_size": batch_size,
                    }
                },
                log_level=log_level,
            )
            entry = entry_of(connection, run.run_id, failure)
            done.entries.append(entry)
            still = resubmission.still_open(connection, known, entry.id)
            done.open += still
            done.solved += one.open - still
    return done
