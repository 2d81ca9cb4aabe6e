"""``ispmig export``: the same job from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.exporting import listed, size
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.test_cli import as_json, ispmig


@pytest.fixture
def folder(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tenant with two customers, and the current folder."""
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "spec.yaml").write_text(CUSTOMERS)
    (folder / "people.csv").write_text("No,Name,State,Owed\n1,Ann,A,1.50\n2,Bob,X,\n")
    assert ispmig("tenant", "add", "acme")[0] == 0
    assert ispmig("migrate", "acme", "spec.yaml")[0] == 0
    return folder


def test_an_export_comes_back_as_it_was(folder: Path) -> None:
    made = as_json("export", "acme", "--out", "out", "--format", "ndjson", "--compress", "zstd")
    assert made["out"] == str(folder / "out")
    assert made["entities"]["customer"]["rows"] == 2
    assert [f["name"] for f in made["files"]] == ["customer.ndjson.zst"]
    assert ispmig("tenant", "add", "copy")[0] == 0
    assert ispmig("migrate", "copy", "out/spec.yaml")[0] == 0
    assert as_json("digest", "copy")["digest"] == as_json("digest", "acme")["digest"]

    from ispmig_pipelines.defs.instance import instance

    with instance() as dagster:
        run = dagster.get_run_by_id(made["dagster_run_id"])
        assert run is not None
        assert run.job_name == "tenant_export"
        assert run.tags["dagster/partition"] == "acme"
        # It waits for no migration of the tenant.
        assert "ispmig/tenant" not in run.tags


def test_options_go_where_they_belong(folder: Path) -> None:
    (folder / "t.yaml").write_text("version: 1\nexport: {customer: {No: account_number}}\n")
    code, out, err = ispmig(
        "export", "acme", "--out", "a", "--entity", "customer", "--fields", "last_name,status",
        "--where", "status = active", "--mask", "--split-size", "5MB",
    )  # fmt: skip
    assert code == 0, err
    assert "customer │    1 │     1 │" in out
    assert ", masked: " in out
    with (folder / "a" / "customer.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["status"] == "active"
    assert row["last_name"] not in ("Ann", "")
    assert ispmig("export", "acme", "--out", "b", "--transform", "t.yaml")[0] == 0
    assert (folder / "b" / "customer.csv").read_text() == "No\n1\n2\n"
    assert ispmig("export", "acme", "--out", "c", "--format", "sql", "--dialect", "sqlite")[0] == 0
    assert "CREATE TABLE" in (folder / "c" / "customer.sql").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody", "--out", "x"], "ispmig tenant add nobody"),
        (["acme", "--out", "x", "--entity", "custmer"], "did you mean 'customer'?"),
        (["acme", "--out", "x", "--fields", "customer.nme"], "no field 'nme'"),
        (["acme", "--out", "x", "--where", "customer.status = actve"], "did you mean 'active'?"),
        (["acme", "--out", "x", "--transform", "none.yaml"], "no transform"),
        (["acme", "--out", "x", "--split-size", "much"], "no size"),
        (["acme", "--out", "ftp://x/y"], "no place that can be written"),
        (["acme", "--out", "x", "--entity", "device"], "no row of device"),
        (["acme", "--out", "people.csv/x"], "people.csv"),
    ],
)
def test_mistakes_end_in_one_plain_paragraph(folder: Path, arguments: list[str], told: str) -> None:
    code, _, err = ispmig("export", *arguments)
    assert code in (2, 3)
    assert told in err
    assert "Traceback" not in err
    assert not (folder / "x").exists()
    error = as_json("export", *arguments, exit_code=code)["error"]
    assert told in error["message"]


def test_an_export_is_not_replaced_by_accident(folder: Path) -> None:
    assert ispmig("export", "acme", "--out", "out")[0] == 0
    before = json.loads((folder / "out" / "manifest.json").read_text())
    assert ispmig("export", "acme", "--out", "out")[0] == 2
    assert json.loads((folder / "out" / "manifest.json").read_text()) == before
    assert ispmig("export", "acme", "--out", "out", "--overwrite")[0] == 0


def test_sizes_are_read_as_people_write_them() -> None:
    assert [size(t) for t in ("1GB", "500 MB", "1.5k", "20000", "2Tb")] == [
        10**9, 5 * 10**8, 1500, 20_000, 2 * 10**12
    ]  # fmt: skip
    for text in ("", "0", "10", "-5MB", "1XB", "GB"):
        with pytest.raises(UsageError, match="no size"):
            size(text)


def test_lists_may_be_given_either_way() -> None:
    assert listed(["a, b", "c", " "]) == ["a", "b", "c"]
