"""Checks of single cells: what passes, what does not, and that patterns mean one thing."""

from __future__ import annotations

import datetime
import ipaddress
import re
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.check import CheckKind, accepted, checks_of, kinds_of
from ispmig_pipelines.model.field import FieldInfo, FieldType
from ispmig_pipelines_tests.model.values import PATTERNS, of_pattern


def passes(info: FieldInfo, *values: object) -> list[bool]:
    """What Pandera says of each value: true only if every check of the field lets it pass."""
    array = pa.array(values, info.arrow_type)
    column = pd.Series(array.to_pandas(), dtype=info.pandas_dtype)
    if isinstance(info.pandas_dtype, pd.ArrowDtype):
        column = pd.Series(pd.arrays.ArrowExtensionArray(array))
    verdicts = [True] * len(values)
    for check in checks_of(info):
        output = check(column).check_output
        if isinstance(output, pd.Series):
            verdicts = [a and bool(b) for a, b in zip(verdicts, output, strict=True)]
        else:
            assert output is True
    return verdicts


def field(name: str) -> FieldInfo:
    entity, _, field_name = name.partition(".")
    return ENTITIES[entity].fields[field_name]


CELLS = [
    ("customer.account_number", ["7", "Ä-1", "x" * 64, "€" * 64], ["", "x" * 65, "€" * 65, "a\0"]),
    ("customer.status", ["active", "cancelled"], ["Active", "", "active ", "gone"]),
    ("customer.email", ["a@b", "josé@exämple.de", "o'b+x@m.co"], ["a", "a@", "@b", "a b@c", "a@b@c",
     "a@b\n", "a@b\0", "\u00a0@b", "a" * 253 + "@b"]),
    ("customer.phone", ["+14155550123", "+12345"], ["+1234", "14155550123", "+0123456",
     "+1234567890123456", "+1415555\uff10123"]),
    ("customer.billing_country", ["DE", "US"], ["de", "DEU", "D", "", "DE\n"]),
    ("customer.currency", ["EUR"], ["€", "eur", "EURO"]),
    ("customer.language", ["en", "pt-BR", "zh-Hans-CN"], ["EN", "english", "en_US", "en-"]),
    ("customer.bill_day", [1, 31], [0, 32, -1, 2**62]),
    ("customer.notes", ["", " ", "line\nline", "😀" * 10_000], ["😀" * 10_001, "a\0b"]),
    ("location.latitude", [Decimal("-90"), Decimal("90.000000")], [Decimal("90.000001")]),
    ("location.longitude", [Decimal("180")], [Decimal("-180.000001")]),
    ("plan.download_kbps", [0, 10**9], [-1]),
    ("plan.tax_rate", [Decimal("0"), Decimal("0.19"), Decimal("1")], [Decimal("19"),
     Decimal("-0.01")]),
    ("plan.data_cap_gb", [Decimal("0"), Decimal("0.5")], [Decimal("-1")]),
    ("payment_method.last_four", ["0042"], ["42", "00042", "004a", "\uff10\uff10\uff14\uff12"]),
    ("payment_method.token", ["tok_1Abc", "12345678901", "a-4"], ["4111111111111111",
     "4111-1111-1111-1111", "4111 1111 1111 1111", "", "tok 1"]),
    ("payment_method.expiry_month", [1, 12], [0, 13]),
    ("ip_assignment.address", ["10.0.0.1", "255.255.255.255", "2001:db8::1", "::"],
     ["10.0.0.256", "10.0.0", "010.0.0.1", "10.0.0.1/24", "2001:DB8::1", "2001:db8:0::1",
     "fe80::1%eth0", "", "a"]),
    ("ip_assignment.vlan", [1, 4094], [0, 4095]),
    ("ip_assignment.prefix_length", [0, 128], [-1, 129]),
    ("device.mac", ["aa:bb:cc:00:11:22"], ["AA:BB:CC:00:11:22", "aabbcc001122", "aa:bb:cc:00:11"]),
    ("invoice.due_date", [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)], []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sound", "unsound"), CELLS, ids=[cell[0] for cell in CELLS])
def test_cells(name: str, sound: list, unsound: list) -> None:
    info = field(name)
    assert passes(info, *sound) == [True] * len(sound)
    assert passes(info, *unsound) == [False] * len(unsound)
    # One by one too: a column of sound cells only takes shorter ways through some checks.
    for value in unsound:
        assert passes(info, value) == [False], value


@pytest.mark.parametrize("name", [cell[0] for cell in CELLS])
def test_missing_passes_every_check_of_a_cell(name: str) -> None:
    info = field(name)
    assert passes(info, None, None) == [True, True]
    assert passes(info) == []


@pytest.mark.parametrize(
    ("name", "days"),
    [("invoice.due_date", (-719_163, 2_932_897)), ("payment.paid_at", (-719_163, 2_932_897))],
)
def test_days_beyond_four_digits_of_a_year_are_refused(name: str, days: tuple[int, int]) -> None:
    """The day before 0001-01-01 and the day after 9999-12-31: Arrow can count to them, and
    neither Python's dates nor four digits can."""
    info = field(name)
    of_a_day = 1 if info.type is FieldType.DATE else 86_400_000_000
    storage = pa.int32() if info.type is FieldType.DATE else pa.int64()
    array = pa.array([day * of_a_day for day in (*days, 0)], storage).cast(info.arrow_type)
    (check,) = checks_of(info)
    output = check(pd.Series(pd.arrays.ArrowExtensionArray(array))).check_output
    assert list(output) == [False, False, True]


def test_every_kind_is_in_words() -> None:
    for entity in ENTITIES.values():
        for info in entity.fields.values():
            for kind in kinds_of(info):
                assert accepted(info, kind)
    assert accepted(field("customer.bill_day"), CheckKind.RANGE) == "from 1 to 31"
    assert accepted(field("plan.download_kbps"), CheckKind.RANGE) == "at least 0 kbit/s"
    assert accepted(field("customer.notes"), CheckKind.LENGTH) == "at most 10000 characters"
    assert accepted(field("customer.status"), CheckKind.CHOICE) == (
        "lead, active, suspended, cancelled"
    )


def test_a_failing_check_quotes_one_cell_at_most() -> None:
    """Pandera writes failing cells into its texts; the fewer it knows, the fewer can leak."""
    for entity in ENTITIES.values():
        for info in entity.fields.values():
            assert all(check.n_failure_cases == 1 for check in checks_of(info))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_use_only_what_all_engines_read_alike(pattern: str) -> None:
    """Python's re, Arrow's RE2 and PostgreSQL differ in escapes, in ``.``, in lazy counts and
    in what the classes of ``\\s`` hold; a negated class would let in U+0000."""
    assert "\\" not in pattern
    assert "[^" not in pattern
    outside_classes = re.sub(r"\[[^]]*\]", "", pattern)
    assert "." not in outside_classes
    assert "(" not in outside_classes.replace("(?:", "")
    assert not re.search(r"[*+?}][?+]", outside_classes)
    assert re.fullmatch(pattern, "\0") is None


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mean_to_pandera_what_they_mean_to_python(pattern: str) -> None:
    info = FieldInfo(FieldType.EMAIL, "Under test.", pattern=pattern, pattern_doc="as told")
    alphabet = st.sampled_from("aZ09@:-_+ .\n\0é€😀\u00a0\u200b~!")

    @given(st.lists(of_pattern(pattern) | st.text(alphabet, max_size=20)))
    @settings(max_examples=60, deadline=None)
    def agree(texts: list[str]) -> None:
        expected = [re.fullmatch(pattern, text) is not None for text in texts]
        assert passes(info, *texts) == expected

    agree()


@given(st.lists(st.ip_addresses().map(str) | st.text("0123456789abcdef.:%/", max_size=40)))
@settings(deadline=None)
def test_an_address_is_what_python_writes(texts: list[str]) -> None:
    def is_canonical(text: str) -> bool:
        try:
            return str(ipaddress.ip_address(text)) == text and "%" not in text
        except ValueError:
            return False

    assert passes(field("ip_assignment.address"), *texts) == [is_canonical(t) for t in texts]
