"""Stopping runs: those that wait in the queue, and those under way, wherever they were started."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.tenant_job import tenant_of
from ispmig_pipelines.defs.tenant_migration import closing
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import ledger, tenants

PATIENCE = 60.0
"""Seconds for which runs that were told to end are waited for."""

_SHORTEST_ID = 6


@dataclass(frozen=True)
class Stopped:
    """What became of a run that was to be stopped.

    Attributes:
        was: Dagster's word for what it did: QUEUED, STARTED and so on.
        ended: it has; the others were told, or could not be.
        seconds: until it had.
        migration: its entry in the ledger, where it had made one, and the entry's state.
        why: why it has not ended, where that is known.
    """

    run: str
    job: str
    tenant: str
    was: str
    ended: bool
    seconds: float
    migration: int | None = None
    state: str | None = None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {**self.__dict__, "seconds": round(self.seconds, 3)}


def cancel(
    connection: Connection,
    instance: DagsterInstance,
    *,
    what: str = "",
    everything: bool = False,
    patience: float = PATIENCE,
) -> list[Stopped]:
    """Stops runs, and waits until they have ended.

    What was published stays published and says so in the ledger; else nothing is left of it.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        what: a tenant, whose runs all are stopped; or a run's id, or the beginning of one.
        everything: all runs of all tenants, and backfills that are about to start more.

    Raises:
        UsageError: there is no such tenant or run.
    """
    if everything:
        _stop_backfills(instance)
        chosen = _unfinished(instance)
    else:
        chosen = chosen_by(connection, instance, what)
    return stop(connection, instance, chosen, patience=patience)


def chosen_by(connection: Connection, instance: DagsterInstance, what: str) -> list[DagsterRun]:
    """The runs under way that a tenant's slug or the beginning of a run's id means.

    Raises:
        UsageError: there is no such tenant or run, or the run has ended.
    """
    known = [str(one["slug"]) for one in tenants.list_all(connection)]
    connection.rollback()
    unfinished = _unfinished(instance)
    if what in known:
        return [run for run in unfinished if tenant_of(run) == what]
    found = [run for run in unfinished if len(what) >= _SHORTEST_ID and run.run_id.startswith(what)]
    if len(found) == 1:
        return found
    if found:
        raise UsageError(
            f"{what} is the beginning of {len(found)} runs' ids: give more of it. They are "
            f"{', '.join(run.run_id for run in found)}."
        )
    ended = instance.get_run_by_id(what)
    if ended is not None:
        raise UsageError(f"Run {what} has ended ({ended.status.value}): nothing is to be stopped.")
    raise UsageError(
        f"{what[:60]!r} is neither a tenant nor the id of a run under way, nor the first "
        f"{_SHORTEST_ID} characters of one. Tenants: ispmig tenant list."
    )


def stop(
    connection: Connection,
    instance: DagsterInstance,
    runs: Iterable[DagsterRun],
    *,
    patience: float = PATIENCE,
) -> list[Stopped]:
    """Stops these runs, those that wait first: they would begin when others have ended."""
    began = time.monotonic()
    waiting = sorted(runs, key=lambda run: run.status is not DagsterRunStatus.QUEUED)
    why = {run.run_id: _tell(instance, run) for run in waiting}
    ends: dict[str, float] = {}
    told_again = began
    while len(ends) < len(waiting) and time.monotonic() - began < patience:
        again = time.monotonic() - told_again > 3
        told_again = time.monotonic() if again else told_again
        for run in waiting:
            if run.run_id in ends:
                continue
            seen = instance.get_run_by_id(run.run_id)
            if seen is None or seen.is_finished:
                ends[run.run_id] = time.monotonic() - began
            elif again and seen.status is not DagsterRunStatus.CANCELING:
                # The daemon was just about to start it.
                why[run.run_id] = _tell(instance, seen)
        if all(why[run.run_id] for run in waiting if run.run_id not in ends):
            break
        time.sleep(0.1)
    found = []
    for run in waiting:
        ended = run.run_id in ends
        if ended:
            closing.note_ended(connection, run.run_id)
        with connection.begin():
            entry = ledger.migration_of_run(connection, run.run_id)
        found.append(
            Stopped(
                run.run_id, run.job_name, tenant_of(run), run.status.value, ended,
                ends.get(run.run_id, time.monotonic() - began),
                entry.id if entry else None, entry.state.value if entry else None,
                "" if ended else why[run.run_id],
            )
        )  # fmt: skip
    return found


def _unfinished(instance: DagsterInstance) -> list[DagsterRun]:
    return list(instance.get_runs(RunsFilter(statuses=list(NOT_FINISHED_STATUSES))))


def _tell(instance: DagsterInstance, run: DagsterRun) -> str:
    """Tells a run to end; why it could not be told, where that is so."""
    if run.status is DagsterRunStatus.NOT_STARTED:
        instance.report_run_canceling(run)
        instance.report_run_canceled(run, "It was stopped before it was put into the queue.")
        return ""
    try:
        if instance.run_coordinator.cancel_run(run.run_id):
            return ""
    except Exception as error:  # whatever the launcher of a user's own dagster.yaml raises
        reason = f" ({type(error).__name__})"
    else:
        reason = ""
    seen = instance.get_run_by_id(run.run_id)
    if seen is None or seen.is_finished:
        return ""
    process = living.process_of(seen)
    if process is None:
        return f"It could not be told to end{reason}: try again, or stop it in the UI."
    if living.interrupt(process):
        return ""
    machine, pid, _ = process.rsplit(":", 2)
    return f"It could not be told to end{reason}: it is process {pid} on {machine}; end it there."


def _stop_backfills(instance: DagsterInstance) -> None:
    asked = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    for backfill in instance.get_backfills(filters=asked):
        instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELING))
