# ruff: noqa: E501, RUF001
"""Tables and columns whose names say nothing: what they are by their cells, taken together.

One column of dates may be anything; a reference to customers beside two dates and amounts of
which two add up to the third is an invoice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.match import Match
from ispmig_pipelines.mapping.suggest.named import names_nothing
from ispmig_pipelines.mapping.suggest.profile import Profile
from ispmig_pipelines.mapping.suggest.style import country_of_postal_codes
from ispmig_pipelines.mapping.suggest.words import known_share
from ispmig_pipelines.model import ENTITIES

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.sample import ColumnSample
    from ispmig_pipelines.mapping.suggest.tables import Table

_LEAST = 10
"""Fewer records prove nothing."""
_AMOUNT = re.compile(r"[^\d-]*(-?\d[\d.,' ]*?)[^\d]*")
_SPEED_IN_NAME = re.compile(r"\d+ ?(?:[MG]B?(?:PS|IT)?|MEGA[S]?)(?![A-Z])", re.IGNORECASE)


def says_nothing(table: Table) -> bool:
    """Whether hardly any of its columns has a name that means something."""
    nothing = sum(names_nothing(table.sample, name) for name in table.sample.names)
    return nothing >= 0.7 * len(table.sample.names)


def by_reference(table: Table, others: Sequence[Table]) -> Holding | None:
    """What a nameless table holds that refers to customers: invoices or payments, or None."""
    if table.sample.records < _LEAST or not says_nothing(table):
        return None
    reference = _reference(table, others)
    columns = table.sample.columns
    key = next((c.name for c in columns if c.is_unique and c.filled == table.sample.records
                and c.name != reference and not _is_date(table.profiles[c.name])), "")  # fmt: skip
    if not reference or not key:
        return None
    free = [c.name for c in columns if c.name not in (reference, key)]
    dates = [n for n in free if _is_date(table.profiles[n])]
    amounts = [n for n in free if _is_money(table.profiles[n])]
    return _invoices(table, key, reference, dates, amounts) or _payments(
        table, key, reference, dates, amounts
    )


def _reference(table: Table, others: Sequence[Table]) -> str:
    for other in others:
        for holding in other.holdings:
            if holding.entity != "customer" or not holding.key_column:
                continue
            keys = other.sample.column(holding.key_column)
            if not all(len(v) >= 4 for v in keys.some(50)):
                # 1, 2, 3 are found in any column of numbers.
                continue
            for column in table.sample.columns:
                many = len(column.counts) >= _LEAST
                if many and sum(v in keys.counts for v in column.counts) == len(column.counts):
                    return column.name
    return ""


def _is_date(profile: Profile) -> bool:
    return profile.share("date") >= 0.95


def _is_money(profile: Profile) -> bool:
    return max(profile.share("decimal"), profile.share("money sign")) >= 0.8


def _sum(column: ColumnSample) -> float | None:
    total = 0.0
    for value, count in column.counts.items():
        match = _AMOUNT.fullmatch(value)
        if match is None:
            return None
        digits = re.sub(r"[^\d.,-]", "", match[1])
        mark = max(digits.rfind("."), digits.rfind(","))
        whole = re.sub(r"[.,]", "", digits[:mark] if mark >= 0 else digits)
        part = digits[mark + 1 :] if mark >= 0 else ""
        total += count * float(f"{whole or '0'}.{part or '0'}")
    return total


def _adding_up(table: Table, amounts: Sequence[str]) -> tuple[str, str, str] | None:
    """Net, tax and total among the columns: two of them are the third together."""
    sums = {name: s for name in amounts if (s := _sum(table.sample.column(name))) is not None}
    for total, whole in sums.items():
        for net, more in sums.items():
            for tax, less in sums.items():
                differ = len({total, net, tax}) == 3 and more > less > 0
                if differ and abs(more + less - whole) <= 0.01 * table.sample.records:
                    return net, tax, total
    return None


def _states(table: Table, entity: str, field: str, used: Sequence[str]) -> str:
    """The column whose words are nearly all those of a choice of the field."""
    info = ENTITIES[entity].fields[field]
    for column in table.sample.columns:
        few = table.profiles[column.name].few_words and len(column.counts) >= 2
        if column.name in used or not few or any(len(w) < 3 for w in column.counts):
            continue
        if known_share(entity, field, info, column.counts) >= 0.9:
            return column.name
    return ""


def _held(entity: str, fields: dict[str, tuple[str, float, str]]) -> Holding:
    return Holding(entity, {
        name: Match(entity, name, column, score, why)
        for name, (column, score, why) in fields.items() if column
    })  # fmt: skip


def _invoices(
    table: Table, key: str, reference: str, dates: list[str], amounts: list[str]
) -> Holding | None:
    found = _adding_up(table, amounts)
    if found is None or not dates or len(dates) > 3:
        return None
    net, tax, total = found
    adds = "net and tax add up to the total"
    first, second = _in_order(table, dates)
    fields = {
        "invoice_number": (key, 0.72, "unique, in a table that refers to customers"),
        "customer": (reference, 0.9, "all of its values are numbers of customers"),
        "issue_date": (first, 0.68, "the earlier of its dates"),
        "due_date": (second, 0.66, "the later of two dates"),
        "subtotal": (net, 0.75, adds),
        "tax": (tax, 0.75, adds),
        "total": (total, 0.8, adds),
        "status": (_states(table, "invoice", "status", [*dates, *found]), 0.72,
                   "its words are those of invoices"),
    }  # fmt: skip
    return _held("invoice", fields)


def _in_order(table: Table, dates: list[str]) -> tuple[str, str]:
    """The two dates of an invoice, as they stand; one alone is when it was issued."""
    if len(dates) == 1:
        return dates[0], ""
    filled = [n for n in dates if table.sample.column(n).filled == table.sample.records]
    return (filled[0], filled[1]) if len(filled) == 2 else (dates[0], "")


def _payments(
    table: Table, key: str, reference: str, dates: list[str], amounts: list[str]
) -> Holding | None:
    method = _states(table, "payment", "method", [])
    if not method or len(dates) != 1 or len(amounts) != 1:
        return None
    return _held("payment", {
        "payment_number": (key, 0.72, "unique, in a table that refers to customers"),
        "customer": (reference, 0.9, "all of its values are numbers of customers"),
        "paid_at": (dates[0], 0.7, "the only date beside a way to pay"),
        "amount": (amounts[0], 0.75, "the only amount beside a way to pay"),
        "method": (method, 0.75, "its words are ways to pay"),
    })  # fmt: skip


def by_cells(table: Table) -> list[Match]:
    """Fields of the customers and services that nameless columns are by their cells."""
    if table.sample.records < _LEAST or not says_nothing(table):
        return []
    nothing = [
        n for n in table.sample.names
        if names_nothing(table.sample, n) and table.sample.column(n).filled
    ]  # fmt: skip
    status = _states(table, "customer", "status", [])
    plan = next((n for n in nothing if is_plan(table.profiles[n])), "")
    street = _only([n for n in nothing if _is_street(table.profiles[n])])
    postal = _postal(table, nothing, street)
    dates = [n for n in nothing if _is_date(table.profiles[n])]
    found = [
        ("customer", "status", status, 0.8, "its words are those of customers"),
        ("customer", "billing_street", street, 0.72, "words and the number of a house"),
        ("customer", "billing_postal_code", postal, 0.7, "postal codes beside streets"),
        ("customer", "billing_city", _city(table, nothing, street, postal), 0.66,
         "a few names beside the postal code"),
        ("service", "plan", plan, 0.72, "a few names that say a speed"),
    ]  # fmt: skip
    if len(dates) == 1:
        found.append(("customer", "signup_date", dates[0], 0.62, "the only date of each customer"))
    if plan:
        prices = [n for n in nothing if table.profiles[n].share("money sign") >= 0.95
                  and 1 < len(table.sample.column(n).counts) <= 30]  # fmt: skip
        found.append(("service", "price", _only(prices), 0.68, "a few amounts beside a plan"))
        pairs = [n for n in nothing if table.profiles[n].share("speed pair") >= 0.95]
        found.append(("service", "download_kbps", _only(pairs), 0.72, "pairs of speeds"))
    return [Match(e, f, column, score, why) for e, f, column, score, why in found if column]


def _only(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ""


def is_plan(profile: Profile) -> bool:
    """Whether its cells are a few names again and again, and nearly all say a speed."""
    column = profile.column
    few = 1 < len(column.counts) <= 40 and column.filled >= 3 * len(column.counts)
    named = [v for v in column.counts if _SPEED_IN_NAME.search(v) and re.search(r"[^\W\d_]{3}", v)]
    pair = profile.share("speed pair") > 0.5 or profile.share("speed") > 0.5
    return few and not pair and len(named) >= 0.7 * len(column.counts)


_STREET = re.compile(r"(?=.*[^\W\d_]{3})(?:[^\W\d_][\w.'’ºª/ -]*?,? *(?:n[º°o.]+ ?)?\d{1,5} ?[a-zA-Z]?|"
                     r"\d{1,5}[a-zA-Z]?,? +[^\W\d_][\w.'’ -]+)(?:[,/ -].*)?")  # fmt: skip


def _is_street(profile: Profile) -> bool:
    some = profile.column.some(200)
    if not some or len(profile.column.counts) < 0.3 * profile.column.filled:
        return False
    spaced = sum(bool(_STREET.fullmatch(v)) and " " in v for v in some)
    strange = max(profile.share("date"), profile.share("speed"), profile.share("address"))
    return spaced >= 0.9 * len(some) and strange < 0.1


def _postal(table: Table, nothing: list[str], street: str) -> str:
    """Codes as one country writes them, or of five digits beside the street."""
    for name in nothing:
        profile = table.profiles[name]
        if profile.share("postal") >= 0.95 and country_of_postal_codes(profile):
            return name
    names = list(table.sample.names)
    if not street:
        return ""
    at = names.index(street)
    near = [n for n in names[max(at - 1, 0) : at + 4] if n in nothing and n != street]
    codes = [n for n in near if table.profiles[n].share("postal") >= 0.95
             and all(len(v) in (5, 6) for v in table.sample.column(n).some(100))
             and not table.sample.column(n).is_unique]  # fmt: skip
    return _only(codes)


def _city(table: Table, nothing: list[str], street: str, postal: str) -> str:
    """Names that recur, next to the postal code."""
    if not street or not postal:
        return ""
    names = list(table.sample.names)
    at = names.index(postal)
    near = [n for n in (*names[max(at - 1, 0) : at], *names[at + 1 : at + 2])
            if n in nothing and n != street]  # fmt: skip
    towns = []
    for name in near:
        profile, column = table.profiles[name], table.sample.column(name)
        recur = column.filled >= 2 * len(column.counts) and len(column.counts) >= 2
        if recur and profile.share("word") >= 0.95 and all(len(v) >= 3 for v in column.counts):
            towns.append(name)
    return _only(towns)
