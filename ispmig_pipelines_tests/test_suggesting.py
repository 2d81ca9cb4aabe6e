"""Suggested specs run, are right where they are active, and tell nothing of anybody."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats import open_source
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.presets import parse_preset
from ispmig_pipelines.mapping.selection import kept
from ispmig_pipelines.mapping.spec import load_spec, parse_spec
from ispmig_pipelines.suggesting import Suggested, suggest
from ispmig_pipelines_tests.corpora import PROJECT, corpus
from ispmig_pipelines_tests.mapping.suggest.exports import (
    EXPORTS,
    Export,
    camel_case_us,
    german_wide,
    misleading,
    nameless_fields,
    spanish_billing,
)

DEMOS = {"metro-fiber": "splynx", "valley-wireless": "none"}
Truth = dict[tuple[str, str], set[str]]


def suggested(export: Export, folder: Path, **options: str) -> Suggested:
    files = export.write(folder)
    return suggest(files, folder / "spec.yaml", currency=export.currency, **options)


def active(found: Suggested) -> Truth:
    """(source, column) → the fields that it feeds."""
    lines: Truth = {}
    for line in found.lines:
        if line.active:
            for column in line.columns:
                lines.setdefault((line.source, column), set()).add(f"{line.entity}.{line.field}")
    return lines


def judged(got: Truth, truth: Truth) -> tuple[int, int, int]:
    """Right, wrong and missed columns. A column is right if it feeds a field that is right, wrong
    if it feeds only others."""
    right = sum(bool(got.get(column, set()) & fields) for column, fields in truth.items())
    wrong = sum(not fields & truth.get(column, set()) for column, fields in got.items())
    missed = sum(column not in got for column in truth)
    return right, wrong, missed


def demo(name: str, out: Path) -> tuple[Suggested, Truth]:
    """The suggestions for a demo's exports, and its own spec as the truth."""
    folder = PROJECT / "ispmig_pipelines" / "demo" / name
    files = sorted(str(f) for f in (folder / "exports").iterdir())
    found = suggest(files, out / "spec.yaml", preset=DEMOS[name])
    spec = load_spec(folder / "spec.yaml")
    sources = {
        (Path(str(words["files"])).name, words.get("table", "")): source
        for source, words in found.sources.items()
    }
    truth: Truth = {}
    for feed in spec.feeds:
        source = spec.sources[feed.source]
        place = (Path((source.files or ("",))[0]).name, source.table or "")
        mine = sources.get(place) or sources[place[0], ""]
        for field, mapping in feed.fields.items():
            for column in mapping.source_columns:
                truth.setdefault((mine, column), set()).add(f"{feed.entity}.{field}")
    return found, truth


def corpora(out: Path) -> Iterator[tuple[Suggested, Truth]]:
    chinook = corpus("sql_chinook") / "Chinook_Sqlite.sqlite"
    customer = {
        "CustomerId": "account_number", "FirstName": "first_name", "LastName": "last_name",
        "Company": "company_name", "Address": "billing_street", "City": "billing_city",
        "State": "billing_region", "Country": "billing_country",
        "PostalCode": "billing_postal_code", "Phone": "phone", "Fax": "fax", "Email": "email",
    }  # fmt: skip
    invoice = {
        "InvoiceId": "invoice_number", "CustomerId": "customer", "InvoiceDate": "issue_date",
        "BillingAddress": "bill_to_address", "Total": "total",
    }  # fmt: skip
    line = {
        "InvoiceLineId": "line_no", "InvoiceId": "invoice_number", "TrackId": "item_code",
        "UnitPrice": "unit_price", "Quantity": "quantity",
    }  # fmt: skip
    yield (
        suggest([str(chinook)], out / "chinook.yaml", currency="USD"),
        {("Customer", c): {f"customer.{f}"} for c, f in customer.items()}
        | {("Invoice", c): {f"invoice.{f}"} for c, f in invoice.items()}
        | {("InvoiceLine", c): {f"invoice_line.{f}"} for c, f in line.items()},
    )
    telco = corpus("csv_telco") / "Telco-Customer-Churn.csv"
    truth = {
        "customerID": {"customer.account_number"},
        "InternetService": {"plan.technology", "service.plan"},
        "Contract": {"plan.contract_months", "plan.billing_cycle", "service.billing_cycle"},
        "PaperlessBilling": {"customer.invoice_delivery"},
        "MonthlyCharges": {"service.price"},
        "Churn": {"customer.status", "service.status"},
    }
    name = "Telco_Customer_Churn"
    yield (
        suggest([str(telco)], out / "telco.yaml", currency="USD"),
        {(name, column): fields for column, fields in truth.items()},
    )


