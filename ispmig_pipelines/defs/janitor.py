"""The job ``janitor``: clears away what dead runs left, of all tenants.

A run clears away before it begins what earlier runs of its tenant left. A tenant that nobody
migrates any more has no such run; for it this job comes every hour. It touches no tenant that a
run is working on, which the tenant's lock in the database says: the lock ends with its process.
"""

import datetime as dt
from dataclasses import asdict

from dagster import (
    DagsterInstance,
    DefaultScheduleStatus,
    OpExecutionContext,
    Out,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)

from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.console import console
from ispmig_pipelines.defs.queueing import BACKGROUND, tags_of
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.run_resources import LIGHT
from ispmig_pipelines.defs.tenant_migration import closing
from ispmig_pipelines.defs.tenant_migration.closing import Swept
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.errors import TenantBusy, TenantError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import remove_old, shared_place

_WORDS = {
    "failed": "migrations closed whose process had died",
    "taken_back": "migrations taken back that were published and never audited",
    "expired": "restore points over",
    "staged": "migrations' staged data deleted",
    "parts": "half-written files deleted",
    "reports": "reports of dry runs deleted",
    "runs": "runs told to Dagster whose process had died",
}


@op(name="clean_up", out=Out(dict, description="tenant → what was cleared away"))
def clean_up(context: OpExecutionContext, platform: Platform) -> dict[str, dict[str, list[str]]]:
    """Clears away what dead runs left of each tenant that no run is working on, and says what."""
    with failing_plainly(context, platform):
        buried = living.bury(context.instance)
        with platform.connect() as connection:
            slugs = [str(one["slug"]) for one in tenants.list_all(connection)]
        old = remove_old(settings().staging_folder, shared_place())
        done: dict[str, Swept] = {}
        busy = []
        for slug in slugs:
            try:
                done[slug] = clean_tenant(platform, slug, context.instance)
            except TenantBusy:
                busy.append(slug)
            except TenantError:
                context.log.info(f"{slug}: removed meanwhile")
    totals = dict.fromkeys(_WORDS, 0)
    totals["runs"] = len(buried)
    totals["parts"] = old
    told: dict[str, dict[str, list[str]]] = {}
    for slug, swept in done.items():
        for name, found in asdict(swept).items():
            if not found:
                continue
            ids = [str(one) for one in found] if isinstance(found, list) else [f"{found:,}"]
            told.setdefault(slug, {})[name] = ids
            totals[name] += len(found) if isinstance(found, list) else found
            context.log.info(f"{slug}: {_WORDS[name]}: {', '.join(ids)}")
    for run in buried:
        context.log.info(f"{_WORDS['runs']}: {run}")
    for slug in busy:
        context.log.info(f"{slug}: a run is working on it; nothing was touched")
    context.add_output_metadata(
        {"tenants": len(slugs), "tenants at work": len(busy)}
        | {_WORDS[name]: count for name, count in totals.items()}
    )
    return told


def clean_tenant(platform: Platform, slug: str, instance: DagsterInstance) -> Swept:
    """Clears away what dead runs left of one tenant, holding it for that long only.

    Raises:
        TenantBusy: a run is working on it.
    """
    since = ledger.now() - dt.timedelta(hours=settings().unaudited_hours)
    with platform.connect() as holding, tenants.lock(holding, slug, "the janitor"):
        tenant = tenants.get(holding, slug)
        holding.rollback()
        with platform.connect() as connection:
            return closing.sweep(connection, tenant, instance, unaudited_since=since)


@job(
    executor_def=in_process_executor,
    logger_defs={"console": console},
    tags={**tags_of(BACKGROUND), **LIGHT.tags},
    description="Clears away what runs left whose process died: staged data, half-written files, "
    "entries of the ledger that stand as running, and what was published and never audited.",
)
def janitor() -> None:
    clean_up()


every_hour = ScheduleDefinition(
    name="janitor_hourly",
    job=janitor,
    cron_schedule="41 * * * *",
    execution_timezone=settings().timezone,
    # It touches nothing of a run that is alive.
    default_status=DefaultScheduleStatus.RUNNING,
    description="Clears away what dead runs left, at minute 41 of every hour.",
)
