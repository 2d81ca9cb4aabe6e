"""What stands at the beginning of a sheet: titles, parameters, groups of columns, the names.

The first row that names all columns, and has records below it that are unlike it, is the header.
Above it may stand titles (one cell), parameters (``Period | Jan 2024``), which are left out, and
names of groups of columns, which become part of the names below them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ispmig_pipelines.formats.csv.header import names_something
from ispmig_pipelines.formats.shapes import TEXT, shape

Cells = dict[int, str]
"""The cells of a row that hold something, by place."""

MOST_ROWS_ABOVE = 30
"""How far down a header is looked for below titles and parameters."""

_MOST_FULL = 2
"""Rows of parameters above a table that are as full as its header."""

_SELF_SPEAKING = 0.5
"""From which part of its cells on being words that name columns, a row is surely the header."""


@dataclass(frozen=True)
class Merge:
    """A merged range: rows from 1, columns from 0, both ends included."""

    first_row: int
    last_row: int
    first: int
    last: int


@dataclass(frozen=True)
class SheetRows:
    """The first rows of a sheet that hold something.

    Attributes:
        numbers: their numbers in the sheet.
        cells: their cells, as many as ``numbers``.
        merges: gives the sheet's merged ranges; asked for only where they tell something, since
            they may stand at the sheet's end.
    """

    numbers: list[int]
    cells: list[Cells]
    merges: Callable[[], tuple[Merge, ...]]

    def merged_across(self, place: int) -> dict[int, int]:
        """Last column of each range of a row that reaches over several columns, by its first."""
        number = self.numbers[place]
        return {
            m.first: m.last for m in self.merges() if m.first_row == number and m.last > m.first
        }

    def from_row(self, place: int) -> SheetRows:
        """The rows from that place on."""
        return SheetRows(self.numbers[place:], self.cells[place:], self.merges)


def find_heading(rows: SheetRows, is_header: Callable[[SheetRows], bool]) -> tuple[int, int]:
    """How many rows stand above the heading, and how many of groups above its row of names.

    Args:
        rows: from the sheet's first one.
        is_header: whether the first of the rows is plainly a header, by what stands below it.
    """
    usual = sorted(len(row) for row in rows.cells)[len(rows.cells) // 2]
    if usual < 2:
        return 0, 0
    for place in range(1, min(len(rows.cells), MOST_ROWS_ABOVE + 1)):
        if not _names_all(rows.cells[place], usual):
            continue
        start = place
        while start and is_group_row(rows, start - 1, above_names=start == place):
            start -= 1
        header = rows.cells[place]
        are_remarks = all(_is_remark(above, header, usual) for above in rows.cells[:start])
        if sum(_is_full(above, header, usual) for above in rows.cells[:start]) > _MOST_FULL:
            # Those are records, and what looks like a header is that of a further table.
            return 0, 0
        is_distinct = start < place or len(_names(rows.cells[place])) == len(rows.cells[place])
        if are_remarks and is_distinct and is_header(rows.from_row(place)):
            return start, place - start
    return 0, 0


def _names(row: Cells) -> set[str]:
    return {cell.strip().lower() for cell in row.values()}


def may_be_name(cell: str) -> bool:
    """Whether a cell may name a column: a text, also the one for a number (``No``)."""
    return shape(cell) == TEXT or cell.strip().lower() == "no"


def _names_all(row: Cells, usual: int) -> bool:
    return len(row) >= usual * 0.8 and all(may_be_name(cell) for cell in row.values())


def _is_remark(row: Cells, header: Cells, usual: int) -> bool:
    """Whether a row above a header is a title or a parameter."""
    if not _is_full(row, header, usual):
        return True
    # It is as full as the header: one of the two rows must speak for itself.
    share = _speaking(header)
    return share >= _SELF_SPEAKING and _speaking(row) < share / 2


def _is_full(row: Cells, header: Cells, usual: int) -> bool:
    first = min(min(row), min(header))
    at_beginning = len(row) < usual and row.keys() <= {first, first + 1}
    return len(row) > usual // 2 and not at_beginning


def _speaking(row: Cells) -> float:
    return sum(names_something(cell.strip()) for cell in row.values()) / len(row)


def is_group_row(rows: SheetRows, place: int, *, above_names: bool = True) -> bool:
    """Whether a row names groups of the columns that the row below it names.

    Merged cells tell; without any, repeated names do, below (``amount | amount``) or above
    (``Billing | Billing``), and gaps that the names of groups reach over. ``above_names``: the
    row below is the one that names the columns, and not one of groups itself.
    """
    if rows.numbers[place + 1] != rows.numbers[place] + 1:
        return False
    row, below = rows.cells[place], rows.cells[place + 1]
    if any(cell.strip().endswith(":") for cell in row.values()):
        return False
    left = min(min(row), min(below))
    right = max(max(row), max(below))
    is_full = all(i in row for i in range(left, right + 1))
    across = {} if is_full else rows.merged_across(place)
    if across:
        covered = {i for first, last in across.items() for i in range(first, last + 1)}
        covered |= row.keys()
        # A title is merged too: over the whole table, or over its beginning.
        begins = left in row and len(covered) * 2 < right - left + 1
        alone = len(row) == 1 and (left in row or len(covered) >= 0.8 * (right - left + 1))
        return not (begins or alone)
    if len(row) < 2:
        return False
    if above_names and len(_names(below)) < len(below):
        return True
    neighbours = [row[i] == row.get(i + 1) for i in row]
    if any(neighbours):
        return True
    blank_below = set(range(left, right + 1)) - below.keys()
    if above_names and not is_full and blank_below and blank_below <= row.keys():
        return True
    return not is_full and _reaches(row, right)


def _reaches(row: Cells, right: int) -> bool:
    """Whether the cells stand apart as names of groups do: neither as pairs of a key and its
    value, nor all at the beginning of the row."""
    places = sorted(row)
    runs: list[int] = []
    for before, place in zip([-2, *places], places, strict=False):
        if place == before + 1:
            runs[-1] += 1
        else:
            runs.append(1)
    gaps = [b - a - 1 for a, b in pairwise(places)]
    are_pairs = all(run == 2 for run in runs)
    return max(gaps) > 0 and not are_pairs and right - places[-1] <= max(gaps)


def rows_by_merges(rows: SheetRows, is_header: Callable[[SheetRows], bool]) -> int:
    """How many rows the header has by merged ranges that begin in its first row; at least 1.

    ``is_header``: as for :func:`find_heading`.
    """
    row = rows.cells[0]
    if all(i in row for i in range(min(row), max(row) + 1)) and len(rows.cells) > 1:
        below = rows.cells[1]
        if min(below) >= min(row) and max(below) <= max(row):
            return 1
    count = 1
    while count < min(4, len(rows.cells)) and rows.numbers[count] == rows.numbers[0] + count:
        number = rows.numbers[count - 1]
        reaches = any(
            m.first_row <= number < m.last_row and m.first_row >= rows.numbers[0]
            for m in rows.merges()
        )
        groups = rows.merged_across(count - 1) and is_group_row(rows, count - 1)
        if not (reaches or (groups and is_header(rows.from_row(count)))):
            break
        count += 1
    return count


def joined_names(rows: SheetRows, low: int, high: int) -> list[str]:
    """One name for each column from the rows of a header, top to bottom.

    A cell of an upper row reaches over its merged range, or, where the row has none, over the
    blank ones to its right.
    """
    *upper, last = [
        [cells.get(i, "").strip() for i in range(low, high + 1)] for cells in rows.cells
    ]
    names = last
    for place, row in reversed(list(enumerate(upper))):
        is_full = all(row)
        across = {} if is_full else rows.merged_across(place)
        reach = -1
        above = ""
        for i, cell in enumerate(row):
            if cell:
                above = cell
                reach = across.get(low + i, low + i) - low if across else len(row)
            if above and i <= reach and above not in names[i]:
                names[i] = f"{above} {names[i]}".strip()
    return names
