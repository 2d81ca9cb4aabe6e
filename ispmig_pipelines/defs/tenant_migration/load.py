"""Load: brings the staged tables of a migration together for the platform to publish."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.defs.tenant_migration.extract import POSITION, positions
from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed
from ispmig_pipelines.defs.tenant_migration.map import LEGACY, unreadable
from ispmig_pipelines.issues import ISSUE_SCHEMA, rule_of
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.anonymous import owners
from ispmig_pipelines.model.field_info import NO_CURRENCY
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.let_go import REJECTED_SCHEMA
from ispmig_pipelines.platform.load import Feed
from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.quarantine import QUARANTINE_SCHEMA
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.staging import Staging

_OWED = ("balance", "deposit")
_RETAINED_BY = ("status", "cancelled_date", "retain_until")


def feed_to_load(
    feed: MappedFeed, entry: ledger.Migration, tenant: Tenant, staging: Staging
) -> Feed:
    """A mapped and validated feed of a migration as the platform takes it."""
    table = FeedTable(
        tenant=tenant,
        migration=entry.id,
        entity=feed.entity,
        index=feed.index,
        fields=feed.fields,
        partial=feed.partial,
        has_legacy=feed.has_legacy,
        columns=feed.columns,
        files={f["index"]: PurePath(f["path"]).name for f in entry.files},
    )
    staged = _StagedFeed(feed, table, staging)
    return Feed(
        table=table,
        read=feed.read,
        amounts=feed.amounts,
        accepted=staged.accepted,
        quarantined=staged.quarantined,
        issues=staged.issues,
        cells=staged.cells,
        adjusted=staged.adjusted,
        rejected=staged.rejected,
    )


class _StagedFeed:
    """Reads the staged tables of one feed in step with each other."""

    def __init__(self, feed: MappedFeed, table: FeedTable, staging: Staging) -> None:
        self._feed = feed
        self._table = table
        self._staging = staging

    def adjusted(self) -> Iterator[pa.RecordBatch]:
        """What rules took from amounts, record by record."""
        if self._feed.adjusts:
            yield from self._staging.read(self._feed.staged("adjusted"))

    def _judged(
        self, columns: Collection[str] | None = None
    ) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        """The mapped batches with their verdicts.

        Args:
            columns: those that are read besides where records stand; all when None.
        """
        mapped = self._feed.staged("mapped")
        chosen = None
        if columns is not None:
            # By their places, for those of the position have names that fields may have.
            names = self._staging.schema(mapped[0]).names[len(POSITION) :]
            chosen = [
                *range(len(POSITION)),
                *(len(POSITION) + place for place, own in enumerate(names) if own in columns),
            ]
        yield from zip(
            self._staging.read(mapped, chosen),
            (b.column(0) for b in self._staging.read(self._feed.staged("verdict"))),
            strict=True,
        )

    def accepted(self) -> Iterator[pa.RecordBatch]:
        """The rows that may be loaded, as columns of the feed's staging table."""
        names = [*self._feed.fields, LEGACY, "_file", "_record", "_line"]
        for batch, ok in self._judged():
            rows = batch if pc.all(ok).as_py() else batch.filter(ok)
            yield pa.RecordBatch.from_arrays(
                [
                    *(rows.column(f) for f in self._feed.fields),
                    rows.column(LEGACY),
                    *rows.columns[: len(POSITION)],
                ],
                names=names,
            )

    def quarantined(self) -> Iterator[pa.RecordBatch]:
        """The rows that may not, whole."""
        yield from self._unreadable()
        money = self._table.money
        told = {*ENTITIES[self._feed.entity].key, *money, *money.values(), *map(unreadable, money)}
        for index, (batch, ok) in enumerate(self._judged(told)):
            rows = np.flatnonzero(~np.asarray(ok))
            if rows.size:
                rejected = batch.take(pa.array(rows))
                source = self._staging.batch(self._feed.source.cells, index)
                yield self._rejected(rejected, _at(source, rejected))

    def rejected(self) -> Iterator[pa.RecordBatch]:
        """Whose the rows are that may not be loaded."""
        info = ENTITIES[self._feed.entity]
        named = [(f, parent) for f, parent in owners(info.name) if f in self._feed.fields]
        told = {info.key[0], *(f for f, _ in named), *_RETAINED_BY, *_OWED}
        for batch, ok in self._judged({*told, *map(unreadable, _OWED)}):
            if pc.all(ok).as_py():
                continue
            rows = batch.filter(pc.invert(ok))
            size = rows.num_rows
            nothing = pa.nulls(size, pa.string())
            whose = pc.coalesce(*(rows.column(f) for f, _ in named)) if named else nothing
            parent = (
                pc.coalesce(
                    *(
                        pc.if_else(rows.column(f).is_valid(), name, pa.scalar(None, pa.string()))
                        for f, name in named
                    )
                )
                if named
                else nothing
            )
            own = rows.column(info.key[0]) if len(info.key) == 1 else nothing
            yield pa.RecordBatch.from_arrays(
                [rows.column(0), rows.column(1), own.cast(pa.string()), parent, whose,
                 *self._retained_by(rows)],
                schema=REJECTED_SCHEMA,
            )  # fmt: skip

    def _retained_by(self, rows: pa.RecordBatch) -> list[pa.Array]:
        """What the retention of rejected customers is judged by; nothing of other entities."""
        fields = self._feed.fields if self._feed.entity == "customer" else ()
        owes = pa.repeat(pa.scalar(False), rows.num_rows)
        for name in set(_OWED).intersection(fields):
            some = pc.fill_null(pc.not_equal(rows.column(name), 0), False)
            owes = pc.or_(owes, pc.or_(some, rows.column(unreadable(name))))
        return [
            *(
                rows.column(field.name).cast(field.type)
                if field.name in fields
                else pa.nulls(rows.num_rows, field.type)
                for field in map(REJECTED_SCHEMA.field, _RETAINED_BY)
            ),
            owes,
        ]

    def _rejected(self, mapped: pa.RecordBatch, source: pa.RecordBatch) -> pa.RecordBatch:
        key = ENTITIES[self._feed.entity].key
        return self._quarantine_batch(
            source,
            key=[
                json.dumps([str(p) for p in parts]) if None not in parts else None
                for parts in zip(*(mapped.column(k).to_pylist() for k in key), strict=True)
            ],
            cells=list(cells_json(source)),
            text=[None] * source.num_rows,
            amounts=self._amounts(mapped),
        )

    def _unreadable(self) -> Iterator[pa.RecordBatch]:
        for batch in self._staging.read(self._feed.source.unreadable):
            size = batch.num_rows
            yield self._quarantine_batch(
                batch,
                key=[None] * size,
                cells=[None] * size,
                text=[json.dumps(t, ensure_ascii=False) for t in batch.column("text").to_pylist()],
                amounts=["{}"] * size,
            )

    def _quarantine_batch(
        self,
        positions: pa.RecordBatch,
        *,
        key: list[str | None],
        cells: list[str | None],
        text: list[str | None],
        amounts: list[str],
    ) -> pa.RecordBatch:
        size = positions.num_rows
        return pa.RecordBatch.from_arrays(
            [
                pa.repeat(pa.scalar(self._table.migration, pa.int64()), size),
                pa.repeat(pa.scalar(self._feed.entity, pa.string()), size),
                pa.repeat(pa.scalar(self._feed.index, pa.int32()), size),
                *positions.columns[: len(POSITION)],
                *(pa.array(column, pa.string()) for column in (key, cells, text, amounts)),
            ],
            schema=QUARANTINE_SCHEMA,
        )

    def _amounts(self, mapped: pa.RecordBatch) -> list[str]:
        money = self._table.money
        rows: list[dict[str, Any]] = [{} for _ in range(mapped.num_rows)]
        for field, currency in money.items():
            currencies = (
                mapped.column(currency).to_pylist()
                if currency in self._feed.fields
                else [None] * mapped.num_rows
            )
            for row, amount, bad, code in zip(
                rows,
                mapped.column(field).to_pylist(),
                mapped.column(unreadable(field)).to_pylist(),
                currencies,
                strict=True,
            ):
                if amount is not None:
                    row[field] = {"currency": code or NO_CURRENCY, "amount": str(amount)}
                elif bad:
                    row[field] = {"currency": code or NO_CURRENCY, "unreadable": True}
        return [json.dumps(row) for row in rows]

    def issues(self) -> Iterator[pa.RecordBatch]:
        """What was found wrong with records: reading, mapping and validating them."""
        for batch in self._staging.read(self._feed.source.unreadable):
            size = batch.num_rows
            nothing = pa.repeat(pa.scalar("", pa.string()), size)
            rules = batch.column("rule").to_pylist()
            yield pa.RecordBatch.from_arrays(
                [
                    *batch.columns[: len(POSITION)],
                    batch.column("rule"),
                    pa.array([rule_of(r).severity.value for r in rules], pa.string()),
                    nothing,
                    nothing,
                    batch.column("found"),
                    batch.column("accepted"),
                ],
                schema=ISSUE_SCHEMA,
            )
        yield from self._staging.read(self._feed.staged("issues"))
        yield from self._staging.read(self._feed.staged("findings"))

    def cells(self, positions: list[tuple[int, int]]) -> Iterator[str]:
        """Original cells of the records at ascending positions (file, record)."""
        wanted = iter(positions)
        position = next(wanted, None)
        source = self._feed.source.cells
        for index, places in enumerate(self._staging.read(source, [0, 1])):
            if position is None:
                return
            files, records = np.asarray(places.column(0)), np.asarray(places.column(1))
            last = (int(files[-1]), int(records[-1])) if len(files) else (-1, -1)
            rows = []
            while position is not None and position <= last:
                # Records of one file stand together and in order.
                start = int(np.searchsorted(files, position[0], "left"))
                end = int(np.searchsorted(files, position[0], "right"))
                rows.append(start + int(np.searchsorted(records[start:end], position[1])))
                position = next(wanted, None)
            if rows:
                yield from cells_json(self._staging.batch(source, index).take(pa.array(rows)))


def _at(source: pa.RecordBatch, wanted: pa.RecordBatch) -> pa.RecordBatch:
    """The records of a staged batch that stand where those of ``wanted`` do.

    A mapped batch has the records of its staged batch, or fewer, in the same order.
    """
    if source.num_rows == wanted.num_rows:
        return source
    found = np.isin(positions(source), positions(wanted), assume_unique=True)
    return source.filter(pa.array(found))


def cells_json(source: pa.RecordBatch) -> Iterator[str]:
    """The cells of staged source records as JSON objects; missing cells are left out."""
    names = source.schema.names[len(POSITION) :]
    columns = [c.to_pylist() for c in source.columns[len(POSITION) :]]
    for row in zip(*columns, strict=True):
        cells = {n: v for n, v in zip(names, row, strict=True) if v is not None}
        yield json.dumps(cells, ensure_ascii=False)
