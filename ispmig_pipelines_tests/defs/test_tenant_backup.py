"""The asset ``tenant_backup``: made by hand, on schedules and by commands; and its checks."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DefaultScheduleStatus,
    JobDefinition,
    SkipReason,
    build_schedule_context,
    build_sensor_context,
    materialize,
)

from ispmig_pipelines.backing_up import back_up
from ispmig_pipelines.backup import schedule as schedules
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.backup.schedule import Schedule
from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_backup.asset import BACKUP, tenant_backup_asset
from ispmig_pipelines.defs.tenant_backup.due import check_cron, due, last_due, overdue
from ispmig_pipelines.defs.tenant_backup.freshness import AFFECTED, fresh
from ispmig_pipelines.defs.tenant_backup.scheduling import backups_of_commands, tenant_backups
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def schedule(
    cron: str = "30 2 * * *", zone: str = "UTC", since: dt.datetime = LONG_AGO
) -> Schedule:
    return Schedule(cron, zone, since, own=False)


# -- what is due ------------------------------------------------------------------------------


def test_a_backup_is_due_from_the_moment_of_its_schedule_until_one_is_begun() -> None:
    at = moment("2026-11-23T02:30")
    assert due(schedule(), None, at - dt.timedelta(seconds=1)) == at - dt.timedelta(days=1)
    assert due(schedule(), at - dt.timedelta(hours=1), at) == at
    assert due(schedule(), at, at + dt.timedelta(minutes=5)) is None
    assert due(schedule(""), None, NOON) is None


def test_what_was_missed_is_made_up_for_within_a_day() -> None:
    weekly = schedule("0 3 * * 0")
    sunday = moment("2026-11-22T03:00")
    assert due(weekly, None, sunday + dt.timedelta(hours=23)) == sunday
    assert due(weekly, None, sunday + dt.timedelta(hours=25)) is None


def test_nothing_is_made_up_for_from_before_the_schedule_was_set() -> None:
    since = moment("2026-11-23T10:00")
    assert due(schedule(since=since), None, NOON) is None
    assert due(schedule(since=since), None, moment("2026-11-24T02:35")) is not None


def test_hours_are_those_of_the_tenant() -> None:
    assert last_due(schedule("0 3 * * *", "Europe/Kyiv"), NOON) == moment("2026-11-23T01:00")
    assert last_due(schedule("0 3 * * *", "America/Chicago"), NOON) == moment("2026-11-23T09:00")


def test_a_snapshot_is_overdue_when_it_had_time_enough() -> None:
    at = moment("2026-11-23T02:30")
    before = at - dt.timedelta(days=1)
    assert overdue(schedule(), before, at + dt.timedelta(hours=1)) is None
    assert overdue(schedule(), before, at + dt.timedelta(hours=4)) == at
    assert overdue(schedule(), at, at + dt.timedelta(hours=4)) is None
    assert overdue(schedule(), None, at + dt.timedelta(hours=4)) == at
    assert overdue(schedule(""), None, NOON) is None


@pytest.mark.parametrize("text", ["0 3 * * *", "*/15 * * * MON-FRI", "none", "default"])
def test_schedules_are_cron_s(text: str) -> None:
    assert check_cron(f"  {text} ") == text


@pytest.mark.parametrize("text", ["", "3", "@daily", "0 3 * * * *", "0 0 30 2 *", "at three"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="0 3"):
        check_cron(text)


# -- the asset --------------------------------------------------------------------------------


@pytest.fixture
def instance(
    ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DagsterInstance]:
    ledger.prepare(engine())
    tenants.add(engine(), "acme")
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        made.add_dynamic_partitions("tenants", ["acme"])
        yield made


def job(name: str) -> JobDefinition:
    return defs.resolve_job_def(name)


def run(instance: DagsterInstance, **config: Any) -> Any:
    return job("tenant_backup").execute_in_process(
        instance=instance,
        partition_key="acme",
        raise_on_error=False,
        run_config={"ops": {"back_up": {"config": config}}},
    )


def test_it_is_materialized_for_a_tenant_with_numbers_that_plot(instance: DagsterInstance) -> None:
    first, second = run(instance), run(instance)
    assert first.success
    assert second.success
    events = [
        event.asset_materialization
        for event in (instance.get_latest_materialization_event(BACKUP),)
        if event is not None
    ]
    (event,) = events
    assert event is not None
    assert event.partition == "acme"
    found = {name: value.value for name, value in event.metadata.items()}
    (parent, newest) = open_repository("acme").snapshots()
    assert found["snapshot"] == newest.name
    assert found["parent"] == parent.name
    for name in ("rows", "bytes read", "bytes stored", "bytes needed"):
        assert isinstance(found[name], int)
        assert found[name] > 0
    for name in ("seconds", "stored / needed"):
        assert isinstance(found[name], float)
    third = run(instance, full=True)
    assert third.success
    event = instance.get_latest_materialization_event(BACKUP).asset_materialization  # type: ignore[union-attr]
    assert event is not None
    assert event.metadata["kind"].value == "full"


@pytest.mark.slow
def test_it_is_downstream_of_every_entity_and_can_be_materialized_in_the_graph(
    instance: DagsterInstance,
) -> None:
    graph = defs.resolve_asset_graph()
    assert graph.get(BACKUP).parent_keys == {AssetKey(name) for name in ENTITIES}
    assert BACKUP in graph.materializable_asset_keys
    assert defs.resolve_implicit_global_asset_job_def().executor_def.name == "in_process"
    result = materialize(
        [tenant_backup_asset], instance=instance, partition_key="acme",
        resources={"platform": Platform()},
    )  # fmt: skip
    assert result.success


def test_a_backup_that_fails_says_why_and_leaves_no_snapshot(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise StorageError("The disk failed while writing: no space.")

    monkeypatch.setattr(Repository, "publish", broken)
    result = run(instance)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "no space" in failure.step_failure_data.user_failure_data.description
    assert open_repository("acme").snapshots() == []


@pytest.mark.slow
def test_what_passes_by_itself_is_tried_again(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, tries = Repository.publish, []

    def failing_once(self: Repository, manifest: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise StorageError("S3 is out of breath.", transient=True)
        publish(self, manifest)

    monkeypatch.setattr(Repository, "publish", failing_once)
    assert run(instance).success
    assert len(open_repository("acme").snapshots()) == 1


# -- schedules --------------------------------------------------------------------------------


def requests(instance: DagsterInstance, at: dt.datetime) -> dict[str, Any]:
    context = build_schedule_context(
        instance=instance,
        scheduled_execution_time=at,
        repository_def=defs.get_repository_def(),
    )
    data = tenant_backups.evaluate_tick(context)
    return {request.partition_key: request for request in data.run_requests or ()}


def made_long_ago() -> None:
    with engine().begin() as connection:
        connection.execute(ledger.tenants.update().values(created_at=LONG_AGO))


def test_every_tenant_is_backed_up_by_its_own_schedule(instance: DagsterInstance) -> None:
    tenants.add(engine(), "north")
    tenants.add(engine(), "never")
    with engine().begin() as connection:
        schedules.declare(connection, "north", "0 12 * * *")
        schedules.declare(connection, "never", "none")
    made_long_ago()
    tomorrow = dt.datetime.now(dt.UTC).replace(hour=2, minute=30, second=0, microsecond=0)
    tomorrow += dt.timedelta(days=1)
    assert requests(instance, tomorrow - dt.timedelta(minutes=1)).keys() <= {"acme", "north"}
    found = requests(instance, tomorrow)
    assert found["acme"].run_key == f"acme {tomorrow.isoformat()}"
    assert found["acme"].tags["ispmig/background"] == "true"
    assert "never" not in found
    noon = tomorrow.replace(hour=12, minute=0)
    assert requests(instance, noon)["north"].run_key == f"north {noon.isoformat()}"
    assert instance.has_dynamic_partition("tenants", "north")
    assert tenant_backups.default_status is DefaultScheduleStatus.RUNNING


def test_a_backup_that_was_begun_is_not_asked_for_again(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_long_ago()
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    monkeypatch.setenv("ISPMIG_BACKUP_SCHEDULE", f"{now.minute} {now.hour} * * *")
    settings.cache_clear()
    assert requests(instance, now).keys() == {"acme"}
    back_up("acme", actor="tester")
    later = now + dt.timedelta(minutes=5)
    assert requests(instance, later) == {}
    assert requests(instance, now + dt.timedelta(days=1)).keys() == {"acme"}


def test_a_schedule_of_the_settings_that_is_none_is_told(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_BACKUP_SCHEDULE", "nightly")
    settings.cache_clear()
    context = build_schedule_context(instance=instance, scheduled_execution_time=NOON)
    assert "nightly" in str(tenant_backups.evaluate_tick(context).skip_message)


@pytest.mark.slow
def test_snapshots_of_commands_are_shown_in_the_graph_once(instance: DagsterInstance) -> None:
    run(instance)
    made = back_up("acme", actor="tester")
    context = build_sensor_context(instance=instance)
    told = backups_of_commands(context)
    (event,) = told.asset_events  # type: ignore[union-attr]
    assert event.partition == "acme"
    assert event.metadata["snapshot"].value == made.snapshot
    assert event.metadata["bytes stored"].value == made.bytes_stored
    again = backups_of_commands(build_sensor_context(instance=instance, cursor=told.cursor))  # type: ignore[union-attr]
    assert isinstance(again, SkipReason)


# -- checks -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_tenant_without_a_new_snapshot_fails_the_check_by_name(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up("acme", actor="tester")
    assert fresh(Platform()).passed
    tenants.add(engine(), "north")
    made_long_ago()
    found = fresh(Platform())
    assert not found.passed
    assert "north" in str(found.description)
    assert "acme" not in str(found.description)
    assert (found.metadata or {})[AFFECTED].value == ["north"]
    result = job("backup_checks").execute_in_process(instance=instance, raise_on_error=False)
    evaluations = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert ("fresh", False) in {(one.check_name, one.passed) for one in evaluations}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert defs.get_schedule_def("backup_checks_hourly").default_status is (
            DefaultScheduleStatus.RUNNING
        )
