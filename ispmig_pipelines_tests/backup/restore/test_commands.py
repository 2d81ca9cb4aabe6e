"""Restoring as people do it: by the commands, and by the job in the UI."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import DagsterInstance
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.definitions import defs
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines_tests.backup.restore.conftest import schemas
from ispmig_pipelines_tests.backup.restore.rows import fill


def ispmig(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """The one JSON object that a command prints."""
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == exit_code, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_from_the_backup_to_the_confirmation(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str]
) -> None:
    fill(driver)
    snapshot = backup()
    before = digest(driver, acme)
    driver.execute("delete from payment")
    tried = ispmig("restore", "acme", "--snapshot", snapshot[:-4], "--dry-run")
    assert tried["kind"] == "dry run"
    assert [d["added"] for d in tried["differences"] if d["table"] == "payment"] == [20]
    assert digest(driver, acme) != before
    done = ispmig("restore", "acme", "--snapshot", "latest")
    assert (done["snapshot"], done["kind"], done["tables"]["payment"]) == (snapshot, "whole", 20)
    assert not done["dagster_run_id"], "no start of Dagster is waited for"
    assert digest(driver, acme) == before
    (point,) = ispmig("restore", "points", "acme")["restore_points"]
    assert point["schema"] == done["before"]
    assert ispmig("restore", "undo", "acme")["restore"] == done["restore_id"]
    assert digest(driver, acme) != before
    ispmig("restore", "acme", "--at", "2099-01-01T00:00:00+01:00", "--entity", "payment")
    assert digest(driver, acme) == before
    assert len(ispmig("restore", "confirm", "acme")["dropped"]) == 2
    assert schemas(driver, acme) == ["tenant_acme"]
    shown = ispmig("audit", "show", "acme")["entries"]
    assert [e["operation"] for e in shown if e["operation"].startswith("restore ")] == [
        "restore undone", "restore confirmed",
    ]  # fmt: skip
    assert ispmig("audit", "verify")


@pytest.mark.slow
def test_to_a_moment_the_newest_snapshot_before_it_is_taken(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str]
) -> None:
    driver.execute("create table t (n int primary key)")
    snapshots = []
    moments = []
    for n in range(2):
        driver.execute("insert into t values (%s)", [n])
        snapshots.append(backup())
        driver.execute("select pg_sleep(0.01)")
        (moment,) = driver.execute("select clock_timestamp()").fetchone()
        moments.append(moment)
    done = ispmig("restore", "acme", "--at", moments[0].isoformat())
    assert done["snapshot"] == snapshots[0]
    assert 0.01 <= done["behind_seconds"] < 60
    assert driver.execute("select count(*) from t").fetchone() == (1,)
    told = ispmig("restore", "acme", "--at", "2001-01-01T00:00:00Z", exit_code=2)
    assert "There is no snapshot of acme of 2001-01-01" in told["error"]["message"]
    told = ispmig("restore", "acme", "--at", "2026-11-22 10:31", exit_code=2)
    assert "time zone" in told["error"]["message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Say from which snapshot"),
        (["--snapshot", "latest", "--at", "2026-11-22T10:31:07Z"], "Say from which snapshot"),
        (["--snapshot", "20200101"], "There is no snapshot '20200101' of acme"),
        (["--snapshot", "latest", "--mask"], "Masked rows cannot take the place"),
        (["--snapshot", "latest", "--entity", "custmer"], "has no table 'custmer'"),
        (["--at", "yesterday"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_told_before_a_run_is_made(
    acme: Tenant, backup: Callable[..., str], words: list[str], told: str
) -> None:
    backup()
    found = ispmig("restore", "acme", *words, exit_code=2)
    assert told in found["error"]["message"]
    assert ispmig("audit", "show", "acme", "--operation", "restore")["entries"] == []


@pytest.mark.slow
def test_the_job_changes_nothing_unless_it_is_told_to(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str]
) -> None:
    fill(driver)
    backup()
    before = digest(driver, acme)
    driver.execute("delete from payment")
    job = defs.get_job_def("tenant_restore")
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("tenants", ["acme"])
        config = job.partitioned_config
        assert config is not None
        shown = config.get_run_config_for_partition_key("acme")
        result = job.execute_in_process(
            run_config=shown, partition_key="acme", instance=instance, raise_on_error=False
        )
        assert result.success
        assert digest(driver, acme) != before
        shown["ops"]["restore"]["config"]["dry_run"] = False
        result = job.execute_in_process(
            run_config=shown, partition_key="acme", instance=instance, raise_on_error=False
        )
        assert result.success
        (event,) = [e for e in result.all_events if e.is_successful_output]
        metadata = event.step_output_data.metadata
        assert metadata["kind"].value == "whole"
    assert digest(driver, acme) == before


def test_a_removed_tenant_leaves_nothing_of_what_was_kept(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str]
) -> None:
    backup()
    ispmig("restore", "acme", "--snapshot", "latest")
    ispmig("tenant", "remove", "acme", "--yes")
    assert schemas(driver, acme) == []


SPEC = """
version: 1
name: people
sources:
  people:
    files: people.csv
entities:
  customer:
    from: people
    fields:
      account_number: No
      first_name: Name
      status: {constant: active}
"""


@pytest.mark.slow
def test_the_ledger_says_what_stands_after_a_restore(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    states: Callable[[], dict[int, str]] = lambda: {  # noqa: E731
        m["migration_id"]: m["state"] for m in ispmig("migrations", "acme")["migrations"]
    }
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "people.csv").write_text("No,Name\nA-1,Ann\n")
    first = ispmig("migrate", "acme", "spec.yaml")["migration_id"]
    snapshot = backup()
    (tmp_path / "people.csv").write_text("No,Name\nA-1,Anna\nA-2,Bob\n")
    second = ispmig("migrate", "acme", "spec.yaml")["migration_id"]
    ispmig("rollback", "acme", str(second))
    third = ispmig("migrate", "acme", "spec.yaml")["migration_id"]
    ispmig("rollback", "acme", str(third), str(first))
    fourth = ispmig("migrate", "acme", "spec.yaml")["migration_id"]
    before = states()
    ispmig("restore", "acme", "--snapshot", snapshot)
    assert states() == before | {first: "done", fourth: "undone"}
    # What stands again can be rolled back, and the tenant is as before its first migration.
    ispmig("restore", "undo", "acme")
    assert states() == before
    ispmig("restore", "acme", "--snapshot", snapshot)
    ispmig("rollback", "acme", str(first))
    assert driver.execute("select count(*) from customer").fetchone() == (0,)
