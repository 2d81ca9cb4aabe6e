"""What a tenant's role sees of others in the system catalogs: nothing, once these are closed."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import DatabaseError
from ispmig_pipelines.platform import catalogs, ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines.settings import settings

OTHER = "zanzibar"


@pytest.fixture
def connection(ispmig_home: object) -> Iterator[Connection]:
    database = engine()
    ledger.prepare(database)
    with database.connect() as connection:
        yield connection
    database.dispose()


@pytest.fixture
def acme(connection: Connection) -> Tenant:
    """A tenant, beside one with rows, statistics and a comment of its own."""
    other = tenants.add(connection.engine, OTHER)
    driver = raw(connection)
    table = sql.Identifier(other.schema, "plan")
    with connection.begin():
        driver.execute(
            sql.SQL(
                "insert into {} (plan_code, name, _migration, _file, _record) "
                "select 'P' || n, 'Plan', 1, 0, n from generate_series(1, 500) n"
            ).format(table)
        )
        driver.execute(sql.SQL("comment on table {} is 'zanzibar has plans'").format(table))
    with connection.begin():
        driver.execute(sql.SQL("analyze {}").format(table))
    return tenants.add(connection.engine, "acme")


def readable(driver: psycopg.Connection) -> list[str]:
    """Every relation that everybody may read, with its schema."""
    return [
        name
        for (name,) in driver.execute(
            """select c.oid::regclass::text from pg_catalog.pg_class c
               where c.relkind in ('r', 'v', 'm')
                 and pg_catalog.has_schema_privilege('public', c.relnamespace, 'usage')
                 and pg_catalog.has_table_privilege('public', c.oid, 'select')"""
        )
    ]


def that_tell(connection: Connection, acme: Tenant, word: str) -> set[str]:
    """The relations in which the tenant's role finds a word."""
    driver = raw(connection)
    with connection.begin():
        names = readable(driver)
    telling = set()
    for name in names:
        query = sql.SQL("select exists (select from {} x where x::text like {})").format(
            sql.SQL(name), sql.Literal(f"%{word}%")
        )
        try:
            with connection.begin(), as_tenant(driver, acme):
                found = driver.execute(query).fetchone()
        except psycopg.Error:
            continue
        if found and found[0]:
            telling.add(name)
    return telling


@pytest.mark.slow
def test_no_catalog_names_another_tenant(connection: Connection, acme: Tenant) -> None:
    assert {"pg_class", "pg_namespace", "pg_roles", "pg_stat_user_tables"} & {
        name.removeprefix("pg_catalog.") for name in that_tell(connection, acme, OTHER)
    }
    with connection.begin():
        assert catalogs.close(raw(connection), embedded=True)
    assert that_tell(connection, acme, OTHER) == set()


@pytest.mark.parametrize(
    "question",
    [
        "select reltuples from pg_catalog.pg_class",
        "select n_live_tup from pg_catalog.pg_stat_user_tables",
        "select usename, query from pg_catalog.pg_stat_activity",
        "select pg_catalog.pg_total_relation_size({table})",
        "select pg_catalog.pg_relation_size({table})",
        "select pg_catalog.pg_stat_get_live_tuples({table})",
        "select pg_catalog.pg_stat_get_tuples_inserted({table})",
        "select pg_catalog.pg_identify_object('pg_class'::regclass, {table}, 0)",
        "select pg_catalog.pg_relation_filepath({table})",
        "select pg_catalog.pg_database_size(pg_catalog.current_database())",
        "select pg_catalog.pg_tablespace_size('pg_default')",
        "select pg_catalog.pg_current_wal_lsn()",
        "select pg_catalog.pg_get_object_address('table', '{{tenant_zanzibar,plan}}', '{{}}')",
        "select pronamespace::regnamespace from pg_catalog.pg_proc where oid > 16383",
        "select typnamespace::regnamespace from pg_catalog.pg_type where oid > 16383",
        "select indexrelid::regclass from pg_catalog.pg_index where indexrelid > 16383",
        "select refobjid::regrole from pg_catalog.pg_shdepend",
        "select objid from pg_catalog.pg_depend",
        "select setrole::regrole from pg_catalog.pg_db_role_setting",
    ],
)
def test_no_question_tells_how_much_others_have(
    connection: Connection, acme: Tenant, question: str
) -> None:
    driver = raw(connection)
    with connection.begin():
        catalogs.close(driver, embedded=True)
        row = driver.execute("select %s::regclass::oid", [f"tenant_{OTHER}.plan"]).fetchone()
    assert row is not None
    asked = sql.SQL(question).format(table=sql.Literal(row[0]))
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        connection.begin(),
        as_tenant(driver, acme),
    ):
        driver.execute(asked).fetchall()


