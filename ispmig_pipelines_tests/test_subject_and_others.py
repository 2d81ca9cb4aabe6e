"""What names a person in what is somebody else's is told apart: it is not given away with what is
theirs, and erasing them takes nothing of it. What is nobody's is theirs if it names them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pytest
from dagster import DagsterInstance
from psycopg import sql
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.platform import ledger, tenants, verify
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House

SPEC = """\
version: 1
name: italia
defaults: {date_format: DD/MM/YYYY}
sources:
  clienti: {files: clienti.csv}
entities:
  customer:
    from: clienti
    fields:
      account_number: codice
      last_name: cognome
      email: email
      phone: {column: telefono, country: IT}
      status: {constant: active}
      signup_date: attivazione
"""
PEOPLE = (
    "codice;cognome;email;telefono;attivazione;altro;da\n"
    "100001;Zyx;anna.zyx@example.org;+39 06 69812345;01/02/2015;zyx.alt@example.net;\n"
    "100002;Rossi;Famiglia@example.org;;02/02/2015;;\n"
    "100003;Rossi;famiglia@example.org;;03/02/2015;;\n"
    "100004;Bianchi;luca@example.org;;04/02/2015;;anna.zyx@example.org\n"
    # Of others, and not loaded: one was recommended by her, one has an address of the family.
    "100005;Verdi;sara@example.org;;31/31/2015;chiamare il 06/698.123-45;ANNA.Zyx@example.org\n"
    "100006;Rossi;FAMIGLIA@example.org;;31/31/2015;;\n"
    # Of nobody: no account number, and not to be split into cells.
    ";Zyx;anna.zyx@example.org;;01/02/2015;;\n"
    ";Zyx;;06-69812345;01/02/2015;;\n"
    "100007;Zyx;0039 06 69812345;;;;;;;zyx too many;;;\n"
)


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        house = House(folder, instance)
        house.write("clienti.csv", PEOPLE)
        house.write("spec.yaml", SPEC)
        assert not house.migrate().ok  # too much in quarantine
        ran = house.migrate(max_quarantined="90%")
        assert ran.ok, ran.failure()
        yield house


def run(*words: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["subject", "acme", *words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def tables(house: House) -> str:
    """All that stands in any table of the database."""
    with house.engine.connect() as connection:
        driver = tenants.raw(connection)
        names = driver.execute(
            """select schemaname, tablename from pg_tables
               where schemaname not in ('pg_catalog', 'information_schema')"""
        ).fetchall()
        text = []
        for schema, name in names:
            query = sql.SQL("copy {} to stdout").format(sql.Identifier(schema, name))
            with driver.cursor().copy(query) as copied:
                text += [bytes(part).decode() for part in copied]
        return "".join(text).casefold()


def files() -> str:
    """All that stands in any file of the home, also inside staged tables."""
    text = []
    for path in sorted(settings().home.rglob("*")):
        if path.is_file() and not {"postgres", "exports"} & set(path.parts):
            data = path.read_bytes()
            if path.suffix == ".arrow":
                data = str(pa.ipc.open_file(data).read_all().to_pydict()).encode()
            text.append(data.decode("utf-8", "replace"))
    return "".join(text).casefold()


def test_only_what_is_theirs_is_given_and_what_names_them_is_shown_by_itself(
    house: House, tmp_path: Path
) -> None:
    out = tmp_path / "anna.json"
    code, told = run("--email", "Anna.Zyx@example.org", "--out", str(out))
    assert (code, told["accounts"]) == (0, ["100001"])
    whole = json.loads(out.read_text(encoding="utf-8"))
    assert {row["from"] for row in whole["in_quarantine"]} == {
        f"record {n} of clienti.csv" for n in (7, 8, 9)
    }
    said = {(one["in"], one["says"]) for one in whole["named_in_what_is_of_others"]}
    assert said == {
        ("legacy.da", "anna.zyx@example.org"),
        ("da", "ANNA.Zyx@example.org"),
        ("altro", "chiamare il 06/698.123-45"),
    }
    text = out.read_text(encoding="utf-8")
    for other in ("sara@", "luca@", "Verdi", "Bianchi", "100005", "100004", "amiglia"):
        assert other not in text, other
    assert any("customer 100004: customer.legacy.da" in line for line in told["named_in"])


@pytest.mark.parametrize("number", ["06 69812345", "+39 0669812345", "0039-06-698.12345"])
def test_a_telephone_number_is_the_same_however_it_is_written(house: House, number: str) -> None:
    code, told = run("--phone", number)
    assert (code, told["accounts"]) == (0, ["100001"])
    assert told["quarantine"] == 6  # three records, of both migrations


def test_an_address_among_unmapped_columns_is_found(house: House) -> None:
    code, told = run("--email", "zyx.alt@example.net")
    assert (code, told["rows"]) == (0, {})
    assert told["named_in"] == ["customer 100001: customer.legacy.altro"]
    code, told = run("--email", "zyx.alt@example.net", "--erase", "--yes")
    assert code == 2
    assert "name the account" in told["error"]["message"]


def test_erasing_takes_all_of_theirs_everywhere_and_nothing_of_others(house: House) -> None:
    assert not house.migrate().ok  # the newest that failed: what it staged is still there
    code, told = run("--account", "100001", "--erase", "--yes")
    assert code == 0, told
    assert told["erased"]["quarantine"] == 9
    assert told["files"] == {"staged": 1, "previews": 0}
    left = tables(house) + files()
    for of_others in ("sara@example.org", "luca@example.org", "chiamare il 06/698.123-45"):
        assert of_others in left
    for said in ("chiamare il 06/698.123-45", "anna.zyx@example.org"):
        left = left.replace(said, "(what others have)")
    assert "zyx" not in left
    assert "69812345" not in left
    with house.engine.connect() as connection:
        newest = ledger.migrations(connection, "acme")[0]
        connection.rollback()
        assert not any(verify.standing(connection, house.tenant, newest).values())


@pytest.mark.slow
def test_no_later_migration_brings_back_what_names_no_account(house: House) -> None:
    assert run("--account", "100001", "--erase", "--yes")[0] == 0
    ran = house.migrate(max_quarantined="90%")
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    assert ran.entry.findings["erased"] == {"customer": 4}
    rejected = {row["record"]: row for row in house.quarantine(ran.entry.id)}
    assert {n for n, row in rejected.items() if row["cells"] or row["text"]} == {5, 6}
    left = tables(house)
    for said in ("chiamare il 06/698.123-45", "anna.zyx@example.org"):
        left = left.replace(said, "(what others have)")
    assert "zyx" not in left
    code, told = run("--account", "100001", "--email", "anna.zyx@example.org",
                     "--phone", "+390669812345", "--allow")  # fmt: skip
    assert (code, told["allowed"]) == (0, 3)
    ran = house.migrate(max_quarantined="90%")
    assert ran.ok, ran.failure()
    assert "zyx.alt@example.net" in tables(house)


def test_an_address_of_a_family_says_nothing_of_one_of_them(house: House) -> None:
    code, told = run("--email", "famiglia@example.org", "--erase", "--yes")
    assert code == 2
    assert "3 customers are known by that" in told["error"]["message"]
    code, told = run("--account", "100002", "--erase", "--yes")
    assert code == 0, told
    assert told["newly_erased"] == 1  # the account; the address is the others', too
    assert [email for (email,) in house.rows("customer", "email") if email[0] == "f"] == [
        "famiglia@example.org"
    ]
    assert "100006" in tables(house)
    assert any("customer 100003: customer.email" in line for line in told["named_in"])


def test_a_workbook_from_before_names_the_rows_that_are_to_go(house: House, tmp_path: Path) -> None:
    workbook = tmp_path / "quarantine.xlsx"
    quarantine = ["quarantine", "acme", "--format", "xlsx", "--out", str(workbook)]
    assert CliRunner().invoke(app, quarantine).exit_code == 0
    assert run("--account", "100001", "--erase", "--yes")[0] == 0
    result = CliRunner().invoke(app, ["resubmit", "acme", str(workbook), "--json"])
    message = json.loads(result.stdout)["error"]["message"]
    assert result.exit_code == 2
    assert message.count("is of somebody who was erased") == 3
    assert "hidden columns" not in message


def test_an_erasure_that_fails_halfway_has_erased_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables(house)
    staged = files()

    def broken(*_: object) -> int:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr("ispmig_pipelines.platform.erased.remember", broken)
        assert run("--account", "100001", "--erase", "--yes")[0] == 3
    assert tables(house) == before
    assert files().count("zyx") == staged.count("zyx")
    assert run("--account", "100001", "--erase", "--yes")[0] == 0
