"""A transform: which columns an export has, and what of the platform each is made of.

It is the spec language's field mapping turned around. ``State: {column: status, lookup: {active:
A}}`` makes a column ``State`` of the field ``status``. A value is first written as the mapping says
(date format, decimal mark, sign, unit, words); then it goes the way of every cell: trim, null
words, join, split, steps on text, lookup, default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, Field, ValidationError, field_validator

from ispmig_pipelines.errors import SpecError, UsageError
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.convert.date_format import ORDERS
from ispmig_pipelines.mapping.field_plan import FieldPlan, plan_field
from ispmig_pipelines.mapping.literals import unfit
from ispmig_pipelines.mapping.outward_text import NUMBERS, Writer, writer, written
from ispmig_pipelines.mapping.spec_check import keys_of, mistakes_of_shape
from ispmig_pipelines.mapping.spec_models import (
    OPTIONS_OF,
    Defaults,
    FieldMapping,
    OtherValue,
    units_of,
)
from ispmig_pipelines.mapping.spec_words import Part, Split
from ispmig_pipelines.mapping.transform.check import mistakes_outward, model_within
from ispmig_pipelines.mapping.yaml_document import Mistake, YamlDocument, read_yaml
from ispmig_pipelines.mapping.yaml_document import Path as At
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines.nearest import did_you_mean

_TEXT = FieldInfo(FieldType.TEXT, "A column of an export.", max_length=None)
_LISTED = 5


class TransformDocument(Part):
    """A whole transform."""

    version: Literal[1] = Field(description="The version of this language.")
    name: str = Field(default="", description="For people.")
    defaults: Defaults = Field(default_factory=Defaults)
    export: dict[str, Annotated[dict[str, FieldMapping], Field(min_length=1)]] = Field(
        min_length=1, description="Entity → column → what it is made of."
    )

    @field_validator("version", mode="before")
    @classmethod
    def _only_version(cls, value: Any) -> Any:
        if str(value) != "1":
            raise ValueError("must be 1: this is the only version there is")
        return 1


@dataclass(frozen=True)
class OutwardColumn:
    """A column of an export.

    Attributes:
        name: of the column.
        fields: those it is made of.
        is_plain: it is one field as the platform has it.
        writers: per field, how its values are written.
        plan: what happens to the texts, for columns that are not plain.
    """

    name: str
    fields: tuple[str, ...]
    is_plain: bool
    writers: tuple[Writer | None, ...]
    plan: FieldPlan

    def apply(self, rows: pa.RecordBatch) -> pa.StringArray:
        """The column for a batch of rows in canonical text.

        Raises:
            UsageError: its lookup does not name a value.
        """
        if self.is_plain:
            return rows.column(self.fields[0])
        columns = [
            written(rows.column(field), write)
            for field, write in zip(self.fields, self.writers, strict=True)
        ]
        cells = (
            pa.RecordBatch.from_arrays(columns, names=list(self.fields))
            if columns
            else rows.select([0])
        )
        made = self.plan.apply(SourceCells(cells))
        for refusal in made.refusals:
            if refusal.rule == "value.extract":
                raise UsageError(
                    f"Column {self.name} of the transform: {int(refusal.where.sum()):,} rows of a "
                    f"batch do not hold {refusal.accepted}. Change the extract, or what it says "
                    "of texts that do not match."
                )
            if refusal.is_error:
                raise UsageError(
                    f"Column {self.name} of the transform: its lookup does not name the value of "
                    f"{int(refusal.where.sum()):,} rows of a batch ({refusal.accepted}). Name it "
                    "there, or say what to do otherwise."
                )
        return made.values


@dataclass(frozen=True)
class Outward:
    """A transform without mistakes."""

    document: TransformDocument
    text: str
    path: Path

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities it is about, in the order of the model."""
        return tuple(name for name in ENTITIES if name in self.document.export)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def columns(self, entity: str) -> tuple[OutwardColumn, ...]:
        """The columns of an entity, in order."""
        info = ENTITIES[entity]
        defaults = self.document.defaults
        found = []
        for name, mapping in self.document.export[entity].items():
            fields = mapping.source_columns
            writers = tuple(writer(info.fields[f], mapping, defaults) for f in fields)
            plain = mapping.model_fields_set <= {"column"} and writers == (None,)
            # What is written is text, whatever it was before.
            plan = plan_field(name, _TEXT, mapping, str, defaults)
            found.append(OutwardColumn(name, fields, plain, writers, plan))
        return tuple(found)


