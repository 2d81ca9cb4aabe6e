"""Metrics: what happened stands in them, and they stay as few as they may be."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
from pathlib import Path

import pytest
from dagster import DagsterInstance, instance_for_test
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.defs import metrics as serving
from ispmig_pipelines.defs.metrics import Kept
from ispmig_pipelines.errors import PlatformError
from ispmig_pipelines.metrics.gather import OTHERS, OpenRecords, gathered
from ispmig_pipelines.metrics.openmetrics import text
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.metrics.reading import Read, read

PAGE = (PROJECT / "docs" / "metrics.md").read_text(encoding="utf-8")
COUNTS = {"read": 10, "inserted": 6, "updated": 2, "unchanged": 1, "quarantined": 1}


def families(opened: OpenRecords | None = None, **said) -> dict[str, Read]:
    with engine().connect() as connection:
        return read(text(gathered(connection, opened or OpenRecords(), **said)))


def migration(tenant: str, state: State = State.DONE, **counts: int) -> int:
    with engine().begin() as connection:
        made = ledger.open_migration(
            connection, tenant=tenant, mode="load", on_conflict="update", spec_name="North",
            spec_path="north.yaml", spec_text="version: 1", spec_digest="ab" * 32,
            dagster_run_id="run", actor="mo",
        )  # fmt: skip
        entities = {"customer": COUNTS | counts}
        ledger.update_migration(connection, made, state=state, entities=entities)
        entered(tenant, trail.Operation.MIGRATION, connection=connection)
    return made


def entered(tenant: str, operation: trail.Operation, connection=None, **details) -> None:
    def enter(open_one) -> None:
        trail.enter(
            open_one, tenant, operation, trail.Stage.FINISHED, actor="mo", dagster_run_id="",
            details=details,
        )  # fmt: skip

    if connection is not None:
        enter(connection)
        return
    with engine().begin() as made:
        enter(made)


def rows(found: dict[str, Read], tenant: str, outcome: str) -> float:
    return found["ispmig_rows"].value(tenant=tenant, entity="customer", outcome=outcome)


def test_an_empty_platform_has_metrics_too(ispmig_home: Path) -> None:
    found = families(drop_states=["seen", "failed"])
    assert found["ispmig_migrations"].value(state="done") == 0
    assert found["ispmig_drops"].value(state="failed") == 0
    assert found["ispmig_rows"].samples == {}
    assert found["ispmig_tenants"].value() == 0


@pytest.mark.parametrize("state", [State.PUBLISHED, State.DONE, State.UNDONE, State.PARTLY_UNDONE])
def test_rows_stay_counted_whatever_becomes_of_a_migration(ispmig_home: Path, state: State) -> None:
    made = migration("acme")
    before = families()
    with engine().begin() as connection:
        ledger.update_migration(connection, made, state=state)
    after = families()
    assert after["ispmig_rows"].samples == before["ispmig_rows"].samples
    assert [rows(after, "acme", o) for o in ("inserted", "updated", "unchanged", "quarantined")] \
        == [6, 2, 1, 1]  # fmt: skip
    assert after["ispmig_migrations"].value(state=state.value) == 1


@pytest.mark.parametrize("state", [State.RUNNING, State.FAILED, State.CHECKED])
def test_what_was_never_published_counts_for_nothing(ispmig_home: Path, state: State) -> None:
    migration("acme", state)
    assert families()["ispmig_rows"].samples == {}


def test_rows_add_up_over_migrations(ispmig_home: Path) -> None:
    migration("acme")
    migration("acme", inserted=100)
    migration("north")
    found = families()
    assert rows(found, "acme", "inserted") == 106
    assert rows(found, "north", "inserted") == 6


def test_the_tenants_of_which_nothing_was_heard_for_longest_stand_together(
    ispmig_home: Path,
) -> None:
    for slug in ("one", "two", "three"):
        tenants.add(engine(), slug)
        migration(slug)
        entered(slug, trail.Operation.BACKUP, bytes_stored=5, bytes_whole=50, seconds=2.0)
    entered("one", trail.Operation.ACCESS)
    found = families(most=2)
    assert {dict(key)["tenant"] for key in found["ispmig_rows"].samples} == {"one", "three", OTHERS}
    assert rows(found, OTHERS, "inserted") == 6
    assert found["ispmig_backup_size_bytes"].value(tenant=OTHERS) == 50
    everybody = families()
    assert sum(found["ispmig_rows"].samples.values()) == sum(
        everybody["ispmig_rows"].samples.values()
    )


def test_of_those_that_stand_together_the_oldest_backup_is_told(ispmig_home: Path) -> None:
    for slug, seconds in (("old", 5000.0), ("older", 9000.0), ("new", 1.0)):
        tenants.add(engine(), slug)
        entered(slug, trail.Operation.BACKUP, bytes_stored=5, bytes_whole=50, seconds=seconds)
    found = families(most=1)["ispmig_backup_age_seconds"]
    assert 9000 <= found.value(tenant=OTHERS) < 9300
    assert found.value(tenant="new") < 300


def test_backups_and_drills_are_told_by_the_newest_that_came_to_its_end(ispmig_home: Path) -> None:
    for slug in ("acme", "bare"):
        tenants.add(engine(), slug)
    entered("acme", trail.Operation.BACKUP, bytes_stored=900, bytes_whole=1000, seconds=9)
    entered("acme", trail.Operation.BACKUP, bytes_stored=7, bytes_whole=1100, seconds=3)
    entered("acme", trail.Operation.BACKUP_DRILL, seconds=12.5)
    with engine().begin() as connection:
        trail.enter(
            connection, "acme", trail.Operation.BACKUP, trail.Stage.FAILED, actor="mo",
            dagster_run_id="", details={"error": "storage"},
        )  # fmt: skip
    found = families(now=ledger.now() + dt.timedelta(hours=1))
    assert 3603 <= found["ispmig_backup_age_seconds"].value(tenant="acme") < 3660
    assert found["ispmig_backup_size_bytes"].value(tenant="acme") == 1100
    assert found["ispmig_backup_stored_bytes"].value(tenant="acme") == 7
    assert found["ispmig_drill_recovery_seconds"].value(tenant="acme") == 12.5
    assert found["ispmig_backup_missing_tenants"].value() == 1
    assert found["ispmig_drill_missing_tenants"].value() == 1


SPEC = """
version: 1
name: North
sources:
  people: {files: people.csv}
