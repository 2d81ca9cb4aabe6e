"""From quarantine to a workbook, through a clerk's hands, and back into the tenant's tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook import Workbook as OpenpyxlWorkbook
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.platform import tenants
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
0006,Fay,fay@example.com,A,05/06/2024,"1,234",F50
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
