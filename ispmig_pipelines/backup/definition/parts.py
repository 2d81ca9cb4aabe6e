"""What definitions are made of, as manifests have them: tables, sequences, types, views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

PLATFORM, TENANT, PUBLIC = "platform", "tenant", "public"
ROLE = "role:"
"""What names of other roles begin with."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> dict[str, Any]:
        """As the manifest holds it; what is as usual is left out."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Grant(_Part):
    """A right of somebody's on an object, or on one of its columns."""

    to: str
    privilege: str
    column: str | None = None
    grantable: bool = False


class _Object(_Part):
    """Attributes:
    grants: None where they are those that every new object has.
    """

    owner: str = PLATFORM
    grants: tuple[Grant, ...] | None = None
    comment: str | None = None


class ColumnDefinition(_Part):
    """A column.

    Attributes:
        type: as PostgreSQL calls it, with its length or precision.
        collation: quoted, where it is not the type's own.
        default, generated: an expression; generated columns hold no rows' content.
        virtual: generated when it is read, and not stored.
        identity: the name of its sequence is in :class:`SequenceDefinition`.
        not_null_name: of its constraint, where PostgreSQL would call it otherwise.
        not_null_valid: it holds of all rows, and not of new ones alone.
        statistics: how much the planner is told of it, where somebody said so.
        options: ``name=value``, for the planner.
    """

    name: str
    type: str
    collation: str | None = None
    not_null: bool = False
    default: str | None = None
    generated: str | None = None
    virtual: bool = False
    identity: Literal["always", "by default"] | None = None
    storage: str | None = None
    compression: str | None = None
    comment: str | None = None
    not_null_name: str | None = None
    not_null_valid: bool = True
    statistics: int | None = None
    options: tuple[str, ...] = ()


class Constraint(_Part):
    """A constraint, as ``ALTER TABLE … ADD CONSTRAINT`` takes it.

    Attributes:
        kind: primary key (``p``), unique (``u``), check (``c``), reference (``f``), exclusion.
        columns: its own, in its order; none of an expression.
        refers: the table of this schema that a reference is to; None if it is none of this.
        parent_columns: of that table.
        text: its definition.
    """

    name: str
    kind: Literal["p", "u", "c", "f", "x"]
    text: str
    columns: tuple[str, ...] = ()
    refers: str | None = None
    parent_columns: tuple[str, ...] = ()
    validated: bool = True
    comment: str | None = None


class Index(_Part):
    """An index that is no constraint's."""

    name: str
    text: str
    comment: str | None = None


class Trigger(_Part):
    """A trigger; ``enabled`` as in ``pg_trigger``: O, D, R or A."""

    name: str
    text: str
    enabled: str = "O"
    comment: str | None = None


class Policy(_Part):
    """A policy of row security."""

    name: str
    command: Literal["all", "select", "insert", "update", "delete"]
    permissive: bool
    roles: tuple[str, ...]
    using: str | None = None
    check: str | None = None
    comment: str | None = None


class TableDefinition(_Object):
    """A table.

    Attributes:
        key: columns of its primary key, else of the first unique constraint on columns that are
            never null; none where it has neither.
        options: storage parameters, ``name=value``.
        partition_by: of a partitioned table, which has no rows of its own.
        partition_of, bound: of a partition.
        replica_identity: ``f`` or ``n``; ``d`` is the key, ``i`` is ``replica_index``.
        clustered_on: the index in whose order ``CLUSTER`` puts rows.
    """

    name: str
    columns: tuple[ColumnDefinition, ...]
    key: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    policies: tuple[Policy, ...] = ()
    options: tuple[str, ...] = ()
    unlogged: bool = False
    partition_by: str | None = None
    partition_of: str | None = None
    bound: str | None = None
    row_security: bool = False
    row_security_forced: bool = False
    replica_identity: str = "d"
    replica_index: str | None = None
    clustered_on: str | None = None

    @property
    def stored(self) -> tuple[ColumnDefinition, ...]:
        """Columns that hold content: all but the generated ones."""
        return tuple(column for column in self.columns if column.generated is None)


