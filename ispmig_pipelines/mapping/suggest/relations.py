# ruff: noqa: E501
"""Which columns refer to which table, told by the overlap of their values.

They decide which column is the key of an entity: if invoices refer to ``customers.id``, then
``id`` is the number of the customer, whatever else is called one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.links import Link, links_of
from ispmig_pipelines.mapping.suggest.made_columns import cells_of, looked_up, put_together
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.mapping.suggest.sample import ColumnSample
from ispmig_pipelines.mapping.suggest.sums import sums_of
from ispmig_pipelines.mapping.suggest.tables import Table
from ispmig_pipelines.mapping.suggest.wide_rows import plan_for_want
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key

_ENOUGH = 0.8
"""Share of the distinct values that must be found, where all of both tables was seen."""
_FEWEST = 3
"""Fewer distinct values prove nothing."""
_PARENT = "_parent_"
"""What the columns of a parent are called in a table of its children (JSON)."""
_FEW = 4
"""So few distinct values are found in many a column by chance."""


def overlap(child: ColumnSample, parent: ColumnSample) -> float:
    """Share of the child's distinct values that the parent has."""
    if not child.counts:
        return 0.0
    return sum(value in parent.counts for value in child.counts) / len(child.counts)


def recognise(tables: Sequence[Table], above: Callable[[Table], str] = lambda _: "") -> None:
    """Finds what each table holds: by itself, and then by what it plainly refers to.

    Args:
        above: the entity of the records whose children a table has (JSON), once it is known.
    """
    free = [t for t in tables if not t.fixed]
    links = links_of([t.sample for t in tables])
    _look_round(tables, links)
    for table in free:
        table.stands_below(above(table))
        table.recognise()
    for _ in range(2):
        # What a table is taken for decides what those are that refer to it.
        held = [t.holdings[0].entity if t.holdings else t.hinted for t in tables]
        changed = False
        for table, found in zip(tables, links, strict=True):
            if table.fixed or table.is_strange:
                continue
            for column in dict.fromkeys(link.column for link in found):
                parent = _parent_of(table, [x for x in found if x.column == column], tables, held)
                if parent:
                    changed |= table.link(column, parent)
        if not changed:
            break
        for table in free:
            table.recognise()
    for table in free:
        if _make_columns(table, tables):
            table.recognise()


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


def relate(tables: Sequence[Table]) -> None:
    """Settles keys and references of all tables together."""
    for entity in ("customer", "plan", "location", "service", "invoice", "device"):
        parents = _parents(tables, entity)
        if not parents:
            continue
        _elect_key(tables, entity, parents)
        for table, holding in _children(tables, entity):
            if table.fixed:
                continue
            _refer(table, holding, entity, parents)
    _plans_for_want(tables)
    _heads(tables)
    _add_up(tables)
    _complete(tables)
    _doubt(tables)


def _heads(tables: Sequence[Table]) -> None:
    """What two tables say of one record: contracts and what each is of, payments and to which
    bill each goes. Where every record of the one refers to another of the other, and has what that
    lacks, they are the same records, and the other completes them."""
    for entity in ("service", "payment"):
        info = ENTITIES[entity]
        key = info.key[0]
        for table, holding in _parents(tables, entity):
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
                mine = {n for n in telling if _is_there(holding, n)}
                theirs = {n for n in telling if _is_there(other, n)}
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


def _is_there(holding: Holding, name: str) -> bool:
    match = holding.fields.get(name)
    return match is not None and match.score >= ACTIVE


def _plans_for_want(tables: Sequence[Table]) -> None:
    """A service must have a plan: where no column is sure to name it and no table lists any, the
    only column that is like one does, else the monthly fee or the speed."""
    if any(not t.is_strange for t, _ in _parents(tables, "plan")):
        return
    for table, holding in _parents(tables, "service"):
        match = holding.fields.get("plan")
        if table.fixed or (match is not None and match.score >= ACTIVE):
            continue
        made = plan_for_want(table, holding)
        if made is not None:
            holding.fields["plan"] = made


def _add_up(tables: Sequence[Table]) -> None:
    """Which amounts of invoices are net, tax and total, paid and open, by their sums."""
    for table, holding in _parents(tables, "invoice"):
        if table.fixed or not table.sample.rows:
            continue
        settled = sums_of(table, holding)
        for name, match in settled.items():
            for other, m in list(holding.fields.items()):
                if m.column == match.column:
                    del holding.fields[other]
            holding.fields[name] = match


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


