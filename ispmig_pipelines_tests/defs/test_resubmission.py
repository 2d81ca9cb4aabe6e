"""From quarantine to a workbook, through a clerk's hands, and back into the tenant's tables."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook import Workbook as OpenpyxlWorkbook
from psycopg import sql
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.defs.tenant_migration import resubmission
from ispmig_pipelines.platform import tenants, trail
from ispmig_pipelines.platform.server import engine

SPEC = """\
version: 1
name: business
sources:
  people: {files: people.csv}
  bills: {files: bills.csv}
  plans: {files: plans.csv}
defaults: {timezone: UTC}
entities:
  plan:
    from: plans
    fields:
      plan_code: Code
      name: Name
      price: Price
      currency: {constant: EUR}
      billing_cycle: {constant: monthly}
  customer:
    from: people
    fields:
      account_number: No
      kind: {constant: person}
      last_name: Name
      email: Mail
      status: {column: State, lookup: {A: active, X: cancelled}}
      signup_date: Since
      balance: {column: Owed, positive_is: debt}
      currency: {constant: EUR}
  service:
    from: people
    fields:
      service_code: {sequence: {prefix: S-, start: 1, width: 5}}
      customer: No
      plan: {column: Tariff, lookup_table: {source: plans, key: Short, value: Code}}
      status: {constant: suspended}
      start_date: Since
  invoice:
    from: bills
    fields:
      invoice_number: Bill
      customer: Account
      issue_date: Date
      status: {constant: open}
      total: Sum
      currency: {constant: EUR}
