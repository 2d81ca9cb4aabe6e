"""An executor that gives each step a machine of its own, as a cluster does: a new process, with a
home where nobody else has been. What it hands the step is what Dagster hands a pod."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dagster import DagsterEvent, Executor, InitExecutorContext, executor
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)


class Machines(StepHandler):
    """Starts ``dagster api execute_step`` for each step."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def name(self) -> str:
        return "machines"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        asked = step_handler_context.execute_step_args
        (key,) = asked.step_keys_to_execute or ()
        home = self._folder / key.replace("[", "-").rstrip("]")
        home.mkdir(parents=True)
        own = os.environ | {"ISPMIG_HOME": str(home)}
        command = [sys.executable, "-m", *asked.get_command_args()]
        with (home / "said.log").open("wb") as log:
            self._running[key] = subprocess.Popen(command, env=own, stdout=log, stderr=log)
        return iter(())

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        (key,) = step_handler_context.execute_step_args.step_keys_to_execute or ()
        code = self._running[key].poll()
        if code:
            return CheckStepHealthResult.unhealthy(f"It ended with {code}.")
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        (key,) = step_handler_context.execute_step_args.step_keys_to_execute or ()
        self._running[key].terminate()
        return iter(())


@executor(name="machines", requirements=multiple_process_executor_requirements())
def machines(context: InitExecutorContext) -> Executor:
    """Below the folder that ``MACHINES`` names."""
    return StepDelegatingExecutor(
        Machines(Path(os.environ["MACHINES"])),
        retries=RetryMode.ENABLED,
        sleep_seconds=0.2,
        check_step_health_interval_seconds=2,
        max_concurrent=2,
    )
