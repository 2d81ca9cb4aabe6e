"""Whose backups are to be looked after, and what is due for them; as the audit trail says."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import schedule as schedules
from ispmig_pipelines.backup.schedule import Done, Work
from ispmig_pipelines.defs.tenant_backup.due import due, due_until_good
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import ledger, trail


def backed_up(connection: Connection) -> list[str]:
    """Tenants that have a backup whose key was not destroyed, in the order of their slugs."""
    logs, tenants = ledger.data_migration_logs, ledger.tenants

    def newest(operation: trail.Operation) -> sa.ScalarSelect[int]:
        return (
            sa.select(sa.func.max(logs.c.id))
            .where(
                logs.c.tenant == tenants.c.slug,
                logs.c.operation == operation.value,
                logs.c.stage == trail.Stage.FINISHED.value,
            )
            .scalar_subquery()
        )

    made, destroyed = (
        newest(trail.Operation.BACKUP),
        newest(trail.Operation.BACKUP_KEYS_DESTROYED),
    )
    found = connection.execute(
        sa.select(tenants.c.slug)
        .where(made.is_not(None), made > sa.func.coalesce(destroyed, 0))
        .order_by(tenants.c.slug)
    )
    return list(found.scalars())


def due_tenants(
    connection: Connection, work: Work, now: dt.datetime
) -> tuple[dict[str, dt.datetime], dict[str, str]]:
    """Tenants with backups for which some work is due, and since when; and of whom that cannot be
    told, why."""
    done = schedules.last_done(connection, work)
    found: dict[str, dt.datetime] = {}
    wrong: dict[str, str] = {}
    for slug in backed_up(connection):
        last = done.get(slug, Done())
        try:
            schedule = schedules.of(connection, slug, work)
            moment = (
                due_until_good(schedule, last, now)
                if work is Work.DRILL
                else due(schedule, last.begun, now)
            )
        except IspmigError as error:
            wrong[slug] = str(error)
            continue
        if moment is not None:
            found[slug] = moment
    return found, wrong
