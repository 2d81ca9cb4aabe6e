"""The cells of one XLSX sheet, streamed block of rows by block of rows.

Most sheets write their cells in one plain manner, which one compiled expression reads many
times faster than a parser of XML. It must account for every character of a block; a block with
anything else in it is read by lxml. Both give the same cells.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.spreadsheet.grid import (
    MOST_COLUMNS,
    NO_CODE,
    TWICE,
    UNCOMPUTED,
    Grid,
)
from ispmig_pipelines.formats.spreadsheet.heading import Merge
from ispmig_pipelines.formats.spreadsheet.xlsx_columns import CellTexts, Kind, is_text, is_there
from ispmig_pipelines.formats.spreadsheet.xlsx_mould import (
    CELL,
    GROUPS,
    Mould,
    learn,
    place_of,
    unindented,
)
from ispmig_pipelines.formats.spreadsheet.xlsx_package import (
    PARSER_OPTIONS,
    Workbook,
    damaged,
    escaped_controls,
    part_text,
    refuse_doctype,
    rich_text,
    unescaped,
)
from ispmig_pipelines.formats.spreadsheet.xlsx_values import NumberFormat
from ispmig_pipelines.remote import SourceFile

__all__ = ["Grid", "SheetCells"]

_BLOCK_CHARACTERS = 1 << 22
_LEARN_FROM = 200_000
_MOST_MOULDS = 8


_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_SHEET_DATA = re.compile(r"<((?:[\w.\-]+:)?)sheetData(?:\s[^<>]*)?(/?)>")
_ROOT = re.compile(r"<((?:[\w.\-]+:)?)worksheet\b[^<>]*>")
_INDENTED = re.compile(r"<row[^<>]*>\s+<|</row>\s+<")
_ROW_NUMBER = re.compile(r' r="(\d{1,7})"')
_UNNUMBERED = re.compile(r'<row(?![^<>]* r="\d)')
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,9})")
_MERGED = re.compile(
    r"<(?:[\w.\-]+:)?mergeCell\s[^<>]*?ref=[\"']\$?([A-Z]{1,3})\$?(\d{1,7})"
    r":\$?([A-Z]{1,3})\$?(\d{1,7})[\"'][^<>]*>"
)
_LONGEST_MERGE = 1_000
_MOST_MERGES = 20_000
_HIDDEN_ROW = re.compile(r"<(?:[\w.\-]+:)?row(?=[^<>]* hidden=[\"'](?:1|true)[\"'])")
_HIDDEN_COLUMN = re.compile(r"<(?:[\w.\-]+:)?col(?=[^<>]* hidden=[\"'](?:1|true)[\"'])[^<>]*>")
_REACH = re.compile(r" (?:min|max)=[\"'](\d{1,5})[\"']")


class SheetCells:
    """One sheet of a workbook.

    Attributes:
        merged, hidden_rows, hidden_columns: how many merged ranges, hidden rows and hidden
            columns it has, known once it was read to its end.
    """

    def __init__(
        self,
        path: SourceFile,
        archive: zipfile.ZipFile,
        part: str,
        workbook: Workbook,
        shared: pa.StringArray,
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
        self._kinds: dict[str | None, int] = _Kinds(workbook.formats)
        self._places: dict[str, int] = _Places()
        self._texts = CellTexts(shared, is_1904=workbook.is_1904)
        self._mould: Mould | None = None
        self._trials = _MOST_MOULDS
        self._last_row = 0
        self._root = ""
        self._prefix = ""
        self.merged = 0
        self.hidden_rows = 0
        self.hidden_columns = 0

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
            if len(text) >= _BLOCK_CHARACTERS:
                # Whatever stands before a row's beginning is whole rows, also of blank ones.
                ended = text.rfind(row_end)
                begun = max(text.rfind(f"<{self._prefix}row{after}") for after in " >/")
                cut = max(ended + len(row_end) if ended >= 0 else 0, begun)
                if cut > 0:
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

    def merges(self) -> tuple[Merge, ...]:
        """The merged ranges, the first thousands of them; they stand behind all rows."""
        found: list[Merge] = []
        overlap = ""
        for piece in part_text(self._path, self._archive, self._part):
            window = overlap + piece
            for reference in _MERGED.finditer(window):
                first, row, last, last_row = reference.groups()
                found.append(
                    Merge(int(row), int(last_row), self._places[first], self._places[last])
                )
                if len(found) >= _MOST_MERGES:
                    return tuple(found)
            # A range is whole in one window or the next, and never in both.
            cut = window.rfind("<")
            overlap = window[cut:] if cut >= 0 and ">" not in window[cut:] else ""
            overlap = overlap if len(overlap) < _LONGEST_MERGE else ""
        return tuple(found)

    def _beginning(self, pieces: Iterator[str]) -> tuple[str, int]:
        """The first rows, and where they begin in the part; -1 for a sheet without any."""
        text = ""
        for piece in pieces:
            text += piece
            found = _SHEET_DATA.search(text)
            if found is None:
                if len(text) > 4 * self._limits.max_cell_bytes:
                    raise damaged(self._path, f"its part {self._part} has no cells")
                continue
            head = text[: found.start()]
            refuse_doctype(self._path, "<!DOCTYPE" if "<!DOCTYPE" in head else "")
            root = _ROOT.search(head)
            if root is None:
                break
            self._root, self._prefix = root.group(), found.group(1)
            self.hidden_columns = _hidden_columns(head)
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
        if " hidden=" in block:
            self.hidden_rows += len(_HIDDEN_ROW.findall(block))
        grid = None
        if self._fast:
            plain = self._unprefixed(block)
            if _INDENTED.search(plain, 0, _LEARN_FROM):
                plain = unindented(plain)
            grid = self._moulded(plain) or self._matched(plain)
        if grid is None:
            grid = self._parsed(block)
        if grid.rows.size:
            self._last_row = max(self._last_row, int(grid.rows[-1]))
        grid.done = done
        return grid

    def _unprefixed(self, block: str) -> str:
        if not self._prefix or "<![CDATA[" in block:
            return block
        return block.replace(f"<{self._prefix}", "<").replace(f"</{self._prefix}", "</")

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
        if not self._mould.named and (gaps or None in numbers):
            if gaps or any(number is not None for number in numbers):
                return None
            rows = np.arange(self._last_row + 1, self._last_row + 1 + len(numbers))
        else:
            rows = np.array(numbers, dtype=np.int64)
        if rows.size and ((rows[1:] <= rows[:-1]).any() or rows[0] <= self._last_row):
            return None
        grid = self._columns(rows, groups, block)
        if grid is None or not gaps:
            return grid
        rest = "".join(gaps)
        return _merged(grid, self._matched(rest) or self._parsed(rest))

    def _columns(self, rows: np.ndarray, groups: list[list[str | None]], block: str) -> Grid | None:
        assert self._mould is not None  # noqa: S101 - they are its groups
        grid = Grid(rows, {})
        marked = _is_marked(block)
        at = 0
        for column in self._mould.columns:
            kinds: np.ndarray | int
            values = pa.array(groups[at + (column.attributes is None)], pa.string())
            if column.attributes is None:
                kinds = np.fromiter(map(self._kinds.__getitem__, groups[at]), np.int64, rows.size)
                # The cell is there where its attributes are.
                there = pa.array(groups[at], pa.string()).is_valid()
                bare = pc.and_(there, values.is_null())
                if pc.any(bare).as_py():
                    blank = np.full(rows.size, None, dtype=object)
                    blank[is_text(kinds)] = ""
                    blank[kinds == Kind.ERROR] = NO_CODE
                    values = pc.if_else(bare, pa.array(blank, pa.string()), values)
                at += 1
            else:
                kinds = self._kinds[column.attributes]
            at += 1
            place = column.place
            try:
                texts = self._texts.resolved(grid, place, kinds, values, marked=marked)
            except ValueError:
                return None
            if texts.null_count < rows.size:
                grid.columns[place] = texts
        return grid

    def _matched(self, block: str) -> Grid | None:
        """The cells one by one, where the expression accounts for the whole block."""
        parts = CELL.split(block)
        step = GROUPS + 1
        if any(gap and not gap.isspace() for gap in parts[::step]):
            return None
        tags = np.array(parts[8::step], dtype=object)
        attributes = np.array(parts[3::step], dtype=object)
        # A tag of a row has no attributes, not even none.
        picked = np.flatnonzero(is_there(attributes))
        begun = tags[is_there(tags)]
        ended = len(tags) - picked.size - begun.size
        if sum(not tag.endswith("/>") for tag in begun) != ended:
            return None

        def group(number: int) -> np.ndarray:
            column = np.empty(len(tags), dtype=object)
            column[:] = parts[number::step]
            return column[picked]

        count = picked.size
        letters = group(1)
        named = is_there(letters)
        if named.all():
            places = np.fromiter(map(self._places.__getitem__, letters), np.int64, count)
            rows = group(2).astype(np.int64)
        elif named.any():
            return None
        else:
            found = self._counted(tags, picked)
            if found is None:
                return None
            rows, places = found
        kinds = np.fromiter(map(self._kinds.__getitem__, attributes[picked]), np.int64, count)
        keys = rows * (MOST_COLUMNS + 1) + places
        if (keys[1:] <= keys[:-1]).any() or (count and rows[0] <= self._last_row):
            return None
        formulas, values, blanks, inline = group(4), group(5), group(6), group(7)
        values[is_there(blanks)] = ""
        has_inline = is_there(inline)
        values[has_inline] = inline[has_inline]
        kinds[has_inline] = Kind.TEXT
        _settle_blanks(kinds, values, is_there(formulas))
        numbers, position = np.unique(rows, return_inverse=True)
        try:
            return self._assembled(
                numbers, position, places, kinds, values, marked=_is_marked(block)
            )
        except ValueError:
            return None

    def _counted(
        self, tags: np.ndarray, picked: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Rows and places of cells that do not say where they stand: one after the other."""
        begins = np.flatnonzero(is_there(tags))
        if not begins.size or (picked.size and picked[0] < begins[0]):
            return None
        stated = [_ROW_NUMBER.search(tag) for tag in tags[begins]]
        if all(number is None for number in stated):
            numbers = np.arange(self._last_row + 1, self._last_row + 1 + begins.size)
        elif all(stated):
            numbers = np.array([number.group(1) for number in stated if number], np.int64)
        else:
            return None
        row = np.searchsorted(begins, picked, side="right") - 1
        return numbers[row], picked - begins[row] - 1

    def _parsed(self, block: str) -> Grid:
        """The cells of any block, read by lxml; cells and rows without a reference follow on.

        Two rows of the same number are one row if no cell stands in both, else two rows.
        """
        close = f"</{self._prefix_of_root()}worksheet>"
        root = self._root.removesuffix("/>") + ">" if self._root.endswith("/>") else self._root
        try:
            tree = etree.fromstring(
                f"{root}{escaped_controls(block)}{close}".encode(),
                etree.XMLParser(**PARSER_OPTIONS),
            )
        except etree.XMLSyntaxError:
            raise damaged(
                self._path,
                f"its part {self._part} is not well-formed after row {self._last_row:,}",
            ) from None
        rows: dict[int, list[_Row]] = {}
        row_number = self._last_row
        for row in tree.iterchildren("{*}row"):
            stated = row.get("r", "")
            has_number = stated.isdecimal() and len(stated) < 10 and int(stated) > 0
            row_number = int(stated) if has_number else row_number + 1
            found: dict[int, _Row] = {}
            place = -1
            for cell in row.iterchildren("{*}c"):
                reference = _REFERENCE.fullmatch(cell.get("r", ""))
                if reference is not None:
                    place = self._places[reference.group(1).upper()]
                    # A cell knows best where it stands.
                    row_number = int(reference.group(2)) or row_number
                else:
                    place += 1
                cells = found.setdefault(row_number, {})
                one = _cell(cell, self._kinds[_attributes(cell)])
                if place in cells and cells[place] != one:
                    one = (Kind.ERROR, TWICE)
                cells[place] = one
            for number, cells in found.items():
                alike = rows.setdefault(number, [])
                if alike and not alike[-1].keys() & cells.keys():
                    alike[-1].update(cells)
                elif cells:
                    alike.append(cells)
        # In the order of the sheet, whatever the order of the file.
        ordered = [(number, cells) for number in sorted(rows) for cells in rows[number]]
        count = sum(len(cells) for _, cells in ordered)
        values = np.empty(count, dtype=object)
        values[:] = [value for _, cells in ordered for _, value in cells.values()]
        return self._assembled(
            np.array([number for number, _ in ordered], np.int64),
            np.repeat(np.arange(len(ordered)), [len(cells) for _, cells in ordered]),
            np.fromiter((place for _, cells in ordered for place in cells), np.int64, count),
            np.fromiter(
                (kind for _, cells in ordered for kind, _ in cells.values()), np.int64, count
            ),
            values,
            marked=False,
        )

    def _prefix_of_root(self) -> str:
        found = _ROOT.match(self._root)
        return found.group(1) if found else ""

    # ------------------------------------------------------------ from cells to text

    def _assembled(
        self,
        numbers: np.ndarray,
        position: np.ndarray,
        places: np.ndarray,
        kinds: np.ndarray,
        values: np.ndarray,
        *,
        marked: bool,
    ) -> Grid:
        """Cells as columns: each one's position among the rows, place, kind and value."""
        grid = Grid(numbers, {})
        order = np.argsort(places, kind="stable")
        starts = np.flatnonzero(np.diff(places[order], prepend=-1))
        for mine in np.split(order, starts[1:]) if order.size else ():
            index = np.full(numbers.size, -1, np.int64)
            index[position[mine]] = mine
            present = index >= 0
            column = np.empty(numbers.size, dtype=object)
            column[present] = values[index[present]]
            kind = np.zeros(numbers.size, np.int64)
            kind[present] = kinds[index[present]]
            place = int(places[mine[0]])
            texts = self._texts.resolved(
                grid, place, kind, pa.array(column, pa.string()), marked=marked
            )
            if texts.null_count < numbers.size:
                grid.columns[place] = texts
        return grid


