"""What only a whole run shows of mapping: columns settled by evidence, rules, tables, sequences."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.platform import ledger
from ispmig_pipelines_tests.defs.migrating import House

SPEC = """\
version: 1
sources: {people: {files: people*.csv}}
entities:
  customer:
    from: people
    fields:
      account_number: No
      status: {constant: active}
      signup_date: Joined
      balance: {column: Owed, positive_is: debt}
      currency: {constant: EUR}
"""


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


def test_one_cell_far_away_settles_how_the_whole_column_is_written(house: House) -> None:
    house.write("spec.yaml", SPEC)
    house.write("people1.csv", 'No,Joined,Owed\n1,02/03/2019,"1.234"\n2,04/05/2019,"2.000"\n')
    house.write("people2.csv", 'No,Joined,Owed\n3,25/12/2019,"1.234,50"\n')
    ran = house.migrate(batch_size=100)
    assert ran.ok, ran.failure()
    assert house.rows("customer", "account_number, signup_date::text, balance") == [
        ("1", "2019-03-02", Decimal("1234.0000")),
        ("2", "2019-05-04", Decimal("2000.0000")),
        ("3", "2019-12-25", Decimal("1234.5000")),
    ]


def test_what_nothing_settles_is_asked_all_at_once_and_nothing_is_loaded(house: House) -> None:
    house.write("spec.yaml", SPEC)
    house.write("people.csv", 'No,Joined,Owed\n1,02/03/2019,"1.234"\n2,04/05/2019,"2.000"\n')
    ran = house.migrate()
    message, code = ran.failure()
    assert code == 2
    assert message.startswith("The spec leaves 2 questions open, and the sources do not answer:")
    assert "spec.yaml:9: customer.signup_date: column Joined holds 2 cells" in message
    assert "record 1 of people.csv (99/99/9999)" in message
    assert "Add to the field: date_format: dmy" in message
    assert "spec.yaml:10: customer.balance: column Owed holds 2 cells" in message
    assert "decimal_mark" in message
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.FAILED
    assert house.rows("customer", "count(*)") == [(0,)]
    # The line that is proposed answers it.
    text = SPEC.replace("signup_date: Joined", "signup_date: {column: Joined, date_format: dmy}")
    house.write(
        "spec.yaml", text.replace("positive_is: debt", 'positive_is: debt, decimal_mark: ","')
    )
    assert house.migrate().ok


RULED = (
    SPEC
    + """\
    rules:
      - when: {signup_date: {less_than: 2015-01-01}, balance: {more_than: 0}}
        set: {balance: 0, notes: written off}
      - when: {column: {No: T-1}}
        leave_out: a test account
      - when: {column: {Owed: "100"}}
        reject: somebody should look
