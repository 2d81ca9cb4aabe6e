# ruff: noqa: E501
"""What is left when the other columns are known: the only date, the only amount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ispmig_pipelines.mapping.suggest.concepts import concepts_of, words_of
from ispmig_pipelines.mapping.suggest.holding import Holding
from ispmig_pipelines.mapping.suggest.links import is_called_a_reference
from ispmig_pipelines.mapping.suggest.match import ACTIVE, Match
from ispmig_pipelines.model import ENTITIES

if TYPE_CHECKING:
    from ispmig_pipelines.mapping.suggest.sample import ColumnSample
    from ispmig_pipelines.mapping.suggest.tables import Table

_STAMPS = frozenset({"timestamp", "created", "time", "ts", "datetime", "date", "added", "inserted"})
"""Words of a column that says when its record was made."""

_LATER = frozenset({"updated", "changed", "modified", "sent", "birth", "cancelled", "expiry", "reminded",
                    "period", "start", "end", "paid", "due"})  # fmt: skip
"""Words of days of an invoice that are not the one on which it was issued."""

_NO_AMOUNTS = frozenset(
    {"id", "year", "month", "day", "days", "phone", "mobile phone", "latitude", "longitude", "date", "status",
     "speed", "download", "upload", "cap", "quantity", "rate", "period", "time", "hour", "level", "code",
     "postal", "building", "vlan", "ip address", "port", "tahun", "bulan", "mes", "anio", "serial", "tax",
     "balance", "discount", "login", "customer", "service", "contract", "account", "sort", "order",
     "count", "priority", "version", "created", "updated", "by", "zone", "group", "type", "previous"}
)  # fmt: skip
"""What a column of numbers may be called that holds no amounts of its records."""


def by_elimination(table: Table, holding: Holding) -> None:
    """The only date of a payment is when it was paid, whatever it is called."""
    _only_amount(table, holding)
    _only_text(table, holding)
    wanted = {
        "payment": "paid_at", "invoice": "issue_date", "customer": "signup_date",
        "service": "start_date",
    }.get(holding.entity, "")  # fmt: skip
    found = holding.fields.get(wanted)
    if not wanted or (found is not None and found.score >= ACTIVE):
        return
    dates = [n for n, p in table.profiles.items() if p.share("date") >= 0.9]
    stamps = [
        n for n, p in table.profiles.items()
        if set(words_of(n)) & _STAMPS and p.is_stamp and n not in dates
    ]  # fmt: skip
    plain = [n for n in dates if set(concepts_of(n)) == {"date"} and n in table.sample.names]
    taken = {m.column for m in holding.fields.values() if m.score >= ACTIVE}
    if holding.entity == "service" and len(plain) == 1 and plain[0] not in taken:
        holding.fields[wanted] = Match("service", wanted, plain[0], 0.66,
                                       "the only day that is called no more than that")  # fmt: skip
        return
    if holding.entity == "service" and any(
        not {"created", "updated"} & {*concepts_of(n), *words_of(n)} for n in dates
    ):
        # Its own days say when it began.
        return
    if not dates or holding.entity in ("customer", "service"):
        # Of a customer only what is called a time of the record itself.
        dates = stamps or [n for n in dates if set(concepts_of(n)) <= {"created", "date"}
                           and "created" in concepts_of(n)]  # fmt: skip
    used = {m.column for m in holding.fields.values() if m.score >= ACTIVE}
    free = [n for n in dates if n not in used and table.profiles[n].column.filled
            and not _LATER & set(concepts_of(n))]  # fmt: skip
    if holding.entity == "invoice" and len(dates) > 1 and len(free) == 1:
        held = table.sample.column(free[0])
        if held.filled == table.sample.records and len(held.counts) > 1:
            holding.fields[wanted] = Match(holding.entity, wanted, free[0], 0.66,
                                           "the only day besides those of due and payment")  # fmt: skip
    if len(dates) == 1 and dates[0] not in used:
        holding.fields[wanted] = Match(holding.entity, wanted, dates[0], 0.68,
                                       "the only column of dates")  # fmt: skip


def _only_text(table: Table, holding: Holding) -> None:
    """The only text of a line of an invoice says what it is for, though it is called a note."""
    found = holding.fields.get("description")
    if holding.entity != "invoice_line" or (found is not None and found.score >= ACTIVE):
        return
    used = {
        m.column for n, m in holding.fields.items()
        if m.score >= ACTIVE and n not in ("notes", "item_code")
    }  # fmt: skip
    texts = [
        n for n, p in table.profiles.items()
        if n in table.sample.names and n not in used and n not in table.never
        and not n.startswith("_") and p.share("letters") >= 0.9 and p.column.filled
        and sum(" " in v for v in p.column.some(100)) >= 0.5 * len(p.column.some(100))
        and p.column.filled >= 0.9 * table.sample.records
    ]  # fmt: skip
    if len(texts) != 1:
        return
    for name, match in list(holding.fields.items()):
        if match.column == texts[0]:
            del holding.fields[name]
    holding.fields["description"] = Match("invoice_line", "description", texts[0], 0.7,
                                          "the only text of each line")  # fmt: skip


def _counts(column: ColumnSample) -> bool:
    """Whether its cells are whole numbers, each of another record: they number the records."""
    if column.filled < 10 or not column.is_unique:
        return False
    if not all(v.isdigit() and len(v) <= 9 for v in column.counts):
        return False
    numbers = [int(v) for v in column.counts]
    return max(numbers) - min(numbers) < 3 * len(numbers)


def _only_amount(table: Table, holding: Holding) -> None:
    """The only amounts of an invoice are what it comes to; of a payment, what was paid; of a
    plan, what it costs."""
    wanted = {"payment": "amount", "invoice": "total", "plan": "price"}.get(holding.entity, "")
    found = holding.fields.get(wanted)
    if not wanted or (found is not None and found.score >= ACTIVE):
        return
    info = ENTITIES[holding.entity].fields[wanted]
    used = {m.column for m in holding.fields.values() if m.score >= ACTIVE} | set(table.linked)
    own = {"invoice": {"invoice"}, "payment": {"payment"}, "plan": {"plan"}}[holding.entity]
    amounts = [
        n for n, p in table.profiles.items()
        if n not in used and n not in table.never and not p.is_empty
        and p.fit(info, holding.entity, wanted) >= 0.95
        and len(p.column.counts) >= min(3, p.column.filled) and p.share("date") < 0.5
        and p.share("phone") < 0.5 and p.typically >= 5 and not p.is_stamp
        and not _NO_AMOUNTS & (set(concepts_of(n)) | set(words_of(n)))
        and not is_called_a_reference(n) and not _counts(p.column)
    ]  # fmt: skip
    called = [n for n in amounts if set(concepts_of(n)) <= own | {"amount", "price"}]
    if len(amounts) == 1 or len(called) == 1:
        chosen = called[0] if len(called) == 1 else amounts[0]
        reason = "called like its table, and amounts" if called else "the only column of amounts"
        holding.fields[wanted] = Match(holding.entity, wanted, chosen, 0.7 if called else 0.64,
                                       reason)  # fmt: skip
        for name, match in list(holding.fields.items()):
            if name != wanted and match.column == chosen:
                del holding.fields[name]
