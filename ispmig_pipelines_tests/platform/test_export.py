"""Reading rows for an export: in the order of their keys, or in one that says nothing of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import psycopg
import pytest
from sqlalchemy.engine import Connection

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.export import Choice, Snapshot, snapshot
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines_tests.platform.loading import load_rows

ACCOUNTS = [f"{n:04}" for n in range(300)]
SECRET = bytes(range(32))


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection
    database.dispose()


@pytest.fixture
def taken(connection: Connection) -> Iterator[Snapshot]:
    """A tenant of 300 customers, and an invoice of 20 lines."""
    tenant: Tenant = tenants.add(connection.engine, "acme")
    load_rows(connection, tenant, {
        "customer": [{"account_number": n, "status": "active"} for n in ACCOUNTS],
        "invoice": [{"invoice_number": "I", "customer": "0001", "total": 1, "currency": "EUR"}],
        "invoice_line": [{"invoice_number": "I", "line_no": n} for n in range(1, 21)],
    })  # fmt: skip
    connection.rollback()
    with snapshot(raw(connection), tenant, Choice(tuple(ENTITIES))) as found:
        yield found


def read(taken: Snapshot, entity: str, column: str, shuffle: bytes | None) -> list[str]:
    return [
        value
        for batch in taken.rows(entity, (column,), 50, shuffle)
        for value in batch.column(0).to_pylist()
    ]


def test_rows_come_in_the_order_of_their_keys(taken: Snapshot) -> None:
    assert read(taken, "customer", "account_number", None) == ACCOUNTS


def test_shuffled_rows_are_all_there_in_an_order_that_the_secret_makes(taken: Snapshot) -> None:
    found = read(taken, "customer", "account_number", SECRET)
    assert sorted(found) == ACCOUNTS
    assert sum(a < b for a, b in pairwise(found)) < 200
    assert sum(a == b for a, b in zip(found, ACCOUNTS, strict=True)) < 20
    assert read(taken, "customer", "account_number", SECRET) == found
    assert read(taken, "customer", "account_number", bytes(32)) != found


def test_every_field_of_the_key_counts_for_the_order(taken: Snapshot) -> None:
    found = read(taken, "invoice_line", "line_no", SECRET)
    assert found != sorted(found, key=int)
    assert sorted(found, key=int) == [str(n) for n in range(1, 21)]


def test_the_secret_is_no_part_of_a_statement_that_the_server_shows(taken: Snapshot) -> None:
    """Parameters of COPY are written into its text, and that is what logs and activity show."""
    driver = taken.driver
    rows = taken.rows("customer", ("account_number",), 10, SECRET)
    next(rows)
    with psycopg.connect(driver.info.dsn, password=driver.info.password) as other:
        shown = other.execute(
            "select query from pg_stat_activity where pid = %s", (driver.info.backend_pid,)
        ).fetchone()
    assert shown is not None
    assert "copy (select" in shown[0]
    assert SECRET.hex() not in shown[0]
    assert list(rows)
