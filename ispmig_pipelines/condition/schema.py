"""The shape of a condition that is data, for editors, and as a type of Pydantic models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from ispmig_pipelines.condition.data import (
    COMPARED,
    DATE_FORMAT,
    IGNORE_CASE,
    MATCHED,
    OTHER_FIELD,
)

_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_VALUE = {
    "anyOf": [
        _SCALAR,
        {
            "type": "object",
            "description": "What another field of the record holds.",
            "properties": {OTHER_FIELD: {"type": "string"}},
            "required": [OTHER_FIELD],
            "additionalProperties": False,
        },
    ]
}
_WORD = {"type": ["string", "number", "boolean"]}
_SCALARS = {"type": "array", "minItems": 1, "items": _SCALAR}
_TEST_OF: dict[str, Any] = {
    **dict.fromkeys(COMPARED, _VALUE),
    "in": _SCALARS,
    "not_in": _SCALARS,
    "between": {"type": "array", "minItems": 2, "maxItems": 2, "items": _VALUE},
    **dict.fromkeys((*MATCHED, "matches"), _WORD),
    "empty": {"type": "boolean"},
}


def schema_of_test(*, of_column: bool = False) -> dict[str, Any]:
    """JSON Schema of what may be asked of a field, or of a source's column."""
    beside: dict[str, Any] = {OTHER_FIELD: {"type": "string"}}
    if of_column:
        beside = {IGNORE_CASE: {"type": "boolean"}, DATE_FORMAT: {"type": "string"}}
    return {
        "anyOf": [
            _SCALAR,
            _SCALARS,
            {
                "type": "object",
                "minProperties": 1,
                "properties": {**_TEST_OF, **beside},
                "additionalProperties": False,
            },
        ]
    }


def when_schema() -> dict[str, Any]:
    """JSON Schema of a condition: a text, or a mapping.

    What stands in ``all``, ``any`` and ``not`` is told in outline only, since a schema within
    another cannot refer to itself; every key that is no word of the language is a field.
    """
    inner = {"type": ["string", "object"]}
    inners = {"type": "array", "minItems": 1, "items": inner}
    folded = {
        "description": "In these columns upper and lower case are the same.",
        "type": "boolean",
    }
    return {
        "description": "A condition: a text (status = active and balance > 0), or fields and "
        "what they must hold.",
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "all": {"description": "All of these hold.", **inners},
                    "any": {"description": "One of these holds, or several.", **inners},
                    "not": {"description": "This does not hold.", **inner},
                    "column": {
                        "description": "Source column → what it must hold.",
                        "type": "object",
                        "minProperties": 1,
                        "properties": {IGNORE_CASE: folded},
                        "additionalProperties": schema_of_test(of_column=True),
                    },
                    IGNORE_CASE: folded,
                },
                "additionalProperties": schema_of_test(),
            },
        ],
    }


When = Annotated[Any, WithJsonSchema(when_schema())]
"""A condition in a Pydantic model: any data there; :func:`.data.parse_condition_data` reads it."""
