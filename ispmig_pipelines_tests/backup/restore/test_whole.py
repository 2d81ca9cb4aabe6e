"""A whole tenant comes back as it was: definitions, rows, rights; and the restore can be undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import definition, evidence
from ispmig_pipelines.backup.definition import Definitions
from ispmig_pipelines.backup.repository import Part, Repository
from ispmig_pipelines.backup.restore import restore as restoring_module
from ispmig_pipelines.errors import BackupDamaged, BackupError, UsageError
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines_tests.backup.restore.conftest import Restoring, schemas, trail_of
from ispmig_pipelines_tests.backup.restore.rows import fill
from ispmig_pipelines_tests.backup.snapshots import live

ODD = r"""
    create type mood as enum ('sad', 'it''s "ok"');
    create domain positive as integer default 3 check (value > 0);
    create domain label as text;
    comment on domain label is 'A label''s';
    create type pair as (a int, b text);
    comment on type mood is 'How it is';
    create sequence "Own Numbers" as integer start 5 increment -3 minvalue -100 maxvalue 50 cycle;
    select nextval('"Own Numbers"');
    create function twice(n integer, x text default 'a''b') returns integer
        language sql immutable strict parallel safe as 'select n * 2';
    comment on function twice is 'Doubles';
    create function note() returns trigger language plpgsql set work_mem to '5MB'
        as $$ begin new.t := coalesce(new.t, '') || '!'; return new; end $$;
    create procedure nothing() language plpgsql as $$ begin null; end $$;
    create function summed(a integer, b integer) returns integer return a + b;
    create table odd (
        id bigint primary key, b boolean, i2 smallint, i4 integer default twice(4), r real,
        d double precision, n numeric, n2 numeric(12, 2), n0 numeric(5, -2), wide numeric(60, 20),
        small numeric(2, 5), t text collate "C", v varchar(10), c char(5), l label, p positive,
        m mood, ms mood[], pr pair, day date, clock time, clockz timetz, ts timestamp,
        tz timestamptz, iv interval, raw bytea, j json, jb jsonb, ip inet, net cidr, mac macaddr,
        u uuid, xs text[], bits bit varying, pt point, rg int4range, o oid, rc regclass,
        money money, ts_vector tsvector,
        twice integer generated always as (i4 * 2) stored, "select" text, "a ""b" text,
        constraint "odd ""check" check (n2 < 1000000), exclude using btree (i2 with =));
    create index "odd ""index" on odd (lower(t)) where b;
    create unique index on odd (u) include (t);
    comment on table odd is 'It''s odd';
    comment on column odd."a ""b" is 'quoted';
    comment on constraint "odd ""check" on odd is 'small';
    comment on index "odd ""index" is 'partial';
    alter table odd alter t set storage external;
    create trigger marked before insert or update of t on odd for each row
        when (new.id > 10) execute function note();
    alter table odd disable trigger marked;
    comment on trigger marked on odd is 'off';
    create table counted (
        id integer generated always as identity (start 100 increment 10) primary key,
        old serial, odd bigint references odd deferrable, checked integer);
    alter table counted add constraint later check (checked > 5) not valid;
    insert into counted (odd) values (null), (null);
    create table parted (day date not null, part text not null, n integer check (n > 0),
        primary key (part, day)) partition by list (part);
    create table parted_a partition of parted for values in ('a', 'it''s');
    create table parted_rest partition of parted default partition by range (day);
    create table parted_rest_2024 partition of parted_rest
        for values from ('2024-01-01') to ('2025-01-01');
    create index parted_day on parted (day);
    insert into parted values ('2024-01-01', 'a', 1), ('2024-02-29', 'z', 2);
    create table free (t text);
    insert into free values ('twice'), ('twice'), (null), ('');
    create table bare ();
    insert into bare select from generate_series(1, 3);
    create unlogged table hidden (id int primary key, secret text) with (fillfactor = 70);
    alter table hidden enable row level security;
    alter table hidden replica identity full;
    create policy mine on hidden as restrictive for select to public using (id > 1);
    create view seen with (security_barrier) as select id, t as text from odd where b;
    comment on view seen is 'What is seen';
    create view deeper as select count(*) as n from seen;
    create materialized view kept as select id, n2 from odd with data;
    create unique index on kept (id);
    comment on schema tenant_acme is 'Acme''s';
