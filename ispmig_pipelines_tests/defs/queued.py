"""The queue of a real instance, worked off by the daemon's own code, in the test's process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, RunsFilter
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)
from dagster._daemon.types import DaemonHeartbeat

from ispmig_pipelines.defs import instance as ours
from ispmig_pipelines.defs.launch import DEFINITIONS
from ispmig_pipelines.defs.launcher import Launcher
from ispmig_pipelines_tests.faults.killed import in_child

NO_LOGS = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


class Noting(Launcher):
    """Starts nothing: a run has started when it says so, and ends when the test does."""

    def launch_run(self, context: LaunchRunContext) -> None:
        reported(self._instance, context.dagster_run, DagsterEventType.RUN_START)


class Silent(Launcher):
    """Starts nothing, as far as anybody hears."""

    def launch_run(self, context: LaunchRunContext) -> None:
        pass


class Forking(Launcher):
    """Starts runs as forks of the test's process, which has everything imported."""

    def launch_run(self, context: LaunchRunContext) -> None:
        run_id = context.dagster_run.run_id
        log = Path(self._instance.root_directory) / f"{run_id}.log"

        def work() -> None:
            for prepare in BEFORE:
                prepare()
            worked(run_id)

        CHILDREN[in_child(work, log)] = run_id


BEFORE: list[Callable[[], None]] = []
"""What is done in a run's process before it begins: a test breaks things there."""

CHILDREN: dict[int, str] = {}
"""Process → run, of those that are not reaped yet."""


def worked(run_id: str) -> None:
    """Runs a run, in the process that is for it alone."""
    with ours.instance() as dagster:
        run = dagster.get_run_by_id(run_id)
        assert run is not None
        repository = ReconstructableRepository.for_module(DEFINITIONS, "defs")
        execute_run(repository.get_reconstructable_job(run.job_name), run, dagster)


def reported(dagster: DagsterInstance, run: DagsterRun, what: DagsterEventType) -> None:
    """Tells the instance of something that happened to a run."""
    event = DagsterEvent(event_type_value=what.value, job_name=run.job_name)
    dagster.report_dagster_event(event, run_id=run.run_id)


class Queue:
    """The queue and its daemon, a turn at a time."""

    def __init__(self, dagster: DagsterInstance, context: WorkspaceProcessContext) -> None:
        self.dagster = dagster
        self._context = context
        self._daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)

    def turn(self) -> None:
        """One of the daemon's, and its sign of life."""
        beat = DaemonHeartbeat(time.time(), self._daemon.daemon_type(), "test", [])
        self.dagster.add_daemon_heartbeat(beat)
        list(self._daemon.run_iteration(self._context))
        for child in [*CHILDREN]:
            if os.waitpid(child, os.WNOHANG)[0]:
                del CHILDREN[child]

    def until(self, done: Callable[[], object], seconds: float = 300) -> None:
        """Turns until something is so."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline
            self.turn()
            time.sleep(0.05)

    def runs(self, *statuses: Any) -> Sequence[DagsterRun]:
        """Runs in these statuses, the oldest first."""
        return self.dagster.get_runs(RunsFilter(statuses=list(statuses)))[::-1]

    def run(self, tenant: str) -> DagsterRun:
        """The newest run of a tenant."""
        return self.dagster.get_runs(RunsFilter(tags={"ispmig/tenant": tenant}), limit=1)[0]

    def over(self) -> bool:
        """Whether no run waits or is under way, and no process is left."""
        return not CHILDREN and all(run.is_finished for run in self.runs())


@contextmanager
def queue(launcher: type[Launcher]) -> Iterator[Queue]:
    """The queue of this home, with another way to start runs."""
    home = ours.prepare()["DAGSTER_HOME"]
    overrides = {
        "compute_logs": NO_LOGS,
        "run_launcher": {"module": __name__, "class": launcher.__name__},
    }
    reference = InstanceRef.from_dir(home, overrides=overrides)
    with (
        DagsterInstance.from_ref(reference) as dagster,
        WorkspaceProcessContext(dagster, EmptyWorkspaceTarget()) as context,
    ):
        try:
            yield Queue(dagster, context)
        finally:
            BEFORE.clear()
            for child in [*CHILDREN]:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                del CHILDREN[child]
