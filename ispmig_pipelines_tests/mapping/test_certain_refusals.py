"""What is refused by column operations, without a closer look, is what a closer look refuses."""

from __future__ import annotations

import email_validator
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert import date_order
from ispmig_pipelines.mapping.convert.degrees import is_no_arc, read_degrees
from ispmig_pipelines.mapping.convert.no_date import is_no_date
from ispmig_pipelines.mapping.convert.no_number import is_no_number, readable
from ispmig_pipelines.mapping.convert.number import read_amount, readings
from ispmig_pipelines.mapping.convert.values import Refused
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines_tests.mapping.columns import one

PIECES = [*"0123456789.,' -+()eE$€/:#%@xtzhN", "\u00a0", "\u2212", "\u2019", "\u0661", "\u0131",
          "12", "1,234", "12.50", "2019", "20190203", "1430", "Feb", "3rd", "pm", "utc", "noon",
          "USD", "eur", "kr.", "Rs", "zł", "n/a ", "at ", "10:30", "+02:00", "(CEST)", "日", "年",
          "月", "시 ", "분", "West", "deg", "°", "+49", "0049", "555", "x12",
          "mail", "@x.org", '"']  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join).map(str.strip)
STYLES = [Style(), Style(decimal_mark="."), Style(decimal_mark=","), Style(thousands_mark=" ")]


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(TEXTS, st.sampled_from(STYLES))
def test_no_number_is_refused_that_reads_as_one(text: str, style: Style) -> None:
    marks = readings(style)
    body = "|".join(readable(mark.decimal, mark.groups) for mark in marks)
    if is_no_number(pa.array([text]), body)[0].as_py():
        with pytest.raises(Refused) as refused:
            read_amount(text, marks, "")
        assert refused.value.rule == "value.type"


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_no_date_is_refused_that_reads_as_one(text: str) -> None:
    if is_no_date(pa.array([text]))[0].as_py():
        assert date_order._look(text)[0] == date_order._UNREAD


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_no_angle_is_refused_that_reads_as_one(text: str) -> None:
    if is_no_arc(pa.array([text]))[0].as_py():
        assert read_degrees(text, ".,", "NSEW", "") is None


@pytest.mark.parametrize(
    "text",
    ["n/a 123", "31.02.2019", "USD 1.234,5O", "1.2.3", "12-34", "ticket #7", "192.168.1.1", "--",
     "1,23,4", "x" * 70, "5 USD 3"],
)  # fmt: skip
def test_garbage_in_a_column_of_numbers_is_found_at_once(text: str) -> None:
    marks = readings(Style(decimal_mark="."))
    body = "|".join(readable(mark.decimal, mark.groups) for mark in marks)
    assert is_no_number(pa.array([text]), body)[0].as_py()


@pytest.mark.parametrize(
    "text",
    ["n/a 123", "see ticket 5", "#5 2019", "192.168.1.1", "555-123-4567", "12345", "12.5",
     "unknown", "é 12"],
)  # fmt: skip
def test_garbage_in_a_column_of_dates_is_found_at_once(text: str) -> None:
    assert is_no_date(pa.array([text]))[0].as_py()


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_an_email_address_is_refused_as_the_library_does(text: str) -> None:
    if not text or "\x00" in text:
        return
    try:
        expected = email_validator.validate_email(text, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        assert one(FieldType.EMAIL, text) == "value.type"
    else:
        assert one(FieldType.EMAIL, text) == expected


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(TEXTS, st.sampled_from(["US", "DE", "GB", "IN", "AR"]))
def test_no_telephone_number_is_refused_that_the_library_takes(text: str, country: str) -> None:
    if not text or one(FieldType.PHONE, text, country=country) != "value.type":
        return
    try:
        number = phonenumbers.parse(text, country)
        alone = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        again = phonenumbers.parse(alone)
    except phonenumbers.NumberParseException:
        return
    possible = [phonenumbers.is_possible_number_with_reason(n) for n in (number, again)]
    same = phonenumbers.format_number(again, phonenumbers.PhoneNumberFormat.E164) == alone
    # E.164 has at most 15 digits; some countries' own plans know of longer numbers.
    same = same and len(alone) <= len("+") + 15
    # One digit over and over is long enough, and yet no number.
    same = same and (phonenumbers.is_valid_number(again) or len(set(alone[-7:])) > 1)
    assert not (same and set(possible) == {phonenumbers.ValidationResult.IS_POSSIBLE})
