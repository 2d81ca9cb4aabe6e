"""What was loaded, read back from the database and held against the pieces that it came from.

Rows of a table that was just made lie in the order in which they were loaded, so they are read as
they lie, cut where the pieces were, and named as pieces are: by a keyed code of all their values.
Equal names are equal rows, to the last digit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pyarrow as pa

from ispmig_pipelines.backup.manifest import Table
from ispmig_pipelines.backup.piece import identity
from ispmig_pipelines.backup.reading_rows import OddValues, Source, SourceColumn, rows
from ispmig_pipelines.errors import BackupError

_AHEAD = 3


def check_loaded(
    driver: psycopg.Connection,
    schema: str,
    table: Table,
    loaded: Sequence[tuple[str, int]],
    key: bytes,
) -> None:
    """Checks that the rows in the database are those that were loaded.

    Args:
        schema: in which the table is, just made and loaded by this transaction.
        loaded: name and number of the rows of each batch, in order.
        key: of names of pieces.

    Raises:
        BackupError: they are others.
    """
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
    parts = [(name, count) for name, count in loaded if count]
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
