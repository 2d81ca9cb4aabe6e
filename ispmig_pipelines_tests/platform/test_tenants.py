"""Tenants: the database itself keeps one from another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import DatabaseError, TenantBusy, TenantError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import additions, ledger, tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.server import engine, told_plainly
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines.settings import settings


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection
    database.dispose()


@pytest.fixture
def acme(connection: Connection) -> Tenant:
    tenants.add(connection.engine, "other")
    return tenants.add(connection.engine, "acme")


def test_a_tenant_has_every_entity(connection: Connection, acme: Tenant) -> None:
    assert set(tenants.contents(connection, acme)) == {*ENTITIES, "_quarantine"}


@pytest.mark.parametrize(
    "statement",
    [
        "select * from tenant_other.customer",
        "update tenant_acme._undo set row = '{}'",
        "update tenant_acme._quarantine set amounts = '{}'",
        "insert into tenant_other._undo values (1, 'customer', '[]', '{}')",
        "select * from ispmig.data_migrations",
        "select * from ispmig.tenants",
        "create table tenant_acme.mine (x integer)",
        "create schema mine",
        "alter table tenant_acme.customer add column mine text",
        "drop table tenant_acme.customer",
        "truncate tenant_acme.customer",
        "select pg_read_file('/etc/passwd')",
        "copy tenant_acme.customer to program 'true'",
        "copy tenant_acme.customer to '/tmp/stolen.csv'",
        "create role mine",
    ],
)
def test_its_role_can_do_no_more_than_write_its_own_rows(
    connection: Connection, acme: Tenant, statement: str
) -> None:
    driver = raw(connection)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        connection.begin(),
        as_tenant(driver, acme),
    ):
        driver.execute(statement)


def test_its_role_cannot_log_in_and_has_no_rights_of_others(
    connection: Connection, acme: Tenant
) -> None:
    row = (
        raw(connection)
        .execute(
            "select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolinherit, rolbypassrls "
            "from pg_roles where rolname = %s",
            [acme.role],
        )
        .fetchone()
    )
    assert row == (False, False, False, False, False, False)


def test_the_role_ends_with_the_block_and_with_an_error(
    connection: Connection, acme: Tenant
) -> None:
    driver = raw(connection)

    def role() -> str:
        return driver.execute("select current_user").fetchone()[0]  # type: ignore[index]

    platform = role()
    connection.rollback()
    with connection.begin():
        with as_tenant(driver, acme):
            assert role() == acme.role
        assert role() == platform
    with pytest.raises(psycopg.errors.DivisionByZero), connection.begin(), as_tenant(driver, acme):
        driver.execute("select 1 / 0")
    assert role() == platform


def test_a_slug_is_taken_once(connection: Connection, acme: Tenant) -> None:
    with pytest.raises(TenantError, match="already"):
        tenants.add(connection.engine, "acme")


_COLUMNS = """select c.table_name, c.column_name, c.data_type, c.is_nullable,
    pg_catalog.col_description(format('%I.%I', c.table_schema, c.table_name)::regclass,
                               c.ordinal_position)
    from information_schema.columns c where table_schema = 'tenant_acme' order by 1, 2"""
_CONSTRAINTS = """select conrelid::regclass::text, conname, pg_catalog.pg_get_constraintdef(oid)
    from pg_catalog.pg_constraint where connamespace = 'tenant_acme'::regnamespace
    and contype <> 'n' order by 1, 2"""
_INDEXES = "select indexname, indexdef from pg_indexes where schemaname = 'tenant_acme' order by 1"


def _catalog(connection: Connection) -> list[list[tuple[Any, ...]]]:
    driver = raw(connection)
    found = [driver.execute(query).fetchall() for query in (_COLUMNS, _CONSTRAINTS, _INDEXES)]
    driver.rollback()
    return found


LATER = {
    "customer": ["language", "billing_postal_code"],
    "plan": ["off_peak_from", "off_peak_until"],
    "location": ["latitude", "longitude"],
    "device": ["uuid", "service"],
    "ip_assignment": ["network", "prefix_length"],
}
"""Fields that an older release may not have had; some with rules, references and indexes."""


def test_tables_of_an_older_release_gain_the_columns_that_they_lack(
    connection: Connection, acme: Tenant
) -> None:
    whole = _catalog(connection)
    driver = raw(connection)
    with connection.begin(), as_tenant(driver, acme):
        driver.execute(
            "insert into tenant_acme.plan (plan_code, _migration, _file, _record) "
            "values ('F100', 1, 0, 1)"
        )
    before = digest(driver, acme)
    with connection.begin():
        for table, columns in LATER.items():
            for column in columns:
                driver.execute(
                    sql.SQL("alter table {} drop column {} cascade").format(
                        sql.Identifier("tenant_acme", table), sql.Identifier(column)
                    )
                )
    assert _catalog(connection) != whole
    assert tenants.get(connection, "acme") == acme
    # It was done apart: the caller's transaction has no part in it.
    connection.rollback()
    assert _catalog(connection) == whole
    assert digest(driver, acme) == before
    with connection.begin(), as_tenant(driver, acme):
        driver.execute("update tenant_acme.plan set off_peak_from = '22:00'")


def test_tables_that_lack_nothing_are_left_alone(connection: Connection, acme: Tenant) -> None:
    driver = raw(connection)
    assert additions.missing(driver, acme.schema) == {}
    with connection.begin():
        # Whoever works on the table does not keep others from the tenant.
        driver.execute("lock table tenant_acme.customer in access exclusive mode")
        with connection.engine.connect() as other:
            assert tenants.get(other, "acme") == acme


def test_a_busy_table_gains_its_columns_later(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(additions, "LOCK_TIMEOUT", "50ms")
    driver = raw(connection)
    with connection.begin():
        driver.execute("alter table tenant_acme.device drop column uuid")
    with connection.begin():
        driver.execute("lock table tenant_acme.device in access share mode")
        with (
            connection.engine.connect() as other,
            pytest.raises(DatabaseError) as caught,
            told_plainly(),
        ):
            tenants.get(other, "acme")
    assert caught.value.transient
    tenants.get(connection, "acme")
    assert additions.missing(driver, acme.schema) == {}


def test_removing_a_tenant_leaves_nothing_of_it_but_the_ledger(
    connection: Connection, acme: Tenant
) -> None:
    staged = settings().staging_folder / "acme" / "1"
    staged.mkdir(parents=True)
    tenants.remove(connection.engine, "acme")
    assert not staged.parent.exists()
    driver = raw(connection)
    assert driver.execute("select to_regnamespace('tenant_acme')").fetchone() == (None,)
    assert driver.execute("select 1 from pg_roles where rolname = %s", [acme.role]).fetchall() == []
    connection.rollback()
    with pytest.raises(TenantError, match="ispmig tenant add acme"):
        tenants.get(connection, "acme")
    tenants.add(connection.engine, "acme")


@pytest.mark.parametrize("slug", ["a", "acme", "north-valley", "isp_2", "a" * 32, "x1-y2_z3"])
def test_slugs_that_can_be(slug: str) -> None:
    assert tenants.check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    ["", "A", "1a", "-a", "a-", "a--b", "a b", "a/b", "../a", "a;b", 'a"b', "é", "a" * 33, "a\n"],
)
def test_slugs_that_cannot_be(slug: str) -> None:
    with pytest.raises(TenantError):
        tenants.check_slug(slug)


def test_names_fit_whatever_the_database_is_called() -> None:
    long = tenants.describe("a" * 32, "d" * 63)
    assert len(long.role.encode()) <= 63
    assert long.role != tenants.describe("a" * 32, "d" * 62 + "e").role


def test_a_tenant_of_before_closings_gains_their_table_and_the_right_to_it(
    connection: Connection, acme: Tenant
) -> None:
    whole = _catalog(connection)
    driver = raw(connection)
    with connection.begin():
        driver.execute("drop table tenant_acme._closings")
        driver.execute("drop index tenant_acme._issues_by_rule")
    assert tenants.get(connection, "acme") == acme
    connection.rollback()
    assert _catalog(connection) == whole
    with connection.begin(), as_tenant(driver, acme):
        driver.execute("insert into tenant_acme._closings values (1, 'plan', 0, 0, 1, 2, now())")
        driver.execute("delete from tenant_acme._closings")


def test_steps_in_other_processes_find_that_their_run_holds_the_tenant(
    connection: Connection, acme: Tenant
) -> None:
    """And only theirs, and only as long as it does."""
    with connection.engine.connect() as first, connection.engine.connect() as second:
        with tenants.lock(connection, "acme", "run 1234", run="1234"):
            for _ in range(2):
                tenants.check_held(first, "acme", "1234")
                tenants.check_held(second, "acme", "1234")
            with pytest.raises(TenantBusy, match="acme right now: run 1234, since"):
                tenants.check_held(first, "acme", "4321")
            with pytest.raises(TenantBusy):
                tenants.check_held(first, "other", "1234")
            with pytest.raises(TenantBusy), tenants.lock(second, "acme", run="1234"):
                pass
        with pytest.raises(TenantBusy):
            tenants.check_held(first, "acme", "1234")
        with tenants.lock(second, "acme", run="1234"):
            tenants.check_held(first, "acme", "1234")
