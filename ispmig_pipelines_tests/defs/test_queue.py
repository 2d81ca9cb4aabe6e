"""Runs wait in a queue: so many at once, one of each tenant, urgent ones first, none lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import yaml
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs import instance as ours
from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.launch import queue_job
from ispmig_pipelines.defs.launcher import Launcher
from ispmig_pipelines.defs.queueing import BACKGROUND, DATABASE, ORDINARY, URGENT, tags_of
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.concurrency.test_tenants_at_once import Export, exported
from ispmig_pipelines_tests.defs.queued import Noting, Queue, queue, reported

AT_ONCE = 5
STARTED, QUEUED = DagsterRunStatus.STARTED, DagsterRunStatus.QUEUED


@pytest.fixture
def noting(ispmig_home: Path) -> Iterator[Queue]:
    with queue(Noting) as found:
        yield found


def put(dagster: DagsterInstance, tenant: str, priority: int = ORDINARY) -> str:
    config = {"extract": {"spec": f"{tenant}.yaml"}}
    return queue_job(dagster, "tenant_migration", tenant, config, priority=priority).run_id


def work_off(noting: Queue, begun: list[str] | None = None) -> list[list[DagsterRun]]:
    """Works the queue off, ending one run at a time; what was under way after each turn."""
    begun = [] if begun is None else begun
    seen: list[list[DagsterRun]] = []
    while not noting.over():
        noting.turn()
        under_way = list(noting.runs(STARTED))
        seen.append(under_way)
        fresh = [run for run in under_way if run.run_id not in begun]
        begun += [run.run_id for run in sorted(fresh, key=lambda run: launched(noting, run))]
        reported(noting.dagster, under_way[0], DagsterEventType.RUN_SUCCESS)
    return seen


def launched(noting: Queue, run: DagsterRun) -> float:
    stats = noting.dagster.get_run_stats(run.run_id)
    assert stats.launch_time is not None
    return stats.launch_time


def test_twelve_runs_keep_to_every_limit_and_all_are_run(noting: Queue) -> None:
    wanted = ["a", "a", "a", "b", "b", "c", "d", "e", "f"]
    put_in = [put(noting.dagster, tenant) for tenant in wanted]
    put_in += [put(noting.dagster, tenant, BACKGROUND) for tenant in "ghi"]
    begun: list[str] = []
    seen = work_off(noting, begun)
    assert max(len(under_way) for under_way in seen) == AT_ONCE
    for under_way in seen:
        of = Counter(run.tags["ispmig/tenant"] for run in under_way)
        assert max(of.values()) == 1, of
        assert sum("ispmig/background" in run.tags for run in under_way) <= 2
    assert sorted(begun) == sorted(put_in)
    assert all(run.status is DagsterRunStatus.SUCCESS for run in noting.runs())


def test_urgent_work_goes_first_and_the_background_last_and_else_the_oldest(
    noting: Queue,
) -> None:
    for tenant in "abcde":
        put(noting.dagster, tenant)
    noting.turn()
    nightly = put(noting.dagster, "f", BACKGROUND)
    ordinary = [put(noting.dagster, tenant) for tenant in ("g", "h")]
    urgent = put(noting.dagster, "i", URGENT)
    begun = [run.run_id for run in noting.runs(STARTED)]
    first = len(begun)
    assert first == AT_ONCE
    work_off(noting, begun)
    assert begun[first:] == [urgent, *ordinary, nightly]


def test_a_tenant_that_is_at_work_holds_up_no_other(noting: Queue) -> None:
    for tenant in ("a", "a", "a", "a", "a", "b"):
        put(noting.dagster, tenant, URGENT if tenant == "a" else ORDINARY)
    noting.turn()
    assert [run.tags["ispmig/tenant"] for run in noting.runs(STARTED)] == ["a", "b"]


def test_no_more_runs_of_the_pool_than_it_has_places(noting: Queue) -> None:
    noting.dagster.event_log_storage.set_concurrency_slots(DATABASE, 2)
    for tenant in "abcd":
        put(noting.dagster, tenant)
    assert max(len(under_way) for under_way in work_off(noting)) == 2


@pytest.mark.parametrize("number", [1, 10])
def test_how_many_at_once_is_a_setting(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("ISPMIG_CONCURRENT_RUNS", str(number))
    settings.cache_clear()
    with ours.instance() as dagster:
        found = dagster.get_concurrency_config().run_queue_config
    assert found is not None
    assert found.max_concurrent_runs == number
    assert yaml.safe_load(ours.configuration())["concurrency"]["runs"]["tag_concurrency_limits"]


@pytest.mark.parametrize("number", ["0", "11", "many"])
def test_a_setting_beyond_the_limits_is_refused(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setenv("ISPMIG_CONCURRENT_RUNS", number)
    settings.cache_clear()
    with pytest.raises(UsageError, match="ISPMIG_CONCURRENT_RUNS"):
        ours.prepare()


def test_jobs_for_which_somebody_waits_go_before_others() -> None:
    def priority(job: str) -> int:
        return int(defs.get_job_def(job).tags.get("dagster/priority", "0"))

    assert priority("tenant_rollback") == priority("tenant_resubmit") > 0
    assert priority("tenant_migration") == 0
    assert tags_of(BACKGROUND) == {"dagster/priority": "-10", "ispmig/background": "true"}
    assert tags_of(ORDINARY) == {}


# --- whether a run is alive


def signed(noting: Queue, process: str) -> DagsterRun:
    run_id = put(noting.dagster, f"t{len(noting.runs())}")
    noting.turn()
    noting.dagster.add_run_tags(run_id, {living.PROCESS_TAG: f"{run_id} {process}"})
    run = noting.dagster.get_run_by_id(run_id)
    assert run is not None
    return run


def test_a_run_is_alive_as_long_as_its_process_is(noting: Queue) -> None:
    launcher = noting.dagster.run_launcher
    assert isinstance(launcher, Launcher)
    assert launcher.supports_check_run_worker_health

    def health(run: DagsterRun) -> str:
        return launcher.check_run_worker_health(run).status.value

    here, pid, _ = living.this_process().rsplit(":", 2)
    assert health(signed(noting, living.this_process())) == "RUNNING"
    # Of another machine's nothing is known.
    assert health(signed(noting, f"another-machine:{pid}:1")) == "RUNNING"
    # The id is another process's since.
    assert health(signed(noting, f"{here}:{pid}:1")) == "FAILED"
    # What a run has of its parent says nothing of itself.
    parent = signed(noting, f"{here}:{pid}:1")
    noting.dagster.report_run_failed(parent)
    child = put(noting.dagster, "child")
    noting.turn()
    noting.dagster.add_run_tags(child, {living.PROCESS_TAG: parent.tags[living.PROCESS_TAG]})
    found = noting.dagster.get_run_by_id(child)
    assert found is not None
    assert health(found) == "RUNNING"


def test_a_run_that_never_said_where_it_is_is_asked_after(
    noting: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(noting.dagster, "a")
    noting.turn()
    (run,) = noting.runs(STARTED)
    launcher = noting.dagster.run_launcher
    assert launcher.check_run_worker_health(run).status.value == "RUNNING"
    monkeypatch.setattr("ispmig_pipelines.defs.launcher.UNSIGNED_SECONDS", 0.0)
    assert launcher.check_run_worker_health(run).status.value == "FAILED"


# --- the real thing


@contextmanager
def daemon(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's daemon as ``ispmig up`` starts it."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "--workspace",
             str(ours.shipped_file("workspace.yaml"))],
            env={**os.environ, **ours.prepare()}, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield process
    finally:
        family = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(90)
        for one in family:
            if one.is_running():
                one.kill()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def eventually(what: Callable[[], object], log: Path, seconds: float = 900) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, log.read_text()[-5000:]
        time.sleep(0.2)


def migration(dagster: DagsterInstance, slug: str, export: Export, **words: int) -> str:
    config = {"spec": str(export.spec), "max_quarantined": "20"}
    return queue_job(dagster, "tenant_migration", slug, {"extract": config}, **words).run_id


def migrations(dagster: DagsterInstance) -> Sequence[DagsterRun]:
    """Runs of migrations: the daemon's schedules may begin others meanwhile."""
    return dagster.get_runs(RunsFilter(job_name="tenant_migration"))


