"""The writer of XLSX: a sheet per table, streamed, its header bold and frozen.

Texts are texts, whatever they look like: leading zeros, long numbers and ``=1+1`` stay as they
are. Numbers are numbers where a spreadsheet keeps them exactly (15 digits; it drops the zeros at
the end of a fraction, and shows them by the column's format), booleans booleans, dates from March
1900 on dates; all else is text, timestamps too, which would lose their microseconds and offset.
A null and a missing key are no cell, an empty text is an empty text cell. What XML cannot hold
is written ``_xHHHH_`` (ECMA-376 part 1, 22.9.2.19).

More records than a sheet holds go on in a next one. The archive needs no way back in its stream:
parts follow each other, and what lists the sheets comes last.
"""

from __future__ import annotations

import re
import zipfile
from datetime import date
from typing import IO, BinaryIO
from xml.sax.saxutils import quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.column_kinds import check_kinds
from ispmig_pipelines.formats.formulas import neutralised
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.row_text import (
    Piece,
    begun,
    bytes_of,
    cells_of,
    chosen,
    joined,
    lengths_of,
    offsets_of,
    replaced,
    rows_holding,
    rows_text,
    slices,
    unwritable,
)
from ispmig_pipelines.formats.writing import Column, Kind, Table, WriteOptions

SHEET_ROWS = 1_048_576
"""Rows of a sheet, its header among them."""

_SHEET_BYTES = 1_900_000_000
"""A part below 2 GiB needs no ZIP64, which Excel does not read in a streamed archive."""

_MOST_COLUMNS = 16_384
_LONGEST_CELL = 32_767
_LONGEST_NAME = 31
_EPOCH = 25_569
"""1970-01-01, in a spreadsheet's days."""

_FIRST_DAY = 61 - _EPOCH
"""1900-03-01, in days since 1970; the day before it never was, but to spreadsheets."""

_LAST_DAY = 2_958_465 - _EPOCH

_LEVEL = 4
"""Of compression. 1 to 9 differ by a third in size and by five times in time."""


