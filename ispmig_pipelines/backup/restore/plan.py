"""What is to be built of a snapshot, as its manifest tells."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pydantic import ValidationError

from ispmig_pipelines.backup.definition import (
    SchemaDefinition,
    TableDefinition,
    schema_from_json,
    table_from_json,
)
from ispmig_pipelines.backup.manifest import Manifest, Table
from ispmig_pipelines.errors import BackupError

LEDGER = "ledger/"
"""What names of tables of the ledger begin with in a manifest."""


@dataclass(frozen=True)
class Plan:
    """What is to be built of a manifest.

    Attributes:
        tables: name → the rows' whereabouts and the definition.
        partly: they are not all of the snapshot's.
    """

    schema: SchemaDefinition
    tables: dict[str, tuple[Table, TableDefinition]]
    partly: bool = False


def plan(manifest: Manifest, only: Collection[str] = ()) -> Plan:
    """What the manifest tells of the schema.

    Args:
        only: names of tables; all of them unless said.

    Raises:
        BackupError: it tells of a table what cannot be understood.
    """
    tables = {}
    for table in manifest.tables:
        if table.name.startswith(LEDGER) or (only and table.name not in only):
            continue
        try:
            definition = table_from_json(table.definition)
        except ValidationError:
            raise _not_understood(table.name) from None
        stored = {column.name for column in definition.stored}
        if definition.name != table.name or not stored.issuperset(c.name for c in table.columns):
            raise _not_understood(table.name)
        tables[table.name] = (table, definition)
    try:
        schema = schema_from_json(manifest.definitions)
    except ValidationError:
        raise _not_understood("as a whole") from None
    return Plan(schema, tables, bool(only))


def _not_understood(table: str) -> BackupError:
    return BackupError(
        f"What the snapshot tells of the table {table} cannot be understood by this release. "
        "Nothing was changed. Restore with the release that made the backup, or a newer one."
    )
