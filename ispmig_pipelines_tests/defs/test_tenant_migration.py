"""The job ``tenant_migration``: from files to the tenant's tables, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import DagsterInstance
from psycopg import sql

from ispmig_pipelines.defs.tenant_migration import audit as auditing
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines_tests.corpora import corpus
from ispmig_pipelines_tests.defs.migrating import House, job

SPECS = Path(__file__).parents[1] / "specs"

CUSTOMERS = """\
version: 1
name: customers
sources: {people: {files: people.csv}}
entities:
  customer:
    from: people
    fields:
      account_number: No
      kind: {constant: person}
      last_name: Name
      status: {column: State, lookup: {A: active, X: cancelled}}
      balance: {column: Owed, positive_is: debt}
      currency: {constant: USD}
"""


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)


def test_the_ops_are_extract_map_validate_load_audit() -> None:
    follows = {
        node.name: [d.node for on in inputs.values() for d in on.get_node_dependencies()]
        for node, inputs in job().dependencies.items()
    }
    assert follows == {
        "extract": [],
        "map": ["extract"],
        "validate": ["map"],
        "load": ["validate"],
        "audit": ["load"],
    }
    assert job().executor_def.name == "in_process"


@pytest.mark.slow
def test_real_customers_come_over_to_the_cent(house: House) -> None:
    """Counts and sums as independently known of the file (INDEX.md of the corpora)."""
    shutil.copy(corpus("csv_telco/Telco-Customer-Churn.csv"), house.folder)
    shutil.copy(SPECS / "telco.yaml", house.folder)
    ran = house.migrate("telco.yaml")
    assert ran.ok
    assert ran.counts["customer"]["inserted"] == 7043
    assert ran.counts["service"]["inserted"] == 7043
    assert ran.counts["plan"] == {
        "read": 7043, "inserted": 9, "updated": 0, "unchanged": 7034, "quarantined": 0,
        "repeated": 7034,
    }  # fmt: skip
    assert ran.entry is not None
    owed = ran.entry.totals["customer.balance"]["USD"]
    assert Decimal(owed["source"]) == Decimal(owed["loaded"]) == Decimal("16056168.70")
    charged = ran.entry.totals["service.price"]["USD"]
    assert Decimal(charged["source"]) == Decimal(charged["loaded"]) == Decimal("456116.60")
    blank = house.rows("customer", "count(*) filter (where balance is null)")
    assert blank == [(11,)]
    assert house.rows("customer", "count(*) filter (where status = 'cancelled')") == [(1869,)]
    before = house.digest()
    again = house.migrate("telco.yaml")
    assert again.counts["customer"]["unchanged"] == again.counts["service"]["unchanged"] == 7043
    assert house.digest() == before


def test_a_dry_run_counts_everything_and_publishes_nothing(house: House) -> None:
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1.50\n2,Bob,X,\n")
    before = house.digest()
    ran = house.migrate(mode="dry_run")
    assert ran.ok
    assert ran.counts["customer"]["inserted"] == 2
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.CHECKED
    assert house.digest() == before


def test_a_dry_run_shows_what_would_lie_in_quarantine_until_the_next_run(house: House) -> None:
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1.50\n2,Bob,?,2\n")
    before = house.digest()
    refused = house.migrate(mode="dry_run")
    assert "1 of 2 records" in refused.failure()[0]
    assert refused.counts["customer"]["quarantined"] == 1
    assert [q["record"] for q in house.quarantine()] == [2]
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1.50\n")
    assert house.migrate(mode="dry_run").ok
    assert house.quarantine() == []
    assert house.rows("_quarantine", "migration") == []
    assert house.digest() == before


def test_records_that_cannot_be_loaded_lie_whole_in_quarantine(house: House) -> None:
    house.write("spec.yaml", CUSTOMERS)
    house.write(
        "people.csv",
        'No,Name,State,Owed\n1,Ann,A,1.50\n2,Bob\n3,"C\nD",A,lots\n4,Eve,?,2\n5,Fay,A,3,x\n6,Gus,A,4\n',
    )
    ran = house.migrate(max_quarantined="80%")
    assert ran.ok
    assert ran.counts["customer"] == {
        "read": 6, "inserted": 2, "updated": 0, "unchanged": 0, "quarantined": 4, "repeated": 0,
    }  # fmt: skip
    found = {
        q["record"]: (q["line"], q["reasons"][0]["rule"], q["reasons"][0]["column"], q["cells"],
                      q["text"])
        for q in house.quarantine()
    }  # fmt: skip
    assert found == {
        2: (3, "record.ragged", "", None, "2,Bob"),
        3: (4, "value.type", "Owed", {"No": "3", "Name": "C\nD", "State": "A", "Owed": "lots"},
            None),
        4: (6, "value.lookup", "State", {"No": "4", "Name": "Eve", "State": "?", "Owed": "2"},
            None),
        5: (7, "record.ragged", "", None, "5,Fay,A,3,x"),
    }  # fmt: skip
    assert ran.entry is not None
    assert ran.entry.totals["customer.balance"]["USD"] == {
        "source": "7.5000", "loaded": "5.5000", "quarantined": "2.0000",
        "adjusted": "0.0000", "unreadable": 1,
    }  # fmt: skip


def test_too_much_in_quarantine_loads_nothing_and_keeps_the_reasons(house: House) -> None:
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n2,Bob,?,1\n")
    before = house.digest()
    ran = house.migrate()
    message, exit_code = ran.failure()
    assert exit_code == 1
    assert "customer: 1 of 2 records" in message
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.FAILED
    assert house.digest() == before
    assert [q["record"] for q in house.quarantine(ran.entry.id)] == [2]


def test_one_wide_source_feeds_several_entities_and_its_unused_columns_are_kept(
    house: House,
) -> None:
    house.write(
        "spec.yaml",
        """\
