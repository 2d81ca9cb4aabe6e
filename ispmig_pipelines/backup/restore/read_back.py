"""What was loaded, as the database has it, held against what went in.

Of a large table sums over every column are, and all rows where that is asked for; of any other
table all rows, which takes no time.

Rows of a table that was just made lie in the order in which they were loaded. The server is asked
to write them, as they lie, in the very words in which they were sent: then the digest of all of it
is the same. Where that cannot be (floating-point numbers are written in several ways), or is not,
rows are cut where the pieces were, and named as pieces are: by a keyed code of all their values.
Equal names are equal rows, to the last digit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256

import psycopg
import pyarrow as pa
from psycopg import sql

from ispmig_pipelines.backup.manifest import Table
from ispmig_pipelines.backup.piece import identity
from ispmig_pipelines.backup.reading_rows import (
    Source,
    SourceColumn,
    copied,
    rows,
)
from ispmig_pipelines.backup.restore import column_sums
from ispmig_pipelines.backup.restore.loading import Loaded
from ispmig_pipelines.backup.row_texts import OddValues
from ispmig_pipelines.errors import BackupError

_AHEAD = 3
SMALL = 100_000
"""Rows of a table that is read back in whole, whatever is asked for."""


def check_loaded(
    driver: psycopg.Connection,
    schema: str,
    table: Table,
    loaded: Loaded,
    key: bytes,
    *,
    every_row: bool = True,
) -> None:
    """Checks that the rows in the database are those that were loaded.

    Args:
        schema: in which the table is, just made and loaded by this transaction.
        key: of names of pieces.
        every_row: reads all rows back; else only what they add up to.

    Raises:
        BackupError: they are others.
    """
    if not loaded.parts:
        # That it is empty is for the rows' number to say.
        if driver.execute(
            sql.SQL("select 1 from {} limit 1").format(sql.Identifier(schema, table.name))
        ).fetchone():
            raise _others(table)
        return
    if not every_row:
        if column_sums.differing(driver, schema, table, loaded.sums, loaded.rows):
            raise _others(table)
        return
    with _as_they_lie(driver):
        _read_back(driver, schema, table, loaded, key)


@contextmanager
def _as_they_lie(driver: psycopg.Connection) -> Iterator[None]:
    """Lets one process read: several would mix the rows."""
    setting = "max_parallel_workers_per_gather"
    before = driver.execute("select pg_catalog.current_setting(%s)", [setting]).fetchone()
    assert before is not None  # noqa: S101 - a query without FROM always has a row
    driver.execute("select pg_catalog.set_config(%s, '0', true)", [setting])
    yield
    # On an error the transaction is rolled back, and the setting with it.
    driver.execute("select pg_catalog.set_config(%s, %s, true)", [setting, before[0]])


def _read_back(
    driver: psycopg.Connection, schema: str, table: Table, loaded: Loaded, key: bytes
) -> None:
    if _written_alike(driver, schema, table, loaded):
        return
    source = Source(
        name=table.name,
        table=(schema, table.name),
        oid=0,
        columns=tuple(
            SourceColumn(name=c.name, type=c.type, piece_type=c.piece_type, nullable=c.nullable)
            for c in table.columns
        ),
        key=(),
        condition=None,
        has_rows=True,
        shape="",
        tells_changes=False,
        by_tenant=True,
    )
    parts = loaded.parts
    waiting: deque[tuple[str, Future[str]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="ispmig-read-back") as pool:
        try:
            found = _cut(rows(driver, source), [count for _, count in parts])
            for (name, _), batch in zip(parts, found, strict=True):
                waiting.append((name, pool.submit(identity, batch, key)))
                if len(waiting) >= _AHEAD:
                    _compare(table, *waiting.popleft())
            while waiting:
                _compare(table, *waiting.popleft())
        except (OddValues, ValueError):
            # A value that its own column cannot hold; or more or fewer rows.
            raise _others(table) from None
        finally:
            for _, future in waiting:
                future.cancel()


_WRITTEN = {
    "bool": sql.SQL("{}::text"),
    "timestamp[us]": sql.SQL("pg_catalog.to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')"),
    "timestamp[us, tz=UTC]": sql.SQL(
        """pg_catalog.to_char({} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"Z"')"""
    ),
    "time64[us]": sql.SQL("pg_catalog.to_char({}, 'HH24:MI:SS.US')"),
}
"""How PostgreSQL writes what Arrow writes otherwise than PostgreSQL itself does."""

_FLOATING = frozenset({"float", "double"})
_BLOCK = 4 << 20


def _written_alike(driver: psycopg.Connection, schema: str, table: Table, loaded: Loaded) -> bool:
    """Whether the server writes just what was sent. If not, the rows may be the same still."""
    columns = [column for column in table.columns if column.name in loaded.columns]
    if loaded.digest is None or any(column.piece_type in _FLOATING for column in columns):
        return False
    if not _all_null(driver, schema, table, loaded):
        return False
    statement = sql.SQL("copy (select {} from only {} t) to stdout").format(
        sql.SQL(", ").join(
            sql.SQL("{} as {}").format(
                _WRITTEN.get(column.piece_type, sql.SQL("{}")).format(
                    sql.Identifier("t", column.name)
                ),
                sql.Identifier(column.name),
            )
            for column in columns
        ),
        sql.Identifier(schema, table.name),
    )
    told = sha256()
    for block in copied(driver, statement, _BLOCK):
        told.update(block)
    return told.digest() == loaded.digest


def _all_null(driver: psycopg.Connection, schema: str, table: Table, loaded: Loaded) -> bool:
    """Whether nothing is in the columns that were not written."""
    left = [column.name for column in table.columns if column.name not in loaded.columns]
    if not left:
        return True
    row = driver.execute(
        sql.SQL("select 1 from only {} t where not ({}) limit 1").format(
            sql.Identifier(schema, table.name),
            sql.SQL(" and ").join(
                sql.SQL("{} is null").format(sql.Identifier("t", name)) for name in left
            ),
        )
    ).fetchone()
    return row is None


def _compare(table: Table, name: str, found: Future[str]) -> None:
    if found.result() != name:
        raise _others(table)


def _others(table: Table) -> BackupError:
    return BackupError(
        f"The rows of the table {table.name} are others in the database than in the snapshot after "
        "they were loaded: the server reads or writes values of one of its types otherwise than "
        "the one they came from. Nothing was changed. Restore into a server of the release and "
        "with the extensions that the backup was made with."
    )


def _cut(batches: Iterable[pa.RecordBatch], counts: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """The same rows, in batches of these sizes.

    Raises:
        ValueError: they are not so many.
    """
    held: list[pa.RecordBatch] = []
    there = 0
    iterator = iter(batches)
    for count in counts:
        while there < count:
            batch = next(iterator, None)
            if batch is None:
                raise ValueError("fewer rows")
            held.append(batch)
            there += batch.num_rows
        table = pa.Table.from_batches(held)
        (part,) = table.slice(0, count).combine_chunks().to_batches()
        yield part
        there -= count
        held = table.slice(count).to_batches() if there else []
    if there or any(batch.num_rows for batch in iterator):
        raise ValueError("more rows")
