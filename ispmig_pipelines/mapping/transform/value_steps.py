"""Steps on canonical values: arithmetic, tax, and moving dates.

Numbers are read with more decimals than their field keeps, computed with exactly, and must fit
the field when all steps are done; see :mod:`ispmig_pipelines.mapping.transform.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.convert import Converted, Converter
from ispmig_pipelines.mapping.convert.data_volume import data_volume_converter
from ispmig_pipelines.mapping.convert.number import (
    coordinate_converter,
    credit_of,
    decimal_converter,
    held,
    rate_converter,
)
from ispmig_pipelines.mapping.convert.values import Refusal
from ispmig_pipelines.mapping.spec_words import Part
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.mapping.transform import exact
from ispmig_pipelines.mapping.transform.exact import Numbers
from ispmig_pipelines.mapping.transform.models import (
    Add,
    ColumnOperand,
    ColumnShare,
    Divide,
    Multiply,
    Round,
    RoundOptions,
    Shift,
    ShiftOptions,
    Snap,
    Subtract,
    Tax,
    TaxOptions,
)
from ispmig_pipelines.mapping.transform.operand import WIDE, OperandReader
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

NUMERIC = (
    FieldType.MONEY, FieldType.QUANTITY, FieldType.RATE, FieldType.COORDINATE,
    FieldType.INTEGER, FieldType.DATA_RATE,
)  # fmt: skip
"""Types of field that can be computed with."""

DATES = (FieldType.DATE, FieldType.TIMESTAMP)
"""Types of field that can be moved in time."""


def is_numeric(info: FieldInfo) -> bool:
    """Whether the field can be computed with."""
    return info.type in NUMERIC


def wide_converter(
    info: FieldInfo, style: Style, usual: Callable[[FieldInfo, Style], Converter]
) -> Converter:
    """The conversion of text to numbers with more decimals than the field keeps."""
    match info.type:
        case FieldType.MONEY:
            return decimal_converter(
                WIDE, style, "an amount such as 1234.50", grouping=True, credit=credit_of(info)
            )
        case FieldType.QUANTITY if info.unit == "GB":
            return data_volume_converter(WIDE, style)
        case FieldType.QUANTITY:
            return decimal_converter(WIDE, style, "a number such as 12.5", grouping=True)
        case FieldType.INTEGER:
            return decimal_converter(WIDE, style, "a number such as 12", grouping=True)
        case FieldType.RATE:
            return rate_converter(WIDE, style)
        case FieldType.COORDINATE:
            return coordinate_converter(WIDE, style)
    narrow = usual(info, style)

    def convert(text: pa.StringArray) -> Converted:
        made = narrow(text)
        return replace(made, values=made.values.cast(WIDE))

    return convert


def as_wide(values: pa.Array) -> pa.Array:
    """Canonical numbers, such as a lookup's, as the arithmetic takes them."""
    return values.cast(WIDE)


# --- numbers ---------------------------------------------------------------------------------


@dataclass
class _Work:
    """What is being worked out: the numbers, which rows still are, and what was refused."""

    numbers: Numbers
    valid: np.ndarray
    refusals: list[Refusal]
    operands: dict[Any, OperandReader]
    cells: SourceCells

    def refuse(self, where: np.ndarray, accepted: str) -> None:
        """These rows cannot be computed."""
        where = where & self.valid
        if where.any():
            self.refusals.append(Refusal("value.operand", where, accepted))
            self.valid = self.valid & ~where

    def operand(self, said: Decimal | ColumnOperand | ColumnShare) -> Numbers:
        """A number per row; rows without one are refused."""
        if isinstance(said, Decimal):
            return exact.constant(said, len(self.numbers))
        reader = self.operands[said]
        values, missing = reader.read(self.cells)
        self.refuse(missing, reader.accepted)
        return exact.from_arrow(values)


