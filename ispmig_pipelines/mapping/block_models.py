"""The words of a spec's blocks and rules, and the whole of it: shapes, as Pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from ispmig_pipelines.condition import When
from ispmig_pipelines.mapping.source_models import Source, SourceName
from ispmig_pipelines.mapping.spec_models import Defaults, FieldMapping, LookupValue
from ispmig_pipelines.mapping.spec_words import Name, Names, Part
from ispmig_pipelines.mapping.validation_words import Validation


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class LegacyJson(Part):
    """A column that holds whole what other rows have under ``legacy``."""

    column: Name = Field(alias="json", description="The column with the JSON objects.")


Legacy = Annotated[
    Annotated[bool, Tag("word")] | Annotated[LegacyJson, Tag("json")],
    Discriminator(lambda value: "json" if isinstance(value, dict | LegacyJson) else "word"),
]

ACTIONS = ("set", "map", "reject", "leave_out", "route")
"""What a rule may do."""


class Rule(Part):
    """What becomes of the records in which a condition holds."""

    name: str = Field(default="", description="For people.")
    when: When = Field(description="The records: a condition over fields and columns.")
    set: dict[str, LookupValue] | None = Field(
        default=None, min_length=1, description="Field → the value it gets; ~ for nothing."
    )
    map: dict[str, FieldMapping] | None = Field(
        default=None, min_length=1, description="Field → where it is from, in these records."
    )
    reject: Name | None = Field(
        default=None, description="The records go to quarantine, with this text."
    )
    leave_out: Name | None = Field(
        default=None,
        description="The records are not migrated, for this reason: they are kept in quarantine, "
        "and do not count against max_quarantined.",
    )
    route: Name | None = Field(
        default=None,
        description="The records become this entity instead, by its block from the same source.",
    )

    @model_validator(mode="after")
    def _does_something(self) -> Rule:
        said = [action for action in ACTIONS if getattr(self, action) is not None]
        if not said:
            raise ValueError(f"says not what to do: one of {', '.join(ACTIONS)}")
        last = [action for action in said if action in ("reject", "leave_out", "route")]
        if len(last) > 1:
            raise ValueError(f"says both {last[0]} and {last[1]}; a record can have one end only")
        if last and len(said) > 1:
            raise ValueError(
                f"says {last[0]}: the records end there, so {said[0]} would do nothing; leave it "
                "out, or make it a rule before this one"
            )
        if both := sorted((self.set or {}).keys() & (self.map or {}).keys()):
            raise ValueError(f"both sets and maps {', '.join(both)}; say one of them")
        return self


class Block(Part):
    """Records of one source that become records of one entity."""

    source: Name = Field(alias="from", description="Name of the source.")
    when_filled: Names | None = Field(
        default=None,
        description="A column or several: records in which one of them is empty are none of this "
        "entity.",
    )
    when: When | None = Field(
        default=None,
        description="A condition over the source's columns: records in which it does not hold are "
        "none of this entity.",
    )
    fields: dict[str, FieldMapping] = Field(min_length=1, description="Field → where it is from.")
    rules: tuple[Rule, ...] | None = Field(
        default=None, description="What becomes of some of the records, in this order."
    )
    legacy: Legacy | None = Field(
        default=None,
        description="Whether these records carry the source's columns that no mapping uses; or "
        "{json: column}: they carry the JSON object of that column besides.",
    )


class SpecDocument(Part):
    """A whole spec."""

    version: Literal[1] = Field(description="The version of this language.")
    name: str = Field(default="", description="For people.")
    defaults: Defaults = Field(default_factory=Defaults)
    sources: dict[SourceName, Source] = Field(min_length=1)
    entities: dict[
        str, Annotated[tuple[Block, ...], Field(min_length=1), BeforeValidator(_as_list)]
    ] = Field(min_length=1)
    validation: Validation = Field(default_factory=Validation)

    @field_validator("version", mode="before")
    @classmethod
    def _only_version(cls, value: Any) -> Any:
        if str(value) != "1":
            raise ValueError("must be 1: this is the only version there is")
        return 1
