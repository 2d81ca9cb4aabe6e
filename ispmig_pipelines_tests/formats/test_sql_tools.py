"""Dumps by the databases' own programs give what the databases hold."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path

import psycopg
import pytest

from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.encoding import Encoding
from ispmig_pipelines.formats.records import Reader
from ispmig_pipelines.formats.sql.reader import SqlReader
from ispmig_pipelines.platform.embedded_cluster import bundled_binaries
from ispmig_pipelines_tests.formats.sql_reading import read

AWKWARD_TABLE = """
CREATE SCHEMA sales;
CREATE TYPE mood AS ENUM ('a', 'b,c');
CREATE TABLE "Awk ward" (
    id serial PRIMARY KEY, "sel""ect" varchar(200), notes text, amount numeric(12,2) DEFAULT 0.00,
    dbl double precision, day date, at timestamp, tz timestamptz, t time, iv interval, flag boolean,
    bits bit(5), blobby bytea, j jsonb, arr int[], tarr text[], m mood, u uuid, ip cidr,
    mac macaddr, big bigint, gen numeric GENERATED ALWAYS AS (amount * 2) STORED, "Name" text,
    name text, pt point
);
COMMENT ON TABLE "Awk ward" IS 'all; of it';
COMMENT ON COLUMN "Awk ward"."sel""ect" IS 'it''s';
INSERT INTO "Awk ward" VALUES (1, 'O''Brien; "x" \\ y',
 E'l1\\nl2\\r\\n\\ttab -- no /* no */ $$ \\\\. \\v\\f\\b', -12.50, 1.5e300,
 '2019-01-02', '2019-01-02 03:04:05.678901', '2020-02-29 12:00:00+02', '12:30', '1 day 02:00', 't',
 B'10101', '\\x00ff10', '{"a": [1, "x;y''z\\\\n"]}', '{1,NULL,3}',
 ARRAY['a,b', '"q"', E'\\n', '\\'], 'b,c', '00112233-4455-6677-8899-aabbccddeeff', '10.0.0.0/8',
 '00:11:22:33:44:55', -9223372036854775808, DEFAULT, 'Upper', 'lower', '(1,2)');
INSERT INTO "Awk ward" VALUES (2, NULL, '', 0);
INSERT INTO "Awk ward" VALUES (3, '', '),(''\\', 0, 'NaN', 'infinity', '-infinity');
INSERT INTO "Awk ward" VALUES (4, '😀 日本 ñ', '\\.', 99999.99, 3,
 '0044-03-15 BC', '2020-02-29', NULL, '24:00',
 '-1 year', 'f',
 B'00000', 'hello', 'null', '{}', '{}', 'a', NULL, '::/0', NULL, 0, DEFAULT, '\\N', 'NULL');
