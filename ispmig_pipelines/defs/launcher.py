"""How Dagster starts runs, knows that they are alive, and ends them.

Its own launcher does so through the code server that started a run. Whether a run's process is
alive it does not say, and it knows nothing of the runs of commands. On one machine both can be
known: a run says of itself which process it is in (:mod:`.living`). Where the daemon and the code
server are two machines or two containers, the code server is asked: one that answers and does not
know a run that it started has been started anew since, and the run went with the former one.
"""

from __future__ import annotations

import time
from contextlib import suppress

from dagster import DagsterRun, DagsterRunStatus
from dagster._core.errors import DagsterUserCodeProcessError, DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.types import (
    CanCancelExecutionRequest,
    CanCancelExecutionResult,
    CancelExecutionRequest,
)
from dagster._serdes import deserialize_value

from ispmig_pipelines.defs import living

UNSIGNED_SECONDS = 120.0
"""So long after its start a run that has not said which process it is in is asked after."""


class Launcher(DefaultRunLauncher):
    """Dagster's launcher, for runs whose processes may be killed, and for those of commands."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Lets the daemon's monitoring ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether a run's process is alive; of one that nothing is known of, yes."""
        process = living.process_of(run)
        if process is None:
            return self._unsigned(run)
        if not living.is_here(process):
            return self._elsewhere(run, process)
        if living.is_dead(process):
            return CheckRunHealthResult(WorkerStatus.FAILED, f"Its process ({process}) has died.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _unsigned(self, run: DagsterRun) -> CheckRunHealthResult:
        """Of a run that had no time yet to say which process it is in, or died before it could."""
        record = self._instance.get_run_record_by_id(run.run_id)
        began = record.start_time if record else None
        if began is None or time.time() - began < UNSIGNED_SECONDS or self._is_served(run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "Its code server does not know it.")

    def _elsewhere(self, run: DagsterRun, process: str) -> CheckRunHealthResult:
        """Of a run on another machine, or in another container."""
        # A server that cannot be reached is restarting, or its run goes on behind a broken network.
        if GRPC_INFO_TAG in run.tags and self._server_says(run.run_id) is False:
            said = f"Its code server has been started anew; its process ({process}) went with it."
            return CheckRunHealthResult(WorkerStatus.FAILED, said)
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _is_served(self, run_id: str) -> bool:
        return bool(self._server_says(run_id))

    def _server_says(self, run_id: str) -> bool | None:
        """Whether the code server that a run was started by has it; None where it does not say."""
        client = self._get_grpc_client_for_termination(run_id)
        if client is None:
            return None
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run_id), 10)
        except DagsterUserCodeUnreachableError:
            return None
        return deserialize_value(answer, CanCancelExecutionResult).can_cancel

    def terminate(self, run_id: str) -> bool:
        """Ends a run; whether it was told, or was dead.

        Where its code server is not there any more, or it is a command's, its process is told on
        this machine.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        if run.status is DagsterRunStatus.STARTING:
            return self._end_starting(run)
        process = living.process_of(run)
        if process is not None and living.is_dead(process):
            self._instance.report_run_canceling(run)
            self._instance.report_run_canceled(run, "It was stopped; its process had died.")
            return True
        if GRPC_INFO_TAG in run.tags:  # those of commands have no code server
            try:
                if super().terminate(run_id):
                    return True
            except (DagsterUserCodeUnreachableError, DagsterUserCodeProcessError):
                pass  # the server that started it is gone; it may be alive all the same
        if process is None or not living.is_here(process):
            return False
        if run.status is not DagsterRunStatus.CANCELING:
            self._instance.report_run_canceling(run)
        return living.interrupt(process)

    def _end_starting(self, run: DagsterRun) -> bool:
        """Ends a run that has not begun. It is told so first: what its process would say of being
        stopped while it imports is a failure, after which the run would be retried."""
        client = self._get_grpc_client_for_termination(run.run_id)
        self._instance.report_run_canceling(run)
        self._instance.report_run_canceled(run, "It was stopped before it began.")
        if client is not None:
            # One that is gone has no process that could begin it.
            with suppress(DagsterUserCodeUnreachableError):
                client.cancel_execution(CancelExecutionRequest(run_id=run.run_id))
        return True
