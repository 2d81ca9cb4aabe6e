"""Taking a migration back: what it inserted goes, what it updated is put back, and what it solved
is open again. Its quarantine stays.

A row that a later migration wrote again is that migration's, and stays.

Publishing keeps in ``_undo`` the row as it was before for each row it updates; a row with this
migration in its ``_migration`` column and no such pre-image was inserted by it.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.journal import CLOSINGS, UNDO
from ispmig_pipelines.platform.tenants import Tenant


def key_json(entity: str, alias: str) -> sql.Composed:
    """SQL for the natural key of a row, as a JSON array of text."""
    parts = [
        sql.SQL("{}::text").format(sql.Identifier(alias, part)) for part in ENTITIES[entity].key
    ]
    return sql.SQL("jsonb_build_array({})").format(sql.SQL(", ").join(parts))


def undo(driver: psycopg.Connection, tenant: Tenant, migration: int) -> dict[str, dict[str, int]]:
    """Takes a published migration back, inside the current transaction and role.

    Returns:
        entity → ``{"removed", "restored"}``, for the entities that changed.
    """
    counts: dict[str, dict[str, int]] = {}
    # Restoring comes first: a restored row may again refer to a parent, never to a child.
    for entity in ENTITIES:
        restored = _restore(driver, tenant, migration, entity)
        if restored:
            counts.setdefault(entity, {"removed": 0, "restored": 0})["restored"] = restored
    for entity in reversed(ENTITIES):
        removed = driver.execute(
            sql.SQL("delete from {table} where _migration = %s").format(
                table=sql.Identifier(tenant.schema, entity)
            ),
            [migration],
        ).rowcount
        if removed:
            counts.setdefault(entity, {"removed": 0, "restored": 0})["removed"] = removed
    driver.execute(
        sql.SQL("delete from {} where solved_by = %s").format(
            sql.Identifier(tenant.schema, CLOSINGS)
        ),
        [migration],
    )
    return counts


def _restore(driver: psycopg.Connection, tenant: Tenant, migration: int, entity: str) -> int:
    table = sql.Identifier(tenant.schema, entity)
    journal = sql.Identifier(tenant.schema, UNDO)
    info = ENTITIES[entity]
    columns = [name for name in info.fields if name not in info.key]
    columns += ["legacy", "_migration", "_file", "_record"]
    restored = driver.execute(
        sql.SQL(
            """update {table} t set ({columns}) = row({values})
               from {journal} u
               cross join lateral jsonb_populate_record(null::{table}, u.row) old
               where u.migration = %s and u.entity = %s and {match}
                 and t._migration = u.migration"""
        ).format(
            table=table,
            journal=journal,
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(sql.Identifier("old", c) for c in columns),
            match=sql.SQL(" and ").join(
                sql.SQL("{} = {}").format(sql.Identifier("t", k), sql.Identifier("old", k))
                for k in info.key
            ),
        ),
        [migration, entity],
    ).rowcount
    driver.execute(
        sql.SQL("delete from {} where migration = %s and entity = %s").format(journal),
        [migration, entity],
    )
    return restored
