"""Tenants: the database itself keeps one from another."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import TenantError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine
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
