"""Which runs are dead: Dagster does not notice by itself that a process was killed.

A run says of itself, in a tag, which process it is in: on which machine, with which id, and when
that began, so that another one that has the id since is not taken for it. The tag also says of
which run it was said: a run that goes on from another one's failure has its tags.
"""

import os
import platform
import signal

import psutil
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_job import TENANT_TAG

MIGRATION_TAG = "ispmig/migration"
PROCESS_TAG = "ispmig/process"
"""Of a run that has begun: its id, the machine, the process, and when that began."""

_DIED = "The process of this run has died."

CRASHED = "ChildProcessCrashException"
"""The name of the error with which Dagster fails a step whose own process died."""


def signature(run_id: str) -> str:
    """What :data:`PROCESS_TAG` says of a run in this process."""
    return f"{run_id} {this_process()}"


def this_process() -> str:
    """This process, as nobody else is called."""
    return _named(psutil.Process())


def process_of(run: DagsterRun) -> str | None:
    """The process that a run is in, as it has said itself; None as long as it has not."""
    run_id, _, process = run.tags.get(PROCESS_TAG, "").partition(" ")
    return process if run_id == run.run_id and process else None


def sign(instance: DagsterInstance, run: DagsterRun) -> None:
    """Says that the run is in this process."""
    signed = signature(run.run_id)
    if run.tags.get(PROCESS_TAG) != signed:
        instance.add_run_tags(run.run_id, {PROCESS_TAG: signed})


def _named(process: psutil.Process) -> str:
    return f"{platform.node()}:{process.pid}:{process.create_time():.0f}"


def is_here(process: str) -> bool:
    """Whether a run's process is, or was, one of this machine's."""
    return process.rsplit(":", 2)[0] == platform.node()


def is_dead(process: str) -> bool:
    """Whether a run's process is known to have ended; of another machine's nothing is known."""
    if not is_here(process):
        return False
    try:
        found = psutil.Process(int(process.rsplit(":", 2)[1]))
        return _named(found) != process or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def interrupt(process: str) -> bool:
    """Ends what a process of this machine does, as Ctrl-C would; whether it could be told."""
    if is_dead(process) or not is_here(process):
        return False
    try:
        os.kill(int(process.rsplit(":", 2)[1]), signal.SIGINT)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def bury(instance: DagsterInstance) -> list[str]:
    """Tells Dagster of runs whose process has died; returns their ids.

    Its queue would keep their tenants' places for ever.
    """
    return [
        _told(instance, run)
        for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        if (process := process_of(run)) is not None and is_dead(process)
    ]


def bury_of_tenant(
    instance: DagsterInstance, connection: Connection, slug: str, *, own: str
) -> list[str]:
    """The same for runs of a tenant that the caller holds; wherever they ran.

    Those that had the tenant, which the ledger knows, are dead: nobody else has it now. A run that
    goes on from another one's failure has its tags, but not yet its place in the ledger.

    Args:
        own: the run that asks.
    """
    # The daemon and the UI ask here whether runs are alive, and need nothing of the platform.
    from ispmig_pipelines.platform import ledger

    started = RunsFilter(tags={TENANT_TAG: slug}, statuses=[DagsterRunStatus.STARTED])
    dead = []
    for run in instance.get_runs(started):
        if run.run_id == own:
            continue
        process = process_of(run)
        with connection.begin():
            had_tenant = ledger.migration_of_run(connection, run.run_id) is not None
        if had_tenant or (process is not None and is_dead(process)):
            dead.append(_told(instance, run))
    return dead


def _told(instance: DagsterInstance, run: DagsterRun) -> str:
    instance.report_run_failed(run, _DIED)
    return run.run_id
