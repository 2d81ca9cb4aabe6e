"""Rolling back as people do it: by the command, by the job in the UI, and when the process dies."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import DagsterInstance
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.definitions import defs
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS

PEOPLE = "No,Name,State,Owed\nACC-1,Ann,A,1.50\nACC-2,Bob,X,\n"
CHANGED = "No,Name,State,Owed\nACC-1,Anna,A,1.50\nACC-2,Bob,X,\nACC-3,Cid,A,2\n"


@pytest.fixture
def folder(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "spec.yaml").write_text(CUSTOMERS)
    (folder / "people.csv").write_text(PEOPLE)
    return folder


def ispmig(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """The one JSON object that a command prints."""
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == exit_code, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def on_record() -> list[tuple[str, dict[str, Any]]]:
    """Stage and details, with the id, of the entries of rollbacks in acme's audit trail."""
    shown = ispmig("audit", "show", "acme", "--operation", "rollback")["entries"]
    return [(entry["stage"], {"id": entry["id"], **entry["details"]}) for entry in shown]


def migrate() -> int:
    return int(ispmig("migrate", "acme", "spec.yaml")["migration_id"])


@pytest.fixture
def two(folder: Path) -> tuple[int, int, str]:
    """Two migrations, and the digest between them."""
    ispmig("tenant", "add", "acme")
    first = migrate()
    between = ispmig("digest", "acme")["digest"]
    (folder / "people.csv").write_text(CHANGED)
    return first, migrate(), between


@pytest.mark.slow
def test_a_rollback_from_a_dry_run_to_a_new_migration(
    two: tuple[int, int, str], database_url: str
) -> None:
    first, second, between = two
    loaded = ispmig("digest", "acme")["digest"]
    tried = ispmig("rollback", "acme", str(second), "--dry-run")
    assert (tried["dry_run"], tried["rows"], tried["content"]) == (True, 2, None)
    assert ispmig("digest", "acme")["digest"] == loaded

    done = ispmig("rollback", "acme", str(second))
    assert done["migrations"] == [
        {"migration_id": second, "removed": {"customer": 1}, "restored": {"customer": 1},
         "put_back": {}, "kept": {}}
    ]  # fmt: skip
    assert (done["kept"], done["content"]) == ([], between)
    entry = ispmig("migration", str(second))
    assert (entry["state"], entry["rolled_back_by"]) == ("undone", done["rollback_id"])
    points = ispmig("restore-points", "acme")
    assert [p["migration_id"] for p in points["restore_points"]] == [first]

    twice = ispmig("rollback", "acme", str(second), exit_code=2)
    assert "was rolled back already" in twice["error"]["message"]
    assert migrate() > second
    assert ispmig("digest", "acme")["digest"] == loaded
    assert ispmig("report", "acme", str(second))["state"] == "undone"
    verified = ispmig("audit", "verify", "acme")
    assert "error" not in verified
    assert verified["chains"][0]["unfinished"] == []
    tried_begun, tried_end, begun, published, finished = on_record()
    assert tried_begun[1] == {
        "id": tried_end[1]["begun"], "dry_run": True, "forced": False, "migrations": [second],
    }  # fmt: skip
    assert (tried_end[0], tried_end[1]["dry_run"]) == ("finished", True)
    assert published[1]["begun"] == finished[1]["begun"] == begun[1]["id"]
    assert finished[1]["content"] == between


