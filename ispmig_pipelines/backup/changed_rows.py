"""What changed in a table since a snapshot: rows that were written, and keys that are gone.

A row that was written since has an ``xmin`` (the number of the transaction that wrote it) that is
not before the oldest transaction that the parent's snapshot did not see ended. Whether a
transaction is *in* that snapshot would not do: it knows nothing of subtransactions. So a few rows
too many are taken to be changed, and never one too few. Freezing, and rewriting by ``VACUUM FULL``
or ``CLUSTER``, leave the number as it is. Numbers go round after 2^32, so that a snapshot is only
relied on within 2^31 of them, and rows that are much older may be taken to be new.

Rows of the parent that are neither there unchanged nor written since, are gone. Where some are
missing, the keys of the parent's pieces are read back and held against those of the unchanged
rows. Both are in the order of the key, so that it takes the memory of one piece at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ispmig_pipelines.backup.business import OTHER_TABLES, Answer, Question
from ispmig_pipelines.backup.manifest import Overlay, PieceRef, Table
from ispmig_pipelines.backup.meanwhile import meanwhile
from ispmig_pipelines.backup.reading_rows import (
    Counter,
    Source,
    as_totals,
    key_texts,
    rows,
)
from ispmig_pipelines.backup.storing_rows import Storing
from ispmig_pipelines.errors import BackupDamaged, Damage

MOST_OVERLAYS = 16
MOST_CHANGED = 0.15
"""Share of a table's rows that overlays may hold; with more of them all of it is read anew."""

MOST_KEYS = 5_000_000
"""Keys that are held in memory at most."""

SMALLEST = 64 << 10
"""Bytes of a table's pieces below which an overlay saves nothing."""

_MOST_TRANSACTIONS = 2_000_000_000

_DIGITS = 200
"""More than the sum of any column of pieces has."""


@dataclass(frozen=True)
class Since:
    """What is relied on.

    Attributes:
        table: as it was; its columns are read as they are now.
        xmin: of its snapshot.
        now: the first transaction that the present snapshot does not know of.
    """

    table: Table
    xmin: int
    now: int


@dataclass(frozen=True)
class Changes:
    """What changed.

    Attributes:
        overlay: None if nothing did.
        rows: of the table, now.
        totals: sums of its decimal columns, now.
        answer: to what was asked besides, if it could be asked and anything changed.
    """

    overlay: Overlay | None
    rows: int
    totals: dict[str, str]
    answer: Answer | None = None


def changed(
    driver: psycopg.Connection,
    source: Source,
    since: Since,
    storing: Storing,
    counter: Counter,
    *,
    besides: Question | None = None,
) -> Changes | None:
    """What changed since, stored; None where the table is better read as a whole.

    To be used inside :func:`~.reading_rows.reading`.

    Args:
        besides: what the business wants to know of all rows, which are gone through once.

    Raises:
        OddValues: see :func:`~.reading_rows.rows`.
        DatabaseError, StorageError: a piece cannot be read or written.
    """
    before = since.table
    if (
        not source.tells_changes
        or not source.columns
        or not source.has_rows
        or before.key != source.key
        or not 0 <= since.now - since.xmin < _MOST_TRANSACTIONS
    ):
        return None
    new = written_since(since.xmin)
    count, count_new = _count(driver, source, new)
    missing = before.rows - (count - count_new)
    if missing == 0 and count_new == 0:
        return Changes(None, count, before.totals)
    overlaid = sum(ref.rows for ref in before.refs()) - sum(ref.rows for ref in before.pieces)
    if (
        missing < 0
        or (missing > 0 and not source.key)
        or len(before.overlays) >= MOST_OVERLAYS
        or sum(ref.bytes for ref in before.pieces) < SMALLEST
        or overlaid + count_new + missing > min(MOST_CHANGED * count, MOST_KEYS)
    ):
        return None
    held: list[pa.Array] = []

    def keep(piece: pa.RecordBatch) -> None:
        if missing:
            held.append(joined(piece, source.key))

    upserts: tuple[PieceRef, ...] = ()
    if count_new:
        upserts = storing.rows(
            rows(driver, source, where=new, few=True, counter=counter), source.key, keep
        )

    with meanwhile(driver, lambda: _totals(driver, source, besides)) as asked:
        some_gone = missing and missing != _written_again(source, before, storing, counter, held)
        totals, answer = asked.result()
    deletes: tuple[PieceRef, ...] = ()
    if some_gone:
        gone = _gone(driver, source, since, storing, counter, held, missing)
        if gone is None:
            return None
        deletes = storing.rows(gone, source.key)
    return Changes(Overlay(upserts=upserts, deletes=deletes), count, totals, answer)


