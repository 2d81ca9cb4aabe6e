# ruff: noqa: E501
"""Lists of invoices with a row for each line: what all rows of one number say again is the invoice,
the rest its lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.elimination import by_elimination
from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.model import ENTITIES

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_DIFFERING = 0.1
"""So many of the numbers may have rows that differ in what is the invoice's: exports have mistakes."""
_OF_HEADS = ("customer", "issue_date", "due_date")
"""Without two of them a list of lines says nothing of its invoices."""


def number_of_bills(table: Table) -> Match | None:
    """The column of invoice numbers of lines, where its name alone is not sure: it says invoice, and
    all rows of one of its values are of one customer and of one day."""
    named = [
        m.column
        for m in table.matches("invoice_line")
        if m.field == "invoice_number" and m.score >= ACTIVE
    ]
    if named:
        return None
    for column in table.sample.columns:
        profile = table.profiles[column.name]
        several = 3 <= len(column.counts) < 0.97 * column.filled
        if (
            not several
            or column.filled < table.sample.records
            or "invoice" not in concepts_of(column.name)
        ):
            continue
        if profile.share("date") > 0.1 or profile.share("decimal") > 0.1 or profile.few_words:
            continue
        heads = _heads(table, column.name)
        if len(heads) >= 2 and any(len(table.sample.column(c).counts) > 1 for c in heads):
            return Match("invoice_line", "invoice_number", column.name, 0.8,
                         "all rows of one of them are of one customer and one day")  # fmt: skip
    return None


def _heads(table: Table, number: str) -> list[str]:
    """The columns of an invoice's customer and days that are the same in all rows of a number."""
    best = (table.best("invoice", name) for name in _OF_HEADS)
    found = {m.column for m in best if m is not None and m.score >= ACTIVE}
    found |= {c for c in table.sample.names if table.links_by(c) == "customer"}
    return [
        c
        for c in sorted(found - {number})
        if table.sample.column(c).filled and not differs(table, number, c)
    ]


def invoices_of(table: Table, lines: Holding) -> None:
    """Each row a line, and what all lines of one invoice say again: the invoice."""
    number = lines.fields["invoice_number"]
    held = table.sample.column(number.column)
    if number.column in table.linked or number.column.startswith("_parent_"):
        return
    if len(held.counts) >= held.filled:
        return
    if table.hinted != "invoice" and len(_heads(table, number.column)) < 2:
        return
    best = {m.column: m.score for m in reversed(table.matches("invoice"))}
    own = [m.column for m in lines.fields.values()
           if m.score >= ACTIVE and (m.score > best.get(m.column, 0.0) or m.field in _OF_LINES)]  # fmt: skip
    fields = table.assigned("invoice", [number.column, *own])
    key = ENTITIES["invoice"].key[0]
    fields[key] = Match("invoice", key, number.column, number.score, number.reason)
    invoices = Holding("invoice", fields)
    by_elimination(table, invoices)
    for name, match in list(invoices.fields.items()):
        if name != key and differs(table, number.column, match.column):
            # What differs from line to line is no bill's.
            del invoices.fields[name]
    fields = invoices.fields
    mine = {m.column for n, m in fields.items() if n != key and m.score >= ACTIVE}
    lines.fields = {n: m for n, m in lines.fields.items()
                    if m.column not in mine or n in ENTITIES["invoice_line"].key}  # fmt: skip
    table.holdings.insert(0, invoices)


_OF_LINES = frozenset({"description", "quantity", "unit_price", "item_code"})
"""Fields of lines that no invoice as a whole has, whatever its rows say again."""


def differs(table: Table, number: str, column: str) -> bool:
    """Whether records of one number often have different cells in a column."""
    names = table.sample.names
    if column not in names or number not in names:
        return False
    at, of = names.index(column), names.index(number)
    cells: dict[str, set[str]] = {}
    several: set[str] = set()
    for row in table.sample.rows:
        if row[of] in cells:
            several.add(row[of])
        cells.setdefault(row[of], set()).add(row[at])
    return bool(several) and sum(len(cells[n]) > 1 for n in several) > _DIFFERING * len(several)