def _parents(tables: Sequence[Table], entity: str) -> list[tuple[Table, Holding]]:
    """The holdings of an entity, the one with the most fields first."""
    found = [(t, h) for t in tables for h in t.holdings if h.entity == entity]
    return sorted(found, key=lambda p: -len([m for m in p[1].fields.values() if m.score >= ACTIVE]))


def _children(tables: Sequence[Table], entity: str) -> list[tuple[Table, Holding]]:
    return [
        (t, h) for t in tables for h in t.holdings
        if entity in ENTITIES[h.entity].references.values()
    ]  # fmt: skip


def _fields_to(holding: Holding, entity: str) -> list[str]:
    return [f for f, e in ENTITIES[holding.entity].references.items() if e == entity]


def _elect_key(
    tables: Sequence[Table], entity: str, parents: Sequence[tuple[Table, Holding]]
) -> None:
    """The parent's unique column to which other tables refer becomes its key."""
    parent, holding = parents[0]
    if parent.fixed:
        return
    key = ENTITIES[entity].key[0]
    votes: dict[str, float] = defaultdict(float)
    for table, child in _children(tables, entity):
        if table is parent:
            continue
        for name in _fields_to(child, entity):
            match = child.fields.get(name)
            if match is None or match.score < 0.55 or match.column.startswith(_PARENT):
                # Children have every key of their parent: they prefer none.
                continue
            values = table.sample.column(match.column)
            if len(values.counts) < _FEWEST:
                continue
            for column in parent.sample.columns:
                if column.is_unique and (share := overlap(values, column)) >= _ENOUGH:
                    # Of two that hold them all the one of a like name, then the present key.
                    alike = set(concepts_of(column.name)) & set(concepts_of(match.column))
                    named = column_key(column.name) == column_key(match.column)
                    votes[column.name] += share + 0.05 * len(alike) + 0.4 * named
    if not votes:
        return
    present = holding.key_column
    votes[present] += 0.02
    best = max(votes, key=lambda c: votes[c])
    if votes[present] >= 1.3 and holding.fields[key].score >= 0.95:
        # It is called the key, and others refer to it by its very name.
        return
    if best == present or votes[best] < votes.get(present, 0) + 0.2:
        return
    chosen = Match(entity, key, best, 0.95, "other tables refer to it by its values")
    for other in parent.holdings:
        for name, match in list(other.fields.items()):
            if match.column == present and name in (key, *_fields_to(other, entity)):
                other.fields[name] = Match(other.entity, name, best, 0.95, chosen.reason)
    holding.fields[key] = chosen
    for name, match in list(holding.fields.items()):
        if name != key and match.column == best:
            del holding.fields[name]


