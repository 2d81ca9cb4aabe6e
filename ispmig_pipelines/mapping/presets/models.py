"""The words of a preset: what is known beforehand of one legacy system's exports.

A preset is a YAML file of this folder; ``docs/presets.md`` tells how to write one. Its blocks
are in the language of specs. Column names are compared as aliases are
(:func:`~ispmig_pipelines.model.entity.column_key`): case, blanks and marks do not matter.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ispmig_pipelines.mapping.spec_words import Name, Names, Part
from ispmig_pipelines.model.entity import column_key

ValueShape = Literal[
    "address", "mac", "email", "phone", "number", "integer", "date", "digits", "text"
]
"""What a column's cells look like. ``digits``: nothing else, as in an account number; ``text``:
anything."""


class Recognition(Part):
    """By what a table is known. What is said must all hold."""

    all: Names = Field(default=(), description="Columns that must be there.", min_length=0)
    any: Names = Field(
        default=(), description="Columns of which at least one must be there.", min_length=0
    )
    none: Names = Field(default=(), description="Columns that must not be there.", min_length=0)
    named: bool = Field(
        default=False,
        description="The table's or file's name must be one of names: its columns say too little.",
    )

    @model_validator(mode="after")
    def _something(self) -> Recognition:
        if not (self.all or self.any):
            raise ValueError("must name columns under all or any")
        return self


class Headerless(Part):
    """By what a file without a header is known: the order of its columns is the system's."""

    columns: tuple[Name, ...] = Field(
        min_length=2, description="Their names in order, which the spec then gives them."
    )
    least: int = Field(default=2, ge=2, description="How many of them must be there.")
    shapes: dict[str, ValueShape] = Field(
        min_length=1, description="Column → what at least nine of ten of its cells look like."
    )

    @model_validator(mode="after")
    def _known(self) -> Headerless:
        for name in self.shapes:
            if name not in self.columns:
                raise ValueError(f"shapes names {name!r}, which is none of columns")
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("columns names a column twice")
        return self


class PresetBlock(BaseModel):
    """A block of a spec without ``from``; further words of a block stand as in a spec.

    What names a column that a file does not have is left out: a field, a rule, or, if it is the
    key or ``when_filled``, the block.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    needs: Names = Field(
        default=(),
        min_length=0,
        description="Columns without which there is no such block.",
    )
    if_tables: Names = Field(
        default=(), min_length=0, description="Only if all of these tables are there."
    )
    unless_tables: Names = Field(
        default=(), min_length=0, description="Not if one of these tables is there."
    )
    fields: dict[str, Any] = Field(
        min_length=1,
        description="Field → mapping, or a list of mappings of which the first counts whose "
        "columns are there.",
    )

    @field_validator("fields")
    @classmethod
    def _mappings(cls, fields: dict[str, Any]) -> dict[str, Any]:
        for name, mapping in fields.items():
            if not isinstance(mapping, str | dict | list) or not mapping:
                raise ValueError(f"{name} must be a column, a mapping, or a list of them")
        return fields

    @property
    def further(self) -> dict[str, Any]:
        """The words of a block besides ``fields``: rules, when, when_filled, legacy."""
        return dict(self.model_extra or {})


class PresetTable(Part):
    """One table of the system, or one of the files that it exports."""

    title: str = Field(default="", description="For people.")
    names: Names = Field(
        default=(), min_length=0, description="How the table or its file may be called."
    )
    recognise: Recognition | None = Field(
        default=None, description="By what it is known, with a header."
    )
    headerless: Headerless | None = Field(
        default=None, description="By what it is known, without a header."
    )
    source: dict[str, Any] = Field(
        default_factory=dict, description="What the spec must say of the source besides its files."
    )
    known: Names = Field(
        default=(), min_length=0, description="Columns that are usual here and mapped nowhere."
    )
    never: dict[str, str] = Field(
        default_factory=dict, description="Column → why it is never loaded."
    )
    notes: tuple[str, ...] = Field(
        default=(), description="What a person must look at, as comments of the spec."
    )
    entities: dict[str, tuple[PresetBlock, ...]] = Field(default_factory=dict)

    @field_validator("entities", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {k: [v] if isinstance(v, dict) else v for k, v in value.items()}

    @model_validator(mode="after")
    def _recognisable(self) -> PresetTable:
        if self.recognise is None and self.headerless is None:
            raise ValueError("says neither recognise nor headerless: nothing could find it")
        return self

    def is_named(self, name: str) -> bool:
        """Whether a table or file of this name may be it, whatever prefix or date it bears."""
        key = column_key(name)
        return any(column_key(own) in key for own in self.names)


class PresetDocument(Part):
    """A whole preset."""

    preset: Name = Field(description="Its name on the command line; the file is called after it.")
    title: Name = Field(description="The system's own name.")
    about: str = Field(default="", description="Which exports of which version, in a few words.")
    defaults: dict[str, Any] = Field(
        default_factory=dict, description="As in a spec: null_words, decimal_mark, …"
    )
    tables: dict[str, PresetTable] = Field(min_length=1)