version: 1
sources: {wide: {files: wide.csv}}
entities:
  customer:
    from: wide
    fields: {account_number: Cust, status: {constant: active}, kind: {constant: person}}
  plan:
    from: wide
    fields: {plan_code: Plan}
  service:
    from: wide
    fields:
      service_code: {columns: [Cust, Plan], join: "-"}
      customer: Cust
      plan: Plan
      status: {constant: active}
""",
    )
    house.write("wide.csv", "Cust,Plan,Tower\nA,P1,North\nA,P2,South\nB,P1,North\n")
    ran = house.migrate()
    assert ran.ok
    assert {e: c["inserted"] for e, c in ran.counts.items()} == {
        "customer": 2, "plan": 2, "service": 3,
    }  # fmt: skip
    assert all(c["read"] == 3 for c in ran.counts.values())
    assert house.rows("service", "service_code, legacy") == [
        ("A-P1", {"Tower": "North"}),
        ("A-P2", {"Tower": "South"}),
        ("B-P1", {"Tower": "North"}),
    ]


@pytest.mark.slow
def test_a_wide_row_may_have_a_child_only_sometimes(house: House) -> None:
    house.write(
        "spec.yaml",
        """\
version: 1
sources: {wide: {files: wide.csv}}
entities:
  customer:
    from: wide
    fields: {account_number: No, status: {constant: active}}
  plan:
    from: wide
    when_filled: Plan
    fields: {plan_code: Plan}
  service:
    from: wide
    when_filled: [Line, Plan]
    fields:
      service_code: Line
      customer: No
      plan: Plan
      status: {column: Up, lookup: {y: active}}
      price: Price
      currency: {constant: USD}
