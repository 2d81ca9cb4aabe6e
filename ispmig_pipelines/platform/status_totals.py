"""Control totals of the business, by currency and status: balances, deposits, invoices.

They are summed twice, by the same definitions: over a tenant's rows, and over what a migration read
from its sources, as it was mapped. Who knows the old system's own sums compares those with either.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ispmig_pipelines.model.field_info import NO_CURRENCY
from ispmig_pipelines.platform.tenants import Tenant

_WIDE = pa.decimal128(37, 4)
# A difference has a digit more than what it is of, and 38 are the most.
_NOTHING = pa.scalar(Decimal(0), _WIDE)


class Measure(StrEnum):
    """What is summed."""

    BALANCE = "balance"
    RECEIVABLE = "receivable"
    CREDIT = "credit"
    DEPOSIT = "deposit"
    INVOICED = "invoiced"
    UNPAID = "unpaid_invoice"


POSITIVE_IS = {
    Measure.BALANCE: "owed by customers",
    Measure.RECEIVABLE: "owed by customers",
    Measure.CREDIT: "owed by customers",
    Measure.DEPOSIT: "held for customers",
    Measure.INVOICED: "owed to the ISP",
    Measure.UNPAID: "still owed to the ISP",
}

SETTLED = ("draft", "paid", "written_off", "void")
"""Statuses of invoices of which nothing is to be paid, whatever their amounts say."""

SUMMED = frozenset({"customer", "invoice"})
"""The entities of which there are such totals."""

NO_CLAIM = "proforma"
"""The kind of invoice that asks for nothing."""


@dataclass
class Sum:
    """Records with an amount, their sum, and the days on which the amounts were true."""

    records: int = 0
    amount: Decimal = Decimal("0.0000")
    first: dt.date | None = None
    last: dt.date | None = None

    def add(self, other: Sum) -> None:
        self.records += other.records
        self.amount += other.amount
        days = [day for day in (self.first, other.first) if day is not None]
        self.first = min(days, default=None)
        days = [day for day in (self.last, other.last) if day is not None]
        self.last = max(days, default=None)


Key = tuple[Measure, str, str]
"""Measure, currency (``XXX`` for none), status ("" for none)."""


@dataclass
class StatusTotals:
    """Sums by measure, currency and status.

    Attributes:
        measured: measures that were summed at all, be it to nothing.
    """

    sums: dict[Key, Sum] = field(default_factory=dict)
    measured: set[Measure] = field(default_factory=set)

    def add(self, other: StatusTotals) -> None:
        self.measured |= other.measured
        for key, found in other.sums.items():
            self.sums.setdefault(key, Sum()).add(found)

    def as_json(self) -> dict[str, Any]:
        """``{"measured": […], "sums": [{"measure", "currency", "status", "records", "amount",
        "first", "last"}]}``, as the ledger keeps it."""
        return {
            "measured": sorted(self.measured),
            "sums": [
                {
                    "measure": measure.value,
                    "currency": currency,
                    "status": status,
                    "records": found.records,
                    "amount": str(found.amount),
                    "first": None if found.first is None else found.first.isoformat(),
                    "last": None if found.last is None else found.last.isoformat(),
                }
                for (measure, currency, status), found in sorted(self.sums.items())
            ],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> StatusTotals:
        """What :meth:`as_json` wrote."""
        return cls(
            {
                (Measure(one["measure"]), one["currency"], one["status"]): Sum(
                    one["records"], Decimal(one["amount"]), _day(one["first"]), _day(one["last"])
                )
                for one in values["sums"]
            },
            {Measure(name) for name in values["measured"]},
        )


def _day(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


# --- over a tenant's rows -------------------------------------------------------------------------

# Each row is summed once: half of the time of giving each a row for every measure first.
_CUSTOMERS = sql.SQL(
    """with groups as materialized (
           select coalesce(t.currency, {none}) as currency, coalesce(t.status, '') as status,
                  sign(t.balance) as sign, count(t.balance) as records, sum(t.balance) as amount,
                  min(t.balance_date) filter (where t.balance is not null) as first,
                  max(t.balance_date) filter (where t.balance is not null) as last,
                  count(t.deposit) as deposits, sum(t.deposit) as deposit
           from {table} t group by 1, 2, 3)
       select m.measure, g.currency, g.status, sum(m.records)::bigint, sum(m.amount),
              min(m.first), max(m.last)
       from groups g cross join lateral (values
           ({balance}, g.records, g.amount, g.first, g.last),
           ({receivable}, case when g.sign > 0 then g.records end, g.amount, g.first, g.last),
           ({credit}, case when g.sign < 0 then g.records end, g.amount, g.first, g.last),
           ({deposit}, g.deposits, g.deposit, null, null))
           as m(measure, records, amount, first, last)
       where m.records > 0 group by 1, 2, 3"""
)

_UNPAID = sql.SQL(
    """case when coalesce(t.status, '') <> all({settled}) and coalesce(t.kind, '') <> {no_claim}
            then nullif(coalesce(t.amount_due, t.total - coalesce(t.amount_paid, 0)), 0) end"""
).format(settled=sql.Literal(list(SETTLED)), no_claim=sql.Literal(NO_CLAIM))

_INVOICES = sql.SQL(
    """select m.measure, coalesce(t.currency, {none}), coalesce(t.status, ''), count(*),
              sum(m.amount), null::date, null::date
       from {table} t cross join lateral (values
           ({invoiced}, t.total),
           ({unpaid}, {unpaid_amount})) as m(measure, amount)
       where m.amount is not null group by 1, 2, 3"""
)


def of_tenant(driver: psycopg.Connection, tenant: Tenant) -> StatusTotals:
    """The totals of all rows of a tenant, in the current transaction and role."""
    found = StatusTotals(measured=set(Measure))
    names = {measure.name.lower(): sql.Literal(measure.value) for measure in Measure}
    for query, entity in ((_CUSTOMERS, "customer"), (_INVOICES, "invoice")):
        rows = driver.execute(
            query.format(
                table=sql.Identifier(tenant.schema, entity),
                none=sql.Literal(NO_CURRENCY),
                unpaid_amount=_UNPAID,
                **names,
            )
        )
        for measure, currency, status, records, amount, first, last in rows:
            found.sums[Measure(measure), currency, status] = Sum(records, amount, first, last)
    return found


OPEN: Mapping[str, tuple[Measure, sql.Composed]] = {
    "customer": (Measure.BALANCE, sql.SQL("{}").format(sql.Identifier("t", "balance"))),
    "invoice": (Measure.UNPAID, _UNPAID),
}
"""Entity → what is open of a row (alias ``t``), whatever its status, and what that is; NULL where
nothing is. Rows are to be grouped by :data:`CURRENCY`."""

CURRENCY = sql.SQL("coalesce({}, {})").format(
    sql.Identifier("t", "currency"), sql.Literal(NO_CURRENCY)
)


# --- over what was mapped -------------------------------------------------------------------------


def of_batch(entity: str, batch: pa.RecordBatch) -> StatusTotals:
    """The totals of records as they are mapped.

    Args:
        batch: columns of the entity's fields, as far as the source fills them.
    """
    found = StatusTotals()
    for measure, amounts in _amounts(entity, batch):
        found.measured.add(measure)
        table = pa.table(
            {
                "currency": pc.fill_null(_column(batch, "currency", pa.string()), NO_CURRENCY),
                "status": pc.fill_null(_column(batch, "status", pa.string()), ""),
                "amount": amounts,
                "day": _column(batch, "balance_date", pa.date32())
                if entity == "customer" and measure is not Measure.DEPOSIT
                else pa.nulls(batch.num_rows, pa.date32()),
            }
        ).filter(amounts.is_valid())
        sums = table.group_by(["currency", "status"]).aggregate(
            [("amount", "sum"), ("amount", "count"), ("day", "min"), ("day", "max")]
        )
        for row in sums.to_pylist():
            found.sums[measure, row["currency"], row["status"]] = Sum(
                row["amount_count"], row["amount_sum"], row["day_min"], row["day_max"]
            )
    return found


def _amounts(entity: str, batch: pa.RecordBatch) -> Iterator[tuple[Measure, pa.Array]]:
    """What each record adds to each measure; null where it adds nothing."""
    there = set(batch.schema.names)
    if entity == "customer" and "balance" in there:
        balance = _column(batch, "balance", _WIDE)
        yield Measure.BALANCE, balance
        yield Measure.RECEIVABLE, _only(balance, pc.greater(balance, _NOTHING))
        yield Measure.CREDIT, _only(balance, pc.less(balance, _NOTHING))
    if entity == "customer" and "deposit" in there:
        yield Measure.DEPOSIT, _column(batch, "deposit", _WIDE)
    if entity == "invoice" and "total" in there:
        total = _column(batch, "total", _WIDE)
        yield Measure.INVOICED, total
        paid = pc.fill_null(_column(batch, "amount_paid", _WIDE), Decimal(0))
        due = pc.coalesce(
            _column(batch, "amount_due", _WIDE), pc.subtract_checked(total, paid).cast(_WIDE)
        )
        open_ = pc.and_(
            pc.invert(pc.is_in(_column(batch, "status", pa.string()), value_set=pa.array(SETTLED))),
            pc.fill_null(pc.not_equal(_column(batch, "kind", pa.string()), NO_CLAIM), True),
        )
        yield Measure.UNPAID, _only(due, pc.and_(open_, pc.not_equal(due, _NOTHING)))


def _only(amounts: pa.Array, where: pa.Array) -> pa.Array:
    return pc.if_else(pc.fill_null(where, False), amounts, pa.scalar(None, _WIDE))


def _column(batch: pa.RecordBatch, name: str, kind: pa.DataType) -> pa.Array:
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, kind)
    return batch.column(name).cast(kind)
