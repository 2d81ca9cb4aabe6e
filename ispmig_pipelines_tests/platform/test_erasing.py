"""Erasing somebody, whatever the tenant holds: nothing of theirs stays but books, everything of
others does, and every migration still adds up."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy.engine import Engine

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.anonymous import BOOKS, emptied, owners
from ispmig_pipelines.model.field_info import FieldType, Privacy
from ispmig_pipelines.platform import erased, erasing, ledger, retention, subject, tenants, verify
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.platform.loading import load_rows


@pytest.fixture
def platform(ispmig_home: object) -> Engine:
    found = engine()
    ledger.prepare(found)
    return found


ACCOUNTS = ("A-1", "A-2", "A-11")
who = st.sampled_from(ACCOUNTS)
maybe = st.none() | who


@st.composite
def holdings(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Rows of a few customers, who may have places and devices in common."""

    def several(make: Any, most: int = 4) -> list[Any]:
        return draw(st.lists(make, max_size=most))

    def mark(account: str) -> str:
        return f"secret-of-{account}-"

    customers = [
        {"account_number": a, "status": "cancelled", "last_name": mark(a), "legacy": {"x": mark(a)}}
        for a in ACCOUNTS
    ]
    places = [
        {"location_code": f"L{i}", "customer": a, "street": mark(a)}
        for i, a in enumerate(several(who))
    ]
    codes = st.sampled_from([p["location_code"] for p in places]) if places else st.nothing()
    place = st.none() | codes if places else st.none()
    services = [
        {"service_code": f"S{i}", "customer": a, "plan": "P", "location": at,
         "status": "cancelled", "access_username": mark(a)}
        for i, (a, at) in enumerate(several(st.tuples(who, place)))
    ]  # fmt: skip
    lines = st.none() | st.sampled_from([s["service_code"] for s in services] or [None])
    devices = [
        {"device_code": f"D{i}", "customer": a, "location": at, "service": s,
         "owner": owner, "serial_number": mark(a) if a else "sn"}
        for i, (a, at, s, owner) in enumerate(
            several(st.tuples(maybe, place, lines, st.sampled_from(["isp", "customer", None]))))
    ]  # fmt: skip
    boxes = st.none() | st.sampled_from([d["device_code"] for d in devices] or [None])
    addresses = [
        {"address": f"10.0.0.{i}", "prefix_length": 32, "service": s, "device": d}
        for i, (s, d) in enumerate(several(st.tuples(lines, boxes)))
    ]
    invoices = [
        {"invoice_number": f"I{i}", "customer": a, "total": Decimal("10.00"), "currency": "EUR",
         "bill_to_name": f"kept {a}", "notes": mark(a)}
        for i, a in enumerate(several(who, 3))
    ]  # fmt: skip
    rows = {
        "customer": customers, "location": places, "plan": [{"plan_code": "P"}],
        "service": services, "invoice": invoices, "device": devices, "ip_assignment": addresses,
    }  # fmt: skip
    return {entity: found for entity, found in rows.items() if found}


def contents(driver: Any, tenant: tenants.Tenant) -> dict[str, list[dict[str, Any]]]:
    return {
        entity: [
            row
            for (row,) in driver.execute(
                sql.SQL("select to_jsonb(t) from {} t order by 1").format(
                    sql.Identifier(tenant.schema, entity)
                )
            )
        ]
        for entity in ENTITIES
    }


