"""Whose backups are to be looked after, and who is due for a drill; as the audit trail says."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger, trail

DRILL_EVERY = dt.timedelta(days=6, hours=12)
"""A week, less what a daily look may come early."""

AGAIN_AFTER = dt.timedelta(hours=12)
"""A drill that failed is made again the next day, and not at the next look."""


def backed_up(connection: Connection) -> list[str]:
    """Tenants that have a backup, in the order of their slugs."""
    logs, tenants = ledger.data_migration_logs, ledger.tenants
    made = sa.select(logs.c.tenant).where(
        logs.c.operation == trail.Operation.BACKUP.value,
        logs.c.stage == trail.Stage.FINISHED.value,
    )
    found = connection.execute(
        sa.select(tenants.c.slug).where(tenants.c.slug.in_(made)).order_by(tenants.c.slug)
    )
    return list(found.scalars())


def drills_due(connection: Connection, now: dt.datetime) -> list[str]:
    """Tenants with a backup whose newest drill that went well is a week old, or is not there."""
    logs = ledger.data_migration_logs
    newest = {
        row.tenant: row
        for row in connection.execute(
            sa.select(
                logs.c.tenant,
                sa.func.max(logs.c.at).label("any"),
                sa.func.max(logs.c.at)
                .filter(logs.c.stage == trail.Stage.FINISHED.value)
                .label("good"),
            )
            .where(logs.c.operation == trail.Operation.BACKUP_DRILL.value)
            .group_by(logs.c.tenant)
        )
    }
    return [
        slug
        for slug in backed_up(connection)
        if slug not in newest
        or (
            now - newest[slug].any >= AGAIN_AFTER
            and (newest[slug].good is None or now - newest[slug].good >= DRILL_EVERY)
        )
    ]
