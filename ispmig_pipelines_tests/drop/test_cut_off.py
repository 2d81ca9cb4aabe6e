"""A pass that is cut off before any of its steps: nothing is lost, and nothing is migrated twice.

The sensor is killed before the first step, the next time before the second, and so on, until it
has come through; then it ticks on as if nothing had been. Each time another file is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.drop import intake, records
from ispmig_pipelines.drop.places import BucketPlace, FolderPlace
from ispmig_pipelines.drop.records import State
from ispmig_pipelines.storage import S3Storage
from ispmig_pipelines_tests.bucket import BUCKET, s3_server
from ispmig_pipelines_tests.drop.dropping import SPEC, Yard, customers

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Killed(BaseException):
    """The process is gone."""


class Steps:
    """Counts the steps of all passes, and kills before the one that is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kill_before: int | None = None
        self.count = 0
        self._monkeypatch = monkeypatch

    def of(self, owner: object, *names: str) -> None:
        for name in names:
            self._monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, step):  # type: ignore[no-untyped-def]
        def counted(*args, **kwargs):  # type: ignore[no-untyped-def]
            self.count += 1
            if self.count == self.kill_before:
                raise Killed
            return step(*args, **kwargs)

        return counted

    def arm(self, before: int) -> None:
        self.count, self.kill_before = 0, before

    @property
    def struck(self) -> bool:
        return self.kill_before is not None and self.count >= self.kill_before


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    made = Steps(monkeypatch)
    made.of(records, "enter", "update", "keep_sightings")
    made.of(intake, "_write")
    return made


def hold(yard: Yard, number: int) -> None:
    """What is true after each file, however it came there."""
    loads = [m for m in yard.migrations() if m.mode == "load"]
    assert len(loads) == number
    assert {m.state.value for m in loads} == {"done"}
    assert len({m.files[0]["sha256"] for m in loads}) == number
    assert yard.rows() == number
    ended = [one for one in yard.drops() if one.state is State.DONE]
    assert len(ended) == number


