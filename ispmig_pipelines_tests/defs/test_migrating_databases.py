"""Migrations whose sources are live databases, through the real job, audited."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance
from psycopg import sql

from ispmig_pipelines.defs.tenant_migration import audit as auditing
from ispmig_pipelines.platform import ledger
from ispmig_pipelines_tests.conftest import in_database
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.defs.migrating import House

SPEC = """\
version: 1
sources:
  people: {database: "${LEGACY}", table: people}
  owed:
    database: "${LEGACY}"
    query: select no, sum(amount) owed from items group by no order by no
entities:
  customer:
    - from: people
      fields:
        account_number: no
        kind: {constant: person}
        last_name: name
        status: {constant: active}
        email: mail
        signup_date: {column: since, date_format: iso}
        currency: {constant: USD}
    - from: owed
      fields:
        account_number: no
        balance: {column: owed, positive_is: debt}
        currency: {constant: USD}
"""
LEGACY = """
create table people (no text primary key, name text not null, since date, mail text,
  note text);
create table items (id integer primary key, no text, amount numeric(12, 4));
insert into people values ('0001', 'O''Brien', '2020-02-29', 'ob@example.com', 'a'),
  ('0002', 'Zoë 😀', null, null, null), ('0003', '', '2021-01-01', 'none at all', 'odd');
insert into items values (1, '0001', 10.25), (2, '0001', 0.25), (3, '0002', -5);
"""


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


@pytest.fixture
def legacy(server_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a legacy system's database, which the environment names."""
    name = f"legacy_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        url = in_database(server_url, name)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(LEGACY)
        monkeypatch.setenv("LEGACY", url)
        yield url
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_a_live_postgresql_comes_over_to_the_cent_and_is_audited(house: House, legacy: str) -> None:
    house.write("spec.yaml", SPEC)
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.DONE
    assert ran.counts["customer"] == {
        "read": 5, "inserted": 2, "updated": 2, "unchanged": 0, "quarantined": 1, "repeated": 0,
    }  # fmt: skip
    assert ran.entry.totals["customer.balance"]["USD"]["loaded"] == "5.5000"
    assert house.rows("customer", "account_number, last_name, balance, legacy::text") == [
        ("0001", "O'Brien", Decimal("10.5000"), '{"note": "a"}'),
        ("0002", "Zoë 😀", Decimal("-5.0000"), "{}"),
    ]
    (kept,) = house.quarantine()
    assert (kept["record"], kept["reasons"][0]["rule"]) == (3, "value.type")
    assert kept["path"].endswith(", table people")
    people, owed = ran.entry.files
    assert (people["table"], people["records"], owed["table"], owed["records"]) == (
        "people", 3, "query", 2,
    )  # fmt: skip
    assert people["path"].startswith("postgresql://")
    assert len(people["sha256"]) == 64


@pytest.mark.slow
def test_again_it_is_unchanged(house: House, legacy: str) -> None:
    house.write("spec.yaml", SPEC)
    first = house.migrate(max_quarantined="50%")
    before = house.digest()
    second = house.migrate(max_quarantined="50%")
    assert first.entry is not None
    assert second.entry is not None
    assert second.counts["customer"]["inserted"] == 0
    assert house.digest() == before
    assert [f["sha256"] for f in first.entry.files] == [f["sha256"] for f in second.entry.files]


