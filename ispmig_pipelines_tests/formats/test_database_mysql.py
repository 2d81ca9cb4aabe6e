"""A live MySQL or MariaDB as a source, on a real server where one is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ispmig_pipelines.errors import DatabaseError, SourceError
from ispmig_pipelines.formats.database.reader import inspect_database, open_database
from ispmig_pipelines_tests.formats.database_reading import asked, column, rejects_of, rows_of
from ispmig_pipelines_tests.formats.mariadb import MysqlServer, mysql_server

CELLS = [
    ("tinyint(1)", "1", "1"),
    ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
    ("int(8) zerofill", "42", "00000042"),
    ("decimal(30,10)", "12345678901234567890.1", "12345678901234567890.1000000000"),
    ("float", "19.99", "19.99"),
    ("float", "16777216", "16777216"),
    ("float", "1e30", "1e+30"),
    ("float(10,2)", "0.5", "0.50"),
    ("double", "0.1", "0.1"),
    ("double", "1e20", "1e20"),
    ("varchar(50)", "''", ""),
    ("varchar(50)", "null", None),
    ("varchar(50)", "'Zoë 😀 \\\\ \\' \\n'", "Zoë 😀 \\ ' \n"),
    ("varchar(20) character set latin1", "'é'", "é"),
    ("varchar(20) character set cp1251", "'Привет'", "Привет"),
    ("char(5)", "'ab'", "ab"),
    ("enum('a','b')", "'b'", "b"),
    ("set('x','y')", "'x,y'", "x,y"),
    ("date", "'0000-00-00'", "0000-00-00"),
    ("date", "'2024-00-15'", "2024-00-15"),
    ("datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    ("datetime(6)", "'2024-02-29 10:00:00.000001'", "2024-02-29 10:00:00.000001"),
    ("time", "'838:59:59'", "838:59:59"),
    ("time", "'-00:00:01'", "-00:00:01"),
    ("year", "2024", "2024"),
    ("blob", "0x00ff", "0x00FF"),
    ("blob", "'hello'", "0x68656C6C6F"),
    ("varbinary(20)", "'text'", "0x74657874"),
    ("varbinary(20)", "0xfffe", "0xFFFE"),
    ("binary(16)", "0x01", "0x01" + "00" * 15),
    ("bit(10)", "b'1000000001'", "513"),
    ("bit(1)", "b'0'", "0"),
    ("json", "'{\"a\": 1.10}'", '{"a": 1.10}'),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MysqlServer]:
    # A socket's path may have 100 characters.
    with mysql_server(tmp_path_factory.mktemp("my")) as running:
        yield running


@pytest.fixture
def legacy(server: MysqlServer) -> Iterator[MysqlServer]:
    """A server with an empty database of the test's own."""
    server.run("create database legacy character set utf8mb4")
    yield server
    server.run("drop database legacy")


def in_legacy(server: MysqlServer, *statements: str) -> None:
    server.run("set sql_mode = ''", *statements, database="legacy")


def test_every_cell_is_the_servers_own_text(legacy: MysqlServer) -> None:
    columns = ", ".join(f"c{i} {kind}" for i, (kind, _, _) in enumerate(CELLS))
    in_legacy(
        legacy,
        f"create table cells ({columns})",
        f"insert into cells values ({', '.join(value for _, value, _ in CELLS)})",
    )
    with open_database(legacy.url()) as database:
        (row,) = rows_of(database.reader(table="cells"))
        (answer,) = asked(database, "select * from cells")
    assert row == {f"c{i}": text for i, (_, _, text) in enumerate(CELLS)}
    # The type of a query's column is not known: FLOAT has six digits there.
    different = {c for c in row if answer[c] != row[c]}
    assert {CELLS[int(c[1:])][:2] for c in different} == {("float", "16777216"), ("float", "1e30")}


def test_timestamps_are_in_utc(legacy: MysqlServer) -> None:
    in_legacy(legacy, "create table t (a timestamp null)", "set time_zone = '+05:30'",
              "insert into t values ('2024-01-01 10:00:00')")  # fmt: skip
    with open_database(legacy.url()) as database:
        assert column(database, "t", "a") == ["2024-01-01 04:30:00"]


