"""What tables of one export say of each other, each on the smallest tables that show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines_tests.mapping.suggest.test_causes import active, mapping, suggested

CUSTOMERS: dict[str, Any] = {
    "c_id": lambda i: 300 + i,
    "name": lambda i: f"Name{chr(97 + i % 26)} Surname",
    "email": lambda i: f"p{i}@example.com",
    "phone": lambda i: f"+1415555{i:04}",
}
PLANS: dict[str, Any] = {
    "p_id": lambda i: 70 + i,
    "name": lambda i: f"Home {i}",
    "monthly_price": lambda i: f"{20 + i}.50",
}
SUBSCRIBED: dict[str, Any] = {
    "cp_id": lambda i: 9000 + i,
    "c_id": lambda i: 300 + i,
    "p_id": lambda i: 70 + i % 9,
    "status": lambda i: ["active", "suspended"][i % 2],
}


def test_what_names_a_customer_and_a_plan_is_a_service_and_no_plan(tmp_path: Path) -> None:
    found = suggested(tmp_path, customers=CUSTOMERS, products=PLANS, bindings=SUBSCRIBED)
    columns = active(found)
    assert columns["service.service_code"] == ("cp_id",)
    assert columns["service.customer"] == ("c_id",)
    assert columns["service.plan"] == ("p_id",)
    assert columns["plan.plan_code"] == ("p_id",)


def test_the_customer_of_an_invoice_is_looked_up_by_its_service(tmp_path: Path) -> None:
    invoices = {
        "invoice_id": lambda i: 1000 + i,
        "cp_id": lambda i: 9000 + i % 50,
        "issue_date": lambda i: f"2024-03-{1 + i % 28:02}",
        "total_amount": lambda i: f"{20 + i}.00",
    }
    found = suggested(
        tmp_path, customers=CUSTOMERS, products=PLANS, customer_products=SUBSCRIBED,
        invoices=invoices,
    )  # fmt: skip
    assert mapping(found, "invoice.customer") == {
        "column": "cp_id",
        "lookup_table": {"source": "customer_products", "key": "cp_id", "value": "c_id"},
    }
    assert "invoice.total" in active(found)


def test_what_others_refer_to_is_the_key_whatever_else_is_called_one(tmp_path: Path) -> None:
    people = {"c_id": CUSTOMERS["c_id"], "user_id": lambda i: 7 + i} | CUSTOMERS
    payments = {
        "payment_id": lambda i: 50 + i,
        "c_id": lambda i: 300 + i % 40,
        "amount": lambda i: f"{10 + i}.00",
        "payment_date": lambda i: f"2024-04-{1 + i % 28:02}",
    }
    columns = active(suggested(tmp_path, customers=people, payments=payments))
    assert columns["customer.account_number"] == ("c_id",)
    assert columns["payment.customer"] == ("c_id",)


def test_rows_below_invoices_and_receipts_are_no_invoices(tmp_path: Path) -> None:
    clients = {"id": lambda i: 300 + i} | {k: v for k, v in CUSTOMERS.items() if k != "c_id"}
    invoices = {
        "id": lambda i: 2000 + i,
        "userid": lambda i: 300 + i % 50,
        "date": lambda i: f"2024-03-{1 + i % 28:02}",
        "total": lambda i: f"{20 + i}.00",
    }
    items = {
        "id": lambda i: 1 + i,
        "invoiceid": lambda i: 2000 + i // 2,
        "userid": lambda i: 300 + i // 2,
        "description": lambda i: f"Internet access {i % 7}",
        "amount": lambda i: f"{5 + i}.00",
    }
    accounts = {
        "id": lambda i: 1 + i,
        "userid": lambda i: 300 + i % 50,
        "gateway": lambda i: "stripe",
        "date": lambda i: f"2024-04-{1 + i % 28:02} 10:00:00",
        "amountin": lambda i: f"{5 + i}.00",
        "transid": lambda i: f"tx{i:08}",
        "invoiceid": lambda i: 2000 + i,
    }
    found = suggested(
        tmp_path, tblclients=clients, tblinvoices=invoices, tblinvoiceitems=items,
        tblaccounts=accounts,
    )  # fmt: skip
    held = {(x.source, x.entity) for x in found.lines if x.active}
    assert held == {
        ("tblclients", "customer"), ("tblinvoices", "invoice"),
        ("tblinvoiceitems", "invoice_line"), ("tblaccounts", "payment"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "strangers",
    [
        {
            "id": lambda i: 300 + i,
            "name": lambda i: f"Clerk {i}",
            "email": lambda i: f"clerk{i}@isp.example",
            "password": lambda i: (
                f"$2y$10$abcdefghijklmnopqrstu{i:02}ABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
            ),
            "role": lambda i: "admin",
        },
        {
            "id": lambda i: 300 + i,
            "name": lambda i: f"Caller {i}",
            "address": lambda i: f"{i} Side Street",
            "phone": lambda i: f"+1415777{i:04}",
        },
    ],
)
def test_logins_and_callers_are_not_customers(strangers: Any, tmp_path: Path) -> None:
    found = suggested(tmp_path, customers=CUSTOMERS, users=strangers)
    assert not [x for x in found.lines if x.active and x.source == "users"]
    assert "customer.account_number" in active(found)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("cardnum", lambda i: f"0x{i:02x}9f3ac1d2e4b5a6978812"),
        ("Card Number", lambda i: f"{i:02}aBcDeFgHiJkLmNoPqRsT=="),
        ("password", lambda i: f"{i:02}aBcDeFgHiJkLmNoPqRsT=="),
        ("password", lambda i: f"0x{i:02x}ca4238a0b923820dcc"),
    ],
)
def test_ciphers_of_cards_and_passwords_are_never_read(
    column: str, cell: Any, tmp_path: Path
) -> None:
    found = suggested(tmp_path, customers=CUSTOMERS | {column: cell})
    assert column not in {c for x in found.lines if x.active for c in x.columns}
    assert f"never: [{column}]" in found.text


def test_an_address_of_a_visit_and_presence_say_nothing_of_a_line(tmp_path: Path) -> None:
    people = CUSTOMERS | {
        "ip": lambda i: f"203.0.113.{i}",
        "last_login": lambda i: f"2024-04-{1 + i % 28:02} 10:00:00",
        "status": lambda i: ["Online", "Offline"][i % 2],
    }
    columns = active(suggested(tmp_path, customers=people))
    assert not {("ip",), ("status",)} & set(columns.values())


def test_amounts_called_tariff_are_prices_and_no_names(tmp_path: Path) -> None:
    plans = {"id_paket": lambda i: f"P{i:02}", "paket": lambda i: f"Home {i} Mbps",
             "tarif": lambda i: 100000 + 5000 * i}  # fmt: skip
    columns = active(suggested(tmp_path, tb_paket=plans, currency="IDR"))
    assert columns["plan.price"] == ("tarif",)


def test_the_only_amounts_and_seconds_of_bills_are_total_and_day(tmp_path: Path) -> None:
    bills = {
        "bill_id": lambda i: 1 + i,
        "customer_id": lambda i: 300 + i % 50,
        "tagihan": lambda i: 150000 + 1000 * i,
        "timestamp": lambda i: 1481500800 + 86400 * i,
    }
    people = {"customer_id": CUSTOMERS["c_id"]} | {
        k: v for k, v in CUSTOMERS.items() if k != "c_id"
    }
    columns = active(suggested(tmp_path, customers=people, bill=bills, currency="IDR"))
    assert columns["invoice.total"] == ("tagihan",)
    assert columns["invoice.issue_date"] == ("timestamp",)


def test_likeness_by_half_and_empty_columns_are_comments(tmp_path: Path) -> None:
    people = CUSTOMERS | {
        "banktype": lambda i: "",
        "isp_company_id": lambda i: "3531407f-b185",
        "approved_by": lambda i: "",
    }
    columns = active(suggested(tmp_path, customers=people))
    assert not {("banktype",), ("isp_company_id",), ("approved_by",)} & set(columns.values())


def test_bills_that_name_customers_by_their_names_find_their_numbers(tmp_path: Path) -> None:
    people = {"client_no": lambda i: f"C-{i:04}", "client_name": lambda i: f"Firm {i} Ltd",
              "email": lambda i: f"p{i}@example.com", "city": lambda i: "Fargo"}  # fmt: skip
    bills = {
        "invoice_number": lambda i: f"R{i:05}",
        "billed_party": lambda i: f"Firm {i % 40} Ltd",
        "issue_date": lambda i: f"2024-03-{1 + i % 28:02}",
        "due_date": lambda i: f"2024-04-{1 + i % 28:02}",
        "total": lambda i: f"{20 + i}.50",
    }
    found = suggested(tmp_path, clients=people, invoices=bills)
    assert mapping(found, "invoice.customer") == {
        "column": "billed_party",
        "lookup_table": {"source": "clients", "key": "client_name", "value": "client_no"},
    }


def test_what_others_call_a_reference_is_the_key(tmp_path: Path) -> None:
    people = {"id": lambda i: 1 + i, "ref": lambda i: f"ACME{i:04}",
              "last_name": CUSTOMERS["name"], "email": CUSTOMERS["email"]}  # fmt: skip
    payments = {
        "doc_no": lambda i: 50 + i,
        "client_ref": lambda i: f"ACME{i % 40:04}",
        "amount": lambda i: f"{10 + i}.00",
        "payment_date": lambda i: f"2024-04-{1 + i % 28:02}",
    }
    columns = active(suggested(tmp_path, clients=people, payment_history=payments))
    assert columns["customer.account_number"] == ("ref",)
    assert columns["payment.customer"] == ("client_ref",)
    assert columns["payment.amount"] == ("amount",)


def test_a_table_that_may_as_well_be_of_another_entity_is_asked_about(tmp_path: Path) -> None:
    rows = {
        "id": lambda i: 1 + i,
        "customer_id": lambda i: 500 + i % 9,
        "amount": lambda i: f"{i}.50",
        "date": lambda i: f"2024-03-{1 + i % 28:02}",
        "reference": lambda i: f"R{i}",
        "tax": lambda i: "1.00",
        "method": lambda i: "cash",
    }
    unnamed = suggested(tmp_path, sheet=rows)
    (asked,) = [q for q in unnamed.questions if "may as well be" in q]
    assert asked.startswith("sheet: ")
    assert "payment, and may as well be of invoice" in asked
    named = suggested(tmp_path, payments=rows)
    assert not any("may as well be" in q for q in named.questions)
