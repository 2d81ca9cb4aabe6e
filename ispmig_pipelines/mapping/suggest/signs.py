"""Whether a positive balance is a debt or a credit, by what the rest of the export says.

No name tells (``saldo``, ``balance``), and systems have it either way; but a debt comes to unpaid
bills, and those who are cut off owe something. That no balance is negative tells nothing: prepaid
customers have none that is, and neither have those who are billed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.match import ACTIVE
from ispmig_pipelines.mapping.suggest.words import lookup_of
from ispmig_pipelines.model import ENTITIES

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

_PRICES = (("invoice", "total"), ("invoice", "amount_due"), ("service", "price"), ("plan", "price"))
"""Fields of what bills come to."""
_LEAST = 3
"""Fewer balances of one kind are chance."""


def sign_of(table: Table, column: str, tables: Iterable[Table]) -> tuple[str, str]:
    """``debt`` or ``credit``, what a positive amount of a column of balances is, and why; two empty
    texts where nothing says it."""
    counts = _amounts(table.sample.column(column).counts)
    above = {v for v in counts if v > 0}
    below = {-v for v in counts if v < 0}
    others = list(tables)
    if cut_off := _of_those_cut_off(table, column):
        return cut_off, "by the balances of those who are suspended"
    bills = {
        v
        for other in others for holding in other.holdings
        for entity, name in _PRICES
        if holding.entity == entity and (match := holding.fields.get(name))
        for v in _amounts(other.profiles[match.column].column.counts)
    }  # fmt: skip
    shares = [sum(v in bills for v in side) / max(len(side), 1) for side in (above, below)]
    for mine, other, side, sign in (
        (shares[0], shares[1], above, "debt"),
        (shares[1], shares[0], below, "credit"),
    ):
        if len(side) >= _LEAST and mine >= 0.4 and mine >= 3 * other:
            return sign, "its amounts are those of bills"
    return "", ""


def _of_those_cut_off(table: Table, column: str) -> str:
    """What a positive balance is if nearly all who are suspended have one of the same sign, and the
    others do not."""
    status = next(
        (m.column for h in table.holdings if h.entity == "customer"
         for f, m in h.fields.items() if f == "status" and m.score >= ACTIVE), "",
    )  # fmt: skip
    names = table.sample.names
    if status not in names or column not in names:
        return ""
    choices = ENTITIES["customer"].fields["status"].choices
    words, _ = lookup_of(table.sample.column(status).counts, choices)
    signs: dict[bool, list[float]] = {True: [], False: []}
    for row in table.sample.rows:
        word = row[names.index(status)].strip()
        for value in _amounts({row[names.index(column)].strip(): 1}):
            signs[words.get(word) == "suspended"].append(value)
    held = [v for v in signs[True] if v]
    for sign, of in (("debt", 1), ("credit", -1)):
        mine = sum(v * of > 0 for v in held)
        others = sum(v * of > 0 for v in signs[False])
        often = mine >= 2 * others / max(len(signs[False]), 1) * len(signs[True])
        if mine >= _LEAST and mine >= 0.8 * len(held) and often:
            return sign
    return ""


def _amounts(counts: Mapping[str, int]) -> dict[float, int]:
    """The amounts of cells, whichever mark stands before their decimals; other texts are none."""
    found: dict[float, int] = {}
    for text, count in counts.items():
        digits = re.sub(r"[^\d.,-]", "", text)
        if not re.fullmatch(r"-?\d[\d.,]*|-?[.,]\d+", digits):
            continue
        # One or two digits, or more than three, behind a mark are decimals.
        whole = re.sub(r"[.,](?:\d{1,2}|\d{4,})$", "", digits)
        decimals = digits[len(whole) + 1 :]
        value = float(f"{re.sub(r'[.,]', '', whole) or 0}.{decimals or 0}")
        found[value] = found.get(value, 0) + count
    return found
