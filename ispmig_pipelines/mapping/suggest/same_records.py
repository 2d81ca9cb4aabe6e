# ruff: noqa: E501
"""Tables of one entity: which of them complete the records of another, and which are others."""

from __future__ import annotations

from collections.abc import Sequence

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.holding import Holding, holders, referring
from ispmig_pipelines.mapping.suggest.links import overlap
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.mapping.suggest.references import may_be_key
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.model import ENTITIES

_ENOUGH = 0.8
"""Share of the distinct values that must be found, where all of both tables was seen."""
_FEWEST = 3
"""Fewer distinct values prove nothing."""
_PARENT = "_parent_"
"""What the columns of a parent are called in a table of its children (JSON)."""


def heads(tables: Sequence[Table]) -> None:
    """What two tables say of one record: contracts and what each is of, payments and to which
    bill each goes. Where every record of the one refers to another of the other, and has what that
    lacks, they are the same records, and the other completes them."""
    for entity in ("service", "payment"):
        info = ENTITIES[entity]
        key = info.key[0]
        for table, holding in holders(tables, entity):
            if table.fixed:
                continue
            for column, (head, head_key) in table.refers.items():
                other: Holding | None = next((h for h in head.holdings if h.entity == entity), None)
                if other is None or head is table or head.fixed or other.partial:
                    continue
                held = table.sample.column(column)
                if not held.is_unique or held.filled < table.sample.records:
                    continue
                if other.key_column != head_key or holding.partial:
                    continue
                telling = [n for n in _TELLING if n in info.fields]
                mine = {n for n in telling if is_there(holding, n)}
                theirs = {n for n in telling if is_there(other, n)}
                if mine == theirs:
                    continue
                for name, match in list(holding.fields.items()):
                    if match.column == column and name != "customer":
                        del holding.fields[name]
                holding.fields[key] = Match(
                    entity, key, column, 0.9, f"each of its records is one of {head.sample.name}"
                )
                (other if mine > theirs else holding).partial = True
                break


_TELLING = ("plan", "amount", "invoice")
"""Fields that tell which of two tables says what a record is of."""


def is_there(holding: Holding, name: str) -> bool:
    match = holding.fields.get(name)
    return match is not None and match.score >= ACTIVE


_CONTACTS = ("email", "phone", "mobile", "portal_username", "last_name", "national_id")


def doubt(tables: Sequence[Table]) -> None:
    """Doubts further tables of customers that are called otherwise and have other numbers: logins,
    tickets, contacts; and lines of invoices that are none of the export's."""
    parents = holders(tables, "customer")
    named = [p for p in parents if p[0].is_surely("customer")]
    # Those to whom bills go are customers, whatever else is called so.
    named = [p for p in named if p[0].is_billed] or named
    billed = [p for p in parents if p[0].is_billed]
    if billed and named and not any(p[0].is_billed for p in named):
        named = billed
    main = (named or parents)[0] if parents else None
    for table, holding in parents:
        if main is None or table.fixed or table is main[0] or holding.partial:
            continue
        if (
            table.is_surely("customer")
            or table.is_billed
            or (not named and not _clash(table, holding, *main))
        ):
            continue
        for each in table.holdings:
            each.doubt = f"it is no part of {main[0].sample.name}, and has other numbers: are they customers?"
    invoices = [
        t.sample.column(h.key_column) for t, h in holders(tables, "invoice") if h.key_column
    ]
    for table, line in referring(tables, "invoice"):
        if line.entity != "invoice_line" or table.fixed or table.hinted == "invoice_line":
            continue
        match = line.fields.get("invoice_number")
        if match is None or match.column.startswith(_PARENT):
            continue
        numbers = table.sample.column(match.column)
        if not any(overlap(numbers, key) >= 0.5 for key in invoices):
            line.doubt = "they are lines of no invoices of these exports: are they lines at all?"


