"""When what is done with tenants' backups is due: what the settings say, or a tenant says of
itself, in the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.policies import zone_named
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.settings import settings

NONE, DEFAULT = "none", "default"

_ZONE = "timezone"


class Work(StrEnum):
    """What is done with a tenant's backups by the clock; the name of its setting, and of what the
    ledger keeps of a tenant that says otherwise."""

    BACKUP = "backup_schedule"
    VERIFICATION = "backup_verification"
    PRUNE = "backup_prune"
    DRILL = "backup_drill"

    @property
    def operation(self) -> trail.Operation:
        """What the audit trail calls it."""
        return _OPERATIONS[self]

    @property
    def variable(self) -> str:
        """The environment's, which says when it is due for tenants that do not say."""
        return f"ISPMIG_{self.value.upper()}"


_OPERATIONS = {
    Work.BACKUP: trail.Operation.BACKUP,
    Work.VERIFICATION: trail.Operation.BACKUP_VERIFICATION,
    Work.PRUNE: trail.Operation.BACKUP_PRUNE,
    Work.DRILL: trail.Operation.BACKUP_DRILL,
}


@dataclass(frozen=True)
class Schedule:
    """When something is due for a tenant.

    Attributes:
        cron: five fields, as in ``30 2 * * *``; "" for never.
        timezone: whose hours are meant.
        since: nothing is made up for what would have been due before.
        own: the tenant says so, and not the settings.
        source: the variable of the environment that says so where the tenant does not.
    """

    cron: str
    timezone: str
    since: dt.datetime
    own: bool
    source: str = Work.BACKUP.variable

    def __str__(self) -> str:
        return f"{self.cron} ({self.timezone})" if self.cron else NONE


def of(connection: Connection, slug: str, work: Work = Work.BACKUP) -> Schedule:
    """When something is due for a tenant that exists.

    Raises:
        UsageError: its time zone is none (any more).
    """
    table = ledger.tenants
    row = connection.execute(
        sa.select(table.c.settings, table.c.created_at).where(table.c.slug == slug)
    ).one()
    return _read(row.settings, row.created_at, work)


def in_words(connection: Connection, slug: str) -> dict[str, str]:
    """All of a tenant's schedules as commands print them: name of the work → its schedule.

    Raises:
        UsageError: as :func:`of`.
    """
    return {work.value: str(of(connection, slug, work)) for work in Work}


def declare(connection: Connection, slug: str, cron: str, work: Work = Work.BACKUP) -> None:
    """Sets when something is due for a tenant from now on, in the current transaction.

    Args:
        cron: one that was checked; ``none``: never; ``default``: when the settings say.
    """
    table = ledger.tenants
    asked = sa.select(table.c.settings).where(table.c.slug == slug).with_for_update()
    said = dict(connection.execute(asked).scalar_one())
    said[work.value], said[_since(work)] = cron, ledger.now().isoformat()
    if cron == DEFAULT:
        del said[work.value]
    connection.execute(sa.update(table).where(table.c.slug == slug).values(settings=said))


def _since(work: Work) -> str:
    return f"{work.value}_since"


def _read(said: Mapping[str, Any], made: dt.datetime, work: Work) -> Schedule:
    cron = str(said.get(work.value, getattr(settings(), work.value))).strip()
    since = said.get(_since(work))
    return Schedule(
        cron="" if cron == NONE else cron,
        timezone=zone_named(said.get(_ZONE) or settings().backup_zone).key,
        since=dt.datetime.fromisoformat(since) if since else made,
        own=work.value in said,
        source=work.variable,
    )


@dataclass(frozen=True)
class Done:
    """When something was last done for a tenant, as the audit trail says; None: never.

    Attributes:
        begun: when it was begun, whatever became of it.
        good: when it ended well.
    """

    begun: dt.datetime | None = None
    good: dt.datetime | None = None


def last_done(connection: Connection, work: Work) -> dict[str, Done]:
    """When it was last done for each tenant for which it ever was."""
    logs = ledger.data_migration_logs
    rows = connection.execute(
        sa.select(
            logs.c.tenant,
            sa.func.max(logs.c.at).filter(logs.c.stage == trail.Stage.BEGUN.value).label("begun"),
            sa.func.max(logs.c.at).filter(logs.c.stage == trail.Stage.FINISHED.value).label("good"),
        )
        .where(logs.c.operation == work.operation.value)
        .group_by(logs.c.tenant)
    )
    return {row.tenant: Done(row.begun, row.good) for row in rows}


def last_begun(connection: Connection) -> dict[str, dt.datetime]:
    """When the newest backup of each tenant was begun, whatever became of it."""
    done = last_done(connection, Work.BACKUP)
    return {slug: one.begun for slug, one in done.items() if one.begun is not None}
