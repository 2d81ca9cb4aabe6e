"""A live PostgreSQL as a source: one state, only read, every cell as the server writes it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.errors import DatabaseError, SourceError
from ispmig_pipelines.formats import ReadLimits
from ispmig_pipelines.formats.database.reader import Database, inspect_database, open_database
from ispmig_pipelines_tests.conftest import in_database
from ispmig_pipelines_tests.formats.database_reading import asked, column, rejects_of, rows_of

CELLS = [
    ("smallint", "-32768", "-32768"),
    ("bigint", "9223372036854775807", "9223372036854775807"),
    ("numeric", "1e-20", "0.00000000000000000001"),
    ("numeric(30,10)", "12345678901234567890.1", "12345678901234567890.1000000000"),
    ("numeric", "'NaN'", "NaN"),
    ("real", "0.1", "0.1"),
    ("real", "16777216", "1.6777216e+07"),
    ("double precision", "0.1::float8 + 0.2", "0.30000000000000004"),
    ("double precision", "'-infinity'", "-Infinity"),
    ("money", "1234.5", "$1,234.50"),
    ("boolean", "true", "true"),
    ("boolean", "false", "false"),
    ("text", "''", ""),
    ("text", "null", None),
    ("text", "E'a\\n\"b\",\\r\\n\\\\.\\t\\\\N'", 'a\n"b",\r\n\\.\t\\N'),
    ("text", "'Zoë 😀'", "Zoë 😀"),
    ("char(5)", "'ab'", "ab   "),
    ("date", "'2024-02-29'", "2024-02-29"),
    ("date", "'infinity'", "infinity"),
    ("timestamp", "'2024-01-02 03:04:05.000006'", "2024-01-02 03:04:05.000006"),
    ("timestamptz", "'2024-01-02 03:04:05+05:30'", "2024-01-01 21:34:05+00"),
    ("time", "'24:00'", "24:00:00"),
    ("interval", "'1 year 2 days 03:04:05'", "1 year 2 days 03:04:05"),
    ("bytea", "'\\x00ff'", "0x00FF"),
    ("bytea", "'hello'", "0x68656C6C6F"),
    ("json", "'{\"a\":  1.10}'", '{"a":  1.10}'),
    ("jsonb", "'{\"a\":  1.10}'", '{"a": 1.10}'),
    ("integer[]", "'{1,null,3}'", "{1,NULL,3}"),
    ("text[]", "array['a,b', 'c\"d']", '{"a,b","c\\"d"}'),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet", "'10.0.0.1/24'", "10.0.0.1/24"),
    ("cidr", "'2001:db8::/32'", "2001:db8::/32"),
    ("macaddr", "'08-00-2b-01-02-03'", "08:00:2b:01:02:03"),
    ("bit(4)", "B'1010'", "1010"),
    ("int4range", "'[1,5)'", "[1,5)"),
]


@pytest.fixture
def legacy(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def database(database_url: str, legacy: psycopg.Connection) -> Iterator[Database]:
    """Opened after the test has asked for it: everything that is there then is its state."""
    with open_database(database_url) as opened:
        yield opened


def test_every_cell_is_the_servers_own_text(legacy: psycopg.Connection, database_url: str) -> None:
    legacy.execute("create table cells (id int primary key)")
    for i, (kind, value, _) in enumerate(CELLS):
        legacy.execute(f"alter table cells add column c{i} {kind}")
        legacy.execute("insert into cells (id) values (1) on conflict do nothing")
        legacy.execute(f"update cells set c{i} = {value}")
    expected = {f"c{i}": text for i, (_, _, text) in enumerate(CELLS)}
    with open_database(database_url) as database:
        (by_table,) = rows_of(database.reader(table="cells"))
        (by_query,) = asked(database, "select * from cells")
    assert {c: by_table[c] for c in expected} == expected
    assert by_query == by_table


def test_what_the_server_is_set_to_changes_no_cell(
    legacy: psycopg.Connection, database_url: str
) -> None:
    name = urlsplit(database_url).path[1:]
    for setting in (
        "TimeZone = 'Asia/Tokyo'", "DateStyle = 'German, DMY'", "IntervalStyle = 'iso_8601'",
        "bytea_output = 'escape'", "extra_float_digits = -5", "statement_timeout = '10s'",
    ):  # fmt: skip
        legacy.execute(
            sql.SQL("alter database {} set ").format(sql.Identifier(name)) + sql.SQL(setting)
        )
    with open_database(database_url) as database:
        assert asked(
            database,
            "select '2024-01-02 00:00+00'::timestamptz a, '1 day'::interval b, '\\x00'::bytea c, "
            "0.1::float8 d, current_setting('statement_timeout') e",
        ) == [{"a": "2024-01-02 00:00:00+00", "b": "1 day", "c": "0x00", "d": "0.1", "e": "0"}]


def test_records_come_by_primary_key_in_batches_with_their_ordinals(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create table t (b int, a int, v text, primary key (b, a))")
    legacy.execute("insert into t select i / 10, 100 - i, 'x' || i from generate_series(1, 50) i")
    with open_database(database_url) as database:
        reader = database.reader(table="t")
        assert reader.columns("t") == ["b", "a", "v"]
        batches = list(reader.batches("t", 20))
    assert [b.cells.num_rows for b in batches] == [20, 20, 10]
    assert [n for b in batches for n in b.record.to_pylist()] == list(range(1, 51))
    assert all(b.line.null_count == len(b.line) for b in batches)
    keys = [(int(row["b"]), int(row["a"])) for b in batches for row in b.cells.to_pylist()]
    assert keys == sorted((i // 10, 100 - i) for i in range(1, 51))


def test_all_that_is_read_is_of_one_moment(legacy: psycopg.Connection, database_url: str) -> None:
    legacy.execute("create table a (id int primary key); create table b (id int primary key)")
    legacy.execute("insert into a select generate_series(1, 3)")
    with open_database(database_url) as database:
        first = database.reader(table="a")
        assert len(rows_of(first)) == 3
        legacy.execute("insert into a values (4); insert into b values (4)")
        legacy.execute("create table c ()")
        assert rows_of(database.reader(table="b")) == []
        assert len(rows_of(first)) == 3
    with open_database(database_url) as database:
        assert len(rows_of(database.reader(table="b"))) == 1


@pytest.mark.parametrize(
    "query",
    [
        "insert into t values (2)",
        "delete from t",
        "with gone as (delete from t returning *) select * from gone",
        "select 1; drop table t",
        "select 1) to stdout; commit; drop table t; copy (select 1",
        "select nextval('s')",
        "select setval('s', 100)",
        "select adds()",
        "select * into copied from t",
        "select * from t for update",
        "select set_config('transaction_read_only', 'off', false), adds()",
        "table t; commit",
        "select 1 /* */; -- \ncommit",
    ],
)
def test_nothing_can_be_changed_by_a_query(
    query: str, legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create table t (id int); insert into t values (1); create sequence s")
    legacy.execute(
        "create function adds() returns int language sql as 'insert into t values (9) returning id'"
    )
    with open_database(database_url) as database:
        with pytest.raises(SourceError):
            asked(database, query)
        # The refusal costs nothing else: the state that was begun with is read on.
        assert asked(database, "select count(*) n from t") == [{"n": "1"}]
    assert legacy.execute("select array_agg(id) from t").fetchone() == ([1],)
    assert legacy.execute("select last_value, is_called from s").fetchone() == (1, False)
    assert legacy.execute("select to_regclass('copied')").fetchone() == (None,)


def test_what_a_transaction_that_only_reads_lets_pass_is_rolled_back(
    legacy: psycopg.Connection, database_url: str
) -> None:
    """Before PostgreSQL 16 large objects may be made in one."""
    with open_database(database_url) as database, contextlib.suppress(SourceError):
        asked(database, "select lo_create(4711)")
    assert legacy.execute("select count(*) from pg_largeobject_metadata").fetchone() == (0,)


def test_a_query_keeps_its_order_and_its_columns_get_names_of_their_own(database: Database) -> None:
    query = "select i a, -i a, 'x' from generate_series(1, 3) i order by i desc -- so"
    reader = database.reader(query=query)
    assert reader.tables() == ["query"]
    assert reader.columns("query") == ["a", "a_2", "?column?"]
    assert [row["a"] for row in rows_of(reader)] == ["3", "2", "1"]


def test_percent_signs_and_quotes_in_names_are_names(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute('create schema "S""x"')
    legacy.execute('create table "S""x"."We%s ""T" ("a%b" int primary key, "c d" text)')
    legacy.execute('insert into "S""x"."We%s ""T" values (1, null)')
    with open_database(database_url) as database:
        reader = database.reader(table='S"x.We%s "T')
        assert rows_of(reader) == [{"a%b": "1", "c d": None}]
        assert asked(database, "select '%s %' a where 'x' like '%x'") == [{"a": "%s %"}]


def test_tables_views_partitions_and_schemas(legacy: psycopg.Connection, database_url: str) -> None:
    legacy.execute(
        "create table t (id int); create view v as select 1 id; create schema other; "
        "create table other.u (id int); create materialized view m as select 2 id; "
        "create table p (id int) partition by range (id); "
        "create table p1 partition of p for values from (0) to (10); insert into p values (5)"
    )
    with open_database(database_url) as database:
        assert sorted(database.reader().tables()) == ["other.u", "p", "t"]
        assert column(database, "v", "id") == ["1"]
        assert column(database, "m", "id") == ["2"]
        assert column(database, "p", "id") == ["5"]
        assert column(database, "OTHER.U", "id") == column(database, "public.t", "id") == []
        with pytest.raises(SourceError, match=r"no table 'othr\.u'; did you mean 'other\.u'\?"):
            database.reader(table="othr.u")
        with pytest.raises(SourceError, match=r"no table 'zzzzz'; there is "):
            database.reader(table="zzzzz")


def test_generated_dropped_and_no_columns(legacy: psycopg.Connection, database_url: str) -> None:
    legacy.execute("create table t (a int, gone int, b int generated always as (a + 1) stored)")
    legacy.execute("alter table t drop column gone; insert into t values (1); create table none ()")
    with open_database(database_url) as database:
        assert rows_of(database.reader(table="t")) == [{"a": "1", "b": "2"}]
        with pytest.raises(SourceError, match="none has no columns"):
            database.reader(table="none")


def test_one_column_of_nothing_is_records_all_the_same(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create table t (a text); insert into t values (null), (''), (null)")
    with open_database(database_url) as database:
        assert sorted(map(str, column(database, "t", "a"))) == ["", "None", "None"]


def test_records_that_row_security_hides_are_not_left_out_silently(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute(
        "create role guarded login; create table t (id int); insert into t values (1), (2); "
        "alter table t enable row level security; create policy one on t using (id = 1); "
        "grant select on t to guarded"
    )
    url = database_url.replace("://ispmig@", "://guarded@")
    try:
        with open_database(url) as database:
            with pytest.raises(SourceError, match="row-level security hides records"):
                rows_of(database.reader(table="t"))
            assert asked(database, "select id from t") == [{"id": "1"}]
            with pytest.raises(SourceError, match="row-level security"):
                rows_of(database.reader(table="t"))
    finally:
        legacy.execute("drop table t")


def test_a_table_that_may_not_be_read(legacy: psycopg.Connection, database_url: str) -> None:
    legacy.execute("create role nosy login; create table t (id int)")
    with (
        open_database(database_url.replace("://ispmig@", "://nosy@")) as database,
        pytest.raises(SourceError, match=r"the user may not read this \(SQLSTATE 42501\)"),
    ):
        rows_of(database.reader(table="t"))


def test_what_is_wrong_with_a_query_is_told_in_the_servers_words(
    legacy: psycopg.Connection, database: Database
) -> None:
    with pytest.raises(SourceError, match='column "nosuch" does not exist'):
        database.reader(query="select nosuch from pg_class")
    with pytest.raises(SourceError, match="syntax error at end of input"):
        database.reader(query="select 1 from")


def test_no_cell_is_in_an_error(legacy: psycopg.Connection, database_url: str) -> None:
    legacy.execute("create table t (a text); insert into t values ('Ann Secret')")
    with open_database(database_url) as database, pytest.raises(SourceError) as raised:
        asked(database, "select a::int from t")
    assert "Secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert "SQLSTATE 22P02" in str(raised.value)


def test_a_connection_that_is_lost_in_the_middle_is_worth_another_try(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create table t as select repeat('x', 2000) x from generate_series(1, 30000) i")
    with open_database(database_url) as database:
        batches = database.reader(table="t").batches("t", 100)
        next(batches)
        legacy.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'ispmig' and datname = current_database()"
        )
        with pytest.raises(DatabaseError) as raised:
            list(batches)
    assert raised.value.transient


def test_reading_that_is_given_up_leaves_the_state_to_read_on_from(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create table t as select i from generate_series(1, 200000) i")
    with open_database(database_url) as database:
        batches = database.reader(table="t").batches("t", 10)
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        assert asked(database, "select count(*) n from t") == [{"n": "200000"}]


def test_a_cell_beyond_the_limit_is_set_aside(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create table t (id int primary key, x text)")
    legacy.execute("insert into t values (1, 'a'), (2, repeat('b', 2000)), (3, 'c')")
    with open_database(database_url, limits=ReadLimits(max_cell_bytes=1000)) as database:
        reader = database.reader(table="t")
        assert [row["id"] for row in rows_of(reader)] == ["1", "3"]
        (reject,) = rejects_of(reader)
        assert (reject.record, reject.rule) == (2, "record.unreadable")


@pytest.fixture
def unknowing(server_url: str) -> Iterator[str]:
    """A database that does not know its encoding."""
    name = "test_unknowing"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"drop database if exists {name}")
        admin.execute(f"create database {name} encoding 'SQL_ASCII' template template0 locale 'C'")
        yield in_database(server_url, name)
        admin.execute(f"drop database {name} with (force)")


def test_a_database_that_does_not_know_its_encoding(unknowing: str) -> None:
    with psycopg.connect(unknowing, autocommit=True, client_encoding="SQL_ASCII") as legacy:
        legacy.execute("create table t (id int primary key, a text)")
        for i, raw in enumerate((b"plain", "Zoë".encode(), "Zoë".encode("latin-1"))):
            legacy.execute(b"insert into t values (%d, '%s')" % (i + 1, raw))
    with open_database(unknowing) as database:
        reader = database.reader(table="t")
        assert "does not know its encoding" in reader.detected.notes[0]
        assert rows_of(reader) == [{"id": "1", "a": "plain"}, {"id": "2", "a": "Zoë"}]
        (reject,) = rejects_of(reader)
        assert (reject.record, reject.rule, reject.text) == (3, "record.encoding", "3\tZo\\xeb")
    with open_database(unknowing, encoding="windows-1252") as database:
        assert column(database, "t", "a") == ["plain", "ZoÃ«", "Zoë"]


def test_an_encoding_is_not_for_a_database_that_knows_its_own(
    legacy: psycopg.Connection, database_url: str
) -> None:
    with pytest.raises(SourceError, match=r"knows its own encoding \(UTF8\)"):
        open_database(database_url, encoding="latin-1")


def test_who_and_what_is_wrong_at_connecting(database_url: str) -> None:
    with pytest.raises(SourceError, match="no database of that name"):
        open_database(in_database(database_url, "nosuch"))
    with pytest.raises(SourceError, match="does not let this user in") as raised:
        open_database(database_url.replace("://ispmig@", "://nobody:hunter2@"))
    assert "hunter2" not in str(raised.value)
    assert "nobody:***@" in str(raised.value)


def test_the_digest_is_of_the_cells_and_known_when_they_are_read(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create table t (id int primary key, a text); insert into t values (1, 'x')")

    def digest(size: int = 10) -> str:
        with open_database(database_url) as database:
            reader = database.reader(table="t")
            with pytest.raises(ValueError, match="to its end"):
                reader.sha256()
            assert reader.size == 0
            rows_of(reader, size=size)
            assert reader.size > 0
            return reader.sha256()

    before = digest()
    assert digest(size=1) == before
    legacy.execute("update t set a = 'y'")
    assert digest() != before


def test_inspecting_it_tells_tables_columns_and_counts(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create table t (id int primary key, mail text); create view v as table t")
    legacy.execute("insert into t values (1, 'a@example.com'), (2, null)")
    found = inspect_database(database_url)
    assert found["format"] == "postgresql"
    assert found["path"].startswith("postgresql://ispmig@")
    assert found["dialect"]["product"].startswith("PostgreSQL ")
    (table,) = found["tables"]
    assert (table["name"], table["rows"]) == ("t", 2)
    assert table["columns"] == [
        {"name": "id", "type": "integer", "nulls": 0},
        {"name": "mail", "type": "email", "nulls": 1},
    ]


def test_what_statistics_expect(legacy: psycopg.Connection, database_url: str) -> None:
    legacy.execute(
        "create table t as select generate_series(1, 1000) i; create table fresh (i int)"
    )
    legacy.execute("analyze t")
    with open_database(database_url) as database:
        assert database.reader(table="t").expected("t") == 1000
        assert database.reader(table="fresh").expected("fresh") is None
        assert database.reader(query="select 1").expected("query") is None


def test_a_platforms_own_database_is_not_looked_into(
    legacy: psycopg.Connection, database_url: str
) -> None:
    legacy.execute("create schema ispmig")
    legacy.execute("create table ispmig.data_migrations (id int)")
    with pytest.raises(SourceError, match="the database of a platform"):
        inspect_database(database_url)