def test_rows_of_others_are_shown_to_the_person_and_in_no_log(
    two: tuple[int, int, str], database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, second, _ = two
    with psycopg.connect(database_url) as other:
        other.execute("update tenant_acme.customer set notes = 'x' where account_number = 'ACC-3'")
    with caplog.at_level(logging.DEBUG):
        result = CliRunner().invoke(app, ["rollback", "acme", str(second)])
    assert result.exit_code == 0, result.output
    assert "ACC-3" in result.stdout
    assert "somebody changed it since" in result.stdout
    assert "ACC-3" not in caplog.text + result.stderr
    with psycopg.connect(database_url) as other:
        entries = other.execute("select details::text from ispmig.data_migration_logs").fetchall()
    assert "ACC-3" not in str(entries)
    forced = ispmig("rollback", "acme", str(second), "--force")
    assert [(row["key"], row["why"]) for row in forced["kept"]] == [(["ACC-3"], "overwritten")]


@pytest.mark.slow
def test_what_cannot_be_rolled_back_is_told_before_a_run_is_made(folder: Path) -> None:
    ispmig("tenant", "add", "acme")
    ispmig("tenant", "add", "other")
    tried = int(ispmig("migrate", "acme", "spec.yaml", "--dry-run")["migration_id"])
    told = ispmig("rollback", "acme", str(tried), exit_code=2)
    assert "was a dry run" in told["error"]["message"]
    mine = migrate()
    told = ispmig("rollback", "other", str(mine), exit_code=2)
    assert "not one of tenant other" in told["error"]["message"]
    assert "no migration 99" in ispmig("rollback", "acme", "99", exit_code=2)["error"]["message"]


@pytest.mark.slow
def test_the_job_of_the_ui_begins_with_a_dry_run(ispmig_home: Path, tmp_path: Path) -> None:
    with DagsterInstance.ephemeral() as instance:
        house = House(tmp_path, instance)
        house.write("spec.yaml", CUSTOMERS)
        house.write("people.csv", PEOPLE)
        empty = house.digest()
        ran = house.migrate()
        assert ran.ok
        assert ran.entry is not None
        loaded = house.digest()
        job = defs.get_job_def("tenant_rollback")
        shown = job.partitioned_config.get_run_config_for_partition_key("acme")  # type: ignore[union-attr]
        assert shown["ops"]["roll_back"]["config"] == {
            "migrations": [ran.entry.id], "dry_run": True, "force": False,
        }  # fmt: skip
        for dry_run, after in ((True, loaded), (False, empty)):
            shown["ops"]["roll_back"]["config"]["dry_run"] = dry_run
            result = job.execute_in_process(
                instance=instance, partition_key="acme", run_config=shown
            )
            assert result.success
            assert house.digest() == after


def test_a_process_killed_before_the_commit_has_rolled_back_nothing(
    two: tuple[int, int, str], database_url: str
) -> None:
    first, second, _ = two
    loaded = ispmig("digest", "acme")["digest"]
    with (
        psycopg.connect(database_url) as other,
        psycopg.connect(database_url, autocommit=True) as looking,
    ):
        # All is done but for the entries in the ledger and the audit trail, which wait for this.
        other.execute("lock table ispmig.rollbacks in share mode")
        process = subprocess.Popen(
            [sys.executable, "-m", "ispmig_pipelines.cli", "rollback", "acme", str(first),
             str(second)],
            env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        waits = """select count(*) from pg_stat_activity
                   where wait_event_type = 'Lock' and query like '%insert into ispmig.rollbacks%'"""
        deadline = time.monotonic() + 60
        while looking.execute(waits).fetchone() == (0,):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        other.rollback()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if ispmig("digest", "acme")["digest"] == loaded:
            break
    assert ispmig("digest", "acme")["digest"] == loaded
    assert {ispmig("migration", str(m))["state"] for m in (first, second)} == {"done"}
    assert [stage for stage, _ in on_record()] == ["begun"]
    done = ispmig("rollback", "acme", str(first), str(second))
    killed, failed, begun, published, finished = on_record()
    assert (failed[0], failed[1]["error"]) == ("failed", "abandoned")
    assert failed[1]["begun"] == killed[1]["id"]
    assert (published[0], published[1]["begun"]) == ("published", begun[1]["id"])
    assert (finished[0], finished[1]["begun"]) == ("finished", begun[1]["id"])
    assert ispmig("audit", "verify", "acme")["chains"][0]["unfinished"] == []
    assert [one["migration_id"] for one in done["migrations"]] == [second, first]
    assert ispmig("migration", str(first))["state"] == "undone"


@pytest.mark.slow
def test_restore_points_that_are_over_go_by_themselves(
    two: tuple[int, int, str], database_url: str
) -> None:
    """Also those of a tenant that nobody migrates any more: every hour, each by its own setting."""
    first, second, _ = two
    ispmig("tenant", "add", "other")
    ispmig("tenant", "set", "acme", "--restore-points", "10")
    older = "update ispmig.data_migrations set finished_at = now() - %s * interval '1 day'"
    entered = """select details from ispmig.data_migration_logs
                 where operation = 'restore points expired'"""
    janitor = defs.get_job_def("janitor")

    def clean(days: int) -> tuple[list[int], list[Any]]:
        with psycopg.connect(database_url) as other:
            other.execute(older, [days])
        with DagsterInstance.ephemeral() as instance:
            assert janitor.execute_in_process(instance=instance).success
        points = ispmig("restore-points", "acme")["restore_points"]
        with psycopg.connect(database_url) as other:
            told = [details for (details,) in other.execute(entered)]
        return [point["migration_id"] for point in points], told

    assert clean(9) == ([second, first], [])
    assert clean(11) == ([], [{"migrations": [first, second], "days": 10}])
    assert clean(12) == ([], [{"migrations": [first, second], "days": 10}])  # and no more
    with psycopg.connect(database_url) as other:
        assert other.execute("select count(*) from tenant_acme._undo").fetchone() == (0,)
    told = ispmig("rollback", "acme", str(second), exit_code=2)
    assert "expired on" in told["error"]["message"]
    assert "error" not in ispmig("audit", "verify", "acme")
