"""UUIDs, times of day, networks, languages, postal codes and coordinates in degrees."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert.language import _codes, _names, convert_language
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.check import checks_of
from ispmig_pipelines.model.field_info import FieldInfo, FieldType
from ispmig_pipelines_tests.mapping.columns import converted, info, one

LATITUDE = info(FieldType.COORDINATE, minimum=-90, maximum=90)
LONGITUDE = info(FieldType.COORDINATE, minimum=-180, maximum=180)


@given(
    st.uuids(),
    st.sampled_from(["{}", "{{{}}}", "({})", "urn:uuid:{}"]),
    st.booleans(),
    st.sampled_from([str.lower, str.upper]),
)
def test_a_uuid_in_every_spelling_is_itself(
    known: uuid.UUID, around: str, bare: bool, case: type[str]
) -> None:
    inner = known.hex if bare and "urn" not in around else str(known)
    assert one(FieldType.UUID, case(around.format(inner))) == str(known)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0x123E4567E89B12D3A456426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
        ("123e4567-e89b-12d3-a456-42661417400", "value.type"),
        ("12-3e4567e89b12d3a456426614174000", "value.type"),
        ("{123e4567-e89b-12d3-a456-426614174000", "value.type"),
        ("123e4567-e89b-12d3-a456-426614174000 ", "value.type"),
        ("1.23E+37", "value.scientific"),
    ],
)
def test_what_is_no_uuid_is_refused(cell: str, value: str) -> None:
    assert one(FieldType.UUID, cell) == value


@given(st.times())
def test_a_time_is_read_from_a_clock_of_24_hours_and_of_12(time: dt.time) -> None:
    assert one(FieldType.TIME, time.isoformat()) == time
    minute = time.replace(second=0, microsecond=0)
    for form in ("%H:%M", "%I:%M %p", "%I:%M%p", "%H%M", "%H.%M", "%Hh%M", "%H:%M:00"):
        if form == "%H.%M" and minute.hour == 0:
            continue
        assert one(FieldType.TIME, minute.strftime(form)) == minute, form


@given(st.integers(0, 86_399), st.integers(9, 15))
def test_a_share_of_the_day_is_the_second_that_it_stands_for(second: int, digits: int) -> None:
    share = f"{second / 86_400:.{digits}f}".rstrip("0").rstrip(".")
    assert one(FieldType.TIME, share) == (
        dt.datetime.min + dt.timedelta(seconds=second)
    ).time()  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("730", dt.time(7, 30)),
        ("193045", dt.time(19, 30, 45)),
        ("7pm", dt.time(19)),
        ("12 a.m.", dt.time(0)),
        ("12:30 P", dt.time(12, 30)),
        ("0.5", dt.time(12)),
        (".75", dt.time(18)),
        ("0", dt.time(0)),
        ("1899-12-30 19:30:00", dt.time(19, 30)),
        ("00.25", dt.time(0, 25)),
        ("0.20", "value.ambiguous"),
        ("24:00", "value.type"),
        ("2400", "value.type"),
        ("1.0", "value.type"),
        ("25:00", "value.type"),
        ("12:60", "value.type"),
        ("13:00 PM", "value.type"),
        ("0:30 PM", "value.type"),
        ("7", "value.type"),
        ("19:30Z", "value.type"),
        ("2019-02-03 19:30", "value.type"),
        ("midnight", "value.type"),
        ("19:30:00.1234567", "value.precision"),
        ("0.771", "value.precision"),
    ],
)
def test_a_time_has_one_reading_or_none(cell: str, value: object) -> None:
    assert one(FieldType.TIME, cell) == value


@given(
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
        st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
    )
)
def test_a_network_is_told_from_an_address_in_it(
    pair: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int],
) -> None:
    address, length = pair
    network = ipaddress.ip_network(pair, strict=False)
    assert one(FieldType.NETWORK, str(network)) == str(network)
    written = one(FieldType.NETWORK, f"{address}/{length}")
    assert written == (str(network) if network.network_address == address else "value.type")
    if network.version == 4:
        for form in ("{0.network_address}/{0.netmask}", "{0.network_address} {0.netmask}",
                     "{0.network_address} / {0.prefixlen}"):  # fmt: skip
            assert one(FieldType.NETWORK, form.format(network)) == str(network)


def test_the_network_that_would_be_accepted_is_told_without_the_address() -> None:
    (refusal,) = converted(FieldType.NETWORK, ["10.77.3.5/20"]).refusals
    assert "last 12 bits before /20 are zero" in refusal.accepted
    assert "77" not in refusal.accepted


@pytest.mark.parametrize(
    "cell",
    ["10.0.0.0", "10/8", "10.0.0.0 24", "10.0.0.0/33", "010.0.0.0/8", "10.0.0.0/255.0.255.0",
     "10.0.0.0/", "/24", "fe80::%eth0/64", "10.0.0.0/24/24", "10.0.0.0-10.0.0.255", "::/129"],
)  # fmt: skip
def test_what_is_no_network_is_refused(cell: str) -> None:
    assert one(FieldType.NETWORK, cell) == "value.type"


@pytest.mark.parametrize(
    ("cell", "tag"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("en-us", "en-US"),
        ("en_GB.UTF-8", "en-GB"),
        ("de_DE@euro", "de-DE"),
        ("sr_RS@latin", "sr-Latn-RS"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("zh-CHS", "zh-Hans"),
        ("es-419", "es-419"),
        ("deu", "de"),
        ("ger", "de"),
        ("fil", "fil"),
        ("iw", "he"),
        ("en-UK", "en-GB"),
        ("English", "en"),
        ("ESPAÑOL", "es"),
        ("Francais", "fr"),
        ("русский", "ru"),
        ("العربية", "ar"),
        ("हिन्दी", "hi"),
        ("Português (Brasil)", "pt-BR"),
        ("English - United States", "en-US"),
        ("Chinese (Traditional)", "zh-Hant"),
        ("Brazilian Portuguese", "pt-BR"),
    ],
)
def test_languages_by_code_locale_and_name(cell: str, tag: str) -> None:
    assert one(FieldType.LANGUAGE, cell) == tag


@pytest.mark.parametrize(
    "cell", ["", "zz", "xx-US", "en-ZZ", "C", "POSIX", "mul", "und", "1", "en,de", "Klingon",
             "English (Narnia)", "en-x-private", "en;q=0.9", "e", "english german"]
)  # fmt: skip
def test_what_is_no_language_is_refused(cell: str) -> None:
    assert one(FieldType.LANGUAGE, cell) == "value.type"


def test_every_language_is_known_by_its_codes_and_names_and_stays_itself() -> None:
    field = ENTITIES["customer"].fields["language"]
    tags = sorted({*_codes().values(), *_names().values()} - {""})
    assert {"en", "de", "zh", "ar", "sw"} <= set(tags)
    assert len({tag for tag in tags if len(tag) == 2}) == 184
    cells = pa.array(tags, pa.string())
    result = convert_language(cells)
    assert result.values.equals(cells)
    column = cells.to_pandas()
    assert all(check(column).check_passed for check in checks_of(field))
    assert "" not in _names().values(), "a name means two languages"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("01234", "01234"),
        ("00501.0", "00501"),
        ("12345-6789", "12345-6789"),
        ("12345\u20136789", "12345-6789"),
        ("k1a  0b1", "K1A 0B1"),
        ("75\u00a0001", "75 001"),
        (" sw1a 1aa ", "SW1A 1AA"),
        ("1.2345E+04", "value.scientific"),
        ("a\x00b", "value.unstorable"),
        ("12345.5", "12345.5"),
    ],
)
def test_postal_codes_keep_what_they_say(cell: str, value: str) -> None:
    assert one(FieldType.POSTAL_CODE, cell) == value


@pytest.mark.parametrize(
    ("cell", "degrees"),
    [
        ("41°24'12.2\"N", "41.403389"),
        ("41° 24\u2032 12.2\u2033 N", "41.403389"),
        ("41\u00ba24\u00b412.2''n", "41.403389"),
        ("41 24 12.2 N", "41.403389"),
        ("N 41.403", "41.403"),
        ("41.403 S", "-41.403"),
        ("41.403South", "-41.403"),
        ("41:24:12S", "-41.403333"),
        ("41-24-12 N", "41.403333"),
        ("41°24.5'", "41.408333"),
        ("-41°24'", "-41.4"),
        ("41°24'12,2\"N", "41.403389"),
        ("41deg 24' 12'' N", "41.403333"),
        ("0°0'0\"S", "0"),
    ],
)
def test_degrees_with_minutes_seconds_and_hemispheres(cell: str, degrees: str) -> None:
    assert one(LATITUDE, cell) == Decimal(degrees)


@pytest.mark.parametrize(
    "cell",
    ["41 24", "41.403 2.174", "41°60'N", "41°24'60\"N", "41.5°30'N", "-41 S", "N 41 S", "2.17 E",
     "41°24'12\"W", "41.403, 2.174", "°", "N", "41°N24"],
)  # fmt: skip
def test_angles_that_contradict_themselves_are_refused(cell: str) -> None:
    assert one(LATITUDE, cell) == "value.type"


def test_an_axis_takes_its_own_hemispheres() -> None:
    assert one(LONGITUDE, "2°10'26.5\"E") == Decimal("2.174028")
    assert one(LONGITUDE, "W 97.743") == Decimal("-97.743")
    assert one(LONGITUDE, "2 N") == "value.type"


@pytest.mark.parametrize(("field", "cell"), [(LATITUDE, "90°0'1\"N"), (LONGITUDE, "181 W")])
def test_beyond_the_poles_is_no_place(field: FieldInfo, cell: str) -> None:
    column = converted(field, [cell]).values
    series = pd.Series(
        field.pandas_dtype.__from_arrow__(column)  # type: ignore[attr-defined]
    )
    assert not all(check(series).check_passed for check in checks_of(field))


@given(st.integers(0, 89), st.integers(0, 59), st.integers(0, 599))
def test_seconds_are_added_exactly(degree: int, minute: int, tenths: int) -> None:
    result = converted(LATITUDE, [f"{degree}°{minute}'{tenths / 10}\"N"])
    exact = degree + Decimal(minute) / 60 + Decimal(tenths) / 36_000
    assert result.refusals == ()
    assert abs(result.values[0].as_py() - exact) <= Decimal("0.0000005")


def test_an_angle_finer_than_the_platforms_is_rounded_and_said_so() -> None:
    (refusal,) = converted(LATITUDE, ["41°24'12.23456\"N"]).refusals
    assert refusal.rule == "value.rounded"
