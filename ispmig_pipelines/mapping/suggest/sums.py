"""Which columns of invoices are net, tax and total, paid and open: by what adds up.

Names say it in a hundred ways (``Ex GST``, ``Inc GST``, ``O/S``); that net and tax are the total
in every record is the same everywhere.
"""

from __future__ import annotations

import re
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of
from ispmig_pipelines.mapping.suggest.links import is_called_a_reference
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.mapping.suggest.style import number_style
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldType

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.holding import Holding
    from ispmig_pipelines.mapping.suggest.tables import Table

_LEAST = 8
"""Fewer records prove nothing."""
_SHARE = 0.95
"""Of the records in which it must add up."""
_CENT = 0.015
_MOST_ROWS = 200
_MOST = 10
"""Tables of more columns of amounts are no plain lists of invoices."""


def _amounts(table: Table) -> dict[str, list[float]]:
    """Column of amounts → the amount of each record that is kept whole; an empty cell is none."""
    info = ENTITIES["invoice"].fields["total"]
    found: dict[str, list[float]] = {}
    for at, name in enumerate(table.sample.names):
        profile = table.profiles[name]
        if name in table.never or profile.share("date") > 0.2 or profile.is_empty:
            continue
        if profile.fit(info, "invoice", "total") < 0.95:
            continue
        written = profile.has_cents >= 0.2 or profile.share("decimal") >= 0.9
        if not written and not _are_whole_amounts(table, name):
            continue
        mark = number_style(profile, info, "").decimal_mark or "."
        values = [_number(row[at], mark) for row in table.sample.rows[:_MOST_ROWS]]
        if any(values):
            found[name] = values
    return found


def _are_whole_amounts(table: Table, name: str) -> bool:
    """Whether a column without cents holds amounts all the same: its name says so, and no number
    of anything. Readings of a meter and what was used add up, too."""
    if name in table.linked or name in table.refers or is_called_a_reference(name):
        return False
    profile = table.profiles[name]
    if profile.is_stamp or profile.share("phone") > 0.5 or "id" in concepts_of(name):
        return False
    return any(
        m.column == name and m.score >= ACTIVE
        and ENTITIES["invoice"].fields[m.field].type is FieldType.MONEY
        for m in table.matches("invoice")
    )  # fmt: skip


def _number(cell: str, mark: str) -> float:
    kept = re.sub(rf"[^0-9{re.escape(mark)}-]", "", cell).replace(mark, ".")
    try:
        return float(kept)
    except ValueError:
        return 0.0


def _holds(total: list[float], one: list[float], other: list[float]) -> bool:
    near = sum(abs(a + b - t) <= _CENT for t, a, b in zip(total, one, other, strict=True))
    return near >= _SHARE * len(total)


def sums_of(table: Table, holding: Holding) -> dict[str, Match]:
    """Field → the column that the sums say it is; fields of which they say nothing are left out."""
    if len(table.sample.rows) < _LEAST:
        return {}
    amounts = _amounts(table)
    if not 3 <= len(amounts) <= _MOST:
        return {}
    found = _taxed(amounts) or _discounted(table, amounts)
    total = found.get("total") or _named(holding, "total", amounts)
    found |= _open(table, amounts, total, set(found.values()))
    reasons = {
        "subtotal": "net and tax add up to the total", "tax": "net and tax add up to the total",
        "total": "net and tax add up to it", "amount_paid": "with what is open it is the total",
        "amount_due": "with what is paid it is the total",
    }  # fmt: skip
    if "discount" in found:
        reasons |= dict.fromkeys(("subtotal", "discount", "total"),
                                 "the total is what is left of it after the discount")  # fmt: skip
    if "subtotal" not in found and "total" in found:
        reasons["total"] = "what is paid and what is open add up to it"
    return {name: Match("invoice", name, column, 0.94, reasons[name])
            for name, column in found.items()}  # fmt: skip


def _named(holding: Holding, field: str, amounts: dict[str, list[float]]) -> str:
    match = holding.fields.get(field)
    return match.column if match is not None and match.column in amounts else ""


def _taxed(amounts: dict[str, list[float]]) -> dict[str, str]:
    """Net, tax and total: the tax is less than half of the net, and there mostly."""
    fitting = []
    for total, pair in ((t, p) for t in amounts
                        for p in combinations([n for n in amounts if n != t], 2)):  # fmt: skip
        net, tax = sorted(pair, key=lambda n: -sum(amounts[n]))
        there = sum(v > 0 for v in amounts[tax])
        low = sum(t <= 0.45 * n for t, n in zip(amounts[tax], amounts[net], strict=True) if n > 0)
        if (
            there >= 0.3 * len(amounts[tax])
            and low >= _SHARE * sum(n > 0 for n in amounts[net])
            and _holds(amounts[total], amounts[net], amounts[tax])
        ):
            fitting.append({"subtotal": net, "tax": tax, "total": total})
    return fitting[0] if len(fitting) == 1 else {}


def _discounted(table: Table, amounts: dict[str, list[float]]) -> dict[str, str]:
    """Gross, discount and total, where a column is called a discount and some have one."""
    fitting = []
    for off in amounts:
        if "discount" not in concepts_of(off) or not any(amounts[off]):
            continue
        fitting += [
            {"subtotal": gross, "discount": off, "total": total}
            for gross, total in permutations([n for n in amounts if n != off], 2)
            if _holds(amounts[gross], amounts[total], amounts[off])
        ]
    return fitting[0] if len(fitting) == 1 else {}


def _open(
    table: Table, amounts: dict[str, list[float]], total: str, used: set[str]
) -> dict[str, str]:
    """Paid and open: together the total. Most of what is billed is paid, or the names say it."""
    fitting = [
        (t, paid, due)
        for t in ([total] if total else list(amounts))
        for paid, due in permutations([n for n in amounts if n not in used | {t}], 2)
        if any(amounts[paid]) and any(amounts[due])
        and _holds(amounts[t], amounts[paid], amounts[due])
    ]  # fmt: skip
    if len(fitting) != 2 or fitting[0][0] != fitting[1][0]:
        return {}

    def says(column: str, field: str) -> float:
        return max((m.score for m in table.matches("invoice")
                    if (m.field, m.column) == (field, column)), default=0.0)  # fmt: skip

    def sure(case: tuple[str, str, str]) -> float:
        _, paid, due = case
        return says(paid, "amount_paid") + says(due, "amount_due")

    best = max(fitting, key=lambda c: (sure(c), sum(amounts[c[1]])))
    if sure(best) < 0.35 and sum(amounts[best[1]]) < 2 * sum(amounts[best[2]]):
        return {}
    return {"total": best[0], "amount_paid": best[1], "amount_due": best[2]}