def _refer(
    table: Table, holding: Holding, entity: str, parents: Sequence[tuple[Table, Holding]]
) -> None:
    """Finds the column that refers to the parents' keys, or doubts the one that does not."""
    keys = [
        (p, p.sample.column(h.key_column)) for p, h in parents
        if h.key_column and p is not table
    ]  # fmt: skip
    own = next((h for p, h in parents if p is table), None)
    for name in _fields_to(holding, entity):
        match = holding.fields.get(name)
        if own is not None and match is not None and match.column == own.key_column:
            continue
        above = next((f"{_PARENT}{key.name}" for _, key in keys
                      if f"{_PARENT}{key.name}" in table.sample.names), "")  # fmt: skip
        if above and match is not None and match.column.startswith(_PARENT):
            holding.fields[name] = Match(
                holding.entity, name, above, 0.95, f"the key of its parent, {_shown(keys)}"
            )
            continue
        if not keys or (own is not None and match is not None and match.score >= ACTIVE):
            continue
        shares = {
            c.name: max(overlap(c, key) for _, key in keys)
            for c in table.sample.columns if c.counts and c.name not in table.never
        }  # fmt: skip
        if match is not None:
            share = shares.get(match.column, 0.0)
            if share >= _ENOUGH:
                holding.fields[name] = Match(
                    holding.entity, name, match.column, max(match.score, 0.9),
                    f"{match.reason}; {share:.0%} of its values are keys of {_shown(keys)}",
                )  # fmt: skip
                continue
            complete = all(p.sample.complete for p, _ in keys)
            if complete and share < 0.2 and _better(shares) is None:
                values = table.sample.column(match.column)
                through = _other_key(values, parents)
                if through is not None:
                    source, other_key, key = through
                    holding.fields[name] = Match(
                        holding.entity, name, match.column, match.score,
                        f"{match.reason}; its values are {source}.{other_key}, which has {key}",
                        through,
                    )  # fmt: skip
                elif (
                    values.filled
                    and entity == "customer"
                    and share == 0
                    and "customer" not in concepts_of(match.column)
                    and set(concepts_of(match.column)) & {"account"}
                ):
                    # There are accounts with banks, and of bookkeeping, as well.
                    by_name = _named_otherwise(table, holding, name, parents)
                    rather = min(match.score * 0.6, 0.55) if table.refers else match.score
                    holding.fields[name] = by_name or Match(
                        holding.entity, name, match.column, rather,
                        f"{match.reason}; {UNRELATED} of {_shown(keys)}",
                    )  # fmt: skip
                elif values.filled:
                    holding.fields[name] = Match(
                        holding.entity, name, match.column, match.score,
                        f"{match.reason}; {UNRELATED} of {_shown(keys)}",
                    )  # fmt: skip
                if through is None and not ENTITIES[holding.entity].fields[name].required:
                    holding.fields[name] = Match(
                        holding.entity, name, match.column, match.score * 0.6,
                        f"{match.reason}; only {share:.0%} of its values are keys of {_shown(keys)}",
                    )  # fmt: skip
                continue
        better = _better(shares)
        if better is None and (match is None or match.score < ACTIVE):
            by_name = _named_otherwise(table, holding, name, parents)
            if by_name is not None:
                holding.fields[name] = by_name
                continue
        _demote(table, holding, name, shares, keys)
        if better is None or (match is not None and shares.get(match.column, 0) >= 0.2):
            continue
        column = table.sample.column(better)
        counted = all(v.isdigit() and len(v) <= 3 for v in column.some(50))
        used = {m.column for h in table.holdings for m in h.fields.values() if m.score >= 0.8}
        if (len(column.counts) <= _FEW or counted) and not any(
            _may_be_key(column, key, entity) for _, key in keys
        ):
            # 1, 2, 3 are the numbers of roles and makers as well.
            continue
        if better in used or len(column.counts) < _FEWEST:
            continue
        holding.fields[name] = Match(
            holding.entity, name, better, 0.8,
            f"{shares[better]:.0%} of its values are keys of {_shown(keys)}",
        )  # fmt: skip
        for other, m in list(holding.fields.items()):
            if other != name and m.column == better:
                del holding.fields[other]


def _demote(
    table: Table, holding: Holding, name: str, shares: dict[str, float],
    keys: Sequence[tuple[Table, ColumnSample]],
) -> None:  # fmt: skip
    """An optional reference of which hardly a value is a key is a comment: ``clients`` of a
    device may well be how many it has."""
    match = holding.fields.get(name)
    if match is None or match.column == holding.key_column:
        return
    share = shares.get(match.column, 0.0)
    complete = all(p.sample.complete for p, _ in keys)
    if complete and share < 0.2 and not ENTITIES[holding.entity].fields[name].required:
        holding.fields[name] = Match(
            holding.entity, name, match.column, min(match.score * 0.6, 0.55),
            f"{match.reason}; only {share:.0%} of its values are keys of {_shown(keys)}",
        )  # fmt: skip


UNRELATED = "hardly any of its values are keys"
"""What is said of a reference that a record must have, and that finds nothing."""


def _other_key(
    values: ColumnSample, parents: Sequence[tuple[Table, Holding]]
) -> tuple[str, str, str] | None:
    """Another unique column of a parent that the values name: its source, it, and the key."""
    if len(values.counts) < _FEWEST:
        return None
    for parent, holding in parents:
        for column in parent.sample.columns:
            whole = column.is_unique and column.filled == parent.sample.records
            other = whole and column.name != holding.key_column
            if other and holding.key_column and overlap(values, column) >= 0.95:
                return parent.source, column.name, holding.key_column
    return None


def _named_otherwise(
    table: Table, holding: Holding, name: str, parents: Sequence[tuple[Table, Holding]]
) -> Match | None:
    """The column that names the parents of records in words: bills to a customer by his name."""
    if not ENTITIES[holding.entity].fields[name].required:
        return None
    for column in table.sample.columns:
        words = table.profiles[column.name].share("letters") >= 0.9
        if not words or column.name in table.never or column.name == holding.key_column:
            continue
        through = _other_key(column, parents)
        if through is not None:
            source, other_key, key = through
            return Match(holding.entity, name, column.name, 0.75,
                         f"its values are {source}.{other_key}, which has {key}", through)  # fmt: skip
    return None


