"""Transforms: the field mapping of specs turned around, with all mistakes told at once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ispmig_pipelines.errors import SpecError, UsageError
from ispmig_pipelines.mapping.convert import converter
from ispmig_pipelines.mapping.outward import load_outward
from ispmig_pipelines.mapping.outward_text import write_moment
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import FieldInfo, FieldType

BEGINNING = "version: 1\nexport:\n  {entity}:\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.yaml"


def made(
    path: Path, column: str, entity: str = "customer", before: str = "", **cells: str | None
) -> str | None:
    """The one column of a transform, for one row."""
    text = before + BEGINNING.format(entity=entity) + f"    Out: {column}\n"
    path.write_text(text, encoding="utf-8")
    (only,) = load_outward(path).columns(entity)
    row = {field: cells.get(field) for field in ENTITIES[entity].fields}
    batch = pa.RecordBatch.from_arrays(
        [pa.array([value], pa.string()) for value in row.values()], names=list(row)
    )
    found = only.apply(batch)
    assert found.type == pa.string()
    value = found.to_pylist()[0]
    assert value is None or isinstance(value, str)
    return value


CASES = [
    ("account_number", {"account_number": " 7 "}, " 7 "),
    ("{column: account_number, trim: true}", {"account_number": " 7 "}, "7"),
    ("balance", {"balance": "-12.5000"}, "-12.5000"),
    ("{column: balance, decimal_mark: ','}", {"balance": "-12.5000"}, "-12,50"),
    ("{column: balance, positive_is: credit}", {"balance": "-12.5000"}, "12.50"),
    ("{column: balance, positive_is: debt}", {"balance": "0.0000"}, "0.00"),
    (
        "{column: balance, decimal_mark: ',', thousands_mark: '.'}",
        {"balance": "1234567.8901"},
        "1.234.567,8901",
    ),
    ("{column: signup_date, date_format: DD.MM.YYYY}", {"signup_date": "2024-02-29"}, "29.02.2024"),
    ("{column: signup_date, date_format: '%d/%b/%y'}", {"signup_date": "2024-02-29"}, "29/Feb/24"),
    ("{column: signup_date, date_format: excel}", {"signup_date": "2024-02-29"}, "45351"),
    ("{column: signup_date, date_format: DD.MM.YYYY}", {}, None),
    ("{column: tax_exempt, true_words: [ja, j], false_words: nein}", {"tax_exempt": "true"}, "ja"),
    ("{column: tax_exempt, lookup: {'true': '1', 'false': ~}}", {"tax_exempt": "false"}, None),
    ("{columns: [first_name, last_name], join: ', '}", {"last_name": "Lee"}, "Lee"),
    ("{columns: [first_name, last_name]}", {"first_name": "Ann", "last_name": "Lee"}, "Ann Lee"),
    ("{column: email, split: {separator: '@', take: last}}", {"email": "a@b.de"}, "b.de"),
    ("{column: status, lookup: {active: A}, otherwise: keep}", {"status": "lead"}, "lead"),
    ("{column: status, lookup: {active: A}, otherwise: {value: '?'}}", {"status": "lead"}, "?"),
    ("{column: segment, default: none}", {}, "none"),
    ("{column: segment, null_words: ['-']}", {"segment": "-"}, None),
    ("{constant: ispmig}", {}, "ispmig"),
    (
        "{columns: [signup_date, balance], date_format: YYYY-MM-DD, decimal_mark: ','}",
        {"signup_date": "2024-02-29", "balance": "1.0000"},
        "2024-02-29 1,00",
    ),
]


@pytest.mark.parametrize(("column", "cells", "expected"), CASES, ids=[c[0] for c in CASES])
def test_a_column_is_what_the_transform_says(
    path: Path, column: str, cells: dict[str, str], expected: str | None
) -> None:
    assert made(path, column, **cells) == expected


def test_units_are_the_columns(path: Path) -> None:
    of = {"download_kbps": "102400", "data_cap_gb": "0.500000", "tax_rate": "0.190000"}
    for column, expected in (
        ("{column: download_kbps, unit: Mbit/s}", "102.4"),
        ("{column: data_cap_gb, unit: MB}", "500"),
        ("{column: tax_rate, unit: percent}", "19"),
        ("{column: tax_rate, unit: percent, decimal_mark: ','}", "19"),
    ):
        assert made(path, column, "plan", **of) == expected


def test_times_are_written_in_their_zone(path: Path) -> None:
    moment = "2024-07-01T22:30:00.000001+00:00"
    for column, expected in (
        ("paid_at", moment),
        ("{column: paid_at, timezone: Europe/Berlin}", "2024-07-02T00:30:00.000001+02:00"),
        ("{column: paid_at, date_format: 'DD/MM/YYYY HH:mm'}", "01/07/2024 22:30"),
        ("{column: paid_at, date_format: 'h:mm A Z, D MMMM YYYY', timezone: Europe/Berlin}",
         "12:30 AM +02:00, 2 July 2024"),
        ("{column: paid_at, date_format: unix}", "1719873000"),
        ("{column: paid_at, date_format: unix_ms}", "1719873000000"),
    ):  # fmt: skip
        assert made(path, column, "payment", paid_at=moment) == expected


def test_defaults_hold_for_columns_that_say_nothing(path: Path) -> None:
    before = "defaults: {date_format: DD/MM/YYYY, decimal_mark: ','}\n"
    assert made(path, "signup_date", before=before, signup_date="2024-02-29") == "29/02/2024"
    assert made(path, "balance", before=before, balance="5.0000") == "5,00"
    iso = "{column: signup_date, date_format: iso}"
    assert made(path, iso, before=before, signup_date="2024-02-29") == "2024-02-29"


@given(
    st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2068, 12, 31)),
    st.sampled_from(
        ["iso", "DD/MM/YYYY HH:mm:ss.SSSSSS", "MMM D, YYYY hh:mm:ss.SSSSSS A",
         "%d.%m.%y %H:%M:%S.%f", "YYYY-MM-DD[T]HH:mm:ss.SSSSSSZ"]
    ),
)  # fmt: skip
def test_what_is_written_is_read_as_the_same_instant(moment: dt.datetime, form: str) -> None:
    written = write_moment(moment.replace(tzinfo=dt.UTC), form)
    read = converter(
        FieldInfo(FieldType.TIMESTAMP, ""),
        Style(date_formats=(form,), timezone="UTC"),
    )(pa.array([written]))
    assert read.values.to_pylist() == [moment.replace(tzinfo=dt.UTC)]


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.sampled_from(["excel", "excel_1904"]))
def test_serial_days_are_read_as_the_same_day(day: dt.date, form: str) -> None:
    assume(form == "excel" or day >= dt.date(1904, 1, 1))
    written = write_moment(dt.datetime.combine(day, dt.time()), form)
    read = converter(FieldInfo(FieldType.DATE, ""), Style(date_formats=(form,)))(
        pa.array([written])
    )
    assert read.values.to_pylist() == [day]


def test_a_word_that_the_lookup_does_not_name_ends_the_export(path: Path) -> None:
    with pytest.raises(UsageError, match="does not name the value of 1 rows"):
        made(path, "{column: segment, lookup: {a: b}}", segment="secret")
    with pytest.raises(UsageError) as refused:
        made(path, "{column: segment, lookup: {a: b}}", segment="secret")
    assert "secret" not in str(refused.value)


MISTAKES = """\
version: 1
defaults: {date_format: [iso, DD/MM/YYYY]}
export:
  custmer: {A: b}
  customer:
    One: acount_number
    Two: {column: status, lookup: {active: A}}
    Three: {column: email, date_format: iso}
    Four: {column: phone, country: DE}
    Five: {column: signup_date, date_format: [iso, DD/MM/YYYY]}
    Six: {column: email, splt: x}
    Seven: {column: segment, positive_is: debt}
    Eight: {column: segment, unit: Mbit/s}
    Nine: {column: email, verbatim: true}
    Ten:
  plan: {}
