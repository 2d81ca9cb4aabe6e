"""The sensor ``alerts``: what Dagster and the ledger know of that somebody has to know.

A tick reads which runs, asset checks, and ticks of schedules and sensors have failed since the one
before, notes them in the ledger, and sends what waits there. It knows runs by the code of their
failure, checks and ticks by their name, so what is added to Dagster later rings too. Everything may
be read twice: an event is noted once.
"""

import datetime as dt
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from dagster import (
    AssetCheckSeverity,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DefaultSensorStatus,
    EventLogEntry,
    EventLogRecord,
    EventRecordsFilter,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)
from dagster._core.events import JobFailureData
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, WILL_RETRY_TAG
from dagster_shared.error import SerializableErrorInfo

from ispmig_pipelines.alerting import delivering, outbox
from ispmig_pipelines.alerting.alert import Alert, Kind, plain_slug, plain_word
from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.audit_chain import UNBROKEN
from ispmig_pipelines.defs.file_drop import DROP_TAG
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_backup.freshness import AFFECTED
from ispmig_pipelines.defs.tenant_job import tenant_of
from ispmig_pipelines.errors import AuditBroken, IspmigError, LawBroken
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.report.rule_kind import RuleKind
from ispmig_pipelines.settings import settings

INTERVAL = 30
"""Seconds between ticks."""

TICK_SECONDS = 15.0
"""How long a tick reads; what it did not come to is read by the next. Sending has the rest of the
minute that Dagster gives it."""

OVERLAP = 120.0
"""Seconds that are read again: an event with a lower number may be committed after a higher one."""

BACKWARDS = dt.timedelta(days=1)
"""How far the first tick of an installation looks back."""

RETRY_PATIENCE = 900.0
"""Seconds for which a run that failed, and that Dagster said it would retry, is not told of."""

_PAGE = 200
_TICKS = 20
_EACH = 100  # more tenants than that are told of as one
_RUN = "run:"
_UNDECIDED = 20.0
_STOPPED = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")


def _codes(root: type[IspmigError]) -> Iterator[tuple[str, str]]:
    yield root.__name__, root.code
    for child in root.__subclasses__():
        yield from _codes(child)


_CODES = dict(_codes(IspmigError))
"""Name of an error of ours → its code: of a tick's error Dagster keeps the name."""

KIND_OF_CODE = {LawBroken.code: Kind.LAW_BROKEN, AuditBroken.code: Kind.AUDIT_BROKEN}
KIND_OF_CHECK = {
    "conservation": Kind.LAW_BROKEN,
    UNBROKEN: Kind.AUDIT_BROKEN,
    "fresh": Kind.BACKUP_LATE,
    "restorable": Kind.DRILL_FAILED,
}
"""Name of an asset check → what it means that it failed; any other is a failed check."""

# What a migration finds wrong with records is in its report and in quarantine.
_RULES = frozenset(kind.value for kind in RuleKind)
_DRILL = re.compile(r"(^|_)drills?(_|$)")

COUNTS = frozenset(
    {"migration", "entries", "problems", "read", "inserted", "updated", "unchanged", "quarantined",
     "rows", "tenants", "chains", "pieces", "snapshots", "tables", "age_seconds", "damaged"}
)  # fmt: skip
"""Numbers of an asset check that an alert repeats; others, as amounts, stay where they are."""


@dataclass
class Cursor:
    """How far the event log was read.

    Attributes:
        settled: every event up to this number was seen for good.
        reached, since: up to which number it was read, and when; settled after :data:`OVERLAP`.
        retried: run that Dagster is to retry → since when it has been waited for.
        ticks: schedule or sensor → number of its newest tick that is known to have failed.
    """

    settled: int = -1
    reached: int = -1
    since: float = 0.0
    retried: dict[str, float] = field(default_factory=dict)
    ticks: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """What a tick left behind; from the beginning where nobody can tell."""
        try:
            return cls(**json.loads(text)) if text else cls()
        except (ValueError, TypeError):
            return cls()

    def text(self) -> str:
        """For the next tick."""
        return json.dumps(vars(self))