def _better(shares: dict[str, float]) -> str | None:
    best = max(shares, key=lambda c: shares[c], default=None)
    return best if best is not None and shares[best] >= 0.95 else None


def _shown(keys: Sequence[tuple[Table, ColumnSample]]) -> str:
    table, column = keys[0]
    return f"{table.sample.name}.{column.name}"


_WORDS_OF = {"customer": {"customer", "account", "login"}, "location": {"location"}}


def _may_be_key(column: ColumnSample, keys: ColumnSample, entity: str) -> bool:
    """Whether equal values mean the same thing: 1, 2, 3 are found in any column of numbers."""
    if column_key(column.name) == column_key(keys.name) != "id":
        return True
    counted = all(v.isdigit() and len(v) <= 6 for v in column.some(100))
    said = set(concepts_of(column.name)) - {"id"}
    return not counted or bool(
        said & (set(concepts_of(keys.name)) | _WORDS_OF.get(entity, {entity}))
    )


_CONTACTS = ("email", "phone", "mobile", "portal_username", "last_name", "national_id")


def _doubt(tables: Sequence[Table]) -> None:
    """Doubts further tables of customers that are called otherwise and have other numbers: logins,
    tickets, contacts; and lines of invoices that are none of the export's."""
    parents = _parents(tables, "customer")
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
        t.sample.column(h.key_column) for t, h in _parents(tables, "invoice") if h.key_column
    ]
    for table, line in _children(tables, "invoice"):
        if line.entity != "invoice_line" or table.fixed or table.hinted == "invoice_line":
            continue
        match = line.fields.get("invoice_number")
        if match is None or match.column.startswith(_PARENT):
            continue
        numbers = table.sample.column(match.column)
        if not any(overlap(numbers, key) >= 0.5 for key in invoices):
            line.doubt = "they are lines of no invoices of these exports: are they lines at all?"


def through(tables: Sequence[Table], table: Table, holding: Holding) -> Through | None:
    """How records name their customer by way of another table: an invoice by its service, a
    payment by its invoice. None if they do not, or do it themselves."""
    match = holding.fields.get("customer")
    if "customer" not in ENTITIES[holding.entity].references or (
        match is not None and match.score >= ACTIVE
    ):
        return None
    main = next((p for p in _parents(tables, "customer") if p[1].key_column), None)
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
    return _named_by_others(tables, every, table, holding)


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


def _clash(table: Table, holding: Holding, main_table: Table, main: Holding) -> bool:
    """Whether two tables give the same numbers to different people."""
    if not holding.key_column or not main.key_column:
        return False
    column, keys = (
        table.sample.column(holding.key_column), main_table.sample.column(main.key_column)
    )  # fmt: skip
    if overlap(column, keys) < 0.2:
        return False
    return not _same_people(table, main_table)


def _same_people(table: Table, main_table: Table) -> bool:
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


def _complete(tables: Sequence[Table]) -> None:
    """Further tables of an entity whose keys another has, and that say less, are partial."""
    for entity, info in ENTITIES.items():
        parents = _parents(tables, entity)
        if len(parents) < 2:
            continue
        main_table, main = parents[0]
        for table, holding in parents[1:]:
            if table.fixed or table is main_table or not main.key_column or not holding.key_column:
                continue
            keys = main_table.sample.column(main.key_column)
            candidates = [
                c for c in (holding.key_column, *table.sample.names) if not c.startswith(_PARENT)
            ]  # fmt: skip
            for name in candidates:
                column = table.sample.column(name)
                if len(column.counts) < min(_FEWEST, len(keys.counts)):
                    continue
                if not _may_be_key(column, keys, entity):
                    continue
                if (
                    entity == "customer"
                    and not table.is_surely(entity)
                    and (
                        "customer" not in table.links_by(name)
                        and set(concepts_of(name)) <= {"id", "login", "account"}
                        and _has_people(table)
                        and not _same_people(table, main_table)
                    )
                ):
                    # The fifth of the logins is not the fifth customer.
                    continue
                if overlap(column, keys) >= _ENOUGH and (
                    name == holding.key_column or column.is_unique
                ):
                    if name != holding.key_column:
                        holding.fields[info.key[0]] = Match(
                            entity, info.key[0], name, 0.85,
                            f"its values are keys of {main_table.sample.name}",
                        )  # fmt: skip
                    holding.partial = True
                    break
