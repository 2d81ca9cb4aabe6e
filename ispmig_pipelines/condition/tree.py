"""Conditions as a tree, and what can be asked of one.

Logic has two values. A comparison with what holds nothing is false, so that its opposite
(``!=``, ``not …``) is true there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo

Value: TypeAlias = str | Decimal | bool | dt.date | dt.datetime | dt.time


class Operator(StrEnum):
    """How two values are compared."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="

    @property
    def by_order(self) -> bool:
        """It asks which of the two is greater."""
        return self not in (Operator.EQUAL, Operator.UNEQUAL)


class Match(StrEnum):
    """How a text is looked for in another; case matters."""

    LIKE = "like"  # the whole text; % stands for any text, _ for any character
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    ENDS_WITH = "ends with"


@dataclass(frozen=True)
class FieldName:
    """A field that a condition speaks of; it exists."""

    entity: str
    field: str

    @property
    def info(self) -> FieldInfo:
        """What the model says of it."""
        return ENTITIES[self.entity].fields[self.field]


USUAL_DATES = "usual"
"""The format of dates of a column of which nothing is said: as in the whole source, or ISO 8601."""


@dataclass(frozen=True)
class ColumnName:
    """A source's column that a condition speaks of: text, trimmed; whether there is one of that
    name, the source knows.

    Compared by size, its cells are numbers; a cell that is none then compares as nothing does.

    Attributes:
        name: as the spec writes it.
        ignore_case: upper and lower case are the same in its texts.
        date_format: how its cells write the days that they are compared as, or
            :data:`USUAL_DATES`; "": they are none.
    """

    name: str
    ignore_case: bool = False
    date_format: str = ""

    def is_number(self, operator: Operator) -> bool:
        """So compared, its cells are numbers."""
        return operator.by_order and not self.date_format


Operand: TypeAlias = FieldName | ColumnName


@dataclass(frozen=True)
class Comparison:
    """``field = value``, or two fields of one entity; texts compare by their code points.

    ``!=`` is the opposite of ``=``: it also holds where one of the two holds nothing.

    Attributes:
        value: of the field's type (a column's: a day if it has a format of dates, else a text, or
            a number where it is compared by size), or the other field.
    """

    operand: Operand
    operator: Operator
    value: Value | FieldName


@dataclass(frozen=True)
class OneOf:
    """``field in (a, b)``."""

    operand: Operand
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Matches:
    """``field like 'A%'``, ``field contains x``, ``field starts with x``."""

    operand: Operand
    match: Match
    text: str


@dataclass(frozen=True)
class Regex:
    """``field matches '[0-9]+'``: a regular expression of RE2 that the whole text must match."""

    operand: Operand
    pattern: str


@dataclass(frozen=True)
class IsNothing:
    """``field is null``."""

    operand: Operand


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Condition


@dataclass(frozen=True)
class And:
    """All of the parts hold; there are at least two."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """One of the parts holds, or several; there are at least two."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Comparison | OneOf | Matches | Regex | IsNothing | Not | And | Or


def between(operand: Operand, least: Value | FieldName, most: Value | FieldName) -> And:
    """``least <= operand <= most``: both ends belong to it."""
    return And(
        (
            Comparison(operand, Operator.GREATER_OR_EQUAL, least),
            Comparison(operand, Operator.LESS_OR_EQUAL, most),
        )
    )


def entities_of(condition: Condition) -> tuple[str, ...]:
    """The entities that a condition speaks of, each once, in the order in which it names them."""
    return tuple(dict.fromkeys(name.entity for name in fields_of(condition)))


def fields_of(condition: Condition) -> tuple[FieldName, ...]:
    """The fields that a condition reads, each once, in the order in which it names them."""
    return tuple(dict.fromkeys(o for o in _operands(condition) if isinstance(o, FieldName)))


def columns_read(condition: Condition) -> tuple[ColumnName, ...]:
    """The source's columns as a condition reads them, each once, in the order in which it does."""
    return tuple(dict.fromkeys(o for o in _operands(condition) if isinstance(o, ColumnName)))


def columns_of(condition: Condition) -> tuple[str, ...]:
    """The names of the source's columns that a condition reads, each once, in the order in which
    it names them."""
    return tuple(dict.fromkeys(operand.name for operand in columns_read(condition)))


def by_entity(condition: Condition) -> dict[str, Condition]:
    """A condition on several entities as one for each of them.

    Raises:
        UsageError: parts about different entities are joined by ``or`` or stand in one ``not``.
    """
    parts = _conjuncts(condition)
    found: dict[str, list[Condition]] = {}
    for part in parts:
        named = entities_of(part)
        if len(named) > 1:
            raise UsageError(
                f"The condition joins {' and '.join(named)} by or, or in one not. Records of each "
                "entity are chosen by themselves: join what is said of different entities by and."
            )
        found.setdefault(named[0], []).append(part)
    return {
        entity: said[0] if len(said) == 1 else And(tuple(said)) for entity, said in found.items()
    }


def _conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """What must hold all together, out of its brackets."""
    if isinstance(condition, And):
        return tuple(inner for part in condition.parts for inner in _conjuncts(part))
    return (condition,)


def _operands(condition: Condition) -> Iterator[Operand]:
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _operands(part)
        case Not(part):
            yield from _operands(part)
        case Comparison(operand, _, FieldName() as other):
            yield from (operand, other)
        case Comparison() | OneOf() | Matches() | Regex() | IsNothing():
            yield condition.operand
