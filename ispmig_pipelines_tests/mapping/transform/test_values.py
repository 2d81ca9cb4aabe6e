"""Steps on values: exact, and the same as the arithmetic of decimals and of calendars."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.mapping.evidence import Settled
from ispmig_pipelines.mapping.transform import exact
from ispmig_pipelines.mapping.transform.value_steps import reciprocal
from ispmig_pipelines_tests.mapping.transform.steps import outcome, plan

EXACT = Context(prec=300)
WIDE = pa.decimal128(38, 12)
MODES = {
    "half_up": "ROUND_HALF_UP",
    "half_even": "ROUND_HALF_EVEN",
    "down": "ROUND_DOWN",
    "up": "ROUND_UP",
    "floor": "ROUND_FLOOR",
    "ceiling": "ROUND_CEILING",
}
numbers = st.decimals(
    min_value=Decimal("-1e26") + 1, max_value=Decimal("1e26") - 1, places=12
) | st.decimals(min_value=-10_000, max_value=10_000, places=4)


def column(values: list[Decimal]) -> exact.Numbers:
    return exact.from_arrow(pa.array(values, WIDE))


def decimals(result: exact.Numbers) -> list[Decimal]:
    return [Decimal(int(unit)).scaleb(-result.scale, EXACT) for unit in result.units]


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20))
def test_sums_and_products_are_those_of_decimals(pairs: list[tuple[Decimal, Decimal]]) -> None:
    a, b = column([x for x, _ in pairs]), column([y for _, y in pairs])
    assert decimals(exact.add(a, b)) == [EXACT.add(x, y) for x, y in pairs]
    assert decimals(exact.multiply(a, b)) == [EXACT.multiply(x, y) for x, y in pairs]
    assert decimals(exact.negate(a)) == [EXACT.minus(x) for x, _ in pairs]
    assert decimals(exact.absolute(a)) == [EXACT.abs(x) for x, _ in pairs]


@given(
    st.lists(st.tuples(numbers, numbers.filter(bool)), min_size=1, max_size=20),
    st.integers(0, 12),
    st.sampled_from(sorted(MODES)),
)
def test_quotients_and_rounding_are_those_of_decimals(
    pairs: list[tuple[Decimal, Decimal]], places: int, mode: str
) -> None:
    a, b = column([x for x, _ in pairs]), column([y for _, y in pairs])
    unit = Decimal(1).scaleb(-places)
    context = Context(prec=300, rounding=MODES[mode])
    assert decimals(exact.round_to(a, places, mode)) == [
        x.quantize(unit, context=context) for x, _ in pairs
    ]
    # A hundred digits more than are asked for cannot end in a half that is none.
    wanted = [
        Context(prec=500, rounding="ROUND_HALF_EVEN").divide(x, y).quantize(unit, context=context)
        for x, y in pairs
    ]
    assert decimals(exact.divide(a, b, places, mode)) == wanted


@given(st.lists(numbers | st.none(), max_size=20), st.integers(0, 5))
def test_what_goes_to_arrow_and_back_is_the_same_or_refused(
    values: list[Decimal | None], skipped: int
) -> None:
    whole = pa.array(values, WIDE).slice(skipped)
    valid = whole.is_valid().to_numpy(zero_copy_only=False)
    made, unfit = exact.to_arrow(exact.from_arrow(whole), valid, WIDE)
    assert made.to_pylist() == whole.to_pylist()
    assert not unfit.any()
    money = pa.decimal128(19, 4)
    made, unfit = exact.to_arrow(exact.from_arrow(whole), valid, money)
    for value, got, refused in zip(whole.to_pylist(), made.to_pylist(), unfit, strict=True):
        fits = value is not None and abs(value) < 10**15 and value == round(value, 4)
        assert got == (value if fits else None)
        assert refused == (value is not None and not fits)


rates = st.decimals(min_value=0, max_value=1, places=4)
amounts = st.decimals(min_value=-1_000_000, max_value=1_000_000, places=2)


@given(st.lists(amounts, min_size=1), rates)
def test_net_and_tax_always_add_up_to_gross(cents: list[Decimal], rate: Decimal) -> None:
    cells: list[str | None] = [str(c) for c in cents]

    def part(source: str, target: str) -> list[Any]:
        step = {"tax": {"rate": str(rate), "from": source, "to": target}}
        return outcome(plan("invoice", "total", transform=step), A=cells)

    for net, tax, gross in zip(part("gross", "net"), part("gross", "tax"), cents, strict=True):
        assert net + tax == gross
        assert tax == (gross * rate / (1 + rate)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    for net, tax, gross in zip(cents, part("net", "tax"), part("net", "gross"), strict=True):
        assert net + tax == gross
        assert tax == (net * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_from_a_tax_its_amounts_are_found() -> None:
    step = {"tax": {"rate": "0.19", "from": "tax", "to": "net"}}
    assert outcome(plan("invoice", "total", transform=step), A=["19.00"]) == [Decimal(100)]
    step = {"tax": {"rate": "0.19", "from": "tax", "to": "gross"}}
    assert outcome(plan("invoice", "total", transform=step), A=["19.00"]) == [Decimal(119)]
    by_column = {"tax": {"rate": {"column": "B"}, "from": "tax", "to": "net"}}
    assert outcome(plan("invoice", "total", transform=by_column), A=["19"], B=["0"]) == [
        "value.operand"
    ]


@pytest.mark.parametrize(
    ("number", "other"),
    [("100", "0.01"), ("8", "0.125"), ("0.25", "4"), ("3", None), ("7", None), ("1e-3", "1000"),
     ("-4", "-0.25"), ("1000000", "0.000001")],
)  # fmt: skip
def test_some_divisions_always_come_out_even(number: str, other: str | None) -> None:
    found = reciprocal(Decimal(number))
    assert found == (None if other is None else Decimal(other))


def test_what_does_not_fit_the_field_is_refused_and_never_rounded() -> None:
    product = plan("plan", "price", transform={"multiply": "1.00001"})
    assert outcome(product, A=["100", "1.1", "100000000000000"]) == [
        Decimal("100.0010"), "value.precision", Decimal("100001000000000.0000"),
    ]  # fmt: skip
    large = plan("plan", "price", transform={"multiply": "1000000"})
    assert outcome(large, A=["1000000000000", "5"]) == ["value.precision", Decimal(5_000_000)]
    days = plan("customer", "due_days", transform={"divide": "2"})
    assert outcome(days, A=["28", "7"]) == [14, "value.precision"]


def test_a_number_that_was_refused_is_not_refused_twice_and_has_no_default() -> None:
    step = plan("plan", "price", transform={"add": {"column": "B"}}, default="1")
    assert outcome(step, A=["x", None, "2"], B=[None, None, "3"]) == ["value.type", 1, 5]


def test_operands_are_written_like_the_field_and_settled_with_it() -> None:
    step = plan("plan", "price", transform={"add": {"column": "B"}}, decimal_mark=",")
    assert outcome(step, A=["1.234"], B=["1.000,5"]) == [Decimal("2234.5")]
    step = plan("plan", "price", transform={"add": {"column": "B"}})
    assert outcome(step, A=["1.50"], B=["1.234"]) == ["value.operand"]
    assert step.columns == ("A", "B")

    settled = step.with_settled(Settled(decimal_mark=",", thousands_mark="."))
    assert outcome(settled, A=["1,5"], B=["1.234"]) == [Decimal("1235.5")]


def test_speeds_and_looked_up_values_are_computed_with() -> None:
    doubled = plan("plan", "download_kbps", transform={"multiply": "2"}, unit="Mbit/s")
    assert outcome(doubled, A=["10", "512k"]) == [20_000, 1024]
    looked_up = plan(
        "plan", "price", transform={"tax": {"rate": "0.2", "from": "net", "to": "gross"}},
        lookup={"A": "10", "B": "20.50"}, otherwise={"value": "5"},
    )  # fmt: skip
    assert outcome(looked_up, A=["A", "B", "C", None]) == [12, Decimal("24.6"), 6, None]


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(-500, 500), st.integers(-99, 99))
def test_months_end_where_the_calendar_says(day: date, months: int, days: int) -> None:
    at = day.year * 12 + day.month - 1 + months
    year, month = divmod(at, 12)
    clamped = min(day.day, calendar.monthrange(year, month + 1)[1])
    wanted = date(year, month + 1, clamped) + timedelta(days)
    step = plan("invoice", "due_date", transform={"shift": {"months": months, "days": days or 1}})
    assert outcome(step, A=[day.isoformat()]) == [wanted + timedelta(0 if days else 1)]


def test_a_date_beyond_the_calendar_is_refused() -> None:
    step = plan("invoice", "due_date", transform={"shift": {"years": 1000}})
    assert outcome(step, A=["9500-01-01", "2024-02-29", None]) == [
        "value.operand", date(3024, 2, 29), None,
    ]  # fmt: skip


def test_days_of_a_time_are_those_of_its_zone_and_hours_are_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    cell = "2024-03-30 12:00:00"
    day = plan("payment", "paid_at", timezone="Europe/Berlin", transform={"shift": {"days": 1}})
    hours = plan("payment", "paid_at", timezone="Europe/Berlin", transform={"shift": {"hours": 24}})
    assert outcome(day, A=[cell]) == [datetime(2024, 3, 31, 12, tzinfo=berlin)]
    assert outcome(hours, A=[cell]) == [datetime(2024, 3, 31, 13, tzinfo=berlin)]
    first = plan(
        "payment", "paid_at", timezone="Europe/Berlin", transform={"snap": "first_of_month"}
    )
    # In UTC this is still February.
    assert outcome(first, A=["2024-03-01 00:30:00"]) == [datetime(2024, 2, 29, 23, tzinfo=UTC)]


def test_columns_of_numbers_stay_short_as_long_as_they_can() -> None:
    small = exact.from_arrow(pa.array([Decimal("12.50"), None], WIDE))
    assert small.units.dtype == np.int64
    assert small.scale == 1
    large = exact.from_arrow(pa.array([Decimal(10**25)], WIDE))
    assert decimals(large) == [Decimal(10**25)]