""",
    )
    house.write(
        "wide.csv",
        "No,Line,Plan,Up,Price\n1,L1,P,y,5\n2,,,,9\n3,L3,P,?,7\n4,,P,y,\n5,L5\n6,L6,P,y,1\n",
    )
    ran = house.migrate(max_quarantined="50%")
    assert ran.ok
    counts = {e: (c["read"], c["inserted"], c["quarantined"]) for e, c in ran.counts.items()}
    # The ragged record counts for every block: nobody can know which cells it has.
    assert counts == {"customer": (6, 5, 1), "plan": (5, 1, 1), "service": (4, 2, 2)}
    assert [
        (q["record"], q["cells"] and q["cells"]["Line"])
        for q in house.quarantine()
        if q["entity"] == "service"
    ] == [(3, "L3"), (5, None)]
    # The price beside the empty plan is not lost.
    assert house.rows("customer", "account_number, legacy")[1] == ("2", {"Price": "9"})
    assert ran.entry is not None
    assert ran.entry.totals["service.price"]["USD"]["source"] == "13.0000"
    assert house.migrate(max_quarantined="50%").counts["service"]["unchanged"] == 2


@pytest.mark.slow
def test_several_sources_complete_one_entity(house: House) -> None:
    house.write(
        "spec.yaml",
        """\
version: 1
sources:
  people: {files: people-*.csv}
  balances: {files: balances.csv}
entities:
  customer:
    - from: people
      fields: {account_number: No, kind: {constant: person}, status: {constant: active}}
    - from: balances
      fields:
        account_number: Account
        balance: {column: Prior, positive_is: credit}
        currency: {constant: USD}
""",
    )
    house.write("people-1.csv", "No\n1\n2\n")
    house.write("people-2.csv", "No\n3\n")
    house.write("balances.csv", "Account,Prior\n1,-5.00\n3,7.25\n9,1.00\n")
    ran = house.migrate(max_quarantined="20%")
    assert ran.ok
    assert ran.counts["customer"] == {
        "read": 6, "inserted": 3, "updated": 2, "unchanged": 0, "quarantined": 1, "repeated": 0,
    }  # fmt: skip
    assert house.rows("customer", "account_number, balance, _file, _record") == [
        ("1", Decimal("5.0000"), 2, 1),
        ("2", None, 0, 2),
        ("3", Decimal("-7.2500"), 2, 2),
    ]
    again = house.migrate(max_quarantined="20%")
    assert again.counts["customer"]["unchanged"] == 5


def test_a_wrong_column_is_told_with_the_nearest_before_anything_is_staged(house: House) -> None:
    house.write("spec.yaml", CUSTOMERS.replace("Name", "Nmae"))
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n")
    ran = house.migrate()
    message, exit_code = ran.failure()
    assert exit_code == 2
    assert "spec.yaml:10: customer.last_name" in message
    assert "'Name'" in message


def test_staged_data_is_private_and_goes_when_the_run_succeeds(
    house: House, ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = auditing.audit

    def look(*args: object, **kwargs: object) -> object:
        files = [p for p in (ispmig_home / "staging").rglob("*") if p.is_file()]
        seen.extend((p.stat().st_mode & 0o777, p.parent.stat().st_mode & 0o777) for p in files)
        return original(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(auditing, "audit", look)
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n")
    assert house.migrate().ok
    assert seen
    assert set(seen) == {(0o600, 0o700)}
    assert [p for p in (ispmig_home / "staging").rglob("*") if p.is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tampering", "told"),
    [
        ("update {} set balance = balance + 1 where account_number = '1'", "other money"),
        ("delete from {} where account_number = '1'", "neither in the tenant's table"),
        (
            "insert into {} (account_number, status, _migration, _file, _record) "
            "select 'ghost', 'active', _migration, 0, 99 from {} where account_number = '2'",
            "come from no record of its source",
        ),
        ("update {} set _migration = 1 where account_number = '2'", "inserted by what is there"),
    ],
)
def test_the_audit_takes_back_what_the_committed_rows_do_not_prove(
    house: House, monkeypatch: pytest.MonkeyPatch, tampering: str, told: str
) -> None:
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n")
    assert house.migrate().ok
    before = house.digest()
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,5\n2,Bob,A,6\n3,Cid,A,7\n")
    original = auditing.audit

    def tampered(*args: object, **kwargs: object) -> object:
        with house.engine.begin() as connection:
            tenants.raw(connection).execute(
                sql.SQL(tampering.replace("{}", "{0}")).format(
                    sql.Identifier(house.tenant.schema, "customer")
                )
            )
        return original(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(auditing, "audit", tampered)
    ran = house.migrate()
    message, exit_code = ran.failure()
    assert exit_code == 1
    assert told in message
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.UNDONE
    if tampering.startswith("update {} set balance"):
        assert house.digest() == before


def test_a_source_that_changes_meanwhile_is_noticed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n")
    before = house.digest()
    original = auditing.audit

    def changed(*args: object, **kwargs: object) -> object:
        house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n2,Bob,A,1\n")
        return original(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(auditing, "audit", changed)
    ran = house.migrate()
    message, _ = ran.failure()
    assert "has changed while it was migrated" in message
    assert house.digest() == before


def test_each_run_says_what_it_did_in_tags_metadata_and_assets(house: House) -> None:
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n2,Bob,X,\n")
    ran = house.migrate()
    run = house.instance.get_run_by_id(ran.result.run_id)
    assert run is not None
    assert run.tags["ispmig/tenant"] == "acme"
    assert ran.entry is not None
    assert run.tags["ispmig/migration"] == str(ran.entry.id)
    (source,) = ran.result.asset_materializations_for_node("extract")
    assert source.partition == "acme"
    assert source.metadata["dagster/row_count"].value == 2
    (made,) = ran.result.asset_materializations_for_node("audit")
    assert made.partition == "acme"
    assert made.metadata["dagster/row_count"].value == 2
    lineage = made.metadata["dagster/column_lineage"].value.deps_by_column
    assert lineage["last_name"][0].column_name == "people.Name"
    check, *of_rules = [
        e.asset_check_evaluation_data
        for e in ran.result.all_events
        if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert check.check_name == "conservation"
    assert all(one.passed for one in (check, *of_rules))
    assert check.metadata["read"].value == 2


def test_a_source_that_is_gone_at_the_audit_takes_the_migration_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("spec.yaml", CUSTOMERS)
    people = house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n")
    before = house.digest()
    original = auditing.audit

    def gone(*args: object, **kwargs: object) -> object:
        people.unlink()
        return original(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(auditing, "audit", gone)
    ran = house.migrate()
    assert "cannot be read again" in ran.failure()[0]
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.UNDONE
    assert house.digest() == before


TWO_BLOCKS = """\
version: 1
sources:
  crm: {files: crm.csv}
  bill: {files: bill.csv}
