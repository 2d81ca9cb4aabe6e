"""Invoices as accounting programs export them: a header with the buyer, lines below it, and totals
that add up, in elements with names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.spec_checking import check
from ispmig_pipelines.suggesting import Suggested, suggest, write
from ispmig_pipelines_tests.mapping.suggest.test_causes import active, mapping


def _invoice(i: int) -> str:
    net = 15 + i % 3 * 5
    lines = "".join(
        f"<item><text>Internet {part}</text><quantity>1</quantity>"
        f"<unitPrice>{net / 2:.2f}</unitPrice></item>"
        for part in range(1 + i % 2)
    )
    return (
        f"<invoice><invoiceHeader><id>{5200 + i}</id><date>2024-{1 + i % 9:02}-01</date>"
        f"<dateDue>2024-{1 + i % 9:02}-15</dateDue>"
        f"<partnerIdentity><id>{100 + i % 20}</id><address><company>Buyer {i % 20} Ltd</company>"
        f"<street>Long Road {i % 20}</street></address></partnerIdentity></invoiceHeader>"
        f"<invoiceDetail>{lines}</invoiceDetail>"
        f"<invoiceSummary><homeCurrency><priceHigh>{net:.2f}</priceHigh>"
        f"<priceHighVAT>{net * 0.2:.2f}</priceHighVAT>"
        f"<priceHighSum>{net * 1.2:.2f}</priceHighSum></homeCurrency></invoiceSummary></invoice>"
    )


def _partner(i: int) -> str:
    return (
        f"<addressbook><addressbookHeader><id>{100 + i}</id><identity><address>"
        f"<company>Buyer {i} Ltd</company><city>Town{i % 4}</city><street>Long Road {i}</street>"
        f"</address></identity><email>b{i}@example.com</email></addressbookHeader></addressbook>"
    )


@pytest.fixture
def found(tmp_path: Path) -> Suggested:
    books = {
        "Book.xml": "<pack><packItem state='ok'><listAddressBook>"
        + "".join(map(_partner, range(20))) + "</listAddressBook></packItem></pack>",
        "Bills.xml": "<pack><packItem state='ok'><listInvoice>"
        + "".join(map(_invoice, range(60))) + "</listInvoice></packItem></pack>",
    }  # fmt: skip
    for name, text in books.items():
        (tmp_path / name).write_text(f"<?xml version='1.0'?>{text}", encoding="utf-8")
    files = [str(tmp_path / name) for name in books]
    return suggest(files, tmp_path / "spec.yaml", currency="EUR", preset="none")


def test_partners_in_an_address_book_are_customers(found: Suggested) -> None:
    lines = active(found)
    head = "addressbookHeader"
    assert lines["customer.account_number"] == (f"{head}.id",)
    assert lines["customer.company_name"] == (f"{head}.identity.address.company",)
    assert lines["customer.billing_city"] == (f"{head}.identity.address.city",)
    assert lines["customer.email"] == (f"{head}.email",)


def test_an_invoice_is_read_by_header_partner_and_summary(found: Suggested) -> None:
    lines = active(found)
    total = "invoiceSummary.homeCurrency.priceHigh"
    assert lines["invoice.invoice_number"] == ("invoiceHeader.id",)
    assert lines["invoice.customer"] == ("invoiceHeader.partnerIdentity.id",)
    assert lines["invoice.issue_date"] == ("invoiceHeader.date",)
    assert lines["invoice.due_date"] == ("invoiceHeader.dateDue",)
    assert lines["invoice.subtotal"] == (total,)
    assert lines["invoice.tax"] == (f"{total}VAT",)
    assert lines["invoice.total"] == (f"{total}Sum",)


def test_lines_find_the_invoice_that_stands_above_them(found: Suggested) -> None:
    lines = active(found)
    assert lines["invoice_line.description"] == ("text",)
    assert lines["invoice_line.unit_price"] == ("unitPrice",)
    number = mapping(found, "invoice_line.invoice_number")
    assert number["lookup_table"]["value"] == "invoiceHeader.id"


def test_the_spec_runs_on_its_sources_and_the_envelope_is_nothing(
    found: Suggested, tmp_path: Path
) -> None:
    write(found)
    assert check(tmp_path / "spec.yaml", sources=True)
    envelopes = {x.source for x in found.lines if any("state" in c for c in x.columns)}
    assert not envelopes
