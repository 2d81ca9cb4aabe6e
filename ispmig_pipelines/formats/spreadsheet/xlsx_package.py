"""The parts of an XLSX file around its cells: sheets, styles, shared texts.

The zip archive is looked at before anything is unpacked: what unfolds too far is refused.
"""

from __future__ import annotations

import codecs
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
from lxml import etree

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.spreadsheet.xlsx_values import (
    ZERO_PADDED,
    number_format,
    zero_padding,
)
from ispmig_pipelines.remote import SourceFile

_READ = 1 << 20
_MOST_TREE_BYTES = 256 << 20
_MOST_ITEM = 64 << 20

MOST_SHARED_BYTES = 1 << 30
"""Most bytes of shared texts, which are kept in memory while a workbook is read.

A full sheet of a million rows with forty different texts in each has as many.
"""

BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    etree.XMLSyntaxError,
    NotImplementedError,
)

PARSER_OPTIONS = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "remove_comments": True,
    "remove_pis": True,
    "huge_tree": True,
}
"""How lxml reads every part: nothing outside the part is ever fetched."""


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook: ``part`` is its place in the archive, "" where it has no cells."""

    name: str
    part: str
    state: str
    kind: str

    @property
    def is_table(self) -> bool:
        return self.kind == "worksheet" and self.state == "visible"


@dataclass(frozen=True)
class Workbook:
    """What the cells of all sheets refer to.

    Attributes:
        sheets: in the workbook's order.
        is_1904: its days count from 1904.
        formats: by style, what its number format makes of a number: a
            :class:`~ispmig_pipelines.formats.spreadsheet.xlsx_values.NumberFormat`, or
            ``ZERO_PADDED`` + how many digits it shows at least.
        shared_part: where the shared texts lie, or "".
    """

    sheets: tuple[Sheet, ...]
    is_1904: bool
    formats: tuple[int, ...]
    shared_part: str


def check_archive(path: SourceFile, archive: zipfile.ZipFile, limits: ReadLimits) -> None:
    """Refuses an archive that unfolds to more than the limits allow, before it does.

    Raises:
        SourceError: it does.
    """
    packed = max(path.stat().st_size, 1)
    total = sum(info.file_size for info in archive.infolist())
    if total > limits.max_expanded_bytes:
        raise SourceError(
            f"{path} unpacks to {total:,} bytes, and the limit is "
            f"{limits.max_expanded_bytes:,}. Export it in smaller pieces, or set "
            "ISPMIG_MAX_EXPANDED_BYTES."
        )
    if total > limits.ratio_from_bytes and total / packed > limits.max_ratio:
        raise SourceError(
            f"{path} unpacks to {total / packed:,.0f} times its size, as no real workbook does. "
            "Export the data as CSV, or set ISPMIG_MAX_RATIO."
        )


def open_archive(path: SourceFile, file: BinaryIO, limits: ReadLimits) -> zipfile.ZipFile:
    """The workbook's archive, checked.

    Raises:
        SourceError: it is cut short or damaged, or unfolds too far.
    """
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise damaged(path) from None
    check_archive(path, archive, limits)
    return archive


def damaged(path: SourceFile, what: str = "") -> SourceError:
    """The error for a workbook that cannot be read to its end."""
    return SourceError(
        f"{path} is a workbook that is cut short or damaged{': ' + what if what else ''}. "
        "Nothing of it is read as if it were complete. Transfer it again, or open it in a "
        "spreadsheet program and save it anew."
    )


def read_workbook(path: SourceFile, archive: zipfile.ZipFile) -> Workbook:
    """The sheets and styles of a workbook.

    Raises:
        SourceError: a part that must be there is missing or broken.
    """
    names = members(archive)
    book = main_part(path, archive, names)
    tree = _tree(path, archive, names, book)
    if tree is None:
        raise damaged(path, "it has no workbook part")
    relations = part_relations(path, archive, names, book)
    properties = tree.find("{*}workbookPr")
    stated = properties.get("date1904", "0") if properties is not None else "0"
    sheets: list[Sheet] = []
    for sheet in tree.iterfind("{*}sheets/{*}sheet"):
        identity = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")
        usual = posixpath.join(posixpath.dirname(book), f"worksheets/sheet{len(sheets) + 1}.xml")
        kind, part = relations.get(identity, ("worksheet", usual))
        sheets.append(
            Sheet(
                name=unique_name(sheet.get("name") or f"Sheet{len(sheets) + 1}", sheets),
                part=names.get(part.lower(), ""),
                state=sheet.get("state", "visible"),
                kind=kind,
            )
        )
    shared, styles = (named_part(kind, relations, book) for kind in ("sharedStrings", "styles"))
    return Workbook(
        sheets=tuple(sheets),
        is_1904=stated.strip().lower() in ("1", "true", "on"),
        formats=_formats(_tree(path, archive, names, styles)),
        shared_part=names.get(shared.lower(), ""),
    )


def members(archive: zipfile.ZipFile) -> dict[str, str]:
    """The members of a package, by their names as other parts refer to them.

    Some programs write backslashes, or upper case in one place and lower case in the other.
    """
    return {
        posixpath.normpath(name.replace("\\", "/").lower()).lstrip("/"): name
        for name in archive.namelist()
    }


def unique_name(name: str, sheets: list[Sheet]) -> str:
    """A name that no sheet before has, e.g. ``Data_2``."""
    taken = {sheet.name for sheet in sheets}
    shown, count = name, 1
    while shown in taken:
        count += 1
        shown = f"{name}_{count}"
    return shown


def named_part(
    kind: str, relations: dict[str, tuple[str, str]], book: str, extension: str = "xml"
) -> str:
    """Where the part of a kind lies: as the workbook says, else where it usually does."""
    usual = posixpath.join(posixpath.dirname(book), f"{kind}.{extension}")
    return next((part for found, part in relations.values() if found == kind), usual)


def main_part(
    path: SourceFile, archive: zipfile.ZipFile, names: dict[str, str], usual: str = "workbook.xml"
) -> str:
    """Where the part lies that lists the sheets."""
    for kind, part in part_relations(path, archive, names, "").values():
        if kind == "officeDocument" and part.lower() in names:
            return part
    return next((name for name in names if name.endswith(usual)), f"xl/{usual}")


def part_relations(
    path: SourceFile, archive: zipfile.ZipFile, names: dict[str, str], part: str
) -> dict[str, tuple[str, str]]:
    """Identity → kind and target of what a part refers to."""
    folder, leaf = posixpath.split(part)
    tree = _tree(path, archive, names, posixpath.join(folder, "_rels", f"{leaf}.rels"))
    found: dict[str, tuple[str, str]] = {}
    if tree is None:
        return found
    for relation in tree.iterfind("{*}Relationship"):
        if relation.get("TargetMode") == "External":
            continue
        target = (relation.get("Target") or "").replace("\\", "/")
        # An absolute target starts at the top of the archive; none leads out of it.
        full = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
        kind = (relation.get("Type") or "").rsplit("/", 1)[-1]
        found[relation.get("Id", str(len(found)))] = (kind, posixpath.normpath(full))
    return found


def _tree(
    path: SourceFile, archive: zipfile.ZipFile, names: dict[str, str], part: str
) -> etree._Element | None:
    name = names.get(part.lower())
    if name is None:
        return None
    if archive.getinfo(name).file_size > _MOST_TREE_BYTES:
        raise damaged(path, f"its part {name} is larger than any real one")
    try:
        with archive.open(name) as file:
            tree = etree.parse(file, etree.XMLParser(**PARSER_OPTIONS))
    except BROKEN:
        raise damaged(path, f"its part {name} cannot be read") from None
    except RuntimeError:
        raise protected(path) from None
    refuse_doctype(path, tree.docinfo.doctype)
    return tree.getroot()


def protected(path: SourceFile) -> SourceError:
    """The error for a workbook behind a password."""
    return SourceError(
        f"{path} is protected with a password. Open it in a spreadsheet program, remove the "
        "password (File, Info, Protect) and save it again."
    )


def refuse_doctype(path: SourceFile, doctype: str) -> None:
    """No part of a workbook has a document type declaration; bombs have.

    Raises:
        SourceError: this one has.
    """
    if doctype:
        raise SourceError(
            f"{path} is a workbook with a document type declaration (DOCTYPE) inside, as no "
            "spreadsheet program writes. Open it in one and save it anew."
        )


def _formats(styles: etree._Element | None) -> tuple[int, ...]:
    if styles is None:
        return ()
    codes = {
        _whole(form.get("numFmtId")): form.get("formatCode") or ""
        for form in styles.iterfind("{*}numFmts/{*}numFmt")
    }
    found = []
    for style in styles.iterfind("{*}cellXfs/{*}xf"):
        number = _whole(style.get("numFmtId"))
        found.append(format_kind(number, codes.get(number)))
    return tuple(found)


def format_kind(number: int, code: str | None) -> int:
    """What a number format makes of a number; see :attr:`Workbook.formats`."""
    width = zero_padding(code)
    return ZERO_PADDED + width if width else int(number_format(number, code))


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def part_text(path: SourceFile, archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    """A part as text, piece by piece.

    Raises:
        SourceError: it is cut short or damaged, or written in an unknown encoding.
    """
    try:
        with archive.open(name) as file:
            block = file.read(_READ)
            decoder = codecs.getincrementaldecoder(_encoding(block))()
            while block:
                yield decoder.decode(block)
                block = file.read(_READ)
            yield decoder.decode(b"", True)
    except (*BROKEN, UnicodeDecodeError, LookupError):
        raise damaged(path, f"its part {name} cannot be read") from None
    except RuntimeError:
        raise protected(path) from None


_DECLARED = re.compile(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.:-]+)")


def _encoding(head: bytes) -> str:
    """What a part is written in: by its byte order mark, else as it declares."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith((b"<\x00", b"\x00<")):
        return "utf-16-le" if head.startswith(b"<") else "utf-16-be"
    declared = _DECLARED.match(head.removeprefix(codecs.BOM_UTF8)[:200])
    name = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    return "utf-8-sig" if name in ("utf-8", "utf8") else name


