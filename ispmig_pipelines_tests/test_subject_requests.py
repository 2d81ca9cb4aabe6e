"""What a person asks: to see all that is held on them and nobody else, or to be erased for good."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dagster import DagsterInstance
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform import trail, verify
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.defs.test_retention import FILES, SPEC, everything

PEOPLE = (
    "No,Name,Mail,State,Owed,Left,Until,Consent,Agreed,Extra\n"
    "C1,Anna Stays,anna@example.org,active,0,,,yes,2020-01-01,x1\n"
    "C2,Bert Gone,Bert@Example.org,cancelled,0,2015-05-05,,no,2014-01-01,x2-bert\n"
    "C3,Carl Owes,bert@example.org,cancelled,12.50,2015-05-05,,,,x3\n"
    "C22,Cora Near,cora@example.org,active,0,,,,,x22\n"
    "C4,Dora Alone,dora@example.org,active,0,,,,,x4-dora\n"
    "C5,Dora Broken,dora@example.org,flying,7.75,,,,,x5-dora\n"
)
LINES = FILES["lines.csv"] + "S4,C4,Gold,,active,2020-01-01,dora4\nS5,C22,Gold,,active,,cora5\n"


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        house = House(folder, instance)
        files = {**FILES, "people.csv": PEOPLE, "lines.csv": LINES}
        for name, text in files.items():
            house.write(name, text.replace("C7", "C3"))
        house.write("spec.yaml", SPEC)
        ran = house.migrate(max_quarantined="60%")
        assert ran.ok, ran.failure()
        # Bert is changed once, so that the journal for undoing holds him as he was.
        house.write("people.csv", PEOPLE.replace("Bert Gone", "Bert Went"))
        assert house.migrate(max_quarantined="60%").ok
        yield house


def run(*words: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["subject", "acme", *words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def stands(house: House) -> list[str]:
    with house.engine.connect() as connection:
        from ispmig_pipelines.platform import ledger

        newest = ledger.migrations(connection, "acme")[0]
        connection.rollback()
        return [
            problem
            for problems in verify.standing(connection, house.tenant, newest).values()
            for problem in problems
        ]


def entries(house: House) -> list[trail.Entry]:
    with house.engine.connect() as connection:
        found = trail.entries(connection, "acme")
    return [entry for entry in found if entry.operation.startswith("subject ")]


def test_a_person_sees_all_that_is_held_and_nothing_of_others(house: House, tmp_path: Path) -> None:
    out = tmp_path / "bert.json"
    code, told = run("--account", "C2", "--out", str(out))
    assert code == 0, told
    assert told["rows"] == {
        "customer": 1, "location": 1, "service": 1, "invoice": 1, "payment": 1, "device": 1,
    }  # fmt: skip
    assert told["earlier"] == 1
    assert told["quarantine"] >= 2  # his line that has no date, and its device; of two migrations
    text = out.read_text(encoding="utf-8")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    for own in ("Bert Went", "Bert Gone", "x2-bert", "bert3", "SER-BERT-3", "2 Bert Road", "20.25"):
        assert own in text, own
    for other in ("Anna", "Cora", "C22", "Dora", "Carl", "anna1"):
        assert other not in text, other
    begun, finished = entries(house)
    assert (begun.operation, begun.stage) == (trail.Operation.SUBJECT_ACCESS, trail.Stage.BEGUN)
    assert finished.stage is trail.Stage.FINISHED
    assert "C2" not in json.dumps(finished.details)
    assert len(finished.details["subjects"][0]) == 64


def test_all_customers_of_an_address_are_listed_and_erased_one_by_one(
    house: House, tmp_path: Path
) -> None:
    out = tmp_path / "found.zip"
    code, told = run("--email", "BERT@example.org", "--out", str(out))
    assert (code, told["accounts"]) == (0, ["C2", "C3"])
    with zipfile.ZipFile(out) as archive:
        assert {"subject.json", "customer.csv", "in_quarantine.csv"} <= set(archive.namelist())
    code, told = run("--email", "bert@example.org", "--erase", "--yes")
    assert code == 2
    assert "C2" not in told["error"]["message"]
    assert "2 customers are known by that" in told["error"]["message"]
    code, told = run("--phone", "030 1234567")
    assert (code, told["accounts"]) == (0, [])
    code, told = run("--email", "nobody@example.org")
    assert (code, told["rows"], told["quarantine"]) == (0, {}, 0)


@pytest.mark.slow
def test_an_erased_person_is_gone_but_for_the_books_and_stays_gone(house: House) -> None:
    before = house.digest()
    code, told = run("--account", "C2", "--erase")
    assert code == 2
    assert "add --yes" in told["error"]["message"]
    code, dry = run("--account", "C2", "--erase", "--dry-run")
    assert code == 0
    assert house.digest() == before
    code, told = run("--account", "C2", "--erase", "--yes")
    assert code == 0, told
    assert told["erased"] == dry["erased"]
    assert told["erased"]["deleted"] == {"device": 1, "service": 1}
    # The place is where Anna's line is, so that it is hers now.
    assert house.rows("location", "location_code, customer, legacy") == [
        ("L1", "C1", None), ("L2", "C1", None),
    ]  # fmt: skip
    assert house.rows("customer", "account_number, last_name, email, legacy")[1] == (
        "C2", None, None, None,
    )  # fmt: skip
    assert house.rows("invoice", "invoice_number, bill_to_name, total::text")[1] == (
        "B2", "Bert Gone", "20.2500",
    )  # fmt: skip
    words = ("Bert Went", "Bert@", "x2-bert", "bert2", "bert3", "SER-BERT")
    assert not [w for w in words if w in everything(house)]
    assert stands(house) == []
    code, again = run("--account", "C2", "--erase", "--yes")
    assert code == 0
    assert again["erased"] == {
        "deleted": {}, "anonymised": {}, "quarantine": 0, "earlier": 0, "issues": 0,
    }  # fmt: skip
    after = house.digest()
    # What the same export says of them again is not brought back, and counts against nothing.
    ran = house.migrate(max_quarantined="60%")
    assert ran.ok, ran.failure()
    assert house.digest() == after
    assert ran.entry is not None
    assert ran.entry.findings["erased"]["customer"] == 1
    assert not [w for w in words if w in everything(house)]
    held = [
        r for r in house.quarantine(ran.entry.id) if r["reasons"][0]["rule"] == "subject.erased"
    ]
    assert {(row["cells"], row["text"]) for row in held} == {(None, None)}
    assert stands(house) == []
    assert [e.operation for e in entries(house)] == ["subject erasure"] * 2
    code, told = run("--account", "C2", "--allow")
    assert (code, told) == (0, {"tenant": "acme", "allowed": 1})
    assert house.migrate(max_quarantined="60%").ok
    assert house.rows("customer", "account_number, last_name")[1] == ("C2", "Bert Went")


def listed(*words: str) -> list[dict[str, Any]]:
    shown = CliRunner().invoke(app, ["quarantine", "list", "acme", "--json", *words])
    assert shown.exit_code == 0, shown.output
    found: list[dict[str, Any]] = json.loads(shown.stdout)["records"]
    return found


def test_a_listing_of_the_quarantine_can_be_masked(house: House, tmp_path: Path) -> None:
    out = tmp_path / "listing.csv"
    words = ["quarantine", "list", "acme", "--mask", "--json", "--out", str(out)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    real, masked = listed(), listed("--mask")
    assert masked == listed("--mask")
    text = out.read_text(encoding="utf-8") + json.dumps(masked)
    for word in ("Dora", "dora@example.org", "x5-dora"):
        assert word not in text
    (at,) = (n for n, row in enumerate(real) if (row["cells"] or {}).get("No") == "C5")
    cells = masked[at]["cells"]
    with house.engine.connect() as connection:
        masker = Masker(mask_key(connection, "acme"))
    # What an export would write of these cells, had the record been loaded.
    for column, field in (("No", "account_number"), ("Mail", "email")):
        value = pa.array([real[at]["cells"][column]], pa.string())
        assert [cells[column]] == masker.column("customer", field, value).to_pylist()
    name = masker.column("customer", "last_name", pa.array(["Dora Broken"]), [b"C5"])
    assert [cells["Name"]] == name.to_pylist()
    # What cannot be read, and what nobody has classified, are shapes.
    assert (cells["State"], cells["Extra"]) == ("aaaaaa", "a9-aaaa")
    refused = CliRunner().invoke(
        app, ["quarantine", "list", "acme", "--mask", "--format", "xlsx", "--out", "x.xlsx"]
    )
    assert refused.exit_code == 2


@pytest.mark.slow
def test_without_books_nothing_stays_also_of_what_never_was_loaded(house: House) -> None:
    code, told = run("--email", "dora@example.org")
    assert (code, told["accounts"]) == (0, ["C4", "C5"])
    code, told = run("--account", "C4", "--account", "C5", "--erase", "--yes")
    assert code == 0, told
    assert told["erased"]["deleted"] == {"service": 1, "customer": 1}
    assert told["erased"]["quarantine"] >= 1
    assert "dora" not in everything(house).lower()
    assert stands(house) == []
    ran = house.migrate(max_quarantined="60%")
    assert ran.ok, ran.failure()
    assert "dora" not in everything(house).lower()
    assert ran.entry is not None
    assert ran.entry.totals["customer.balance"]["EUR"]["quarantined"] == "7.7500"
    assert ran.entry.findings["erased"] == {"customer": 2, "service": 1}
    assert stands(house) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Say who it is"),
        (("--email", "bert"), "whole email address"),
        (("--phone", "12"), "whole telephone number"),
        (("--account", "C2", "--out", "x.pdf"), "ends in .json or .zip"),
        (("--account", "C2", "--yes"), "belong to --erase"),
        (("--account", "C2", "--erase", "--allow"), "one at a time"),
        (("--account", "C2", "--allow"), "Nobody known by that was erased"),
        (("--account", "C99", "--erase", "--yes"), "holds nothing of this person"),
        (("--account", "C2", "--erase", "--erase-invoices-before", "soon"), "takes a day"),
    ],
)
def test_what_cannot_be_asked(ispmig_home: Path, words: tuple[str, ...], told: str) -> None:
    from ispmig_pipelines.platform import ledger, tenants
    from ispmig_pipelines.platform.server import engine

    ledger.prepare(engine())
    tenants.add(engine(), "acme")
    code, said = run(*words)
    assert code == 2
    assert told in said["error"]["message"]