_Row = dict[int, tuple[int, str | None]]
"""Kind and value of the cells of a row, by place."""


def _hidden_columns(head: str) -> int:
    reaches = [_REACH.findall(tag) for tag in _HIDDEN_COLUMN.findall(head)]
    # What a program hides to the end of the sheet, no one has ever used.
    return sum(
        max(map(int, reach)) - min(map(int, reach)) + 1
        for reach in reaches
        if reach and max(map(int, reach)) < 16_384
    )


def _is_marked(text: str) -> bool:
    return "&" in text or "_x" in text or "\r" in text


def _settle_blanks(kinds: np.ndarray, values: np.ndarray, formulas: np.ndarray) -> None:
    """Tells apart, in place, the cells without a value: empty texts, errors, and none at all."""
    absent = ~is_there(values)
    text = is_text(kinds)
    uncomputed = formulas & (absent | (np.equal(values, "") & ~text))
    values[absent & text] = ""
    bare = (kinds == Kind.ERROR) & (absent | np.equal(values, ""))
    values[bare] = NO_CODE
    kinds[uncomputed] = Kind.ERROR
    values[uncomputed] = UNCOMPUTED


def _merged(one: Grid, other: Grid) -> Grid | None:
    """Both grids' rows, in order; None where a row stands in both."""
    rows = np.concatenate([one.rows, other.rows])
    order = np.argsort(rows, kind="stable")
    if (np.diff(rows[order]) == 0).any():
        return None
    taken = pa.array(order)
    columns = {}
    for place in {**one.columns, **other.columns}:
        parts = [
            grid.columns.get(place, pa.nulls(grid.rows.size, pa.string())) for grid in (one, other)
        ]
        columns[place] = pa.concat_arrays(parts).take(taken)
    place_of = np.empty(order.size, np.int64)
    place_of[order] = np.arange(order.size)
    errors = [(int(place_of[i]), place, what) for i, place, what in one.errors]
    errors += [(int(place_of[one.rows.size + i]), place, what) for i, place, what in other.errors]
    return Grid(rows[order], columns, sorted(errors))


class _Kinds(dict[str | None, int]):
    """The kind of a cell by its attributes as they are written, e.g. `` s="4" t="s"``."""

    def __init__(self, formats: tuple[int, ...]) -> None:
        super().__init__()
        self._formats = formats

    def __missing__(self, attributes: str | None) -> int:
        named = dict(_ATTRIBUTE.findall(attributes or ""))
        style = named.get("s", "0")
        kind: int | None = _TYPES.get(named.get("t", "n"))
        if kind is None:
            place = int(style) if style.isdecimal() and len(style) < 10 else 0
            kind = self._formats[place] if place < len(self._formats) else NumberFormat.PLAIN
        self[attributes] = int(kind)
        return int(kind)


_TYPES: dict[str, int] = {
    "s": Kind.SHARED,
    "str": Kind.TEXT,
    "inlineStr": Kind.TEXT,
    # Dates that are written out in ISO 8601 are taken as they stand.
    "d": Kind.TEXT,
    "b": Kind.BOOLEAN,
    "e": Kind.ERROR,
}


class _Places(dict[str, int]):
    """The place of a column, from 0, by its letters."""

    def __missing__(self, letters: str) -> int:
        self[letters] = place_of(letters)
        return self[letters]


def _attributes(cell: etree._Element) -> str:
    return f' s="{cell.get("s", "0")}" t="{cell.get("t", "n")}"'


def _cell(cell: etree._Element, kind: int) -> tuple[int, str | None]:
    """Kind and value of a cell; see :func:`_settle_blanks`."""
    is_text = kind in (Kind.TEXT, Kind.SHARED)
    element = cell.find("{*}v")
    inline = cell.find("{*}is")
    if inline is not None and (kind == Kind.TEXT or element is None):
        return Kind.TEXT, rich_text(inline)
    value = None if element is None else element.text or ""
    if cell.find("{*}f") is not None and not (value or (is_text and value is not None)):
        return Kind.ERROR, UNCOMPUTED
    if kind == Kind.ERROR:
        return kind, value or NO_CODE
    if is_text:
        return kind, unescaped(value or "") if kind == Kind.TEXT else value or ""
    return kind, value
