"""Which runs are dead: Dagster does not notice by itself that a command's process was killed."""

import platform

import psutil
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_job import TENANT_TAG
from ispmig_pipelines.platform import ledger

MIGRATION_TAG = "ispmig/migration"
PROCESS_TAG = "ispmig/process"
"""Of a run that a command makes: the machine, the process, and when that began."""

_DIED = "The process of this run has died."


def this_process() -> str:
    """What :data:`PROCESS_TAG` says of a run in this process."""
    return _named(psutil.Process())


def _named(process: psutil.Process) -> str:
    return f"{platform.node()}:{process.pid}:{process.create_time():.0f}"


def is_dead(process: str) -> bool:
    """Whether a run's process is known to have ended; of another machine's nothing is known."""
    machine, pid, _ = process.rsplit(":", 2)
    if machine != platform.node():
        return False
    try:
        found = psutil.Process(int(pid))
        return _named(found) != process or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def bury(instance: DagsterInstance) -> list[str]:
    """Tells Dagster of commands' runs whose process has died; returns their ids.

    Its queue would keep their tenants' places for ever.
    """
    return [
        _told(instance, run)
        for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        if PROCESS_TAG in run.tags and is_dead(run.tags[PROCESS_TAG])
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
    started = RunsFilter(tags={TENANT_TAG: slug}, statuses=[DagsterRunStatus.STARTED])
    dead = []
    for run in instance.get_runs(started):
        if run.run_id == own:
            continue
        process = run.tags.get(PROCESS_TAG)
        with connection.begin():
            had_tenant = ledger.migration_of_run(connection, run.run_id) is not None
        if had_tenant or (process is not None and is_dead(process)):
            dead.append(_told(instance, run))
    return dead


def _told(instance: DagsterInstance, run: DagsterRun) -> str:
    instance.report_run_failed(run, _DIED)
    return run.run_id