@pytest.mark.slow
def test_of_a_folder(
    ispmig_home: Path, instance: DagsterInstance, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.of(FolderPlace, "claim", "fetch", "put", "move", "forget", "holds")
    renamed = Path.rename
    monkeypatch.setattr(Path, "rename", steps._counted(renamed))
    yard = Yard(ispmig_home, instance, "acme")
    yard.rule("acme", SPEC, "customers_*.csv")
    for number in range(1, 60):
        yard.put(f"customers_{number}.csv", customers(number))
        steps.arm(number)
        yard.until_quiet()
        struck = steps.struck
        yard.until_quiet()
        hold(yard, number)
        names = {f"done/customers_{n}.csv" for n in range(1, number + 1)}
        papers = {f"{name}.report.{kind}" for name in names for kind in ("html", "json")}
        assert yard.lying() == names | papers
        if not struck:
            break
    else:
        raise AssertionError("it never came through")
    assert number > 15


@pytest.mark.slow
def test_of_a_bucket(
    ispmig_home: Path, instance: DagsterInstance, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.of(BucketPlace, "claim", "fetch", "put", "move", "forget")
    steps.of(S3Storage, "copy", "delete")
    with s3_server(monkeypatch):
        storage = S3Storage(BUCKET, "in/acme")
        yard = Yard(ispmig_home, instance, "acme")
        monkeypatch.setenv("ISPMIG_DROP", f"s3://{BUCKET}/in")
        from ispmig_pipelines.settings import settings

        settings.cache_clear()
        yard.rule("acme", SPEC, "customers_*.csv")
        for number in range(1, 60):
            with storage.writing(f"customers_{number}.csv") as stream:
                stream.write(customers(number).encode())
            steps.arm(number)
            yard.until_quiet()
            struck = steps.struck
            yard.until_quiet()
            hold(yard, number)
            names = {f"done/customers_{n}.csv" for n in range(1, number + 1)}
            papers = {f"{name}.report.{kind}" for name in names for kind in ("html", "json")}
            assert {blob.key for blob in storage.list()} == names | papers
            if not struck:
                break
        else:
            raise AssertionError("it never came through")
        assert number > 15
        assert not list((ispmig_home / "drop-work" / "acme").iterdir())


def test_a_run_that_was_asked_for_and_never_began_is_asked_for_again_by_the_same_key(
    ispmig_home: Path, instance: DagsterInstance
) -> None:
    yard = Yard(ispmig_home, instance, "acme")
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_1.csv", customers(1))
    (lost,) = yard.tick()
    (again,) = yard.tick()
    assert lost.run_key == again.run_key
    assert yard.run(again)
    assert not yard.run(lost)
    yard.until_quiet()
    hold(yard, 1)


@pytest.mark.slow
def test_a_run_that_somebody_deleted_while_it_waited_is_begun_anew(
    ispmig_home: Path, instance: DagsterInstance
) -> None:
    from ispmig_pipelines.definitions import defs

    yard = Yard(ispmig_home, instance, "acme")
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_1.csv", customers(1))
    (request,) = yard.tick()
    run = instance.create_run_for_job(
        defs.get_job_def("tenant_migration"),
        run_config=dict(request.run_config),
        tags={**request.tags, "dagster/run_key": request.run_key or ""},
    )
    assert yard.tick() == []
    assert yard.drops()[0].state is State.LAUNCHED
    instance.delete_run(run.run_id)
    assert yard.until_quiet() == 1
    hold(yard, 1)


@pytest.mark.slow
def test_somebody_who_takes_the_file_away_before_it_is_claimed_has_it(
    ispmig_home: Path, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = Yard(ispmig_home, instance, "acme")
    yard.rule("acme", SPEC, "customers_*.csv")
    path = yard.put("customers_1.csv", customers(1))
    entered = records.enter

    def taken(*args, **kwargs):  # type: ignore[no-untyped-def]
        found = entered(*args, **kwargs)
        path.write_text(customers(1, 2))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(records, "enter", taken)
        yard.tick()
    assert yard.drops()[0].state is State.GONE
    assert yard.until_quiet() == 1
    assert yard.rows() == 2


def test_a_run_that_somebody_stopped_leaves_its_file_to_be_retried(
    ispmig_home: Path, instance: DagsterInstance
) -> None:
    from ispmig_pipelines.definitions import defs

    yard = Yard(ispmig_home, instance, "acme")
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_1.csv", customers(1))
    (request,) = yard.tick()
    run = instance.create_run_for_job(
        defs.get_job_def("tenant_migration"),
        run_config=dict(request.run_config),
        tags={**request.tags, "dagster/run_key": request.run_key or ""},
    )
    instance.report_run_canceled(run)
    yard.tick()
    (drop,) = yard.drops()
    assert (drop.state, "stopped" in drop.why) == (State.FAILED, True)
    assert "failed/customers_1.csv" in yard.lying()


@pytest.mark.slow
def test_a_run_that_dagster_will_try_again_is_waited_for(
    ispmig_home: Path, instance: DagsterInstance
) -> None:
    from ispmig_pipelines.definitions import defs

    yard = Yard(ispmig_home, instance, "acme")
    yard.rule("acme", SPEC, "customers_*.csv")
    yard.put("customers_1.csv", customers(1))
    (request,) = yard.tick()
    lost = instance.create_run_for_job(
        defs.get_job_def("tenant_migration"),
        run_config=dict(request.run_config),
        tags={
            **request.tags,
            "dagster/run_key": request.run_key or "",
            "dagster/will_retry": "true",
        },
    )
    instance.report_run_failed(lost)
    assert yard.tick() == []
    assert yard.drops()[0].state is State.LAUNCHED
    defs.get_job_def("tenant_migration").execute_in_process(
        instance=instance,
        partition_key="acme",
        run_config=dict(request.run_config),
        tags={**request.tags, "dagster/parent_run_id": lost.run_id},
    )
    yard.until_quiet()
    hold(yard, 1)
