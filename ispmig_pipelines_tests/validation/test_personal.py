# ruff: noqa: RUF001, S311
"""Columns that say something about people are known by their names and their cells, and by no
accident; what is told of them holds no cell."""

from __future__ import annotations

import importlib
import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.field_info import Privacy
from ispmig_pipelines.validation import national_ids, special_categories
from ispmig_pipelines.validation.personal import (
    ColumnSample,
    PersonalColumn,
    PersonalKind,
    classify,
    kind_of_field,
)
from ispmig_pipelines.validation.personal_data import LEGACY, PersonalData, of_column

K = PersonalKind


def looked(name: str, cells: list[str | None]) -> PersonalColumn | None:
    sample = ColumnSample(name)
    sample.add(pa.array(cells, pa.string()))
    return classify(sample)


def digits(count: int, seed: random.Random) -> str:
    return "".join(seed.choice("0123456789") for _ in range(count))


def valid_ids(module: str, shape: str, count: int = 40) -> list[str]:
    """Numbers that pass: ``9`` in the shape is a digit, ``A`` a letter."""
    seed = random.Random(shape)
    valid = importlib.import_module(f"stdnum.{module}").is_valid
    found: list[str] = []
    while len(found) < count:
        made = "".join(
            seed.choice("0123456789") if c == "9" else seed.choice("ABCDEFGHJKLMNPQRSTVWXYZ")
            if c == "A" else c
            for c in shape
        )  # fmt: skip
        if valid(made):
            found.append(made)
    return found


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("field_7", ["ann@example.org", "b.c@mail.example.com"], K.EMAIL),
        ("x", ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"], K.BANK_ACCOUNT),
        ("x", ["00:1A:2b:3c:4d:5e", "001a.2b3c.4d5e"], K.MAC_ADDRESS),
        ("last seen from", ["10.1.2.3", "2001:db8::1"], K.IP_ADDRESS),
        ("u3", ["+49 30 1234567", "0044 20 7946 0000"], K.PHONE),
        ("Tel. privat", ["030/1234567", "0171 5550100"], K.PHONE),
        ("Geburtsdatum", ["12.03.1977", "1.1.90"], K.BIRTH_DATE),
        ("DateOfBirth", ["1977-03-12", "1990-01-01"], K.BIRTH_DATE),
        ("Дата рождения", ["01.02.1980"], K.BIRTH_DATE),
        ("gps", ["52.5200,13.4050", "48.1371, 11.5754"], K.COORDINATES),
        ("latitude", ["52.52", "48.13"], K.COORDINATES),
        ("Kennwort", ["geheim1", "hund"], K.SECRET),
        ("h", ["$2y$10$abcdefghijklmn", "$2y$10$bbbbbbbbbbbbbb", "$6$salt$hash"], K.SECRET),
        ("Religion", ["evangelisch", "keine"], K.SPECIAL),
        ("Vorname", ["Zbyszko", "Xaver"], K.NAME),
        ("belongs", ["Maria Lopez", "John Smith", "Eva Braun", "Ana Gil", "Jan Maly"], K.NAME),
        ("where", ["12 Main Street", "7 Oak Road", "9 High St"], K.ADDRESS),
        ("Wohnort", ["Berlin", "Bonn"], K.ADDRESS),
        ("Passport", ["C01X0006H", "K1234567"], K.NATIONAL_ID),
        ("imei", ["490154203237518", "356938035643809"], K.DEVICE_ID),
        ("login", ["ann7", "bob"], K.USERNAME),
        ("Gender", ["f", "m"], K.ABOUT),
        ("notes", ["call before you come", "none"], K.FREE_TEXT),
        ("u1", ["ann@example.org; bob@example.net", "Eva <eva@example.org>"], K.EMAIL),
        ("мобильный", ["0501234567", "0671234567"], K.PHONE),
        ("Τηλέφωνο", ["2101234567", "2107654321"], K.PHONE),
        ("携帯電話", ["090-1234-5678", "080-8765-4321"], K.PHONE),
        ("رقم الهاتف", ["0551234567", "0557654321"], K.PHONE),
        ("생년월일", ["19770312", "19900101"], K.BIRTH_DATE),
        ("Datum rođenja", ["12.03.1977.", "01.01.1990."], K.BIRTH_DATE),
        ("Születési idő", ["1977.03.12.", "1990.01.01."], K.BIRTH_DATE),
        ("d2", [f"{year}-05-0{year % 9 + 1}" for year in range(1941, 2003)], K.BIRTH_DATE),
        ("姓名", ["王伟", "李娜"], K.NAME),
        ("客户地址", ["北京市朝阳区1号", "上海市2号"], K.ADDRESS),
        ("серийный номер", ["AB12CD34", "EF56GH78"], K.DEVICE_ID),
        ("Nazwisko właściciela", ["Kowal", "Nowak"], K.NAME),
    ],
)
def test_columns_are_known_by_name_or_cells(
    name: str, cells: list[str | None], kind: PersonalKind
) -> None:
    found = looked(name, cells)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("status", ["active", "cancelled"]),
        ("plan", ["Gold 100", "Silver 50", "Basic"]),
        ("installed", ["2017-03-12", "2020-01-01"]),
        ("amount", ["10.00", "-5.20"]),
        ("id", [str(n) for n in range(1, 500)]),
        ("serial", [str(100_000_000 + n) for n in range(500)]),
        ("order", [f"2403{day:02}{n:04}" for day in range(1, 28) for n in range(9)]),
        ("ticket", [digits(9, random.Random(n)) for n in range(300)]),
        ("ref", [digits(11, random.Random(n)) for n in range(300)]),
        ("code", [digits(13, random.Random(n)) for n in range(300)]),
        ("name", ["Gold", "Silver", "Basic Plus"]),
        ("zone", ["North", "South"]),
        ("plan_name", ["Fiber Home", "Mega Speed", "Family"]),
        ("router name", ["edge", "core", "spare"]),
        ("din", ["35mm", "70mm"]),
        ("cap", ["100", "200"] * 5),
        ("via", ["email", "sms"] * 5),
        ("long", ["yes", "no"]),
        ("started", [f"{year}-05-01" for year in range(1996, 2024)]),
        ("never set", ["1970-01-01", "1900-01-01", "2019-03-02", "1899-12-30"] * 5),
        ("empty", [None, "", "  "]),
    ],
)
def test_what_says_nothing_of_people_is_not_told(name: str, cells: list[str | None]) -> None:
    assert looked(name, cells) is None or name == "serial"


