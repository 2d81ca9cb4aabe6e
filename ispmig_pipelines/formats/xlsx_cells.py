"""The cells of one XLSX sheet, streamed block of rows by block of rows.

Most sheets write their cells in one plain manner, which one compiled expression reads many
times faster than a parser of XML. It must account for every character of a block; a block with
anything else in it is read by lxml. Both give the same cells.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from lxml import etree

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.xlsx_mould import CELL, GROUPS, Mould, learn
from ispmig_pipelines.formats.xlsx_package import (
    PARSER_OPTIONS,
    Workbook,
    damaged,
    part_text,
    plain_text,
    refuse_doctype,
    rich_text,
    unescaped,
)
from ispmig_pipelines.formats.xlsx_values import NumberFormat, number_text, serial_text
from ispmig_pipelines.remote import SourceFile

_BLOCK_CHARACTERS = 1 << 20
_MOST_CACHED = 200_000
_LEARN_FROM = 200_000
_MOST_MOULDS = 8


class _Kind(IntEnum):
    """What stands in a cell. Numbers with a date format are ``NUMBER`` + their format."""

    NUMBER = 0
    # 1 to 4 are NumberFormat's.
    SHARED = 5
    TEXT = 6
    BOOLEAN = 7
    ERROR = 8


@dataclass
class Grid:
    """Some rows of a sheet.

    Attributes:
        rows: their numbers, from 1, ascending; rows without a cell are left out.
        columns: by place, from 0, the texts of the rows (None: empty).
        errors: (place in ``rows``, column, code) of each error cell.
        done: how many characters of the sheet were read so far.
    """

    rows: np.ndarray
    columns: dict[int, np.ndarray]
    errors: list[tuple[int, int, str]] = field(default_factory=list)
    done: int = 0


_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_SHEET_DATA = re.compile(r"<((?:[\w.\-]+:)?)sheetData(?:\s[^<>]*)?(/?)>")
_ROOT = re.compile(r"<((?:[\w.\-]+:)?)worksheet\b[^<>]*>")
_UNNUMBERED = re.compile(r'<row(?![^<>]* r="\d)')
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")


class SheetCells:
    """One sheet of a workbook.

    Attributes:
        merged: how many merged ranges it has, known once it was read to its end.
    """

    def __init__(
        self,
        path: SourceFile,
        archive: zipfile.ZipFile,
        part: str,
        workbook: Workbook,
        shared: list[str],
        limits: ReadLimits,
        *,
        fast: bool = True,
    ) -> None:
        """``fast``: whether the expression may be used; without it lxml reads all blocks."""
        self._path = path
        self._archive = archive
        self._part = part
        self._workbook = workbook
        self._limits = limits
        self._fast = fast
        self._shared = np.array([*shared, None], dtype=object)
        self._kinds: dict[str, int] = _Kinds(workbook.formats)
        self._places: dict[str, int] = _Places(limits.max_columns)
        self._numbers: dict[tuple[int, str], str] = {}
        self._mould: Mould | None = None
        self._trials = _MOST_MOULDS
        self._last_row = 0
        self._root = ""
        self._prefix = ""
        self.merged = 0

    def grids(self) -> Iterator[Grid]:
        """The sheet's rows, in order.

        Raises:
            SourceError: the sheet is cut short or damaged.
        """
        pieces = part_text(self._path, self._archive, self._part)
        text, start = self._beginning(pieces)
        if start < 0:
            return
        done = start
        end_tag, row_end = f"</{self._prefix}sheetData>", f"</{self._prefix}row>"
        while True:
            end = text.find(end_tag)
            if end >= 0:
                break
            cut = text.rfind(row_end)
            if cut >= 0 and len(text) >= _BLOCK_CHARACTERS:
                cut += len(row_end)
                yield self._grid(text[:cut], done := done + cut)
                text = text[cut:]
            elif len(text) > 4 * self._limits.max_cell_bytes:
                raise damaged(self._path, "a row of it does not end")
            piece = next(pieces, None)
            if piece is None:
                raise damaged(self._path, f"its part {self._part} ends within the cells")
            text += piece
        yield self._grid(text[:end], done + end)
        self._ending(text[end:], pieces)

    def _beginning(self, pieces: Iterator[str]) -> tuple[str, int]:
        """The first rows, and where they begin in the part; -1 for a sheet without any."""
        text = ""
        for piece in pieces:
            text += piece
            found = _SHEET_DATA.search(text)
            if found is None:
                continue
            head = text[: found.start()]
            refuse_doctype(self._path, "<!DOCTYPE" if "<!DOCTYPE" in head else "")
            root = _ROOT.search(head)
            if root is None:
                break
            self._root, self._prefix = root.group(), found.group(1)
            return text[found.end() :], -1 if found.group(2) else found.end()
        if "<!DOCTYPE" in text:
            refuse_doctype(self._path, text)
        if text and re.search(r"</(?:[\w.\-]+:)?worksheet>\s*\Z", text):
            return "", -1
        raise damaged(self._path, f"its part {self._part} holds no sheet")

    def _ending(self, text: str, pieces: Iterator[str]) -> None:
        overlap = ""
        closed = False
        for piece in (text, *pieces):
            window = overlap + piece
            self.merged += window.count("mergeCell ") - overlap.count("mergeCell ")
            closed = closed or "worksheet>" in window
            overlap = window[-64:]
        if not closed:
            raise damaged(self._path, f"its part {self._part} ends too early")

    # ------------------------------------------------------------ from markup to cells

    def _grid(self, block: str, done: int) -> Grid:
        grid = self._moulded(block) if self._fast and not self._prefix else None
        if grid is None:
            grid = self._by_cell(block)
        if grid.rows.size:
            self._last_row = int(grid.rows[-1])
        grid.done = done
        return grid

    def _by_cell(self, block: str) -> Grid:
        found = self._matched(block) if self._fast and not self._prefix else None
        return self._assembled(*(found or self._parsed(block)))

    def _moulded(self, block: str) -> Grid | None:
        """The rows that are written alike, and the others cell by cell among them."""
        if self._mould is None:
            if not self._trials:
                return None
            self._trials -= 1
            head = block[: block.rfind("</row>", 0, _LEARN_FROM) + 6]
            self._mould = learn(head)
            if self._mould is None:
                return None
        numbers, groups, gaps = self._mould.split(block)
        if sum(map(len, gaps)) * 4 > len(block):
            # The rows have changed; the next block makes another mould.
            self._mould = None
            return None
        if any(_UNNUMBERED.search(gap) for gap in gaps):
            return None
        rows = np.fromiter(map(int, numbers), np.int64, len(numbers))
        if rows.size and ((rows[1:] <= rows[:-1]).any() or rows[0] <= self._last_row):
            return None
        columns = self._columns(groups, rows.size, block)
        if columns is None:
            return None
        grid = Grid(rows, *columns)
        if not gaps:
            return grid
        return _merged(grid, self._by_cell("".join(gaps)))

    def _columns(
        self, groups: list[list[str | None]], size: int, block: str
    ) -> tuple[dict[int, np.ndarray], list[tuple[int, int, str]]] | None:
        assert self._mould is not None  # noqa: S101 - they are its groups
        columns: dict[int, np.ndarray] = {}
        errors: list[tuple[int, int, str]] = []
        marked = "&" in block or "_x" in block or "\r" in block
        at = 0
        for column in self._mould.columns:
            try:
                place = self._places[column.letters]
            except KeyError:
                return None
            values = np.empty(size, dtype=object)
            if column.attributes is None:
                kinds = np.fromiter((self._kinds[way or ""] for way in groups[at]), np.int64, size)
                at += 1
            else:
                kinds = np.full(size, self._kinds[column.attributes])
            values[:] = groups[at]
            at += 1
            present = is_there(values)
            if column.attributes is None:
                # The cell is there where its attributes are.
                values[~present & is_there(groups[at - 2]) & _is_text(kinds)] = ""
            blank = np.equal(values, "") & ~_is_text(kinds)
            values[blank] = None
            present = is_there(values)
            if not present.any():
                continue
            if marked:
                texts = np.flatnonzero((kinds == _Kind.TEXT) & present)
                values[texts] = [
                    plain_text(text) if "&" in text or "_x" in text or "\r" in text else text
                    for text in values[texts]
                ]
            errors.extend(
                (int(i), place, values[i].strip())
                for i in np.flatnonzero((kinds == _Kind.ERROR) & present)
            )
            self._resolve(kinds, values, present)
            columns[place] = values
        return columns, errors

    def _matched(self, block: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
        """The cells, where the expression accounts for the whole block."""
        parts = CELL.split(block)
        step = GROUPS + 1
        if any(gap and not gap.isspace() for gap in parts[::step]):
            return None
        letters = parts[1::step]
        # A tag of a row has no groups.
        is_cell = np.array([letter is not None for letter in letters], dtype=bool)
        picked = np.flatnonzero(is_cell)
        count = picked.size

        def group(number: int) -> list[str]:
            column = np.empty(len(letters), dtype=object)
            column[:] = parts[number::step]
            return list(column[picked])

        try:
            places = np.fromiter(map(self._places.__getitem__, group(1)), np.int64, count)
            rows = np.fromiter(map(int, group(2)), np.int64, count)
            kinds = np.fromiter(map(self._kinds.__getitem__, group(3)), np.int64, count)
        except KeyError:
            return None
        values = np.empty(count, dtype=object)
        values[:] = group(4)
        inline = np.empty(count, dtype=object)
        inline[:] = group(5)
        has_inline = is_there(inline)
        values[has_inline] = inline[has_inline]
        if (rows[1:] < rows[:-1]).any() or (count and rows[0] <= self._last_row):
            return None
        blank = ~is_there(values) | np.equal(values, "")
        values[blank] = None
        # A text cell without text is an empty text; any other cell without a value is none.
        values[blank & _is_text(kinds)] = ""
        marked = np.flatnonzero(kinds == _Kind.TEXT)
        if "&" in block or "_x" in block or "\r" in block:
            for i in marked:
                if values[i] is not None:
                    values[i] = plain_text(values[i])
        return places, rows, kinds, values

    def _parsed(self, block: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The cells of any block, read by lxml; cells and rows without a reference follow on."""
        close = f"</{self._prefix_of_root()}worksheet>"
        root = self._root.removesuffix("/>") + ">" if self._root.endswith("/>") else self._root
        try:
            tree = etree.fromstring(
                f"{root}{block}{close}".encode(), etree.XMLParser(**PARSER_OPTIONS)
            )
        except etree.XMLSyntaxError:
            raise damaged(
                self._path,
                f"its part {self._part} is not well-formed after row {self._last_row:,}",
            ) from None
        cells: dict[tuple[int, int], tuple[int, str | None]] = {}
        row_number = self._last_row
        for row in tree.iterchildren("{*}row"):
            stated = row.get("r", "")
            row_number = int(stated) if stated.isdecimal() and int(stated) else row_number + 1
            place = -1
            for cell in row.iterchildren("{*}c"):
                reference = _REFERENCE.fullmatch(cell.get("r", ""))
                place = self._place(reference.group(1)) if reference else place + 1
                kind = self._kinds[_attributes(cell)]
                cells[row_number, place] = (kind, _value(cell, kind))
        # In the order of the sheet, whatever the order of the file.
        ordered = sorted(cells)
        values = np.empty(len(ordered), dtype=object)
        values[:] = [cells[key][1] for key in ordered]
        return (
            np.array([place for _, place in ordered], np.int64),
            np.array([number for number, _ in ordered], np.int64),
            np.array([cells[key][0] for key in ordered], np.int64),
            values,
        )

    def _prefix_of_root(self) -> str:
        found = _ROOT.match(self._root)
        return found.group(1) if found else ""

    def _place(self, letters: str) -> int:
        try:
            return self._places[letters.upper()]
        except KeyError:
            raise SourceError(
                f"{self._path} has cells beyond column {self._limits.max_columns:,}, which is "
                "the limit for columns."
            ) from None

    # ------------------------------------------------------------ from cells to text

    def _assembled(
        self, places: np.ndarray, rows: np.ndarray, kinds: np.ndarray, values: np.ndarray
    ) -> Grid:
        numbers, position = np.unique(rows, return_inverse=True)
        present = is_there(values)
        errors = [
            (int(position[i]), int(places[i]), values[i].strip())
            for i in np.flatnonzero((kinds == _Kind.ERROR) & present)
        ]
        self._resolve(kinds, values, present)
        columns = {}
        for place in np.unique(places[present]):
            mine = (places == place) & present
            column = np.full(numbers.size, None, dtype=object)
            column[position[mine]] = values[mine]
            columns[int(place)] = column
        return Grid(numbers, columns, errors)

    def _resolve(self, kinds: np.ndarray, values: np.ndarray, present: np.ndarray) -> None:
        """Turns what stands in the cells into text, in place."""
        shared = np.flatnonzero((kinds == _Kind.SHARED) & present & np.not_equal(values, ""))
        if shared.size:
            try:
                index = np.fromiter(map(int, values[shared]), np.int64, shared.size)
            except ValueError:
                index = np.array([-1])
            if index.min() < 0 or index.max() >= len(self._shared) - 1:
                raise damaged(self._path, f"its part {self._part} names a text that is not there")
            values[shared] = self._shared[index]
        for i in np.flatnonzero((kinds == _Kind.BOOLEAN) & present):
            values[i] = {"1": "true", "0": "false"}.get(
                values[i].strip(), values[i].strip().lower()
            )
        plain = np.flatnonzero((kinds == _Kind.NUMBER) & present)
        values[plain] = [
            # Most numbers are written as they are shown.
            text if text.isdecimal() and text[0] != "0" else self._number(0, text)
            for text in values[plain]
        ]
        for kind in NumberFormat:
            if kind is not NumberFormat.PLAIN:
                dated = np.flatnonzero((kinds == kind) & present)
                values[dated] = [self._number(kind, text) for text in values[dated]]

    def _number(self, kind: int, text: str) -> str:
        found = self._numbers.get((kind, text))
        if found is None:
            if len(self._numbers) >= _MOST_CACHED:
                self._numbers.clear()
            found = (
                serial_text(text, NumberFormat(kind), is_1904=self._workbook.is_1904)
                if kind
                else number_text(text)
            )
            self._numbers[kind, text] = found
        return found


