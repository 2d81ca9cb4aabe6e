"""The sensor ``file_drop``: what is dropped for a tenant is migrated, or put up for review.

A tick has a minute for all tenants. Each tenant is looked at by a thread of its own, so that a
disk that hangs, or a file that takes long to read, holds up nobody else: the tick goes on without
it, and the thread, which holds the tenant's drop place, comes to its end in later ticks. Which
runs are to begin stands in the database, and not in a thread.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from dagster._core.storage.tags import WILL_RETRY_TAG

from ispmig_pipelines.defs.launch import know_tenant
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration.job import tenant_migration
from ispmig_pipelines.drop import intake, records, rules
from ispmig_pipelines.drop.intake import Intake, Launch, Outcome, RunSeen
from ispmig_pipelines.drop.places import Place, place_of
from ispmig_pipelines.drop.rules import DropSettings
from ispmig_pipelines.errors import IspmigError

DROP_TAG = "ispmig/drop"
"""Of a run: the drop that it is of, and which attempt."""

INTERVAL = 30
"""Seconds between ticks."""

TICK_SECONDS = 35.0
"""How long a tick goes on; Dagster ends it after 60."""

MOST_LAUNCHES = 25
"""Runs that one tick begins: each costs the daemon some time, and the tenant's runs wait for each
other anyway."""

_ABREAST = 4
_RUNS_AT_A_TIME = 200
_RETRY_PATIENCE = 900.0
"""Seconds after which a run that Dagster said it would retry, and did not, has failed."""


class DagsterRuns:
    """The runs of drops, as Dagster knows them."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance

    def newest(self, tags: Collection[str]) -> Mapping[str, RunSeen]:
        """See :meth:`.intake.Runs.newest`."""
        found: dict[str, RunSeen] = {}
        wanted = list(tags)
        for at in range(0, len(wanted), _RUNS_AT_A_TIME):
            some = RunsFilter(tags={DROP_TAG: wanted[at : at + _RUNS_AT_A_TIME]})
            for record in self._instance.get_run_records(some):  # the newest first
                run = record.dagster_run
                found.setdefault(
                    run.tags[DROP_TAG], RunSeen(run.run_id, _outcome(run, record.end_time))
                )
        return found

    def failure(self, run: str) -> str:
        """See :meth:`.intake.Runs.failure`."""
        events = self._instance.all_logs(run, of_type=DagsterEventType.STEP_FAILURE)
        for entry in events:
            data = entry.dagster_event.step_failure_data if entry.dagster_event else None
            if data is not None and data.user_failure_data is not None:
                return data.user_failure_data.description or ""
        seen = self._instance.get_run_by_id(run)
        if seen is not None and seen.status is DagsterRunStatus.CANCELED:
            return "The run was stopped. Nothing of it was loaded; retry it with ispmig drop retry."
        return ""


def _outcome(run: DagsterRun, ended: float | None) -> Outcome:
    if run.status is DagsterRunStatus.SUCCESS:
        return Outcome.SUCCEEDED
    if run.status not in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED):
        return Outcome.UNDER_WAY
    retried = run.tags.get(WILL_RETRY_TAG) == "true"
    if retried and ended is not None and time.time() - ended < _RETRY_PATIENCE:
        return Outcome.UNDER_WAY
    return Outcome.FAILED


@sensor(
    name="file_drop",
    # By its name: given the job, Dagster makes the sensor anew and warns of its own parameter.
    job_name=tenant_migration.name,
    minimum_interval_seconds=INTERVAL,
    # Nothing happens where nothing is dropped.
    default_status=DefaultSensorStatus.RUNNING,
    description="Watches every tenant's drop place: files that are whole are migrated by the spec "
    "for their names, or put up for review; once per content.",
)
def file_drop(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    told, launches = tick(context.instance, Platform(), context.log)
    for launch in launches:
        # A job of a tenant's partition is not to be launched before the partition is there.
        know_tenant(context.instance, launch.tenant)
    if not launches:
        return SkipReason(" ".join(told)[:2000] or "Nothing new was dropped.")
    return SensorResult(run_requests=[_request(launch) for launch in launches])


def _request(launch: Launch) -> RunRequest:
    return RunRequest(
        run_key=launch.run_key,
        partition_key=launch.tenant,
        run_config={"ops": {"extract": {"config": launch.config}}},
        tags={DROP_TAG: launch.tag},
    )


def tick(
    instance: DagsterInstance, platform: Platform, log: logging.Logger
) -> tuple[list[str], list[Launch]]:
    """Looks at every tenant's drop place; returns what there is to tell, and what is to begin.

    Raises:
        DatabaseError: the database cannot be used.
    """
    until = time.monotonic() + TICK_SECONDS
    with platform.connect() as connection, connection.begin():
        said = rules.of_all(connection)
    told: list[str] = []
    runs = DagsterRuns(instance)
    _abreast(
        [
            threading.Thread(
                target=_pass_over,
                args=(platform, runs, slug, own, until, told),
                name=f"file-drop-{slug}",
                daemon=True,
            )
            for slug, own in _in_turn(said)
        ],
        until,
    )
    # A thread that has no time left may still add to it.
    told = told.copy()
    for text in told:
        log.info(text)
    places: dict[str, Place] = {}

    def place(slug: str) -> Place:
        return places.setdefault(slug, place_of(slug, said[slug].place))

    with platform.connect() as connection:
        return told, [
            one for one in intake.launches(connection, place, MOST_LAUNCHES) if one.tenant in said
        ]


def _in_turn(said: Mapping[str, DropSettings]) -> Iterable[tuple[str, DropSettings]]:
    """Every tenant, beginning with another one each time: whoever is last may find no time."""
    tenants = list(said.items())
    if not tenants:
        return []
    first = int(time.time() // INTERVAL) % len(tenants)
    return tenants[first:] + tenants[:first]


def _abreast(threads: list[threading.Thread], until: float) -> None:
    """Runs threads, some at a time, and waits for them no longer than may be."""
    waiting = threads[::-1]
    running: list[threading.Thread] = []
    while (waiting or running) and time.monotonic() < until:
        running = [one for one in running if one.is_alive()]
        while waiting and len(running) < _ABREAST:
            running.append(waiting.pop())
            running[-1].start()
        if running:
            running[0].join(timeout=min(0.05, max(until - time.monotonic(), 0)))


def _pass_over(
    platform: Platform,
    runs: DagsterRuns,
    slug: str,
    said: DropSettings,
    until: float,
    told: list[str],
) -> None:
    try:
        with platform.connect() as connection, records.alone(connection, slug) as mine:
            if not mine:
                told.append(f"{slug}: its drop place is still being looked at.")
                return
            place = place_of(slug, said.place)
            passed = Intake(connection, slug, place, said, runs, until=until).pass_over()
            told += passed.told
    except IspmigError as error:
        told.append(f"{slug}: {error}")
    except Exception as error:
        # Whatever it is, the other tenants' files are not to wait for it.
        told.append(f"{slug}: an unexpected error ({type(error).__name__}); see the log.")
        logging.getLogger(__name__).exception("the drop place of %s", slug)
