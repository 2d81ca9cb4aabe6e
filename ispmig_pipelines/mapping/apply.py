"""From a batch of records to a frame of one entity's fields.

:func:`prepare` turns a feed of a spec and the source's columns into a :class:`FeedPlan`;
:meth:`FeedPlan.apply` maps batches with it. A plan keeps nothing between batches, so neither
their size nor their order can matter. A feed may take some of the records only: ask
:meth:`FeedPlan.wanted` first, and map what :func:`ispmig_pipelines.mapping.selection.kept` leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.condition import Condition, columns_of
from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.issues import IssueLog
from ispmig_pipelines.mapping.batch import Batch, batch_of
from ispmig_pipelines.mapping.convert import Converted
from ispmig_pipelines.mapping.convert.values import frame_column
from ispmig_pipelines.mapping.distinct_cells import field_values
from ispmig_pipelines.mapping.evidence import Settled
from ispmig_pipelines.mapping.field_plan import FieldPlan, plan_field
from ispmig_pipelines.mapping.found_texts import FoundTexts
from ispmig_pipelines.mapping.legacy import (
    NUL_SIGN,
    json_objects,
    legacy_objects,
    merged_objects,
    without_nul,
)
from ispmig_pipelines.mapping.literals import literals
from ispmig_pipelines.mapping.lookup_table import LookupTables
from ispmig_pipelines.mapping.rules import ConditionPlan, Ruled, RulePlan, apply_rules
from ispmig_pipelines.mapping.selection import Reader, Selection, SometimesUsed, nothing_to_all
from ispmig_pipelines.mapping.spec import Feed, Spec, check_columns, find_column
from ispmig_pipelines.mapping.spec_models import FieldMapping
from ispmig_pipelines.mapping.withheld import Withheld, withheld_columns
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo


@dataclass(frozen=True)
class Mapped:
    """A mapped batch; everything in it is as long as the batch.

    Attributes:
        frame: canonical columns of the mapped fields, in the entity's order, with the dtypes of
            the entity's model; missing where the source holds nothing, or an issue says why.
        legacy: JSON object text of the columns that no mapping uses, if this feed carries them,
            and of cells that every reader skips or cuts; and of cells of which a field could keep
            a part only, or in the place of which a rule or a lookup's ``otherwise`` put something
            else. Without what becomes a secret. None if there is none of these.
        log: the issues.
        converted_badly: field → mask of the cells that could not be converted.
        columns_of: field → names of the columns it comes from, joined by ", ".
        found: field → source text, untouched, for masks; missing text for a constant.
        adjusted: money field → what rules took from each amount as they set it (before minus
            after), zero where they did not; only fields of which they set any.
    """

    frame: pd.DataFrame
    legacy: pa.StringArray | None
    log: IssueLog
    converted_badly: dict[str, np.ndarray]
    columns_of: dict[str, str]
    found: Mapping[str, pd.Series]
    adjusted: dict[str, pa.Array] = field(default_factory=dict)


@dataclass(frozen=True)
class FeedRoutes:
    """To which entities a feed's rules send which of its records.

    Attributes:
        entity: the feed's entity.
        fields: plans of the fields that its rules look at or fill.
        rules: all of its rules.
        selection: the records that the rules look at.
    """

    entity: EntityInfo
    fields: tuple[FieldPlan, ...]
    rules: tuple[RulePlan, ...]
    selection: Selection

    @property
    def columns_needed(self) -> tuple[str, ...]:
        return (
            *_columns_of(self.fields, self.rules),
            *self.selection.columns_needed,
        )

    def routed(self, batch: Batch) -> dict[str, np.ndarray]:
        ruled = _converted(self.entity, self.fields, self.rules, batch)
        looked_at = self.selection.taken_first(batch)
        return {entity: mask & looked_at for entity, mask in ruled.routed.items()}


def _columns_of(fields: Sequence[FieldPlan], rules: Sequence[RulePlan]) -> tuple[str, ...]:
    read = [column for plan in fields for column in plan.columns]
    for rule in rules:
        read += rule.when.columns.values()
        read += [column for plan in rule.maps for column in plan.columns]
    return tuple(dict.fromkeys(read))


def _converted(
    entity: EntityInfo, fields: Sequence[FieldPlan], rules: tuple[RulePlan, ...], batch: Batch
) -> Ruled:
    """Every field's column, by its mapping and after the rules."""
    plans = {plan.name: plan for plan in fields}
    converted = {name: field_values(plan, batch) for name, plan in plans.items()}
    for name in (target for rule in rules for target in (*rule.sets, *(p.name for p in rule.maps))):
        if name not in converted:
            converted[name] = Converted(pa.nulls(batch.size, entity.fields[name].arrow_type))
    return apply_rules(rules, entity, batch, plans, converted)


