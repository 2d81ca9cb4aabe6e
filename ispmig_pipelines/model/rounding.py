"""How far amounts that should add up may be apart, since each of them was rounded."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.model.field_info import MONEY

CENTS = Decimal("0.015")
"""Two summands and their sum, each rounded to cents, are at most this far apart: a cent, on the
grid of cents."""

WHOLE = (
    "BIF", "CLP", "COP", "CRC", "CZK", "DJF", "DKK", "GNF", "IDR", "INR", "ISK", "JPY", "KES",
    "KMF", "KRW", "LAK", "LKR", "MGA", "MMK", "NOK", "NPR", "PHP", "PKR", "PYG", "RSD", "RUB",
    "RWF", "SEK", "TWD", "TZS", "UAH", "UGX", "UZS", "VND", "VUV", "XAF", "XOF", "XPF",
)  # fmt: skip
"""Currencies (ISO 4217) without a minor unit, or in which totals are commonly rounded to whole
units."""

_HALF = {**dict.fromkeys(WHOLE, Decimal("0.5")), "HUF": Decimal("2.5"), "CHF": Decimal("0.025")}
"""Half the step to which totals are rounded; forints go in fives, francs in five cents."""


def exact(values: pa.Array) -> pa.Array:
    """Amounts, quantities or rates as decimals that can be multiplied exactly. (Amounts can be
    added as they are; this costs a hundred times as much.)"""
    return values.cast(pa.decimal256(30, 10))


def cents() -> pa.Scalar:
    """What is allowed in any currency."""
    return pa.scalar(CENTS, MONEY)


def allowed(currency: pa.Array) -> pa.Array:
    """What is allowed in each row, by its currency: :data:`CENTS`, or half a step and that."""
    codes = pa.array(list(_HALF), currency.type)
    of_code = pa.array([*(CENTS + half for half in _HALF.values()), CENTS], MONEY)
    return of_code.take(pc.fill_null(pc.index_in(currency, value_set=codes), len(codes)))