def _clash(table: Table, holding: Holding, main_table: Table, main: Holding) -> bool:
    """Whether two tables give the same numbers to different people."""
    if not holding.key_column or not main.key_column:
        return False
    column, keys = (
        table.sample.column(holding.key_column), main_table.sample.column(main.key_column)
    )  # fmt: skip
    if overlap(column, keys) < 0.2:
        return False
    return not same_people(table, main_table)


def same_people(table: Table, main_table: Table) -> bool:
    """Whether addresses, numbers or names of people of one table are the other's."""
    for name in _CONTACTS:
        mine, other = table.best("customer", name), main_table.best("customer", name)
        if mine is None or other is None or min(mine.score, other.score) < ACTIVE:
            continue
        column = table.sample.column(mine.column)
        if (
            len(column.counts) >= _FEWEST
            and overlap(column, main_table.sample.column(other.column)) >= 0.3
        ):
            return True
    return False


def _has_people(table: Table) -> bool:
    best = (table.best("customer", name) for name in _CONTACTS)
    return any(m is not None and m.score >= ACTIVE for m in best)


def complete(tables: Sequence[Table]) -> None:
    """Further tables of an entity whose keys another has, and that say less, are partial."""
    for entity in ENTITIES:
        found = [p for p in holders(tables, entity) if not p[1].partial]
        if len(found) < 2:
            continue
        main_table, main = next((p for p in found if _is_head(p, found)), found[0])
        for table, holding in found:
            if table.fixed or table is main_table or not main.key_column or not holding.key_column:
                continue
            column = _completing(table, holding, main_table, main)
            if column:
                _completes(holding, column, main_table, main)


def _is_head(one: tuple[Table, Holding], others: Sequence[tuple[Table, Holding]]) -> bool:
    """Whether the records of another table are each one of this table's, and this one's are none
    of any other's: profiles name the customer whose they are."""
    table, holding = one
    below = any(_is_of(t, table, holding) for t, _ in others if t is not table)
    return below and not any(_is_of(table, t, h) for t, h in others if t is not table)


def _is_of(table: Table, head: Table, holding: Holding) -> str:
    """The column by which each record of a table is one of another's, "" if there is none."""
    for column, (other, key) in table.refers.items():
        held = table.sample.column(column)
        each = held.is_unique and held.filled >= 0.95 * table.sample.records
        if other is head and key == holding.key_column and each:
            return column
    return ""


def _completing(table: Table, holding: Holding, main_table: Table, main: Holding) -> str:
    """The column of a table that has the keys of the main one, "" if it completes none."""
    named = _is_of(table, main_table, main)
    if named:
        return named
    entity = holding.entity
    keys = main_table.sample.column(main.key_column)
    for name in (holding.key_column, *table.sample.names):
        if name.startswith(_PARENT):
            continue
        column = table.sample.column(name)
        if len(column.counts) < min(_FEWEST, len(keys.counts)):
            continue
        if not may_be_key(column, keys, entity):
            continue
        if (
            entity == "customer"
            and not table.is_surely(entity)
            and (
                "customer" not in table.links_by(name)
                and set(concepts_of(name)) <= {"id", "login", "account"}
                and _has_people(table)
                and not same_people(table, main_table)
            )
        ):
            # The fifth of the logins is not the fifth customer.
            continue
        if overlap(column, keys) >= _ENOUGH and (name == holding.key_column or column.is_unique):
            return name
    return ""


def _completes(holding: Holding, column: str, main_table: Table, main: Holding) -> None:
    """Makes a holding one that completes the main one's records by a column."""
    key = ENTITIES[holding.entity].key[0]
    if column != holding.key_column:
        for name, match in list(holding.fields.items()):
            if match.column == column:
                del holding.fields[name]
        holding.fields[key] = Match(
            holding.entity, key, column, 0.85, f"its values are keys of {main_table.sample.name}"
        )
    if is_there(main, "status"):
        # How records of the head stand it says itself.
        holding.fields.pop("status", None)
    holding.partial = True
