"""Many tenants at once, each by its registered migration: from the UI and from the command line."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import RemotePartitionSetOrigin
from rich.console import Console
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.cli import many as shown
from ispmig_pipelines.defs import instance as ours
from ispmig_pipelines.defs import launch
from ispmig_pipelines.defs.migrating_many import OneOfMany
from ispmig_pipelines.defs.tenant_migration.job import default_config
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.concurrency.test_tenants_at_once import exported, ispmig
from ispmig_pipelines_tests.defs.migrating import House, job
from ispmig_pipelines_tests.defs.queued import Forking, Noting, queue
from ispmig_pipelines_tests.defs.test_queue import (
    daemon,
    entries,
    eventually,
    migrations,
    rows,
    settled,
)
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.faults.killed import ended, in_child

PEOPLE = "No,Name,State,Owed\n" + "".join(f"{n},Name {n},A,1.50\n" for n in range(50))


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        house = House(folder, instance)
        house.write("spec.yaml", CUSTOMERS)
        house.write("people.csv", PEOPLE)
        yield house


def said(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def launchpad(tenant: str) -> Any:
    return default_config(tenant)["ops"]["extract"]["config"]  # type: ignore[index]


# --- what a tenant is migrated by


@pytest.mark.slow
def test_a_tenant_is_migrated_by_what_was_registered_else_as_the_last_time(house: House) -> None:
    spec = str(house.folder / "spec.yaml")
    assert launchpad("acme")["spec"] == "specs/acme.yaml"
    assert said("register", "acme", code=2)["error"]["code"] == "usage"
    assert house.migrate(max_quarantined="100%").ok
    assert said("register", "acme")["migration"] == {
        "spec": spec, "on_conflict": "update", "max_quarantined": "5%",
    }  # fmt: skip
    other = house.write("other.yaml", CUSTOMERS)
    registered = {"spec": str(other), "on_conflict": "keep", "max_quarantined": "2%"}
    found = said("register", "acme", str(other), "--on-conflict", "keep", "--max-quarantined", "2%")
    assert found == {"tenant": "acme", "migration": registered}
    assert {name: launchpad("acme")[name] for name in registered} == registered
    with house.engine.connect() as connection:
        assert trail.entries(connection, "acme")[-1].details == {"migration": registered}
    assert said("register", "acme", "--forget")["migration"]["spec"] == spec


@pytest.mark.parametrize(
    "words",
    [
        ("acme", "nothing.yaml"),
        ("nobody", "spec.yaml"),
        ("acme", "spec.yaml", "--max-quarantined", "many"),
        ("acme", "spec.yaml", "--forget"),
    ],
)
def test_what_cannot_be_run_is_not_registered(house: House, words: tuple[str, ...]) -> None:
    tenant, spec, *options = words
    error = said("register", tenant, str(house.folder / spec), *options, code=2)["error"]
    assert error["exit_code"] == 2
    assert launchpad("acme")["spec"] == "specs/acme.yaml"


def without_config(house: House) -> Any:
    return job().execute_in_process(
        instance=house.instance,
        partition_key="acme",
        raise_on_error=False,
        run_config={"ops": {"extract": {"config": {"mode": "load"}}}},
    )


def test_a_run_without_configuration_takes_the_registered_migration(house: House) -> None:
    failed = without_config(house)
    assert not failed.success
    failure = next(e for e in failed.all_events if e.is_step_failure).step_failure_data
    assert "ispmig register acme SPEC" in failure.user_failure_data.description
    said("register", "acme", str(house.folder / "spec.yaml"), "--on-conflict", "keep")
    done = without_config(house)
    assert done.success
    entry = house.entry(done.run_id)
    assert entry is not None
    assert (entry.on_conflict, entry.entities["customer"]["inserted"]) == ("keep", 50)


def test_a_command_without_a_spec_takes_it_too(house: House) -> None:
    said("register", "acme", str(house.folder / "spec.yaml"))
    assert said("migrate", "acme", "--on-conflict", "keep")["on_conflict"] == "keep"
    assert said("migrate", "nobody", code=2)["error"]["code"] == "tenant"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("acme", "--all"),
        ("acme", "spec.yaml", "--urgent"),
        ("--all", "--max-quarantined", "1"),
        ("--all",),  # nobody has a registered migration
    ],
)
def test_wrong_usage_is_told_before_anything_is_run(house: House, words: tuple[str, ...]) -> None:
    assert said("migrate", *words, code=2)["error"]["code"] == "usage"


# --- all of them


@pytest.fixture
def many(ispmig_home: Path, tmp_path: Path) -> dict[str, Path]:
    """Tenants with a registered migration, and one without; tenant → its spec."""
    ledger.prepare(engine())
    specs = {}
    for number, slug in enumerate(("north", "south", "rotten", "gone", "silent"), 1):
        tenants.add(engine(), slug)
        specs[slug] = exported(tmp_path, number, 60).spec
        if slug != "silent":
            said("register", slug, str(specs[slug]), "--max-quarantined", "20")
    bad = "No,Name,State,Owed\n" + "".join(f"{n},,?,x\n" for n in range(50))
    (specs["rotten"].parent / "people.csv").write_text(bad)
    specs["gone"].unlink()
    return specs


@pytest.mark.slow
def test_all_are_migrated_and_one_that_fails_holds_up_no_other(
    many: dict[str, Path], tmp_path: Path
) -> None:
    log = tmp_path / "all.log"
    with queue(Forking) as found:
        found.turn()
        child = in_child(ispmig("migrate", "--all", "--urgent", "--json"), log)
        code: list[int] = []

        def over() -> bool:
            pid, how = os.waitpid(child, os.WNOHANG)
            code.extend([os.waitstatus_to_exitcode(how)] if pid else [])
            return bool(code)

        found.until(over)
        runs = found.runs()
    told = json.loads(log.read_text().splitlines()[-1])
    assert code == [2]
    of = {one["tenant"]: one for one in told["tenants"]}
    assert sorted(of) == ["gone", "north", "rotten", "south"]
    assert (told["migrated"], told["failed"]) == (2, 2)
    assert of["gone"]["status"] == "refused"
    assert of["gone"]["error"]["exit_code"] == 2
    assert of["rotten"]["status"] == "failure"
    assert (of["rotten"]["error"]["code"], of["rotten"]["state"]) == ("threshold", "failed")
    for slug in ("north", "south"):
        assert of[slug]["status"] == "success"
        assert of[slug]["entities"]["customer"]["inserted"] == rows(slug) == 60
        assert of[slug]["migration"] == entries(slug)[0].id
    assert rows("rotten") == 0
    assert len(runs) == 3
    assert {run.tags["dagster/priority"] for run in runs} == {"10"}
    # Who asked for it stands in the ledger.
    assert entries("north")[0].actor.endswith(")")
    assert "queue" in entries("north")[0].actor


@pytest.mark.slow
def test_people_see_how_far_all_are_and_a_table_at_the_end(
    many: dict[str, Path], tmp_path: Path
) -> None:
    for slug in ("gone", "rotten"):
        said("register", slug, "--forget")
    log = tmp_path / "all.log"
    with queue(Forking) as found:
        found.turn()
        child = in_child(ispmig("migrate", "--all", "--dry-run"), log)
        found.until(lambda: os.waitpid(child, os.WNOHANG)[0])
    text = log.read_text()
    for line in ("north: queued, run ", "south: success, run ", "2 of 2 tenants are migrated."):
        assert line in text, text
    assert rows("north") == 0
    assert entries("north")[0].state is State.CHECKED


def test_a_terminal_shows_the_states_of_all_and_writes_over_them() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, highlight=False)
    found = [OneOfMany("acme", status="queued", run="abcdef123456"), OneOfMany("b", ended=True)]
    with shown.progress(console) as tell:
        tell(found)
        found[0].status = "started"
        tell(found)
    text = out.getvalue()
    assert "1 of 2 tenants are through." in text
    assert "started" in text
    assert "\x1b[1A" in text  # the cursor goes up


def test_who_stops_the_command_stops_all_of_them(many: dict[str, Path], tmp_path: Path) -> None:
    log = tmp_path / "all.log"
    with queue(Noting) as found:
        found.turn()
        child = in_child(ispmig("migrate", "--all"), log)
        deadline = time.monotonic() + 120
        while len(found.runs(DagsterRunStatus.QUEUED)) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(child, signal.SIGINT)
        assert ended(child) == 130
        assert {run.status for run in found.runs()} == {DagsterRunStatus.CANCELED}
    assert "Stopped. Nothing was half-loaded." in log.read_text()


# --- the real thing


def backfilled(dagster: DagsterInstance, slugs: list[str]) -> None:
    """What "Materialize" of partitions of the job does in the UI."""
    origin = launch._origin("tenant_migration").repository_origin
    dagster.add_backfill(
        PartitionBackfill(
            backfill_id="bulk",
            partition_set_origin=RemotePartitionSetOrigin(
                repository_origin=origin, partition_set_name="tenant_migration_partition_set"
            ),
            status=BulkActionStatus.REQUESTED,
            partition_names=slugs,
            from_failure=False,
            reexecution_steps=None,
            tags={},
            backfill_timestamp=time.time(),
        )
    )


@pytest.mark.slow
def test_a_backfill_of_three_tenants_runs_each_ones_registered_migration(
    ispmig_home: Path, tmp_path: Path
) -> None:
    ledger.prepare(engine())
    slugs = ["one", "two", "three"]
    for number, slug in enumerate(slugs, 1):
        tenants.add(engine(), slug)
        export = exported(tmp_path, number, 100 * number)
        said("register", slug, str(export.spec), "--max-quarantined", "10")
    log = tmp_path / "daemon.log"
    with ours.instance() as dagster:
        for slug in slugs:
            launch.know_tenant(dagster, slug)
        backfilled(dagster, slugs)
        with daemon(log):
            eventually(lambda: settled(dagster, slugs), log)
        runs = migrations(dagster)
    assert {run.tags["dagster/backfill"] for run in runs} == {"bulk"}
    assert {run.tags["ispmig/tenant"] for run in runs} == set(slugs)
    assert {slug: rows(slug) for slug in slugs} == {"one": 100, "two": 200, "three": 300}


@pytest.mark.slow
def test_where_no_daemon_runs_the_command_works_the_queue_off_itself(
    ispmig_home: Path, tmp_path: Path
) -> None:
    ledger.prepare(engine())
    for number, slug in enumerate(("one", "two"), 1):
        tenants.add(engine(), slug)
        said("register", slug, str(exported(tmp_path, number, 100).spec), "--max-quarantined", "9")
    told = said("migrate", "--all")
    assert told["migrated"] == 2
    assert [rows(slug) for slug in ("one", "two")] == [100, 100]
    # What it started for the time ends by itself, and is to end before its database does.
    servers = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(ispmig_home) in " ".join(process.info["cmdline"] or ())
    ]
    _, left = psutil.wait_procs(servers, timeout=60)
    for process in left:
        process.kill()
    assert left == []
