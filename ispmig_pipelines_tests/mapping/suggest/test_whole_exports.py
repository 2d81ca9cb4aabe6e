"""What the tables of an export are together: who works there, what is on offer, which tables say
one thing in two, and whose the columns with a prefix are.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from ispmig_pipelines.suggesting import Suggested, suggest
from ispmig_pipelines_tests.mapping.suggest.test_causes import active, mapping

CLIENTS: dict[str, Any] = {
    "id": lambda i: 1 + i,
    "names": lambda i: f"Name{chr(97 + i % 26)}",
    "surnames": lambda i: f"Surname{chr(97 + i % 25)}",
    "email": lambda i: f"p{i}@example.com",
    "address": lambda i: f"{i} Main Street",
}


def suggested(folder: Path, currency: str = "", **tables: Any) -> Suggested:
    """Columns → a cell of each row, by its number; with how many rows there are, if not 50."""
    files = []
    for name, table in tables.items():
        columns, rows = table if isinstance(table, tuple) else (table, 50)
        path = folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([[make(i) for make in columns.values()] for i in range(rows)])
        files.append(str(path))
    return suggest(files, folder / "spec.yaml", currency=currency, preset="none")


def entities(found: Any, source: str) -> set[str]:
    return {line.entity for line in found.lines if line.active and line.source == source}


def test_those_who_write_bills_are_no_customers(tmp_path: Path) -> None:
    users = {
        "id": lambda i: 1 + i % 4 + 4 * (i // 4),
        "names": lambda i: f"Clerk{chr(97 + i)}",
        "surnames": lambda i: f"Office{chr(97 + i)}",
        "email": lambda i: f"clerk{i}@example.com",
        "mobile": lambda i: f"+1415555{i:04}",
        "profileid": lambda i: 1 + i % 2,
        "username": lambda i: f"clerk{i}",
    }
    payments = {
        "id": lambda i: 500 + i,
        "userid": lambda i: 1 + i % 4,
        "clientid": lambda i: 1 + (i * 7) % 50,
        "amount": lambda i: f"{20 + i}.50",
        "registration_date": lambda i: f"2024-03-{1 + i % 28:02} 10:00:00",
    }
    found = suggested(
        tmp_path, clients=CLIENTS, users=(users, 4), payments=payments, currency="EUR"
    )
    assert "customer" not in entities(found, "users")
    assert active(found)["payment.customer"] == ("clientid",)


def test_a_list_of_services_with_prices_that_is_nobodys_is_on_offer(tmp_path: Path) -> None:
    services = {
        "id": lambda i: 1 + i,
        "service": lambda i: f"Plan of the {chr(97 + i)}",
        "price": lambda i: f"{100 + 50 * i}.00",
        "registration_date": lambda _: "2022-01-05 10:00:00",
    }
    contracts = {
        "id": lambda i: 700 + i,
        "clientid": lambda i: 1 + i,
        "contract_date": lambda i: f"2023-02-{1 + i % 28:02}",
    }
    details = {
        "id": lambda i: 9000 + i,
        "contractid": lambda i: 700 + i,
        "serviceid": lambda i: 1 + i % 5,
        "price": lambda i: f"{100 + 50 * (i % 5)}.00",
    }
    found = suggested(
        tmp_path, clients=CLIENTS, services=(services, 5), contracts=contracts,
        detail_contracts=details, currency="EUR",
    )  # fmt: skip
    assert entities(found, "services") == {"plan"}
    of_details = {
        line.field: line.mapping for line in found.lines
        if line.active and line.source == "detail_contracts"
    }  # fmt: skip
    # The contract's head completes what its detail says of it.
    assert of_details["service_code"] == "contractid"
    assert of_details["plan"] == "serviceid"
    assert of_details["customer"] == {
        "column": "contractid",
        "lookup_table": {"source": "contracts", "key": "id", "value": "clientid"},
    }
    assert active(found)["service.contract_date"] == ("contract_date",)


def test_a_payments_export_has_its_customers_too(tmp_path: Path) -> None:
    payments = {
        "id": lambda i: f"PM{i:05}",
        "charge_date": lambda i: f"2024-03-{1 + i % 28:02}",
        "amount": lambda i: f"{20 + i}.50",
        "currency": lambda _: "GBP",
        "customers.id": lambda i: f"CU{i % 20:05}",
        "customers.given_name": lambda i: f"Name{chr(97 + i % 20)}",
        "customers.family_name": lambda i: f"Surname{chr(97 + i % 20)}",
        "customers.email": lambda i: f"p{i % 20}@example.com",
        "customers.city": lambda _: "Hawes",
    }
    columns = active(suggested(tmp_path, payments=payments))
    assert columns["payment.customer"] == ("customers.id",)
    assert columns["customer.account_number"] == ("customers.id",)
    assert columns["customer.first_name"] == ("customers.given_name",)
    assert columns["customer.email"] == ("customers.email",)


def test_a_payment_of_a_bill_gets_the_bills_customer(tmp_path: Path) -> None:
    invoices = {
        "id": lambda i: 1 + i,
        "invoice_number": lambda i: f"INV-{i:05}",
        "customer_id": lambda i: 1 + (i * 7) % 50,
        "amount": lambda i: f"{20 + i}.00",
        "due_date": lambda i: f"2024-03-{1 + i % 28:02}",
    }
    payments = {
        "id": lambda i: 1 + i,
        "invoice_id": lambda i: 1 + i,
        "amount": lambda i: f"{20 + i}.00",
        "created_at": lambda i: f"2024-03-{1 + i % 28:02} 14:22:10.551234+07",
    }
    found = suggested(
        tmp_path, customers=CLIENTS, invoices=invoices, payments=payments, currency="IDR"
    )
    columns = active(found)
    assert columns["payment.paid_at"] == ("created_at",)
    assert columns["payment.invoice"] == ("invoice_id",)
    assert mapping(found, "payment.customer")["lookup_table"]["value"] == "customer_id"


def test_five_digits_of_birthdays_are_days_of_a_spreadsheet(tmp_path: Path) -> None:
    people = CLIENTS | {"Geburt": lambda i: 20_000 + 137 * i}
    assert mapping(suggested(tmp_path, kunden=people), "customer.birth_date") == {
        "column": "Geburt", "date_format": "excel",
    }  # fmt: skip


def test_a_rate_of_tax_is_nobodys_tax_number(tmp_path: Path) -> None:
    people = CLIENTS | {"vat": lambda _: "21"}
    assert "customer.tax_id" not in active(suggested(tmp_path, customers=people))


def test_one_row_of_settings_is_no_device(tmp_path: Path) -> None:
    settings = {
        "id": lambda _: 1, "login": lambda _: "admin",
        "printer_mac": lambda _: "00:D9:2B:5D:20:43",
    }  # fmt: skip
    found = suggested(tmp_path, customers=CLIENTS, options_of_the_app=(settings, 1))
    assert not entities(found, "options_of_the_app")


def test_a_bill_is_not_to_its_seller(tmp_path: Path) -> None:
    invoices = {
        "id": lambda i: 1 + i,
        "client_id": lambda i: 1 + i % 50,
        "total": lambda i: f"{20 + i}.00",
        "due_date": lambda i: f"2024-03-{1 + i % 28:02}",
        "seller_company": lambda _: "Valley Net Ltd",
        "seller_address": lambda _: "1 Hill Road",
        "seller_phone": lambda _: "+14155550000",
    }
    columns = active(suggested(tmp_path, clients=CLIENTS, invoices=invoices, currency="EUR"))
    assert "invoice.total" in columns
    assert not {"invoice.bill_to_name", "invoice.bill_to_address"} & columns.keys()


def test_an_update_tells_of_a_table_that_is_not_sure_enough(tmp_path: Path) -> None:
    out = tmp_path / "spec.yaml"
    first = suggested(tmp_path, clients=CLIENTS)
    out.write_text(first.text, encoding="utf-8")
    payments = tmp_path / "payments.csv"
    rows = [f"{500 + i},{20 + i}.50,2024-03-{1 + i % 28:02}" for i in range(50)]
    payments.write_text("\n".join(["id,amount,paid_at", *rows]) + "\n", encoding="utf-8")
    files = [str(tmp_path / "clients.csv"), str(payments)]

    text = suggest(files, out, currency="EUR", preset="none", update=True).text
    assert text.startswith(first.text.rstrip("\n"))
    added = text[len(first.text.rstrip("\n")) :].strip().splitlines()
    assert added
    assert all(row.lstrip().startswith("#") for row in added)
    assert any("payments.csv" in row for row in added)
    assert any("amount" in row for row in added)

    out.write_text(text, encoding="utf-8")
    assert suggest(files, out, currency="EUR", preset="none", update=True).text == text


def test_hexadecimal_numbers_of_records_are_no_macs(tmp_path: Path) -> None:
    people = CLIENTS | {"client_api_id": lambda i: f"{0xABC000000000 + 7919 * i:012x}"}
    found = suggested(tmp_path, clients=people)
    assert not any("client_api_id" in line.columns and line.field == "mac" for line in found.lines)
    assert "device" not in entities(found, "clients")
