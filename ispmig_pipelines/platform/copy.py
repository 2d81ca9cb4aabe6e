"""Arrow into Postgres by ``COPY``.

``pyarrow.csv`` writes a batch to CSV in C++ without holding the interpreter, and leaves NULL
and the empty text apart (unquoted nothing and ``""``), as ``COPY … CSV`` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg import sql

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
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        batch: pa.RecordBatch | None = first
        while batch is not None:
            if batch.num_rows:
                copy.write(csv_bytes(batch))
                rows += batch.num_rows
            batch = next(iterator, None)
    return rows


def csv_bytes(batch: pa.RecordBatch) -> bytes:
    """The batch as CSV that ``COPY`` reads back to the same values."""
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(batch, sink, write_options=_WRITE)
    return sink.getvalue().to_pybytes()


def text_array(values: pa.Array) -> pa.Array:
    """A column of any type as the text Postgres would show, for use in text columns."""
    return values if pa.types.is_string(values.type) else pc.cast(values, pa.string())
