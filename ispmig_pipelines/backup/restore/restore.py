"""Restoring a tenant: from a snapshot, in one transaction, on record; and undoing that.

The transaction builds the side schema, verifies it and swaps it in, with its entry in the audit
trail; only large tables may have got their rows before (:mod:`.large_tables`). Until it commits,
nothing of the tenant's is changed; a failure, or a process that is killed at whatever step, leaves
the tenant as it was, and no side schema either. What was there before is kept until somebody
confirms the restore, or undoes it.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import definition, evidence, room, tenant_files
from ispmig_pipelines.backup.beside import beside_others
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore import (
    choosing,
    compare,
    erased_again,
    files,
    large_tables,
    migration_states,
    missing,
    records,
    rights,
    some_tables,
    swap,
)
from ispmig_pipelines.backup.restore.build import build
from ispmig_pipelines.backup.restore.building import Building, Built, Changes
from ispmig_pipelines.backup.restore.choosing import Chosen
from ispmig_pipelines.backup.restore.plan import Plan, plan
from ispmig_pipelines.backup.restore.records import Restored
from ispmig_pipelines.errors import BackupDamaged, IspmigError, UsageError
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform import timeouts, trail
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines.platform.trail import Operation, Stage

ChangesSince = Callable[[Chosen], Changes | None]
"""The snapshot, and the moment that was asked for → what brings its rows from the one to the other;
None where nothing can."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = ("pg_", "tenant_", "ispmig")
_TAKEN = frozenset({"public", "information_schema", "dagster"})


QUICK, FULL = "quick", "full"
"""How what was loaded is verified."""


@dataclass(frozen=True)
class Asked:
    """What is to be restored.

    Attributes:
        snapshot: a name, the beginning or the end of one, or ``latest``; "" where ``at`` is said.
        at: the moment to restore to, in UTC.
        tables: of these alone; the whole tenant unless said.
        into: a schema that is made for a copy; "" for the tenant's own.
        mask: the copy is masked.
        dry_run: all of it is built and verified, held against what is there, and taken back.
        verify: ``quick`` or ``full``: also of large tables every row is read back; see
            :mod:`.read_back`.
        files: the tenant's files are set back with its tables.
        files_to: a place to which the snapshot's files are written, instead of the tenant's own.
    """

    snapshot: str = ""
    at: dt.datetime | None = None
    tables: tuple[str, ...] = ()
    into: str = ""
    mask: bool = False
    dry_run: bool = False
    verify: str = QUICK
    files: bool = True
    files_to: str = ""

    def check(self) -> None:
        """
        Raises:
            UsageError: it contradicts itself.
        """
        if self.mask and not self.into:
            raise UsageError(
                "Masked rows cannot take the place of the tenant's own. Say the schema of a copy: "
                "--into acme_test --mask."
            )
        if self.into:
            check_copy_name(self.into)
        if self.verify not in (QUICK, FULL):
            raise UsageError(
                f"Restores are verified {QUICK} or {FULL}, and not {self.verify[:20]!r}."
            )
        if self.files_to and (not self.files or self.mask or self.tables):
            raise UsageError(
                "Files are written to a place of their own (--files-to) with the whole tenant, or "
                "with a copy that is not masked: nobody knows what to mask in a file."
            )

    def as_json(self) -> dict[str, Any]:
        """As the audit trail has it."""
        return {
            "asked": {
                "snapshot": self.snapshot,
                "at": self.at.isoformat() if self.at else None,
                "tables": list(self.tables),
                "into": self.into,
                "masked": self.mask,
                "dry_run": self.dry_run,
                "verify": self.verify,
            }
        }


def check_copy_name(name: str) -> str:
    """The name of a schema for a copy.

    Raises:
        UsageError: it cannot be one.
    """
    if not _NAME.fullmatch(name) or name.startswith(_RESERVED) or name in _TAKEN:
        raise UsageError(
            f"{name[:70]!r} cannot name the schema of a copy. It has at most 63 lower-case "
            "letters, digits and underscores, begins with a letter, and not with tenant_, ispmig "
            "or pg_, which are the platform's: acme_test."
        )
    return name


