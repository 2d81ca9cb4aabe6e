"""What a script leaves behind for the script that is run after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ispmig_pipelines.formats.sql.define import TableDefinition
from ispmig_pipelines.formats.sql.dialect import SqlDialect
from ispmig_pipelines.formats.sql.names import Scope, TableKey


@dataclass(frozen=True)
class SqlContext:
    """Definitions in one script (``schema.sql``), rows in the next (``data.sql``).

    Attributes:
        dialect: the earlier script's; it speaks for a later one that does not tell its own.
        scope: what was in use at its end.
        definitions: the tables that it, and all before it, have defined.
    """

    dialect: SqlDialect
    scope: Scope = field(default_factory=Scope)
    definitions: Mapping[TableKey, TableDefinition] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for contexts that mean the same; may be a key."""
        return (self.dialect, self.scope, tuple(self.definitions.items()))
