"""When tenants are backed up: what the settings say, or a tenant says of itself, in the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.policies import zone_named
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.settings import settings

NONE, DEFAULT = "none", "default"

_CRON, _SINCE, _ZONE = "backup_schedule", "backup_schedule_since", "timezone"


@dataclass(frozen=True)
class Schedule:
    """When a tenant is backed up.

    Attributes:
        cron: five fields, as in ``30 2 * * *``; "" for never.
        timezone: whose hours are meant.
        since: nothing is made up for what would have been due before.
        own: the tenant says so, and not the settings.
    """

    cron: str
    timezone: str
    since: dt.datetime
    own: bool

    def __str__(self) -> str:
        return f"{self.cron} ({self.timezone})" if self.cron else NONE


def of(connection: Connection, slug: str) -> Schedule:
    """When a tenant that exists is backed up.

    Raises:
        UsageError: its time zone is none (any more).
    """
    table = ledger.tenants
    row = connection.execute(
        sa.select(table.c.settings, table.c.created_at).where(table.c.slug == slug)
    ).one()
    return _read(row.settings, row.created_at)


def of_all(connection: Connection) -> dict[str, Schedule]:
    """Every tenant's, in the order of their slugs."""
    table = ledger.tenants
    rows = connection.execute(
        sa.select(table.c.slug, table.c.settings, table.c.created_at).order_by(table.c.slug)
    )
    return {row.slug: _read(row.settings, row.created_at) for row in rows}


def declare(connection: Connection, slug: str, cron: str) -> None:
    """Sets when a tenant is backed up from now on, in the current transaction.

    Args:
        cron: one that was checked; ``none``: never; ``default``: when the settings say.
    """
    table = ledger.tenants
    asked = sa.select(table.c.settings).where(table.c.slug == slug).with_for_update()
    said = dict(connection.execute(asked).scalar_one())
    said[_CRON], said[_SINCE] = cron, ledger.now().isoformat()
    if cron == DEFAULT:
        del said[_CRON]
    connection.execute(sa.update(table).where(table.c.slug == slug).values(settings=said))


def _read(said: Mapping[str, Any], made: dt.datetime) -> Schedule:
    cron = str(said.get(_CRON, settings().backup_schedule)).strip()
    since = dt.datetime.fromisoformat(said[_SINCE]) if _SINCE in said else made
    return Schedule(
        cron="" if cron == NONE else cron,
        timezone=zone_named(said.get(_ZONE) or settings().backup_timezone).key,
        since=since,
        own=_CRON in said,
    )


def last_begun(connection: Connection) -> dict[str, dt.datetime]:
    """When the newest backup of each tenant was begun, whatever became of it."""
    logs = ledger.data_migration_logs
    rows = connection.execute(
        sa.select(logs.c.tenant, sa.func.max(logs.c.at).label("at"))
        .where(
            logs.c.operation == trail.Operation.BACKUP.value,
            logs.c.stage == trail.Stage.BEGUN.value,
        )
        .group_by(logs.c.tenant)
    )
    return {row.tenant: row.at for row in rows}