def load_outward(path: Path) -> Outward:
    """Reads and checks a transform.

    Raises:
        SpecError: it has mistakes; all of them are told at once.
        UsageError: the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no transform {path}. Name its YAML file.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name the YAML file of the transform.") from None
    except UnicodeDecodeError:
        raise SpecError([f"{path.name}:1: this is not UTF-8 text; save it as UTF-8"]) from None
    except OSError as error:
        raise UsageError(f"The transform {path} cannot be read: {error.strerror}.") from None
    yaml = read_yaml(text)
    mistakes = list(yaml.mistakes)
    if not mistakes or yaml.data is not None:
        mistakes += _mistakes(yaml)
    if mistakes:
        ordered = sorted(set(mistakes), key=lambda m: (m.line, m.text))
        raise SpecError([f"{path.name}:{m.line}: {m.text}" for m in ordered])
    return Outward(TransformDocument.model_validate(yaml.data), text, path)


def _mistakes(yaml: YamlDocument) -> list[Mistake]:
    if not isinstance(yaml.data, dict):
        what = "is empty" if yaml.data is None else "is no mapping of keys to values"
        return [Mistake(1, f"the transform {what}; it begins with version: 1 and export")]
    return [
        *mistakes_of_shape(yaml, TransformDocument, _keys_at),
        *_of_meaning(yaml),
    ]


def _keys_at(path: At) -> list[str]:
    models: dict[tuple[str, int], type[BaseModel]] = {
        ("defaults", 1): Defaults,
        ("export", 3): FieldMapping,
        ("export", 4): OtherValue if path[-1:] == ("otherwise",) else Split,
    }
    inner = model_within([str(p) for p in path[3:] if isinstance(p, str)]) if path else None
    return keys_of(
        inner or models.get((str(path[0]) if path else "", len(path)), TransformDocument)
    )


def _of_meaning(yaml: YamlDocument) -> Iterator[Mistake]:
    try:
        defaults = Defaults.model_validate(yaml.data.get("defaults", {}))
    except ValidationError:
        defaults = Defaults()
    at = yaml.line(("defaults", "date_format"))
    if len(defaults.date_format or ()) > 1:
        yield Mistake(at, "defaults: name one date_format only")
    for text in _orders(defaults.date_format):
        yield Mistake(at, f"defaults: {text}")
    entities = yaml.data.get("export")
    for entity, columns in entities.items() if isinstance(entities, dict) else ():
        if entity not in ENTITIES:
            yield Mistake(
                yaml.line(("export", entity)),
                f"there is no entity {entity!r}{did_you_mean(entity, ENTITIES)}",
            )
            continue
        for name, raw in columns.items() if isinstance(columns, dict) else ():
            at = yaml.line(("export", entity, name))
            try:
                mapping = FieldMapping.model_validate(raw)
            except ValidationError:
                continue
            for text in _of_column(entity, mapping, defaults):
                yield Mistake(at, f"{entity}, column {name!r}: {text}")


def _orders(formats: tuple[str, ...] | None) -> Iterator[str]:
    for form in formats or ():
        if form in ORDERS:
            yield (
                f"date_format {form} says how dates may be written, not how they are; write one "
                "such as DD/MM/YYYY"
            )


def _of_column(entity: str, mapping: FieldMapping, defaults: Defaults) -> Iterator[str]:
    fields = ENTITIES[entity].fields
    unknown = [field for field in mapping.source_columns if field not in fields]
    for field in unknown:
        yield f"{entity} has no field {field!r}{did_you_mean(field, fields)}"
    if unknown:
        return
    infos = [fields[field] for field in mapping.source_columns]
    yield from _misplaced(mapping, infos)
    yield from mistakes_outward(mapping)
    yield from _orders(mapping.date_format)
    if mapping.date_format and len(mapping.date_format) > 1:
        yield "name one date_format: it says how dates are written, not how they may be"
    if mapping.lookup is not None and mapping.otherwise == "error" and len(infos) == 1:
        words: Sequence[str] = infos[0].choices
        if infos[0].type is FieldType.BOOLEAN:
            words = [w[0] for w in (mapping.true_words, mapping.false_words) if w] or [
                "true", "false"
            ]  # fmt: skip
        named = {
            word.strip().lower() if mapping.lookup_ignore_case else word.strip()
            for word in mapping.lookup
        }
        left = [word for word in words if word not in named]
        if left and mapping.split is None and not mapping.transform:
            more = ", …" if len(left) > _LISTED else ""
            yield (
                f"the lookup does not name {', '.join(left[:_LISTED])}{more}; name all, or say "
                "otherwise: keep or null"
            )
    said: list[Any] = [mapping.constant, mapping.default, *(mapping.lookup or {}).values()]
    if isinstance(mapping.otherwise, OtherValue):
        said.append(mapping.otherwise.value)
    for word, wrong in unfit([w for w in said if w is not None], mapping, _TEXT, defaults):
        yield f"{word!r} cannot stand in a column; it must be {wrong}"


_NEVER = ("country", "verbatim")


def _misplaced(mapping: FieldMapping, infos: list[FieldInfo]) -> Iterator[str]:
    options = mapping.model_fields_set
    for option in _NEVER:
        if option in options:
            yield f"{option} is for reading; an export writes values as the platform has them"
    for option, types in OPTIONS_OF.items():
        fits = any(info.type.value in types for info in infos)
        if option in options and option not in _NEVER and not fits:
            yield f"{option} is for fields of type {', '.join(types)}"
    if "positive_is" in options and not any(info.positive_is for info in infos):
        yield "positive_is is for amounts that may be debt or credit"
    if mapping.unit is not None:
        units = [unit for info in infos if info.type in NUMBERS for unit in units_of(info)]
        if mapping.unit not in units:
            hint = did_you_mean(mapping.unit, units)
            yield f"there is no unit {mapping.unit!r} of these fields{hint}"
