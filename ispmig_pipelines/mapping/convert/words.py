"""Closed lists of words: booleans and choices, in any case."""

from __future__ import annotations

import re

import pyarrow as pa

from ispmig_pipelines.mapping.convert.values import Converted, Converter, Refused, per_distinct
from ispmig_pipelines.mapping.style import Style

_GAP = re.compile(r"[\s_-]+")


def boolean_converter(style: Style) -> Converter:
    """The style's words for true and false."""
    meaning = {word.casefold(): True for word in style.true_words}
    meaning |= {word.casefold(): False for word in style.false_words}
    accepted = (
        f"one of {', '.join(style.true_words)} (true) or {', '.join(style.false_words)} (false)"
    )

    def one(text: str) -> bool:
        try:
            return meaning[text.casefold()]
        except KeyError:
            raise Refused("value.type", accepted) from None

    def convert(values: pa.StringArray) -> Converted:
        return per_distinct(values, one, pa.bool_())

    return convert


def choice_converter(choices: tuple[str, ...]) -> Converter:
    """The field's words; case does not matter, nor whether parts are joined by ``_``, ``-`` or a
    space."""
    meaning = {_GAP.sub("_", choice.casefold()): choice for choice in choices}
    accepted = ", ".join(choices)

    def one(text: str) -> str:
        try:
            return meaning[_GAP.sub("_", text.casefold())]
        except KeyError:
            raise Refused("value.choice", accepted) from None

    def convert(values: pa.StringArray) -> Converted:
        return per_distinct(values, one, pa.string())

    return convert
