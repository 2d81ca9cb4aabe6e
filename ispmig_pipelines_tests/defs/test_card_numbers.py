"""Card numbers are nowhere: no file, no table, no log and no event has one after a migration.

Published numbers of test cards stand wherever an export can have them, and after the run
everything that the house keeps is searched for them, with and without what groups their digits.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from psycopg import sql

from ispmig_pipelines.defs.instance import instance as open_instance
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.migrating import migrate
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.quarantine.resubmission import resubmit
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House

PANS = {
    "note": "4111111111111111",
    "json": "5555555555554444",
    "xml": "378282246310005",
    "sql": "6011000990139424",
    "xlsx": "4012888888881881",
    "broken": "3530111333300000",
    "column": "5105105105105100",
    "database": "30569309025904",
    "key": "6304000000000000",
    "cvv": "4222222222222",
    "track": "2223003122003222",
    "file": "371449635398431",
    "sheet": "3566002020360505",
}
CVVS = ("9731", "8642")


def grouped(number: str, between: str = " ") -> str:
    return between.join(number[at : at + 4] for at in range(0, len(number), 4))


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    exports = tmp_path / "exports"
    exports.mkdir()
    # The instance of the house itself, so that its logs are searched as they are kept.
    with open_instance() as instance:
        yield House(exports, instance)


def texts_of(home: Path, exports: Path) -> Iterator[tuple[Path, bytes]]:
    """Everything in files under the home but the exports, unpacked as far as it is packed."""
    for path in sorted(home.rglob("*")):
        if not path.is_file() or path.is_relative_to(exports):
            continue
        content = path.read_bytes()
        yield path, content
        if path.suffix == ".arrow":
            with pa.OSFile(str(path)) as file:
                yield path, repr(pa.ipc.open_file(file).read_all().to_pydict()).encode()
        if content[:2] == b"\x1f\x8b":
            yield path, gzip.decompress(content)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield path, archive.read(name)


def dump(house: House, schema: str = "") -> str:
    """Every row of every table of the database, or of a schema, as text."""
    rows = []
    with house.engine.connect() as connection:
        driver = tenants.raw(connection)
        names = driver.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_type = 'BASE TABLE' and table_schema not in "
            "('pg_catalog', 'information_schema')"
        ).fetchall()
        assert {schema for schema, _ in names} >= {"ispmig", house.tenant.schema}
        for name in [n for n in names if schema in ("", n[0])]:
            statement = sql.SQL("select t::text from {} t").format(sql.Identifier(*name))
            rows += [row[0] for row in driver.execute(statement)]
    return "\n".join(rows)


def told(house: House) -> str:
    """Every event of every run, and its configuration and tags."""
    parts = []
    for record in house.instance.get_run_records():
        run = record.dagster_run
        parts.append(repr(run))
        parts += [repr(entry) for entry in house.instance.all_logs(run.run_id)]
    return "\n".join(parts)


def assert_nowhere(house: House, numbers: list[str], home: Path) -> None:
    written = {w for n in numbers for w in (n, grouped(n), grouped(n, "-"))}
    pattern = re.compile("|".join(map(re.escape, written)))
    assert not pattern.search(dump(house)), "in a table"
    assert not pattern.search(told(house)), "in an event"
    seen = 0
    for path, text in texts_of(home, house.folder):
        assert not pattern.search(text.decode("utf-8", "replace")), path
        assert not pattern.search(text.decode("utf-16-le", "ignore")), path
        seen += 1
    assert seen, "there is something to search"


SPEC = """\
version: 1
sources:
  people: {files: people*.csv}
  more: {files: more.json}
  sites: {files: sites.xml}
  plans: {files: dump.sql, table: plans}
  devices: {files: devices.xlsx, table: "************0505"}
  methods: {database: "sqlite:///legacy.db", table: methods}
