"""The old binary workbook (XLS): BIFF8 of Excel 97 to 2003, and BIFF5 before it.

Source: [MS-XLS] 2.3 (record types), 2.4 (records), 2.5.240 (texts that are continued).
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.spreadsheet.grid import (
    BINARY_ERRORS,
    NO_CODE,
    NO_TEXT,
    TWICE,
    Grid,
    GridBuilder,
)
from ispmig_pipelines.formats.spreadsheet.ole import OleFile
from ispmig_pipelines.formats.spreadsheet.xlsb import rk_number
from ispmig_pipelines.formats.spreadsheet.xlsx_package import (
    Sheet,
    damaged,
    format_kind,
    protected,
    unique_name,
)
from ispmig_pipelines.formats.spreadsheet.xlsx_values import NumberTexts
from ispmig_pipelines.remote import SourceFile

_ROWS_AT_ONCE = 5_000
_STATES = {0: "visible", 1: "hidden", 2: "veryHidden"}
_KINDS = {0: "worksheet", 1: "macrosheet", 2: "chartsheet", 6: "module"}
_BIFF8 = 0x0600

# Records, by their names in the specification.
_FORMULA, _EOF, _DATE_MODE, _FILE_PASS, _CONTINUE = 0x0006, 0x000A, 0x0022, 0x002F, 0x003C
_CODE_PAGE, _COL_INFO, _BOUND_SHEET, _MUL_RK = 0x0042, 0x007D, 0x0085, 0x00BD
_R_STRING, _XF, _MERGE_CELLS, _SST, _LABEL_SST = 0x00D6, 0x00E0, 0x00E5, 0x00FC, 0x00FD
_NUMBER, _LABEL, _BOOL_ERR, _STRING, _ROW = 0x0203, 0x0204, 0x0205, 0x0207, 0x0208
_RK, _FORMAT, _BOF = 0x027E, 0x041E, 0x0809
_OLD_FORMULAS = (0x0206, 0x0406)
_BESIDE_FORMULA = (0x04BC, 0x0221, 0x0236, _CONTINUE)
"""Records that may stand between a formula and its text: shared ones, arrays and tables."""


@dataclass
class XlsWorkbook:
    """An open workbook of the old kind.

    Attributes:
        sheets: in order; the part of each is the place of its records in the stream.
        is_1904: its days count from 1904.
        formats: as in :class:`~ispmig_pipelines.formats.spreadsheet.xlsx_package.Workbook`.
        texts: what cells refer to by number.
    """

    path: SourceFile
    stream: bytes
    sheets: list[Sheet] = field(default_factory=list)
    is_1904: bool = False
    formats: tuple[int, ...] = ()
    texts: list[str] = field(default_factory=list)
    version: int = _BIFF8
    codec: str = "cp1252"


def open_workbook(path: SourceFile, data: bytes) -> XlsWorkbook:
    """The sheets, number formats and texts of a workbook.

    Raises:
        SourceError: it is damaged, protected by a password, or no workbook at all.
    """
    try:
        container = OleFile(data)
        names = {name.lower() for name in container.names}
        if "encryptedpackage" in names:
            raise protected(path)
        stream = next((name for name in ("workbook", "book") if name in names), "")
        if not stream:
            raise SourceError(
                f"{path} is a Microsoft Office document of the old kind and no workbook is "
                "inside. Name the file that holds the records."
            )
        workbook = XlsWorkbook(path, container.stream(stream))
        _read_globals(workbook)
    except (ValueError, struct.error, IndexError):
        raise damaged(path) from None
    if not workbook.sheets:
        raise damaged(path, "it lists no sheets")
    return workbook


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each record, to the end of the stream."""
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        at += 4
        if at + size > len(stream):
            raise ValueError("a record ends too early")
        yield kind, stream[at : at + size]
        at += size


def _read_globals(workbook: XlsWorkbook) -> None:
    codes: dict[int, str] = {}
    numbers: list[int] = []
    shared: list[bytes] = []
    last = 0
    ended = False
    for kind, payload in _records(workbook.stream, 0):
        if kind == _BOF:
            (workbook.version,) = struct.unpack_from("<H", payload)
        elif kind == _FILE_PASS:
            raise protected(workbook.path)
        elif kind == _CODE_PAGE:
            workbook.codec = _codec(struct.unpack_from("<H", payload)[0])
        elif kind == _DATE_MODE:
            workbook.is_1904 = payload[0] == 1
        elif kind == _FORMAT:
            (number,) = struct.unpack_from("<H", payload)
            size = 1 if workbook.version < _BIFF8 else 2
            codes[number] = _text(workbook, payload, 2, size)
        elif kind == _XF:
            numbers.append(struct.unpack_from("<H", payload, 2)[0])
        elif kind == _BOUND_SHEET:
            place, state, sheet_kind = struct.unpack_from("<IBB", payload)
            name = _text(workbook, payload, 6, 1).replace("\x00", "")
            workbook.sheets.append(
                Sheet(
                    unique_name(name or f"Sheet{len(workbook.sheets) + 1}", workbook.sheets),
                    str(place),
                    _STATES.get(state & 3, "hidden"),
                    _KINDS.get(sheet_kind, "other"),
                )
            )
        elif kind == _SST:
            shared = [payload]
        elif kind == _CONTINUE and last == _SST:
            shared.append(payload)
            continue
        elif kind == _EOF:
            ended = True
            break
        last = kind
    if not ended:
        raise ValueError("the workbook does not end")
    workbook.formats = tuple(format_kind(number, codes.get(number)) for number in numbers)
    workbook.texts = _shared_texts(shared) if shared else []


