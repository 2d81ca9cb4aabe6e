"""A snapshot is the tenant's whole state at one instant, whatever its tables hold."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ispmig_pipelines.backup import create as creating
from ispmig_pipelines.backup.create import Made, create
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.reading_rows import Source
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.backup.snapshot import Snapshot
from ispmig_pipelines.errors import DatabaseError, StorageError, TenantError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.journal import TABLES
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.backup.snapshots import live, stored

pytestmark = pytest.mark.usefixtures("reading_sessions")


@pytest.fixture
def acme(ispmig_home: Path) -> Tenant:
    ledger.prepare(engine())
    return tenants.add(engine(), "acme")


@pytest.fixture
def driver(acme: Tenant) -> Iterator[psycopg.Connection]:
    with connect(autocommit=True) as connection:
        connection.execute("select set_config('search_path', %s, false)", [acme.schema])
        yield connection


@pytest.fixture
def repository(acme: Tenant) -> Repository:
    return open_repository("acme", make=True)


def backup(repository: Repository, **options: Any) -> Manifest:
    return repository.read(made(repository, **options).snapshot)


def made(repository: Repository, **options: Any) -> Made:
    return create("acme", repository, actor="tester", **options)


def test_every_table_of_the_schema_and_the_ledger_s_rows_are_in_it(
    repository: Repository, driver: psycopg.Connection
) -> None:
    driver.execute('create table "of our own" (id int primary key, t text)')
    driver.execute("insert into \"of our own\" values (1, ''), (2, null)")
    manifest = backup(repository)
    names = {table.name for table in manifest.tables}
    assert names >= {*ENTITIES, *TABLES, "of our own"}
    assert names >= {f"ledger/{name}" for name in ("tenants", "data_migrations", "rollbacks")}
    assert stored(repository, manifest, "of our own") == {(1, ""): 1, (2, None): 1}
    assert not repository.lacks(manifest)


def test_of_the_ledger_only_the_tenant_s_rows_are_in_it(
    repository: Repository, driver: psycopg.Connection
) -> None:
    tenants.add(engine(), "other")
    manifest = backup(repository)
    for table in manifest.tables:
        if table.name.startswith("ledger/"):
            place = [c.name for c in table.columns].index(
                "slug" if table.name == "ledger/tenants" else "tenant"
            )
            rows = stored(repository, manifest, table.name)
            assert {row[place] for row in rows} <= {"acme"}, table.name
    assert sum(stored(repository, manifest, "ledger/tenants").values()) == 1
    assert sum(stored(repository, manifest, "ledger/data_migration_logs").values()) >= 2


ODD = """
    create type mood as enum ('sad', 'it''s "ok"');
    create domain positive as integer check (value > 0);
    create domain label as text;
    create type pair as (a int, b text);
    create table odd (
        id bigint primary key, b boolean, i2 smallint, i4 integer, r real, d double precision,
        n numeric, n2 numeric(12, 2), n0 numeric(5, -2), wide numeric(60, 20), small numeric(2, 5),
        t text, v varchar(10), c char(5), l label, p positive, m mood, ms mood[], pr pair,
        day date, clock time, clockz timetz, ts timestamp, tz timestamptz, iv interval,
        raw bytea, j json, jb jsonb, ip inet, net cidr, mac macaddr, u uuid, xs text[],
        bits bit varying, pt point, rg int4range, o oid, rc regclass, money money,
        twice integer generated always as (i4 * 2) stored, "select" text, "a ""b" text)
