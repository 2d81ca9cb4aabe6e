"""The command line's contract: JSON shapes, exit codes, and errors that a person can act on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS

PEOPLE = "No,Name,State,Owed\n1,Ann,A,1.50\n2,Bob,X,\n3,Cid,A,=1+1\n"


@pytest.fixture
def folder(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "spec.yaml").write_text(CUSTOMERS)
    (folder / "people.csv").write_text(PEOPLE)
    return folder


def ispmig(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of a command."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def as_json(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """The one JSON object that a command prints with ``--json``."""
    code, out, err = ispmig(*arguments, "--json")
    assert code == exit_code, out + err
    assert out.count("\n") == 1
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def test_a_migration_from_first_to_last_command(folder: Path) -> None:
    assert as_json("tenant", "add", "acme")["schema"] == "tenant_acme"
    assert [t["slug"] for t in as_json("tenant", "list")["tenants"]] == ["acme"]
    empty = as_json("digest", "acme")

    tried = as_json("migrate", "acme", "spec.yaml", "--dry-run", "--max-quarantined", "50%")
    assert tried["state"] == "checked"
    assert as_json("digest", "acme") == empty

    done = as_json("migrate", "acme", "spec.yaml", "--max-quarantined", "50%")
    assert done["state"] == "done"
    assert done["tenant"] == "acme"
    assert {k: done["entities"]["customer"][k] for k in ("read", "inserted", "updated",
            "unchanged", "quarantined")} == {
        "read": 3, "inserted": 2, "updated": 0, "unchanged": 0, "quarantined": 1,
    }  # fmt: skip
    totals = done["totals"]["customer.balance"]["USD"]
    assert Decimal(totals["source"]) == Decimal(totals["loaded"]) == Decimal("1.50")
    assert Decimal(totals["quarantined"]) == 0
    assert totals["unreadable"] == 1
    for number in ("seconds", "rows_per_second", "peak_rss_mb"):
        assert done[number] > 0

    content = as_json("digest", "acme")
    assert content["entities"]["customer"]["rows"] == 2
    assert content["digest"] != empty["digest"]

    listed = as_json("migrations", "acme")["migrations"]
    assert [m["state"] for m in listed] == ["done", "checked"]
    whole = as_json("migration", str(done["migration_id"]))
    assert whole["spec_text"] == CUSTOMERS

    (record,) = as_json("quarantine", "acme")["records"]
    assert (record["record"], record["line"], record["cells"]["Owed"]) == (3, 4, "=1+1")
    assert record["reasons"][0]["rule"] == "value.type"

    # The run is Dagster's: the UI would show it under its job, with its partition.
    from ispmig_pipelines.defs.instance import instance

    with instance() as dagster:
        run = dagster.get_run_by_id(done["dagster_run_id"])
        assert run is not None
        assert run.job_name == "tenant_migration"
        assert run.tags["dagster/partition"] == "acme"
        assert run.remote_job_origin is not None
        assert run.remote_job_origin.location_name == "ispmig_pipelines"
        assert dagster.get_dynamic_partitions("tenants") == ["acme"]

    assert ispmig("tenant", "remove", "acme")[0] == 2
    assert as_json("tenant", "remove", "acme", "--yes")["removed"]["customer"] == 2
    assert as_json("tenant", "list")["tenants"] == []
    with instance() as dagster:
        assert dagster.get_dynamic_partitions("tenants") == []


@pytest.mark.slow
def test_people_read_tables(folder: Path) -> None:
    assert ispmig("tenant", "add", "acme")[0] == 0
    code, out, _ = ispmig("migrate", "acme", "spec.yaml", "--max-quarantined", "1")
    assert code == 0
    assert "done and audited" in out
    assert "customer.balance USD" in out
    code, out, _ = ispmig("quarantine", "acme")
    assert "people.csv record 3, line 4: Column Owed holds =9+9" in out
    assert "=1+1" not in out


@pytest.mark.slow
@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_quarantine_as_a_file_is_private_and_harmless_in_a_spreadsheet(
    folder: Path, format: str
) -> None:
    (folder / "people.csv").write_text(PEOPLE + "=cmd|x\n")
    assert ispmig("tenant", "add", "acme")[0] == 0
    assert ispmig("migrate", "acme", "spec.yaml", "--max-quarantined", "2")[0] == 0
    path = folder / f"bad.{format}"
    found = as_json("quarantine", "acme", "--format", format, "--out", str(path))
    assert found["records"] == 2
    assert path.stat().st_mode & 0o777 == 0o600
    if format == "xlsx":
        assert found["sheets"] == {"customer": 1, "could not be read": 1}
        book = openpyxl.load_workbook(path)
        cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
        assert {c.value: c.data_type for c in cells if str(c.value).startswith("=")} == {
            "=1+1": "s",
            "=cmd|x": "s",
        }
    else:
        assert ",'=cmd|x" in path.read_text()


BAD_INPUT = {
    "no such file": ("people.csv", None, 2, "no such file"),
    "empty file": ("people.csv", b"", 2, "is empty"),
    "header only": ("people.csv", b"No,Name,State,Owed\n", 2, "not one record"),
    "binary file": ("people.csv", b"\x7fELF\x02\x01\x01" + bytes(500), 2, "people.csv"),
    "wrong columns": ("people.csv", b"a,b\n1,2\n3,4\n", 2, "none of the columns"),
    "broken YAML": ("spec.yaml", b"version: 1\nsources: [", 2, "spec.yaml:"),
    "unknown field": (
        "spec.yaml", CUSTOMERS.replace("last_name", "lastname").encode(), 2, "'last_name'",
    ),
    "too much quarantine": ("people.csv", b"No,Name,State,Owed\n1,A,?,1\n", 1, "1 of 1 records"),
    "no UTF-8 spec": ("spec.yaml", b"name: \xff", 2, "UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_ends_in_one_plain_paragraph(folder: Path, case: str) -> None:
    name, content, exit_code, told = BAD_INPUT[case]
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    assert ispmig("tenant", "add", "acme")[0] == 0
    before = as_json("digest", "acme")
    code, out, err = ispmig("migrate", "acme", "spec.yaml")
    assert code == exit_code
    assert ("failed: nothing was published" in out) == (case == "too much quarantine")
    assert told in err
    assert "Traceback" not in err
    error = as_json("migrate", "acme", "spec.yaml", exit_code=exit_code)["error"]
    assert error["exit_code"] == exit_code
    assert told in error["message"]
    assert as_json("digest", "acme") == before


@pytest.mark.slow
def test_a_refused_run_shows_what_it_came_to_and_where_to_look(folder: Path) -> None:
    assert ispmig("tenant", "add", "acme")[0] == 0
    code, out, err = ispmig("migrate", "acme", "spec.yaml", "--dry-run")
    assert code == 1
    assert "customer │    3 │        2 │" in out
    assert "ispmig quarantine acme --migration 1" in err
    listed = as_json("quarantine", "acme", "--migration", "1")
    assert [r["record"] for r in listed["records"]] == [3]


def test_a_folder_as_source_is_refused(folder: Path) -> None:
    (folder / "people.csv").unlink()
    (folder / "people.csv").mkdir()
    assert ispmig("tenant", "add", "acme")[0] == 0
    code, _, err = ispmig("migrate", "acme", "spec.yaml")
    assert code == 2
    assert "folder" in err


@pytest.mark.slow
def test_unknown_tenants_and_slugs_that_cannot_be_are_refused(folder: Path) -> None:
    code, _, err = ispmig("migrate", "nobody", "spec.yaml")
    assert code == 2
    assert "ispmig tenant add nobody" in err
    for slug in ("Acme", "a b", "-x", "x" * 40, "a;drop", "tenant\u00e9", "a--b", ""):
        assert ispmig("tenant", "add", "--", slug)[0] == 2, slug
    assert as_json("tenant", "list")["tenants"] == []


def test_a_tenant_is_added_once(folder: Path) -> None:
    assert ispmig("tenant", "add", "acme")[0] == 0
    code, _, err = ispmig("tenant", "add", "acme")
    assert code == 2
    assert "already" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["rollback", "acme"], ["nonsense"], ["migrate", "a", "b", "--batch-size", "1"], ["--nope"]],
)
def test_wrong_usage_is_exit_code_2_and_json_where_asked(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "ispmig_pipelines.cli", *arguments]
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (plain.returncode, plain.stdout) == (2, "")
    assert "Usage" in plain.stderr
    asked = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert asked.returncode == 2
    assert json.loads(asked.stdout)["error"]["code"] == "usage"


@pytest.mark.slow
def test_no_server_is_exit_code_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = os.environ | {
        "ISPMIG_HOME": str(tmp_path),
        "ISPMIG_DATABASE_URL": "postgresql://user:geheim@127.0.0.1:9/none",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "ispmig_pipelines.cli", "tenant", "list", "--json"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert ran.returncode == 3
    assert json.loads(ran.stdout)["error"]["exit_code"] == 3
    assert "geheim" not in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_ctrl_c_in_the_middle_leaves_nothing(folder: Path) -> None:
    assert ispmig("tenant", "add", "acme")[0] == 0
    before = as_json("digest", "acme")
    lines = "".join(f"{n},Name {n},A,{n}.00\n" for n in range(300_000))
    (folder / "people.csv").write_text("No,Name,State,Owed\n" + lines)
    process = subprocess.Popen(
        [sys.executable, "-m", "ispmig_pipelines.cli", "migrate", "acme", "spec.yaml"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("extract"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in err
    assert as_json("digest", "acme") == before
    deadline = time.monotonic() + 30
    while True:  # the tenant is free again as soon as the server has seen the session end
        code, _, err = ispmig("migrate", "acme", "spec.yaml", "--dry-run")
        if code == 0 or time.monotonic() > deadline:
            break
    assert code == 0, err


@pytest.mark.parametrize(
    ("options", "told"),
    [(["acme", "spec.yaml", "--processes", "2"], "there is one part only. Say how many: --parts"),
     (["--all", "--parts", "2"], "--batch-size and --parts do not go with it")],
)  # fmt: skip
def test_parts_are_of_one_tenant_and_processes_of_parts(
    folder: Path, options: list[str], told: str
) -> None:
    code, _, said = ispmig("migrate", *options)
    assert code == 2
    assert told in " ".join(said.split())
