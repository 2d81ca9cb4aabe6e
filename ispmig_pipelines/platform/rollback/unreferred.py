"""Deleting many rows of which it is known already that nothing refers to them.

PostgreSQL asks once more, row by row: for each customer twelve queries, two for each foreign key
that refers to customers, which is most of the time that a rollback takes. A session that says it is
a replica fires no triggers and is not asked. Only a superuser may say so, and whoever was given the
right (``grant set on parameter session_replication_role``); for others it takes longer, no more.

It is only safe where somebody else has asked before, and nobody can write meanwhile: see
:func:`.undo.lock_tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.tenants import Tenant

_PARAMETER = "session_replication_role"


@contextmanager
def unasked(driver: psycopg.Connection, tenant: Tenant, entity: str) -> Iterator[None]:
    """Lets the block delete rows of an entity without being asked who refers to them, where that is
    allowed and changes nothing else.

    To be called as the platform's own role, by whoever keeps writers out of the table and of all
    that refer to it by the model, and deletes no row that one of these refers to.
    """
    if not (_may(driver) and _only_ours(driver, tenant, entity)):
        yield
        return
    before = driver.execute("select pg_catalog.current_setting(%s)", [_PARAMETER]).fetchone()
    _set(driver, "replica")
    yield
    # On an error the transaction is rolled back, and the setting with it.
    _set(driver, before[0] if before else "origin")


def _set(driver: psycopg.Connection, role: str) -> None:
    driver.execute("select pg_catalog.set_config(%s, %s, true)", [_PARAMETER, role])


def _may(driver: psycopg.Connection) -> bool:
    row = driver.execute(
        "select pg_catalog.has_parameter_privilege(%s, 'SET')", [_PARAMETER]
    ).fetchone()
    return bool(row and row[0])


def _only_ours(driver: psycopg.Connection, tenant: Tenant, entity: str) -> bool:
    """Whether nothing happens at a delete but what the model says: no trigger and no rule of
    somebody else's is passed over, and no foreign key of a table that the model does not know."""
    references = [
        (child, name)
        for child, info in ENTITIES.items()
        for name, parent in info.references.items()
        if parent == entity
    ]
    row = driver.execute(
        """select not exists (
                   select from pg_catalog.pg_trigger g
                   where g.tgrelid = t.oid and not g.tgisinternal
                     and g.tgtype & 8 <> 0 and g.tgenabled in ('O', 'R'))
               and not exists (
                   select from pg_catalog.pg_rewrite r
                   where r.ev_class = t.oid and r.ev_type = '4')
               and not exists (
                   select from pg_catalog.pg_constraint f
                   join pg_catalog.pg_class c on c.oid = f.conrelid
                   join pg_catalog.pg_attribute a
                     on a.attrelid = c.oid and a.attnum = f.conkey[1]
                   where f.contype = 'f' and f.confrelid = t.oid
                     and not (c.relnamespace = t.relnamespace and f.confdeltype in ('a', 'r')
                              and cardinality(f.conkey) = 1
                              and (c.relname::text, a.attname::text) in (
                                  select * from unnest(%(children)s::text[], %(names)s::text[]))))
           from pg_catalog.pg_class t
           join pg_catalog.pg_namespace n on n.oid = t.relnamespace
           where n.nspname = %(schema)s and t.relname = %(entity)s""",
        {
            "children": [child for child, _ in references],
            "names": [name for _, name in references],
            "schema": tenant.schema,
            "entity": entity,
        },
    ).fetchone()
    return bool(row and row[0])
