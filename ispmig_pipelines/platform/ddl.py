"""The tenant's tables, as PostgreSQL is told of them: all of it derived from the model.

One table per entity, named like it, with a column per field and the same checks that Pandera
makes, so that the database refuses what validation would have refused, whoever writes. After
the fields come the columns that every row has:

``legacy``
    the source's columns that no mapping used, or null;
``_migration``, ``_file``, ``_record``
    which migration wrote the row last, from which of its files, and from which record of the
    table in that file;
``_changed``
    when somebody other than a migration wrote the row last, or null. A trigger sets it for every
    insert and update of a session that does not say in :data:`WRITING` that it is ours. It needs
    no digest of the row to be kept, and stays with the row through a dump.

Texts compare bytewise (``COLLATE "C"``): order and index are then the same on every machine
and after every upgrade of its C library, digests do not depend on a locale, and comparing is
a ``memcmp``. An order for people's eyes is the business of whoever shows the rows.

References are ``NO ACTION`` and ``DEFERRABLE INITIALLY IMMEDIATE``. Nothing cascades: a
migration never deletes or renames what it did not write. Immediate, because then the mistake
is told at the statement that made it; deferrable, because undoing several migrations in one
transaction may pass through states in which a child is without its parent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping

from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.check import FIRST_DAY, LAST_DAY, CheckKind, kinds_of
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import (
    COORDINATE,
    MONEY,
    QUANTITY,
    RATE,
    FieldInfo,
    FieldType,
)
from ispmig_pipelines.model.row_rule import RowRule

LEGACY = "legacy"
MIGRATION = "_migration"
FILE = "_file"
RECORD = "_record"
LINE = "_line"
CHANGED = "_changed"

WRITING = "ispmig.migration"
"""The setting by which a transaction of ours says that it writes: the migration's id, or 0."""

_MARK = "_mark_changed"
"""The trigger, and its function in the tenant's own schema."""

_PROVENANCE = {
    LEGACY: ("jsonb", "The source's columns that no mapping used."),
    MIGRATION: ("bigint not null", "The migration that wrote the row last."),
    FILE: ("integer not null", "Position of the source file in the migration's list of files."),
    RECORD: ("bigint not null", "Ordinal of the record in its table of that file, from 1."),
    CHANGED: ("timestamptz", "When anyone but a migration wrote the row last; null: nobody did."),
}

_TEXT = 'text collate "C"'

_TYPES: dict[FieldType, str] = {
    FieldType.TEXT: _TEXT,
    FieldType.CHOICE: _TEXT,
    FieldType.EMAIL: _TEXT,
    FieldType.PHONE: _TEXT,
    FieldType.COUNTRY: _TEXT,
    FieldType.CURRENCY: _TEXT,
    FieldType.LANGUAGE: _TEXT,
    FieldType.POSTAL_CODE: _TEXT,
    FieldType.UUID: "uuid",
    FieldType.INTEGER: "bigint",
    FieldType.DATA_RATE: "bigint",
    FieldType.MONEY: f"numeric({MONEY.precision},{MONEY.scale})",
    FieldType.COORDINATE: f"numeric({COORDINATE.precision},{COORDINATE.scale})",
    FieldType.RATE: f"numeric({RATE.precision},{RATE.scale})",
    FieldType.QUANTITY: f"numeric({QUANTITY.precision},{QUANTITY.scale})",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "date",
    FieldType.TIMESTAMP: "timestamp with time zone",
    FieldType.TIME: "time without time zone",
    FieldType.ADDRESS: "inet",
    FieldType.NETWORK: "cidr",
    FieldType.MAC: "macaddr",
}

_NAME_BYTES = 63
"""What PostgreSQL keeps of a name (``NAMEDATALEN`` less one); it cuts the rest off."""


def column_type(info: FieldInfo) -> sql.Composable:
    """The column's type, with its collation where it is a text."""
    return sql.SQL(_TYPES[info.type])


def columns(entity: EntityInfo) -> list[str]:
    """Names of the table's columns in order: the fields, then where the row came from."""
    return [*entity.fields, *_PROVENANCE]


def constraint_name(entity: EntityInfo, about: str, kind: str) -> str:
    """The name of a constraint or index: ``customer_balance_range``, at most 63 bytes.

    A name that would be longer ends in a digest of what was cut off, so that it stays the
    only one of its kind.
    """
    name = "_".join(part for part in (entity.name, about, kind) if part)
    if len(name.encode()) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _NAME_BYTES - 9]}_{digest}"


