"""Fields that the model has gained since a tenant's tables were made, and tables beside them.

A tenant's tables are as old as the tenant; a newer release may know fields that they have no
column for. Such columns are added when the tenant is next asked for, with their checks, all of
them empty: a digest passes over what is empty, and so the tenant's content is the same as before.
Likewise a tenant of before closings gains their table, and one of before rollbacks what tells them
who changed a row; what others changed before is not known. Nothing else of a table is ever changed
here.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl, journal

LOCK_TIMEOUT = "2s"
"""How long adding waits for those who are reading or writing the table, and so how long others may
have to wait behind it."""

_LOCK = 0x69_73_70_6D_63_6F_6C  # "ispmcol": one at a time


def missing(driver: psycopg.Connection, schema: str) -> dict[str, tuple[str, ...]]:
    """Entity → the fields for which its table in the schema has no column; {} as a rule."""
    wanted = [(entity, field) for entity, info in ENTITIES.items() for field in info.fields]
    rows = driver.execute(
        """select entity, array_agg(field order by position)
           from unnest(%s::text[], %s::text[]) with ordinality as w(entity, field, position)
           join pg_catalog.pg_class t on t.relname = w.entity and t.relkind in ('r', 'p')
           join pg_catalog.pg_namespace n on n.oid = t.relnamespace and n.nspname = %s
           where not exists (
               select from pg_catalog.pg_attribute a
               where a.attrelid = t.oid and a.attname = w.field and not a.attisdropped)
           group by entity""",
        [[entity for entity, _ in wanted], [field for _, field in wanted], schema],
    ).fetchall()
    found: dict[str, list[str]] = dict(rows)
    return {entity: tuple(found[entity]) for entity in ENTITIES if entity in found}


def lacks_closings(driver: psycopg.Connection, schema: str) -> bool:
    """Whether the schema is of before closings, or before people could be erased."""
    row = driver.execute(
        """select count(*) < 4 from pg_catalog.pg_class t
           join pg_catalog.pg_namespace n on n.oid = t.relnamespace
           where n.nspname = %s and t.relname = any(%s)""",
        [schema, [journal.CLOSINGS, journal.ISSUES_BY_RULE, journal.ERASED, journal.ERASURES]],
    ).fetchone()
    return bool(row and row[0])


def add_closings(driver: psycopg.Connection, schema: str, role: str) -> None:
    """Makes the tables of closings and of erasures in the current transaction, for the tenant's
    role to use.

    Raises:
        psycopg.errors.LockNotAvailable: somebody works on the issues for longer than
            :data:`LOCK_TIMEOUT`.
    """
    driver.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    driver.execute("select pg_catalog.pg_advisory_xact_lock(%s)", [_LOCK])
    for statement in journal.create_closings(schema):
        driver.execute(statement)
    driver.execute(
        sql.SQL("grant select, insert, delete on {} to {}").format(
            sql.SQL(", ").join(
                sql.Identifier(schema, name)
                for name in (journal.CLOSINGS, journal.ERASED, journal.ERASURES)
            ),
            sql.Identifier(role),
        )
    )


def lacks_marks(driver: psycopg.Connection, schema: str) -> bool:
    """Whether the schema is of before rollbacks: its tables do not tell who changed a row."""
    row = driver.execute(
        """select (select count(*) from pg_catalog.pg_class t
                   join pg_catalog.pg_trigger g on g.tgrelid = t.oid and g.tgname = '_mark_changed'
                   join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname = %(changed)s
                       and not a.attisdropped
                   where t.relnamespace = n.oid and t.relname = any(%(entities)s))
                  < cardinality(%(entities)s::text[])
                  or not exists (select from pg_catalog.pg_class t
                       where t.relnamespace = n.oid and t.relname = %(kept)s)
           from pg_catalog.pg_namespace n where n.nspname = %(schema)s""",
        {
            "schema": schema,
            "changed": ddl.CHANGED,
            "entities": list(ENTITIES),
            "kept": journal.KEPT,
        },
    ).fetchone()
    return bool(row and row[0])


def add_marks(driver: psycopg.Connection, schema: str, role: str) -> None:
    """Lets the tables tell in the current transaction who changed a row, as their owner.

    Raises:
        psycopg.errors.LockNotAvailable: somebody works on a table for longer than
            :data:`LOCK_TIMEOUT`.
    """
    driver.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    driver.execute("select pg_catalog.pg_advisory_xact_lock(%s)", [_LOCK])
    for statement in (*ddl.add_marks(schema), *journal.create_kept(schema)):
        driver.execute(statement)
    driver.execute(
        sql.SQL("grant select, insert, delete on {} to {}").format(
            sql.Identifier(schema, journal.KEPT), sql.Identifier(role)
        )
    )


def add(driver: psycopg.Connection, schema: str) -> dict[str, tuple[str, ...]]:
    """Adds the missing columns in the current transaction, as the owner of the tables; returns
    them.

    Raises:
        psycopg.errors.LockNotAvailable: somebody works on a table for longer than
            :data:`LOCK_TIMEOUT`.
    """
    driver.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    driver.execute("select pg_catalog.pg_advisory_xact_lock(%s)", [_LOCK])
    # Whoever held the lock may have added them.
    lacking = missing(driver, schema)
    for entity, fields in lacking.items():
        for statement in ddl.add_columns(schema, ENTITIES[entity], fields):
            driver.execute(statement)
    return lacking