CREATE TABLE sales.orders (id int, "when" date);
INSERT INTO sales.orders VALUES (1, '2019-01-01');
CREATE TABLE orders (id int, who text);
INSERT INTO orders VALUES (7, 'x'), (8, 'y');
CREATE TABLE nought (a int, b text);
CREATE TABLE part (id int, k int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
INSERT INTO part VALUES (1, 1);
CREATE VIEW v AS SELECT 'INSERT INTO orders VALUES (9, ''z'');' AS s;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM orders;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
    $fn$ BEGIN INSERT INTO orders VALUES (99, 'no'); RETURN NEW; END $fn$;
CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO orders VALUES (98, 'no'); END;
CREATE RULE r AS ON INSERT TO nought DO ALSO INSERT INTO orders VALUES (97, 'no');
CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f();
"""

PG_DUMP = [
    [],
    ["--inserts"],
    ["--column-inserts"],
    ["--inserts", "--rows-per-insert=3"],
    ["--column-inserts", "--on-conflict-do-nothing"],
    ["--clean", "--create", "--if-exists"],
    ["--quote-all-identifiers"],
    ["--quote-all-identifiers", "--inserts"],
    ["--no-comments", "--no-owner", "--use-set-session-authorization"],
]


@pytest.fixture
def held(database_url: str) -> dict[str, list[list[str | None]]]:
    """What the database says of the awkward tables, as text; what it computes itself left out."""
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("SET timezone TO 'UTC'")
        database.execute(AWKWARD_TABLE)
        found = {}
        for table in ('"Awk ward"', "sales.orders", "orders", "part_1"):
            columns = [
                row[0]
                for row in database.execute(
                    "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass "
                    "AND attnum > 0 AND attgenerated = '' ORDER BY attnum",
                    [table],
                )
            ]
            chosen = ", ".join(f"{column}::text" for column in columns)
            rows = database.execute(f"SELECT {chosen} FROM {table} ORDER BY id").fetchall()
            found[table] = [[_bytes_shown(cell) for cell in row] for row in rows]
        return found


def _bytes_shown(cell: str | None) -> str | None:
    if cell is None or not cell.startswith("\\x"):
        return cell
    return "0x" + cell[2:].upper() if cell[2:] else ""


def dumped(path: Path, url: str, *options: str) -> Path:
    program = bundled_binaries() / "pg_dump"
    command = [program, *options, "--file", path, url]
    subprocess.run(command, check=True, env={"PGTZ": "UTC"})
    return path


def check(reader: Reader, held: dict[str, list[list[str | None]]]) -> None:
    tables = {table.removeprefix("public."): table for table in reader.tables()}
    for name, rows in held.items():
        table = tables.pop(name.strip('"'))
        generated = [i for i, c in enumerate(reader.columns(table)) if c == "gen"]
        found, rejects = read(reader, table)
        assert rejects == []
        assert [[c for i, c in enumerate(row) if i not in generated] for row in found] == rows
    assert set(tables) <= {"nought", "part"}
    assert all(read(reader, table) == ([], []) for table in tables.values())
    notes = " ".join(reader.detected.notes[1:])
    assert "statement" not in notes
    assert "procedural" not in notes


@pytest.mark.parametrize("options", PG_DUMP, ids=lambda options: " ".join(options) or "plain")
def test_pg_dump(
    tmp_path: Path, database_url: str, held: dict[str, list[list[str | None]]], options: list[str]
) -> None:
    with open_source(dumped(tmp_path / "dump.sql", database_url, *options)) as reader:
        check(reader, held)


@pytest.mark.parametrize("options", [[], ["--inserts"]], ids=["COPY", "INSERT"])
def test_pg_dump_in_two_files(
    tmp_path: Path, database_url: str, held: dict[str, list[list[str | None]]], options: list[str]
) -> None:
    schema = dumped(tmp_path / "schema.sql", database_url, "--schema-only").read_bytes()
    path = dumped(tmp_path / "data.sql", database_url, "--data-only", *options)
    utf8 = Encoding("utf-8")
    first = SqlReader(tmp_path / "schema.sql", schema, utf8)
    check(SqlReader(path, path.read_bytes(), utf8, after=first.context), held)


def test_the_shell_of_sqlite(tmp_path: Path) -> None:
    if (shell := shutil.which("sqlite3")) is None:
        pytest.skip("the program sqlite3 is not installed")
    file, path = tmp_path / "a.sqlite", tmp_path / "dump.sql"
    database = sqlite3.connect(file)
    database.executescript(
        'CREATE TABLE "awk ward" (id INTEGER PRIMARY KEY AUTOINCREMENT, [na me] TEXT, `b t` BLOB, '
        'n NUMERIC, "or""der" TEXT, g TEXT GENERATED ALWAYS AS (id || \'x\'));'
        "CREATE TABLE nought (a, b);"
        "CREATE TRIGGER tr AFTER INSERT ON nought BEGIN INSERT INTO nought VALUES (1, ';'); END;"
        "CREATE VIEW v AS SELECT 'INSERT INTO nought VALUES (1, 2);' AS x;"
    )
    rows = [
        ("1", "a\nb'c;", b"\x00\xff", "12.5", "--x"),
        ("2", None, b"", None, ""),
        ("3", "😀\\n\r\n", b"text", "-9223372036854775808", "/* no */"),
        ("4", "\\", None, "7", '"q"\r'),
    ]
    database.executemany(
        'INSERT INTO "awk ward" (id, [na me], `b t`, n, "or""der") VALUES (?, ?, ?, ?, ?)', rows
    )
    database.commit()
    database.close()
    with path.open("wb") as out:
        subprocess.run([shell, file, ".dump"], stdout=out, check=True)
    with open_source(path) as reader:
        assert reader.tables() == ["awk ward", "nought"]
        assert reader.columns("awk ward") == ["id", "na me", "b t", "n", 'or"der', "g"]
        found, rejects = read(reader, "awk ward")
    assert rejects == []
    blobs = ["0x00FF", "", "0x74657874", None]
    assert found == [
        [row[0], row[1], blob, row[3], row[4], None] for row, blob in zip(rows, blobs, strict=True)
    ]
