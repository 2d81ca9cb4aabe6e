"""``ispmig spec check``, ``spec diff`` and ``spec schema``; and that a migration keeps its spec."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from dagster import DagsterInstance
from typer.testing import CliRunner, Result

from ispmig_pipelines.cli import app
from ispmig_pipelines.mapping.spec_schema import spec_schema
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.settings import settings
from ispmig_pipelines.spec_checking import check
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.defs.migrating import House

SPEC = """\
version: 1
sources:
  people: {files: "people*.csv"}
  plans: {files: plans.csv}
entities:
  customer:
    from: people
    fields:
      account_number: No
      status: {constant: active}
      signup_date: Joined
      balance: {column: Owed, positive_is: debt}
      currency: {constant: EUR}
      notes: {column: Plan, lookup_table: {source: plans, key: Id, value: Name}}
"""
PEOPLE = "No,Joined,Owed,Plan,Colour,Size\n"
PLANS = "Id,Name\n1,Basic\n2,Fast\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "home"))
    # Checking and comparing files must not ask for a database.
    monkeypatch.setenv("ISPMIG_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    settings.cache_clear()
    where = tmp_path / "move"
    where.mkdir()
    (where / "spec.yaml").write_text(SPEC)
    (where / "plans.csv").write_text(PLANS)
    yield where
    settings.cache_clear()


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["spec", *map(str, words)])


def as_json(*words: str | Path, ends_with: int = 0) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == ends_with, result.output
    return json.loads(result.stdout)


# --- check ---------------------------------------------------------------------------------------


def test_a_sound_spec_is_told_with_its_blocks_and_no_source_is_opened(folder: Path) -> None:
    (folder / "plans.csv").unlink()
    result = run("check", folder / "spec.yaml")
    assert result.exit_code == 0
    assert "customer from people: 6 fields" in result.stdout
    assert "The spec has no mistakes. Its sources were not opened" in result.stdout
    found = as_json("check", folder / "spec.yaml")
    assert found["mistakes"] == found["questions"] == []
    assert found["spec"]["sha256"] == hashlib.sha256(SPEC.encode()).hexdigest()
    assert found["blocks"] == [
        {"block": "customer", "entity": "customer", "source": "people", "fields": 6, "rules": 0}
    ]
    assert "sources" not in found


def test_every_mistake_is_told_at_once_with_its_line(folder: Path) -> None:
    spec = folder / "spec.yaml"
    spec.write_text(SPEC.replace("signup_date", "signup_dat").replace("value: Name", "valu: Name"))
    result = run("check", spec)
    assert result.exit_code == 2
    assert "The spec has 3 mistakes" in result.stderr
    assert "spec.yaml:11: customer has no field 'signup_dat'; did you mean" in result.stderr
    found = as_json("check", spec, ends_with=2)
    assert [m.split(":")[1] for m in found["mistakes"]] == ["11", "14", "14"]
    assert found["error"]["code"] == "spec"
    assert found["error"]["exit_code"] == 2


def test_a_spec_that_is_not_there_is_a_usage_error(folder: Path) -> None:
    assert as_json("check", folder / "none.yaml", ends_with=2)["error"]["code"] == "usage"


def test_the_sources_say_what_is_settled_kept_and_looked_up(folder: Path) -> None:
    (folder / "people1.csv").write_text(
        PEOPLE + '1,02/03/2019,"1,234",1,red,L\n2,25/12/2019,"2,345.50",2,blue,M\n'
    )
    (folder / "people2.csv").write_text(PEOPLE + '3,31/01/2020,"7,000",1,red,S\n4,broken\n')
    result = run("check", folder / "spec.yaml", "--sources")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "  customer.signup_date (Joined): DD/MM/YYYY by 2 cells" in lines
    assert "  customer.balance (Owed): a decimal point by 1 cell" in lines
    assert "  kept under legacy of customer: Colour, Size" in lines
    assert "Source people: 3 records, 1 that cannot be read, 6 columns, 2 places" in lines
    assert "Lookup table of plans (Id → Name): 2 keys" in lines
    assert lines[-1] == "The spec has no mistakes."
    found = as_json("check", folder / "spec.yaml", "--sources")
    assert found["lookup_tables"] == [{"source": "plans", "key": "Id", "value": "Name", "keys": 2}]
    people = next(s for s in found["sources"] if s["source"] == "people")
    assert (people["records"], people["unreadable"]) == (3, 1)
    assert people["legacy"] == {"customer": ["Colour", "Size"]}
    (dates, numbers) = found["settled"]
    assert dates["settled"]["date_formats"] == ["dmy"]
    assert (dates["line"], dates["cells"]) == (11, 2)
    assert numbers["settled"]["decimal_mark"] == "."


def test_what_a_run_would_ask_is_told_before_it(folder: Path) -> None:
    (folder / "people.csv").write_text(
        PEOPLE + '1,02/03/2019,"1,234",1,x,y\n2,04/05/2019,"2,000",2,x,y\n'
    )
    result = run("check", folder / "spec.yaml", "--sources")
    assert result.exit_code == 2
    assert "The spec leaves 2 questions open" in result.stderr
    assert "spec.yaml:11: customer.signup_date: column Joined holds 2 cells" in result.stderr
    assert "Add to the field: date_format: dmy" in result.stderr
    assert "02/03" not in result.output
    found = as_json("check", folder / "spec.yaml", "--sources", ends_with=2)
    assert (len(found["questions"]), found["mistakes"]) == (2, [])
    assert found["error"]["code"] == "open"
    # Answered, it is fine.
    text = SPEC.replace("Joined", "{column: Joined, date_format: dmy}")
    (folder / "spec.yaml").write_text(text.replace("debt", 'debt, decimal_mark: "."'))
    assert as_json("check", folder / "spec.yaml", "--sources")["questions"] == []


def test_what_is_wrong_with_one_source_does_not_hide_what_is_with_others(folder: Path) -> None:
    (folder / "plans.csv").write_text("Id,Title\n1,Basic\n")
    (folder / "people.csv").write_text(PEOPLE.replace("Owed", "Open") + "1,02/03/2019,1,1,x,y\n")
    (folder / "spec.yaml").write_text(
        SPEC.replace("  plans:", "  sites: {files: sites.csv}\n  plans:")
        + "  location:\n    from: sites\n    fields: {location_code: No, customer: No}\n"
    )
    found = as_json("check", folder / "spec.yaml", "--sources", ends_with=2)
    told = "\n".join(found["mistakes"])
    assert "spec.yaml:13: customer.balance: source 'people' has no column 'Owed'" in told
    assert "lookup_table: source 'plans' has no column 'Name'" in told
    assert "spec.yaml:4: Source 'sites'" in told
    assert "there is no such file" in told
    assert len(found["mistakes"]) == 3


@pytest.mark.parametrize(
    ("plans", "people", "told"),
    [
        ("Id,Name\n1,Basic\n1,Fast\n", PEOPLE + "1,,,1,,\n", "duplicates: first or last"),
        (PLANS, PEOPLE, "has a header and not one record"),
    ],
)
def test_a_table_that_contradicts_itself_and_an_empty_source_are_mistakes(
    folder: Path, plans: str, people: str, told: str
) -> None:
    (folder / "plans.csv").write_text(plans)
    (folder / "people.csv").write_text(people)
    (mistake,) = as_json("check", folder / "spec.yaml", "--sources", ends_with=2)["mistakes"]
    assert mistake.startswith("spec.yaml:")
    assert told in mistake


def test_a_function_that_is_not_to_be_had_is_a_mistake(folder: Path) -> None:
    (folder / "spec.yaml").write_text(
        SPEC.replace("column: Plan,", "column: Plan, transform: {function: acme.clean},")
    )
    (folder / "people.csv").write_text(PEOPLE + "1,2019-01-02,3,1,x,y\n")
    (mistake,) = as_json("check", folder / "spec.yaml", "--sources", ends_with=2)["mistakes"]
    assert mistake.startswith("spec.yaml:14: customer.notes: ")
    assert "ISPMIG_PLUGINS" in mistake


def test_a_database_is_looked_through_like_files(folder: Path) -> None:
    import sqlite3

    with sqlite3.connect(folder / "old.db") as database:
        database.execute("create table people (No, Joined, Owed, Plan, Colour)")
        database.execute("insert into people values ('1', '25/12/2019', '3', '1', 'red')")
    text = SPEC.replace('files: "people*.csv"', '"database": "sqlite:///old.db", table: people')
    (folder / "spec.yaml").write_text(text)
    found = as_json("check", folder / "spec.yaml", "--sources")
    assert found["sources"][0]["legacy"] == {"customer": ["Colour"]}
    assert found["settled"][0]["in_words"] == "DD/MM/YYYY by 1 cell"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_size_of_batches_changes_nothing(folder: Path, size: int) -> None:
    rows = "".join(f'{n},{n % 28 + 1:02}/03/2019,"{n},000",1,x,y\n' for n in range(1, 31))
    (folder / "people1.csv").write_text(PEOPLE + rows)
    (folder / "people2.csv").write_text(PEOPLE + '31,02/03/2019,"5,00",1,x,y\n')
    found = check(folder / "spec.yaml", sources=True, batch_size=size).as_json()
    assert [f["in_words"] for f in found["settled"]] == [
        "DD/MM/YYYY by 16 cells", "a decimal comma by 1 cell",
    ]  # fmt: skip
    assert found["sources"][0]["records"] == 31


@pytest.mark.slow
@pytest.mark.parametrize("demo", ["metro-fiber", "valley-wireless"])
def test_the_demos_are_sound(folder: Path, demo: str) -> None:
    spec = PROJECT / "ispmig_pipelines" / "demo" / demo / "spec.yaml"
    found = as_json("check", spec, "--sources")
    assert sum(source["records"] for source in found["sources"]) > 500


# --- diff ----------------------------------------------------------------------------------------


def test_a_spec_and_itself_say_the_same(folder: Path) -> None:
    other = folder / "other.yaml"
    other.write_text("# The same.\n" + SPEC.replace("{constant: EUR}", "\n        constant: EUR"))
    result = run("diff", folder / "spec.yaml", other)
    assert (result.exit_code, result.stdout) == (
        0, "Nothing has changed: the two say the same.\n",
    )  # fmt: skip
    found = as_json("diff", folder / "spec.yaml", other)
    assert (found["same"], found["changes"]) == (True, [])
    assert found["a"]["sha256"] != found["b"]["sha256"]


def test_what_differs_is_told_in_words_and_ends_with_1(folder: Path) -> None:
    other = folder / "other.yaml"
    other.write_text(SPEC.replace("debt", "credit").replace("EUR", "USD"))
    result = run("diff", folder / "spec.yaml", other)
    assert result.exit_code == 1
    assert result.stdout == (
        "customer.balance: positive is credit instead of debt\n"
        "customer.currency: from the constant USD instead of the constant EUR\n"
    )
    found = as_json("diff", folder / "spec.yaml", other, ends_with=1)
    assert not found["same"]
    assert found["changes"][0] == {
        "subject": "customer.balance",
        "kind": "changed",
        "text": "positive is credit instead of debt",
    }


def test_a_spec_with_mistakes_cannot_be_compared(folder: Path) -> None:
    (folder / "other.yaml").write_text("version: 2\n")
    assert run("diff", folder / "spec.yaml", folder / "other.yaml").exit_code == 2
    result = run("diff", "migration:last", folder / "spec.yaml")
    assert result.exit_code == 2
    assert "names no migration" in result.stderr


# --- schema --------------------------------------------------------------------------------------


def test_the_schema_is_printed_or_written(folder: Path) -> None:
    printed = run("schema")
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == spec_schema()
    out = folder / "spec.schema.json"
    assert as_json("schema", "-o", out) == {"schema": str(out)}
    assert out.read_text(encoding="utf-8") == printed.stdout
    assert out.read_text(encoding="utf-8") == (PROJECT / "docs" / "spec.schema.json").read_text(
        encoding="utf-8"
    )
    assert run("schema", "-o", folder / "no" / "where.json").exit_code == 2


# --- what a migration keeps ----------------------------------------------------------------------

RULED = """\
# Müller's own words: kept to the byte.
version: 1
sources:
  people: {files: people.csv}
  plans: {files: plans.csv}
