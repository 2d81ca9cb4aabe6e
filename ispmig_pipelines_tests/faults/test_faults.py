"""What breaks from outside: nothing is half-loaded, the error says what to do, and trying again
works.
"""

from __future__ import annotations

import os
import platform
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from dagster import DagsterInstance, DagsterRunStatus, ReexecutionOptions, execute_job
from dagster._core.definitions.reconstruct import ReconstructableRepository

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs import living, retrying
from ispmig_pipelines.defs.launch import DEFINITIONS
from ispmig_pipelines.defs.tenant_migration import ops
from ispmig_pipelines.errors import DatabaseError, StorageError, UsageError
from ispmig_pipelines.platform import embedded, ledger, tenants, trail
from ispmig_pipelines.platform.audit.verify import verify_chains
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import Staging
from ispmig_pipelines_tests.defs.migrating import House, job
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS

PEOPLE = "No,Name,State,Owed\n" + "".join(f"{n},Name {n},A,{n}.50\n" for n in range(1, 501))

KEEPS_COMMITS = {"fsync": "off"}
"""The server of a test that kills it: what it has committed outlives it (a commit that is not
synchronous would not), while the machine itself stays up."""


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    (tmp_path / "dagster").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        house = House(folder, instance)
        house.write("spec.yaml", CUSTOMERS)
        house.write("people.csv", PEOPLE)
        yield house


def run(house: House, reexecution: ReexecutionOptions | None = None) -> Any:
    """The job as a run worker runs it, with outputs that survive it."""
    return execute_job(
        ReconstructableRepository.for_module(DEFINITIONS, "defs").get_reconstructable_job(
            "tenant_migration"
        ),
        instance=house.instance,
        tags={"dagster/partition": house.tenant.slug},
        run_config={"ops": {"extract": {"config": {"spec": str(house.folder / "spec.yaml")}}}},
        reexecution_options=reexecution,
    )


