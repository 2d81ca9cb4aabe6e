"""Steps in processes of their own: the run holds its tenant, ends as it should, and goes on from
where it failed, also on another machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from dagster import DagsterEventType, DagsterRunStatus, ReexecutionOptions, execute_job
from dagster._core.definitions.reconstruct import ReconstructableRepository

from ispmig_pipelines import cli
from ispmig_pipelines.defs import cancelling, living
from ispmig_pipelines.defs.instance import instance
from ispmig_pipelines.defs.launch import DEFINITIONS, queue_job
from ispmig_pipelines.defs.steps_apart import processes, steps_apart
from ispmig_pipelines.errors import TenantBusy, UsageError
from ispmig_pipelines.platform import tenants, trail
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import HANDED_ON, shared_place
from ispmig_pipelines_tests.bucket import s3_server
from ispmig_pipelines_tests.defs.queued import Forking, queue
from ispmig_pipelines_tests.faults.killed import Scene, ended, in_child
from ispmig_pipelines_tests.faults.test_stopped import SOON, eventually

JOB = "tenant_migration_in_parts"
SPEC = """\
version: 1
sources: {people: {files: people.csv}}
entities:
  customer:
    from: people
    fields:
      account_number: No
      last_name: {column: Name, transform: {function: ispmig_checked.checked}}
      status: {column: State, lookup: {A: active, X: cancelled}}
      balance: {column: Owed, positive_is: debt}
      currency: {constant: EUR}
"""
PLUGIN = """\
import os
import time
from pathlib import Path

HERE = Path(__file__).parent

def checked(names):
    "Fails, or takes for ever, at one record while a file says so."
    if (names == "Name 350").any():
        if (HERE / "fail").exists():
            raise RuntimeError
        if (HERE / "die").exists():
            os.kill(os.getpid(), 9)
        while (HERE / "hang").exists():
            (HERE / "hanging").touch()
            time.sleep(0.05)
    return names
"""


@pytest.fixture
def scene(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "ispmig_checked.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])
                       if "PYTHONPATH" in os.environ else str(folder))  # fmt: skip
    monkeypatch.setenv("ISPMIG_PLUGINS", "ispmig_checked")
    settings.cache_clear()
    (folder / "spec.yaml").write_text(SPEC)
    lines = [f"{n},Name {n},{'?' if n % 100 == 0 else 'A'},{n}.25" for n in range(1, 501)]
    (folder / "people.csv").write_text("No,Name,State,Owed\n" + "\n".join(lines) + "\n")
    yield Scene(folder / "spec.yaml", tmp_path / "said.log")
    sys.modules.pop("ispmig_checked", None)


def command(scene: Scene, slug: str, *options: str) -> Callable[[], int | None]:
    """``ispmig migrate`` of the spec for a tenant, in five batches."""

    def run() -> int | None:
        sys.argv = ["ispmig", "migrate", slug, str(scene.spec), "--max-quarantined", "10",
                    "--batch-size", "100", "--json", *options]  # fmt: skip
        return cli.main()

    return run


IN_PARTS = ("--parts", "3", "--processes", "2")


def retried(slug: str) -> int:
    """Retries the tenant's newest run from its failure."""
    with instance() as dagster:
        (newest, *_) = dagster.get_runs()
        result = execute_job(
            ReconstructableRepository.for_module(DEFINITIONS, "defs").get_reconstructable_job(JOB),
            instance=dagster,
            tags={"dagster/partition": slug, "ispmig/tenant": slug},
            reexecution_options=ReexecutionOptions.from_failure(newest.run_id, dagster),
        )
        return 0 if result.success else 1


def begun(run_id: str) -> set[str]:
    with instance() as dagster:
        events = dagster.all_logs(run_id, of_type=DagsterEventType.STEP_START)
        return {str(e.step_key) for e in events}


def is_held(slug: str) -> bool:
    with engine().connect() as connection:
        try:
            with tenants.lock(connection, slug, "a look"):
                return False
        except TenantBusy:
            return True


class Looking:
    """Looks all the time whether a tenant is free, from when it was first held until its migration
    has ended."""

    def __init__(self, scene: Scene, slug: str) -> None:
        self.looks = 0
        self.free = 0
        self._scene = scene
        self._slug = slug
        self._stopped = Event()
        self._thread = Thread(target=self._look)

    def _look(self) -> None:
        while not self._stopped.wait(0.02):
            with engine().connect() as connection:
                held = tenants._holder(connection, self._slug)
            if held:
                self.looks += 1
            elif self.looks:
                (entry,) = self._scene.entries(self._slug)
                if entry.state is State.DONE:
                    return
                self.free += 1

    def __enter__(self) -> Looking:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()


