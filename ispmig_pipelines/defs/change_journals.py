"""The sensor that ships tenants' change journals."""

from dagster import (
    DefaultSensorStatus,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from ispmig_pipelines.backup.journal.ship_all import ship_all
from ispmig_pipelines.platform.server import engine

_SECONDS = 30.0
"""A tick may take 60 s, and one tenant's journal may be large."""


@sensor(
    name="change_journals",
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Ships the change journal of every tenant that has one to where its backups lie: "
    "what is lost with the server is what came since.",
)
def change_journals(context: SensorEvaluationContext) -> SensorResult:
    """Works here and now: a run for each tenant and minute would be more than the work itself."""
    done = ship_all(engine(), first=context.cursor or "", seconds=_SECONDS)
    for slug, problem in done.failed.items():
        context.log.warning(f"{slug}: {problem}")
    changes = sum(one.rows for one in done.shipped)
    told = f"Journals of {len(done.shipped)} tenants shipped, {changes:,} changes of rows."
    if done.failed:
        told += f" Not shipped: {', '.join(done.failed)}."
    return SensorResult(skip_reason=SkipReason(told), cursor=done.next)