def worked_out(
    converted: Converted,
    steps: Sequence[str | Part],
    operands: Sequence[OperandReader],
    cells: SourceCells,
    info: FieldInfo,
) -> Converted:
    """What the steps make of numbers, as values of the field."""
    work = _Work(
        numbers=exact.from_arrow(converted.values),
        valid=converted.values.is_valid().to_numpy(zero_copy_only=False),
        refusals=[],
        operands={operand.said: operand for operand in operands},
        cells=cells,
    )
    position = 0
    while position < len(steps):
        step = steps[position]
        after = steps[position + 1] if position + 1 < len(steps) else None
        if isinstance(step, Divide):
            rounding = after.options if isinstance(after, Round) else None
            work.numbers = _quotient(work, step, rounding)
            position += 2 if rounding else 1
            continue
        work.numbers = _computed(work, step)
        position += 1
    values, unfit = exact.to_arrow(work.numbers, work.valid, info.arrow_type)
    if unfit.any():
        accepted = (
            held(info.arrow_type)
            if pa.types.is_decimal(info.arrow_type)
            else "a whole number of at most 18 digits"
        )
        work.refusals.append(Refusal("value.precision", unfit, f"{accepted}; a step may round it"))
    return replace(converted, values=values, refusals=converted.refusals + tuple(work.refusals))


def _computed(work: _Work, step: str | Part) -> Numbers:
    numbers = work.numbers
    match step:
        case "negate":
            return exact.negate(numbers)
        case "absolute":
            return exact.absolute(numbers)
        case Add(add=by):
            return exact.add(numbers, work.operand(by))
        case Subtract(subtract=by):
            return exact.add(numbers, exact.negate(work.operand(by)))
        case Multiply(multiply=by):
            return exact.multiply(numbers, work.operand(by))
        case Round():
            return exact.round_to(numbers, step.options.decimals, step.options.mode)
        case Tax(tax=options):
            return _taxed(work, options)
    raise TypeError(f"{step} is no step on numbers")


def _quotient(work: _Work, step: Divide, rounding: RoundOptions | None) -> Numbers:
    if isinstance(step.divide, Decimal) and rounding is None:
        factor = reciprocal(step.divide)
        if factor is None:
            raise ValueError("a division that may not come out even must be rounded")
        return exact.multiply(work.numbers, exact.constant(factor, len(work.numbers)))
    by = work.operand(step.divide)
    zero = np.asarray(by.units == 0, dtype=bool)
    if isinstance(step.divide, ColumnOperand):
        work.refuse(zero, f"column {work.operands[step.divide].column} must not be 0")
    if rounding is None:
        raise ValueError("a division by a column must be rounded")
    return exact.divide(work.numbers, _not_zero(by, zero), rounding.decimals, rounding.mode)


def _not_zero(by: Numbers, zero: np.ndarray) -> Numbers:
    """Rows whose divisor is 0 are refused already: any other number does."""
    return replace(by, units=np.where(zero, 1, by.units)) if zero.any() else by


def reciprocal(number: Decimal) -> Decimal | None:
    """``1 / number`` where that has an end, within twelve decimals: of 100, 8 or 0.25."""
    sign, digits, exponent = number.as_tuple()
    units, scale = int("".join(map(str, digits))), -int(exponent)
    if not units:
        return None
    whole, rest = divmod(10 ** (scale + 12), units) if scale > -12 else (0, 1)
    if rest:
        return None
    return Decimal((sign, tuple(int(d) for d in str(whole)), -12))


def _taxed(work: _Work, options: TaxOptions) -> Numbers:
    """One of net, tax and gross from another. The tax is what is rounded; what it leaves of a
    gross amount is the net one, so that net and tax always add up to gross."""
    amount = work.numbers
    rate = work.operand(options.rate)
    one = exact.constant(Decimal(1), len(amount))

    def over(under: Numbers, dividend: Numbers) -> Numbers:
        zero = np.asarray(under.units == 0, dtype=bool)
        work.refuse(zero, "nothing can be computed from a tax of 0 %")
        return exact.divide(dividend, _not_zero(under, zero), options.decimals, options.mode)

    def tax_on(net: Numbers) -> Numbers:
        return exact.round_to(exact.multiply(net, rate), options.decimals, options.mode)

    match options.source:
        case "gross":
            tax = over(exact.add(one, rate), exact.multiply(amount, rate))
            return tax if options.target == "tax" else exact.add(amount, exact.negate(tax))
        case "net":
            tax = tax_on(amount)
            return tax if options.target == "tax" else exact.add(amount, tax)
        case _:
            net = over(rate, amount)
            return net if options.target == "net" else exact.add(net, amount)


