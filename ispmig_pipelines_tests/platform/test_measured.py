"""What a tenant has is measured anew where a row may be another one, and only there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import digest, ledger, status_totals, tenants
from ispmig_pipelines.platform.measured import Measured, measure
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines_tests.platform.loading import load_rows

CUSTOMERS = [
    {
        "account_number": f"A{n}",
        "status": "active",
        "balance": Decimal(f"{n}.5000"),
        "currency": "EUR",
    }
    for n in range(1, 6)
]
PLANS = [{"plan_code": "P1", "name": "Fibre"}]


@pytest.fixture
def acme(ispmig_home: Path) -> Tenant:
    ledger.prepare(engine())
    acme = tenants.add(engine(), "acme")
    with engine().connect() as connection:
        load_rows(connection, acme, {"customer": CUSTOMERS, "plan": PLANS})
    return acme


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of which entities a digest was taken, and of whom totals."""
    found: list[str] = []
    of_entity, of_tenant = digest.entity_digest, status_totals.of_tenant

    def entity_digest(driver: Any, tenant: Tenant, entity: str, **kwargs: Any) -> dict[str, Any]:
        found.append(entity)
        return of_entity(driver, tenant, entity, **kwargs)

    def totals(driver: Any, tenant: Tenant) -> Any:
        found.append("totals")
        return of_tenant(driver, tenant)

    monkeypatch.setattr(digest, "entity_digest", entity_digest)
    monkeypatch.setattr(status_totals, "of_tenant", totals)
    return found


def measured(tenant: Tenant, since: Measured | None = None) -> Measured:
    with engine().connect() as connection:
        return measure(raw(connection), tenant, since=since)


def told(found: Measured) -> tuple[Any, ...]:
    return found.sha256, found.rows, found.by_status, dict(found.entities)


def execute(tenant: Tenant, *statements: str) -> None:
    with engine().connect() as connection:
        driver = raw(connection)
        for statement in statements:
            driver.execute(
                sql.SQL(statement).format(  # type: ignore[arg-type]
                    customer=sql.Identifier(tenant.schema, "customer"),
                    plan=sql.Identifier(tenant.schema, "plan"),
                )
            )
        driver.commit()


def test_what_is_as_it_was_is_not_measured_again(acme: Tenant, taken: list[str]) -> None:
    before = measured(acme)
    assert sorted(taken) == sorted(["totals", *ENTITIES])
    taken.clear()
    after = measured(acme, before)
    assert taken == []
    assert told(after) == told(before)
    assert after.at > before.at


def test_what_the_ledger_keeps_of_it_will_do(acme: Tenant, taken: list[str]) -> None:
    before = Measured.from_json(measured(acme).as_json())
    taken.clear()
    assert told(measured(acme, before)) == told(before)
    assert taken == []


@pytest.mark.parametrize(
    ("changes", "entity"),
    [
        (["update {customer} set balance = balance + 1 where account_number = 'A3'"], "customer"),
        (["update {customer} set email = 'a@example.net'"], "customer"),
        (["delete from {customer} where account_number = 'A3'"], "customer"),
        (
            [
                "create temporary table kept as select * from {customer} "
                "where account_number = 'A3'",
                "update kept set account_number = 'A9'",
                "delete from {customer} where account_number = 'A3'",
                "insert into {customer} select * from kept",
            ],
            "customer",
        ),
        (["update {plan} set legacy = '{{}}'"], "plan"),
    ],
)
def test_what_changed_is_measured_anew(
    acme: Tenant, taken: list[str], changes: list[str], entity: str
) -> None:
    before = measured(acme)
    execute(acme, *changes)
    taken.clear()
    after = measured(acme, before)
    assert taken == (["totals", "customer"] if entity == "customer" else [entity])
    assert after.sha256 != before.sha256
    assert told(after) == told(measured(acme))


def test_one_that_was_written_while_it_was_measured_is_measured_anew(
    acme: Tenant, taken: list[str]
) -> None:
    """It had begun before, and was not to be seen then."""
    statement = sql.SQL("update {} set balance = 0").format(sql.Identifier(acme.schema, "customer"))
    with engine().connect() as other:
        raw(other).execute(statement)
        before = measured(acme)
        other.connection.commit()
    taken.clear()
    after = measured(acme, before)
    assert "customer" in taken
    assert told(after) == told(measured(acme))
    assert after.sha256 != before.sha256


@pytest.mark.parametrize("oldest", [None, -(2**31), 2**40])
def test_nothing_is_taken_over_from_too_long_ago_or_from_another_server(
    acme: Tenant, taken: list[str], oldest: int | None
) -> None:
    before = replace(measured(acme), oldest=oldest)
    taken.clear()
    measured(acme, before)
    assert sorted(taken) == sorted(["totals", *ENTITIES])