def restore(
    connection: Connection,
    tenant: Tenant,
    repository: Repository,
    asked: Asked,
    *,
    actor: str,
    dagster_run_id: str = "",
    changes_since: ChangesSince = lambda chosen: None,
    told: Callable[[str], None] = lambda text: None,
) -> Restored:
    """Restores a tenant, some of its tables, or a copy.

    The caller holds the tenant, and is in no transaction.

    Args:
        connection: to the platform's database.
        changes_since: what brings the snapshot's rows to the moment that was asked for.
        told: is told what is being done.

    Raises:
        UsageError: what is asked for does not exist, or cannot be.
        BackupDamaged: the manifest or a piece is missing, altered, swapped or forged; the text
            names it.
        BackupError: the rows do not fit together, or what is there stands in their way.
        DatabaseError: the database failed, or somebody works on the tables all the time.
        StorageError: a piece cannot be read.
        In all cases nothing was changed.
    """
    asked.check()
    with connection.begin():
        records.close_abandoned(connection, tenant.slug)
        swap.drop_abandoned(raw(connection), tenant)
        place = tenant_files.place_of(connection, tenant.slug)
    files.settle(connection, tenant.slug)
    # What was made ready of files is known by this, whatever becomes of the process.
    work = {}
    if (
        asked.files
        and place
        and not (asked.files_to or asked.tables or asked.into or asked.dry_run)
    ):
        work = {"files": {"place": place, "work": files.new_work()}}
    begun = records.begin(connection, tenant.slug, actor, dagster_run_id, asked.as_json() | work)
    try:
        with (
            connection.engine.connect() as other,
            beside_others(other, tenant.slug),
        ):
            done = _Restoring(
                connection, tenant, repository, asked, begun, actor, dagster_run_id, told, place,
                work.get("files", {}).get("work", ""),
            ).run(changes_since)  # fmt: skip
    except BaseException as error:
        if isinstance(error, BackupDamaged) and error.place:
            _leave_evidence(repository, asked, failed=error)
        kind = error.code if isinstance(error, IspmigError) else type(error).__name__
        # The connection may be what was lost.
        with (
            suppress(IspmigError, sa.exc.SQLAlchemyError, psycopg.Error),
            connection.engine.connect() as other,
            other.begin(),
        ):
            if not records.has_ended(other, begun):
                records.failed(other, tenant.slug, actor, dagster_run_id, begun, kind)
                if work:
                    files.discard(place, work["files"]["work"])
        raise
    _leave_evidence(repository, asked, done=done)
    if work and done.details["files"]:
        told("files")
        files.carry_out(tenant.slug, place, done.details["files"].get("work", ""))
    return done


def _leave_evidence(
    repository: Repository,
    asked: Asked,
    *,
    done: Restored | None = None,
    failed: BackupDamaged | None = None,
) -> None:
    """Writes down, with the backups, that a snapshot could be restored, or could not; nothing of
    some tables alone, or of masked ones, which say little of the snapshot."""
    if asked.tables or asked.mask or not (done or asked.snapshot):
        return
    # Whoever restores may not be allowed to write there, and the tenant is back nevertheless.
    with suppress(IspmigError):
        details = done.details if done else {}
        own = details.get("files") or {}
        read = own.get("written", own.get("added", 0) + own.get("changed", 0))
        evidence.write(
            repository,
            evidence.Drill(
                repository=repository.root,
                name="",
                at=dt.datetime.now(dt.UTC),
                snapshot=str(details.get("snapshot") or repository.find(asked.snapshot).name),
                passed=done is not None,
                seconds=float(details.get("seconds", 0.0)),
                rows=int(details.get("rows", 0)),
                problem=failed.code if failed else "",
                by="restore",
                proved={
                    "rows": "every row" if asked.verify == FULL else "sums",
                    "files": f"{0 if asked.dry_run else read} of {own.get('in_snapshot', 0)}",
                },
            ),
        )


