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
    nul = pc.match_substring(values, "\x00")
    if not pc.any(nul).as_py():
        return Converted(values)
    refusal = Refusal("value.unstorable", as_mask(nul), "text without the NUL character")
    return Converted(pc.if_else(nul, _NO_TEXT, values), (refusal,))


def text_converter(info: FieldInfo) -> Converter:
    """Text of a field. Keys and references lose the ``.0`` that a float put behind a number."""
    identifies = info.key or bool(info.references)
    short = info.max_length is not None and info.max_length < LONG_TEXT

    def convert(values: pa.StringArray) -> Converted:
        refusals = []
        nul = pc.match_substring(values, "\x00")
        if pc.any(nul).as_py():
            refusals.append(
                Refusal("value.unstorable", as_mask(nul), "text without the NUL character")
            )
            values = pc.if_else(nul, _NO_TEXT, values)
        if short or identifies:
            destroyed = pc.match_substring_regex(values, SCIENTIFIC)
            if pc.any(destroyed).as_py():
                refusals.append(
                    Refusal("value.scientific", as_mask(destroyed), "written with all its digits")
                )
                values = pc.if_else(destroyed, _NO_TEXT, values)
        if identifies:
            floats = pc.match_substring_regex(values, _FLOAT)
            if pc.any(floats).as_py():
                values = pc.if_else(
                    floats, pc.replace_substring_regex(values, _FLOAT, r"\1"), values
                )
        if pc.all(pc.string_is_ascii(values)).as_py() is False:
            values = pc.utf8_normalize(values, form="NFC")
        return Converted(values, tuple(refusals))

    return convert
