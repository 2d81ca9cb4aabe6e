"""What of a cell may be seen in a report."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo, Privacy
from ispmig_pipelines.preview.showing import LENGTH, SOMETHING, Showing, value_text

CUSTOMER = ENTITIES["customer"].fields
METHOD = ENTITIES["payment_method"].fields
NOTES = CUSTOMER["notes"]
SECRETS = [
    (entity, name, info)
    for entity, described in ENTITIES.items()
    for name, info in described.fields.items()
    if info.privacy is Privacy.SECRET
]


def test_a_cell_is_shown_as_it_stands() -> None:
    assert Showing().text("  likes tea ", NOTES, ["Memo"]) == "  likes tea "
    assert Showing().text(None, NOTES, ["Memo"]) is None
    assert Showing().text("", NOTES, ["Memo"]) == ""


@pytest.mark.parametrize(("entity", "name", "info"), SECRETS, ids=lambda v: str(v)[:30])
def test_of_a_secret_not_even_the_length(entity: str, name: str, info: FieldInfo) -> None:
    showing = Showing.of([(entity, {name: ("Pass",)})])
    assert showing.text("hunter2", info, ["Pass"]) == SOMETHING
    assert showing.text("x" * 50, info, ["Pass"]) == SOMETHING
    assert showing.text(None, info, ["Pass"]) is None
    assert showing.hides(info, ["Pass"])


def test_a_column_that_a_secret_comes_from_is_secret_in_other_fields_too() -> None:
    showing = Showing.of(
        [("customer", {"notes": ("Pass",), "fax": ("Fax",)}),
         ("service", {"access_secret": ("Pass", "Salt")})]
    )  # fmt: skip
    assert showing.secret_columns == {"Pass", "Salt"}
    assert showing.text("hunter2", NOTES, ["Pass"]) == SOMETHING
    assert showing.text("hunter2", NOTES, ["Memo", "Salt"]) == SOMETHING
    assert showing.text("12", CUSTOMER["fax"], ["Fax"]) == "12"


def test_of_means_of_payment_the_shape() -> None:
    assert Showing().text("4242", METHOD["last_four"], ["Card"]) == "9999"
    assert Showing().hides(METHOD["last_four"], ["Card"])
    assert not Showing().hides(NOTES, ["Memo"])


@given(
    digits=st.text("0123456789", min_size=12, max_size=18),
    gap=st.sampled_from(["", " ", "-"]),
    around=st.sampled_from([("", ""), ("card ", " on file"), ("x", "y"), ("no. ", ".")]),
)
def test_a_card_number_is_never_shown(digits: str, gap: str, around: tuple[str, str]) -> None:
    number = digits + luhn.calc_check_digit(digits)
    written = gap.join(number[i : i + 4] for i in range(0, len(number), 4))
    shown = Showing().text(around[0] + written + around[1], NOTES, ["Memo"])
    assert shown is not None
    assert not any(character.isdigit() and character != "9" for character in shown)
    assert shown.startswith(around[0])
    assert shown.endswith(around[1])


def test_a_number_that_is_no_card_stays() -> None:
    assert Showing().text("4111111111111112", NOTES, ["Memo"]) == "4111111111111112"
    assert Showing().text("07700 900961", NOTES, ["Memo"]) == "07700 900961"


def test_a_long_cell_is_cut() -> None:
    shown = Showing().text("x" * 5000, NOTES, ["Memo"])
    assert shown == "x" * LENGTH + "…"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("balance", Decimal("45.5000"), "45.50"),
        ("balance", Decimal("-0.0000"), "0.00"),
        ("balance", Decimal("1.2345"), "1.2345"),
        ("balance", Decimal("1200"), "1200.00"),
        ("signup_date", dt.date(2024, 2, 29), "2024-02-29"),
        ("tax_exempt", True, "true"),
        ("tax_exempt", False, "false"),
        ("last_name", "007", "007"),
        ("last_name", None, None),
        ("last_name", "", ""),
        ("bill_day", 3, "3"),
    ],
)
def test_values_as_people_read_them(field: str, value: Any, text: str | None) -> None:
    assert value_text(value, CUSTOMER[field]) == text


def test_a_coordinate_without_needless_zeros_and_a_time_in_utc() -> None:
    location = ENTITIES["location"].fields
    assert value_text(Decimal("51.500000"), location["latitude"]) == "51.5"
    assert value_text(Decimal("0.000000"), location["latitude"]) == "0"
    paid = ENTITIES["payment"].fields["paid_at"]
    berlin = dt.timezone(dt.timedelta(hours=2))
    assert (
        value_text(dt.datetime(2024, 6, 1, 1, 0, tzinfo=berlin), paid) == "2024-05-31 23:00:00 UTC"
    )
    assert json.dumps(value_text(dt.datetime(2024, 6, 1, 1, 0, 0, 5, tzinfo=dt.UTC), paid)) == (
        '"2024-06-01 01:00:00.000005 UTC"'
    )