entities:
  customer:
    - from: crm
      legacy: true
      fields: {account_number: No, status: {constant: active}}
    - from: bill
      legacy: true
      fields:
        account_number: No
        balance: {column: Owed, positive_is: debt}
        currency: {constant: USD}
"""


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["update", "keep", "fail"])
def test_what_one_block_began_another_completes_under_every_policy(
    house: House, policy: str
) -> None:
    house.write("spec.yaml", TWO_BLOCKS)
    house.write("crm.csv", "No,Notes,Zone\n1,from the CRM,N\n2,,S\n")
    house.write("bill.csv", "No,Notes,Owed\n1,from billing,5\n2,,6\n")
    ran = house.migrate(on_conflict=policy)
    assert ran.ok
    counts = ran.counts["customer"]
    assert (counts["inserted"], counts["updated"], counts["quarantined"]) == (2, 2, 0)
    assert house.rows("customer", "account_number, balance, legacy")[0] == (
        "1",
        Decimal("5.0000"),
        {"crm.Notes": "from the CRM", "bill.Notes": "from billing", "Zone": "N"},
    )
    again = house.migrate(on_conflict=policy)
    assert again.counts["customer"]["unchanged"] == 4


REPEATS = """\
version: 1
sources: {people: {files: people.csv}, paid: {files: paid.csv}}
entities:
  customer:
    from: people
    fields: {account_number: No, status: {column: State, lookup: {A: active}}}
  payment:
    from: paid
    fields: {payment_number: No, customer: Who, amount: Paid, currency: {constant: USD}}