"""
PLANS = "Code,Short,Name,Price\nP-100,F100,Fiber 100,29.90\nP-50,F50,Fiber 50,19.90\n"
PEOPLE = """\
No,Name,Mail,State,Since,Owed,Tariff,Note
0001,Ann,ann@example.com,A,25/12/2023,"1,50",F100,=1+1
0002,Bob,bob at example,A,01/02/2024,"2,25",F50,
0003,Cid,cid@example.com,?,03/04/2024,"3,00",F100,ok
0004,Dee,dee@example.com,A,31/31/2024,"4,00",F50,+49 1
0005,Eve,eve@example.com,A,05/06/2024,"5,00",F77,
0006,Fay,fay@example.com,A,05/06/2024,"1,2,3",F50,
"""
BILLS = """\
Bill,Account,Date,Sum
B1,0001,01/07/2024,"10,00"
B2,0002,13/07/2024,"20,00"
B3,0099,02/07/2024,"30,00"
B1,0001,02/07/2024,"11,00"
"""


@pytest.fixture
def folder(ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, text in {
        "spec.yaml": SPEC, "people.csv": PEOPLE, "plans.csv": PLANS, "bills.csv": BILLS
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    assert ispmig("tenant", "add", "acme")[0] == 0
    return folder


def ispmig(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def as_json(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
    code, out, err = ispmig(*arguments, "--json")
    assert code == exit_code, out + err
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def migrate() -> dict[str, Any]:
    return as_json("migrate", "acme", "spec.yaml", "--max-quarantined", "90%")


def write_workbook(folder: Path, *options: str) -> Path:
    path = folder / "bad.xlsx"
    path.unlink(missing_ok=True)
    as_json("quarantine", "acme", "--format", "xlsx", "--out", str(path), *options)
    return path


def corrected(path: Path, change: Callable[[OpenpyxlWorkbook], None]) -> Path:
    """The workbook as somebody saved it who changed cells."""
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)
    return path


def heading(sheet: Any) -> dict[str, int]:
    return {cell.value: cell.column for cell in sheet[1]}


def row_of(sheet: Any, column: str, value: str) -> int:
    place = heading(sheet)[column]
    (row,) = [r for r in range(2, sheet.max_row + 1) if sheet.cell(r, place).value == value]
    return int(row)


def put(sheet: Any, key: tuple[str, str], **cells: str) -> None:
    row = row_of(sheet, *key)
    for name, value in cells.items():
        sheet.cell(row, heading(sheet)[name]).value = value


def rows(query: str) -> list[tuple[Any, ...]]:
    with engine().connect() as connection:
        return tenants.raw(connection).execute(query).fetchall()


def open_records() -> dict[tuple[str, int], list[str]]:
    """(entity, record) in quarantine → rules."""
    found = as_json("quarantine", "acme")["records"]
    return {(r["entity"], r["record"]): [i["rule"] for i in r["reasons"]] for r in found}


def holds_laws(entry: dict[str, Any]) -> None:
    for counts in entry["entities"].values():
        ended = ("inserted", "updated", "unchanged", "quarantined")
        assert counts["read"] == sum(counts[name] for name in ended)
    for by_currency in entry["totals"].values():
        for sums in by_currency.values():
            sides = ("loaded", "quarantined", "adjusted")
            assert Decimal(sums["source"]) == sum(Decimal(sums[s]) for s in sides)


def fix_most(book: OpenpyxlWorkbook) -> None:
    people = book["customer"]
    put(people, ("No", "0002"), Mail="bob@example.com")
    put(people, ("No", "0003"), State="X")
    put(people, ("No", "0004"), Since="31/12/2024", Owed="4,50")
    put(book["service"], ("No", "0005"), Tariff="F100")


@pytest.mark.slow
def test_the_whole_round(folder: Path) -> None:
    done = migrate()
    before = open_records()
    assert set(before) == {
        ("customer", 2), ("customer", 3), ("customer", 4), ("customer", 6),
        ("service", 2), ("service", 3), ("service", 4), ("service", 5), ("service", 6),
        ("invoice", 2), ("invoice", 3), ("invoice", 4),
    }  # fmt: skip
    path = corrected(write_workbook(folder), fix_most)
    found = as_json("resubmit", "acme", str(path))
    (entry,) = found["migrations"]
    assert (entry["mode"], entry["origin"], entry["state"]) == (
        "resubmit", done["migration_id"], "done"
    )  # fmt: skip
    assert (found["records"], found["solved"], found["open"]) == (8, 5, 3)
    holds_laws(entry)
    # Read as the rest of the column is: day first, decimal comma; numbered by where it stood.
    assert rows(
        """select c.account_number, c.email, c.status, c.signup_date::text, c.balance::text,
                  s.service_code, s.plan, s.legacy ->> 'Note', c._file, c._record
           from tenant_acme.customer c join tenant_acme.service s on s.customer = c.account_number
           order by 1"""
    ) == [
        ("0001", "ann@example.com", "active", "2023-12-25", "1.5000", "S-00001", "P-100",
         "=1+1", 0, 1),
        ("0002", "bob@example.com", "active", "2024-02-01", "2.2500", "S-00002", "P-50",
         None, 0, 2),
        ("0003", "cid@example.com", "cancelled", "2024-04-03", "3.0000", "S-00003", "P-100",
         "ok", 0, 3),
        ("0004", "dee@example.com", "active", "2024-12-31", "4.5000", "S-00004", "P-50",
         "+49 1", 0, 4),
        ("0005", "eve@example.com", "active", "2024-06-05", "5.0000", "S-00005", "P-100",
         None, 0, 5),
    ]  # fmt: skip
    assert rows("select invoice_number from tenant_acme.invoice order by 1") == [("B1",), ("B2",)]
    # What is solved is closed, once; the rest is open, for the same reasons.
    assert open_records() == {
        place: before[place]
        for place in (("customer", 6), ("service", 6), ("invoice", 3), ("invoice", 4))
    }
    closed = as_json("quarantine", "acme", "--closed")["records"]
    assert {r["closed"]["by"] for r in closed} == {entry["migration_id"]}
    assert len(closed) == 8
    assert len(as_json("quarantine", "acme", "--all")["records"]) == 12


@pytest.mark.slow
def test_the_same_file_twice_changes_nothing(folder: Path) -> None:
    migrate()
    path = corrected(write_workbook(folder), fix_most)
    first = as_json("resubmit", "acme", str(path))
    content = as_json("digest", "acme")
    closings = rows("select * from tenant_acme._closings order by 1, 2, 3, 4, 5")
    left = open_records()
    second = as_json("resubmit", "acme", str(path))
    assert (second["solved_before"], second["solved"], second["open"]) == (5, 0, 3)
    assert second["solved_by"] == [first["migrations"][0]["migration_id"]]
    assert as_json("digest", "acme") == content
    assert rows("select * from tenant_acme._closings order by 1, 2, 3, 4, 5") == closings
    assert open_records() == left


@pytest.mark.slow
def test_a_dry_run_publishes_and_closes_nothing(folder: Path) -> None:
    migrate()
    content, left = as_json("digest", "acme"), open_records()
    path = corrected(write_workbook(folder), fix_most)
    tried = as_json("resubmit", "acme", str(path), "--dry-run")
    (entry,) = tried["migrations"]
    assert (entry["mode"], entry["state"]) == ("dry_run", "checked")
    assert (tried["solved"], tried["open"]) == (5, 3)
    holds_laws(entry)
    assert as_json("digest", "acme") == content
    assert open_records() == left
    assert rows("select count(*) from tenant_acme._closings") == [(0,)]
    # What would still be wrong can be looked at, as with any dry run.
    of_try = as_json("quarantine", "acme", "--migration", str(entry["migration_id"]))
    assert [(r["entity"], r["record"]) for r in of_try["records"]] == [
        ("customer", 6), ("invoice", 3), ("invoice", 4), ("service", 6)
    ]  # fmt: skip


@pytest.mark.slow
def test_what_is_still_wrong_keeps_its_first_cells_and_shows_its_newest(folder: Path) -> None:
    migrate()

    def worse(book: OpenpyxlWorkbook) -> None:
        sheet = book["customer"]
        put(sheet, ("No", "0006"), Owed="1,2,3,4", Mail="fay at example")
        for row in (row_of(sheet, "No", n) for n in ("0004", "0003", "0002")):
            sheet.delete_rows(row)
        book.remove(book["service"])
        book.remove(book["invoice"])

    again = as_json("resubmit", "acme", str(corrected(write_workbook(folder), worse)))
    (entry,) = again["migrations"]
    assert (again["records"], again["solved"], again["open"]) == (1, 0, 1)
    assert entry["entities"]["customer"]["quarantined"] == 1
    listed = as_json("quarantine", "acme", "--entity", "customer")["records"]
    assert [r["record"] for r in listed] == [2, 3, 4, 6]
    fay = listed[-1]
    assert fay["attempt"] == entry["migration_id"]
    assert (fay["cells"]["Owed"], fay["original"]["cells"]["Owed"]) == ("1,2,3,4", "1,2,3")
    assert {i["column"] for i in fay["reasons"]} == {"Owed", "Mail"}
    # The next workbook goes on from there.
    sheet = openpyxl.load_workbook(write_workbook(folder))["customer"]
    assert sheet.cell(row_of(sheet, "No", "0006"), heading(sheet)["Owed"]).value == "1,2,3,4"
    last = corrected(
        folder / "bad.xlsx",
        lambda book: put(book["customer"], ("No", "0006"), Owed="6,00", Mail="fay@example.com"),
    )
    done = as_json("resubmit", "acme", str(last))
    assert done["solved"] >= 1
    assert rows("select balance::text from tenant_acme.customer where account_number = '0006'") == [
        ("6.0000",)
    ]


@pytest.mark.slow
def test_what_two_clerks_corrected_in_workbooks_of_their_own_comes_together(folder: Path) -> None:
    text = PEOPLE.replace('fay@example.com,A,05/06/2024,"1,2,3"', 'fay,?,05/06/2024,"1,2,3"')
    (folder / "people.csv").write_text(text)
    migrate()
    first = write_workbook(folder)
    own = {name: folder / f"{name}.xlsx" for name in ("ann", "ben", "cat")}
    for path in own.values():
        path.write_bytes(first.read_bytes())

    def send(name: str, **cells: str) -> None:
        corrected(own[name], lambda book: put(book["customer"], ("No", "0006"), **cells))
        as_json("resubmit", "acme", str(own[name]))

    def shown() -> dict[str, str]:
        listed = as_json("quarantine", "acme", "--entity", "customer")["records"]
        return next(r["cells"] for r in listed if r["record"] == 6)

    send("ann", Mail="fay@example.com")
    send("ben", Owed="6,00")
    # Neither has taken back what the other one did, though neither had it in the workbook.
    assert (shown()["Mail"], shown()["Owed"], shown()["State"]) == ("fay@example.com", "6,00", "?")
    # A workbook that shows a correction may take it back.
    own["dan"] = write_workbook(folder)
    send("dan", Owed="1,2,3")
    assert (shown()["Mail"], shown()["Owed"]) == ("fay@example.com", "1,2,3")
    # Of two corrections of one cell the later one counts.
    send("cat", Owed="7,00", State="A")
    assert rows(
        "select email, balance::text from tenant_acme.customer where account_number = '0006'"
    ) == [("fay@example.com", "7.0000")]


@pytest.mark.slow
def test_a_file_that_was_tampered_with_is_refused_row_by_row(folder: Path) -> None:
    migrate()
    assert ispmig("tenant", "add", "other")[0] == 0
    path = write_workbook(folder)
    content, left = as_json("digest", "acme"), open_records()

    def refused(change: Callable[[OpenpyxlWorkbook], None], *told: str, of: str = "acme") -> None:
        changed = folder / "changed.xlsx"
        changed.write_bytes(path.read_bytes())
        error = as_json(
            "resubmit", of, str(corrected(changed, change)), exit_code=2
        )["error"]  # fmt: skip
        for text in told:
            assert text in error["message"]

    def cell(book: OpenpyxlWorkbook, row: int, name: str, sheet: str = "customer") -> Any:
        return book[sheet].cell(row, heading(book[sheet])[name])

    def twice(book: OpenpyxlWorkbook) -> None:
        for column in range(1, 5):
            book["customer"].cell(3, column).value = book["customer"].cell(2, column).value

    def swapped(book: OpenpyxlWorkbook) -> None:
        one, other = cell(book, 2, "ispmig record"), cell(book, 3, "ispmig record")
        one.value, other.value = other.value, one.value

    def strange(book: OpenpyxlWorkbook) -> None:
        cell(book, 2, "ispmig record").value = "77"
        cell(book, 3, "ispmig migration").value = "12345"
        cell(book, 4, "ispmig file").value = "no number"

    def renamed(book: OpenpyxlWorkbook) -> None:
        cell(book, 1, "Mail").value = "E-Mail"
        book["invoice"].delete_cols(heading(book["invoice"])["Sum"])

    def added(book: OpenpyxlWorkbook) -> None:
        book["customer"].cell(9, heading(book["customer"])["No"]).value = "0042"

    def without_ids(book: OpenpyxlWorkbook) -> None:
        book["service"].delete_cols(1, 4)

    refused(twice, "rows customer 2 and customer 3 are the same record")
    refused(swapped, "row customer 2: its hidden columns", "row customer 3: its hidden columns")
    refused(
        strange,
        "row customer 2 is a record that is not in quarantine",
        "row customer 3 is a record of migration 12345",
        "row customer 4: its hidden columns were changed",
    )
    refused(renamed, "sheet customer lacks the column Mail", "sheet invoice lacks the column Sum")
    refused(added, "row customer 9 does not say which record it is")
    refused(without_ids, "sheet service lacks the hidden columns ispmig migration")
    refused(lambda book: None, "which this tenant does not have", of="other")
    nothing = folder / "nothing.xlsx"
    OpenpyxlWorkbook().save(nothing)
    as_json("resubmit", "acme", str(nothing), exit_code=2)
    as_json("resubmit", "acme", str(folder / "people.csv"), exit_code=2)
    as_json("resubmit", "acme", str(folder / "none.xlsx"), exit_code=2)
    assert as_json("digest", "acme") == content
    assert open_records() == left
    # Not one of them began a migration.
    assert len(as_json("migrations", "acme")["migrations"]) == 1


@pytest.mark.slow
def test_columns_may_be_moved_and_a_sheet_may_be_csv(folder: Path) -> None:
    migrate()
    path = corrected(write_workbook(folder), fix_most)
    sheet = openpyxl.load_workbook(path)["customer"]
    table = [[cell.value for cell in row] for row in sheet.iter_rows()]
    with (folder / "customer.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([*reversed(row), "a note"] for row in table)
    found = as_json("resubmit", "acme", str(folder / "customer.csv"))
    assert (found["records"], found["solved"], found["open"]) == (4, 3, 1)
    assert rows("select count(*) from tenant_acme.customer") == [(5,)]


@pytest.mark.slow
def test_records_that_could_not_be_read_are_filled_in(folder: Path) -> None:
    (folder / "people.csv").write_text(
        PEOPLE + "0007,Gus,gus@example.com,A,05/06/2024,1,50,F50,\n0008,Hal\n"
    )
    migrate()
    path = write_workbook(folder)
    sheet = openpyxl.load_workbook(path)["could not be read"]
    assert [sheet.cell(r, heading(sheet)["Text of the record"]).value for r in (2, 3)] == [
        "0007,Gus,gus@example.com,A,05/06/2024,1,50,F50,", "0008,Hal"
    ]  # fmt: skip

    def fill_in(book: OpenpyxlWorkbook) -> None:
        for name in ("customer", "service", "invoice"):
            book.remove(book[name])
        sheet = book["could not be read"]
        for name, value in {
            "No": "0007", "Name": "Gus", "Mail": "gus@example.com", "State": "A",
            "Since": "05/06/2024", "Owed": "1,50", "Tariff": "F50",
        }.items():  # fmt: skip
            sheet.cell(2, heading(sheet)[name]).value = value

    found = as_json("resubmit", "acme", str(corrected(path, fill_in)))
    assert (found["records"], found["solved"], found["open"]) == (2, 1, 1)
    holds_laws(found["migrations"][0])
    assert rows(
        """select c.last_name, c.balance::text, s.service_code, s._record
           from tenant_acme.customer c
           join tenant_acme.service s on s.customer = c.account_number
           where account_number = '0007'"""
    ) == [("Gus", "1.5000", "S-00007", 7)]
    (hal,) = [
        r for r in as_json("quarantine", "acme", "--entity", "customer")["records"]
        if r["record"] == 8
    ]  # fmt: skip
    assert (hal["text"], hal["reasons"][0]["rule"]) == ("0008,Hal", "record.ragged")


@pytest.mark.slow
def test_a_changed_table_to_look_up_in_is_refused_and_an_unchanged_source_is_not_needed(
    folder: Path,
) -> None:
    migrate()
    path = corrected(write_workbook(folder), fix_most)
    (folder / "plans.csv").write_text(PLANS.replace("P-50", "P-51"))
    (folder / "people.csv").unlink()
    (folder / "spec.yaml").unlink()
    error = as_json("resubmit", "acme", str(path), exit_code=2)["error"]["message"]
    assert "plans" in error
    assert "has changed since migration" in error
    (folder / "plans.csv").write_text(PLANS)
    assert as_json("resubmit", "acme", str(path))["solved"] == 5


@pytest.mark.slow
def test_pages_entities_and_rules(folder: Path) -> None:
    migrate()
    whole = as_json("quarantine", "acme")["records"]
    paged = []
    for number in (1, 2, 3):
        page = as_json("quarantine", "acme", "--page", str(number), "--limit", "5")
        assert page["total"] == 12
        paged += page["records"]
    assert paged == whole
    assert as_json("quarantine", "acme", "--offset", "10")["records"] == whole[10:]
    some = as_json("quarantine", "acme", "--rule", "value.lookup")["records"]
    assert [(r["entity"], r["record"]) for r in some] == [("customer", 3), ("service", 5)]
    people = as_json("quarantine", "acme", "--entity", "customer")["records"]
    assert people == [r for r in whole if r["entity"] == "customer"]
    assert "value.lookup" in as_json(
        "quarantine", "acme", "--rule", "value.lokup", exit_code=2
    )["error"]["message"]  # fmt: skip
    code, out, _ = ispmig("quarantine", "acme", "--page", "2", "--limit", "5")
    assert code == 0
    assert "Records 6 to 10 of 12." in out
    as_json("quarantine", "acme", "--page", "2", "--offset", "5", exit_code=2)


@pytest.mark.slow
def test_only_a_purge_that_somebody_confirms_deletes_and_it_is_on_record(folder: Path) -> None:
    done = migrate()
    fixed = as_json("resubmit", "acme", str(corrected(write_workbook(folder), fix_most)))
    number = str(done["migration_id"])
    refused = as_json("quarantine", "purge", "acme", "--migration", number, exit_code=2)
    assert "12 records" in refused["error"]["message"]
    assert "4 of them were never loaded" in refused["error"]["message"]
    assert len(as_json("quarantine", "acme", "--all")["records"]) == 12
    solved = as_json("quarantine", "purge", "acme", "--migration", number, "--closed", "--yes")
    assert solved["purged"] == 8
    assert rows("select count(*) from tenant_acme._closings") == [(0,)]
    assert len(as_json("quarantine", "acme", "--all")["records"]) == 4
    rest = as_json("quarantine", "purge", "acme", "--before", "2999-01-01", "--yes")
    assert rest["records"] == {
        "customer": {"open": 1, "closed": 0}, "invoice": {"open": 2, "closed": 0},
        "service": {"open": 1, "closed": 0},
    }  # fmt: skip
    assert rows("select count(*) from tenant_acme._quarantine") == [(0,)]
    assert rows("select count(*) from tenant_acme._issues where severity = 'error'") == [(0,)]
    with engine().connect() as connection:
        entries = [e for e in trail.entries(connection, "acme") if e.operation == "purge"]
    assert [(e.operation, e.details["only_closed"]) for e in entries] == [
        ("purge", True), ("purge", False)
    ]  # fmt: skip
    assert entries[0].actor
    assert entries[0].details["records"]["customer"] == {"open": 0, "closed": 3}
    # What was loaded is left alone.
    assert fixed["solved"] == 5
    assert rows("select count(*) from tenant_acme.customer") == [(5,)]


@pytest.mark.slow
def test_no_other_run_deletes_what_went_in_nowhere(folder: Path) -> None:
    refused = as_json("migrate", "acme", "spec.yaml", exit_code=1)
    assert refused["error"]["code"] == "threshold"
    first = as_json("quarantine", "acme")["records"]
    assert len(first) == 12
    # Of what is not loaded nothing is to be sent in again.
    error = as_json(
        "resubmit", "acme", str(corrected(write_workbook(folder), fix_most)), exit_code=2
    )["error"]["message"]  # fmt: skip
    assert "nothing of it is loaded" in error
    second = migrate()
    as_json("migrate", "acme", "spec.yaml", "--max-quarantined", "90%", "--dry-run")
    third = migrate()
    kept = rows("select migration, count(*) from tenant_acme._quarantine group by 1 order by 1")
    assert [number for number, _ in kept] == [
        first[0]["migration"], second["migration_id"], third["migration_id"]
    ]  # fmt: skip
    assert {count for _, count in kept} == {12}


@pytest.mark.slow
def test_a_spec_run_on_other_files_does_not_hide_the_first_ones(folder: Path) -> None:
    one = migrate()
    for name, text in {"people.csv": PEOPLE, "bills.csv": BILLS}.items():
        (folder / f"new-{name}").write_text(text)
    spec = SPEC.replace("people.csv", "new-people.csv").replace("bills.csv", "new-bills.csv")
    (folder / "spec.yaml").write_text(spec)
    two = migrate()
    listed = {r["migration"] for r in as_json("quarantine", "acme")["records"]}
    assert listed == {one["migration_id"], two["migration_id"]}


@pytest.mark.slow
def test_a_resubmission_that_is_taken_back_opens_what_it_solved(folder: Path) -> None:
    migrate()
    content, left = as_json("digest", "acme"), open_records()
    done = as_json("resubmit", "acme", str(corrected(write_workbook(folder), fix_most)))
    as_json("rollback", "acme", str(done["migrations"][0]["migration_id"]))
    assert as_json("digest", "acme") == content
    assert open_records() == left
    again = as_json("resubmit", "acme", str(folder / "bad.xlsx"))
    assert (again["solved_before"], again["solved"]) == (0, 5)


@pytest.mark.slow
def test_a_file_that_changes_while_it_is_loaded_does_not_stand(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate()
    content, left = as_json("digest", "acme"), open_records()
    path = corrected(write_workbook(folder), fix_most)
    staged = resubmission.stage

    def changing(*arguments: Any, **named: Any) -> Any:
        found = staged(*arguments, **named)
        if named["stem"] == resubmission.SENT_IN:
            corrected(path, lambda book: put(book["customer"], ("No", "0002"), Owed="9,99"))
        return found

    monkeypatch.setattr(resubmission, "stage", changing)
    error = as_json("resubmit", "acme", str(path), exit_code=1)["error"]
    assert error["code"] == "law"
    assert "has changed while it was loaded" in error["message"]
    assert as_json("digest", "acme") == content
    assert open_records() == left


@pytest.mark.slow
def test_a_card_number_that_somebody_types_is_masked_and_told(folder: Path) -> None:
    migrate()
    number = "4111 1111 1111 1111"

    def typed(book: OpenpyxlWorkbook) -> None:
        put(book["customer"], ("No", "0002"), Mail="bob@example.com", Note=f"pays by {number}")
        put(book["customer"], ("No", "0003"), State="X", No=number)

    done = as_json("resubmit", "acme", str(corrected(write_workbook(folder), typed)))
    (entry,) = done["migrations"]
    assert {c["column"] for c in entry["findings"]["cards"]} == {"No", "Note"}
    ((note,),) = rows(
        "select legacy ->> 'Note' from tenant_acme.service where service_code = 'S-00002'"
    )
    assert note.startswith("pays by ")
    assert note.endswith("1111")
    assert number not in note
    # Nobody is called by the mask of a number, now or when it comes back as it is.
    for path in (folder / "bad.xlsx", write_workbook(folder)):
        as_json("resubmit", "acme", str(path))
        assert "card.in_field" in open_records()["customer", 3]
    for table in ("customer", "service", "_quarantine", "_issues"):
        with engine().connect() as connection:
            found = tenants.raw(connection).execute(
                sql.SQL("select count(*) from {} t where t::text like any (%s)").format(
                    sql.Identifier("tenant_acme", table)
                ),
                [[f"%{number}%", f"%{number.replace(' ', '')}%"]],
            )
            assert found.fetchall() == [(0,)]


@pytest.mark.slow
def test_a_record_that_is_corrected_into_another_ones_stays(folder: Path) -> None:
    spec = (
        SPEC.replace("    from: bills\n", "    from: bills\n    when: {column: {Kind: bill}}\n")
        + """\
  payment:
    from: bills
    fields:
      payment_number: Bill
      customer: Account
      paid_at: Date
      amount: Sum
      currency: {constant: EUR}
