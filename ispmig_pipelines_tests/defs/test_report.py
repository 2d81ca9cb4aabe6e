"""The report that a run leaves, in the state folder, in Dagster, and made again."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetSelection,
    DagsterExecutionInterruptedError,
    DagsterInstance,
    materialize,
)
from typer.testing import CliRunner

from ispmig_pipelines import keyring
from ispmig_pipelines.cli import app
from ispmig_pipelines.defs import assets, rule_checks
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import audit as auditing
from ispmig_pipelines.defs.tenant_migration import ops as loading
from ispmig_pipelines.defs.tenant_migration import reporting
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.report import store
from ispmig_pipelines.report.canonical import from_json
from ispmig_pipelines.report.gather import gather
from ispmig_pipelines.report.proof import prove
from ispmig_pipelines.report.report import MigrationReport
from ispmig_pipelines.report.rule_kind import kinds_of_entity
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House, Ran

SPEC = """\
version: 1
name: north
sources:
  people: {files: people.csv}
  lines: {files: lines.csv}
entities:
  customer:
    from: people
    fields:
      account_number: No
      kind: {constant: person}
      last_name: Name
      status: {column: State, lookup: {A: active, X: cancelled}}
      birth_date: Born
      balance: {column: Owed, positive_is: debt}
      currency: {constant: USD}
  plan:
    from: lines
    fields: {plan_code: Plan}
  service:
    from: lines
    fields:
      service_code: Line
      customer: Cust
      plan: Plan
      status: {constant: active}
      access_username: User
      price: Price
      currency: {constant: USD}
validation:
  checks:
    service:
      - {name: plausible, must: "price < 500", severity: warning, message: A price too high}
