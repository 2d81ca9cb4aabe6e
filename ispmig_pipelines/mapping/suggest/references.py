# ruff: noqa: E501
"""Which column of a table holds the keys of another, told by names and the overlap of values.

They decide which column is the key of an entity, too: if invoices refer to ``customers.id``, then
``id`` is the number of the customer, whatever else is called one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.holding import Holding, referring
from ispmig_pipelines.mapping.suggest.links import overlap
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.mapping.suggest.sample import ColumnSample
from ispmig_pipelines.mapping.suggest.tables import Table
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

UNRELATED = "hardly any of its values are keys"
"""What is said of a reference that a record must have, and that finds nothing."""


def _fields_to(holding: Holding, entity: str) -> list[str]:
    return [f for f, e in ENTITIES[holding.entity].references.items() if e == entity]


def elect_key(
    tables: Sequence[Table], entity: str, parents: Sequence[tuple[Table, Holding]]
) -> None:
    """The parent's unique column to which other tables refer becomes its key."""
    parent, holding = parents[0]
    if parent.fixed:
        return
    key = ENTITIES[entity].key[0]
    # What tells other records of its rows apart is their key, whoever refers to it.
    others = {h.key_column for h in parent.holdings} - {holding.key_column}
    votes: dict[str, float] = defaultdict(float)
    for table, child in referring(tables, entity):
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
                if column.name in others:
                    continue
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


def refer(
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
        if match is not None and match.through is not None and match.column.startswith(_PARENT):
            # It leads to its parent by another column, and to the key that was elected since.
            source, other, _ = match.through
            now = next((h.key_column for p, h in parents if p.source == source), "")
            if now:
                holding.fields[name] = replace(match, through=(source, other, now))
                continue
        if above and match is not None and match.column.startswith(_PARENT):
            holding.fields[name] = Match(
                holding.entity, name, above, 0.95, f"the key of its parent, {shown(keys)}"
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
                    f"{match.reason}; {share:.0%} of its values are keys of {shown(keys)}",
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
                        f"{match.reason}; {UNRELATED} of {shown(keys)}",
                    )  # fmt: skip
                elif values.filled:
                    holding.fields[name] = Match(
                        holding.entity, name, match.column, match.score,
                        f"{match.reason}; {UNRELATED} of {shown(keys)}",
                    )  # fmt: skip
                if through is None and not ENTITIES[holding.entity].fields[name].required:
                    holding.fields[name] = Match(
                        holding.entity, name, match.column, match.score * 0.6,
                        f"{match.reason}; only {share:.0%} of its values are keys of {shown(keys)}",
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
            may_be_key(column, key, entity) for _, key in keys
        ):
            # 1, 2, 3 are the numbers of roles and makers as well.
            continue
        if better in used or len(column.counts) < _FEWEST:
            continue
        holding.fields[name] = Match(
            holding.entity, name, better, 0.8,
            f"{shares[better]:.0%} of its values are keys of {shown(keys)}",
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
            f"{match.reason}; only {share:.0%} of its values are keys of {shown(keys)}",
        )  # fmt: skip


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


def shown(keys: Sequence[tuple[Table, ColumnSample]]) -> str:
    table, column = keys[0]
    return f"{table.sample.name}.{column.name}"


_WORDS_OF = {"customer": {"customer", "account", "login"}, "location": {"location"}}


def may_be_key(column: ColumnSample, keys: ColumnSample, entity: str) -> bool:
    """Whether equal values mean the same thing: 1, 2, 3 are found in any column of numbers."""
    if column_key(column.name) == column_key(keys.name) != "id":
        return True
    counted = all(v.isdigit() and len(v) <= 6 for v in column.some(100))
    said = set(concepts_of(column.name)) - {"id"}
    return not counted or bool(
        said & (set(concepts_of(keys.name)) | _WORDS_OF.get(entity, {entity}))
    )
