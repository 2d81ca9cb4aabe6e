"""What was loaded is read back: a value that is another one is found, in whatever column."""

from __future__ import annotations

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from ispmig_pipelines.backup.manifest import Column, Table
from ispmig_pipelines.backup.piece import identity
from ispmig_pipelines.backup.restore import read_back
from ispmig_pipelines.backup.restore.loading import Loaded, load
from ispmig_pipelines.backup.restore.read_back import check_loaded
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.platform.server import SESSION
from ispmig_pipelines_tests.backup.rows import cells, every_type

KEY = b"k" * 32
SQL_TYPES = {
    "bool": "boolean", "int16": "smallint", "int32": "integer", "int64": "bigint",
    "float": "real", "double": "double precision", "decimal128(38, 10)": "numeric(38, 10)",
    "decimal128(12, 2)": "numeric(12, 2)", "date32": "date", "time64[us]": "time",
    "timestamp[us]": "timestamp", "timestamp[us, tz=UTC]": "timestamptz", "string": "text",
    "binary": "bytea",
}  # fmt: skip


def named(kind: pa.DataType) -> str:
    return {"date32[day]": "date32"}.get(str(kind), str(kind))


def made(driver: psycopg.Connection, batch: pa.RecordBatch) -> Table:
    """An empty table for the rows."""
    columns = tuple(
        Column(name=f.name, type=SQL_TYPES[named(f.type)], piece_type=named(f.type))
        for f in batch.schema
    )
    driver.execute(
        sql.SQL("create schema side; create table side.t ({})").format(
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in columns
            )
        )
    )
    return Table(name="t", columns=columns, key=(), rows=batch.num_rows)


@pytest.fixture
def session(database_url: str) -> psycopg.Connection:
    connection = psycopg.connect(database_url)
    for name, value in SESSION.items():
        connection.execute("select set_config(%s, %s, false)", [name, value])
    connection.commit()
    return connection


def put(driver: psycopg.Connection, table: Table, *batches: pa.RecordBatch) -> Loaded:
    return load(
        driver,
        sql.Identifier("side", "t"),
        [(identity(batch, KEY), batch) for batch in batches],
        frozenset(column.name for column in table.columns),
    )


@pytest.mark.empty_database
@pytest.mark.parametrize("floating", [True, False])
def test_every_type_is_read_back_as_it_was_sent(
    session: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, floating: bool
) -> None:
    batch = every_type()
    if not floating:
        # What Arrow may write with an exponent.
        odd = ("float", "double", "decimal128(38, 10)")
        batch = batch.select([n for n in batch.schema.names if n not in odd])

        def rows(*arguments: object) -> None:
            raise AssertionError("the server was to write the same words")

        monkeypatch.setattr(read_back, "rows", rows)
    with session.transaction():
        table = made(session, batch)
        check_loaded(session, "side", table, put(session, table, batch), KEY)
        for column in table.columns:
            for change in ("null", sample(column.type)):
                with session.transaction() as inner:
                    session.execute(
                        sql.SQL("update side.t set {} = {}").format(
                            sql.Identifier(column.name), sql.SQL(change)
                        )
                    )
                    monkeypatch.undo()
                    loaded = Loaded([(identity(batch, KEY), 3)], tuple(batch.schema.names))
                    with pytest.raises(BackupError, match="are others in the database"):
                        check_loaded(session, "side", table, loaded, KEY)
                    raise psycopg.Rollback(inner)
        raise psycopg.Rollback()


def sample(type_: str) -> str:
    """Another value than any of those of :func:`every_type`."""
    values = {
        "boolean": "not coalesce(\"bool\", false)", "date": "'2001-01-01'", "time": "'01:02:03'",
        "timestamp": "'2001-01-01 00:00:00.1'", "timestamptz": "'2001-01-01 00:00:00.1Z'",
        "text": "'other'", "bytea": "'\\x07'::bytea",
    }  # fmt: skip
    return values.get(type_, "77")