@dataclass
class _Restoring:
    """One restore."""

    connection: Connection
    tenant: Tenant
    repository: Repository
    asked: Asked
    begun: int
    actor: str
    dagster_run_id: str
    told: Callable[[str], None]
    place: str
    work: str

    @property
    def every_row(self) -> bool:
        """Whether all rows are read back."""
        return self.asked.verify == FULL

    def run(self, changes_since: ChangesSince) -> Restored:
        started = time.monotonic()
        asked = self.asked
        chosen = choosing.choose(self.repository, asked.snapshot, asked.at)
        manifest = chosen.manifest
        names = some_tables.check_names(
            asked.tables, {table.name for table in manifest.tables}, manifest.snapshot
        )
        planned = plan(manifest, names)
        tables = [table for table, _ in planned.tables.values()]
        missing.check_pieces(self.repository, tables)
        room.check_restore(tables)
        then = None if names or asked.into else migration_states.at_snapshot(
            self.repository, manifest
        )  # fmt: skip
        changes = changes_since(chosen)
        if changes is not None and asked.mask:
            raise UsageError(
                "A masked copy is made of a snapshot: the changes since then are of rows as they "
                "are, and do not fit masked ones. Nothing was changed. Say a snapshot: --snapshot "
                f"{manifest.snapshot}, which is {chosen.behind or 0:,.0f} s older."
            )
        if changes is not None and then is not None and chosen.at is not None:
            with self.connection.begin():
                then = migration_states.at_moment(
                    self.connection, self.tenant.slug, then, manifest.instant, chosen.at
                )
        own_files = self._files(manifest)
        with self._large_tables(planned, names) as begun, self.connection.begin() as transaction:
            driver = raw(self.connection)
            timeouts.limit(driver)
            with rights.entitled(driver, self.tenant):
                if asked.into:
                    details = self._copy(driver, planned, changes)
                elif names:
                    details = self._tables(driver, planned, changes)
                else:
                    details = self._whole(driver, planned, chosen, changes, then, begun)
            details["files"] = own_files
            if asked.dry_run:
                transaction.rollback()
            else:
                return self._finish(chosen, details, changes, started)
        with self.connection.begin():
            return self._finish(chosen, details, changes, started)

    @contextmanager
    def _large_tables(self, planned: Plan, names: Collection[str]) -> Iterator[Building | None]:
        """Large tables of the whole tenant, loaded; see :mod:`.large_tables`."""
        if names or self.asked.into:
            yield None
            return
        # What is in the way is to be told before the work, and not after it.
        with self.connection.begin():
            swap.check_nothing_outside(raw(self.connection), self.tenant)
        with large_tables.loaded(
            self.connection, self.tenant, self.repository, planned,
            every_row=self.every_row, told=self.told,
        ) as begun:  # fmt: skip
            yield begun

    def _finish(
        self, chosen: Chosen, details: dict[str, Any], changes: Changes | None, started: float
    ) -> Restored:
        self.told("commit")
        manifest = chosen.manifest
        about = {
            "begun": self.begun,
            "snapshot": manifest.snapshot,
            "instant": manifest.instant.isoformat(),
            "asked_at": chosen.at.isoformat() if chosen.at else None,
            "behind_seconds": None if changes is not None else chosen.behind,
            "dry_run": self.asked.dry_run,
            "masked": self.asked.mask,
            "verified": self.asked.verify,
            **details,
            "seconds": round(time.monotonic() - started, 3),
        }
        return records.finish(
            self.connection, self.tenant.slug, self.actor, self.dagster_run_id, about
        )

    # -- files ----------------------------------------------------------------------------------

    def _files(self, manifest: Manifest) -> dict[str, Any] | None:
        """Makes the files ready, or writes them elsewhere, or looks what is to be done; returns
        what the entry says of them. None where tables alone are restored."""
        asked = self.asked
        if asked.tables:
            return None
        there = {"in_snapshot": len(manifest.files)}
        if not asked.files:
            return there | {"left_out": "by --no-files"}
        if asked.files_to:
            if asked.dry_run:
                return there | {"left_out": "a dry run"}
            self.told(f"files to {asked.files_to}")
            with self.connection.begin():
                place = tenant_files.check_apart(self.connection, asked.files_to)
            return there | files.write_to(manifest, self.repository, place)
        if not manifest.files:
            # Nobody knows whether it is of before they were declared.
            return there | {"left_out": "the snapshot has none"} if self.place else None
        if asked.into:
            return there | {"left_out": "a copy of tables"}
        if not self.place:
            return there | {"left_out": "no place of the tenant's files is declared"}
        if asked.dry_run:
            return there | files.plan(manifest, self.repository, self.place).counts()
        ready = files.make_ready(manifest, self.repository, self.place, self.work, self.told)
        return there | ready.details()

    # -- the whole tenant ---------------------------------------------------------------------

    def _whole(
        self,
        driver: psycopg.Connection,
        planned: Plan,
        chosen: Chosen,
        changes: Changes | None,
        then: Mapping[int, str] | None,
        begun: Building | None,
    ) -> dict[str, Any]:
        tenant = self.tenant
        side = begun.schema if begun is not None else swap.new_name(tenant, swap.SIDE)
        built = build(
            driver, tenant, self.repository, planned, side,
            changes=changes, every_row=self.every_row, begun=begun, told=self.told,
        )  # fmt: skip
        if self.asked.dry_run:
            self.told("differences")
            return {
                **_about(records.TRIED, built),
                "differences": [
                    one.as_json() for one in compare.schemas(driver, tenant, planned, side)
                ],
            }
        erased = erased_again.carry_over(self.connection, tenant, side)
        self.told("swap")
        present = swap.rights(driver, tenant)
        before = swap.swap(driver, tenant, side)
        states = {}
        if then is not None:
            migration_states.keep_numbers(self.connection, then)
            states = migration_states.settle(
                self.connection, tenant.slug, then, chosen.manifest.snapshot
            )
        return {
            **_about(records.WHOLE, built),
            "before": before,
            "rights": present,
            "migrations": states,
            "erased_again": erased,
        }

    # -- some tables --------------------------------------------------------------------------

    def _tables(
        self, driver: psycopg.Connection, planned: Plan, changes: Changes | None
    ) -> dict[str, Any]:
        tenant = self.tenant
        present = definition.read(driver, tenant)
        pairs = some_tables.pairs(driver, tenant, present, planned)
        side = swap.new_name(tenant, swap.SIDE)
        built = build(
            driver, tenant, self.repository, planned, side,
            references=False, indexes=False, changes=changes, every_row=self.every_row,
            told=self.told,
        )  # fmt: skip
        if self.asked.dry_run:
            self.told("differences")
            names = list(planned.tables)
            some_tables.check_references(driver, tenant, present, names, side)
            found = some_tables.differing(driver, tenant, pairs, side)
            return {
                **_about(records.TRIED, built),
                "differences": [one.as_json() for one in found],
            }
        before, found = some_tables.set_back(driver, tenant, present, pairs, side, told=self.told)
        swap.drop(driver, side)
        return {
            **_about(records.TABLES, built),
            "before": before,
            "differences": [one.as_json() for one in found],
        }

    # -- a copy -------------------------------------------------------------------------------

    def _copy(
        self, driver: psycopg.Connection, planned: Plan, changes: Changes | None
    ) -> dict[str, Any]:
        into = self.asked.into
        there = driver.execute(
            "select 1 from pg_catalog.pg_namespace where nspname = %s", [into]
        ).fetchone()
        if there:
            raise UsageError(
                f"There is a schema {into} already, and it may be somebody's. Nothing was changed. "
                "Choose another name, or drop it first."
            )
        masker = Masker(mask_key(self.connection, self.tenant.slug)) if self.asked.mask else None
        built = build(
            driver, self.tenant, self.repository, planned, into,
            copy=True, masker=masker, changes=changes, every_row=self.every_row, told=self.told,
        )  # fmt: skip
        kind = records.TRIED if self.asked.dry_run else records.COPY
        return {**_about(kind, built), "into": into, "emptied": list(built.emptied)}


