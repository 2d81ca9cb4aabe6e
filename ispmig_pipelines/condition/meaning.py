"""What may be asked of a field or column, and with which values: one law for both languages."""

from __future__ import annotations

import re
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.condition.tree import (
    USUAL_DATES,
    And,
    ColumnName,
    Comparison,
    FieldName,
    IsNothing,
    Match,
    Matches,
    Not,
    OneOf,
    Operand,
    Operator,
    Regex,
    Value,
    between,
)
from ispmig_pipelines.condition.values import TEXTS, WITHOUT_ORDER, Unfit, value_of
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo, FieldType, Privacy
from ispmig_pipelines.nearest import did_you_mean

MAX_PATTERN = 1_000
"""Characters of a pattern of ``like`` or ``matches``."""

# What the values of a column are held against: it has no field of its own.
_WORD = FieldInfo(FieldType.TEXT, "A text.")
_NUMBER = FieldInfo(FieldType.QUANTITY, "A number.")
_DAY = FieldInfo(FieldType.DATE, "A day.")
_WRITTEN_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_COUNTED = frozenset({FieldType.INTEGER, FieldType.QUANTITY})


class Misuse(ValueError):
    """Something that a condition asks cannot be asked, as a clause without an end."""


def shown(operand: Operand) -> str:
    """``balance (money)``, or the column's name."""
    if isinstance(operand, ColumnName):
        return f"column {operand.name!r}"
    return f"{operand.field} ({operand.info.type})"


def must_be_open(operand: Operand) -> None:
    """Refuses what would tell something of a secret.

    Raises:
        Misuse: of the field it can be asked only whether it is null.
    """
    if isinstance(operand, FieldName) and operand.info.privacy is Privacy.SECRET:
        raise Misuse(f"{operand.field} is a secret: it can be asked only whether it is null")


def must_have_order(operand: Operand) -> None:
    """
    Raises:
        Misuse: its values are equal or not, and none is the greater one.
    """
    if isinstance(operand, FieldName) and operand.info.type in WITHOUT_ORDER:
        raise Misuse(
            f"{shown(operand)} has no order: it can be equal to something, or not, or one of "
            "several"
        )


def must_be_text(operand: Operand, how: str) -> None:
    """
    Raises:
        Misuse: nothing can be looked for in it.
    """
    if isinstance(operand, FieldName) and operand.info.type not in TEXTS:
        raise Misuse(f"{shown(operand)} is no text: {how} is for texts")
    if isinstance(operand, ColumnName) and operand.date_format:
        raise Misuse(f"{shown(operand)} is compared as dates: {how} is for texts")


def value_for(operand: Operand, word: str, operator: Operator = Operator.EQUAL) -> Value:
    """The value with which the operand is compared.

    Raises:
        Misuse: there is no such comparison, or no such value.
    """
    must_be_open(operand)
    if operator.by_order:
        must_have_order(operand)
    try:
        if isinstance(operand, FieldName):
            return value_of(word, operand.info)
        if operand.date_format:
            return value_of(word, _DAY)
        if operator.by_order:
            return value_of(word, _NUMBER)
        if not word.strip():
            raise Misuse("cells of nothing but spaces are nothing: ask whether it is empty")
        if word != word.strip():
            raise Misuse(
                f"{word!r} has spaces around it, and cells are compared without those around them"
            )
        return value_of(word, _WORD)
    except Unfit as unfit:
        raise Misuse(f"{word!r} is {unfit}") from None


def compared(operand: Operand, operator: Operator, word: str) -> Comparison:
    """``operand operator word``.

    Whoever asks whether a column is before a day means its cells as days.

    Raises:
        Misuse: see :func:`value_for`.
    """
    if (
        isinstance(operand, ColumnName)
        and not operand.date_format
        and operator.by_order
        and _WRITTEN_DAY.fullmatch(word)
    ):
        operand = replace(operand, ignore_case=False, date_format=USUAL_DATES)
    return Comparison(operand, operator, value_for(operand, word, operator))


