"""Arrow into Postgres by ``COPY``, in its text format, which the server reads faster than CSV (4.7
against 5.4 s of CPU for a million customers).

Arrow joins the columns in C++ without holding the interpreter. A thread hands what it made to the
server, while the next batch is made: neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from queue import Queue
from threading import Thread

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ispmig_pipelines.platform.session import CANCEL_SECONDS

_NULL = "\\N"
_ESCAPED = {
    "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip
"""What ``COPY`` writes in place of characters: those that it must, and no others. The first is that
which all others bring in."""


def copy_batches(
    driver: psycopg.Connection, table: sql.Composable, batches: Iterable[pa.RecordBatch]
) -> int:
    """Appends the batches to ``table``, whose columns are named as theirs; returns the rows.

    ``table`` must be a quoted identifier. All batches have one schema.
    """
    rows = 0
    iterator = iter(batches)
    first = next(iterator, None)
    if first is None:
        return 0
    statement = sql.SQL("copy {} ({}) from stdin").format(
        table, sql.SQL(", ").join(map(sql.Identifier, first.schema.names))
    )
    with (
        driver.cursor() as cursor,
        cursor.copy(statement) as copy,
        _beside(driver, copy.write) as write,
    ):
        batch: pa.RecordBatch | None = first
        while batch is not None:
            if batch.num_rows:
                write(copy_text(batch))
                rows += batch.num_rows
            batch = next(iterator, None)
    return rows


@contextmanager
def _beside(
    driver: psycopg.Connection, write: Callable[[memoryview], None]
) -> Iterator[Callable[[memoryview], None]]:
    """Gives what takes data at once and writes it in another thread, which has ended when the block
    has: one piece is written while a second waits. The block itself must leave ``driver`` alone.

    What stops the block stops the writing, too.
    """
    waiting: Queue[memoryview | None] = Queue(maxsize=1)
    failed: list[BaseException] = []
    stopped = False

    def work() -> None:
        while (data := waiting.get()) is not None:
            # Whatever happens, nobody is to wait for a place for ever.
            if not failed and not stopped:
                try:
                    write(data)
                # It is raised where the data come from.
                except BaseException as error:
                    failed.append(error)

    def hand_on(data: memoryview) -> None:
        if failed:
            raise failed[0]
        waiting.put(data)

    thread = Thread(target=work, name="copy", daemon=True)
    thread.start()
    try:
        yield hand_on
    except BaseException as error:
        stopped = True
        if not isinstance(error, Exception) and not driver.broken:
            # Somebody stops the run: a server that hangs is not waited for.
            driver.cancel_safe(timeout=CANCEL_SECONDS)
        raise
    finally:
        waiting.put(None)
        thread.join()
    if failed:
        raise failed[0]


def copy_text(batch: pa.RecordBatch) -> memoryview:
    """The batch, which has a column, as ``COPY`` reads it back to the same values, and writes it
    itself: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2"""
    if not batch.num_rows:
        return memoryview(b"")
    large = any(map(pa.types.is_large_string, batch.schema.types))
    type_ = pa.large_string() if large else pa.string()
    texts = [_texts(column).cast(type_) for column in batch.columns]
    texts[-1] = _joined(texts[-1:], "\n", "")
    _, _, data = _joined(texts, "\t").buffers()
    return memoryview(data)


def _joined(texts: Sequence[pa.Array], *ends: str) -> pa.StringArray:
    """Columns joined row by row; what stands between them is the last of ``ends``, which else are
    columns too."""
    type_ = texts[0].type
    return pc.binary_join_element_wise(
        *texts,
        *(pa.scalar(end, type_) for end in ends),
        null_handling="replace",
        null_replacement=_NULL,
    )


def _texts(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        # Twenty times as fast as Arrow writes those that have a zone.
        naive = column.cast(pa.timestamp(column.type.unit)).cast(pa.string())
        return pc.binary_join_element_wise(naive, "Z", "")
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.cast(pa.string())
    data = column.buffers()[2]
    held = b"" if data is None else memoryview(data).tobytes()
    for plain, escaped in _ESCAPED.items():
        if plain.encode() in held:
            column = pc.replace_substring(column, plain, escaped)
    return column
