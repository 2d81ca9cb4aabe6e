"""Purging: the only way in which records leave the quarantine without having been solved.

Somebody asks for it, is shown the counts, and confirms; who it was, when, and how many records it
were is entered into the audit trail in the transaction that deletes them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger, quarantine, trail
from ispmig_pipelines.platform.journal import CLOSINGS, ISSUES, QUARANTINE
from ispmig_pipelines.platform.quarantine import Chosen
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw


@dataclass(frozen=True)
class Counted:
    """What a purge would delete, or has deleted.

    Attributes:
        migrations: those that have such records.
        records: entity → ``open``, ``closed`` → records.
    """

    migrations: tuple[int, ...] = ()
    records: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(n for of_entity in self.records.values() for n in of_entity.values())

    @property
    def open(self) -> int:
        """Records that went in nowhere."""
        return sum(of_entity.get("open", 0) for of_entity in self.records.values())


def before(connection: Connection, tenant: Tenant, day: dt.date) -> list[int]:
    """The tenant's migrations that began before a day (in UTC), but resubmissions, whose records
    are those of the migration that they belong to."""
    start = dt.datetime.combine(day, dt.time(), dt.UTC)
    return sorted(
        entry.id
        for entry in ledger.migrations(connection, tenant.slug)
        if entry.started_at < start and entry.origin is None
    )


def counted(connection: Connection, tenant: Tenant, chosen: Chosen) -> Counted:
    """Counts what purging would delete; in the current transaction."""
    driver = raw(connection)
    values = quarantine.parameters(driver, tenant, chosen)
    with as_tenant(driver, tenant):
        rows = driver.execute(
            sql.SQL(
                "select q.migration, q.entity, c.solved_by is null, count(*) {} group by 1, 2, 3"
            ).format(quarantine.chosen_rows(tenant, chosen)),
            values,
        ).fetchall()
    return _counted(rows)


def purge(
    connection: Connection,
    tenant: Tenant,
    chosen: Chosen,
    *,
    actor: str,
    asked: dict[str, Any],
) -> Counted:
    """Deletes the chosen records from the quarantine, with their issues, their closings and all
    that resubmissions kept of them; enters it into the audit trail. All in the current transaction.

    The caller holds the tenant, so that no run works on it.

    Args:
        actor: who asked for it; asked: for what, in words for the trail.
    """
    driver = raw(connection)
    found = counted(connection, tenant, chosen)
    values = quarantine.parameters(driver, tenant, chosen)
    driver.execute("drop table if exists pg_temp.purged")
    driver.execute(
        """create temporary table purged (migration bigint, entity text, feed integer,
           file integer, record bigint) on commit drop"""
    )
    driver.execute(
        sql.SQL("grant select, insert on pg_temp.purged to {}").format(sql.Identifier(tenant.role))
    )
    with as_tenant(driver, tenant):
        driver.execute(
            sql.SQL(
                """insert into pg_temp.purged
                   select q.migration, q.entity, q.feed, q.file, q.record {}"""
            ).format(quarantine.chosen_rows(tenant, chosen)),
            values,
        )
        # What resubmissions kept of the same records.
        driver.execute(
            """insert into pg_temp.purged
               select r.attempt, p.entity, p.feed, p.file, p.record from pg_temp.purged p
               join unnest(%(origins)s::bigint[], %(attempts)s::bigint[]) as r(origin, attempt)
                 on r.origin = p.migration""",
            values,
        )
        for table in (ISSUES, CLOSINGS, QUARANTINE):
            _delete(driver, sql.Identifier(tenant.schema, table))
    trail.enter(
        connection,
        tenant.slug,
        trail.Operation.PURGE,
        trail.Stage.FINISHED,
        actor=actor,
        dagster_run_id="",
        details={**asked, "migrations": list(found.migrations), "records": found.records},
    )
    return found


def _delete(driver: psycopg.Connection, table: sql.Identifier) -> None:
    driver.execute(
        sql.SQL(
            """delete from {} t using pg_temp.purged p
               where (t.migration, t.entity, t.feed, t.file, t.record)
                   = (p.migration, p.entity, p.feed, p.file, p.record)"""
        ).format(table)
    )


def _counted(rows: list[tuple[int, str, bool, int]]) -> Counted:
    records: dict[str, dict[str, int]] = {}
    for _, entity, is_open, number in sorted(rows):
        of_entity = records.setdefault(entity, {"open": 0, "closed": 0})
        of_entity["open" if is_open else "closed"] += number
    return Counted(tuple(sorted({row[0] for row in rows})), records)
