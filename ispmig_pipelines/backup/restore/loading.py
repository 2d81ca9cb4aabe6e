"""Rows into a table that was just made, by ``COPY``; what went in is remembered by its digest.

Columns that hold nothing in any row are most of an ISP's: they are left out, where what is left out
is null. The server takes half the time then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from ispmig_pipelines.backup.definition import TableDefinition
from ispmig_pipelines.backup.reading_rows import sums
from ispmig_pipelines.backup.restore.column_sums import Sums
from ispmig_pipelines.ordered import in_threads
from ispmig_pipelines.platform.copy import copy_text

_PLAIN = frozenset(
    [
        "text", "jsonb", "json", "uuid", "inet", "cidr", "macaddr", "smallint", "integer", "bigint",
        "boolean", "date", "real", "double precision", "bytea", "timestamp without time zone",
        "timestamp with time zone", "time without time zone", "numeric",
    ]
)  # fmt: skip


@dataclass
class Loaded:
    """What was loaded.

    Attributes:
        parts: name and number of the rows of each batch, in order.
        columns: those that were written; any other is null in all rows.
        digest: SHA-256 of the rows as text; None where they were not all written in one form.
        totals: sums of decimal columns.
        sums: over every column that was written.
    """

    parts: list[tuple[str, int]] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    digest: bytes | None = None
    totals: dict[str, Any] = field(default_factory=dict)
    sums: Sums = field(default_factory=Sums)

    @property
    def rows(self) -> int:
        """How many."""
        return sum(count for _, count in self.parts)


def null_if_left_out(definition: TableDefinition) -> frozenset[str]:
    """Columns that are null where nothing is said of them: without a default of their own or of
    their type."""
    return frozenset(
        column.name
        for column in definition.stored
        if column.default is None
        and column.identity is None
        and not column.not_null
        and column.type.partition("(")[0] in _PLAIN
    )


def load(
    driver: psycopg.Connection,
    target: sql.Identifier,
    batches: Iterable[tuple[str, pa.RecordBatch]],
    optional: Collection[str] = (),
    *,
    digest: bool = True,
) -> Loaded:
    """Loads rows into a table that the current transaction has made.

    They are frozen: also transactions that began before the swap see them, and no empty table.

    Args:
        batches: of one schema, each with the name of its content.
        optional: columns that are null if they are left out.
        digest: for reading all rows back; it takes a quarter of a second for a million rows.
    """
    loaded = Loaded()
    told = sha256()
    forms = 0
    columns: tuple[str, ...] = ()
    # The next rows are written as text while the server takes these.
    some = (one for one in batches if one[1].num_rows)
    texts = in_threads(_Writing(optional).text, some, 1, held=1)
    with driver.cursor() as cursor, ExitStack() as stack:
        copy: psycopg.Copy | None = None
        for one in texts:
            loaded.parts.append((one.name, one.rows))
            for name, total in one.totals.items():
                loaded.totals[name] = loaded.totals.get(name, 0) + total
            loaded.sums.join(one.sums)
            if copy is None or one.columns != columns:
                stack.close()
                columns = one.columns
                copy = stack.enter_context(cursor.copy(_statement(target, columns)))
                forms += 1
            copy.write(one.text)
            if digest:
                told.update(one.text)
    loaded.columns = columns
    loaded.digest = told.digest() if digest and forms == 1 else None
    return loaded


@dataclass(frozen=True)
class _Text:
    """Rows as ``COPY`` takes them."""

    name: str
    rows: int
    columns: tuple[str, ...]
    text: memoryview
    totals: dict[str, Any]
    sums: Sums


class _Writing:
    """Writes batches as text, one after the other; columns that were written once always are."""

    def __init__(self, optional: Collection[str]) -> None:
        self._optional = optional
        self._columns: set[str] = set()

    def text(self, named: tuple[str, pa.RecordBatch]) -> _Text:
        name, batch = named
        self._columns |= {
            column
            for column, values in zip(batch.schema.names, batch.columns, strict=True)
            if column not in self._optional or values.null_count < batch.num_rows
        }
        columns = [c for c in batch.schema.names if c in self._columns] or batch.schema.names[:1]
        totals: dict[str, Any] = {}
        sums(batch, totals)
        written = batch.select(columns)
        added = Sums()
        added.add(written)
        text = copy_text(_as_text(written))
        return _Text(name, batch.num_rows, tuple(columns), text, totals, added)


def _statement(target: sql.Identifier, columns: Collection[str]) -> sql.Composed:
    return sql.SQL("copy {} ({}) from stdin (freeze true)").format(
        target, sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def _as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Bytes as PostgreSQL writes them; all else is read as Arrow writes it."""
    if not any(pa.types.is_binary(type_) for type_ in batch.schema.types):
        return batch
    columns = [
        pa.array(
            [None if value is None else "\\x" + value.hex() for value in column.to_pylist()],
            pa.string(),
        )
        if pa.types.is_binary(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
