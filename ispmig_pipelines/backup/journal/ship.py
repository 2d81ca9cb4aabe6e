"""Shipping: what the journal of a tenant holds goes into the repository, and out of the database.

Until it is shipped a change lies beside the data it is of, and is lost with the server. So it is
done every few minutes: how long ago it was done last is what would be lost (the recovery point).
Whoever is killed in between has shipped nothing, or has only left to do what the next one does
first.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from ispmig_pipelines.backup.definition import standing
from ispmig_pipelines.backup.journal.mark import (
    CHANGE_SCHEMA,
    TRANSACTION_SCHEMA,
    JournaledTable,
    JournalFolder,
    Mark,
)
from ispmig_pipelines.backup.manifest import PieceRef
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.snapshot import history
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import change_journal, timeouts
from ispmig_pipelines.platform.change_journal import State
from ispmig_pipelines.platform.server import connect, told_plainly
from ispmig_pipelines.platform.tenants import Tenant

PART_ROWS = 50_000
PART_BYTES = 32 << 20
"""Of texts: what a part of a mark holds at most, give or take a row, and so what is in memory."""

_LOCK_SPACE = 0x69_73_6A_6E  # "isjn"


@dataclass(frozen=True)
class Shipped:
    """What was shipped.

    Attributes:
        at: from now on the tenant can be restored to moments up to then, whatever happens here.
        rows: rows that changes added or took away.
        uncovered: tables of which the journal knows nothing.
        began_anew: nothing before it goes on from here; the next snapshot does.
    """

    tenant: str
    history: str
    number: int
    at: dt.datetime
    rows: int
    transactions: int
    bytes_stored: int
    uncovered: tuple[str, ...]
    began_anew: bool
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "tenant": self.tenant,
            "history": self.history,
            "mark": self.number,
            "at": self.at.isoformat(),
            "rows": self.rows,
            "transactions": self.transactions,
            "bytes_stored": self.bytes_stored,
            "uncovered": list(self.uncovered),
            "began_anew": self.began_anew,
            "seconds": round(self.seconds, 3),
        }


def ship(tenant: Tenant, repository: Repository) -> Shipped:
    """Ships what the tenant's journal holds, with a mark as of now; one at a time.

    Tables that were made since the journal was switched on get triggers, where nobody stands in
    the way.

    Raises:
        UsageError: the tenant has no journal, or the server does not tell which one it is.
        DatabaseError, StorageError: database or storage failed; what was shipped before is there.
    """
    started = time.monotonic()
    with told_plainly(), connect(autocommit=True) as driver:
        key = int.from_bytes(sha256(tenant.slug.encode()).digest()[:4], "big", signed=True)
        driver.execute("select pg_catalog.pg_advisory_lock(%s, %s)", [_LOCK_SPACE, key])
        change_journal.state(driver, tenant)
        _attached(driver, tenant)
        return _Shipping(driver, tenant, repository).run(started)


def ship_if_on(tenant: Tenant, repository: Repository) -> Shipped | None:
    """:func:`ship`, where the tenant has a journal: before each snapshot, so that what comes goes
    on from there, and before a restore, so that nothing is missing."""
    with told_plainly(), connect(autocommit=True) as driver:
        if not change_journal.is_on(driver, tenant):
            return None
    return ship(tenant, repository)


def _attached(driver: psycopg.Connection, tenant: Tenant) -> None:
    lacking = [
        shape
        for shape in change_journal.shapes(driver, tenant).values()
        if shape.followable and not shape.journaled
    ]
    if lacking:
        change_journal.attach(driver, tenant)


class _Shipping:
    def __init__(self, driver: psycopg.Connection, tenant: Tenant, repository: Repository) -> None:
        self._driver = driver
        self._tenant = tenant
        self._repository = repository
        self._folder = JournalFolder(repository)
        self._anew = False

    def run(self, started: float) -> Shipped:
        server = self._server()
        state = self._state(server)
        while (found := self._folder.find(state.history, state.number + 1)) is not None:
            # Of somebody who was killed when it was written, and before that was noted.
            state = self._adopted(state, server, *found)
        mark = self._written(state, server)
        code = self._folder.publish(mark)
        self._note(mark, code, server)
        return Shipped(
            tenant=self._tenant.slug,
            history=mark.history,
            number=mark.number,
            at=mark.at,
            rows=sum(ref.rows for ref in mark.changes),
            transactions=sum(ref.rows for ref in mark.transactions),
            bytes_stored=sum(ref.bytes for ref in mark.parts),
            uncovered=tuple(name for name, table in mark.tables.items() if not table.journaled),
            began_anew=self._anew,
            seconds=time.monotonic() - started,
        )

    def _server(self) -> dict[str, Any]:
        system, timeline = history(self._driver)
        if not (system and timeline):
            # Without these a copy of the database would go on from another's journal.
            raise UsageError(
                "The server does not tell which one it is, so that nobody would know whether a "
                "journal goes on from a snapshot. Nothing was shipped. Let the platform's user ask "
                "it: GRANT EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn) TO "
                "the user; or switch the journal off."
            )
        row = self._driver.execute(
            """select d.oid::bigint from pg_catalog.pg_database d
               where d.datname = pg_catalog.current_database()"""
        ).fetchone()
        return {"system": system, "timeline": timeline, "database": row[0] if row else 0}

    def _state(self, server: dict[str, Any]) -> State:
        state = change_journal.state(self._driver, self._tenant)
        if state.server and state.server != server:
            # A copy of the database, or a standby that took over, which may lack what was shipped.
            return self._begun_anew()
        return state

    def _begun_anew(self) -> State:
        with self._driver.transaction():
            change_journal.begin_history(self._driver, self._tenant)
        self._anew = True
        return change_journal.state(self._driver, self._tenant)

    def _adopted(self, state: State, server: dict[str, Any], mark: Mark, code: str) -> State:
        same = mark.previous == state.mac and mark.server == server
        if same:
            with self._driver.transaction():
                self._read_only()
                # Their sizes differ: age adds some noise.
                here = [ref.hash for part in self._parts(mark, mark.commit_times) for ref in part]
                same = [ref.hash for ref in mark.parts] == here
        if not same:
            # Another future of this database wrote it.
            return self._begun_anew()
        self._note(mark, code, server)
        return change_journal.state(self._driver, self._tenant)

    def _note(self, mark: Mark, code: str, server: dict[str, Any]) -> None:
        with self._driver.transaction():
            timeouts.limit(self._driver)
            change_journal.shipped(
                self._driver, self._tenant, number=mark.number, mac=code, server=server,
                seen=mark.seen,
            )  # fmt: skip

    def _read_only(self) -> None:
        self._driver.execute("set transaction isolation level repeatable read, read only")
        timeouts.limit(self._driver)

    def _written(self, state: State, server: dict[str, Any]) -> Mark:
        """The mark, whose parts are stored."""
        with self._driver.transaction():
            self._read_only()
            # The snapshot first, the clock after it: whoever committed in between is after the
            # mark, and is told as such by the next one.
            row = self._driver.execute(
                """select pg_catalog.pg_current_snapshot()::text, pg_catalog.clock_timestamp(),
                          pg_catalog.current_setting('track_commit_timestamp') = 'on'"""
            ).fetchone()
            assert row is not None  # noqa: S101 - a query without FROM always has a row
            mark = Mark(
                repository=self._repository.root,
                tenant=self._tenant.slug,
                history=state.history,
                number=state.number + 1,
                begun=state.begun,
                previous=state.mac,
                at=row[1].astimezone(dt.UTC),
                seen=row[0],
                server=server,
                commit_times=row[2],
                tables={
                    name: JournaledTable(
                        oid=shape.oid, shape=shape.shape, journaled=shape.journaled
                    )
                    for name, shape in change_journal.shapes(self._driver, self._tenant).items()
                },
                sequences=self._sequences(),
            )
            changes, transactions = self._parts(mark, mark.commit_times)
            return mark.model_copy(update={"changes": changes, "transactions": transactions})

    def _sequences(self) -> dict[str, tuple[int, bool]]:
        names = self._driver.execute(
            """select c.relname::text from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = %s
               where c.relkind = 'S' order by c.relname collate "C" """,
            [self._tenant.schema],
        ).fetchall()
        return {name: standing(self._driver, self._tenant, name) for (name,) in names}

    def _parts(
        self, mark: Mark, commit_times: bool
    ) -> tuple[tuple[PieceRef, ...], tuple[PieceRef, ...]]:
        journal = change_journal.schema_of(self._tenant)
        changes = sql.SQL(
            """select c.id, c.xid::text::bigint, c.relation::bigint, c.name, c.op::text, u.added,
                      pg_catalog.encode(u.gone, 'hex')
               from {} c
               left join lateral rows from (
                   pg_catalog.unnest(c.added), pg_catalog.unnest(c.gone)
               ) with ordinality u (added, gone, place) on true
               where pg_catalog.pg_visible_in_snapshot(c.xid, %s)
               order by c.id, u.place"""
        ).format(sql.Identifier(journal, change_journal.CHANGES))
        # One that was stamped more than once wrote on after it had been.
        transactions = sql.SQL(
            """select t.xid::text::bigint, {at}
               from {transactions} t where pg_catalog.pg_visible_in_snapshot(t.xid, %s)
               group by t.xid order by t.xid"""
        ).format(
            at=sql.SQL(
                "coalesce(pg_catalog.pg_xact_commit_timestamp(t.xid::xid), max(t.at))"
                if commit_times
                else "max(t.at)"
            ),
            transactions=sql.Identifier(journal, change_journal.TRANSACTIONS),
        )
        return (
            self._stored(mark, changes, CHANGE_SCHEMA),
            self._stored(mark, transactions, TRANSACTION_SCHEMA),
        )

    def _stored(self, mark: Mark, query: sql.Composed, schema: pa.Schema) -> tuple[PieceRef, ...]:
        return tuple(
            self._folder.put(mark.history, mark.number, batch)
            for batch in self._batches(query, mark.seen, schema)
        )

    def _batches(
        self, query: sql.Composed, seen: str, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        held: list[tuple[Any, ...]] = []
        size = 0
        with self._driver.cursor("ispmig_journal") as cursor:
            cursor.itersize = 200
            for row in cursor.execute(query, [seen]):
                held.append(row)
                size += sum(len(cell) for cell in row if isinstance(cell, str))
                if len(held) >= PART_ROWS or size >= PART_BYTES:
                    yield _batch(held, schema)
                    held, size = [], 0
        if held:
            yield _batch(held, schema)


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array(cells, field.type) for cells, field in zip(zip(*rows, strict=True), schema,
                                                            strict=True)
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, schema=schema)