entities:
  customer:
    from: people
    fields:
      account_number: nr
      first_name: name
      last_name: name
      status: {constant: active}
      signup_date: {column: since}
"""


@pytest.mark.slow
def test_records_in_quarantine_are_counted_and_counted_again_when_something_is_done(
    ispmig_home: Path, tmp_path: Path
) -> None:
    with instance_for_test() as instance:
        house = House(tmp_path, instance)
        house.write("spec.yaml", SPEC)
        house.write("people.csv", "nr,name,since\n1,Ann,2020-01-31\n2,Ben,never\n3,Cy,soon\n")
        opened = OpenRecords()
        assert families(opened)["ispmig_quarantine_open_records"].value(tenant="acme") == 0
        ran = house.migrate(max_quarantined="100%")
        assert ran.ok
        found = families(opened)
        assert found["ispmig_quarantine_open_records"].value(tenant="acme") == 2
        assert rows(found, "acme", "quarantined") == 2
        assert rows(found, "acme", "inserted") == 1
        # Nothing was done since: nothing is counted.
        with engine().connect() as connection:
            assert opened.counted(connection, ["acme"], seconds=-1) == {"acme": 2}
        house.write("people.csv", "nr,name,since\n1,Ann,2020-01-31\n2,Ben,never\n")
        assert house.migrate(max_quarantined="100%").ok
        assert families(opened)["ispmig_quarantine_open_records"].value(tenant="acme") == 1


def test_counting_quarantine_takes_so_long_at_most_and_goes_on_the_next_time(
    ispmig_home: Path,
) -> None:
    for slug in ("one", "two"):
        tenants.add(engine(), slug)
    opened = OpenRecords()
    with engine().connect() as connection:
        assert opened.counted(connection, ["one", "two"], seconds=-1) == {}
        assert opened.counted(connection, ["one"]) == {"one": 0}
        assert opened.counted(connection, ["one", "two"], seconds=-1) == {"one": 0}
        assert opened.counted(connection, ["one", "two"]) == {"one": 0, "two": 0}
        tenants.remove(engine(), "one")
        assert opened.counted(connection, ["one", "two"]) == {"two": 0}


def test_the_command_prints_all_of_it(ispmig_home: Path) -> None:
    tenants.add(engine(), "acme")
    migration("acme")
    result = CliRunner().invoke(app, ["metrics"])
    assert result.exit_code == 0, result.output
    found = read(result.stdout)
    assert rows(found, "acme", "inserted") == 6
    assert found["ispmig_runs"].value(status="queued") == 0
    assert found["ispmig_daemon_heartbeat_age_seconds"].samples == {}
    documented = re.findall(r"^\| `(ispmig_\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    endings = {"counter": "_total", "info": "_info", "gauge": ""}
    assert sorted(documented) == sorted((n + endings[f.type], f.type) for n, f in found.items())
    told = json.loads(CliRunner().invoke(app, ["metrics", "--json"]).stdout)["metrics"]
    assert {one["name"] for one in told} >= {"ispmig_rows_total", "ispmig_build_info"}


def test_who_asks_again_at_once_gets_the_same_answer() -> None:
    made: list[int] = []
    kept = Kept(lambda: made.append(1) or len(made), seconds=60)
    assert [kept(), kept()] == [1, 1]
    fresh = Kept(lambda: made.append(1) or len(made), seconds=0)
    assert [fresh(), fresh()] == [2, 3]


def test_who_asks_does_not_wait_for_ever_for_an_answer_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.05)
    free, begun = threading.Event(), threading.Event()

    def hangs() -> str:
        begun.set()
        free.wait(30)
        return "late"

    kept = Kept(hangs)
    first = threading.Thread(target=kept)
    first.start()
    begun.wait(30)
    with pytest.raises(PlatformError):
        kept()
    free.set()
    first.join()
    assert kept() == "late"


def test_an_ephemeral_instance_does(ispmig_home: Path) -> None:
    from ispmig_pipelines.defs.metrics import families as all_of
    from ispmig_pipelines.defs.resources import Platform

    with DagsterInstance.ephemeral() as instance:
        found = read(text(all_of(instance, Platform(), OpenRecords())))
    assert found["ispmig_gathering_seconds"].value() >= 0
