"""Sums over every column of a table that was loaded: as it went in, and as the database has it.

Of texts and bytes their lengths, of whole numbers, days and times the numbers themselves, of
decimals their exact sum, of floating-point numbers how many are above and below nought; of all of
them how many there are. PostgreSQL adds them up several times as fast as it writes rows for us to
read back (measured 0.6 against 1.9 s for a million customers), and on several cores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ispmig_pipelines.backup.manifest import Column, Table

_ROUND = 1 << 64
"""Whole numbers are added up as far as they fit into 64 bits, the way Arrow does."""

_TEXTS = frozenset({"text", "character varying"})


@dataclass
class Sums:
    """What was added up: column → how many values, and their sums."""

    columns: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds rows."""
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            self._add(name, [batch.num_rows - values.null_count, *_of(values)])

    def join(self, other: Sums) -> None:
        """Adds what others added up."""
        for name, found in other.columns.items():
            self._add(name, found)

    def _add(self, name: str, found: list[Any]) -> None:
        held = self.columns.setdefault(name, [0] * len(found))
        for place, one in enumerate(found):
            held[place] += one


def differing(
    driver: psycopg.Connection, schema: str, table: Table, sums: Sums, rows: int
) -> list[str]:
    """Columns of which the database has other sums, in the current transaction; ``rows`` where
    their number is another."""
    written = [column for column in table.columns if column.name in sums.columns]
    left = [sql.Identifier("t", c.name) for c in table.columns if c.name not in sums.columns]
    expressions: list[sql.Composable] = [sql.SQL("count(*)"), _any(left)]
    for column in written:
        expressions += _asked(column)
    row = _aggregated(driver, schema, table, expressions)
    found = iter(row)
    wrong = ["rows"] if next(found) != rows else []
    if next(found):
        each = _aggregated(driver, schema, table, [_any([name]) for name in left])
        names = (column.name for column in table.columns if column.name not in sums.columns)
        wrong += [name for name, count in zip(names, each, strict=True) if count]
    for column in written:
        held = [next(found) for _ in _asked(column)]
        if not _same(column, held, sums.columns[column.name]):
            wrong.append(column.name)
    return wrong


def _any(names: Sequence[sql.Identifier]) -> sql.Composable:
    """In how many rows any of these columns holds something: a third of the time that it takes to
    count each."""
    if not names:
        return sql.SQL("0")
    return sql.SQL("count(*) filter (where not (row({}) is null))").format(
        sql.SQL(", ").join(names)
    )


def _aggregated(
    driver: psycopg.Connection, schema: str, table: Table, expressions: Sequence[sql.Composable]
) -> tuple[Any, ...]:
    row = driver.execute(
        sql.SQL("select {} from only {} t").format(
            sql.SQL(", ").join(expressions), sql.Identifier(schema, table.name)
        )
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row


def _same(column: Column, held: list[Any], loaded: list[Any]) -> bool:
    if column.piece_type.startswith("decimal128") and held[1:]:
        return bool(held[0] == loaded[0] and Decimal(held[1] or 0) == loaded[1])
    return [int(one or 0) % _ROUND for one in held] == [int(one) % _ROUND for one in loaded]


def _asked(column: Column) -> list[sql.Composable]:
    name = sql.Identifier("t", column.name)
    count = sql.SQL("count({})").format(name)
    return [count, *(sql.SQL(one).format(name) for one in _sums_of(column))]


def _sums_of(column: Column) -> Iterable[Any]:
    match column.piece_type:
        case "string":
            plain = column.type.partition("(")[0] in _TEXTS
            # As it is written out; a cast to text would take spaces away.
            return ["sum(octet_length({}))" if plain else "sum(octet_length(concat({})))"]
        case "binary":
            return ["sum(octet_length({}))"]
        case "bool":
            return ["count(*) filter (where {})"]
        case "int16" | "int32" | "int64":
            return ["sum({})"]
        case "date32":
            return ["sum({} - date '1970-01-01')"]
        case "time64[us]" | "timestamp[us]" | "timestamp[us, tz=UTC]":
            return ["sum(extract(epoch from {}) * 1000000)"]
        case "float" | "double":
            return [
                "count(*) filter (where {0} > 0 and {0} <> 'NaN')", "count(*) filter (where {} < 0)"
            ]  # fmt: skip
        case _:
            return ["sum({})"]


def _of(values: pa.Array) -> list[Any]:
    type_ = values.type
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        return [_sum(pc.cast(pc.binary_length(values), pa.int64()))]
    if pa.types.is_boolean(type_):
        return [_sum(values)]
    if pa.types.is_integer(type_):
        return [_sum(pc.cast(values, pa.int64()))]
    if pa.types.is_date32(type_):
        return [_sum(pc.cast(pc.cast(values, pa.int32()), pa.int64()))]
    if pa.types.is_time64(type_) or pa.types.is_timestamp(type_):
        return [_sum(pc.cast(values, pa.int64()))]
    if pa.types.is_floating(type_):
        return [_sum(pc.greater(values, 0)), _sum(pc.less(values, 0))]
    # Sums of few digits could overflow.
    wide = pc.cast(values, pa.decimal256(76, type_.scale))
    return [pc.sum(wide).as_py() or Decimal(0)]


def _sum(values: pa.Array) -> int:
    return int(pc.sum(values).as_py() or 0)