"""


def only_nulls_are_known_of(driver: psycopg.Connection, table: str) -> None:
    """Lets the statistics see nothing but keys."""
    driver.execute(f"insert into {table} (id) select generate_series(100, 160)")
    driver.execute(f"analyze {table}")
    driver.execute(f"delete from {table} where id < 120")


@pytest.mark.parametrize("misled", [False, True], ids=["no statistics", "other statistics"])
def test_every_type_comes_back_as_it_is(
    repository: Repository, driver: psycopg.Connection, acme: Tenant, misled: bool
) -> None:
    driver.execute(ODD)
    if misled:
        only_nulls_are_known_of(driver, "odd")
    driver.execute(
        r"""insert into odd values (
            1, true, -1, 1073741823, 'Infinity', '-Infinity', 1e-30, -0.10, 12300, 1e30, 0.00012,
            E'a"b,c\n\\N\r\t\x01', 'NULL', 'ab', '', 7, 'it''s "ok"', '{sad,null}',
            '(1,"x,y")', '2024-02-29', '23:59:59.999999', '10:00:00+05:30',
            '0001-01-01 00:00:00', '9999-12-31 23:59:59.999999+00', '1 mon -2 days 03:04:05.6',
            '\x00ff5c', '{"a" : 1,  "a":2}', '{"b": null}', '10.0.0.1/8', '10.0.0.0/8',
            '08:00:2b:01:02:03', gen_random_uuid(), '{"a","","NULL",null}', B'101', '(1,2)',
            '[1,5)', 1, 'pg_class', '$1,000.50')"""
    )
    driver.execute("insert into odd (id, raw, t, l) values (2, '', '', null), (-3, null, null, '')")
    manifest = backup(repository)
    table = manifest.table("odd")
    assert table is not None
    assert stored(repository, manifest, "odd") == live(driver, acme.schema, table)
    types = {column.name: column.piece_type for column in table.columns}
    assert "twice" not in types
    assert types["n2"] == "decimal128(12, 2)"
    assert types["tz"] == "timestamp[us, tz=UTC]"
    assert types["raw"] == "binary"
    assert types["n0"] == types["small"] == types["n"] == types["wide"] == "string"
    assert table.totals["n2"] == "-0.10"


@pytest.mark.slow
@pytest.mark.parametrize("misled", [False, True], ids=["no statistics", "other statistics"])
@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("date", "infinity"),
        ("date", "0044-03-15 BC"),
        ("date", "20000-01-01"),
        ("timestamp", "-infinity"),
        ("timestamptz", "0044-03-15 00:00:00+00 BC"),
        ("time", "24:00:00"),
        ("numeric(5, 2)", "NaN"),
    ],
)
def test_what_a_type_of_pieces_cannot_hold_is_carried_as_text(
    repository: Repository,
    driver: psycopg.Connection,
    acme: Tenant,
    type: str,
    value: str,
    misled: bool,
) -> None:
    driver.execute(f"create table odd (id int primary key, plain date, x {type})")
    if misled:
        only_nulls_are_known_of(driver, "odd")
    driver.execute("insert into odd values (1, '2024-01-01', null), (3, null, null)")
    driver.execute(f"insert into odd values (2, null, '{value}')")
    manifest = backup(repository)
    table = manifest.table("odd")
    assert table is not None
    assert [column.piece_type for column in table.columns] == ["int32", "date32", "string"]
    assert stored(repository, manifest, "odd") == live(driver, acme.schema, table)


def test_columns_that_hold_nothing_are_not_sent_and_hold_nothing(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    wide = ", ".join(f"c{i} text" for i in range(300))
    driver.execute(f"create table odd (id int primary key, {wide})")
    only_nulls_are_known_of(driver, "odd")
    few = backup(repository, full=True)
    driver.execute(
        r"""insert into odd (id, c7, c299) values (1, E'a\\\\b\n"c",(d)', ''), (2, '\', null)"""
    )
    driver.execute("insert into odd (id, c1) values (3, ''), (4, ' ')")
    manifest = backup(repository)
    table = manifest.table("odd")
    assert table is not None
    assert stored(repository, manifest, "odd") == live(driver, acme.schema, table)
    # Less than a comma for each column of each row.
    assert few.measured["bytes_read"] < 41 * 300