def test_the_legacy_system_may_go_on_while_it_is_migrated(
    house: House, legacy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("spec.yaml", SPEC)
    original = auditing.audit

    def moved_on(*args: object, **kwargs: object) -> object:
        with psycopg.connect(legacy) as connection:
            connection.execute("delete from items; update people set name = 'other'")
        return original(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(auditing, "audit", moved_on)
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.DONE


def test_staged_cells_that_are_not_those_that_were_read_fail_the_audit(
    house: House, legacy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("spec.yaml", SPEC)
    original = auditing.CellDigest.add

    def other(self: auditing.CellDigest, cells: object) -> None:
        original(self, [column.slice(1) for column in cells])  # type: ignore[attr-defined]

    real = auditing.audit

    def tampered(*args: object, **kwargs: object) -> object:
        with monkeypatch.context() as patched:
            patched.setattr(auditing.CellDigest, "add", other)
            return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(auditing, "audit", tampered)
    before = house.digest()
    ran = house.migrate(max_quarantined="50%")
    assert "is not what was read there" in ran.failure()[0]
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.UNDONE
    assert house.digest() == before


def test_the_platforms_own_database_is_no_source(
    house: House, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(LEGACY)
    # Written another way than the platform's own URL.
    monkeypatch.setenv(
        "LEGACY", database_url.replace("postgresql://", "postgres://") + "&connect_timeout=9"
    )
    house.write("spec.yaml", SPEC)
    told, code = house.migrate().failure()
    assert "is the platform's own database, where every tenant's data is" in told
    assert code == 2
    assert house.rows("customer", "account_number") == []


def test_a_variable_that_is_not_set_is_named(house: House) -> None:
    house.write("spec.yaml", SPEC)
    told, code = house.migrate().failure()
    assert "needs LEGACY from the environment" in told
    assert code == 2


@pytest.mark.slow
def test_a_server_that_does_not_answer_ends_with_what_may_pass(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEGACY", "postgresql://reader:hunter2@127.0.0.1:1/billing")
    house.write("spec.yaml", SPEC)
    ran = house.migrate()
    told, code = ran.failure()
    assert "postgresql://reader:***@127.0.0.1:1/billing: nothing answers there" in told
    assert code == 3
    assert ran.entry is not None
    assert "hunter2" not in repr(ran.entry)


def test_no_password_is_in_the_ledger(house: House, legacy: str) -> None:
    """The embedded server asks for none, and takes any."""
    house.write(
        "spec.yaml",
        SPEC.replace("${LEGACY}", legacy.replace("://ispmig@", "://ispmig:${SECRET}@")),
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SECRET", "hunter2")
        ran = house.migrate(max_quarantined="50%")
    assert ran.ok
    with house.engine.connect() as connection:
        kept = connection.exec_driver_sql(
            "select row_to_json(m)::text from ispmig.data_migrations m"
        )
        text = " ".join(row[0] for row in kept)
    assert "hunter2" not in text
    assert ":***@" in text


def test_columns_and_tables_that_are_not_there_are_told_before_anything_is_staged(
    house: House, legacy: str
) -> None:
    house.write("spec.yaml", SPEC.replace("last_name: name", "last_name: nam"))
    assert "has no column 'nam'; did you mean 'name'?" in house.migrate().failure()[0]
    house.write("spec.yaml", SPEC.replace("table: people", "table: peeple"))
    assert "has no table 'peeple'; did you mean 'people'?" in house.migrate().failure()[0]


@pytest.mark.slow
def test_a_live_sqlite_and_the_same_file_come_over_alike(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = sqlite3.connect(house.folder / "legacy.db")
    connection.executescript(LEGACY)
    connection.close()
    monkeypatch.setenv("LEGACY", "sqlite:///legacy.db")
    house.write("spec.yaml", SPEC)
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok
    assert ran.entry is not None
    assert ran.entry.totals["customer.balance"]["USD"]["loaded"] == "5.5000"
    before = house.digest()
    house.write(
        "file.yaml", SPEC.replace('database: "${LEGACY}", table', "files: legacy.db, table")
    )
    again = house.migrate("file.yaml", max_quarantined="50%")
    assert again.ok
    assert again.counts["customer"]["inserted"] == 0
    assert house.digest() == before


CHINOOK = """\
version: 1
sources: {customers: {files: Chinook_Sqlite.sqlite, table: Customer}}
entities:
  customer:
    from: customers
    fields:
      account_number: CustomerId
      kind: {constant: person}
      first_name: FirstName
      last_name: LastName
      status: {constant: active}
      email: Email
"""


def test_a_real_sqlite_file_comes_over(house: House) -> None:
    data = corpus("sql_chinook/Chinook_Sqlite.sqlite").read_bytes()
    (house.folder / "Chinook_Sqlite.sqlite").write_bytes(data)
    house.write("spec.yaml", CHINOOK)
    ran = house.migrate()
    assert ran.ok
    assert ran.counts["customer"]["inserted"] == 59
