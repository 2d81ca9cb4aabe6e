"""How a column writes its values, where the spec does not say it: settled by all of its cells.

Before anything is mapped the whole column is looked at. A cell with one reading is read so. A
cell with several that differ (``02/03/2019``, ``1,234``) is settled by the others: the one
reading that fits every cell that any reading fits. If several do, or none, nobody can know, and
the person who wrote the spec is asked (:class:`Question`).

A cell that no reading fits says nothing here; it becomes an issue when it is mapped. Neither does
a cell that all readings read alike. Dates outside of the years 1900 to 2100 are no evidence.

What is kept is counts and a few positions, however many records there are; neither the order of
the batches nor their size matters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.issues import mask
from ispmig_pipelines.mapping.convert import converter
from ispmig_pipelines.mapping.convert.date_format import ORDERS, WRITTEN
from ispmig_pipelines.mapping.convert.date_iso import read_iso, read_layouts
from ispmig_pipelines.mapping.convert.date_order import written
from ispmig_pipelines.mapping.convert.date_time import USUAL_SERIALS
from ispmig_pipelines.mapping.convert.date_words import in_plain_words
from ispmig_pipelines.mapping.convert.moments import DAY, nothing_read
from ispmig_pipelines.mapping.convert.number import decimal_converter
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.mapping.text_bytes import has_byte
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

EXAMPLES = 3
"""Positions that are kept of every kind of cell: the first ones."""

_PLAUSIBLE = (-25_567 * DAY, 47_847 * DAY)
"""1900-01-01 up to, and without, 2101-01-01."""

_OPEN_ENDS = ((375_835 * DAY, 376_200 * DAY), (2_932_532 * DAY, 2_932_897 * DAY))
"""The years 2999 and 9999, which stand for no end: ``31/12/9999`` is written with the day first as
surely as any other day."""


@dataclass(frozen=True)
class Settled:
    """What a column's cells settle; "" and nothing where they settle nothing.

    Attributes:
        date_formats: names of :data:`~ispmig_pipelines.mapping.convert.date_format.NAMED`.
        decimal_mark, thousands_mark: of numbers.
    """

    date_formats: tuple[str, ...] = ()
    decimal_mark: str = ""
    thousands_mark: str = ""

    def applied(self, style: Style) -> Style:
        """The style of a column for which the evidence was taken."""
        return replace(
            style,
            date_formats=self.date_formats or style.date_formats,
            usual_serials=bool(self.date_formats) or style.usual_serials,
            decimal_mark=self.decimal_mark or style.decimal_mark,
            thousands_mark=self.thousands_mark or style.thousands_mark,
        )

    @property
    def in_words(self) -> str:
        """``DD/MM/YYYY``, or ``decimal mark ","``; "" where it is as the platform itself writes."""
        told = [WRITTEN.get(form, form) for form in self.date_formats if form != "iso"]
        told += [f'decimal mark "{self.decimal_mark}"'] if self.decimal_mark == "," else []
        return ", ".join(told)

    def as_json(self) -> dict[str, Any]:
        """As an object of JSON."""
        return {**asdict(self), "date_formats": list(self.date_formats)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settled:
        """What :meth:`as_json` gave."""
        return cls(**{**data, "date_formats": tuple(data.get("date_formats", ()))})


@dataclass(frozen=True, order=True)
class Example:
    """Where a cell stands, and its shape (never its content)."""

    file: str
    record: int
    shown: str

    def __str__(self) -> str:
        return f"record {self.record:,} of {self.file} ({self.shown})"


@dataclass(frozen=True)
class Side:
    """Cells that speak for a reading, or for none.

    Attributes:
        reading: as people write it: ``DD/MM/YYYY``, ``1234.50``; "" for the cells that several
            readings read differently.
        cells: how many.
        examples: the first of them.
    """

    reading: str
    cells: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Question:
    """What a column's cells leave open.

    Attributes:
        readings: the readings between which nothing decides, as people write them.
        ambiguous: the cells that these read differently.
        sides: per reading the cells that it reads and another does not; they contradict each
            other, or there are none.
        line: the line to add to the field in the spec, with the other choices as a comment.
    """

    readings: tuple[str, ...]
    ambiguous: Side
    sides: tuple[Side, ...]
    line: str

    @property
    def contradicts_itself(self) -> bool:
        """Some cells can only be read in one way, and others only in another."""
        return len(self.sides) > 1

    def __str__(self) -> str:
        """In words: what stands where, and what to write. Begins with "holds …"."""
        ways = " and as ".join(self.readings)
        text = (
            f"holds {_cells(self.ambiguous.cells)} that can be read as {ways}, and mean something "
            f"else each time: {_listed(self.ambiguous.examples)}"
        )
        if self.contradicts_itself:
            only = "; ".join(
                f"{_cells(side.cells)} only as {side.reading}, such as {_listed(side.examples[:1])}"
                for side in self.sides
            )
            text += f". Its other cells contradict each other: {only}"
        else:
            text += ". No cell decides between them"
        return f"{text}. Add to the field: {self.line}"


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count:,} cells"


def _listed(examples: tuple[Example, ...]) -> str:
    return ", ".join(map(str, examples))


class _Tally:
    """Cells of one kind: how many, and the first of them by file and record."""

    def __init__(self) -> None:
        self.cells = 0
        self.examples: list[Example] = []

    def add(self, texts: pa.StringArray, rows: np.ndarray, record: np.ndarray, file: str) -> None:
        if rows.size == 0:
            return
        self.cells += rows.size
        numbers = record[rows]
        if len(self.examples) == EXAMPLES:
            last = self.examples[-1]
            later = numbers.min() > last.record if file == last.file else file > last.file
            if later:
                return
        few = min(EXAMPLES, rows.size)
        first = rows[np.argpartition(numbers, few - 1)[:few]]
        found = [Example(file, int(record[row]), mask(texts[row].as_py())) for row in first]
        self.examples = sorted({*self.examples, *found})[:EXAMPLES]

    def side(self, reading: str) -> Side:
        return Side(reading, self.cells, tuple(self.examples))


def _together(tallies: list[_Tally]) -> _Tally:
    whole = _Tally()
    whole.cells = sum(tally.cells for tally in tallies)
    whole.examples = sorted({e for tally in tallies for e in tally.examples})[:EXAMPLES]
    return whole


class Evidence(ABC):
    """What one column of a field says about how it writes its values."""

    @staticmethod
    def for_field(info: FieldInfo, style: Style) -> Evidence | None:
        """Evidence for a column of the field; None where there is nothing to settle.

        ``style``: what the spec says of the column.
        """
        if info.type in (FieldType.DATE, FieldType.TIMESTAMP):
            return None if style.date_formats else _Dates(style.country)
        if info.type in _NUMBERS and not (style.decimal_mark or style.thousands_mark):
            return _Numbers(info, style)
        return None

    def add(self, texts: pa.StringArray, record: pa.Int64Array, file: str) -> None:
        """Looks at a batch: cells as the conversion would get them, null where there is nothing.

        Args:
            record: the number of each one's record in its file.
            file: what people call the file.
        """
        numbers = record.to_numpy(zero_copy_only=False)
        if texts.null_count:
            present = pc.is_valid(texts)
            numbers = numbers[present.to_numpy(zero_copy_only=False)]
            texts = texts.filter(present)
        if len(texts):
            self._look(texts, numbers, file)

    @abstractmethod
    def settle(self) -> Settled | Question | None:
        """What all cells together say; None: nothing needs to be settled."""

    @abstractmethod
    def cells_for(self, settled: Settled) -> int:
        """How many cells decided for what was settled; 0 where nothing had to be decided."""

    @abstractmethod
    def _look(self, texts: pa.StringArray, record: np.ndarray, file: str) -> None:
        """Looks at cells that hold something."""


class _Dates(Evidence):
    """Dates and times: between orders of day, month and year, and serial numbers."""

    def __init__(self, country: str) -> None:
        self._country = country
        self._iso = False
        self._serials: set[str] = set()
        # (orders that read the cell, pairs of them that read it differently) → cells
        self._kinds: dict[tuple[int, int], _Tally] = {}

    def _look(self, texts: pa.StringArray, record: np.ndarray, file: str) -> None:
        # Most columns are in the usual layouts of ISO 8601 wholly, or in none of them.
        usual = nothing_read(len(texts))
        read_layouts(texts, usual)
        if usual.ok.any():
            self._iso |= bool(_is_plausible(usual.micros[usual.ok]).any())
            if usual.ok.all():
                return
            rest = ~usual.ok
            texts, record = texts.filter(pa.array(rest)), record[rest]
        encoded = pc.dictionary_encode(texts)
        words: pa.StringArray = encoded.dictionary
        iso = read_iso(words)
        plausible = _is_plausible(iso.micros)
        self._iso |= bool((iso.ok & plausible).any())
        if iso.ok.all():
            return
        open_ = ~iso.ok
        for name, pattern in USUAL_SERIALS.items():
            is_serial = pc.match_substring_regex(words, pattern).to_numpy(zero_copy_only=False)
            if (is_serial & open_).any():
                self._serials.add(name)
                open_ &= ~is_serial
        rest = np.flatnonzero(open_)
        if rest.size == 0:
            return
        kinds = np.zeros(len(words), dtype=np.int64)
        kinds[rest] = _date_kinds(words.take(pa.array(rest)))
        left = rest[kinds[rest] == 0]
        in_words, anew, _ = in_plain_words(words.take(pa.array(left)), self._country)
        if in_words.size:
            kinds[left[in_words]] = _date_kinds(anew)
        of_cells = kinds[encoded.indices.to_numpy(zero_copy_only=False)]
        for kind in np.unique(kinds[rest]).tolist():
            if kind:
                tally = self._kinds.setdefault((kind & 7, kind >> 3), _Tally())
                tally.add(texts, np.flatnonzero(of_cells == kind), record, file)

    def settle(self) -> Settled | Question | None:
        serials = tuple(name for name in USUAL_SERIALS if name in self._serials)
        if not self._kinds:
            iso = ("iso",) * self._iso
            return Settled(date_formats=iso + serials) if serials else None
        fitting = [o for o in ORDERS if all(kind & _bit(o) for kind, _ in self._kinds)]
        if fitting and not self._differing(fitting):
            return Settled(date_formats=(fitting[0], *serials))
        if not fitting and not self._differing(ORDERS):
            return Settled(date_formats=(*self._needed(), *serials))
        return self._question(fitting)

    def cells_for(self, settled: Settled) -> int:
        chosen = [order for order in settled.date_formats if order in ORDERS]
        if not chosen:
            return 0
        rivals = 0
        for other in ORDERS:
            if len(chosen) == 1 and other not in chosen:
                pair = _pair_bit(chosen[0], other)
                rivals |= _bit(other) * any(differ & pair for _, differ in self._kinds)
        kinds = [(kind & rivals, tally.cells) for (kind, _), tally in self._kinds.items()]
        # No rival reads them; else, each speaks against one of them.
        alone = sum(cells for read_by, cells in kinds if not read_by)
        return alone or sum(cells for read_by, cells in kinds if read_by != rivals)

    def _differing(self, orders: tuple[str, ...] | list[str]) -> list[_Tally]:
        """The cells that two of the orders read differently."""
        pairs = sum(_pair_bit(a, b) for a, b in combinations(orders, 2))
        return [tally for (_, differ), tally in self._kinds.items() if differ & pairs]

    def _needed(self) -> tuple[str, ...]:
        """The fewest orders by which every cell is read."""
        needed = list(ORDERS)
        for order in reversed(ORDERS):
            others = sum(_bit(o) for o in needed if o != order)
            if all(kind & others for kind, _ in self._kinds):
                needed.remove(order)
        return tuple(needed)

    def _question(self, fitting: list[str]) -> Question:
        between = fitting or list(ORDERS)
        differing = sum(_pair_bit(a, b) for a, b in combinations(between, 2))
        asked = [
            order
            for order in between
            if any(
                differ & differing & _pair_bit(order, other)
                for _, differ in self._kinds
                for other in between
                if other != order
            )
        ]
        sides = []
        for order in asked:
            mine = [
                tally
                for (kind, _), tally in self._kinds.items()
                if kind & _bit(order) and not any(kind & _bit(o) for o in asked if o != order)
            ]
            if mine and not fitting:
                sides.append(_together(mine).side(WRITTEN_SHORT[order]))
        first, *others = asked
        return Question(
            readings=tuple(WRITTEN_SHORT[order] for order in asked),
            ambiguous=_together(self._differing(asked)).side(""),
            sides=tuple(sides),
            line=f"date_format: {first}  # {WRITTEN_SHORT[first]}; or "
            + ", or ".join(f"{other} for {WRITTEN_SHORT[other]}" for other in others),
        )


WRITTEN_SHORT = {**WRITTEN, "ymd": "YY/MM/DD"}
"""How the orders are told to people, where a year in front is not of four digits."""


def _bit(order: str) -> int:
    return 1 << ORDERS.index(order)


_PAIRS = tuple(combinations(ORDERS, 2))


def _pair_bit(one: str, other: str) -> int:
    pair = (one, other) if (one, other) in _PAIRS else (other, one)
    return 1 << _PAIRS.index(pair)


def _is_plausible(micros: np.ndarray) -> np.ndarray:
    plausible: np.ndarray = (micros >= _PLAUSIBLE[0]) & (micros < _PLAUSIBLE[1])
    for begin, end in _OPEN_ENDS:
        plausible |= (micros >= begin) & (micros < end)
    return plausible


def _date_kinds(words: pa.StringArray) -> np.ndarray:
    """Per word: which orders read it (bits 0 to 2), which pairs of them differ (bits 3 to 5)."""
    found = written(words)
    reads = {order: found.read(order) for order in ORDERS}
    kinds = np.zeros(len(words), dtype=np.int64)
    for order, read in reads.items():
        read.ok &= _is_plausible(read.micros)
        kinds |= np.where(read.ok, _bit(order), 0)
    for one, other in _PAIRS:
        both = reads[one].ok & reads[other].ok
        differ = both & (reads[one].micros != reads[other].micros)
        kinds |= np.where(differ, _pair_bit(one, other) << 3, 0)
    return kinds


_NUMBERS = frozenset({FieldType.MONEY, FieldType.QUANTITY, FieldType.INTEGER, FieldType.DATA_RATE})
"""Fields whose numbers may have marks between groups of three. Shares and coordinates have none,
so that a point and a comma say the same there."""

# Three decimals may be a group of three, but after a zero or four digits.
_PLAIN_POINT = r"^-?(?:[0-9]+\.(?:[0-9]{1,2}|[0-9]{4})|(?:0|[0-9]{4,})\.[0-9]{3})$"
_UNIT = r"[A-Za-z/ ]+$"


class _Numbers(Evidence):
    """Numbers: between a decimal point and a decimal comma.

    Whole numbers are looked at as numbers first: that ``1,5`` cannot be kept does not make its
    comma less of a decimal mark. Only where no cell decides is it asked which of two readings the
    field could hold.
    """

    def __init__(self, info: FieldInfo, style: Style) -> None:
        by_mark = [replace(style, decimal_mark=mark) for mark in ".,"]
        self._as_numbers = [
            decimal_converter(_ANY_NUMBER, one, "a number", grouping=True, credit=-1)
            for one in by_mark
        ]
        self._as_values = [converter(info, one) for one in by_mark]
        self._has_unit = info.type is FieldType.DATA_RATE or bool(info.unit)
        self._only = (_Tally(), _Tally())
        self._differ = _Tally()
        # Of the cells that differ: the ones that only one reading fits into the field.
        self._fit_only = [0, 0]

    def _look(self, texts: pa.StringArray, record: np.ndarray, file: str) -> None:
        if not has_byte(texts, ".", ","):
            return
        plain = pc.match_substring_regex(texts, _PLAIN_POINT).to_numpy(zero_copy_only=False)
        self._only[0].add(texts, np.flatnonzero(plain), record, file)
        rows = np.flatnonzero(~plain)
        marked = pc.match_substring_regex(texts.take(pa.array(rows)), "[.,]")
        rows = rows[marked.to_numpy(zero_copy_only=False)]
        if rows.size == 0:
            return
        encoded = pc.dictionary_encode(texts.take(pa.array(rows)))
        words: pa.StringArray = encoded.dictionary
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        bare = pc.replace_substring_regex(words, _UNIT, "") if self._has_unit else words
        point, comma = (convert(bare).values for convert in self._as_numbers)
        by_point, by_comma = (_is_there(values) for values in (point, comma))
        differ = pc.fill_null(pc.not_equal(point, comma), False).to_numpy(zero_copy_only=False)
        for tally, of_words in (
            (self._only[0], by_point & ~by_comma),
            (self._only[1], by_comma & ~by_point),
            (self._differ, differ),
        ):
            tally.add(texts, rows[of_words[indices]], record, file)
        if differ.any():
            fits = [_is_there(convert(words).values) for convert in self._as_values]
            for side, alone in enumerate((fits[0] & ~fits[1], fits[1] & ~fits[0])):
                self._fit_only[side] += int((alone & differ)[indices].sum())

    def settle(self) -> Settled | Question | None:
        if not self._differ.cells:
            return None
        point, comma = (tally.cells for tally in self._only)
        if not point and not comma:
            point, comma = (n * (n == self._differ.cells) for n in self._fit_only)
        if bool(point) != bool(comma):
            return Settled(decimal_mark="." if point else ",")
        return Question(
            readings=_SAID,
            ambiguous=self._differ.side(""),
            sides=tuple(
                tally.side(said)
                for tally, said in zip(self._only, _SAID, strict=True)
                if tally.cells
            ),
            line='decimal_mark: "."  # or ","',
        )

    def cells_for(self, settled: Settled) -> int:
        side = 0 if settled.decimal_mark == "." else 1
        return self._only[side].cells or self._fit_only[side]


_ANY_NUMBER = pa.decimal128(38, 12)
_SAID = ("a number with a decimal point", "one with a decimal comma")


def _is_there(values: pa.Array) -> np.ndarray:
    there: np.ndarray = pc.is_valid(values).to_numpy(zero_copy_only=False)
    return there