"""
    )
    (folder / "spec.yaml").write_text(spec)
    (folder / "bills.csv").write_text(
        'Bill,Account,Date,Sum,Kind\nB1,0001,41/07/2024,"10,00",bill\n'
        'B2,0001,13/07/2024,"20,00",payment\n'
        'B3,0001,15/07/2024,"5,00",bill\n'
    )
    migrate()

    def other(book: OpenpyxlWorkbook) -> None:
        put(book["invoice"], ("Bill", "B1"), Date="14/07/2024", Kind="payment")

    done = as_json("resubmit", "acme", str(corrected(write_workbook(folder), other)))
    holds_laws(done["migrations"][0])
    assert open_records()["invoice", 1] == ["record.not_taken"]
    assert rows("select count(*) from tenant_acme.payment") == [(3,)]
    last = corrected(
        write_workbook(folder), lambda book: put(book["invoice"], ("Bill", "B1"), Kind="bill")
    )
    as_json("resubmit", "acme", str(last))
    assert ("invoice", 1) not in open_records()
    assert rows("select invoice_number, total::text from tenant_acme.invoice order by 1") == [
        ("B1", "10.0000"),
        ("B3", "5.0000"),
    ]


def retype(book: OpenpyxlWorkbook) -> None:
    """A program that took texts for numbers and days, and a clerk who typed both."""
    people = book["customer"]
    put(people, ("No", "0002"), Mail="bob@example.com")
    place = heading(people)
    second, fourth = row_of(people, "No", "0002"), row_of(people, "No", "0004")
    for row, cells in (
        (second, {"No": 2, "Since": dt.datetime(2024, 2, 1), "Owed": 2.25}),
        (fourth, {"No": 4, "Since": dt.datetime(2024, 12, 31), "Owed": 4.5}),
    ):
        for name, value in cells.items():
            cell = people.cell(row, place[name])
            cell.value = value
            cell.number_format = "dd/mm/yyyy" if name == "Since" else "General"


@pytest.mark.slow
def test_what_a_program_took_for_numbers_and_days_is_read_as_it_was_meant(folder: Path) -> None:
    migrate()
    path = corrected(write_workbook(folder), retype)
    (entry,) = as_json("resubmit", "acme", str(path))["migrations"]
    holds_laws(entry)
    assert rows(
        """select c.account_number, c.signup_date::text, c.balance::text, s.legacy ->> 'Note'
           from tenant_acme.customer c join tenant_acme.service s on s.customer = c.account_number
           where c.account_number in ('0002', '0004', '2', '4') order by 1"""
    ) == [
        ("0002", "2024-02-01", "2.2500", None),
        ("0004", "2024-12-31", "4.5000", "+49 1"),
    ]


@pytest.mark.slow
def test_leading_zeros_that_are_taken_away_in_a_text_are_gone(folder: Path) -> None:
    migrate()
    path = corrected(
        write_workbook(folder),
        lambda book: put(book["customer"], ("No", "0002"), No="2", Mail="bob@example.com"),
    )
    as_json("resubmit", "acme", str(path))
    assert rows("select account_number from tenant_acme.customer where last_name = 'Bob'") == [
        ("2",)
    ]


@pytest.mark.slow
def test_a_csv_in_which_zeros_were_lost_is_of_the_same_records(folder: Path) -> None:
    migrate()
    book = openpyxl.load_workbook(write_workbook(folder))
    cells = [[cell.value or "" for cell in row] for row in book["customer"].iter_rows()]
    place = cells[0].index("No")
    for row in cells[1:]:
        row[place] = row[place].lstrip("0")
        row[cells[0].index("Mail")] = "somebody@example.com"
    path = folder / "sheet.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(cells)
    as_json("resubmit", "acme", str(path))
    assert ("0002",) in rows("select account_number from tenant_acme.customer")
    assert ("2",) not in rows("select account_number from tenant_acme.customer")


@pytest.mark.slow
def test_the_codes_of_rows_look_like_no_number_and_those_of_old_workbooks_are_known(
    folder: Path,
) -> None:
    migrate()
    path = write_workbook(folder)

    def as_before(book: OpenpyxlWorkbook) -> None:
        for sheet in book.worksheets[1:]:
            column = heading(sheet)["ispmig check"]
            for row in range(2, sheet.max_row + 1):
                cell = sheet.cell(row, column)
                assert re.fullmatch("r[0-9a-f]{12}", cell.value)
                cell.value = cell.value[1:]
        sheet = book["customer"]
        sheet.cell(row_of(sheet, "No", "0002"), heading(sheet)["Mail"]).value = "bob@example.com"

    as_json("resubmit", "acme", str(corrected(path, as_before)))
    assert ("0002",) in rows("select account_number from tenant_acme.customer")


@pytest.mark.slow
def test_a_child_that_is_sent_in_without_its_parent_is_told_where_that_one_lies(
    folder: Path,
) -> None:
    first = migrate()["migration_id"]
    path = write_workbook(folder)

    def leave_one(book: OpenpyxlWorkbook) -> None:
        for name in set(book.sheetnames) - {"Read me first", "invoice"}:
            del book[name]
        sheet = book["invoice"]
        kept = row_of(sheet, "Bill", "B2")
        for row in range(sheet.max_row, 1, -1):
            if row != kept:
                sheet.delete_rows(row)

    as_json("resubmit", "acme", str(corrected(path, leave_one)))
    (bill,) = [
        r for r in as_json("quarantine", "acme")["records"] if (r["entity"], r["record"]) ==
        ("invoice", 2)
    ]  # fmt: skip
    (reason,) = bill["reasons"]
    assert reason["rule"] == "reference.rejected"
    assert f"customer in record 2 of people.csv in migration {first}" in reason["message"]


@pytest.mark.slow
def test_a_spec_of_its_own_for_the_children_finds_the_parent_in_quarantine(folder: Path) -> None:
    first = migrate()["migration_id"]
    (folder / "later.csv").write_text('Bill,Account,Date,Sum\nB7,0002,13/07/2024,"20,00"\n')
    entities = SPEC.partition("entities:")[2]
    (folder / "later.yaml").write_text(
        "version: 1\nname: later\nsources: {bills: {files: later.csv}}\nentities:\n"
        + entities[entities.index("  invoice:") :]
    )
    as_json("migrate", "acme", "later.yaml", "--max-quarantined", "100%")
    told = {
        r["migration"]: [i["message"] for i in r["reasons"]]
        for r in as_json("quarantine", "acme", "--entity", "invoice")["records"]
        if r["path"].endswith("later.csv")
    }
    (messages,) = told.values()
    assert [f"record 2 of people.csv in migration {first}" in m for m in messages] == [True]


@pytest.mark.slow
def test_what_is_solved_stays_solved_when_the_spec_is_run_again(folder: Path) -> None:
    migrate()
    path = corrected(write_workbook(folder), fix_most)
    (entry,) = as_json("resubmit", "acme", str(path))["migrations"]
    left = set(open_records())
    balances = "select account_number, balance, signup_date from tenant_acme.customer order by 1"
    before = rows(balances)
    # The export has grown since, and its records stand elsewhere.
    text = (folder / "bills.csv").read_text()
    (folder / "bills.csv").write_text(
        text.replace("B1,0001,01", "B0,0001,30/06/2024,1\nB1,0001,01")
    )
    again = migrate()
    holds_laws(again)
    assert again["entities"]["customer"]["quarantined"] == 4
    assert {(e, r) for e, r in open_records() if e != "invoice"} == {
        (e, r) for e, r in left if e != "invoice"
    }
    assert {r for e, r in open_records() if e == "invoice"} == {4, 5}
    closed = as_json("quarantine", "acme", "--closed", "--migration", str(again["migration_id"]))
    assert {r["closed"]["by"] for r in closed["records"]} == {entry["migration_id"]}
    assert rows(balances) == before


RED, VIOLET, NONE = "00FFC7CE", "00E4DFEC", "00000000"


@pytest.mark.slow
def test_an_old_workbook_solves_what_the_spec_rejected_again_since(folder: Path) -> None:
    migrate()
    old = write_workbook(folder).rename(folder / "old.xlsx")
    migrate()
    assert ("invoice", 3) in open_records()
    fixed = corrected(old, lambda book: put(book["invoice"], ("Bill", "B3"), Account="0001"))
    (entry,) = as_json("resubmit", "acme", str(fixed))["migrations"]
    assert ("invoice", 3) not in open_records()
    assert rows("select customer from tenant_acme.invoice where invoice_number = 'B3'") == [
        ("0001",)
    ]
    # Nobody is to correct it a second time, and nothing else was closed on the way.
    assert set(open_records()) == {
        ("customer", 2), ("customer", 3), ("customer", 4), ("customer", 6),
        ("service", 2), ("service", 3), ("service", 4), ("service", 5), ("service", 6),
        ("invoice", 2), ("invoice", 4),
    }  # fmt: skip
    closed = as_json("quarantine", "acme", "--closed")["records"]
    assert [r["closed"]["by"] for r in closed] == [entry["migration_id"]]


@pytest.mark.slow
def test_cells_are_coloured_by_what_they_have_to_do_with_it(folder: Path) -> None:
    (folder / "bills.csv").write_text(BILLS + "B9,0001,02/07/2024\n")
    migrate()
    book = openpyxl.load_workbook(write_workbook(folder))

    def colours(sheet: Any, row: int, *columns: str) -> list[str]:
        return [sheet.cell(row, heading(sheet)[c]).fill.fgColor.rgb for c in columns]

    people, bills, unread = book["customer"], book["invoice"], book["could not be read"]
    assert colours(people, row_of(people, "No", "0002"), "No", "Mail") == [NONE, RED]
    # That its service waits for the customer of the same row is nothing to be told there.
    why = people.cell(row_of(people, "No", "0002"), heading(people)["Why it was not loaded"])
    assert "Parent rejected" not in why.value
    # Nothing is wrong with a bill that waits for its customer, or with the customer's number.
    assert colours(bills, row_of(bills, "Bill", "B2"), "Bill", "Account") == [NONE, VIOLET]
    assert colours(bills, row_of(bills, "Bill", "B3"), "Account") == [RED]
    assert colours(unread, 2, "Bill", "Account", "Date", "Sum") == [RED] * 4
    legend = {cell.fill.fgColor.rgb for (cell,) in book["Read me first"].iter_rows()}
    assert {RED, VIOLET} <= legend


PLACES_SPEC = """\
version: 1
name: places
sources: {sites: {files: sites.csv}}
entities:
  customer:
    from: sites
    fields:
      account_number: No
      kind: {constant: company}
      company_name: Name
      status: {constant: active}
      phone: {column: Tel, country: US}
  location:
    from: sites
    fields:
      location_code: No
      customer: No
      latitude: Lat
      longitude: {column: Lon, decimal_mark: ","}
      kind: Kind
      postal_code: Zip
