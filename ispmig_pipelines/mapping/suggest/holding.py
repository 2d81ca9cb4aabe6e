"""What a table holds of one entity."""

from __future__ import annotations

from dataclasses import dataclass, field

from ispmig_pipelines.mapping.suggest.match import Match
from ispmig_pipelines.model import ENTITIES


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
