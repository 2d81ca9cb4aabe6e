"""From what a driver gives to cells: exact text, and records that cannot be one set aside."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.database.session import Rows
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.records import Reject
from ispmig_pipelines.formats.sql.cells import ZERO_BYTE, as_text, is_sound, unsound
from ispmig_pipelines.formats.sql.render import BLOB, Literal, render


def bytes_text(raw: bytes | None, kind: str, dialect: str) -> bytes | None:
    """Bytes as the text of a cell, as the reader of SQL scripts gives them in such a column."""
    return None if raw is None else render(Literal("bytes", raw), kind, dialect)


def bytes_column(values: Sequence[bytes | None], kind: str, dialect: str) -> pa.BinaryArray:
    """A column of bytes as text."""
    return pa.array([bytes_text(value, kind, dialect) for value in values], pa.binary())


def value_text(value: Any, kind: str = BLOB, dialect: str = "") -> str | bytes | None:
    """A Python value as a driver gives it, as the text of a cell.

    Numbers exact, never in scientific notation unless they are floats; dates and times in ISO
    8601 with a blank between; bytes as :func:`bytes_text`; structures as JSON.

    Args:
        kind: of the column, where it holds bytes.
        dialect: of the database.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return _duration(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes_text(bytes(value), kind, dialect)
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if hasattr(value, "read"):
        return value_text(value.read(), kind, dialect)
    return str(value)


def _duration(value: dt.timedelta) -> str:
    """``-838:59:59.000001``: hours may be more than a day's."""
    micro = value // dt.timedelta(microseconds=1)
    seconds, micro = divmod(abs(micro), 1_000_000)
    text = f"{'-' if value < dt.timedelta(0) else ''}{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" + (f".{micro:06}" if micro else "")


def values_column(values: Sequence[Any], kind: str, dialect: str) -> pa.Array:
    """A column of Python values of any types as text; see :func:`value_text`."""
    if all(value is None or type(value) is str for value in values):
        return text_column(values)
    texts = [value_text(value, kind or BLOB, dialect) for value in values]
    cells = [t.encode("utf-8", "surrogateescape") if isinstance(t, str) else t for t in texts]
    return pa.array(cells, pa.binary())


def text_column(values: Sequence[str | None]) -> pa.Array:
    """A column of text. Bytes that were no UTF-8 stand in it as surrogates, and again as bytes
    in what is returned."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array(
            [None if v is None else v.encode("utf-8", "surrogateescape") for v in values],
            pa.binary(),
        )


def settle(
    rows: Rows, names: list[str], first: int, limits: ReadLimits
) -> tuple[pa.RecordBatch, np.ndarray, list[Reject]]:
    """Rows as cells, without those that no text column can hold.

    Args:
        rows: as they came.
        names: of the columns.
        first: ordinal of the first row, from 1.

    Returns:
        The cells, the ordinals of their records, and the others as rejects.
    """
    ordinals = np.arange(first, first + rows.count, dtype=np.int64)
    faults: dict[int, tuple[str, str]] = {}
    for column in rows.columns:
        if not rows.sound and not _is_sound(column):
            invalid, zero = unsound(column.cast(pa.binary()))
            for row in np.flatnonzero(invalid).tolist():
                faults.setdefault(row, ("record.encoding", "UTF-8"))
            for row in np.flatnonzero(zero).tolist():
                faults.setdefault(row, ("record.unreadable", ZERO_BYTE))
        longest = pc.max(pc.binary_length(column)).as_py() or 0
        if longest > limits.max_cell_bytes:
            sizes = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
            for row in np.flatnonzero(sizes > limits.max_cell_bytes).tolist():
                accepted = f"cells of at most {limits.max_cell_bytes:,} bytes"
                faults.setdefault(row, ("record.unreadable", accepted))
    columns = rows.columns
    rejects = [
        Reject(int(ordinals[row]), None, rule, _shown(columns, row, limits), "", accepted)
        for row, (rule, accepted) in sorted(faults.items())
    ]
    if faults:
        keep = np.ones(rows.count, dtype=bool)
        keep[list(faults)] = False
        columns = [column.filter(pa.array(keep)) for column in columns]
        ordinals = ordinals[keep]
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    cells = [c if pa.types.is_string(c.type) else as_text(c) for c in columns]
    return pa.RecordBatch.from_arrays(cells, schema=schema), ordinals, rejects


def _is_sound(column: pa.Array) -> bool:
    data = column.buffers()[2]
    if data is None:
        return True
    offsets = np.frombuffer(column.buffers()[1], np.int32)
    start, end = offsets[column.offset], offsets[column.offset + len(column)]
    return is_sound(data[int(start) : int(end)].to_pybytes())


def _shown(columns: Sequence[pa.Array], row: int, limits: ReadLimits) -> str:
    """A record that cannot be read, for quarantine: its cells with tabs between, NULL as \\N."""
    cells = []
    for column in columns:
        cell = column[row].as_py()
        if cell is None:
            cells.append("\\N")
            continue
        raw = cell.encode() if isinstance(cell, str) else cell
        text = raw[: limits.max_cell_bytes].decode("utf-8", "backslashreplace")
        cells.append(text.replace("\0", "\\x00"))
    return "\t".join(cells)[: limits.max_cell_bytes]
