"""What few schemas have comes back too; what cannot, is named when the backup is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from ispmig_pipelines.backup import definition
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines_tests.backup.restore.conftest import Restoring

RARE = """
    create collation by_c (provider = libc, locale = 'C');
    comment on collation by_c is 'As bytes';
    create type span as range (subtype = float8, subtype_diff = float8mi,
        multirange_type_name = spans);
    create type by_name as range (subtype = text, collation = "C");
    create domain spoken as text collate by_c check (value <> '');
    create table rare (id integer primary key, code text collate by_c not null, s span, ss spans,
        n by_name, spoken spoken, parent integer references rare deferrable initially deferred,
        own regclass, fn regprocedure);
    create unique index rare_code on rare (code);
    create index rare_s on rare using gist (s);
    alter table rare replica identity using index rare_code;
    alter table rare cluster on rare_code;
    alter table rare alter code set statistics 500, alter code set (n_distinct = -0.5);
    create policy mine on rare using (id > 0);
    comment on policy mine on rare is 'Nearly all';
    create view writable as select id, code, n::text as said from rare;
    alter view writable alter said set default 'nothing';
    comment on column writable.said is 'What is said';
    create function written() returns trigger language plpgsql
        as $$ begin insert into tenant_acme.rare (id, code) values (new.id, new.code);
        return new; end $$;
    create trigger instead_of instead of insert on writable for each row execute function written();
    comment on trigger instead_of on writable is 'Writes';
    create view amid as select 1 as n;
    create materialized view early as select n from amid;
    create materialized view late as select 2 as n;
    create index on late (n);
    comment on index late_n_idx is 'Of a view';
    create or replace view amid as select n from late;
    insert into rare values
        (2, 'b', '[1,2)', '{[1,2),(3,4]}', '[a,b)', 'x', 1, 'rare', 'written()'),
        (1, 'B', 'empty', '{}', null, null, 2, 'pg_class', null);
"""
SINCE_18 = """
    create table told (a integer constraint "never null" not null, b integer, c integer,
        v integer generated always as (a * 2) virtual,
        constraint soft check (a > 10) not enforced);
    insert into told (a, b) values (1, null);
    alter table told add constraint later not null b not valid;
"""
LEFT_OUT = """
    create table plain (id integer primary key, big oid);
    create view seen as select id from plain;
    create rule nothing as on insert to seen do instead nothing;
    create statistics s on id, big from plain;
    create text search configuration words (copy = pg_catalog.simple);
    create aggregate most(integer) (sfunc = int4larger, stype = integer);
    alter default privileges in schema tenant_acme grant select on tables to public;
    create domain told as integer constraint above check (value > 0);
    comment on constraint above on domain told is 'Why';
    select lo_create(0);
"""


def defined(driver: psycopg.Connection, tenant: Tenant) -> dict[tuple[str, str], Any]:
    """Kind and name → the definition, of all that there is: what needs something else is made after
    it, in whatever order it first was."""
    with driver.transaction():
        found = definition.read(driver, tenant)
    about = found.schema_
    parts = {
        "table": found.tables, "type": about.types, "collation": about.collations,
        "view": about.views, "function": about.functions, "sequence": about.sequences,
    }  # fmt: skip
    return {(kind, one.name): one.as_json() for kind, part in parts.items() for one in part}


def test_what_few_schemas_have_comes_back(
    driver: psycopg.Connection,
    acme: Tenant,
    repository: Repository,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    driver.execute(RARE)
    newest = driver.info.server_version >= 180000
    if newest:
        driver.execute(SINCE_18)
    driver.execute("refresh materialized view early")
    manifest = repository.read(backup())
    before = defined(driver, acme)
    assert manifest.definitions.get("left_out", []) == []
    held = driver.execute("select * from rare order by id").fetchall()
    driver.execute("drop table rare cascade; drop view amid cascade; drop type span")
    restoring(verify="full")
    after = defined(driver, acme)
    assert after.keys() == before.keys()
    assert {k: v for k, v in after.items() if v != before[k]} == {
        k: v for k, v in before.items() if v != after[k]
    }
    assert driver.execute("select * from rare order by id").fetchall() == held
    assert driver.execute("select own = 'rare'::regclass from rare where id = 2").fetchone() == (
        True,
    )
    assert driver.execute("select n from early").fetchall() == [(2,)]
    driver.execute("insert into writable (id, code) values (3, 'c')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        driver.execute("insert into rare (id, code) values (4, 'c')")
    if newest:
        assert driver.execute("select a, b, v from told").fetchall() == [(1, None, 2)]
        driver.execute("insert into told (a, b) values (2, 1)")
        with pytest.raises(psycopg.errors.NotNullViolation):
            driver.execute("insert into told (a) values (3)")


def test_what_cannot_come_back_is_named_when_it_is_backed_up(
    driver: psycopg.Connection,
    repository: Repository,
    backup: Callable[..., str],
    restoring: Restoring,
) -> None:
    driver.execute(LEFT_OUT)
    told = repository.read(backup()).definitions["left_out"]
    assert told == [
        "comment on the constraint above of the domain told",
        "function most",
        "large objects that plain.big may name",
        f"rights that objects which {driver.info.user} makes are given",
        "rule nothing on seen",
        "statistics s",
        "text search configuration words",
    ]
    assert restoring().details["left_out"] == told


def test_a_publication_of_the_schema_is_told_beforehand(
    driver: psycopg.Connection, backup: Callable[..., str], restoring: Restoring
) -> None:
    backup()
    driver.execute("create publication of_acme for tables in schema tenant_acme")
    with pytest.raises(BackupError, match=r"publication of_acme"):
        restoring()


@pytest.mark.slow
def test_a_row_of_fifty_megabytes_comes_back(
    driver: psycopg.Connection, backup: Callable[..., str], restoring: Restoring
) -> None:
    driver.execute("create table huge (id integer primary key, t text, raw bytea, j jsonb)")
    driver.execute(
        """insert into huge values
           (1, repeat(E'ä"\\n\\\\', 10000000), null, null), (2, '', '\\x', 'null'),
           (3, null, decode(repeat('00ff', 5000000), 'hex'),
            jsonb_build_object('a', repeat('x', 1000000), 'b', '[[], {}, [null, 1e400]]'::jsonb))"""
    )
    digest = "select md5(string_agg(h::text, '|' order by id)) from huge h"
    before = driver.execute(digest).fetchone()
    backup()
    driver.execute("delete from huge")
    restoring()
    assert driver.execute(digest).fetchone() == before