class XlsxWriter:
    """One workbook; see :class:`~ispmig_pipelines.formats.writing.Writer`."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        self._guard = _Guard(stream)
        self._neutralise = options.neutralise_formulas
        self._table: Table | None = None
        self._archive: zipfile.ZipFile | None = None
        self._part: IO[bytes] | None = None
        self._part_bytes = 0
        self._rows = 0
        self._sheets: list[str] = []
        self._taken: set[str] = set()
        self._formats: dict[str, int] = {}
        self._blank = 0
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Sheets under other names than their tables', and records that a sheet does not show."""
        return tuple(self._notes)

    def __enter__(self) -> XlsxWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is not None:
            # The archive writes its directory when it is let go.
            self._guard.abandoned = True
            if self._part is not None:
                self._part.close()
            if self._archive is not None:
                self._archive.close()
            return
        self._end_table()
        if not self._sheets:
            self._begin_sheet("Sheet1", [])
            self._end_sheet()
        archive = self._opened()
        for name, text in _package(self._sheets, list(self._formats)).items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
        archive.close()

    def begin(self, table: Table) -> None:
        """Starts the table's sheet, with its header.

        Raises:
            UsageError: it has more columns than a sheet.
        """
        if len(table.columns) > _MOST_COLUMNS:
            raise UsageError(
                f"Table {table.name} has {len(table.columns):,} columns; a sheet of XLSX has "
                f"{_MOST_COLUMNS:,}. Write another format."
            )
        for column in table.columns:
            if len(column.name.encode("utf-16-le")) // 2 > _LONGEST_CELL:
                raise UsageError(
                    f"Table {table.name}: the name of a column has more than {_LONGEST_CELL:,} "
                    "characters, which is the limit for a cell of XLSX. Write another format."
                )
        self._end_table()
        self._table = table
        self._letters = [_letters(place) for place in range(len(table.columns))]
        self._begin_sheet(table.name, self._header(table))

    def write(self, records: Records) -> None:
        """Writes records.

        Raises:
            UsageError: a cell is longer than a sheet's may be, or not what its column's kind
                says.
        """
        table = begun(self._table)
        columns = cells_of(table, records)
        check_kinds(table, columns, records)
        for place, cells in enumerate(columns):
            if self._neutralise and table.columns[place].kind is Kind.TEXT:
                columns[place] = cells = neutralised(cells)
            if (long := _too_long(cells)) is not None:
                raise unwritable(
                    table, place, records, long,
                    f"and is longer than the {_LONGEST_CELL:,} characters of a cell of XLSX",
                    "Write another format.",
                )  # fmt: skip
        self._count_blank(columns)
        for rows in slices(columns):
            start = rows.start
            while start < rows.stop:
                if self._rows >= SHEET_ROWS or self._part_bytes > _SHEET_BYTES:
                    self._end_sheet()
                    self._begin_sheet(table.name, self._header(table), again=True)
                stop = min(rows.stop, start + SHEET_ROWS - self._rows)
                self._write_rows(table, [cells[start:stop] for cells in columns])
                start = stop

    def _write_rows(self, table: Table, columns: list[pa.StringArray]) -> None:
        count = len(columns[0])
        numbers = pc.cast(pa.array(np.arange(self._rows + 1, self._rows + count + 1)), pa.string())
        pieces: list[Piece] = ['<row r="', numbers, '">']
        for column, letters, cells in zip(table.columns, self._letters, columns, strict=True):
            pieces += self._cell(column, letters, cells, numbers)
        pieces.append("</row>")
        self._add(rows_text(*pieces))
        self._rows += count

    def _cell(
        self, column: Column, letters: str, cells: pa.StringArray, numbers: pa.StringArray
    ) -> list[Piece]:
        reference = f'<c r="{letters}'
        if column.kind in (Kind.TEXT, Kind.JSON, Kind.TIMESTAMP, Kind.TIME):
            return _text_cell(reference, cells, numbers)
        if column.kind is Kind.BOOLEAN:
            bits = _bits(cells)
            return [joined(reference, numbers, '" t="b"><v>', bits, "</v></c>")]
        if column.kind is Kind.DATE:
            values, exact = _serials(cells)
            style = self._style("yyyy\\-mm\\-dd")
        else:
            digits = pc.replace_substring_regex(cells, "[-.]", "")
            exact = pc.less_equal(pc.binary_length(digits), 15)
            values = cells
            style = self._style("0." + "0" * column.scale) if column.scale else 0
        styled = f'" s="{style}"><v>' if style else '"><v>'
        number = joined(reference, numbers, styled, values, "</v></c>")
        if pc.all(exact).as_py() is not False:
            return [number]
        return [pc.if_else(exact, number, joined(*_text_cell(reference, cells, numbers)))]

    def _style(self, code: str) -> int:
        """The style of a number format; 0 is the plain one and 1 the header's."""
        return self._formats.setdefault(code, len(self._formats) + 2)

    def _header(self, table: Table) -> list[str]:
        names = pa.array([column.name for column in table.columns])
        if self._neutralise:
            names = neutralised(names)
        return [str(name) for name in escaped(names).to_pylist()]

    def _count_blank(self, columns: list[pa.StringArray]) -> None:
        filled = np.zeros(len(columns[0]), np.bool_)
        for cells in columns:
            there = lengths_of(cells) > 0
            if cells.null_count:
                there &= cells.is_valid().to_numpy(zero_copy_only=False)
            filled |= there
        self._blank += int((~filled).sum())

    # ------------------------------------------------------------ the package

    def _opened(self) -> zipfile.ZipFile:
        if self._archive is None:
            self._archive = zipfile.ZipFile(
                self._guard,
                "w",
                zipfile.ZIP_DEFLATED,
                compresslevel=_LEVEL,  # type: ignore[call-overload]
            )
            self._archive.writestr(zipfile.ZipInfo("_rels/.rels"), _RELS, zipfile.ZIP_DEFLATED)
        return self._archive

    def _begin_sheet(self, name: str, header: list[str], *, again: bool = False) -> None:
        chosen_name = sheet_name(name, self._taken)
        self._taken.add(chosen_name.casefold())
        self._sheets.append(chosen_name)
        if again:
            self._notes.append(f"table {name} goes on in sheet {chosen_name}")
        elif chosen_name != name and header:
            self._notes.append(f"table {name} is sheet {chosen_name}")
        number = len(self._sheets)
        self._part = self._opened().open(f"xl/worksheets/sheet{number}.xml", "w")
        self._part_bytes = 0
        cells = "".join(
            f'<c r="{letters}1" s="1" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
            for letters, text in zip(self._letters if header else [], header, strict=True)
        )
        top = f'<row r="1">{cells}</row>' if header else ""
        self._add(f"{_SHEET_START}{top}".encode())
        self._rows = 1

    def _end_sheet(self) -> None:
        if self._part is not None:
            self._part.write(_SHEET_END)
            self._part.close()
            self._part = None

    def _end_table(self) -> None:
        self._end_sheet()
        if self._table is not None and self._blank:
            self._notes.append(
                f"{self._blank:,} record(s) of table {self._table.name} hold nothing but nulls "
                "and empty texts: programs that read spreadsheets pass over such rows"
            )
        self._blank = 0

    def _add(self, data: bytes | memoryview) -> None:
        assert self._part is not None  # noqa: S101 - a table was begun
        self._part.write(data)
        self._part_bytes += len(data)


