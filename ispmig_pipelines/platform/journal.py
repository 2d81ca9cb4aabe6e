"""The tables beside a tenant's entities: quarantine, issues, and the journal for undoing.

They lie in the tenant's own schema, because they hold its cells.
"""

from __future__ import annotations

from psycopg import sql

QUARANTINE = "_quarantine"
"""One row per record that was not loaded, whole."""

ISSUES = "_issues"
"""One row per rule that did not hold for a record, loaded or not."""

UNDO = "_undo"
"""One row per row that a migration updated: as it was before."""

TABLES = (QUARANTINE, ISSUES, UNDO)


def create_tables(schema: str) -> list[sql.Composed]:
    """The statements that make the three tables in a tenant's schema."""
    # Cells and raw text are json, not jsonb: it keeps the order of the columns, and can hold
    # U+0000, which is one of the reasons for a record to be here.
    quarantine, issues = sql.Identifier(schema, QUARANTINE), sql.Identifier(schema, ISSUES)
    return [
        sql.SQL(
            """create table {} (
                migration bigint not null, entity text not null, feed integer not null,
                file integer not null, record bigint not null, line bigint,
                key jsonb, cells json, text json, amounts jsonb not null,
                primary key (migration, entity, feed, file, record))"""
        ).format(quarantine),
        sql.SQL("create index on {} (migration, entity, key)").format(quarantine),
        sql.SQL(
            """create table {} (
                migration bigint not null, entity text not null, feed integer not null,
                file integer not null, record bigint not null, line bigint,
                rule text not null, severity text not null, "column" text not null,
                field text not null, found text not null, accepted text not null)"""
        ).format(issues),
        sql.SQL("create index on {} (migration, entity, feed, file, record)").format(issues),
        sql.SQL(
            """create table {} (
                migration bigint not null, entity text not null, key jsonb not null,
                row jsonb not null, primary key (migration, entity, key))"""
        ).format(sql.Identifier(schema, UNDO)),
    ]
