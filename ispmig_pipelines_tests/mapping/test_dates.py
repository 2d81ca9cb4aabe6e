"""Dates are read as the spec says, else as ISO 8601; nothing else is guessed."""

from __future__ import annotations

import csv
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert.date_format import compile_format
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.mapping.columns import as_text, converted, one

DATE, TIMESTAMP = FieldType.DATE, FieldType.TIMESTAMP


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2019-02-03", "2019-02-03"),
        ("20190203", "2019-02-03"),
        ("2019-02-03 10:00:00", "2019-02-03"),
        ("2019-02-03T23:59:59Z", "2019-02-03"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31", "9999-12-31"),
        ("2020-02-29", "2020-02-29"),
        ("0000-00-00", None),
        ("0000-00-00 00:00:00", None),
        ("00/00/0000", None),
        ("2019-02-29", "value.date"),
        ("2019-02-30", "value.date"),
        ("2019-13-01", "value.date"),
        ("0000-01-01", "value.date"),
        ("02/03/2019", "value.date"),
        ("2019-2-3", "value.date"),
        ("20190230", "value.date"),
        ("2019-02-03 25:00:00", "value.date"),
        ("43831", "value.date"),
    ],
)
def test_without_a_format_only_iso_is_a_date(cell: str, day: str | None) -> None:
    assert as_text(DATE, cell) == day


@pytest.mark.parametrize(
    ("form", "cell", "day"),
    [
        ("DD/MM/YYYY", "03/02/2019", "2019-02-03"),
        ("DD/MM/YYYY", "3/2/2019", "2019-02-03"),
        ("DD/MM/YYYY", "31/02/2019", "value.date"),
        ("DD/MM/YYYY", "2019-02-03", "value.date"),
        ("DD/MM/YYYY", "03/02/19", "value.date"),
        ("DD.MM.YY", "03.02.68", "2068-02-03"),
        ("DD.MM.YY", "03.02.69", "1969-02-03"),
        ("YYYYMMDD", "20190203", "2019-02-03"),
        ("DDMMYYYY", "03022019", "2019-02-03"),
        ("D MMM YYYY", "3 Feb 2019", "2019-02-03"),
        ("MMMM D, YYYY", "February 3, 2019", "2019-02-03"),
        ("ddd DD MMM YYYY", "Sun 03 FEB 2019", "2019-02-03"),
        ("[on] YYYY-MM-DD", "on 2019-02-03", "2019-02-03"),
        ("%d/%m/%Y", "03/02/2019", "2019-02-03"),
        ("%m/%d/%y", "02/03/19", "2019-02-03"),
        ("%Y-%m-%dT%H:%M:%S", "2019-02-03T04:05:06", "2019-02-03"),
        ("excel", "43499", "2019-02-03"),
        ("excel", "43499.75", "2019-02-03"),
        ("excel", "1", "1900-01-01"),
        ("excel", "59", "1900-02-28"),
        ("excel", "60", "value.date"),
        ("excel", "61", "1900-03-01"),
        ("excel_1904", "0", "1904-01-01"),
        ("unix", "1549152000", "2019-02-03"),
        ("unix", "1e99", "value.date"),
        ("unix", "999999999999999", "value.date"),
    ],
)
def test_a_format_of_the_spec_is_the_only_reading(form: str, cell: str, day: str) -> None:
    assert as_text(DATE, cell, date_formats=(form,)) == day


