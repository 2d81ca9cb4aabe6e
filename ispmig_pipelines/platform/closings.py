"""What a resubmission solved is solved in every run of the spec on the same records.

The records stand in the source as they stood, so a later run rejects them again. But what they
came to is loaded, corrected, and nobody is to correct them twice: whether they were corrected
before that run or after it, in a workbook of the earlier one.
"""

from __future__ import annotations

from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.journal import CLOSINGS, QUARANTINE
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw


def carry_on(connection: Connection, tenant: Tenant, origin: int) -> int:
    """Closes in later runs of a migration's spec what is closed in the migration; returns how
    many. In the current transaction."""
    spec_name = ledger.migration(connection, origin).spec_name
    later = [
        entry.id
        for entry in ledger.migrations(connection, tenant.slug)
        if entry.id > origin
        and entry.spec_name == spec_name
        and entry.mode == "load"
        and entry.state in (State.PUBLISHED, State.DONE)
    ]
    return sum(carry_over(connection, tenant, migration) for migration in later)


def carry_over(connection: Connection, tenant: Tenant, migration: int) -> int:
    """Closes what a migration rejects for the block of its spec for which another run of the
    spec rejected the same record, if that is closed; returns how many. In the current transaction.

    The same is what has the same content, wherever it stands now: exports grow. Of several alike
    the first answers to the first, the second to the second.
    """
    driver = raw(connection)
    closings = sql.Identifier(tenant.schema, CLOSINGS)
    with as_tenant(driver, tenant):
        closed = {
            m
            for (m,) in driver.execute(
                sql.SQL("select distinct migration from {}").format(closings)
            )
        }
    now = ledger.migration(connection, migration)
    entries = [
        entry
        for entry in ledger.migrations(connection, tenant.slug)
        if entry.id in closed
        and entry.spec_name == now.spec_name
        and entry.state in (State.PUBLISHED, State.DONE)
    ]
    if not entries:
        return 0
    files = [(e.id, f["index"], f.get("source", "")) for e in (now, *entries) for f in e.files]
    with as_tenant(driver, tenant):
        return driver.execute(
            sql.SQL(
                """with contents as (
                       select q.migration, q.entity, q.feed, q.file, q.record, f.source,
                              md5(coalesce(q.cells::text, q.text::text)) as content
                       from {quarantine} q
                       join unnest(%(of)s::bigint[], %(files)s::integer[], %(sources)s::text[])
                           as f(migration, file, source) using (migration, file)
                       where q.cells is not null or q.text is not null
                   ), numbered as (
                       select *, row_number() over (
                           partition by migration, entity, feed, source, content
                           order by file, record) as number
                       from contents
                   )
                   insert into {closings} (migration, entity, feed, file, record, solved_by, at)
                   select n.migration, n.entity, n.feed, n.file, n.record, max(c.solved_by), now()
                   from numbered n
                   join numbered e using (entity, feed, source, content, number)
                   join {closings} c
                     on (c.migration, c.entity, c.feed, c.file, c.record)
                      = (e.migration, e.entity, e.feed, e.file, e.record)
                   where n.migration = %(migration)s and e.migration <> n.migration
                   group by 1, 2, 3, 4, 5
                   on conflict do nothing"""
            ).format(quarantine=sql.Identifier(tenant.schema, QUARANTINE), closings=closings),
            {
                "migration": migration,
                "of": [f[0] for f in files],
                "files": [f[1] for f in files],
                "sources": [f[2] for f in files],
            },
        ).rowcount