_ESCAPE = re.compile(
    r"_x([Dd][89ABab][0-9A-Fa-f]{2})__x([Dd][C-Fc-f][0-9A-Fa-f]{2})_|_x([0-9A-Fa-f]{4})_"
)


def unescaped(text: str) -> str:
    """A text as a person typed it: ``_x000D_`` stands for a carriage return.

    Source: ECMA-376 part 1, 22.9.2.19 (ST_Xstring).
    """
    if "_x" not in text:
        return text
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    high, low, single = match.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    code = int(single, 16)
    return match.group() if 0xD800 <= code <= 0xDFFF else chr(code)


_REFERENCE = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));|&")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def escaped_controls(block: str) -> str:
    """Markup without the characters that XML forbids, each as spreadsheets escape it.

    No spreadsheet program writes them as they are; the exports of some billing systems do.
    """
    return _FORBIDDEN.sub(lambda match: f"_x{ord(match.group()):04X}_", block)


def plain_text(raw: str) -> str:
    """The text of an element, as it stands in the part, without its references.

    Raises:
        ValueError: one of them is none of XML's own.
    """
    if "\r" in raw:
        raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    if "&" in raw:
        raw = _REFERENCE.sub(_resolved, raw)
    return unescaped(raw)


def _resolved(match: re.Match[str]) -> str:
    named, decimal, hexadecimal = match.groups()
    if named:
        return _NAMED[named]
    code = int(decimal) if decimal else int(hexadecimal, 16) if hexadecimal else 0
    if not (code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0x110000):
        raise ValueError("no reference of XML")
    return chr(code)


