"""Records that are arrays: whether the first of them holds the names of the columns.

``[["id", "name"], [1, "Ann"], [2, "Bob"]]`` has a header where its first row is all names and
stands above what cannot be one; ``{"columns": ["id", "name"], "rows": [[1, "Ann"]]}`` has its
names beside the rows. Where the rows do not tell, the first one is a record, and a note says how
to say otherwise.
"""

from __future__ import annotations

from typing import Any

from ispmig_pipelines.formats.json.values import Number
from ispmig_pipelines.formats.shapes import EMPTY, TEXT, shape

NAMES_BESIDE = frozenset({"columns", "column_names", "columnnames", "header", "headers", "fields"})
"""Keys under which names stand beside rows that are arrays."""

_WEIGHED = 200


class RowsSeen:
    """What the rows of one array look like.

    Attributes:
        first: the cells of the first row, None where it is no array.
        count: how many records there are.
        arrays: how many of them are arrays.
        width: cells of the longest row but the first.
    """

    def __init__(self) -> None:
        self.first: list[Any] | None = None
        self.count = 0
        self.arrays = 0
        self.width = 0
        self._shapes: list[set[str]] = []

    def observe(self, value: Any) -> None:
        """Takes one more record into account."""
        self.count += 1
        if not isinstance(value, list):
            return
        self.arrays += 1
        if self.count == 1:
            self.first = value
            return
        self.width = max(self.width, len(value))
        if self.count > _WEIGHED:
            return
        while len(self._shapes) < len(value):
            self._shapes.append(set())
        for seen, cell in zip(self._shapes, value, strict=False):
            seen.add(_shape(cell))

    @property
    def all_arrays(self) -> bool:
        """Whether there are records, and all of them are arrays."""
        return self.arrays == self.count > 0

    def names(self) -> list[str] | None:
        """The first row, where it can be a header: different texts, none of them blank."""
        if self.first is None or not self.all_arrays or self.width > len(self.first):
            return None
        return names_of(self.first)

    def is_header(self) -> bool:
        """Whether the first row stands above what it cannot be one of."""
        names = self.names()
        return (
            names is not None
            and all(shape(name) == TEXT for name in names)
            and any(seen and not seen & {TEXT, ""} for seen in (s - {EMPTY} for s in self._shapes))
        )


FOUND = "the first record holds the names of the columns"
_UNDECIDED = (
    "the first record is read as a record; if it holds the names of the columns, say so in the "
    "spec (json: header: true)"
)


def header_of(rows: RowsSeen, said: bool | None) -> tuple[list[str] | None, str]:
    """The first row where it is the header, and what to tell.

    Args:
        said: what the spec says of it.
    """
    if rows.first is None or not rows.all_arrays or said is False:
        return None, ""
    if said or rows.is_header():
        return [cell if isinstance(cell, str) else "" for cell in rows.first], FOUND
    return None, _UNDECIDED if rows.names() is not None and rows.count > 1 else ""


def names_of(values: list[Any]) -> list[str] | None:
    """Values as names of columns; None where they cannot be."""
    if not all(isinstance(v, str) and not isinstance(v, Number) and v.strip() for v in values):
        return None
    return list(values) if values and len(set(values)) == len(values) else None


def _shape(cell: Any) -> str:
    if cell is None or cell == "":
        return EMPTY
    if isinstance(cell, bool):
        return "boolean"
    if isinstance(cell, Number):
        return "decimal"
    return shape(cell) if isinstance(cell, str) else ""
