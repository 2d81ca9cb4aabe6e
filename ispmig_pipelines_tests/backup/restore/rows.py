"""Rows of entities, put in as somebody does who works in the tenant's schema."""

from __future__ import annotations

import psycopg


def fill(driver: psycopg.Connection, customers: int = 20, *, migration: int = 1) -> None:
    """Customers, each with an invoice and a payment of it; the search path is the tenant's."""
    for statement in (
        """insert into customer (account_number, status, first_name, email, balance,
               currency, _migration, _file, _record)
           select 'ACC-' || i, 'active', 'Zoë ' || i, 'zoe' || i || '@example.org', i / 100.0,
               'EUR', %s, 0, i from generate_series(1, %s) i""",
        """insert into invoice (invoice_number, customer, total, currency, _migration, _file,
               _record)
           select 'INV-' || i, 'ACC-' || i, i, 'EUR', %s, 0, i from generate_series(1, %s) i""",
        """insert into payment (payment_number, customer, invoice, amount, currency, _migration,
               _file, _record)
           select 'PAY-' || i, 'ACC-' || i, 'INV-' || i, i, 'EUR', %s, 0, i
           from generate_series(1, %s) i""",
    ):
        driver.execute(statement, [migration, customers])
