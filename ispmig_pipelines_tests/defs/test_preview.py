"""The report of a dry run: what the job leaves, and what Dagster and the ledger never learn."""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.platform import ledger
from ispmig_pipelines.preview import store
from ispmig_pipelines.preview.page import page
from ispmig_pipelines.preview.report import Block, Entity, Report, Sample, SampledField
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House, Ran
from ispmig_pipelines_tests.defs.test_tenant_export import Export

SPEC = """\
version: 1
name: people
sources:
  people: {files: people.csv}
  owed: {files: owed.csv}
entities:
  customer:
    - from: people
      fields:
        account_number: No
        kind: {constant: person}
        last_name: Name
        status: {column: State, lookup: {A: active, X: cancelled}}
        email: Mail
        portal_secret: Pass
        fax: Fax
    - from: owed
      fields:
        account_number: Cust
        balance: {column: Owed, positive_is: debt}
        currency: {constant: USD}
  payment_method:
    from: people
    when_filled: Card
    fields:
      method_code: No
      customer: No
      kind: {constant: card}
      status: {constant: active}
      last_four: Card
"""

PEOPLE = """\
No,Name,State,Mail,Pass,Fax,Card,Tower,Colour
1,Ann,A,ann@example.net,hunter2,,4242,T1,
2,Bob,X,bob@example.net,sesame9,,,T2,red
3,Eve,?,nope,letmein7,,1881,T3,
4,Gus,A,gus@example.net,qwerty55,,,T4,
"""

OWED = "Cust,Owed\n1,10.50\n2,20\n4,-3.25\n9,7\n"


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        made = House(folder, instance)
        made.write("spec.yaml", SPEC)
        made.write("people.csv", PEOPLE)
        made.write("owed.csv", OWED)
        yield made


def try_out(house: House, **config: Any) -> Ran:
    return house.migrate(mode="dry_run", **({"max_quarantined": "90%"} | config))


def report_of(ran: Ran) -> Report:
    assert ran.entry is not None
    return store.read(settings().reports_folder, ran.entry.tenant, ran.entry.id)


def dry_run(house: House, **config: Any) -> Report:
    ran = try_out(house, **config)
    assert ran.ok, ran.failure()
    return report_of(ran)


def entity(report: Report, name: str = "customer") -> Entity:
    return next(e for e in report.entities if e.name == name)


def block(report: Report, name: str = "customer", index: int = 0) -> Block:
    return entity(report, name).blocks[index]


def record(of: Block, number: int) -> Sample:
    return next(s for s in of.samples if s.record == number)


def field(of: Sample, name: str) -> SampledField:
    return next(f for f in of.fields if f.name == name)


@pytest.mark.slow
def test_each_field_is_shown_before_and_after(house: House) -> None:
    people = block(dry_run(house))
    assert [s.record for s in people.samples] == [1, 2, 3, 4]
    first = record(people, 1)
    assert (first.file, first.line, first.outcome) == ("people.csv", 2, "new")
    status = field(first, "status")
    assert [(b.column, b.text) for b in status.before] == [("State", "A")]
    assert (status.after, status.issues, status.hidden) == ("active", (), False)
    assert field(first, "kind").before == ()
    assert field(first, "kind").after == "person"
    owed = block(dry_run(house), index=1)
    assert owed.partial
    assert field(record(owed, 3), "balance").after == "-3.25"
    assert record(owed, 3).outcome == "completes"


@pytest.mark.slow
def test_what_is_wrong_stands_beside_the_field(house: House) -> None:
    eve = record(block(dry_run(house)), 3)
    assert eve.outcome == "quarantined"
    status = field(eve, "status")
    assert (status.before[0].text, status.after) == ("?", None)
    (issue,) = status.issues
    assert issue.rule == "value.lookup"
    assert [i.rule for i in field(eve, "email").issues] == ["value.type"]


def test_issues_are_counted_with_masked_examples(house: House) -> None:
    issues = {(g.block, g.rule): g for g in entity(dry_run(house)).issues}
    bad = issues[0, "value.type"]
    assert (bad.records, bad.column, bad.field, bad.severity) == (1, "Mail", "email", "error")
    (example,) = bad.examples
    assert (example.file, example.record, example.line, example.found) == (
        "people.csv",
        3,
        4,
        "aaaa",
    )
    # Found by the database, after validation.
    assert issues[1, "record.incomplete"].records == 1


