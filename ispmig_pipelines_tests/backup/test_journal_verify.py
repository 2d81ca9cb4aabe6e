"""What was done to a change journal is found, too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.backup import journal_verify
from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.journal.mark import JournalFolder
from ispmig_pipelines.backup.journal.ship import ship
from ispmig_pipelines.backup.policies import Keeping
from ispmig_pipelines.backup.prune import prune
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.backup.retention import parse
from ispmig_pipelines.backup.verify import Verified, broken, verify
from ispmig_pipelines.platform import change_journal, ledger, tenants
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines_tests.backup.made_up import bytes_at, flip, overwrite

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def acme(ispmig_home: Path) -> Tenant:
    ledger.prepare(engine())
    return tenants.add(engine(), "acme")


@pytest.fixture
def driver(acme: Tenant) -> Iterator[psycopg.Connection]:
    with connect(autocommit=True) as connection:
        connection.execute("select set_config('search_path', %s, false)", [acme.schema])
        connection.execute("create table t (k integer primary key, v text)")
        yield connection


@pytest.fixture
def repository(acme: Tenant, driver: psycopg.Connection) -> Repository:
    """With a snapshot, and a journal of some marks, each with a change."""
    made = open_repository("acme", make=True)
    change_journal.switch_on(driver, acme)
    create("acme", made, actor="tester")
    for number in range(5):
        driver.execute("insert into t values (%s, 'x')", [number])
        ship(acme, made)
    return made


def verified(repository: Repository, **more: Any) -> Verified:
    del repository
    return verify("acme", open_repository("acme"), actor="tester", **more)


def journal(repository: Repository, ending: str) -> list[str]:
    found = repository.storage.list(f"{repository.root}/journal/")
    return [blob.key for blob in found if blob.key.endswith(ending)]


def test_a_journal_that_is_whole_is_read_whole(repository: Repository) -> None:
    found = verified(repository)
    assert found.holds
    assert found.journal_marks == len(journal(repository, ".mark.age")) >= 5


def test_a_part_that_was_changed_is_found(repository: Repository) -> None:
    part = journal(repository, ".parquet.age")[-1]
    flip(repository.storage, part)
    found = verified(repository)
    (problem,) = found.problems
    assert (problem.kind, problem.damage) == ("journal", "altered")
    assert problem.place == repository.storage.place(part)
    assert len(found.whole) == found.snapshots
    error = broken(found)
    assert error is not None
    assert "--at" in str(error)


def test_a_mark_that_is_gone_and_one_in_anothers_place_are_found(repository: Repository) -> None:
    marks = journal(repository, ".mark.age")
    overwrite(repository.storage, marks[-1], bytes_at(repository.storage, marks[-2]))
    assert [p.damage for p in verified(repository).problems] == ["swapped"]
    repository.storage.delete(marks[-3])
    # A listing tells, whatever the share.
    found = verified(repository, share=Fraction(1, 1000))
    assert "missing" in [p.damage for p in found.problems]


def test_what_is_let_go_from_the_beginning_while_it_is_read_is_no_damage(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = journal(repository, ".mark.age")
    real = JournalFolder.read
    gone: list[str] = []

    def read(self: JournalFolder, history: str, number: int) -> Any:
        if not gone:
            gone.extend(marks[:2])
            for key in gone:
                repository.storage.delete(key)
        return real(self, history, number)

    monkeypatch.setattr(JournalFolder, "read", read)
    found = verified(repository)
    assert found.holds, found.problems
    assert found.journal_marks == len(marks) - 2


def test_prune_lets_go_of_what_led_up_to_the_oldest_snapshot(
    repository: Repository, acme: Tenant, driver: psycopg.Connection
) -> None:
    create("acme", open_repository("acme"), actor="tester", full=True)
    driver.execute("insert into t values (100, 'x')")
    ship(acme, open_repository("acme"))
    marks = journal(repository, ".mark.age")

    def pruned(**more: Any) -> Any:
        keeping = Keeping(parse("last=1"), ZoneInfo("UTC"), own=True)
        return prune("acme", open_repository("acme"), keeping=keeping, actor="tester", **more)

    dry = pruned(dry_run=True)
    assert journal(repository, ".mark.age") == marks
    done = pruned()
    assert done.journal == dry.journal > 0
    left = journal(repository, ".mark.age")
    assert left
    assert left == marks[-len(left) :]
    assert len(left) < len(marks)
    assert verified(repository).holds
    assert pruned().journal == 0


def test_a_damaged_journal_stops_no_prune_of_snapshots(repository: Repository) -> None:
    create("acme", open_repository("acme"), actor="tester", full=True)
    flip(repository.storage, journal(repository, ".mark.age")[-1])
    keeping = Keeping(parse("last=1"), ZoneInfo("UTC"), own=True)
    done = prune("acme", open_repository("acme"), keeping=keeping, actor="tester")
    assert len(done.removed) == 1
    assert "journal" in done.put_off


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 9))
def test_in_as_many_days_all_of_it_is_read(marks: int, over: int, under: int) -> None:
    share = Fraction(min(over, under), max(over, under))
    numbers = list(range(3, 3 + marks))
    read: set[int] = set()
    for day in range(share.denominator):
        read |= set(journal_verify._stretch(numbers, share, NOW + dt.timedelta(days=day)))
    assert read == set(numbers)
