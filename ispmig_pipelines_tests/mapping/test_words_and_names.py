"""Text, words, countries, currencies, and the addresses of people and machines."""

from __future__ import annotations

import csv
import ipaddress
import re
import xml.etree.ElementTree as ElementTree

import email_validator
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert.phone import _plan
from ispmig_pipelines.model.field_info import FieldType
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.mapping.columns import converted, info, one

KEY = info(FieldType.TEXT, key=True, max_length=64)
PROSE = info(FieldType.TEXT, max_length=10_000)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("007", "007"),
        ("1E10", "1E10"),
        ("Jose\u0301", "José"),
        ("a\tb\u0007", "a\tb\u0007"),
        ("1001.0", "1001"),
        ("2.5", "2.5"),
        ("1.23E+11", "value.scientific"),
        ("1.23457e+11", "value.scientific"),
        ("5,55E+09", "value.scientific"),
        ("a\x00b", "value.unstorable"),
    ],
)
def test_identifiers_are_kept_or_refused_never_changed_in_meaning(cell: str, value: str) -> None:
    assert one(KEY, cell) == value


def test_prose_may_say_anything_but_nul() -> None:
    assert one(PROSE, "1.23E+11") == "1.23E+11"
    assert one(PROSE, "1001.0") == "1001.0"
    assert one(PROSE, "\x00") == "value.unstorable"


def test_choices_in_any_case() -> None:
    kind = info(FieldType.CHOICE, choices=("cash", "bank_transfer"))
    assert one(kind, "Bank Transfer") == "bank_transfer"
    assert one(kind, "CASH") == "cash"
    assert one(kind, "credit") == "value.choice"


def test_booleans_by_their_words() -> None:
    assert [one(FieldType.BOOLEAN, w) for w in ("Yes", "0", "T", "off")] == [
        True, False, True, False,
    ]  # fmt: skip
    assert one(FieldType.BOOLEAN, "maybe") == "value.type"
    assert one(FieldType.BOOLEAN, "Ja", true_words=("ja",), false_words=("nein",)) is True
    assert one(FieldType.BOOLEAN, "yes", true_words=("ja",)) == "value.type"


@pytest.mark.parametrize(
    ("cell", "code"),
    [("us", "US"), ("USA", "US"), ("United States", "US"), ("U.K.", "GB"), ("Deutschland", "DE"),
     ("germany", "DE"), ("Cote d'Ivoire", "CI"), ("Czech Republic", "CZ"), ("Brasil", "BR"),
     ("Türkiye", "TR"), ("Czechia", "CZ"), ("UAE", "AE"),
     ("Vatican City", "VA"), ("Slovak Republic", "SK"), ("XX", "value.type"),
     ("840", "US"), ("036", "AU"), ("004", "AF"), ("36", "value.type"), ("999", "value.type"),
     ("0840", "value.type"), ("US840", "value.type"), ("Narnia", "value.type")],
)  # fmt: skip
def test_countries_by_code_or_name(cell: str, code: str) -> None:
    assert one(FieldType.COUNTRY, cell) == code


def test_currencies_by_code_or_a_sign_of_their_own() -> None:
    assert one(FieldType.CURRENCY, "usd") == "USD"
    assert one(FieldType.CURRENCY, "€") == "EUR"
    assert one(FieldType.CURRENCY, "$") == "value.type"
    assert one(FieldType.CURRENCY, "ABC") == "value.type"


@pytest.mark.parametrize(
    ("cell", "address"),
    [("10.0.0.1", "10.0.0.1"), ("10.0.0.1/32", "10.0.0.1"), ("10.0.0.0/24", "value.type"),
     ("010.0.0.1", "value.type"), ("256.1.1.1", "value.type"), ("10.0.0", "value.type"),
     ("2001:DB8:0:0::1", "2001:db8::1"), ("2001:db8::1/128", "2001:db8::1"),
     ("fe80::1%eth0", "value.type"), ("localhost", "value.type")],
)  # fmt: skip
def test_ip_addresses(cell: str, address: str) -> None:
    assert one(FieldType.ADDRESS, cell) == address


@pytest.mark.parametrize("cell", ["::ffff:100.64.0.16", "::FFFF:6440:10", "0:0:0:0:0:ffff:6440:10"])
def test_an_address_of_version_4_written_as_one_of_version_6_is_the_same_address(
    cell: str,
) -> None:
    assert one(FieldType.ADDRESS, cell) == "100.64.0.16"


@pytest.mark.parametrize(
    "cell",
    ["001A2B3C4D5E", "00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e",
     "001a2b-3c4d5e", "00 1a 2b 3c 4d 5e", "0:1a:2b:3c:4d:5e", "001A-2B3C-4D5E"],
)  # fmt: skip
def test_every_spelling_of_a_mac_is_the_same_address(cell: str) -> None:
    assert one(FieldType.MAC, cell) == "00:1a:2b:3c:4d:5e"


