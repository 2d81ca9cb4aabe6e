"""What the audit trail says of migrations that did not simply succeed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance

from ispmig_pipelines.account import account
from ispmig_pipelines.defs.tenant_migration import closing
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.audit.verify import verify_chains
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS
from ispmig_pipelines_tests.platform.loading import open_migration


@pytest.fixture
def house(ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("exports")
    with DagsterInstance.ephemeral() as instance:
        house = House(folder, instance)
        house.write("spec.yaml", CUSTOMERS)
        house.write("people.csv", "No,Name,State,Owed\n1,Ann,A,1.50\n")
        yield house


def told(house: House) -> list[tuple[Any, ...]]:
    """Stage and migration of each entry of one, and why it failed."""
    with house.engine.connect() as connection:
        found = trail.entries(connection, "acme")
    (verified,) = verify_chains(house.engine.connect, "acme")
    assert verified.holds
    return [
        (str(e.stage), e.details["migration"], e.details.get("error", ""))
        for e in found
        if e.operation == "migration"
    ]


def test_a_run_from_the_ui_is_marked_as_such(house: House) -> None:
    assert house.migrate().ok
    with house.engine.connect() as connection:
        begun, published, finished = trail.entries(connection, "acme")[1:]
    assert {e.actor for e in (begun, published, finished)} == {f"{account()} (dagster-ui)"}
    assert len({e.dagster_run_id for e in (begun, published, finished)}) == 1
    assert finished.details["content"] == house.digest()
    assert published.details["begun"] == finished.details["begun"] == begun.id
    assert published.details["result_sha256"] == finished.details["result_sha256"]


def test_a_migration_whose_process_died_is_ended_by_the_next_one(house: House) -> None:
    with house.engine.connect() as connection:
        dead = open_migration(connection, house.tenant)
        with connection.begin():
            entered.begun(connection, dead, "ann")
    assert house.migrate().ok
    assert told(house) == [
        ("begun", dead, ""),
        ("failed", dead, "abandoned"),
        ("begun", dead + 1, ""),
        ("published", dead + 1, ""),
        ("finished", dead + 1, ""),
    ]


@pytest.mark.slow
def test_a_migration_that_was_never_audited_is_taken_back_on_record(house: House) -> None:
    first = house.migrate().entry
    assert first is not None
    with house.engine.begin() as connection:
        ledger.update_migration(connection, first.id, state=State.PUBLISHED)
    assert house.migrate().ok
    assert told(house)[3:5] == [("failed", first.id, "taken back"), ("begun", first.id + 1, "")]


@pytest.mark.slow
def test_what_goes_on_after_a_failure_begins_again_as_whoever_retried_it(house: House) -> None:
    failed = house.migrate(max_quarantined="0")
    assert failed.ok
    house.write("people.csv", "No,Name,State,Owed\n1,Ann,X,1.50\n2,Bob,A,x\n")
    failed = house.migrate(max_quarantined="0")
    assert failed.entry is not None
    assert failed.entry.state is State.FAILED
    with house.engine.connect() as connection:
        assert closing.may_load(connection, failed.entry.id, "another run", "bob")
        last = trail.entries(connection, "acme")[-1]
    assert told(house)[-3:] == [
        ("begun", failed.entry.id, ""),
        ("failed", failed.entry.id, "threshold"),
        ("begun", failed.entry.id, ""),
    ]
    assert (last.actor, last.dagster_run_id) == ("bob", "another run")


def test_a_publication_that_is_not_entered_is_not_committed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = house.digest()

    def fails(*args: Any) -> None:
        raise RuntimeError("No.")

    monkeypatch.setattr(entered, "published", fails)
    ran = house.migrate()
    assert not ran.ok
    assert house.digest() == before
    assert told(house)[-1][0::2] == ("failed", "unexpected")