"""
ROWS = r"""
    insert into odd (id, b, i2, i4, r, d, n, n2, n0, wide, small, t, v, c, l, p, m, ms, pr, day,
        clock, clockz, ts, tz, iv, raw, j, jb, ip, net, mac, u, xs, bits, pt, rg, o, rc, money,
        ts_vector)
    values (
        1, true, -1, 1073741823, 'Infinity', '-Infinity', 1e-30, -0.10, 12300, 1e30, 0.00012,
        E'a"b,c\n\\N\r\t\x01', 'NULL', 'ab', '', 7, 'it''s "ok"', '{sad,null}',
        '(1,"x,y")', '2024-02-29', '23:59:59.999999', '10:00:00+05:30',
        '0001-01-01 00:00:00', '9999-12-31 23:59:59.999999+00', '1 mon -2 days 03:04:05.6',
        '\x00ff5c', '{"a" : 1,  "a":2}', '{"b": null}', '10.0.0.1/8', '10.0.0.0/8',
        '08:00:2b:01:02:03', gen_random_uuid(), '{"a","","NULL",null}', B'101', '(1,2)',
        '[1,5)', 1, 'pg_catalog.pg_class', '$1,000.50', 'a:1 b');
    insert into odd (id, raw, t, l) values (2, '', '', null), (-3, null, null, '');
    insert into odd (id, d, r, t) values (4, 'NaN', '-0', E'\\.'), (5, 0.1, 0.1, '\N');
    insert into odd (id, day, ts, tz, clock) values (6, 'infinity', '0044-03-15 BC', '-infinity',
        '24:00');
    insert into hidden values (1, 'a'), (2, 'b');
    refresh materialized view kept;
"""
OWNED = """
    create role "reporting of acme" nologin;
    grant usage on schema tenant_acme to "reporting of acme";
    grant select on odd, seen to "reporting of acme";
    grant update (t, "a ""b") on odd to "reporting of acme" with grant option;
    grant usage on sequence "Own Numbers" to public;
    revoke all on function twice(integer, text) from public;
