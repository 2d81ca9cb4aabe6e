"""A condition in the words of its own language."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from ispmig_pipelines.condition.meaning import in_order
from ispmig_pipelines.condition.tree import (
    USUAL_DATES,
    And,
    Comparison,
    Condition,
    FieldName,
    IsNothing,
    Matches,
    Not,
    OneOf,
    Operand,
    Operator,
    Or,
    Regex,
    Value,
    entities_of,
)

BARE = re.compile(r"""[^\s()=<>!,'"]+""")
"""A word that needs no quotes, unless it is one of the language."""

KEYWORDS = frozenset(
    ["and", "or", "not", "in", "is", "null", "like", "contains", "starts", "ends", "with",
     "matches", "between"]
)  # fmt: skip


def written(
    condition: Condition, show: Callable[[FieldName, str], str] = lambda field, value: value
) -> str:
    """The condition in its own language, each field with its entity.

    Args:
        show: what is written for a value of a field, e.g. its mask.
    """
    return _Writer(show, with_entity=True).whole(condition)


def in_words(
    condition: Condition, show: Callable[[FieldName, str], str] = lambda field, value: value
) -> str:
    """The condition in its own language as a person would write it: of one entity, fields stand
    without its name. Read again, it is the same condition.

    Args:
        show: what is written for a value of a field, e.g. its mask.
    """
    return _Writer(show, with_entity=len(entities_of(condition)) > 1).whole(condition)


@dataclass(frozen=True)
class _Writer:
    show: Callable[[FieldName, str], str]
    with_entity: bool

    def whole(self, condition: Condition) -> str:
        if (within := self._range(condition, "")) is not None:
            return within
        match condition:
            case And(parts) | Or(parts):
                between = " and " if isinstance(condition, And) else " or "
                return between.join(map(self._part, parts))
            case Not(part):
                return self._opposite(part)
            case Comparison(operand, operator, other):
                return f"{self._operand(operand)} {operator} {self._value(operand, other)}"
            case _:
                return self._test(condition, "")

    def _part(self, part: Condition) -> str:
        joined = isinstance(part, And | Or) and self._range(part, "") is None
        return f"({self.whole(part)})" if joined else self.whole(part)

    def _opposite(self, part: Condition) -> str:
        if (within := self._range(part, "not ")) is not None:
            return within
        if isinstance(part, OneOf | Matches | Regex | IsNothing):
            return self._test(part, "not ")
        return f"not ({self.whole(part)})"

    def _test(self, test: OneOf | Matches | Regex | IsNothing, no: str) -> str:
        operand = self._operand(test.operand)
        match test:
            case IsNothing():
                return f"{operand} is {no}null"
            case OneOf(_, values):
                listed = ", ".join(self._value(test.operand, value) for value in values)
                return f"{operand} {no}in ({listed})"
            case Matches(_, how, text):
                return f"{operand} {no}{how} {self._value(test.operand, text)}"
            case Regex(_, pattern):
                return f"{operand} {no}matches {self._value(test.operand, pattern)}"

    def _range(self, condition: Condition, no: str) -> str | None:
        """``a between x and y``, if that is what it is."""
        match condition:
            case And(
                (
                    Comparison(operand, Operator.GREATER_OR_EQUAL, least),
                    Comparison(same, Operator.LESS_OR_EQUAL, most),
                )
            ) if operand == same and in_order(least, most):
                ends = f"{self._value(operand, least)} and {self._value(operand, most)}"
                return f"{self._operand(operand)} {no}between {ends}"
        return None

    def _operand(self, operand: Operand) -> str:
        if isinstance(operand, FieldName):
            return f"{operand.entity}.{operand.field}" if self.with_entity else operand.field
        ignoring = " ignoring case" if operand.ignore_case else ""
        said = operand.date_format not in ("", USUAL_DATES)
        form = f" as {_quoted(operand.date_format)}" if said else ""
        return f"column({_quoted(operand.name)}{ignoring}{form})"

    def _value(self, operand: Operand, value: Value | FieldName) -> str:
        if isinstance(value, FieldName):
            return f"field({self._operand(value)})"
        word = _word(value)
        return _quoted(self.show(operand, word) if isinstance(operand, FieldName) else word)


def _word(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case str():
            return value
        case _:
            return value.isoformat()


def _quoted(word: str) -> str:
    plain = BARE.fullmatch(word) and word.lower() not in KEYWORDS
    return word if plain else "'" + word.replace("'", "''") + "'"
