"""Numbers are exact, and a number is read only if it can be read in one way."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert import converter
from ispmig_pipelines.mapping.convert.number import fitted, read_amount, readings
from ispmig_pipelines.mapping.convert.values import Refused
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import MONEY as MONEY_TYPE
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines_tests.mapping.columns import converted, info, one

MONEY = FieldType.MONEY


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("12.50", "12.50"),
        ("-7", "-7"),
        ("+7", "7"),
        ("0.125", "0.125"),
        (".5", "0.5"),
        ("1234.567", "1234.567"),
        ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1.234.567", "1234567"),
        ("99,5", "99.5"),
        ("1 234.5", "1234.5"),
        ("1\u00a0234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("12,34,567.80", "1234567.80"),
        ("$5", "5"),
        ("-$5.00", "-5"),
        ("$-5.00", "-5"),
        ("€ 3", "3"),
        ("12 EUR", "12"),
        ("R$ 1.234,50", "1234.50"),
        ("(12.50)", "-12.50"),
        ("($12.50)", "-12.50"),
        ("$(12.50)", "-12.50"),
        ("12.50-", "-12.50"),
        ("Rp 1.000.000", "1000000"),
        ("Rp. 50.000,00", "50000"),
        ("৳ 500", "500"),
        ("KSh 1,500.50", "1500.50"),
        ("GH₵5", "5"),
        ("100,-", "100"),
        ("1.234,\u2013 €", "1234"),
        ("(100.--)", "-100"),
        ("-5,-", "-5"),
        ("CHF 1'234.\u2013", "1234"),
        ("\u221212.50", "-12.50"),
        ("1.500000", "1.5"),
        ("1.5E-3", "0.0015"),
        ("1.2345E2", "123.45"),
        ("-0.00", "0"),
        ("999999999999999.9999", "999999999999999.9999"),
    ],
)
def test_an_amount_with_one_reading_is_read(cell: str, amount: str) -> None:
    assert one(MONEY, cell) == Decimal(amount)


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("1,234", "value.ambiguous"),
        ("1.234", "value.ambiguous"),
        ("$1,234", "value.ambiguous"),
        ("1.23456", "value.precision"),
        ("1234567890123456", "value.precision"),
        ("1.23E+11", "value.scientific"),
        ("1e3", "value.scientific"),
        ("1e999", "value.scientific"),
        ("abc", "value.type"),
        ("--5", "value.type"),
        ("-(5)", "value.type"),
        ("(5", "value.type"),
        ("1,2,3", "value.type"),
        ("1,234,56", "value.type"),
        ("5 5", "value.type"),
        ("$", "value.type"),
        ("NaN", "value.type"),
        ("inf", "value.type"),
        ("0x10", "value.type"),
        ("1_000", "value.type"),
        ("٣", "value.type"),
        ("9" * 5000, "value.type"),
    ],
)
def test_an_amount_that_is_none_or_has_two_readings_is_refused(cell: str, rule: str) -> None:
    assert one(MONEY, cell) == rule


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("12.50 CR", -1),
        ("12.50CR", -1),
        ("12.50 Cr.", -1),
        ("12.50 (cr)", -1),
        ("$12.50 CR", -1),
        ("12.50 USD CR", -1),
        ("12,50 CR", -1),
        ("+12.50 CR", -1),
        ("12.50 DR", 1),
        ("12.50dr", 1),
        ("-12.50 CR", "value.ambiguous"),
        ("(12.50) DR", "value.ambiguous"),
        ("12.50- CR", "value.ambiguous"),
        ("12.50 CRX", "value.type"),
        ("some CR", "value.type"),
        ("CR", "value.type"),
        ("1,250 CR", "value.ambiguous"),
    ],
)
@pytest.mark.parametrize("reverses_sign", [False, True])
def test_credit_and_debit_say_themselves_what_a_balance_is(
    cell: str, amount: int | str, reverses_sign: bool
) -> None:
    balance = info(MONEY, positive_is="debt")
    expected = Decimal("12.50") * amount if isinstance(amount, int) else amount
    assert one(balance, cell, reverses_sign=reverses_sign) == expected
    if isinstance(expected, Decimal):
        turned = info(MONEY, positive_is="credit")
        assert one(turned, cell, reverses_sign=reverses_sign) == -expected


def test_credit_and_debit_beside_bare_amounts_of_the_column() -> None:
    balance = info(MONEY, positive_is="debt")
    cells = ["5", "5 CR", "5 DR", None, "x"]
    got = converted(balance, cells, reverses_sign=True)
    assert got.values.to_pylist() == [Decimal(-5), Decimal(-5), Decimal(5), None, None]


def test_credit_and_debit_do_not_say_the_sign_of_what_is_no_balance() -> None:
    assert one(MONEY, "12.50 CR") == "value.ambiguous"
    assert one(MONEY, "12.50 DR") == "value.ambiguous"
    assert one(FieldType.QUANTITY, "12.50 CR") == "value.type"


@pytest.mark.parametrize(
    ("cell", "currency"),
    [("R 5.00", None), ("R5.00", None), ("5.00 R", None), ("-R 5.00", None), ("R$ 5.00", "BRL"),
     ("RUB 5", "RUB"), ("5 RON", "RON"), ("ZAR 5", "ZAR"), ("5 ZAR", "ZAR"), ("Euro 5,00", "EUR"),
     ("5,00 Euro", "EUR"), ("5 EURO", "EUR"), ("5.00 euros", "EUR"), ("EUR 5", "EUR")],
)  # fmt: skip
def test_words_and_letters_for_currencies(cell: str, currency: str | None) -> None:
    got = converted(MONEY, [cell])
    assert got.values.to_pylist() == [Decimal(-5 if cell.startswith("-") else 5)]
    assert (got.currency[0].as_py() if got.currency is not None else None) == currency
    assert read_amount(cell, readings(Style()), "")[1] == currency


@pytest.mark.parametrize("cell", ["RX 5", "Router 5", "5 Roubles", "Europe 5", "R", "R5R"])
def test_other_words_are_no_currencies(cell: str) -> None:
    assert one(MONEY, cell) == "value.type"


def test_a_mark_named_by_the_spec_settles_the_reading() -> None:
    assert one(MONEY, "1.234", decimal_mark=",") == Decimal(1234)
    assert one(MONEY, "1.234", decimal_mark=".") == Decimal("1.234")
    assert one(MONEY, "1,234", thousands_mark=",") == Decimal(1234)
    assert one(MONEY, "1 234,5", decimal_mark=",", thousands_mark=" ") == Decimal("1234.5")
    assert one(MONEY, "1.234,5", decimal_mark=",", thousands_mark=" ") == "value.type"
    assert one(MONEY, "99.50", decimal_mark=",") == "value.type"


def test_the_reversed_sign_reverses_every_amount() -> None:
    cells = ["5", "-2.50", "(3)", "0", None]
    assert converted(MONEY, cells, reverses_sign=True).values.to_pylist() == [
        Decimal(-5), Decimal("2.5"), Decimal(3), Decimal(0), None,
    ]  # fmt: skip


def test_a_currency_beside_an_amount_is_told() -> None:
    result = converted(MONEY, ["12 EUR", "5", "$3", "usd 4", None])
    assert result.currency is not None
    assert result.currency.to_pylist() == ["EUR", None, None, "USD", None]


@given(st.decimals(-(10**15) + 1, 10**15 - 1, places=4))
def test_every_amount_of_four_decimals_survives_to_the_last_digit(amount: Decimal) -> None:
    assert one(MONEY, f"{amount:f}") == amount
    assert one(MONEY, f"{amount:,f}") == amount
    swapped = f"{amount:,f}".translate(str.maketrans(",.", ".,"))
    assert one(MONEY, swapped, decimal_mark=",") == amount


@given(st.text("0123456789.,-+ ()$E€'", max_size=12))
def test_with_a_known_mark_a_number_never_has_two_readings(cell: str) -> None:
    for mark in (".", ","):
        assert one(MONEY, cell.strip(), decimal_mark=mark) != "value.ambiguous"


@given(st.text("0123456789.,-", min_size=1, max_size=9))
def test_without_marks_a_number_is_read_as_every_convention_that_can_read_it(cell: str) -> None:
    by_mark = {one(MONEY, cell, decimal_mark=m) for m in (".", ",")}
    readings = {value for value in by_mark if isinstance(value, Decimal)}
    value = one(MONEY, cell)
    if isinstance(value, Decimal):
        assert readings == {value}
    elif value == "value.ambiguous":
        assert len(readings) == 2 or "value.precision" in by_mark


@pytest.mark.parametrize(
    ("cell", "value"),
    [("5", 5), ("007", 7), ("12.0", 12), ("-7", -7), ("1 234", 1234), ("1.5", "value.precision"),
     ("1,234", "value.ambiguous"), ("9223372036854775808", "value.precision"),
     ("1.23E+11", "value.scientific"), ("five", "value.type")],
)  # fmt: skip
def test_whole_numbers(cell: str, value: object) -> None:
    assert one(FieldType.INTEGER, cell) == value


def test_shares_are_of_one_unless_percent_is_said() -> None:
    assert one(FieldType.RATE, "0.19") == Decimal("0.19")
    assert one(FieldType.RATE, "19 %") == Decimal("0.19")
    assert one(FieldType.RATE, "7.7", unit="percent") == Decimal("0.077")
    # A share has no groups of three, so that a comma leaves no doubt.
    assert one(FieldType.RATE, "0,19") == Decimal("0.19")
    assert one(FieldType.RATE, "1.234") == one(FieldType.RATE, "1,234") == Decimal("1.234")
    assert one(FieldType.RATE, "0,19", decimal_mark=",") == Decimal("0.19")


def test_coordinates_with_a_comma_or_a_degree_sign() -> None:
    cells = ["51,5073", "51.5073\u00b0", "-0,1276 \u00b0", "51.5073"]
    values = converted(FieldType.COORDINATE, cells).values.to_pylist()
    assert values == [Decimal(v) for v in ("51.5073", "51.5073", "-0.1276", "51.5073")]
    assert one(FieldType.COORDINATE, "51.5073,-0.1276") == "value.type"


def test_coordinates_are_rounded_below_what_they_measure_and_say_so() -> None:
    result = converted(
        FieldType.COORDINATE, ["51.5073", "51.50735091", "-97.74306300000001", "1e-05", None]
    )
    assert result.values.to_pylist() == [
        Decimal("51.5073"), Decimal("51.507351"), Decimal("-97.743063"), Decimal("0.00001"), None,
    ]  # fmt: skip
    (rounded,) = result.refusals
    assert (rounded.rule, rounded.where.tolist()) == (
        "value.rounded", [False, True, True, False, False],
    )  # fmt: skip
    assert not result.bad.any()


@pytest.mark.parametrize(
    ("cell", "kbps"),
    [("10240", 10240), ("100M", 100_000), ("100 Mbps", 100_000), ("100 Mbit/s", 100_000),
     ("20MBPS", 20_000), ("1.5G", 1_500_000), ("512k", 512), ("64 kbit", 64), ("5 meg", 5_000),
     ("2000 bps", 2), ("1500 bit/s", "value.precision"), ("10 MB", "value.type"),
     ("10 MB/s", "value.type"), ("unlimited", "value.type"), ("100M/20M", "value.type"),
     ("-5", "value.type")],
)  # fmt: skip
def test_speeds(cell: str, kbps: object) -> None:
    # A negative speed is a number; its range is the validation's business.
    expected = -5 if cell == "-5" else kbps
    assert one(FieldType.DATA_RATE, cell) == expected


def test_a_unit_of_the_spec_is_for_plain_numbers_only() -> None:
    assert one(FieldType.DATA_RATE, "10", unit="Mbit/s") == 10_000
    assert one(FieldType.DATA_RATE, "512k", unit="Mbit/s") == 512
    volume = info(FieldType.QUANTITY, unit="GB")
    assert one(volume, "500 MB") == Decimal("0.5")
    assert one(volume, "2", unit="TB") == Decimal(2000)
    assert one(volume, "250") == Decimal(250)
    assert one(volume, "12.50", decimal_mark=",") == "value.type"


@pytest.mark.parametrize(
    ("cell", "kbps"),
    [("10 Mbps", 10_000), ("1Gbps", 1_000_000), ("512 kbit/s", 512), ("0.5 Mbit/s", 500),
     ("100mbps", 100_000), ("100 Mb/s", 100_000), ("10,5 Mbps", 10_500)],
)  # fmt: skip
def test_speeds_in_their_usual_spellings(cell: str, kbps: int) -> None:
    assert one(FieldType.DATA_RATE, cell) == kbps


_SIDES = [
    "",
    "$",
    "-",
    "(",
    ")",
    "-$",
    "EUR ",
    " EUR",
    "€",
    " USD",
    "kr ",
    "-",
    "+",
    " -",
    "£ ",
    "x",
]


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(_SIDES),
    st.text("0123456789.,' ", min_size=1, max_size=12),
    st.sampled_from(_SIDES),
    st.sampled_from(["", ".", ","]),
    st.sampled_from(["", ",", ".", " ", "'"]),
)
def test_column_operations_read_an_amount_as_the_careful_look_does(
    before: str, body: str, after: str, mark: str, group: str
) -> None:
    if mark and mark == group:
        return
    style = Style(decimal_mark=mark, thousands_mark=group)
    cell = (before + body + after).strip() or "x"
    try:
        expected: object = fitted(
            (careful := read_amount(cell, readings(style), ""))[0], MONEY_TYPE, ""
        )
        currency = careful[1]
    except Refused as refused:
        expected, currency = refused.rule, None
    result = converter(info(MONEY), style)(pa.array([cell]))
    assert one(MONEY, cell, decimal_mark=mark, thousands_mark=group) == expected
    assert (result.currency[0].as_py() if result.currency is not None else None) == currency
