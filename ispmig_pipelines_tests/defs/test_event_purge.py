"""Dagster's old runs and events go, and nothing that somebody still needs; on a real instance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    RunsFilter,
    job,
    op,
)
from dagster._core.definitions.asset_checks.asset_check_spec import AssetCheckKey
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.test_utils import create_run_for_test

from ispmig_pipelines.definitions import defs
from ispmig_pipelines.defs import event_purge
from ispmig_pipelines.defs import instance as ours
from ispmig_pipelines.defs.event_purge import Purged, purge
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings

PLAN = AssetKey("plan")
NOW = dt.datetime.now(dt.UTC)
LATER = dt.timedelta(hours=1)


@pytest.fixture
def dagster(ispmig_home: Path) -> Iterator[DagsterInstance]:
    ledger.prepare(engine())
    with ours.instance() as made:
        yield made


def ran(dagster: DagsterInstance, *events: Any, fails: bool = False, **tags: str) -> str:
    """A run that logged these events, and has ended."""

    @op(name="work")
    def work(context) -> None:
        for event in events:
            context.log_event(event)
        if fails:
            raise ZeroDivisionError

    @job(name="working")
    def working() -> None:
        work()

    return working.execute_in_process(instance=dagster, raise_on_error=False, tags=tags).run_id


def made(tenant: str) -> AssetMaterialization:
    return AssetMaterialization(PLAN, partition=tenant, metadata={"rows": 1})


def checked(passed: bool = True) -> AssetCheckEvaluation:
    return AssetCheckEvaluation(asset_key=PLAN, check_name="conservation", passed=passed)


def purged(dagster: DagsterInstance, *, ago: dt.timedelta = -LATER, **options: Any) -> Purged:
    """A purge of what ended before so long ago; without, of everything that has ended."""
    with Platform().connect() as connection:
        return purge(dagster, connection, dt.datetime.now(dt.UTC) - ago, **options)


def there(dagster: DagsterInstance) -> set[str]:
    return {run.run_id for run in dagster.get_runs()}


def events_of(dagster: DagsterInstance, run: str) -> int:
    return len(dagster.all_logs(run))


def test_old_runs_go_with_their_events_and_the_newest_of_each_partition_stays(
    dagster: DagsterInstance,
) -> None:
    older = ran(dagster, made("acme"), made("north"))
    newest = ran(dagster, made("acme"))
    plain = ran(dagster)
    assert purged(dagster) == Purged(runs=1, kept=2)
    assert there(dagster) == {older, newest}  # north's newest is in the older one
    assert events_of(dagster, plain) == 0
    north = ran(dagster, made("north"))
    assert purged(dagster).runs == 1
    assert there(dagster) == {newest, north}
    assert events_of(dagster, older) == 0
    event = dagster.get_latest_materialization_event(PLAN)
    assert event is not None
    assert event.run_id == north
    assert dagster.get_materialized_partitions(PLAN) == {"acme", "north"}


def test_what_is_young_stays(dagster: DagsterInstance) -> None:
    run = ran(dagster)
    assert purged(dagster, ago=dt.timedelta(days=1)) == Purged()
    assert there(dagster) == {run}


def test_the_newest_observation_and_the_newest_evaluation_stay(dagster: DagsterInstance) -> None:
    observed = ran(dagster, AssetObservation(PLAN, partition="acme"))
    failed = ran(dagster, checked(passed=False), fails=True)
    assert purged(dagster) == Purged(kept=2)
    passed = ran(dagster, checked())
    assert purged(dagster).runs == 1
    assert there(dagster) == {observed, passed}
    assert events_of(dagster, failed) == 0
    key = AssetCheckKey(PLAN, "conservation")
    found = dagster.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert found.run_id == passed


def test_an_asset_without_partitions_keeps_its_newest(dagster: DagsterInstance) -> None:
    ran(dagster, AssetMaterialization(PLAN))
    newest = ran(dagster, AssetMaterialization(PLAN))
    assert purged(dagster).runs == 1
    assert there(dagster) == {newest}


def test_runs_that_have_not_ended_stay_and_what_they_go_on_from(dagster: DagsterInstance) -> None:
    root, parent, other = ran(dagster, fails=True), ran(dagster, fails=True), ran(dagster)
    going = create_run_for_test(
        dagster, status=DagsterRunStatus.STARTED, parent_run_id=parent, root_run_id=root
    ).run_id
    waiting = create_run_for_test(dagster, status=DagsterRunStatus.NOT_STARTED).run_id
    assert purged(dagster) == Purged(runs=1, kept=2)
    assert there(dagster) == {root, parent, going, waiting}
    assert events_of(dagster, parent) > 0
    assert other not in there(dagster)


def test_runs_that_somebody_still_works_with_stay(dagster: DagsterInstance) -> None:
    tenants.add(engine(), "acme")
    migrating, settled = ran(dagster), ran(dagster)
    dropped, done = ran(dagster, **{"ispmig/drop": "1.1"}), ran(dagster, **{"ispmig/drop": "2.1"})
    filling = ran(dagster, **{"dagster/backfill": "going"})
    filled = ran(dagster, **{"dagster/backfill": "over"})
    with engine().begin() as connection:
        for run, state in ((migrating, State.PUBLISHED), (settled, State.DONE)):
            number = ledger.open_migration(
                connection, tenant="acme", mode="migrate", on_conflict="update", spec_name="",
                spec_path="", spec_text="", spec_digest="", dagster_run_id=run, actor="tester",
            )  # fmt: skip
            ledger.update_migration(connection, number, state=state)
        for state in ("launched", "done"):
            connection.exec_driver_sql(
                "insert into ispmig.drops (tenant, state, place, files, closed_by, attempt, why,"
                " seen_at, changed_at) values ('acme', %s, 'p', '[]', 'age', 1, '', now(), now())",
                (state,),
            )
    for name, status in (
        ("going", BulkActionStatus.REQUESTED),
        ("over", BulkActionStatus.COMPLETED_SUCCESS),
    ):
        dagster.add_backfill(
            PartitionBackfill(
                backfill_id=name, status=status, from_failure=False, tags={},
                backfill_timestamp=NOW.timestamp(), reexecution_steps=None,
            )
        )  # fmt: skip
    assert purged(dagster) == Purged(runs=3, kept=3)
    assert there(dagster) == {migrating, dropped, filling}
    assert not {settled, done, filled} & there(dagster)


def test_page_after_page_and_those_that_stay_are_no_hindrance(
    dagster: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_purge, "_PAGE", 2)
    kept = [ran(dagster, made(tenant)) for tenant in ("a", "b", "c")]
    gone = [ran(dagster) for _ in range(5)]
    last = ran(dagster, made("d"))
    assert purged(dagster, dry_run=True) == Purged(runs=5, kept=4)
    assert there(dagster) >= set(gone)
    assert purged(dagster) == Purged(runs=5, kept=4)
    assert there(dagster) == {*kept, last}


def test_a_purge_that_has_no_time_left_says_so_and_the_next_goes_on(
    dagster: DagsterInstance,
) -> None:
    ran(dagster)
    assert purged(dagster, seconds=-1) == Purged(through=False)
    assert purged(dagster) == Purged(runs=1)


def test_one_that_is_killed_between_events_and_run_is_gone_on_with(
    dagster: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ran(dagster)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DagsterInstance, "delete_run", killed)
        with pytest.raises(KeyboardInterrupt):
            purged(dagster)
    assert (there(dagster), events_of(dagster, run)) == ({run}, 0)
    assert purged(dagster) == Purged(runs=1)
    assert there(dagster) == set()


def test_what_a_run_printed_goes_with_it(ispmig_home: Path) -> None:
    ledger.prepare(engine())
    home = Path(ours.prepare()["DAGSTER_HOME"])
    with DagsterInstance.from_config(str(home)) as captured:
        run = ran(captured)
        printed = home / "storage" / run / "compute_logs"
        printed.mkdir(parents=True, exist_ok=True)
        (printed / "step.out").write_text("a line\n")
        assert purged(captured) == Purged(runs=1)
    assert not printed.exists()


def test_the_job_does_it_and_its_schedule_is_on(dagster: DagsterInstance) -> None:
    old = ran(dagster)
    run = defs.resolve_job_def("event_purge")
    result = run.execute_in_process(instance=dagster)
    assert result.success
    assert result.output_for_node("purge_events") == 0  # nothing is 90 days old
    assert old in there(dagster)
    (schedule,) = [
        one for one in defs.get_repository_def().schedule_defs if one.name == "event_purge_nightly"
    ]
    assert schedule.default_status is DefaultScheduleStatus.RUNNING
    assert settings().event_days == 90
    assert dagster.get_runs(RunsFilter(job_name="event_purge"))[0].is_success
