"""The job ``event_purge``: Dagster's runs and events do not grow for ever.

A run goes with all of its events and with what it printed, once it has ended longer ago than
``ISPMIG_EVENT_DAYS``. What stays whatever its age is what somebody still needs:

- runs that have not ended, and those that they go on from;
- the run of the newest materialization and of the newest observation of every asset, in every
  partition, and of the newest evaluation of every check: from these Dagster knows what is fresh and
  where it came from;
- runs of backfills that go on, of files that were dropped and are not settled, and of migrations
  that are not closed in the ledger.

Everything is deleted by Dagster's own interface, a run's events before the run: who is killed in
between leaves a run that the next purge finds again.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from dagster import (
    AssetCheckKey,
    Config,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultScheduleStatus,
    EventLogRecord,
    OpExecutionContext,
    Out,
    RunRecord,
    RunsFilter,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.storage.tags import BACKFILL_ID_TAG
from pydantic import Field
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.console import console
from ispmig_pipelines.defs.file_drop import DROP_TAG
from ispmig_pipelines.defs.queueing import BACKGROUND, tags_of
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.run_resources import LIGHT
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.drop import records
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.settings import settings

ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)

MINUTES = 30
"""How long a purge works; the next one goes on where it stopped."""

_PAGE = 200
_EVENTS = 1000
_GOES_ON = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)
_STATES = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION}
_CHECKS = {
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
}


@dataclass
class Purged:
    """What a purge did.

    Attributes:
        runs: so many went.
        kept: so many are as old, and stay.
        through: it came to the end; else the next one goes on.
        problems: run → why what it printed could not be deleted; its events are gone.
    """

    runs: int = 0
    kept: int = 0
    through: bool = True
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Needed:
    """What is needed of old runs.

    Attributes:
        runs: ids of those that somebody still works with.
        drops: tags of files that were dropped and are not settled.
        backfills: ids of those that go on.
        newest: numbers of the events that are an asset's newest.
    """

    runs: frozenset[str]
    drops: frozenset[str]
    backfills: frozenset[str]
    newest: frozenset[int]


def needed(instance: DagsterInstance, connection: Connection) -> Needed:
    """What is needed as of now; what comes to it later is of runs that have not ended."""
    unfinished = [status for status in DagsterRunStatus if status not in ENDED]
    runs = {
        one
        for run in instance.get_runs(RunsFilter(statuses=unfinished))
        for one in (run.run_id, run.parent_run_id, run.root_run_id)
        if one is not None
    }
    migrations, drops = ledger.data_migrations, ledger.drops
    with connection.begin():
        runs |= set(
            connection.execute(
                sa.select(migrations.c.dagster_run_id).where(
                    migrations.c.state.not_in([state.value for state in ledger.FINAL])
                )
            ).scalars()
        )
        tags = {
            f"{row.id}.{row.attempt}"
            for row in connection.execute(
                sa.select(drops.c.id, drops.c.attempt).where(
                    drops.c.state.in_([state.value for state in records.OPEN])
                )
            )
        }
    backfills = {
        one.backfill_id for status in _GOES_ON for one in instance.get_backfills(status=status)
    }
    return Needed(
        frozenset(runs), frozenset(tags), frozenset(backfills), frozenset(_newest(instance))
    )


def _newest(instance: DagsterInstance) -> Iterator[int]:
    for key in instance.all_asset_keys():
        for kind in _STATES:
            yield from instance.get_latest_storage_id_by_partition(key, kind).values()
        for fetch in (instance.fetch_materializations, instance.fetch_observations):
            for record in fetch(key, limit=1).records:
                yield record.storage_id


def purge(
    instance: DagsterInstance,
    connection: Connection,
    before: dt.datetime,
    *,
    dry_run: bool = False,
    seconds: float = MINUTES * 60.0,
    told: Callable[[str], None] = lambda text: None,
) -> Purged:
    """Deletes runs that ended before a moment, but for those that are needed.

    Args:
        before: aware.
        dry_run: only count them.
        seconds: how long it may take; it stops between two runs.
        told: is told what is being done.

    Raises:
        DatabaseError: the database cannot be used.
    """
    until = time.monotonic() + seconds
    done = Purged()
    for page in _pages(instance, before):
        # Anew for each page: somebody may have begun to go on from one of these runs.
        wanted = needed(instance, connection)
        for record in page:
            run = record.dagster_run
            if not _ended_before(record, before) or is_needed(instance, run, wanted):
                done.kept += 1
                continue
            if time.monotonic() > until:
                done.through = False
                return done
            if not dry_run:
                _delete(instance, run, done)
            done.runs += 1
        told(f"{done.runs:,} runs {'would go' if dry_run else 'went'}, {done.kept:,} stay")
    return done


def _pages(instance: DagsterInstance, before: dt.datetime) -> Iterator[Sequence[RunRecord]]:
    """The runs that were last heard of before a moment, the oldest first, some at a time."""
    wanted = RunsFilter(statuses=list(ENDED), updated_before=before.astimezone(dt.UTC))

    def after(cursor: str | None) -> Sequence[RunRecord]:
        return instance.get_run_records(wanted, limit=_PAGE, ascending=True, cursor=cursor)

    page = after(None)
    while page:
        # Before this one is worked on: where a run stood that was deleted, nobody can tell.
        following = after(page[-1].dagster_run.run_id)
        yield page
        page = following


def _ended_before(record: RunRecord, before: dt.datetime) -> bool:
    ended = record.end_time
    return ended is None or ended < before.timestamp()


def is_needed(instance: DagsterInstance, run: DagsterRun, wanted: Needed) -> bool:
    """Whether a run that has ended has to stay."""
    if run.run_id in wanted.runs:
        return True
    if run.tags.get(DROP_TAG) in wanted.drops or run.tags.get(BACKFILL_ID_TAG) in wanted.backfills:
        return True
    checks: set[AssetCheckKey] = set()
    for record in _asset_events(instance, run.run_id):
        if record.storage_id in wanted.newest:
            return True
        event = record.event_log_entry.dagster_event
        if event is not None and event.event_type in _CHECKS:
            checks.add(event.event_specific_data.asset_check_key)  # type: ignore[union-attr]
    if not checks:
        return False
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    return any(one.run_id == run.run_id for one in newest.values())


def _asset_events(instance: DagsterInstance, run_id: str) -> Iterator[EventLogRecord]:
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(
            run_id, cursor, of_type=_STATES | _CHECKS, limit=_EVENTS
        )
        yield from page.records
        if not page.has_more or not page.records:
            return
        cursor = page.cursor


def _delete(instance: DagsterInstance, run: DagsterRun, done: Purged) -> None:
    try:
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
    except Exception as error:
        # Files of somebody else, a bucket that is away: no reason to keep the events.
        done.problems[run.run_id] = type(error).__name__
    instance.event_log_storage.delete_events(run.run_id)
    instance.delete_run(run.run_id)


class PurgeConfig(Config):
    """Configuration of ``purge_events``."""

    days: int = Field(
        default=0,
        ge=0,
        description="Runs that ended so many days ago; 0: as ISPMIG_EVENT_DAYS says.",
    )
    dry_run: bool = Field(default=False, description="Only say how many would go.")


@op(name="purge_events", out=Out(int, description="runs that went"))
def purge_events(context: OpExecutionContext, config: PurgeConfig, platform: Platform) -> int:
    """Deletes old runs and their events from Dagster's storage, but for those that are needed."""
    days = config.days or settings().event_days
    with failing_plainly(context, platform), platform.connect() as connection:
        done = purge(
            context.instance,
            connection,
            dt.datetime.now(dt.UTC) - dt.timedelta(days=days),
            dry_run=config.dry_run,
            told=context.log.info,
        )
    for run, problem in list(done.problems.items())[:20]:
        context.log.warning(f"what run {run} printed could not be deleted ({problem})")
    context.add_output_metadata(
        {
            "days": days,
            "dry run": str(config.dry_run),
            "runs deleted": done.runs,
            "old runs kept": done.kept,
            "come to the end": str(done.through),
        }
    )
    return done.runs


@job(
    executor_def=in_process_executor,
    logger_defs={"console": console},
    tags={**tags_of(BACKGROUND), **LIGHT.tags},
    description="Deletes Dagster's runs and events that are old, but for those that the newest "
    "state of an asset came from, or that somebody still works with.",
)
def event_purge() -> None:
    purge_events()


every_night = ScheduleDefinition(
    name="event_purge_nightly",
    job=event_purge,
    cron_schedule="47 1 * * *",
    execution_timezone=settings().timezone,
    # A disk that is full is noticed too late.
    default_status=DefaultScheduleStatus.RUNNING,
    description="Purges Dagster's old runs and events at 01:47 (ISPMIG_TIMEZONE).",
)