@pytest.mark.empty_database
def test_columns_without_anything_are_left_out_until_something_comes(
    session: psycopg.Connection,
) -> None:
    first = pa.record_batch({"a": pa.array([1, 2]), "b": pa.nulls(2, pa.string())})
    second = pa.record_batch({"a": pa.nulls(1, pa.int64()), "b": pa.array(["x"])})
    with session.transaction():
        table = made(session, first)
        loaded = put(session, table, first, second)
        assert session.execute("select * from side.t").fetchall() == [
            (1, None), (2, None), (None, "x"),
        ]  # fmt: skip
        check_loaded(session, "side", table, loaded, KEY)
        session.execute("truncate side.t")
        loaded = put(session, table, first)
        assert loaded.columns == ("a",)
        check_loaded(session, "side", table, loaded, KEY)
        session.execute("update side.t set b = 'y' where a = 2")
        with pytest.raises(BackupError, match="are others in the database"):
            check_loaded(session, "side", table, loaded, KEY)
        session.execute("truncate side.t")
        nothing = pa.record_batch({"a": pa.nulls(3, pa.int64()), "b": pa.nulls(3, pa.string())})
        check_loaded(session, "side", table, put(session, table, nothing), KEY)
        assert session.execute("select count(*) from side.t").fetchone() == (3,)
        raise psycopg.Rollback()


@pytest.mark.empty_database
def test_rows_that_are_more_or_fewer_or_in_other_places_are_found(
    session: psycopg.Connection,
) -> None:
    batch = pa.record_batch({"a": pa.array([1.5, 2.5, 2.5]), "b": pa.array(["x", "y", "z"])})
    for change in ("delete from side.t where a = 1.5", "insert into side.t values (9, '')",
                   "update side.t set b = 'x' where b = 'y'", "truncate side.t"):  # fmt: skip
        with session.transaction():
            table = made(session, batch)
            loaded = put(session, table, batch.slice(0, 2), batch.slice(2))
            check_loaded(session, "side", table, loaded, KEY)
            session.execute(change)
            with pytest.raises(BackupError, match="are others in the database"):
                check_loaded(session, "side", table, loaded, KEY)
            raise psycopg.Rollback()


@pytest.mark.empty_database
def test_any_text_comes_back(session: psycopg.Connection) -> None:
    texts = cells(pa.string()).map(lambda t: t and t.replace("\0", ""))

    @settings(max_examples=60)
    @given(st.lists(st.tuples(texts, cells(pa.decimal128(12, 2)), cells(pa.date32())), max_size=9))
    def holds(rows: list[tuple[object, ...]]) -> None:
        kinds = (pa.string(), pa.decimal128(12, 2), pa.date32())
        batch = pa.record_batch(
            [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)],
            names=["t", "n", "d"],
        )
        with session.transaction():
            table = made(session, batch)
            loaded = put(session, table, batch)
            check_loaded(session, "side", table, loaded, KEY)
            found = session.execute("select t, n, d from side.t").fetchall()
            assert found == rows
            raise psycopg.Rollback()

    holds()


@pytest.mark.empty_database
def test_of_a_large_table_the_sums_of_every_column_are_asked(
    session: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_back, "_read_back", None)
    batch = every_type()
    with session.transaction():
        table = made(session, batch)
        loaded = put(session, table, batch.slice(0, 1), batch.slice(1))
        check_loaded(session, "side", table, loaded, KEY, every_row=False)
        changes = [
            f"update side.t set {{}} = {change}"
            for column in table.columns
            for change in ("null", sample(column.type))
        ]
        columns = [column.name for column in table.columns for _ in range(2)]
        changes += ["delete from side.t where ctid = (select min(ctid) from side.t)",
                    "insert into side.t select * from side.t limit 1"]  # fmt: skip
        for change, column in zip(changes, [*columns, "", ""], strict=True):
            with session.transaction() as inner:
                session.execute(sql.SQL(change).format(sql.Identifier(column or "t")))
                with pytest.raises(BackupError, match="are others in the database"):
                    check_loaded(session, "side", table, loaded, KEY, every_row=False)
                raise psycopg.Rollback(inner)
        raise psycopg.Rollback()


@pytest.mark.empty_database
def test_sums_are_the_same_of_whatever_rows(
    session: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_back, "_read_back", None)
    texts = cells(pa.string()).map(lambda t: t and t.replace("\0", ""))
    kinds = (pa.string(), pa.decimal128(12, 2), pa.date32(), pa.int64(), pa.float64(),
             pa.timestamp("us", "UTC"), pa.bool_())  # fmt: skip
    some = st.tuples(texts, *(cells(kind) for kind in kinds[1:]))

    @settings(max_examples=60)
    @given(st.lists(some, min_size=1, max_size=9))
    def hold(rows: list[tuple[object, ...]]) -> None:
        batch = pa.record_batch(
            [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)],
            names=list("abcdefg"),
        )
        with session.transaction():
            table = made(session, batch)
            loaded = put(session, table, batch.slice(0, 1), batch.slice(1))
            check_loaded(session, "side", table, loaded, KEY, every_row=False)
            raise psycopg.Rollback()

    hold()