def _about(kind: str, built: Built) -> dict[str, Any]:
    return {
        "kind": kind,
        "rows": sum(built.rows.values()),
        "tables": dict(built.rows),
        "left_out": list(built.left_out),
    }


# -- afterwards -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A state of before a restore, that is kept.

    Attributes:
        restored: what it was before.
        bytes: on disk.
    """

    schema: str
    restored: Restored
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "schema": self.schema,
            "bytes": self.bytes,
            "restore_id": self.restored.entry,
            "kind": self.restored.kind,
            "snapshot": self.restored.details["snapshot"],
            "restored_at": self.restored.at.isoformat(),
            "actor": self.restored.actor,
        }


def restore_points(connection: Connection, tenant: Tenant) -> list[Kept]:
    """States of before restores that were neither confirmed nor undone, the newest first."""
    driver = raw(connection)
    there = set(swap.kept(driver, tenant))
    sizes: dict[str, int] = dict(
        driver.execute(
            """select n.nspname::text, sum(pg_catalog.pg_total_relation_size(c.oid))::bigint
               from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where n.nspname = any(%s) and c.relkind in ('r', 'm') group by 1""",
            [sorted(there)],
        ).fetchall()
    )
    return [
        Kept(one.before, one, sizes.get(one.before, 0))
        for one in reversed(records.finished(connection, tenant.slug))
        if one.before is not None and one.before in there
    ]


def undo(
    connection: Connection,
    tenant: Tenant,
    *,
    actor: str,
    dagster_run_id: str = "",
    with_files: bool = True,
    told: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Puts back what was there before the newest restore, in one transaction, and the files after
    it; returns what was done, as the audit trail has it. What was there until now is kept in its
    turn, till it is confirmed.

    The caller holds the tenant, and is in no transaction.

    Args:
        with_files: else files stay as they are.

    Raises:
        StorageError: the files cannot be put back; the text says whether the tables are.
        UsageError: nothing is kept.
        BackupError: something stands in the way.
        DatabaseError: (transient) somebody works on the tables all the time.
    """
    files.settle(connection, tenant.slug)
    with connection.begin():
        driver = raw(connection)
        timeouts.limit(driver)
        points = restore_points(connection, tenant)
        if not points:
            raise UsageError(
                f"There is no restore of tenant {tenant.slug} that could be undone: none was made, "
                "or it was confirmed or undone already. Nothing was changed."
            )
        point = points[0]
        restored = point.restored
        if records.is_first(connection, restored):
            raise UsageError(
                f"Before the restore of {restored.details['snapshot']} this platform had no row of "
                f"tenant {tenant.slug}, so that there is nothing to go back to. Nothing was "
                f"changed. Restore another snapshot, or take the tenant away: ispmig tenant remove "
                f"{tenant.slug}"
            )
        own = files.ready_to_undo(restored.details) if with_files else None
        with rights.entitled(driver, tenant):
            after = _put_back(connection, driver, tenant, point, told)
        done = {
            "restore": restored.entry,
            "snapshot": restored.details["snapshot"],
            "kind": restored.kind,
            "kept": after,
            "files": own,
        }
        told("commit")
        trail.enter(
            connection, tenant.slug, Operation.RESTORE_UNDONE, Stage.FINISHED, actor=actor,
            dagster_run_id=dagster_run_id, details=done,
        )  # fmt: skip
    files.undo(tenant.slug, own)
    return done