def stages(slug: str) -> list[str]:
    with engine().connect() as connection:
        return [entry.stage for entry in trail.entries(connection, slug)][1:]


@pytest.mark.slow
def test_steps_are_processes_and_what_comes_of_them_is_the_same(scene: Scene) -> None:
    whole, slug = scene.tenant(), scene.tenant()
    assert ended(in_child(command(scene, whole), scene.log)) == 0
    with Looking(scene, slug) as looking:
        child = in_child(command(scene, slug, *IN_PARTS), scene.log)
        assert ended(child) == 0, scene.log.read_text()
    assert looking.looks > 20
    assert looking.free == 0
    (first,), (entry,) = scene.entries(whole), scene.entries(slug)
    assert not scene.problems(slug, scene.content(whole), first.entities)
    assert (entry.totals, entry.issues) == (first.totals, first.issues)
    assert stages(slug) == stages(whole) == ["begun", "published", "finished"]
    (run,) = scene.runs(slug)
    assert run.job_name == JOB
    assert (living.process_of(run) or "").split(":")[1] == str(child)
    with instance() as dagster:
        pids = {
            e.dagster_event.event_specific_data.metadata["pid"].value  # type: ignore[union-attr]
            for e in dagster.all_logs(run.run_id, of_type=DagsterEventType.STEP_WORKER_STARTED)
        }
    # Extract, three times map and validate, load, audit.
    assert len(pids) == 9
    assert str(child) not in pids


@pytest.mark.slow
def test_a_tenant_that_another_run_has_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_RETRIES", "1")
    settings.cache_clear()
    slug = scene.tenant()
    with engine().connect() as connection, tenants.lock(connection, slug, "a long one"):
        assert ended(in_child(command(scene, slug, *IN_PARTS), scene.log)) == 3
    said = scene.log.read_text()
    assert f"Another run is working on tenant {slug} right now: a long one" in said
    assert '"busy"' in said
    assert "It was tried 2 times." in said
    assert scene.entries(slug) == []


@pytest.mark.slow
def test_ctrl_c_stops_all_its_processes(scene: Scene) -> None:
    slug = scene.tenant()
    (scene.spec.parent / "hang").touch()
    child = in_child(command(scene, slug, *IN_PARTS), scene.log)
    eventually(lambda: (scene.spec.parent / "hanging").exists(), 60)
    # Extract has ended, and no step that runs now asks for the tenant.
    assert is_held(slug)
    os.kill(child, signal.SIGINT)
    assert ended(child) == 130, scene.log.read_text()
    (entry,) = scene.entries(slug)
    assert (entry.state, entry.error) == (State.FAILED, "It was stopped.")
    assert not is_held(slug)
    (scene.spec.parent / "hang").unlink()
    assert ended(in_child(command(scene, slug, *IN_PARTS), scene.log)) == 0


@pytest.mark.slow
def test_a_step_whose_process_is_killed_fails_its_run_in_words(scene: Scene) -> None:
    slug = scene.tenant()
    (scene.spec.parent / "die").touch()
    assert ended(in_child(command(scene, slug, *IN_PARTS), scene.log)) == 3
    assert "map[customer_3_of_3] has died" in scene.log.read_text()
    (entry,) = scene.entries(slug)
    assert entry.state is State.FAILED
    (scene.spec.parent / "die").unlink()
    assert ended(in_child(lambda: retried(slug), scene.log)) == 0, scene.log.read_text()
    assert scene.entries(slug)[0].state is State.DONE


@pytest.mark.slow
def test_in_the_queue_it_has_its_tenant_alone_and_is_cancelled_within_seconds(scene: Scene) -> None:
    slug, spec = scene.tenant(), str(scene.spec)
    (scene.spec.parent / "hang").touch()
    with queue(Forking) as found:
        in_parts = {"spec": spec, "max_quarantined": "10", "batch_size": 100, "parts": 3}
        run_id = queue_job(found.dagster, JOB, slug, {"extract": in_parts}).run_id
        found.turn()
        eventually(lambda: (scene.spec.parent / "hanging").exists(), 60)
        other = {"spec": spec, "max_quarantined": "10"}
        waiting = queue_job(found.dagster, "tenant_migration", slug, {"extract": other}).run_id
        found.turn()
        assert [run.run_id for run in found.runs(DagsterRunStatus.QUEUED)] == [waiting]
        with engine().connect() as connection:
            (stopped,) = cancelling.cancel(connection, found.dagster, what=run_id, patience=60)
        assert stopped.ended
        assert stopped.seconds < SOON
        (run,) = found.runs(DagsterRunStatus.CANCELED)
        assert run.run_id == run_id
        assert scene.entries(slug)[0].error == "It was stopped."
        (scene.spec.parent / "hang").unlink()
        found.until(found.over)
        assert found.run(slug).status is DagsterRunStatus.SUCCESS