def field_check(field: str, info: FieldInfo, kind: CheckKind) -> sql.Composable | None:
    """The check as an SQL condition on the column; None where the column's type is the check.

    Like every ``CHECK``, it lets a missing value pass.
    """
    column = sql.Identifier(field)
    match kind:
        case CheckKind.STORABLE:
            return None
        case CheckKind.CHOICE:
            return sql.SQL("{} in ({})").format(column, _listed(map(sql.Literal, info.choices)))
        case CheckKind.PATTERN if info.type in (FieldType.MAC, FieldType.UUID):
            return None
        case CheckKind.NETWORK:
            return None
        case CheckKind.PATTERN:
            return sql.SQL("{} ~ {}").format(column, sql.Literal(f"^(?:{info.pattern})$"))
        case CheckKind.LENGTH:
            return _length(column, info)
        case CheckKind.ADDRESS:
            # inet also takes 10.0.0.1/24: the bits of its network are a field of their own.
            return sql.SQL("{column} = host({column})::inet").format(column=column)
        case CheckKind.RANGE:
            return _range(column, info)


def _length(column: sql.Identifier, info: FieldInfo) -> sql.Composable:
    # A text has no more characters than bytes, and bytes need no counting: measured, a third of
    # the time. The key's "not empty" likewise.
    fits = sql.SQL("(octet_length({column}) <= {most} or char_length({column}) <= {most})").format(
        column=column, most=sql.Literal(info.max_length)
    )
    if info.min_length == 0:
        return fits
    if info.min_length == 1:
        return sql.SQL("{} <> '' and {}").format(column, fits)
    return sql.SQL("char_length({}) >= {} and {}").format(
        column, sql.Literal(info.min_length), fits
    )


def _range(column: sql.Identifier, info: FieldInfo) -> sql.Composable:
    if info.type is FieldType.DATE:
        return sql.SQL("{} between {} and {}").format(
            column, sql.Literal(FIRST_DAY), sql.Literal(LAST_DAY)
        )
    if info.type is FieldType.TIMESTAMP:
        return sql.SQL(
            "{column} >= '0001-01-01 00:00:00+00' and {column} < '10000-01-01 00:00:00+00'"
        ).format(column=column)
    if info.type is FieldType.TIME:
        # PostgreSQL also has 24:00, the end of a day.
        return sql.SQL("{} < '24:00'").format(column)
    if info.maximum is None:
        return sql.SQL("{} >= {}").format(column, sql.Literal(info.minimum))
    if info.minimum is None:
        return sql.SQL("{} <= {}").format(column, sql.Literal(info.maximum))
    return sql.SQL("{} between {} and {}").format(
        column, sql.Literal(info.minimum), sql.Literal(info.maximum)
    )


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _check(name: str, condition: sql.Composable) -> sql.Composed:
    return sql.SQL("constraint {} check ({})").format(sql.Identifier(name), condition)


def _field_checks(entity: EntityInfo, fields: Iterable[str]) -> list[sql.Composed]:
    return [
        _check(constraint_name(entity, field, kind.value), condition)
        for field in fields
        for kind in kinds_of(entity.fields[field])
        if (condition := field_check(field, entity.fields[field], kind)) is not None
    ]


def _column(entity: EntityInfo, field: str) -> sql.Composed:
    info = entity.fields[field]
    return sql.SQL("{} {}{}").format(
        sql.Identifier(field),
        column_type(info),
        sql.SQL(" not null" if info.must_hold_value else ""),
    )


def _row_check(entity: EntityInfo, rule: RowRule) -> sql.Composed:
    return _check(constraint_name(entity, rule.name, "rule"), rule.check())


def _reference(schema: str, entity: EntityInfo, field: str, parent: EntityInfo) -> sql.Composed:
    return sql.SQL(
        "constraint {name} foreign key ({field}) references {parent} ({key}) "
        "on update no action on delete no action deferrable initially immediate"
    ).format(
        name=sql.Identifier(constraint_name(entity, field, "fkey")),
        field=sql.Identifier(field),
        parent=sql.Identifier(schema, parent.name),
        key=_listed(map(sql.Identifier, parent.key)),
    )


def create_table(schema: str, entity: EntityInfo) -> sql.Composed:
    """``CREATE TABLE`` of one entity; its parents' tables must be there."""
    parts: list[sql.Composable] = [_column(entity, field) for field in entity.fields]
    parts += [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(declared))
        for name, (declared, _) in _PROVENANCE.items()
    ]
    parts.append(
        sql.SQL("constraint {} primary key ({})").format(
            sql.Identifier(constraint_name(entity, "", "pkey")),
            _listed(map(sql.Identifier, entity.key)),
        )
    )
    parts += _field_checks(entity, entity.fields)
    parts += [_row_check(entity, rule) for rule in entity.row_rules]
    parts += [
        _reference(schema, entity, field, ENTITIES[parent])
        for field, parent in entity.references.items()
    ]
    return sql.SQL("create table {} (\n  {}\n)").format(
        sql.Identifier(schema, entity.name), sql.SQL(",\n  ").join(parts)
    )


