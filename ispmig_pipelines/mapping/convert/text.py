"""Text: kept as it is, in Unicode's composed form (NFC).

NFC changes no character for a reader: it only makes texts that Unicode calls the same equal
byte for byte, so that a name typed on a Mac finds its account. Control characters stay,
but for U+0000, which PostgreSQL cannot store.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.values import Converted, Converter, Refusal
from ispmig_pipelines.mapping.text_bytes import has_byte, is_ascii
from ispmig_pipelines.model.field_info import FieldInfo

LONG_TEXT = 256
"""From this length on a text is prose, which may well say ``1.2E+3``."""

SCIENTIFIC = r"^-?[0-9](?:(?:[.,][0-9]+)?[eE]\+[0-9]{1,3}|[.,][0-9]+[eE][0-9]{1,3})$"
"""What a spreadsheet makes of a long number. ``1E10`` may be somebody's serial number;
``1E+10`` and ``1.5e10`` are not."""

_FLOAT = r"^([0-9]+)\.0+$"
_NO_TEXT = pa.scalar(None, pa.string())


def as_mask(where: pa.BooleanArray) -> np.ndarray:
    """A NumPy mask; null is false."""
    return pc.fill_null(where, False).to_numpy(zero_copy_only=False)


def unchanged(values: pa.StringArray) -> Converted:
    """Texts as they are; but U+0000 cannot be stored."""
    stored, refusals = _storable(values)
    return Converted(stored, refusals)


def _storable(values: pa.StringArray) -> tuple[pa.StringArray, tuple[Refusal, ...]]:
    """The texts without those that have U+0000."""
    if not has_byte(values, "\x00"):
        return values, ()
    nul = pc.match_substring(values, "\x00")
    if not pc.any(nul).as_py():
        return values, ()
    refusal = Refusal("value.unstorable", as_mask(nul), "text without the NUL character")
    return pc.if_else(nul, _NO_TEXT, values), (refusal,)


def scientific(values: pa.StringArray) -> pa.BooleanArray | None:
    """Where a text is in :data:`SCIENTIFIC` notation; None if nowhere."""
    if not has_byte(values, "+", ".", ",") or not has_byte(values, "e", "E"):
        return None
    found = pc.fill_null(pc.match_substring_regex(values, SCIENTIFIC), False)
    return found if pc.any(found, min_count=0).as_py() else None


def composed(values: pa.StringArray) -> pa.StringArray:
    """The texts in Unicode's composed form."""
    if is_ascii(values):
        return values
    other = pc.fill_null(pc.invert(pc.string_is_ascii(values)), False)
    if not pc.any(other, min_count=0).as_py():
        return values
    return pc.replace_with_mask(values, other, pc.utf8_normalize(values.filter(other), form="NFC"))


def without_float(values: pa.StringArray) -> pa.StringArray:
    """The texts without the ``.0`` that a float put behind a number."""
    if not has_byte(values, "."):
        return values
    floats = pc.fill_null(pc.match_substring_regex(values, _FLOAT), False)
    if not pc.any(floats, min_count=0).as_py():
        return values
    bare = pc.replace_substring_regex(values.filter(floats), _FLOAT, r"\1")
    return pc.replace_with_mask(values, floats, bare)


def text_converter(info: FieldInfo) -> Converter:
    """Text of a field. Keys and references lose the ``.0`` that a float put behind a number."""
    identifies = info.key or bool(info.references)
    short = info.max_length is not None and info.max_length < LONG_TEXT

    def convert(values: pa.StringArray) -> Converted:
        values, refusals = _storable(values)
        if (short or identifies) and (destroyed := scientific(values)) is not None:
            lost = Refusal("value.scientific", as_mask(destroyed), "written with all its digits")
            refusals += (lost,)
            values = pc.if_else(destroyed, _NO_TEXT, values)
        if identifies:
            values = without_float(values)
        return Converted(composed(values), refusals)

    return convert
