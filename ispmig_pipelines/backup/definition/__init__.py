"""What a tenant's tables are, beside their rows: read from the catalog, and told again.

Names inside the tenant's schema are kept without the schema: where PostgreSQL writes an expression
for us, the schema stands in the search path, and it does again when the expression is read back.
So a definition is the same wherever it is restored. What the catalog would qualify still is, and
PostgreSQL asks itself whether what it wrote would mean the same.

Roles are kept as who they are: ``platform`` (whoever owns the schema), ``tenant``, ``public``, or
``role:NAME``. The statements that are made of a definition are for the tenant's role: whatever an
expression does, it does with no more rights than that. Who owns what, and who may use it, is told
afterwards by the platform.
"""

from __future__ import annotations

from ispmig_pipelines.backup.definition.parts import (
    PLATFORM,
    PUBLIC,
    TENANT,
    CollationDefinition,
    ColumnDefinition,
    Constraint,
    Definitions,
    Function,
    Grant,
    Index,
    Policy,
    SchemaDefinition,
    SequenceDefinition,
    TableDefinition,
    Trigger,
    TypeDefinition,
    View,
    schema_from_json,
    table_from_json,
)
from ispmig_pipelines.backup.definition.reading import names_of, read
from ispmig_pipelines.backup.definition.sequences import standing

__all__ = [
    "PLATFORM",
    "PUBLIC",
    "TENANT",
    "CollationDefinition",
    "ColumnDefinition",
    "Constraint",
    "Definitions",
    "Function",
    "Grant",
    "Index",
    "Policy",
    "SchemaDefinition",
    "SequenceDefinition",
    "TableDefinition",
    "Trigger",
    "TypeDefinition",
    "View",
    "names_of",
    "read",
    "schema_from_json",
    "standing",
    "table_from_json",
]
