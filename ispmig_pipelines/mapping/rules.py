"""Business rules: what becomes of the records of a block in which a condition holds.

Rules are applied in order, and each sees what those before it did. A rule that rejects a record,
leaves it out or routes it elsewhere is the last one that looks at it. All of it works on whole
columns; nothing depends on other records, so order and batch size never matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.condition import ColumnName, Condition, FieldName, evaluate
from ispmig_pipelines.mapping.batch import Batch
from ispmig_pipelines.mapping.condition_cells import cells_of
from ispmig_pipelines.mapping.convert import Converted, Refusal
from ispmig_pipelines.mapping.distinct_cells import field_values
from ispmig_pipelines.mapping.field_plan import FieldPlan
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import FieldType


@dataclass(frozen=True)
class ConditionPlan:
    """A condition over a block's fields and its source's columns.

    Attributes:
        condition: the tree.
        columns: column as the spec writes it → the source's own name of it.
        null_words: cells of columns that mean nothing.
        date_formats: how columns write dates, unless the condition says it.
    """

    condition: Condition
    columns: Mapping[str, str]
    null_words: tuple[str, ...]
    date_formats: tuple[str, ...] = ()

    def holds(self, batch: Batch, fields: Mapping[str, pa.Array]) -> np.ndarray:
        """Boolean mask of the records in which it holds; ``fields`` are canonical columns."""

        def column(operand: FieldName | ColumnName) -> pa.Array:
            if isinstance(operand, FieldName):
                return fields[operand.field]
            return cells_of(
                operand,
                batch.cells,
                self.columns[operand.name],
                null_words=self.null_words,
                date_formats=self.date_formats,
            )

        return evaluate(self.condition, column, batch.size)


@dataclass(frozen=True)
class RulePlan:
    """One rule, ready to be applied.

    Attributes:
        when: where it holds.
        sets: field → one canonical value, null for nothing.
        maps: how fields are filled instead of by their own mapping.
        reject, leave_out: what is told of the records that it takes out, or "".
        route: entity that the records become instead, or "".
    """

    when: ConditionPlan
    sets: Mapping[str, pa.Array] = field(default_factory=dict)
    maps: tuple[FieldPlan, ...] = ()
    reject: str = ""
    leave_out: str = ""
    route: str = ""

    @property
    def is_last(self) -> bool:
        """No later rule looks at a record in which it holds."""
        return bool(self.reject or self.leave_out or self.route)


@dataclass
class Ruled:
    """What the rules made of a batch.

    Attributes:
        converted: field → its column, after all rules.
        refused: refusals that stand, each with the mapping that made it.
        replaced: field → mask of the records in which a rule took the place of what its own
            mapping says.
        adjusted: money field → what rules took from the amount (before minus after) as they set
            it; null where they did not. Only fields of which any was.
        rejected, left_out: (mask, what is told).
        routed: entity → mask.
    """

    converted: dict[str, Converted]
    refused: list[tuple[FieldPlan, Refusal]]
    replaced: dict[str, np.ndarray] = field(default_factory=dict)
    adjusted: dict[str, pa.Array] = field(default_factory=dict)
    rejected: list[tuple[np.ndarray, str]] = field(default_factory=list)
    left_out: list[tuple[np.ndarray, str]] = field(default_factory=list)
    routed: dict[str, np.ndarray] = field(default_factory=dict)


def apply_rules(
    rules: tuple[RulePlan, ...],
    entity: EntityInfo,
    batch: Batch,
    plans: Mapping[str, FieldPlan],
    converted: dict[str, Converted],
) -> Ruled:
    """Applies a block's rules to a batch.

    Args:
        plans: field → its own mapping, where it has one.
        converted: every field of the block, as its own mapping has it.
    """
    ruled = Ruled(
        dict(converted),
        [(plan, refusal) for name, plan in plans.items() for refusal in converted[name].refusals],
    )
    going_on = np.ones(batch.size, dtype=bool)
    for rule in rules:
        values = _as_seen(ruled.converted, entity)
        where = rule.when.holds(batch, values) & going_on
        if not where.any():
            continue
        for name, value in rule.sets.items():
            if entity.fields[name].type is FieldType.MONEY:
                _adjust(ruled, name, where, values[name], value)
            _put(ruled, name, where, Converted(pa.repeat(value[0], batch.size)))
        for plan in rule.maps:
            made = field_values(plan, batch)
            _put(ruled, plan.name, where, made)
            _no_longer_adjusted(ruled, plan.name, where)
            ruled.refused += [
                (plan, replace(refusal, where=refusal.where & where)) for refusal in made.refusals
            ]
        if rule.reject:
            ruled.rejected.append((where, rule.reject))
        if rule.leave_out:
            ruled.left_out.append((where, rule.leave_out))
        if rule.route:
            ruled.routed[rule.route] = ruled.routed.get(rule.route, False) | where
        if rule.is_last:
            going_on &= ~where
    return ruled


def _put(ruled: Ruled, name: str, where: np.ndarray, new: Converted) -> None:
    """Puts a column's values into a field where a rule holds; what was said of those that they
    replace no longer matters."""
    old = ruled.converted[name]
    mask = pa.array(where)
    currency = old.currency
    if currency is not None or new.currency is not None:
        nothing = pa.nulls(len(where), pa.string())
        currency = pc.if_else(
            mask,
            nothing if new.currency is None else new.currency,
            nothing if currency is None else currency,
        )
    refusals = [replace(refusal, where=refusal.where & ~where) for refusal in old.refusals]
    refusals += [replace(refusal, where=refusal.where & where) for refusal in new.refusals]
    ruled.converted[name] = Converted(
        pc.if_else(mask, new.values, old.values), tuple(refusals), currency, old.dropped
    )
    ruled.refused = [
        (plan, replace(refusal, where=refusal.where & ~where) if plan.name == name else refusal)
        for plan, refusal in ruled.refused
    ]
    ruled.replaced[name] = ruled.replaced.get(name, False) | where


def _as_seen(converted: Mapping[str, Converted], entity: EntityInfo) -> dict[str, pa.Array]:
    """The values that a rule sees: none of an amount that names another currency than its
    record's, which is refused in the end."""
    values = {name: column.values for name, column in converted.items()}
    for name, currency in entity.money.items():
        stated = converted[name].currency if name in converted else None
        if stated is not None and currency in converted:
            other = pc.fill_null(pc.not_equal(stated, converted[currency].values), False)
            values[name] = pc.if_else(other, pa.scalar(None, values[name].type), values[name])
    return values


def _no_longer_adjusted(ruled: Ruled, name: str, where: np.ndarray) -> None:
    """What a rule had set before counts for nothing where another mapping brings the amount."""
    if name in ruled.adjusted:
        taken = ruled.adjusted[name]
        zero = pa.scalar(0, taken.type)
        ruled.adjusted[name] = pc.if_else(pa.array(where), zero, taken)


def _adjust(ruled: Ruled, name: str, where: np.ndarray, amount: pa.Array, value: pa.Array) -> None:
    """Notes what setting an amount takes from it."""
    zero = pa.scalar(0, value.type)
    before = pc.fill_null(amount, zero)
    taken = pc.subtract(before, pc.fill_null(value, zero)[0])
    taken = pc.if_else(pa.array(where), taken, zero)
    already = ruled.adjusted.get(name)
    ruled.adjusted[name] = taken if already is None else pc.add(already, taken)
