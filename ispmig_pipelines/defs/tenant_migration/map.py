"""Map: from text cells to the entity's typed columns. What cannot convert becomes an issue.

Every record is kept, also the ones with issues: their money still counts in the control
totals, and their cells go to quarantine whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.defs.tenant_migration.extract import (
    POSITION,
    masked_cells,
    read_cells,
    records_of,
)
from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed, StagedSource
from ispmig_pipelines.defs.tenant_migration.part import WHOLE, Part
from ispmig_pipelines.defs.tenant_migration.progress import Progress
from ispmig_pipelines.defs.tenant_migration.survey import lookup_tables
from ispmig_pipelines.issues import ISSUE_SCHEMA
from ispmig_pipelines.mapping.apply import FeedPlan, Mapped, prepare
from ispmig_pipelines.mapping.spec import Feed, Spec
from ispmig_pipelines.mapping.survey import Styles
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import NO_CURRENCY
from ispmig_pipelines.ordered import in_threads
from ispmig_pipelines.platform import status_totals
from ispmig_pipelines.platform.reconcile import Amounts
from ispmig_pipelines.platform.status_totals import StatusTotals
from ispmig_pipelines.staging import Staging
from ispmig_pipelines.validation.card_issues import tell_masked

_THREADS = min(2, os.cpu_count() or 1)
"""Each holds a batch and what becomes of it in memory: some 40 MB of 50,000 records."""

OK = "_ok"
"""Column of a mapped table: no error was found in the record so far."""

LEFT_OUT = "_left_out"
"""Column of a mapped table: a rule of the spec leaves the record out, so that nothing in it has to
be corrected."""

BY_CHOICE = "rule.left_out"

LEGACY = "legacy"

ADJUSTED_SCHEMA = pa.schema(
    [
        pa.field("_file", pa.int32(), nullable=False),
        pa.field("_record", pa.int64(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("amount", pa.decimal128(38, 4), nullable=False),
    ]
)
"""What rules took from amounts, record by record, where it was anything."""


def unreadable(field: str) -> str:
    """Column of a mapped table: the field's cell holds something that could not be converted."""
    return f"_unreadable_{field}"


