"""The schedule of all tenants' backups, and the sensor that sees those that commands made."""

import datetime as dt
import json
from collections.abc import Iterator

import sqlalchemy as sa
from dagster import (
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    schedule,
    sensor,
)
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import schedule as schedules
from ispmig_pipelines.defs.launch import know_tenant
from ispmig_pipelines.defs.queueing import BACKGROUND, tags_of
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_backup.asset import materialization_of, tenant_backup
from ispmig_pipelines.defs.tenant_backup.due import due
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.settings import settings

_AT_A_TICK = 50


@schedule(
    name="tenant_backups",
    job=tenant_backup,
    # How late a backup may begin: tenants' own schedules are looked at so often.
    cron_schedule="*/5 * * * *",
    execution_timezone=settings().timezone,
    # A backup that somebody has to turn on first is missed on the day it is needed.
    default_status=DefaultScheduleStatus.RUNNING,
    description="Backs up every tenant when its own schedule says, else when "
    "ISPMIG_BACKUP_SCHEDULE does; what was missed while nothing ran is made up for, within a day.",
)
def tenant_backups(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
    now = context.scheduled_execution_time.astimezone(dt.UTC)
    with Platform().connect() as connection:
        found, wrong = due_tenants(connection, now)
    for slug, problem in wrong.items():
        context.log.warning(f"{slug}: {problem}")
    if not found:
        yield SkipReason(" ".join(wrong.values())[:2000] or "No tenant's backup is due.")
    for slug, moment in found.items():
        # A job of a tenant's partition is not to be launched before the partition is there.
        know_tenant(context.instance, slug)
        yield RunRequest(
            run_key=f"{slug} {moment.isoformat()}",
            partition_key=slug,
            tags=dict(tags_of(BACKGROUND)),
        )


def due_tenants(
    connection: Connection, now: dt.datetime
) -> tuple[dict[str, dt.datetime], dict[str, str]]:
    """Tenants whose backup is due, and since when; and of whom that cannot be told, why."""
    begun = schedules.last_begun(connection)
    found: dict[str, dt.datetime] = {}
    wrong: dict[str, str] = {}
    slugs = list(connection.execute(sa.select(ledger.tenants.c.slug).order_by("slug")).scalars())
    for slug in slugs:
        try:
            moment = due(schedules.of(connection, slug), begun.get(slug), now)
        except IspmigError as error:
            wrong[slug] = str(error)
            continue
        if moment is not None:
            found[slug] = moment
    return found, wrong


@sensor(
    name="backups_of_commands",
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Shows snapshots that ispmig backup create made in the graph, too.",
)
def backups_of_commands(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """A command does not start Dagster, which would take longer than many a backup does."""
    seen = json.loads(context.cursor) if context.cursor else {}
    logs = ledger.data_migration_logs
    with Platform().connect() as connection:
        rows = connection.execute(
            sa.select(logs.c.id, logs.c.tenant, logs.c.details)
            .where(
                logs.c.operation == trail.Operation.BACKUP.value,
                logs.c.stage == trail.Stage.FINISHED.value,
                logs.c.dagster_run_id == "",
                logs.c.id > seen.get("entry", 0),
                logs.c.details.has_key("seconds"),
            )
            .order_by(logs.c.id)
            .limit(_AT_A_TICK)
        ).all()
    if not rows:
        return SkipReason("No command has made a snapshot since.")
    for slug in {row.tenant for row in rows}:
        know_tenant(context.instance, slug)
    return SensorResult(
        asset_events=[materialization_of(row.tenant, row.details) for row in rows],
        cursor=json.dumps({"entry": rows[-1].id}),
    )