@dataclass(frozen=True)
class FeedPlan:
    """How one feed's records become rows.

    Attributes:
        feed: the feed.
        entity: its entity.
        fields: a plan per field that has a mapping of its own, in the entity's order.
        rules: what becomes of some of the records.
        targets: names of the fields it fills, by mapping or rule, in the entity's order.
        selection: which of the source's records are the feed's.
        unused: the source's columns that the feed carries as ``legacy``.
        shared: columns that another source of the entity has too.
        sometimes_used: columns whose cells it carries as ``legacy`` where nothing else takes them
            whole.
        withheld: columns of which cells become secrets, by name: ``legacy`` has none of these.
        legacy_json: column of JSON objects that its records carry as ``legacy``, or "".
    """

    feed: Feed
    entity: EntityInfo
    fields: tuple[FieldPlan, ...]
    rules: tuple[RulePlan, ...] = ()
    targets: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    unused: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()
    sometimes_used: tuple[SometimesUsed, ...] = ()
    withheld: Mapping[str, Withheld] = field(default_factory=dict)
    legacy_json: str = ""

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The source's columns that :meth:`wanted` and :meth:`apply` read."""
        sometimes = [name for column in self.sometimes_used for name in column.columns_needed]
        sometimes += [name for column in self.withheld.values() for name in column.columns_needed]
        legacy = [self.legacy_json] * bool(self.legacy_json)
        return tuple(
            dict.fromkeys(
                [
                    *_columns_of(self.fields, self.rules),
                    *self.selection.columns_needed,
                    *self.unused,
                    *sometimes,
                    *legacy,
                ]
            )
        )

    @property
    def columns_of(self) -> dict[str, str]:
        """Field → names of the columns it comes from, joined by ", "."""
        return {name: ", ".join(columns) for name, columns in self.columns_read.items()}

    @cached_property
    def columns_read(self) -> dict[str, tuple[str, ...]]:
        """Field → names of the columns it comes from, by its mapping or by rules."""
        read: dict[str, list[str]] = {name: [] for name in self.targets}
        for plan in (*self.fields, *(plan for rule in self.rules for plan in rule.maps)):
            if plan.name in read:
                read[plan.name] += plan.columns
        return {name: tuple(dict.fromkeys(columns)) for name, columns in read.items()}

    @property
    def adjusts(self) -> bool:
        """Whether rules set amounts of money."""
        return any(name in self.entity.money for rule in self.rules for name in rule.sets)

    def wanted(self, records: Records, first: int = 0) -> np.ndarray | None:
        """Boolean mask of the batch's records that are the feed's; None: all of them.

        The others are no records of its entity: not read, not mapped, no issue.

        Args:
            first: records of the source in files before this one.
        """
        return None if self.selection.takes_all else self.selection.mask(batch_of(records, first))

    def apply(self, records: Records, first: int = 0) -> Mapped:
        """Maps a batch of wanted records. No cell makes it fail; what cannot be converted is in
        the log."""
        batch = batch_of(records, first)
        ruled = _converted(self.entity, self.fields, self.rules, batch)
        log = IssueLog(batch.size)
        converted = ruled.converted
        found = FoundTexts(self.targets, self.fields, batch.cells)
        # What was left out on purpose has nothing to be corrected.
        told = np.ones(batch.size, dtype=bool)
        for where, _ in ruled.left_out:
            told &= ~where
        partly_kept = self._replaced(ruled)
        for plan, refusal in ruled.refused:
            log.add(
                refusal.rule,
                refusal.where & told,
                column=", ".join(plan.columns),
                field=plan.name,
                found=found.text(plan) if refusal.shows_found else None,
                accepted=refusal.accepted,
            )
            if not refusal.is_error:
                for column in plan.origins:
                    _add_mask(partly_kept, column, refusal.where)
        for plan in self.fields:
            dropped = converted[plan.name].dropped
            if dropped is not None:
                for column in self._read_by_it_alone(plan, ruled):
                    _add_mask(partly_kept, column, dropped)
        badly = {name: converted[name].bad for name in self.targets}
        self._check_currencies(converted, log, badly, found, told)
        for where, message in ruled.rejected:
            log.add("rule.rejected", where, accepted=message)
        for where, reason in ruled.left_out:
            log.add("rule.left_out", where, accepted=reason)
            log.reject(where)
        frame = pd.DataFrame(
            {
                name: frame_column(converted[name].values, self.entity.fields[name].pandas_dtype)
                for name in self.targets
            },
            copy=False,
        )
        return Mapped(
            frame=frame,
            legacy=self._legacy(batch, partly_kept, log),
            log=log,
            converted_badly=badly,
            columns_of=self.columns_of,
            found=found,
            adjusted={n: a for n, a in ruled.adjusted.items() if n in self.targets},
        )

    def _replaced(self, ruled: Ruled) -> dict[str, np.ndarray]:
        """Column → where a rule put something else in the place of what it says."""
        replaced: dict[str, np.ndarray] = {}
        for plan in self.fields:
            if plan.name in ruled.replaced:
                for column in self._read_by_it_alone(plan, ruled):
                    _add_mask(replaced, column, ruled.replaced[plan.name])
        return replaced

    def _read_by_it_alone(self, plan: FieldPlan, ruled: Ruled) -> list[str]:
        """The columns of a mapping whose cells no other field of the record has as they are."""
        return [
            column
            for column in plan.origins
            if not any(
                other.origins == (column,)
                and other.takes_whole
                and other.name not in ruled.replaced
                for other in self.fields
                if other is not plan
            )
        ]

    def _check_currencies(
        self,
        converted: dict[str, Converted],
        log: IssueLog,
        badly: dict[str, np.ndarray],
        found: FoundTexts,
        told: np.ndarray,
    ) -> None:
        """``12 EUR`` in a record whose currency is USD is no amount of that record."""
        for name, currency in self.entity.money.items():
            if name not in self.targets or currency not in converted:
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
                    differs & told,
                    column=self.columns_of[name],
                    field=name,
                    found=found.of_field(name),
                    accepted=f"in the currency of {currency}",
                )

    def _legacy_name(self, column: str) -> str:
        return f"{self.feed.source}.{column}" if column in self.shared else column

    def _legacy(
        self, batch: Batch, partly_kept: dict[str, np.ndarray], log: IssueLog
    ) -> pa.StringArray | None:
        cells = batch.cells
        carried = {column.column: column.left_behind(batch) for column in self.sometimes_used}
        for name, where in partly_kept.items():
            cell = pc.if_else(pa.array(where), cells.raw(name), _NO_TEXT)
            carried[name] = pc.coalesce(cell, carried[name]) if name in carried else cell
        carries = bool(carried or self.unused)
        carried |= {name: cells.raw(name) for name in self.unused}
        for name in carried.keys() & self.withheld.keys():
            secret = pa.array(self.withheld[name].mask(batch))
            carried[name] = pc.if_else(secret, _NO_TEXT, carried[name])
        carried = {name: cell for name, cell in carried.items() if cell.null_count < len(cell)}
        own = self._own_legacy(batch, log)
        if not carried:
            empty = pa.repeat(pa.scalar("{}"), cells.size) if carries else None
            return empty if own is None else own
        # Where only what is left of cells is carried, most records carry nothing.
        some = None if self.unused else _some_held(carried.values())
        columns = []
        for name, whole in carried.items():
            kept = whole if some is None else whole.filter(pa.array(some))
            values, nul = without_nul(kept)
            if nul is not None:
                log.add(
                    "legacy.unstorable",
                    _of_all(nul.to_numpy(zero_copy_only=False), some),
                    column=name,
                    accepted=NUL_SIGN,
                )
            columns.append((self._legacy_name(name), values))
        objects = legacy_objects(columns, len(columns[0][1]))
        if some is not None:
            objects = pc.replace_with_mask(
                pa.repeat(pa.scalar("{}"), cells.size), pa.array(some), objects
            )
        return objects if own is None else merged_objects(own, objects)

    def _own_legacy(self, batch: Batch, log: IssueLog) -> pa.StringArray | None:
        """The JSON objects that the source itself holds for ``legacy``."""
        if not self.legacy_json:
            return None
        raw = batch.cells.raw(self.legacy_json)
        objects, bad = json_objects(raw)
        log.add(
            "value.type",
            bad,
            column=self.legacy_json,
            field="legacy",
            found=raw,
            accepted="a JSON object that PostgreSQL can hold",
        )
        return objects


