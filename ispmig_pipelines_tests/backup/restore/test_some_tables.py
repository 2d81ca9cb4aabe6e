"""Some tables set back inside the schema that is there, with what refers to them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.restore import restore as restoring_module
from ispmig_pipelines.errors import BackupError, UsageError
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines_tests.backup.restore.conftest import Restoring, schemas
from ispmig_pipelines_tests.backup.restore.rows import fill


def one(driver: psycopg.Connection, query: str) -> object:
    row = driver.execute(query).fetchone()
    return row[0] if row else None


def test_a_table_is_set_back_and_the_rest_stays(
    driver: psycopg.Connection,
    acme: Tenant,
    platform: Connection,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    fill(driver)
    backup()
    before = digest(driver, acme)["entities"]
    driver.execute(
        "delete from payment where amount < 4; update payment set amount = 7 where "
        "amount > 18; update customer set first_name = 'since'"
    )
    driver.execute(
        """insert into payment (payment_number, customer, amount, currency, _migration, _file,
               _record) values ('PAY-new', 'ACC-1', 5, 'EUR', 1, 0, 1)"""
    )
    since = digest(driver, acme)
    restored = restoring(tables=("payment",))
    (difference,) = restored.details["differences"]
    assert (difference["added"], difference["removed"], difference["changed"]) == (3, 1, 2)
    after = digest(driver, acme)["entities"]
    assert after["payment"] == before["payment"]
    assert after["customer"] == since["entities"]["customer"] != before["customer"]
    assert len(schemas(driver, acme)) == 2
    restoring_module.undo(platform, acme, actor="tester")
    assert digest(driver, acme) == since
    restoring_module.confirm(platform, acme, actor="tester")
    assert schemas(driver, acme) == ["tenant_acme"]


def test_references_to_the_rest_must_hold(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    fill(driver, 3)
    backup()
    fill_more = """insert into customer (account_number, status, _migration, _file, _record)
                   values ('ACC-new', 'active', 1, 0, 9)"""
    driver.execute(fill_more)
    driver.execute(
        """insert into payment (payment_number, customer, amount, currency, _migration, _file,
               _record) values ('PAY-new', 'ACC-new', 5, 'EUR', 1, 0, 9)"""
    )
    before = digest(driver, acme)
    for dry_run in (True, False):
        with pytest.raises(BackupError) as told:
            restoring(tables=("customer",), dry_run=dry_run)
        assert "1 rows of payment refer to rows of customer" in str(told.value)
        assert "--entity payment" in str(told.value)
        assert digest(driver, acme) == before
        assert schemas(driver, acme) == ["tenant_acme"]
    restoring(tables=("customer", "payment"))
    assert one(driver, "select count(*) from payment") == 3
    assert one(driver, "select count(*) from customer") == 3


def test_parents_that_are_gone_are_wanted_with_their_children(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    fill(driver, 3)
    backup()
    driver.execute("delete from payment; delete from invoice; delete from customer")
    with pytest.raises(BackupError, match="3 rows of payment refer to rows of customer"):
        restoring(tables=("payment",))
    restoring(tables=("payment", "invoice", "customer"))
    assert one(driver, "select count(*) from payment") == 3


def test_a_table_of_the_tenant_s_own_without_a_key(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    role = sql.Identifier(acme.role)
    driver.execute(sql.SQL("grant create on schema tenant_acme to {}").format(role))
    driver.execute(sql.SQL("set role {}").format(role))
    driver.execute(
        """create type tenant_acme.mood as enum ('sad', 'ok');
           create table tenant_acme.notes (n int generated always as identity, t text, j json,
               m tenant_acme.mood, twice int generated always as (n * 2) stored);
           insert into tenant_acme.notes (t, j, m) values ('a', '{"x": 1}', 'ok'),
               ('a', '{"x": 1}', 'ok'), (null, null, null)"""
    )
    driver.execute("reset role")
    backup()
    wanted = driver.execute("select n, t, j::text, m, twice from notes order by n").fetchall()
    driver.execute("delete from notes where n > 1; update notes set t = 'b'")
    restoring(tables=("notes",))
    found = driver.execute("select n, t, j::text, m, twice from notes order by n").fetchall()
    assert found == wanted


def test_what_is_no_table_of_the_snapshot_is_told(
    acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    backup()
    for name in ("custmer", "ledger/tenants", ""):
        with pytest.raises(UsageError, match="has no table"):
            restoring(tables=(name,))


def test_a_table_that_is_gone_is_told(
    driver: psycopg.Connection, backup: Callable[..., str], restoring: Restoring
) -> None:
    driver.execute("create table notes (t text)")
    backup()
    driver.execute("drop table notes")
    with pytest.raises(BackupError, match="not in the tenant's schema any more"):
        restoring(tables=("notes",))
