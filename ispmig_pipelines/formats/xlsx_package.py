"""The parts of an XLSX file around its cells: sheets, styles, shared texts.

The zip archive is looked at before anything is unpacked: what unfolds too far is refused.
"""

from __future__ import annotations

import codecs
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.xlsx_values import NumberFormat, number_format

_READ = 1 << 20

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
        formats: number format by style.
        shared_part: where the shared texts lie, or "".
    """

    sheets: tuple[Sheet, ...]
    is_1904: bool
    formats: tuple[NumberFormat, ...]
    shared_part: str


def check_archive(path: Path, archive: zipfile.ZipFile, limits: ReadLimits) -> None:
    """Refuses an archive that unfolds to more than the limits allow, before it does.

    Raises:
        SourceError: it does.
    """
    packed = max(path.stat().st_size, 1)
    total = sum(info.file_size for info in archive.infolist())
    if total > limits.max_expanded_bytes:
        raise SourceError(
            f"{path} unpacks to {total:,} bytes, and the limit is "
            f"{limits.max_expanded_bytes:,}. Export it in smaller pieces, or raise the limit."
        )
    if total > limits.ratio_from_bytes and total / packed > limits.max_ratio:
        raise SourceError(
            f"{path} unpacks to {total / packed:,.0f} times its size, as no real workbook does. "
            "Export the data as CSV, or raise the limit."
        )


def open_archive(path: Path, file: BinaryIO, limits: ReadLimits) -> zipfile.ZipFile:
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


def damaged(path: Path, what: str = "") -> SourceError:
    """The error for a workbook that cannot be read to its end."""
    return SourceError(
        f"{path} is a workbook that is cut short or damaged{': ' + what if what else ''}. "
        "Nothing of it is read as if it were complete. Transfer it again, or open it in a "
        "spreadsheet program and save it anew."
    )


def read_workbook(path: Path, archive: zipfile.ZipFile) -> Workbook:
    """The sheets and styles of a workbook.

    Raises:
        SourceError: a part that must be there is missing or broken.
    """
    names = {name.lower().lstrip("/"): name for name in archive.namelist()}
    book = _main_part(path, archive, names)
    tree = _tree(path, archive, names, book)
    if tree is None:
        raise damaged(path, "it has no workbook part")
    relations = _relations(path, archive, names, book)
    properties = tree.find("{*}workbookPr")
    stated = properties.get("date1904", "0") if properties is not None else "0"
    sheets: list[Sheet] = []
    for sheet in tree.iterfind("{*}sheets/{*}sheet"):
        identity = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")
        kind, part = relations.get(identity, ("", ""))
        sheets.append(
            Sheet(
                name=sheet.get("name") or f"Sheet{len(sheets) + 1}",
                part=names.get(part.lower(), ""),
                state=sheet.get("state", "visible"),
                kind=kind,
            )
        )
    shared = next((part for kind, part in relations.values() if kind == "sharedStrings"), "")
    styles = next((part for kind, part in relations.values() if kind == "styles"), "")
    return Workbook(
        sheets=tuple(sheets),
        is_1904=stated.strip().lower() in ("1", "true", "on"),
        formats=_formats(_tree(path, archive, names, styles)),
        shared_part=names.get(shared.lower(), ""),
    )


def _main_part(path: Path, archive: zipfile.ZipFile, names: dict[str, str]) -> str:
    for kind, part in _relations(path, archive, names, "").values():
        if kind == "officeDocument":
            return part
    return "xl/workbook.xml"


def _relations(
    path: Path, archive: zipfile.ZipFile, names: dict[str, str], part: str
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
    path: Path, archive: zipfile.ZipFile, names: dict[str, str], part: str
) -> etree._Element | None:
    name = names.get(part.lower())
    if name is None:
        return None
    try:
        with archive.open(name) as file:
            tree = etree.parse(file, etree.XMLParser(**PARSER_OPTIONS))
    except (zipfile.BadZipFile, EOFError, OSError, etree.XMLSyntaxError, NotImplementedError):
        raise damaged(path, f"its part {name} cannot be read") from None
    except RuntimeError:
        raise protected(path) from None
    refuse_doctype(path, tree.docinfo.doctype)
    return tree.getroot()


def protected(path: Path) -> SourceError:
    """The error for a workbook behind a password."""
    return SourceError(
        f"{path} is protected with a password. Open it in a spreadsheet program, remove the "
        "password (File, Info, Protect) and save it again."
    )


def refuse_doctype(path: Path, doctype: str) -> None:
    """No part of a workbook has a document type declaration; bombs have.

    Raises:
        SourceError: this one has.
    """
    if doctype:
        raise SourceError(
            f"{path} is a workbook with a document type declaration (DOCTYPE) inside, as no "
            "spreadsheet program writes. Open it in one and save it anew."
        )


def _formats(styles: etree._Element | None) -> tuple[NumberFormat, ...]:
    if styles is None:
        return ()
    codes = {
        _whole(form.get("numFmtId")): form.get("formatCode") or ""
        for form in styles.iterfind("{*}numFmts/{*}numFmt")
    }
    found = []
    for style in styles.iterfind("{*}cellXfs/{*}xf"):
        number = _whole(style.get("numFmtId"))
        found.append(number_format(number, codes.get(number)))
    return tuple(found)


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def part_text(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    """A part as text, piece by piece.

    Raises:
        SourceError: it is cut short, damaged, or not written in Unicode.
    """
    try:
        with archive.open(name) as file:
            block = file.read(_READ)
            wide = block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            decoder = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")()
            while block:
                yield decoder.decode(block)
                block = file.read(_READ)
            yield decoder.decode(b"", True)
    except (zipfile.BadZipFile, EOFError, OSError, UnicodeDecodeError, NotImplementedError):
        raise damaged(path, f"its part {name} cannot be read") from None
    except RuntimeError:
        raise protected(path) from None


_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """A text as a person typed it: ``_x000D_`` stands for a carriage return.

    Source: ECMA-376 part 1, 22.9.2.19 (ST_Xstring).
    """
    if "_x" not in text:
        return text
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    code = int(match.group(1), 16)
    return match.group() if 0xD800 <= code <= 0xDFFF else chr(code)


_ENTITIES = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d+)|#x([0-9A-Fa-f]+));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


def plain_text(raw: str) -> str:
    """The text of an element, as it stands in the part, without its references."""
    if "\r" in raw:
        raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    if "&" in raw:
        raw = _ENTITIES.sub(_resolved, raw)
    return unescaped(raw)


def _resolved(match: re.Match[str]) -> str:
    named, decimal, hexadecimal = match.groups()
    if named:
        return _NAMED[named]
    return chr(int(decimal) if decimal else int(hexadecimal, 16))


def shared_texts(path: Path, archive: zipfile.ZipFile, name: str) -> list[str]:
    """The texts that cells of all sheets refer to by number.

    Raises:
        SourceError: they are cut short or damaged.
    """
    texts: list[str] = []
    if not name:
        return texts
    try:
        with archive.open(name) as file:
            for _, item in etree.iterparse(file, tag="{*}si", **PARSER_OPTIONS):
                if not texts:
                    refuse_doctype(path, item.getroottree().docinfo.doctype)
                texts.append(rich_text(item))
                parent = item.getparent()
                item.clear()
                if parent is not None:
                    del parent[: parent.index(item)]
    except (zipfile.BadZipFile, EOFError, OSError, etree.XMLSyntaxError, NotImplementedError):
        raise damaged(path, f"its part {name} cannot be read") from None
    except RuntimeError:
        raise protected(path) from None
    return texts


def rich_text(item: etree._Element) -> str:
    """The text of a shared or inline text, its pieces joined and its phonetic guide left out."""
    if len(item) == 1 and etree.QName(item[0]).localname == "t":
        return unescaped(item[0].text or "")
    pieces = []
    for child in item:
        kind = etree.QName(child).localname
        if kind == "t":
            pieces.append(child.text or "")
        elif kind == "r":
            pieces.extend(piece.text or "" for piece in child.iterchildren("{*}t"))
    return unescaped("".join(pieces))
