"""What each table holds: by itself, and by what it plainly refers to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ispmig_pipelines.mapping.suggest.links import Link, links_of
from ispmig_pipelines.mapping.suggest.made_columns import cells_of, looked_up, put_together
from ispmig_pipelines.mapping.suggest.roles import role_of
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.model import ENTITIES


def recognise(
    tables: Sequence[Table], above: Callable[[Table], Sequence[Table]] = lambda _: ()
) -> None:
    """Finds what each table holds: by itself, and then by what it plainly refers to.

    Args:
        above: the tables in whose records those of a table stand (JSON, XML), the nearest first.
    """
    free = [t for t in tables if not t.fixed]
    links = links_of([t.sample for t in tables])
    _look_round(tables, links)
    for table in free:
        table.stands_below(above(table))
        table.recognise()
    for _ in range(_ROUNDS):
        # What a table is taken for decides what those are that refer to it.
        held = [
            t.holdings[0].entity if t.holdings else "" if t.is_weakly_hinted else t.hinted
            for t in tables
        ]  # fmt: skip
        changed = False
        for table, found in zip(tables, links, strict=True):
            if table.fixed or table.is_strange:
                continue
            changed |= table.link(_parents_of(table, found, tables, held))
        for table in free:
            if not table.is_strange:
                changed |= table.play(role_of(table, tables))
        if not changed:
            break
        for table in free:
            table.recognise()
    for table in free:
        if _make_columns(table, tables):
            table.recognise()


_ROUNDS = 4
"""What a table is decides what those are that refer to it, and so on: two or three suffice."""


def _parents_of(
    table: Table, links: Sequence[Link], tables: Sequence[Table], held: Sequence[str]
) -> dict[str, str]:
    """Column → the entity to whose keys it refers."""
    found = {}
    for column in dict.fromkeys(link.column for link in links):
        of = [x for x in links if x.column == column]
        if parent := _parent_of(table, of, tables, held):
            found[column] = parent
    return found


def _look_round(tables: Sequence[Table], links: Sequence[Sequence[Link]]) -> None:
    """Tells each table what the others say of it: how long they are, and who refers to whom."""
    surely = [t for t in tables if t.hinted == "customer" and t.is_surely("customer")]
    for table in tables:
        others = [t for t in tables if t is not table]
        table.people_beside = any(t.hinted == "customer" and t.sample.records > 2 for t in others)
        table.services_beside = any(
            t.hinted in ("service", "plan") and not t.is_strange for t in others
        )
        table.beside = max((t.sample.records for t in others), default=0)
        table.customers_beside = max(
            (t.sample.records for t in surely if t is not table), default=0
        )
    for table, found in zip(tables, links, strict=True):
        billed = [x for x in found if table.hinted in ("invoice", "payment")]
        sure = {x.table for x in billed if tables[x.table] in surely}
        for link in found:
            other = tables[link.table]
            other.is_named = True
            table.refers.setdefault(link.column, (other, link.key))
            # Whoever wrote a bill stands on it, too; it goes to the customer.
            is_writer = bool(sure) and link.table not in sure and other.hinted == "customer"
            other.is_billed |= link in billed and not is_writer
    for table in tables:
        # Who is billed decides what a table of contracts is.
        table.look_again()


def _make_columns(table: Table, tables: Sequence[Table]) -> bool:
    """Adds the columns that can be made of a table's own; whether there are any."""
    if not table.sample.records:
        return False
    taken = [c for c in table.sample.names if table.links_by(c)]
    for other in tables:
        if other is table or other.fixed or not _are_codes(other, table):
            continue
        for made in looked_up(table.sample, other.sample, other.source, taken):
            table.make(made, cells_of(made, table.sample, other.sample))
    for made in put_together(table.sample):
        table.make(made, cells_of(made, table.sample, None))
    return bool(table.made)


def _are_codes(codes: Table, table: Table) -> bool:
    """Whether a table may be one of codes: it holds nothing itself, or places to which what
    the other holds does not refer."""
    if not codes.holdings:
        return True
    held = {h.entity for h in codes.holdings}
    refers = {e for h in table.holdings for e in ENTITIES[h.entity].references.values()}
    placed = any({"street", "latitude"} & h.fields.keys() for h in codes.holdings)
    return held == {"location"} and not held & refers and not placed


_LINKED = ("customer", "service", "plan", "invoice", "location", "device")
"""Entities that others refer to; where several tables have a key, the first is the one meant."""


def _parent_of(
    table: Table, links: Sequence[Link], tables: Sequence[Table], held: Sequence[str]
) -> str:
    """The entity to which a column refers, "" if it is the table's own key."""
    there = {
        (tables[link.table].hinted == held[link.table], held[link.table]): link
        for link in links if held[link.table] in _LINKED and not tables[link.table].is_strange
    }  # fmt: skip
    if not there:
        return ""
    _, parent = min(there, key=lambda k: (not k[0], _LINKED.index(k[1])))
    column = table.sample.column(links[0].column)
    if parent == "customer" and column.filled < 0.5 * table.sample.records:
        # Whose a record is most of them say.
        return ""
    own = column.is_unique and column.filled == table.sample.records
    if (
        own
        and table.hinted
        and _LINKED.index(parent)
        >= (_LINKED.index(table.hinted) if table.hinted in _LINKED else len(_LINKED))
        and not (parent == "customer" == table.hinted and not table.is_billed)
    ):
        return ""
    return parent