def rows(slug: str) -> int:
    with engine().connect() as connection:
        return tenants.contents(connection, tenants.get(connection, slug))["customer"]


def entries(slug: str) -> list[ledger.Migration]:
    with engine().connect() as connection:
        return ledger.migrations(connection, slug)


@pytest.mark.slow
def test_twelve_migrations_through_the_daemon(ispmig_home: Path, tmp_path: Path) -> None:
    ledger.prepare(engine())
    slugs = [f"isp{n}" for n in range(1, 9)]
    exports = {slug: exported(tmp_path, n, 300) for n, slug in enumerate(slugs, 1)}
    for slug in slugs:
        tenants.add(engine(), slug)
    log = tmp_path / "daemon.log"
    with ours.instance() as dagster:
        for slug in (*slugs, *slugs[:4]):
            migration(dagster, slug, exports[slug], priority=URGENT if slug == "isp7" else ORDINARY)
        with daemon(log):
            eventually(lambda: all(run.is_finished for run in migrations(dagster)), log)
        records = dagster.get_run_records(RunsFilter(job_name="tenant_migration"))
    assert [r.dagster_run.status for r in records] == [DagsterRunStatus.SUCCESS] * 12
    spans = [(r.start_time or 0, r.end_time or 0, r.dagster_run.tags["ispmig/tenant"])
             for r in records]  # fmt: skip
    for begin, _, slug in spans:
        others = [of for start, end, of in spans if start <= begin < end]
        assert len(others) <= AT_ONCE
        assert others.count(slug) == 1
    for slug in slugs:
        assert rows(slug) == exports[slug].rows
        assert {e.state for e in entries(slug)} == {State.DONE}
    assert sum(len(entries(slug)) for slug in slugs) == 12


