"""From places in a buffer to columns of text: the step that INSERT and COPY share.

The cells of a region lie in order in its bytes, so an Arrow array over the very same bytes,
whose elements are by turns what stands between cells and a cell, holds them without a copy;
``take`` then gathers each column at the speed of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.records import Reject


@dataclass
class Chunk:
    """Some records of a table.

    Attributes:
        cells: text columns, one per column of the table.
        line: first line of each.
        ordinal: ordinal of each among all records of the chunk, rejected ones too, from 0.
        rejects: with ordinals of the same kind in ``record``.
        count: records and rejects together.
        missing: by column, where the records do not give it; see
            :attr:`~ispmig_pipelines.formats.records.Records.missing`.
    """

    cells: pa.RecordBatch
    line: np.ndarray
    ordinal: np.ndarray
    rejects: list[Reject] = field(default_factory=list)
    count: int = 0
    missing: dict[int, np.ndarray] = field(default_factory=dict)


def not_given(columns: int, positions: list[int], rows: int) -> dict[int, np.ndarray]:
    """:attr:`Chunk.missing` of rows that give the columns at ``positions``."""
    return {i: np.ones(rows, dtype=bool) for i in set(range(columns)).difference(positions)}


class Gatherer:
    """The cells of one region, as Arrow columns."""

    def __init__(self, region: bytes, starts: np.ndarray, ends: np.ndarray) -> None:
        """``starts``, ``ends``: rows by columns, in the order of the region."""
        self._rows, self._columns = starts.shape
        offsets = np.empty(starts.size * 2, dtype=np.int32)
        offsets[0::2] = starts.ravel()
        offsets[1::2] = ends.ravel()
        self._array = (
            pa.BinaryArray.from_buffers(
                pa.binary(),
                max(offsets.size - 1, 0),
                [None, pa.py_buffer(offsets), pa.py_buffer(region)],
            )
            if offsets.size
            else pa.array([], pa.binary())
        )

    def column(self, index: int, missing: np.ndarray | None) -> pa.BinaryArray:
        """Column ``index``; where ``missing`` is true, the cell is NULL."""
        places = np.arange(self._rows, dtype=np.int32) * (2 * self._columns) + 2 * index
        mask = missing if missing is not None and missing.any() else None
        return self._array.take(pa.array(places, mask=mask))


def replaced(
    column: pa.BinaryArray, where: np.ndarray, values: Sequence[bytes | None]
) -> pa.BinaryArray:
    """The column with the cells at the rows ``where`` (ascending) replaced."""
    mask = np.zeros(len(column), dtype=bool)
    mask[where] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array(values, pa.binary()))


def as_text(column: pa.BinaryArray) -> pa.StringArray:
    """A column that is known to be valid UTF-8, as text, without a copy."""
    return column.view(pa.string())


def unsound(column: pa.BinaryArray) -> tuple[np.ndarray, np.ndarray]:
    """Which cells are not valid UTF-8, and which hold a zero byte."""
    invalid = np.zeros(len(column), dtype=bool)
    zero = np.zeros(len(column), dtype=bool)
    for row, cell in enumerate(column.to_pylist()):
        if cell is None:
            continue
        if not cell.isascii():
            try:
                cell.decode("utf-8")
            except UnicodeDecodeError:
                invalid[row] = True
                continue
        zero[row] = b"\0" in cell
    return invalid, zero


def is_sound(region: bytes) -> bool:
    """Whether a region is valid UTF-8 without zero bytes."""
    if b"\0" in region:
        return False
    if region.isascii():
        return True
    try:
        region.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


ZERO_BYTE = "text without zero bytes, which no text column can hold"
