"""A condition as SQL: identifiers quoted, every value a parameter."""

from __future__ import annotations

import re
from collections.abc import Callable

from psycopg import sql

from ispmig_pipelines.condition import (
    And,
    Comparison,
    Condition,
    FieldName,
    IsNothing,
    Match,
    Matches,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)
from ispmig_pipelines.model.field_info import FieldType

_CASTS = {FieldType.ADDRESS: sql.SQL("::inet"), FieldType.MAC: sql.SQL("::macaddr")}


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
    """The condition on rows of the table (or alias) ``table``; it is never null."""

    def column(field: FieldName) -> sql.Identifier:
        return sql.Identifier(table, field.field)

    return _compiled(condition, column, parameters)


def _compiled(
    condition: Condition, column: Callable[[FieldName], sql.Identifier], parameters: Parameters
) -> sql.Composable:
    def value(field: FieldName, of: Value) -> sql.Composable:
        cast = _CASTS.get(field.info.type, sql.SQL(""))
        return sql.SQL("{}{}").format(parameters.add(of), cast)

    match condition:
        case And(parts) | Or(parts):
            between = sql.SQL(" and " if isinstance(condition, And) else " or ")
            return sql.SQL("({})").format(
                between.join(_compiled(p, column, parameters) for p in parts)
            )
        case Not(part):
            return sql.SQL("(not {})").format(_compiled(part, column, parameters))
        case IsNothing(field):
            return sql.SQL("({} is null)").format(column(field))
        case Comparison(field, Operator.UNEQUAL, of):
            return sql.SQL("({} is distinct from {})").format(column(field), value(field, of))
        case Comparison(field, operator, of):
            condition_sql = sql.SQL("{} {} {}").format(
                column(field), sql.SQL(operator.value), value(field, of)
            )
        case OneOf(field, values):
            condition_sql = sql.SQL("{} in ({})").format(
                column(field), sql.SQL(", ").join(value(field, of) for of in values)
            )
        case Matches(field, match, text):
            condition_sql = sql.SQL("{} like {}").format(
                column(field), parameters.add(_pattern(match, text))
            )
    # Where the field is null, the comparison is false and its opposite true.
    return sql.SQL("coalesce({}, false)").format(condition_sql)


def _pattern(match: Match, text: str) -> str:
    """The text as a pattern of LIKE, in which a backslash takes the next character's meaning."""
    if match is Match.LIKE:
        return text.replace("\\", "\\\\")
    literal = re.sub(r"([\\%_])", r"\\\1", text)
    return f"%{literal}%" if match is Match.CONTAINS else f"{literal}%"
