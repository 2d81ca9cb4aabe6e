"""From a batch of records to a frame of one entity's fields.

:func:`prepare` turns a feed of a spec and the source's columns into a :class:`FeedPlan`;
:meth:`FeedPlan.apply` maps batches with it. A plan keeps nothing between batches, so neither
their size nor their order can matter. A feed with ``when_filled`` takes some of the records
only: ask :meth:`FeedPlan.wanted` first, and map what
:func:`ispmig_pipelines.mapping.optional.kept` leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.issues import IssueLog
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.convert import Converted
from ispmig_pipelines.mapping.convert.values import frame_column
from ispmig_pipelines.mapping.field_plan import FieldPlan, plan_field
from ispmig_pipelines.mapping.legacy import (
    NUL_SIGN,
    json_objects,
    legacy_objects,
    merged_objects,
    without_nul,
)
from ispmig_pipelines.mapping.optional import SometimesUsed, nothing_to_all
from ispmig_pipelines.mapping.spec import Feed, Spec, check_columns, find_column
from ispmig_pipelines.mapping.spec_models import FieldMapping
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo


@dataclass(frozen=True)
class Mapped:
    """A mapped batch; everything in it is as long as the batch.

    Attributes:
        frame: canonical columns of the mapped fields, in the entity's order, with the dtypes of
            the entity's model; missing where the source holds nothing, or an issue says why.
        legacy: JSON object text of the columns that no mapping uses, if this feed carries them,
            of cells whose only readers skip the record, and of cells of which a field could keep
            a part only; None if there is none of these.
        log: the issues.
        converted_badly: field → mask of the cells that could not be converted.
        columns_of: field → names of the columns it comes from, joined by ", ".
        found: field → source text, untouched, for masks; missing text for a constant.
    """

    frame: pd.DataFrame
    legacy: pa.StringArray | None
    log: IssueLog
    converted_badly: dict[str, np.ndarray]
    columns_of: dict[str, str]
    found: dict[str, pd.Series]


_TEXT = pd.StringDtype(na_value=float("nan"))


@dataclass(frozen=True)
class FeedPlan:
    """How one feed's records become rows.

    Attributes:
        feed: the feed.
        entity: its entity.
        fields: a plan per mapped field, in the entity's order.
        unused: the source's columns that the feed carries as ``legacy``.
        shared: columns that another source of the entity has too.
        sometimes_used: columns whose cells it carries as ``legacy`` where nothing else takes them.
        when_filled: the source's columns that must hold something, or the record is not the
            feed's; empty if all are.
        null_words: what means nothing in them.
        legacy_json: column of JSON objects that its records carry as ``legacy``, or "".
    """

    feed: Feed
    entity: EntityInfo
    fields: tuple[FieldPlan, ...]
    unused: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()
    sometimes_used: tuple[SometimesUsed, ...] = ()
    when_filled: tuple[str, ...] = ()
    null_words: tuple[str, ...] = ()
    legacy_json: str = ""

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The source's columns that :meth:`wanted` and :meth:`apply` read."""
        read = [column for field in self.fields for column in field.columns]
        sometimes = [name for column in self.sometimes_used for name in column.columns_needed]
        legacy = [self.legacy_json] * bool(self.legacy_json)
        return tuple(dict.fromkeys([*read, *self.when_filled, *self.unused, *sometimes, *legacy]))

    @property
    def columns_of(self) -> dict[str, str]:
        """Field → names of the columns it comes from, joined by ", "."""
        return {field.name: ", ".join(field.columns) for field in self.fields}

    def wanted(self, records: Records) -> np.ndarray | None:
        """Boolean mask of the batch's records that are the feed's; None: all of them.

        The others are no records of its entity: not read, not mapped, no issue.
        """
        if not self.when_filled:
            return None
        return SourceCells(records.cells).filled(self.when_filled, self.null_words)

    def apply(self, records: Records) -> Mapped:
        """Maps a batch of wanted records. No cell makes it fail; what cannot be converted is in
        the log."""
        cells = SourceCells(records.cells)
        log = IssueLog(cells.size)
        converted = {field.name: field.apply(cells) for field in self.fields}
        nothing = pa.nulls(cells.size, pa.string())
        found = {}
        partly_kept: dict[str, pa.BooleanArray] = {}
        for field in self.fields:
            result = converted[field.name]
            text = field.source(cells)
            found[field.name] = frame_column(nothing if text is None else text, _TEXT)
            for refusal in result.refusals:
                log.add(
                    refusal.rule,
                    refusal.where,
                    column=", ".join(field.columns),
                    field=field.name,
                    found=found[field.name] if refusal.shows_found else None,
                    accepted=refusal.accepted,
                )
                if not refusal.is_error:
                    for column in field.columns:
                        where = pa.array(refusal.where)
                        before = partly_kept.get(column)
                        partly_kept[column] = where if before is None else pc.or_(before, where)
        badly = {name: result.bad for name, result in converted.items()}
        self._check_currencies(converted, log, badly, found)
        frame = pd.DataFrame(
            {
                field.name: frame_column(converted[field.name].values, field.info.pandas_dtype)
                for field in self.fields
            },
            copy=False,
        )
        return Mapped(
            frame=frame,
            legacy=self._legacy(cells, partly_kept, log),
            log=log,
            converted_badly=badly,
            columns_of=self.columns_of,
            found=found,
        )

    def _check_currencies(
        self,
        converted: dict[str, Converted],
        log: IssueLog,
        badly: dict[str, np.ndarray],
        found: dict[str, pd.Series],
    ) -> None:
        """``12 EUR`` in a record whose currency is USD is no amount of that record."""
        for name, currency in self.entity.money.items():
            if name not in converted or currency not in converted:
                continue
            result = converted[name]
            if result.currency is None:
                continue
            differs = pc.fill_null(
                pc.not_equal(result.currency, converted[currency].values), False
            ).to_numpy(zero_copy_only=False)
            if differs.any():
                badly[name] = badly[name] | differs
                kept = pc.if_else(pa.array(differs), pa.scalar(None, result.values.type),
                                  result.values)  # fmt: skip
                converted[name] = Converted(kept, result.refusals, result.currency)
                log.add(
                    "value.currency",
                    differs,
                    column=self.columns_of[name],
                    field=name,
                    found=found[name],
                    accepted=f"in the currency of {currency}",
                )

    def _legacy_name(self, column: str) -> str:
        return f"{self.feed.source}.{column}" if column in self.shared else column

    def _legacy(
        self, cells: SourceCells, partly_kept: dict[str, pa.BooleanArray], log: IssueLog
    ) -> pa.StringArray | None:
        # The three share no column: what this feed's own fields read is not unused, and what
        # others alone read is not read by its fields.
        carried = {name: cells.raw(name) for name in self.unused}
        carried |= {column.column: column.left_behind(cells) for column in self.sometimes_used}
        for name, where in partly_kept.items():
            carried[name] = pc.if_else(where, cells.raw(name), pa.scalar(None, pa.string()))
        if not carried:
            return self._own_legacy(cells, log)
        columns = []
        for name, whole in carried.items():
            values, nul = without_nul(whole)
            if nul is not None:
                log.add(
                    "legacy.unstorable",
                    nul.to_numpy(zero_copy_only=False),
                    column=name,
                    accepted=NUL_SIGN,
                )
            columns.append((self._legacy_name(name), values))
        own = self._own_legacy(cells, log)
        objects = legacy_objects(columns, cells.size)
        return objects if own is None else merged_objects(own, objects)

    def _own_legacy(self, cells: SourceCells, log: IssueLog) -> pa.StringArray | None:
        """The JSON objects that the source itself holds for ``legacy``."""
        if not self.legacy_json:
            return None
        raw = cells.raw(self.legacy_json)
        objects, bad = json_objects(raw)
        log.add(
            "value.type",
            bad,
            column=self.legacy_json,
            field="legacy",
            found=frame_column(raw, _TEXT),
            accepted="a JSON object that PostgreSQL can hold",
        )
        return objects


