"""Where a further table begins in a sheet, below blank rows: its rows are none of the first's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ispmig_pipelines.formats.shapes import TEXT, shape
from ispmig_pipelines.formats.spreadsheet.grid import Grid
from ispmig_pipelines.formats.spreadsheet.heading import Cells, may_be_name

FOLLOWING = 8
"""How many rows below what may be a header are looked at."""

_TYPED = 300
_MOST_LOOKS = 2_000


@dataclass(frozen=True)
class FurtherTable:
    """A further table of a sheet.

    Attributes:
        first, last: its first and last column, from 0.
        alike: it has as many columns as the first table, in the same places, so that its rows
            cannot be told from records.
    """

    first: int
    last: int
    alike: bool

    @property
    def width(self) -> int:
        """How many columns it has."""
        return self.last - self.first + 1


def further_table(
    names: Cells, before: Sequence[Cells], numbers: Sequence[int], rows: Sequence[Cells]
) -> FurtherTable | None:
    """The table that begins with the first of the rows, if one does.

    It has a header of its own: texts that are no names of the first table, where that has
    numbers or dates, or above numbers or dates. A title of one cell may stand above it.

    Args:
        names: of the first table's columns, by place.
        before: records of the first table.
        numbers, rows: some rows that follow each other, the first one below blank rows.
    """
    begin = 1 if len(rows) > 1 and len(rows[0]) == 1 else 0
    header, following = rows[begin], _contiguous(numbers[begin:], rows[begin + 1 :])
    if len(header) < 2 or not following or not before:
        return None
    if not all(may_be_name(cell) for cell in header.values()):
        return None
    if len({cell.strip().lower() for cell in header.values()}) < len(header):
        return None
    same = sum(names.get(i, "").lower() == cell.strip().lower() for i, cell in header.items())
    if same * 2 > len(header):
        return None
    first, last = min(header), max(header)
    # A row may hold nothing but an error, which is no cell.
    if any(row and (min(row) < first or max(row) > last) for row in following):
        return None
    above = any(_is_typed(before, i) for i in header)
    below = any(_is_typed(following, i) for i in header)
    if not (above or below):
        return None
    usual = {i for i in names if sum(i in row for row in before) * 2 >= len(before)}
    is_narrower = any(not first <= i <= last for i in usual)
    is_wider = not header.keys() <= names.keys()
    if is_narrower or is_wider:
        return FurtherTable(first, last, alike=last - first + 1 == len(names))
    # A record of nothing but texts is no header where all its fellows are as full as it.
    return FurtherTable(first, last, alike=True) if above and below else None


def _contiguous(numbers: Sequence[int], rows: Sequence[Cells]) -> list[Cells]:
    following = []
    for at, row in enumerate(rows[:FOLLOWING], 1):
        if numbers[at] != numbers[at - 1] + 1:
            break
        following.append(row)
    return following


def _is_typed(rows: Sequence[Cells], place: int) -> bool:
    cells = [row[place] for row in rows if place in row]
    return bool(cells) and sum(shape(cell) != TEXT for cell in cells) >= 0.8 * len(cells)


def cells_at(grid: Grid, positions: Sequence[int]) -> list[Cells]:
    """Some rows of a grid: the cells that hold something."""
    rows: list[Cells] = []
    for position in positions:
        cells = {place: column[position].as_py() for place, column in grid.columns.items()}
        rows.append({i: text for i, text in sorted(cells.items()) if text and text.strip()})
    return rows


class FurtherRows:
    """Tells, grid by grid, the rows of further tables from those of the first."""

    def __init__(self, names: Cells) -> None:
        """``names``: of the first table's columns, by place."""
        self._names = names
        self._before: list[Cells] = []
        self._last = 0
        self._looks = 0
        self._inside: FurtherTable | None = None
        self.notes: list[str] = []

    def found(self, grid: Grid, kept: np.ndarray) -> dict[int, FurtherTable]:
        """Places of the rows, among those that are kept, that belong to a further table."""
        positions = np.flatnonzero(kept)
        if not positions.size:
            return {}
        numbers = grid.rows[positions]
        gaps = np.flatnonzero(np.diff(numbers, prepend=self._last or numbers[0]) > 1)
        self._last = int(numbers[-1])
        if len(self._before) < _TYPED and not self._inside:
            until = int(gaps[0]) if gaps.size else positions.size
            until = min(until, _TYPED - len(self._before))
            self._before += cells_at(grid, positions[:until].tolist())
        belonging: dict[int, FurtherTable] = {}
        at = 0
        for gap in [*gaps.tolist(), positions.size]:
            self._inside = self._within(grid, positions[at:gap].tolist(), belonging)
            at = gap
            if gap < positions.size and self._looks < _MOST_LOOKS:
                self._look(grid, positions, numbers, gap)
        return belonging

    def _look(self, grid: Grid, positions: np.ndarray, numbers: np.ndarray, gap: int) -> None:
        self._looks += 1
        [first] = cells_at(grid, [int(positions[gap])])
        if not all(may_be_name(cell) for cell in first.values()):
            return
        if any(position == positions[gap] for position, _, _ in grid.errors):
            return
        taken = positions[gap : gap + FOLLOWING + 2].tolist()
        rows = cells_at(grid, taken)
        table = further_table(self._names, self._before, grid.rows[taken].tolist(), rows)
        if table is None:
            return
        number = int(numbers[gap])
        if table.alike:
            self.notes.append(
                f"row {number:,}, below blank rows, looks like the beginning of another table of "
                "as many columns; its rows are read as records. Put it into a sheet of its own"
            )
            return
        self._inside = table
        self.notes.append(
            f"from row {number:,} on, below blank rows, stands another table, of {table.width} "
            "columns; its rows are rejected. Put it into a sheet of its own to read them"
        )

    def _within(
        self, grid: Grid, positions: list[int], belonging: dict[int, FurtherTable]
    ) -> FurtherTable | None:
        """The rows until the next blank one, as long as they fit the further table."""
        table = self._inside
        if table is None:
            return None
        taken = pa.array(positions, pa.int64())
        outside = np.zeros(len(positions), dtype=bool)
        for place, column in grid.columns.items():
            if not table.first <= place <= table.last:
                texts = column.take(taken).to_pylist()
                outside |= np.array([bool(text and text.strip()) for text in texts], dtype=bool)
        for position, is_outside in zip(positions, outside, strict=True):
            if is_outside:
                return None
            belonging[position] = table
        return table
