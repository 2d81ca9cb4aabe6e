"""The small parts that the words of a spec are made of: texts, lists of texts, one piece."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

# An editor reads 1 and true in YAML as number and boolean; the spec means their text.
WORD_SCHEMA = {"type": ["string", "number", "boolean"]}


def one_or_many(value: Any) -> Any:
    """A single text as a list of it."""
    return [value] if isinstance(value, str) else value


def present(value: Any) -> Any:
    """Refuses a plain ``null``, ``~`` or nothing at all."""
    if value is None:
        raise ValueError('is empty; write "" for an empty text, or a quoted "null" for that word')
    return value


Word = Annotated[str, BeforeValidator(present), WithJsonSchema(WORD_SCHEMA)]
Words = Annotated[
    tuple[Word, ...],
    BeforeValidator(one_or_many),
    WithJsonSchema({"anyOf": [WORD_SCHEMA, {"type": "array", "items": WORD_SCHEMA}]}),
]
Name = Annotated[str, Field(min_length=1), BeforeValidator(present)]
Names = Annotated[
    tuple[Name, ...],
    Field(min_length=1),
    BeforeValidator(one_or_many),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            ]
        }
    ),
]


class Part(BaseModel):
    """Base of every part of a spec: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Split(Part):
    """One piece of a cell."""

    separator: str = Field(
        min_length=1, description="What stands between the pieces; a space is any white space."
    )
    take: Literal["first", "last", "rest"] | Annotated[int, Field(ge=1)] = Field(
        description="first, last, rest (all after the first separator) or a number from 1."
    )

    @field_validator("take", mode="before")
    @classmethod
    def _piece(cls, value: Any) -> Any:
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if value in ("first", "last", "rest") or (isinstance(value, int) and value >= 1):
            return value
        raise ValueError("must be first, last, rest or a number from 1")
