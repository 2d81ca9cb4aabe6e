"""The types that pieces hold, and their bytes, of which names of pieces and borders are made.

| in Arrow | in Parquet | for PostgreSQL's |
|---|---|---|
| ``bool`` | BOOLEAN | ``boolean`` |
| ``int16``, ``int32``, ``int64`` | INT(16), INT(32), INT(64) | ``smallint``, …, ``bigint`` |
| ``float``, ``double`` | FLOAT, DOUBLE | ``real``, ``double precision`` |
| ``decimal128(p, s)`` | DECIMAL(p, s) | ``numeric(p, s)`` of up to 38 digits |
| ``date32`` | DATE | ``date`` |
| ``time64[us]`` | TIME(MICROS) | ``time`` |
| ``timestamp[us]`` | TIMESTAMP(MICROS), local | ``timestamp`` |
| ``timestamp[us, tz=UTC]`` | TIMESTAMP(MICROS), UTC | ``timestamptz`` |
| ``string`` | STRING (UTF-8) | ``text``, ``jsonb``, ``inet`` and every other type, as its text |
| ``binary`` | BYTE_ARRAY | ``bytea`` |

What these types cannot hold is carried as text, and then the whole column is a ``string``:
``infinity`` and years beyond Python's or Arrow's, ``NaN`` of a ``numeric``, a ``numeric`` whose
scale is negative or larger than its precision, the time ``24:00``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UTC = "UTC"


class Kind(Enum):
    """How values of a type lie in memory."""

    BITS = "bits"
    FIXED = "fixed"
    VARIABLE = "variable"


@dataclass(frozen=True)
class Buffers:
    """A column's content as bytes, little-endian; what is null is zeros, or of no length.

    Attributes:
        valid: where there is a value; None where there is one everywhere.
        data: of values, one after the other (bits: a byte each).
        width: bytes of a value of a fixed width.
        starts: where each text begins in ``data``, in bytes.
        lengths: of each text, in bytes.
    """

    kind: Kind
    valid: np.ndarray | None
    data: np.ndarray
    width: int
    starts: np.ndarray
    lengths: np.ndarray


_NONE = np.zeros(0, dtype=np.int64)
_NAMES = {
    pa.bool_(): "bool",
    pa.int16(): "int16",
    pa.int32(): "int32",
    pa.int64(): "int64",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date32",
    pa.time64("us"): "time64[us]",
    pa.timestamp("us"): "timestamp[us]",
    pa.timestamp("us", UTC): "timestamp[us, tz=UTC]",
    pa.string(): "string",
    pa.binary(): "binary",
}
_DECIMAL = re.compile(r"decimal128\((\d+), (-?\d+)\)")


def name_of(given: pa.DataType) -> str:
    """What a canonical type is called in manifests, and in names of pieces."""
    if pa.types.is_decimal128(given):
        return f"decimal128({given.precision}, {given.scale})"
    return _NAMES[given]


def type_named(name: str) -> pa.DataType:
    """The type of a name.

    Raises:
        ValueError: there is none.
    """
    if match := _DECIMAL.fullmatch(name):
        return pa.decimal128(int(match[1]), int(match[2]))
    for known, its in _NAMES.items():
        if its == name:
            return known
    raise ValueError(f"pieces hold no {name}")


def canonical_type(given: pa.DataType) -> pa.DataType:
    """The type that a piece has for a column.

    Raises:
        ValueError: pieces have none for it, as for lists: carry it as text.
    """
    if given in _NAMES:
        return given
    if pa.types.is_decimal(given) and 0 <= given.scale <= given.precision <= 38:
        return pa.decimal128(given.precision, given.scale)
    if pa.types.is_dictionary(given):
        return canonical_type(given.value_type)
    if pa.types.is_large_string(given) or pa.types.is_string_view(given):
        return pa.string()
    if pa.types.is_large_binary(given) or pa.types.is_binary_view(given):
        return pa.binary()
    if pa.types.is_timestamp(given):
        return pa.timestamp("us", UTC if given.tz else None)
    if pa.types.is_time(given):
        return pa.time64("us")
    raise ValueError(f"pieces hold no {given}: carry it as text")


def canonical_schema(schema: pa.Schema) -> pa.Schema:
    """Names and types alone: no dictionaries, nullability or metadata.

    Raises:
        ValueError: see :func:`canonical_type`; or two columns have one name; or there is none.
    """
    if not schema.names:
        raise ValueError("a table without columns has no pieces: it is its number of rows")
    if len(set(schema.names)) != len(schema.names):
        raise ValueError("two columns have one name")
    return pa.schema([pa.field(f.name, canonical_type(f.type)) for f in schema])


def canonical(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with the types of :func:`canonical_schema`; its values are the same.

    Raises:
        ValueError: see there; or a value does not fit, as nanoseconds into microseconds.
    """
    schema = canonical_schema(batch.schema)
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def buffers_of(column: pa.Array) -> Buffers:
    """The bytes of a column of a canonical type."""
    kind = column.type
    if len(column) and column.null_count == len(column):
        return _nothing(kind, len(column))
    valid = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
    if kind == pa.bool_():
        filled = column if valid is None else pc.fill_null(column, False)
        bits = filled.to_numpy(zero_copy_only=False).astype(np.uint8)
        return Buffers(Kind.BITS, valid, bits, 1, _NONE, _NONE)
    if kind in (pa.string(), pa.binary()):
        return _texts(column, valid)
    width = kind.byte_width
    _, buffer = column.buffers()
    if buffer is None:
        data = np.zeros(0, dtype=np.uint8)
    else:
        first = column.offset * width
        data = np.frombuffer(buffer, dtype=np.uint8, count=len(column) * width, offset=first)
    if valid is not None:
        data = data.reshape(len(column), width) * valid[:, None].astype(np.uint8)
        data = data.reshape(-1)
    if kind in (pa.float32(), pa.float64()):
        data = _one_nan(data, "<f4" if width == 4 else "<f8")
    return Buffers(Kind.FIXED, valid, data, width, _NONE, _NONE)