def _merged(one: Grid, other: Grid) -> Grid:
    """Both grids' rows, in order."""
    rows = np.concatenate([one.rows, other.rows])
    order = np.argsort(rows, kind="stable")
    place_of = np.empty(order.size, np.int64)
    place_of[order] = np.arange(order.size)
    columns = {}
    for place in {**one.columns, **other.columns}:
        column = np.full(rows.size, None, dtype=object)
        if place in one.columns:
            column[place_of[: one.rows.size]] = one.columns[place]
        if place in other.columns:
            column[place_of[one.rows.size :]] = other.columns[place]
        columns[place] = column
    errors = [(int(place_of[i]), place, code) for i, place, code in one.errors]
    errors += [(int(place_of[one.rows.size + i]), place, code) for i, place, code in other.errors]
    return Grid(rows[order], columns, sorted(errors))


class _Kinds(dict[str, int]):
    """The kind of a cell by its attributes as they are written, e.g. `` s="4" t="s"``."""

    def __init__(self, formats: tuple[NumberFormat, ...]) -> None:
        super().__init__()
        self._formats = formats

    def __missing__(self, attributes: str) -> int:
        named = dict(_ATTRIBUTE.findall(attributes))
        style = named.get("s", "0")
        kind = _TYPES.get(named.get("t", "n"))
        if kind is None:
            place = int(style) if style.isdecimal() else 0
            form = self._formats[place] if place < len(self._formats) else NumberFormat.PLAIN
            kind = int(form)
        self[attributes] = kind
        return kind


