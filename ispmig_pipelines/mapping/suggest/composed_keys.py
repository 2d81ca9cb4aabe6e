"""Keys of tables that number none of their records: the columns that tell them apart together.

A bill of a customer for a month, and a customer's line of one plan, are told apart by these, where
no column is a number of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.made_columns import MadeColumn, cells_of
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.model import ENTITIES

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

COMPOSED = "assumed: no column numbers them, and these together do"
_LEAST = 8
"""Fewer records prove nothing."""
_TRIED: dict[str, tuple[tuple[str, ...], ...]] = {
    "service": (("customer", "plan"), ("customer", "plan", "start_date"),
                ("customer", "start_date")),
    "invoice": (("customer", "year", "month"), ("customer", "period"), ("customer", "period_start"),
                ("customer", "issue_date"), ("customer", "due_date")),
    "payment": (("customer", "paid_at"), ("customer", "paid_at", "amount")),
}  # fmt: skip
"""Entity → what may tell its records apart together: its fields, and what columns are called."""


def composed_key(table: Table, entity: str) -> Match | None:
    """The columns that are the key together; None if none surely are."""
    if table.named_surely != entity or len(table.sample.rows) < _LEAST:
        return None
    for wanted in _TRIED.get(entity, ()):
        columns = [_column(table, entity, name) for name in wanted]
        if not all(columns) or len({*columns}) < len(columns):
            continue
        made = MadeColumn(" + ".join(columns), "", tuple(columns), only=frozenset({""}), join="-",
                          is_key=True)  # fmt: skip
        cells = cells_of(made, table.sample, None)
        whole = all(table.sample.column(c).filled == table.sample.records for c in columns)
        if whole and len(cells.counts) == len(table.sample.rows):
            table.make(made, cells)
            return Match(entity, ENTITIES[entity].key[0], made.name, 0.62, COMPOSED)
    return None


def _column(table: Table, entity: str, name: str) -> str:
    if name in ENTITIES[entity].fields:
        match = table.best(entity, name)
        return match.column if match is not None and match.score >= ACTIVE else ""
    called = [n for n in table.sample.names if set(concepts_of(n)) - {entity, "id"} == {name}]
    return called[0] if len(called) == 1 else ""
