"""The audit trail from the command line, and by the schedule: every operation is there."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import DagsterInstance, DefaultScheduleStatus

from ispmig_pipelines.account import account
from ispmig_pipelines.definitions import defs
from ispmig_pipelines.platform import trail
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.test_cli import PEOPLE, as_json, ispmig

SECRET_CELLS = ("Ann", "Bob", "Cid", "=1+1", "1.50")


@pytest.fixture
def folder(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "spec.yaml").write_text(CUSTOMERS)
    (folder / "people.csv").write_text(PEOPLE)
    return folder


def shown(tenant: str = "acme") -> list[dict[str, Any]]:
    found = as_json("audit", "show", tenant, "--limit", "1000")["entries"]
    assert isinstance(found, list)
    return found


def stages(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(entry["operation"], entry["stage"]) for entry in entries]


@pytest.mark.slow
def test_every_operation_is_entered_with_digests_and_without_cells(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    as_json("tenant", "add", "acme")
    as_json("tenant", "set", "acme", "--retention", "3 years")
    as_json("migrate", "acme", "spec.yaml", "--dry-run", "--max-quarantined", "50%")
    done = as_json("migrate", "acme", "spec.yaml", "--max-quarantined", "50%")
    as_json("migrate", "acme", "spec.yaml", "--max-quarantined", "0", exit_code=1)
    as_json("quarantine", "acme")
    as_json("quarantine", "list", "acme", "--mask", "--out", "masked.csv")
    as_json("quarantine", "list", "acme", "--format", "xlsx", "--out", "book.xlsx")
    as_json("export", "acme", "--out", str(outside / "out"))
    as_json("subject", "acme", "--account", "1", "--out", "one.json")
    as_json("quarantine", "purge", "acme", "--migration", str(done["migration_id"]), "--yes")
    entries = shown()
    assert stages(entries) == [
        ("tenant added", "finished"),
        ("tenant settings", "finished"),
        ("dry run", "begun"), ("dry run", "finished"),
        ("migration", "begun"), ("migration", "published"), ("migration", "finished"),
        ("migration", "begun"), ("migration", "failed"),
        ("access", "begun"), ("access", "finished"),
        ("access", "begun"), ("access", "finished"),
        ("export", "begun"), ("export", "finished"),
        ("subject access", "begun"), ("subject access", "finished"),
        ("purge", "finished"),
    ]  # fmt: skip
    assert {entry["actor"] for entry in entries} == {account()}
    finished = entries[6]["details"]
    assert finished["begun"] == entries[4]["id"]
    assert finished["migration"] == done["migration_id"]
    assert finished["spec"]["sha256"] == done["spec"]["sha256"]
    assert [s["sha256"] for s in finished["sources"]] == [f["sha256"] for f in done["files"]]
    assert finished["content"] == as_json("digest", "acme")["digest"]
    assert finished["entities"] == done["entities"]
    assert entries[8]["details"]["error"] == "threshold"
    assert [e["details"].get("records") for e in entries[9:13]] == [None, 1, None, 1]
    # Digests and moments may hold any digits.
    moment, digest = r"\d{4}-\d\d-\d\dT[\d:.+]+", r"[0-9a-f]{32,}"
    whole = re.sub(f"{moment}|{digest}", "", json.dumps(entries))
    assert not [cell for cell in SECRET_CELLS if cell in whole]

    verified = as_json("audit", "verify")
    assert verified["holds"]
    assert [c["tenant"] for c in verified["chains"]] == ["", "acme"]
    assert [c["unfinished"] for c in verified["chains"]] == [[], []]
    assert verified["chains"][1]["witnessed"] == len(entries)

    as_json("tenant", "remove", "acme", "--yes")
    assert shown()[-1]["operation"] == "tenant removed"
    assert shown()[-1]["details"] == {"rows": {"customer": 2, "_quarantine": 1}}
    assert stages(shown("")) == [("tenant added", "finished"), ("tenant removed", "finished")]
    assert as_json("audit", "verify", "acme")["holds"]


def tamper(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as driver:
        driver.execute("set session_replication_role = replica")
        assert driver.execute(statement).rowcount  # type: ignore[arg-type]


def test_tampering_ends_with_one_and_names_the_entry(folder: Path, database_url: str) -> None:
    as_json("tenant", "add", "acme")
    as_json("tenant", "set", "acme", "--no-pools")
    assert ispmig("audit", "verify")[1].splitlines() == [
        "The platform: holds, 1 entry, witnessed up to entry 1",
        "Tenant acme: holds, 2 entries, witnessed up to entry 2",
    ]
    tamper(
        database_url,
        "update ispmig.data_migration_logs set actor = 'nobody' where position = 2",
    )
    code, out, err = ispmig("audit", "verify", "acme")
    assert code == 1
    assert out == "Tenant acme: DOES NOT HOLD (1)\n"
    assert "Entry 2 (20" in err
    assert "tenant settings finished" in err
    assert "of tenant acme was altered" in err
    found = as_json("audit", "verify", exit_code=1)
    assert not found["holds"]
    assert found["error"]["code"] == "audit"
    (problem,) = found["chains"][1]["problems"]
    assert (problem["kind"], problem["position"]) == ("altered", 2)
    assert found["chains"][0]["holds"]


def test_the_end_that_a_report_carries_is_held_against_the_chain(
    folder: Path, database_url: str
) -> None:
    as_json("tenant", "add", "acme")
    head = as_json("audit", "verify", "acme")["chains"][0]["end"]
    report = folder / "report.json"
    report.write_text(json.dumps({"tenant": "acme", "signed": {"audit_head": head}}))
    assert as_json("audit", "verify", "acme", "--report", str(report))["holds"]
    report.write_text(json.dumps({"audit_head": {**head, "digest": "00" * 32}}))
    found = as_json("audit", "verify", "acme", "--report", str(report), exit_code=1)
    assert "report.json" in found["error"]["message"]
    report.write_text("{}")
    assert as_json("audit", "verify", "--report", str(report), exit_code=2)["error"]


@pytest.mark.slow
def test_a_signed_report_is_held_against_the_chain_only_as_it_was_signed(folder: Path) -> None:
    as_json("tenant", "add", "acme")
    as_json("migrate", "acme", "spec.yaml", "--max-quarantined", "50%")
    for name in ("report.json", "report.html"):
        as_json("report", "acme", "--out", name)
        assert as_json("audit", "verify", "--report", name)["holds"]
        changed = (folder / name).read_text().replace('"position":', '"position":1')
        (folder / name).write_text(changed)
        refused = as_json("audit", "verify", "--report", name, exit_code=1)
        assert refused["error"]["code"] == "signature"


def test_an_export_has_all_that_its_digests_are_made_of(folder: Path) -> None:
    as_json("tenant", "add", "acme")
    as_json("tenant", "set", "acme", "--pool", "100.64.0.0/10")
    assert as_json("audit", "export", "acme", "--out", "trail.json")["entries"] == 2
    assert (folder / "trail.json").stat().st_mode & 0o777 == 0o600
    whole = json.loads((folder / "trail.json").read_text())
    previous = "0" * 64
    for entry in whole["entries"]:
        digest = entry.pop("digest")
        assert entry["previous"] == previous
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert sha256(text.encode()).hexdigest() == digest
        previous = digest
    as_json("audit", "export", "acme", "--out", "trail.csv")
    with (folder / "trail.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["digest"] for row in rows][-1] == previous
    assert json.loads(rows[1]["details"])["pools"] == ["100.64.0.0/10"]
    as_json("audit", "export", "acme", "--out", "trail.txt", exit_code=2)
    as_json("audit", "export", "nobody", "--out", "x.json", exit_code=2)
    assert not (folder / "x.json").exists()


def recipe(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the documents say that anybody can do, done in the folder of ``trail.json``."""
    text = (Path(__file__).parents[1] / "docs" / "audit.md").read_text()
    (program,) = re.findall(r"```python prove export\n(.*?)```", text, re.S)
    return subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.slow
