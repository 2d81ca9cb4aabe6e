"""The customers that stand in tables of payments and invoices: ``customers.given_name`` beside
``amount``. A prefix says whose the columns are, the rest of their names what.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.mapping.suggest.paths import told
from ispmig_pipelines.model import ENTITIES

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_APART = re.compile(r"[.]|__")
_OF_CUSTOMERS = frozenset({"customer", "account", "billing"})
_WHO = frozenset({"first_name", "last_name", "company_name", "email", "phone", "mobile"})
_LEAST = 3
"""Fewer columns of a customer are what any bill says of him."""


def payers_of(table: Table, main: Holding) -> Holding | None:
    """The customers of a table of payments or invoices whose columns have them by a prefix; None
    where there are none, or another table has them."""
    if table.people_beside or any(h.entity == "customer" for h in table.holdings):
        return None
    columns = _of_the_customer(table)
    if len(columns) < _LEAST:
        return None
    name = ENTITIES["customer"].key[0]
    known = table.assigned("customer", [c for c in table.sample.names if c not in columns])
    owner = main.fields.get("customer")
    key = _key(table, columns) or owner or _known_to_the_state(table, known) or known.get("email")
    if key is None or key.score < ACTIVE:
        return None
    fields = {
        n: m for n, m in known.items() if n not in (name, "balance", "status") and m.score >= ACTIVE
    }
    if len(fields.keys() & _WHO) < 2:
        return None
    fields[name] = Match("customer", name, key.column, 0.9, "says whose each record is")
    if owner is None or owner.score < ACTIVE or key.column in columns:
        main.fields["customer"] = Match(
            main.entity, "customer", key.column, 0.9, "says whose each record is"
        )
    return Holding(
        "customer", {n: m for n, m in fields.items() if n == name or m.column != key.column}
    )


def _known_to_the_state(table: Table, known: dict[str, Match]) -> Match | None:
    """The number by which the state knows each customer, where all of them have one."""
    for name in ("company_number", "tax_id", "national_id"):
        match = known.get(name)
        if match is None or match.score < ACTIVE:
            continue
        held = table.sample.column(match.column)
        if held.filled == table.sample.records and len(held.counts) > 1:
            return match
    return None


def _of_the_customer(table: Table) -> list[str]:
    """The columns that a prefix gives to the customer, of the prefix that has most of them."""
    groups: dict[str, list[str]] = {}
    for name in table.sample.names:
        above, *rest = _APART.split(told(name), maxsplit=1)
        if not rest:
            words = words_of(name)
            above, rest = (words[0], list(words[1:])) if len(words) > 1 else ("", [])
        if rest and above and set(concepts_of(above)) <= _OF_CUSTOMERS and concepts_of(above):
            groups.setdefault(above, []).append(name)
    return max(groups.values(), key=len, default=[])


def _key(table: Table, columns: list[str]) -> Match | None:
    """The column of them that is the customer's number."""
    for name in columns:
        said = set(concepts_of(name))
        if "id" in said and said <= {"id", *_OF_CUSTOMERS} and table.sample.column(name).filled:
            return Match(
                "customer", ENTITIES["customer"].key[0], name, 0.9, "the customer's number"
            )
    return None