def prepare(
    spec: Spec,
    feed: Feed,
    columns: Sequence[str],
    *,
    only: Collection[str] | None = None,
    shared: Collection[str] = (),
) -> FeedPlan:
    """Makes the plan of a feed for a source with these columns.

    Args:
        only: restricts it to some fields of the same records, without ``legacy``: the audit
            recomputes control totals straight from the source, converting nothing else.
        shared: columns that another source of the same entity has too. Under ``legacy`` they
            are named ``source.column``: neither may take the other's place.

    Raises:
        SpecError: the source lacks columns that the spec names.
    """
    problems = check_columns(spec, feed.source, columns)
    if problems:
        raise SpecError(problems)
    entity = ENTITIES[feed.entity]

    def own(name: str) -> str:
        # check_columns has found them all.
        return find_column(name, columns) or name

    fields = tuple(
        plan_field(
            name,
            entity.fields[name],
            mapping,
            [own(column) for column in mapping.source_columns],
            spec.defaults,
        )
        for name, mapping in feed.fields.items()
        if only is None or name in only
    )
    plan = FeedPlan(
        feed,
        entity,
        fields,
        when_filled=tuple(own(column) for column in feed.when_filled),
        null_words=spec.defaults.null_words,
        shared=frozenset(shared),
    )
    if not feed.legacy or only is not None:
        return plan
    uses: dict[str, list[tuple[Feed, FieldMapping]]] = {}
    objects: set[str] = set()
    for other in spec.feeds_of(feed.source):
        if other.legacy_column:
            objects.add(own(other.legacy_column))
        for mapping in other.fields.values():
            for column in mapping.source_columns:
                uses.setdefault(own(column), []).append((other, mapping))
    sometimes = tuple(
        SometimesUsed(
            column,
            tuple(dict.fromkeys(tuple(own(c) for c in other.when_filled) for other, _ in used)),
            spec.defaults.null_words,
            nothing_to_all(spec.defaults.null_words, [mapping for _, mapping in used]),
        )
        for column, used in uses.items()
        if all(other.when_filled for other, _ in used)
    )
    return replace(
        plan,
        unused=tuple(c for c in columns if c not in uses and c not in objects),
        sometimes_used=sometimes,
        legacy_json=own(feed.legacy_column) if feed.legacy_column else "",
    )