@pytest.mark.parametrize(
    "attempt",
    [
        "select pg_catalog.pg_advisory_lock({space}, {key})",
        "select pg_catalog.pg_try_advisory_lock({space}, {key})",
        "select pg_catalog.pg_try_advisory_xact_lock({space}, {key})",
        "select pg_catalog.pg_advisory_xact_lock_shared({space}, {key})",
        "select pg_catalog.pg_advisory_unlock_all()",
        "create temporary table plan (plan_code text)",
        "create function pg_temp.now() returns int language sql as 'select 1'",
        "select pg_catalog.lo_create(0)",
        "select pg_catalog.lo_from_bytea(0, '')",
    ],
)
def test_nothing_is_left_by_which_a_tenant_could_reach_beyond_its_schema(
    connection: Connection, acme: Tenant, attempt: str
) -> None:
    driver = raw(connection)
    with connection.begin():
        catalogs.close(driver, embedded=True)
    asked = sql.SQL(attempt).format(
        space=sql.Literal(tenants._LOCK_SPACE), key=sql.Literal(tenants._lock_key(OTHER))
    )
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        connection.begin(),
        as_tenant(driver, acme),
    ):
        driver.execute(asked)
    with connection.engine.connect() as holding, tenants.lock(holding, OTHER):
        pass


def test_what_an_earlier_release_left_open_is_closed_too(
    connection: Connection, acme: Tenant
) -> None:
    driver = raw(connection)
    with connection.begin():
        driver.execute("revoke select on pg_catalog.pg_class from public")
        assert catalogs.are_closed(driver)
        assert catalogs.close(driver, embedded=True)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        connection.begin(),
        as_tenant(driver, acme),
    ):
        driver.execute("select from pg_catalog.pg_shdepend")


def test_a_tenant_still_sees_what_is_its_own(connection: Connection, acme: Tenant) -> None:
    driver = raw(connection)
    with connection.begin():
        catalogs.close(driver, embedded=True)
    with connection.begin(), as_tenant(driver, acme):
        found = driver.execute(
            "select distinct table_schema from information_schema.tables "
            "where table_schema like 'tenant%'"
        ).fetchall()
        driver.execute("select count(*) from tenant_acme.customer")
    assert found == [("tenant_acme",)]


def test_closing_again_changes_nothing_and_whoever_watches_the_server_still_can(
    connection: Connection, acme: Tenant
) -> None:
    driver = raw(connection)
    for _ in range(2):
        with connection.begin():
            assert catalogs.close(driver, embedded=True)
    with connection.begin():
        driver.execute("create role watcher_of_catalogs in role pg_monitor")
        try:
            driver.execute("set local role watcher_of_catalogs")
            driver.execute("select n_live_tup from pg_catalog.pg_stat_user_tables").fetchall()
        finally:
            driver.execute("reset role")
            driver.execute("drop role watcher_of_catalogs")


def test_in_a_server_of_the_users_own_nothing_is_closed_unasked(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = raw(connection)
    with connection.begin():
        assert not catalogs.close(driver, embedded=False)
    monkeypatch.setenv("ISPMIG_CLOSE_CATALOGS", "true")
    settings.cache_clear()
    with connection.begin():
        assert catalogs.close(driver, embedded=False)


def test_who_may_not_close_them_is_told_so(
    connection: Connection, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_CLOSE_CATALOGS", "true")
    settings.cache_clear()
    driver = raw(connection)
    with (
        pytest.raises(DatabaseError, match="only a superuser may"),
        connection.begin(),
        as_tenant(driver, acme),
    ):
        catalogs.close(driver, embedded=False)