"""


def test_the_repeats_of_a_rejected_record_follow_it(house: House) -> None:
    house.write("spec.yaml", REPEATS)
    house.write("people.csv", "No,State\n1,A\n2,?\n")
    house.write("paid.csv", "No,Who,Paid\np1,1,5\np1,1,5\np2,2,7\np2,2,7\np3,9,1\np3,9,1\n")
    ran = house.migrate(max_quarantined="100%")
    assert ran.ok
    counts = ran.counts["payment"]
    assert (counts["inserted"], counts["unchanged"], counts["quarantined"]) == (1, 1, 4)
    assert [
        (q["record"], q["reasons"][0]["rule"])
        for q in house.quarantine()
        if q["entity"] == "payment"
    ] == [
        (3, "reference.rejected"),
        (4, "reference.rejected"),
        (5, "reference.missing"),
        (6, "reference.missing"),
    ]
    assert ran.entry is not None
    assert ran.entry.totals["payment.amount"]["USD"] == {
        "source": "21.0000", "loaded": "5.0000", "quarantined": "16.0000",
        "adjusted": "0.0000", "unreadable": 0,
    }  # fmt: skip


@pytest.mark.slow
def test_the_repeats_of_a_record_that_is_kept_out_follow_it(house: House) -> None:
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1\n")
    assert house.migrate().ok
    house.write("people.csv", "No,Name,State,Owed\n1,Bob,A,1\n1,Bob,A,1\n")
    ran = house.migrate(on_conflict="keep")
    assert ran.ok
    assert (ran.counts["customer"]["unchanged"], ran.counts["customer"]["quarantined"]) == (0, 2)


def test_a_key_that_two_sources_bring_counts_once_in_money(house: House) -> None:
    block = """
    - from: SOURCE
      fields:
        account_number: No
        status: {constant: active}
        balance: {column: Owed, positive_is: debt}
        currency: {constant: USD}"""
    house.write(
        "spec.yaml",
        "version: 1\nsources: {a: {files: a.csv}, b: {files: b.csv}}\nentities:\n  customer:"
        + block.replace("SOURCE", "a")
        + block.replace("SOURCE", "b"),
    )
    house.write("a.csv", "No,Owed\n1,10.50\n2,5\n")
    house.write("b.csv", "No,Owed\n1,10.50\n2,6\n3,7\n")
    ran = house.migrate(max_quarantined="1")
    assert ran.ok
    assert ran.entry is not None
    assert ran.entry.totals["customer.balance"]["USD"] == {
        "source": "28.5000", "loaded": "22.5000", "quarantined": "6.0000",
        "adjusted": "0.0000", "unreadable": 0,
    }  # fmt: skip
    assert house.rows("customer", "sum(balance)") == [(Decimal("22.5000"),)]


def test_blocks_that_complete_come_after_those_that_make_whatever_the_spec_says(
    house: House,
) -> None:
    whole, _, partial = TWO_BLOCKS.partition("    - from: crm")
    first, _, second = partial.partition("    - from: bill")
    house.write("spec.yaml", f"{whole}    - from: bill{second}    - from: crm{first}")
    house.write("crm.csv", "No\n1\n2\n")
    house.write("bill.csv", "No,Owed\n1,5\n2,6\n")
    ran = house.migrate()
    assert ran.ok
    assert ran.counts["customer"]["quarantined"] == 0


def test_two_blocks_may_read_the_same_columns(house: House) -> None:
    house.write(
        "spec.yaml",
        """\
version: 1
sources: {wide: {files: wide.csv}}
entities:
  customer: {from: wide, fields: {account_number: No, status: {constant: active}}}
  plan: {from: wide, fields: {plan_code: P}}
  service:
    - from: wide
      when_filled: L1
      fields: {service_code: L1, customer: No, plan: P, status: {constant: active}}
    - from: wide
      when_filled: L2
      fields: {service_code: L2, customer: No, plan: P, status: {constant: active}}