def test_fill_rates_of_fields_and_what_stays_empty(house: House) -> None:
    report = dry_run(house)
    people = block(report)
    assert {f.name: f.filled for f in people.fields} == {
        "account_number": 4, "kind": 4, "last_name": 4, "status": 3, "email": 3, "fax": 0,
        "portal_secret": 4,
    }  # fmt: skip
    fills = {f.name: f for f in people.fields}
    assert (fills["status"].required, fills["status"].columns, fills["status"].issues) == (
        True, ("State",), 1,
    )  # fmt: skip
    assert (fills["kind"].columns, fills["kind"].constant) == ((), "person")
    assert entity(report).nothing_came == ("fax",)
    assert "first_name" in entity(report).not_mapped
    assert not {"balance", "fax"} & set(entity(report).not_mapped)
    assert block(report, "payment_method").records == 2


def test_columns_that_no_field_takes_go_to_legacy(house: House) -> None:
    people = next(s for s in dry_run(house).sources if s.name == "people")
    assert (people.records, people.unreadable) == (4, 0)
    columns = {c.name: c for c in people.columns}
    assert columns["No"].fields == (
        "customer.account_number", "payment_method.method_code", "payment_method.customer",
    )  # fmt: skip
    assert [(c.name, c.goes_to, c.filled) for c in people.columns if c.goes_to != "fields"] == [
        ("Tower", "legacy", 4), ("Colour", "legacy", 1),
    ]  # fmt: skip
    assert columns["Fax"].filled == 0


def test_a_column_of_json_objects_is_kept_under_legacy(house: House) -> None:
    house.write(
        "spec.yaml",
        SPEC.replace("    - from: owed", "    - from: owed\n      legacy: {json: Rest}"),
    )
    house.write("owed.csv", "Cust,Owed,Rest\n1,10.50,\n2,20,\n4,1,\n")
    owed = next(s for s in dry_run(house).sources if s.name == "owed")
    assert [(c.name, c.goes_to) for c in owed.columns] == [
        ("Cust", "fields"), ("Owed", "fields"), ("Rest", "legacy"),
    ]  # fmt: skip


def test_rules_and_tables_to_look_up_in(house: House) -> None:
    house.write(
        "spec.yaml",
        """\
version: 1
sources: {people: {files: people.csv}, towers: {files: towers.csv}}
entities:
  customer:
    from: people
    fields:
      account_number: No
      kind: {constant: person}
      last_name: Name
      status: {constant: active}
      segment: {column: Tower, lookup_table: {source: towers, key: Tower, value: Town}}
      balance: {column: Owed, positive_is: debt}
      currency: {constant: USD}
    rules:
      - when: {column: {Colour: red}}
        set: {balance: 0}
""",
    )
    house.write("people.csv", "No,Name,Tower,Owed,Colour,Age\n1,Ann,T1,5,red,9\n2,Bob,T2,7,,8\n")
    house.write("towers.csv", "Tower,Town\nT1,Hilltop\nT2,Dale\n")
    report = dry_run(house)
    ann = record(block(report), 1)
    assert (field(ann, "segment").before[0].text, field(ann, "segment").after) == ("T1", "Hilltop")
    assert (field(ann, "balance").before[0].text, field(ann, "balance").after) == ("5", "0.00")
    totals = entity(report).totals["customer.balance"]["USD"]
    assert [Decimal(totals[s]) for s in ("source", "loaded", "adjusted")] == [12, 7, 5]
    (people,) = report.sources
    # A column that only a condition reads is no field's.
    assert [c.name for c in people.columns if c.goes_to == "legacy"] == ["Colour", "Age"]


def test_control_totals_are_the_ledgers(house: House) -> None:
    ran = try_out(house)
    assert ran.entry is not None
    assert entity(report_of(ran)).totals == ran.entry.totals
    assert entity(report_of(ran)).counts == ran.entry.entities["customer"]


@pytest.mark.slow
def test_against_what_the_tenant_has(house: House) -> None:
    assert house.migrate(max_quarantined="90%").ok
    before = house.digest()
    house.write(
        "people.csv",
        PEOPLE.replace("ann@", "anna@").replace("2,Bob,X", "2,Robert,A").replace("T4", "T5")
        + "5,Ida,A,,pw,,,,\n",
    )
    house.write("owed.csv", OWED.replace("10.50", "11"))
    report = dry_run(house)
    customer = entity(report)
    assert customer.counts["inserted"] == 1
    assert customer.changes.rows == 3
    assert customer.changes.fields == {
        "email": 1, "last_name": 1, "status": 1, "balance": 1,
    }  # fmt: skip
    assert customer.changes.legacy == 1
    outcomes = {s.record: s.outcome for s in block(report).samples}
    assert outcomes == {1: "changed", 2: "changed", 3: "quarantined", 4: "changed", 5: "new"}
    email = field(record(block(report), 1), "email")
    assert (email.changes, email.present, email.after) == (
        True,
        "ann@example.net",
        "anna@example.net",
    )
    assert field(record(block(report), 1), "last_name").present is None
    balance = field(record(block(report, index=1), 1), "balance")
    assert (balance.present, balance.after) == ("10.50", "11.00")
    assert record(block(report, index=1), 2).outcome == "unchanged"
    assert house.digest() == before


