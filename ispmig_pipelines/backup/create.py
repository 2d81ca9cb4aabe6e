"""Making a backup: a tenant's snapshot, read from the database and stored, and its manifest.

A killed backup leaves no snapshot; the pieces it had stored are used by the next one. Any number
of backups of a tenant may run at once, beside migrations and everything else.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import business, evidence, room
from ispmig_pipelines.backup import manifest as manifests
from ispmig_pipelines.backup.beside import beside_others
from ispmig_pipelines.backup.borders import SIZES, Sizes
from ispmig_pipelines.backup.changed_rows import Changes, Since, changed
from ispmig_pipelines.backup.journal.ship import ship_if_on
from ispmig_pipelines.backup.manifest import Column, Manifest, Table
from ispmig_pipelines.backup.reading_rows import (
    Counter,
    Source,
    as_totals,
    reading,
    rows,
    sums,
)
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.row_texts import OddValues
from ispmig_pipelines.backup.sessions import Sessions
from ispmig_pipelines.backup.snapshot import Snapshot, export, joined, snapshot
from ispmig_pipelines.backup.storing_rows import Storing, storing
from ispmig_pipelines.backup.tenant_files import Kept
from ispmig_pipelines.errors import BackupDamaged, BackupError
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.server import engine, told_plainly
from ispmig_pipelines.platform.tenants import as_tenant
from ispmig_pipelines.settings import settings

FULL, INCREMENTAL = "full", "incremental"
TOOL = "ispmig"

LARGE = 32 << 20
"""Bytes in the database from which on a table is worth a session of its own."""

_PARENTS = 8
"""Newest snapshots that are tried as the one to rely on."""


@dataclass(frozen=True)
class Made:
    """A snapshot that was made.

    Attributes:
        kind: ``full``, or ``incremental``, if it relied on its parent for some table.
        tables: of each, its rows and how it was read: ``full``, ``changes`` or ``unchanged``.
        rows: of all tables.
        files: how many.
        bytes_read: from the database and from files.
        bytes_stored: that are new in the repository, with the manifest.
        bytes_whole: of all that the snapshot needs, as it lies in the repository.
        pieces: how many were new.
        left_out: ``{"path", "why"}`` of what lies among the tenant's files and is not in it.
    """

    snapshot: str
    tenant: str
    instant: dt.datetime
    kind: str
    parent: str | None
    tables: dict[str, dict[str, Any]]
    rows: int
    files: int
    bytes_read: int
    bytes_stored: int
    bytes_whole: int
    pieces: int
    seconds: float
    left_out: tuple[dict[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "snapshot": self.snapshot,
            "tenant": self.tenant,
            "instant": self.instant.isoformat(),
            "kind": self.kind,
            "parent": self.parent,
            "rows": self.rows,
            "files": self.files,
            "bytes_read": self.bytes_read,
            "bytes_stored": self.bytes_stored,
            "bytes_whole": self.bytes_whole,
            "pieces": self.pieces,
            "seconds": round(self.seconds, 3),
            "tables": self.tables,
            "left_out": list(self.left_out),
        }


@dataclass
class _Read:
    """A table as it was stored, and how it was read."""

    table: Table
    how: str


@dataclass
class _Work:
    """What a backup has to hand while it is made."""

    snapshot: Snapshot
    storing: Storing
    counter: Counter
    parent: Manifest | None = None
    read: list[_Read] = field(default_factory=list)
    answers: dict[str, business.Answer] = field(default_factory=dict)


def create(
    slug: str,
    repository: Repository,
    *,
    full: bool = False,
    files: Callable[[Storing, Counter, Manifest | None], Kept] | None = None,
    actor: str,
    dagster_run_id: str = "",
    sizes: Sizes = SIZES,
) -> Made:
    """Makes a snapshot of a tenant; it is there when this returns.

    Entered into the tenant's audit trail as begun, and as finished or failed.

    Args:
        full: reads every row, whatever the newest snapshot says.
        files: stores the tenant's files, see :func:`.tenant_files.files_of`; given the newest
            snapshot, of whatever history.

    Raises:
        TenantError: there is no such tenant.
        DatabaseError, StorageError: database or storage failed; there is no snapshot.
        BackupError: the repository is damaged.
    """
    started = time.monotonic()
    database = engine()
    with told_plainly(), database.connect() as connection:
        tenant = tenants.get(connection, slug)
        connection.rollback()
        with (
            beside_others(connection, slug),
            trail.on_record(
                database.connect,
                slug,
                trail.Operation.BACKUP,
                actor=actor,
                dagster_run_id=dagster_run_id,
                details={"repository": repository.root, "full": full},
            ) as record,
            repository.writing(),
        ):
            evidence.distrust_damaged(repository)
            counter = Counter()
            # The journal goes on from the snapshot if it was shipped up to right before it.
            ship_if_on(tenant, repository)
            with storing(repository, sizes) as stores:
                with snapshot(tenant) as opened:
                    work = _Work(opened, stores, counter)
                    newest = None
                    if not full:
                        newest, work.parent = _parent(connection, opened, repository)
                        connection.rollback()
                    sizes_of = _sizes(opened)
                    _check_room(work, repository, sizes_of)
                    _tables(work, sizes_of)
                    totals = _business_totals(work)
                kept = Kept() if files is None else files(stores, counter, newest)
                manifest = _manifest(work, repository, kept, totals, time.monotonic() - started)
                repository.publish(manifest)
            made = _made(work, repository, manifest, time.monotonic() - started)
            record.result = {
                "snapshot": made.snapshot,
                "kind": made.kind,
                "parent": made.parent,
                "rows": made.rows,
                "files": made.files,
                "bytes_read": made.bytes_read,
                "bytes_stored": made.bytes_stored,
                "bytes_whole": made.bytes_whole,
                "seconds": round(made.seconds, 3),
                "content": manifest.digests["content"],
            }
    return made


# -- what is relied on ------------------------------------------------------------------------


def _parent(
    connection: Connection, opened: Snapshot, repository: Repository
) -> tuple[Manifest | None, Manifest | None]:
    """The newest snapshot that is whole; and if it is of the same history of the same database, it
    once more, to be relied on.

    One that this database's own ledger does not know was made of another future of it: of a copy,
    or before the disk was set back. Numbers of transactions say nothing there.
    """
    logs = ledger.data_migration_logs
    known = set(
        connection.execute(
            sa.select(logs.c.details["snapshot"].astext).where(
                logs.c.tenant == opened.tenant.slug,
                logs.c.operation == trail.Operation.BACKUP.value,
                logs.c.stage == trail.Stage.FINISHED.value,
            )
        ).scalars()
    )
    newest: Manifest | None = None
    for found in repository.snapshots()[: -_PARENTS - 1 : -1]:
        try:
            manifest = repository.read(found.name)
        except (BackupDamaged, BackupError):
            # What is wrong with it is told by those who verify it; this one relies on another.
            continue
        if repository.lacks(manifest):
            continue
        newest = newest or manifest
        if found.name in known:
            return newest, manifest if _same_history(manifest, opened) else None
    return newest, None


def _same_history(manifest: Manifest, opened: Snapshot) -> bool:
    now, then = opened.server.as_json(), manifest.server
    return (
        all(now[name] and now[name] == then.get(name) for name in ("system", "timeline"))
        and now["database"] == then.get("database")
        and 0 < then.get("xmin", 0) <= now["xmin"]
        and then.get("xmax", 0) <= now["xmax"]
    )


def _sizes(opened: Snapshot) -> dict[str, int]:
    """Table → its bytes in the database."""
    found = dict(
        opened.driver.execute(
            """select o.oid::bigint, coalesce(pg_catalog.pg_table_size(o.oid), 0)::bigint
               from pg_catalog.unnest(%s::oid[]) o(oid)""",
            [[source.oid for source in opened.sources]],
        ).fetchall()
    )
    return {source.name: found[source.oid] for source in opened.sources}


def _check_room(work: _Work, repository: Repository, sizes: Mapping[str, int]) -> None:
    """Refuses early what would fill the disk."""
    own = [source.name for source in work.snapshot.sources if source.condition is None]
    first = work.parent is None and not repository.snapshots()
    room.check_backup(repository, sum(sizes[name] for name in own), first=first)


def _business_totals(work: _Work) -> dict[str, str]:
    """What a drill holds against what it restored."""
    if work.parent is not None and work.parent.totals:
        how = {read.table.name: read.how for read in work.read}
        if all(how.get(name) == "unchanged" for name in business.QUESTIONS):
            return dict(work.parent.totals)
    # Every table has been read: whatever is asked now may be worked out by several processes.
    work.snapshot.driver.execute("set local max_parallel_workers_per_gather to default")
    for entity in business.QUESTIONS:
        if entity not in work.answers:
            found = business.answer(work.snapshot.driver, work.snapshot.tenant, entity)
            if found is None:
                return {}
            work.answers[entity] = found
    return business.told(work.answers)


# -- tables -----------------------------------------------------------------------------------


def _tables(work: _Work, sizes: Mapping[str, int]) -> None:
    """Reads all tables, large ones by several sessions: PostgreSQL works for each on one core."""
    opened = work.snapshot
    waiting = deque(sorted(opened.sources, key=lambda source: -sizes[source.name]))
    large = sum(size >= LARGE for size in sizes.values())
    others = [
        replace(work, counter=Counter()) for _ in range(1, min(settings().backup_sessions, large))
    ]
    exported = export(opened) if others else ""
    left: list[Source] = []
    read: dict[str, _Read] = {}
    lock, sessions = threading.Lock(), Sessions()

    def following(least: int) -> Source | None:
        with lock:
            return waiting.popleft() if waiting and sizes[waiting[0].name] >= least else None

    def own() -> None:
        with sessions.at_work(opened.driver):
            while (source := following(0)) is not None:
                read[source.name] = _table(work, source)

    def beside(other: _Work) -> None:
        with (
            told_plainly(),
            joined(opened, exported) as other.snapshot,
            sessions.at_work(other.snapshot.driver),
        ):
            while (source := following(LARGE)) is not None:
                if _locked(other.snapshot, source):
                    read[source.name] = _table(other, source)
                else:
                    left.append(source)

    sessions.run(
        [own, *(partial(beside, other) for other in others)],
        idle=lambda: opened.driver.execute("select 1"),
    )
    for source in left:
        read[source.name] = _table(work, source)
    work.counter.bytes += sum(other.counter.bytes for other in others)
    work.read = [read[source.name] for source in opened.sources]


def _locked(opened: Snapshot, source: Source) -> bool:
    """Whether this session may read the table at once. Behind somebody who waits for the first
    session to end, it would wait for ever."""
    try:
        with (
            opened.driver.transaction(),
            as_tenant(opened.driver, opened.tenant) if source.by_tenant else nullcontext(),
        ):
            opened.driver.execute(
                sql.SQL("lock table only {} in access share mode nowait").format(
                    sql.Identifier(*source.table)
                )
            )
    except (
        psycopg.errors.LockNotAvailable,
        # It goes by another name now, which is for the first session to tell.
        psycopg.errors.UndefinedTable,
        psycopg.errors.InvalidSchemaName,
    ):
        return False
    return True


def _table(work: _Work, source: Source) -> _Read:
    before = None if work.parent is None else work.parent.table(source.name)
    if before is not None and before.source.get("shape") != source.shape:
        before = None
    if before is not None:
        odd = {column.name for column in before.columns if column.piece_type == "string"}
        source = source.as_texts(odd)
    opened, texts = work.snapshot, set[str]()
    while True:
        try:
            with reading(opened.driver, opened.tenant, source):
                if before is not None and work.parent is not None and not texts:
                    since = Since(before, work.parent.server["xmin"], opened.server.xmax)
                    found = changed(
                        opened.driver, source, since, work.storing, work.counter,
                        besides=business.QUESTIONS.get(source.name),
                    )  # fmt: skip
                    if found is not None:
                        if found.answer is not None:
                            work.answers[source.name] = found.answer
                        return _relying(work, source, before, found)
                return _whole(work, source)
        except OddValues as odd_values:
            texts |= odd_values.columns
            source = source.as_texts(texts)


def _whole(work: _Work, source: Source) -> _Read:
    """Reads every row."""
    totals: dict[str, Any] = {}
    count = 0

    def seen(piece: pa.RecordBatch) -> None:
        nonlocal count
        count += piece.num_rows
        sums(piece, totals)

    pieces: tuple[manifests.PieceRef, ...] = ()
    if source.columns and source.has_rows:
        pieces = work.storing.rows(
            rows(work.snapshot.driver, source, counter=work.counter, each=work.storing.each),
            source.key,
            seen,
        )
    elif source.has_rows:
        count = _count(work, source)
    return _Read(
        _described(work, source, rows=count, pieces=pieces, totals=as_totals(totals)), "full"
    )


def _count(work: _Work, source: Source) -> int:
    """Rows of a table without a column that holds anything."""
    row = work.snapshot.driver.execute(
        sql.SQL("select count(*) from only {}").format(sql.Identifier(*source.table))
    ).fetchone()
    return int(row[0]) if row else 0


def _relying(work: _Work, source: Source, before: Table, found: Changes) -> _Read:
    """The pieces of the parent, and what has changed since."""
    table = _described(
        work,
        source,
        rows=found.rows,
        pieces=before.pieces,
        overlays=(*before.overlays, *([found.overlay] if found.overlay else [])),
        totals=found.totals,
    )
    return _Read(table, "changes" if found.overlay else "unchanged")


def _described(work: _Work, source: Source, **content: Any) -> Table:
    defined = work.snapshot.definitions.table(source.name)
    return Table(
        name=source.name,
        columns=tuple(
            Column(name=c.name, type=c.type, piece_type=c.piece_type, nullable=c.nullable)
            for c in source.columns
        ),
        key=source.key,
        definition=defined.as_json() if defined is not None else {},
        source={"oid": source.oid, "shape": source.shape},
        **content,
    )


# -- the manifest -----------------------------------------------------------------------------


def _manifest(
    work: _Work, repository: Repository, kept: Kept, totals: dict[str, str], seconds: float
) -> Manifest:
    opened = work.snapshot
    tables = tuple(read.table for read in work.read)
    relied = work.parent is not None and any(read.how != "full" for read in work.read)
    return Manifest(
        repository=repository.root,
        tenant=opened.tenant.slug,
        snapshot=manifests.new_name(opened.instant),
        instant=opened.instant,
        kind=INCREMENTAL if relied else FULL,
        parent=work.parent.snapshot if relied and work.parent is not None else None,
        tables=tables,
        files=kept.files,
        server=opened.server.as_json(),
        definitions=opened.definitions.schema_.as_json(),
        digests={"content": manifests.content_digest(tables, kept.files)},
        totals=totals,
        measured={
            "rows": sum(table.rows for table in tables),
            "bytes_read": work.counter.bytes,
            "bytes_stored": work.storing.stored,
            "pieces": work.storing.pieces,
            "seconds": round(seconds, 3),
            "read": {read.table.name: read.how for read in work.read},
            "left_out": list(kept.left_out),
        },
        tool=TOOL,
    )


def _made(work: _Work, repository: Repository, manifest: Manifest, seconds: float) -> Made:
    key = repository.key_of_snapshot(manifest.snapshot)
    written = sum(blob.size for blob in repository.storage.list(key) if blob.key == key)
    sizes = {ref.hash: ref.bytes for table in manifest.tables for ref in table.refs()}
    sizes |= {part.hash: part.bytes for file in manifest.files for part in file.parts}
    return Made(
        snapshot=manifest.snapshot,
        tenant=manifest.tenant,
        instant=manifest.instant,
        kind=manifest.kind,
        parent=manifest.parent,
        tables={read.table.name: {"rows": read.table.rows, "read": read.how} for read in work.read},
        rows=sum(read.table.rows for read in work.read),
        files=len(manifest.files),
        bytes_read=work.counter.bytes,
        bytes_stored=work.storing.stored + written,
        bytes_whole=sum(sizes.values()) + written,
        pieces=work.storing.pieces,
        seconds=seconds,
        left_out=tuple(manifest.measured["left_out"]),
    )