def test_utf8_put_into_latin1_comes_as_it_stands_and_a_query_can_convert_it(
    legacy: MysqlServer,
) -> None:
    in_legacy(legacy, "create table t (a varchar(20) character set latin1)",
              "insert into t values (x'5a6fc3ab')")  # fmt: skip
    with open_database(legacy.url()) as database:
        assert column(database, "t", "a") == ["ZoÃ«"]
        query = "select convert(cast(convert(a using latin1) as binary) using utf8mb4) a from t"
        assert asked(database, query) == [{"a": "Zoë"}]


def test_a_zero_byte_sets_its_record_aside(legacy: MysqlServer) -> None:
    in_legacy(legacy, "create table t (id int primary key, a text)",
              "insert into t values (1, 'x'), (2, 'a\\0b'), (3, 'y')")  # fmt: skip
    with open_database(legacy.url()) as database:
        reader = database.reader(table="t")
        assert [row["id"] for row in rows_of(reader)] == ["1", "3"]
        (reject,) = rejects_of(reader)
        assert (reject.record, reject.rule, reject.text) == (2, "record.unreadable", "2\ta\\x00b")


def test_records_come_by_primary_key(legacy: MysqlServer) -> None:
    in_legacy(
        legacy,
        "create table t (v text, b int, a int, primary key (b, a))",
        "insert into t values ('d', 2, 2), ('a', 1, 1), ('c', 2, 1), ('b', 1, 2)",
    )
    with open_database(legacy.url()) as database:
        reader = database.reader(table="t")
        batches = list(reader.batches("t", 3))
    assert [v for b in batches for v in b.cells["v"].to_pylist()] == ["a", "b", "c", "d"]
    assert [n for b in batches for n in b.record.to_pylist()] == [1, 2, 3, 4]


def test_all_that_is_read_is_of_one_moment(legacy: MysqlServer) -> None:
    in_legacy(legacy, "create table a (id int)", "create table b (id int)",
              "insert into a values (1)")  # fmt: skip
    with open_database(legacy.url()) as database:
        in_legacy(legacy, "insert into a values (2)", "insert into b values (2)")
        assert column(database, "a", "id") == ["1"]
        assert column(database, "b", "id") == []


@pytest.mark.parametrize(
    "query",
    [
        "insert into t values (2)",
        "with x as (select 1) delete from t",
        "select 1; drop table t",
        "select * from t for update",
        "select * from t into outfile '{folder}/x'",
        "select 'a' into dumpfile '{folder}/x'",
        "select adds()",
        "select 1 /*! ; drop table t */",
        "create table u (a int)",
        "set global max_connections = 5",
    ],
)
def test_nothing_can_be_changed_by_a_query(query: str, legacy: MysqlServer) -> None:
    in_legacy(
        legacy,
        "create table t (id int)",
        "insert into t values (1)",
        "create function adds() returns int modifies sql data begin insert into t values (9); "
        "return 1; end",
    )
    folder = legacy.socket.parent
    with open_database(legacy.url()) as database:
        with pytest.raises(SourceError):
            asked(database, query.replace("{folder}", str(folder)))
        assert asked(database, "select count(*) n from t") == [{"n": "1"}]
    assert legacy.ask("select count(*), max(id) from legacy.t") == [(1, 1)]
    assert not (folder / "x").exists()


def test_tables_views_and_other_databases(legacy: MysqlServer) -> None:
    in_legacy(
        legacy,
        "create table `we``ird %s` (`a b` int)",
        "insert into `we``ird %s` values (7)",
        "create view v as select 1 id",
    )
    legacy.run("create database other", "create table other.o (id int)",
               "insert into other.o values (5)")  # fmt: skip
    try:
        with open_database(legacy.url()) as database:
            assert database.reader().tables() == ["we`ird %s"]
            assert rows_of(database.reader()) == [{"a b": "7"}]
            assert column(database, "v", "id") == ["1"]
            assert column(database, "other.o", "id") == ["5"]
            with pytest.raises(SourceError, match=r"no table 'weird'; did you mean 'we`ird %s'\?"):
                database.reader(table="weird")
    finally:
        legacy.run("drop database other")


def test_what_is_no_innodb_is_told(legacy: MysqlServer) -> None:
    in_legacy(legacy, "create table t (id int) engine = MyISAM")
    with open_database(legacy.url()) as database:
        assert "engine MyISAM know no snapshot" in database.reader(table="t").detected.notes[0]


