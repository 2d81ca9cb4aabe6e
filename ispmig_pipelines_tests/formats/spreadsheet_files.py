"""Writers of small workbooks in the formats that no library here writes.

They follow the published specifications, and the tests hold what they write against a library
of others as well, so that reader and writer cannot share a mistake.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
ERRORS = {"#NULL!": 0, "#DIV/0!": 7, "#VALUE!": 15, "#REF!": 23, "#NAME?": 29, "#NUM!": 36,
          "#N/A": 42}  # fmt: skip


@dataclass(frozen=True)
class Err:
    """An error in a cell."""

    code: str


@dataclass(frozen=True)
class Styled:
    """A number with the style of that index."""

    number: float
    style: int


@dataclass(frozen=True)
class Formula:
    """A formula (1+1) and its last value."""

    value: object


Cell = object
FORMATS = ["General", "yyyy\\-mm\\-dd", "dd.mm.yyyy hh:mm", "[h]:mm:ss", "00000"]
"""The number formats of the styles 0, 1, 2, …"""

_PARSED = b"\x1e\x01\x00\x1e\x01\x00\x03"
"""The formula 1+1."""


# ---------------------------------------------------------------- ole and xls


def ole(streams: dict[str, bytes]) -> bytes:
    """A container with these streams, each in sectors of its own."""
    size = 512
    sectors: list[bytes] = []
    table: list[int] = []

    def put(data: bytes) -> int:
        start = len(sectors)
        count = max((len(data) + size - 1) // size, 1)
        for i in range(count):
            sectors.append(data[i * size : (i + 1) * size].ljust(size, b"\0"))
            table.append(start + i + 1 if i + 1 < count else 0xFFFFFFFE)
        return start

    places = {name: put(data.ljust(4096, b"\0")) for name, data in streams.items()}

    def entry(name: str, kind: int, start: int, length: int, child: int = 0xFFFFFFFF) -> bytes:
        raw = (name + "\0").encode("utf-16-le")
        return (
            raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw), kind, 1)
            + struct.pack("<III", 0xFFFFFFFF, 0xFFFFFFFF, child) + bytes(36)
            + struct.pack("<IQ", start, length)
        )  # fmt: skip

    entries = entry("Root Entry", 5, 0xFFFFFFFE, 0, 1)
    entries += b"".join(
        entry(name, 2, places[name], max(len(data), 4096)) for name, data in streams.items()
    )
    directory = put(entries)
    count = (len(table) + 1) // 127 + 1
    first = len(sectors)
    table += [0xFFFFFFFD] * count
    table += [0xFFFFFFFF] * (count * 128 - len(table))
    sectors += [struct.pack("<128I", *table[i * 128 : (i + 1) * 128]) for i in range(count)]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(10)
    header += struct.pack("<IIIIIIII", count, directory, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    listed = [*range(first, first + count)]
    header += struct.pack("<109I", *listed, *[0xFFFFFFFF] * (109 - count))
    return header + b"".join(sectors)


def _record(kind: int, payload: bytes) -> bytes:
    return struct.pack("<HH", kind, len(payload)) + payload


def _beginning(kind: int, *, biff5: bool) -> bytes:
    payload = struct.pack("<HHHHII", 0x0500 if biff5 else 0x0600, kind, 0, 0, 0, 0)
    return _record(0x0809, payload[: 8 if biff5 else 16])


def _wide(text: str, size: str = "<H") -> bytes:
    """A text of BIFF8: narrow where it can be."""
    units = len(text.encode("utf-16-le")) // 2
    try:
        return struct.pack(size, units) + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        return struct.pack(size, units) + b"\1" + text.encode("utf-16-le")


def shared_record(texts: list[str], *, room: int = 8224) -> bytes:
    """The SST record, continued wherever it is full, in the middle of a text as well."""
    records = [struct.pack("<II", len(texts), len(texts))]
    for text in texts:
        units = text.encode("utf-16-le")
        wide = any(units[1::2])
        head = struct.pack("<HB", len(units) // 2, wide)
        body = units if wide else units[::2]
        if len(records[-1]) + 3 > room:
            records.append(b"")
        records[-1] += head
        width = 2 if wide else 1
        while body:
            free = (room - len(records[-1])) // width * width
            if not free:
                records.append(bytes([wide]))
                continue
            records[-1] += body[:free]
            body = body[free:]
    first, *others = records
    return _record(0xFC, first) + b"".join(_record(0x3C, part) for part in others)


def xls(
    sheets: dict[str, list[list[Cell]]],
    *,
    is_1904: bool = False,
    biff5: bool = False,
    states: dict[str, int] | None = None,
    between: bytes = b"",
    room: int = 8224,
    stream: str = "Workbook",
) -> bytes:
    """A workbook of the old kind; ``between`` are further global records."""
    texts: list[str] = []

    def text_of(text: str, size: str = "<H") -> bytes:
        if biff5:
            raw = text.encode("cp1251")
            return struct.pack(size, len(raw)) + raw
        return _wide(text, size)

    bodies = []
    for rows in sheets.values():
        body = [_beginning(0x10, biff5=biff5)]
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                body.append(_xls_cell(number, place, cell, texts, text_of, biff5=biff5))
        bodies.append(b"".join([*body, _record(0x0A, b"")]))

    def globals_with(places: list[int]) -> bytes:
        book = _beginning(5, biff5=biff5)
        book += _record(0x42, struct.pack("<H", 1251 if biff5 else 1200))
        book += _record(0x22, struct.pack("<H", is_1904)) + between
        for number, code in enumerate(FORMATS[1:], start=164):
            book += _record(
                0x41E, struct.pack("<H", number) + text_of(code, "<B" if biff5 else "<H")
            )
        for style in range(len(FORMATS)):
            number = 163 + style if style else 0
            book += _record(0xE0, struct.pack("<HH", 0, number).ljust(16 if biff5 else 20, b"\0"))
        for name, place in zip(sheets, places, strict=True):
            state = (states or {}).get(name, 0)
            book += _record(0x85, struct.pack("<IBB", place, state, 0) + text_of(name, "<B"))
        if not biff5:
            book += shared_record(texts, room=room)
        return book + _record(0x0A, b"")

    begin = len(globals_with([0] * len(sheets)))
    places = [begin + sum(map(len, bodies[:i])) for i in range(len(bodies))]
    return ole({stream: globals_with(places) + b"".join(bodies)})


def _xls_cell(number, place, cell, texts, text_of, *, biff5):  # type: ignore[no-untyped-def]
    at = struct.pack("<HHH", number, place, 0)
    if cell is None:
        return b""
    if isinstance(cell, Formula):
        rest = bytes(6) + struct.pack("<H", len(_PARSED)) + _PARSED
        value = cell.value
        if isinstance(value, str):
            result = b"\0\0\0\0\0\0\xff\xff" if value else b"\3\0\0\0\0\0\xff\xff"
            after = _record(0x207, text_of(value)) if value else b""
        elif isinstance(value, bool):
            result, after = bytes([1, 0, value, 0, 0, 0, 255, 255]), b""
        elif isinstance(value, Err):
            result, after = bytes([2, 0, ERRORS[value.code], 0, 0, 0, 255, 255]), b""
        else:
            result, after = struct.pack("<d", value), b""
        return _record(0x06, at + result + rest) + after
    if isinstance(cell, bool):
        return _record(0x205, at + bytes([cell, 0]))
    if isinstance(cell, Err):
        return _record(0x205, at + bytes([ERRORS[cell.code], 1]))
    if isinstance(cell, Styled):
        return _record(0x203, struct.pack("<HHHd", number, place, cell.style, cell.number))
    if isinstance(cell, int) and -(1 << 29) <= cell < 1 << 29:
        return _record(0x27E, at + struct.pack("<i", cell << 2 | 2))
    if isinstance(cell, int | float):
        return _record(0x203, at + struct.pack("<d", cell))
    if biff5:
        return _record(0x204, at + text_of(cell))
    texts.append(cell)
    return _record(0xFD, at + struct.pack("<I", len(texts) - 1))


# ---------------------------------------------------------------- xlsb


def _part(*records: tuple[int, bytes]) -> bytes:
    data = bytearray()
    for kind, payload in records:
        data += bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
        size = len(payload)
        while size >= 128:
            data += bytes([size & 0x7F | 0x80])
            size >>= 7
        data += bytes([size]) + payload
    return bytes(data)


def _string(text: str) -> bytes:
    raw = text.encode("utf-16-le")
    return struct.pack("<I", len(raw) // 2) + raw


def xlsb(
    path: Path,
    sheets: dict[str, list[list[Cell]]],
    *,
    is_1904: bool = False,
    states: dict[str, int] | None = None,
) -> Path:
    """A binary workbook."""
    texts: list[str] = []
    parts: dict[str, bytes] = {}
    for i, rows in enumerate(sheets.values(), start=1):
        records = [(129, b""), (148, struct.pack("<4I", 0, 0, 0, 0)), (145, b"")]
        for number, row in enumerate(rows):
            records.append((0, struct.pack("<IIHBBBI", number, 0, 300, 0, 0, 0, 0)))
            records += [
                _xlsb_cell(place, cell, texts) for place, cell in enumerate(row) if cell is not None
            ]
        records += [(146, b""), (130, b"")]
        parts[f"xl/worksheets/sheet{i}.bin"] = _part(*records)
    bundle = [
        (156, struct.pack("<II", (states or {}).get(name, 0), i) + _string(f"r{i}") + _string(name))
        for i, name in enumerate(sheets, start=1)
    ]
    parts["xl/workbook.bin"] = _part(
        (131, b""), (153, struct.pack("<II", int(is_1904), 0) + _string("")), (143, b""), *bundle,
        (144, b""), (132, b""),
    )  # fmt: skip
    parts["xl/sharedStrings.bin"] = _part(
        (159, struct.pack("<II", len(texts), len(texts))),
        *((19, b"\0" + _string(text)) for text in texts),
        (160, b""),
    )
    formats = [
        (44, struct.pack("<H", number) + _string(code))
        for number, code in enumerate(FORMATS[1:], start=164)
    ]
    styles = [
        (47, struct.pack("<HH", 0, 163 + i if i else 0) + bytes(12)) for i in range(len(FORMATS))
    ]
    parts["xl/styles.bin"] = _part(
        (278, b""), (615, struct.pack("<I", len(formats))), *formats, (616, b""),
        (626, struct.pack("<I", 1)), (47, bytes(16)), (627, b""),
        (617, struct.pack("<I", len(styles))), *styles, (618, b""), (279, b""),
    )  # fmt: skip

    def relations(*links: tuple[str, str, str]) -> str:
        listed = "".join(
            f'<Relationship Id="{i}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
            for i, kind, target in links
        )
        return f'<Relationships xmlns="{PACKAGE}">{listed}</Relationships>'

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", relations(("r", "officeDocument", "xl/workbook.bin")))
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            relations(
                *((f"r{i}", "worksheet", f"worksheets/sheet{i}.bin")
                  for i in range(1, len(sheets) + 1)),
                ("s", "sharedStrings", "sharedStrings.bin"),
                ("t", "styles", "styles.bin"),
            ),
        )  # fmt: skip
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def _xlsb_cell(place: int, cell: Cell, texts: list[str]) -> tuple[int, bytes]:
    style = cell.style if isinstance(cell, Styled) else 0
    head = struct.pack("<II", place, style)
    rest = struct.pack("<HI", 0, len(_PARSED)) + _PARSED + struct.pack("<I", 0)
    value = cell.value if isinstance(cell, Formula) else cell
    is_formula = isinstance(cell, Formula)
    if isinstance(value, Styled):
        return 5, head + struct.pack("<d", value.number)
    if isinstance(value, bool):
        return (10, head + bytes([value]) + rest) if is_formula else (4, head + bytes([value]))
    if isinstance(value, Err):
        code = bytes([ERRORS[value.code]])
        return (11, head + code + rest) if is_formula else (3, head + code)
    if isinstance(value, str):
        if is_formula:
            return 8, head + _string(value) + rest
        texts.append(value)
        return 7, head + struct.pack("<I", len(texts) - 1)
    assert isinstance(value, int | float)
    if is_formula:
        return 9, head + struct.pack("<d", value) + rest
    if isinstance(value, int) and -(1 << 29) <= value < 1 << 29:
        return 2, head + struct.pack("<i", value << 2 | 2)
    return 5, head + struct.pack("<d", value)


# ---------------------------------------------------------------- ods

_SPACES = {
    name: f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"
    for name in ("office", "table", "text", "style")
} | {"calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"}


def ods(path: Path, tables: str, *, styles: str = "", manifest: str = "", before: str = "") -> Path:
    """An OpenDocument spreadsheet with the markup of its tables as given."""
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in _SPACES.items())
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mime)
        archive.writestr(
            "META-INF/manifest.xml",
            '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<m:file-entry m:full-path="/" m:media-type="{mime}"/>{manifest}</m:manifest>',
        )
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0" encoding="UTF-8"?>{before}<office:document-content {spaces}>'
            f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
            f"<office:spreadsheet>{tables}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    return path
