"""What a dry run says would change in the rows that a tenant has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.changes import EXAMPLES, Changes, present_rows
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.load import Loaded, load
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines_tests.platform.loading import feed, load_rows, open_migration


@pytest.fixture
def connection(ispmig_home: Path) -> Iterator[Connection]:
    ledger.prepare(engine())
    with engine().connect() as connection:
        yield connection


@pytest.fixture
def acme(connection: Connection) -> Tenant:
    tenant = tenants.add(engine(), "acme")
    connection.rollback()
    return tenant


def customer(number: str, **fields: Any) -> dict[str, Any]:
    known = {"kind": "person", "last_name": "Ann", "status": "active"}
    return {"account_number": number, **known, **fields}


def tried(connection: Connection, tenant: Tenant, **entities: list[dict[str, Any]]) -> Loaded:
    return load_rows(connection, tenant, entities, dry_run=True)[1]


def test_each_field_counts_the_rows_in_which_it_differs(
    connection: Connection, acme: Tenant
) -> None:
    load_rows(connection, acme, {"customer": [customer(n, email="a@example.net") for n in "123"]})
    found = tried(
        connection,
        acme,
        customer=[
            customer("1", email="b@example.net", last_name="Bob"),
            customer("2", email=None),
            customer("3", email="a@example.net"),
            customer("4", email="new@example.net"),
        ],
    ).changes
    assert found["customer"] == Changes(
        rows=2, fields={"last_name": 1, "email": 2}, examples=((0, 1), (0, 2))
    )


@pytest.mark.parametrize(
    ("field", "before", "same", "other"),
    [
        ("balance", Decimal("1.5"), Decimal("1.5000"), Decimal("1.5001")),
        ("signup_date", dt.date(2024, 1, 1), dt.date(2024, 1, 1), dt.date(2024, 1, 2)),
        ("tax_exempt", True, True, False),
        ("notes", "", "", None),
        ("bill_day", 3, 3, 4),
        ("email", "a@example.net", "a@example.net", "A@example.net"),
    ],
)
def test_values_are_compared_as_values(
    connection: Connection, acme: Tenant, field: str, before: Any, same: Any, other: Any
) -> None:
    currency = {"currency": "USD"} if field == "balance" else {}
    load_rows(connection, acme, {"customer": [customer("1", **{field: before}, **currency)]})
    again = tried(connection, acme, customer=[customer("1", **{field: same}, **currency)])
    assert again.changes["customer"] == Changes()
    changed = tried(connection, acme, customer=[customer("1", **{field: other}, **currency)])
    assert changed.changes["customer"].fields == {field: 1}


def test_unmapped_columns_count_apart(connection: Connection, acme: Tenant) -> None:
    load_rows(connection, acme, {"customer": [customer("1", legacy={"tower": "T1"})]})
    same = tried(connection, acme, customer=[customer("1", legacy={"tower": "T1"})])
    assert same.changes["customer"] == Changes()
    found = tried(connection, acme, customer=[customer("1", legacy={"tower": "T2"})])
    assert found.changes["customer"] == Changes(rows=1, legacy=1, examples=((0, 1),))


def test_what_the_migration_itself_inserted_is_no_change(
    connection: Connection, acme: Tenant
) -> None:
    migration = open_migration(connection, acme)
    feeds = [
        feed(acme, migration, "customer", [customer("1"), customer("2")]),
        feed(acme, migration, "customer", [{"account_number": "1", "notes": "x"}], index=1,
             partial=True, file=1),
    ]  # fmt: skip
    seen: list[dict[str, Changes]] = []
    loaded = load(
        connection, acme, migration, feeds, on_conflict=OnConflict.update, dry_run=True,
        approve=lambda loaded: seen.append(loaded.changes), spill=Path("/tmp"),  # noqa: S108
    )  # fmt: skip
    assert loaded.entities["customer"].updated == 1
    assert loaded.changes == {"customer": Changes()}
    # Who judges the result, and may refuse it, knows them too.
    assert seen == [loaded.changes]


def test_a_real_load_counts_no_changes(connection: Connection, acme: Tenant) -> None:
    load_rows(connection, acme, {"customer": [customer("1")]})
    _, loaded = load_rows(connection, acme, {"customer": [customer("1", last_name="Bob")]})
    assert loaded.changes == {}


def test_only_the_first_changed_rows_are_named(connection: Connection, acme: Tenant) -> None:
    numbers = [str(n) for n in range(1, EXAMPLES + 31)]
    load_rows(connection, acme, {"customer": [customer(n) for n in numbers]})
    found = tried(connection, acme, customer=[customer(n, last_name="Bob") for n in numbers])
    assert found.changes["customer"].rows == len(numbers)
    assert found.changes["customer"].examples == tuple((0, n) for n in range(1, EXAMPLES + 1))


def test_present_rows_are_found_by_their_keys(connection: Connection, acme: Tenant) -> None:
    invoice = {
        "invoice_number": "I1", "customer": "1", "issue_date": dt.date(2024, 1, 1),
        "status": "open", "total": Decimal("3"), "currency": "USD",
    }  # fmt: skip
    lines = [
        {"invoice_number": "I1", "line_no": n, "description": f"line {n}", "amount": Decimal(1),
         "currency": "USD"}
        for n in (1, 2)
    ]  # fmt: skip
    address = {"address": "2001:db8::1", "kind": "static"}
    load_rows(
        connection,
        acme,
        {"customer": [customer("1", legacy={"tower": "T1"})], "invoice": [invoice]},
    )
    load_rows(connection, acme, {"invoice_line": lines, "ip_assignment": [address]})
    driver = raw(connection)
    with connection.begin(), as_tenant(driver, acme):
        (found,) = present_rows(driver, acme, "customer", [("1",), ("2",), (None,)]).values()
        assert (found["last_name"], found["legacy"]) == ("Ann", {"tower": "T1"})
        rows = present_rows(driver, acme, "invoice_line", [("I1", 2), ("I1", 3), ("I1", None)])
        assert {key: row["description"] for key, row in rows.items()} == {("I1", 2): "line 2"}
        ips = present_rows(driver, acme, "ip_assignment", [("2001:db8::1",), ("2001:db8::2",)])
        assert list(ips) == [("2001:db8::1",)]
        assert present_rows(driver, acme, "customer", [(None,)]) == {}