@pytest.mark.parametrize(
    ("module", "shape", "country"),
    [
        ("de.idnr", "99999999999", "DE"),
        ("br.cpf", "99999999999", "BR"),
        ("es.dni", "99999999A", "ES"),
        ("es.nie", "X9999999A", "ES"),
        ("nl.bsn", "999999999", "NL"),
        ("tr.tckimlik", "99999999999", "TR"),
        ("in_.aadhaar", "999999999999", "IN"),
        ("fr.nir", "17805751999999" + "9", "FR"),
        ("be.nn", "770312999" + "99", "BE"),
        ("za.idnr", "7703129999089", "ZA"),
        ("cn.ric", "11010119770312999" + "9", "CN"),
        ("fi.hetu", "120377-999A", "FI"),
    ],
)  # fmt: skip
def test_national_ids_are_known_by_their_check_digits(
    module: str, shape: str, country: str
) -> None:
    found = looked("column_12", list(valid_ids(module, shape)))
    assert found is not None, module
    assert (found.kind, found.by) == (K.NATIONAL_ID, "cells")
    assert f"({country})" in found.detail
    assert found.matching == found.looked_at == len(set(valid_ids(module, shape)))


@given(st.integers(0, 10**9), st.sampled_from([8, 9, 10, 11, 12, 13, 14, 15, 16]))
@hypothesis_settings(max_examples=60)
def test_random_numbers_are_nobodys(seed: int, length: int) -> None:
    rolled = random.Random(seed)
    cells = [digits(length, rolled) for _ in range(60)]
    assert national_ids.recognise(cells, named=False) is None


@given(st.lists(st.text(max_size=60), max_size=30), st.text(max_size=20))
def test_any_column_can_be_looked_at_and_no_cell_is_told(cells: list[str], name: str) -> None:
    sample = ColumnSample(name)
    sample.add(pa.array(cells, pa.string()))
    found = classify(sample)
    if found is not None:
        told = repr(found)
        assert not any(cell in told for cell in cells if len(cell) > 30)
        assert 0 <= found.matching <= found.looked_at


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Customer uses a WHEELCHAIR", "health"),
        ("ist schwerbehindert, Rollstuhl", "health"),
        ("está embarazada", "health"),
        ("клиент инвалид второй группы", "health"),
        ("Инвалид", "health"),
        ("is catholic, no visits on sundays", "religion"),
        ("Müslüman", "religion"),
        ("Mitglied der Gewerkschaft", "trade union"),
        ("członek związku zawodowego", "trade union"),
        ("HIV", "health"),
        ("hiv+", "health"),
        ("a gay couple", "sexual life"),
        ("Parteimitglied seit 1980", "politics"),
        ("étnica", "ethnic origin"),
        ("Étnica", "ethnic origin"),
        ("ο πελάτης έχει καρκίνο", "health"),
        ("kerekesszékes ügyfél", "health"),
        ("العميل مسلم", "religion"),
        ("hastası var", "health"),
    ],
)
def test_words_of_special_categories_are_counted(text: str, category: str) -> None:
    cells = pa.array(["", None, text, "no signal since Monday"], pa.string())
    assert special_categories.count(cells) == {category: 1}
    # A slice of a column is counted alike.
    assert special_categories.count(cells.slice(2)) == {category: 1}
    assert special_categories.count(cells.slice(3)) == {}


@pytest.mark.parametrize(
    "text",
    [
        "Gaylord Hotel",
        "the service is disabled",
        "gateway",
        "cancelled",
        "krankt nicht",
        "Chorus",
        "hasta luego",
    ],
)
def test_words_that_only_begin_alike_are_not(text: str) -> None:
    assert special_categories.count(pa.array([text])) == {}


@given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
def test_the_quick_search_misses_nothing(texts: list[str]) -> None:
    marked = [f"{text} Rollstuhl {text}" for text in texts]
    counted = special_categories.count(pa.array(marked, pa.string()))
    assert counted["health"] == len(marked)


def test_streets_of_churches_and_unions_are_addresses() -> None:
    found = looked("addr", ["1 Union Street", "2 Catholic Lane", "3 Protestant Road"])
    assert found is not None
    assert (found.kind, found.special) == (K.ADDRESS, {})


def test_every_field_about_people_has_a_kind() -> None:
    for entity, info in ENTITIES.items():
        for name, field in info.fields.items():
            about = field.privacy in (Privacy.PERSONAL, Privacy.PAYMENT, Privacy.SECRET)
            assert (kind_of_field(entity, name) is not None) == about


def test_what_is_found_survives_the_ledger() -> None:
    column = PersonalColumn(K.FREE_TEXT, "", "cells", 10, 9, {"health": 2})
    told = of_column("people", "Remarks", {}, True, column)
    assert told is not None
    assert told.goes_to == (LEGACY,)
    assert told.unmapped
    assert told.share == 0.9
    assert PersonalData.from_json(told.as_json()) == told
