"""Rows of a sheet, as every spreadsheet format hands them over, and what stands for no value."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

MOST_COLUMNS = 18_278
"""Columns that three letters can name; spreadsheet programs stop at 16,384 (XFD)."""

ERROR_CODES = frozenset(
    [
        "#NULL!",
        "#DIV/0!",
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#NUM!",
        "#N/A",
        "#GETTING_DATA",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#UNKNOWN!",
        "#CONNECT!",
        "#BUSY!",
        "#EXTERNAL!",
        "#PYTHON!",
    ]
)
"""What stands in a cell in place of a value that could not be computed."""

BINARY_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
"""The same, as the binary formats number them ([MS-XLS] 2.5.10, BErr)."""

UNCOMPUTED = "a formula that was never computed"
"""A formula without its last value, as programs leave it that write formulas and compute none."""

NO_TEXT = "a text that the workbook does not have"
TWICE = "a second value"
NO_CODE = "an error"


@dataclass
class Grid:
    """Some rows of a sheet.

    Attributes:
        rows: their numbers, from 1, ascending; rows without a cell are left out. A number
            stands twice where the file has two rows of it.
        columns: by place, from 0, the texts of the rows (null: empty).
        errors: place in ``rows``, column, and what stands there in place of a value.
        done: how far the sheet was read so far, in the unit of its source.
    """

    rows: np.ndarray
    columns: dict[int, pa.StringArray]
    errors: list[tuple[int, int, str]] = field(default_factory=list)
    done: int = 0


class GridBuilder:
    """Gathers rows one by one, for formats that are read record by record."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._columns: dict[int, list[str | None]] = {}
        self._errors: list[tuple[int, int, str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, number: int, cells: dict[int, str], errors: dict[int, str]) -> None:
        """A further row: its number from 1, its texts by place, and its errors by place."""
        position = len(self._rows)
        self._rows.append(number)
        for place, text in cells.items():
            column = self._columns.get(place)
            if column is None:
                column = self._columns[place] = []
            if len(column) < position:
                column.extend([None] * (position - len(column)))
            column.append(text)
        self._errors.extend((position, place, what) for place, what in errors.items())

    def take(self, done: int) -> Grid:
        """What was gathered; the builder is empty afterwards."""
        size = len(self._rows)
        columns = {
            place: pa.array(column + [None] * (size - len(column)), pa.string())
            for place, column in self._columns.items()
        }
        grid = Grid(np.array(self._rows, np.int64), columns, self._errors, done)
        self._rows, self._columns, self._errors = [], {}, []
        return grid