def test_an_export_is_proven_elsewhere_as_the_documents_say(folder: Path) -> None:
    as_json("tenant", "add", "acme")
    as_json("migrate", "acme", "spec.yaml", "--max-quarantined", "50%")
    with engine().begin() as connection:
        # Numbers that other programs would write otherwise, and what ends lines elsewhere.
        trail.enter(
            connection, "acme", trail.Operation.PURGE, trail.Stage.FINISHED, actor="ann",
            dagster_run_id="",
            details={"share": 0.0000001, "most": 1e22, "of": "a\u2028b\r\n\x85é"},
        )  # fmt: skip
    written = as_json("audit", "export", "acme", "--out", "trail.json")["entries"]
    end = as_json("audit", "verify", "acme")["chains"][0]["end"]
    assert end["position"] == written
    proven = recipe(folder)
    assert proven.returncode == 0, proven.stderr
    del end["tenant"]
    assert proven.stdout == f"The chain holds. Its end: {json.dumps(end)}\n"
    text = (folder / "trail.json").read_text()
    lines = text.split("\n")
    for changed in (
        text.replace('"actor":"ann"', '"actor":"bob"'),
        "\n".join([*lines[:2], *lines[3:]]),
        "\n".join([lines[0], lines[2], lines[1], *lines[3:]]),
    ):
        (folder / "trail.json").write_text(changed)
        assert recipe(folder).returncode != 0