@sensor(
    name="alerts",
    minimum_interval_seconds=INTERVAL,
    # An alarm that somebody has to turn on first does not ring.
    default_status=DefaultSensorStatus.RUNNING,
    description="Tells of runs that failed, schedules and sensors that could not do their work, "
    "laws that were broken, backups that are late, drills and audit chains that do not hold: to "
    "the log, a webhook and by email, once for each.",
)
def alerts(context: SensorEvaluationContext) -> SensorResult:
    said, cursor = tick(
        context.instance, Platform(), Cursor.read(context.cursor), context.log.error
    )
    for text in said:
        context.log.info(text)
    return SensorResult(skip_reason=" ".join(said) or "Nothing to tell.", cursor=cursor.text())


def tick(
    instance: DagsterInstance,
    platform: Platform,
    cursor: Cursor,
    log: Callable[[str], None],
    clock: Callable[[], float] = time.time,
) -> tuple[list[str], Cursor]:
    """Notes what has happened, and sends what waits; returns what there is to tell, and how far it
    has come.

    Args:
        log: takes each alert of the channel ``log``.

    Raises:
        DatabaseError: the database cannot be used.
    """
    here = settings()
    reading = _Reading(instance, cursor, clock)
    receivers = delivering.names(here)
    new = 0
    with platform.connect() as connection:
        for alert in (*reading.alerts(), *_drops(connection, clock())):
            # Each by itself: what was noted stays noted, whatever becomes of the tick.
            with connection.begin():
                if alert.event.startswith(_RUN) and outbox.told_of_run(connection, alert):
                    continue
                new += outbox.note(
                    connection, alert, receivers,
                    repeat_after=dt.timedelta(hours=here.alert_repeat_hours), now=outbox.now(),
                )  # fmt: skip
    done = delivering.deliver(platform.connect, delivering.channels(here, log), here.ui_url)
    said = [f"{new} new."] if new else []
    if done is not None:
        said += [f"{channel} was told of {count}." for channel, count in done.sent.items()]
        said += [f"{channel} could not be told: {why}" for channel, why in done.problems.items()]
    return said, reading.cursor


