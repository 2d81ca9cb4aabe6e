"""Texts that a spreadsheet would take for a formula, made harmless, and back again exactly.

A cell that begins with ``=``, ``+``, ``-``, ``@`` (also in full width), a tab or a line end is
computed when a spreadsheet program opens a CSV, and may call other programs; an apostrophe before
it keeps it a text. Blanks before the sign do not help: programs pass them over.
Source: https://owasp.org/www-community/attacks/CSV_Injection.

A plain number (``-12.50``, ``+3``, ``-1e6``) and a telephone number (``+491701234567``,
``+49 170 1234567``) are no formulas, nor are hyphens alone. One with
brackets, slashes or hyphens inside (``+1-555-0100``) is one: a spreadsheet would subtract.

A text that is itself some apostrophes and then such a beginning gets one more, so that
:func:`restored` gives back every text as it was.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.row_text import bytes_of, lengths_of, offsets_of

_BLANK = r"[\x00-\x20\x{A0}\x{FEFF}\x{2000}-\x{200B}\x{3000}]"
_SIGN = r"[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
_FORMULA = rf"\A'*(?:[\t\r\n]|{_BLANK}*{_SIGN})"
_NUMBER = r"\A(?:[+-][0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?|\+[0-9]{1,4}(?: [0-9]+)+|-+)\z"
"""In RE2's syntax, for whole columns."""

_FIRST_BYTES = np.zeros(256, np.bool_)
_FIRST_BYTES[:33] = True
# Of the wide blanks and signs in UTF-8: C2 A0, E2 80 .., E3 80 80, EF BB BF and EF BC ...
_FIRST_BYTES[[*b"'=+-@", 0xC2, 0xE2, 0xE3, 0xEF]] = True


def neutralised(cells: pa.StringArray) -> pa.StringArray:
    """The cells with an apostrophe before each that would be taken for a formula."""
    rows = _formulas(cells)
    if rows is None:
        return cells
    marked = pc.binary_join_element_wise("'", cells, "")
    return pc.if_else(pa.array(rows), marked, cells)


def restored(cells: pa.StringArray) -> pa.StringArray:
    """The cells as they were before :func:`neutralised`."""
    rows = _formulas(cells)
    if rows is None:
        return cells
    first = pc.fill_null(pc.starts_with(cells, "'"), False)
    return pc.if_else(pc.and_(pa.array(rows), first), pc.utf8_slice_codeunits(cells, 1), cells)


def _formulas(cells: pa.StringArray) -> np.ndarray | None:
    """Which cells are apostrophes, or none, and then the beginning of a formula."""
    data = bytes_of(cells)
    offsets = offsets_of(cells)
    candidates = lengths_of(cells) > 0
    if cells.null_count:
        candidates &= cells.is_valid().to_numpy(zero_copy_only=False)
    at = np.flatnonzero(candidates)
    at = at[_FIRST_BYTES[data[offsets[at] - offsets[0]]]]
    if not at.size:
        return None
    few = cells.take(pa.array(at))
    found = pc.and_not(
        pc.match_substring_regex(few, _FORMULA), pc.match_substring_regex(few, _NUMBER)
    )
    rows = np.zeros(len(cells), np.bool_)
    rows[at[found.to_numpy(zero_copy_only=False)]] = True
    return rows if rows.any() else None
