"""What a spec demands of the records, through whole runs of the job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines_tests.defs.migrating import House

SPEC = """\
version: 1
sources:
  people: {files: people.csv}
entities:
  plan:
    from: people
    when_filled: Plan
    fields: {plan_code: Plan, price: Price, currency: {constant: EUR}, download_kbps: Speed}
  customer:
    from: people
    fields:
      account_number: No
      status: {constant: active}
      kind: Kind
      last_name: Name
      company_name: Firm
validation:
  severity: {customer.company_needs_name: %s}
  checks:
    plan:
      name: price_plausible
      must: price < 500
      when: {column: {Promo: {is_not: "yes"}}}
      message: dearer than anything we sell
    customer:
      - name: known_zone
        must: {column: {Zone: {in: [north, south]}}}
        severity: warning
        message: no zone of ours
%s"""

PEOPLE = """\
No,Kind,Name,Firm,Plan,Price,Speed,Promo,Zone
1,person,Ann,,,,,,north
2,company,,Acme,P2,900,100,yes,east
3,company,Bo,,P3,901,100,,south
4,person,Cy,,P4,10,100,,
5,person,Di,,P5,902,100,no,west
"""


MANY = 251


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    with DagsterInstance.ephemeral() as instance:
        yield House(tmp_path, instance)


def told(house: House) -> dict[tuple[str, int], list[tuple[str, str, str]]]:
    return {
        (row["entity"], row["record"]): [
            (reason["rule"], reason["column"], reason["accepted"]) for reason in row["reasons"]
        ]
        for row in house.quarantine()
    }


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [100, 1000])
def test_own_checks_see_the_cells_of_their_own_records(house: House, batch_size: int) -> None:
    house.write("spec.yaml", SPEC % ("error", ""))
    header, records = PEOPLE.split("\n", 1)
    # Every other one is no plan; the rest are one.
    many = "".join(
        f"x{n},person,Eve,,{'P9' if n % 2 else ''},{'9' if n % 2 else ''},,,north\n"
        for n in range(MANY)
    )
    house.write("people.csv", f"{header}\n{many}{records}")
    ran = house.migrate(max_quarantined="100%", batch_size=batch_size)
    assert ran.ok, ran.failure()
    dear = [("check.plan.price_plausible", "Price", "dearer than anything we sell")]
    found = told(house)
    assert found.pop(("customer", MANY + 3))[0][:2] == ("customer.company_needs_name", "Kind, Firm")
    assert found == {("plan", MANY + 3): dear, ("plan", MANY + 5): dear}
    assert ran.entry is not None
    assert ran.entry.issues == {
        "plan": {"check.plan.price_plausible": 2},
        # Of two columns of the record, each by its own check; an empty zone is none.
        "customer": {"check.customer.known_zone": 2, "customer.company_needs_name": 1},
    }


def test_a_rule_of_another_severity_keeps_no_record_out(house: House) -> None:
    house.write("spec.yaml", SPEC % ("warning", ""))
    house.write("people.csv", PEOPLE)
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok, ran.failure()
    assert ("customer", 3) not in told(house)
    assert ran.entry is not None
    assert ran.entry.issues["customer"]["customer.company_needs_name"] == 1
    assert ran.counts["customer"]["inserted"] == 5


@pytest.mark.slow
def test_a_limit_of_the_spec_stops_before_anything_is_loaded(house: House) -> None:
    limits = "  max_quarantined: {plan: 60%%, customer: 0, rules: {%s}}\n"
    house.write("people.csv", PEOPLE)
    house.write("spec.yaml", SPEC % ("warning", limits % "check.plan.price_plausible: 2"))
    assert house.migrate(max_quarantined="0").ok
    house.write("spec.yaml", SPEC % ("error", limits % "check.customer.known_zone: 20%"))
    message, code = house.migrate(max_quarantined="0").failure()
    assert "customer: 1 of 5 records, at most 0 are allowed" in message
    assert "rule check.customer.known_zone: 2 of 5 records of customer" in message
    assert "plan" not in message.partition("See what")[0]
    assert code == 1


def test_a_column_of_a_check_must_be_there(house: House) -> None:
    house.write("spec.yaml", SPEC % ("error", ""))
    house.write("people.csv", PEOPLE.replace("Zone", "Area"))
    message, _ = house.migrate().failure()
    assert "check customer.known_zone: source 'people' has no column 'Zone'" in message


BLOCKS = """\
version: 1
sources:
  bills: {files: bills.csv}
  states: {files: states.csv}
