"""A database on the platform's own server: its tables are a source, the server is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from dagster import DagsterInstance
from psycopg import sql

from ispmig_pipelines.formats.database.query import of_the_server
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines_tests.defs.migrating import House

SPEC = """\
version: 1
name: beside
sources:
  s:
    database: "${{LEGACY}}"
    {words}
entities:
  customer:
    from: s
    fields: {{account_number: no, last_name: name, status: {{constant: active}}}}
"""


@pytest.fixture
def house(
    ispmig_home: Path, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """A house whose legacy system is on the platform's own server, for a superuser to read."""
    folder = tmp_path / "exports"
    folder.mkdir()
    name = urlsplit(database_url).path.strip("/")
    legacy = sql.Identifier(f"{name}_legacy")
    url = urlsplit(database_url)._replace(path=f"/{name}_legacy").geturl()
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(legacy))
        try:
            with psycopg.connect(url) as filling:
                filling.execute("create table people (no text primary key, name text)")
                filling.execute("insert into people values ('1', 'pg_roles')")
            monkeypatch.setenv("LEGACY", url)
            with DagsterInstance.ephemeral() as instance:
                house = House(folder, instance)
                tenants.add(engine(), "other")
                yield house
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(legacy))


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", ["table: people", "query: select no, name from public.people -- all of them"]
)
def test_its_tables_are_a_source(house: House, words: str) -> None:
    house.write("spec.yaml", SPEC.format(words=words))
    assert house.migrate().ok
    assert house.rows("customer", "account_number, last_name") == [("1", "pg_roles")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "select '1' as no, pg_read_file('postmaster.pid') as name",
        "select '1' as no, pg_catalog . PG_READ_FILE ('postmaster.pid') as name",
        "select '1' as no, \"pg_read_file\"('postmaster.pid') as name",
        "select '1' as no, U&\"\\0070g_read_file\"('postmaster.pid') as name",
        # Comments nest in PostgreSQL, and not for whoever does not know.
        "select '1' as no /* /* */ ' */, pg_read_file('postmaster.pid') as name -- '",
        "select '1' as no, f as name from pg_ls_dir('base') f",
        "select oid::text as no, rolname as name from pg_roles",
        "table pg_catalog.pg_authid",
        "select usename as no, query as name from pg_stat_activity",
        "select datname as no, pg_database_size(datname)::text as name from pg_database",
        "select n::text as no, n::oid::regrole::text as name from generate_series(1, 99999) n",
        "select '1' as no, query_to_xml('table p' || 'g_roles', true, true, '')::text name",
        "select role_name as no, grantee as name from information_schema.applicable_roles",
        "select '1' as no, set_config('role', 'tenant_other', false) as name",
    ],
)
def test_no_query_there_looks_at_the_server(house: House, query: str) -> None:
    folded = "query: >-\n      " + query
    house.write("spec.yaml", SPEC.format(words=folded))
    before = house.digest()
    told, code = house.migrate().failure()
    assert code == 2
    assert "is on the server of the platform's own database" in told
    assert house.digest() == before


@pytest.mark.parametrize(
    "query",
    [
        "select lo_balance, spg_code, pg_typeof(no) from pg_catalog.people",
        "select tables_to_xml, lo_, dollar$pg_x from regroles",
    ],
)
def test_other_names_are_let_through(query: str) -> None:
    assert of_the_server(query) == ""
