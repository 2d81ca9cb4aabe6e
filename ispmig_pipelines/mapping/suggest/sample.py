# ruff: noqa: E501
"""The first records of a table, as far as suggestions look at them.

Distinct cells of every column with their counts: memory is bounded by the number of records that
are looked at, however long the table is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

NOTHING = frozenset(
    {"-", "--", "---", "n/a", "#n/a", "n.a.", "null", "(null)", "<null>", "none", "nil", "nan", "\\n",
     "0000-00-00", "0000-00-00 00:00:00", "00.00.0000", "00/00/0000", "k.a.", "s/d", "undefined"}
)  # fmt: skip
"""Cells that mean nothing wherever they stand, in lower case."""

MOST_RECORDS = 20_000
_WHOLE = 200
"""So many records are kept whole."""
_WHOLE_OF_NARROW = 5_000
_NARROW = 8
"""Of tables of so few columns, which may be lists of codes, more are."""
_MOST_CHARACTERS = 400
"""A longer cell is free text, and its beginning shows it."""


@dataclass(frozen=True)
class ColumnSample:
    """A column.

    Attributes:
        name: as the source writes it.
        counts: distinct trimmed cells that hold something → how often, in order of appearance.
        nothing: words that mean nothing, as written → how often.
        empty: cells that are NULL, empty or blank.
    """

    name: str
    counts: dict[str, int]
    nothing: dict[str, int] = field(default_factory=dict)
    empty: int = 0

    @cached_property
    def filled(self) -> int:
        """Cells that hold something."""
        return sum(self.counts.values())

    @cached_property
    def is_unique(self) -> bool:
        """No two cells are the same, but for a few rows that stand in an export twice."""
        return self.filled > 0 and len(self.counts) >= 0.97 * self.filled

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        return tuple(self.counts)

    def some(self, most: int = 400) -> dict[str, int]:
        """Distinct cells from all over the sample, with their counts."""
        step = max(len(self.counts) // most, 1)
        return {v: self.counts[v] for v in self.distinct[::step][:most]}


@dataclass(frozen=True)
class TableSample:
    """A table.

    Attributes:
        name: of the table, or of the file that holds it alone.
        columns: its columns, in order.
        records: how many were looked at.
        complete: they are all there are.
        dropped: columns that it has besides, which hold what verifies cards: no cell of theirs
            was looked at.
    """

    name: str
    columns: tuple[ColumnSample, ...]
    records: int
    complete: bool = True
    dropped: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    """The first few records, whole: what adds up does so in each of them."""
    made: tuple[ColumnSample, ...] = field(default=(), repr=False)
    """Columns that it has not, and that can be made of those that it has."""

    def column(self, name: str) -> ColumnSample:
        """The column of that name.

        Raises:
            KeyError: there is none.
        """
        for column in (*self.columns, *self.made):
            if column.name == name:
                return column
        raise KeyError(name)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def renamed(self, names: tuple[str, ...]) -> TableSample:
        """The same columns under other names."""
        columns = tuple(
            ColumnSample(name, c.counts, c.nothing, c.empty)
            for name, c in zip(names, self.columns, strict=True)
        )
        return TableSample(self.name, columns, self.records, self.complete, self.dropped, self.rows)


class Sampler:
    """Takes the first records of a table, batch by batch."""

    def __init__(
        self,
        name: str,
        columns: list[str],
        most: int = MOST_RECORDS,
        dropped: Sequence[str] = (),
    ) -> None:
        self._name = name
        self._counts: dict[str, Counter[str]] = {c: Counter() for c in columns}
        self._nothing: dict[str, Counter[str]] = {c: Counter() for c in columns}
        self._empty: Counter[str] = Counter()
        self._most = most
        self._whole = _WHOLE_OF_NARROW if len(columns) <= _NARROW else _WHOLE
        self._dropped = tuple(dropped)
        self._records = 0
        self._cut = False
        self._rows: list[tuple[str, ...]] = []

    @property
    def is_full(self) -> bool:
        """No more records are wanted."""
        return self._records >= self._most

    def add(self, cells: pa.RecordBatch) -> None:
        """Looks at a batch of cells: text columns, null for no cell."""
        if cells.num_rows > self._most - self._records:
            cells = cells.slice(0, self._most - self._records)
            self._cut = True
        self._records += cells.num_rows
        if len(self._rows) < self._whole:
            self._keep(cells.slice(0, self._whole - len(self._rows)))
        for name in self._counts:
            if name not in cells.schema.names:
                self._empty[name] += cells.num_rows
                continue
            short = pc.utf8_slice_codeunits(cells.column(name), 0, _MOST_CHARACTERS)
            trimmed = pc.fill_null(pc.utf8_trim_whitespace(short), "")
            counted = pc.value_counts(trimmed)
            for value, count in zip(
                counted.field("values").to_pylist(), counted.field("counts").to_pylist(),
                strict=True,
            ):  # fmt: skip
                if not value:
                    self._empty[name] += count
                elif value.lower() in NOTHING:
                    self._nothing[name][value] += count
                else:
                    self._counts[name][value] += count

    def _keep(self, cells: pa.RecordBatch) -> None:
        columns = [
            [(v or "")[:_MOST_CHARACTERS] for v in cells.column(name).to_pylist()]
            if name in cells.schema.names else [""] * cells.num_rows
            for name in self._counts
        ]  # fmt: skip
        self._rows += list(zip(*columns, strict=True))

    def stop(self) -> None:
        """There is more than was looked at."""
        self._cut = True

    def finish(self) -> TableSample:
        """What was seen."""
        columns = tuple(
            ColumnSample(name, dict(self._counts[name]), dict(self._nothing[name]),
                         self._empty[name])
            for name in self._counts
        )  # fmt: skip
        return TableSample(
            self._name, columns, self._records, not self._cut, self._dropped, tuple(self._rows)
        )