class _Reading:
    """Dagster's event log, from where the last tick came to."""

    def __init__(
        self, instance: DagsterInstance, cursor: Cursor, clock: Callable[[], float]
    ) -> None:
        self._instance = instance
        self._clock = clock
        self._until = time.monotonic() + TICK_SECONDS
        self.cursor = Cursor(
            cursor.settled, cursor.reached, cursor.since, dict(cursor.retried), dict(cursor.ticks)
        )

    def alerts(self) -> Iterator[Alert]:
        """What failed since; the cursor is right when all of it was taken."""
        now = self._clock()
        # Few, and not to wait until everything else was read: what fails here does nothing at all.
        yield from self._ticks(now)
        newest = self._instance.event_log_storage.get_maximum_record_id() or -1
        reached = newest
        for kind, told in (
            # First what a run says itself before it fails.
            (DagsterEventType.ASSET_CHECK_EVALUATION, self._of_check),
            (DagsterEventType.RUN_FAILURE, self._of_run),
        ):
            last = self.cursor.settled
            for record in self._records(kind, now):
                yield from told(record)
                last = record.storage_id
            if time.monotonic() > self._until:
                reached = min(reached, last)
        yield from self._never_retried(now)
        if now - self.cursor.since >= OVERLAP:
            self.cursor.settled = max(self.cursor.settled, self.cursor.reached)
            self.cursor.reached, self.cursor.since = reached, now

    def _ticks(self, now: float) -> Iterator[Alert]:
        """Ticks of schedules and sensors that failed; of one that fails all the time the newest."""
        if self._instance.schedule_storage is None:
            # An instance in memory has neither schedules nor sensors.
            return
        for state in self._instance.all_instigator_state():
            known = self.cursor.ticks.get(state.selector_id, -1)
            failed = self._instance.get_ticks(
                state.instigator_origin_id,
                state.selector_id,
                after=now - BACKWARDS.total_seconds(),
                limit=_TICKS,
                statuses=[TickStatus.FAILURE],
            )
            for one in sorted(failed, key=lambda one: one.tick_id):
                if one.tick_id > known:
                    yield tick_failed(one)
                    self.cursor.ticks[state.selector_id] = one.tick_id

    def _records(self, kind: DagsterEventType, now: float) -> Iterator[EventLogRecord]:
        after = self.cursor.settled
        oldest = now - BACKWARDS.total_seconds() if after < 0 else None
        while time.monotonic() <= self._until:
            page = self._instance.event_log_storage.get_event_records(
                EventRecordsFilter(
                    event_type=kind,
                    after_cursor=after if after >= 0 else None,
                    after_timestamp=oldest,
                ),
                limit=_PAGE,
                ascending=True,
            )
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].storage_id

    def _of_run(self, record: EventLogRecord) -> Iterator[Alert]:
        run = self._instance.get_run_by_id(record.run_id)
        if run is None:
            return
        young = self._clock() - record.event_log_entry.timestamp < _UNDECIDED
        if self._instance.run_retries_enabled and WILL_RETRY_TAG not in run.tags and young:
            # Dagster stores the event first, and then whether it will retry: the next tick sees.
            return
        if run.tags.get(WILL_RETRY_TAG) == "true":
            self.cursor.retried.setdefault(run.run_id, record.event_log_entry.timestamp)
            return
        if (failed := run_failed(self._instance, run, record.event_log_entry)) is not None:
            yield failed

    def _of_check(self, record: EventLogRecord) -> Iterator[Alert]:
        return check_failed(self._instance, record)

    def _never_retried(self, now: float) -> Iterator[Alert]:
        """Runs that Dagster said it would retry, and did not."""
        for run_id, since in list(self.cursor.retried.items()):
            retried = self._instance.get_runs_count(RunsFilter(tags={PARENT_RUN_ID_TAG: run_id}))
            if not retried and now - since < RETRY_PATIENCE:
                continue
            run = None if retried else self._instance.get_run_by_id(run_id)
            if run is not None:
                yield run_failed(self._instance, run, None) or _of_run(run, "died", since)
            if retried or now - since > RETRY_PATIENCE + 2 * OVERLAP:
                # Its event is read again for a while, and must not begin the waiting anew.
                del self.cursor.retried[run_id]


def run_failed(
    instance: DagsterInstance, run: DagsterRun, entry: EventLogEntry | None
) -> Alert | None:
    """The alert of a run that failed; None where somebody stopped it.

    Args:
        entry: the event of its failure; without it, it has failed now.
    """
    event = entry.dagster_event if entry is not None else None
    ended = event.event_specific_data if event is not None else None
    if isinstance(ended, JobFailureData) and _was_stopped(ended.error):
        return None
    code = "died"
    for failure in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE):
        data = failure.dagster_event.step_failure_data if failure.dagster_event else None
        if data is None:
            continue
        if _was_stopped(data.error):
            return None
        if data.error is not None and data.error.cls_name == living.CRASHED:
            break
        told = data.user_failure_data
        value = told.metadata.get("error") if told is not None else None
        code = plain_word(getattr(value, "value", None), "unexpected")
        break
    return _of_run(run, code, entry.timestamp if entry is not None else time.time())


def _was_stopped(error: SerializableErrorInfo | None) -> bool:
    return error is not None and error.cls_name in _STOPPED