"""

PEOPLE = """\
No,Name,State,Born,Owed,Notes
1,Zebrowski,A,1980-02-03,1.50,card 4111 1111 1111 1111
2,Quackenbush,?,1980-02-04,2,
3,Featherstone,A,31.12.1980x,3,
4,Marjoribanks,A,1980-02-06,4.25,
"""

LINES = """\
Line,Cust,Plan,User,Price
L1,1,P1,zebro@isp,30
L2,2,P1,quack@isp,30
L3,4,P1,marjo@isp,900
L4,1,P1,marjo@isp,20
"""

SOUND_PEOPLE = "No,Name,State,Born,Owed,Notes\n1,Zebrowski,A,1980-02-03,1.50,\n"
SOUND_LINES = "Line,Cust,Plan,User,Price\nL1,1,P1,zebro@isp,30\n"

CELLS = ("Zebrowski", "Quackenbush", "Featherstone", "Marjoribanks", "4111", "31.12.1980",
         "quack@isp", "1980-02")  # fmt: skip


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        made = House(folder, instance)
        made.write("spec.yaml", SPEC)
        made.write("people.csv", PEOPLE)
        made.write("lines.csv", LINES)
        yield made


def kept(ran: Ran) -> MigrationReport:
    assert ran.entry is not None
    found = store.paths(settings().reports_folder, ran.entry.tenant, ran.entry.id)
    for form in ("html", "json"):
        assert stat.S_IMODE(found[form].stat().st_mode) == 0o600
        assert prove(found[form].read_bytes(), keyring.trusted()).trusted
    return from_json(found["json"].read_bytes())


def again(house: House, ran: Ran) -> MigrationReport:
    assert ran.entry is not None
    with house.engine.connect() as connection:
        return gather(connection, house.tenant, ran.entry.id)


def place(ran: Ran, kind: str = "html") -> Path:
    assert ran.entry is not None
    return store.paths(settings().reports_folder, ran.entry.tenant, ran.entry.id)[kind]


def evaluations(ran: Ran) -> dict[tuple[str, str], Any]:
    found = [
        e.asset_check_evaluation_data
        for e in ran.result.all_events
        if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return {(e.asset_key.to_user_string(), e.check_name): e for e in found}


@pytest.mark.slow
def test_a_migration_leaves_its_report_and_it_can_be_made_again(house: House) -> None:
    ran = house.migrate(max_quarantined="90%")
    assert ran.ok
    made = kept(ran)
    assert made.sound
    assert made.verdict == (
        "All 12 records are accounted for; 4 wait in quarantine; money reconciles."
    )
    assert [(e.entity, e.read, e.quarantined) for e in made.entities] == [
        ("customer", 4, 2), ("plan", 4, 0), ("service", 4, 2),
    ]  # fmt: skip
    assert {(i.entity, i.rule): (i.kind.value, i.severity, i.records) for i in made.issues} == {
        ("customer", "value.lookup"): ("values", "error", 1),
        ("customer", "value.date"): ("values", "error", 1),
        ("customer", "card.masked"): ("compliance", "warning", 1),
        ("service", "reference.rejected"): ("keys_and_references", "error", 1),
        ("service", "network.username_twice"): ("network", "error", 1),
        ("service", "check.service.plausible"): ("own_checks", "warning", 1),
    }
    assert [(c.column, c.masked) for c in made.cards] == [("Notes", 1)]
    assert {p.column for p in made.personal} >= {"Name", "Born"}
    # Made again it says the same; only when it was signed is another moment.
    assert again(house, ran) == made


def sums(made: MigrationReport, side: str) -> dict[tuple[str, str], tuple[int, str] | None]:
    """Measure and status → records and amount, of one side."""
    found = {}
    for total in made.by_status:
        amount = getattr(total, side)
        found[total.measure, total.status] = amount and (amount.records, amount.amount)
    return found


@pytest.mark.slow
def test_it_tells_the_sums_by_status_before_and_after_and_what_the_source_came_to(
    house: House,
) -> None:
    empty = house.digest()
    first = house.migrate(max_quarantined="90%")
    after_first = house.digest()
    made = kept(first)
    assert made.content_before is not None
    assert made.content_after is not None
    assert (made.content_before.sha256, made.content_before.rows) == (empty, 0)
    assert (made.content_after.sha256, made.content_after.rows) == (after_first, 5)
    assert made.content_before.at < made.content_after.at
    balances = {key: found for key, found in sums(made, "source").items() if key[0] == "balance"}
    # The record whose status is not known is in quarantine, as is the one without a birthday.
    assert balances == {
        ("balance", "active"): (3, "8.7500"), ("balance", ""): (1, "2.0000"),
    }  # fmt: skip
    assert sums(made, "before")["balance", "active"] == (0, "0.0000")
    assert sums(made, "after")["balance", "active"] == (2, "5.7500")
    assert sums(made, "after")["receivable", "active"] == (2, "5.7500")
    assert sums(made, "source")["balance", ""] == (1, "2.0000")
    (active,) = [t for t in made.by_status if (t.measure, t.status) == ("balance", "active")]
    assert (active.currency, active.positive_is) == ("USD", "owed by customers")
    house.write("people.csv", PEOPLE.replace(",1.50,", ",-2.50,"))
    made = kept(house.migrate(max_quarantined="90%"))
    assert made.content_before is not None
    assert made.content_before.sha256 == after_first
    assert sums(made, "before")["balance", "active"] == (2, "5.7500")
    assert sums(made, "after")["balance", "active"] == (2, "1.7500")
    assert sums(made, "after")["credit", "active"] == (1, "-2.5000")
    tried = kept(house.migrate(max_quarantined="90%", mode="dry_run"))
    assert (tried.content_before, tried.content_after) == (None, None)
    assert sums(tried, "source")["balance", "active"] == (3, "4.7500")
    assert sums(tried, "after")["balance", "active"] is None


@pytest.mark.slow
def test_it_carries_the_migrations_last_entry_in_the_audit_trail(house: House) -> None:
    ran = house.migrate(max_quarantined="90%")
    head = kept(ran).audit_head
    assert head is not None
    with house.engine.connect() as connection:
        last = trail.entries(connection, "acme")[-1]
    assert (last.operation, last.stage) == ("migration", "finished")
    assert (head.tenant, head.position, head.digest) == ("acme", last.position, last.digest.hex())
    assert last.details["content"] == house.digest()
    # What is entered afterwards changes nothing of the report.
    house.migrate(max_quarantined="90%", mode="dry_run")
    assert again(house, ran) == kept(ran)
    assert ran.entry is not None
    words = ["audit", "verify", "acme", "--report", str(place(ran, "json"))]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output


def test_a_platform_without_a_usable_key_migrates_and_says_why_there_is_no_report(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ISPMIG_SIGNING_KEY", "/nowhere/key.pem")
    settings.cache_clear()
    ran = house.migrate(max_quarantined="90%")
    assert ran.ok
    assert not place(ran).exists()
    assert "ISPMIG_SIGNING_KEY names /nowhere/key.pem" in capfd.readouterr().err


@pytest.mark.slow
def test_it_holds_no_cell(house: House) -> None:
    ran = house.migrate(max_quarantined="90%")
    for kind in ("html", "json"):
        text = place(ran, kind).read_text(encoding="utf-8")
        assert "people.csv" in text
        for cell in CELLS:
            assert cell not in text, cell


@pytest.mark.slow
def test_the_run_its_assets_and_its_checks_lead_to_it(house: House) -> None:
    ran = house.migrate(max_quarantined="90%")
    assert ran.entry is not None
    for made in ran.result.asset_materializations_for_node("audit"):
        assert made.metadata["migration report"].value == f"/reports/acme/{ran.entry.id}"
        assert made.metadata["signed by"].value == f"key {keyring.signing_key().public.id}"
        assert "are accounted for" in made.metadata["verdict"].value
    outputs = [
        e.event_specific_data.metadata
        for e in ran.result.all_events
        if e.is_successful_output and e.step_key == "audit"
    ]
    assert outputs[0]["report file"].value == str(place(ran))
    checks = evaluations(ran)
    assert set(checks) == {
        (entity, name)
        for entity in ("customer", "plan", "service")
        for name in ("conservation", *(kind.value for kind in kinds_of_entity(entity)))
    }
    values = checks["customer", "values"]
    assert (values.passed, values.severity.value) == (False, "ERROR")
    assert values.description == "acme: 2 errors"
    rows = values.metadata["rules"].value.records
    assert {(r.data["rule"], r.data["records"], r.data["share"]) for r in rows} == {
        ("value.lookup", 1, "25 %"), ("value.date", 1, "25 %"),
    }  # fmt: skip
    own = checks["service", "own_checks"]
    assert (own.passed, own.severity.value) == (True, "WARN")
    assert own.metadata["warnings"].value == 1
    assert not checks["service", "network"].passed
    assert checks["plan", "values"].passed
    assert checks["plan", "values"].description == "acme: nothing found"
    assert own.metadata["migration report"].value == f"/reports/acme/{ran.entry.id}"


@pytest.mark.slow
def test_the_second_run_has_a_trend(house: House) -> None:
    first = house.migrate(mode="dry_run", max_quarantined="90%")
    assert kept(first).verdict.startswith("This was a dry run, and changed nothing.")
    house.write("people.csv", PEOPLE.replace(",?,", ",A,"))
    ran = house.migrate(max_quarantined="90%")
    made = kept(ran)
    assert first.entry is not None
    assert [e.migration for e in made.earlier] == [first.entry.id]
    (date,) = [i for i in made.issues if i.rule == "value.date"]
    assert [(p.migration, p.records, p.of) for p in date.earlier] == [(first.entry.id, 1, 4)]
    assert {(g.entity, g.rule) for g in made.gone} == {
        ("customer", "value.lookup"), ("service", "reference.rejected"),
    }  # fmt: skip
    page = place(ran).read_text(encoding="utf-8")
    assert page.count("<svg") == len(made.issues)


@pytest.mark.slow
def test_old_reports_lead_to_the_newest_load(house: House) -> None:
    refused, first = house.migrate(), house.migrate(max_quarantined="90%")
    assert any("quarantine acme" in step.command for step in again(house, first).next)
    newest = house.migrate(max_quarantined="90%")
    assert newest.entry is not None
    for ran in (refused, first):
        assert again(house, ran).next[0].command == f"ispmig report acme {newest.entry.id}"
    assert again(house, newest).next == kept(newest).next


@pytest.mark.slow
def test_nothing_wrong_is_nothing_to_do(house: House) -> None:
    house.write("people.csv", SOUND_PEOPLE)
    house.write("lines.csv", SOUND_LINES)
    ran = house.migrate()
    made = kept(ran)
    assert (made.sound, made.issues, made.quarantine) == (True, (), ())
    assert [s.what for s in made.next] == ["Nothing: everything came over."]
    assert all(e.passed for e in evaluations(ran).values())


def test_a_refusal_leaves_a_report_too_and_the_failed_step_leads_to_it(house: House) -> None:
    ran = house.migrate()
    assert not ran.ok
    made = kept(ran)
    assert not made.sound
    assert made.state == "failed"
    assert "Too much would lie in quarantine" in made.error
    assert any("--max-quarantined 50%" in s.command for s in made.next)
    (failed,) = [e for e in ran.result.all_events if e.is_step_failure]
    told = failed.step_failure_data.user_failure_data.metadata
    assert told["report file"].value == str(place(ran))


@pytest.mark.slow
def test_a_broken_law_leaves_a_report(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    original = auditing.audit

    def changed(*args: Any, **kwargs: Any) -> Any:
        house.write("people.csv", SOUND_PEOPLE)
        return original(*args, **kwargs)

    monkeypatch.setattr(auditing, "audit", changed)
    ran = house.migrate(max_quarantined="90%")
    assert not ran.ok
    made = kept(ran)
    assert (made.sound, made.state) == (False, "undone")
    assert made.verdict.startswith("It was taken back")


def failed(ran: Ran) -> Any:
    """What Dagster was told of the step that failed."""
    (event,) = [e for e in ran.result.all_events if e.is_step_failure]
    return event.step_failure_data.user_failure_data.metadata


def test_a_run_that_could_read_nothing_leaves_one_that_says_why(house: House) -> None:
    (house.folder / "lines.csv").unlink()
    ran = house.migrate()
    made = kept(ran)
    assert (made.state, made.entities) == ("failed", ())
    assert "lines.csv" in made.error
    assert failed(ran)["report file"].value == str(place(ran))
    assert any(step.command.startswith("ispmig migrate acme") for step in made.next)


@pytest.mark.slow
def test_a_crash_leaves_one_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("Zebrowski")

    with monkeypatch.context() as patched:
        patched.setattr(loading, "load", broken)
        ran = house.migrate(max_quarantined="90%")
    made = kept(ran)
    assert (made.state, made.error) == ("failed", "An unexpected error (ZeroDivisionError).")
    assert failed(ran)["migration report"].value == f"/reports/acme/{made.migration}"
    monkeypatch.setattr(auditing, "audit", broken)
    ran = house.migrate(max_quarantined="90%")
    made = kept(ran)
    assert made.state == "published"
    assert made.entities
    assert "Zebrowski" not in place(ran).read_text(encoding="utf-8")


def test_a_run_that_is_stopped_leaves_one_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: object, **kwargs: object) -> None:
        raise DagsterExecutionInterruptedError

    monkeypatch.setattr(loading, "load", stopped)
    with suppress(DagsterExecutionInterruptedError):
        house.migrate(look=False)
    with house.engine.connect() as connection:
        (entry,) = ledger.migrations(connection, "acme")
    text = store.paths(settings().reports_folder, "acme", entry.id)["json"].read_bytes()
    assert from_json(text).error == "It was stopped."


@pytest.mark.slow
def test_names_from_outside_are_no_markup_in_the_ui(house: House) -> None:
    """Dagster shows descriptions as Markdown, with HTML in it."""
    evil = "<img src=https://example.org/x.png>[n](https://example.org)"
    house.write("spec.yaml", SPEC.replace("name: north", f"name: '{evil}'"))
    ran = house.migrate(max_quarantined="90%")
    for event in ran.result.all_events:
        if event.event_type_value == "ASSET_MATERIALIZATION":
            made = event.step_materialization_data.materialization
            assert "example.org" not in (made.description or "")
    for made in ran.result.asset_materializations_for_node("audit"):
        assert made.metadata["spec"].value == evil


@pytest.mark.slow
def test_a_report_that_cannot_be_kept_fails_no_migration(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError("4111 1111 1111 1111")

    monkeypatch.setattr(reporting, "gather", broken)
    ran = house.migrate(max_quarantined="90%")
    assert ran.ok
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.DONE
    assert {name for _, name in evaluations(ran)} == {"conservation"}


@pytest.mark.slow
def test_the_checks_can_be_run_by_themselves(house: House) -> None:
    house.migrate(max_quarantined="90%")
    checks = [rule_checks.checks_of(entity) for entity in ("customer", "service")]
    result = materialize(
        [*assets.entities, *checks],
        selection=AssetSelection.checks(*checks),
        instance=house.instance,
        resources={"platform": Platform()},
    )
    found = {
        (e.asset_key.to_user_string(), e.check_name): e
        for e in result.get_asset_check_evaluations()
    }
    assert not found["customer", "values"].passed
    assert found["customer", "compliance"].passed
    assert found["customer", "compliance"].metadata["warnings"].value == 1
    assert "1 tenant" in (found["service", "network"].description or "")
    assert len(found) == len(kinds_of_entity("customer")) + len(kinds_of_entity("service"))


def test_every_entity_has_a_check_of_each_kind_it_can_break() -> None:
    keys = {key for check in assets.checks for key in check.check_keys}
    assert {(k.asset_key, k.name) for k in keys} == {
        (AssetKey(entity), name)
        for entity in ENTITIES
        for name in ("conservation", *(kind.value for kind in kinds_of_entity(entity)))
    }


@pytest.mark.slow
def test_the_command_shows_and_writes_it_again(house: House, tmp_path: Path) -> None:
    def ispmig(*words: str, exit_code: int = 0) -> str:
        result = CliRunner().invoke(app, ["report", *words])
        assert result.exit_code == exit_code, result.output
        return result.output

    assert "has no migration yet" in ispmig("acme", exit_code=2)
    ran = house.migrate(max_quarantined="90%")
    assert ran.entry is not None
    number, made = str(ran.entry.id), kept(ran)

    def proven(content: bytes, form: str) -> None:
        found = prove(content, keyring.trusted())
        assert (found.format, found.trusted) == (form, True)
        assert from_json(json.dumps(found.report)) == made

    for words in (("--format", "json"), ("--json",), (number, "--json")):
        proven(ispmig("acme", *words).encode(), "json")
    proven(ispmig("acme", number, "--format", "html").encode(), "html")
    proven(ispmig("show", "acme", number, "--json").encode(), "json")
    for name, words, form in (
        ("a.html", (), "html"), ("a.json", (), "json"), ("a.txt", ("--format", "json"), "json"),
    ):  # fmt: skip
        target = tmp_path / name
        assert name in ispmig("acme", number, "--out", str(target), *words)
        proven(target.read_bytes(), form)
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert "just as it was signed" in ispmig("verify", str(target))
    told = ispmig("acme", number)
    assert "All 12 records are accounted for" in told
    assert "value.lookup" in told
    assert f"ispmig quarantine acme --migration {number}" in told
    assert "has no migration 99" in ispmig("acme", "99", exit_code=2)
    assert ispmig("nobody", exit_code=2)
    assert "not as .pdf. For PDF" in ispmig("acme", "--out", str(tmp_path / "a.pdf"), exit_code=2)
    assert not (tmp_path / "a.pdf").exists()
    assert "There is no folder" in ispmig("acme", "--out", "/nowhere/at/all.html", exit_code=2)
