"""A condition on the columns of a batch: Arrow's kernels on whole columns, never row by row.

The truth is that of PostgreSQL on the same values: two-valued, exact in decimals, texts compared
by code points, ``like`` as in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.condition.meaning import whole
from ispmig_pipelines.condition.tree import (
    And,
    ColumnName,
    Comparison,
    Condition,
    FieldName,
    IsNothing,
    Match,
    Matches,
    Not,
    OneOf,
    Operand,
    Operator,
    Or,
    Regex,
    Value,
)

Column: TypeAlias = Callable[[Operand], "pa.Array | pa.ChunkedArray"]
"""What a batch holds: of a field the canonical values, of a source's column the trimmed text, or
the days that it is where it has a format of dates; null where there is nothing."""

_COMPARE = {
    Operator.EQUAL: pc.equal,
    Operator.LESS: pc.less,
    Operator.LESS_OR_EQUAL: pc.less_equal,
    Operator.GREATER: pc.greater,
    Operator.GREATER_OR_EQUAL: pc.greater_equal,
}

_PLAIN_NUMBER = r"\A[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?\z"
_CELL_NUMBER = pa.decimal256(60, 30)
"""Holds every plain number, exactly."""


def evaluate(condition: Condition, column: Column, size: int) -> np.ndarray:
    """Boolean mask of the rows for which the condition holds.

    Args:
        column: gives the batch's column of an operand; asked at most once for each.
        size: rows of the batch.
    """
    return _Evaluation(column, size).mask(condition)


def refuted(condition: Condition, column: Column, size: int) -> np.ndarray:
    """Boolean mask of the rows for which the condition is known not to hold.

    With three values of truth, as a constraint of a database has them: a comparison with what
    holds nothing is neither true nor false, so that it refutes nothing.

    Args:
        column: gives the batch's column of an operand; asked at most once for each.
        size: rows of the batch.
    """
    return _Evaluation(column, size).settled(condition)[1]


class _Evaluation:
    def __init__(self, column: Column, size: int) -> None:
        self._column = column
        self._size = size
        self._values: dict[Operand, pa.Array] = {}
        self._numbers: dict[str, pa.Array] = {}

    def mask(self, condition: Condition) -> np.ndarray:
        match condition:
            case And(parts):
                return np.logical_and.reduce([self.mask(part) for part in parts])
            case Or(parts):
                return np.logical_or.reduce([self.mask(part) for part in parts])
            case Not(part):
                return ~self.mask(part)
            case IsNothing(operand):
                return self._truth(self._of(operand).is_null())
            case Comparison(operand, Operator.UNEQUAL, value):
                return ~self.mask(Comparison(operand, Operator.EQUAL, value))
            case Comparison(operand, operator, value):
                if isinstance(value, FieldName):
                    return self._truth(_two_columns(operator, self._of(operand), self._of(value)))
                return self._truth(self._compared(operand, operator, value))
            case OneOf(operand, values):
                return self._truth(self._one_of(operand, values))
            case Matches(operand, how, text):
                return self._truth(_matched(self._of(operand), how, _folded(text, operand)))
            case Regex(operand, pattern):
                return self._truth(self._regex(operand, pattern))

    def settled(self, condition: Condition) -> tuple[np.ndarray, np.ndarray]:
        """Where it is known to hold, and where it is known not to."""
        match condition:
            case And(parts):
                held, not_held = zip(*map(self.settled, parts), strict=True)
                return np.logical_and.reduce(held), np.logical_or.reduce(not_held)
            case Or(parts):
                held, not_held = zip(*map(self.settled, parts), strict=True)
                return np.logical_or.reduce(held), np.logical_and.reduce(not_held)
            case Not(part):
                holds, fails = self.settled(part)
                return fails, holds
            case IsNothing():
                mask = self.mask(condition)
                return mask, ~mask
        mask, known = self.mask(condition), self._known(condition)
        return mask & known, ~mask & known

    def _known(self, condition: Comparison | OneOf | Matches | Regex) -> np.ndarray:
        """Where what is compared holds something that can be compared."""
        operand = condition.operand
        values = self._of(operand)
        if isinstance(condition, Comparison):
            if isinstance(operand, ColumnName) and operand.is_number(condition.operator):
                values = self._number_cells(operand.name)
            if isinstance(condition.value, FieldName):
                both = pc.and_(values.is_valid(), self._of(condition.value).is_valid())
                return self._truth(both)
        return self._truth(values.is_valid())

    def _truth(self, mask: pa.Array | bool) -> np.ndarray:
        """Where the comparison is with nothing, it is false."""
        if isinstance(mask, bool):
            return np.full(self._size, mask)
        return pc.fill_null(mask, False).to_numpy(zero_copy_only=False)

    def _of(self, operand: Operand) -> pa.Array:
        if operand not in self._values:
            self._values[operand] = self._fetched(operand)
        return self._values[operand]

    def _fetched(self, operand: Operand) -> pa.Array:
        if isinstance(operand, ColumnName) and operand.ignore_case and not operand.date_format:
            return pc.utf8_lower(self._of(ColumnName(operand.name)))
        values = self._column(operand)
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if pa.types.is_null(values.type):
            values = values.cast(_type_of(operand))
        return values

    def _compared(self, operand: Operand, operator: Operator, value: Value) -> pa.Array | bool:
        if isinstance(operand, ColumnName) and operand.is_number(operator):
            return _COMPARE[operator](
                self._number_cells(operand.name), pa.scalar(value, _CELL_NUMBER)
            )
        values = self._of(operand)
        if isinstance(value, Decimal):
            return _number_compared(values, operator, value)
        if isinstance(value, str):
            value = _folded(value, operand)
        return _COMPARE[operator](values, pa.scalar(value, values.type))

    def _number_cells(self, column: str) -> pa.Array:
        """The cells that are plain numbers; the others are null."""
        if column not in self._numbers:
            cells = self._of(ColumnName(column))
            is_number = pc.match_substring_regex(cells, _PLAIN_NUMBER)
            plain = pc.if_else(is_number, cells, pa.scalar(None, cells.type))
            self._numbers[column] = plain.cast(_CELL_NUMBER)
        return self._numbers[column]

    def _one_of(self, operand: Operand, values: Sequence[Value]) -> pa.Array | bool:
        column = self._of(operand)
        if isinstance(values[0], Decimal):
            found = [_number_compared(column, Operator.EQUAL, v) for v in values]  # type: ignore[arg-type]
            masks = [mask for mask in found if not isinstance(mask, bool)]
            return _any(masks) if masks else False
        words = [_folded(v, operand) if isinstance(v, str) else v for v in values]
        return pc.is_in(column, value_set=pa.array(words, column.type))

    def _regex(self, operand: Operand, pattern: str) -> pa.Array:
        if isinstance(operand, ColumnName) and operand.ignore_case:
            # The cells as they stand: in lower case, a class of capitals would match none.
            cells = self._of(ColumnName(operand.name))
            return pc.match_substring_regex(cells, whole(pattern), ignore_case=True)
        return pc.match_substring_regex(self._of(operand), whole(pattern))


def _type_of(operand: Operand) -> pa.DataType:
    if isinstance(operand, FieldName):
        return operand.info.arrow_type
    return pa.date32() if operand.date_format else pa.string()


def _any(masks: Sequence[pa.Array]) -> pa.Array:
    found = masks[0]
    for mask in masks[1:]:
        found = pc.or_(found, mask)
    return found


def _folded(text: str, operand: Operand) -> str:
    if isinstance(operand, ColumnName) and operand.ignore_case:
        # By the same kernel as the cells: Python's own lower() makes two letters of some.
        return str(pc.utf8_lower(pa.scalar(text, pa.string())).as_py())
    return text


def _two_columns(operator: Operator, left: pa.Array, right: pa.Array) -> pa.Array:
    if left.type != right.type and pa.types.is_decimal(left.type) | pa.types.is_decimal(right.type):
        exact = pa.decimal128(38, max(getattr(t, "scale", 0) for t in (left.type, right.type)))
        left, right = left.cast(exact), right.cast(exact)
    return _COMPARE[operator](left, right)


def _number_compared(values: pa.Array, operator: Operator, value: Decimal) -> pa.Array | bool:
    """A column of whole numbers or decimals against any number, exactly.

    The column's values lie on a grid of 10⁻ˢᶜᵃˡᵉ. A number between two of its points is equal to
    none, and what is less than it is at most the point below.
    """
    scale = getattr(values.type, "scale", 0)
    below, rest = divmod(_units(value, scale + _FRACTION), 10**_FRACTION)
    if rest:
        if operator is Operator.EQUAL:
            return False
        operator = {
            Operator.LESS: Operator.LESS_OR_EQUAL,
            Operator.GREATER_OR_EQUAL: Operator.GREATER,
        }.get(operator, operator)
    least, most = _grid_ends(values.type)
    if not least <= below <= most:
        if operator is Operator.EQUAL:
            return False
        less = operator in (Operator.LESS, Operator.LESS_OR_EQUAL)
        # Only what is there can be less or greater.
        return pc.if_else(values.is_valid(), pa.scalar(less == (below > most)), pa.scalar(False))
    if pa.types.is_decimal(values.type):
        point = Decimal((int(below < 0), tuple(map(int, str(abs(below)))), -scale))
        return _COMPARE[operator](values, pa.scalar(point, values.type))
    return _COMPARE[operator](values, pa.scalar(below, values.type))


_FRACTION = 30
"""Digits that a number of a condition may have after the point."""


def _units(value: Decimal, digits: int) -> int:
    """The number in units of 10⁻ᵈⁱᵍⁱᵗˢ, which it is a whole number of."""
    sign, figures, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - no condition has NaN
    units = int("".join(map(str, figures)) or "0")
    units = units * 10 ** (digits + exponent) if digits + exponent >= 0 else 0
    return -units if sign else units


def _grid_ends(type_: pa.DataType) -> tuple[int, int]:
    """Least and greatest value of the type, in units of its grid."""
    if pa.types.is_decimal(type_):
        most = 10**type_.precision - 1
        return -most, most
    return -(2 ** (type_.bit_width - 1)), 2 ** (type_.bit_width - 1) - 1


def _matched(values: pa.Array, how: Match, text: str) -> pa.Array:
    match how:
        case Match.CONTAINS:
            return pc.match_substring(values, text)
        case Match.STARTS_WITH:
            return pc.starts_with(values, text)
        case Match.ENDS_WITH:
            return pc.ends_with(values, text)
        case Match.LIKE:
            return pc.match_substring_regex(values, _like(text))


_ANY_TEXT = re.compile(r"%[%]*")


def _like(text: str) -> str:
    """``%`` and ``_`` as a regular expression of RE2; a backslash is a character like others.

    (Arrow has ``match_like``, in which a backslash takes the next character's meaning.)
    """
    literal = re.compile(r"[^%_]+")
    parts: list[str] = []
    at = 0
    while at < len(text):
        if found := _ANY_TEXT.match(text, at) or literal.match(text, at):
            parts.append(".*" if text[at] == "%" else _literal(found.group()))
            at = found.end()
        else:
            parts.append(".")
            at += 1
    return rf"\A(?s:{''.join(parts)})\z"


def _literal(text: str) -> str:
    """The text as an expression of RE2 that matches it and nothing else."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)
