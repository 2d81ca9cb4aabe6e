"""Steps on text: whole columns at a time, or a function per distinct text.

Null is nothing and stays nothing. A text that a step leaves empty, or leaves as one of the null
words, is nothing from then on.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.mapping.cells import piece, without
from ispmig_pipelines.mapping.convert.values import Converted, Refusal
from ispmig_pipelines.mapping.spec_words import Part
from ispmig_pipelines.mapping.transform.models import (
    Extract,
    ExtractOptions,
    Function,
    Hash,
    HashOptions,
    Pad,
    PadOptions,
    Prefix,
    Replace,
    ReplaceOptions,
    SplitStep,
    Substring,
    SubstringOptions,
    Suffix,
    Trim,
)
from ispmig_pipelines.mapping.transform.names import personal_names
from ispmig_pipelines.mapping.transform.plugin import plugin_step
from ispmig_pipelines.mapping.transform.regex import extraction

TextStep = Callable[[pa.StringArray], Converted]
_Column = Callable[[pa.StringArray], pa.StringArray]

_NO_TEXT = pa.scalar(None, pa.string())
_SPACES = r"[\s\p{Z}\x{85}\x0b]+"


def text_steps(
    steps: Sequence[str | Part], null_words: tuple[str, ...], field: str
) -> tuple[TextStep, ...]:
    """The steps as functions of a column.

    Raises:
        SpecError: a function cannot be called, or the variable with a key is not set.
    """
    return tuple(_without_nothing(_step(step, field), null_words) for step in steps)


def _without_nothing(step: TextStep, null_words: tuple[str, ...]) -> TextStep:
    def apply(text: pa.StringArray) -> Converted:
        done = step(text)
        values = without(done.values, pc.utf8_trim_whitespace(done.values), null_words)
        return Converted(values, done.refusals)

    return apply


def _step(step: str | Part, field: str) -> TextStep:
    match step:
        case str():
            return _plain(_WORDS[step])
        case Trim(trim=characters):
            return _plain(lambda text: pc.utf8_trim(text, characters=characters))
        case Replace(replace=options):
            return _plain(_replaced(options))
        case Extract():
            return _extracted(step.options)
        case Substring(substring=options):
            return _plain(_substring(options))
        case Pad(pad=options):
            return _plain(_padded(options))
        case Prefix(prefix=prefix):
            return _plain(lambda text: pc.binary_join_element_wise(prefix, text, ""))
        case Suffix(suffix=suffix):
            return _plain(lambda text: pc.binary_join_element_wise(text, suffix, ""))
        case SplitStep(split=split):
            return _plain(lambda text: piece(text, split))
        case Hash(hash=options):
            return _plain(_hashed(options, field))
        case Function(function=name):
            return _plain(plugin_step(name, field))
    raise TypeError(f"{type(step).__name__} is no step on text")


def _plain(column: _Column) -> TextStep:
    return lambda text: Converted(column(text))


def per_distinct_text(text: pa.StringArray, convert: Callable[[str], str]) -> pa.StringArray:
    """Applies ``convert`` to each distinct text."""
    encoded = pc.dictionary_encode(text)
    made = [convert(word) for word in encoded.dictionary.to_pylist()]
    return pa.array(made, pa.string()).take(encoded.indices)


def _squeezed(text: pa.StringArray) -> pa.StringArray:
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(text, _SPACES, " "))


def _capitalized(text: pa.StringArray) -> pa.StringArray:
    first = pc.utf8_upper(pc.utf8_slice_codeunits(text, 0, 1))
    return pc.binary_join_element_wise(first, pc.utf8_slice_codeunits(text, 1), "")


_PLAIN_WORDS = r"^[A-Za-z]*(?:[ \-/][A-Za-z]+)*$"
_WORD_START = re.compile(r"(?<![\w'\u2019\u0300-\u036f])[^\W\d_]")


def _titled(text: pa.StringArray) -> pa.StringArray:
    plain = pc.match_substring_regex(text, _PLAIN_WORDS)
    if pc.all(plain, min_count=0).as_py():
        return pc.utf8_title(text)
    rest = pc.fill_null(pc.invert(plain), False)
    careful = per_distinct_text(text.filter(rest), _title)
    return pc.replace_with_mask(pc.utf8_title(text), rest, careful)


def _title(text: str) -> str:
    lower = unicodedata.normalize("NFC", text).replace("İ", "i").lower()
    return _WORD_START.sub(lambda found: found[0].title(), lower)


def _digits(text: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(text, r"\P{Nd}+", "")


def _replaced(options: ReplaceOptions) -> _Column:
    if options.pattern is not None:
        pattern = options.pattern
        return lambda text: pc.replace_substring_regex(text, pattern, options.by)
    return lambda text: pc.replace_substring(text, options.text, options.by)


def _extracted(options: ExtractOptions) -> TextStep:
    pattern, replacement = extraction(options.pattern, options.group_number)

    def apply(text: pa.StringArray) -> Converted:
        matches = pc.match_substring_regex(text, options.pattern)
        found = pc.replace_substring_regex(text, pattern, replacement)
        if options.otherwise == "keep":
            return Converted(pc.if_else(matches, found, text))
        values = pc.if_else(matches, found, _NO_TEXT)
        missed: np.ndarray = pc.fill_null(pc.invert(matches), False).to_numpy(zero_copy_only=False)
        if options.otherwise == "nothing" or not missed.any():
            return Converted(values)
        accepted = f"a text in which {options.pattern} is found"
        return Converted(values, (Refusal("value.extract", missed, accepted),))

    return apply


def _substring(options: SubstringOptions) -> _Column:
    start = options.start - 1 if options.start > 0 else options.start
    stop = None if options.length is None else start + options.length
    if start < 0 and stop is not None and stop >= 0:
        stop = None

    def apply(text: pa.StringArray) -> pa.StringArray:
        if start >= 0:
            return pc.utf8_slice_codeunits(text, start, stop)
        # -3 of a text of two characters is not there: the characters keep their place.
        long = pc.greater_equal(pc.utf8_length(text), -start)
        return pc.if_else(long, pc.utf8_slice_codeunits(text, start, stop), _NO_TEXT)

    return apply


def _padded(options: PadOptions) -> _Column:
    pad = pc.utf8_lpad if options.side == "left" else pc.utf8_rpad
    return lambda text: pad(text, options.width, padding=options.by)


def _hashed(options: HashOptions, field: str) -> _Column:
    key = b""
    if options.variable:
        key = os.environ.get(options.variable, "").encode()
        if not key:
            raise SpecError(
                [
                    f"{field}: hash needs its key from the environment, and {options.variable} is "
                    f"not set. Set it where the migration runs, e.g. export {options.variable}=…"
                ]
            )

    def digest(word: str) -> str:
        whole = (
            hmac.new(key, word.encode(), hashlib.sha256) if key else hashlib.sha256(word.encode())
        )
        return whole.hexdigest()[: options.length]

    return lambda text: per_distinct_text(text, digest)


_WORDS: dict[str, _Column] = {
    "trim": pc.utf8_trim_whitespace,
    "squeeze": _squeezed,
    "upper": pc.utf8_upper,
    "lower": pc.utf8_lower,
    "capitalize": _capitalized,
    "title": _titled,
    "name": personal_names,
    "digits": _digits,
    "hash": lambda text: _hashed(HashOptions(), "")(text),
}
"""The steps that are only a word."""