"""
SITES = """\
No,Name,Tel,Lat,Lon,Kind,Zip
1,A,202 555 0100,46.9,"7,4",residential,3011
2,B,202 555 0101,95.5,"-191,25",residential,3011
3,C,202 555 0102,46.9,"7,4",Igloo,3011
4,D,202 555 01034444444444,1e3,"7,4",residential,12345678901234567890123456789012345678901
5,E,202 555 0104,95°30'00",7,residential,3011
6,F,202 555 0105,46.8,"7,5",residential,3011
"""


@pytest.mark.slow
def test_the_workbook_says_what_a_cell_holds_whichever_rule_it_breaks(folder: Path) -> None:
    (folder / "sites.csv").write_text(SITES)
    (folder / "spec.yaml").write_text(PLACES_SPEC)
    migrate()
    sheets = openpyxl.load_workbook(write_workbook(folder))
    told: dict[str, str] = {}
    for sheet in sheets.worksheets[1:]:
        places = heading(sheet)
        for row in range(2, sheet.max_row + 1):
            number = str(sheet.cell(row, places["No"]).value)
            told[number] = str(sheet.cell(row, places["Why it was not loaded"]).value)
    assert told == {
        "2": "latitude from column Lat is “95.5”; it must be from -90 to 90 degrees.\n"
        "longitude from column Lon is “-191,25”; it must be from -180 to 180 degrees.",
        "3": "kind from column Kind is “Igloo”; it must be one of residential, business, "
        "network_site.",
        "4": "customer: Column Tel holds “202 555 01034444444444”, which is not a telephone number "
        "of US, or one with + and its country's code for phone.\n"
        "location: postal_code from column Zip is “12345678901234567890123456789012345678901”; it "
        "takes at most 20 characters.\n"
        "location: Column Lat holds “1e3” for latitude: a spreadsheet turned it into scientific "
        "notation, and digits are lost; it must be written with all its digits.",
        "5": "latitude from column Lat is “95°30'00\"”, read as 99.999999; it must be from -90 to "
        "90 degrees.",
    }
    # Only the workbook, which shows the cells themselves.
    listed = as_json("quarantine", "acme")["records"]
    messages = [reason["message"] for record in listed for reason in record["reasons"]]
    assert "latitude from column Lat is 99.999999; it must be from -90 to 90 degrees." in messages
    assert not any("95.5" in m or "191,25" in m or "Igloo" in m for m in messages)


@pytest.mark.slow
def test_a_csv_has_a_row_for_each_issue_and_says_of_how_many_records(folder: Path) -> None:
    (folder / "people.csv").write_text(PEOPLE.replace("cid@example.com", "cid at example"))
    migrate()
    out = folder / "bad.csv"
    listed = as_json("quarantine", "acme")["records"]
    issues = [(r["entity"], r["record"], i["rule"]) for r in listed for i in r["reasons"]]
    sources = {(r["file"], r["record"]) for r in listed}
    assert len(issues) > len(listed) > len(sources)
    told = as_json("quarantine", "acme", "--out", str(out))
    assert told == {
        "tenant": "acme", "records": len(sources), "issues": len(issues), "file": str(out)
    }  # fmt: skip
    with out.open(encoding="utf-8", newline="") as file:
        found = [(r["entity"], int(r["record"]), r["rule"]) for r in csv.DictReader(file)]
    assert found == issues
    said = ispmig("quarantine", "acme", "--out", str(out))[1].replace("\n", "")
    assert f"{len(issues)} issues of {len(sources)} records written to" in said
    said = ispmig("quarantine", "acme")[1]
    assert f"{len(issues)} issues of {len(sources)} records. Whole" in said
    one = as_json("quarantine", "acme", "--out", str(out), "--limit", "1")
    assert (one["records"], one["issues"]) == (1, len(listed[0]["reasons"]))