def once(error: Exception, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, failing the first time."""
    left = [error]

    def failing(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return function(*args, **kwargs)

    return failing


@pytest.mark.slow
@pytest.mark.parametrize("step", ["map_feed", "validate_feed", "load"])
def test_a_run_retried_from_failure_goes_on_from_what_is_staged(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    gone = DatabaseError("PostgreSQL went away.", transient=False)
    monkeypatch.setattr(ops, step, once(gone, getattr(ops, step)))
    first = run(house)
    assert not first.success
    failed = house.entry(first.run_id)
    assert failed is not None
    assert (failed.state, failed.error) == (ledger.State.FAILED, "PostgreSQL went away.")
    second = run(house, ReexecutionOptions.from_failure(first.run_id, house.instance))
    assert second.success
    assert "extract" not in {e.step_key for e in second.all_events if e.is_step_success}
    done = house.entry(second.run_id)
    assert done is not None
    assert (done.id, done.state, done.error) == (failed.id, ledger.State.DONE, None)
    assert done.entities["customer"]["inserted"] == 500


@pytest.mark.slow
def test_a_run_that_died_after_the_commit_is_not_loaded_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The op's result was lost, its transaction was not."""
    metadata = ops.counts_metadata
    monkeypatch.setattr(ops, "counts_metadata", once(RuntimeError("died"), metadata))
    first = run(house)
    published = house.entry(first.run_id)
    assert published is not None
    assert published.state is ledger.State.PUBLISHED
    before = house.digest()
    second = run(house, ReexecutionOptions.from_failure(first.run_id, house.instance))
    assert second.success
    done = house.entry(second.run_id)
    assert done is not None
    assert (done.id, done.state) == (published.id, ledger.State.DONE)
    assert done.entities["customer"]["inserted"] == 500
    assert house.digest() == before


@pytest.mark.slow
def test_what_was_published_and_never_audited_is_taken_back_by_the_next_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = house.digest()
    monkeypatch.setattr(ops.auditing, "audit", once(DatabaseError("gone"), ops.auditing.audit))
    first = run(house)
    published = house.entry(first.run_id)
    assert published is not None
    assert published.state is ledger.State.PUBLISHED
    assert "takes it back" in (published.error or "")
    house.write("people.csv", PEOPLE.splitlines()[0] + "\n9,Zed,?,1\n")
    assert house.migrate(max_quarantined="1").ok
    assert house.digest() == before
    with house.engine.connect() as connection:
        assert ledger.migration(connection, published.id).state is ledger.State.UNDONE
    third = run(house, ReexecutionOptions.from_failure(first.run_id, house.instance))
    assert not third.success
    assert house.digest() == before


@pytest.mark.slow
def test_auditing_an_old_migration_again_changes_nothing(house: House) -> None:
    first = run(house)
    house.write("people.csv", PEOPLE.replace("1.50", "9.99"))
    assert house.migrate().ok
    before = house.digest()
    again = run(
        house,
        ReexecutionOptions(parent_run_id=first.run_id, step_selection=["audit"]),
    )
    assert again.success
    assert house.digest() == before


@pytest.mark.slow
def test_a_failed_run_is_not_gone_on_with_when_a_later_one_was_published(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ops, "load", once(DatabaseError("gone"), ops.load))
    first = run(house)
    house.write("people.csv", PEOPLE.replace("1.50", "9.99"))
    assert house.migrate().ok
    before = house.digest()
    second = run(house, ReexecutionOptions.from_failure(first.run_id, house.instance))
    assert not second.success
    assert house.digest() == before


def started(house: House, **tags: str) -> str:
    """A run that Dagster takes for alive; its id."""
    return house.instance.create_run_for_job(
        job(),
        run_config={"ops": {"extract": {"config": {"spec": "spec.yaml"}}}},
        tags={"ispmig/tenant": "acme", **tags},
        status="STARTED",
    ).run_id


def started_in(house: House, process: str) -> str:
    """A run that has said which process it is in; its id."""
    run_id = started(house)
    house.instance.add_run_tags(run_id, {"ispmig/process": f"{run_id} {process}"})
    return run_id


def opened(house: House, run_id: str, **values: Any) -> int:
    """A migration that a run began, which died then."""
    with house.engine.begin() as connection:
        migration = ledger.open_migration(
            connection, tenant="acme", mode="load", on_conflict="update", spec_name="",
            spec_path="", spec_text="", spec_digest="", dagster_run_id=run_id, actor="",
        )  # fmt: skip
        if values:
            ledger.update_migration(connection, migration, **values)
    return migration


def status(house: House, run_id: str) -> DagsterRunStatus:
    found = house.instance.get_run_by_id(run_id)
    assert found is not None
    return found.status


@pytest.mark.slow
def test_dagster_is_told_of_runs_whose_process_was_killed(house: House) -> None:
    had_the_tenant = started(house, **{"ispmig/migration": "1"})
    opened(house, had_the_tenant)
    gone = started_in(house, f"{platform.node()}:{os.getpid()}:1")
    waiting = started_in(house, living.this_process())
    elsewhere = started_in(house, "another:1:1")
    # A run that goes on from another's failure has its tags, and begins only later.
    retrying = started(house, **{"ispmig/migration": "1"})
    assert run(house).success
    assert {status(house, r) for r in (had_the_tenant, gone)} == {DagsterRunStatus.FAILURE}
    assert {status(house, r) for r in (waiting, elsewhere, retrying)} == {DagsterRunStatus.STARTED}


@pytest.mark.slow
def test_the_janitor_closes_what_dead_runs_left_and_touches_no_living_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clean() -> dict[str, Any]:
        result = defs.get_job_def("janitor").execute_in_process(instance=house.instance)
        assert result.success
        return dict(result.output_for_node("clean_up"))

    monkeypatch.setattr(ops.auditing, "audit", once(UsageError("x"), ops.auditing.audit))
    unaudited = house.entry(run(house).run_id)
    assert unaudited is not None
    assert unaudited.state is ledger.State.PUBLISHED
    dead = opened(house, started(house))
    part = settings().staging_folder / "acme" / str(dead) / "source.part"
    part.parent.mkdir(parents=True)
    part.write_text("x")
    os.utime(part, (1, 1))
    with house.engine.connect() as connection, tenants.lock(connection, "acme"):
        assert clean() == {}
    told = clean()["acme"]
    assert (told["failed"], told["parts"], len(told["runs"])) == ([str(dead)], ["1"], 1)
    # It may still be retried from failure.
    assert "taken_back" not in told
    monkeypatch.setenv("ISPMIG_UNAUDITED_HOURS", "0")
    settings.cache_clear()
    assert clean()["acme"]["taken_back"] == [str(unaudited.id)]
    assert clean() == {}
    assert house.rows("customer", "account_number") == []
    with house.engine.connect() as connection:
        states = {m.id: m.state for m in ledger.migrations(connection, "acme")}
        assert all(chain.holds for chain in verify_chains(house.engine.connect))
    assert states == {unaudited.id: ledger.State.UNDONE, dead: ledger.State.FAILED}
    assert not list(settings().staging_folder.rglob("*.*"))


@pytest.mark.slow
@pytest.mark.parametrize("step", ["extracting.extract", "map_feed", "load", "auditing.audit"])
def test_what_passes_is_tried_again_in_the_same_run(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    module, _, name = step.rpartition(".")
    place = getattr(ops, module) if module else ops
    lost = DatabaseError("The connection was lost.", transient=True)
    monkeypatch.setattr(place, name, once(lost, getattr(place, name)))
    result = run(house)
    assert result.success
    (again,) = [e for e in result.all_events if e.is_step_up_for_retry]
    assert "The connection was lost." in again.event_specific_data.error.to_string()
    with house.engine.connect() as connection:
        (only,) = ledger.migrations(connection, "acme")
        stages = [e.stage for e in trail.entries(connection, "acme") if e.operation == "migration"]
    assert (only.state, only.error) == (ledger.State.DONE, None)
    assert stages == ["begun", "published", "finished"]


@pytest.mark.slow
def test_tries_are_few_and_what_stays_is_not_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bool] = []

    def failing(transient: bool) -> Callable[..., Any]:
        def fail(*args: Any, **kwargs: Any) -> Any:
            calls.append(transient)
            raise DatabaseError("No.", transient=transient)

        return fail

    monkeypatch.setattr(ops, "load", failing(transient=True))
    passing = run(house)
    assert len(calls) == 1 + settings().retries
    assert "It was tried 5 times." in house.entry(passing.run_id).error  # type: ignore[union-attr, operator]
    calls.clear()
    monkeypatch.setattr(ops, "load", failing(transient=False))
    staying = run(house)
    assert len(calls) == 1
    tags = house.instance.get_run_by_id(staying.run_id).tags  # type: ignore[union-attr]
    assert tags["dagster/retry_on_asset_or_op_failure"] == "false"


@pytest.mark.slow
def test_a_run_waits_for_the_tenant_and_then_says_that_it_is_busy(house: House) -> None:
    with house.engine.connect() as connection, tenants.lock(connection, "acme"):
        refused = run(house)
    failure = next(e for e in refused.all_events if e.is_step_failure).step_failure_data
    assert failure.user_failure_data.metadata["error"].value == "busy"
    assert len([e for e in refused.all_events if e.is_step_up_for_retry]) == settings().retries
    assert run(house).success


def test_pauses_grow_and_are_not_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISPMIG_RETRY_SECONDS", "2")
    settings.cache_clear()
    for number, mean in enumerate((2, 6, 14, 30), 1):
        pauses = {float(retrying.policy().calculate_delay(number)) for _ in range(50)}
        assert len(pauses) > 1
        assert all(mean - 2 <= pause <= mean + 2 for pause in pauses)
    settings.cache_clear()


@pytest.mark.slow
def test_what_a_dead_run_left_is_cleared_away_by_the_next(house: House, ispmig_home: Path) -> None:
    with house.engine.begin() as connection:
        dead = ledger.open_migration(
            connection, tenant="acme", mode="load", on_conflict="update", spec_name="",
            spec_path="", spec_text="", spec_digest="", dagster_run_id="", actor="",
        )  # fmt: skip
    assert house.migrate().ok
    with house.engine.connect() as connection:
        entry = ledger.migration(connection, dead)
    assert entry.state is ledger.State.FAILED
    assert "process died" in (entry.error or "")


@pytest.mark.slow
def test_a_database_that_goes_away_in_the_middle_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = tmp_path / "server"
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(
        "ISPMIG_DATABASE_URL", embedded.serve(server, linger=0, options=KEEPS_COMMITS)
    )
    settings.cache_clear()
    folder = tmp_path / "exports"
    folder.mkdir()
    try:
        with DagsterInstance.ephemeral() as instance:
            house = House(folder, instance)
            house.write("spec.yaml", CUSTOMERS)
            house.write("people.csv", PEOPLE)
            before = house.digest()
            load = ops.load

            def killed(*args: Any, approve: Callable[[Any], None], **kwargs: Any) -> Any:
                def kill(loaded: Any) -> None:
                    pid = embedded.status(server).pid
                    assert pid is not None
                    sessions = psutil.Process(pid).children(recursive=True)
                    os.kill(pid, signal.SIGKILL)
                    # A session that has not noticed yet could still commit.
                    psutil.wait_procs(sessions, timeout=10)

                return load(*args, approve=kill, **kwargs)

            monkeypatch.setattr(ops, "load", killed)
            message, exit_code = house.migrate(look=False).failure()
            assert exit_code == 3
            assert "PostgreSQL" in message
            assert "Traceback" not in message
            monkeypatch.setattr(ops, "load", load)
            deadline = time.monotonic() + 10
            while embedded.status(server).running and time.monotonic() < deadline:
                time.sleep(0.05)
            monkeypatch.setenv(
                "ISPMIG_DATABASE_URL", embedded.serve(server, linger=0, options=KEEPS_COMMITS)
            )
            settings.cache_clear()
            house.engine = engine()
            assert house.digest() == before
            again = house.migrate()
            assert again.ok
            assert again.counts["customer"]["inserted"] == 500
    finally:
        settings.cache_clear()
        embedded.remove(server)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Files cannot grow beyond 64 KB: as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_told_and_leaves_no_half_table(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "acme", 1)
    schema = pa.schema([("cell", pa.string())])

    def fill() -> None:
        with staging.write("source-x", schema) as table:
            for _ in range(100):
                table.write(pa.record_batch([[os.urandom(5000).hex()]], schema=schema))

    with pytest.raises(StorageError, match=r"no space left on the disk.*ISPMIG_HOME"):
        fill()
    assert list(tmp_path.rglob("*.arrow")) == list(tmp_path.rglob("*.part")) == []
