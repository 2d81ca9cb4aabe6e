"""Dates are read as the spec says, or as the column settles, else as ISO 8601."""

from __future__ import annotations

import csv
import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert.date_format import compile_format
from ispmig_pipelines.mapping.convert.date_order import Written, _look, written
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
        ("2019-07-01 12:00:00.1234567", "2019-07-01 17:00:00.123456+00:00"),
        ("2019-07-01 12:00:00.1234560", "2019-07-01 17:00:00.123456+00:00"),
        ("2019-07-01 24:00:00", "value.date"),
    ],
)
def test_instants_are_in_utc(cell: str, instant: str) -> None:
    assert as_text(TIMESTAMP, cell, timezone="America/Chicago") == instant


def test_what_is_finer_than_microseconds_is_cut_off_and_told() -> None:
    cells = ["2019-07-01 12:00:00.1234567", "2019-07-01 12:00:00.1230000", "2019-07-01", "x"]
    read = converted(TIMESTAMP, cells, timezone="UTC")
    told = {r.rule: r.where.tolist() for r in read.refusals}
    assert told["value.rounded"] == [True, False, False, False]
    # A day is no less a day for it.
    assert converted(DATE, cells[:1]).refusals == ()
    assert as_text(DATE, cells[0]) == "2019-07-01"


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


# What the corpus means under settings of its own: a century of choice, and year, day, month.
_OTHERWISE = {"3/3/50", "12/13/10"}


@pytest.mark.parametrize(("forms", "readable"), [((), 18), (("mdy",), 138)])
def test_of_the_corpus_of_dates_no_string_is_read_wrongly(
    forms: tuple[str, ...], readable: int
) -> None:
    """358 strings in all; most of the others are relative, lack a year, are in languages
    that are not known, or have the day first."""
    path = corpus("vocab/date_strings.tsv")
    rows = list(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t"))
    assert len(rows) == 358
    cells = [row["text"].strip() for row in rows]
    read = converted(TIMESTAMP, cells, timezone="UTC", date_formats=forms).values.to_pylist()
    right = 0
    for row, cell, value in zip(rows, cells, read, strict=True):
        expected = datetime.datetime.fromisoformat(row["expected_naive_iso"])
        if value is not None and cell not in _OTHERWISE:
            assert value.replace(tzinfo=None) == expected, cell
            right += 1
    assert right == readable


@pytest.mark.parametrize(
    "cell",
    ["03/02/2019", "3/2/2019", "03-02-2019", "3.2.2019", "3 2 2019", "03/02/19", "3.2.19",
     "3 Feb 2019", "3rd February 2019", "03-FEB-19", "Feb 3, 2019", "February 3rd 2019",
     "Sun, 3 Feb 2019", "Sunday 3rd of February, 2019", "03Feb2019", "2019-Feb-03", "2019-02-03",
     "2019/2/3", "2019.02.03", "20190203"],
)  # fmt: skip
def test_an_order_reads_every_usual_spelling(cell: str) -> None:
    assert as_text(DATE, cell, date_formats=("dmy",)) == "2019-02-03"


@pytest.mark.parametrize(
    "cell",
    ["02/03/2019", "2/3/2019", "2.3.19", "02-03-19", "3 Feb 2019", "Feb 3 2019", "2019-02-03"],
)
def test_the_month_may_come_first(cell: str) -> None:
    assert as_text(DATE, cell, date_formats=("mdy",)) == "2019-02-03"


@pytest.mark.parametrize("cell", ["19/02/03", "19-2-3", "19.02.3", "2019-02-03", "3 Feb 2019"])
def test_a_year_of_two_digits_may_come_first(cell: str) -> None:
    assert as_text(DATE, cell, date_formats=("ymd",)) == "2019-02-03"


@pytest.mark.parametrize(
    ("time", "clock"),
    [("14:30", "14:30:00"), ("14:30:15", "14:30:15"), ("2:30 PM", "14:30:00"),
     ("02:30:15 p.m.", "14:30:15"), ("12:05 am", "00:05:00"), ("14:30:15.123", "14:30:15.123000"),
     ("14:30:15,5", "14:30:15.500000"), ("14:30 UTC", "14:30:00"), ("16:30+0200", "14:30:00"),
     ("14:30:15Z", "14:30:15"), ("09:30:15 -05:00", "14:30:15")],
)  # fmt: skip
@pytest.mark.parametrize(
    "day", ["3/2/2019", "03.02.2019", "3 Feb 2019", "2019-02-03", "Feb 3, 2019"]
)
def test_an_order_reads_a_time_behind_the_day(day: str, time: str, clock: str) -> None:
    for between in (" ", ", ", "T") if day[-1].isdigit() else (" ",):
        read = one(TIMESTAMP, f"{day}{between}{time}", date_formats=("dmy",), timezone="UTC")
        assert str(read) == f"2019-02-03 {clock}+00:00", between


@pytest.mark.parametrize(
    ("order", "cell"),
    [("dmy", "02/13/2019"), ("mdy", "13/02/2019"), ("ymd", "13/02/2019"), ("dmy", "31/02/2019"),
     ("dmy", "3/2"), ("dmy", "February 2019"), ("dmy", "3/2-2019"), ("dmy", "2019"),
     ("dmy", "03/2019/02"), ("dmy", "12-14 June 2021"), ("dmy", "3 Feb 2019 25:00"),
     ("dmy", "3 Feb 2019 14:30 XYZ"), ("dmy", "25 03 Sep"), ("dmy", "03022019"), ("dmy", "43499"),
     ("dmy", "1549152000"), ("dmy", "tomorrow"), ("dmy", "03/02/2019a"), ("dmy", "1/2/3/4"),
     ("mdy", "3/2/2019 13:00 AM"), ("ymd", "3/2/2019")],
)  # fmt: skip
def test_what_is_no_date_of_an_order(order: str, cell: str) -> None:
    assert as_text(DATE, cell, date_formats=(order,)) == "value.date"


_SPELLINGS = ["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y %H:%M", "%d %b %Y", "%B %d, %Y", "%Y-%m-%d",
              "%d/%m/%Y %I:%M %p", "%a, %d %b %Y %H:%M:%S", "%Y%m%d", "%d-%b-%Y"]  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2099, 12, 31)),
            st.sampled_from(_SPELLINGS),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_day_in_every_spelling_is_read_as_python_writes_it(
    moments: list[tuple[datetime.datetime, str]],
) -> None:
    cells = [moment.strftime(form) for moment, form in moments]
    read = converted(DATE, cells, date_formats=("dmy",)).values.to_pylist()
    assert read == [moment.date() for moment, _ in moments]