class SequenceDefinition(_Object):
    """A sequence, with where it stands.

    Attributes:
        owned_by: table and column with which it goes.
        identity: it is the column's own (``GENERATED … AS IDENTITY``).
    """

    name: str
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    last_value: int
    is_called: bool
    owned_by: tuple[str, str] | None = None
    identity: bool = False


class TypeDefinition(_Object):
    """A type of the schema: an enumeration, a domain, a row or a range.

    Attributes:
        base: of a domain, and what a range is of.
        range_options: word → name, as ``CREATE TYPE … AS RANGE`` takes them.
    """

    name: str
    kind: Literal["enum", "domain", "composite", "range"]
    labels: tuple[str, ...] = ()
    base: str | None = None
    collation: str | None = None
    default: str | None = None
    not_null: bool = False
    checks: tuple[tuple[str, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    range_options: tuple[tuple[str, str], ...] = ()


class CollationDefinition(_Object):
    """An order of texts.

    Attributes:
        options: word → text, as ``CREATE COLLATION`` takes them.
    """

    name: str
    provider: Literal["libc", "icu", "builtin"]
    deterministic: bool = True
    options: tuple[tuple[str, str], ...] = ()


class Function(_Object):
    """A function or procedure.

    Attributes:
        arguments: with names, modes and defaults; identity: without defaults.
        options: words between the signature and the body, of a fixed set.
        settings: ``name=value``.
        body: its text; where ``is_sql``, a statement of the SQL standard.
    """

    name: str
    procedure: bool = False
    arguments: str = ""
    identity: str = ""
    result: str | None = None
    language: str = "sql"
    volatility: Literal["volatile", "stable", "immutable"] = "volatile"
    parallel: Literal["unsafe", "restricted", "safe"] = "unsafe"
    strict: bool = False
    security_definer: bool = False
    cost: float | None = None
    rows: float | None = None
    settings: tuple[str, ...] = ()
    body: str = ""
    is_sql: bool = False


class View(_Object):
    """A view; its definition is a query.

    Attributes:
        defaults, column_comments: column → expression, or text.
        triggers: those instead of writing.
    """

    name: str
    text: str
    materialized: bool = False
    columns: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    column_comments: tuple[tuple[str, str], ...] = ()
    triggers: tuple[Trigger, ...] = ()


class SchemaDefinition(_Object):
    """What belongs to the schema as a whole.

    Attributes:
        left_out: what is in it and cannot be restored from here, in words: ``rule x on y``.
    """

    collations: tuple[CollationDefinition, ...] = ()
    types: tuple[TypeDefinition, ...] = ()
    sequences: tuple[SequenceDefinition, ...] = ()
    functions: tuple[Function, ...] = ()
    views: tuple[View, ...] = ()
    left_out: tuple[str, ...] = ()


class Definitions(_Part):
    """All of a schema's; tables in the order of their names."""

    schema_: SchemaDefinition
    tables: tuple[TableDefinition, ...]

    def table(self, name: str) -> TableDefinition | None:
        """The table of that name."""
        return next((table for table in self.tables if table.name == name), None)


def table_from_json(given: Mapping[str, Any]) -> TableDefinition:
    """The table that :meth:`TableDefinition.as_json` wrote.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return TableDefinition.model_validate(given)


def schema_from_json(given: Mapping[str, Any]) -> SchemaDefinition:
    """What :meth:`SchemaDefinition.as_json` wrote.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return SchemaDefinition.model_validate(given)


def key_of(
    columns: Sequence[ColumnDefinition], constraints: Sequence[Constraint]
) -> tuple[str, ...]:
    """The key of a table, see :class:`TableDefinition`."""
    never_null = {c.name for c in columns if c.not_null and c.not_null_valid}
    for kind in ("p", "u"):
        for constraint in constraints:
            if constraint.kind == kind and never_null.issuperset(constraint.columns):
                return constraint.columns
    return ()
