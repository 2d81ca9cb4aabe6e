"""Postal codes: texts, because zeros lead; in capital letters, with single spaces."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.text import SCIENTIFIC, as_mask
from ispmig_pipelines.mapping.convert.values import Converted, Refusal, plain_or

_PLAIN = "^[0-9A-Z]+(?:[ -][0-9A-Z]+)*$"
_SPACES = r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]+"
_DASHES = r"[\x{2010}-\x{2015}\x{2212}]"
_FLOAT = r"^([0-9]+)\.0+$"
_NO_TEXT = pa.scalar(None, pa.string())


def convert_postal_code(values: pa.StringArray) -> Converted:
    """Codes as they are written, tidied: ``sw1a  1aa`` is ``SW1A 1AA``. A float's ``.0`` goes; a
    zero that a spreadsheet took away does not come back, for nobody knows which code had one."""
    plain = pc.match_substring_regex(values, _PLAIN)
    return plain_or(values, plain, lambda cells: cells, _tidied)


def _tidied(values: pa.StringArray) -> Converted:
    refusals = []
    for rule, bad, accepted in (
        ("value.unstorable", pc.match_substring(values, "\x00"), "text without the NUL character"),
        (
            "value.scientific",
            pc.match_substring_regex(values, SCIENTIFIC),
            "written with all its digits",
        ),
    ):
        if pc.any(bad).as_py():
            refusals.append(Refusal(rule, as_mask(bad), accepted))
            values = pc.if_else(bad, _NO_TEXT, values)
    values = pc.utf8_normalize(values, form="NFC")
    values = pc.replace_substring_regex(values, _SPACES, " ")
    values = pc.utf8_trim(values, " ")
    values = pc.replace_substring_regex(values, _DASHES, "-")
    values = pc.replace_substring_regex(values, _FLOAT, r"\1")
    return Converted(pc.ascii_upper(values), tuple(refusals))
