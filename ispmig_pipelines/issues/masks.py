"""The shapes of values, which tell what is wrong with them and not what they are."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MASK_LENGTH = 40
"""Characters of a masked value that are shown; what is longer ends in an ellipsis."""

_MASKS = (
    (r"\p{N}", "9"),
    (r"[\p{Lu}\p{Lt}]", "A"),
    (r"[\p{Ll}\p{Lm}\p{Lo}]", "a"),
    (r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]", "?"),
)


def mask(value: object) -> str:
    """The shape of a value, safe to show anywhere: ``J. O'Brien 42`` becomes ``A. A'Aaaaa 99``.

    Letters become ``a`` or ``A``, digits ``9``; punctuation and spaces stay; control
    characters become ``?``.
    """
    return str(mask_array(pa.array(["" if value is None else str(value)]))[0])


def mask_array(values: pa.Array) -> pa.Array:
    """:func:`mask` over a text column; missing becomes empty text."""
    text = pc.fill_null(values.cast(pa.string()), "")
    shape = _masked_ascii(pc.utf8_slice_codeunits(text, 0, MASK_LENGTH))
    other = pc.invert(pc.string_is_ascii(shape))
    if pc.any(other, min_count=0).as_py():
        some = shape.filter(other)
        for pattern, character in _MASKS:
            some = pc.replace_substring_regex(some, pattern, character)
        shape = pc.replace_with_mask(shape, other, some)
    long = pc.greater(pc.binary_length(text), MASK_LENGTH)
    if pc.any(long, min_count=0).as_py():
        long = pc.greater(pc.utf8_length(text), MASK_LENGTH)
        shape = pc.binary_join_element_wise(shape, pc.if_else(long, "…", ""), "")
    return shape


# Expressions cost ten times as much as a table, and nearly all of what is masked is ASCII.
_ASCII_MASK = bytes(
    ord("9") if chr(byte).isdecimal()
    else ord("A") if chr(byte).isupper()
    else ord("a") if chr(byte).islower()
    else ord("?") if byte < 32 or byte == 127
    else byte
    for byte in range(128)
) + bytes(range(128, 256))  # fmt: skip


def _masked_ascii(text: pa.StringArray) -> pa.StringArray:
    """The texts with their ASCII characters masked; ``text`` has no null."""
    _, offsets, data = text.buffers()
    if data is None:
        return text
    masked = data.to_pybytes().translate(_ASCII_MASK)
    return pa.StringArray.from_buffers(
        len(text), offsets, pa.py_buffer(masked), None, 0, text.offset
    )


def mask_series(values: pd.Series) -> pa.Array:
    """:func:`mask` over a column of any type."""
    text = pa.array(values.astype("str"), pa.string(), from_pandas=True)
    return mask_array(text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text)
