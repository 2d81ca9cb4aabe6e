"""Telephone numbers in E.164, read by the phonenumbers library (Google's libphonenumber).

A number is accepted where it is *possible*: as long as its country's numbers are. Whether
its area code is in use changes over the years, and old numbers are old. Numbers that match the
general pattern of the style's country, or of the one whose code they state, are written as E.164
by column operations, with the library's own metadata; all others go through the library, each
distinct one once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import PhoneMetadata, PhoneNumberFormat, ValidationResult

from ispmig_pipelines.mapping.convert.text import SCIENTIFIC
from ispmig_pipelines.mapping.convert.values import (
    Converted,
    Converter,
    Refusal,
    Refused,
    Remarked,
    per_distinct,
    refused_or,
    scatter,
)
from ispmig_pipelines.mapping.style import Style

_NO_TEXT = pa.scalar(None, pa.string())
_DIGITS_AND_MARKS = r"^\+?[0-9][0-9 .\-]*$|^(?:\+?[0-9]{1,3}[ .\-]*)?\([0-9]+\)[0-9 .\-]*$"
# No country's code can be stated in it.
_WORDS = r"^[\x00-\x2a\x2c-\x7f]*$"
_EXTENSION = r"^(.*[0-9]) ?(?:x|ext\.? ?)[0-9]{1,6}$"
_BARE = r"^\+?[0-9]+$"
_FLOAT_PATTERN = r"^[0-9]{5,}\.0+$"
_E164 = r"^\+[1-9][0-9]{4,14}$"


WITHOUT_EXTENSION = "the number without its extension"

_ONE_DIGIT = "|".join(f"{digit}{{7,}}" for digit in range(10))
_ONE_DIGIT_AT_THE_END = rf"^\+[0-9]{{1,3}}(?:{_ONE_DIGIT})$"
"""What people type where a number is asked for and there is none: ``000-000-0000``. A few are in
use all the same, +1 888 888 8888 for one: those are numbers."""

NO_NUMBER = (
    "a telephone number, and one digit over and over is none; if it stands for nothing, add it to "
    "null_words in the spec"
)


@lru_cache(maxsize=50_000)
def _parsed(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: phonenumbers.PhoneNumber | None) -> str | None:
    """The number as E.164 writes it, None if it cannot be one."""
    if number is None:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return written if re.fullmatch(_E164, written) else None


def _accepted(country: str) -> str:
    if country:
        return f"a telephone number of {country}, or one with + and its country's code"
    return "a telephone number with + and its country's code, or add country to the spec"


@dataclass(frozen=True)
class _Plan:
    """A country's numbering plan over bare digits, as far as column operations are sure of it.

    Attributes:
        code: the country's calling code.
        national: pattern of a significant national number.
        prefixed: what begins with a trunk or an international prefix, which may be stripped.
        trunk: the digits before a national number at home, "" where they are not so simple.
        abroad: pattern of the prefix for calls abroad.
        lengths: digits a significant national number may have.
        transforms: a trunk prefix may become other digits of the national number.
    """

    code: str
    national: str
    prefixed: str
    trunk: str
    abroad: str
    lengths: pa.Int32Array
    transforms: bool

    def significant(self, values: pa.StringArray) -> pa.StringArray:
        """The significant national number of each cell, null where there is a doubt."""
        digits = values
        if pc.all(_match(values, _BARE)).as_py() is False:
            plausible = _match(values, _DIGITS_AND_MARKS)
            digits = pc.if_else(plausible, values, _NO_TEXT)
            if pc.any(pc.match_substring(values, ".0")).as_py():
                digits = pc.replace_substring_regex(digits, r"^([0-9]{5,})\.0+$", r"\1")
            for mark in " -().":
                digits = pc.replace_substring(digits, mark, "")
        international = pc.starts_with(digits, f"+{self.code}")
        bare = digits
        if pc.any(international).as_py():
            bare = pc.if_else(
                international, pc.utf8_slice_codeunits(digits, len(self.code) + 1), digits
            )
        sure = pc.and_not(_match(bare, self.national), _match(bare, self.prefixed))
        found = pc.if_else(sure, bare, _NO_TEXT)
        if self.trunk and found.null_count > values.null_count:
            trunked = pc.and_not(
                pc.fill_null(pc.starts_with(digits, self.trunk), False),
                _match(digits, self.abroad),
            )
            rest = pc.utf8_slice_codeunits(digits, len(self.trunk))
            found = pc.if_else(pc.and_(trunked, _match(rest, self.national)), rest, found)
        possible = pc.is_in(pc.binary_length(found), value_set=self.lengths)
        return pc.if_else(possible, found, _NO_TEXT)

    def hopeless(self, values: pa.StringArray) -> pa.BooleanArray:
        """Cells of so few digits that no number of this country, or of another, is in them."""
        few = int(pc.min(self.lengths).as_py())
        digits = pc.if_else(_match(values, _DIGITS_AND_MARKS), values, _NO_TEXT)
        digits = pc.replace_substring_regex(digits, r"[ .()\-]", "")
        short = pc.less(pc.binary_length(digits), few)
        elsewhere = pc.or_(pc.starts_with(digits, "+"), _match(digits, self.abroad))
        return pc.or_(
            pc.fill_null(pc.and_not(short, elsewhere), False), self._hopeless_text(values, few)
        )

    def _hopeless_text(self, values: pa.StringArray, few: int) -> pa.BooleanArray:
        """Words around too few digits. The library looks at what follows the first digit; three
        letters or more may be digits themselves there (1-800-FLOWERS), fewer are left out."""
        text = pc.if_else(_match(values, _WORDS), values, _NO_TEXT)
        tail = pc.replace_substring_regex(text, "^[^0-9]+", "")
        letters = pc.binary_length(pc.replace_substring_regex(tail, "[^A-Za-z]+", ""))
        digits = pc.replace_substring_regex(tail, "[^0-9]+", "")
        short = pc.and_(pc.less(letters, 3), pc.less(pc.binary_length(digits), few))
        none = pc.equal(tail, "")
        if self.transforms:
            return pc.fill_null(none, False)
        return pc.fill_null(pc.or_(none, pc.and_not(short, _match(digits, self.abroad))), False)


def _abroad(values: pa.StringArray) -> pa.StringArray:
    """E.164 of the numbers that begin with ``+`` and a country's code, null where in doubt."""
    found = pa.nulls(len(values), pa.string())
    stated = pc.struct_field(pc.extract_regex(values, r"^\+(?P<code>[1-9][0-9]{0,2})"), "code")
    for code in pc.unique(stated).to_pylist():
        plan = _plan_of_code(code) if code else None
        if plan is None:
            continue
        mine = pc.starts_with(values, f"+{plan.code}")
        digits = plan.significant(pc.if_else(mine, values, _NO_TEXT))
        found = pc.coalesce(found, pc.binary_join_element_wise(f"+{plan.code}", digits, ""))
    return found


