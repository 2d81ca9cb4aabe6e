"""A copy of a tenant under another name, for another environment: as it was, or masked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.backup import definition
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.digest import entity_digest
from ispmig_pipelines.platform.tenants import Tenant, as_tenant
from ispmig_pipelines_tests.backup.restore.conftest import Restoring, schemas
from ispmig_pipelines_tests.backup.restore.rows import fill


def test_a_copy_is_as_the_tenant_was_and_nobody_else_s(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    fill(driver)
    backup()
    before = {e: entity_digest(driver, acme, e) for e in ENTITIES}
    driver.execute("delete from payment")
    restored = restoring(into="acme_test")
    copy = replace(acme, schema="acme_test")
    assert {e: entity_digest(driver, copy, e) for e in ENTITIES} == before
    assert schemas(driver, acme) == ["tenant_acme"]
    assert driver.execute("select count(*) from payment").fetchone() == (0,)
    assert restored.details["into"] == "acme_test"
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        driver.transaction(),
        as_tenant(driver, acme),
    ):
        driver.execute("select * from acme_test.customer")
    with driver.transaction():
        defined = definition.read(driver, copy)
    assert {table.owner for table in defined.tables} == {"platform"}
    assert {g.to for table in defined.tables for g in table.grants or ()} <= {"platform"}
    assert {g.to for one in defined.schema_.functions for g in one.grants or ()} <= {"platform"}


def test_a_masked_copy_holds_no_cell_that_says_whose_it_is(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    fill(driver, 30)
    driver.execute('update customer set legacy = \'{"old": "Zoë"}\'')
    driver.execute("create table notes (t text); insert into notes values ('about Zoë')")
    backup()
    restored = restoring(into="acme_test", mask=True)
    assert restored.details["emptied"] == ["notes"]
    for table in ("customer", "invoice", "payment"):
        (text, count) = driver.execute(
            sql.SQL("select coalesce(string_agg(t::text, ' '), ''), count(*) from {} t").format(
                sql.Identifier("acme_test", table)
            )
        ).fetchone()
        assert count == 30
        assert not [word for word in ("Zoë", "zoe1", "ACC-", "INV-", "PAY-") if word in text]
    # References still join, and control totals are nobody's business.
    assert driver.execute(
        """select count(*) from acme_test.payment p
           join acme_test.invoice i on i.invoice_number = p.invoice
           join acme_test.customer c on c.account_number = i.customer
           where p.customer = c.account_number"""
    ).fetchone() == (30,)
    # Nor does the order in which rows lie tell whose is whose.
    lying = [r for (r,) in driver.execute("select account_number from acme_test.customer")]
    assert lying == sorted(lying)
    assert driver.execute("select count(*) from acme_test.notes").fetchone() == (0,)


@pytest.mark.parametrize(
    "name", ["public", "tenant_other", "Tenant", "pg_x", "ispmig", "a-b", "", "x" * 64, "a;b"]
)
def test_the_name_of_a_copy_is_none_of_the_platform_s(restoring: Restoring, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot name the schema|Masked rows"):
        restoring(into=name, mask=True)


def test_a_copy_takes_nobody_s_place(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    backup()
    driver.execute("create schema acme_test; create table acme_test.theirs (id int)")
    with pytest.raises(UsageError, match="There is a schema acme_test already"):
        restoring(into="acme_test")
    assert driver.execute("select to_regclass('acme_test.theirs') is not null").fetchone() == (
        True,
    )