""",
    )
    house.write("wide.csv", "No,L1,L2,P,Note\n1,x1,x2,p,vip\n2,x3,,p,late\n")
    ran = house.migrate()
    assert ran.ok
    assert ran.counts["service"]["inserted"] == 3
    # Many share a plan: what belongs to a customer stays with the customer.
    assert house.rows("customer", "legacy ->> 'Note'") == [("late",), ("vip",)]
    assert house.rows("plan", "legacy") == [(None,)]


def test_a_record_taken_for_a_header_is_not_repeated_in_an_error(house: House) -> None:
    house.write("spec.yaml", CUSTOMERS.replace("people.csv}", "people.csv, csv: {header: true}}"))
    house.write("people.csv", "Zaphod,zaphod@example.com,secret\nFord,ford@example.com,towel\n")
    message, exit_code = house.migrate().failure()
    assert exit_code == 2
    assert "Zaphod" not in message
    assert "zaphod@" not in message


@pytest.mark.slow
def test_keep_still_keeps_what_the_tenant_had_before(house: House) -> None:
    house.write("spec.yaml", TWO_BLOCKS)
    house.write("crm.csv", "No\n1\n2\n")
    house.write("bill.csv", "No,Owed\n1,5\n2,6\n")
    assert house.migrate().ok
    house.write("bill.csv", "No,Owed\n1,5\n2,7\n")
    ran = house.migrate(on_conflict="keep")
    assert ran.ok
    assert ran.counts["customer"]["quarantined"] == 1
    assert house.rows("customer", "account_number, balance")[1] == ("2", Decimal("6.0000"))


@pytest.mark.slow
def test_the_size_of_batches_does_not_matter(house: House) -> None:
    states = "AX"
    lines = [f"{n},Name {n},{'?' if n % 50 == 0 else states[n % 2]},{n}.25" for n in range(1, 1001)]
    house.write("spec.yaml", CUSTOMERS)
    house.write("people.csv", "No,Name,State,Owed\n" + "\n".join(lines) + "\n")
    digests = set()
    for number, batch_size in enumerate((100, 777, 50_000)):
        other = House(house.folder, house.instance, f"tenant-{number}")
        ran = other.migrate(batch_size=batch_size)
        assert ran.ok
        assert ran.counts["customer"]["inserted"] == 980
        assert [q["record"] for q in other.quarantine()] == list(range(50, 1001, 50))
        digests.add(other.digest())
    assert len(digests) == 1


@pytest.mark.slow
def test_a_block_of_which_every_column_is_mapped_changes_nothing_the_second_time(
    house: House,
) -> None:
    house.write(
        "spec.yaml",
        CUSTOMERS.replace("sources: {people: {files: people.csv}}",
                          "sources: {people: {files: people.csv}, owed: {files: owed.csv}}")
        .replace("    from: people\n    fields:", "    - from: people\n      fields:")
        .replace("      account_number", "        account_number")
        .replace("      kind", "        kind")
        .replace("      last_name", "        last_name")
        .replace("      status", "        status")
        .replace("      balance: {column: Owed, positive_is: debt}\n", "")
        .replace("      currency: {constant: USD}\n", "")
        + "    - from: owed\n      fields:\n        account_number: No\n"
        "        balance: {column: Owed, positive_is: debt}\n        currency: {constant: USD}\n",
    )  # fmt: skip
    house.write("people.csv", "No,Name,State,Note\n1,Ann,A,x\n2,Bob,A,\n")
    house.write("owed.csv", "No,Owed\n1,10.50\n2,-5\n")
    assert house.migrate().counts["customer"]["updated"] == 2
    again = house.migrate().counts["customer"]
    assert (again["updated"], again["unchanged"]) == (0, 4)
