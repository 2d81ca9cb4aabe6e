"""The tables beside a tenant's entities: quarantine, issues, closings, the journal for undoing,
and what rollbacks kept.

They lie in the tenant's own schema, because they hold its cells.
"""

from __future__ import annotations

from psycopg import sql

from ispmig_pipelines.model import ENTITIES

QUARANTINE = "_quarantine"
"""One row per record that was not loaded, whole."""

ISSUES = "_issues"
"""One row per rule that did not hold for a record, loaded or not."""

UNDO = "_undo"
"""One row per row that a migration updated: as it was before."""

CLOSINGS = "_closings"
"""One row per record in quarantine that a later resubmission solved: by which, and when.

Beside the quarantine and not in it, because what was written down there is never changed: a
resubmission that is taken back takes its closings with it, and the records are open again.
"""

ERASED = "_erased"
"""Keyed digests of who was erased (:mod:`ispmig_pipelines.platform.erased`)."""

ERASURES = "_erasures"
"""What erasing people took away of the marks that migrations left, so that these still add up."""

KEPT = "_kept"
"""One row per row that a rollback left as it was, or took back though somebody had changed it."""

TABLES = (QUARANTINE, ISSUES, UNDO, CLOSINGS, ERASED, ERASURES, KEPT)

ISSUES_BY_RULE = "_issues_by_rule"
"""Index by which the records of one rule are found."""


def key_json(entity: str, alias: str) -> sql.Composed:
    """SQL for the natural key of a row, as a JSON array of text."""
    parts = [
        sql.SQL("{}::text").format(sql.Identifier(alias, part)) for part in ENTITIES[entity].key
    ]
    return sql.SQL("jsonb_build_array({})").format(sql.SQL(", ").join(parts))


def row_json(alias: str) -> sql.Composed:
    """SQL for a whole row as the journal keeps it: without what is empty, which is most of it."""
    return sql.SQL(
        """jsonb_strip_nulls(to_jsonb({alias}) - 'legacy') ||
           case when {legacy} is null then '{{}}' else jsonb_build_object('legacy', {legacy}) end"""
    ).format(alias=sql.Identifier(alias), legacy=sql.Identifier(alias, "legacy"))


def create_tables(schema: str) -> list[sql.Composed]:
    """The statements that make the tables in a tenant's schema."""
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
        *create_closings(schema),
        *create_kept(schema),
    ]


def create_closings(schema: str) -> list[sql.Composed]:
    """The statements that make what releases before closings did not have; those that find it
    change nothing."""
    closings = sql.Identifier(schema, CLOSINGS)
    return [
        sql.SQL(
            """create table if not exists {} (
                migration bigint not null, entity text not null, feed integer not null,
                file integer not null, record bigint not null,
                solved_by bigint not null, at timestamptz not null,
                primary key (migration, entity, feed, file, record))"""
        ).format(closings),
        sql.SQL("create index if not exists {} on {} (solved_by)").format(
            sql.Identifier(f"{CLOSINGS}_solved_by"), closings
        ),
        sql.SQL("create index if not exists {} on {} (migration, rule)").format(
            sql.Identifier(ISSUES_BY_RULE), sql.Identifier(schema, ISSUES)
        ),
        sql.SQL(
            """create table if not exists {} (
                digest bytea primary key, at timestamptz not null)"""
        ).format(sql.Identifier(schema, ERASED)),
        sql.SQL(
            """create table if not exists {} (
                migration bigint not null, entity text not null, inserted bigint not null,
                updated bigint not null, at timestamptz not null)"""
        ).format(sql.Identifier(schema, ERASURES)),
    ]


def create_kept(schema: str) -> list[sql.Composed]:
    """The statements that make what releases before rollbacks did not have."""
    # Keys and no contents: of what is kept the row itself is there to be looked at.
    return [
        sql.SQL(
            """create table if not exists {} (
                rollback bigint not null, migration bigint not null, entity text not null,
                key jsonb not null, why text not null, by_entity text, by_migration bigint,
                primary key (rollback, migration, entity, key))"""
        ).format(sql.Identifier(schema, KEPT))
    ]