entities:
  customer:
    - from: people
      fields:
        account_number: No
        last_name: Name
        phone: {column: Phone, country: US}
        notes: Note
        status: {constant: active}
    - from: more
      fields: {account_number: id, last_name: name, status: {constant: active}}
  location:
    from: sites
    fields: {location_code: code, customer: customer, street: street}
  plan:
    from: plans
    fields: {plan_code: code, name: name}
  device:
    from: devices
    fields: {device_code: Code, kind: {constant: modem}, status: {constant: active}}
  payment_method:
    from: methods
    fields:
      method_code: id
      customer: customer
      kind: {constant: card}
      status: {constant: active}
      last_four: {column: number, transform: {extract: "[0-9]{4}$"}}
"""


def planted(house: House) -> None:
    p = PANS
    house.write(
        f"people_{p['file']}.csv",
        f"No,Name,Phone,Note,{grouped(p['column'])},CVV2\n"
        f"A1,Ann,,Paid by {grouped(p['note'])} 12/25 {CVVS[0]} in May,x,{CVVS[1]}\n"
        f"A2,Bob,{p['key']},,,{CVVS[1]}\n"
        f"{grouped(p['key'], '-')},Cy,,,,\n"
        f"A3,Dee,{p['broken']},one,two,three,four\n"
        f'A4,Eve,,"CVV: {CVVS[0]}, %B{p["track"]}^EVE/X^25121010000000123000?",,\n',
    )
    nested = {"card": {"number": p["json"], "cvv": CVVS[0]}, "log": [f"x{p['json']}y"]}
    house.write("more.json", json.dumps([{"id": "B1", "name": "Flo", "extra": nested}]))
    house.write(
        "sites.xml",
        "<sites><site><code>S1</code><customer>A1</customer><street>Main 1</street>"
        f"<memo>card {grouped(p['xml'], chr(0xA0))}</memo></site></sites>",
    )
    house.write(
        "dump.sql",
        "create table plans (code varchar(9), name varchar(99), memo text);\n"
        f"insert into plans values ('P1', 'Fiber {p['sql']}', '{{\"pan\": \"{p['sql']}\"}}');\n",
    )
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = p["sheet"]
    sheet.append(["Code", "Serial", "Remark"])
    sheet.append(["D1", "SN-1", p["xlsx"]])
    sheet.append(["D2", "SN-2", int(p["xlsx"])])
    book.save(house.folder / "devices.xlsx")
    database = sqlite3.connect(house.folder / "legacy.db")
    database.execute("create table methods (id text, customer text, number text, card_cvc int)")
    database.execute("insert into methods values ('M1', 'A1', ?, 8642)", [p["database"]])
    database.commit()
    database.close()
    house.write("spec.yaml", SPEC)


@pytest.mark.slow
def test_after_a_migration_they_are_nowhere(house: House, ispmig_home: Path) -> None:
    planted(house)
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    assert_nowhere(house, list(PANS.values()), ispmig_home)
    assert not re.search("|".join(CVVS), dump(house, house.tenant.schema))
    assert house.rows("customer", "account_number, notes") == [
        ("A1", "Paid by ************1111 12/25 *** in May"),
        ("A4", "CVV: ***, %B************3222^EVE/X^***?"),
        ("B1", None),
    ]
    assert house.rows("payment_method", "method_code, last_four") == [("M1", "5904")]
    assert house.rows("plan", "name, legacy") == [
        ("Fiber ************9424", {"memo": '{"pan": "************9424"}'})
    ]
    (extra,) = [row[0] for row in house.rows("customer", "legacy") if row[0] and "B1" not in row[0]
                and any(key.startswith("extra") for key in row[0])]  # fmt: skip
    assert "4444" in repr(extra)
    issues = {
        (row["record"], reason["rule"], reason["column"])
        for row in house.quarantine()
        for reason in row["reasons"]
    }
    assert issues == {
        (2, "card.in_field", "Phone"), (3, "card.in_field", "No"), (4, "record.ragged", "")
    }, "each defect is told once"  # fmt: skip
    found = {(f["source"], f["column"]): f for f in ran.entry.findings["cards"]}
    assert found["people", "CVV2"]["dropped"]
    assert found["methods", "card_cvc"]["dropped"]
    assert found["people", "Note"]["cells"] == 2
    assert found["people", "Note"]["issuers"] == {"mastercard": 1, "visa": 1}
    assert found["devices", "Remark"]["cells"] == 2
    assert found["people", "Note"]["masked"] == 2
    assert ran.entry.as_json()["findings"] == ran.entry.findings


@pytest.mark.slow
def test_what_fails_leaves_none_either(house: House, ispmig_home: Path) -> None:
    """It is staged when the load refuses; and an error quotes columns that are a record."""
    planted(house)
    ran = house.migrate(max_quarantined="0")
    assert not ran.ok
    staged = list(settings().staging_folder.rglob("*.arrow"))
    assert staged, "a retry goes on from what is staged"
    assert_nowhere(house, list(PANS.values()), ispmig_home)

    house.write("spec.yaml", SPEC.replace("notes: Note", "notes: Remark"))
    message, _ = house.migrate().failure()
    assert "has no column 'Remark'" in message
    house.write(
        "spec.yaml",
        "version: 1\nsources: {people: {files: cards.csv}}\nentities: {customer: {from: people, "
        "fields: {account_number: No, last_name: Name, status: {constant: active}}}}\n",
    )
    first = ",".join([PANS["note"], PANS["json"], "Ann"])
    house.write("cards.csv", f"{first}\n{PANS['xml']},2,Bob\n{PANS['sql']},3,Cy\n")
    assert not house.migrate().ok
    assert_nowhere(house, list(PANS.values()), ispmig_home)


@pytest.mark.slow
@pytest.mark.parametrize("refused", [False, True])
def test_a_dry_run_and_its_report_have_none(house: House, ispmig_home: Path, refused: bool) -> None:
    planted(house)
    ran = house.migrate(mode="dry_run", max_quarantined="0" if refused else "100%")
    assert ran.ok is not refused
    assert list(settings().reports_folder.rglob("*.html"))
    assert_nowhere(house, list(PANS.values()), ispmig_home)


ONE = """\
version: 1
sources: {people: {files: people.csv%s}}
entities:
  customer:
    from: people
    fields: {account_number: No, last_name: Name, status: {constant: active}}