@pytest.mark.parametrize(
    ("cell", "rule"),
    [("1.23E+11", "value.scientific"), ("1122334455", "value.type"), ("0:1-2:3:4:5", "value.type"),
     ("00:1a:2b:3c:4d:5g", "value.type"), ("00:1a:2b:3c:4d:5e:6f", "value.type")],
)  # fmt: skip
def test_what_is_no_mac(cell: str, rule: str) -> None:
    assert one(FieldType.MAC, cell) == rule


@pytest.mark.parametrize(
    ("cell", "address"),
    [("Ann.B@EXAMPLE.Com", "Ann.B@example.com"), ("a@foo.test", "a@foo.test"),
     ("josé@example.com", "josé@example.com"), ("a@xn--mnchen-3ya.de", "a@münchen.de"),
     ("a@localhost", "value.type"), ("a@b@c.com", "value.type"), ("a@x.com; b@x.com", "value.type"),
     ("1", "value.type"), ("@x.com", "value.type"), ("a@1.2.3.4", "value.type")],
)  # fmt: skip
def test_email_addresses(cell: str, address: str) -> None:
    assert one(FieldType.EMAIL, cell) == address


_ATOM = st.text("aZ0.-_+@'!xn", min_size=1, max_size=12)


@given(st.builds("{}@{}.{}".format, _ATOM, _ATOM, _ATOM))
def test_column_operations_accept_no_address_that_the_library_refuses(cell: str) -> None:
    value = one(FieldType.EMAIL, cell)
    try:
        expected = email_validator.validate_email(cell, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        expected = "value.type"
    assert value == expected


def test_of_the_corpus_of_addresses_no_invalid_one_passes() -> None:
    tree = ElementTree.parse(corpus("vocab/tests.xml"))  # noqa: S314  our own file
    controls = {0x2400 + i: i for i in range(32)}
    verdicts = [
        ((test.findtext("address") or "").translate(controls), test.findtext("category"))
        for test in tree.iter("test")
    ]
    assert len(verdicts) == 164
    invalid = [address for address, category in verdicts if category == "ISEMAIL_ERR"]
    assert len(invalid) == 66
    result = converted(FieldType.EMAIL, [a or None for a in invalid])
    passed = [a for a, v in zip(invalid, result.values.to_pylist(), strict=True) if v]
    assert passed == []


@pytest.mark.parametrize(
    ("cell", "number"),
    [("(555) 123-4567", "+15551234567"), ("555.123.4567", "+15551234567"),
     ("1-555-123-4567", "+15551234567"), ("5551234567.0", "+15551234567"),
     ("+44 20 7946 0958", "+442079460958"), ("011 44 20 7946 0958", "+442079460958"),
     ("555123456.0", "value.type"), ("555-1234", "value.type"), ("5.55E+09", "value.scientific"),
     ("0", "value.type"), ("n/a", "value.type"), ("555-123-4567 / 555-123-9999", "value.type")],
)  # fmt: skip
def test_telephone_numbers_of_a_country(cell: str, number: str) -> None:
    assert one(FieldType.PHONE, cell, country="US") == number


@pytest.mark.parametrize(
    ("cell", "country"),
    [("000-000-0000", "US"), ("(999) 999-9999", "US"), ("1111111111", "US"), ("0000000000.0", "US"),
     ("+1 000 000 0000", ""), ("000-000-0000 x12", "US"), ("1111111111", "IN")],
)  # fmt: skip
def test_one_digit_over_and_over_is_no_number(cell: str, country: str) -> None:
    result = converted(FieldType.PHONE, [cell, None], country=country)
    assert result.values.to_pylist() == [None, None]
    (refusal,) = result.refusals
    assert (refusal.rule, refusal.where.tolist()) == ("value.type", [True, False])


def test_one_digit_over_and_over_that_is_in_use_is_a_number() -> None:
    assert one(FieldType.PHONE, "888-888-8888", country="US") == "+18888888888"
    assert one(FieldType.PHONE, "+47 22 22 22 22") == "+4722222222"


def test_without_a_country_only_a_country_code_makes_a_number() -> None:
    assert one(FieldType.PHONE, "+442079460958") == "+442079460958"
    assert one(FieldType.PHONE, "020 7946 0958") == "value.type"


def test_an_extension_is_told_and_the_number_kept() -> None:
    result = converted(FieldType.PHONE, ["555-123-4567 x12"], country="US")
    assert result.values.to_pylist() == ["+15551234567"]
    assert [r.rule for r in result.refusals] == ["value.dropped"]


@pytest.mark.slow
def test_of_the_corpus_of_numbers_every_valid_one_is_e164_and_no_impossible_one_passes() -> None:
    path = corpus("vocab/phone_examples.tsv")
    rows = list(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t"))
    assert len(rows) == 734
    for row in rows:
        if row["valid"] == "True":
            for cell in (row["national_format"], row["international_format"], row["e164"]):
                assert one(FieldType.PHONE, cell, country=row["region"]) == row["e164"], row
        elif row["possible"] == "False":
            assert one(FieldType.PHONE, row["e164"], country=row["region"]) == "value.type", row


def _by_the_library(cell: str, country: str) -> str:
    try:
        number = phonenumbers.parse(cell, country)
    except phonenumbers.NumberParseException:
        return "value.type"
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return "value.type"
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written if len(written) <= 16 and not written.startswith("+0") else "value.type"


@settings(max_examples=400)
@given(
    st.sampled_from(["US", "GB", "DE", "FR", "IT", "RU", "IN", "BD", "BR", "MX", "NG", "HU", "AR"]),
    st.sampled_from(["", "+", "0", "00", "1", "8", "(0", "+49 (0)", "+1", "+39 0", "7"]),
    st.text("0123456789 -()", min_size=4, max_size=13),
)
def test_column_operations_write_a_number_as_the_library_does(
    country: str, start: str, rest: str
) -> None:
    plan = _plan(country)
    assert plan is not None
    cell = start + rest
    significant = plan.significant(pa.array([cell]))[0].as_py()
    if significant is not None:
        assert f"+{plan.code}{significant}" == _by_the_library(cell, country)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["US", "GB", "DE", "IT", "RU", "IN", "BR", ""]),
    st.sampled_from(["", "+", "+1 ", "+44", "+1 (", "1 (", "+7 ", "00", "011 ", "(", "+39 0"]),
    st.text("0123456789 -().", min_size=1, max_size=13),
    st.sampled_from(["", ".0", " x12", "x5", " ext. 77", " ext 1"]),
)
def test_a_number_in_any_spelling_is_what_the_library_makes_of_it(
    country: str, start: str, rest: str, end: str
) -> None:
    cell = (start + rest).strip() + end
    value = one(FieldType.PHONE, cell, country=country)
    # A float's .0 is no digit of the number.
    bare = re.sub(r"^([0-9]{5,})\.0+$", r"\1", cell)
    expected = _by_the_library(bare, country)
    if expected.startswith("+") and _by_the_library(expected, "") != expected:
        expected = "value.type"
    assert value == expected


