"""What somebody stops ends within seconds, says so, leaves nothing half done, and can be done
again.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._grpc.types import ExecuteRunArgs

from ispmig_pipelines.defs.instance import instance
from ispmig_pipelines.defs.janitor import clean_tenant
from ispmig_pipelines.defs.launch import DEFINITIONS
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import ops
from ispmig_pipelines.platform import tenants, trail
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.faults.killed import Scene, ended, in_child
from ispmig_pipelines_tests.faults.test_killed import Undisturbed, goes_on, made, unfinished

SOON = 10.0
"""Seconds: on a machine that does much else, too."""


@pytest.fixture
def scene(ispmig_home: Path) -> Scene:
    return made(ispmig_home)


def eventually(what: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stopped(child: int, number: int) -> tuple[int, float]:
    """Sends the signal; how the child ended, and after how many seconds."""
    began = time.monotonic()
    os.kill(child, number)
    return ended(child), time.monotonic() - began


def at_work(query: str) -> bool:
    """Whether the server is working on a statement that holds these words."""
    with engine().connect() as connection:
        found = connection.execute(
            sa.text(
                """select count(*) from pg_stat_activity
                   where state = 'active' and query like :like and pid <> pg_backend_pid()"""
            ),
            {"like": f"%{query}%"},
        )
        return bool(found.scalar_one())


def asleep_in_load(scene: Scene, slug: str) -> Callable[[], int | None]:
    """A migration that comes to a statement that takes for ever."""

    def run() -> int | None:
        load = ops.load

        def long(connection: sa.Connection, *args: object, **kwargs: object) -> object:
            with connection.begin():
                connection.execute(sa.text("select pg_sleep(600)"))
            return load(connection, *args, **kwargs)  # type: ignore[arg-type]

        ops.load = long  # type: ignore[assignment]
        return scene.migration(slug)()

    return run


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_is_stopped_in_the_middle_of_a_statement(scene: Scene, number: int) -> None:
    like = Undisturbed(scene)
    slug = scene.tenant()
    child = in_child(asleep_in_load(scene, slug), scene.log)
    eventually(lambda: at_work("pg_sleep(600)"))
    code, seconds = stopped(child, number)
    said = scene.log.read_text()
    assert (code, seconds < SOON) == (130, True)
    assert "Stopped. Nothing was half-loaded." in said
    assert "interrupted" in said
    # The server does not work on for somebody who is not there any more.
    eventually(lambda: not at_work("pg_sleep(600)"), 5)
    (entry,) = scene.entries(slug)
    assert (entry.state, entry.error) == (State.FAILED, "It was stopped.")
    with engine().connect() as connection:
        last = trail.entries(connection, slug)[-1]
    assert (last.stage, last.details["error"]) == ("failed", "interrupted")
    goes_on(scene, slug, like, retried=number == signal.SIGINT)


def test_a_command_is_stopped_while_it_waits_for_the_tenant(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_RETRY_SECONDS", "300")
    settings.cache_clear()
    slug = scene.tenant()
    with engine().connect() as connection, tenants.lock(connection, slug, "a long one"):
        child = in_child(scene.migration(slug), scene.log)
        eventually(lambda: scene.log.exists() and "a long one" in scene.log.read_text())
        code, seconds = stopped(child, signal.SIGTERM)
    assert (code, seconds < SOON) == (130, True)
    assert scene.entries(slug) == []


@pytest.mark.slow
def test_a_command_that_is_stopped_between_two_ops_says_so_in_the_ledger(scene: Scene) -> None:
    def run() -> int | None:
        mapped = ops.usage
        calls = [0]

        def stop_after(*args: object) -> dict[str, float]:
            # The last thing that validate does, out of reach of its own noting.
            calls[0] += 1
            if calls[0] == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return mapped()

        ops.usage = stop_after  # type: ignore[assignment]
        return scene.migration(slug)()

    slug = scene.tenant()
    assert ended(in_child(run, scene.log)) == 130
    (entry,) = scene.entries(slug)
    assert (entry.state, entry.error) == (State.FAILED, "It was stopped.")


@pytest.mark.slow
def test_a_run_of_dagsters_is_stopped_likewise(scene: Scene) -> None:
    """The process that its launcher starts, and the signal by which it ends one."""
    like = Undisturbed(scene)
    slug = scene.tenant()
    with instance() as dagster, engine().connect() as connection:
        job = ReconstructableRepository.for_module(DEFINITIONS, "defs").get_reconstructable_job(
            "tenant_migration"
        )
        run = dagster.create_run_for_job(
            job_def=job.get_definition(),
            run_config={
                "ops": {"extract": {"config": {"spec": str(scene.spec), "max_quarantined": "10"}}}
            },
            tags={"dagster/partition": slug, "ispmig/tenant": slug},
            job_code_origin=job.get_python_origin(),
        )
        arguments = ExecuteRunArgs(
            job_origin=job.get_python_origin(),
            run_id=run.run_id,
            instance_ref=dagster.get_ref(),
            set_exit_code_on_failure=True,
        )
        tenant = tenants.get(connection, slug)
        # Whoever reads the table keeps nobody from staging; whoever locks it keeps the publishing.
        connection.execute(
            sa.text(f'lock table "{tenant.schema}".customer in access exclusive mode')
        )
        with scene.log.open("ab") as log:
            # Dagster's command names its program alone; it need not be on the path.
            worker = subprocess.Popen(
                [sys.executable, "-m", *arguments.get_command_args()], stdout=log, stderr=log
            )
        eventually(lambda: bool(waiting_for_locks()), 120)
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
        assert time.monotonic() - began < SOON
        connection.rollback()
        assert dagster.get_run_by_id(run.run_id).status is DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    (entry,) = scene.entries(slug)
    assert (entry.state, entry.error) == (State.FAILED, "It was stopped.")
    goes_on(scene, slug, like, retried=True)


def waiting_for_locks() -> int:
    with engine().connect() as connection:
        return int(
            connection.execute(
                sa.text("select count(*) from pg_locks where not granted")
            ).scalar_one()
        )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_is_stopped_at_any_moment(scene: Scene, number: int) -> None:
    like = Undisturbed(scene)
    rng = random.Random(int(number))  # noqa: S311 - moments of tests
    for turn in range(16):
        slug = scene.tenant()
        scene.log.unlink()
        child = in_child(scene.migration(slug), scene.log)
        time.sleep(rng.uniform(0.02, like.seconds))
        code, seconds = stopped(child, number)
        said = scene.log.read_text()
        assert code in (0, 130, -signal.SIGTERM), said[-3000:]
        assert seconds < SOON
        assert "This is a defect" not in said
        if code == 130:
            assert "Stopped. Nothing was half-loaded." in said
        if code == -signal.SIGTERM:
            # It had not begun.
            assert scene.entries(slug) == []
        assert all(e.state is not State.RUNNING for e in scene.entries(slug))
        if unfinished(scene, slug):
            goes_on(scene, slug, like, retried=bool(turn % 2))
        else:
            # It may have been done, and only not have tidied up.
            with instance() as dagster:
                clean_tenant(Platform(), slug, dagster)
            assert scene.problems(slug, like.content, like.counts) == []
