"""UUIDs (RFC 9562) in every usual spelling."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.text import SCIENTIFIC
from ispmig_pipelines.mapping.convert.values import Converted, Refused, per_distinct, plain_or

ACCEPTED = "a UUID of 32 hexadecimal digits such as 123e4567-e89b-12d3-a456-426614174000"

_CANONICAL = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_HYPHENS = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_DIGITS = "[0-9a-f]{32}"
# 0x is how databases and dumps write the bytes of one.
_SPELLING = (
    rf"(?i)^(?:urn:uuid:{_HYPHENS}|0x{_DIGITS}"
    rf"|(?:{_HYPHENS}|{_DIGITS})|\{{(?:{_HYPHENS}|{_DIGITS})\}}|\((?:{_HYPHENS}|{_DIGITS})\))$"
)
_PARTS = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))


def convert_uuid(values: pa.StringArray) -> Converted:
    """The UUID in lower case with its hyphens, whatever stands around it: braces, parentheses,
    ``urn:uuid:`` or ``0x``."""
    if pc.all(pc.match_substring_regex(values, _CANONICAL)).as_py() is not False:
        return Converted(values)
    return plain_or(
        values,
        pc.match_substring_regex(values, _SPELLING),
        _respelled,
        lambda rest: per_distinct(rest, _refused, pa.string()),
    )


def _respelled(cells: pa.StringArray) -> pa.StringArray:
    lower = pc.ascii_lower(cells)
    digits = pc.replace_substring_regex(lower, "^(?:urn:uuid:|0x)|[^0-9a-f]", "")
    parts = [pc.utf8_slice_codeunits(digits, *part) for part in _PARTS]
    return pc.binary_join_element_wise(*parts, "-")


def _refused(text: str) -> str:
    raise Refused("value.scientific" if re.match(SCIENTIFIC, text) else "value.type", ACCEPTED)
