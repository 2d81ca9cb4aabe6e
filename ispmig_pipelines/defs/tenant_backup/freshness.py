"""Whether every tenant's newest snapshot is as new as its schedule says; looked at every hour."""

import datetime as dt

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetSelection,
    DefaultScheduleStatus,
    MetadataValue,
    ScheduleDefinition,
    TableRecord,
    asset_check,
    define_asset_job,
    in_process_executor,
)

from ispmig_pipelines import backing_up
from ispmig_pipelines.backing_up import age_in_words
from ispmig_pipelines.backup import schedule as schedules
from ispmig_pipelines.defs.queueing import BACKGROUND, tags_of
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.run_resources import LIGHT
from ispmig_pipelines.defs.tenant_backup.asset import BACKUP
from ispmig_pipelines.defs.tenant_backup.due import overdue
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform import tenants as registry
from ispmig_pipelines.settings import settings

FRESH = "fresh"

AFFECTED = "tenants with problems"
"""Metadata of a check that goes through all tenants: the slugs of those for which it does not hold,
as a list. Each of them rings by itself (:mod:`ispmig_pipelines.defs.alerts`)."""


@asset_check(
    asset=BACKUP,
    name=FRESH,
    description="Every tenant has a snapshot of when its schedule last said, or is being backed up "
    "since not too long.",
)
def fresh(platform: Platform) -> AssetCheckResult:
    """Goes through all tenants; asks where backups lie, and not the ledger, what is there."""
    now = ledger.now()
    problems: dict[str, str] = {}
    records = []
    with platform.connect() as connection:
        slugs = [str(one["slug"]) for one in registry.list_all(connection)]
        said = {}
        for slug in slugs:
            try:
                said[slug] = schedules.of(connection, slug)
            except IspmigError as error:
                problems[slug] = str(error)
    for slug, schedule in said.items():
        try:
            newest = newest_of(slug)
            missed = overdue(schedule, newest, now)
        except IspmigError as error:
            problems[slug] = str(error)
            continue
        age = "none" if newest is None else age_in_words(newest, now)
        records.append(
            TableRecord({"tenant": slug, "newest snapshot": age, "schedule": str(schedule)})
        )
        if missed is not None:
            there = "there is none" if newest is None else f"the newest snapshot is {age} old"
            problems[slug] = (
                f"a backup was due at {missed.isoformat(timespec='minutes')}, and {there}. "
                f"See its last runs, or make one: ispmig backup create {slug}"
            )
    return AssetCheckResult(
        passed=not problems,
        severity=AssetCheckSeverity.ERROR,
        description="\n".join(f"{slug}: {problem}" for slug, problem in problems.items())
        or f"Holds for {len(records)} tenants.",
        metadata={
            "tenants": len(slugs),
            "not fresh": len(problems),
            AFFECTED: MetadataValue.json(sorted(problems)),
            "snapshots": MetadataValue.table(records) if records else "none",
        },
    )


def newest_of(slug: str) -> dt.datetime | None:
    """The instant of a tenant's newest snapshot; None without one."""
    repository = backing_up.repository_of(slug)
    snapshots = repository.snapshots() if repository is not None else []
    return snapshots[-1].instant if snapshots else None


backup_checks = define_asset_job(
    "backup_checks",
    selection=AssetSelection.checks_for_assets(BACKUP),
    description="Looks at all tenants' backups: whether they are as new as they should be.",
    executor_def=in_process_executor,
    tags={**tags_of(BACKGROUND), **LIGHT.tags},
)

every_hour = ScheduleDefinition(
    name="backup_checks_hourly",
    job=backup_checks,
    cron_schedule="23 * * * *",
    execution_timezone=settings().timezone,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Looks at all tenants' backups, at minute 23 of every hour.",
)