def test_what_is_shown_can_be_chosen(folder: Path) -> None:
    as_json("tenant", "add", "acme")
    as_json("tenant", "set", "acme", "--no-pools")
    only = as_json("audit", "show", "acme", "--operation", "tenant added")["entries"]
    assert [e["position"] for e in only] == [1]
    newest = as_json("audit", "show", "acme", "--limit", "1")["entries"]
    assert [e["position"] for e in newest] == [2]
    older = as_json("audit", "show", "acme", "--before", "2", "--limit", "5")["entries"]
    assert [e["position"] for e in older] == [1]
    assert "What is older: --before 2" in ispmig("audit", "show", "acme", "--limit", "1")[1]
    told = as_json("audit", "show", "acme", "--operation", "tenant aded", exit_code=2)
    assert "did you mean" in told["error"]["message"].lower()
    assert "tenant settings finished, by" in ispmig("audit", "show", "acme")[1]


def checked(result: Any) -> dict[str, bool]:
    """Tenant → whether the asset check of its chain passed."""
    found = [
        e.asset_check_evaluation_data
        for e in result.all_events
        if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert {(e.asset_key.to_user_string(), e.check_name) for e in found} == {
        ("audit_trail", "unbroken")
    }
    return {e.metadata["tenant"].value: e.passed for e in found}


def test_the_scheduled_check_passes_and_fails_loudly(folder: Path, database_url: str) -> None:
    as_json("tenant", "add", "acme")
    as_json("tenant", "add", "other")
    schedule = defs.get_schedule_def("audit_chain_nightly")
    assert schedule.default_status is DefaultScheduleStatus.RUNNING
    job = defs.get_job_def("audit_chain")
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("tenants", ["acme", "other"])
        good = job.execute_in_process(instance=instance, raise_on_error=False)
        assert good.success
        assert checked(good) == {"": True, "acme": True, "other": True}
        tamper(database_url, "delete from ispmig.data_migration_logs where tenant = 'acme'")
        bad = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not bad.success
        (event,) = [e for e in bad.all_events if e.is_step_failure]
        failure = event.step_failure_data.user_failure_data
        assert failure is not None
        assert "Entry 1 of tenant acme is missing at the end" in str(failure.description)
        assert failure.metadata["tenants"].value == "acme"
        assert checked(bad) == {"": True, "acme": False, "other": True}