def test_of_unseen_exports_most_columns_are_right_and_few_active_ones_wrong(
    tmp_path: Path,
) -> None:
    counts = [0, 0, 0]
    for make in EXPORTS:
        export = make()
        folder = tmp_path / export.name
        folder.mkdir()
        found = judged(active(suggested(export, folder)), export.truth)
        counts = [a + b for a, b in zip(counts, found, strict=True)]
    for name in DEMOS:
        found_demo, truth = demo(name, tmp_path)
        found = judged(active(found_demo), truth)
        counts = [a + b for a, b in zip(counts, found, strict=True)]
    right, wrong, missed = counts
    assert right / (right + wrong + missed) >= 0.7, counts
    assert wrong / (right + wrong) < 0.05, counts


def test_of_real_exports_by_others_most_columns_are_right(tmp_path: Path) -> None:
    counts = [0, 0, 0]
    for found, truth in corpora(tmp_path):
        each = judged(active(found), truth)
        counts = [a + b for a, b in zip(counts, each, strict=True)]
    right, wrong, missed = counts
    assert right / (right + wrong + missed) >= 0.7, counts
    assert wrong / (right + wrong) < 0.05, counts


@pytest.mark.slow
@pytest.mark.parametrize("make", EXPORTS, ids=lambda make: make.__name__)
def test_the_spec_is_one_that_the_check_takes(make: type[Export], tmp_path: Path) -> None:
    found = suggested(make(), tmp_path)
    spec = parse_spec(found.text, tmp_path / "spec.yaml")
    for source in spec.sources:
        if spec.feeds_of(source):
            assert spec.source_files(source)


def test_an_email_column_is_found_whatever_it_is_called(tmp_path: Path) -> None:
    got = active(suggested(nameless_fields(), tmp_path))
    assert got["report", "fld_17"] == {"customer.email"}


def test_a_column_called_email_that_holds_none_is_not_active(tmp_path: Path) -> None:
    got = active(suggested(misleading(), tmp_path))
    assert ("clients", "email") not in got
    assert ("clients", "phone") not in got


def test_hashes_and_card_numbers_are_never_mapped_and_the_spec_says_why(tmp_path: Path) -> None:
    found = suggested(misleading(), tmp_path)
    got = active(found)
    for column in ("password", "card_no", "cvv"):
        assert ("clients", column) not in got
        assert f"never: {column}" in found.text


@pytest.mark.slow
def test_no_cell_of_a_person_stands_in_the_spec(tmp_path: Path) -> None:
    for make in EXPORTS:
        export = make()
        folder = tmp_path / export.name
        folder.mkdir()
        text = suggested(export, folder).text
        for _, _, columns, rows in export.files.values():
            for row in rows:
                for column, cell in zip(columns, row, strict=True):
                    personal = len(cell) >= 6 and ("@" in cell or sum(map(str.isdigit, cell)) >= 5)
                    assert not (personal and cell in text), (export.name, column)


def test_the_key_is_the_column_that_other_tables_refer_to(tmp_path: Path) -> None:
    customers = ["account_no,id,name,email"]
    customers += [f"AC{i:04},{i * 7},Name {i},m{i}@example.com" for i in range(1, 30)]
    invoices = ["number,client_id,date,total,currency"]
    invoices += [f"R{i},{(i % 29 + 1) * 7},2024-01-02,10.00,EUR" for i in range(60)]
    (tmp_path / "customers.csv").write_text("\n".join(customers) + "\n")
    (tmp_path / "invoices.csv").write_text("\n".join(invoices) + "\n")
    files = [str(tmp_path / n) for n in ("customers.csv", "invoices.csv")]
    got = active(suggest(files, tmp_path / "spec.yaml", preset="none"))
    assert "customer.account_number" in got["customers", "id"]
    assert got["invoices", "client_id"] == {"invoice.customer"}
    assert "customer.account_number" not in got.get(("customers", "account_no"), set())


