"""Headings and cells of quarantined records as a workbook shows them, and what a person made of
them.

A cell of a spreadsheet cannot hold everything that a cell of a source can: control characters are
shown as their signs (NUL as ␀), and what is longer than a spreadsheet's cell is cut, and says so.
A cell that comes back as it was shown is the source's own cell, whatever was shown of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MIGRATION, FILE, RECORD, CODE = (
    "ispmig migration",
    "ispmig file",
    "ispmig record",
    "ispmig check",
)
IDENTITY = (MIGRATION, FILE, RECORD, CODE)
"""Headings of the hidden columns: which record a row is, and what proves it."""

WHERE, WRONG, TO_DO, RAW_TEXT = (
    "Where it stands",
    "Why it was not loaded",
    "What to do",
    "Text of the record",
)
TOLD = (*IDENTITY, WHERE, WRONG, TO_DO, RAW_TEXT)
"""Headings of columns that are none of a record's own."""

README = "Read me first"

LONGEST = 32_767
"""Characters that a cell of a spreadsheet takes, counted in UTF-16."""

CUT = " … [cut here: longer than a cell of a spreadsheet]"
"""What a cell ends in of which a part is shown only."""

_SIGNS = {code: chr(0x2400 + code) for code in range(32) if code not in (9, 10, 13)}
_CONTROLS = {sign: chr(code) for code, sign in _SIGNS.items()}
_UNWRITABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def shown(cell: str | None) -> str:
    """What a person sees of a cell; no cell and an empty one look alike."""
    if not cell:
        return ""
    if cell.isprintable() and len(cell) * 2 <= LONGEST:
        return cell
    text = cell.replace("\r\n", "\n").replace("\r", "\n").translate(_SIGNS)
    text = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return _cut(text) if _length(text) > LONGEST else text


def written(text: str) -> str:
    """A shown text as it stands in a file of a workbook (ECMA-376 part 1, 22.9.2.19)."""
    return _LOOKS_ESCAPED.sub("_x005F_", text) if "_x" in text else text


def corrected(typed: str | None, cell: str | None) -> str | None:
    """What is sent in again: the cell itself where it came back as it was shown, else what was
    typed.

    Args:
        typed: what came back; cell: the record's own.
    """
    if _plain(typed) == _plain(shown(cell)):
        return cell
    if not typed:
        return None
    if cell is not None and typed != cell:
        # Signs that nobody took out are still the characters that they stand for.
        for sign, control in _CONTROLS.items():
            if sign in typed and control in cell and sign not in cell:
                typed = typed.replace(sign, control)
    return typed


def is_cut(typed: str | None) -> bool:
    """Whether a cell holds the mark of one that was cut."""
    return typed is not None and CUT.strip() in typed


def names(columns: Sequence[str], taken: Sequence[str]) -> list[str]:
    """The headings of a record's columns: their names, told apart from each other and from
    those in ``taken`` by a number where they look alike."""
    used = {alike(name) for name in taken}
    found = []
    for column in columns:
        name = shown(column) or "(no name)"
        number = 1
        while alike(name) in used:
            number += 1
            name = f"{shown(column) or '(no name)'} ({number})"
        used.add(alike(name))
        found.append(name)
    return found


def alike(name: str) -> str:
    """What is the same of two headings that mean the same, whatever a program made of spaces."""
    return " ".join(name.split()).casefold()


def _plain(text: str | None) -> str:
    if not text or text.isspace():
        return ""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str) -> str:
    room = LONGEST - len(CUT)
    kept = text.encode("utf-16-le")[: room * 2].decode("utf-16-le", "ignore")
    return kept + CUT