def test_the_corpus_of_numbers_as_one_column_is_read_as_cell_by_cell() -> None:
    rows = csv.DictReader(corpus("vocab/phone_examples.tsv").open(encoding="utf-8"), delimiter="\t")
    cells = [row["international_format"] or row["e164"] for row in rows]
    together = converted(FieldType.PHONE, cells, country="US").values.to_pylist()
    alone = [one(FieldType.PHONE, cell, country="US") for cell in cells]
    assert together == [value if value.startswith("+") else None for value in alone]


def test_of_the_corpus_of_addresses_the_ordinary_ones_are_read() -> None:
    tree = ElementTree.parse(corpus("vocab/tests.xml"))  # noqa: S314  our own file
    good = [
        address
        for test in tree.iter("test")
        if test.findtext("category") == "ISEMAIL_VALID_CATEGORY"
        and re.fullmatch(r"[\w.+-]+@[\w.-]+\.[a-z]{2,}", address := test.findtext("address") or "")
    ]
    assert len(good) >= 5
    assert [one(FieldType.EMAIL, address) for address in good] == good


@pytest.mark.parametrize(
    ("cell", "address"),
    [("256.1.1.1", "value.type"), ("1.2.3.4/32", "1.2.3.4"), ("1.2.3.4/24", "value.type"),
     ("gateway", "value.type"), ("1.2.3", "value.type"), ("::1", "::1"),
     ("1.2.3.4.5", "value.type")],
)  # fmt: skip
def test_ip_addresses_in_columns(cell: str, address: str) -> None:
    assert one(FieldType.ADDRESS, cell) == address


@given(st.text("0123456789.:/abcfF ", max_size=14))
def test_an_address_is_what_python_makes_of_it(cell: str) -> None:
    cell = cell.strip() or "x"
    value = one(FieldType.ADDRESS, cell)
    bare, _, length = cell.partition("/")
    try:
        address = ipaddress.ip_address(bare.strip())
    except ValueError:
        assert value == "value.type"
    else:
        whole = "/" not in cell or length.strip() == str(address.max_prefixlen)
        assert value == (str(address) if whole else "value.type")
