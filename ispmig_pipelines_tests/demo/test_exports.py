"""The demo's exports: nobody's data, and just what they were made to be."""

from __future__ import annotations

import ipaddress
import re

import pytest

from ispmig_pipelines.demo.generate import files
from ispmig_pipelines.validation import threshold
from ispmig_pipelines_tests.demo.exports import FOLDER, ISPS, METRO, VALLEY, Isp, expected

NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # RFC 5737
        "2001:db8::/32",  # RFC 3849
        "10.0.0.0/8", "100.64.0.0/10",  # RFC 1918, RFC 6598
    )
]  # fmt: skip

each_isp = pytest.mark.parametrize("isp", ISPS, ids=[isp.slug for isp in ISPS])


def cells(isp: Isp) -> list[str]:
    """Every cell of every export that is not ragged."""
    return [
        cell
        for file in sorted({feed.file for feed in isp.feeds})
        for row in isp.rows(file)
        for cell in row.values()
        if isinstance(cell, str)
    ]


def test_the_files_are_what_the_generator_writes() -> None:
    written = files()
    kept = {p for isp in ISPS for p in (FOLDER / isp.slug / "exports").iterdir()}
    assert kept == set(written)
    for path, content in written.items():
        assert path.read_bytes() == content, path.name


@each_isp
def test_they_are_of_the_size_of_a_small_isp(isp: Isp) -> None:
    counts = expected(isp).counts
    assert 150 <= counts["customer"]["inserted"] <= 400
    assert 1_000 <= sum(c["read"] for c in counts.values()) <= 3_000


@each_isp
def test_quarantine_stays_below_the_default_threshold(isp: Isp) -> None:
    limit = threshold.parse(threshold.DEFAULT)
    counts = expected(isp).counts.values()
    assert not [c for c in counts if limit.exceeded(c["quarantined"], c["read"])]


def test_each_has_records_in_quarantine_for_several_reasons() -> None:
    rules = {rule for isp in ISPS for rule, _ in expected(isp).planted.values()}
    assert rules >= {
        "record.ragged", "value.date", "value.lookup", "reference.missing", "key.duplicate",
        "value.type",
    }  # fmt: skip


def test_a_record_is_repeated_identically_in_each() -> None:
    for isp, file in ((VALLEY, "teilnehmer.csv"), (METRO, "payments.csv")):
        rows = [tuple(map(str, row.values())) for row in isp.rows(file)]
        assert len(rows) - len(set(rows)) == 1


@each_isp
def test_every_email_is_below_an_example_domain(isp: Isp) -> None:
    found = [c for c in cells(isp) if "@" in c or "(at)" in c]
    assert len(found) > 100
    assert [c for c in found if not re.search(r"[@.)]example\.(com|net|org)$", c)] == []


def test_every_telephone_number_is_one_for_films() -> None:
    german = {r[c] for r in VALLEY.rows("teilnehmer.csv") for c in ("Telefon", "Mobil")}
    assert all(re.fullmatch(r"089 99998-\d{3}|0171/39200\d\d|-?", number) for number in german)
    british = {n for r in METRO.rows("customers.json") for n in r["phone"].split(",")}
    assert all(re.fullmatch(r"07700 900\d{3}|01632 960\d{3}", number) for number in british)


def test_nobody_has_the_mailbox_or_telephone_of_another_but_two_who_stand_there_twice() -> None:
    valley = {r["KdNr"]: r for r in VALLEY.rows("teilnehmer.csv") if None not in r}
    metro = METRO.rows("customers.json")
    columns = {
        "valley mailbox": {n: [r["E-Mail"]] for n, r in valley.items()},
        "valley telephone": {n: [r["Telefon"], r["Mobil"].strip("-")] for n, r in valley.items()},
        "metro mailbox": {r["id"]: [r["email"]] for r in metro},
        "metro telephone": {r["id"]: r["phone"].split(",") for r in metro},
    }
    shared = set()
    for what, of in columns.items():
        holders: dict[str, list[str]] = {}
        for number, cells in of.items():
            for cell in filter(None, cells):
                holders.setdefault(cell, []).append(number)
        shared |= {(what, *numbers) for numbers in holders.values() if len(numbers) > 1}
    assert shared == {("valley mailbox", "001082", "001115"), ("metro telephone", "40", "113")}
    assert valley["001082"]["Vorname"] == valley["001115"]["Vorname"]
    assert valley["001082"]["Nachname"] == valley["001115"]["Nachname"]
    assert len({r["name"] for r in metro if r["id"] in ("40", "113")}) == 1


@each_isp
def test_every_address_is_private_or_for_documentation(isp: Isp) -> None:
    found = []
    for cell in cells(isp):
        try:
            found.append(ipaddress.ip_address(cell))
        except ValueError:
            continue
    assert len(found) > 100
    assert [a for a in found if not any(a in n for n in NETWORKS if n.version == a.version)] == []


@each_isp
def test_every_mac_address_is_locally_administered(isp: Isp) -> None:
    found = [c for c in cells(isp) if re.fullmatch(r"(?i)(?:[0-9a-f]{2,4}[:.-]?){3,6}", c)]
    macs = [re.sub("[^0-9a-f]", "", c.lower()) for c in found]
    macs = [m for m in macs if len(m) == 12 and not m.isdigit()]
    assert len(macs) > 100
    assert [m for m in macs if not int(m[:2], 16) & 0b10] == []


def test_no_secret_looks_real() -> None:
    valley = [r["PPPoE-Kennwort"] for r in VALLEY.rows("teilnehmer.csv")]
    metro = [r["password"] for r in METRO.rows("splynx.sql#services_internet")]
    assert all(re.fullmatch(r"nur-demo-kein-kennwort-\d{3}", secret) for secret in valley)
    assert all(re.fullmatch(r"demo-not-a-secret-\d+", secret) for secret in metro)


def test_no_post_code_exists() -> None:
    assert all(r["PLZ"].startswith("00") for r in VALLEY.rows("teilnehmer.csv"))
    assert all(r["zip_code"].startswith("ZZ") for r in METRO.rows("customers.json"))