entities:
  customer:
    from: bills
    fields: {account_number: Customer, status: {constant: active}}
  invoice:
  - from: bills
    fields:
      invoice_number: No
      customer: Customer
      subtotal: Net
      tax: Tax
      total: Sum
      currency: {constant: EUR}
  - from: states
    fields:
      invoice_number: Bill
      discount: Off
      status: State
      amount_due: Open
      currency: {constant: EUR}
"""


@pytest.mark.slow
def test_what_two_blocks_say_together_is_judged_and_nothing_else_is(house: House) -> None:
    house.write("spec.yaml", BLOCKS)
    house.write(
        "bills.csv",
        "No,Customer,Net,Tax,Sum\n"
        "I1,7,100,19,109\n"  # less the discount that the other file has
        "I2,7,100,19,119\n"
        "I3,7,100,19,150\n"  # nobody completes it
        "I4,7,100,0,100\n"
        "I5,7,100,19,150\n",
    )
    states = "Bill,Off,State,Open\nI1,10,open,109\nI2,,paid,0\nI4,,open,300\nI5,3,paid,0\n"
    house.write("states.csv", states)
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok, ran.failure()
    found = [
        (row["path"].rpartition("/")[2], row["record"], reason["rule"])
        for row in house.quarantine()
        for reason in row["reasons"]
    ]
    assert sorted(found) == [
        ("bills.csv", 3, "invoice.total_adds_up"),
        ("bills.csv", 5, "invoice.total_adds_up"),
        ("states.csv", 3, "invoice.paid_and_due_within_total"),
        ("states.csv", 4, "reference.rejected"),
    ]

    # What completes rows that the tenant has is held against these.
    alone = BLOCKS.replace("  bills: {files: bills.csv}\n", "")
    first, _, rest = alone.partition("  customer:\n")
    house.write("spec.yaml", f"{first}  invoice:\n{rest[rest.index('  - from: states') :]}")
    house.write("states.csv", "Bill,Off,State,Open\nI1,10,open,200\nI2,,paid,0\n")
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    assert ran.entry.issues["invoice"] == {"invoice.paid_and_due_within_total": 1}


OWN = """\
validation:
  checks:
    invoice:
    - name: small_discount
      must: {discount: {at_most: {field: subtotal}}}
      message: Too much is taken off
    - {name: paid_has_date, must: paid_date is not null, when: status = paid, severity: warning,
       message: Since when}
"""


@pytest.mark.slow
def test_own_checks_are_asked_of_what_two_blocks_say_together(house: House) -> None:
    spec = BLOCKS.replace("      total: Sum\n", "      total: Sum\n      paid_date: Paid\n")
    house.write("spec.yaml", spec + OWN)
    house.write(
        "bills.csv",
        "No,Customer,Net,Tax,Sum,Paid\n"
        "I1,7,100,19,119,\n"
        "I2,7,100,19,119,2024-01-05\n"
        "I3,7,100,19,119,\n"
        "I4,7,100,19,119,\n",  # nobody says that it is paid
    )
    states = "Bill,Off,State,Open\nI1,10,open,119\nI2,5,paid,0\nI3,101,paid,0\n"
    house.write("states.csv", states)
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    counts = ran.entry.issues["invoice"]
    assert counts["check.invoice.small_discount"] == 1
    assert "check.invoice.paid_has_date" not in counts  # the record went with the other one
    (told,) = [row for row in house.quarantine() if row["path"].endswith("states.csv")]
    (reason,) = told["reasons"]
    assert (told["record"], reason["rule"]) == (3, "check.invoice.small_discount")
    assert (reason["column"], reason["message"]) == (
        "Off",
        "A check of the spec does not hold: Too much is taken off.",
    )

    house.write("states.csv", states.replace("101", "10"))
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    found = ran.entry.issues["invoice"]
    # Ten is taken off, or was before: I3 is sound, but for its day.
    assert {code: n for code, n in found.items() if code.startswith("check.")} == {
        "check.invoice.paid_has_date": 1
    }
    assert not house.quarantine()
