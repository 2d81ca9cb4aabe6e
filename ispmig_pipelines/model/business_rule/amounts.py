"""Rules of amounts and other numbers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.model.business_rule.rule import (
    Columns,
    Declared,
    alternatives,
    is_one_of,
    true_where,
)
from ispmig_pipelines.model.rounding import allowed, cents, exact


@dataclass(frozen=True)
class Signed(Declared):
    """An amount is not negative, or not positive; where ``kind`` is one of ``values``, if given."""

    amount: str
    negative: bool = False
    kind: str = ""
    values: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        of = f"{self.values[0]}_" if self.values else ""
        return f"{of}{self.amount}_is_{'not_positive' if self.negative else 'not_negative'}"

    @property
    def doc(self) -> str:
        sign = "not positive" if self.negative else "not negative"
        where = f"where {self.kind} is {alternatives(self.values)}, " if self.values else ""
        return f"{where}{self.amount} is {sign}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.kind, self.amount) if self.kind else (self.amount,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        amount = columns[self.amount]
        zero = pa.scalar(0, amount.type)
        wrong = true_where((pc.greater if self.negative else pc.less)(amount, zero))
        return (
            wrong & true_where(is_one_of(columns[self.kind], self.values)) if self.kind else wrong
        )


@dataclass(frozen=True)
class NoMoreThan(Declared):
    """``part`` is, whatever their signs, no more than ``whole``.

    Attributes:
        free: a whole of nothing says nothing, so anything may stand beside it.
    """

    part: str
    whole: str
    free: bool = False

    @property
    def name(self) -> str:
        return f"{self.part}_within_{self.whole}"

    @property
    def doc(self) -> str:
        free = f", where {self.whole} is not 0" if self.free else ""
        return f"{self.part} is no more than {self.whole}{free}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.part, self.whole)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        part, whole = pc.abs(columns[self.part]), pc.abs(columns[self.whole])
        more = true_where(pc.greater(part, whole))
        return (
            more & true_where(pc.not_equal(whole, pa.scalar(0, whole.type))) if self.free else more
        )


@dataclass(frozen=True)
class TotalAddsUp(Declared):
    """An invoice's total is its subtotal and its tax, with or without the discount taken off (the
    lines, and so the subtotal, may have it already)."""

    subtotal: str = "subtotal"
    discount: str = "discount"
    tax: str = "tax"
    total: str = "total"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"{self.total}_adds_up"

    @property
    def doc(self) -> str:
        return (
            f"{self.total} is {self.subtotal} + {self.tax}, less {self.discount} or not, but for "
            "rounding (0.015, or half a unit of currencies that round to whole ones)"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.subtotal, self.discount, self.tax, self.total, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        summed = pc.add(columns[self.subtotal], columns[self.tax])
        rest = pc.abs(pc.subtract(columns[self.total], summed))
        off = true_where(pc.greater(rest, cents()))
        if not off.any():
            return off
        spare = allowed(columns[self.currency])
        off &= true_where(pc.greater(rest, spare))
        # Some write what was taken off with a minus.
        beside = pc.abs(pc.subtract(rest, pc.abs(columns[self.discount])))
        return off & ~true_where(pc.less_equal(beside, spare))


@dataclass(frozen=True)
class PaidAndDue(Declared):
    """What was paid and what is due of a document are together no more than its total (or, for
    ``reach``, no less), unless nothing is due."""

    reach: bool
    status: str = "status"
    settled: tuple[str, ...] = ("draft", "void", "written_off")
    paid: str = "amount_paid"
    due: str = "amount_due"
    total: str = "total"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"paid_and_due_{'reach' if self.reach else 'within'}_{self.total}"

    @property
    def doc(self) -> str:
        how = "no less" if self.reach else "no more"
        return (
            f"{self.paid} + {self.due} is {how} than {self.total}, but for rounding, where "
            f"{self.due} is not 0 and {self.status} is not {alternatives(self.settled)}"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.status, self.paid, self.due, self.total, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        due, total = columns[self.due], columns[self.total]
        zero = pa.scalar(0, due.type)
        # Where it is not said what was paid, what is due is too much by itself, or nothing is.
        paid = columns[self.paid] if self.reach else pc.fill_null(columns[self.paid], zero)
        over = pc.subtract(pc.add(paid, due), total)
        # A credit note's amounts are negative: more of it is less.
        over = pc.if_else(pc.less(total, zero), pc.negate(over), over)
        over = pc.negate(over) if self.reach else over
        off = true_where(pc.greater(over, cents())) & true_where(pc.not_equal(due, zero))
        if not off.any():
            return off
        off &= true_where(pc.greater(over, allowed(columns[self.currency])))
        return off & ~true_where(is_one_of(columns[self.status], self.settled))


@dataclass(frozen=True)
class AmountBy(Declared):
    """Where ``status`` is one of ``values``, an amount is nothing (or, for ``some``, something).

    Attributes:
        of: another amount: rows in which it is 0 are not judged.
    """

    code: str
    status: str
    values: tuple[str, ...]
    amount: str
    some: bool = False
    of: str = ""

    @property
    def name(self) -> str:
        return self.code

    @property
    def doc(self) -> str:
        of = f" and {self.of} is not 0" if self.of else ""
        return (
            f"where {self.status} is {alternatives(self.values)}{of}, {self.amount} is "
            f"{'not 0' if self.some else '0'}"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.status, self.amount, *([self.of] if self.of else []))

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        amount = columns[self.amount]
        zero = pa.scalar(0, amount.type)
        spare = cents() if pa.types.is_decimal(amount.type) else zero
        # Overpaid, what is due may stand in the customer's favour.
        wrong = pc.equal(amount, zero) if self.some else pc.greater(amount, spare)
        if self.of:
            of = columns[self.of]
            wrong = pc.and_(wrong, pc.not_equal(of, pa.scalar(0, of.type)))
        return true_where(pc.and_(is_one_of(columns[self.status], self.values), wrong))


@dataclass(frozen=True)
class LineAddsUp(Declared):
    """A line's amount is its quantity times its price, less its discount or not; a price with the
    tax in it makes the amount and its tax."""

    quantity: str = "quantity"
    price: str = "unit_price"
    discount: str = "discount"
    tax: str = "tax"
    amount: str = "amount"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"{self.amount}_adds_up"

    @property
    def doc(self) -> str:
        return (
            f"{self.amount} (or {self.amount} + {self.tax}, where prices have the tax in them) is "
            f"{self.quantity} * {self.price}, less {self.discount} or not, but for rounding: of "
            "the amount to 0.015 (or half a unit of currencies that round to whole ones), of the "
            "price to cents, and of a quantity that is no whole number to hundredths"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.quantity, self.price, self.discount, self.tax, self.amount, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        quantity, price = columns[self.quantity], columns[self.price]
        amount = columns[self.amount]
        # Nearly all lines are right to the cent, and floats are enough to see that: what they
        # cannot tell apart is far less than the rounding that is allowed.
        suspects = np.flatnonzero(true_where(_far_apart(quantity, price, amount)))
        off = np.zeros(len(amount), dtype=bool)
        if suspects.size == 0:
            return off
        rows = pa.array(suspects)
        off[suspects] = self._off({f: columns[f].take(rows) for f in self.fields})
        return off

    def _off(self, columns: Columns) -> np.ndarray:
        quantity, price = exact(columns[self.quantity]), exact(columns[self.price])
        amount = exact(columns[self.amount])
        made = pc.multiply(quantity, price)
        zero, half_a_cent = pa.scalar(0, price.type), pa.scalar("0.005").cast(price.type)
        is_whole = pc.equal(quantity, pc.round(quantity))
        spare = pc.add(
            exact(allowed(columns[self.currency])),
            pc.add(
                pc.multiply(pc.abs(quantity), half_a_cent),
                pc.multiply(pc.abs(price), pc.if_else(is_whole, zero, half_a_cent)),
            ),
        )
        off = np.ones(len(amount), dtype=bool)
        discount = pc.abs(exact(columns[self.discount]))
        for taxed in (zero, exact(columns[self.tax])):
            rest = pc.abs(pc.subtract(made, pc.add(amount, taxed)))
            off &= ~true_where(pc.less_equal(rest, spare))
            off &= ~true_where(pc.less_equal(pc.abs(pc.subtract(rest, discount)), spare))
        return off


def _far_apart(quantity: pa.Array, price: pa.Array, amount: pa.Array) -> pa.Array:
    made = pc.multiply(quantity.cast(pa.float64()), price.cast(pa.float64()))
    apart = pc.abs(pc.subtract(made, amount.cast(pa.float64())))
    return pc.greater(apart, pc.add(0.012, pc.multiply(1e-12, pc.abs(made))))


@dataclass(frozen=True)
class TaxAddsUp(Declared):
    """A line's tax is its rate of its amount, or of what the amount is without it, or nothing."""

    rate: str = "tax_rate"
    tax: str = "tax"
    amount: str = "amount"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"{self.tax}_adds_up"

    @property
    def doc(self) -> str:
        return (
            f"{self.tax} is {self.rate} of {self.amount} (or the tax that is in it), or 0, but "
            "for rounding (0.015, or half a unit of currencies that round to whole ones)"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.rate, self.tax, self.amount, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        rate, tax, amount = columns[self.rate], columns[self.tax], columns[self.amount]
        suspects = np.flatnonzero(true_where(_far_apart(rate, amount, tax)))
        off = np.zeros(len(tax), dtype=bool)
        if suspects.size == 0:
            return off
        rows = pa.array(suspects)
        share, of, said = (exact(c.take(rows)) for c in (rate, amount, tax))
        spare = allowed(columns[self.currency].take(rows))
        wrong = true_where(pc.not_equal(said, pa.scalar(0, said.type)))
        # Where it is in the amount: tax = (amount - tax) * rate.
        for base in (of, pc.subtract(of, said)):
            right = pc.multiply(share, base)
            wrong &= ~true_where(pc.less_equal(pc.abs(pc.subtract(said, right)), spare))
        off[suspects] = wrong
        return off


@dataclass(frozen=True)
class NotBothZero(Declared):
    """Two numbers are not both 0."""

    first: str
    second: str

    @property
    def name(self) -> str:
        return f"{self.first}_and_{self.second}_not_zero"

    @property
    def doc(self) -> str:
        return f"{self.first} and {self.second} are not both 0"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        first, second = columns[self.first], columns[self.second]
        zero = pa.scalar(0, first.type)
        return true_where(pc.and_(pc.equal(first, zero), pc.equal(second, zero)))


@dataclass(frozen=True)
class NotZero(Declared):
    """An amount is not 0."""

    amount: str

    @property
    def name(self) -> str:
        return f"{self.amount}_is_not_zero"

    @property
    def doc(self) -> str:
        return f"{self.amount} is not 0"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.amount,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        amount = columns[self.amount]
        return true_where(pc.equal(amount, pa.scalar(0, amount.type)))


@dataclass(frozen=True)
class SameSign(Declared):
    """Of two amounts one is not negative where the other is positive, nor the other way round."""

    first: str
    second: str

    @property
    def name(self) -> str:
        return f"{self.first}_has_sign_of_{self.second}"

    @property
    def doc(self) -> str:
        return f"{self.first} and {self.second} are not of opposite signs"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        first, second = pc.sign(columns[self.first]), pc.sign(columns[self.second])
        return true_where(pc.equal(pc.multiply(first, second), -1))


@dataclass(frozen=True)
class Plausible(Declared):
    """A number lies between two others, or is 0: what lies outside was mostly meant in another
    unit."""

    field: str
    least: int
    most: int
    unit: str

    @property
    def name(self) -> str:
        return f"{self.field}_is_plausible"

    @property
    def doc(self) -> str:
        return f"{self.field} is 0, or from {self.least:,} to {self.most:,} {self.unit}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        number = columns[self.field]
        low, high, zero = (pa.scalar(n, number.type) for n in (self.least, self.most, 0))
        outside = pc.or_(pc.less(number, low), pc.greater(number, high))
        return true_where(pc.and_(outside, pc.not_equal(number, zero)))
