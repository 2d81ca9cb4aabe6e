"""Restore points: published migrations that can be rolled back, and for how long.

What a migration updated is kept as it was before for as long as its restore point stands. Then it
goes, and the migration can be rolled back no more: not even its inserts, for half of a migration is
no state that the tenant ever was in.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger, tenant_settings, trail
from ispmig_pipelines.platform.journal import KEPT, UNDO
from ispmig_pipelines.platform.ledger import Migration, State
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw

DAYS = 90
"""How long restore points are kept where the tenant does not say."""

LONGEST = 36_500

_SETTING = "restore_point_days"
STANDING = frozenset({State.DONE, State.PARTLY_UNDONE})
"""States of migrations that there is something to roll back of."""


@dataclass(frozen=True)
class RestorePoint:
    """A migration that can be rolled back.

    Attributes:
        until: when it expires.
        rows, size: pre-images that are kept for it, and their bytes.
    """

    migration: Migration
    until: dt.datetime
    rows: int
    size: int

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "migration_id": self.migration.id,
            "state": self.migration.state.value,
            "finished_at": _finished(self.migration).isoformat(),
            "until": self.until.isoformat(),
            "rows": self.rows,
            "bytes": self.size,
        }


def days_of(connection: Connection, slug: str) -> int:
    """For how many days a tenant's restore points are kept."""
    return int(tenant_settings.of(connection, slug).get(_SETTING, DAYS))


def declare(connection: Connection, slug: str, days: int) -> None:
    """Sets for how many days they are kept, in the current transaction."""
    tenant_settings.declare(connection, slug, _SETTING, days)


def listing(connection: Connection, tenant: Tenant) -> list[RestorePoint]:
    """A tenant's restore points, the newest first."""
    driver = raw(connection)
    with as_tenant(driver, tenant):
        held = {
            migration: (rows, size)
            for migration, rows, size in driver.execute(
                sql.SQL(
                    """select migration, count(*), sum(pg_column_size(u.*))::bigint
                       from {} u group by 1"""
                ).format(sql.Identifier(tenant.schema, UNDO))
            )
        }
    days = days_of(connection, tenant.slug)
    return [
        RestorePoint(entry, _until(entry, days), *held.get(entry.id, (0, 0)))
        for entry in ledger.migrations(connection, tenant.slug)
        if entry.state in STANDING and entry.restore_point_expired_at is None
    ]


def expire(connection: Connection, tenant: Tenant, *, actor: str, now: dt.datetime) -> list[int]:
    """Lets go of restore points that are over, in the current transaction; returns the migrations.

    What dead migrations left in the journal, and what rollbacks kept of theirs, goes with it. The
    caller holds the tenant.
    """
    days = days_of(connection, tenant.slug)
    entries = ledger.migrations(connection, tenant.slug)
    over = [
        entry.id
        for entry in entries
        if entry.state in STANDING | {State.UNDONE}
        and entry.restore_point_expired_at is None
        and _until(entry, days) <= now
    ]
    if not over:
        return []
    driver = raw(connection)
    with as_tenant(driver, tenant):
        driver.execute(
            sql.SQL("delete from {} where migration = any(%s)").format(
                sql.Identifier(tenant.schema, UNDO)
            ),
            [over],
        )
        driver.execute(
            sql.SQL("delete from {} where migration = any(%s)").format(
                sql.Identifier(tenant.schema, KEPT)
            ),
            [over],
        )
    for migration in over:
        ledger.update_migration(connection, migration, restore_point_expired_at=now)
    trail.enter(
        connection,
        tenant.slug,
        trail.Operation.RESTORE_POINTS_EXPIRED,
        trail.Stage.FINISHED,
        actor=actor,
        dagster_run_id="",
        details={"migrations": sorted(over), "days": days},
    )
    return sorted(over)


def _finished(entry: Migration) -> dt.datetime:
    return entry.finished_at or entry.started_at


def _until(entry: Migration, days: int) -> dt.datetime:
    return _finished(entry) + dt.timedelta(days=days)