def test_tables_without_a_key_without_columns_and_with_partitions_are_in_it(
    repository: Repository, driver: psycopg.Connection, acme: Tenant
) -> None:
    driver.execute("create table heap (a int, b text)")
    driver.execute("insert into heap values (1, 'x'), (1, 'x'), (null, null), (null, '')")
    driver.execute("create table one (a text)")
    driver.execute("insert into one values (null), (''), (null)")
    driver.execute("create table nothing ()")
    driver.execute("insert into nothing default values")
    driver.execute("create table parts (id int, t text, primary key (id)) partition by range (id)")
    driver.execute("create table low partition of parts for values from (0) to (10)")
    driver.execute("create table high partition of parts for values from (10) to (20)")
    driver.execute("insert into parts values (1, 'a'), (11, 'b')")
    driver.execute("create table child (extra int) inherits (heap)")
    driver.execute("insert into child values (5, 'y', 6)")
    manifest = backup(repository)
    for name in ("heap", "one", "low", "high", "child"):
        table = manifest.table(name)
        assert table is not None
        rows = stored(repository, manifest, name)
        assert rows == live(driver, acme.schema, table), name
        assert table.rows == sum(rows.values())
    nothing, parts = manifest.table("nothing"), manifest.table("parts")
    assert nothing is not None
    assert (nothing.rows, nothing.pieces) == (1, ())
    assert parts is not None
    assert (parts.rows, parts.pieces) == (0, ())