def _codec(page: int) -> str:
    name = {10_000: "mac_roman", 0x8000: "mac_roman", 0x8001: "cp1252", 1200: "cp1252"}.get(page)
    try:
        return codecs.lookup(name or f"cp{page}").name
    except LookupError:
        return "cp1252"


def _text(workbook: XlsWorkbook, payload: bytes, at: int, size: int) -> str:
    """A text that begins with its length in ``size`` bytes."""
    count = int.from_bytes(payload[at : at + size], "little")
    at += size
    if workbook.version < _BIFF8:
        raw = payload[at : at + count]
        try:
            return raw.decode(workbook.codec)
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    if not count:
        return ""
    flags = payload[at]
    at += 1 + (2 if flags & 8 else 0) + (4 if flags & 4 else 0)
    return _characters(payload[at : at + (count << (flags & 1))], flags)


def _characters(raw: bytes, flags: int) -> str:
    return raw.decode("utf-16-le", "replace") if flags & 1 else raw.decode("latin-1")


class _Continued:
    """Payloads of records that go on in the next one, read as one."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts
        self._part = 0
        self._at = 0

    def _settle(self) -> bool:
        """Steps to the next payload at the end of one; whether it had to."""
        stepped = False
        while self._at >= len(self._parts[self._part]):
            self._part += 1
            self._at = 0
            stepped = True
            if self._part >= len(self._parts):
                raise ValueError("the texts end too early")
        return stepped

    def take(self, count: int) -> bytes:
        taken = b""
        while count:
            self._settle()
            piece = self._parts[self._part][self._at : self._at + count]
            self._at += len(piece)
            count -= len(piece)
            taken += piece
        return taken

    def characters(self, count: int, flags: int) -> str:
        """So many characters; each further payload says anew how wide they are."""
        wide = b""
        while count:
            if self._settle():
                flags = self.take(1)[0]
            width = 1 + (flags & 1)
            room = (len(self._parts[self._part]) - self._at) // width
            if not room:
                raise ValueError("a character is cut in two")
            raw = self.take(min(room, count) * width)
            wide += raw if flags & 1 else raw.decode("latin-1").encode("utf-16-le")
            count -= min(room, count)
        return wide.decode("utf-16-le", "replace")

    @property
    def ended(self) -> bool:
        rest = len(self._parts[self._part]) - self._at if self._part < len(self._parts) else 0
        return not rest and self._part >= len(self._parts) - 1


def _shared_texts(parts: list[bytes]) -> list[str]:
    """The texts of the SST record and its continuations. Their stated number may be wrong."""
    data = _Continued(parts)
    _, stated = struct.unpack("<II", data.take(8))
    texts: list[str] = []
    try:
        while not data.ended:
            count, flags = struct.unpack("<HB", data.take(3))
            runs = struct.unpack("<H", data.take(2))[0] if flags & 8 else 0
            extra = struct.unpack("<I", data.take(4))[0] if flags & 4 else 0
            texts.append(data.characters(count, flags))
            data.take(4 * runs + extra)
    except ValueError:
        # Some programs fill the record up behind the last text.
        if len(texts) < stated:
            raise
    return texts


@dataclass
class XlsCells:
    """One sheet of a workbook of the old kind. It has 65,536 rows at most, kept in memory.

    Attributes:
        merged, hidden_rows, hidden_columns: how many merged ranges, hidden rows and hidden
            columns it has, known once it was read.
    """

    workbook: XlsWorkbook
    part: str
    merged: int = 0
    hidden_rows: int = 0
    hidden_columns: int = 0

    def grids(self) -> Iterator[Grid]:
        """The sheet's rows, in order.

        Raises:
            SourceError: the sheet is cut short or damaged.
        """
        self._rows: dict[int, dict[int, str]] = {}
        self._errors: dict[int, dict[int, str]] = {}
        try:
            self._read()
        except (ValueError, struct.error, IndexError):
            raise damaged(self.workbook.path, "a sheet of it cannot be read") from None
        builder = GridBuilder()
        for done, row in enumerate(sorted(self._rows)):
            builder.add(row + 1, self._rows[row], self._errors.get(row, {}))
            if len(builder) >= _ROWS_AT_ONCE:
                yield builder.take(done)
        yield builder.take(len(self._rows))

    def _put(self, row: int, place: int, text: str, error: str = "") -> None:
        cells = self._rows.setdefault(row, {})
        if cells.setdefault(place, text) != text:
            error = TWICE
        if error:
            self._errors.setdefault(row, {})[place] = error

    def _read(self) -> None:
        depth = 0
        numbers = NumberTexts(is_1904=self.workbook.is_1904)
        waiting: tuple[int, int] | None = None
        parts: list[bytes] = []
        for kind, payload in _records(self.workbook.stream, int(self.part)):
            if kind == _BOF:
                depth += 1
            if depth == 1 and waiting is not None:
                if kind == _STRING or (kind == _CONTINUE and parts):
                    parts.append(payload)
                    continue
                if kind in _BESIDE_FORMULA and not parts:
                    continue
                self._put(*waiting, self._continued_text(parts) if parts else "")
                waiting, parts = None, []
            if kind == _EOF:
                depth -= 1
                if not depth:
                    return
            elif depth != 1:
                # A chart within the sheet has records of its own.
                continue
            if kind in (_FORMULA, *_OLD_FORMULAS):
                waiting = self._formula(payload, numbers)
            else:
                self._cell(kind, payload, numbers)
        raise ValueError("the sheet does not end")

    def _text(self, payload: bytes, at: int) -> str:
        return _text(self.workbook, payload, at, 2)

    def _continued_text(self, parts: list[bytes]) -> str:
        if self.workbook.version < _BIFF8:
            return self._text(parts[0] + b"".join(parts[1:]), 0)
        data = _Continued(parts)
        count = struct.unpack("<H", data.take(2))[0]
        return data.characters(count, data.take(1)[0]) if count else ""

    def _number(self, style: int, number: float | int, numbers: NumberTexts) -> str:
        formats = self.workbook.formats
        return numbers.text(formats[style] if style < len(formats) else 0, repr(number))

    def _cell(self, kind: int, payload: bytes, numbers: NumberTexts) -> None:
        if kind == _LABEL_SST:
            row, place, _, index = struct.unpack_from("<HHHI", payload)
            texts = self.workbook.texts
            known = index < len(texts)
            self._put(row, place, texts[index] if known else "", "" if known else NO_TEXT)
        elif kind == _RK:
            row, place, style, raw = struct.unpack_from("<HHHI", payload)
            self._put(row, place, self._number(style, rk_number(raw), numbers))
        elif kind == _MUL_RK:
            row, first = struct.unpack_from("<HH", payload)
            for i, at in enumerate(range(4, len(payload) - 2 - 5, 6)):
                style, raw = struct.unpack_from("<HI", payload, at)
                self._put(row, first + i, self._number(style, rk_number(raw), numbers))
        elif kind == _NUMBER:
            row, place, style, number = struct.unpack_from("<HHHd", payload)
            self._put(row, place, self._number(style, number, numbers))
        elif kind in (_LABEL, _R_STRING):
            row, place, _ = struct.unpack_from("<HHH", payload)
            self._put(row, place, self._text(payload, 6))
        elif kind == _BOOL_ERR:
            row, place, _, value, is_error = struct.unpack_from("<HHHBB", payload)
            code = BINARY_ERRORS.get(value, NO_CODE) if is_error else ""
            self._put(row, place, code or ("true" if value else "false"), code)
        elif kind == _MERGE_CELLS:
            self.merged += struct.unpack_from("<H", payload)[0]
        elif kind == _ROW:
            self.hidden_rows += bool(struct.unpack_from("<H", payload, 12)[0] & 0x20)
        elif kind == _COL_INFO:
            first, last, _, _, flags = struct.unpack_from("<5H", payload)
            if flags & 1 and last < 255:
                self.hidden_columns += last - first + 1

    def _formula(self, payload: bytes, numbers: NumberTexts) -> tuple[int, int] | None:
        """Puts down a formula's last value; returns its cell where a text follows."""
        row, place, style = struct.unpack_from("<HHH", payload)
        value = payload[6:14]
        if value[6:8] != b"\xff\xff":
            self._put(row, place, self._number(style, struct.unpack("<d", value)[0], numbers))
        elif value[0] == 0:
            return row, place
        elif value[0] == 1:
            self._put(row, place, "true" if value[2] else "false")
        elif value[0] == 2:
            code = BINARY_ERRORS.get(value[2], NO_CODE)
            self._put(row, place, code, code)
        else:
            self._put(row, place, "")
        return None
