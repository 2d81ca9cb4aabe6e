# ruff: noqa: E501
"""What tables are by what they tell and refer to, whatever anybody called them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from ispmig_pipelines.suggesting import Suggested, suggest
from ispmig_pipelines_tests.mapping.suggest.test_causes import active, mapping

NAMES = ("Ilo Vanta", "Mirra Osk", "Tor Lindal", "Ena Brusk", "Sam Ortel")
CUSTOMERS: dict[str, Any] = {
    "customer_id": lambda i: 4000 + i,
    "name": lambda i: NAMES[i % 5],
    "email": lambda i: f"p{i}@example.org",
}


def suggested(
    folder: Path, currency: str = "", **tables: dict[str, Any] | tuple[dict[str, Any], int]
) -> Suggested:
    """Columns → a cell of each row, by its number; of 50 rows, or as many as are said."""
    files = []
    for name, said in tables.items():
        columns, count = said if isinstance(said, tuple) else (said, 50)
        path = folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([[make(i) for make in columns.values()] for i in range(count)])
        files.append(str(path))
    return suggest(files, folder / "spec.yaml", currency=currency)


def of(found: Suggested, source: str) -> dict[str, tuple[str, ...]]:
    """The active lines of a source."""
    return {
        f"{line.entity}.{line.field}": line.columns
        for line in found.lines
        if line.active and line.source == source and line.columns
    }


def test_strange_words_do_not_hide_what_refers_to_customers_and_to_an_offer(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers=CUSTOMERS,
        zorvan=({"zorvan_id": lambda i: 1 + i, "blik": lambda i: f"Zap {i}", "price": lambda i: f"{19 + i}.90"}, 4),
        quorbel={
            "quorbel_id": lambda i: 70 + i,
            "customer_id": lambda i: 4000 + i,
            "zorvan_id": lambda i: 1 + i % 4,
            "since": lambda i: f"2023-02-{1 + i % 28:02}",
        },
        currency="EUR",
    )  # fmt: skip
    assert of(found, "zorvan")["plan.plan_code"] == ("zorvan_id",)
    lines = of(found, "quorbel")
    assert lines["service.service_code"] == ("quorbel_id",)
    assert lines["service.customer"] == ("customer_id",)
    assert lines["service.plan"] == ("zorvan_id",)


def test_what_is_called_a_plan_and_is_a_customers_is_what_he_subscribes_to(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers=CUSTOMERS,
        zorvan=({"zorvan_id": lambda i: 1 + i, "blik": lambda i: f"Zap {i}", "price": lambda i: f"{19 + i}.90"}, 4),
        plan={
            "plan_id": lambda i: 70 + i,
            "customer_id": lambda i: 4000 + i,
            "zorvan_id": lambda i: 1 + i % 4,
            "start_date": lambda i: f"2023-02-{1 + i % 28:02}",
        },
        currency="EUR",
    )  # fmt: skip
    lines = of(found, "plan")
    assert lines["service.service_code"] == ("plan_id",)
    assert lines["service.plan"] == ("zorvan_id",)
    assert not any(line.startswith("plan.") for line in lines)


def test_several_rows_of_an_invoice_are_its_lines_and_a_dated_amount_pays_it(
    tmp_path: Path,
) -> None:
    found = suggested(
        tmp_path,
        customers=CUSTOMERS,
        invoices={
            "invoice_no": lambda i: 90_000 + i,
            "customer_id": lambda i: 4000 + i % 20,
            "issue_date": lambda i: f"2024-01-{1 + i % 28:02}",
            "due_date": lambda i: f"2024-02-{1 + i % 28:02}",
            "total": lambda i: f"{30 + i % 7}.50",
        },
        drelb=({
            "id": lambda i: 1 + i,
            "invoice_no": lambda i: 90_000 + i // 2,
            "wossel": lambda i: ["Connection", "Rent of the box"][i % 2],
            "fubb": lambda i: f"{15 + i % 7}.25",
        }, 100),
        skarn={
            "id": lambda i: 500 + i,
            "invoice_no": lambda i: 90_000 + i,
            "wann": lambda i: f"2024-02-{1 + i % 28:02}",
            "mukk": lambda i: f"{30 + i % 7}.50",
        },
        currency="EUR",
    )  # fmt: skip
    assert of(found, "drelb")["invoice_line.invoice_number"] == ("invoice_no",)
    paid = of(found, "skarn")
    assert paid["payment.invoice"] == ("invoice_no",)
    assert paid["payment.amount"] == ("mukk",)
    assert paid["payment.paid_at"] == ("wann",)


def test_profiles_of_each_customer_complete_him(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers={
            "customer_id": lambda i: 4000 + i,
            "status": lambda i: ["active", "suspended"][i % 9 == 0],
            "signup_date": lambda i: f"2021-03-{1 + i % 28:02}",
        },
        zorvan_facts={
            "customer_id": lambda i: 4000 + i,
            "first_name": lambda i: NAMES[i % 5].split()[0],
            "last_name": lambda i: NAMES[i % 5].split()[1],
            "email": lambda i: f"p{i}@example.org",
            "street": lambda i: f"Long Road {i}",
            "city": lambda i: ["Velm", "Orst"][i % 2],
        },
    )
    assert of(found, "customers")["customer.status"] == ("status",)
    facts = of(found, "zorvan_facts")
    assert facts["customer.account_number"] == ("customer_id",)
    assert facts["customer.billing_city"] == ("city",)
    assert "customer.status" not in facts


def test_routers_that_are_called_clients_are_no_customers(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        members=CUSTOMERS | {"phone": lambda i: f"+1415555{i:04}"},
        radius_clients=({
            "id": lambda i: 1 + i,
            "name": lambda i: f"site_{i}-A",
            "user_id": lambda i: 44 + i,
            "created": lambda i: f"2021-03-{1 + i % 28:02}",
            "active": lambda _: 1,
        }, 6),
    )  # fmt: skip
    assert not any(line.startswith("customer.") for line in of(found, "radius_clients"))


def test_customers_without_names_are_known_by_their_numbers(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customer_churn={
            "Customer ID": lambda i: f"00{i:02}-XK",
            "City": lambda i: ["Velm", "Orst"][i % 2],
            "Zip Code": lambda i: 90_000 + i,
            "Offer": lambda i: ["Zap", "Zip"][i % 2],
        },
    )
    assert active(found)["customer.billing_city"] == ("City",)


def test_what_is_paid_throughout_and_never_due_is_no_bill(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers=CUSTOMERS,
        bills={
            "record_id": lambda i: 800 + i,
            "customer_id": lambda i: 4000 + i % 20,
            "pay_date": lambda i: f"2024-01-{1 + i % 28:02}",
            "amount": lambda i: f"{30 + i % 7}.50",
            "bill_num": lambda i: 60_000 + i,
        },
        currency="EUR",
    )
    lines = of(found, "bills")
    assert lines["payment.paid_at"] == ("pay_date",)
    assert not any(line.startswith("invoice.") for line in lines)


def test_payments_of_nobodys_numbers_are_asked_about(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers=CUSTOMERS,
        payments={
            "payment_id": lambda i: 800 + i,
            "customer_id": lambda i: 99_000 + 3 * i,
            "payment_date": lambda i: f"2024-01-{1 + i % 28:02}",
            "amount": lambda i: f"{30 + i % 7}.50",
        },
        currency="EUR",
    )
    assert not of(found, "payments")
    assert any("to what does it refer" in q for q in found.questions)


def test_a_list_with_a_row_for_each_line_holds_invoices_and_their_lines(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        customers=CUSTOMERS,
        journal=({
            "Customer ID": lambda i: 4000 + (i // 2) % 20,
            "Invoice/CM #": lambda i: f"V{70_000 + i // 2}",
            "Date": lambda i: f"2024-01-{1 + (i // 2) % 28:02}",
            "Date Due": lambda i: f"2024-02-{1 + (i // 2) % 28:02}",
            "Quantity": lambda i: 1 + i % 2,
            "Description": lambda i: ["Connection", "Rent of the box"][i % 2],
            "Unit Price": lambda i: f"{10 + i % 7}.50",
            "Amount": lambda i: f"{(10 + i % 7) * (1 + i % 2) + (1 + i % 2) * 0.5:.2f}",
        }, 80),
        currency="EUR",
    )  # fmt: skip
    columns = active(found)
    assert columns["invoice.invoice_number"] == ("Invoice/CM #",)
    assert columns["invoice.customer"] == ("Customer ID",)
    assert columns["invoice.due_date"] == ("Date Due",)
    assert columns["invoice_line.invoice_number"] == ("Invoice/CM #",)
    assert columns["invoice_line.unit_price"] == ("Unit Price",)
    assert mapping(found, "invoice.total")["lookup_table"]["duplicates"] == "sum"


def test_lists_below_a_customer_are_his_whatever_his_number_is_called(tmp_path: Path) -> None:
    people = [
        {
            "ident": f"Z{i:03}",
            "first_name": NAMES[i % 5].split()[0],
            "last_name": NAMES[i % 5].split()[1],
            "email": f"p{i}@example.org",
            "subscriptions": [
                {"subscription_id": 100 + i, "plan": ["Zap", "Zip"][i % 2], "state": "active"}
            ],
            "invoices": [
                {
                    "number": 7000 + i,
                    "date": f"2024-01-{1 + i % 28:02}",
                    "due": f"2024-02-{1 + i % 28:02}",
                    "total": 20 + i % 3 + 0.5,
                    "payments": [
                        {
                            "payment_id": 300 + i,
                            "paid_on": f"2024-02-{1 + i % 28:02}",
                            "amount": 20.5,
                        }
                    ],
                }
            ],
        }
        for i in range(40)
    ]
    path = tmp_path / "crm.json"
    path.write_text(json.dumps({"people": people}))
    found = suggest([str(path)], tmp_path / "spec.yaml", currency="EUR")
    columns = active(found)
    assert columns["service.customer"] == ("_parent_ident",)
    assert columns["invoice.customer"] == ("_parent_ident",)
    assert columns["payment.invoice"] == ("_parent_number",)
    assert mapping(found, "payment.customer")["lookup_table"]["value"] == "_parent_ident"


def test_an_export_with_its_own_people_beside_radius_tables_is_another_systems(
    tmp_path: Path,
) -> None:
    radcheck = {
        "id": lambda i: 1 + i,
        "username": lambda i: f"u{i}@net",
        "attribute": lambda _: "Cleartext-Password",
        "op": lambda _: ":=",
        "value": lambda i: f"s3cr{i}",
    }
    radusergroup = {
        "username": lambda i: f"u{i}@net",
        "groupname": lambda i: ["10M", "20M"][i % 2],
        "priority": lambda _: 1,
    }
    people = {
        "id": lambda i: 100 + i,
        "username": lambda i: f"u{i}@net",
        "given": lambda i: NAMES[i % 5].split()[0],
        "surname": lambda i: NAMES[i % 5].split()[1],
        "email": lambda i: f"p{i}@example.org",
        "phone": lambda i: f"+1415555{i:04}",
    }
    alone = suggested(tmp_path, radcheck=radcheck, radusergroup=radusergroup)
    assert alone.preset == "daloradius"
    found = suggested(
        tmp_path, radcheck=radcheck, radusergroup=radusergroup, permanent_people=people
    )
    assert found.preset == ""
    assert of(found, "permanent_people")["customer.last_name"] == ("surname",)
