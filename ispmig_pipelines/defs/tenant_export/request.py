"""What is exported: entities, fields and rows, checked against the model beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ispmig_pipelines.condition import Condition, FieldName, by_entity, parse_condition, written
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.issues import mask
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType, Privacy
from ispmig_pipelines.nearest import did_you_mean
from ispmig_pipelines.platform.ddl import LEGACY
from ispmig_pipelines.platform.export import Choice

_SHOWN = frozenset({Privacy.PUBLIC, Privacy.BUSINESS})


@dataclass(frozen=True)
class Asked:
    """What the user asked for, in the user's words.

    Attributes:
        transform: path of the file that says which columns are made of what, or None.
        split_bytes: size at which a file is ended, before packing.
        compression: ``gzip``, ``zstd`` or "".
    """

    out: str
    format: str = "csv"
    entities: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    where: str = ""
    transform: Path | None = None
    mask: bool = False
    compression: str = ""
    split_bytes: int = 1_000_000_000
    dialect: str = "postgresql"
    keep_formulas: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Request:
    """What is exported, checked.

    Attributes:
        asked: the user's words.
        fields: entity → its fields (and ``legacy``) in the order of the columns.
        conditions: entity → which of its rows.
    """

    asked: Asked
    fields: dict[str, tuple[str, ...]]
    conditions: dict[str, Condition] = field(default_factory=dict)

    @property
    def choice(self) -> Choice:
        """Which rows of which entities."""
        return Choice(tuple(self.fields), self.conditions)

    @property
    def neutralises(self) -> bool:
        """Texts like formulas are made harmless."""
        return self.asked.format in ("csv", "xlsx") and not self.asked.keep_formulas

    def where(self, *, masked: bool) -> str | None:
        """The conditions, for people.

        Args:
            masked: show the shapes of personal values, not the values.
        """
        if not self.conditions:
            return None

        def show(name: FieldName, value: str) -> str:
            hidden = masked and name.info.privacy not in _SHOWN
            return mask(value) if hidden and name.info.type is not FieldType.CHOICE else value

        return " and ".join(
            f"({written(c, show)})" if len(self.conditions) > 1 else written(c, show)
            for c in self.conditions.values()
        )


def check(asked: Asked, transformed: Sequence[str] | None = None) -> Request:
    """Holds what was asked for against the model.

    Args:
        transformed: the entities of a transform, where there is one.

    Raises:
        UsageError: an entity or field does not exist, a condition cannot be read, or two choices
            exclude each other; the text names what is near.
    """
    if asked.compression and asked.format == "xlsx":
        raise UsageError("XLSX is packed already: leave out --compress.")
    entities = [_entity(name) for name in asked.entities]
    if transformed is not None:
        if asked.fields:
            raise UsageError(
                "--fields and --transform exclude each other: the transform says which columns "
                "there are."
            )
        missing = [name for name in entities if name not in transformed]
        if missing:
            raise UsageError(
                f"The transform says nothing of {', '.join(missing)}; it is about "
                f"{', '.join(transformed)}."
            )
        entities = entities or list(transformed)
    named = _fields(asked.fields, entities)
    if not entities:
        entities = list(named) if asked.fields else list(ENTITIES)
    unknown = [name for name in named if name not in entities]
    if unknown:
        raise UsageError(
            f"--fields names fields of {', '.join(unknown)}, which --entity does not. Name it "
            "there, too, or leave the field out."
        )
    in_order = [name for name in ENTITIES if name in entities]
    fields = {name: named.get(name) or _all_fields(name, masked=asked.mask) for name in in_order}
    conditions = {}
    if asked.where.strip():
        conditions = by_entity(parse_condition(asked.where, in_order))
    return Request(asked, fields, {n: conditions[n] for n in in_order if n in conditions})


def _entity(name: str) -> str:
    if name not in ENTITIES:
        raise UsageError(f"There is no entity {name!r}{_meant(name, list(ENTITIES))}")
    return name


def _meant(name: str, valid: list[str]) -> str:
    hint = did_you_mean(name, valid)
    return hint if hint.endswith("?") else f"{hint}."


def _all_fields(entity: str, *, masked: bool) -> tuple[str, ...]:
    # What legacy holds, nobody has classified.
    return (*ENTITIES[entity].fields, *([] if masked else [LEGACY]))


def _fields(named: Sequence[str], entities: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for text in named:
        entity, dot, name = text.strip().partition(".")
        if not dot:
            if len(entities) != 1:
                raise UsageError(
                    f"The field {text!r} needs its entity before it, e.g. customer.{text.strip()}, "
                    "unless one --entity is exported."
                )
            entity, name = entities[0], text.strip()
        _entity(entity)
        valid = [*ENTITIES[entity].fields, LEGACY]
        if name not in valid:
            raise UsageError(f"{entity} has no field {name!r}{_meant(name, valid)}")
        found.setdefault(entity, {})[name] = None
    return {entity: tuple(fields) for entity, fields in found.items()}