@lru_cache(maxsize=1_000)
def _plan_of_code(digits: str) -> _Plan | None:
    """The plan of the country whose calling code the digits begin with; no code is the beginning
    of another."""
    for length in (1, 2, 3):
        region = phonenumbers.region_code_for_country_code(int(digits[:length]))
        if region != phonenumbers.phonenumberutil.UNKNOWN_REGION:
            return _plan(region)
    return None


def _match(values: pa.StringArray, pattern: str) -> pa.BooleanArray:
    return pc.fill_null(pc.match_substring_regex(values, pattern), False)


def _is_e164(code: str, length: int) -> bool:
    return 5 <= len(code) + length <= 15


@lru_cache(maxsize=512)
def _plan(country: str) -> _Plan | None:
    """The plan of ``country``; None where it is not the main one of its calling code (the library
    judges by that one) or its patterns are beyond Arrow's regular expressions."""
    metadata = PhoneMetadata.metadata_for_region(country, None)
    if metadata is None or metadata.country_code is None or metadata.general_desc is None:
        return None
    if phonenumbers.region_code_for_country_code(metadata.country_code) != country:
        return None
    general = metadata.general_desc
    parsing = metadata.national_prefix_for_parsing or ""
    alternatives = parsing.split("|")
    trunk = metadata.national_prefix or ""
    simple = alternatives[0] == trunk and all(
        a[:1].isdigit() and not a.startswith(trunk) for a in alternatives[1:]
    )
    prefixes = "|".join(filter(None, (parsing, metadata.international_prefix)))
    code = str(metadata.country_code)
    plan = _Plan(
        code=code,
        national=f"^(?:{general.national_number_pattern})$",
        prefixed=f"^(?:{prefixes})" if prefixes else "^$",
        trunk=trunk if simple and not metadata.national_prefix_transform_rule else "",
        abroad=f"^(?:{metadata.international_prefix})" if metadata.international_prefix else "^$",
        lengths=pa.array([n for n in general.possible_length if _is_e164(code, n)], pa.int32()),
        transforms=bool(metadata.national_prefix_transform_rule),
    )
    try:
        plan.significant(pa.array(["1"]))
    except pa.ArrowInvalid:
        return None
    return plan


