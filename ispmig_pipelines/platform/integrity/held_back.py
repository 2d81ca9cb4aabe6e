"""What lies in quarantine by its key: whose children are told that their parent was rejected.

That is what validation rejected of this migration, and what earlier ones left in quarantine that
still is there. In a table of its own, because a child for each of 100,000 rejected parents asks,
and of the quarantine's own indices the planner takes one that finds a key by walking all records
of the migration.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import psycopg
from psycopg import sql

from ispmig_pipelines.platform.journal import CLOSINGS, ISSUES, QUARANTINE
from ispmig_pipelines.platform.publish import place
from ispmig_pipelines.platform.tenants import Tenant, as_tenant

_TABLE = sql.Identifier("pg_temp", "held_back")


def create_table(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Makes the session's own table, as its owner; the tenant's role fills it."""
    driver.execute(sql.SQL("drop table if exists {}").format(_TABLE))
    driver.execute("create temporary table held_back (entity text, key jsonb, place text)")
    driver.execute(sql.SQL("create index on {} (entity, key)").format(_TABLE))
    driver.execute(
        sql.SQL("grant select, insert, truncate on {} to {}").format(
            _TABLE, sql.Identifier(tenant.role)
        )
    )


def fill(
    driver: psycopg.Connection,
    tenant: Tenant,
    migration: int,
    entities: Collection[str],
    earlier: Mapping[int, int],
) -> None:
    """Takes down what lies in quarantine of some entities.

    What had nothing to complete in an earlier migration is left out: it held no row back, and
    would be taken for the record that it waits for, itself.

    Args:
        migration: this one.
        earlier: others whose quarantine counts, resubmissions among them → the migration whose
            records they are of.
    """
    with as_tenant(driver, tenant):
        driver.execute(sql.SQL("truncate {}").format(_TABLE))
        driver.execute(
            sql.SQL(
                """insert into {table} (entity, key, place)
                   select distinct on (q.entity, q.key) q.entity, q.key, {place}
                   from {quarantine} q
                   join unnest(%(migrations)s::bigint[], %(origins)s::bigint[])
                       as m(migration, origin) using (migration)
                   where q.entity = any(%(entities)s) and q.key is not null
                     and not exists (
                         select from {closings} c
                         where (c.migration, c.entity, c.feed, c.file, c.record)
                             = (m.origin, q.entity, q.feed, q.file, q.record))
                     and (m.origin is null or not exists (
                         select from {issues} i
                         where (i.migration, i.entity, i.feed, i.file, i.record)
                             = (q.migration, q.entity, q.feed, q.file, q.record)
                           and i.rule = 'record.incomplete'))
                   order by q.entity, q.key, m.origin is not null, m.origin desc, q.feed, q.file,
                            q.record"""
            ).format(
                table=_TABLE,
                place=sql.SQL("{} || {}").format(
                    sql.SQL("coalesce(m.origin::text, '')"), place("q", "file", "record")
                ),
                quarantine=sql.Identifier(tenant.schema, QUARANTINE),
                closings=sql.Identifier(tenant.schema, CLOSINGS),
                issues=sql.Identifier(tenant.schema, ISSUES),
            ),
            {
                "migrations": [migration, *earlier],
                "origins": [None, *earlier.values()],
                "entities": sorted(entities),
            },
        )
    driver.execute(sql.SQL("analyze {}").format(_TABLE))


def place_of(entity: str, key: sql.Composed) -> sql.Composed:
    """SQL for where the record stands that lies in quarantine under a key; null if none does."""
    return sql.SQL(
        "(select h.place from {table} h where h.entity = {entity} and h.key = {key} limit 1)"
    ).format(table=_TABLE, entity=sql.Literal(entity), key=key)
