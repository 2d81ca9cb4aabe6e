"""What works the queue off where nobody has started Dagster's daemon: ``ispmig migrate --all`` does
for as long as it takes.

These are the daemon's own parts that start waiting runs, notice lost ones and retry them. Schedules
and sensors are not among them: who asks for migrations has not asked for backups or dropped files.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dagster import DagsterInstance

from ispmig_pipelines.defs.instance import prepare, shipped_file
from ispmig_pipelines.settings import settings

HEARTBEAT_SECONDS = 60.0
"""After so long without a sign of life there is no daemon; it gives one every 30 seconds."""

_QUEUE = "QUEUED_RUN_COORDINATOR"
_STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


def is_worked(instance: DagsterInstance) -> bool:
    """Whether a daemon works the queue off: this one, ``ispmig up``'s, or another machine's."""
    beat = instance.get_daemon_heartbeats().get(_QUEUE)
    return beat is not None and time.time() - beat.timestamp < HEARTBEAT_SECONDS


@contextmanager
def working() -> Iterator[subprocess.Popen[bytes]]:
    """A process that works the queue off until the block ends; runs that it has started and that
    are under way then go on to their end."""
    log = settings().home / "logs" / "queue.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def end_with_parent() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__],
            env={**os.environ, **prepare()},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            # A Ctrl-C in the terminal is ours to pass on.
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()


def main() -> None:
    """Works the queue off until SIGTERM or SIGINT."""
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
    from dagster._daemon.controller import daemon_controller_from_instance
    from dagster._daemon.daemon import DagsterDaemon, MonitoringDaemon
    from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
        QueuedRunCoordinatorDaemon,
    )
    from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers

    def parts(instance: DagsterInstance) -> list[DagsterDaemon]:
        return [
            QueuedRunCoordinatorDaemon(interval_seconds=1),
            MonitoringDaemon(interval_seconds=instance.run_monitoring_poll_interval_seconds),
            EventLogConsumerDaemon(),
        ]

    def stop(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    setup_interrupt_handlers()
    signal.signal(signal.SIGTERM, stop)
    with DagsterInstance.get() as instance:
        with (
            suppress(KeyboardInterrupt),
            capture_interrupts(),
            daemon_controller_from_instance(
                instance,
                WorkspaceFileTarget([str(shipped_file("workspace.yaml"))]),
                gen_daemons=parts,
                code_server_log_level="warning",
            ) as controller,
        ):
            controller.check_daemon_loop()
        # Its last sign of life is not to be taken for a living one's; another gives one soon.
        instance.wipe_daemon_heartbeats()


if __name__ == "__main__":
    main()
