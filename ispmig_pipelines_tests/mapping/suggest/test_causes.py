# ruff: noqa: RUF001  (words of many languages)
"""What suggestions once got wrong, each on the smallest table that shows it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.siblings import spelled_out
from ispmig_pipelines.mapping.suggest.words import meaning_of
from ispmig_pipelines.suggesting import Suggested, suggest

CUSTOMER = ("lead", "active", "suspended", "cancelled")
SERVICE = ("pending", "active", "suspended", "expired", "cancelled")
DEVICE = ("in_stock", "reserved", "active", "faulty", "lost", "retired")


def suggested(folder: Path, currency: str = "USD", **tables: dict[str, Any]) -> Suggested:
    """Columns → a cell of each row, by its number."""
    files = []
    for name, columns in tables.items():
        path = folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([[make(i) for make in columns.values()] for i in range(60)])
        files.append(str(path))
    return suggest(files, folder / "spec.yaml", currency=currency, preset="none")


def active(found: Suggested) -> dict[str, tuple[str, ...]]:
    return {f"{x.entity}.{x.field}": x.columns for x in found.lines if x.active}


def mapping(found: Suggested, target: str) -> Any:
    entity, field = target.split(".")
    return next(
        x.mapping for x in found.lines if x.active and (x.entity, x.field) == (entity, field)
    )


PEOPLE: dict[str, Any] = {
    "customer_id": lambda i: 4000 + i,
    "last_name": lambda i: f"Name{chr(97 + i % 26)}",
    "email": lambda i: f"p{i}@example.com",
}


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("state", ["live", "barred", "ceased"]),
        ("estado", ["Activo", "Suspendido", "Cancelado"]),
        ("Durum", ["Aktif", "Dondurulmuş", "İptal"]),
    ],
)
def test_a_state_of_status_words_is_no_region_and_those_who_left_are_not_active(
    column: str, words: list[str], tmp_path: Path
) -> None:
    found = suggested(
        tmp_path,
        people=PEOPLE | {"plan": lambda i: f"Home {i % 3}", column: lambda i: words[i % 3]},
    )
    lookup = dict(zip(words, ["active", "suspended", "cancelled"], strict=True))
    for entity in ("customer", "service"):
        assert mapping(found, f"{entity}.status")["lookup"] == lookup
    assert "customer.billing_region" not in active(found)


def test_a_state_of_places_is_a_region(tmp_path: Path) -> None:
    states = ["Oklahoma", "OK", "TX"]
    found = suggested(tmp_path, people=PEOPLE | {"state": lambda i: states[i % 3]})
    assert active(found)["customer.billing_region"] == ("state",)


@pytest.mark.parametrize("nested", [True, False])
def test_a_reference_finds_its_customer_whichever_number_it_names(
    nested: bool, tmp_path: Path
) -> None:
    people = [
        {"id": 3000 + i, "customerNumber": f"CU{i:05}", "lastName": "Ray", "email": f"a{i}@b.org"}
        | ({"services": [{"serviceId": i + 70000, "packageId": i % 3}]} if nested else {})
        for i in range(40)
    ]
    invoices = [
        {"invoiceId": 8000 + i, "customerId": 3000 + i % 40, "total": 65.5, "issued": "2025-05-01"}
        for i in range(80)
    ]
    files = []
    for name, data in (("customers", people), ("invoices", invoices)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"data": data}))
        files.append(str(tmp_path / f"{name}.json"))
    lines = active(suggest(files, tmp_path / "spec.yaml", currency="USD"))
    assert lines["customer.account_number"] == ("id",)
    assert lines["invoice.customer"] == ("customerId",)


def test_lines_below_invoices_are_theirs_whatever_wraps_them(tmp_path: Path) -> None:
    invoices = [
        {"invoiceId": 8000 + i, "customerId": 3000 + i, "total": 65.5, "issued": "2025-05-01",
         "items": [{"description": "Home 100", "qty": 1, "unitPrice": 65.5, "total": 65.5}]}
        for i in range(40)
    ]  # fmt: skip
    path = tmp_path / "invoices.json"
    path.write_text(json.dumps({"data": invoices}))
    lines = active(suggest([str(path)], tmp_path / "spec.yaml", currency="USD"))
    assert lines["invoice_line.invoice_number"] == ("_parent_invoiceId",)
    assert lines["invoice_line.unit_price"] == ("unitPrice",)


def test_a_national_number_is_no_number_of_a_service(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        people=PEOPLE
        | {"T.C. Kimlik No": lambda i: 49157989219 + 7 * i, "Tarife": lambda i: f"Fiber {i % 4}"},
    )
    assert active(found)["customer.national_id"] == ("T.C. Kimlik No",)
    assert active(found)["service.service_code"] == ("customer_id",)


def test_a_unique_column_of_unknown_words_is_no_number_of_a_service(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        people=PEOPLE | {"Zorbl ID": lambda i: 900 + i, "plan": lambda i: f"Home {i % 4}"},
    )
    assert active(found)["service.service_code"] == ("customer_id",)


def test_a_handful_of_words_identifies_nobody(tmp_path: Path) -> None:
    found = suggested(tmp_path, people=PEOPLE | {"Tax Code": lambda i: ["Tax", "Non"][i % 7 == 0]})
    assert "customer.tax_id" not in active(found)


def test_cards_on_file_are_methods_of_payment_and_their_numbers_no_persons(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        people=PEOPLE
        | {
            "Card ID": lambda i: f"card_{i:08}x",
            "Card Last4": lambda i: f"{i * 37 % 10000:04}",
            "Card Brand": lambda i: ["Visa", "Amex"][i % 2],
            "CardExp": lambda i: f"{i % 12 + 1:02}/{27 + i % 5}",
        },
    )
    lines = active(found)
    assert lines["payment_method.method_code"] == ("Card ID",)
    assert lines["payment_method.last_four"] == ("Card Last4",)
    assert lines["payment_method.expiry_month"] == lines["payment_method.expiry_year"]
    assert mapping(found, "payment_method.expiry_year")["transform"][1] == {"prefix": "20"}
    assert "customer.national_id" not in lines


def test_of_what_shares_half_its_words_with_a_field_nothing_is_active(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        people=PEOPLE
        | {
            "plan": lambda i: f"Home {i % 4}",
            "LastPmtDt": lambda i: f"2025-05-{i % 28 + 1:02}",
            "Taahhüt Bitiş": lambda i: f"2026-05-{i % 28 + 1:02}",
            "Zorbl End": lambda i: f"2027-05-{i % 28 + 1:02}",
        },
    )
    lines = active(found)
    assert lines["service.contract_end_date"] == ("Taahhüt Bitiş",)
    columns = {column for columns in lines.values() for column in columns}
    assert not {"LastPmtDt", "Zorbl End"} & columns


def test_invoices_and_customers_of_nameless_columns_are_known_by_their_cells(
    tmp_path: Path,
) -> None:
    given, family = ["José", "Elena", "Marta", "Luis"], ["Gil", "Ruiz", "Díaz", "Sanz", "Mora"]
    streets = ["Calle del Sol", "Calle Mayor", "Avenida Real"]
    people: dict[str, Any] = {
        "c01": lambda i: 40000 + 3 * i,
        "c02": lambda i: f"{family[i % 5]}, {given[i % 4]} {chr(65 + i % 26)}{chr(97 + i // 3)}",
        "c04": lambda i: f"p{i}@example.com",
        "c06": lambda i: f"{streets[i % 3]}, {i + 3}",
        "c07": lambda i: f"290{i % 9 + 10}",
        "c08": lambda i: ["Ronda", "Antequera", "Coín"][i % 3],
        "c09": lambda i: f"{i % 28 + 1:02}/05/2019",
        "c10": lambda i: ["ACTIVO", "SUSPENDIDO", "BAJA"][i % 3],
        "c11": lambda i: f"HOGAR {[30, 60][i % 2]}M",
        "c13": lambda i: ["30M/5M", "60M/10M"][i % 2],
    }
    bills: dict[str, Any] = {
        "f1": lambda i: f"A-{i:06}",
        "f2": lambda i: 40000 + 3 * i,
        "f3": lambda i: f"{i % 28 + 1:02}/05/2025",
        "f4": lambda i: f"{i % 28 + 1:02}/06/2025",
        "f5": lambda i: "20.66",
        "f6": lambda i: "4.34",
        "f7": lambda i: "25.00",
        "f8": lambda i: ["PAGADA", "PENDIENTE"][i % 2],
    }
    lines = active(suggested(tmp_path, tbl_a=people, tbl_b=bills))
    expected = {
        "invoice.invoice_number": "f1", "invoice.customer": "f2", "invoice.issue_date": "f3",
        "invoice.due_date": "f4", "invoice.subtotal": "f5", "invoice.tax": "f6",
        "invoice.total": "f7", "invoice.status": "f8", "customer.status": "c10",
        "customer.billing_street": "c06", "customer.billing_postal_code": "c07",
        "customer.billing_city": "c08", "service.plan": "c11", "service.download_kbps": "c13",
    }  # fmt: skip
    assert {k: lines.get(k) for k in expected} == {k: (v,) for k, v in expected.items()}


def test_amounts_that_do_not_add_up_make_no_invoice(tmp_path: Path) -> None:
    others: dict[str, Any] = {
        "f1": lambda i: f"A-{i:06}",
        "f2": lambda i: 4000 + i,
        "f3": lambda i: f"{i % 28 + 1:02}/05/2025",
        "f5": lambda i: "20.66",
        "f6": lambda i: "4.31",
        "f7": lambda i: "95.00",
    }
    found = suggested(tmp_path, people=PEOPLE, tbl_b=others)
    assert not {line for line in active(found) if line.startswith("invoice.")}


def test_where_no_column_names_a_plan_the_fee_stands_for_it(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        people=PEOPLE | {"monthly_fee": lambda i: ["25.00", "45.00"][i % 2],
                         "radius_login": lambda i: f"u{i}"},
    )  # fmt: skip
    lines = active(found)
    assert lines["service.plan"] == lines["plan.plan_code"] == ("monthly_fee",)
    assert next(x for x in found.lines if (x.entity, x.field) == ("service", "plan")).assumed


@pytest.mark.parametrize(
    ("name", "concepts"),
    [
        ("MwSt. %", {"tax", "rate"}),
        ("DnMbps", {"download", "speed"}),
        ("Hız (Mbps)", {"speed"}),
        ("Prędkość Mb/s", {"speed"}),
        ("LastPmtDt", {"latest", "payment", "date"}),
        ("CustLast", {"customer", "last", "name"}),
        ("BillAddr1", {"billing", "address"}),
        ("Ship to Street", {"service_location", "street"}),
        ("Einzelpreis", {"each", "price"}),
        ("raqm_al_mushtarik", {"id", "customer"}),
        ("Zahlart", {"payment", "type"}),
        ("SSH User", {"management", "login"}),
    ],
)
def test_names_mean_what_their_words_mean_together(name: str, concepts: set[str]) -> None:
    assert set(concepts_of(name)) == concepts


def test_what_a_name_means_beside_others() -> None:
    said = spelled_out(["calle", "numero", "İlçe", "İl", "DiscAmt", "DiscReason", "DisconnectDt"])
    concepts = {name: set(concepts_of(other)) for name, other in said.items()}
    assert concepts["İl"] == {"region"}
    assert concepts["İlçe"] == {"city"}
    assert "building" in concepts["numero"]
    assert concepts["DiscReason"] == {"discount", "reason"}
    assert "DisconnectDt" not in said


@pytest.mark.parametrize(
    ("word", "choices", "expected"),
    [
        ("Not-active", CUSTOMER, "suspended"),
        ("rozwiązana umowa", SERVICE, "cancelled"),
        ("dondurulmuş", SERVICE, "suspended"),
        ("pending install", SERVICE, "pending"),
        ("pending install", CUSTOMER, "lead"),
        ("past_due", CUSTOMER, "suspended"),
        ("multagha", CUSTOMER, "cancelled"),
        ("Deployed", DEVICE, "active"),
        ("RMA", DEVICE, "faulty"),
        ("In stock", DEVICE, "in_stock"),
        ("COM", ("person", "company"), "company"),
    ],
)
def test_words_of_states_and_kinds(word: str, choices: tuple[str, ...], expected: str) -> None:
    assert meaning_of(word, choices) == expected


@pytest.mark.parametrize(
    ("column", "sign"),
    [("Solde dû", "debt"), ("Amount Owed", "debt"), ("saldo devedor", "debt"),
     ("Guthaben", "credit"), ("Credit Balance", "credit")],
)  # fmt: skip
def test_a_balance_says_in_its_name_who_owes(column: str, sign: str, tmp_path: Path) -> None:
    found = suggested(tmp_path, people=PEOPLE | {column: lambda i: f"{i % 9}.50"})
    balance = [x for x in found.lines if x.columns == (column,) and x.active]
    assert [(x.field, x.mapping.get("positive_is")) for x in balance] == [("balance", sign)]


def test_a_balance_that_says_nothing_stays_a_question(tmp_path: Path) -> None:
    found = suggested(tmp_path, people=PEOPLE | {"Balance": lambda i: f"{i % 9}.50"})
    assert "customer.balance" not in active(found)
    assert any("debt or a credit" in question for question in found.questions)


@pytest.mark.parametrize("people", [1, 40])
def test_what_stands_in_records_of_customers_is_theirs_and_no_customer(
    people: int, tmp_path: Path
) -> None:
    clients = [
        {"id": 1000 + i, "firstName": "John", "lastName": f"Doe {i}", "email": f"j{i}@b.org",
         "contacts": [{"id": 2000 + i, "clientId": 1000 + i, "phone": "",
                       "types": [{"id": 3000 + i, "name": "Home contact"}]}],
         "attributes": [{"id": 4000 + i, "clientId": 1000 + i, "name": "Personal Code"}]}
        for i in range(people)
    ]  # fmt: skip
    path = tmp_path / "clients.json"
    path.write_text(json.dumps(clients))
    found = suggest([str(path)], tmp_path / "spec.yaml", currency="USD")
    assert {line.source for line in found.lines if line.active} == {"clients"}
