# ruff: noqa: E501
"""What a block of a spec must have besides what its columns say: keys, currencies, plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ispmig_pipelines.mapping.spec_models import FieldMapping
from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.currencies import Money
from ispmig_pipelines.mapping.suggest.draft import Block, Draft, Line
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.mapping.suggest.totals_of_lines import total_of_lines
from ispmig_pipelines.model import ENTITIES

_HAS_SEQUENCE = "sequence" in FieldMapping.model_fields


def complete_block(
    draft: Draft, block: Block, tables: Mapping[str, Table], money: Money | None
) -> bool:
    """Adds what every record must have, and takes back what cannot stand alone; whether the block
    completes records of another table.

    Args:
        draft: is asked what only a person knows.
        tables: source → table.
        money: the currency of the amounts of the block's table.
    """
    table = tables[block.source]
    info = ENTITIES[block.entity]
    partial = bool(block.further.pop("partial", False))
    if block.entity == "invoice" and not any(x.field == "total" for x in block.active):
        total = total_of_lines(block, tables)
        if total is not None:
            block.lines = [*(x for x in block.lines if x.field != "total"), total]
            draft.ask(f"{block.source}: the total of every invoice is assumed to be the sum of "
                      "its lines")  # fmt: skip
    _money(draft, block, money)
    there = {line.field for line in block.active}
    for name in info.key:
        if name in there:
            continue
        if name == "line_no" and (column := _line_numbers(table, block)):
            block.lines.insert(0, Line(name, column, (column,), 0.75,
                                       "unique whole numbers, in their order"))  # fmt: skip
            continue
        if _HAS_SEQUENCE and (name == "line_no" or block.entity == "payment"):
            words: dict[str, Any] = {"sequence": {"start": "1"}}
            if name != "line_no":
                words["sequence"] |= {"prefix": "P-", "width": "6"}
            block.lines.insert(0, Line(name, words, (), 0.5, "assumed: the export numbers "
                                       "none; stable for these very files only", True, True))  # fmt: skip
        else:
            block.asked = f"no column is sure to be {name}, by which its records are told apart"
    if partial:
        others = there - {*info.key, *info.money.values()}
        if not others:
            block.asked = block.asked or "nothing but its key is sure"
        return True
    there = {line.field for line in block.active}
    for name in info.required:
        if name in there or name in info.key:
            continue
        if name == "status":
            block.lines.append(
                Line(name, {"constant": "active"}, (), 0.5,
                     "assumed: no column says it for sure", True, True)
            )  # fmt: skip
            draft.ask(f"{block.source}: the status of every {block.entity} is assumed active")
        else:
            block.asked = block.asked or f"no column is sure to be {name}"
    order = list(info.fields)
    block.lines.sort(key=lambda line: order.index(line.field))
    # A location needs both of its coordinates.
    names = {line.field for line in block.active}
    for one, other in (("latitude", "longitude"), ("expiry_month", "expiry_year")):
        for line in block.active:
            if (line.field == one and other not in names) or (
                line.field == other and one not in names
            ):
                line.active = False
                line.reason += f"; {one} and {other} belong together"
    return False


def _money(draft: Draft, block: Block, money: Money | None) -> None:
    """Gives its amounts their currency, or asks for it."""
    info = ENTITIES[block.entity]
    amounts = [line for line in block.lines if line.field in info.money]
    said = [line for line in block.active if line.field in info.money.values()]
    if not amounts or said:
        return
    if money is None:
        for line in amounts:
            if line.active:
                line.active = False
                line.reason += "; ask: in which currency (--currency EUR)?"
        draft.ask("in which currency are the amounts? Say --currency EUR")
        return
    if not any(line.active for line in amounts):
        return
    block.lines = [line for line in block.lines if line.field not in info.money.values()]
    for field in dict.fromkeys(info.money[line.field] for line in amounts):
        columns = (money.mapping,) if isinstance(money.mapping, str) else ()
        reason = f"{'assumed: ' if money.assumed else ''}{money.reason}"
        block.lines.append(
            Line(field, money.mapping, columns, 0.6 if money.assumed else 0.9, reason, True,
                 money.assumed)
        )  # fmt: skip
    if money.assumed:
        code = money.mapping["constant"] if isinstance(money.mapping, dict) else ""
        draft.ask(f"the currency of amounts is assumed to be {code}")


def plans_of_names(draft: Draft, tables: Mapping[str, Table]) -> None:
    """Plans that services name and no table holds are made of the names."""
    if any(b.entity == "plan" and not b.asked for b in draft.blocks):
        return
    made = []
    for block in draft.blocks:
        if block.entity != "service" or block.asked:
            continue
        plan = next((line for line in block.active if line.field == "plan"), None)
        if plan is None or not plan.columns:
            continue
        reason = "no table of plans: what services name"
        lines = [Line("plan_code", plan.mapping, plan.columns, plan.confidence, reason)]
        table = tables[block.source]
        names = {m.column: m for m in table.matches("plan") if m.field == "name"}
        if plan.columns[0] in names and "id" not in concepts_of(plan.columns[0]):
            lines.append(Line("name", plan.mapping, plan.columns, plan.confidence, reason))
        filled = {k: v for k, v in block.further.items() if k in ("when_filled", "when")}
        column = table.sample.column(plan.columns[0])
        if not filled and column.filled < table.sample.records:
            filled = {"when_filled": plan.columns[0]}
        made.append(Block("plan", block.source, lines, filled))
    draft.blocks += made


def _line_numbers(table: Table, block: Block) -> str:
    """A column of unique whole numbers that can count lines: the id of each."""
    used = {c for line in block.active for c in line.columns}
    for column in table.sample.columns:
        said = set(concepts_of(column.name))
        free = column.name not in used and column.is_unique
        counts = said & {"id", "line"} and said <= {"id", "line", "invoice"}
        if free and counts and all(v.isdigit() for v in column.some(100)):
            return column.name
    return ""