"""
)


@pytest.mark.slow
def test_written_off_money_is_accounted_for_and_what_is_left_out_is_kept(house: House) -> None:
    house.write("spec.yaml", RULED)
    house.write(
        "people.csv",
        "No,Joined,Owed\n1,2012-01-31,50.25\n2,2012-01-31,-5\n3,2019-12-25,7\nT-1,2019-12-25,3\n",
    )
    ran = house.migrate(max_quarantined="0")
    assert ran.ok, ran.failure()
    assert ran.counts["customer"]["quarantined"] == 1
    assert [q["reasons"][0]["rule"] for q in house.quarantine()] == ["rule.left_out"]
    assert ran.entry is not None
    assert ran.entry.totals["customer.balance"]["EUR"] == {
        "source": "55.2500", "loaded": "2.0000", "quarantined": "3.0000", "adjusted": "50.2500",
        "unreadable": 0,
    }  # fmt: skip
    assert house.rows("customer", "account_number, balance, notes, legacy ->> 'Owed'")[0] == (
        "1", Decimal(0), "written off", "50.25",
    )  # fmt: skip
    before = house.digest()
    again = house.migrate(max_quarantined="0")
    assert again.counts["customer"]["unchanged"] == 3
    assert house.digest() == before


def test_of_what_is_left_out_nothing_else_is_told(house: House) -> None:
    house.write(
        "spec.yaml",
        RULED.replace("No: T-1", "No: [T-1, T-2]").replace("{constant: active}", "State"),
    )
    house.write(
        "people.csv",
        "No,State,Joined,Owed\nT-1,,,3\nT-2,nowhere,who knows,many\n3,active,2019-12-25,\n"
        "4,,2019-12-25,few\n",
    )
    ran = house.migrate(max_quarantined="1")
    assert ran.ok, ran.failure()
    told = {q["record"]: sorted(r["rule"] for r in q["reasons"]) for q in house.quarantine()}
    assert told == {
        1: ["rule.left_out"], 2: ["rule.left_out"], 4: ["value.required", "value.type"],
    }  # fmt: skip
    assert ran.entry is not None
    assert ran.entry.issues["customer"] == {
        "rule.left_out": 2, "value.required": 1, "value.type": 1,
    }  # fmt: skip


def test_money_that_rules_take_from_repeated_records_is_counted_once(house: House) -> None:
    house.write("spec.yaml", RULED)
    house.write(
        "people.csv",
        "No,Joined,Owed\n1,2012-01-31,50\n1,2012-01-31,50\n2,2019-12-25,7\n2,2019-12-25,7\n"
        "3,2012-01-31,10\n3,2012-01-31,20\nT-1,2012-01-31,3\nT-1,2012-01-31,3\n",
    )
    ran = house.migrate()
    assert ran.ok, ran.failure()
    assert ran.counts["customer"]["repeated"] == 3
    assert ran.entry is not None
    # What is in quarantine counts record by record; of 10 and 20, both written off, the first.
    assert ran.entry.totals["customer.balance"]["EUR"] == {
        "source": "73.0000", "loaded": "7.0000", "quarantined": "0.0000", "adjusted": "66.0000",
        "unreadable": 0,
    }  # fmt: skip


def test_money_that_rules_of_several_blocks_take_from_one_row_is_counted_once(
    house: House,
) -> None:
    house.write(
        "spec.yaml",
        """\
version: 1
sources: {people: {files: people.csv}, owed: {files: owed.csv}}
entities:
  customer:
    - from: people
      fields:
        account_number: No
        status: {constant: active}
        balance: {column: Owed, positive_is: debt}
        currency: {constant: EUR}
      rules: [{when: {balance: {more_than: 40}}, set: {balance: 0}}]
    - from: owed
      fields:
        account_number: No
        balance: {column: Owed, positive_is: debt}
        currency: {constant: EUR}
      rules:
        - {when: {balance: {more_than: 40}}, set: {balance: 0}}
        - {when: {balance: 33}, set: {balance: 7}}
""",
    )
    # 1: both say 50; 2: 50, then 60, both written off; 3: 7, and 33 that a rule makes 7; 4: 5 and
    # 9, which contradict each other; 5: 0, and 41 that is written off.
    house.write("people.csv", "No,Owed\n1,50\n2,50\n3,7\n4,5\n5,0\n")
    house.write("owed.csv", "No,Owed\n1,50\n2,60\n3,33\n4,9\n5,41\n1,50\n")
    ran = house.migrate(max_quarantined="1")
    assert ran.ok, ran.failure()
    assert ran.entry is not None
    assert ran.entry.totals["customer.balance"]["EUR"] == {
        "source": "121.0000", "loaded": "12.0000", "quarantined": "9.0000", "adjusted": "100.0000",
        "unreadable": 0,
    }  # fmt: skip
    assert house.rows("customer", "sum(balance)") == [(Decimal(12),)]


def test_a_record_that_a_rule_refuses_counts_against_the_threshold(house: House) -> None:
    house.write("spec.yaml", RULED)
    house.write("people.csv", "No,Joined,Owed\n1,2019-12-25,100\n2,2019-12-25,7\n")
    assert "1 of 2 records" in house.migrate(max_quarantined="0").failure()[0]
    assert [q["reasons"][0]["rule"] for q in house.quarantine()] == ["rule.rejected"]


TABLES = """\
version: 1
sources:
  users: {files: users.csv}
  attributes: {files: attributes.csv}
  plans: {files: plans.csv}