"""


def test_numbers_that_are_none_are_left_alone_with_the_reason_on_record(house: House) -> None:
    house.write("spec.yaml", ONE % ", not_cards: {no: our own numbers}")
    house.write("people.csv", f"No,Name,Note\n{PANS['note']},Ann,{PANS['json']}\n")
    ran = house.migrate()
    assert ran.ok, ran.failure()
    assert house.rows("customer", "account_number, legacy") == [
        (PANS["note"], {"Note": "************4444"})
    ]
    assert ran.entry is not None
    found = {f["column"]: f for f in ran.entry.findings["cards"]}
    assert (found["No"]["cells"], found["No"]["masked"]) == (1, 0)
    assert found["No"]["allowed"] == "our own numbers"
    assert (found["Note"]["masked"], found["Note"]["allowed"]) == (1, None)


def test_a_column_that_is_not_there_cannot_be_allowed(house: House) -> None:
    house.write("spec.yaml", ONE % ", not_cards: {Accounts: our own numbers}")
    house.write("people.csv", "No,Name\n1,Ann\n")
    message, code = house.migrate().failure()
    assert "people.not_cards: source 'people' has no column 'Accounts'" in message
    assert code == 2


def test_a_tenth_that_passes_is_chance_and_told_as_such(house: House) -> None:
    """Account numbers of 16 digits: one of ten is a card number by its check digit."""
    house.write("spec.yaml", ONE % "")
    rows = "".join(f"4{at * 7919:015},N{at}\n" for at in range(1, 201))
    house.write("people.csv", f"No,Name\n{rows}")
    ran = house.migrate(max_quarantined="100%")
    assert ran.entry is not None
    (found,) = ran.entry.findings["cards"]
    assert found["long_numbers"] == 200
    assert 10 <= found["long_numbers_passing"] == found["masked"] <= 30
    assert found["by_chance"]
    (note,) = ran.entry.files[0]["notes"]
    assert 'not_cards: {"No": "why they are none"}' in note


def test_a_spec_that_has_one_is_refused_before_it_is_kept(house: House, ispmig_home: Path) -> None:
    number = PANS["note"]
    house.write("spec.yaml", f"{ONE % ''}# {grouped(number)}\n")
    house.write("people.csv", "No,Name\n1,Ann\n")
    message, code = house.migrate(look=False).failure()
    assert "spec.yaml:7: a card number stands here (# ************1111)" in message
    assert code == 2
    assert_nowhere(house, [number], ispmig_home)


def test_what_has_one_in_its_name_is_refused(house: House, ispmig_home: Path) -> None:
    spec = house.write(f"spec_{PANS['note']}.yaml", ONE % "")
    corrected = house.write(f"corrected_{PANS['note']}.csv", "ispmig migration\n1\n")
    with house.engine.connect() as connection:
        with pytest.raises(UsageError, match=r"spec_\*{12}1111"):
            migrate(connection, house.tenant.slug, spec)
        with pytest.raises(UsageError, match=r"corrected_\*{12}1111"):
            resubmit(connection, house.tenant.slug, corrected)
    assert_nowhere(house, [PANS["note"]], ispmig_home)


def test_a_column_of_verification_values_cannot_be_mapped(house: House) -> None:
    house.write("spec.yaml", (ONE % "").replace("last_name: Name", "last_name: Name, notes: cvv"))
    house.write("people.csv", "No,Name,CVV\n1,Ann,123\n")
    message, code = house.migrate().failure()
    assert "spec.yaml:6: customer.notes: 'cvv' holds what verifies cards (CVV)" in message
    assert code == 2


HOOK = """\
import hashlib

