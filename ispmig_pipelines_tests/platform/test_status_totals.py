"""Control totals by currency and status are the same in a tenant's rows and in the source."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.measured import measure, measured_beside
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.status_totals import (
    POSITIVE_IS,
    Measure,
    StatusTotals,
    Sum,
    of_batch,
    of_tenant,
)
from ispmig_pipelines.platform.tenants import Tenant

SOME = st.integers(-(10**9), 10**9).map(lambda n: Decimal(n) / 100)
AMOUNTS = st.none() | SOME
CUSTOMERS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["active", "cancelled"]),
        "balance": AMOUNTS,
        "balance_date": st.none() | st.dates(dt.date(2020, 1, 1), dt.date(2026, 1, 1)),
        "deposit": AMOUNTS,
        "currency": st.just("USD"),
    }
)
INVOICES = st.fixed_dictionaries(
    {
        "status": st.sampled_from([None, "draft", "open", "partly_paid", "paid", "void"]),
        "kind": st.sampled_from([None, "invoice", "credit_note", "proforma"]),
        "total": SOME,
        "amount_paid": AMOUNTS,
        "amount_due": AMOUNTS,
        "currency": st.sampled_from(["USD", "EUR"]),
    }
)


@pytest.fixture
def acme(ispmig_home: Path) -> Tenant:
    ledger.prepare(engine())
    return tenants.add(engine(), "acme")


def insert(driver: Any, tenant: Tenant, entity: str, rows: list[dict[str, Any]]) -> None:
    """Rows of an entity, as somebody else may write them too."""
    for number, row in enumerate(rows):
        named = {**row, ENTITIES[entity].key[0]: f"k{number}"}
        if entity == "invoice":
            named["customer"] = "k0"
        named |= {"_migration": 1, "_file": 0, "_record": number}
        driver.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier(tenant.schema, entity),
                sql.SQL(", ").join(map(sql.Identifier, named)),
                sql.SQL(", ").join(sql.Placeholder() * len(named)),
            ),
            list(named.values()),
        )


def batch(entity: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    fields = ENTITIES[entity].fields
    return pa.RecordBatch.from_pylist(
        rows, pa.schema([(name, fields[name].arrow_type) for name in rows[0]])
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CUSTOMERS, min_size=1, max_size=12), st.lists(INVOICES, min_size=1, max_size=12))
def test_the_same_rows_come_to_the_same_sums(
    acme: Tenant, customers: list[dict[str, Any]], invoices: list[dict[str, Any]]
) -> None:
    with engine().connect() as connection:
        driver = tenants.raw(connection)
        insert(driver, acme, "customer", customers)
        insert(driver, acme, "invoice", invoices)
        in_rows = of_tenant(driver, acme)
        connection.rollback()
    mapped = StatusTotals()
    for entity, rows in (("customer", customers), ("invoice", invoices)):
        # In pieces, as sources are read.
        for start in range(0, len(rows), 5):
            mapped.add(of_batch(entity, batch(entity, rows[start : start + 5])))
    assert mapped.sums == in_rows.sums
    assert mapped.measured == in_rows.measured == set(Measure)
    assert StatusTotals.from_json(mapped.as_json()) == mapped


def test_what_is_settled_or_asks_for_nothing_is_not_unpaid() -> None:
    rows = [
        {"status": s, "kind": k, "total": Decimal(10), "amount_paid": p, "amount_due": d,
         "currency": "USD"}
        for s, k, p, d in (
            ("open", None, None, None),  # all of it
            ("open", "invoice", Decimal(4), None),  # the rest
            ("open", "invoice", Decimal(4), Decimal(5)),  # as it says itself
            (None, None, Decimal(10), None),  # nothing is left
            ("draft", None, None, None),
            ("void", None, None, Decimal(10)),
            ("paid", None, None, None),
            ("written_off", None, None, None),
            ("open", "proforma", None, None),
        )
    ]  # fmt: skip
    found = of_batch("invoice", batch("invoice", rows))
    unpaid = {key: s for key, s in found.sums.items() if key[0] is Measure.UNPAID}
    assert unpaid == {(Measure.UNPAID, "USD", "open"): Sum(3, Decimal("21.0000"))}


def test_a_balance_is_told_with_its_days_and_by_its_sign() -> None:
    rows = [
        {"status": "active", "balance": Decimal("-3"), "balance_date": dt.date(2026, 1, 2)},
        {"status": "active", "balance": Decimal("5"), "balance_date": dt.date(2026, 1, 1)},
        {"status": "active", "balance": None, "balance_date": dt.date(2020, 1, 1)},
    ]
    found = of_batch("customer", batch("customer", rows)).sums
    days = dt.date(2026, 1, 1), dt.date(2026, 1, 2)
    assert found[Measure.BALANCE, "XXX", "active"] == Sum(2, Decimal("2.0000"), *days)
    assert found[Measure.CREDIT, "XXX", "active"].amount == Decimal("-3.0000")
    assert found[Measure.RECEIVABLE, "XXX", "active"].amount == Decimal("5.0000")
    assert set(POSITIVE_IS) == set(Measure)


def test_sums_that_a_source_does_not_have_are_not_zero_but_none() -> None:
    rows = [{"status": "active", "currency": "USD"}]
    assert of_batch("customer", batch("customer", rows)).measured == set()
    assert of_batch("plan", batch("plan", [{"price": Decimal(3)}])).measured == set()


def test_what_is_committed_after_the_snapshot_is_not_measured(acme: Tenant) -> None:
    rows = [{"status": "active", "balance": Decimal("5"), "currency": "USD"}]
    with measured_beside(engine().connect, acme) as wait:
        with engine().connect() as connection:
            insert(tenants.raw(connection), acme, "customer", rows)
            connection.connection.commit()
        before = wait()
    assert before is not None
    assert (before.rows, before.by_status.sums) == (0, {})
    with engine().connect() as connection:
        after = measure(tenants.raw(connection), acme)
    assert after.rows == 1
    assert after.by_status.sums[Measure.BALANCE, "USD", "active"].records == 1
    assert after.sha256 != before.sha256


def test_work_goes_on_where_nothing_can_be_measured(acme: Tenant) -> None:
    gone = Tenant("gone", "tenant_gone", "nobody")
    with measured_beside(engine().connect, gone) as wait:
        assert wait() is None
    with pytest.raises(ZeroDivisionError), measured_beside(engine().connect, acme):
        raise ZeroDivisionError
