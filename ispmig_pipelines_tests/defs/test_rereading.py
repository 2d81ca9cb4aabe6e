"""The sources are read again while the server publishes; what changed since is read once more."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from psycopg import sql

from ispmig_pipelines.defs.tenant_migration import audit as auditing
from ispmig_pipelines.defs.tenant_migration import rereading
from ispmig_pipelines.defs.tenant_migration.manifests import LoadedMigration
from ispmig_pipelines.platform import ledger, load
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.defs.test_tenant_migration import CUSTOMERS

PEOPLE = "No,Name,State,Owed\n" + "".join(f"{n},Name {n},A,1.25\n" for n in range(1, 41))


@pytest.fixture
def house(ispmig_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with DagsterInstance.ephemeral() as instance:
        house = House(tmp_path_factory.mktemp("exports"), instance)
        house.write("spec.yaml", CUSTOMERS)
        house.write("people.csv", PEOPLE)
        yield house


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In which op each opening of source files for the audit happened."""
    found: list[str] = []
    original, real = auditing.open_files, auditing.audit
    op = ["load"]

    def opening(*args: Any, **kwargs: Any) -> Any:
        found.append(op[0])
        return original(*args, **kwargs)

    def audit(*args: Any, **kwargs: Any) -> Any:
        op[0] = "audit"
        return real(*args, **kwargs)

    monkeypatch.setattr(auditing, "open_files", opening)
    monkeypatch.setattr(auditing, "audit", audit)
    return found


def before_the_audit(monkeypatch: pytest.MonkeyPatch, do: Any) -> None:
    original = auditing.audit

    def changed(*args: Any, **kwargs: Any) -> Any:
        do()
        return original(*args, **kwargs)

    monkeypatch.setattr(auditing, "audit", changed)


def test_a_file_is_read_for_the_audit_once_while_the_server_publishes(
    house: House, opened: list[str]
) -> None:
    ran = house.migrate()
    assert ran.ok
    assert opened == ["load"]
    assert ran.counts["customer"]["inserted"] == 40
    assert house.rows("customer", "count(*), sum(balance)") == [(40, 50)]


def test_what_was_read_again_is_held_against_the_tables(
    house: House, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not what was loaded: a row that the source has and the tables lack is found by it."""
    publish = load.publish.insert

    def losing(driver: Any, feed: Any, **kwargs: Any) -> int:
        inserted = publish(driver, feed, **kwargs)
        lost = sql.SQL("delete from {} where account_number = '7'").format(feed.target)
        driver.execute(lost)
        return inserted

    monkeypatch.setattr(load.publish, "insert", losing)
    monkeypatch.setattr(load.reconcile, "check", lambda *args: None)
    before = house.digest()
    ran = house.migrate()
    assert "neither in the tenant's table nor in quarantine" in ran.failure()[0]
    assert opened == ["load"]
    assert house.digest() == before


def test_one_that_was_written_since_is_read_once_more(
    house: House, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same size, and the time of before."""
    path = house.folder / "people.csv"
    old = path.stat()

    def write() -> None:
        path.write_text(PEOPLE.replace("1.25", "1.35"))
        os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))

    before_the_audit(monkeypatch, write)
    before = house.digest()
    ran = house.migrate()
    assert "has changed while it was migrated" in ran.failure()[0]
    assert opened == ["load", "audit"]
    assert house.digest() == before


def test_one_that_is_another_file_of_the_same_bytes_is_read_once_more_and_stands(
    house: House, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchange() -> None:
        other = house.write("other.csv", PEOPLE)
        other.replace(house.folder / "people.csv")

    before_the_audit(monkeypatch, exchange)
    ran = house.migrate()
    assert ran.ok
    assert opened == ["load", "audit"]


def test_what_cannot_be_read_then_is_told_by_the_audit(
    house: House, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = rereading.Rereading.begin

    def without(self: rereading.Rereading) -> None:
        (house.folder / "people.csv").unlink()
        begin(self)

    monkeypatch.setattr(rereading.Rereading, "begin", without)
    ran = house.migrate()
    assert "cannot be read again" in ran.failure()[0]
    assert ran.entry is not None
    assert ran.entry.state is ledger.State.UNDONE


def test_what_fails_to_be_staged_then_is_read_by_the_audit(
    house: House, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rereading, "again_schema", full)
    assert house.migrate().ok
    assert opened == ["audit"]


def test_a_migration_that_is_not_published_hands_nothing_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[rereading.Rereading] = []
    begin = rereading.Rereading.begin

    def begun(self: rereading.Rereading) -> None:
        seen.append(self)
        begin(self)

    monkeypatch.setattr(rereading.Rereading, "begin", begun)
    house.write("people.csv", PEOPLE.replace("1.25", "?"))
    assert not house.migrate(max_quarantined="0").ok
    (one,) = seen
    one.wait()
    assert one._thread is not None
    assert not one._thread.is_alive()


def test_a_dry_run_reads_nothing_again(house: House, opened: list[str]) -> None:
    assert house.migrate(mode="dry_run").ok
    assert opened == []


def test_an_audit_that_goes_on_in_another_process_has_what_was_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest says where, and can be handed on."""
    handed: list[LoadedMigration] = []
    original = auditing.audit

    def audit(spec: Any, tenant: Any, loaded: LoadedMigration, *args: Any, **kwargs: Any) -> Any:
        copied = pickle.loads(pickle.dumps(loaded))  # noqa: S301 - our own
        handed.append(copied)
        return original(spec, tenant, copied, *args, **kwargs)

    monkeypatch.setattr(auditing, "audit", audit)
    assert house.migrate().ok
    (loaded,) = handed
    assert list(loaded.again) == ["customer-0"]
    (mark,) = loaded.again["customer-0"].files
    assert mark == rereading.mark_of(house.folder / "people.csv")