def test_an_ambiguous_date_is_asked_about_with_both_readings(tmp_path: Path) -> None:
    rows = ["customer_id,name,signup_date"] + [f"{i},Name {i},0{i % 9 + 1}/0{i % 7 + 2}/2020"
                                               for i in range(40)]  # fmt: skip
    (tmp_path / "customers.csv").write_text("\n".join(rows) + "\n")
    found = suggest([str(tmp_path / "customers.csv")], tmp_path / "spec.yaml")
    line = next(line for line in found.lines if line.field == "signup_date")
    assert not line.active
    assert "dmy or mdy" in line.reason
    assert any("signup_date" in question for question in found.questions)


def test_amounts_of_no_known_currency_are_comments_until_it_is_said(tmp_path: Path) -> None:
    rows = ["plan_id,plan_name,price"] + [f"{i},Plan {i},{i}9.90" for i in range(1, 9)]
    (tmp_path / "plans.csv").write_text("\n".join(rows) + "\n")
    files = [str(tmp_path / "plans.csv")]
    unsaid = suggest(files, tmp_path / "spec.yaml", preset="none")
    assert ("plans", "price") not in active(unsaid)
    assert any("--currency" in question for question in unsaid.questions)
    said = suggest(files, tmp_path / "spec.yaml", preset="none", currency="eur")
    assert active(said)["plans", "price"] == {"plan.price"}
    assert "currency: {constant: EUR}" in said.text


def test_files_of_the_same_columns_are_one_source(tmp_path: Path) -> None:
    export = german_wide()
    name, (delimiter, encoding, columns, rows) = next(iter(export.files.items()))
    halves = {"kunden_2023.csv": rows[:30], "kunden_2024.csv": rows[30:]}
    parts = {n: (delimiter, encoding, columns, half) for n, half in halves.items()}
    found = suggested(Export(name, parts, {}), tmp_path)
    (source,) = found.sources.values()
    assert source["files"] == ["kunden_2023.csv", "kunden_2024.csv"]


@pytest.mark.slow
def test_an_update_keeps_the_text_and_adds_what_is_lacking(tmp_path: Path) -> None:
    export = spanish_billing()
    files = export.write(tmp_path)
    mine = """\
# My own words.
version: 1
sources:
  people: {files: clientes.csv}   # ours
entities:
  customer:
    from: people
    fields:
      account_number: id_cliente
      status: {constant: lead}  # they have not signed yet

      last_name: apellidos
"""
    (tmp_path / "spec.yaml").write_text(mine)
    found = suggest(files, tmp_path / "spec.yaml", update=True, currency="EUR")
    spec = parse_spec(found.text, tmp_path / "spec.yaml")
    kept = iter(found.text.splitlines())
    assert all(any(line.strip() in ours for ours in kept) for line in mine.splitlines())
    customer = next(f for f in spec.feeds if f.entity == "customer")
    assert customer.fields["status"].constant == "lead"
    assert customer.fields["email"].column == "correo"
    assert {f.entity for f in spec.feeds} >= {"customer", "invoice", "payment"}
    again_at = tmp_path / "spec.yaml"
    again_at.write_text(found.text)
    again = suggest(files, again_at, update=True, currency="EUR")
    assert again.text == found.text


def test_the_command_writes_the_spec_and_never_over_one(tmp_path: Path) -> None:
    files = camel_case_us().write(tmp_path)
    out = str(tmp_path / "spec.yaml")
    run = CliRunner().invoke(app, ["suggest", *files, "-o", out, "--json"])
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert told["sources"]["accounts"] == {"files": "accounts.csv"}
    assert all(0 <= line["confidence"] <= 1 for line in told["lines"])
    load_spec(out)
    refused = CliRunner().invoke(app, ["suggest", *files, "-o", out, "--json"])
    assert refused.exit_code == 2
    assert "--update" in json.loads(refused.stdout)["error"]["message"]


