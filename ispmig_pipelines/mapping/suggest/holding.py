"""What a table holds of one entity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.model import ENTITIES

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table


@dataclass
class Holding:
    """An entity that a table holds.

    Attributes:
        fields: field → the column that it is.
        when_filled: column without which a record holds none of this entity, or "".
        partial: it completes records of another table.
        doubt: why a person must say whether it is one, or "".
    """

    entity: str
    fields: dict[str, Match] = field(default_factory=dict)
    when_filled: str = ""
    partial: bool = False
    doubt: str = ""

    @property
    def key_column(self) -> str:
        """The column of the first field of the key, or ""."""
        match = self.fields.get(ENTITIES[self.entity].key[0])
        return match.column if match else ""


def holders(tables: Sequence[Table], entity: str) -> list[tuple[Table, Holding]]:
    """The holdings of an entity, the one with the most fields first."""
    found = [(t, h) for t in tables for h in t.holdings if h.entity == entity]
    return sorted(found, key=lambda p: -len([m for m in p[1].fields.values() if m.score >= ACTIVE]))


def referring(tables: Sequence[Table], entity: str) -> list[tuple[Table, Holding]]:
    """The holdings of entities that refer to one."""
    return [
        (t, h) for t in tables for h in t.holdings
        if entity in ENTITIES[h.entity].references.values()
    ]  # fmt: skip
