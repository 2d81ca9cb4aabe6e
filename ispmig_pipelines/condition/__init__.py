"""Conditions over fields: ``customer.status = active and balance > 0``, parsed and typed.

A condition is written in words of its own and never becomes SQL text: it is parsed into a tree
whose fields and values are checked against the model. Whoever evaluates it, in a database or on
a frame, walks the tree. ``docs/conditions.md`` is the language's page for people.
"""

from __future__ import annotations

from ispmig_pipelines.condition.data import (
    ConditionMistake,
    ConditionMistakes,
    parse_condition_data,
)
from ispmig_pipelines.condition.frame import (
    evaluate,
    refuted,
)
from ispmig_pipelines.condition.schema import When
from ispmig_pipelines.condition.text import (
    parse_condition,
)
from ispmig_pipelines.condition.tree import (
    USUAL_DATES,
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
    between,
    by_entity,
    columns_of,
    columns_read,
    entities_of,
    fields_of,
)
from ispmig_pipelines.condition.words import (
    in_words,
    written,
)

__all__ = [
    "USUAL_DATES",
    "And",
    "ColumnName",
    "Comparison",
    "Condition",
    "ConditionMistake",
    "ConditionMistakes",
    "FieldName",
    "IsNothing",
    "Match",
    "Matches",
    "Not",
    "OneOf",
    "Operand",
    "Operator",
    "Or",
    "Regex",
    "Value",
    "When",
    "between",
    "by_entity",
    "columns_of",
    "columns_read",
    "entities_of",
    "evaluate",
    "fields_of",
    "in_words",
    "parse_condition",
    "parse_condition_data",
    "refuted",
    "written",
]