@given(st.text("0123456789-/. :TZapmFeb,+", max_size=24))
def test_columns_and_single_cells_are_read_alike(cell: str) -> None:
    """The column operations know no cell that the careful look reads otherwise."""
    cell = cell.strip() or "x"
    shape, first, second, third, micros, offset = _look(cell)
    careful = Written(
        np.array([shape]),
        np.array([[first], [second], [third]]),
        np.array([micros]),
        np.array([offset]),
    )
    both = written(pa.array([cell]))
    for order in ("dmy", "mdy", "ymd"):
        one_way, other_way = both.read(order), careful.read(order)
        if one_way.ok[0] and other_way.ok[0]:
            assert one_way.micros == other_way.micros
            assert one_way.offset == other_way.offset


@pytest.mark.parametrize("order", ["dmy", "mdy", "ymd", "iso"])
@pytest.mark.parametrize(
    "cell",
    ["3 enero 2019", "3 de enero de 2019", "3 de enero del 2019", "3-ene-2019", "03/Ene/2019",
     "martes, 3 de enero de 2019", "3 janeiro 2019", "terça-feira, 3 de janeiro de 2019",
     "3 janvier 2019", "3 janv. 2019", "mardi 3 janvier 2019", "3. Januar 2019", "3. Jän. 2019",
     "3 gennaio 2019", "3 gen 2019", "3 januari 2019", "3 stycznia 2019", "3 styczeń 2019",
     "3 sty 2019", "3 JANVIER 2019", "enero 3, 2019"],
)  # fmt: skip
def test_months_in_other_languages_leave_no_doubt(order: str, cell: str) -> None:
    expected = "2019-01-03" if order != "iso" else "value.date"
    assert as_text(DATE, cell, date_formats=(order,)) == expected


MONTHS_OF = {
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "de": "Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "pl": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "es long": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre",
    "pt long": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro "
    "dezembro",
    "fr long": "janvier février mars avril mai juin juillet août septembre octobre novembre "
    "décembre",
    "de long": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "it long": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre "
    "novembre dicembre",
    "nl long": "januari februari maart april mei juni juli augustus september oktober november "
    "december",
    "pl long": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października "
    "listopada grudnia",
}


@pytest.mark.parametrize("language", MONTHS_OF)
def test_every_month_long_and_short(language: str) -> None:
    country = "PL" if language.startswith("pl") else ""
    for number, name in enumerate(MONTHS_OF[language].split(), 1):
        for cell in (f"7 {name} 2019", f"07-{name}-19", f"7. {name.upper()} 2019 10:30"):
            got = as_text(DATE, cell, date_formats=("dmy",), country=country)
            assert got == f"2019-{number:02}-07", cell


