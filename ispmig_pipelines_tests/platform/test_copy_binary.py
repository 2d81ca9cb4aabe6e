"""The server reads the binary format to the same values that it reads text to."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ispmig_pipelines.platform.copy_binary import BEGIN, END, copy_binary, has_binary
from ispmig_pipelines.platform.server import SESSION

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_FIRST, _LAST = dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)
_BEFORE, _BEHIND = Decimal("-999999999999.99"), Decimal("999999999999.99")

COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), _TEXT),
    "character varying(8)": (pa.string(), _TEXT),
    "jsonb": (pa.string(), st.sampled_from(["{}", '{"a": "é\\n"}', "[1.50, null]", '""'])),
    "bytea": (pa.binary(), st.binary(max_size=8)),
    "boolean": (pa.bool_(), st.booleans()),
    "smallint": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "integer": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "bigint": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "real": (pa.float32(), st.floats(width=32)),
    "double precision": (pa.float64(), st.floats()),
    "numeric(14,2)": (pa.decimal128(14, 2), st.decimals(_BEFORE, _BEHIND, places=2)),
    "numeric(9,6)": (pa.decimal128(9, 6), st.decimals(-999, 999, places=6)),
    "numeric(8,8)": (pa.decimal128(8, 8), st.decimals(Decimal("-0.9"), Decimal("0.9"), places=8)),
    "numeric(12,0)": (pa.decimal128(12, 0), st.decimals(-(10**12) + 1, 10**12 - 1, places=0)),
    "numeric(19,4)": (
        pa.decimal128(19, 4),
        st.decimals(Decimal("-922337203685477.5807"), Decimal("922337203685477.5807"), places=4),
    ),
    "date": (pa.date32(), st.dates()),
    "time without time zone": (pa.time64("us"), st.times()),
    "timestamp without time zone": (pa.timestamp("us"), st.datetimes(_FIRST, _LAST)),
    "timestamp with time zone": (
        pa.timestamp("us", "UTC"),
        st.datetimes(_FIRST, _LAST, timezones=st.just(dt.UTC)),
    ),
}
NAMES = [f"c{i}" for i in range(len(COLUMNS))]
TYPES = dict(zip(NAMES, COLUMNS, strict=True))
ROWS = st.lists(st.tuples(*(st.none() | values for _, values in COLUMNS.values())), max_size=5)
NULLS = (None,) * len(COLUMNS)


@pytest.fixture
def driver(server_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server_url) as connection:
        for name, value in SESSION.items():
            connection.execute("select set_config(%s, %s, false)", [name, value])
        connection.commit()
        yield connection
        connection.rollback()


def of(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    arrays = [pa.array(c, kind) for c, (kind, _) in zip(columns, COLUMNS.values(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=NAMES)


def loaded(driver: psycopg.Connection, table: str, batches: list[pa.RecordBatch]) -> None:
    """By the binary format."""
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, NAMES))
    )
    with driver.cursor().copy(statement) as copy:
        copy.write(BEGIN)
        for batch in batches:
            assert has_binary(batch, TYPES)
            copy.write(copy_binary(batch, TYPES))
        copy.write(END)


def tables(driver: psycopg.Connection, *names: str) -> None:
    for name in names:
        driver.execute(
            sql.SQL("create temp table {} (n serial, {})").format(
                sql.Identifier(name),
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(t)) for c, t in TYPES.items()
                ),
            )
        )


@pytest.mark.slow
@given(rows=ROWS, skipped=st.integers(0, 2))
@example(rows=[NULLS, NULLS], skipped=0)
@example(rows=[], skipped=0)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_server_reads_what_was_written(
    driver: psycopg.Connection, rows: list[tuple[Any, ...]], skipped: int
) -> None:
    """Also of a part of a batch; and to the same bytes as by parameters, to the last digit."""
    driver.rollback()
    tables(driver, "sent", "told")
    loaded(driver, "sent", [of(rows).slice(skipped), of(rows[:1])])
    told = [*rows[skipped:], *rows[:1]]
    with driver.cursor() as cursor:
        cursor.executemany(
            sql.SQL("insert into told ({}) values ({})").format(
                sql.SQL(", ").join(map(sql.Identifier, NAMES)),
                sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(t)) for t in COLUMNS),
            ),
            told,
        )
    written = "select * from {} order by n"
    sent = driver.execute(written.format("sent")).fetchall()
    assert repr(sent) == repr(driver.execute(written.format("told")).fetchall())
    for (_, *found), row in zip(sent, told, strict=True):
        for value, wanted, type_ in zip(found, row, COLUMNS, strict=True):
            # Written otherwise, and with fewer digits: what both tables say above.
            if type_ in ("jsonb", "real"):
                continue
            same_nan = isinstance(wanted, float) and math.isnan(wanted) and math.isnan(value)
            assert value == wanted or same_nan, type_
    # Also as they lie: nothing that the server would not have written itself.
    sizes = " + ".join(f"coalesce(pg_column_size({name}), 0)" for name in NAMES)
    held = [
        driver.execute(f"select {sizes} from {table} order by n").fetchall()
        for table in ("sent", "told")
    ]
    assert held[0] == held[1]
    driver.rollback()


@pytest.mark.parametrize(
    ("value", "of", "type_"),
    [("1", pa.string(), "inet"), ("{}", pa.string(), "text[]"),
     ("{}", pa.string(), "character varying(20)[]"), ("on", pa.string(), "acme.state"),
     ("1", pa.string(), "uuid"), ("1", pa.string(), "numeric"),
     (Decimal("1.00"), pa.decimal128(14, 2), "numeric"),
     (Decimal("1.00"), pa.decimal128(14, 2), "numeric(15,2)"),
     (Decimal("922337203685477.5809"), pa.decimal128(19, 4), "numeric(19,4)"),
     (Decimal("-18446744073709551616"), pa.decimal128(38, 0), "numeric(38,0)"),
     (Decimal("10000000000000000.001"), pa.decimal128(38, 3), "numeric(38,3)"),
     (1, pa.int64(), "integer"),
     (_FIRST, pa.timestamp("us"), "timestamp(3) without time zone"),
     (_FIRST, pa.timestamp("us"), "date")],
)  # fmt: skip
def test_of_other_types_only_nulls_are_written(value: Any, of: pa.DataType, type_: str) -> None:
    empty = pa.record_batch({"c": pa.nulls(2, of)})
    assert has_binary(empty, {"c": type_})
    assert bytes(copy_binary(empty, {"c": type_})) == b"\0\1\xff\xff\xff\xff" * 2
    assert not has_binary(pa.record_batch({"c": pa.array([value, None], of)}), {"c": type_})
