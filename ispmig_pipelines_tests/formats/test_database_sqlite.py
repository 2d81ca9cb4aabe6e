"""SQLite as a source: as a live database by its URL, and as a file known by its content."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import ReadLimits, open_source
from ispmig_pipelines.formats.database.reader import Database, inspect_database, open_database
from ispmig_pipelines.formats.database.sqlite_file import SqliteFileReader
from ispmig_pipelines.formats.inspect import inspect
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.formats.database_reading import asked, column, rejects_of, rows_of


def make(path: Path, script: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


def opened(path: Path) -> Database:
    return open_database(f"sqlite:///{path}")


@pytest.fixture
def chinook() -> Path:
    return corpus("sql_chinook/Chinook_Sqlite.sqlite")


def test_a_real_database_has_what_is_known_of_it(chinook: Path) -> None:
    """Counts as independently known (INDEX.md of the corpora)."""
    expected = {
        name: int(count)
        for name, count in (
            line.split("\t")[:2]
            for line in (chinook.parent / "expected_counts.tsv").read_text().splitlines()
            if line.rpartition("\t")[2].isdigit()
        )
    }
    found = inspect(chinook)
    assert found["format"] == "sqlite"
    assert found["bytes"] == chinook.stat().st_size
    assert found["problems"] == found["questions"] == []
    counts = {table["name"]: table["rows"] for table in found["tables"]}
    assert len(counts) == 11
    assert sum(counts.values()) == 15_607
    assert {k.lower().replace("_", ""): v for k, v in counts.items()} == {
        k.lower().replace("_", ""): v for k, v in expected.items()
    }


def test_its_records_are_those_of_its_own_script_cell_for_cell(chinook: Path) -> None:
    with (
        open_source(chinook) as database,
        open_source(chinook.with_name("Chinook_Sqlite.sql")) as script,
    ):
        assert sorted(database.tables()) == sorted(script.tables())
        for table in database.tables():
            assert rows_of(database, table) == rows_of(script, table), table


CELLS = [
    ("integer", "-9223372036854775808", "-9223372036854775808"),
    ("real", "0.1", "0.1"),
    ("real", "5", "5.0"),
    ("decimal(10,2)", "12.50", "12.5"),
    ("text", "''", ""),
    ("text", "null", None),
    ("text", "'007'", "007"),
    ("text", "'Zoë 😀 \n'", "Zoë 😀 \n"),
    ("integer", "'not a number'", "not a number"),
    ("blob", "x'00ff'", "0x00FF"),
    ("blob", "x'6869'", "0x6869"),
    ("text", "x'6869'", "hi"),
    ("datetime", "'2024-02-29 00:00:00'", "2024-02-29 00:00:00"),
    ("", "1e100", "1e+100"),
]


def test_a_cell_is_what_was_stored_whatever_the_column_was_declared(tmp_path: Path) -> None:
    columns = ", ".join(f"c{i} {kind}" for i, (kind, _, _) in enumerate(CELLS))
    values = ", ".join(value for _, value, _ in CELLS)
    path = make(tmp_path / "a.db", f"create table t ({columns}); insert into t values ({values});")
    expected = {f"c{i}": text for i, (_, _, text) in enumerate(CELLS)}
    with opened(path) as database:
        assert rows_of(database.reader(table="t")) == [expected]


def test_values_of_all_types_may_stand_in_one_column(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "create table t (a); insert into t values (1), (2.5), ('x'), (null), (x'ff'), ('');",
    )
    with opened(path) as database:
        assert column(database, "t", "a") == ["1", "2.5", "x", None, "0xFF", ""]


def test_records_come_in_order_of_row_ids_or_of_the_key_where_there_are_none(
    tmp_path: Path,
) -> None:
    path = make(
        tmp_path / "a.db",
        "create table t (name text primary key); insert into t values ('b'), ('c'), ('a');"
        "create table w (name text primary key) without rowid;"
        "insert into w values ('b'), ('c'), ('a');"
        "create table shadowed (rowid text, oid int);"
        "insert into shadowed values ('z', 1), ('y', 2);",
    )
    with opened(path) as database:
        assert column(database, "t", "name") == ["b", "c", "a"]
        assert column(database, "w", "name") == ["a", "b", "c"]
        assert column(database, "shadowed", "rowid") == ["z", "y"]


def test_tables_views_virtual_tables_and_hidden_ones(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        'create table "o""dd %s" (a integer primary key autoincrement, b as (a + 1));'
        'insert into "o""dd %s" (a) values (1);'
        "create view v as select 5 id; create virtual table f using fts5(body);"
        "insert into f values ('text');",
    )
    with opened(path) as database:
        assert database.reader().tables() == ['o"dd %s', "f"]
        assert rows_of(database.reader(table='o"dd %s')) == [{"a": "1", "b": "2"}]
        assert column(database, "v", "id") == ["5"]
        assert column(database, "f", "body") == ["text"]
        with pytest.raises(SourceError, match=r"no table 'w'; there is "):
            database.reader(table="w")


def test_text_that_is_no_utf8_or_holds_a_zero_byte_is_set_aside(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "create table t (id integer primary key, a text); insert into t values (1, 'fine'), "
        "(2, cast(x'5a6feb' as text)), (3, 'a' || char(0) || 'b'), (4, 'fine too');",
    )
    with opened(path) as database:
        reader = database.reader(table="t")
        assert [row["id"] for row in rows_of(reader)] == ["1", "4"]
        assert [(r.record, r.rule, r.text) for r in rejects_of(reader)] == [
            (2, "record.encoding", "2\tZo\\xeb"),
            (3, "record.unreadable", "3\ta\\x00b"),
        ]


@pytest.mark.parametrize(
    "query",
    [
        "insert into t values (2)",
        "with x as (select 1) insert into t select * from x",
        "attach '{folder}/new.db' as n",
        "select 1; drop table t",
        "select load_extension('x')",
        "select * from pragma_journal_mode",
        "vacuum into '{folder}/new.db'",
    ],
)
def test_nothing_can_be_changed_by_a_query(query: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "create table t (id int); insert into t values (1);")
    before = path.read_bytes()
    with opened(path) as database:
        with pytest.raises(SourceError):
            asked(database, query.replace("{folder}", str(tmp_path)))
        assert asked(database, "select count(*) n from t") == [{"n": "1"}]
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.db"]  # noqa: PTH208


def test_a_query_that_is_wrong_is_told_in_its_own_words(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "create table t (id int);")
    with opened(path) as database, pytest.raises(SourceError, match="no such column: nosuch"):
        asked(database, "select nosuch from t")


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Path]:
    """A database whose last records are in its write-ahead log, its program still running."""
    path = tmp_path / "live" / "a.db"
    path.parent.mkdir()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("pragma journal_mode = wal")
    writer.execute("create table t (id int)")
    writer.execute("insert into t values (1)")
    writer.execute("pragma wal_checkpoint(truncate)")
    writer.execute("insert into t values (2)")
    yield path
    writer.close()


def test_what_is_in_the_write_ahead_log_is_read_too(logged: Path) -> None:
    with opened(logged) as database:
        assert column(database, "t", "id") == ["1", "2"]
        assert "a.db-wal beside it" in database.reader(table="t").detected.notes[0]
    with open_source(logged) as reader:
        assert [row["id"] for row in rows_of(reader, "t")] == ["1", "2"]


def test_the_digest_of_a_file_covers_its_write_ahead_log(logged: Path) -> None:
    def digest() -> str:
        with open_source(logged) as reader:
            rows_of(reader, "t")
            return reader.sha256()

    before, file = digest(), logged.read_bytes()
    writer = sqlite3.connect(logged)
    with writer:
        writer.execute("insert into t values (3)")
    assert logged.read_bytes() == file
    assert digest() != before
    writer.close()


def test_a_live_database_is_read_as_of_one_moment(logged: Path) -> None:
    with opened(logged) as database:
        writer = sqlite3.connect(logged)
        with writer:
            writer.execute("insert into t values (3)")
        writer.close()
        assert column(database, "t", "id") == ["1", "2"]


def test_a_copy_in_that_mode_without_its_log_is_whole(logged: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(logged, copy)
    with open_source(copy) as reader:
        assert [row["id"] for row in rows_of(reader, "t")] == ["1"]
    # Reading it has left nothing beside it.
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.db", "live"]


def test_a_journal_of_an_unfinished_change_is_not_overlooked(tmp_path: Path) -> None:
    live = tmp_path / "live.db"
    writer = sqlite3.connect(live, isolation_level=None)
    writer.execute("create table t (id int, x text)")
    writer.execute("insert into t values (1, 'a')")
    writer.execute("pragma cache_size = 1")
    writer.execute("begin")
    for i in range(2, 400):
        writer.execute("insert into t values (?, ?)", [i, "x" * 1000])
    copy = tmp_path / "crashed.db"
    shutil.copy(live, copy)
    shutil.copy(tmp_path / "live.db-journal", tmp_path / "crashed.db-journal")
    writer.close()
    with pytest.raises(SourceError), open_source(copy) as reader:
        rows_of(reader, "t")


def test_a_file_that_is_damaged_cut_short_or_none(tmp_path: Path, chinook: Path) -> None:
    whole = chinook.read_bytes()
    short = tmp_path / "short.sqlite"
    short.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="is cut short"):
        open_source(short)
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(whole[:4096] + b"\x55" * 40_960 + whole[45_056:])
    with pytest.raises(SourceError, match=r"damaged or cut short \(SQLITE_CORRUPT"):
        inspect(damaged)
    encrypted = tmp_path / "encrypted.sqlite"
    encrypted.write_bytes(os.urandom(8192))
    with pytest.raises(SourceError, match="is not an SQLite database, or it is encrypted"):
        opened(encrypted)
    with pytest.raises(SourceError, match="is not there"):
        opened(tmp_path / "nosuch.sqlite")
    with pytest.raises(SourceError, match="is a folder"):
        opened(tmp_path)
    assert not (tmp_path / "nosuch.sqlite").exists()


def test_an_empty_database_has_no_tables(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "create table t (a); drop table t;")
    with opened(path) as database, pytest.raises(SourceError, match="has no table"):
        database.reader().tables()


@pytest.mark.parametrize("pack", ["gzip", "zip"])
def test_a_packed_database_is_read_from_memory(pack: str, tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "pragma journal_mode = wal; create table t (a); insert into t values ('x');",
    )
    packed = tmp_path / f"a.{pack}"
    if pack == "gzip":
        packed.write_bytes(gzip.compress(path.read_bytes()))
    else:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, "inner/a.db")
    with open_source(packed) as reader:
        assert reader.detected.compression == pack
        assert rows_of(reader, "t") == [{"a": "x"}]
        assert len(reader.sha256()) == 64


def test_a_packed_database_too_large_for_memory_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "create table t (a); insert into t values (randomblob(30000));")
    packed = tmp_path / "a.db.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(SourceError, match=r"Unpack it, or copy it to this machine"):
        open_source(packed, limits=ReadLimits(max_held_bytes=10_000))


def test_a_file_that_is_written_to_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "create table t (a); insert into t values ('x');")
    with SqliteFileReader(path) as reader:
        rows_of(reader, "t")
        make(path, "insert into t values ('y');")
        with pytest.raises(SourceError, match="was written to while it was read"):
            reader.sha256()


def test_a_url_is_relative_to_the_folder_that_is_named(tmp_path: Path) -> None:
    make(tmp_path / "a b.db", "create table t (mail text); insert into t values ('a@example.com');")
    found = inspect_database("sqlite:///a b.db", folder=tmp_path)
    assert found["path"] == "sqlite:///a b.db"
    assert found["tables"] == [
        {"name": "t", "rows": 1, "columns": [{"name": "mail", "type": "email", "nulls": 0}]}
    ]


def test_text_of_another_encoding_is_read_where_it_is_named(tmp_path: Path) -> None:
    raw = "Привет".encode("cp1251").hex()
    path = make(
        tmp_path / "a.db",
        f'create table "Имя" ("поле" text); insert into "Имя" values (cast(x\'{raw}\' as text));',
    )
    with open_database(f"sqlite:///{path}", encoding="windows-1251") as database:
        assert rows_of(database.reader(table="Имя")) == [{"поле": "Привет"}]
        assert asked(database, 'select "поле" from "Имя"') == [{"поле": "Привет"}]
