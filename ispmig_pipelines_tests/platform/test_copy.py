"""Batches reach the server whole, or it is told that they do not."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.pq import TransactionStatus

from ispmig_pipelines.platform.copy import copy_batches, copy_text

TABLE = sql.Identifier("pg_temp", "copied")
SIZE = 20_000


class Stopped(BaseException):
    """As Dagster stops a run."""


@pytest.fixture
def driver(server_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server_url) as connection:
        connection.execute("create temp table copied (n int, said text)")
        connection.commit()
        yield connection
        if not connection.broken:
            connection.rollback()


def batches(count: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, count * SIZE, SIZE):
        numbers = pa.array(range(start, start + SIZE), pa.int32())
        said = [None, "", 'a "b", c', "d\ne"] * (SIZE // 4)
        yield pa.RecordBatch.from_arrays([numbers, pa.array(said)], names=["n", "said"])


def copied(driver: psycopg.Connection) -> list[tuple]:
    return driver.execute("select n, said from pg_temp.copied order by n").fetchall()


def test_all_batches_are_copied(driver: psycopg.Connection) -> None:
    assert copy_batches(driver, TABLE, batches(5)) == 5 * SIZE
    wanted = [
        row
        for batch in batches(5)
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    assert copied(driver) == wanted


_TEXTS = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.sampled_from('\\\t\n\r\b\f\v",N.'),
    max_size=8,
)
_MOMENTS = st.none() | st.datetimes(dt.datetime(1, 1, 2), timezones=st.just(dt.UTC))
_AMOUNTS = st.none() | st.decimals(-(10**14), 10**14, places=4)
_ROWS = st.lists(st.tuples(_TEXTS, _MOMENTS, _AMOUNTS, st.none() | st.booleans(), _TEXTS))
_SCHEMA = pa.schema(
    [
        ("a", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("amount", pa.decimal128(19, 4)),
        ("is", pa.bool_()),
        ("z", pa.string()),
    ]
)


@given(rows=_ROWS, skipped=st.integers(0, 3), large=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_copied_is_what_it_was(
    driver: psycopg.Connection, rows: list[tuple[Any, ...]], skipped: int, *, large: bool
) -> None:
    """Whatever its characters; also of a part of a batch."""
    columns = list(zip(*rows, strict=True)) or [()] * len(_SCHEMA)
    schema = _SCHEMA.set(0, pa.field("a", pa.large_string())) if large else _SCHEMA
    batch = pa.RecordBatch.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    ).slice(skipped)
    driver.execute("set timezone = 'Asia/Kathmandu'")
    driver.execute("drop table if exists pg_temp.copied")
    driver.execute(
        """create temp table copied ("order" serial, a text, at timestamptz, amount numeric,
           "is" bool, z text)"""
    )
    assert copy_batches(driver, TABLE, [batch]) == batch.num_rows
    found = driver.execute('select a, at, amount, "is", z from pg_temp.copied order by "order"')
    assert found.fetchall() == rows[skipped:]
    # The server writes the same itself, which backups rely on.
    with driver.cursor().copy("copy (select a, z from pg_temp.copied) to stdout") as copy:
        written = b"".join(bytes(part) for part in copy)
    assert written == bytes(copy_text(batch.select(["a", "z"])))
    driver.rollback()


def test_no_batches_are_no_rows(driver: psycopg.Connection) -> None:
    assert copy_batches(driver, TABLE, []) == 0
    assert copied(driver) == []


@pytest.mark.parametrize("error", [ValueError("gone"), KeyboardInterrupt(), Stopped()])
def test_what_stops_the_batches_stops_the_copy_and_is_what_is_raised(
    driver: psycopg.Connection, error: BaseException
) -> None:
    def stopping() -> Iterator[pa.RecordBatch]:
        yield from batches(3)
        raise error

    before = threading.active_count()
    with pytest.raises(type(error)) as raised:
        copy_batches(driver, TABLE, stopping())
    assert raised.value is error
    assert threading.active_count() == before
    assert driver.info.transaction_status is TransactionStatus.INERROR
    driver.rollback()
    assert copied(driver) == []


def test_what_the_server_refuses_is_raised_however_much_is_still_to_come(
    driver: psycopg.Connection,
) -> None:
    def wrong() -> Iterator[pa.RecordBatch]:
        yield from batches(1)
        yield pa.RecordBatch.from_pydict({"n": ["x"] * SIZE, "said": ["y"] * SIZE})
        yield from batches(20)

    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        copy_batches(driver, TABLE, wrong())
    driver.rollback()
    assert copied(driver) == []


def test_a_session_that_is_lost_meanwhile_is_told_of(driver: psycopg.Connection) -> None:
    pid = driver.info.backend_pid

    def losing() -> Iterator[pa.RecordBatch]:
        yield from batches(2)
        with psycopg.connect(driver.info.dsn, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 10000)", [pid])
        yield from batches(20)

    with pytest.raises(psycopg.OperationalError):
        copy_batches(driver, TABLE, losing())
    assert driver.broken
