"""Rows of text out of columns of text, by vector operations: what the writers share.

A row is its cells and what stands between them, joined; the joined rows lie one after the other
in one buffer, which is written as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.writing import Table
from ispmig_pipelines.issues import mask

SLICE_BYTES = 2 << 20
"""Bytes of cells that become rows at a time: what is made of them stays in the processor's
cache, and far below the 2 GiB that an Arrow text array can hold."""

Piece: TypeAlias = "pa.Array | str"


def begun(table: Table | None) -> Table:
    """The table that is being written.

    Raises:
        ValueError: none is.
    """
    if table is None:
        raise ValueError("records of a table that was not begun")
    return table


def second_table(format: str, first: Table, second: Table) -> UsageError:
    """The error for a second table in a file of a format that holds one."""
    return UsageError(
        f"A file of {format} holds one table: {second.name} cannot follow {first.name} in it. "
        "Write each into a file of its own."
    )


def cells_of(table: Table, records: Records) -> list[pa.StringArray]:
    """The columns of a table, in its order, found by name.

    Raises:
        ValueError: the records lack a column.
    """
    names = records.cells.schema.names
    found = []
    for column in table.columns:
        if names.count(column.name) != 1:
            raise ValueError(f"the records have no one column {column.name!r}")
        cells = records.cells.column(names.index(column.name))
        found.append(cells if pa.types.is_string(cells.type) else cells.cast(pa.string()))
    return found


def missing_of(table: Table, records: Records) -> list[np.ndarray | None]:
    """For each column where its key is missing; None where it never is."""
    masks = []
    for column in table.columns:
        mask_array = records.missing.get(column.name)
        where = None if mask_array is None else mask_array.to_numpy(zero_copy_only=False)
        masks.append(where if where is not None and where.any() else None)
    return masks


def offsets_of(cells: pa.StringArray) -> np.ndarray:
    """Where each cell begins in the column's buffer, and where the last one ends."""
    buffer = cells.buffers()[1]
    if buffer is None or not len(cells):
        return np.zeros(len(cells) + 1, np.int32)
    return np.frombuffer(buffer, np.int32, len(cells) + 1, cells.offset * 4)


def bytes_of(cells: pa.StringArray) -> np.ndarray:
    """The UTF-8 of all cells, one after the other; nulls may hold some too."""
    offsets = offsets_of(cells)
    buffer = cells.buffers()[2]
    if buffer is None:
        return np.zeros(0, np.uint8)
    start, end = int(offsets[0]), int(offsets[-1])
    return np.frombuffer(buffer, np.uint8, end - start, start)


def rows_holding(
    cells: pa.StringArray, wanted: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray | None:
    """Which cells hold a byte that is wanted; None where none does.

    Args:
        wanted: from bytes to a mask of those that count.
    """
    places = np.flatnonzero(wanted(bytes_of(cells)))
    if not places.size:
        return None
    offsets = offsets_of(cells)
    rows = np.zeros(len(cells), np.bool_)
    rows[np.searchsorted(offsets, places + offsets[0], side="right") - 1] = True
    if cells.null_count:
        rows &= cells.is_valid().to_numpy(zero_copy_only=False)
    return rows if rows.any() else None


def lengths_of(cells: pa.StringArray) -> np.ndarray:
    """Bytes of each cell; of a null 0, or what stands under it."""
    return np.diff(offsets_of(cells))


def replaced(cells: pa.StringArray, pairs: Sequence[tuple[str, str]]) -> pa.StringArray:
    """The cells with every occurrence of some characters replaced, one pair after the other.

    Args:
        pairs: ASCII character, replacement.
    """
    data = bytes_of(cells)
    for old, new in pairs:
        if (data == ord(old)).any():
            cells = pc.replace_substring(cells, old, new)
    return cells


def chosen(where: np.ndarray, one: Piece, other: Piece) -> pa.StringArray:
    """``one`` where the mask is true, else ``other``."""
    return pc.if_else(pa.array(where), one, other)


def joined(*pieces: Piece) -> pa.StringArray:
    """The rows of the pieces, each an array or the same text for all rows; null where one of
    them is."""
    return pc.binary_join_element_wise(*pieces, "")


def rows_text(*pieces: Piece) -> memoryview:
    """The bytes of all rows, nulls left out; at least one piece must be an array."""
    rows = pc.binary_join_element_wise(*pieces, "", null_handling="replace", null_replacement="")
    return bytes_of(rows).data


def slices(columns: Sequence[pa.StringArray], most_bytes: int = SLICE_BYTES) -> Iterator[slice]:
    """The rows in pieces of about ``most_bytes`` of cells, each of one row at least."""
    count = len(columns[0])
    if not count:
        return
    ends = np.zeros(count, np.int64)
    for cells in columns:
        # A cell is some bytes even where it is empty: of its row's own making.
        ends += lengths_of(cells)
    ends = np.cumsum(ends + 16 * len(columns))
    start = 0
    while start < count:
        done = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, done + most_bytes, side="right"))
        stop = min(max(stop, start + 1), count)
        yield slice(start, stop)
        start = stop


def unwritable(
    table: Table, place: int, records: Records, row: int, why: str, then: str
) -> UsageError:
    """The error for a cell that the format cannot hold.

    Args:
        place: of the column.
        row: position in ``records``.
        why: what is wrong, after "holds ... ,"; then: what to do.
    """
    column = table.columns[place].name
    text = cells_of(table, records)[place][row].as_py()
    return UsageError(
        f"Table {table.name}, record {records.record[row].as_py():,}: column {column} holds "
        f"{mask(text)!r}, {why}. {then}"
    )
