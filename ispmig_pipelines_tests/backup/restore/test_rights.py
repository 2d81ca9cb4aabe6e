"""Restoring as a platform that is no superuser, by the rights that the documentation asks for."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.backup import definition
from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.backup.restore.restore import Asked, confirm, restore, undo
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines_tests import documented_rights
from ispmig_pipelines_tests.backup.restore.conftest import schemas
from ispmig_pipelines_tests.backup.restore.rows import fill


@pytest.fixture
def limited(database_url: str, ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's user has the documented rights, and no others."""
    documented_rights.take(database_url, monkeypatch)


@pytest.mark.slow
@pytest.mark.empty_database
def test_the_documented_rights_are_enough_to_restore(limited: None) -> None:
    ledger.prepare(engine())
    acme = tenants.add(engine(), "acme")
    with connect(autocommit=True, prepare_threshold=None) as driver:
        driver.execute("set search_path to tenant_acme, pg_catalog")
        fill(driver)
        driver.execute("create view tenant_acme.seen as select status from customer")
        repository = open_repository("acme", make=True)
        create("acme", repository, actor="tester")
        with driver.transaction():
            defined = definition.read(driver, acme)
        before = digest(driver, acme)
        driver.execute("delete from payment")
        since = digest(driver, acme)
        with engine().connect() as connection:
            latest = Asked(snapshot="latest")
            restore(connection, acme, repository, latest, actor="tester")
            assert digest(driver, acme) == before
            with driver.transaction():
                assert definition.read(driver, acme) == defined
            undo(connection, acme, actor="tester")
            assert digest(driver, acme) == since
            some = Asked(snapshot="latest", tables=("payment",))
            restore(connection, acme, repository, some, actor="tester")
            assert digest(driver, acme) == before
            tried = Asked(snapshot="latest", dry_run=True)
            restore(connection, acme, repository, tried, actor="tester")
            copy = Asked(snapshot="latest", into="acme_test", mask=True)
            restore(connection, acme, repository, copy, actor="tester")
            confirm(connection, acme, actor="tester")
        assert schemas(driver, acme) == ["tenant_acme"]
        row = driver.execute(
            """select bool_or(m.inherit_option) from pg_auth_members m
               join pg_roles r on r.oid = m.roleid where r.rolname = %s""",
            [acme.role],
        ).fetchone()
        # The platform carries none of the tenant's rights about, as before.
        assert row == (False,)
    tenants.remove(engine(), "acme")


OWN = """
    set role {role};
    create table tenant_acme.own (id serial primary key, t text);
    create table tenant_acme.hidden (id bigint generated always as identity primary key, t text);
    insert into tenant_acme.own (t) select 'Zoë ' || i from generate_series(1, 50) i;
    insert into tenant_acme.hidden (t) values ('a'), ('b');
    alter table tenant_acme.hidden enable row level security;
    create table tenant_acme.parted (n int primary key) partition by list (n);
    create table tenant_acme.parted_1 partition of tenant_acme.parted for values in (1);
    insert into tenant_acme.parted values (1);
    create sequence tenant_acme.counter start 7;
    create view tenant_acme.seen as select t from tenant_acme.own;
    reset role;
"""


@pytest.mark.slow
@pytest.mark.empty_database
def test_what_the_tenants_role_owns_is_backed_up_and_comes_back(limited: None) -> None:
    ledger.prepare(engine())
    acme = tenants.add(engine(), "acme")
    with connect(autocommit=True, prepare_threshold=None) as driver:
        role = sql.Identifier(acme.role)
        driver.execute(sql.SQL("grant create on schema tenant_acme to {}").format(role))
        driver.execute(sql.SQL(OWN).format(role=role))
        for table in ("own", "hidden", "parted_1"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                driver.execute(
                    sql.SQL("select from {}").format(sql.Identifier("tenant_acme", table))
                )
        repository = open_repository("acme", make=True)
        full = create("acme", repository, actor="tester")
        assert {name: full.tables[name]["rows"] for name in ("own", "hidden", "parted_1")} == {
            "own": 50, "hidden": 2, "parted_1": 1,
        }  # fmt: skip
        with driver.transaction(), tenants.as_tenant(driver, acme):
            driver.execute("update tenant_acme.own set t = 'other' where id = 7")
            driver.execute("delete from tenant_acme.own where id = 8")
        less = create("acme", repository, actor="tester")
        assert (less.kind, less.tables["own"]["rows"]) == ("incremental", 49)
        with engine().connect() as connection:
            restore(connection, acme, repository, Asked(snapshot=full.snapshot), actor="tester")
        with driver.transaction(), tenants.as_tenant(driver, acme):
            found = driver.execute(
                """select (select array_agg(t order by id) from tenant_acme.own),
                          (select count(*) from tenant_acme.hidden),
                          nextval('tenant_acme.own_id_seq'), nextval('tenant_acme.counter')"""
            ).fetchone()
        assert found == ([f"Zoë {i}" for i in range(1, 51)], 2, 51, 7)
