"""Arrow into Postgres by ``COPY``.

``pyarrow.csv`` writes a batch to CSV in C++ without holding the interpreter, and leaves NULL
and the empty text apart (unquoted nothing and ``""``), as ``COPY … CSV`` reads them. A thread hands
it to the server, while the next batch is made: neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Thread

import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from ispmig_pipelines.platform.session import CANCEL_SECONDS

_WRITE = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")


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
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
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
                write(csv_bytes(batch))
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


def csv_bytes(batch: pa.RecordBatch) -> memoryview:
    """The batch as CSV that ``COPY`` reads back to the same values."""
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(batch, sink, write_options=_WRITE)
    return memoryview(sink.getvalue())
