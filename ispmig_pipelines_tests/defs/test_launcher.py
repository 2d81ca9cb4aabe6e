"""Runs of another container: what its code server says of them, and what it does not."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.utils import make_new_run_id

from ispmig_pipelines.defs import instance as ours
from ispmig_pipelines.defs import living
from ispmig_pipelines_tests import slow_job

ELSEWHERE = "another-container:7:1700000000"


@dg.job
def nothing() -> None:
    pass


@pytest.fixture
def dagster(ispmig_home: object) -> Iterator[DagsterInstance]:
    with ours.instance() as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a code server that has begun no run: one that was started anew."""
    folder = tmp_path_factory.mktemp("code")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "dagster", "api", "grpc", "--host", "127.0.0.1", "--port",
         str(port), "--python-file", str(slow_job.FILE)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while not answers(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(60)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def started(dagster: DagsterInstance, port: int | None, process: str = ELSEWHERE) -> DagsterRun:
    run_id = make_new_run_id()
    tags = {living.PROCESS_TAG: f"{run_id} {process}"}
    if port is not None:
        tags[GRPC_INFO_TAG] = json.dumps({"host": "127.0.0.1", "port": port})
    return dagster.create_run_for_job(
        job_def=nothing, run_id=run_id, tags=tags, status=DagsterRunStatus.STARTED
    )


def health(dagster: DagsterInstance, run: DagsterRun) -> tuple[WorkerStatus, str]:
    found = dagster.run_launcher.check_run_worker_health(run)
    return found.status, found.msg or ""


def test_a_run_that_its_code_server_does_not_know_any_more_went_with_the_former_one(
    dagster: DagsterInstance, served: int
) -> None:
    status, told = health(dagster, started(dagster, served))
    assert status is WorkerStatus.FAILED
    assert "started anew" in told


def test_a_run_whose_code_server_does_not_answer_may_be_alive(dagster: DagsterInstance) -> None:
    assert health(dagster, started(dagster, free_port()))[0] is WorkerStatus.RUNNING


def test_of_a_command_on_another_machine_nothing_is_known(dagster: DagsterInstance) -> None:
    assert health(dagster, started(dagster, None))[0] is WorkerStatus.RUNNING


def test_of_a_run_on_this_machine_its_process_is_asked_and_not_the_server(
    dagster: DagsterInstance, served: int
) -> None:
    run = started(dagster, served, living.this_process())
    assert health(dagster, run)[0] is WorkerStatus.RUNNING
