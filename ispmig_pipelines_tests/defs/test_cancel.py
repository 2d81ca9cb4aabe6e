"""What somebody cancels ends within seconds, whoever runs it, and leaves nothing half-done."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterEventType, DagsterInvariantViolationError, DagsterRunStatus
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import RemotePartitionSetOrigin
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.defs import cancelling, launch, living
from ispmig_pipelines.defs.instance import instance
from ispmig_pipelines.defs.launch import queue_job
from ispmig_pipelines.defs.tenant_migration import ops
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import copy, tenants, trail
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.defs.queued import (
    BEFORE,
    Forking,
    Noting,
    Queue,
    Silent,
    queue,
    reported,
    worked,
)
from ispmig_pipelines_tests.defs.test_queue import daemon, migrations
from ispmig_pipelines_tests.faults.killed import Scene, ended, in_child
from ispmig_pipelines_tests.faults.test_killed import made
from ispmig_pipelines_tests.faults.test_stopped import (
    SOON,
    asleep_in_load,
    at_work,
    eventually,
    waiting_for_locks,
)

CANCELED, STARTED, QUEUED = (
    DagsterRunStatus.CANCELED,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.QUEUED,
)


@pytest.fixture
def scene(ispmig_home: Path) -> Scene:
    return made(ispmig_home)


@pytest.fixture
def noting(scene: Scene) -> Iterator[Queue]:
    with queue(Noting) as found:
        yield found


@pytest.fixture
def forking(scene: Scene) -> Iterator[Queue]:
    with queue(Forking) as found:
        yield found


def put(found: Queue, scene: Scene, slug: str, **words: Any) -> str:
    config = {"spec": str(scene.spec), "max_quarantined": "10", **words}
    return queue_job(found.dagster, "tenant_migration", slug, {"extract": config}).run_id


def cancel(found: Queue, **words: Any) -> list[cancelling.Stopped]:
    with engine().connect() as connection:
        return cancelling.cancel(connection, found.dagster, **words)


def status(found: Queue, run_id: str) -> DagsterRunStatus:
    run = found.dagster.get_run_by_id(run_id)
    assert run is not None
    return run.status


def rows(slug: str) -> int:
    with engine().connect() as connection:
        return sum(tenants.contents(connection, tenants.get(connection, slug)).values())


def held() -> int:
    with engine().connect() as connection:
        asked = sa.text("select count(*) from pg_locks where locktype = 'advisory'")
        return int(connection.execute(asked).scalar_one())


def test_what_waits_in_the_queue_is_taken_out_of_it_and_what_is_others_stays(
    noting: Queue, scene: Scene
) -> None:
    ours, other = scene.tenant(), scene.tenant()
    mine = [put(noting, scene, ours) for _ in range(2)]
    others = put(noting, scene, other)
    found = cancel(noting, what=ours)
    assert [(s.run, s.was, s.ended, s.migration) for s in found] == [
        (run, "QUEUED", True, None) for run in (found[0].run, found[1].run)
    ]
    assert {s.run for s in found} == set(mine)
    assert [status(noting, run) for run in (*mine, others)] == [CANCELED, CANCELED, QUEUED]
    noting.turn()
    assert [run.run_id for run in noting.runs(STARTED)] == [others]
    assert cancel(noting, what=ours) == []


def test_a_run_is_named_by_the_beginning_of_its_id(noting: Queue, scene: Scene) -> None:
    slug = scene.tenant()
    one, another = put(noting, scene, slug), put(noting, scene, slug)
    (found,) = cancel(noting, what=one[:8])
    assert found.run == one
    assert status(noting, another) is QUEUED
    for unknown in ("nobody", one[:3], "ffffffff-0000", ""):
        with pytest.raises(UsageError, match="neither a tenant nor the id of a run under way"):
            cancel(noting, what=unknown)
    with pytest.raises(UsageError, match="has ended \\(CANCELED\\)"):
        cancel(noting, what=one)


@pytest.mark.slow
def test_all_is_everything_and_backfills_begin_no_more(noting: Queue, scene: Scene) -> None:
    runs = [put(noting, scene, scene.tenant()) for _ in range(7)]
    backfill = PartitionBackfill(
        backfill_id="many",
        partition_set_origin=RemotePartitionSetOrigin(
            repository_origin=launch._origin("tenant_migration").repository_origin,
            partition_set_name="tenant_migration_partition_set",
        ),
        status=BulkActionStatus.REQUESTED,
        partition_names=["t1"],
        from_failure=False,
        reexecution_steps=None,
        tags={},
        backfill_timestamp=time.time(),
    )
    noting.dagster.add_backfill(backfill)
    found = cancel(noting, everything=True)
    assert {s.run for s in found} == set(runs)
    assert all(s.ended for s in found)
    seen = noting.dagster.get_backfill("many")
    assert seen is not None
    assert seen.status is BulkActionStatus.CANCELING


def test_a_run_that_has_not_begun_yet_is_over_at_once_and_not_retried(scene: Scene) -> None:
    slug = scene.tenant()
    with queue(Silent) as silent:
        run_id = put(silent, scene, slug)
        silent.turn()
        assert status(silent, run_id) is DagsterRunStatus.STARTING
        (found,) = cancel(silent, what=slug)
        assert (found.was, found.ended) == ("STARTING", True)
        assert status(silent, run_id) is CANCELED
        # Its process comes too late.
        with pytest.raises(DagsterInvariantViolationError, match="was canceled before"):
            worked(run_id)
        assert status(silent, run_id) is CANCELED
    assert scene.entries(slug) == []


def test_a_run_whose_process_has_died_is_over_at_once(noting: Queue, scene: Scene) -> None:
    run_id = put(noting, scene, scene.tenant())
    noting.turn()
    here, pid, _ = living.this_process().rsplit(":", 2)
    dead = {living.PROCESS_TAG: f"{run_id} {here}:{pid}:1"}
    noting.dagster.add_run_tags(run_id, dead)
    (found,) = cancel(noting, what=run_id)
    assert found.ended
    assert status(noting, run_id) is CANCELED


def test_a_run_on_another_machine_is_named_with_its_process(
    noting: Queue, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = put(noting, scene, scene.tenant())
    noting.turn()
    noting.dagster.add_run_tags(run_id, {living.PROCESS_TAG: f"{run_id} far-away:77:1"})
    (found,) = cancel(noting, what=run_id)
    assert not found.ended
    assert "process 77 on far-away" in found.why
    result = CliRunner().invoke(app, ["cancel", run_id, "--wait", "1"])
    assert result.exit_code == 3
    assert "process 77 on far-away" in " ".join(result.output.split())
    reported(noting.dagster, noting.runs()[0], DagsterEventType.RUN_CANCELED)


def slow_copying() -> None:
    """A COPY that takes a quarter of a minute, and hands over some of it all the time."""
    made = copy.copy_text

    def slowly(batch: Any) -> Any:
        time.sleep(3)
        return made(batch)

    copy.copy_text = slowly  # type: ignore[assignment]


@pytest.mark.slow
def test_in_the_middle_of_a_copy_it_ends_within_seconds_and_can_be_run_again(
    forking: Queue, scene: Scene
) -> None:
    slug = scene.tenant()
    BEFORE.append(slow_copying)
    run_id = put(forking, scene, slug, batch_size=100)
    forking.turn()
    eventually(at_copying, 120)
    began = time.monotonic()
    (found,) = cancel(forking, what=slug)
    assert found.ended
    assert time.monotonic() - began < SOON
    assert status(forking, run_id) is CANCELED
    (entry,) = scene.entries(slug)
    assert (entry.state, entry.error) == (State.FAILED, "It was stopped.")
    assert (found.migration, found.state) == (entry.id, "failed")
    with engine().connect() as connection:
        last = trail.entries(connection, slug)[-1]
    assert (last.stage, last.details["error"]) == ("failed", "interrupted")
    forking.until(forking.over)
    assert rows(slug) == 0
    assert held() == 0
    assert not at_copying()
    BEFORE.clear()
    put(forking, scene, slug)
    forking.until(forking.over)
    assert scene.entries(slug)[0].state is State.DONE
    assert scene.entries(slug)[0].entities["customer"]["inserted"] == 500


def at_copying() -> bool:
    with engine().connect() as connection:
        asked = sa.text(
            "select count(*) from pg_stat_activity where query ilike 'copy %' and state = 'active'"
        )
        return bool(connection.execute(asked).scalar_one())


def stopping_after_validate() -> None:
    """Stops the process between two ops, where no op is there to say so."""
    used = ops.usage
    calls = [0]

    def stop() -> Any:
        calls[0] += 1
        if calls[0] == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return used()

    ops.usage = stop  # type: ignore[assignment]


@pytest.mark.slow
def test_between_two_ops_the_ledger_is_told_by_the_run_itself(forking: Queue, scene: Scene) -> None:
    slug = scene.tenant()
    BEFORE.append(stopping_after_validate)
    put(forking, scene, slug)
    forking.until(forking.over)
    (entry,) = scene.entries(slug)
    assert (entry.state, entry.error) == (State.FAILED, "It was stopped.")
    assert held() == 0


@pytest.mark.slow
def test_a_command_in_another_terminal_is_stopped_too(forking: Queue, scene: Scene) -> None:
    slug = scene.tenant()
    child = in_child(asleep_in_load(scene, slug), scene.log)
    eventually(lambda: at_work("pg_sleep(600)"), 120)
    began = time.monotonic()
    (found,) = cancel(forking, what=slug)
    assert ended(child) == 130
    assert found.ended
    assert time.monotonic() - began < SOON
    assert "Stopped. Nothing was half-loaded." in scene.log.read_text()
    assert status(forking, found.run) is CANCELED
    (entry,) = scene.entries(slug)
    assert (entry.state, entry.error) == (State.FAILED, "It was stopped.")
    eventually(lambda: not at_work("pg_sleep(600)"), 5)
    assert rows(slug) == 0


def test_the_command_says_what_it_stopped(noting: Queue, scene: Scene) -> None:
    slug = scene.tenant()
    run_id = put(noting, scene, slug)

    def said(*words: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["cancel", *words, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    (found,) = said(slug)["runs"]
    assert (found["run"], found["tenant"], found["was"], found["ended"]) == (
        run_id, slug, "QUEUED", True,
    )  # fmt: skip
    assert said("--all") == {"runs": []}
    assert said(code=2)["error"]["code"] == "usage"
    assert said(slug, "--all", code=2)["error"]["code"] == "usage"
    assert said("nobody", code=2)["error"]["code"] == "usage"


@pytest.mark.slow
def test_a_run_that_the_daemon_has_started_is_stopped_from_outside(
    scene: Scene, tmp_path: Path
) -> None:
    """By the ways of the UI: the coordinator, the launcher, the code server, the run's process."""
    slug = scene.tenant()
    log = tmp_path / "daemon.log"
    with engine().connect() as connection, instance() as dagster:
        tenant = tenants.get(connection, slug)
        connection.rollback()
        config = {"spec": str(scene.spec), "max_quarantined": "10"}
        run_id = queue_job(dagster, "tenant_migration", slug, {"extract": config}).run_id
        # Whoever reads the table keeps nobody from staging; whoever locks it keeps the publishing.
        table = sa.text(f'lock table "{tenant.schema}".customer in access exclusive mode')
        connection.execute(table)
        with daemon(log):
            eventually(lambda: bool(waiting_for_locks()), 300)
            began = time.monotonic()
            with engine().connect() as second:
                (found,) = cancelling.cancel(second, dagster, what=run_id)
            assert found.ended, found
            assert time.monotonic() - began < SOON
            connection.rollback()
            assert dagster.get_run_by_id(run_id).status is CANCELED  # type: ignore[union-attr]
            # Nobody tries again what somebody stopped.
            time.sleep(5)
            assert len(migrations(dagster)) == 1
    (entry,) = scene.entries(slug)
    assert (entry.state, entry.error) == (State.FAILED, "It was stopped.")
    assert rows(slug) == 0