def _nothing(kind: pa.DataType, rows: int) -> Buffers:
    """Of a column in which there is no value: many a column of a wide table."""
    valid = np.zeros(rows, dtype=bool)
    if kind in (pa.string(), pa.binary()):
        zeros = np.zeros(rows, dtype=np.int64)
        return Buffers(Kind.VARIABLE, valid, np.zeros(0, dtype=np.uint8), 0, zeros, zeros)
    width = 1 if kind == pa.bool_() else kind.byte_width
    data = np.zeros(rows * width, dtype=np.uint8)
    return Buffers(
        Kind.BITS if kind == pa.bool_() else Kind.FIXED, valid, data, width, _NONE, _NONE
    )


def _texts(column: pa.Array, valid: np.ndarray | None) -> Buffers:
    _, offsets, buffer = column.buffers()
    if offsets is None or not len(column):
        zeros = np.zeros(len(column), dtype=np.int64)
        return Buffers(Kind.VARIABLE, valid, np.zeros(0, dtype=np.uint8), 0, zeros, zeros)
    ends = np.frombuffer(offsets, dtype="<i4", count=len(column) + 1, offset=column.offset * 4)
    lengths = np.diff(ends).astype(np.int64)
    if valid is not None and lengths[~valid].any():
        # Behind a null there may lie anything.
        return _texts(pc.fill_null(column, "" if column.type == pa.string() else b""), valid)
    first, last = int(ends[0]), int(ends[-1])
    data = (
        np.zeros(0, dtype=np.uint8)
        if buffer is None
        else np.frombuffer(buffer, dtype=np.uint8, count=last - first, offset=first)
    )
    starts = ends[:-1].astype(np.int64) - first
    return Buffers(Kind.VARIABLE, valid, data, 0, starts, lengths)


def _one_nan(data: np.ndarray, kind: str) -> np.ndarray:
    values = data.view(kind)
    strange = np.isnan(values)
    if strange.any():
        values = values.copy()
        values[strange] = np.nan
    return values.view(np.uint8)
