"""Whose records are that name their customer by way of another table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ispmig_pipelines.mapping.suggest.holding import Holding, holders
from ispmig_pipelines.mapping.suggest.links import Link, links_of, overlap
from ispmig_pipelines.mapping.suggest.match import ACTIVE
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.model import ENTITIES

_ENOUGH = 0.8
"""Share of the distinct values that must be found, where all of both tables was seen."""


@dataclass(frozen=True)
class Through:
    """A column whose customer another table knows.

    Attributes:
        column: of the table that refers.
        table: place of the other among the tables.
        key: the other's column that has the same values.
        value: the other's column of customers.
    """

    column: str
    table: int
    key: str
    value: str


def through(tables: Sequence[Table], table: Table, holding: Holding) -> Through | None:
    """How records name their customer by way of another table: an invoice by its service, a
    payment by its invoice. None if they do not, or do it themselves."""
    match = holding.fields.get("customer")
    if "customer" not in ENTITIES[holding.entity].required or (
        match is not None and match.score >= ACTIVE
    ):
        # Of a device its service says enough.
        return None
    main = next((p for p in holders(tables, "customer") if p[1].key_column), None)
    every = links_of([t.sample for t in tables])
    links = every[[t is table for t in tables].index(True)]
    for link in links:
        other = tables[link.table]
        if other is table or other.is_strange or other.fixed:
            continue
        key = other.sample.column(link.key)
        named = next(
            (h.fields["customer"] for h in other.holdings
             if not h.doubt and "customer" in h.fields and h.fields["customer"].score >= 0.8),
            None,
        )  # fmt: skip
        # A table to look up in must say one thing of each key.
        if named is None or len(key.counts) != key.filled or named.column == link.key:
            continue
        values = other.sample.column(named.column)
        if (
            main is not None
            and overlap(values, main[0].sample.column(main[1].key_column)) < _ENOUGH
        ):
            continue
        return Through(link.column, link.table, link.key, named.column)
    return _by_parent(tables, table) or _named_by_others(tables, every, table, holding)


def _by_parent(tables: Sequence[Table], table: Table) -> Through | None:
    """The customer of the record below which records stand: payments of an invoice (JSON)."""
    column, parent = table.to_parent, table.parent
    if not column or parent is None:
        return None
    key = parent.main.key_column
    named = next((h.fields["customer"] for h in parent.holdings if "customer" in h.fields), None)
    if named is None or named.score < 0.8 or not parent.sample.column(key).is_unique:
        return None
    place = next(i for i, t in enumerate(tables) if t is parent)
    return Through(column, place, key, named.column)


def _named_by_others(
    tables: Sequence[Table], links: Sequence[Sequence[Link]], table: Table, holding: Holding
) -> Through | None:
    """The customer of records that another table names beside him: places that customers or their
    lines refer to, and tables that hold nothing but who has which."""
    own = holding.key_column
    if not own:
        return None
    for place, (other, found) in enumerate(zip(tables, links, strict=True)):
        if other is table or other.fixed:
            continue
        back = next((x.column for x in found if tables[x.table] is table and x.key == own), "")
        owner = _owner(other)
        if not back or not owner or owner == back:
            continue
        held = other.sample.column(back)
        # A table to look up in must say one thing of each key, and one of most.
        if len(held.counts) == held.filled and overlap(table.sample.column(own), held) >= 0.5:
            return Through(own, place, back, owner)
    return None


def _owner(table: Table) -> str:
    """The column of a table that says whose its rows are, in the numbers of customers."""
    for held in table.holdings:
        if held.doubt:
            continue
        if held.entity == "customer" and held.key_column:
            return held.key_column
        named = held.fields.get("customer")
        if named is not None and named.score >= 0.8:
            return named.column
    if table.holdings or table.is_strange:
        return ""
    return next((c for c in table.sample.names if table.links_by(c) == "customer"), "")
