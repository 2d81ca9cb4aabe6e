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
    rf'<c r="([A-Z]{{1,3}})(\d{{1,7}})"{_ATTRIBUTES}(?:/>|>({_FORMULA})?'
    rf"(?:{_V}([^<]*)</v>|(<v/>)|{_INLINE})?</c>)|</?row(?: [^<>]*)?>"
)
"""One cell in the plain manner: letters, row, attributes, formula, value, blank value, inline
text. Or a row's tag."""

GROUPS = 7


@dataclass(frozen=True)
class MouldColumn:
    """A column of the mould: its letters, and its attributes as written, None where they vary."""

    letters: str
    attributes: str | None


class Mould:
    """An expression for rows that are written alike."""

    def __init__(self, columns: list[MouldColumn], patterns: list[str]) -> None:
        self.columns = columns
        self._row = re.compile(r'<row r="(\d{1,7})"(?: [^<>]*)?>' + "".join(patterns) + "</row>")
        self._step = self._row.groups + 1

    def split(self, block: str) -> tuple[list[str], list[list[str | None]], list[str]]:
        """Row numbers, the groups column by column, and the pieces that are written otherwise."""
        parts = self._row.split(block)
        gaps = [gap for gap in parts[:: self._step] if gap and not gap.isspace()]
        groups = [parts[i :: self._step] for i in range(2, self._step)]
        return parts[1 :: self._step], groups, gaps


def learn(block: str) -> Mould | None:
    """The mould of most rows of a block; None where they are not written in the plain manner."""
    ways: dict[str, Counter[tuple[str, bool]]] = {}
    formulas: set[str] = set()
    for letters, _, attributes, formula, value, _, inline in CELL.findall(block):
        if letters:
            is_inline = "inlineStr" in attributes and (bool(inline) or not value)
            ways.setdefault(letters, Counter())[attributes, is_inline] += 1
            if formula:
                formulas.add(letters)
    if not ways:
        return None
    columns, patterns = [], []
    for letters in sorted(ways, key=lambda name: (len(name), name)):
        (attributes, is_inline), count = ways[letters].most_common(1)[0]
        varied = count < _VARIED * ways[letters].total()
        columns.append(MouldColumn(letters, None if varied else attributes))
        # Where a formula stands, a value must: one that was never computed has none.
        text = "([^<]+)" if letters in formulas else "([^<]*)"
        value = _INLINE if is_inline else f"{_V}{text}</v>"
        formula = f"(?:{_FORMULA})?" if letters in formulas else ""
        written = _ATTRIBUTES if varied else re.escape(attributes)
        full = f">{formula}{value}</c>"
        if varied or not _IS_TEXT.search(attributes):
            blank = "" if letters in formulas else "<v/>|"
            full = f"(?:/>|>(?:{blank}{formula}{value})?</c>)"
        # Else a text cell without a text must be told from no cell at all, which a group of the
        # expression cannot: that row is read cell by cell.
        patterns.append(rf'(?:<c r="{letters}\1"{written}{full})?')
    return Mould(columns, patterns)
