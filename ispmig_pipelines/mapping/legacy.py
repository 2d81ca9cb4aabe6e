"""What no mapping used, as one JSON object per record, so that nothing is left behind.

Cells are kept exactly, spaces and all; a cell that is not there is left out. U+0000, which
PostgreSQL's ``jsonb`` refuses, becomes the sign for it, U+2400, and that is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.cells import joined
from ispmig_pipelines.mapping.convert.values import distinct
from ispmig_pipelines.mapping.text_bytes import bytes_of_column

NUL_SIGN = "\u2400"
_ESCAPED = '["\\\\\x01-\x1f\x7f]'
_NEEDS_ESCAPE = np.array([b < 32 or b in (0x22, 0x5C, 0x7F) for b in range(256)])


def without_nul(values: pa.StringArray) -> tuple[pa.StringArray, pa.BooleanArray | None]:
    """The texts with U+0000 replaced, and where it was; None if it was nowhere."""
    nul = pc.fill_null(pc.match_substring(values, "\x00"), False)
    if not pc.any(nul, min_count=0).as_py():
        return values, None
    return pc.replace_substring(values, "\x00", NUL_SIGN), nul


def _string_body(values: pa.StringArray) -> pa.StringArray:
    """The texts as they stand between the quotes of a JSON string."""
    data = bytes_of_column(values)
    if not _NEEDS_ESCAPE[data].any():
        return values
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


MOST_DIGITS = 100_000
"""Of a number in a JSON object, before or after its point: ``numeric`` holds some more."""


def json_objects(values: pa.StringArray) -> tuple[pa.StringArray, np.ndarray]:
    """Texts that are JSON objects as ``jsonb`` can hold them, and where a text is none.

    Nothing stays nothing; what is none becomes nothing.
    """
    words, indices = distinct(values)
    fit = np.array([word is None or _is_object(word) for word in words], dtype=bool)
    bad = ~fit[indices] if len(indices) else np.zeros(0, dtype=bool)
    if not bad.any():
        return values, bad
    return pc.if_else(pa.array(bad), pa.scalar(None, pa.string()), values), bad


def merged_objects(first: pa.StringArray, second: pa.StringArray) -> pa.StringArray:
    """JSON objects with the members of both columns; of a name in both ``jsonb`` keeps the
    first's, which stands last."""
    merged = []
    for one, other in zip(first.to_pylist(), second.to_pylist(), strict=True):
        body = one.strip()[1:-1].strip() if one else ""
        more = other.strip()[1:-1].strip() if other else ""
        if not more:
            merged.append(one)
        else:
            merged.append("{" + ",".join(part for part in (more, body) if part) + "}")
    return pa.array(merged, pa.string())


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def _number(text: str) -> int:
    if len(text) > MOST_DIGITS or abs(Decimal(text).adjusted()) > MOST_DIGITS:
        raise ValueError("too many digits")
    return 0


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _is_object(text: str) -> bool:
    try:
        found = json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=_no_constant
        )
        if not isinstance(found, dict):
            return False
        if "\\u" in text:
            # PostgreSQL refuses U+0000 and halves of surrogate pairs.
            json.dumps(found, ensure_ascii=False).encode()
            return _NUL.search(text) is None
    except (ValueError, ArithmeticError, RecursionError):
        return False
    return True
