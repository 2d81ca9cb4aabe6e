"""When upkeep is done, without anybody thinking of it: for every tenant that has backups, as its
own schedule says, in its own time zone."""

import datetime as dt
from collections.abc import Iterator

from dagster import (
    DefaultScheduleStatus,
    JobDefinition,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from ispmig_pipelines.backup.schedule import Work
from ispmig_pipelines.defs.backup_upkeep.due import due_tenants
from ispmig_pipelines.defs.backup_upkeep.jobs import backup_drill, backup_prune, backup_verification
from ispmig_pipelines.defs.launch import know_tenant
from ispmig_pipelines.defs.queueing import BACKGROUND, tags_of
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.settings import settings


def _of_tenants(name: str, job: JobDefinition, work: Work, description: str) -> ScheduleDefinition:
    @schedule(
        name=name,
        job=job,
        # How late the work may begin: tenants' own schedules are looked at so often.
        cron_schedule="*/5 * * * *",
        execution_timezone=settings().timezone,
        # What somebody has to turn on first is missed on the day it is needed.
        default_status=DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def ticks(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        now = context.scheduled_execution_time.astimezone(dt.UTC)
        with Platform().connect() as connection:
            found, wrong = due_tenants(connection, work, now)
        for slug, problem in wrong.items():
            context.log.warning(f"{slug}: {problem}")
        if not found:
            yield SkipReason(" ".join(wrong.values())[:2000] or "It is due for no tenant.")
        for slug, moment in found.items():
            # A job of a tenant's partition is not to be launched before the partition is there.
            know_tenant(context.instance, slug)
            yield RunRequest(
                run_key=f"{slug} {moment.isoformat()}",
                partition_key=slug,
                tags=dict(tags_of(BACKGROUND)),
            )

    return ticks


backup_verifications = _of_tenants(
    "backup_verifications",
    backup_verification,
    Work.VERIFICATION,
    "Reads a seventh of a tenant's backups back when its own schedule says, else when "
    "ISPMIG_BACKUP_VERIFICATION does.",
)
backup_prunes = _of_tenants(
    "backup_prunes",
    backup_prune,
    Work.PRUNE,
    "Lets snapshots go that a tenant's retention policy does not keep, when its own schedule says, "
    "else when ISPMIG_BACKUP_PRUNE does.",
)
backup_drills = _of_tenants(
    "backup_drills",
    backup_drill,
    Work.DRILL,
    "Restores a tenant's newest snapshot for trial when its own schedule says, else when "
    "ISPMIG_BACKUP_DRILL does; what failed or was missed is tried again every day.",
)