def add_columns(schema: str, entity: EntityInfo, fields: Collection[str]) -> list[sql.Composed]:
    """Statements that give an older table the columns of these fields, with their checks,
    references, rules, indexes and comments, as :func:`create_table` would have.

    None of the fields is one that must hold a value, unless the table is empty.
    """
    table = sql.Identifier(schema, entity.name)
    added: list[sql.Composable] = [
        *(_column(entity, field) for field in fields),
        *_field_checks(entity, fields),
        *(_row_check(entity, rule) for rule in entity.row_rules if set(rule.fields) & set(fields)),
        *(
            _reference(schema, entity, field, ENTITIES[parent])
            for field, parent in entity.references.items()
            if field in fields
        ),
    ]
    return [
        sql.SQL("alter table {} {}").format(
            table, _listed(sql.SQL("add {}").format(part) for part in added)
        ),
        *_indexes(schema, entity, [field for field in _indexed(entity) if field in fields]),
        *_column_comments(schema, entity, {f: _comment(entity.fields[f]) for f in fields}),
    ]


def create_indexes(schema: str, entity: EntityInfo) -> list[sql.Composed]:
    """Indexes beside the key's: on each reference (a parent that goes asks for its children)
    and on the migration (undoing one finds its rows)."""
    return _indexes(schema, entity, [*_indexed(entity), MIGRATION])


def _indexed(entity: EntityInfo) -> list[str]:
    # The key's own index serves a reference that is its first part.
    return [field for field in entity.references if field != entity.key[0]]


def _indexes(schema: str, entity: EntityInfo, columns: Iterable[str]) -> list[sql.Composed]:
    return [
        sql.SQL("create index {} on {} ({})").format(
            sql.Identifier(constraint_name(entity, field.strip("_"), "idx")),
            sql.Identifier(schema, entity.name),
            sql.Identifier(field),
        )
        for field in columns
    ]


def comments(schema: str, entity: EntityInfo) -> list[sql.Composed]:
    """``COMMENT ON`` the table and its columns, from the model's own words."""
    told = {field: _comment(info) for field, info in entity.fields.items()}
    told |= {name: doc for name, (_, doc) in _PROVENANCE.items()}
    return [
        sql.SQL("comment on table {} is {}").format(
            sql.Identifier(schema, entity.name), sql.Literal(entity.doc)
        ),
        *_column_comments(schema, entity, told),
    ]


def _column_comments(
    schema: str, entity: EntityInfo, told: Mapping[str, str]
) -> list[sql.Composed]:
    return [
        sql.SQL("comment on column {} is {}").format(
            sql.Identifier(schema, entity.name, column), sql.Literal(doc)
        )
        for column, doc in told.items()
    ]


def _comment(info: FieldInfo) -> str:
    unit = f" In {info.unit}." if info.unit else ""
    return f"{info.doc}{unit} Privacy: {info.privacy.value}."


def create_tables(schema: str) -> list[sql.Composed]:
    """Every statement that makes a tenant's tables in its (existing, empty) schema, in order."""
    return [
        _mark_function(schema),
        *(
            statement
            for entity in ENTITIES.values()
            for statement in (
                create_table(schema, entity),
                *create_indexes(schema, entity),
                *comments(schema, entity),
                _mark_trigger(schema, entity),
            )
        ),
    ]


def add_marks(schema: str) -> list[sql.Composed]:
    """Statements that let tables of an older release tell what others change in them; those that
    find all of it change nothing."""
    return [
        _mark_function(schema),
        *(
            statement
            for entity in ENTITIES.values()
            for statement in (
                sql.SQL("alter table {} add column if not exists {} {}").format(
                    sql.Identifier(schema, entity.name),
                    sql.Identifier(CHANGED),
                    sql.SQL(_PROVENANCE[CHANGED][0]),
                ),
                *_column_comments(schema, entity, {CHANGED: _PROVENANCE[CHANGED][1]}),
                _mark_trigger(schema, entity),
            )
        ),
    ]


def _mark_function(schema: str) -> sql.Composed:
    # An update that leaves the row as it is changes nothing that somebody could want to keep.
    # What everybody may call, every tenant would see, with the name of the schema.
    return sql.SQL(
        """create or replace function {}() returns trigger language plpgsql
           set search_path = pg_catalog, pg_temp as $$
           begin
               if tg_op = 'INSERT' or new is distinct from old then
                   new._changed := clock_timestamp();
               end if;
               return new;
           end $$;
           revoke all on function {}() from public"""
    ).format(sql.Identifier(schema, _MARK), sql.Identifier(schema, _MARK))


def _mark_trigger(schema: str, entity: EntityInfo) -> sql.Composed:
    # The condition is asked before the function is called: a row of ours costs next to nothing.
    return sql.SQL(
        """create or replace trigger {name} before insert or update on {table} for each row
           when (coalesce(pg_catalog.current_setting({writing}, true), '') = '')
           execute function {function}()"""
    ).format(
        name=sql.Identifier(_MARK),
        table=sql.Identifier(schema, entity.name),
        writing=sql.Literal(WRITING),
        function=sql.Identifier(schema, _MARK),
    )


def write_as(migration: int) -> sql.Composed:
    """The statement by which the current transaction says that what it writes is a migration's, or
    with 0 the house's own."""
    return sql.SQL("select pg_catalog.set_config({}, {}, true)").format(
        sql.Literal(WRITING), sql.Literal(str(migration))
    )
