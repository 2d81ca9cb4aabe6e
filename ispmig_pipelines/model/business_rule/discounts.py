"""Rules of what is taken off prices."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.model.business_rule.rule import Columns, Declared, true_where
from ispmig_pipelines.model.rounding import CENTS, allowed, exact


@dataclass(frozen=True)
class OneDiscount(Declared):
    """Where a discount stands both as an amount and as a share of the price, both say the same."""

    amount: str = "discount_amount"
    rate: str = "discount_rate"
    price: str = "price"
    currency: str = "currency"

    @property
    def name(self) -> str:
        return f"{self.amount}_is_{self.rate}"

    @property
    def doc(self) -> str:
        return (
            f"where {self.amount}, {self.rate} and {self.price} are not 0, {self.amount} is "
            f"{self.rate} * {self.price}, but for rounding (0.015, or half a unit of currencies "
            "that round to whole ones)"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.amount, self.rate, self.price, self.currency)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        off = np.ones(len(columns[self.amount]), dtype=bool)
        for name in (self.amount, self.rate, self.price):
            off &= true_where(pc.not_equal(columns[name], pa.scalar(0, columns[name].type)))
        rows = np.flatnonzero(off)
        if rows.size == 0:
            return off
        of = {name: columns[name].take(pa.array(rows)) for name in self.fields}
        share = pc.multiply(exact(of[self.rate]), exact(of[self.price]))
        rest = pc.abs(pc.subtract(pc.abs(exact(of[self.amount])), pc.abs(share)))
        off[rows] = true_where(pc.greater(rest, exact(allowed(of[self.currency]))))
        return off


@dataclass(frozen=True)
class LineDiscount(Declared):
    """What is taken off a line is no more than its quantity times its price."""

    discount: str = "discount"
    quantity: str = "quantity"
    price: str = "unit_price"

    @property
    def name(self) -> str:
        return f"{self.discount}_within_{self.price}"

    @property
    def doc(self) -> str:
        return (
            f"{self.discount} is no more than {self.quantity} * {self.price}, where that is not 0"
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.discount, self.quantity, self.price)

    def broken(self, columns: Columns, today: dt.date) -> np.ndarray:
        # Floats are enough: what they cannot tell apart is far less than what is allowed.
        discount, quantity, price = (columns[name].cast(pa.float64()) for name in self.fields)
        made = pc.abs(pc.multiply(quantity, price))
        more = pc.greater(pc.abs(discount), pc.add(made, float(CENTS)))
        return true_where(pc.and_(more, pc.greater(made, 0.0)))
