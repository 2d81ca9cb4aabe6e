"""SQL as it is written: restored by real databases, and read by our own reader.

MariaDB and the command line clients are used where they are installed.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats import SqlOptions
from ispmig_pipelines.formats.writing import Column, Kind
from ispmig_pipelines_tests.formats.writing_back import (
    LOOK_ALIKES,
    MISSING,
    Rows,
    read_back,
    rows,
    tables,
    typed,
    written,
)

DIALECTS = ("postgresql", "mysql", "sqlite")
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)

TYPED = rows(
    [
        Column("code", max_length=20),
        Column("count", Kind.INTEGER),
        Column("amount", Kind.DECIMAL, precision=18, scale=4),
        Column("active", Kind.BOOLEAN),
        Column("day", Kind.DATE),
        Column("at", Kind.TIMESTAMP),
        Column("until", Kind.TIME),
        Column("legacy", Kind.JSON),
    ],
    ("a'b", "-7", "-12.5000", "true", "2024-02-29", "2024-02-29T10:00:00.000001+00:00",
     "19:30:00.5", '{"a":"x\\ny"}'),
    ("b", None, None, None, None, None, None, None),
    ("c", "9223372036854775807", "0.0001", "false", "0001-01-01", "1969-12-31T23:00:00Z",
     "00:00:00", "[]"),
    key=("code",),
)  # fmt: skip

HARD = rows(
    ["n", "it's", 'a"b', "back`tick", "semi;colon", "sel\\ect"],
    *((str(i), text, None, "", text + text, text[::-1]) for i, text in enumerate(LOOK_ALIKES)),
    *((f"c{i}", chr(i), None, f"x{chr(i)}y", "'" + chr(i), "\\" + chr(i)) for i in range(1, 128)),
    ("lines", "\r\n" * 5_000, "\n" * 201, "a\n" * 150, "\r" * 99, "'\n" * 300),
)


# ------------------------------------------------------------ how it looks


def test_postgresql_as_it_looks() -> None:
    table = rows("id note", ("1", "it's"), ("2", "a\\b\n"), (None, MISSING))
    assert written("sql", table).decode() == (
        "-- For PostgreSQL, all or nothing: psql -v ON_ERROR_STOP=1 -f FILE DATABASE\n"
        "BEGIN;\n"
        "SET LOCAL client_encoding = 'UTF8';\n"
        "SET LOCAL standard_conforming_strings = on;\n"
        "\n"
        'CREATE TABLE "customers" (\n'
        '  "id" text,\n'
        '  "note" text\n'
        ");\n"
        'INSERT INTO "customers" ("id", "note") VALUES\n'
        "('1', 'it''s'),\n"
        "('2', E'a\\\\b\\n'),\n"
        "(NULL, NULL);\n"
        "\n"
        "COMMIT;\n"
    )


@pytest.mark.parametrize(
    ("dialect", "types"),
    [
        ("postgresql", ["text NOT NULL", "bigint", "numeric(18,4)", "boolean", "date",
                        "timestamptz", "time", "jsonb"]),
        ("mysql", ["varchar(20) NOT NULL", "bigint", "decimal(18,4)", "boolean", "date",
                   "datetime(6)", "time(6)", "json"]),
        ("sqlite", ["text NOT NULL", "integer", "text", "boolean", "text", "text", "text", "text"]),
    ],
)  # fmt: skip
def test_types_and_key(dialect: str, types: list[str]) -> None:
    script = written("sql", TYPED, dialect=dialect).decode()
    assert re.findall(r"^  [\"`]\w+[\"`] (.+?),?$", script, re.MULTILINE) == types
    assert re.search(r"^  PRIMARY KEY \([\"`]code[\"`]\)$", script, re.MULTILINE)


@pytest.mark.parametrize("max_length", [None, 800])
def test_mysql_has_no_key_that_it_cannot_index(max_length: int | None) -> None:
    table = rows([Column("code", max_length=max_length)], ("a",), key=("code",))
    script = written("sql", table, dialect="mysql").decode()
    assert "PRIMARY KEY" not in script
    assert "`code` longtext" in script


@every_dialect
def test_a_row_is_a_line(dialect: str) -> None:
    script = written("sql", HARD, dialect=dialect, batch_size=1_000).decode()
    body = script.split(" VALUES\n", 1)[1].split(";\n", 1)[0]
    assert body.count("\n") + 1 == len(HARD.rows)


@every_dialect
@pytest.mark.parametrize(
    ("columns", "name", "match"),
    [
        (["a", "A"], "t", "upper and lower case"),
        (["x" * 70], "t", "64 is the limit|63 is the limit"),
        (["a"], "y" * 70, "64 is the limit|63 is the limit"),
        ([" "], "t", "blank"),
        (["a\nb"], "t", "control characters"),
        ([f"c{i}" for i in range(2_001)], "t", "2,001 columns"),
    ],
)
def test_what_a_database_would_refuse_is_refused(
    dialect: str, columns: list[str], name: str, match: str
) -> None:
    if dialect == "sqlite" and "limit" in match:
        assert written("sql", rows(columns, name=name), dialect=dialect)
        return
    with pytest.raises(UsageError, match=match):
        written("sql", rows(columns, name=name), dialect=dialect)


def test_mysql_has_names_that_it_cannot_have() -> None:
    for name in ("a ", "😀"):
        with pytest.raises(UsageError, match="MySQL cannot have a column"):
            written("sql", rows(["n", name]), dialect="mysql")


@every_dialect
def test_a_table_twice_is_refused(dialect: str) -> None:
    with pytest.raises(UsageError, match="Two names of a table"):
        written("sql", rows("a"), rows("a", name="Customers"), dialect=dialect)


@every_dialect
def test_nul_is_refused_with_its_place(dialect: str) -> None:
    with pytest.raises(UsageError, match=r"record 2: column b .* U\+0000"):
        written("sql", rows("a b", ("1", "x"), ("2", "\x00")), dialect=dialect)


def test_an_unknown_dialect_is_named() -> None:
    with pytest.raises(UsageError, match="'oracle' is no dialect"):
        written("sql", rows("a"), dialect="oracle")


def test_statements_are_bounded() -> None:
    table = rows("n text", *((str(i), "x" * 1_000) for i in range(4_000)))
    script = written("sql", table, dialect="mysql", batch_size=4_000)
    assert 5 <= script.count(b"INSERT INTO") <= 20
    assert max(map(len, script.split(b";\n"))) < 1 << 20


# ------------------------------------------------------------ our own reader


@pytest.mark.slow
@every_dialect
def test_our_reader_gives_the_same_cells(dialect: str, tmp_path: Path) -> None:
    @given(tables())
    def law(table: Rows) -> None:
        data = written("sql", table, dialect=dialect)
        sql = SqlOptions(dialect=dialect)
        found = read_back(tmp_path / "c.sql", data, format="sql", encoding="utf-8", sql=sql)
        assert found == {"customers": table.cells}

    law()


@every_dialect
def test_our_reader_finds_the_dialect_by_itself(dialect: str, tmp_path: Path) -> None:
    assert read_back(tmp_path / "c.sql", written("sql", HARD, dialect=dialect)) == {
        "customers": HARD.cells
    }


# ------------------------------------------------------------ PostgreSQL

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def postgresql(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=None) as connection:
        yield connection


def restored(connection: psycopg.Connection, script: bytes) -> list[list[Any]]:
    connection.execute("DROP TABLE IF EXISTS customers")
    connection.execute(script)
    return [list(row) for row in connection.execute("TABLE customers").fetchall()]


def test_postgresql_restores_the_same_cells(postgresql: psycopg.Connection) -> None:
    @settings(max_examples=60)
    @given(tables())
    def law(table: Rows) -> None:
        assert restored(postgresql, written("sql", table)) == table.cells

    postgresql.execute("CREATE TABLE wall (intact boolean)")
    law()
    assert restored(postgresql, written("sql", HARD)) == HARD.cells
    postgresql.execute("SET standard_conforming_strings = off")
    assert restored(postgresql, written("sql", HARD)) == HARD.cells
    tables_left = postgresql.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert tables_left.fetchone() == (2,)


def test_postgresql_restores_types(postgresql: psycopg.Connection) -> None:
    first, second, third = restored(postgresql, written("sql", TYPED))
    assert first[:4] == ["a'b", -7, Decimal("-12.5000"), True]
    assert str(first[2]) == "-12.5000"
    assert first[5].isoformat() == "2024-02-29T10:00:00.000001+00:00"
    assert first[6:] == [dt.time(19, 30, 0, 500_000), {"a": "x\ny"}]
    assert second[1:] == [None] * 7
    assert third[1] == 2**63 - 1
    with pytest.raises(psycopg.errors.UniqueViolation):
        postgresql.execute("INSERT INTO customers (code) VALUES ('b')")


@pytest.mark.skipif(not shutil.which("psql"), reason="there is no psql on this machine")
def test_psql_restores_a_file(
    postgresql: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "c.sql").write_bytes(written("sql", HARD))
    options = {**os.environ, "PGCLIENTENCODING": "LATIN1"}
    subprocess.run(
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "c.sql", database_url],
        check=True, env=options, timeout=60,
    )  # fmt: skip
    found = postgresql.execute("TABLE customers").fetchall()
    assert [list(row) for row in found] == HARD.cells


# ------------------------------------------------------------ SQLite


def test_sqlite_restores_the_same_cells() -> None:
    @given(tables())
    def law(table: Rows) -> None:
        assert in_sqlite(written("sql", table, dialect="sqlite")) == table.cells

    law()
    assert in_sqlite(written("sql", HARD, dialect="sqlite")) == HARD.cells


def in_sqlite(script: bytes) -> list[list[Any]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("CREATE TABLE wall (intact);")
        connection.executescript(script.decode())
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        assert {name for (name,) in names} == {"wall", "customers"}
        return [list(row) for row in connection.execute('SELECT * FROM "customers"')]


def test_sqlite_keeps_decimals_as_they_are_written() -> None:
    first, _, third = in_sqlite(written("sql", TYPED, dialect="sqlite"))
    assert first == [
        "a'b", -7, "-12.5000", 1, "2024-02-29", "2024-02-29T10:00:00.000001+00:00",
        "19:30:00.5", '{"a":"x\\ny"}',
    ]  # fmt: skip
    assert third[1:4] == [2**63 - 1, "0.0001", 0]


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="there is no sqlite3 on this machine")
def test_the_shell_of_sqlite_restores_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.sql").write_bytes(written("sql", HARD, dialect="sqlite"))
    with (tmp_path / "c.sql").open("rb") as script:
        subprocess.run(
            ["sqlite3", "-bail", tmp_path / "c.db"], stdin=script, check=True, timeout=60
        )
    with closing(sqlite3.connect(tmp_path / "c.db")) as connection:
        found = connection.execute("SELECT * FROM customers").fetchall()
    assert [list(row) for row in found] == HARD.cells


# ------------------------------------------------------------ MariaDB

SERVER = shutil.which("mariadbd") or shutil.which("mysqld")
INSTALL = shutil.which("mariadb-install-db")
CLIENT = shutil.which("mariadb") or shutil.which("mysql")


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """A server of the tests' own on a socket in their folder; the function runs the client."""
    if not (SERVER and INSTALL and CLIENT):
        pytest.skip("there is no MariaDB on this machine")
    folder = tmp_path_factory.mktemp("mariadb")
    data, socket = f"--datadir={folder / 'data'}", f"--socket={folder / 's'}"
    account = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        [INSTALL, "--no-defaults", data, "--auth-root-authentication-method=normal",
         "--skip-test-db", *account],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip

    def client(*words: str, script: bytes = b"") -> str:
        done = subprocess.run(
            [CLIENT, "--no-defaults", "-uroot", socket, *words],
            input=script, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        return done.stdout.decode()

    server = subprocess.Popen(
        [SERVER, "--no-defaults", data, socket, "--skip-networking", *account,
         f"--pid-file={folder / 'pid'}", "--innodb-flush-log-at-trx-commit=0",
         "--sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES", "--character-set-server=latin1",
         "--default-time-zone=+05:00"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            try:
                client("-e", "SELECT 1")
                break
            except subprocess.CalledProcessError:
                assert server.poll() is None, "MariaDB did not start"
                assert time.monotonic() < until, "MariaDB did not start in a minute"
                time.sleep(0.1)
        yield client
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def in_mariadb(client: Callable[..., str], script: bytes, columns: int) -> list[list[str | None]]:
    client("-e", "DROP DATABASE IF EXISTS d; CREATE DATABASE d")
    client("d", script=script)
    listed = client("-N", "-B", "d", "-e", "SELECT column_name FROM information_schema.columns "
                    "WHERE table_schema = 'd' ORDER BY ordinal_position")  # fmt: skip
    assert len(listed.splitlines()) == columns
    assert client("-N", "-B", "d", "-e", "SHOW TABLES") == "customers\n"
    names = [name.replace("\\\\", "\\") for name in listed.splitlines()]
    cells = ", ".join(f"ifnull(hex(`{n.replace('`', '``')}`), 'NULL')" for n in names)
    found = client("-N", "-B", "d", "-e", f"SELECT {cells} FROM customers")
    return [
        [None if cell == "NULL" else bytes.fromhex(cell).decode() for cell in line.split("\t")]
        for line in found.split("\n")[:-1]
    ]


def test_mariadb_restores_the_same_cells(mariadb: Callable[..., str]) -> None:
    @settings(max_examples=25)
    @given(tables())
    def law(table: Rows) -> None:
        script = written("sql", table, dialect="mysql")
        assert in_mariadb(mariadb, script, len(table.table.columns)) == table.cells

    law()
    assert in_mariadb(mariadb, written("sql", HARD, dialect="mysql"), 6) == HARD.cells


def test_mariadb_restores_types(mariadb: Callable[..., str]) -> None:
    mariadb("-e", "DROP DATABASE IF EXISTS d; CREATE DATABASE d")
    mariadb("d", script=written("sql", TYPED, dialect="mysql"))
    found = mariadb("-N", "-B", "--raw", "d", "-e", "SELECT * FROM customers ORDER BY code")
    assert [line.split("\t") for line in found.splitlines()] == [
        ["a'b", "-7", "-12.5000", "1", "2024-02-29", "2024-02-29 10:00:00.000001",
         "19:30:00.500000", '{"a":"x\\ny"}'],
        ["b", *["NULL"] * 7],
        ["c", str(2**63 - 1), "0.0001", "0", "0001-01-01", "1969-12-31 23:00:00.000000",
         "00:00:00.000000", "[]"],
    ]  # fmt: skip
    with pytest.raises(subprocess.CalledProcessError) as raised:
        mariadb("d", "-e", "INSERT INTO customers (code) VALUES ('b')")
    assert b"Duplicate" in raised.value.stderr


def test_times_of_other_zones_are_told_to_mysql_in_utc() -> None:
    script = written(
        "sql", typed(Kind.TIMESTAMP, "2024-03-01T00:30:00+02:00", None), dialect="mysql"
    )
    assert b"('0', '2024-02-29 22:30:00'),\n('1', NULL);" in script