class _Guard:
    """The stream, until the file is abandoned: then nothing is written any more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.abandoned = False

    def write(self, data: bytes | memoryview) -> int:
        if not self.abandoned:
            self._stream.write(data)
        return len(data)

    def flush(self) -> None:
        return None


def _text_cell(reference: str, cells: pa.StringArray, numbers: pa.StringArray) -> list[Piece]:
    text = escaped(cells)
    opening: Piece = '" t="inlineStr"><is><t>'
    spaced = _spaced(cells)
    if spaced is not None:
        opening = chosen(spaced, '" t="inlineStr"><is><t xml:space="preserve">', opening)
    pieces: list[Piece] = [reference, numbers, opening, text, "</t></is></c>"]
    return [joined(*pieces)] if cells.null_count else pieces


def _bits(cells: pa.StringArray) -> pa.StringArray:
    """``true`` and ``false`` as the 1 and 0 of a cell."""
    nothing = pa.scalar(None, pa.string())
    return pc.if_else(pc.is_null(cells), nothing, pc.if_else(pc.equal(cells, "true"), "1", "0"))


def _serials(cells: pa.StringArray) -> tuple[pa.StringArray, pa.BooleanArray]:
    """Dates as the days of a spreadsheet, and which of them it knows."""
    try:
        days = pc.cast(cells, pa.date32())
    except pa.ArrowInvalid:
        days = pa.array([_day(text) for text in cells.to_pylist()], pa.date32())
    number = days.cast(pa.int32())
    known = pc.and_(pc.greater_equal(number, _FIRST_DAY), pc.less_equal(number, _LAST_DAY))
    known = pc.or_(pc.fill_null(known, False), pc.is_null(cells))
    return pc.add(number, _EPOCH).cast(pa.string()), known


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


_MARKUP = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_CONTROLS = tuple((chr(code), f"_x{code:04X}_") for code in range(32) if code not in (9, 10))
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def escaped(cells: pa.StringArray) -> pa.StringArray:
    """Texts as they stand in a part: markup, and what XML does not have, escaped."""
    data = bytes_of(cells)
    underscores = rows_holding(cells, lambda d: d == ord("_"))
    if underscores is not None:
        places = np.flatnonzero(
            underscores & pc.fill_null(pc.match_substring(cells, "_x"), False).to_numpy(False)
        )
        if places.size:
            texts = cells.to_pylist()
            for place in places.tolist():
                texts[place] = _LOOKS_ESCAPED.sub("_x005F_", texts[place])
            cells = pa.array(texts, pa.string())
    if ((data < 32) & (data != 9) & (data != 10)).any():
        cells = replaced(cells, _CONTROLS)
    if (data == 0xEF).any():
        for character in ("\ufffe", "\uffff"):
            cells = pc.replace_substring(cells, character, f"_x{ord(character):04X}_")
    return replaced(cells, _MARKUP)


def _spaced(cells: pa.StringArray) -> np.ndarray | None:
    """Which cells have white space that a program may leave out unless it is told not to."""
    data, offsets = bytes_of(cells), offsets_of(cells)
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    ends = np.zeros(len(cells), np.bool_)
    ends[filled] = (data[offsets[filled] - offsets[0]] <= 32) | (
        data[offsets[filled + 1] - 1 - offsets[0]] <= 32
    )
    inside = rows_holding(cells, lambda d: (d == 9) | (d == 10))
    if inside is not None:
        ends |= inside
    return ends if ends.any() else None


def _too_long(cells: pa.StringArray) -> int | None:
    """Position of the first cell with more characters than a cell may have, counted as Excel
    does: in UTF-16."""
    lengths = lengths_of(cells)
    for place in np.flatnonzero(lengths > _LONGEST_CELL).tolist():
        text = cells[place].as_py()
        if text is not None and len(text.encode("utf-16-le")) // 2 > _LONGEST_CELL:
            return int(place)
    return None


def _letters(place: int) -> str:
    """The letters of a column: 0 is A, 26 is AA."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f\ufffe\uffff]")


