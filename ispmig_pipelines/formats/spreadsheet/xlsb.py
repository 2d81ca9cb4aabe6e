"""The binary workbook (XLSB): the parts of an XLSX, written as records instead of XML.

A record is a type and a size, each in groups of seven bits, and its payload.
Source: [MS-XLSB] 2.1.4 (records), 2.4 (their payloads), 2.5.122 (RkNumber).
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from ispmig_pipelines.formats.spreadsheet.grid import (
    BINARY_ERRORS,
    MOST_COLUMNS,
    NO_CODE,
    NO_TEXT,
    Grid,
    GridBuilder,
)
from ispmig_pipelines.formats.spreadsheet.xlsx_package import (
    BROKEN,
    Sheet,
    Workbook,
    check_shared_size,
    damaged,
    format_kind,
    main_part,
    members,
    named_part,
    part_relations,
    protected,
    unique_name,
)
from ispmig_pipelines.formats.spreadsheet.xlsx_values import NumberTexts
from ispmig_pipelines.remote import SourceFile

_ROWS_AT_ONCE = 5_000
_READ = 1 << 20
_STATES = {0: "visible", 1: "hidden", 2: "veryHidden"}

# Records, by their names in the specification.
_ROW_HDR, _CELL_BLANK, _CELL_RK, _CELL_ERROR, _CELL_BOOL, _CELL_REAL, _CELL_ST, _CELL_ISST = range(
    8
)
_FMLA_STRING, _FMLA_NUM, _FMLA_BOOL, _FMLA_ERROR = range(8, 12)
_SHORT_FIRST, _SHORT_LAST = 12, 18
_SST_ITEM, _FMT, _XF, _COL_INFO, _CELL_R_STRING = 19, 44, 47, 60, 62
_BEGIN_SHEET_DATA, _END_SHEET_DATA = 145, 146
_WB_PROP, _BUNDLE_SH, _MERGE_CELL, _BEGIN_CELL_XFS, _END_CELL_XFS = 153, 156, 176, 617, 618


def rk_number(raw: int) -> float | int:
    """A number in 30 bits: a whole one, or the upper half of a float, maybe in hundredths."""
    if raw & 2:
        number: float | int = (raw - (1 << 32) if raw & 0x80000000 else raw) >> 2
    else:
        number = float(struct.unpack("<d", struct.pack("<II", 0, raw & 0xFFFFFFFC))[0])
    return number / 100 if raw & 1 else number


def records(path: SourceFile, archive: zipfile.ZipFile, name: str) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each record of a part.

    Raises:
        SourceError: the part is cut short or damaged.
    """
    data, at = b"", 0
    try:
        with archive.open(name) as file:
            while True:
                if len(data) - at < 8:
                    data, at = data[at:] + file.read(_READ), 0
                    if not data:
                        return
                kind, at = _varied(data, at, 2)
                size, at = _varied(data, at, 4)
                if size > len(data) - at:
                    data, at = data[at:] + file.read(max(size, _READ)), 0
                    if size > len(data):
                        raise damaged(path, f"its part {name} ends too early")
                yield kind, data[at : at + size]
                at += size
    except (*BROKEN, IndexError):
        raise damaged(path, f"its part {name} cannot be read") from None
    except RuntimeError:
        raise protected(path) from None


def _varied(data: bytes, at: int, most: int) -> tuple[int, int]:
    """A number in at most so many groups of seven bits, and where it ends."""
    value = 0
    for group in range(most):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * group)
        if byte < 0x80:
            break
    return value, at