def compared_with_field(operand: Operand, operator: Operator, name: str) -> Comparison:
    """``operand operator field(name)``; the other field's name may have its entity before it.

    Raises:
        Misuse: there is no such field, or the two cannot be compared.
    """
    if isinstance(operand, ColumnName):
        raise Misuse(
            f"{shown(operand)} cannot be compared with a field: a column holds texts as the "
            "source writes them, a field holds values"
        )
    entity, dot, field = name.rpartition(".")
    if dot and entity != operand.entity:
        raise Misuse(
            f"{operand.entity}.{operand.field} can be compared with fields of {operand.entity} "
            f"only, not with {name!r}"
        )
    fields = ENTITIES[operand.entity].fields
    if field not in fields:
        raise Misuse(f"{operand.entity} has no field {field!r}{did_you_mean(field, fields)}")
    other = FieldName(operand.entity, field)
    for one in (operand, other):
        must_be_open(one)
        if operator.by_order:
            must_have_order(one)
    if _kind(operand) != _kind(other):
        raise Misuse(
            f"{shown(operand)} and {shown(other)} are of different kinds and cannot be compared"
        )
    return Comparison(operand, operator, other)


def _kind(field: FieldName) -> str:
    """Fields of one kind can be compared with each other."""
    if field.info.type in TEXTS:
        return "text"
    return "count" if field.info.type in _COUNTED else field.info.type.value


def in_range(least: Comparison, most: Comparison) -> And:
    """Both together: ``operand between least and most``.

    Raises:
        Misuse: nothing lies between them.
    """
    if least.operand != most.operand:
        raise Misuse("between names a number and a day: nothing would lie between the two")
    if not in_order(least.value, most.value):
        raise Misuse("between names the greater value first: nothing would lie between the two")
    return between(least.operand, least.value, most.value)


def in_order(least: Value | FieldName, most: Value | FieldName) -> bool:
    """Something may lie between the two, which are of one type."""
    if isinstance(least, FieldName) or isinstance(most, FieldName):
        return True
    # Python compares texts by code points, too.
    return bool(least <= most)  # type: ignore[operator]


def one_of(operand: Operand, words: list[str]) -> OneOf:
    """``operand in (words)``.

    Raises:
        Misuse: see :func:`value_for`.
    """
    return OneOf(operand, tuple(value_for(operand, word) for word in words))


def matching(operand: Operand, how: Match, text: str) -> Matches:
    """``operand like text`` and its kin.

    Raises:
        Misuse: the operand is no text, or the text cannot be looked for.
    """
    must_be_open(operand)
    must_be_text(operand, str(how))
    _must_be_storable(text)
    if how is Match.LIKE:
        _must_be_short(text)
    return Matches(operand, how, text)


def matching_regex(operand: Operand, pattern: str) -> Regex:
    """``operand matches pattern``.

    Raises:
        Misuse: the operand is no text, or the pattern is no expression of RE2.
    """
    must_be_open(operand)
    must_be_text(operand, "matches")
    _must_be_storable(pattern)
    _must_be_short(pattern)
    try:
        # By itself, too: a)(b is an expression only between the brackets of the whole.
        for expression in (pattern, whole(pattern)):
            pc.match_substring_regex(pa.array([""], pa.string()), expression)
    except pa.ArrowInvalid as error:
        why = str(error).removeprefix("Invalid regular expression: ")
        raise Misuse(f"{pattern!r} is no regular expression of RE2: {why}") from None
    return Regex(operand, pattern)


def whole(pattern: str) -> str:
    """The expression (RE2) that matches where ``pattern`` matches the whole text."""
    return rf"\A(?:{pattern})\z"


def _must_be_storable(text: str) -> None:
    try:
        value_of(text, _WORD)
    except Unfit as unfit:
        raise Misuse(f"{text!r} is {unfit}") from None


def _must_be_short(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        raise Misuse(f"the pattern is longer than {MAX_PATTERN:,} characters")


def nothing(operand: Operand, *, is_nothing: bool) -> IsNothing | Not:
    """Whether the operand holds nothing, or something."""
    if isinstance(operand, ColumnName):
        # A cell that is no day holds something all the same.
        operand = replace(operand, date_format="")
    return IsNothing(operand) if is_nothing else Not(IsNothing(operand))
