"""Customers past their retention are skipped or anonymised by policy, with what is theirs, and
counted; books and laws hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from psycopg import sql

from ispmig_pipelines.platform import retention, tenants, verify
from ispmig_pipelines_tests.defs.migrating import House, Ran

SPEC = """\
version: 1
name: isp
sources:
  people: {files: people.csv}
  plans: {files: plans.csv}
  lines: {files: lines.csv}
  places: {files: places.csv}
  bills: {files: bills.csv}
  paid: {files: paid.csv}
  boxes: {files: boxes.csv}
entities:
  customer:
    from: people
    fields:
      account_number: No
      status: State
      last_name: Name
      email: Mail
      balance: {column: Owed, positive_is: debt}
      currency: {constant: EUR}
      cancelled_date: Left
      retain_until: Until
      marketing_consent: Consent
      consent_date: Agreed
  plan: {from: plans, fields: {plan_code: P}}
  location:
    from: places
    fields: {location_code: Loc, customer: No, street: Street}
  service:
    from: lines
    fields:
      service_code: Line
      customer: No
      plan: P
      location: Loc
      status: State
      start_date: Start
      access_username: Login
  invoice:
    from: bills
    fields:
      invoice_number: Bill
      customer: No
      status: State
      total: Total
      bill_to_name: To
      currency: {constant: EUR}
  payment:
    from: paid
    fields:
      payment_number: Pay
      customer: No
      invoice: Bill
      amount: Amount
      currency: {constant: EUR}
  device:
    from: boxes
    fields: {device_code: Box, service: Line, serial_number: Serial}
"""
FILES = {
    "people.csv": (
        "No,Name,Mail,State,Owed,Left,Until,Consent,Agreed,Extra\n"
        "C1,Anna Stays,anna@example.org,active,0,,,yes,2020-01-01,x1\n"
        "C2,Bert Gone,bert@example.org,cancelled,0,2015-05-05,,no,2014-01-01,x2\n"
        "C3,Carl Owes,carl@example.org,cancelled,12.50,2015-05-05,,,,x3\n"
        "C4,Dora Until,dora@example.org,cancelled,0,2024-01-01,2024-06-30,,,x4\n"
        "C5,Emil Fresh,emil@example.org,cancelled,0,2025-11-01,,,,x5\n"
        "C6,Fred Served,fred@example.org,active,0,,2020-01-01,,,x6\n"
        "C7,Gina Open,gina@example.org,cancelled,0,2015-05-05,,,,x7\n"
        "C8,Hugo Broken,hugo-at-example,cancelled,0,2015-05-05,,,,x8\n"
    ),
    "plans.csv": "P\nGold\n",
    "places.csv": "Loc,No,Street\nL1,C1,1 Anna Road\nL2,C2,2 Bert Road\n",
    "lines.csv": (
        "Line,No,P,Loc,State,Start,Login\n"
        "S1,C1,Gold,L2,active,2020-01-01,anna1\n"
        "S2,C2,Gold,L2,cancelled,2014-01-01,bert2\n"
        "S3,C2,Gold,L2,cancelled,no date,bert3\n"
    ),
    "bills.csv": (
        "Bill,No,State,Total,To\n"
        "B1,C1,paid,10.00,Anna Stays\n"
        "B2,C2,paid,20.25,Bert Gone\n"
        "B3,C7,open,5.00,Gina Open\n"
    ),
    "paid.csv": "Pay,No,Bill,Amount\nP1,C1,B1,10.00\nP2,C2,B2,20.25\n",
    "boxes.csv": (
        "Box,Line,Serial\nD1,S1,SER-1\nD2,S2,SER-BERT\nD3,S3,SER-BERT-3\nD2,S2,SER-BERT-4\n"
    ),
}
ABOUT_THE_EXPIRED = (
    "Bert", "bert@", "bert2", "bert3", "2 Bert Road", "SER-BERT", "x2", "Dora", "dora@", "x4",
)  # fmt: skip


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        house = House(folder, instance)
        for name, text in FILES.items():
            house.write(name, text)
        yield house


def migrated(house: House, policy: str, *, said: str = "cancelled: 3 years") -> Ran:
    words = f"{{policy: {policy}, as_of: 2026-01-01, {said}}}" if said else (
        f"{{policy: {policy}, as_of: 2026-01-01}}"
    )  # fmt: skip
    house.write("spec.yaml", SPEC + f"validation:\n  retention: {words}\n")
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok, ran.failure()
    return ran


def everything(house: House) -> str:
    """All rows of all tables of the tenant's schema, as text."""
    with house.engine.connect() as connection:
        driver = tenants.raw(connection)
        tables = driver.execute(
            "select tablename from pg_tables where schemaname = %s", [house.tenant.schema]
        ).fetchall()
        return "\n".join(
            str(
                driver.execute(
                    sql.SQL("select coalesce(json_agg(t)::text, '') from {} t").format(
                        sql.Identifier(house.tenant.schema, table)
                    )
                ).fetchone()
            )
            for (table,) in tables
        )


def stands(house: House, ran: Ran) -> bool:
    assert ran.entry is not None
    with house.engine.connect() as connection:
        return not any(verify.standing(connection, house.tenant, ran.entry).values())


def found(ran: Ran) -> Any:
    assert ran.entry is not None
    return ran.entry.findings["retention"]


