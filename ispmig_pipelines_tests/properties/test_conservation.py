"""Laws 1 to 4, for any records: repeats, contradictions, orphans, earlier content, policies.

Rows go through the real database; what is expected of them is counted here by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import journal, ledger, quarantine, tenants
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.rollback.undo import undo
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines_tests.platform.loading import load_rows

ACCOUNTS = st.sampled_from(["A", "B", "C", "D"])
AMOUNTS = st.sampled_from([Decimal("0"), Decimal("1.10"), Decimal("-2.25")])
CURRENCIES = st.sampled_from(["USD", "EUR"])

customers = st.lists(
    st.fixed_dictionaries(
        {
            "account_number": ACCOUNTS,
            "status": st.just("active"),
            "balance": st.one_of(st.none(), AMOUNTS),
            "currency": CURRENCIES,
        }
    ),
    max_size=6,
)
payments = st.lists(
    st.fixed_dictionaries(
        {
            "payment_number": st.sampled_from(["p1", "p2", "p3"]),
            "customer": st.sampled_from(["A", "B", "Z"]),
            "amount": AMOUNTS,
            "currency": CURRENCIES,
        }
    ),
    max_size=6,
)


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection
    database.dispose()


@pytest.fixture
def acme(connection: Connection) -> Tenant:
    return tenants.add(connection.engine, "acme")


def empty(connection: Connection, tenant: Tenant) -> None:
    tables = sql.SQL(", ").join(
        sql.Identifier(tenant.schema, name) for name in (*ENTITIES, *journal.TABLES)
    )
    with connection.begin():
        raw(connection).execute(sql.SQL("truncate {}").format(tables))


def content(connection: Connection, tenant: Tenant) -> str:
    found = str(digest(raw(connection), tenant)["digest"])
    raw(connection).rollback()
    return found


def held(connection: Connection, tenant: Tenant, entity: str, key: str) -> set[str]:
    rows = raw(connection).execute(
        sql.SQL("select {} from {}").format(
            sql.Identifier(key), sql.Identifier(tenant.schema, entity)
        )
    )
    found = {row[0] for row in rows}
    raw(connection).rollback()
    return found


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=customers,
    people=customers,
    paid=payments,
    policy=st.sampled_from([OnConflict.update, OnConflict.keep]),
)
def test_every_record_and_every_cent_ends_in_one_place_and_undoing_restores(
    connection: Connection,
    acme: Tenant,
    before: list[dict[str, Any]],
    people: list[dict[str, Any]],
    paid: list[dict[str, Any]],
    policy: OnConflict,
) -> None:
    empty(connection, acme)
    if before:
        load_rows(connection, acme, {"customer": before})
    start = content(connection, acme)
    entities = {e: rows for e, rows in (("customer", people), ("payment", paid)) if rows}
    if not entities:
        return
    migration, loaded = load_rows(connection, acme, entities, on_conflict=policy)

    aside = {
        (row["entity"], row["record"])
        for row in quarantine.listing(raw(connection), acme, [migration])
    }
    raw(connection).rollback()
    keys = {"customer": "account_number", "payment": "payment_number"}
    money = {"customer": "balance", "payment": "amount"}
    for entity, rows in entities.items():
        counts = loaded.entities[entity]
        there = held(connection, acme, entity, keys[entity])
        # Law 1: each record is in quarantine, or its key is in the table; and so say the counts.
        for number, row in enumerate(rows, 1):
            assert (entity, number) in aside or row[keys[entity]] in there
        assert counts.quarantined == sum(1 for e, _ in aside if e == entity)
        assert len(rows) == (
            counts.inserted + counts.updated + counts.unchanged + counts.quarantined
        )
        # Law 2: what is in quarantine, and each other key once, is what was there to be loaded.
        expected: dict[str, Decimal] = {}
        seen = set()
        for number, row in enumerate(rows, 1):
            amount, key = row[money[entity]], row[keys[entity]]
            once = (entity, number) in aside or key not in seen
            if (entity, number) not in aside:
                seen.add(key)
            if amount is not None and once:
                expected[row["currency"]] = expected.get(row["currency"], Decimal(0)) + amount
        totals = loaded.totals.get(f"{entity}.{money[entity]}", {})
        assert {c: a.source for c, a in totals.items() if a.source} == {
            c: a for c, a in expected.items() if a
        }
        assert all(a.source == a.loaded + a.quarantined for a in totals.values())

    # Law 3: the same again changes nothing.
    end = content(connection, acme)
    _, again = load_rows(connection, acme, entities, on_conflict=policy)
    assert content(connection, acme) == end
    assert all(c.inserted == c.updated == 0 for c in again.entities.values())

    # Law 4: and it can be taken back.
    with connection.begin(), as_tenant(raw(connection), acme):
        undo(raw(connection), acme, migration)
    assert content(connection, acme) == start
