"""What is tried again and what is not; and what "re-execute from failure" goes on with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, ReexecutionOptions

from ispmig_pipelines.defs.tenant_migration import ops
from ispmig_pipelines.errors import DatabaseError, StorageError, UsageError
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House, job
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.faults.test_faults import PEOPLE, once, run


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    (tmp_path / "dagster").mkdir()
    retried = {"run_retries": {"enabled": True, "max_retries": 2,
                               "retry_on_asset_or_op_failure": False}}  # fmt: skip
    with DagsterInstance.local_temp(str(tmp_path / "dagster"), overrides=retried) as instance:
        house = House(folder, instance)
        house.write("spec.yaml", CUSTOMERS)
        house.write("people.csv", PEOPLE)
        yield house


def failed_in(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception | None = None
) -> Any:
    """A run that fails in a step for something that is over by the next time."""
    error = error or StorageError("There is no space left on the disk.")
    with monkeypatch.context() as patched:
        patched.setattr(ops, step, once(error, getattr(ops, step)))
        first = run(house)
    assert not first.success
    return first


def again(house: House, first: Any) -> Any:
    """The same as "Re-execute from failure" in the UI."""
    return run(house, ReexecutionOptions.from_failure(first.run_id, house.instance))


def begun(result: Any) -> set[str]:
    return {e.step_key for e in result.all_events if e.event_type_value == "STEP_START"}


def told(result: Any) -> tuple[str, str]:
    """What a failed run says, and the stable name of its error."""
    failure = next(e for e in result.all_events if e.is_step_failure).step_failure_data
    told = failure.user_failure_data
    return told.description, told.metadata["error"].value


def undisturbed(house: House) -> str:
    """The digest of what the migration comes to; nothing of it stays."""
    assert run(house).success
    digest = house.digest()
    house.tenant = type(house)(house.folder, house.instance, "another").tenant
    return digest


@pytest.mark.parametrize(
    ("step", "anew"),
    [
        ("map_feed", {"map[customer]", "validate[customer]", "load", "audit"}),
        ("validate_feed", {"validate[customer]", "load", "audit"}),
        ("load", {"load", "audit"}),
    ],
)
def test_from_failure_it_goes_on_with_what_is_staged_to_the_same_content(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str, anew: set[str]
) -> None:
    like = undisturbed(house)
    first = failed_in(house, monkeypatch, step)
    second = again(house, first)
    assert second.success
    assert begun(second) == anew
    assert house.digest() == like
    entry = house.entry(second.run_id)
    assert entry is not None
    assert entry.state is State.DONE
    assert not list(settings().staging_folder.rglob("*.*"))


@pytest.mark.slow
@pytest.mark.parametrize("step", ["map_feed", "validate_feed", "load"])
def test_when_what_was_staged_is_gone_it_says_so_and_a_run_from_the_start_works(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    like = undisturbed(house)
    first = failed_in(house, monkeypatch, step)
    shutil.rmtree(settings().staging_folder)
    second = again(house, first)
    assert not second.success
    message, error = told(second)
    assert error == "storage"
    assert "is not there any more" in message
    assert "Start the migration anew, from its first step" in message
    assert str(settings().staging_folder) not in message
    assert house.rows("customer", "account_number") == []
    # It is of no use to try that again by itself.
    seen = house.instance.get_run_by_id(second.run_id)
    assert seen is not None
    assert seen.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    assert run(house).success
    assert house.digest() == like


def test_what_a_user_has_to_mend_is_tried_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def wrong(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        raise UsageError("The file is not what the spec says.")

    with monkeypatch.context() as patched:
        patched.setattr(ops, "map_feed", wrong)
        failed = run(house)
    assert not failed.success
    assert len(calls) == 1
    assert not [e for e in failed.all_events if e.is_step_up_for_retry]
    seen = house.instance.get_run_by_id(failed.run_id)
    assert seen is not None
    assert seen.tags["dagster/will_retry"] == "false"
    assert seen.tags["dagster/retry_on_asset_or_op_failure"] == "false"


@pytest.mark.slow
def test_only_a_run_whose_process_was_lost_is_run_again_and_twice_at_most(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the rule of the daemon, which reads what a run has said of itself."""
    monkeypatch.setenv("ISPMIG_RETRIES", "0")
    settings.cache_clear()
    passing = DatabaseError("The connection was lost.", transient=True)
    for step, error in (("load", passing), ("map_feed", UsageError("no"))):
        failed = failed_in(house, monkeypatch, step, error)
        seen = house.instance.get_run_by_id(failed.run_id)
        assert seen is not None
        assert seen.tags["dagster/will_retry"] == "false"

    def lost(root: str | None = None) -> str:
        """A run that a monitor has found dead."""
        found = house.instance.create_run_for_job(
            job(),
            tags={"dagster/root_run_id": root, "dagster/parent_run_id": root} if root else {},
            root_run_id=root,
            parent_run_id=root,
            run_config={"ops": {"extract": {"config": {"spec": "spec.yaml"}}}},
        )
        house.instance.report_run_failed(found, "The process of this run has died.")
        seen = house.instance.get_run_by_id(found.run_id)
        assert seen is not None
        retried.append(seen.tags["dagster/will_retry"])
        return found.run_id

    retried: list[str] = []
    root = lost()
    lost(root)
    lost(root)
    assert retried == ["true", "true", "false"]
