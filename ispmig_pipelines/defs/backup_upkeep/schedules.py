"""When upkeep is done, without anybody thinking of it: every tenant that has backups."""

import datetime as dt
from collections.abc import Callable, Iterator

from dagster import (
    DefaultScheduleStatus,
    JobDefinition,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.backup_upkeep import due
from ispmig_pipelines.defs.backup_upkeep.jobs import backup_drill, backup_prune, backup_verification
from ispmig_pipelines.defs.launch import know_tenant
from ispmig_pipelines.defs.queueing import BACKGROUND, tags_of
from ispmig_pipelines.defs.resources import Platform

Choose = Callable[[Connection, dt.datetime], list[str]]


def _of_tenants(
    name: str, job: JobDefinition, cron: str, description: str, choose: Choose
) -> ScheduleDefinition:
    @schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        # What somebody has to turn on first is missed on the day it is needed.
        default_status=DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def ticks(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        at = context.scheduled_execution_time.astimezone(dt.UTC)
        with Platform().connect() as connection:
            slugs = choose(connection, at)
        if not slugs:
            yield SkipReason("There is no tenant whose backups it is time for.")
        for slug in slugs:
            # A job of a tenant's partition is not to be launched before the partition is there.
            know_tenant(context.instance, slug)
            yield RunRequest(
                run_key=f"{slug} {at.isoformat()}",
                partition_key=slug,
                tags=dict(tags_of(BACKGROUND)),
            )

    return ticks


def _all(connection: Connection, now: dt.datetime) -> list[str]:
    return due.backed_up(connection)


verification_daily = _of_tenants(
    "backup_verification_daily",
    backup_verification,
    "7 4 * * *",
    "Reads a seventh of every tenant's backups back, at 04:07 (UTC).",
    _all,
)
prune_daily = _of_tenants(
    "backup_prune_daily",
    backup_prune,
    "7 5 * * *",
    "Lets snapshots go that tenants' retention policies do not keep, at 05:07 (UTC).",
    _all,
)
drill_weekly = _of_tenants(
    "backup_drill_weekly",
    backup_drill,
    "37 5 * * *",
    "Looks at 05:37 (UTC) for tenants whose newest drill is a week old, and tries their newest "
    "snapshot; one that failed is tried again every day.",
    due.drills_due,
)