@pytest.mark.slow
def test_kept_and_counted(house: House) -> None:
    ran = migrated(house, "keep")
    assert found(ran) == {
        "policy": "keep",
        "as_of": "2026-01-01",
        "cancelled_months": 36,
        "customers": 6,
        "held": {"served": 1, "owes": 2},
        "skipped": {},
        "anonymised": {},
    }
    assert ran.counts["customer"]["inserted"] == 7
    assert house.rows("customer", "account_number, marketing_consent, consent_date::text")[:2] == [
        ("C1", True, "2020-01-01"),
        ("C2", False, "2014-01-01"),
    ]


@pytest.mark.slow
def test_skipped_with_all_that_is_theirs(house: House) -> None:
    ran = migrated(house, "skip")
    assert found(ran)["skipped"] == {
        "customer": 3, "location": 1, "service": 2, "invoice": 1, "payment": 1, "device": 3,
    }  # fmt: skip
    assert [row[0] for row in house.rows("customer", "account_number")] == [
        "C1", "C3", "C5", "C6", "C7",
    ]  # fmt: skip
    # Anna's line stays, without the place that was Bert's.
    assert house.rows("service", "service_code, location") == [("S1", None)]
    assert ran.entry is not None
    assert ran.entry.issues["service"]["reference.let_go"] == 1
    assert house.rows("device", "device_code") == [("D1",)]
    kept = everything(house)
    assert not [word for word in ABOUT_THE_EXPIRED if word in kept]
    held = house.quarantine()
    assert {reason["rule"] for row in held for reason in row["reasons"]} == {"retention.expired"}
    assert all(row["cells"] is None and row["text"] is None for row in held)
    assert ran.entry is not None
    totals = ran.entry.totals["invoice.total"]["EUR"]
    assert (totals["source"], totals["loaded"], totals["quarantined"]) == (
        "35.2500", "15.0000", "20.2500",
    )  # fmt: skip
    assert stands(house, ran)


@pytest.mark.slow
def test_anonymised_while_books_are_kept(house: House) -> None:
    ran = migrated(house, "anonymise")
    assert found(ran)["anonymised"] == {
        "customer": 2, "location": 1, "service": 1, "invoice": 1, "payment": 1, "device": 2,
    }  # fmt: skip
    assert found(ran)["skipped"] == {"customer": 1, "service": 1, "device": 1}
    assert house.rows("customer", "account_number, last_name, email, legacy")[1] == (
        "C2", None, None, None,
    )  # fmt: skip
    assert house.rows("invoice", "invoice_number, bill_to_name, total::text")[1] == (
        "B2", "Bert Gone", "20.2500",
    )  # fmt: skip
    assert ran.entry is not None
    assert ran.entry.issues["customer"]["retention.anonymised"] == 2
    assert house.rows("location", "location_code, street")[1] == ("L2", None)
    assert house.rows("service", "service_code, location") == [("S1", "L2"), ("S2", "L2")]
    kept = everything(house).replace("Bert Gone", "")
    assert not [word for word in ABOUT_THE_EXPIRED if word in kept]
    assert stands(house, ran)
    before = house.digest()
    again = migrated(house, "anonymise")
    assert house.digest() == before
    assert again.counts["customer"]["unchanged"] == 7


@pytest.mark.slow
def test_what_is_rejected_for_its_cells_is_under_retention_too(house: House) -> None:
    house.write(
        "people.csv",
        FILES["people.csv"]
        + "C9,Ida Owing,ida-at-example,cancelled,much,2015-05-05,,,,x9\n"
        + "C10,Jan Unclear,jan@example.org,flying,0,2015-05-05,,,,x10\n"
        + "C11,Kim Fresh,kim-at-example,cancelled,0,2025-11-01,,,,x11\n",
    )
    ran = migrated(house, "skip")
    # Hugo goes. What Ida owes cannot be read, and whether Jan is served; Kim may be kept.
    assert found(ran)["held"] == {"served": 1, "owes": 3}
    assert found(ran)["skipped"]["customer"] == 3
    kept = everything(house)
    assert [name for name in ("Hugo", "Ida", "Jan", "Kim") if name in kept] == ["Ida", "Jan", "Kim"]
    assert stands(house, ran)


@pytest.mark.slow
def test_the_tenant_says_how_long(house: House) -> None:
    ran = migrated(house, "skip", said="")
    assert found(ran)["customers"] == 2  # only those whose retain_until is over
    with house.engine.begin() as connection:
        retention.declare(connection, "acme", 12)
    ran = migrated(house, "skip", said="")
    assert (found(ran)["cancelled_months"], found(ran)["customers"]) == (12, 6)
    house.write("spec.yaml", SPEC)
    ran = house.migrate(max_quarantined="50%")
    assert found(ran)["policy"] == "keep"


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["skip", "anonymise"])
def test_a_dry_run_counts_the_same(house: House, policy: str) -> None:
    words = f"{{policy: {policy}, as_of: 2026-01-01, cancelled: 36m}}"
    house.write("spec.yaml", SPEC + f"validation: {{retention: {words}}}\n")
    ran = house.migrate(mode="dry_run", max_quarantined="50%")
    assert ran.ok, ran.failure()
    tried = found(ran)
    assert tried["customers"] == 6
    assert json.dumps(found(migrated(house, policy))) == json.dumps(tried)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{policy: forget}", "policy"),
        ("{as_of: tomorrow}", "must be today or a day such as 2026-03-31"),
        ("{cancelled: soon}", "write one such as 3 years or 18 months"),
    ],
)
def test_mistakes_in_the_words_are_told(house: House, words: str, told: str) -> None:
    house.write("spec.yaml", SPEC + f"validation: {{retention: {words}}}\n")
    message, exit_code = house.migrate(look=False).failure()
    assert told in message
    assert exit_code == 2
