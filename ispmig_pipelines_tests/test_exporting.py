"""``ispmig export``: the same job from the command line."""

from __future__ import annotations

import csv
import json
import os
import stat
import traceback
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.cli.console import options
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.exporting import _kept, listed, size
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.test_cli import as_json, ispmig


@pytest.fixture
def folder(
    ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A tenant with two customers, and the current folder."""
    folder = tmp_path_factory.mktemp("exports")
    monkeypatch.chdir(folder)
    (folder / "spec.yaml").write_text(CUSTOMERS)
    (folder / "people.csv").write_text("No,Name,State,Owed\n1,Ann,A,1.50\n2,Bob,X,\n")
    assert ispmig("tenant", "add", "acme")[0] == 0
    assert ispmig("migrate", "acme", "spec.yaml")[0] == 0
    return folder


@pytest.mark.slow
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


@pytest.mark.parametrize("url", ["s3://exports/acme/spec.yaml", "https://host/a/spec.yaml"])
def test_a_spec_at_a_url_is_to_be_copied_first(folder: Path, url: str) -> None:
    code, _, err = ispmig("migrate", "acme", url)
    assert (code, "copy it to a file here" in err) == (2, True)


@pytest.mark.slow
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


@pytest.mark.slow
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
        (["acme", "--out", ""], "No place is named"),
        (["acme", "--out", "s3://bkt/../x"], "no prefix"),
        (["acme", "--out", "s3://AKIA:GEHEIM@bkt/x"], "without credentials"),
    ],
)
def test_mistakes_end_in_one_plain_paragraph(folder: Path, arguments: list[str], told: str) -> None:
    code, _, err = ispmig("export", *arguments)
    assert code in (2, 3)
    assert told in err
    assert "Traceback" not in err
    assert not (folder / "x").exists()
    assert "GEHEIM" not in err
    error = as_json("export", *arguments, exit_code=code)["error"]
    assert "GEHEIM" not in error["message"]
    assert told in error["message"]


@pytest.mark.slow
def test_an_export_is_not_replaced_by_accident(folder: Path) -> None:
    assert ispmig("export", "acme", "--out", "out")[0] == 0
    before = json.loads((folder / "out" / "manifest.json").read_text())
    assert ispmig("export", "acme", "--out", "out")[0] == 2
    assert json.loads((folder / "out" / "manifest.json").read_text()) == before
    assert ispmig("export", "acme", "--out", "out", "--overwrite")[0] == 0


def test_dagster_is_not_told_whom_a_condition_names(folder: Path, ispmig_home: Path) -> None:
    made = as_json("export", "acme", "--out", "out", "--entity", "customer",
                   "--where", "last_name = Ann")  # fmt: skip
    assert made["entities"]["customer"]["rows"] == 1
    assert made["selection"]["where"] == "customer.last_name = Ann"

    from ispmig_pipelines.defs.instance import instance

    with instance() as dagster:
        run = dagster.get_run_by_id(made["dagster_run_id"])
        assert run is not None
        assert "Ann" not in json.dumps(run.run_config)
        config: Any = run.run_config["ops"]["export"]["config"]  # type: ignore[index]
        logs = [str(record.event_log_entry) for record in
                dagster.get_records_for_run(run.run_id).records]  # fmt: skip
    assert not any("last_name = Ann" in line for line in logs)
    kept = Path(config["where_file"]).parent
    assert kept.parent == ispmig_home
    assert list(kept.iterdir()) == []
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


def test_a_condition_lies_in_a_file_of_its_owners_while_the_run_is_on(tmp_path: Path) -> None:
    folder = tmp_path / "conditions"
    with _kept("last_name = Ann", folder) as path:
        assert Path(path).read_text() == "last_name = Ann"
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []
    left, fresh = folder / "left.txt", folder / "fresh.txt"
    for file in (left, fresh):
        file.write_text("x")
    os.utime(left, (0, 0))
    with _kept(" ", folder) as path:
        assert path == ""
    with _kept("x", folder):
        assert not left.exists()
        assert fresh.exists()


def test_a_run_does_not_pass_off_the_export_of_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ispmig_pipelines.defs.tenant_export import export as exporting

    export = exporting.export

    def replaced(*given: Any, **named: Any) -> dict[str, Any]:
        manifest = export(*given, **named)
        text = json.dumps(manifest | {"dagster_run_id": "another"})
        (folder / "out" / "manifest.json").write_text(text)
        return manifest

    monkeypatch.setattr(exporting, "export", replaced)
    code, _, err = ispmig("export", "acme", "--out", "out")
    assert (code, "another has replaced it" in err) == (3, True)


def test_debug_shows_where_a_defect_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ispmig_pipelines.defs.tenant_export import export as exporting

    def breaks(*_: Any) -> None:
        raise ZeroDivisionError("of the tenant Ann")

    monkeypatch.setattr(exporting, "_counted", breaks)
    result = CliRunner().invoke(app, ["--debug", "export", "acme", "--out", "out"])
    options["debug"] = False
    shown = "".join(traceback.format_exception(result.exception))
    assert "`breaks` in " in shown
    assert "ZeroDivisionError" in shown
    assert "Ann" not in shown


def test_sizes_are_read_as_people_write_them() -> None:
    assert [size(t) for t in ("1GB", "500 MB", "1.5k", "20000", "2Tb")] == [
        10**9, 5 * 10**8, 1500, 20_000, 2 * 10**12
    ]  # fmt: skip
    for text in ("", "0", "10", "-5MB", "1XB", "GB"):
        with pytest.raises(UsageError, match="no size"):
            size(text)


def test_lists_may_be_given_either_way() -> None:
    assert listed(["a, b", "c", " "]) == ["a", "b", "c"]