def test_all_tables_are_as_of_one_instant_and_writers_are_not_kept_waiting(
    repository: Repository,
    driver: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver.execute("create table a (id int primary key)")
    driver.execute("create table z (id int primary key)")
    whole, seen = creating._table, []

    def writing_meanwhile(work: Any, source: Any) -> Any:
        driver.execute("set lock_timeout = '2s'")
        driver.execute("insert into a select count(*) from a")
        driver.execute("insert into z select count(*) from z")
        seen.append(source.name)
        return whole(work, source)

    monkeypatch.setattr(creating, "_table", writing_meanwhile)
    manifest = backup(repository)
    assert {"a", "z"} <= set(seen)
    assert [manifest.table(name).rows for name in ("a", "z")] == [0, 0]  # type: ignore[union-attr]


def test_a_table_that_is_emptied_meanwhile_is_waited_for_and_not_lost(
    repository: Repository, driver: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.execute("create table a (id int primary key)")
    driver.execute("insert into a select generate_series(1, 100)")
    whole, refused = creating._table, []

    def emptying_meanwhile(work: Any, source: Any) -> Any:
        driver.execute("set lock_timeout = '20ms'")
        try:
            driver.execute("truncate a")
        except psycopg.errors.LockNotAvailable:
            refused.append(source.name)
        return whole(work, source)

    monkeypatch.setattr(creating, "_table", emptying_meanwhile)
    manifest = backup(repository)
    assert "a" in refused
    assert manifest.table("a").rows == 100  # type: ignore[union-attr]


def test_definitions_being_changed_are_waited_for_and_then_told(
    repository: Repository, driver: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_LOCK_TIMEOUT", "0.02")
    monkeypatch.setenv("ISPMIG_LOCK_PATIENCE", "0.05")
    from ispmig_pipelines.settings import settings

    settings.cache_clear()
    driver.execute("create table a (id int primary key)")
    with driver.transaction():
        driver.execute("lock table a in access exclusive mode")
        with pytest.raises(DatabaseError, match="do not even let us read") as told:
            made(repository)
    assert told.value.transient
    assert repository.snapshots() == []


def test_nothing_but_access_share_is_locked(
    repository: Repository, driver: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, modes = creating._table, set()

    def looking(work: Any, source: Any) -> Any:
        modes.update(
            row[0]
            for row in driver.execute(
                "select mode from pg_locks where pid = %s and locktype = 'relation'",
                [work.snapshot.driver.info.backend_pid],
            )
        )
        return whole(work, source)

    monkeypatch.setattr(creating, "_table", looking)
    made(repository)
    assert modes == {"AccessShareLock"}


def test_it_is_told_and_entered(repository: Repository, driver: psycopg.Connection) -> None:
    driver.execute("create table a (id int primary key)")
    driver.execute("insert into a select generate_series(1, 5)")
    told = made(repository).as_json()
    assert {"snapshot", "tenant", "rows", "bytes_read", "bytes_stored", "seconds"} <= told.keys()
    assert told["kind"] == "full"
    assert told["parent"] is None
    assert told["tables"]["a"] == {"rows": 5, "read": "full"}
    assert told["bytes_stored"] == told["bytes_whole"] > 0
    with engine().connect() as connection:
        entries = [e for e in trail.entries(connection, "acme") if e.operation == "backup"]
    assert [entry.stage for entry in entries] == ["begun", "finished"]
    assert entries[1].details["snapshot"] == told["snapshot"]


def test_a_backup_that_breaks_off_leaves_no_snapshot_and_the_next_one_uses_its_pieces(
    repository: Repository, driver: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.execute("create table a (id int primary key, t text)")
    driver.execute("insert into a select i, md5(i::text) from generate_series(1, 50000) i")
    with monkeypatch.context() as broken:

        def full(*_: Any) -> None:
            raise StorageError("no space")

        broken.setattr(Repository, "publish", full)
        with pytest.raises(StorageError):
            made(repository)
    assert repository.snapshots() == []
    assert repository.writers() == []
    with engine().connect() as connection:
        last = trail.entries(connection, "acme")[-1]
    assert (last.operation, last.stage, last.details["error"]) == ("backup", "failed", "storage")
    again = made(repository)
    whole = sum(ref.bytes for ref in repository.read(again.snapshot).table("a").refs())  # type: ignore[union-attr]
    assert again.bytes_whole - again.bytes_stored >= whole


def test_there_is_none_of_a_tenant_that_is_not(acme: Tenant, repository: Repository) -> None:
    with pytest.raises(TenantError):
        create("nobody", repository, actor="tester")


def test_the_instant_is_the_snapshot_s(repository: Repository) -> None:
    before = dt.datetime.now(dt.UTC)
    manifest = backup(repository)
    assert before - dt.timedelta(seconds=5) < manifest.instant <= dt.datetime.now(dt.UTC)


# -- several sessions -------------------------------------------------------------------------


@pytest.fixture
def large(
    reading_sessions: None, driver: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tables that are worth a session each."""
    for name in ("one", "two"):
        driver.execute(f"create table {name} (id int primary key)")
        driver.execute(f"insert into {name} select generate_series(1, 20000)")
    monkeypatch.setattr(creating, "LARGE", 500_000)
    monkeypatch.setenv("ISPMIG_BACKUP_SESSIONS", "2")
    settings.cache_clear()


def test_large_tables_are_read_at_once_as_of_one_instant(
    large: None,
    repository: Repository,
    driver: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by: dict[str, set[psycopg.Connection]] = {"one": set(), "two": set()}
    meeting = threading.Barrier(2, timeout=20)
    real = creating._table

    def read(work: Any, source: Source) -> Any:
        if source.name in by:
            by[source.name].add(work.snapshot.driver)
            # Each waits for the other to be read, too; and neither sees what is written now.
            if meeting.wait() == 0:
                driver.execute("delete from one; delete from two")
            meeting.wait()
        return real(work, source)

    monkeypatch.setattr(creating, "_table", read)
    manifest = backup(repository)
    assert len(by["one"] | by["two"]) == 2
    for name in by:
        table = manifest.table(name)
        assert table is not None
        assert table.rows == 20_000


def test_a_table_that_somebody_waits_for_is_left_to_the_first_session(
    large: None,
    repository: Repository,
    driver: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = creating.export

    def somebody_comes(opened: Snapshot) -> str:
        other.pgconn.send_query(b"drop table one, two")
        for _ in range(200):
            if driver.execute("select 1 from pg_locks where not granted").fetchone():
                break
            driver.execute("select pg_sleep(0.05)")
        else:
            raise AssertionError("nobody waits")
        return real(opened)

    monkeypatch.setattr(creating, "export", somebody_comes)
    with connect(autocommit=True) as other:
        other.execute("select set_config('search_path', 'tenant_acme', false)")
        manifest = backup(repository)
        while other.pgconn.get_result() is not None:
            pass
    for name in ("one", "two"):
        table = manifest.table(name)
        assert table is not None
        assert table.rows == 20_000


def test_the_first_failure_of_a_session_is_told_and_there_is_no_snapshot(
    large: None, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = creating._table

    def read(work: Any, source: Source) -> Any:
        if source.name == "two":
            raise StorageError("the disk is full")
        if source.name == "one":
            work.snapshot.driver.execute("select pg_sleep(60)")
        return real(work, source)

    monkeypatch.setattr(creating, "_table", read)
    started = time.monotonic()
    with pytest.raises(StorageError, match="the disk is full"):
        made(repository)
    assert time.monotonic() - started < 30
    assert repository.snapshots() == []
