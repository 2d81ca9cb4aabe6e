"""A condition as SQL: identifiers quoted, every value a parameter."""

from __future__ import annotations

import re
from collections.abc import Callable

from psycopg import sql

from ispmig_pipelines.condition import (
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
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines.platform.condition_regex import in_postgres
from ispmig_pipelines.platform.ddl import column_type

_CAST = frozenset({FieldType.ADDRESS, FieldType.NETWORK, FieldType.MAC, FieldType.UUID})
"""Texts here, types of their own there, in which a value has several spellings."""


class Parameters:
    """The parameters of one statement, by name."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}

    def add(self, value: Value) -> sql.Placeholder:
        """A placeholder for one more value."""
        name = f"c{len(self.values)}"
        self.values[name] = value
        return sql.Placeholder(name)


def where(condition: Condition, table: str, parameters: Parameters) -> sql.Composable:
    """The condition on rows of the table (or alias) ``table``; it is never null.

    Raises:
        UsageError: it speaks of a source's column, or has a regular expression that PostgreSQL
            might read differently.
    """

    def column(operand: Operand) -> sql.Identifier:
        if isinstance(operand, ColumnName):
            raise UsageError(
                f"The condition speaks of the source's column {operand.name!r}, and rows of a "
                "tenant have fields only. Name a field."
            )
        return sql.Identifier(table, operand.field)

    return _compiled(condition, column, parameters)


def _compiled(
    condition: Condition, column: Callable[[Operand], sql.Identifier], parameters: Parameters
) -> sql.Composable:
    def value(operand: Operand, of: Value | FieldName) -> sql.Composable:
        if isinstance(of, FieldName):
            return column(of)
        if isinstance(operand, FieldName) and operand.info.type in _CAST:
            return sql.SQL("{}::{}").format(parameters.add(of), column_type(operand.info))
        return parameters.add(of)

    match condition:
        case And(parts) | Or(parts):
            between = sql.SQL(" and " if isinstance(condition, And) else " or ")
            return sql.SQL("({})").format(
                between.join(_compiled(p, column, parameters) for p in parts)
            )
        case Not(part):
            return sql.SQL("(not {})").format(_compiled(part, column, parameters))
        case IsNothing(operand):
            return sql.SQL("({} is null)").format(column(operand))
        case Comparison(operand, Operator.UNEQUAL, of):
            # Not "is distinct from": two fields that both hold nothing are not equal.
            equal = Comparison(operand, Operator.EQUAL, of)
            return _compiled(Not(equal), column, parameters)
        case Comparison(operand, operator, of):
            condition_sql = sql.SQL("{} {} {}").format(
                column(operand), sql.SQL(operator.value), value(operand, of)
            )
        case OneOf(operand, values):
            condition_sql = sql.SQL("{} in ({})").format(
                column(operand), sql.SQL(", ").join(value(operand, of) for of in values)
            )
        case Matches(operand, match, text):
            condition_sql = sql.SQL("{} like {}").format(
                column(operand), parameters.add(_pattern(match, text))
            )
        case Regex(operand, pattern):
            condition_sql = sql.SQL("{} ~ {}").format(
                column(operand), parameters.add(in_postgres(pattern))
            )
    # Where the field is null, the comparison is false and its opposite true.
    return sql.SQL("coalesce({}, false)").format(condition_sql)


def _pattern(match: Match, text: str) -> str:
    """The text as a pattern of LIKE, in which a backslash takes the next character's meaning."""
    if match is Match.LIKE:
        return text.replace("\\", "\\\\")
    literal = re.sub(r"([\\%_])", r"\\\1", text)
    before = "" if match is Match.STARTS_WITH else "%"
    after = "" if match is Match.ENDS_WITH else "%"
    return f"{before}{literal}{after}"