def written_since(xmin: int) -> sql.Composed:
    """The condition on rows (alias ``t``) that were written by that transaction or later ones.

    Ages are counted from one transaction in all of a statement; what is so old that its age has
    gone round is taken to be new. Numbers of transactions cannot be compared otherwise but as
    texts, which takes thrice the time.
    """
    return sql.SQL("pg_catalog.age(t.xmin) <= pg_catalog.age({}::pg_catalog.xid)").format(
        sql.Literal(str(xmin & 0xFFFF_FFFF))
    )


def _count(driver: psycopg.Connection, source: Source, new: sql.Composable) -> tuple[int, int]:
    """How many rows there are, and how many of them are new."""
    counts = [sql.SQL("count(*)"), sql.SQL("count(*) filter (where {})").format(new)]
    ((all_, of_them),) = _aggregated(driver, source, counts)
    return all_, of_them


def _totals(
    driver: psycopg.Connection, source: Source, besides: Question | None
) -> tuple[dict[str, str], Answer | None]:
    """Sums of the decimal columns of all rows, and the answer to what is asked besides."""
    names = [c.name for c in source.columns if c.piece_type.startswith("decimal128")]
    sums = [sql.SQL("coalesce(sum({}), 0)").format(sql.Identifier("t", name)) for name in names]
    groups, answer = None, None
    if besides is not None:
        asked = (besides.group, besides.count, besides.amount)
        with suppress(*OTHER_TABLES), driver.transaction():
            groups = _aggregated(driver, source, [*asked, *sums], grouped=True)
            answer = [group[: len(asked)] for group in groups]
            groups = [group[len(asked) :] for group in groups]
    if groups is None:
        groups = _aggregated(driver, source, sums) if sums else []
    with localcontext(prec=_DIGITS):
        totals = {
            name: sum((group[place] for group in groups), Decimal(0))
            for place, name in enumerate(names)
        }
    return as_totals(totals), answer


def _aggregated(
    driver: psycopg.Connection,
    source: Source,
    selected: Sequence[sql.Composable],
    *,
    grouped: bool = False,
) -> list[tuple[Any, ...]]:
    """Aggregates of all rows; or of groups of them, where the first that is selected tells them
    apart."""
    return driver.execute(
        sql.SQL("select {} from only {} t{}{}").format(
            sql.SQL(", ").join(selected),
            sql.Identifier(*source.table),
            sql.SQL(" where {}").format(source.condition) if source.condition else sql.SQL(""),
            sql.SQL(" group by 1") if grouped else sql.SQL(""),
        )
    ).fetchall()


# -- keys that are gone -----------------------------------------------------------------------


def joined(batch: pa.RecordBatch, key: Sequence[str]) -> pa.Array:
    """The key of each row as one value; two are equal where all their parts are."""
    if len(key) == 1:
        return batch.column(key[0])
    parts = []
    for name in key:
        column = batch.column(name)
        text = pc.cast(column, pa.large_binary() if column.type == pa.binary() else pa.string())
        data = pc.cast(text, pa.large_binary())
        # With its length before it, no text can look like the end of one and the next.
        size = pc.cast(pc.cast(pc.binary_length(data), pa.string()), pa.large_binary())
        parts += [size, pa.repeat(pa.scalar(b":", pa.large_binary()), len(data)), data]
    return pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.large_binary()))


class _Stream:
    """Keys in order, of which some at a time are looked at and taken."""

    def __init__(self, batches: Iterator[pa.Array], kind: pa.DataType) -> None:
        self._batches = batches
        self._held = pa.array([], kind)
        self._start = 0

    def look(self, count: int) -> pa.Array:
        """The next keys, fewer at the end."""
        while len(self._held) - self._start < count:
            batch = next(self._batches, None)
            if batch is None:
                break
            self._held = pa.concat_arrays([self._held.slice(self._start), batch])
            self._start = 0
        return self._held.slice(self._start, count)

    def take(self, count: int) -> None:
        self._start += count


def _written_again(
    source: Source, before: Table, storing: Storing, counter: Counter, written: list[pa.Array]
) -> int:
    """How many rows of the parent have the key of one that was written since.

    If it is all of those that are not there unchanged, none is gone, and nobody needs the keys of
    all rows that are there.
    """
    overlaid = _Overlaid(before, source, storing, counter)
    schema = source.schema(source.key)
    keys = pa.concat_arrays([pa.array([], overlaid.kind), *written])
    count = overlaid.there_among(keys)

    def among(ref: PieceRef) -> int:
        names = joined(keys_in(storing, ref, schema, counter), source.key)
        names = names.filter(pc.is_in(names, value_set=keys))
        return int(pc.sum(pc.invert(overlaid.touches(names)), min_count=0).as_py())

    return count + sum(storing.each(among, before.pieces))