def _put_back(
    connection: Connection,
    driver: psycopg.Connection,
    tenant: Tenant,
    point: Kept,
    told: Callable[[str], None],
) -> str:
    restored = point.restored
    if restored.kind == records.TABLES:
        told("rows")
        present = definition.read(driver, tenant)
        pairs = some_tables.kept_pairs(driver, tenant, present, point.schema)
        after, _ = some_tables.set_back(
            driver, tenant, present, pairs, point.schema, part=swap.UNDONE, told=told
        )
        swap.drop(driver, point.schema)
    else:
        told("swap")
        after = swap.swap(driver, tenant, point.schema, swap.UNDONE)
        swap.allow(driver, tenant, tenant.schema, restored.details.get("rights", ["USAGE"]))
        migration_states.put_back(connection, restored.details.get("migrations", {}))
    return after


def confirm(
    connection: Connection, tenant: Tenant, *, actor: str, dagster_run_id: str = ""
) -> dict[str, Any]:
    """Lets go of all that was kept of what was there before restores, and before these were undone,
    in one transaction; returns what was done, as the audit trail has it.

    The caller holds the tenant, and is in no transaction.

    Raises:
        UsageError: nothing is kept.
        StorageError: what is kept of files cannot be deleted; nothing was let go of.
    """
    files.settle(connection, tenant.slug)
    with connection.begin():
        driver = raw(connection)
        timeouts.limit(driver)
        schemas = swap.kept(driver, tenant)
        if not schemas:
            raise UsageError(
                f"Nothing is kept of what tenant {tenant.slug} was before a restore: there is "
                "nothing to confirm. Nothing was changed."
            )
        points = restore_points(connection, tenant)
        files.let_go(files.kept_places(connection, tenant.slug))
        for schema in schemas:
            swap.drop(driver, schema)
        done = {
            "restores": [point.restored.entry for point in points],
            "snapshots": [point.restored.details["snapshot"] for point in points],
            "dropped": schemas,
        }
        trail.enter(
            connection, tenant.slug, Operation.RESTORE_CONFIRMED, Stage.FINISHED, actor=actor,
            dagster_run_id=dagster_run_id, details=done,
        )  # fmt: skip
    return done


def analyze(connection: Connection, tenant: Tenant, schema: str | None = None) -> None:
    """Lets the planner know the new tables, outside of a transaction: nobody waits for it."""
    driver = raw(connection)
    tables = driver.execute(
        """select c.relname::text from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           where n.nspname = %s and c.relkind = 'r'""",
        [schema or tenant.schema],
    ).fetchall()
    for (name,) in tables:
        driver.execute(sql.SQL("analyze {}").format(sql.Identifier(schema or tenant.schema, name)))
