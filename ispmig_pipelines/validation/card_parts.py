"""Card numbers that lie in several columns, ``card1`` to ``card4`` of four digits each.

No cell of them is a card number, but the record has one. Columns are put together by their names
only, which say that they are parts of one thing, and that it is of a card: what two short numbers
beside each other make passes as a card number too often. Then each record is judged by itself, so
that no batch decides of another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.validation.card_columns import in_small_ascii, is_of_card
from ispmig_pipelines.validation.cards import NOTHING, ColumnCards, Masked, mask_column

_NUMBERED = re.compile(
    r"(?P<of>.+?)(?:parts?|pt|teil|block|group|grp|segment|seg|quad|digits)?(?P<at>[1-6a-f])"
)
_PART = r"^[0-9]{2,8}$"
_WHOLE = r"^[0-9]{13,19}$"
_SHOWN = 4
"""Last digits of a number that may be seen."""


def parts_of_cards(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Columns that are parts of one card number by their names, in their order.

    Args:
        names: the columns of a table, in order.
    """
    runs: list[list[tuple[str, str, int]]] = []
    for name in names:
        match = _NUMBERED.fullmatch(in_small_ascii(name))
        if match is None or not is_of_card(match["of"]):
            runs.append([])
            continue
        part = name, match["of"], ord(match["at"])
        before = runs[-1][-1] if runs and runs[-1] else None
        if before is not None and before[1:] == (part[1], part[2] - 1):
            runs[-1].append(part)
        else:
            runs.append([part])
    return [tuple(name for name, _, _ in run) for run in runs if len(run) > 1]


def mask_parts(parts: Sequence[pa.StringArray]) -> list[Masked]:
    """Masks the parts of those records in which they are a card number when put together.

    The last four digits stay, and their cell is none that was masked if it holds nothing else. The
    number is counted in the first column, the others count their cells.
    """
    trimmed = [pc.utf8_trim_whitespace(part) for part in parts]
    joined = pc.binary_join_element_wise(*trimmed, "")
    fit = pc.fill_null(pc.match_substring_regex(joined, _WHOLE), False)
    for text in trimmed:
        fit = pc.and_(fit, pc.fill_null(pc.match_substring_regex(text, _PART), False))
    found = mask_column(pc.if_else(fit, joined, pa.scalar(None, pa.string())))
    if found.where is None:
        return [Masked(part, None, NOTHING) for part in parts]
    masked = []
    for at, (part, text) in enumerate(zip(parts, trimmed, strict=True)):
        stars = _stars(text, last=at == len(parts) - 1)
        differs = pc.fill_null(pc.not_equal(stars, text), False).to_numpy(zero_copy_only=False)
        where = found.where & differs
        if not where.any():
            masked.append(Masked(part, None, NOTHING))
            continue
        # Numbers that only look like one are told of columns that hold whole ones.
        told = replace(found.found, long=0, long_passing=0)
        own = told if at == 0 else ColumnCards(cells=int(np.count_nonzero(where)))
        masked.append(Masked(pc.if_else(pa.array(where), stars, part), where, own))
    return masked


def _stars(text: pa.StringArray, *, last: bool) -> pa.StringArray:
    if not last:
        return pc.replace_substring_regex(text, "[0-9]", "*")
    kept = pc.utf8_slice_codeunits(text, -_SHOWN, None)
    hidden = pc.replace_substring_regex(pc.utf8_slice_codeunits(text, 0, -_SHOWN), "[0-9]", "*")
    return pc.binary_join_element_wise(hidden, kept, "")