def _gone(
    driver: psycopg.Connection,
    source: Source,
    since: Since,
    storing: Storing,
    counter: Counter,
    written: list[pa.Array],
    missing: int,
) -> list[pa.RecordBatch] | None:
    """Keys of the parent that are not in the table any more; None if what was read does not fit.

    Args:
        written: keys of rows that were written since.
        missing: how many rows of the parent are not there unchanged.
    """
    key = source.key
    schema = source.schema(key)
    overlaid = _Overlaid(since.table, source, storing, counter)
    old = sql.SQL("not ({})").format(written_since(since.xmin))
    unchanged = rows(driver, source, names=key, where=old, counter=counter)
    stream = _Stream((overlaid.without(joined(batch, key)) for batch in unchanged), overlaid.kind)
    lost: list[pa.RecordBatch] = []
    read = storing.each(lambda ref: keys_in(storing, ref, schema, counter), since.table.pieces)
    for piece in read:
        names = joined(piece, key)
        based = pc.invert(overlaid.touches(names))
        piece, names = piece.filter(based), names.filter(based)
        # All that is unchanged is in the parent, in the same order: what of this piece is still
        # there is at the head of what comes.
        there = pc.is_in(names, value_set=stream.look(len(names)))
        stream.take(pc.sum(there, min_count=0).as_py())
        if pc.all(there, min_count=0).as_py() is not True:
            lost.append(piece.filter(pc.invert(there)))
    if len(stream.look(1)):
        # The order has changed, as with a new version of the collation.
        return None
    lost += overlaid.lost()
    if sum(batch.num_rows for batch in lost) != missing:
        return None
    seen = pa.concat_arrays([pa.array([], overlaid.kind), *written])
    gone = [batch.filter(pc.invert(pc.is_in(joined(batch, key), value_set=seen))) for batch in lost]
    return [batch for batch in gone if batch.num_rows]


class _Overlaid:
    """Keys that the parent's overlays changed: rows of theirs, and keys that are gone."""

    def __init__(self, table: Table, source: Source, storing: Storing, counter: Counter) -> None:
        schema = source.schema(source.key)
        steps = [
            (ref, there)
            for overlay in table.overlays
            for refs, there in ((overlay.deletes, False), (overlay.upserts, True))
            for ref in refs
        ]
        batches = list(
            storing.each(
                lambda ref: keys_in(storing, ref, schema, counter), [ref for ref, _ in steps]
            )
        )
        empty = pa.RecordBatch.from_pylist([], schema=schema)
        everything = pa.Table.from_batches([empty, *batches]).combine_chunks()
        names = pa.concat_arrays([joined(batch, source.key) for batch in (empty, *batches)])
        self.kind = names.type
        there = np.repeat(
            np.array([there for _, there in steps], dtype=bool),
            [batch.num_rows for batch in batches],
        )
        codes = names.dictionary_encode().indices.to_numpy()
        # The last word on each key.
        last = np.zeros(int(codes.max()) + 1 if len(codes) else 0, dtype=np.int64)
        last[codes] = np.arange(len(codes))
        self._names = names.take(pa.array(last))
        rows_there = there[last] if len(last) else np.zeros(0, dtype=bool)
        self._keys = everything.take(pa.array(last))
        self._there = rows_there
        self._unchanged = np.zeros(len(last), dtype=bool)

    def touches(self, names: pa.Array) -> pa.Array:
        """Which of the keys are in overlays."""
        return pc.is_in(names, value_set=self._names)

    def there_among(self, keys: pa.Array) -> int:
        """How many rows that overlays have are of these keys."""
        rows = self._names.filter(pa.array(self._there))
        return int(pc.sum(pc.is_in(rows, value_set=keys), min_count=0).as_py())

    def without(self, names: pa.Array) -> pa.Array:
        """The keys that are in no overlay; of the others it is remembered that they are there."""
        places = pc.index_in(names, value_set=self._names)
        found = places.is_valid()
        self._unchanged[places.filter(found).to_numpy()] = True
        return names.filter(pc.invert(found))

    def lost(self) -> list[pa.RecordBatch]:
        """Keys of rows in overlays that are not there unchanged, once all were seen."""
        rows = self._keys.filter(pa.array(self._there & ~self._unchanged))
        return [batch for batch in rows.combine_chunks().to_batches() if batch.num_rows]


def keys_in(
    storing: Storing, ref: PieceRef, schema: pa.Schema, counter: Counter | None = None
) -> pa.RecordBatch:
    """The keys of a piece.

    That it is the piece it should be is known from age's authentication, its number of rows and
    its first and last key; the rest of its content is not read, nor proved.

    Raises:
        BackupDamaged: it is not.
        StorageError: it cannot be read.
    """
    batch = storing.repository.get_columns(ref, schema.names)
    if counter is not None:
        counter.bytes += ref.bytes
    same = batch.schema.equals(schema) and (
        key_texts(batch, schema.names, 0),
        key_texts(batch, schema.names, -1),
    ) == (ref.first, ref.last)
    if not same:
        place = storing.repository.storage.place(ref.hash)
        raise BackupDamaged(
            f"{place} is not the piece that a snapshot says it is: its keys are others. Make a "
            f"full backup: ispmig backup create {storing.repository.keys.tenant} --full",
            damage=Damage.SWAPPED,
            place=place,
        )
    return batch
