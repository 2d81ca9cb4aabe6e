# ruff: noqa: E501
"""What a table's rows are by what they refer to, and by who refers to them.

Names are in any language, and say what somebody called a table; what refers to what is the same in
all of them. What names customers and something on offer is what they subscribe to; what is on offer
is short, has a price or a speed, and is named by subscriptions; several rows of one invoice are its
lines; an amount of a day that names an invoice pays it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.links import is_key_word, number_of, stem_of
from ispmig_pipelines.mapping.suggest.match import ACTIVE
from ispmig_pipelines.mapping.suggest.nameless import is_plan

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_MOST_OFFERS = 500
_SERVICES_OF_ONE = 1.8
"""More rows of one customer are what happened to him, again and again."""
_SAID_BY_NAME = ("", "plan", "customer")
"""What a name may say for what a table refers to to say more; nothing else is taken back."""


def role_of(table: Table, tables: Sequence[Table]) -> str:
    """The entity of a table's rows by what they refer to; "" where that says nothing.

    Args:
        tables: every table of the export, this one among them.
    """
    named = table.named_by_itself
    if table.sample.records < 3 or table.above or (named and named not in _SAID_BY_NAME):
        return ""
    if named == "customer" and not table.is_weakly_named:
        return ""
    if _is_subscription(table, tables, named):
        return "service"
    if named:
        return ""
    if _is_offer(table, tables):
        return "plan"
    if _is_line(table):
        return "invoice_line"
    return "payment" if _is_payment(table) else ""


def own_number(table: Table) -> str:
    """The column that is called as its table is, and numbers its rows, "" if there is none."""
    found = number_of(table.sample)
    return "" if found in table.refers else found


def _is_subscription(table: Table, tables: Sequence[Table], named: str) -> bool:
    """Whether each row is what a customer has of what is on offer."""
    owner = next((c for c in table.sample.names if table.links_by(c) == "customer"), "")
    if not owner or not _is_numbered(table, owner):
        return False
    if table.links & {"invoice", "service"} or _has(table, "invoice", "due_date", "tax"):
        return False
    held = table.sample.column(owner)
    if held.filled < 0.9 * table.sample.records or held.filled > _SERVICES_OF_ONE * len(
        held.counts
    ):
        return False
    offers = [
        other for column, (other, _) in table.refers.items()
        if column != owner and other is not table and _is_on_offer(other)
    ]  # fmt: skip
    return bool(offers) or (named == "plan" and bool(_days(table)))


def _is_on_offer(other: Table) -> bool:
    """Whether a table may be of what is on offer: it is called so or held for one, or looks so."""
    held = other.holdings[0].entity if other.holdings else ""
    return "plan" in (held, other.hinted) or (
        not held and not other.hinted and _looks_on_offer(other)
    )


def _looks_on_offer(table: Table) -> bool:
    """Whether its rows are few, named, nobody's, and cost something or say a speed."""
    sample = table.sample
    if not 0 < sample.records <= _MOST_OFFERS or table.links & {"customer", "service", "invoice"}:
        return False
    if table.is_strange or _has(table, "customer", "email", "phone", "mobile", "first_name"):
        return False
    if any(
        p.share(s) > 0.3
        for p in table.profiles.values()
        for s in ("mac", "address", "email", "coordinate")
    ):
        return False
    names = [c for c in sample.columns if c.is_unique and c.filled == sample.records
             and table.profiles[c.name].share("letters") >= 0.9]  # fmt: skip
    priced = _has(table, "plan", "price", "download_kbps") or any(
        is_plan(p) or p.share("speed") >= 0.9 or p.share("decimal") >= 0.9
        for p in table.profiles.values()
    )
    return bool(names) and priced


def _is_offer(table: Table, tables: Sequence[Table]) -> bool:
    """Whether it is what subscriptions refer to."""
    if not _looks_on_offer(table):
        return False
    for other in tables:
        of = {c for c, (t, _) in other.refers.items() if t is table}
        if not of or other is table or other.is_strange:
            continue
        subscribes = "customer" in other.links or other.hinted in ("customer", "service")
        if subscribes and other.sample.records >= table.sample.records:
            return True
    return False


def _is_line(table: Table) -> bool:
    """Whether several of its rows are of one invoice, each with an amount or a price of something."""
    of = [c for c in table.sample.names if table.links_by(c) == "invoice"]
    if not of or _days(table):
        return False
    held = table.sample.column(of[0])
    several = held.filled == table.sample.records and len(held.counts) < 0.9 * held.filled
    text = any(p.share("letters") >= 0.9 and not p.column.name.startswith("_")
               for n, p in table.profiles.items() if n not in of)  # fmt: skip
    priced = _has(table, "invoice_line", "unit_price", "amount") or bool(amounts_of(table))
    return several and (text or "plan" in table.links) and priced


def _is_payment(table: Table) -> bool:
    """Whether each of its rows pays an invoice: an amount, a day, and no price of each."""
    of = [c for c in table.sample.names if table.links_by(c) == "invoice"]
    if not of or not _days(table) or _has(table, "invoice_line", "quantity", "unit_price"):
        return False
    if _has(table, "invoice", "due_date", "tax", "subtotal"):
        return False
    return _has(table, "payment", "amount") or len(amounts_of(table)) == 1


def amounts_of(table: Table) -> list[str]:
    """Columns of amounts, by their cells: numbers that are typically more than a few, repeat, and
    count nothing."""
    found = []
    for name, profile in table.profiles.items():
        column = profile.column
        if name in table.refers or name in table.linked or profile.is_empty or name.startswith("_"):
            continue
        numbers = profile.share("number") >= 0.95 and profile.share("date") < 0.1
        if not numbers or profile.is_stamp or profile.share("phone") > 0.3 or stem_of(name):
            continue
        decimals = profile.share("decimal") >= 0.3 or profile.share("money sign") >= 0.5
        whole = profile.typically >= 5 and column.filled > 1.3 * len(column.counts)
        if decimals or whole:
            found.append(name)
    return found


def _days(table: Table) -> list[str]:
    return [n for n, p in table.profiles.items() if p.share("date") >= 0.9 or p.is_stamp]


def _has(table: Table, entity: str, *fields: str) -> bool:
    found = (table.best(entity, f) for f in fields)
    return any(
        m is not None and m.score >= max(ACTIVE, 0.8) and not table.profiles[m.column].is_empty
        for m in found
    )


def _is_numbered(table: Table, owner: str) -> bool:
    """Whether a column besides the one of its customers numbers its rows."""
    return any(
        c.is_unique and c.filled == table.sample.records and c.name != owner
        and (stem_of(c.name) or is_key_word(c.name))
        for c in table.sample.columns
    )  # fmt: skip
