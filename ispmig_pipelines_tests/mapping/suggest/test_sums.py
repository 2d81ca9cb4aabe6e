"""What adds up tells which amount of an invoice is which, with hundredths and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ispmig_pipelines_tests.mapping.suggest.test_causes import PEOPLE, active, suggested

BILLS: dict[str, Any] = {
    "invoice_number": lambda i: f"INV-{1000 + i}",
    "customer_id": lambda i: 4000 + i % 40,
    "issue_date": lambda i: f"2024-03-{1 + i % 28:02}",
    "due_date": lambda i: f"2024-04-{1 + i % 28:02}",
}


def net(i: int) -> int:
    return 100_000 + 50_000 * (i % 4)


def test_whole_amounts_of_net_and_tax_are_the_total(tmp_path: Path) -> None:
    bills = BILLS | {
        "amount": net,
        "tax": lambda i: net(i) // 10,
        "total_amount": lambda i: net(i) * 11 // 10,
    }
    lines = active(suggested(tmp_path, "IDR", customers=PEOPLE, invoices=bills))
    assert lines["invoice.subtotal"] == ("amount",)
    assert lines["invoice.tax"] == ("tax",)
    assert lines["invoice.total"] == ("total_amount",)


def test_what_is_left_after_a_discount_is_the_total(tmp_path: Path) -> None:
    bills = BILLS | {
        "amount": net,
        "discount": lambda i: 0 if i % 4 else 10_000,
        "total_amount": lambda i: net(i) - (0 if i % 4 else 10_000),
    }
    lines = active(suggested(tmp_path, "IDR", customers=PEOPLE, invoices=bills))
    assert lines["invoice.subtotal"] == ("amount",)
    assert lines["invoice.discount"] == ("discount",)
    assert lines["invoice.total"] == ("total_amount",)


def test_numbers_of_records_are_no_amounts_whatever_they_add_up_to(tmp_path: Path) -> None:
    bills = BILLS | {
        "period_id": lambda i: 1000 + i % 3,
        "batch_id": lambda i: 5000 + i % 3,
        "total": lambda i: f"{6000 + 2 * (i % 3)}.00",
    }
    lines = active(suggested(tmp_path, customers=PEOPLE, invoices=bills))
    assert lines["invoice.total"] == ("total",)
    assert "invoice.subtotal" not in lines
    assert "invoice.tax" not in lines


def test_readings_of_a_meter_are_no_amounts_though_they_add_up(tmp_path: Path) -> None:
    bills = BILLS | {
        "ilk_endeks": lambda i: 1000 + 500 * (i % 4),
        "tuketim_m3": lambda i: 10 + i % 4,
        "son_endeks": lambda i: 1010 + 501 * (i % 4),
        "total": lambda i: f"{60 + i % 4}.50",
    }
    lines = active(suggested(tmp_path, "TRY", customers=PEOPLE, invoices=bills))
    assert lines["invoice.total"] == ("total",)
    assert "invoice.subtotal" not in lines
    assert "invoice.tax" not in lines
