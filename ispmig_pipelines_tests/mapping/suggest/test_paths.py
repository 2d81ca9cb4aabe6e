"""What paths of nested columns and tables tell, and what only holds them together."""

from __future__ import annotations

import pytest

from ispmig_pipelines.mapping.suggest.called_tables import shared_beginning, table_called
from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.paths import parts_of, told


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("addressbookHeader.identity.address.city", "address.city"),
        ("invoiceSummary.homeCurrency.priceHighSum", "priceHighSum"),
        ("attributes.email", "email"),
        ("Order Lines/Unit Price", "Unit Price"),
        ("invoiceHeader.partnerIdentity.id", "customer.id"),
        ("Customer/ID", "customer.ID"),
        ("billing.address.city", "billing.address.city"),
        ("email", "email"),
        ("header", "header"),
        ("Codice P.IVA", "Codice P.IVA"),
        ("Kd.Nr", "Kd.Nr"),
        ("Invoice/CM #", "Invoice.CM #"),
        ("payment.invoice.number", "payment.invoice.number"),
        ("invoiceLines.item.price", "price"),
        ("price (EUR/month)", "price (EUR.month)"),
    ],
)
def test_parts_that_only_hold_others_are_left_out(name: str, kept: str) -> None:
    assert told(name) == kept


def test_the_last_part_stays_whatever_it_is_called() -> None:
    assert parts_of("invoiceHeader.summary") == ("summary",)


def test_words_that_nobody_knows_say_nothing_of_what_stands_below_them() -> None:
    assert set(concepts_of("Xyzzy.QwzrAdresa.Ulice")) == {"address", "street"}
    assert "xyzzy" in concepts_of("xyzzy_street")


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("data", "clients"),
        ("data.contacts", "clients.contacts"),
        ("responsePackItem.listInvoice.invoice", "listInvoice.invoice"),
        ("invoices", "invoices"),
        ("invoices.items", "invoices.items"),
        ("data.items", "clients.items"),
    ],
)
def test_wrappers_give_a_table_no_name(path: str, called: str) -> None:
    assert table_called(path, "clients") == called


@pytest.mark.parametrize(
    ("tables", "beginning"),
    [
        (["corecustomers", "coretarife", "coreinvoices", "corezzz"], "core"),
        (["tbl_clients", "tbl_plans", "tbl_bills"], "tbl_"),
        (["invoices", "inventory", "installations"], ""),
        (["customer_plans", "customer_info", "customer_users"], ""),
        (["clients", "client_services", "client_plans"], ""),
        (["xq_clients", "xq_plans"], ""),
        ([], ""),
    ],
)
def test_what_all_tables_begin_with_is_left_out_if_it_means_nothing(
    tables: list[str], beginning: str
) -> None:
    assert shared_beginning(tables) == beginning