def watched(entity: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Fields whose unreadable cells are told apart from empty ones: all, since rules and a spec's
    own checks may speak of any, and none may say again what conversion has said."""
    return tuple(f for f in fields if f in ENTITIES[entity].fields)


def mapped_schema(entity: str, fields: tuple[str, ...]) -> pa.Schema:
    """Columns of a mapped table: position, fields, legacy cells and verdicts."""
    info = ENTITIES[entity]
    return pa.schema(
        [
            *POSITION,
            *((f, info.fields[f].arrow_type) for f in fields),
            (LEGACY, pa.string()),
            (OK, pa.bool_()),
            (LEFT_OUT, pa.bool_()),
            *((unreadable(f), pa.bool_()) for f in watched(entity, fields)),
        ]
    )


def map_feed(
    spec: Spec,
    feed: Feed,
    sources: Mapping[str, StagedSource],
    staging: Staging,
    progress: Progress,
    *,
    tables: Mapping[str, StagedSource],
    styles: Styles,
    part: Part = WHOLE,
) -> MappedFeed:
    """Maps one feed, or a part of it, from its staged source into a staged table of typed columns.

    Args:
        sources: all that feed the entity, by name.
        tables: sources with the tables that mappings look up in.
        styles: what columns settled about how they are written.
        part: whose batches are mapped.

    Raises:
        StorageError: no space, or the staged source is gone.
    """
    source = sources[feed.source]
    shared = {c for name, other in sources.items() if name != feed.source for c in other.columns}
    plan = prepare(
        spec,
        feed,
        list(source.columns),
        shared=shared,
        settled=styles,
        tables=lookup_tables(spec, [feed.source], tables, staging),
    )
    name = f"{feed.entity}-{feed.index}{part.suffix}"
    fields = plan.targets
    schema = mapped_schema(feed.entity, fields)
    amounts: dict[str, dict[str, Amounts]] = {
        m: {} for m in ENTITIES[feed.entity].money if m in fields
    }
    by_status = StatusTotals()
    rejected = issues = skipped = 0
    has_legacy = feed.legacy
    with ExitStack() as tables_written:
        table = tables_written.enter_context(staging.write(f"mapped-{name}", schema))
        issue_table = tables_written.enter_context(staging.write(f"issues-{name}", ISSUE_SCHEMA))
        taken = (
            tables_written.enter_context(staging.write(f"adjusted-{name}", ADJUSTED_SCHEMA))
            if plan.adjusts
            else None
        )

        def mapped_batch(numbered: tuple[int, pa.RecordBatch]) -> _MappedBatch:
            return _map_batch(plan, source, staging, fields, schema, *numbered)

        read = read_cells(staging, source, list(plan.columns_needed), part)
        # Nobody has said that two calls of a function of one's own may go on at once.
        for one in in_threads(mapped_batch, read, 1 if spec.functions else _THREADS):
            table.write(one.rows)
            # A feed that carries no unused columns may still keep cells that a field could
            # hold only in part.
            has_legacy = has_legacy or one.has_legacy
            if one.told.num_rows:
                issue_table.write(one.told)
            add_amounts(amounts, one.rows, feed.entity, one.adjusted)
            by_status.add(one.by_status)
            if taken is not None:
                position = one.rows.columns[0], one.rows.columns[1]
                for rows in adjusted_rows(one.rows, position, feed.entity, one.adjusted):
                    taken.write(rows)
            rejected += one.rejected
            skipped += one.skipped
            issues += one.told.num_rows
            progress.advance(one.rows.num_rows)
    progress.done()
    return MappedFeed(
        entity=feed.entity,
        index=feed.index,
        source=source,
        fields=fields,
        partial=feed.partial,
        has_legacy=has_legacy,
        columns=plan.columns_of,
        amounts=amounts,
        rows=progress.rows,
        skipped=skipped,
        tables=dict(tables),
        styles=styles,
        rejected=rejected,
        issues=issues,
        adjusts=plan.adjusts,
        by_status=by_status,
        reads=plan.columns_read,
        unused=plan.unused,
        parts=(part,),
    )


@dataclass(frozen=True)
class _MappedBatch:
    """What became of a staged batch.

    Attributes:
        rows: as :func:`mapped_schema` has them; told: their issues.
        skipped: records that are none of the feed's.
        adjusted: what rules took from amounts, see :class:`Mapped`.
    """

    rows: pa.RecordBatch
    told: pa.RecordBatch
    adjusted: dict[str, pa.Array]
    by_status: StatusTotals
    has_legacy: bool
    rejected: int
    skipped: int


def _map_batch(
    plan: FeedPlan,
    source: StagedSource,
    staging: Staging,
    fields: tuple[str, ...],
    schema: pa.Schema,
    index: int,
    batch: pa.RecordBatch,
) -> _MappedBatch:
    """Maps one staged batch; nothing but what it is given decides about it."""
    entity = plan.entity.name
    masked = masked_cells(staging, source, index, batch.num_rows)
    first = source.records_before(batch.column(0)[0].as_py()) if batch.num_rows else 0
    wanted = plan.wanted(records_of(source, batch), first)
    skipped = 0
    not_taken = None
    if wanted is not None and source.stem:
        # Its record was rejected by this block: it is lost if no other takes it.
        not_taken, wanted = ~wanted, None
    if wanted is not None:
        skipped = int(batch.num_rows - wanted.sum())
        # Written even when nothing is left: mapped batches answer to staged ones.
        batch = batch.filter(pa.array(wanted))
        masked = {column: where[wanted] for column, where in masked.items()}
    mapped = plan.apply(records_of(source, batch), first)
    if not_taken is not None:
        mapped.log.add("record.not_taken", not_taken, accepted=f"the block of {entity}")
    if masked:
        _tell_masked(plan, source, batch, mapped, masked)
    told = mapped.log.to_arrow(*batch.columns[: len(POSITION)])
    left = left_out(batch, told)
    rows = _to_arrow(batch, mapped, left, entity, fields, schema)
    return _MappedBatch(
        rows=rows,
        told=without_left_out(told, batch, left),
        adjusted=mapped.adjusted,
        by_status=status_totals.of_batch(entity, rows),
        has_legacy=mapped.legacy is not None,
        rejected=int(mapped.log.rejected.sum()),
        skipped=skipped,
    )


def left_out(batch: pa.RecordBatch, told: pa.RecordBatch) -> pa.BooleanArray:
    """Mask of a batch's records that a rule leaves out, by the issues that are told of them."""
    records = told.column("record").filter(pc.equal(told.column("rule"), BY_CHOICE))
    # By name would not do: a column of the source may be called like one of ours.
    return pc.is_in(batch.column(1), value_set=records)


def without_left_out(
    told: pa.RecordBatch, batch: pa.RecordBatch, left: pa.BooleanArray
) -> pa.RecordBatch:
    """The issues of a batch of one file, without what is told of records that are left out besides
    that they are."""
    if not left.true_count:
        return told
    of_them = pc.is_in(told.column("record"), value_set=batch.column(1).filter(left))
    return told.filter(pc.or_(pc.invert(of_them), pc.equal(told.column("rule"), BY_CHOICE)))


def _tell_masked(
    plan: FeedPlan,
    source: StagedSource,
    batch: pa.RecordBatch,
    mapped: Mapped,
    masked: Mapping[str, np.ndarray],
) -> None:
    """Enters what masked cells mean to their records."""
    there = set(batch.schema.names)
    refused = tell_masked(
        mapped.log,
        plan.entity,
        mapped.frame,
        masked,
        columns_read=plan.columns_read,
        badly=mapped.converted_badly,
        tokens={found["column"] for found in source.cards if found["tokens"]},
        found={column: batch.column(column) for column in masked if column in there},
    )
    for field, where in refused.items():
        # Validation has nothing to say of them either.
        before = mapped.converted_badly.get(field)
        mapped.converted_badly[field] = where if before is None else before | where


def _to_arrow(
    batch: pa.RecordBatch,
    mapped: Mapped,
    left: pa.BooleanArray,
    entity: str,
    fields: tuple[str, ...],
    schema: pa.Schema,
) -> pa.RecordBatch:
    size = batch.num_rows
    return pa.RecordBatch.from_arrays(
        [
            *batch.columns[: len(POSITION)],
            *(arrow_column(mapped.frame[f], schema.field(f).type) for f in fields),
            mapped.legacy if mapped.legacy is not None else pa.nulls(size, pa.string()),
            pa.array(~mapped.log.rejected),
            left,
            *(
                pa.array(mapped.converted_badly.get(f, np.zeros(size, bool)))
                for f in watched(entity, fields)
            ),
        ],
        schema=schema,
    )


def arrow_column(series: pd.Series, kind: pa.DataType) -> pa.Array:
    """A column of a frame as one Arrow array of the given type."""
    array = pa.array(series, type=kind, from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def add_amounts(
    amounts: dict[str, dict[str, Amounts]],
    batch: pa.RecordBatch,
    entity: str,
    adjusted: Mapping[str, pa.Array],
) -> None:
    """Adds a mapped batch's money to the sums of its source.

    Args:
        adjusted: what rules took from amounts, see :class:`Mapped`.
    """
    for field, by_currency in amounts.items():
        currency = ENTITIES[entity].money[field]
        sums = (
            pa.table(
                {
                    "currency": _currencies(batch, currency),
                    "amount": batch.column(field).cast(WIDE),
                    "unreadable": batch.column(unreadable(field)).cast(pa.int64()),
                }
            )
            .group_by("currency")
            .aggregate([("amount", "sum"), ("unreadable", "sum")])
        )
        for row in sums.to_pylist():
            total = by_currency.setdefault(row["currency"], Amounts())
            total.source += row["amount_sum"] or Decimal(0)
            total.unreadable += row["unreadable_sum"] or 0
        if field in adjusted:
            for code, taken in adjusted_by_currency(batch, entity, field, adjusted[field]):
                total = by_currency.setdefault(code, Amounts())
                total.source += taken
                total.adjusted += taken


WIDE = pa.decimal128(38, 4)
"""Wider than any column of money: a sum may have more digits than any summand."""


def adjusted_by_currency(
    batch: pa.RecordBatch, entity: str, field: str, adjusted: pa.Array
) -> Iterator[tuple[str, Decimal]]:
    """Sums what rules took from an amount, by currency; nothing where that is nothing."""
    currency = _currencies(batch, ENTITIES[entity].money[field])
    table = pa.table({"currency": currency, "taken": adjusted.cast(WIDE)})
    for row in table.group_by("currency").aggregate([("taken", "sum")]).to_pylist():
        if row["taken_sum"]:
            yield row["currency"], row["taken_sum"]


def adjusted_rows(
    batch: pa.RecordBatch,
    position: tuple[pa.Array, pa.Array],
    entity: str,
    adjusted: Mapping[str, pa.Array],
) -> Iterator[pa.RecordBatch]:
    """What rules took from amounts, as rows of :data:`ADJUSTED_SCHEMA`.

    Args:
        position: file and record of each row of the batch.
    """
    for field, taken in adjusted.items():
        amounts = taken.cast(WIDE)
        where = pc.fill_null(pc.not_equal(amounts, pa.scalar(Decimal(0), WIDE)), False)
        if not pc.any(where, min_count=0).as_py():
            continue
        columns = [
            *position,
            pa.repeat(pa.scalar(field), batch.num_rows),
            _currencies(batch, ENTITIES[entity].money[field]),
            amounts,
        ]
        yield pa.RecordBatch.from_arrays(
            [column.filter(where) for column in columns], schema=ADJUSTED_SCHEMA
        )


def _currencies(batch: pa.RecordBatch, currency: str) -> pa.Array:
    if currency not in batch.schema.names:
        return pa.repeat(NO_CURRENCY, batch.num_rows)
    return pc.fill_null(batch.column(currency), NO_CURRENCY)