def test_a_date_that_two_formats_read_differently_is_asked_about() -> None:
    forms = ("DD/MM/YYYY", "MM/DD/YYYY")
    assert as_text(DATE, "13/02/2019", date_formats=forms) == "2019-02-13"
    assert as_text(DATE, "02/13/2019", date_formats=forms) == "2019-02-13"
    assert as_text(DATE, "02/02/2019", date_formats=forms) == "2019-02-02"
    assert as_text(DATE, "02/03/2019", date_formats=forms) == "value.ambiguous"


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2019-07-01 12:00", "2019-07-01 17:00:00+00:00"),
        ("2019-01-01 12:00:00", "2019-01-01 18:00:00+00:00"),
        ("2019-07-01", "2019-07-01 05:00:00+00:00"),
        ("2019-07-01T12:00:00Z", "2019-07-01 12:00:00+00:00"),
        ("2019-07-01T12:00:00+02:00", "2019-07-01 10:00:00+00:00"),
        ("2019-07-01 12:00:00.123456Z", "2019-07-01 12:00:00.123456+00:00"),
        # Set back: the hour is there twice, and it is the first.
        ("2019-11-03 01:30:00", "2019-11-03 06:30:00+00:00"),
        # Set forward: the hour never was.
        ("2019-03-10 02:30:00", "value.date"),
        ("2019-07-01 12:00:00.1234567", "value.date"),
        ("2019-07-01 24:00:00", "value.date"),
    ],
)
def test_instants_are_in_utc(cell: str, instant: str) -> None:
    assert as_text(TIMESTAMP, cell, timezone="America/Chicago") == instant


def test_a_time_whose_zone_nobody_named_is_asked_about() -> None:
    assert one(TIMESTAMP, "2019-07-01 12:00:00") == "value.timezone"
    assert as_text(TIMESTAMP, "2019-07-01 12:00:00Z") == "2019-07-01 12:00:00+00:00"


def test_the_day_of_an_instant_is_the_day_in_the_named_zone() -> None:
    late = "2019-02-03T03:00:00Z"
    assert as_text(DATE, late) == "2019-02-03"
    assert as_text(DATE, late, timezone="America/Chicago") == "2019-02-02"


def test_twelve_hours_need_their_half() -> None:
    form = ("MM/DD/YYYY hh:mm A",)
    for cell, hour in [("01/02/2019 12:00 AM", 0), ("01/02/2019 12:00 pm", 12),
                       ("01/02/2019 1:05 PM", 13)]:  # fmt: skip
        assert one(TIMESTAMP, cell, date_formats=form, timezone="UTC").hour == hour
    with pytest.raises(ValueError, match="AM or PM"):
        compile_format("YYYY-MM-DD hh:mm")


@pytest.mark.parametrize(
    "form", ["DD/XX/YYYY", "DD/MM", "YYYY", "DD/DD/YYYY", "%Q", "HH:mm", "YYYY-MM-DD mm"]
)
def test_a_format_that_names_no_whole_day_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compile_format(form)


@given(
    st.dates(datetime.date(1000, 1, 1)),
    st.sampled_from(["%d/%m/%Y", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%d.%m.%Y"]),
)
def test_every_day_is_read_as_python_writes_it(day: datetime.date, form: str) -> None:
    written = day.strftime(form)
    assert one(DATE, written, date_formats=(form,)) == day


@given(st.text("0123456789-/ :TZ+", max_size=20))
def test_what_is_read_as_iso_is_what_python_reads(cell: str) -> None:
    value = one(DATE, cell.strip() or "x")
    if isinstance(value, datetime.date):
        assert datetime.datetime.fromisoformat(cell.strip()).date() == value


@given(
    st.lists(st.datetimes(datetime.datetime(1900, 1, 2), datetime.datetime(2100, 1, 1)), max_size=8)
)
def test_local_times_are_those_of_zoneinfo(moments: list[datetime.datetime]) -> None:
    import zoneinfo

    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    cells = [m.isoformat(" ") for m in moments]
    values = converted(TIMESTAMP, cells, timezone="Europe/Berlin").values.to_pylist()
    for moment, value in zip(moments, values, strict=True):
        there = moment.replace(tzinfo=berlin)
        utc = there.astimezone(datetime.UTC)
        skipped = utc.astimezone(berlin).replace(tzinfo=None) != moment
        assert value == (None if skipped else utc)


def test_of_the_corpus_of_dates_no_string_is_read_wrongly() -> None:
    path = corpus("vocab/date_strings.tsv")
    rows = list(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t"))
    assert len(rows) == 358
    read = converted(TIMESTAMP, [r["text"] for r in rows], timezone="UTC").values.to_pylist()
    right = 0
    for row, value in zip(rows, read, strict=True):
        if value is not None and not row["note"]:
            assert value.replace(tzinfo=None) == datetime.datetime.fromisoformat(
                row["expected_naive_iso"]
            ), row["text"]
            right += 1
    assert right >= 10