_TYPES: dict[str, int] = {
    "s": _Kind.SHARED,
    "str": _Kind.TEXT,
    "inlineStr": _Kind.TEXT,
    # Dates that are written out in ISO 8601 are taken as they stand.
    "d": _Kind.TEXT,
    "b": _Kind.BOOLEAN,
    "e": _Kind.ERROR,
}


class _Places(dict[str, int]):
    """The place of a column, from 0, by its letters."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __missing__(self, letters: str) -> int:
        place = 0
        for letter in letters:
            place = place * 26 + ord(letter) - 64
        if place > self._most:
            raise KeyError(letters)
        self[letters] = place - 1
        return place - 1


_NONE = np.array(None, dtype=object)


def is_there(values: Sequence[str | None] | np.ndarray) -> np.ndarray:
    """Which of some texts are there at all, empty or not."""
    return np.asarray(np.not_equal(np.asarray(values, dtype=object), _NONE), dtype=bool)


def _is_text(kinds: np.ndarray) -> np.ndarray:
    return (kinds == _Kind.TEXT) | (kinds == _Kind.SHARED)


def _attributes(cell: etree._Element) -> str:
    return f' s="{cell.get("s", "0")}" t="{cell.get("t", "n")}"'


def _value(cell: etree._Element, kind: int) -> str | None:
    value = cell.find("{*}v")
    inline = cell.find("{*}is")
    if inline is not None and (kind == _Kind.TEXT or value is None):
        return rich_text(inline)
    if value is None or not value.text:
        return "" if kind in (_Kind.TEXT, _Kind.SHARED) else None
    return unescaped(value.text) if kind == _Kind.TEXT else value.text
