"""A restore drill: the newest snapshot made a schema again, looked at, and taken away.

What a restore does is done, by the same code, in a transaction that is rolled back: nobody sees the
scratch schema, and a drill that is killed leaves nothing. Every row is read back from the database
and held against the piece it came from; counts, keys, references and control totals as a restore
checks them; business totals of the restored tables against those of the pieces; rows of the ledger
and files are read and proved. How long the restore took, and whether all was there, is written down
with the backups.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import business, evidence, room
from ispmig_pipelines.backup.beside import beside_others
from ispmig_pipelines.backup.business import Totals
from ispmig_pipelines.backup.evidence import Drill
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore.build import build
from ispmig_pipelines.backup.restore.plan import LEDGER, plan
from ispmig_pipelines.backup.restore.rows import rows_of
from ispmig_pipelines.errors import BackupError, IspmigError, StorageError, UsageError
from ispmig_pipelines.platform import tenants, timeouts, trail
from ispmig_pipelines.platform.server import engine, told_plainly
from ispmig_pipelines.platform.tenants import Tenant, raw

SCRATCH = "__drill_"


@dataclass(frozen=True)
class Drilled:
    """A drill that went well.

    Attributes:
        instant: all of the snapshot is as of then.
        seconds: that it took to have the tenant's tables again: the recovery time.
        check_seconds: that it took to look at the rest.
        rows: that were restored, of tables and ledger.
        files, bytes: of files that were read and proved.
        totals: business totals of what was restored, name → exact number as text; empty where the
            snapshot's tables are not those of the model.
        left_out: what the snapshot had and could not be made again, in words.
    """

    tenant: str
    repository: str
    snapshot: str
    instant: dt.datetime
    seconds: float
    check_seconds: float
    rows: int
    tables: int
    files: int
    bytes: int
    totals: dict[str, str]
    left_out: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "tenant": self.tenant,
            "repository": self.repository,
            "snapshot": self.snapshot,
            "instant": self.instant.isoformat(),
            "restored": True,
            "seconds": round(self.seconds, 3),
            "check_seconds": round(self.check_seconds, 3),
            "rows": self.rows,
            "tables": self.tables,
            "files": self.files,
            "bytes": self.bytes,
            "totals": self.totals,
            "left_out": list(self.left_out),
        }


def drill(
    slug: str,
    repository: Repository,
    *,
    snapshot: str = "latest",
    actor: str,
    dagster_run_id: str = "",
    told: Callable[[str], None] = lambda text: None,
) -> Drilled:
    """Restores a snapshot of a tenant to a scratch schema, looks at it, and takes it away.

    Entered into the audit trail; the tenant's own schema is not touched.

    Args:
        snapshot: a name, or what :meth:`Repository.find` takes.
        told: is told what is being done.

    Raises:
        TenantError: there is no such tenant.
        UsageError: there is no such snapshot.
        BackupDamaged: the manifest or a piece is missing, altered, swapped or forged.
        BackupError: what was restored is not what was stored.
        DatabaseError, StorageError: the platform failed.
        Unless it may pass by itself, the snapshot stands as one that a drill failed to restore.
    """
    database = engine()
    with told_plainly(), database.connect() as connection:
        tenant = tenants.get(connection, slug)
        connection.rollback()
        with beside_others(connection, slug):
            name = repository.find(snapshot).name
            with trail.on_record(
                database.connect,
                slug,
                trail.Operation.BACKUP_DRILL,
                actor=actor,
                dagster_run_id=dagster_run_id,
                details={"repository": repository.root, "snapshot": name},
            ) as record:
                try:
                    with told_plainly(), database.connect() as working:
                        done = _drill(working, tenant, repository, name, told)
                except IspmigError as error:
                    if not error.transient and not isinstance(error, UsageError):
                        with suppress(StorageError):
                            _leave_evidence(repository, name, problem=error.code)
                    raise
                _leave_evidence(repository, name, done=done)
                record.result = {
                    "rows": done.rows,
                    "files": done.files,
                    "seconds": round(done.seconds, 3),
                }
    return done


def _leave_evidence(
    repository: Repository, snapshot: str, *, done: Drilled | None = None, problem: str = ""
) -> None:
    evidence.write(
        repository,
        Drill(
            repository=repository.root,
            name="",
            at=dt.datetime.now(dt.UTC),
            snapshot=snapshot,
            passed=done is not None,
            seconds=done.seconds if done else 0.0,
            rows=done.rows if done else 0,
            problem=problem,
            totals=done.totals if done else {},
        ),
    )


def _drill(
    connection: Connection,
    tenant: Tenant,
    repository: Repository,
    name: str,
    told: Callable[[str], None],
) -> Drilled:
    started = time.monotonic()
    told(f"snapshot {name}")
    manifest = repository.read(name)
    planned = plan(manifest)
    room.check_restore([table for table, _ in planned.tables.values()], "drill")
    # No slug has two underscores one after the other, so it is no tenant's.
    scratch = f"{tenant.schema}{SCRATCH}{secrets.token_hex(4)}"
    with connection.begin() as transaction:
        driver = raw(connection)
        timeouts.limit(driver)
        built = build(driver, tenant, repository, planned, scratch, told=told)
        seconds = time.monotonic() - started
        told(f"restored in {seconds:.1f} s; business totals")
        totals = _same_totals(
            manifest,
            business.of_schema(driver, tenant, scratch),
            business.of_pieces(repository, manifest),
        )
        transaction.rollback()
    told("ledger and files")
    rows = sum(built.rows.values()) + _ledger(repository, manifest)
    size = _files(repository, manifest)
    return Drilled(
        tenant=tenant.slug,
        repository=repository.root,
        snapshot=name,
        instant=manifest.instant.astimezone(dt.UTC),
        seconds=seconds,
        check_seconds=time.monotonic() - started - seconds,
        rows=rows,
        tables=len(built.rows),
        files=len(manifest.files),
        bytes=size,
        totals=totals,
        left_out=built.left_out,
    )


def _same_totals(
    manifest: Manifest, restored: Totals | None, stored: Totals | None
) -> dict[str, str]:
    if restored is None:
        return {}
    found = restored.told()
    differing = restored.differing(stored) if stored is not None else []
    # What was written down when the snapshot was made, if anything was.
    differing += [
        name for name, total in found.items() if manifest.totals.get(name, total) != total
    ]
    if differing:
        raise BackupError(
            f"Business totals of what was restored from {manifest.snapshot} are not those of the "
            f"snapshot: {', '.join(differing[:5])}. Make a full backup (ispmig backup create "
            f"{manifest.tenant} --full), try it (ispmig backup drill {manifest.tenant}), and "
            "report this: it is a defect, or somebody changes what the server reads."
        )
    return found


def _ledger(repository: Repository, manifest: Manifest) -> int:
    """Reads and proves the tenant's rows of the ledger; returns how many there are."""
    rows = 0
    for table in manifest.tables:
        if not table.name.startswith(LEDGER):
            continue
        found = sum(batch.num_rows for batch in rows_of(repository, table))
        if found != table.rows:
            raise BackupError(
                f"{table.name} has {table.rows:,} rows in the manifest of {manifest.snapshot}, and "
                f"its pieces hold {found:,}. Make a full backup: ispmig backup create "
                f"{manifest.tenant} --full"
            )
        rows += found
    return rows


def _files(repository: Repository, manifest: Manifest) -> int:
    """Reads and proves the tenant's files, a part at a time; returns their bytes."""
    whole = 0
    for file in manifest.files:
        size = sum(len(repository.get_file_part(part)) for part in file.parts)
        if size != file.size:
            raise BackupError(
                f"A file has {file.size:,} bytes in the manifest of {manifest.snapshot}, and its "
                f"parts hold {size:,}. Make a full backup: ispmig backup create {manifest.tenant} "
                "--full"
            )
        whole += size
    return whole