entities:
  customer:
    from: people
    fields:
      account_number: {column: No, transform: {function: ispmig_acme.clean}}
      status: {constant: active}
      notes: {column: Plan, lookup_table: {source: plans, key: Id, value: Name}}
    rules:
      - when: {column: {No: "2"}}
        map: {last_name: {column: No, transform: {function: ispmig_acme.clean}}}
"""
CODE = "from ispmig_acme_inner import clean\n"
INNER = "def clean(cells):\n    return 'A-' + cells\n"


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    (tmp_path / "ispmig_acme.py").write_text(CODE)
    (tmp_path / "ispmig_acme_inner.py").write_text(INNER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ISPMIG_PLUGINS", "ispmig_acme, ispmig_acme_inner")
    settings.cache_clear()
    exports = tmp_path / "exports"
    exports.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(exports, instance)
    for name in [n for n in sys.modules if n.startswith("ispmig_acme")]:
        del sys.modules[name]


@pytest.mark.slow
def test_a_migration_keeps_its_spec_its_files_and_what_code_it_ran(house: House) -> None:
    house.write("spec.yaml", RULED)
    house.write("people.csv", "No,Plan\n1,1\n2,2\n")
    house.write("plans.csv", PLANS)
    ran = house.migrate()
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    assert ran.entry.spec_text == RULED
    assert ran.entry.spec_digest == hashlib.sha256(RULED.encode()).hexdigest()
    assert [(f["source"], f["sha256"]) for f in ran.entry.files] == [
        ("people", hashlib.sha256(b"No,Plan\n1,1\n2,2\n").hexdigest()),
        ("plans", hashlib.sha256(PLANS.encode()).hexdigest()),
    ]
    assert ran.entry.plugins == {
        "ispmig_acme": hashlib.sha256(CODE.encode()).hexdigest(),
        "ispmig_acme_inner": hashlib.sha256(INNER.encode()).hexdigest(),
    }
    assert ran.entry.as_json()["plugins"] == ran.entry.plugins
    assert house.rows("customer", "account_number, last_name, notes") == [
        ("A-1", None, "Basic"), ("A-2", "A-2", "Fast"),
    ]  # fmt: skip
    # What has changed since is told from the ledger, whatever has become of the file.
    changed = house.write("spec.yaml", RULED.replace("active", "lead").replace('"2"', '"3"'))
    found = as_json("diff", f"migration:{ran.entry.id}", changed, ends_with=1)
    assert [f"{c['subject']}: {c['text']}" for c in found["changes"]] == [
        "customer.status: from the constant lead instead of the constant active",
        "customer, rule 1: when column(No) = 3 instead of column(No) = 2",
    ]
    assert found["a"] == {"spec": f"migration:{ran.entry.id}", "sha256": ran.entry.spec_digest}
    assert as_json("diff", f"migration:{ran.entry.id}", f"migration:{ran.entry.id}")["same"]
    assert run("diff", f"migration:{ran.entry.id + 1}", changed).exit_code == 2


def test_a_ledger_of_before_is_upgraded(house: House) -> None:
    house.write("spec.yaml", RULED)
    house.write("people.csv", "No,Plan\n1,1\n2,2\n")
    house.write("plans.csv", PLANS)
    ran = house.migrate()
    config = Config()
    config.set_main_option("script_location", str(Path(ledger.__file__).parent / "ledger_versions"))
    with house.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    ledger.prepare(house.engine)
    entry = house.entry(ran.result.run_id)
    assert entry is not None
    assert (entry.plugins, entry.spec_text) == ({}, RULED)


@pytest.mark.slow
def test_checking_files_needs_neither_the_database_nor_the_orchestrator(folder: Path) -> None:
    (folder / "people.csv").write_text(PEOPLE + "1,2019-01-02,3,1,x,y\n")
    code = (
        "import sys\n"
        "from ispmig_pipelines.spec_checking import check\n"
        f"assert check(__import__('pathlib').Path({str(folder / 'spec.yaml')!r}), sources=True)"
        ".error is None\n"
        "assert not {'dagster', 'sqlalchemy'} & sys.modules.keys()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_a_migration_without_functions_names_no_code(house: House) -> None:
    house.write("spec.yaml", RULED.replace(", transform: {function: ispmig_acme.clean}", ""))
    house.write("people.csv", "No,Plan\n1,1\n2,2\n")
    house.write("plans.csv", PLANS)
    ran = house.migrate()
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    assert ran.entry.plugins == {}