def _text(payload: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("<I", payload, at)
    end = at + 4 + 2 * size
    if size == 0xFFFFFFFF:
        return "", at + 4
    if end > len(payload):
        raise ValueError("the text ends too early")
    return payload[at + 4 : end].decode("utf-16-le", "replace"), end


def read_workbook(path: SourceFile, archive: zipfile.ZipFile) -> tuple[Workbook, pa.StringArray]:
    """The sheets, number formats and shared texts of a workbook.

    Raises:
        SourceError: a part that must be there is missing or broken.
    """
    names = members(archive)
    book = main_part(path, archive, names, "workbook.bin")
    if book.lower() not in names:
        raise damaged(path, "it has no workbook part")
    relations = part_relations(path, archive, names, book)
    sheets: list[Sheet] = []
    is_1904 = False
    try:
        for kind, payload in records(path, archive, names[book.lower()]):
            if kind == _WB_PROP:
                is_1904 = bool(payload[0] & 1)
            elif kind == _BUNDLE_SH:
                (state,) = struct.unpack_from("<I", payload)
                identity, at = _text(payload, 8)
                name, _ = _text(payload, at)
                usual = posixpath.join(
                    posixpath.dirname(book), f"worksheets/sheet{len(sheets) + 1}.bin"
                )
                sheet_kind, part = relations.get(identity, ("worksheet", usual))
                sheets.append(
                    Sheet(
                        name=unique_name(name or f"Sheet{len(sheets) + 1}", sheets),
                        part=names.get(part.lower(), ""),
                        state=_STATES.get(state & 3, "hidden"),
                        kind=sheet_kind,
                    )
                )
        styles = names.get(named_part("styles", relations, book, "bin").lower(), "")
        shared = names.get(named_part("sharedStrings", relations, book, "bin").lower(), "")
        workbook = Workbook(
            tuple(sheets), is_1904, _formats(path, archive, styles) if styles else (), shared
        )
        texts = _shared(path, archive, shared) if shared else pa.array([], pa.string())
    except (struct.error, ValueError, IndexError):
        raise damaged(path) from None
    return workbook, texts


def _formats(path: SourceFile, archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    codes: dict[int, str] = {}
    found: list[int] = []
    is_cell = False
    for kind, payload in records(path, archive, name):
        if kind == _FMT:
            (number,) = struct.unpack_from("<H", payload)
            codes[number] = _text(payload, 2)[0]
        elif kind in (_BEGIN_CELL_XFS, _END_CELL_XFS):
            is_cell = kind == _BEGIN_CELL_XFS
        elif kind == _XF and is_cell:
            (number,) = struct.unpack_from("<H", payload, 2)
            found.append(number)
    return tuple(format_kind(number, codes.get(number)) for number in found)


def _shared(path: SourceFile, archive: zipfile.ZipFile, name: str) -> pa.StringArray:
    check_shared_size(path, archive, name)
    blocks: list[pa.StringArray] = []
    texts: list[str] = []
    for kind, payload in records(path, archive, name):
        if kind == _SST_ITEM:
            texts.append(_text(payload, 1)[0])
            if len(texts) >= 50_000:
                blocks.append(pa.array(texts, pa.string()))
                texts = []
    blocks.append(pa.array(texts, pa.string()))
    return pa.chunked_array(blocks, pa.string()).combine_chunks()


@dataclass
class XlsbCells:
    """One sheet of a binary workbook.

    Attributes:
        merged, hidden_rows, hidden_columns: how many merged ranges, hidden rows and hidden
            columns it has, known once it was read to its end.
    """

    path: SourceFile
    archive: zipfile.ZipFile
    part: str
    workbook: Workbook
    shared: pa.StringArray
    merged: int = 0
    hidden_rows: int = 0
    hidden_columns: int = 0

    def grids(self) -> Iterator[Grid]:
        """The sheet's rows, in order; ``done`` counts bytes of its part, about.

        Raises:
            SourceError: the sheet is cut short or damaged.
        """
        try:
            yield from self._grids()
        except (struct.error, ValueError, IndexError):
            raise damaged(self.path, f"its part {self.part} cannot be read") from None

    def _grids(self) -> Iterator[Grid]:
        numbers = NumberTexts(is_1904=self.workbook.is_1904)
        builder = GridBuilder()
        cells: dict[int, str] = {}
        errors: dict[int, str] = {}
        row = place = done = 0
        ended = False
        for kind, payload in records(self.path, self.archive, self.part):
            done += len(payload) + 2
            if kind == _ROW_HDR:
                if cells or errors:
                    builder.add(row, cells, errors)
                    cells, errors = {}, {}
                    if len(builder) >= _ROWS_AT_ONCE:
                        yield builder.take(done)
                row = struct.unpack_from("<I", payload)[0] + 1
                place = -1
                self.hidden_rows += bool(len(payload) > 11 and payload[11] & 0x10)
            elif _CELL_RK <= kind <= _SHORT_LAST or kind == _CELL_R_STRING:
                at = 8
                if _SHORT_FIRST <= kind <= _SHORT_LAST:
                    # A short cell stands right of the one before it.
                    kind, at, place = kind - _SHORT_FIRST + _CELL_BLANK, 4, place + 1
                else:
                    (place,) = struct.unpack_from("<I", payload)
                if place >= MOST_COLUMNS:
                    raise ValueError("no such column")
                if kind != _CELL_BLANK:
                    style = int.from_bytes(payload[at - 4 : at - 1], "little")
                    text, error = self._cell(kind, payload, at, style, numbers)
                    cells[place] = text
                    if error:
                        errors[place] = error
            elif kind == _CELL_BLANK:
                (place,) = struct.unpack_from("<I", payload)
            elif kind == _MERGE_CELL:
                self.merged += 1
            elif kind == _COL_INFO:
                first, last = struct.unpack_from("<II", payload)
                if last < 16_383 and payload[16] & 1:
                    self.hidden_columns += last - first + 1
            elif kind == _END_SHEET_DATA:
                ended = True
        if not ended:
            raise ValueError("the cells do not end")
        if cells or errors:
            builder.add(row, cells, errors)
        yield builder.take(done)

    def _cell(
        self, kind: int, payload: bytes, at: int, style: int, numbers: NumberTexts
    ) -> tuple[str, str]:
        """A cell's text, and what stands there in place of a value, or ""."""
        if kind == _CELL_ISST:
            (index,) = struct.unpack_from("<I", payload, at)
            if index >= len(self.shared):
                return "", NO_TEXT
            return self.shared[index].as_py(), ""
        if kind in (_CELL_ST, _FMLA_STRING):
            return _text(payload, at)[0], ""
        if kind == _CELL_R_STRING:
            return _text(payload, at + 1)[0], ""
        if kind in (_CELL_BOOL, _FMLA_BOOL):
            return ("true" if payload[at] else "false"), ""
        if kind in (_CELL_ERROR, _FMLA_ERROR):
            code = BINARY_ERRORS.get(payload[at], NO_CODE)
            return code, code
        if kind == _CELL_RK:
            number = rk_number(struct.unpack_from("<I", payload, at)[0])
        else:
            (number,) = struct.unpack_from("<d", payload, at)
        formats = self.workbook.formats
        return numbers.text(formats[style] if style < len(formats) else 0, repr(number)), ""