def sheet_name(name: str, taken: set[str]) -> str:
    """A name that Excel takes for a sheet: 31 characters, none of ``[]:*?/\\``, no apostrophe at
    an end, not ``History``, and unique whatever the case.

    Args:
        taken: the names there are, case folded.
    """
    plain = _NOT_IN_NAMES.sub("_", name)
    base = _cut(plain, _LONGEST_NAME).strip("'") or "Sheet"
    if base.casefold() == "history":
        base += "_"
    unique, count = base, 1
    while unique.casefold() in taken:
        count += 1
        ending = f" ({count})"
        unique = _cut(base, _LONGEST_NAME - len(ending)) + ending
    return unique


def _cut(text: str, length: int) -> str:
    """The beginning of a text, in characters of UTF-16, none of them cut in half."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_SHEET_START = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    "</sheetView></sheetViews><sheetData>"
)
_SHEET_END = b"</sheetData></worksheet>"

_RELS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)


def _package(sheets: list[str], formats: list[str]) -> dict[str, str]:
    """The parts that list the others: path → text."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{i}" r:id="rId{i}"/>'
        for i, name in zip(numbers, sheets, strict=True)
    )
    relations = "".join(
        f'<Relationship Id="rId{i}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in numbers
    )
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for i in numbers
    )
    return {
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><bookViews>'
        f"<workbookView/></bookViews><sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'{relations}<Relationship Id="rId{len(sheets) + 1}" Type="{_OFFICE}/styles" '
        'Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _styles(formats),
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'{overrides}<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        "</Types>",
    }


def _styles(formats: list[str]) -> str:
    """Style 0 is plain, 1 the header's; from 2 on the number formats."""
    codes = "".join(
        f'<numFmt numFmtId="{164 + i}" formatCode={quoteattr(code)}/>'
        for i, code in enumerate(formats)
    )
    listed = f'<numFmts count="{len(formats)}">{codes}</numFmts>' if formats else ""
    styles = "".join(
        f'<xf numFmtId="{164 + i}" fontId="0" fillId="0" borderId="0" xfId="0" '
        'applyNumberFormat="1"/>'
        for i in range(len(formats))
    )
    font = '<sz val="11"/><name val="Calibri"/><family val="2"/>'
    return (
        f'{_XML}<styleSheet xmlns="{_MAIN}">{listed}'
        f'<fonts count="2"><font>{font}</font><font><b/>{font}</font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
        f'</cellStyleXfs><cellXfs count="{len(formats) + 2}">'
        '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
        f'{styles}</cellXfs><cellStyles count="1">'
        '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )
