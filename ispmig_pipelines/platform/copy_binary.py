"""Rows as ``COPY`` takes them in its binary format: the server reads no numbers and days out of
text then, and looks for no ends of lines.

The format is https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4; what stands in
a field is what the receiving function of its type reads (``numeric_recv`` in ``numeric.c``,
``timestamptz_recv`` in ``timestamp.c``, and so on). Columns are laid beside each other by Arrow and
NumPy, none of which looks at rows one by one in Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What stands before the first row: the signature, no flags, no extension."""
END = b"\xff\xff"
"""What stands after the last."""

_DAYS = 10_957
"""From 1970-01-01, from which Arrow counts, to 2000-01-01, from which PostgreSQL does."""
_MICROSECONDS = _DAYS * 86_400_000_000

_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_GROUP = 4
_BASE = 10**_GROUP
"""Digits of ``numeric`` are groups of four."""
_NEGATIVE = 0x4000
_MOST = 2**63 - 1

_Bytes = np.ndarray
"""A row of bytes for each row."""
_Texts = Callable[[pa.Array], pa.Array]
_Fixed = Callable[[pa.Array], _Bytes]


def has_binary(batch: pa.RecordBatch, types: Mapping[str, str]) -> bool:
    """Whether :func:`copy_binary` writes these rows; it writes no addresses, no decimals beyond 64
    bits, and nothing of types that it does not know, but where they are null.

    Args:
        types: column → type, as PostgreSQL's ``format_type`` writes it.
    """
    return all(
        column.null_count == batch.num_rows or _way(column, types.get(name, "")) is not None
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    )


def copy_binary(batch: pa.RecordBatch, types: Mapping[str, str]) -> memoryview:
    """The rows, which :func:`has_binary` said yes of, without :data:`BEGIN` and :data:`END`."""
    if not batch.num_rows:
        return memoryview(b"")
    rows = _Rows(batch.num_rows)
    rows.add_bytes(_big(np.full(batch.num_rows, batch.num_columns), ">i2"))
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        way = _way(column, types.get(name, ""))
        if way is None or column.null_count == len(column):
            rows.add_bytes(_big(np.full(len(column), -1), ">i4"))
        elif isinstance(way, _OfAnyLength):
            rows.add_texts(way.texts(column))
        else:
            rows.add(way(column), column)
    return rows.written()


class _Rows:
    """Rows that are written column by column: bytes that every row has are laid together, and what
    is of another length in each is put between them."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._parts: list[pa.Array] = []
        self._fixed: list[_Bytes] = []

    def add_bytes(self, data: _Bytes) -> None:
        self._fixed.append(data)

    def add(self, data: _Bytes, column: pa.Array) -> None:
        """A column whose values have one length; of what is null nothing but that it is."""
        width = data.shape[1]
        if not column.null_count:
            self._fixed += [_big(np.full(self._rows, width), ">i4"), data]
            return
        there = column.is_valid().to_numpy(zero_copy_only=False)
        lengths = np.where(there, width, -1)
        self._fixed.append(_big(lengths, ">i4"))
        self._close()
        self._parts.append(_array(np.maximum(lengths, 0), data[there]))

    def add_texts(self, column: pa.Array) -> None:
        lengths = pc.fill_null(pc.binary_length(column), -1).to_numpy()
        self._fixed.append(_big(lengths, ">i4"))
        self._close()
        self._parts.append(column)

    def _close(self) -> None:
        data = np.concatenate(self._fixed, axis=1)
        self._parts.append(_array(np.full(self._rows, data.shape[1]), data))
        self._fixed = []

    def written(self) -> memoryview:
        if self._fixed:
            self._close()
        none = pa.scalar(b"", pa.binary())
        joined = pc.binary_join_element_wise(
            *self._parts, none, null_handling="replace", null_replacement=b""
        )
        return memoryview(joined.buffers()[2])


def _array(lengths: np.ndarray, data: np.ndarray) -> pa.BinaryArray:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(lengths), buffers)


def _big(values: np.ndarray, type_: str) -> _Bytes:
    """Numbers as their bytes, the largest first."""
    return values.astype(type_).view(np.uint8).reshape(len(values), -1)


class _OfAnyLength:
    def __init__(self, texts: _Texts) -> None:
        self.texts = texts


def _way(column: pa.Array, type_: str) -> _OfAnyLength | _Fixed | None:
    """How a column is written, None where it is not."""
    if found := _NUMERIC.fullmatch(type_):
        precision, scale = int(found[1]), int(found[2])
        fits = column.type == pa.decimal128(precision, scale) and _fits(column, scale)
        return partial(_numeric, precision, scale) if fits else None
    name = type_.partition("(")[0]
    return None if type_.endswith("]") else _WAYS.get((column.type, name))


def _numbers(column: pa.Array, of: pa.DataType) -> np.ndarray:
    """The numbers by which Arrow keeps the values; 0 where there is none."""
    return pc.fill_null(column.view(of), 0).to_numpy()


def _halves(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Decimals without their point: the lower 64 bits of each, and the higher; 0 where there is
    none."""
    halves = np.frombuffer(column.buffers()[1], dtype="<i8")
    halves = halves[2 * column.offset : 2 * (column.offset + len(column))]
    there = column.is_valid().to_numpy(zero_copy_only=False)
    return np.where(there, halves[::2], 0), np.where(there, halves[1::2], 0)


def _noughts(scale: int) -> int:
    """How many digits the last group has behind those of the scale."""
    return -scale % _GROUP


def _fits(column: pa.Array, scale: int) -> bool:
    lower, higher = _halves(column)
    most = _MOST // 10 ** _noughts(scale)
    return bool(np.all(higher == lower >> 63) and np.all((-most <= lower) & (lower <= most)))


def _numeric(precision: int, scale: int, column: pa.Array) -> _Bytes:
    """How many groups of digits, the place of the first, the sign, the digits after the point, and
    the groups. The server takes noughts at both ends away."""
    after = -(-scale // _GROUP)
    groups = -(-(precision - scale) // _GROUP) + after
    scaled, _ = _halves(column)
    words = np.empty((len(column), 4 + groups), dtype=">u2")
    words[:, 0], words[:, 1], words[:, 3] = groups, (groups - after - 1) & 0xFFFF, scale
    words[:, 2] = np.where(scaled < 0, _NEGATIVE, 0)
    left = np.abs(scaled) * 10 ** _noughts(scale)
    for place in range(3 + groups, 3, -1):
        higher = left // _BASE
        words[:, place] = left - higher * _BASE
        left = higher
    return words.view(np.uint8)


def _json(column: pa.Array) -> pa.Array:
    """Behind the number of its version."""
    version = pa.scalar(b"\1", pa.binary())
    return pc.binary_join_element_wise(
        version, column.view(pa.binary()), pa.scalar(b"", pa.binary())
    )


def _moments(column: pa.Array) -> _Bytes:
    return _big(_numbers(column, pa.int64()) - _MICROSECONDS, ">i8")


_TEXTS = _OfAnyLength(lambda column: column.view(pa.binary()))

_WAYS: dict[tuple[pa.DataType, str], _OfAnyLength | _Fixed] = {
    (pa.string(), "text"): _TEXTS,
    (pa.string(), "character varying"): _TEXTS,
    (pa.string(), "json"): _TEXTS,
    (pa.string(), "jsonb"): _OfAnyLength(_json),
    (pa.binary(), "bytea"): _OfAnyLength(lambda column: column),
    (pa.bool_(), "boolean"): lambda c: _big(_numbers(c.cast(pa.uint8()), pa.uint8()), "u1"),
    (pa.int16(), "smallint"): lambda c: _big(_numbers(c, pa.int16()), ">i2"),
    (pa.int32(), "integer"): lambda c: _big(_numbers(c, pa.int32()), ">i4"),
    (pa.int64(), "bigint"): lambda c: _big(_numbers(c, pa.int64()), ">i8"),
    (pa.float32(), "real"): lambda c: _big(_numbers(c, pa.float32()), ">f4"),
    (pa.float64(), "double precision"): lambda c: _big(_numbers(c, pa.float64()), ">f8"),
    (pa.date32(), "date"): lambda c: _big(_numbers(c, pa.int32()) - _DAYS, ">i4"),
    (pa.time64("us"), "time without time zone"): lambda c: _big(_numbers(c, pa.int64()), ">i8"),
    (pa.timestamp("us"), "timestamp without time zone"): _moments,
    (pa.timestamp("us", "UTC"), "timestamp with time zone"): _moments,
}
"""What Arrow holds, and what the column is → how it is written."""
