"""Methods of payment that stand in the rows of customers: the card on file, or the mandate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.tables import Table

PROOF = ("last_four", "mandate_reference", "token")
"""Without one of them nobody has a method of payment on file, only a way to pay."""

_FIELDS = (*PROOF, "brand", "expiry_month", "expiry_year", "holder_name", "bank_name",
           "mandate_date", "autopay", "is_default", "processor_customer")  # fmt: skip


def methods_of(table: Table, customer: Holding) -> Holding | None:
    """The method of payment of each customer; None if the table has none."""
    account = customer.fields.get("account_number")
    if account is None:
        return None
    known = table.assigned("payment_method", (account.column,))
    fields = {
        name: known[name] for name in _FIELDS
        if name in known and known[name].score >= ACTIVE
        and table.sample.column(known[name].column).filled
        and not _is_rather_the_customers(table, known[name])
    }  # fmt: skip
    proof = next((name for name in PROOF if name in fields), "")
    if not proof or (proof == "token" and len(fields) == 1):
        # A token by itself may be of anything that somebody signs in to.
        return None
    fields |= _expiry(table)
    for name in ("expiry_month", "expiry_year"):
        if name in fields and not {"expiry_month", "expiry_year"} <= fields.keys():
            del fields[name]
    code = next((m for m in table.matches("payment_method") if m.field == "method_code"
                 and m.score >= 0.8 and m.column != account.column
                 and table.sample.column(m.column).is_unique), None)  # fmt: skip
    if code is not None and "token" in fields and fields["token"].column == code.column:
        del fields["token"]
        proof = next((name for name in PROOF if name in fields), "") or "method_code"
    fields["method_code"] = code or Match(
        "payment_method", "method_code", account.column, account.score, "one of each customer"
    )
    fields["customer"] = Match("payment_method", "customer", account.column, account.score,
                               account.reason)  # fmt: skip
    return Holding("payment_method", fields, fields[proof].column)


def _is_rather_the_customers(table: Table, match: Match) -> bool:
    """A column whose name says something of the customer itself more surely."""
    return any(
        m.column == match.column and m.score > match.score + 0.02 for m in table.matches("customer")
    )


def _expiry(table: Table) -> dict[str, Match]:
    """``04/29`` is a month and a year."""
    for match in table.matches("payment_method"):
        if match.field not in ("expiry_month", "expiry_year"):
            continue
        if table.profiles[match.column].share("expiry") >= 0.9:
            return {
                name: Match("payment_method", name, match.column, 0.9, "month and year of expiry")
                for name in ("expiry_month", "expiry_year")
            }
    return {}