"""


@pytest.fixture
def odd(driver: psycopg.Connection, acme: Tenant) -> None:
    driver.execute(ODD)
    driver.execute(ROWS)
    driver.execute(OWNED)
    role = sql.Identifier(acme.role)
    driver.execute(sql.SQL("grant all on odd, free, counted, kept to {}").format(role))
    driver.execute(sql.SQL("grant create on schema tenant_acme to {}").format(role))
    driver.execute(sql.SQL("set role {}").format(role))
    driver.execute("create table theirs (id int primary key, t text default 'x')")
    driver.execute("insert into theirs values (1)")
    driver.execute("create view tenant_acme.theirs_seen as select * from theirs")
    driver.execute("reset role")


def defined(driver: psycopg.Connection, tenant: Tenant) -> Definitions:
    with driver.transaction():
        return definition.read(driver, tenant)


def rows(driver: psycopg.Connection, schema: str, manifest: Any) -> dict[str, Counter[Any]]:
    return {
        # Two that are not a number are told apart, in Python.
        table.name: Counter(repr(row) for row in live(driver, schema, table).elements())
        for table in manifest.tables
        if not table.name.startswith("ledger/") and table.columns
    }


def test_every_definition_and_every_row_comes_back(
    odd: None,
    driver: psycopg.Connection,
    acme: Tenant,
    repository: Repository,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    manifest = repository.read(backup())
    before, content = defined(driver, acme), rows(driver, acme.schema, manifest)
    driver.execute("drop table parted; drop view deeper; delete from odd")
    driver.execute("alter table free add x int")
    driver.execute("drop table bare; drop function summed; comment on table odd is 'gone'")
    driver.execute("select nextval('\"Own Numbers\"')")
    restored = restoring()
    assert defined(driver, acme) == before
    assert rows(driver, acme.schema, manifest) == content
    assert driver.execute("select count(*) from bare").fetchone() == (3,)
    assert driver.execute("select twice from odd where id = 1").fetchone() == (2147483646,)
    assert (
        driver.execute("select * from kept order by 1").fetchall()
        == driver.execute("select id, n2 from odd order by 1").fetchall()
    )
    assert restored.details["left_out"] == []
    assert restored.details["rows"] == sum(
        t.rows for t in manifest.tables if not t.name.startswith("ledger/")
    )


def test_incremental_snapshots_come_back_too(
    odd: None,
    driver: psycopg.Connection,
    acme: Tenant,
    repository: Repository,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    driver.execute("create table many (id text primary key, n int, t text)")
    driver.execute(
        "insert into many select i::text, i, md5(i::text) from generate_series(1, 9000) i"
    )
    names = [backup()]
    wanted = {}
    for step in range(4):
        driver.execute("update many set n = n + 1 where n %% 100 = %s", [7 * step])
        driver.execute("delete from many where n %% 97 = %s", [step])
        driver.execute("insert into many values (%s, %s, 'new')", [f"n{step}", -step])
        if step == 2:
            driver.execute(
                "insert into many select i::text, i, 'back' from generate_series(1, 200) i "
                "on conflict do nothing"
            )
        names.append(backup())
        manifest = repository.read(names[-1])
        wanted[names[-1]] = rows(driver, acme.schema, manifest)["many"]
    table = manifest.table("many")
    assert table is not None
    assert len(table.overlays) == 4
    for name in reversed(names[1:]):
        restoring(snapshot=name)
        assert rows(driver, acme.schema, repository.read(name))["many"] == wanted[name]


@pytest.mark.slow
def test_what_was_there_is_kept_until_it_is_confirmed(
    odd: None,
    driver: psycopg.Connection,
    acme: Tenant,
    platform: Connection,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    backup()
    driver.execute("insert into free values ('since'); create table newer (id int)")
    before = defined(driver, acme)
    restored = restoring()
    assert restored.before in schemas(driver, acme)
    assert driver.execute("select to_regclass('newer')").fetchone() == (None,)
    # The tenant itself cannot touch it.
    with driver.transaction(), tenants.as_tenant(driver, acme):
        assert driver.execute("select count(*) from free").fetchone() == (4,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), driver.transaction():
            driver.execute(
                sql.SQL("select * from {}").format(sql.Identifier(restored.before, "free"))
            )
    (point,) = restoring_module.restore_points(platform, acme)
    platform.rollback()
    assert (point.schema, point.restored.entry) == (restored.before, restored.entry)
    done = restoring_module.undo(platform, acme, actor="tester")
    assert defined(driver, acme) == before
    assert driver.execute("select count(*) from free where t = 'since'").fetchone() == (1,)
    # What was restored is kept in its turn.
    assert done["kept"] in schemas(driver, acme)
    with pytest.raises(UsageError, match="no restore of tenant acme that could be undone"):
        restoring_module.undo(platform, acme, actor="tester")
    restoring_module.confirm(platform, acme, actor="tester")
    assert schemas(driver, acme) == ["tenant_acme"]
    with pytest.raises(UsageError, match="nothing to confirm"):
        restoring_module.confirm(platform, acme, actor="tester")
    assert trail_of(platform) == [
        ("restore", "begun"), ("restore", "finished"), ("restore undone", "finished"),
        ("restore confirmed", "finished"),
    ]  # fmt: skip


@pytest.mark.slow
def test_several_restores_are_undone_the_newest_first(
    driver: psycopg.Connection,
    acme: Tenant,
    platform: Connection,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    driver.execute("create table t (n int primary key); insert into t values (1)")
    driver.execute(sql.SQL("grant all on t to {}").format(sql.Identifier(acme.role)))
    first = backup()
    driver.execute("update t set n = 2")
    second = backup()
    driver.execute("update t set n = 3")
    restoring(snapshot=first)
    restoring(snapshot=second)
    restoring(snapshot=first, tables=("t",))
    found = []
    for _ in range(3):
        found.append(driver.execute("select n from tenant_acme.t").fetchone())
        restoring_module.undo(platform, acme, actor="tester")
    assert found == [(1,), (2,), (1,)]
    assert driver.execute("select n from tenant_acme.t").fetchone() == (3,)


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    odd: None,
    driver: psycopg.Connection,
    acme: Tenant,
    platform: Connection,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    backup()
    driver.execute("delete from odd where id = 2; update odd set t = 'z' where id = 1")
    driver.execute("insert into odd (id) values (50); create table newer (id int)")
    driver.execute("delete from free where t = ''; insert into free values ('twice')")
    before, there = defined(driver, acme), schemas(driver, acme)
    restored = restoring(dry_run=True)
    assert (defined(driver, acme), schemas(driver, acme)) == (before, there)
    told = {one["table"]: one for one in restored.details["differences"]}
    assert (told["odd"]["added"], told["odd"]["removed"], told["odd"]["changed"]) == (1, 1, 1)
    assert (told["free"]["added"], told["free"]["removed"]) == (1, 1)
    assert told["newer"]["rows_in_snapshot"] is None
    assert told["hidden"]["changed"] == 0
    assert restored.kind == "dry run"
    assert trail_of(platform) == [("restore", "begun"), ("restore", "finished")]


def test_who_hangs_on_the_tables_from_outside_is_told_beforehand(
    driver: psycopg.Connection,
    acme: Tenant,
    platform: Connection,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    backup()
    driver.execute("create schema reports; create view reports.c as select * from customer")
    with pytest.raises(BackupError, match=r"view reports\.c") as told:
        restoring()
    assert "--entity" in str(told.value)
    assert schemas(driver, acme) == ["tenant_acme"]
    assert trail_of(platform) == [("restore", "begun"), ("restore", "failed")]


def test_open_sessions_find_the_restored_tables(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    driver.execute("create table t (n int primary key); insert into t values (1)")
    backup()
    driver.execute("update t set n = 2")
    driver.execute("prepare looking as select n from tenant_acme.t")
    assert driver.execute("execute looking").fetchone() == (2,)
    driver.execute("begin isolation level repeatable read")
    driver.execute("select 1 from pg_am")
    restoring()
    # Whoever began before sees rows, too, and no empty table.
    assert driver.execute("select n from tenant_acme.t").fetchone() == (1,)
    driver.execute("commit")
    assert driver.execute("execute looking").fetchone() == (1,)


def test_equal_content_has_an_equal_digest(
    driver: psycopg.Connection, acme: Tenant, backup: Callable[..., str], restoring: Restoring
) -> None:
    fill(driver)
    backup()
    before = digest(driver, acme)
    driver.execute("delete from payment; update customer set first_name = 'x'")
    assert digest(driver, acme) != before
    restoring()
    assert digest(driver, acme) == before


@pytest.mark.slow
def test_a_restore_is_evidence_that_its_snapshot_can_be_restored(
    restoring: Restoring, backup: Callable[..., str], driver: psycopg.Connection,
    repository: Repository,
) -> None:  # fmt: skip
    fill(driver)
    snapshot = backup()
    restoring(tables=("customer",))
    restoring(into="acme_masked", mask=True)
    assert evidence.of(repository)[snapshot].state == evidence.State.UNVERIFIED
    restoring(verify="full")
    known = evidence.of(repository)[snapshot]
    assert (known.state, known.rows) == (evidence.State.RESTORED, 60)
    (record,) = evidence.drills(repository)
    assert (record.by, record.proved) == ("restore", {"rows": "every row", "files": "0 of 0"})
    customers = repository.read(snapshot).table("customer")
    assert customers is not None
    repository.delete(Part.PIECE, customers.pieces[0].hash)
    with pytest.raises(BackupDamaged):
        restoring()
    assert evidence.of(repository)[snapshot].state == evidence.State.FAILED