extra: 1
"""


def test_all_mistakes_are_told_at_once_with_their_lines(path: Path) -> None:
    path.write_text(MISTAKES)
    with pytest.raises(SpecError) as refused:
        load_outward(path)
    for line, words in {
        2: "one date_format only",
        4: "did you mean 'customer'?",
        6: "did you mean 'account_number'?",
        7: "does not name lead, suspended, cancelled",
        8: "date_format is for fields of type",
        9: "country is for reading",
        10: "name one date_format",
        11: "did you mean 'split'?",
        12: "positive_is is for amounts",
        13: "no unit 'Mbit/s'",
        14: "verbatim is for reading",
        15: "is empty",
        16: "must not be empty",
        17: "no such key",
    }.items():
        assert any(
            p.startswith(f"out.yaml:{line}:") and words in p for p in refused.value.problems
        ), (line, refused.value.problems)


@pytest.mark.parametrize("text", ["", "[]", "version: 2\nexport: {}", "a: [", "version: 1"])
def test_what_is_no_transform_is_told(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(SpecError):
        load_outward(path)


def test_what_cannot_be_read_is_told(path: Path) -> None:
    with pytest.raises(UsageError, match="no transform"):
        load_outward(path)
    with pytest.raises(UsageError, match="folder"):
        load_outward(path.parent)
    path.write_bytes(b"\xff")
    with pytest.raises(SpecError, match="UTF-8"):
        load_outward(path)