@pytest.mark.slow
def test_what_failed_here_goes_on_on_another_machine(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All that they share is the database, the bucket, and the sources."""
    with s3_server(monkeypatch) as bucket:
        monkeypatch.setenv("ISPMIG_STAGING", f"s3://{bucket}/{tmp_path.name}/staging")
        settings.cache_clear()
        whole, slug = scene.tenant(), scene.tenant()
        assert ended(in_child(command(scene, whole), scene.log)) == 0, scene.log.read_text()
        (scene.spec.parent / "fail").touch()
        assert ended(in_child(command(scene, slug, *IN_PARTS), scene.log)) != 0
        shared = shared_place()
        assert shared is not None
        there = {blob.key.rpartition("/")[2] for blob in shared.list(f"{slug}/")}
        assert {"source-people.arrow", "mapped-customer-0_1_of_3.arrow"} <= there
        assert "mapped-customer-0_3_of_3.arrow" not in there
        (scene.spec.parent / "fail").unlink()

        monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "another"))
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        settings.cache_clear()
        assert ended(in_child(lambda: retried(slug), scene.log)) == 0, scene.log.read_text()
        assert begun(scene.runs(slug)[0].run_id) == {
            "map[customer_3_of_3]", "validate[customer_3_of_3]", "load", "audit"
        }  # fmt: skip
        (first,) = scene.entries(whole)
        assert not scene.problems(slug, scene.content(whole), first.entities)
        assert {blob.key.partition("/")[0] + "/" for blob in shared.list()} == {HANDED_ON}
        for home in (tmp_path, tmp_path / "another"):
            assert not list((home / "staging").glob("_process-*"))


@pytest.mark.slow
def test_steps_on_machines_of_their_own_share_a_bucket(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another of Dagster's executors, named by the setting: what it does, it does on a cluster."""
    whole, slug = scene.tenant(), scene.tenant()
    assert ended(in_child(command(scene, whole), scene.log)) == 0, scene.log.read_text()
    with s3_server(monkeypatch) as bucket:
        monkeypatch.setenv("ISPMIG_STAGING", f"s3://{bucket}/{tmp_path.name}/staging")
        monkeypatch.setenv("ISPMIG_STEP_EXECUTOR", "ispmig_pipelines_tests.defs.machines.machines")
        monkeypatch.setenv("MACHINES", str(tmp_path / "machines"))
        settings.cache_clear()
        done = subprocess.run(
            [sys.executable, "-m", "ispmig_pipelines.cli", "migrate", slug, str(scene.spec),
             "--max-quarantined", "10", "--batch-size", "100", "--parts", "2"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        shared = shared_place()
        assert shared is not None
        assert {blob.key.partition("/")[0] + "/" for blob in shared.list()} == {HANDED_ON}
    (first,) = scene.entries(whole)
    assert not scene.problems(slug, scene.content(whole), first.entities)
    assert stages(slug) == ["begun", "published", "finished"]
    used = sorted(path.name for path in (tmp_path / "machines").iterdir())
    assert used == [
        "audit", "extract", "load", "map-customer_1_of_2", "map-customer_2_of_2",
        "validate-customer_1_of_2", "validate-customer_2_of_2",
    ]  # fmt: skip
    assert not list((tmp_path / "machines").rglob("*.arrow"))
    assert list((tmp_path / "machines" / "audit" / "reports").rglob("*.html"))


@pytest.mark.slow
def test_an_executor_is_named_by_its_module_and_name() -> None:
    assert steps_apart("").config_schema is processes.config_schema
    kubernetes = pytest.importorskip("dagster_k8s", reason="dagster-k8s is not installed")
    found = steps_apart("dagster_k8s.k8s_job_executor")
    assert found.name == kubernetes.k8s_job_executor.name
    assert found.config_schema is kubernetes.k8s_job_executor.config_schema


@pytest.mark.parametrize("name", ["nowhere.executor", "dagster.job", "processes", "dagster.none"])
def test_a_name_of_no_executor_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(UsageError, match=rf"ISPMIG_STEP_EXECUTOR names {name}, and there is no"):
        steps_apart(name)