_NO_TEXT = pa.scalar(None, pa.string())


def _some_held(columns: Collection[pa.StringArray]) -> np.ndarray:
    """Mask of the records in which any of the columns is there."""
    held = [column.is_valid().to_numpy(zero_copy_only=False) for column in columns]
    some: np.ndarray = np.logical_or.reduce(held)
    return some


def _of_all(mask: np.ndarray, some: np.ndarray | None) -> np.ndarray:
    """A mask over the ``some`` records as one over all."""
    if some is None:
        return mask
    whole = np.zeros(len(some), dtype=bool)
    whole[some] = mask
    return whole


def _add_mask(masks: dict[str, np.ndarray], column: str, where: np.ndarray) -> None:
    masks[column] = masks[column] | where if column in masks else where


def prepare(
    spec: Spec,
    feed: Feed,
    columns: Sequence[str],
    *,
    only: Collection[str] | None = None,
    shared: Collection[str] = (),
    settled: Mapping[str, Mapping[str, Settled]] | None = None,
    tables: LookupTables | None = None,
) -> FeedPlan:
    """Makes the plan of a feed for a source with these columns.

    Args:
        only: restricts it to some fields of the same records, without ``legacy``: the audit
            recomputes control totals straight from the source, converting nothing else.
        shared: columns that another source of the same entity has too. Under ``legacy`` they
            are named ``source.column``: neither may take the other's place.
        settled: name of a feed of the source → its :attr:`FieldPlan.name`, or that with its
            rule, see :func:`style_key` → what the column's cells say of how they are written.
        tables: what mappings look up in, by identity; a plan without them cannot be applied
            where it looks up.

    Raises:
        SpecError: the source lacks columns that the spec names, or a function that it names is
            not to be had.
    """
    problems = check_columns(spec, feed.source, columns)
    if problems:
        raise SpecError(problems)
    return _Preparation(spec, columns, settled or {}, tables or {}).plan(feed, only, shared)