@pytest.mark.slow
def test_killed_with_all_workers_while_runs_wait_nothing_is_lost_and_nothing_is_twice(
    ispmig_home: Path, tmp_path: Path
) -> None:
    ledger.prepare(engine())
    slugs = [f"isp{n}" for n in range(1, 8)]
    exports = {slug: exported(tmp_path, n, 4000) for n, slug in enumerate(slugs, 1)}
    for slug in slugs:
        tenants.add(engine(), slug)
    log = tmp_path / "daemon.log"
    with ours.instance() as dagster:
        for slug in slugs:
            migration(dagster, slug, exports[slug])
        for _ in range(2):
            with daemon(log) as process:
                before = len(dagster.get_runs(RunsFilter(statuses=[STARTED])))
                eventually(
                    lambda: len(dagster.get_runs(RunsFilter(statuses=[STARTED]))) > before  # noqa: B023
                    or all(run.is_finished for run in migrations(dagster)), log
                )  # fmt: skip
                family = descendants(process.pid)
                for one in (psutil.Process(process.pid), *family):
                    one.kill()
                psutil.wait_procs(family, 10)
        with daemon(log):
            eventually(lambda: settled(dagster, slugs), log)
        assert [run for run in migrations(dagster) if not run.is_finished] == []
    for slug in slugs:
        assert rows(slug) == exports[slug].rows, (slug, [e.state for e in entries(slug)])
        states = Counter(e.state for e in entries(slug))
        assert states[State.DONE] == 1, states
        assert set(states) <= {State.DONE, State.FAILED, State.UNDONE}


def settled(dagster: DagsterInstance, slugs: list[str]) -> bool:
    """Whether each tenant has been migrated and no run is under way or to be retried."""
    runs = migrations(dagster)
    done = {run.tags["ispmig/tenant"] for run in runs if run.status is DagsterRunStatus.SUCCESS}
    over = all(run.is_finished and not run.is_complete_and_waiting_to_retry for run in runs)
    return over and done == set(slugs)