def _of_run(run: DagsterRun, code: str, at: float) -> Alert:
    kind = KIND_OF_CODE.get(code)
    if kind is None:
        kind = Kind.DRILL_FAILED if _DRILL.search(run.job_name) else Kind.RUN_FAILED
        kind = Kind.DROP_FAILED if DROP_TAG in run.tags else kind
    return Alert(
        event=f"{_RUN}{run.run_id}",
        kind=kind,
        tenant=plain_slug(tenant_of(run)),
        subject=plain_word(run.job_name, "job"),
        code=code,
        run_id=run.run_id,
        at=_moment(at),
    )


def tick_failed(tick: InstigatorTick) -> Alert:
    """The alert of a tick of a schedule or a sensor that failed."""
    return Alert(
        event=f"tick:{tick.tick_id}",
        kind=Kind.TICK_FAILED,
        tenant="",
        subject=plain_word(tick.instigator_name, "schedule"),
        code=_code_of(tick.error),
        run_id="",
        at=_moment(tick.end_timestamp or tick.timestamp),
    )


def _code_of(error: SerializableErrorInfo | None) -> str:
    """The code of what was raised, however it was wrapped."""
    unreachable = False
    while error is not None:
        if error.cls_name in _CODES:
            return _CODES[error.cls_name]
        unreachable = unreachable or (error.cls_name or "").startswith("DagsterUserCode")
        error = error.cause or error.context
    return "code_server" if unreachable else "unexpected"


def check_failed(instance: DagsterInstance, record: EventLogRecord) -> Iterator[Alert]:
    """The alerts of an asset check that was evaluated; none where it passed, or only warns.

    One that goes through all tenants has an alert for each tenant for which it failed: of another
    one that it fails for an hour later somebody has to know, too.
    """
    event = record.event_log_entry.dagster_event
    data: Any = event.event_specific_data if event is not None else None
    if data is None or data.passed or data.severity is not AssetCheckSeverity.ERROR:
        return
    if data.check_name in _RULES:
        return
    metadata = {name: getattr(value, "value", None) for name, value in data.metadata.items()}
    tenant = metadata.get("tenant") or data.partition
    if not tenant and (run := instance.get_run_by_id(record.run_id)) is not None:
        tenant = tenant_of(run)
    whole = Alert(
        event=f"check:{record.run_id}:{record.storage_id}",
        kind=KIND_OF_CHECK.get(data.check_name, Kind.CHECK_FAILED),
        tenant=plain_slug(tenant),
        subject=plain_word(f"{data.asset_key.to_user_string()}/{data.check_name}", "check"),
        code=plain_word(data.check_name, "check"),
        run_id=record.run_id,
        at=_moment(record.event_log_entry.timestamp),
        counts=_counts(metadata),
    )
    affected = metadata.get(AFFECTED)
    slugs = [slug for slug in affected if plain_slug(slug)] if isinstance(affected, list) else []
    if not 0 < len(slugs) <= _EACH:
        yield whole
        return
    for slug in slugs:
        yield replace(whole, event=f"{whole.event}:{slug}", tenant=slug)


def _counts(metadata: Mapping[str, object]) -> dict[str, int]:
    return {
        name: value
        for name, value in metadata.items()
        if name in COUNTS and isinstance(value, int) and not isinstance(value, bool)
    }


def _drops(connection: sa.Connection, now: float) -> list[Alert]:
    """Drops that failed before there was a run of them: an empty file, another than its manifest
    says."""
    table = ledger.drops
    with connection.begin():
        rows = connection.execute(
            sa.select(table.c.id, table.c.attempt, table.c.tenant, table.c.changed_at).where(
                table.c.state == "failed",
                table.c.run_id.is_(None),
                table.c.changed_at > _moment(now) - BACKWARDS,
            )
        ).all()
    return [
        Alert(
            event=f"drop:{row.id}.{row.attempt}", kind=Kind.DROP_FAILED, tenant=row.tenant,
            subject="file_drop", code="source", run_id="",
            at=row.changed_at.astimezone(dt.UTC), counts={"drop": row.id},
        )
        for row in rows
    ]  # fmt: skip


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