entities:
  customer:
    from: users
    fields: {account_number: user, status: {constant: active}}
  plan:
    from: plans
    fields: {plan_code: code, name: name, kind: {constant: internet}, status: {constant: active}}
  service:
    from: users
    fields:
      service_code: {sequence: {prefix: S-, width: 4}}
      customer: user
      plan: {column: group, lookup_table: {source: plans, key: id, value: code}}
      status: {constant: active}
      access_username: user
      access_secret:
        column: user
        lookup_table:
          {source: attributes, key: user, value: value, where: {attribute: Cleartext-Password}}
        otherwise: "null"
"""


@pytest.mark.slow
def test_tables_of_other_sources_are_looked_up_in(house: House) -> None:
    house.write("spec.yaml", TABLES)
    house.write("users.csv", "user,group\nann,1\nbob,2\ncy,9\n")
    house.write("plans.csv", "id,code,name\n1,F100,Fibre\n2,W20,Radio\n")
    house.write(
        "attributes.csv",
        "user,attribute,value\nann,Cleartext-Password,s3cret\nann,Framed-IP-Address,10.0.0.1\n"
        "bob,Session-Timeout,60\n",
    )
    ran = house.migrate(max_quarantined="1")
    assert ran.ok, ran.failure()
    assert house.rows("service", "service_code, customer, plan, access_secret") == [
        ("S-0001", "ann", "F100", "s3cret"),
        ("S-0002", "bob", "W20", None),
    ]
    assert [(q["record"], q["reasons"][0]["rule"]) for q in house.quarantine()] == [
        (3, "value.lookup")
    ]
    assert ran.entry is not None
    assert [f["source"] for f in ran.entry.files] == ["users", "plans", "attributes"]


def test_a_table_that_contradicts_itself_stops_the_run(house: House) -> None:
    house.write("spec.yaml", TABLES)
    house.write("users.csv", "user,group\nann,1\n")
    house.write("plans.csv", "id,code,name\n1,F100,Fibre\n1,W20,Radio\n")
    house.write("attributes.csv", "user,attribute,value\nann,Session-Timeout,1\n")
    message, code = house.migrate().failure()
    assert code == 2
    assert "has the key 9 in record 1 of plans.csv and in record 2 of plans.csv" in message
    text = (house.folder / "spec.yaml").read_text().splitlines()
    line = next(n for n, said in enumerate(text, 1) if "source: plans" in said)
    assert f"spec.yaml:{line}: lookup_table of source 'plans'" in message


ROUTED = """\
version: 1
sources: {stock: {files: "stock*.csv"}}
entities:
  device:
    from: stock
    fields:
      device_code: Item
      kind: {column: Kind, lookup: {router: router}, otherwise: {value: other}}
      status: {constant: active}
    rules:
      - {when: {column: {Kind: address}}, route: ip_assignment}
  ip_assignment:
    from: stock
    fields: {address: Item, hostname: Note, notes: {sequence: {prefix: "row "}}}
"""


@pytest.mark.slow
def test_routed_records_are_counted_once_and_keep_what_no_field_takes(house: House) -> None:
    house.write("spec.yaml", ROUTED)
    house.write("stock1.csv", "Item,Kind,Note,Rest\nR1,router,,a\n10.0.0.1,address,gw,b\n")
    house.write("stock2.csv", "Item,Kind,Note,Rest\nR2,switch,,c\n10.0.0.2,address,,d\n1,2\n")
    ran = house.migrate(max_quarantined="1")
    assert ran.ok, ran.failure()
    # What cannot be read may have been meant for either.
    assert {e: c["read"] for e, c in ran.counts.items()} == {"device": 3, "ip_assignment": 3}
    assert house.rows("device", "device_code, legacy") == [
        ("R1", {"Rest": "a"}), ("R2", {"Kind": "switch", "Rest": "c"}),
    ]  # fmt: skip
    assert house.rows("ip_assignment", "host(address), notes, legacy") == [
        ("10.0.0.1", "row 2", {"Kind": "address", "Rest": "b"}),
        ("10.0.0.2", "row 4", {"Kind": "address", "Rest": "d"}),
    ]