@pytest.mark.slow
@given(rows=holdings(), account=who)
@hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_erasing_leaves_nothing_but_books_and_takes_nothing_of_others(
    platform: Engine, rows: dict[str, list[dict[str, Any]]], account: str
) -> None:
    tenant = tenants.add(platform, f"t{uuid.uuid4().hex[:12]}")
    with platform.connect() as connection:
        migration, _ = load_rows(connection, tenant, rows)
        driver = tenants.raw(connection)
        with connection.begin():
            before = contents(driver, tenant)
            with tenants.as_tenant(driver, tenant):
                held = subject.held_on(driver, tenant, subject.Asked((account,)), {})
                shown = json.dumps(held.rows, default=str)
                erasing.erase(driver, tenant, held)
                again = subject.held_on(driver, tenant, subject.Asked((account,)), {})
                second = erasing.erase(driver, tenant, again)
            after = contents(driver, tenant)
        for other in set(ACCOUNTS) - {account}:
            assert f"secret-of-{other}-" not in shown
            mark = f'"secret-of-{other}-"'
            assert json.dumps(after).count(mark) == json.dumps(before).count(mark)
        moved = {
            place["location_code"] for place in before["location"] if place["customer"] == account
        }
        # Where another customer's line is, is that customer's address, too.
        rest = {
            entity: [row for row in found if row.get("location_code") not in moved]
            for entity, found in after.items()
        }
        assert f"secret-of-{account}-" not in json.dumps(rest)
        assert all(
            place["customer"] != account
            for place in after["location"]
            if place["location_code"] in moved
        )
        kept = ("invoice_number", "customer", "total", "bill_to_name")
        assert {tuple(i[f] for f in kept) for i in after["invoice"]} == {
            tuple(i[f] for f in kept) for i in before["invoice"]
        }
        booked = any(i["customer"] == account for i in before["invoice"])
        assert any(c["account_number"] == account for c in after["customer"]) == booked
        assert second.as_json() == erasing.Erased().as_json()
        entry = ledger.migration(connection, migration)
        connection.rollback()
        assert not any(verify.standing(connection, tenant, entry).values())


@given(st.text(max_size=40).filter(lambda t: "\x00" not in t), st.binary(min_size=32, max_size=100))
@hypothesis_settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_makes_the_same_digests(platform: Engine, text: str, key: bytes) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    with platform.connect() as connection:
        query = sql.SQL("select {} from (select %(text)s::text as said) t").format(
            erased.digest_sql(sql.Identifier("said"))
        )
        given_to_it = erased.digest_parameters(key) | {"text": text}
        row = tenants.raw(connection).execute(query, given_to_it).fetchone()
        assert row is not None
        assert bytes(row[0]) == erased.digest(key, text)


def test_keys_references_and_amounts_are_never_emptied() -> None:
    for entity, info in ENTITIES.items():
        for name in emptied(entity):
            field = info.fields[name]
            assert not field.must_hold_value
            assert not field.references
            assert field.type is not FieldType.MONEY
        secret = {n for n, f in info.fields.items() if f.privacy is Privacy.SECRET}
        assert entity in BOOKS or {n for n in secret if not info.fields[n].must_hold_value} <= set(
            emptied(entity)
        )
        assert entity in ("customer", "plan") or owners(entity)


def test_a_tenants_period_is_kept_beside_its_other_settings(platform: Engine) -> None:
    tenants.add(platform, "acme")
    with platform.begin() as connection:
        assert retention.of(connection, "acme") is None
        retention.declare(connection, "acme", 36)
        assert retention.of(connection, "acme") == 36
        retention.declare(connection, "acme", None)
        assert retention.of(connection, "acme") is None


@pytest.mark.parametrize(
    ("written", "held", "found"),
    [
        ("+49 30 1234567", "+49301234567", True),
        ("030 1234567", "+49301234567", True),
        ("0049301234567", "+49301234567", True),
        ("030 1234568", "+49301234567", False),
        ("234567", "+49301234567", False),
    ],
)
def test_telephones_are_found_however_they_are_written(
    platform: Engine, written: str, held: str, found: bool
) -> None:
    tenant = tenants.add(platform, "acme")
    with platform.connect() as connection:
        load_rows(
            connection,
            tenant,
            {"customer": [{"account_number": "7", "status": "active", "phone": held}]},
        )
        driver = tenants.raw(connection)
        with connection.begin(), tenants.as_tenant(driver, tenant):
            asked = subject.Asked(phone=written)
            seen = subject.held_on(driver, tenant, asked, {})
    assert seen.accounts == (("7",) if found else ())