def test_unknown_words_of_the_command_are_told(tmp_path: Path) -> None:
    files = german_wide().write(tmp_path)
    with pytest.raises(UsageError, match="no preset"):
        suggest(files, tmp_path / "spec.yaml", preset="splinx")
    with pytest.raises(UsageError, match="ISO 4217"):
        suggest(files, tmp_path / "spec.yaml", currency="QQQ")


def test_a_presets_file_without_a_header_gets_the_presets_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (PROJECT / "docs" / "presets.md").read_text(encoding="utf-8")
    preset = parse_preset(page.split("```yaml preset\n")[1].split("```")[0])
    module = sys.modules["ispmig_pipelines.mapping.presets.recognise"]
    monkeypatch.setattr(module, "known", lambda: ("example",))
    monkeypatch.setattr(module, "load_preset", lambda name: preset)
    rows = [
        f"ivan{i};x{i}y;10.0.0.{i};02:a4:57:11:22:{i:02x};Home {i % 3};{i}.50" for i in range(1, 40)
    ]
    (tmp_path / "users.csv").write_text("\n".join(rows) + "\n")
    found = suggest([str(tmp_path / "users.csv")], tmp_path / "spec.yaml", currency="UAH")
    assert found.preset == "example"
    spec = parse_spec(found.text, tmp_path / "spec.yaml")
    (feed,) = spec.feeds
    assert feed.fields["balance"].column == "cash"
    assert feed.fields["balance"].positive_is == "credit"
    csv = spec.sources["subscribers"].csv
    assert csv is not None
    assert csv.header is False
    assert csv.columns == ("login", "password", "ip", "mac", "tariff", "cash")


def test_splynxs_exports_are_recognised_and_wired_by_the_customers_login(tmp_path: Path) -> None:
    customers = [
        "name,email,street,city,zip_code,phone,category,portal_login,portal_pass,billing_type,"
        "status,partner_id,location_id,note"
    ]
    customers += [
        f"Ann {i},a{i}@example.com,Main St {i},Austin,7870{i % 10},512-555-01{i:02},person,cust{i},"
        f"pw{i},recurring,{'active' if i % 3 else 'blocked'},1,1," for i in range(30)
    ]  # fmt: skip
    services = ["id,name,plan,start_date,login,password,ipv4_method,ipv4"]
    services += [
        f"{i},cust{i % 30},Home {i % 4},2020-01-{i % 28 + 1:02},line{i},s{i},static,198.51.100.{i}"
        for i in range(40)
    ]
    (tmp_path / "a.csv").write_text("\n".join(customers) + "\n")
    (tmp_path / "b.csv").write_text("\n".join(services) + "\n")
    found = suggest([str(tmp_path / n) for n in ("a.csv", "b.csv")], tmp_path / "spec.yaml")
    assert found.preset == "splynx"
    got = active(found)
    assert "customer.account_number" in got["customers", "portal_login"]
    assert got["services", "name"] == {"service.customer"}
    assert got["services", "ipv4"] == {"ip_assignment.address"}
    assert got["services", "plan"] == {"service.plan", "plan.plan_code", "plan.name"}


@pytest.mark.slow
def test_what_was_suggested_maps_the_files_it_was_suggested_from(tmp_path: Path) -> None:
    """Nine of ten records of every feed map without an issue, by the migration's own mapping."""
    for make in EXPORTS:
        export = make()
        folder = tmp_path / export.name
        folder.mkdir()
        found = suggested(export, folder)
        spec = parse_spec(found.text, folder / "spec.yaml")
        for feed in spec.feeds:
            (place,) = spec.source_files(feed.source)
            with open_source(place) as reader:
                (table,) = reader.tables()
                plan = prepare(spec, feed, reader.columns(table))
                (records,) = reader.batches(table)
            wanted = plan.wanted(records)
            mapped = plan.apply(records if wanted is None else kept(records, wanted))
            for field, bad in mapped.converted_badly.items():
                dates = feed.fields[field].column is not None and "date" in field
                if bad.size and not dates:  # evidence settles dates before a migration maps them
                    assert bad.mean() <= 0.1, (export.name, feed.name, field)
