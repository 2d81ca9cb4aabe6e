"""What no mapping used, as one JSON object per record, so that nothing is left behind.

Cells are kept exactly, spaces and all; a cell that is not there is left out. U+0000, which
PostgreSQL's ``jsonb`` refuses, becomes the sign for it, U+2400, and that is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.cells import joined
from ispmig_pipelines.mapping.convert.values import distinct

NUL_SIGN = "\u2400"
_ESCAPED = '["\\\\\x01-\x1f\x7f]'


def without_nul(values: pa.StringArray) -> tuple[pa.StringArray, pa.BooleanArray | None]:
    """The texts with U+0000 replaced, and where it was; None if it was nowhere."""
    nul = pc.fill_null(pc.match_substring(values, "\x00"), False)
    if not pc.any(nul, min_count=0).as_py():
        return values, None
    return pc.replace_substring(values, "\x00", NUL_SIGN), nul


def _string_body(values: pa.StringArray) -> pa.StringArray:
    """The texts as they stand between the quotes of a JSON string."""
    needs = pc.fill_null(pc.match_substring_regex(values, _ESCAPED), False)
    if not pc.any(needs, min_count=0).as_py():
        return values
    words, indices = distinct(values.filter(needs))
    bodies = [None if w is None else json.dumps(w, ensure_ascii=False)[1:-1] for w in words]
    return pc.replace_with_mask(
        values, needs, pa.array(bodies, pa.string()).take(pa.array(indices))
    )


def legacy_objects(columns: Iterable[tuple[str, pa.StringArray]], size: int) -> pa.StringArray:
    """One JSON object per record from named columns; ``{}`` where all cells are missing.

    The texts hold no U+0000.
    """
    members = []
    for name, values in columns:
        key = json.dumps(name.replace("\x00", NUL_SIGN), ensure_ascii=False)
        members.append(pc.binary_join_element_wise(f'{key}:"', _string_body(values), '"', ""))
    if not members:
        return pa.repeat(pa.scalar("{}"), size)
    body = pc.fill_null(joined(members, ","), "")
    return pc.binary_join_element_wise("{", body, "}", "")