def test_columns_of_a_query_get_names_of_their_own_in_any_language(legacy: MysqlServer) -> None:
    with open_database(legacy.url()) as database:
        reader = database.reader(query="select 1 `naïve`, 2 `naïve`, 'ü' b, b'101' c")
        assert reader.columns("query") == ["naïve", "naïve_2", "b", "c"]
        assert list(rows_of(reader)[0].values())[:3] == ["1", "2", "ü"]


def test_what_is_wrong_with_a_query_is_told_and_no_cell(legacy: MysqlServer) -> None:
    in_legacy(legacy, "create table t (a text)", "insert into t values ('Ann Secret'), ('B')")
    with open_database(legacy.url()) as database:
        with pytest.raises(SourceError, match="Unknown column 'nosuch'"):
            asked(database, "select nosuch from t")
        with pytest.raises(SourceError, match="nosuch' doesn't exist"):
            asked(database, "select 1 from nosuch")
        with pytest.raises(SourceError, match="error 1242") as raised:
            asked(database, "select (select a from t)")
        assert "Secret" not in str(raised.value)
        # And the connection is still there.
        assert asked(database, "select 1 a") == [{"a": "1"}]


def test_a_connection_that_is_lost_in_the_middle_is_worth_another_try(legacy: MysqlServer) -> None:
    in_legacy(legacy, "create table t (a text)", "insert into t values (repeat('x', 2000))",
              *["insert into t select * from t"] * 14)  # fmt: skip
    with open_database(legacy.url()) as database:
        batches = database.reader(table="t").batches("t", 50)
        next(batches)
        for number, *_ in legacy.ask("show processlist"):
            if legacy.ask(f"select db from information_schema.processlist where id = {number}") == [
                ("legacy",)
            ]:
                legacy.run(f"kill {number}")
        with pytest.raises(DatabaseError) as raised:
            list(batches)
    assert raised.value.transient


def test_reading_that_is_given_up_ends_the_connection_and_says_so(legacy: MysqlServer) -> None:
    in_legacy(legacy, "create table t (a text)", "insert into t values (repeat('x', 2000))",
              *["insert into t select * from t"] * 14)  # fmt: skip
    with open_database(legacy.url()) as database:
        batches = database.reader(table="t").batches("t", 50)
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        with pytest.raises(DatabaseError, match="an earlier reading was given up"):
            asked(database, "select 1")


def test_who_and_what_is_wrong_at_connecting(legacy: MysqlServer) -> None:
    with pytest.raises(SourceError, match="no database of that name"):
        open_database(legacy.url("nosuch"))
    with pytest.raises(SourceError, match="does not let this user in") as raised:
        open_database(legacy.url(user="nobody").replace("nobody@", "nobody:${P}@"),
                      environment={"P": "hunter2"})  # fmt: skip
    assert "hunter2" not in str(raised.value)
    with pytest.raises(SourceError, match="names no database"):
        open_database(legacy.url(""))
    legacy.run("create user reader@localhost", "grant select on legacy.* to reader@localhost")
    in_legacy(legacy, "create table t (id int)")
    with open_database(legacy.url(user="reader")) as database:
        assert column(database, "t", "id") == []
        with pytest.raises(SourceError, match="the user may not read this"):
            asked(database, "select user from mysql.global_priv")
    legacy.run("drop user reader@localhost")


def test_a_server_that_cannot_encrypt_is_refused_where_encryption_is_asked_for(
    legacy: MysqlServer,
) -> None:
    if legacy.ask("show variables like 'have_ssl'")[0][1] == "YES":
        pytest.skip("this server encrypts")
    with pytest.raises(SourceError, match="the encrypted connection failed"):
        open_database(legacy.url() + "&ssl_verify_identity=true")


def test_inspecting_it_tells_tables_columns_and_counts(legacy: MysqlServer) -> None:
    in_legacy(legacy, "create table t (id int primary key, mail text)",
              "insert into t values (1, 'a@example.com'), (2, null)")  # fmt: skip
    found = inspect_database(legacy.url())
    (table,) = found["tables"]
    assert (found["format"], table["name"], table["rows"]) == ("mysql", "t", 2)
    assert [c["type"] for c in table["columns"]] == ["integer", "email"]


def test_an_encoding_is_not_for_a_database_that_knows_its_own(legacy: MysqlServer) -> None:
    with pytest.raises(SourceError, match="knows the encodings of its columns"):
        open_database(legacy.url(), encoding="latin-1")