# --- dates and times -------------------------------------------------------------------------

_FIRST, _LAST = np.datetime64("0001-01-01", "D"), np.datetime64("9999-12-31", "D")


def moved(converted: Converted, steps: Sequence[str | Part], timezone: str) -> Converted:
    """What the steps make of dates or times.

    Days, months and years of a time are those of ``timezone`` (IANA name; UTC if ""); hours are
    hours.
    """
    values = converted.values
    refusals = list(converted.refusals)
    for step in steps:
        if pa.types.is_timestamp(values.type):
            values, outside = _time_moved(values, step, timezone or "UTC")
        else:
            values, outside = _date_moved(values, step)
        if outside.any():
            refusals.append(
                Refusal("value.operand", outside, "the date must lie in the years 1 to 9999")
            )
    return replace(converted, values=values, refusals=tuple(refusals))


def _calendar(days: np.ndarray, step: str | Part) -> np.ndarray:
    """Days (datetime64[D]) after a step of whole days, months and years."""
    months = days.astype("datetime64[M]")
    match step:
        case Snap(snap="first_of_month"):
            return months.astype("datetime64[D]")
        case Snap():
            return _last_of(months)
        case Shift(shift=by):
            target = months + np.timedelta64(12 * by.years + by.months, "M")
            in_month = days - months.astype("datetime64[D]")
            clamped = np.minimum(target.astype("datetime64[D]") + in_month, _last_of(target))
            return clamped + np.timedelta64(by.days, "D")
    raise TypeError(f"{step} is no step on dates")


def _last_of(months: np.ndarray) -> np.ndarray:
    return (months + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")


def _date_moved(values: pa.Array, step: str | Part) -> tuple[pa.Array, np.ndarray]:
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    numbers = pc.fill_null(values.cast(pa.int32()), 0).to_numpy(zero_copy_only=False)
    days = _calendar(numbers.astype("datetime64[D]"), step)
    outside = valid & ((days < _FIRST) | (days > _LAST))
    kept = np.where(outside, np.datetime64(0, "D"), days).astype(np.int64).astype(np.int32)
    return pa.array(kept, pa.int32(), mask=~valid | outside).cast(pa.date32()), outside


def _time_moved(values: pa.Array, step: str | Part, timezone: str) -> tuple[pa.Array, np.ndarray]:
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    hours = step.shift.hours if isinstance(step, Shift) else 0
    calendar = step
    if isinstance(step, Shift):
        rest = ShiftOptions.model_construct(
            years=step.shift.years, months=step.shift.months, days=step.shift.days, hours=0
        )
        calendar = Shift.model_construct(shift=rest)
    local = pc.local_timestamp(values.cast(pa.timestamp("us", tz=timezone)))
    micros = pc.fill_null(local.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    stamps = micros.astype("datetime64[us]")
    days = stamps.astype("datetime64[D]")
    of_day = stamps - days.astype("datetime64[us]")
    target = _calendar(days, calendar)
    if isinstance(step, Snap):
        of_day = np.zeros_like(of_day)
    edge = np.timedelta64(abs(hours) // 24 + 2, "D")
    outside = valid & ((target < _FIRST + edge) | (target > _LAST - edge))
    target = np.where(outside, np.datetime64(0, "D"), target)
    moved_stamps = (target.astype("datetime64[us]") + of_day).astype(np.int64)
    naive = pa.array(moved_stamps, pa.int64(), mask=~valid | outside).cast(pa.timestamp("us"))
    there = pc.assume_timezone(naive, timezone, ambiguous="earliest", nonexistent="latest")
    if hours:
        there = pc.add(there, pa.scalar(hours * 3_600_000_000, pa.duration("us")))
    return there.cast(values.type), outside
