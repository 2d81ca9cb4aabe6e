"""Conditions over fields: ``customer.status = active and balance > 0``, parsed and typed.

A condition is written in words of its own and never becomes SQL text: it is parsed into a tree
whose fields and values are checked against the model. Whoever evaluates it, in a database or on
a frame, walks the tree. ``docs/conditions.md`` is the language's page for people.
"""

from __future__ import annotations

from ispmig_pipelines.condition.text import parse_condition, written
from ispmig_pipelines.condition.tree import (
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
    by_entity,
    entities_of,
)

__all__ = [
    "And",
    "Comparison",
    "Condition",
    "FieldName",
    "IsNothing",
    "Match",
    "Matches",
    "Not",
    "OneOf",
    "Operator",
    "Or",
    "Value",
    "by_entity",
    "entities_of",
    "parse_condition",
    "written",
]