def check_shared_size(path: SourceFile, archive: zipfile.ZipFile, name: str) -> None:
    """Refuses shared texts that are more than may be kept in memory.

    Raises:
        SourceError: they are.
    """
    size = archive.getinfo(name).file_size
    if size > MOST_SHARED_BYTES:
        raise SourceError(
            f"{path} has {size:,} bytes of texts in its cells, which would all be kept in memory; "
            f"the limit is {MOST_SHARED_BYTES:,}. Export it in smaller pieces, or as CSV."
        )


_PLAIN_ITEM = re.compile(
    r"<si>\s*<t(?: xml:space=[\"']preserve[\"'])?(?:/>|>([^<]*)</t>)\s*</si>|<si\s*/>"
)
_LIST = re.compile(r"<((?:[\w.\-]+:)?)sst\b[^<>]*>")


def shared_texts(path: SourceFile, archive: zipfile.ZipFile, name: str) -> pa.StringArray:
    """The texts that cells of all sheets refer to by number.

    Most are written in one plain manner, which an expression reads; lxml reads any others.

    Raises:
        SourceError: they are cut short or damaged, or more than may be kept in memory.
    """
    if not name:
        return pa.array([], pa.string())
    check_shared_size(path, archive, name)
    blocks = list(_shared_blocks(path, name, part_text(path, archive, name)))
    return pa.chunked_array(blocks, pa.string()).combine_chunks()