@pytest.mark.slow
def test_a_row_that_several_blocks_change_counts_once(house: House) -> None:
    house.migrate(max_quarantined="90%")
    house.write("people.csv", PEOPLE.replace("ann@", "anna@"))
    house.write("owed.csv", OWED.replace("10.50", "11"))
    changes = entity(dry_run(house)).changes
    assert (changes.rows, changes.fields) == (1, {"email": 1, "balance": 1})


@pytest.mark.slow
def test_nothing_changes_when_the_same_comes_again(house: House) -> None:
    house.migrate(max_quarantined="90%")
    report = dry_run(house)
    assert entity(report).changes.rows == 0
    assert {s.outcome for s in block(report).samples} == {"unchanged", "quarantined"}


@pytest.mark.slow
def test_records_that_are_kept_back_by_policy_are_not_told_as_changed(house: House) -> None:
    house.migrate(max_quarantined="90%")
    house.write("people.csv", PEOPLE.replace("ann@", "anna@"))
    report = dry_run(house, on_conflict="keep")
    assert record(block(report), 1).outcome == "quarantined"
    assert entity(report).changes.rows == 0


@pytest.mark.slow
def test_the_first_records_are_sampled_and_some_with_issues(house: House) -> None:
    many = "".join(f"{n},Name{n},{'?' if n > 995 else 'A'},,,,,,\n" for n in range(1, 1001))
    house.write("people.csv", PEOPLE.splitlines(keepends=True)[0] + many)
    people = block(dry_run(house, preview_rows=2, batch_size=100))
    assert [s.record for s in people.samples] == [1, 2, 996, 1000]
    assert field(record(people, 1000), "last_name").before[0].text == "Name1000"
    assert people.records == 1000


def test_without_rows_there_is_no_cell_in_the_report(house: House) -> None:
    report = dry_run(house, preview_rows=0)
    assert [b.samples for e in report.entities for b in e.blocks] == [(), (), ()]
    assert "ann@" not in report.model_dump_json()


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
def test_secrets_are_never_shown_and_payment_data_as_shapes(house: House, masked: bool) -> None:
    report = dry_run(house, preview_mask=masked)
    for path in (settings().reports_folder / "acme").iterdir():
        text = path.read_text()
        for secret in ("hunter2", "sesame9", "letmein7", "4242", "1881"):
            # Digests have such digits, too.
            assert not re.search(rf"(?<![0-9a-f]){secret}(?![0-9a-f])", text)
    secret = field(record(block(report), 1), "portal_secret")
    assert secret.hidden
    assert secret.after == secret.before[0].text != ""
    last_four = field(record(block(report, "payment_method"), 1), "last_four")
    assert (last_four.before[0].text, last_four.after) == ("9999", "9999")


def test_with_masks_no_cell_is_in_it(house: House) -> None:
    report = dry_run(house, preview_mask=True)
    assert report.masked
    text = report.model_dump_json()
    for cell in ("ann@example.net", "Ann", "10.50", "T1", "red"):
        assert f'"{cell}"' not in text


