"""The report in words: what page and terminal both say of it, said once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import NO_CURRENCY
from ispmig_pipelines.preview.report import (
    Before,
    Block,
    Entity,
    FieldFill,
    FieldIssue,
    IssueExample,
    Outcome,
    Report,
    SampledField,
)

MASKED = (
    "Cells and values are masked: others stand for them, the same in every masked report and "
    "export of this tenant; or their shapes, in which 9 is a digit, a and A are letters."
)

OUTCOMES: dict[Outcome, str] = {
    "new": "new",
    "changed": "changes what is there",
    "unchanged": "is there already",
    "completes": "completes another record",
    "quarantined": "held back",
}


def what_becomes(entity: Entity) -> list[tuple[str, int]]:
    """An entity's outcome in a few numbers, the most telling first.

    What a record says again or adds to another one of the same migration is no row of its own.
    """
    counts = entity.counts
    told = [
        ("new", counts["inserted"]),
        ("changed", entity.changes.rows),
        ("unchanged", counts["unchanged"] - counts["repeated"]),
        ("held back", counts["quarantined"]),
    ]
    return [told[0], *(one for one in told[1:] if one[1])]


TOTAL_SIDES = {
    "source": "in the source",
    "loaded": "would be loaded",
    "quarantined": "held back",
    "adjusted": "changed by rules",
}
"""Sides of a control total that are shown, where the ledger has them."""


@dataclass(frozen=True)
class MoneyRow:
    """A control total: ``Customer balance``, ``USD``, the amounts, and cells that are no number.

    Attributes:
        note: what a positive amount means, where that is not plain.
    """

    name: str
    currency: str
    amounts: dict[str, str]
    unreadable: int
    note: str


def sides(rows: list[MoneyRow]) -> list[str]:
    """The sides of :data:`TOTAL_SIDES` worth a column: what rules took only where they did."""
    return [
        side
        for side in TOTAL_SIDES
        if any(side in row.amounts for row in rows)
        and (side != "adjusted" or any(Decimal(row.amounts.get(side, 0)) for row in rows))
    ]


def money_rows(report: Report) -> list[MoneyRow]:
    """Every control total of the report, in order."""
    rows = []
    for entity in report.entities:
        for name, by_currency in entity.totals.items():
            field = name.partition(".")[2]
            info = ENTITIES[entity.name].fields[field]
            for currency, sums in sorted(by_currency.items()):
                rows.append(
                    MoneyRow(
                        name=f"{entity.name} {field}".replace("_", " ").capitalize(),
                        currency="no currency" if currency == NO_CURRENCY else currency,
                        amounts={s: sums[s] for s in TOTAL_SIDES if sums.get(s) is not None},
                        unreadable=sums.get("unreadable") or 0,
                        note=f"positive: {info.positive_is}" if info.positive_is else "",
                    )
                )
    return rows


def origin(fill: FieldFill) -> str:
    """Where a field comes from: its columns, or what the spec says."""
    if fill.columns:
        return " + ".join(fill.columns) + (f" ({fill.written})" if fill.written else "")
    return f"always {fill.constant!r}" if fill.constant else "the spec itself"


def place(example: IssueExample) -> str:
    """``people.csv record 12, line 13``."""
    where = f"{example.file} record {example.record:,}"
    return where if example.line is None else f"{where}, line {example.line:,}"


@dataclass(frozen=True)
class Pair:
    """What a field was and what it would be, in some of the sampled records.

    Attributes:
        present: what the tenant's rows hold today, where that changes.
    """

    before: tuple[Before, ...]
    after: str | None
    issues: tuple[FieldIssue, ...]
    present: str | None
    changes: bool
    records: int

    @property
    def refused(self) -> bool:
        """There is a cell, and an error stands where the value should be."""
        return self.after is None and any(i.severity == "error" for i in self.issues)


def pairs(block: Block, field: str, most: int | None = None) -> list[Pair]:
    """The distinct pairs of a field, those with issues last.

    Args:
        most: how many to return; of those some have issues, if any do. None: all.
    """
    counted: dict[tuple[object, ...], int] = {}
    first: dict[tuple[object, ...], SampledField] = {}
    for sample in block.samples:
        for one in sample.fields:
            if one.name != field:
                continue
            key = (one.before, one.after, one.issues, one.changes, one.present)
            counted[key] = counted.get(key, 0) + 1
            first.setdefault(key, one)
    found = [
        Pair(o.before, o.after, o.issues, o.present, o.changes, counted[key])
        for key, o in first.items()
    ]
    # What holds nothing tells least.
    plain = sorted((p for p in found if not p.issues), key=lambda p: (not p.changes, _empty(p)))
    wrong = [p for p in found if p.issues]
    if most is None:
        return plain + wrong
    kept_back = min(len(wrong), max(most // 3, most - len(plain)))
    return plain[: most - kept_back] + wrong[:kept_back]


def _empty(pair: Pair) -> bool:
    return pair.after is None and not any(b.text and b.text.strip() for b in pair.before)
