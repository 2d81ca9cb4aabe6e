"""Words that stand in the spec itself (constants, defaults, values of lookups), as values.

They are in the platform's own terms: dates in ISO 8601, a point before decimals, the sign as
the field has it. Only ``unit`` and ``country`` are those of the field's mapping.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ispmig_pipelines.mapping.convert import Converted, converter
from ispmig_pipelines.mapping.convert.values import frame_column
from ispmig_pipelines.mapping.spec_models import Defaults, FieldMapping
from ispmig_pipelines.mapping.style import FALSE_WORDS, TRUE_WORDS, Style
from ispmig_pipelines.model.check import accepted, checks_of, kinds_of
from ispmig_pipelines.model.field_info import FieldInfo, FieldType


def style_of(mapping: FieldMapping, info: FieldInfo, defaults: Defaults) -> Style:
    """How the mapping's column writes its values."""
    decimal_mark, thousands_mark = _marks(mapping, defaults)
    return Style(
        date_formats=mapping.date_format or defaults.date_format or (),
        timezone=mapping.timezone or defaults.timezone or "",
        decimal_mark=decimal_mark,
        thousands_mark=thousands_mark,
        unit=mapping.unit or "",
        country=mapping.country or defaults.country or "",
        true_words=mapping.true_words or TRUE_WORDS,
        false_words=mapping.false_words or FALSE_WORDS,
        reverses_sign=bool(mapping.positive_is) and mapping.positive_is != info.positive_is,
    )


def _marks(mapping: FieldMapping, defaults: Defaults) -> tuple[str, str]:
    # A field that names one mark is not given the defaults' other: the two belong together.
    said = mapping if mapping.decimal_mark or mapping.thousands_mark else defaults
    return said.decimal_mark or "", said.thousands_mark or ""


def literals(
    words: Sequence[str | None], mapping: FieldMapping, info: FieldInfo, defaults: Defaults
) -> Converted:
    """Words of the spec as canonical values; None stays nothing."""
    style = Style(
        timezone=mapping.timezone or defaults.timezone or "",
        decimal_mark=".",
        unit=mapping.unit or "",
        country=mapping.country or defaults.country or "",
    )
    keeps_spaces = info.type is FieldType.TEXT
    texts = [w if w is None or keeps_spaces else w.strip() for w in words]
    return converter(info, style)(pa.array([t or None for t in texts], pa.string()))


def unfit(words: Sequence[str], mapping: FieldMapping, info: FieldInfo, defaults: Defaults) -> (
    list[tuple[str, str]]
):  # fmt: skip
    """The words that the field could not hold, each with what it takes."""
    converted = literals(words, mapping, info, defaults)
    wrong: dict[int, str] = {}
    for refusal in converted.refusals:
        if refusal.is_error:
            wrong |= dict.fromkeys(refusal.where.nonzero()[0].tolist(), refusal.accepted)
    column = frame_column(converted.values, info.pandas_dtype)
    for kind, check in zip(kinds_of(info), checks_of(info), strict=True):
        for position in range(len(words)):
            one = column.iloc[[position]]
            if position not in wrong and not check(one).check_passed:
                wrong[position] = accepted(info, kind)
    for position, word in enumerate(words):
        if not word.strip():
            wrong.setdefault(position, "a value; for nothing write ~ in a lookup")
    return [(words[i], text) for i, text in sorted(wrong.items())]