def tokens(numbers):
    return "tok_" + numbers.map(lambda n: hashlib.sha256(n.encode()).hexdigest()[:8])

def numbers(numbers):
    return numbers

def none(numbers):
    return numbers.where(numbers.str.len() < 3)
"""


@pytest.fixture
def hook(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "ispmig_vault.py").write_text(HOOK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ISPMIG_PLUGINS", "ispmig_vault")
    settings.cache_clear()
    yield
    sys.modules.pop("ispmig_vault", None)


@pytest.mark.usefixtures("hook")
def test_a_hook_gives_tokens_in_the_place_of_numbers(house: House, ispmig_home: Path) -> None:
    house.write("spec.yaml", ONE % ", card_tokens: ispmig_vault.tokens")
    number = PANS["note"]
    notes = f"1,Ann,card {grouped(number)} CVV 123\n2,Bob,{number}\n"
    house.write("people.csv", f"No,Name,Note\n{notes}")
    ran = house.migrate()
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    token = "tok_" + hashlib.sha256(number.encode()).hexdigest()[:8]
    kept = {row[0]: row[1]["Note"] for row in house.rows("customer", "account_number, legacy")}
    assert kept == {"1": f"card {token} CVV ***", "2": token}
    assert ran.entry.findings["cards"][0]["tokens"]
    assert set(ran.entry.plugins) == {"ispmig_vault"}
    assert ran.entry.issues["customer"]["card.tokenised"] == 2
    assert_nowhere(house, [number], ispmig_home)


@pytest.mark.usefixtures("hook")
def test_a_token_that_is_a_number_is_refused_and_none_is_masked(house: House) -> None:
    house.write("spec.yaml", ONE % ", card_tokens: ispmig_vault.numbers")
    house.write("people.csv", f"No,Name,Note\n1,Ann,{PANS['note']}\n")
    message, _ = house.migrate().failure()
    assert "ispmig_vault.numbers gave a token that looks like a card number" in message
    assert PANS["note"] not in message
    house.write("spec.yaml", ONE % ", card_tokens: ispmig_vault.none")
    assert house.migrate().ok
    assert house.rows("customer", "legacy") == [({"Note": "************1111"},)]