def _without_one_digit(converted: Converted) -> Converted:
    """Refuses the numbers that are one digit over and over, and in use nowhere."""
    repeated = _match(converted.values, _ONE_DIGIT_AT_THE_END)
    if not pc.any(repeated, min_count=0).as_py():
        return converted
    few = pc.unique(converted.values.filter(repeated)).to_pylist()
    unused = [e164 for e164 in few if not _is_valid(e164)]
    refused = pc.is_in(converted.values, value_set=pa.array(unused, pa.string()))
    where = refused.to_numpy(zero_copy_only=False)
    if not where.any():
        return converted
    # What was said of an extension of such a number no longer matters.
    others = (replace(refusal, where=refusal.where & ~where) for refusal in converted.refusals)
    refusals = [refusal for refusal in others if refusal.where.any()]
    return replace(
        converted,
        values=pc.if_else(refused, _NO_TEXT, converted.values),
        refusals=(*refusals, Refusal("value.type", where, NO_NUMBER)),
    )


def _is_valid(e164: str) -> bool:
    number = _parsed(e164, "")
    return number is not None and phonenumbers.is_valid_number(number)


def phone_converter(style: Style) -> Converter:
    """Numbers as ``+15551234567``; those without a country's code are of ``style.country``."""
    country = style.country
    accepted = _accepted(country)

    def one(text: str) -> str | Remarked:
        if re.fullmatch(_FLOAT_PATTERN, text):
            text = text.partition(".")[0]
        number = _parsed(text, country)
        e164 = _e164(number)
        # What would be read as another number, or none, once it stands alone is no number.
        if e164 is None or _e164(_parsed(e164, "")) != e164:
            raise Refused("value.type", accepted)
        if number is not None and number.extension:
            return Remarked(e164, "value.dropped", WITHOUT_EXTENSION)
        return e164

    def careful(values: pa.StringArray) -> Converted:
        return per_distinct(values, one, pa.string())

    plan = _plan(country) if country else None

    def written(values: pa.StringArray) -> pa.StringArray:
        at_home = pa.nulls(len(values), pa.string())
        if plan is not None:
            digits = plan.significant(values)
            at_home = pc.binary_join_element_wise(f"+{plan.code}", digits, "")
            if at_home.null_count == values.null_count:
                return at_home
        open_ = pc.and_(pc.is_null(at_home), pc.fill_null(pc.starts_with(values, "+"), False))
        if not pc.any(open_, min_count=0).as_py():
            return at_home
        return pc.replace_with_mask(at_home, open_, _abroad(values.filter(open_)))

    def unless_hopeless(values: pa.StringArray) -> Converted:
        if plan is None:
            return careful(values)
        return refused_or(values, plan.hopeless(values), "value.type", accepted, careful)

    def messy(values: pa.StringArray) -> Converted:
        """Numbers with an extension, and what is none; the library has the last word."""
        bare = pc.replace_substring_regex(values, _EXTENSION, r"\1")
        extended = pc.not_equal(bare, values)
        base = pa.nulls(len(values), pa.string())
        if pc.any(extended, min_count=0).as_py():
            base = written(pc.if_else(extended, bare, _NO_TEXT))
        dropped = pc.is_valid(base)
        rest = pc.invert(dropped)
        left = values.filter(rest)
        destroyed = pc.match_substring_regex(left, SCIENTIFIC)
        others = refused_or(left, destroyed, "value.scientific", accepted, unless_hopeless)
        whole = scatter(others, rest, base)
        if not pc.any(dropped, min_count=0).as_py():
            return whole
        remark = Refusal("value.dropped", dropped.to_numpy(zero_copy_only=False), WITHOUT_EXTENSION)
        return Converted(whole.values, (*whole.refusals, remark))

    def convert(values: pa.StringArray) -> Converted:
        return _without_one_digit(convert_all(values))

    def convert_all(values: pa.StringArray) -> Converted:
        found = written(values)
        rest = pc.and_(pc.is_valid(values), pc.is_null(found))
        if not pc.any(rest, min_count=0).as_py():
            return Converted(found)
        return scatter(messy(values.filter(rest)), rest, found)

    return convert
