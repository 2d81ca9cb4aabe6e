"""Exact arithmetic on columns: whole numbers of a unit, and how many decimals the unit has.

Columns stay 64-bit integers as long as every number fits; where one would not, that column goes
on in Python's unbounded integers. Nothing is a float, and only what is asked to be rounded is.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SAFE = 2**62
"""Below this two numbers can be added in 64 bits."""
_WORD = 2**64


@dataclass(frozen=True)
class Numbers:
    """A column of exact numbers; nothing is 0 (who needs to know keeps a mask).

    Attributes:
        units: int64, or objects that are Python integers.
        scale: decimals: a unit is ten to the power of minus this.
    """

    units: np.ndarray
    scale: int

    def __len__(self) -> int:
        return len(self.units)


def _bound(units: np.ndarray) -> int:
    return max(abs(int(units.max())), abs(int(units.min()))) if len(units) else 0


def _wide(units: np.ndarray) -> np.ndarray:
    return units if units.dtype == object else units.astype(object)


def constant(number: Decimal, size: int) -> Numbers:
    """One number for every row."""
    sign, digits, exponent = number.as_tuple()
    units = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
    exponent = int(exponent)
    if exponent > 0:
        units, exponent = units * 10**exponent, 0
    fits = abs(units) < _SAFE
    return Numbers(np.full(size, units, dtype=np.int64 if fits else object), -exponent)


def from_arrow(values: pa.Array) -> Numbers:
    """A column of decimals or integers; null becomes 0."""
    if pa.types.is_integer(values.type):
        return Numbers(pc.fill_null(values, 0).to_numpy(zero_copy_only=False).astype(np.int64), 0)
    filled = pc.fill_null(values, pa.scalar(Decimal(0), values.type))
    pairs = np.frombuffer(filled.buffers()[1], dtype=np.int64)
    pairs = pairs.reshape(-1, 2)[filled.offset : filled.offset + len(filled)]
    low, high = pairs[:, 0], pairs[:, 1]
    if bool((high == (low >> 63)).all()):
        return _shortened(Numbers(low.copy(), values.type.scale))
    whole = high.astype(object) * _WORD + low.astype(np.uint64).astype(object)
    return _shortened(Numbers(whole, values.type.scale))


def _shortened(numbers: Numbers) -> Numbers:
    """The same numbers with no more decimals than they need, so that they stay short."""
    units, scale = numbers.units, numbers.scale
    for places in (8, 4, 2, 1, 1):
        if scale >= places and not (units % 10**places != 0).any():
            units, scale = units // 10**places, scale - places
    return Numbers(units, scale)


def _scaled(numbers: Numbers, scale: int) -> np.ndarray:
    return _times(numbers.units, 10 ** (scale - numbers.scale))


def _times(units: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return units
    if units.dtype != object and _bound(units) * abs(factor) >= _SAFE:
        units = _wide(units)
    return units * factor


def add(a: Numbers, b: Numbers) -> Numbers:
    scale = max(a.scale, b.scale)
    return Numbers(_summed(_scaled(a, scale), _scaled(b, scale)), scale)


def _summed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype != object and b.dtype != object and _bound(a) + _bound(b) >= _SAFE:
        a = _wide(a)
    return a + b


def negate(a: Numbers) -> Numbers:
    return Numbers(-a.units, a.scale)


def absolute(a: Numbers) -> Numbers:
    return Numbers(np.abs(a.units), a.scale)


def multiply(a: Numbers, b: Numbers) -> Numbers:
    return Numbers(_multiplied(a.units, b.units), a.scale + b.scale)


def _multiplied(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype != object and b.dtype != object and _bound(a) * _bound(b) >= _SAFE:
        a = _wide(a)
    return a * b


def divide(a: Numbers, b: Numbers, decimals: int, mode: str) -> Numbers:
    """``a / b`` rounded; no number of ``b`` is 0."""
    places = decimals + b.scale - a.scale
    over = _times(a.units, 10 ** max(places, 0))
    under = _times(b.units, 10 ** max(-places, 0))
    return Numbers(_divided(over, under, mode), decimals)


def round_to(a: Numbers, decimals: int, mode: str) -> Numbers:
    """Rounded to at most so many decimals."""
    if a.scale <= decimals:
        return a
    under = np.full(len(a), 10 ** (a.scale - decimals), dtype=object)
    if a.scale - decimals <= 18:
        under = under.astype(np.int64)
    return Numbers(_divided(a.units, under, mode), decimals)


def _divided(over: np.ndarray, under: np.ndarray, mode: str) -> np.ndarray:
    """Whole quotients, rounded as the mode says; half_up goes away from zero."""
    if over.dtype == object or under.dtype == object or _bound(under) >= _SAFE:
        over, under = _wide(over), _wide(under)
    sign = np.where(under < 0, -1, 1).astype(under.dtype)
    over, under = over * sign, under * sign
    quotient = over // under
    rest = over - quotient * under
    left: Any = rest > 0
    twice = rest * 2
    match mode:
        case "floor":
            more = np.zeros(len(over), dtype=bool)
        case "ceiling":
            more = left
        case "down":
            more = left & (over < 0)
        case "up":
            more = left & (over > 0)
        case "half_even":
            more = (twice > under) | ((twice == under) & (quotient % 2 != 0))
        case _:
            more = (twice > under) | ((twice == under) & (over > 0))
    return quotient + np.asarray(more, dtype=bool).astype(quotient.dtype)


def to_arrow(
    numbers: Numbers, valid: np.ndarray, type_: pa.DataType
) -> tuple[pa.Array, np.ndarray]:
    """A column of ``type_`` (decimal128 or int64), null where not valid, and a mask of the valid
    numbers that the type cannot hold exactly; they are null, too."""
    decimal = pa.types.is_decimal(type_)
    scale = type_.scale if decimal else 0
    digits = type_.precision if decimal else 18
    units = numbers.units
    inexact = np.zeros(len(units), dtype=bool)
    if numbers.scale > scale:
        unit = 10 ** (numbers.scale - scale)
        if unit >= _SAFE:
            units = _wide(units)
        whole = units // unit
        inexact = np.asarray(whole * unit != units, dtype=bool)
        units = whole
    else:
        units = _times(units, 10 ** (scale - numbers.scale))
    limit = 10**digits
    if units.dtype == object or limit < _SAFE:
        inexact |= np.asarray((units >= limit) | (units <= -limit), dtype=bool)
    unfit = valid & inexact
    kept = valid & ~inexact
    units = np.where(kept, units, 0)
    if not decimal:
        return pa.array(units.astype(np.int64), pa.int64(), mask=~kept), unfit
    pairs = np.empty((len(units), 2), dtype=np.int64)
    if units.dtype == object:
        pairs[:, 0] = (units % _WORD).astype(np.uint64).view(np.int64)
        pairs[:, 1] = (units // _WORD).astype(np.int64)
    else:
        pairs[:, 0] = units
        pairs[:, 1] = units >> 63
    validity = pa.array(kept, pa.bool_()).buffers()[1]
    column = pa.Array.from_buffers(type_, len(units), [validity, pa.py_buffer(pairs)])
    return column, unfit