def _shared_blocks(path: SourceFile, name: str, pieces: Iterator[str]) -> Iterator[pa.StringArray]:
    text = ""
    root = None
    for piece in pieces:
        text += piece
        root = _LIST.search(text)
        if root is not None or len(text) > _MOST_ITEM:
            break
    head = text[: root.start()] if root else text
    refuse_doctype(path, "<!DOCTYPE" if "<!DOCTYPE" in head else "")
    if root is None:
        raise damaged(path, f"its part {name} cannot be read")
    opening, prefix = root.group(), root.group(1)
    text = text[root.end() :]
    item_end, list_end = f"</{prefix}si>", f"</{prefix}sst>"
    if opening.endswith("/>"):
        text = list_end
    while (end := text.find(list_end)) < 0:
        cut = text.rfind(item_end)
        if cut >= 0:
            cut += len(item_end)
            yield _shared_block(path, name, opening, prefix, text[:cut])
            text = text[cut:]
        more = next(pieces, None)
        if more is None or len(text) > _MOST_ITEM:
            raise damaged(path, f"its part {name} ends too early")
        text += more
    yield _shared_block(path, name, opening, prefix, text[:end])
    # What is packed wrongly behind the texts must not go unnoticed.
    for _ in pieces:
        pass


def _shared_block(
    path: SourceFile, name: str, opening: str, prefix: str, block: str
) -> pa.StringArray:
    if not prefix:
        parts = _PLAIN_ITEM.split(block)
        if not any(gap and not gap.isspace() for gap in parts[::2]):
            texts = [text or "" for text in parts[1::2]]
            try:
                if "&" in block or "_x" in block or "\r" in block:
                    texts = [plain_text(text) for text in texts]
                return pa.array(texts, pa.string())
            except ValueError:
                pass
    opening = opening.removesuffix("/>").removesuffix(">") + ">"
    try:
        root = etree.fromstring(
            f"{opening}{escaped_controls(block)}</{prefix}sst>".encode(),
            etree.XMLParser(**PARSER_OPTIONS),
        )
    except etree.XMLSyntaxError:
        raise damaged(path, f"its part {name} cannot be read") from None
    return pa.array([rich_text(item) for item in root.iterchildren("{*}si")], pa.string())


def rich_text(item: etree._Element) -> str:
    """The text of a shared or inline text, its pieces joined and its phonetic guide left out."""
    pieces = []
    for child in item:
        kind = etree.QName(child).localname
        if kind == "t":
            pieces.append(child.text or "")
        elif kind == "r":
            pieces.extend(piece.text or "" for piece in child.iterchildren("{*}t"))
    return unescaped("".join(pieces))