@pytest.mark.slow
def test_masks_are_those_of_an_export_of_the_same_tenant(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    house.write("people.csv", PEOPLE.replace("ann@example.net", " Ann@EXAMPLE.net "))
    seen = block(dry_run(house, preview_mask=True))
    assert house.migrate(max_quarantined="90%").ok
    made = Export(house, tmp_path_factory.mktemp("export") / "out", mask=True)
    exported = {r["account_number"]: r for r in made.rows("customer")}
    assert len(exported) == 3
    for sample in (record(seen, n) for n in (1, 2, 4)):
        row = exported[field(sample, "account_number").after or ""]
        for name in ("email", "last_name", "status"):
            assert field(sample, name).after == row[name]
    # Before its conversion a cell is masked as what it becomes.
    for name in ("account_number", "email", "last_name"):
        one = field(record(seen, 1), name)
        assert one.before[0].text == one.after
    # Words of closed lists stay; what cannot be read may be anything, and is a shape.
    assert [b.text for b in field(record(seen, 1), "status").before] == ["A"]
    assert [b.text for b in field(record(seen, 3), "status").before] == ["?"]
    assert [b.text for b in field(record(seen, 3), "email").before] == ["aaaa"]


@pytest.mark.slow
def test_masked_reports_say_the_same_again_and_another_tenant_s_say_something_else(
    house: House,
) -> None:
    of = [
        [sample.model_dump_json() for sample in block(dry_run(one, preview_mask=True)).samples]
        for one in (house, house, House(house.folder, house.instance, "other"))
    ]
    assert of[0] == of[1]
    assert not set(of[0]) & set(of[2])


@pytest.mark.slow
def test_masks_of_what_changes_show_that_it_does(house: House) -> None:
    assert house.migrate(max_quarantined="90%").ok
    house.write("people.csv", PEOPLE.replace("Ann,A,ann@", "Anne,A,anne@"))
    sample = record(block(dry_run(house, preview_mask=True)), 1)
    name, email = field(sample, "last_name"), field(sample, "email")
    assert (name.changes, name.present) == (True, "Aaa")
    assert email.changes
    assert email.present not in (None, email.after, "ann@example.net")


@pytest.mark.slow
def test_it_tells_where_personal_data_and_card_numbers_are(house: House) -> None:
    house.write(
        "people.csv",
        PEOPLE.replace("Colour", "Remark").replace(",red", ",pays by 4111 1111 1111 1111"),
    )
    made = dry_run(house)
    assert [(c.source, c.column, c.cells, c.masked) for c in made.cards] == [
        ("people", "Remark", 1, 1)
    ]
    told = {p.column: p for p in made.personal}
    assert (told["Mail"].kind, told["Mail"].goes_to) == ("email address", ("customer.email",))
    shown = page(made)
    assert "Where personal data are" in shown
    assert "Masked to the last four digits" in shown
    assert "4111 1111" not in shown
    assert made.of_entities(["customer"]).personal == made.personal
    nothing_fed = made.model_copy(update={"entities": ()}).of_entities(["customer"])
    assert (nothing_fed.cards, nothing_fed.personal) == ((), ())


def test_records_that_cannot_be_read_are_told_and_do_not_disturb(house: House) -> None:
    house.write("people.csv", PEOPLE + "5,Ida\n6,Jon,A,,,,,,\n")
    report = dry_run(house)
    assert [s.record for s in block(report).samples] == [1, 2, 3, 4, 6]
    people = next(s for s in report.sources if s.name == "people")
    assert (people.records, people.unreadable) == (5, 1)
    ragged = next(g for g in entity(report).issues if g.rule == "record.ragged")
    assert (ragged.records, ragged.examples[0].record) == (1, 5)


def test_columns_called_like_our_own_are_columns(house: House) -> None:
    house.write("spec.yaml", SPEC.replace("last_name: Name", "last_name: record"))
    house.write("people.csv", PEOPLE.replace("Name,", "record,").replace("Tower", "file"))
    report = dry_run(house)
    assert field(record(block(report), 2), "last_name").before[0].text == "Bob"
    assert "file" in [c.name for c in report.sources[0].columns if c.goes_to == "legacy"]


def test_several_files_of_one_source(house: House) -> None:
    house.write("spec.yaml", SPEC.replace("files: people.csv", "files: [people.csv, more.csv]"))
    house.write("more.csv", "Name,No,State,Mail,Pass,Fax,Card,Tower,Colour\nZoe,7,A,,,,,,\n")
    last = block(dry_run(house)).samples[-1]
    assert (last.file, last.record, field(last, "last_name").after) == ("more.csv", 1, "Zoe")


@pytest.mark.slow
def test_a_refused_dry_run_leaves_its_report_too(house: House) -> None:
    ran = try_out(house, max_quarantined="0")
    assert not ran.ok
    report = report_of(ran)
    assert not report.passed
    assert report.refused == ran.failure()[0]
    assert entity(report).counts["quarantined"] == 2
    assert record(block(report), 3).outcome == "quarantined"
    assert dry_run(house).passed


@pytest.mark.slow
def test_what_stands_against_the_tenants_content_is_counted_when_that_would_be_refused(
    house: House,
) -> None:
    assert house.migrate(max_quarantined="90%").ok
    before = house.digest()
    house.write("people.csv", PEOPLE.replace("ann@", "anna@").replace("2,Bob", "2,Robert"))
    house.write("owed.csv", OWED.replace("-3.25", "-4"))
    ran = try_out(house, on_conflict="fail")
    assert not ran.ok
    report = report_of(ran)
    assert (report.passed, report.refused_as, report.on_conflict) == (False, "conflict", "fail")
    assert report.refused == ran.failure()[0]
    assert "other content for 3 customer records" in report.refused
    changes = entity(report).changes
    assert (changes.rows, changes.fields) == (3, {"email": 1, "last_name": 1, "balance": 1})
    email = field(record(block(report), 1), "email")
    assert (email.present, email.after) == ("ann@example.net", "anna@example.net")
    assert house.digest() == before
    assert not house.migrate(max_quarantined="90%", on_conflict="fail").ok
    assert house.digest() == before


@pytest.mark.slow
def test_both_reasons_to_refuse_are_told(house: House) -> None:
    assert house.migrate(max_quarantined="90%").ok
    house.write("people.csv", PEOPLE.replace("ann@", "anna@"))
    report = report_of(try_out(house, on_conflict="fail", max_quarantined="0"))
    assert "other content for 1 customer record of" in report.refused
    assert "quarantine" in report.refused.partition("which records they are.")[2]


@pytest.mark.slow
def test_reports_are_no_sources(house: House, ispmig_home: Path) -> None:
    dry_run(house)
    for named in ("../reports/acme/*.json", "../**/*.json"):
        house.write("again.yaml", SPEC.replace("files: people.csv", f"files: '{named}'"))
        ran = house.migrate("again.yaml", mode="dry_run")
        told, ends_with = ran.failure()
        assert ends_with == 2
        assert f"lies in {ispmig_home / 'reports'}" in told
        assert "nothing there is an export" in told


def test_a_real_migration_leaves_no_report_with_cells(house: House) -> None:
    ran = house.migrate(max_quarantined="90%")
    assert ran.entry is not None
    found = store.paths(settings().reports_folder, "acme", ran.entry.id)
    assert not any(path.exists() for path in found.values())


@pytest.mark.slow
def test_reports_are_private_and_expire(house: House) -> None:
    ran = try_out(house)
    assert ran.entry is not None
    found = store.paths(settings().reports_folder, "acme", ran.entry.id)
    assert {stat.S_IMODE(p.stat().st_mode) for p in found.values()} == {0o600}
    assert stat.S_IMODE((settings().reports_folder / "acme").stat().st_mode) == 0o700
    old = time.time() - store.EXPIRES_AFTER.total_seconds() - 60
    for path in found.values():
        os.utime(path, (old, old))
    house.migrate(max_quarantined="90%")
    assert not any(path.exists() for path in found.values())


def test_the_staged_data_is_gone_afterwards(house: House) -> None:
    dry_run(house)
    assert [p for p in settings().staging_folder.rglob("*") if p.is_file()] == []


def told_to_dagster(ran: Ran) -> str:
    return "\n".join(
        [repr(event) for event in ran.result.all_events]
        + [repr(event.event_specific_data) for event in ran.result.all_events]
    )


@pytest.mark.slow
def test_dagster_gets_the_place_and_counts_and_no_cell(house: House) -> None:
    house.migrate(max_quarantined="90%")
    house.write("people.csv", PEOPLE.replace("ann@", "anna@"))
    ran = try_out(house)
    assert ran.entry is not None
    (event,) = [
        e for e in ran.result.all_events if e.is_successful_output and e.step_key == "audit"
    ]
    metadata = event.step_output_data.metadata
    place = store.paths(settings().reports_folder, "acme", ran.entry.id)["html"]
    assert metadata["report"].value == str(place)

    def rows(name: str) -> list[dict[str, Any]]:
        return [r.data for r in metadata[name].records]

    assert {"entity": "customer", "field": "email", "rows": 1} in rows("changes per field")
    assert {
        "entity": "customer", "rule": "value.lookup", "column": "State", "field": "status",
        "records": 1,
    } in rows("issues by rule")  # fmt: skip
    assert {
        "entity": "customer", "field": "status", "from": "State", "filled": 3, "records": 4,
    } in rows("fields filled")  # fmt: skip
    assert [r["column"] for r in rows("unmapped columns")] == ["Tower", "Colour"]
    everything = told_to_dagster(ran) + json.dumps(ran.entry.as_json())
    for cell in ("anna@", "bob@", "Ann'", "hunter2", "20.00", "nope", "'T1'", '"T1"'):
        assert cell not in everything


@pytest.mark.slow
def test_a_dry_run_is_in_the_ledger_as_before(house: House) -> None:
    ran = try_out(house)
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.CHECKED
    assert house.rows("customer", "account_number") == []
