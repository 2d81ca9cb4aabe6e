"""Which one entity the rows of a table are, each cause on the smallest tables that show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ispmig_pipelines_tests.mapping.suggest.test_causes import active, mapping, suggested

CUSTOMERS: dict[str, Any] = {
    "customer_id": lambda i: 300 + i,
    "first_name": lambda i: f"Name{chr(97 + i % 26)}",
    "last_name": lambda i: f"Surname{chr(97 + i % 26)}",
    "email": lambda i: f"p{i}@example.com",
    "phone": lambda i: f"+1415555{i:04}",
}


def _day(i: int, month: int = 3) -> str:
    return f"2024-{month:02}-{1 + i % 28:02}"


INVOICES: dict[str, Any] = {
    "id": lambda i: 9000 + i,
    "customer_id": lambda i: 300 + i % 40,
    "issue_date": _day,
    "due_date": lambda i: _day(i, 4),
    "total": lambda i: f"{20 + i}.50",
}


def _entities(lines: dict[str, tuple[str, ...]]) -> set[str]:
    return {line.partition(".")[0] for line in lines}


def test_an_invoice_with_buyer_and_seller_is_an_invoice_and_nobodys_master_data(
    tmp_path: Path,
) -> None:
    people = {
        "seller_company": lambda i: "Our Net Ltd",
        "seller_address": lambda i: "1 Office Road",
        "seller_phone": lambda i: "+14155550000",
        "seller_email": lambda i: "office@example.org",
        "buyer_first_name": CUSTOMERS["first_name"],
        "buyer_last_name": CUSTOMERS["last_name"],
        "buyer_address": lambda i: f"{i} Main Street",
        "buyer_city": lambda i: ["Springfield", "Shelbyville"][i % 2],
        "buyer_phone": CUSTOMERS["phone"],
        "buyer_email": CUSTOMERS["email"],
    }
    lines = active(suggested(tmp_path, clients=CUSTOMERS, invoice=INVOICES | people))
    assert lines["invoice.customer"] == ("customer_id",)
    assert lines["invoice.total"] == ("total",)
    assert lines["customer.email"] == ("email",)
    read = {c for line, columns in lines.items() if line.startswith("customer.") for c in columns}
    assert not any(c.startswith(("seller", "buyer")) for c in read)


def test_what_recurs_to_a_customer_is_no_customer(tmp_path: Path) -> None:
    contacts = {
        "id": lambda i: i + 1,
        "customer_id": lambda i: 300 + i % 30,
        "contact": lambda i: f"q{i}@example.com",
        "type": lambda i: ["work", "home"][i % 2],
    }
    found = suggested(tmp_path, customers=CUSTOMERS, customer_contacts=contacts)
    assert not [x for x in found.lines if x.active and x.source == "customer_contacts"]
    assert active(found)["customer.account_number"] == ("customer_id",)


def test_tickets_are_nothing_of_the_platform(tmp_path: Path) -> None:
    zorbl = {
        "id": lambda i: i + 1,
        "customer_id": lambda i: 300 + i,
        "asunto": lambda i: "No link",
        "prioridad": lambda i: ["high", "low"][i % 2],
        "tipo": lambda i: ["visa", "other"][i % 2],
        "fecha": _day,
    }
    found = suggested(tmp_path, customers=CUSTOMERS, zorbl=zorbl)
    assert not [x for x in found.lines if x.source == "zorbl" and x.active]


def test_bookings_of_debit_and_credit_are_no_payments(tmp_path: Path) -> None:
    book = {
        "id": lambda i: i + 1,
        "date": _day,
        "customer_id": lambda i: 300 + i % 40,
        "debit": lambda i: f"{i % 5}.00",
        "credit": lambda i: f"{i % 3}.00",
        "balance": lambda i: f"{100 - i}.00",
    }
    found = suggested(tmp_path, customers=CUSTOMERS, cashbook=book)
    assert not [x for x in found.lines if x.source == "cashbook" and x.active]


def test_lines_of_invoices_are_told_by_naming_one_invoice_several_times(tmp_path: Path) -> None:
    detalle = {
        "id": lambda i: i + 1,
        "invoice_id": lambda i: 9000 + i % 30,
        "description": lambda i: ["Internet", "Rental"][i % 2],
        "quantity": lambda i: 1,
        "unit_price": lambda i: f"{20 + i % 3}.00",
        "subtotal": lambda i: f"{20 + i % 3}.00",
        "total": lambda i: f"{22 + i % 3}.00",
    }
    invoices = {("invoice_id" if n == "id" else n): make for n, make in INVOICES.items()}
    lines = active(
        suggested(tmp_path, customers=CUSTOMERS, invoices=invoices, detalle_invoices=detalle)
    )
    assert lines["invoice_line.invoice_number"] == ("invoice_id",)
    assert lines["invoice_line.unit_price"] == ("unit_price",)
    assert lines["invoice.total"] == ("total",)


def test_rows_of_items_that_repeat_their_invoice_are_invoices_and_lines(tmp_path: Path) -> None:
    wide = {
        "Invoice Number": lambda i: f"INV-{i // 2:05}",
        "Customer ID": lambda i: 300 + i // 2,
        "Invoice Date": lambda i: _day(i // 2),
        "Due Date": lambda i: _day(i // 2, 4),
        "Total": lambda i: f"{50 + i // 2}.10",
        "Item Name": lambda i: ["Internet", "Rental"][i % 2],
        "Quantity": lambda i: 1,
        "Item Price": lambda i: f"{20 + i % 2}.00",
        "Item Total": lambda i: f"{20 + i % 2}.00",
        "Billing Address": lambda i: f"{i // 2} Main Street",
        "Billing City": lambda i: "Springfield",
    }
    people = {"Customer ID": CUSTOMERS["customer_id"]} | {
        n: m for n, m in CUSTOMERS.items() if n != "customer_id"
    }
    lines = active(suggested(tmp_path, contacts=people, invoices=wide))
    assert lines["invoice.invoice_number"] == ("Invoice Number",)
    assert lines["invoice.due_date"] == ("Due Date",)
    assert lines["invoice_line.invoice_number"] == ("Invoice Number",)
    assert lines["invoice_line.quantity"] == ("Quantity",)
    assert "customer.billing_street" not in lines


def test_one_dated_fee_of_each_customer_is_no_payment(tmp_path: Path) -> None:
    fees = {
        "customer_id": lambda i: 300 + i,
        "done": _day,
        "amount": lambda i: f"{100 + i}.00",
    }
    lines = active(suggested(tmp_path, customers=CUSTOMERS, zorbl=fees))
    assert "payment" not in _entities(lines)


def test_what_costs_and_is_nobodys_is_a_plan_though_called_services(tmp_path: Path) -> None:
    offered = {
        "id": lambda i: i + 1,
        "name": lambda i: f"Home {i}",
        "price": lambda i: f"{20 + i}.00",
    }
    lines = active(suggested(tmp_path, customers=CUSTOMERS, services=offered))
    assert lines["plan.price"] == ("price",)
    assert "service" not in _entities(lines)


def test_a_column_without_cells_is_a_comment(tmp_path: Path) -> None:
    lines = active(suggested(tmp_path, customers=CUSTOMERS | {"tax_id": lambda i: ""}))
    assert "customer.tax_id" not in lines


def test_of_two_columns_called_customer_the_one_with_its_values_is_the_reference(
    tmp_path: Path,
) -> None:
    paid = {
        "id": lambda i: i + 1,
        "userid": lambda i: 1 + i % 2,
        "customer_id": lambda i: 300 + i % 40,
        "paid_at": _day,
        "amount": lambda i: f"{20 + i}.00",
    }
    lines = active(suggested(tmp_path, customers=CUSTOMERS, payments=paid))
    assert lines["payment.customer"] == ("customer_id",)


def test_a_reference_of_a_structure_is_what_it_is_called(tmp_path: Path) -> None:
    invoices = {
        "Id": INVOICES["id"],
        "CustomerRef.value": INVOICES["customer_id"],
        "CurrencyRef.value": lambda i: "USD",
        "TxnDate": INVOICES["issue_date"],
        "DueDate": INVOICES["due_date"],
        "TotalAmt": INVOICES["total"],
    }
    lines = active(suggested(tmp_path, customers=CUSTOMERS, invoices=invoices))
    assert lines["invoice.customer"] == ("CustomerRef.value",)
    assert lines["invoice.currency"] == ("CurrencyRef.value",)
    assert lines["invoice.issue_date"] == ("TxnDate",)


def test_a_flag_says_the_status(tmp_path: Path) -> None:
    found = suggested(
        tmp_path, customers=CUSTOMERS | {"bloqueado": lambda i: ["sim", "nao"][i % 2]}
    )
    assert mapping(found, "customer.status")["lookup"] == {"sim": "suspended", "nao": "active"}


def test_what_asks_yes_or_no_is_no_rate(tmp_path: Path) -> None:
    plans = {
        "id": lambda i: i + 1,
        "name": lambda i: f"Home {i}",
        "price": lambda i: f"{20 + i}.00",
        "aplica_iva": lambda i: i % 2,
    }
    lines = active(suggested(tmp_path, plans=plans))
    assert "plan.tax_rate" not in lines
    assert lines["plan.price"] == ("price",)


def test_what_somebody_owns_is_related_by_its_values(tmp_path: Path) -> None:
    devices = {
        "id": lambda i: i + 1,
        "mac": lambda i: f"00:11:22:33:44:{i:02x}",
        "ownerid": lambda i: 300 + i,
    }
    people = {("id" if n == "customer_id" else n): make for n, make in CUSTOMERS.items()}
    lines = active(suggested(tmp_path, customers=people, devices=devices))
    assert lines["device.customer"] == ("ownerid",)


def test_how_many_customers_a_device_has_is_no_customer(tmp_path: Path) -> None:
    devices = {
        "id": lambda i: i + 1,
        "serial_number": lambda i: f"SNX{i:06}",
        "model": lambda i: ["AX1", "AX2"][i % 2],
        "clients": lambda i: i % 7,
    }
    lines = active(suggested(tmp_path, customers=CUSTOMERS, devices=devices))
    assert lines.get("device.customer") != ("clients",)
