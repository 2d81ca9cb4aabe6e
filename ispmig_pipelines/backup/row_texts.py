r"""Which texts ``COPY`` is to send of rows, and columns made of them.

It sends CSV, which leaves NULL (nothing) and the empty text (``""``) apart, and pyarrow makes typed
columns of it. Most columns of a wide table hold nothing: those of which the statistics know nothing
but NULL are not sent as cells, which takes twice the time, but as one row (``(,,"a b",)``) in those
few rows in which one of them holds something after all. So the statistics may be wrong, and
nothing but speed depends on them.

A value that a type cannot hold (``infinity``, a year before Christ, ``24:00``, ``NaN`` of a
``numeric``) is found when it comes, see :class:`OddValues`.
"""

from __future__ import annotations

import binascii
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg import sql

from ispmig_pipelines.errors import DatabaseError

_REST = "\0rest"
"""No column of PostgreSQL can be called so."""


class OddValues(ValueError):
    """Columns hold a value that their type in pieces cannot.

    Attributes:
        columns: their names.
    """

    def __init__(self, columns: set[str]) -> None:
        self.columns = columns
        super().__init__(f"{len(columns)} columns hold values that are to be carried as text")


class RowTexts:
    """How rows of a schema are sent."""

    def __init__(self, schema: pa.Schema, empty: Collection[str] = ()) -> None:
        """
        Args:
            schema: names and types of the columns.
            empty: columns that mostly hold nothing; never one of the key.
        """
        self._schema = schema
        self._empty = pa.schema([field for field in schema if field.name in empty])
        sent = [field for field in schema if field.name not in empty]
        if len(self._empty):
            sent.append(pa.field(_REST, pa.string()))
        self._sent = pa.schema(sent)

    def selected(self, table: str) -> sql.Composable:
        """What to select of a table of that alias."""
        comma = sql.SQL(", ")
        rest = comma.join(sql.Identifier(table, name) for name in self._empty.names)
        return comma.join(
            sql.SQL(
                "case when not (row({rest}) is null) then row({rest})::pg_catalog.text end"
            ).format(rest=rest)
            if name == _REST
            else sql.Identifier(table, name)
            for name in self._sent.names
        )

    def columns(self, text: bytearray) -> pa.RecordBatch:
        """The rows of whole lines of CSV.

        Raises:
            OddValues: a value is none of its column's type.
            DatabaseError: it is no text.
        """
        sent = _columns(text, self._sent)
        if not len(self._empty):
            return sent
        there = sent.column(_REST)
        rest = self._rest(there) if there.null_count < len(there) else {}
        return pa.RecordBatch.from_arrays(
            [
                rest.get(name, pa.nulls(len(there), type_))
                if name in self._empty.names
                else sent.column(name)
                for name, type_ in zip(self._schema.names, self._schema.types, strict=True)
            ],
            schema=self._schema,
        )

    def _rest(self, there: pa.Array) -> dict[str, pa.Array]:
        """Columns of the rows that were sent as such; null in all others."""
        has = there.is_valid()
        lines = pc.utf8_slice_codeunits(there.filter(has), 1, -1)
        text = bytearray("".join(f"{line}\n" for line in lines.to_pylist()), "utf-8")
        found = _columns(text, self._empty, backslashes_doubled=True)
        places = np.asarray(has)
        rows = pa.array(np.cumsum(places) - 1, mask=~places)
        return {name: found.column(name).take(rows) for name in self._empty.names}


def _columns(
    text: bytearray, schema: pa.Schema, *, backslashes_doubled: bool = False
) -> pa.RecordBatch:
    try:
        return _parsed(text, schema, schema.names, backslashes_doubled)
    except pa.ArrowInvalid:
        odd = {field.name for field in schema if not _fits(text, schema, field)}
        if not odd:
            raise DatabaseError(
                "PostgreSQL sent rows that are no text in UTF-8, as a database with the encoding "
                "SQL_ASCII may hold. No backup was made; convert the database's texts first."
            ) from None
        raise OddValues(odd) from None


def _fits(text: bytearray, schema: pa.Schema, field: pa.Field) -> bool:
    if field.type in (pa.string(), pa.binary()):
        return True
    try:
        _parsed(text, schema, [field.name])
    except pa.ArrowInvalid:
        return False
    return True


def _parsed(
    text: bytearray, schema: pa.Schema, wanted: list[str], backslashes_doubled: bool = False
) -> pa.RecordBatch:
    table = pyarrow.csv.read_csv(
        pa.BufferReader(pa.py_buffer(text)),
        read_options=pyarrow.csv.ReadOptions(
            column_names=schema.names, block_size=len(text) + 1, use_threads=False
        ),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={
                field.name: pa.string() if field.type == pa.binary() else field.type
                for field in schema
            },
            include_columns=wanted,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    ).combine_chunks()
    (batch,) = table.to_batches()
    columns = []
    for name, found in zip(wanted, batch.columns, strict=True):
        column = found
        if backslashes_doubled and column.type == pa.string():
            column = pc.replace_substring(column, "\\\\", "\\")
        columns.append(_bytes_of(column) if schema.field(name).type == pa.binary() else column)
    return pa.RecordBatch.from_arrays(
        columns, schema=pa.schema([schema.field(name) for name in wanted])
    )


def _bytes_of(column: pa.Array) -> pa.Array:
    r"""``\x00ff`` (bytea_output = hex) as bytes."""
    # Behind a null there may lie anything.
    filled = pc.fill_null(column, "\\x")
    _, offsets, data = filled.buffers()
    ends = np.frombuffer(offsets, dtype="<i4", count=len(filled) + 1, offset=filled.offset * 4)
    first, last = int(ends[0]), int(ends[-1])
    digits = np.ones(last - first, dtype=bool)
    for place in (0, 1):
        digits[ends[:-1] - first + place] = False
    text = np.frombuffer(data, dtype=np.uint8, count=last - first, offset=first)
    raw = binascii.unhexlify(text[digits].tobytes())
    starts = np.concatenate(([0], np.cumsum((np.diff(ends) - 2) // 2))).astype("<i4")
    made = pa.Array.from_buffers(
        pa.binary(), len(filled), [None, pa.py_buffer(starts), pa.py_buffer(raw)]
    )
    return pc.if_else(column.is_valid(), made, pa.scalar(None, pa.binary()))
