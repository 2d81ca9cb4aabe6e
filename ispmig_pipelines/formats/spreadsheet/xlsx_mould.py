"""The rows of an XLSX sheet that are written alike, read by one expression for the whole row.

A sheet's columns hold one kind of cell each, so most rows differ in nothing but their numbers
and values. An expression made from some rows (the mould) takes the values out of all that are
like them, three times faster than cell by cell; the others are handed back.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_VARIED = 0.98
"""A column whose commonest way of writing is rarer than this is captured with its attributes."""

_FORMULA = r"<f(?:/>| [^<>]*/>|(?: [^<>]*)?>[^<]*</f>)"
_V = r'<v(?: xml:space="preserve")?>'
_INLINE = r'<is><t(?: xml:space="preserve")?>([^<]*)</t></is>'
_IS_TEXT = re.compile(r' t="(?:s|str|inlineStr|d|e)"')
_ATTRIBUTES = r'((?: [a-z]+="[^"<>]*")*)'

CELL = re.compile(
    rf'<c(?: r="([A-Z]{{1,3}})(\d{{1,7}})")?{_ATTRIBUTES}(?:/>|>({_FORMULA})?'
    rf"(?:{_V}([^<]*)</v>|(<v/>)|{_INLINE})?</c>)|(<row(?: [^<>]*)?>)|</row>"
)
"""One cell in the plain manner: letters, row, attributes, formula, value, blank value, inline
text. Or a row's tag, or its end."""

GROUPS = 8

_BETWEEN = re.compile(r">\s+<(?!/[tvf]>)")


def unindented(block: str) -> str:
    """A block without the white space between its tags; that of a text of nothing else stays."""
    return _BETWEEN.sub("><", block)


def place_of(letters: str) -> int:
    """The place of a column, from 0, by its letters."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


@dataclass(frozen=True)
class MouldColumn:
    """A column of the mould: its place, and its attributes as written, None where they vary."""

    place: int
    attributes: str | None


class Mould:
    """An expression for rows that are written alike.

    Attributes:
        named: its cells say where they stand; else each row has a cell for each place.
    """

    def __init__(self, columns: list[MouldColumn], patterns: list[str], *, named: bool) -> None:
        self.columns = columns
        self.named = named
        row = r'<row r="(\d{1,7})"' if named else r'<row(?: r="(\d{1,7})")?'
        self._row = re.compile(row + r"(?: [^<>]*)?>" + "".join(patterns) + "</row>")
        self._step = self._row.groups + 1

    def split(self, block: str) -> tuple[list[str | None], list[list[str | None]], list[str]]:
        """Row numbers, the groups column by column, and the pieces that are written otherwise."""
        parts = self._row.split(block)
        gaps = [gap for gap in parts[:: self._step] if gap and not gap.isspace()]
        groups = [parts[i :: self._step] for i in range(2, self._step)]
        return parts[1 :: self._step], groups, gaps


@dataclass
class _Ways:
    """How the cells of a column are written, and how often each way."""

    counts: Counter[tuple[str, bool]]
    letters: str = ""
    has_formulas: bool = False


def learn(block: str) -> Mould | None:
    """The mould of most rows of a block; None where they are not written in the plain manner."""
    ways: dict[int, _Ways] = {}
    named: set[bool] = set()
    place = -1
    for letters, _, attributes, formula, value, blank, inline, row in CELL.findall(block):
        if row:
            place = -1
        elif letters or attributes or formula or value or blank or inline:
            place = place_of(letters) if letters else place + 1
            named.add(bool(letters))
            is_inline = "inlineStr" in attributes and (bool(inline) or not value)
            way = ways.setdefault(place, _Ways(Counter(), letters))
            way.counts[attributes, is_inline] += 1
            way.has_formulas = way.has_formulas or bool(formula)
    if len(named) != 1:
        return None
    columns, patterns = [], []
    for place, way in sorted(ways.items()):
        (attributes, is_inline), count = way.counts.most_common(1)[0]
        varied = count < _VARIED * way.counts.total()
        columns.append(MouldColumn(place, None if varied else attributes))
        # Where a formula stands, a value must: one that was never computed has none.
        text = "([^<]+)" if way.has_formulas else "([^<]*)"
        value = _INLINE if is_inline else f"{_V}{text}</v>"
        formula = f"(?:{_FORMULA})?" if way.has_formulas else ""
        written = _ATTRIBUTES if varied else re.escape(attributes)
        full = f">{formula}{value}</c>"
        if varied or not _IS_TEXT.search(attributes):
            blank = "" if way.has_formulas else "<v/>|"
            full = f"(?:/>|>(?:{blank}{formula}{value})?</c>)"
        # Else a text cell without a text must be told from no cell at all, which a group of the
        # expression cannot: that row is read cell by cell.
        if way.letters:
            patterns.append(rf'(?:<c r="{way.letters}\1"{written}{full})?')
        else:
            patterns.append(f"<c{written}{full}")
    return Mould(columns, patterns, named=True in named)
