"""Masked values look like what they stand for, join like it, and lead nowhere."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import uuid
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.mapping.convert.phone import phone_converter
from ispmig_pipelines.mapping.convert.values import frame_column
from ispmig_pipelines.mapping.style import Style
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.check import checks_of
from ispmig_pipelines.model.field_info import FieldType, Privacy
from ispmig_pipelines.model.masking import KEY_BYTES, Masker, is_masked
from ispmig_pipelines.model.permutation import of_shape, permuted
from ispmig_pipelines_tests.corpora import corpus

KEY = bytes(range(KEY_BYTES))
MASKER = Masker(KEY)


def masked(entity: str, field: str, *values: str | None) -> list[Any]:
    return MASKER.column(entity, field, pa.array(values, pa.string())).to_pylist()


def one(entity: str, field: str, value: str) -> str:
    return str(masked(entity, field, value)[0])


@pytest.mark.slow
@given(st.integers(2, 5000), st.integers(0, 3))
def test_a_permutation_meets_every_number_once(limit: int, tweak: int) -> None:
    found = {permuted(n, limit, KEY, bytes([tweak])) for n in range(limit)}
    assert found == set(range(limit))


@given(st.text(max_size=30), st.integers(0, 2**256 - 1))
def test_a_shape_is_kept(text: str, number: int) -> None:
    other = of_shape(text, number)
    assert len(other) == len(text)
    for before, after in zip(text, other, strict=True):
        if before.isascii():
            assert after.isascii()
            assert (before.isdigit(), before.isupper(), before.islower()) == (
                after.isdigit(),
                after.isupper(),
                after.islower(),
            )
        if not before.isalnum():
            assert after == before


def of_rows(entity: str, **columns: list[str | None]) -> dict[str, list[Any]]:
    """Rows of an entity, masked as an export masks them."""
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    found: dict[str, list[Any]] = MASKER.batch(entity, pa.record_batch(arrays)).to_pydict()
    return found


@given(st.lists(st.text(alphabet="aB1é東-", min_size=1, max_size=3), unique=True, max_size=60))
def test_different_keys_stay_different_and_show_nothing_of_themselves(keys: list[str]) -> None:
    found = masked("customer", "account_number", *keys)
    assert len(set(found)) == len(keys)
    assert all(re.fullmatch("[A-Z2-7]{16}", key) for key in found)


def test_numbers_of_a_dense_range_do_not_become_those_of_others() -> None:
    accounts = [f"{n}" for n in range(1000, 3000)]
    found = masked("customer", "account_number", *accounts)
    assert len(set(found)) == len(accounts)
    assert not set(found) & set(accounts)


def test_equal_keys_of_two_entities_do_not_betray_each_other() -> None:
    keys = [
        (name, info.key[0])
        for name, info in ENTITIES.items()
        if info.fields[info.key[0]].type is FieldType.TEXT
        and not info.fields[info.key[0]].references
    ]
    assert len(keys) == 8
    assert len({one(entity, field, "6") for entity, field in keys}) == len(keys)
    for field in ("portal_username", "tax_id", "company_number", "national_id"):
        assert one("customer", field, "6") != one("customer", "account_number", "6")


def test_positions_of_an_invoice_stay_different_numbers() -> None:
    for numbers in (range(10), range(100, 1000)):
        found = masked("invoice_line", "line_no", *map(str, numbers))
        assert sorted(map(int, found)) == list(numbers)
    for number in (2**63 - 1, 10**18):
        assert 10**18 <= int(one("invoice_line", "line_no", str(number))) < 2**63
    vlans = masked("ip_assignment", "vlan", *map(str, range(1, 4095)))
    assert sorted(map(int, vlans)) == list(range(1, 4095))


def test_equal_amounts_of_two_rows_differ() -> None:
    rows = 500
    found = of_rows(
        "service",
        service_code=[f"S{n}" for n in range(rows)],
        price=["29.9900"] * rows,
        setup_fee=["29.9900"] * rows,
        plan=["P"] * rows,
    )
    assert len(set(found["price"])) > 400
    assert sum(p == s for p, s in zip(found["price"], found["setup_fee"], strict=True)) < 5
    assert len(set(found["plan"])) == 1


def test_the_largest_town_is_not_known_by_its_size() -> None:
    rows = 2900
    found = of_rows(
        "customer",
        account_number=[str(n) for n in range(rows)],
        billing_city=["Porthaven"] * rows,
        first_name=["John"] * rows,
        birth_date=["1970-01-01"] * rows,
    )
    for field, most in (("billing_city", 200), ("first_name", 80), ("birth_date", 40)):
        assert pd.Series(found[field]).value_counts().max() < most, field


def test_rows_are_masked_alike_whatever_stands_around_them() -> None:
    whole = of_rows(
        "invoice_line",
        invoice_number=["1", "1", "2"],
        line_no=["1", "2", "1"],
        amount=["10.0000", "10.0000", "10.0000"],
    )
    alone = of_rows("invoice_line", amount=["10.0000"], line_no=["2"], invoice_number=["1"])
    assert alone["amount"] == [whole["amount"][1]]
    assert len(set(whole["amount"])) == 3


def test_rows_without_their_key_are_refused_and_unknown_columns_emptied() -> None:
    with pytest.raises(ValueError, match="line_no"):
        of_rows("invoice_line", invoice_number=["1"], amount=["1.0000"])
    assert of_rows("plan", plan_code=["P"], legacy=['{"Old": "x"}'])["legacy"] == [None]


def test_of_a_time_the_day_stays() -> None:
    times = [f"2024-02-29T10:00:00.{n:06}+00:00" for n in range(50)]
    found = masked("payment", "paid_at", *times)
    assert {time[:10] for time in found} == {"2024-02-29"}
    assert len({time[11:] for time in found}) > 45


def test_of_texts_only_words_of_closed_lists_stay() -> None:
    """Whatever a text field holds: nothing of it is left, unless it is a language or a unit."""
    secret = "Anna Sommerfeld 0171 5550123"
    for entity, info in ENTITIES.items():
        for field, about in info.fields.items():
            if about.type is FieldType.TEXT and not about.pattern:
                assert not set(secret.split()) & set(one(entity, field, secret).split()), field
    assert masked("customer", "language", "en", "pt-BR", "zh-Hant-TW", "de-Anna-x1") == [
        "en", "pt-BR", "zh-Hant-TW", "de"
    ]  # fmt: skip
    assert masked("invoice_line", "unit", "GB", "Month", "Anna") == ["GB", "Month", "(masked)"]


SAMPLES = {
    FieldType.EMAIL: "Ann.Lee@provider.de",
    FieldType.PHONE: "+4930123456",
    FieldType.COUNTRY: "DE",
    FieldType.CURRENCY: "EUR",
    FieldType.INTEGER: "7",
    FieldType.DATA_RATE: "100000",
    FieldType.MONEY: "-1234.5000",
    FieldType.COORDINATE: "52.520008",
    FieldType.RATE: "0.190000",
    FieldType.QUANTITY: "12.500000",
    FieldType.BOOLEAN: "true",
    FieldType.DATE: "1990-02-28",
    FieldType.TIMESTAMP: "2024-02-29T10:00:00.000001+00:00",
    FieldType.TIME: "19:30:00",
    FieldType.ADDRESS: "2001:db8::1",
    FieldType.NETWORK: "10.20.30.0/24",
    FieldType.LANGUAGE: "en",
    FieldType.POSTAL_CODE: "SW1A 1AA",
    FieldType.UUID: "123e4567-e89b-12d3-a456-426614174000",
    FieldType.MAC: "00:11:22:33:44:55",
}


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_field_is_masked_by_its_class_and_still_passes_its_own_checks(entity: str) -> None:
    for field, info in ENTITIES[entity].fields.items():
        text = {"last_four": "0042"}.get(field, "O'Brien 42")
        sample = info.choices[0] if info.choices else SAMPLES.get(info.type, text)
        sample = "2027" if field == "expiry_year" else sample
        (found,) = masked(entity, field, sample)
        if info.privacy is Privacy.SECRET:
            assert found is None
            continue
        if not is_masked(entity, field):
            assert found == sample
            continue
        if field != "language":
            assert found != sample, field
        # The field's checks take the field's own type.
        typed = pa.array([found], pa.string())
        if info.type is FieldType.TIMESTAMP:
            typed = pa.array([dt.datetime.fromisoformat(found)], info.arrow_type)
        elif info.arrow_type != pa.string():
            typed = typed.cast(info.arrow_type)
        column = frame_column(typed, info.pandas_dtype)
        for check in checks_of(info):
            assert check(column).check_passed, (field, found)


def test_what_is_masked_follows_what_a_field_can_hold_and_its_privacy_class() -> None:
    closed = (FieldType.CHOICE, FieldType.BOOLEAN, FieldType.COUNTRY, FieldType.CURRENCY)
    for entity, info in ENTITIES.items():
        for field, about in info.fields.items():
            if about.type in closed:
                assert not is_masked(entity, field)
            elif about.privacy in (Privacy.PERSONAL, Privacy.PAYMENT, Privacy.SECRET):
                assert is_masked(entity, field)
            if about.arrow_type == pa.string() and about.type not in closed:
                assert is_masked(entity, field)
            if about.key or about.references:
                assert is_masked(entity, field)
    assert not is_masked("plan", "price")
    assert not is_masked("plan", "download_kbps")
    assert not is_masked("customer", "signup_date")


def test_references_still_join() -> None:
    number = one("customer", "account_number", "AC-7")
    for entity, info in ENTITIES.items():
        for field, parent in info.references.items():
            if parent == "customer":
                assert one(entity, field, "AC-7") == number
    assert one("invoice_line", "invoice_number", "I1") == one("invoice", "invoice_number", "I1")
    assert one("device", "management_address", "10.1.1.1") == one(
        "ip_assignment", "address", "10.1.1.1"
    )
    assert one("customer", "email", "a@b.de") == one("customer", "billing_email", "a@b.de")
    assert one("plan", "address_pool", "dyn-1") == one("ip_assignment", "pool", "dyn-1")
    assert one("plan", "access_group", "gold") == one("service", "access_group", "gold")


def test_another_tenants_key_gives_other_values() -> None:
    other = Masker(bytes(KEY_BYTES))
    value = pa.array(["AC-10023"])
    assert other.column("customer", "account_number", value).to_pylist() != masked(
        "customer", "account_number", "AC-10023"
    )
    with pytest.raises(ValueError, match="short"):
        Masker(b"short")


def test_nothing_stays_nothing_and_an_empty_text_empty() -> None:
    assert masked("customer", "first_name", None, "", "Ann")[:2] == [None, ""]
    assert masked("customer", "portal_secret", None, "x") == [None, None]


def test_emails_are_at_domains_that_nobody_has() -> None:
    assert re.fullmatch(
        r"[a-z]+\.[a-z]+\.[0-9a-f]{12}@example\.(com|net|org)", one("customer", "email", "a@b.de")
    )


def test_telephones_stay_telephones_of_their_country() -> None:
    """Every example number of libphonenumber: what is masked is read as it stands."""
    lines = corpus("vocab/phone_examples.tsv").read_text(encoding="utf-8").splitlines()
    numbers = sorted({cell for line in lines for cell in line.split("\t") if cell[:1] == "+"})
    convert = phone_converter(Style())
    read = convert(pa.array(numbers)).values.to_pylist()
    numbers = [n for n, same in zip(numbers, read, strict=True) if n == same]
    assert len(numbers) > 500
    found = pa.array(masked("customer", "phone", *numbers), pa.string())
    assert convert(found).values.to_pylist() == found.to_pylist()
    assert len(set(found.to_pylist())) == len(numbers)


@given(st.ip_addresses())
def test_addresses_stay_of_their_kind(address: Any) -> None:
    other = ipaddress.ip_address(one("ip_assignment", "address", str(address)))
    assert other.version == address.version
    assert (other.is_multicast, other.is_link_local) == (
        address.is_multicast,
        address.is_link_local,
    )


def test_private_networks_stay_private() -> None:
    for address in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "fd00::1", "fe80::1"):
        assert ipaddress.ip_address(one("ip_assignment", "address", address)).is_private
    every = [str(ipaddress.ip_address("192.168.0.0") + n) for n in range(4096)]
    assert len(set(masked("ip_assignment", "address", *every))) == 4096


@given(st.sampled_from(["10.0.0.0/8", "192.168.0.0/16", "93.184.0.0/13", "2a02::/16"]))
def test_networks_keep_their_length_and_kind_and_stay_different(whole: str) -> None:
    network = ipaddress.ip_network(whole)
    parts = [str(part) for part in network.subnets(8)]
    found = [ipaddress.ip_network(n) for n in masked("ip_assignment", "network", *parts)]
    assert len(set(found)) == len(parts)
    assert {part.prefixlen for part in found} == {network.prefixlen + 8}
    assert {part.is_private for part in found} == {ipaddress.ip_network(parts[0]).is_private}
    if network.is_private and network.version == 4:
        assert all(part.subnet_of(network) for part in found)


@given(st.one_of(st.integers(0, 32).map(lambda n: f"0.0.0.0/{n}"),
                 st.integers(0, 128).map(lambda n: f"::/{n}")))  # fmt: skip
def test_networks_of_every_length_are_masked(network: str) -> None:
    (found,) = masked("ip_assignment", "network", network)
    assert ipaddress.ip_network(found).prefixlen == int(network.partition("/")[2])


def test_uuids_become_other_uuids() -> None:
    (found,) = masked("device", "uuid", "123e4567-e89b-12d3-a456-426614174000")
    assert uuid.UUID(found).version == 4
    assert masked("device", "uuid", "123e4567-e89b-12d3-a456-426614174000") == [found]


@given(st.decimals("-99999999999.9999", "99999999999.9999", places=4))
def test_amounts_keep_sign_and_size(amount: Any) -> None:
    text = f"{amount:f}"
    found = one("customer", "balance", text)
    assert len(found) == len(text)
    assert (float(found) > 0, float(found) < 0) == (amount > 0, amount < 0)
    assert found.endswith("00") >= text.endswith("00")


def test_the_day_changes_and_the_year_stays() -> None:
    days = [f"19{year:02}-06-15" for year in range(100)]
    for before, after in zip(days, masked("customer", "birth_date", *days), strict=True):
        assert before[:4] == after[:4]
        dt.date.fromisoformat(after)


def test_free_text_says_nothing_any_more() -> None:
    assert one("customer", "notes", "Call Ann on +49 30 1") == "(masked)"


def test_the_names_are_of_fields_that_there_are() -> None:
    from ispmig_pipelines.model.masking import _JOINED, _NUMBERS, _TEXTS

    there = {
        (field, about.type) for info in ENTITIES.values() for field, about in info.fields.items()
    }
    for field in (*_TEXTS, *_JOINED, *_JOINED.values()):
        assert (field, FieldType.TEXT) in there
    for field in _NUMBERS:
        assert (field, FieldType.INTEGER) in there