def style_key(field: str, rule: int | None = None) -> str:
    """What a mapping of a feed is known by: its field, and the number of its rule from 1."""
    return field if rule is None else f"{field} (rule {rule})"


class _Preparation:
    """What making the plans of one source's feeds needs."""

    def __init__(
        self,
        spec: Spec,
        columns: Sequence[str],
        settled: Mapping[str, Mapping[str, Settled]],
        tables: LookupTables,
    ) -> None:
        self._spec = spec
        self._columns = columns
        self._settled = settled
        self._tables = tables

    def plan(self, feed: Feed, only: Collection[str] | None, shared: Collection[str]) -> FeedPlan:
        entity = ENTITIES[feed.entity]
        plan = FeedPlan(
            feed,
            entity,
            fields=self._fields(feed, only),
            rules=self._rules(feed),
            targets=tuple(
                name
                for name in entity.fields
                if name in feed.targets and (only is None or name in only)
            ),
            selection=self._selection(feed),
            shared=frozenset(shared),
        )
        if only is not None:
            return plan
        withheld = withheld_columns(
            self._spec, feed.source, _Own(self._columns), self._selection, self._condition
        )
        if feed.legacy:
            plan = self._carrying(plan, withheld)
        kept = {*_columns_of(plan.fields, plan.rules), *plan.unused}
        kept.update(column.column for column in plan.sometimes_used)
        return replace(plan, withheld={n: column for n, column in withheld.items() if n in kept})

    def _own(self, name: str) -> str:
        # check_columns has found them all.
        return find_column(name, self._columns) or name

    def _fields(self, feed: Feed, only: Collection[str] | None) -> tuple[FieldPlan, ...]:
        """Plans of the fields, or of those of ``only`` and what the rules need."""
        needed = {name for rule in feed.rules for name in (*rule.fields_read, *rule.targets)}
        return tuple(
            self._field(feed, name, mapping, style_key(name))
            for name, mapping in feed.fields.items()
            if only is None or name in only or name in needed
        )

    def _field(self, feed: Feed, name: str, mapping: FieldMapping, key: str) -> FieldPlan:
        try:
            plan = plan_field(
                name,
                ENTITIES[feed.entity].fields[name],
                mapping,
                self._own,
                self._spec.defaults,
                self._tables,
            )
        except SpecError as error:
            at = f"{self._spec.path.name}:{self._spec.field_line(feed, name)}: {feed.entity}."
            raise SpecError([at + problem for problem in error.problems]) from None
        settled = self._settled.get(feed.name, {}).get(key)
        return plan if settled is None else plan.with_settled(settled)

    def _rules(self, feed: Feed) -> tuple[RulePlan, ...]:
        info = ENTITIES[feed.entity]

        def value(name: str, word: str | None) -> pa.Array:
            mapping = feed.fields.get(name, FieldMapping(constant="-"))
            return literals([word], mapping, info.fields[name], self._spec.defaults).values

        return tuple(
            RulePlan(
                when=self._condition(rule.when),
                sets={name: value(name, word) for name, word in rule.sets.items()},
                maps=tuple(
                    self._field(feed, name, mapping, style_key(name, number))
                    for name, mapping in rule.maps.items()
                ),
                reject=rule.reject,
                leave_out=rule.leave_out,
                route=rule.route,
            )
            for number, rule in enumerate(feed.rules, 1)
        )

    def _condition(self, condition: Condition) -> ConditionPlan:
        return ConditionPlan(
            condition,
            {name: self._own(name) for name in columns_of(condition)},
            self._spec.defaults.null_words,
            self._spec.defaults.date_format or (),
        )

    def _selection(self, feed: Feed) -> Selection:
        selection = Selection(
            when_filled=tuple(self._own(column) for column in feed.when_filled),
            null_words=self._spec.defaults.null_words,
            when=None if feed.when is None else self._condition(feed.when),
            entity=feed.entity,
            receives=tuple(
                self._routes(other)
                for other in self._spec.feeds_of(feed.source)
                if feed.entity in other.routes
            ),
        )
        return replace(selection, sends=self._routes(feed)) if feed.routes else selection

    def _routes(self, feed: Feed) -> FeedRoutes:
        return FeedRoutes(
            entity=ENTITIES[feed.entity],
            fields=self._fields(feed, only=()),
            rules=self._rules(feed),
            selection=Selection(
                when_filled=tuple(self._own(column) for column in feed.when_filled),
                null_words=self._spec.defaults.null_words,
                when=None if feed.when is None else self._condition(feed.when),
            ),
        )

    def _carrying(self, plan: FeedPlan, withheld: Mapping[str, Withheld]) -> FeedPlan:
        """The plan with the columns that its records carry as ``legacy``."""
        null_words = self._spec.defaults.null_words
        uses: dict[str, list[tuple[Feed, str, FieldMapping]]] = {}
        gone = {name for name, column in withheld.items() if column.is_whole}
        for other in self._spec.feeds_of(plan.feed.source):
            if other.legacy_column:
                gone.add(self._own(other.legacy_column))
            for name, mapping in other.fields.items():
                # The other columns of coalesce, and operands, are in no field as they are.
                first = mapping.coalesce and not mapping.hashes
                for column in mapping.origin_columns[: 1 if first else None]:
                    uses.setdefault(self._own(column), []).append((other, name, mapping))
        readers = {column: self._readers(plan, used) for column, used in uses.items()}
        sometimes = tuple(
            SometimesUsed(
                column,
                readers[column],
                nothing_to_all(null_words, [mapping for _, _, mapping in used]),
            )
            for column, used in uses.items()
            if column not in gone
            and not any(r.cutting is None and r.selection.takes_all for r in readers[column])
        )
        return replace(
            plan,
            unused=tuple(c for c in self._columns if c not in uses and c not in gone),
            sometimes_used=sometimes,
            legacy_json=self._own(plan.feed.legacy_column) if plan.feed.legacy_column else "",
        )

    def _readers(
        self, plan: FeedPlan, used: Sequence[tuple[Feed, str, FieldMapping]]
    ) -> tuple[Reader, ...]:
        """What reads a column, as the records of ``plan`` see it."""
        own = {field.name: field for field in plan.fields}
        found: dict[tuple[str, str], Reader] = {}
        for feed, name, mapping in used:
            is_own = feed.name == plan.feed.name
            # Its own records are those that its block has taken.
            selection = Selection() if is_own else self._selection(feed)
            if not (mapping.cuts_text or mapping.cuts_values):
                found.setdefault((feed.name, ""), Reader(selection))
                continue
            cutting = own[name] if is_own else self._field(feed, name, mapping, style_key(name))
            found[feed.name, name] = Reader(selection, cutting)
        return tuple(found.values())


class _Own(dict[str, str | None]):
    """A column as the spec writes it → the source's own name of it, or None."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__()
        self._columns = columns

    def __missing__(self, name: str) -> str | None:
        self[name] = find_column(name, self._columns)
        return self[name]
