"""Which cells of an XLSX sheet hold numbers, dates among them, and not texts.

Readers hand over texts, and ``0042`` that a program turned into the number 42 is ``42`` then, as
if somebody had typed it. Where a sheet is known to have held nothing but texts, this tells the
two apart.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable

import numpy as np

from ispmig_pipelines.formats.spreadsheet.xlsx_mould import place_of

_CELL = re.compile(r"<(?:[\w.\-]+:)?c\s([^<>]*)>")
_REFERENCE = re.compile(r"(?:^|\s)r=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_TYPE = re.compile(r"(?:^|\s)t=[\"'](\w+)[\"']")
_NUMBERS = ("n", "d")


def number_rows(pieces: Iterable[str]) -> dict[int, np.ndarray]:
    """Place of a column, from 0 → numbers of the rows, from 1, in which it holds a number.

    Args:
        pieces: the sheet's part (ECMA-376 part 1, 18.3.1.4) as text. A cell that does not say
            where it stands is passed over.
    """
    found: dict[int, array[int]] = {}
    rest = ""
    for piece in pieces:
        text = rest + piece
        # A tag that is cut here goes on in the next piece.
        end = text.rfind("<")
        text, rest = (text[:end], text[end:]) if end >= 0 else ("", text)
        _look(text, found)
    _look(rest, found)
    return {place: np.frombuffer(rows, np.uint32) for place, rows in found.items()}


def _look(text: str, found: dict[int, array[int]]) -> None:
    for cell in _CELL.finditer(text):
        attributes = cell.group(1)
        if attributes.endswith("/"):
            continue
        kind = _TYPE.search(attributes)
        place = _REFERENCE.search(attributes)
        if place is None or (kind is not None and kind.group(1) not in _NUMBERS):
            continue
        rows = found.setdefault(place_of(place.group(1)), array("I"))
        rows.append(int(place.group(2)))