def test_a_name_of_two_months_needs_its_country() -> None:
    assert one(DATE, "5 listopada 2019", date_formats=("dmy",)) == "value.date"
    by_country = {"PL": "2019-11-05", "CZ": "2019-11-05", "HR": "2019-10-05"}
    for country, day in by_country.items():
        cell = "5 listopad 2019"
        assert as_text(DATE, cell, date_formats=("dmy",), country=country) == day
    assert as_text(DATE, "5 lip 2019", date_formats=("dmy",), country="PL") == "2019-07-05"
    assert as_text(DATE, "5 lip 2019", date_formats=("dmy",), country="HR") == "2019-06-05"


@pytest.mark.parametrize(
    "cell", ["foo mai 2019", "mai", "mar 5 marzo 2019", "5 enero", "31 febrero 2019", "5 out"]
)
def test_other_words_beside_a_month_are_no_date(cell: str) -> None:
    assert one(DATE, cell, date_formats=("dmy",)) == "value.date"


@pytest.mark.parametrize(
    ("cell", "timezone", "instant"),
    [
        ("2019-03-02 10:00:00 CET", "", "2019-03-02 09:00:00+00:00"),
        ("2019-07-02T10:00 CEST", "", "2019-07-02 08:00:00+00:00"),
        ("2019-03-02 10:00:00 (MEZ)", "", "2019-03-02 09:00:00+00:00"),
        ("2 March 2019 10:00 PM CET", "", "2019-03-02 21:00:00+00:00"),
        ("Sat Mar  2 10:00:00 CET 2019", "", "2019-03-02 09:00:00+00:00"),
        ("2019-03-02 10:00:00 JST", "America/New_York", "2019-03-02 01:00:00+00:00"),
        ("2019-03-02 10:00:00 EST", "", "value.timezone"),
        ("2019-03-02 10:00:00 IST", "", "value.timezone"),
        ("2019-03-02 10:00:00 EST", "America/New_York", "2019-03-02 15:00:00+00:00"),
        ("2019-07-02 10:00:00 EST", "America/New_York", "2019-07-02 15:00:00+00:00"),
        ("2019-07-02 10:00:00 EDT", "America/New_York", "2019-07-02 14:00:00+00:00"),
        ("2019-03-02 10:00:00 EST", "Australia/Sydney", "value.timezone"),
        ("2019-03-02 10:00:00 CST", "America/Chicago", "2019-03-02 16:00:00+00:00"),
        ("2019-03-02 10:00:00 CST", "Asia/Shanghai", "2019-03-02 02:00:00+00:00"),
        ("2019-03-02 10:00:00 IST", "Asia/Kolkata", "2019-03-02 04:30:00+00:00"),
        ("2019-03-02 10:00:00 IST", "Asia/Jerusalem", "2019-03-02 08:00:00+00:00"),
        ("2019-03-02 10:00:00 IST", "America/New_York", "value.timezone"),
        ("2019-03-02 10:00:00 XYZ", "America/New_York", "value.date"),
        ("10:00 CET", "", "value.date"),
    ],
)
def test_abbreviations_of_zones_are_read_where_they_mean_one(
    cell: str, timezone: str, instant: str
) -> None:
    assert as_text(TIMESTAMP, cell, date_formats=("dmy",), timezone=timezone) == instant


def test_of_a_time_in_any_zone_the_day_is_as_it_is_written() -> None:
    for name in ("CET", "EST", "IST"):
        assert as_text(DATE, f"2019-03-02 23:00:00 {name}") == "2019-03-02"
    # Where days are to be those of a zone, it must be known.
    assert as_text(DATE, "2019-03-02 23:00:00 CET", timezone="Asia/Tokyo") == "2019-03-03"
    assert one(DATE, "2019-03-02 23:00:00 IST", timezone="Asia/Tokyo") == "value.timezone"


@pytest.mark.parametrize("form", [(), ("dmy",), ("mdy",), ("ymd",)])
@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("/Date(1546300800000)/", "2019-01-01 00:00:00+00:00"),
        ("\\/Date(1546300800123)\\/", "2019-01-01 00:00:00.123000+00:00"),
        ("/Date(1546300800000+0200)/", "2019-01-01 00:00:00+00:00"),
        ("/Date(-86400000)/", "1969-12-31 00:00:00+00:00"),
        ("/Date(1546300800000+9900)/", "value.date"),
        ("/Date(999999999999999)/", "value.date"),
        ("/Date()/", "value.date"),
    ],
)
def test_instants_of_dotnet(form: tuple[str, ...], cell: str, instant: str) -> None:
    assert as_text(TIMESTAMP, cell, date_formats=form, timezone="Europe/Berlin") == instant


def test_the_day_of_an_instant_of_dotnet_is_that_of_its_offset() -> None:
    assert as_text(DATE, "/Date(1546293600000+0200)/") == "2019-01-01"
    assert as_text(DATE, "/Date(1546293600000)/") == "2018-12-31"
    assert as_text(DATE, "/Date(1546297200000)/", timezone="Europe/Berlin") == "2019-01-01"
