"""A drill restores the newest snapshot where nobody sees it, and says how long that took."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ispmig_pipelines.backup import business, evidence
from ispmig_pipelines.backup import drill as drilling
from ispmig_pipelines.backup import manifest as manifests
from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.drill import Drilled, drill
from ispmig_pipelines.backup.evidence import State
from ispmig_pipelines.backup.repository import Part, Repository, open_repository
from ispmig_pipelines.errors import BackupDamaged, BackupError, DatabaseError, UsageError
from ispmig_pipelines.platform import catalogs, ledger, tenants, trail
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines_tests.backup.made_up import flip, piece_keys


@pytest.fixture
def acme(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    # As in the embedded database: tenants see nothing of the system catalogs.
    monkeypatch.setenv("ISPMIG_CLOSE_CATALOGS", "true")
    ledger.prepare(engine())
    catalogs.prepare(engine())
    return tenants.add(engine(), "acme")


@pytest.fixture
def driver(acme: Tenant) -> Iterator[psycopg.Connection]:
    with connect(autocommit=True) as connection:
        connection.execute(
            "select set_config('search_path', %s, false)", [f'"{acme.schema}", pg_catalog']
        )
        yield connection


@pytest.fixture
def repository(acme: Tenant) -> Repository:
    return open_repository("acme", make=True)


def fill(driver: psycopg.Connection) -> None:
    """Customers, services and invoices, as few of their columns as there must be."""
    for table, values in {
        "customer": {
            "account_number": "'A-' || n", "status": "(array['active','cancelled'])[1 + n % 2]",
            "balance": "n * 1.25 - 20", "currency": "(array['EUR','UAH'])[1 + n % 2]",
            "balance_date": "date '2026-11-01' + n % 5",
        },
        "plan": {"plan_code": "'P-' || n"},
        "service": {
            "service_code": "'S-' || n", "customer": "'A-' || n", "plan": "'P-' || n",
            "status": "(array['active','suspended','cancelled'])[1 + n % 3]",
        },
        "invoice": {
            "invoice_number": "'I-' || n", "customer": "'A-' || n", "total": "n + 0.5",
            "amount_due": "n", "status": "(array['open','paid','overdue'])[1 + n % 3]",
            "currency": "'EUR'",
        },
    }.items():  # fmt: skip
        given = values | _required(driver, table, values)
        driver.execute(
            f"insert into {table} ({', '.join(given)})"
            f" select {', '.join(given.values())} from generate_series(1, 300) n"
        )


def _required(driver: psycopg.Connection, table: str, given: dict[str, str]) -> dict[str, str]:
    rows = driver.execute(
        """select a.attname::text, format_type(a.atttypid, a.atttypmod) from pg_attribute a
           where a.attrelid = %s::regclass and a.attnum > 0 and a.attnotnull and not a.atthasdef
             and a.attidentity = '' and not a.attisdropped""",
        [table],
    ).fetchall()
    return {name: f"'1'::{kind}" if kind != "jsonb" else "'{}'::jsonb"
            for name, kind in rows if name not in given}  # fmt: skip


def schemas(driver: psycopg.Connection) -> list[str]:
    rows = driver.execute("select nspname::text from pg_namespace order by 1").fetchall()
    return [name for (name,) in rows]


def back_up(**options: Any) -> str:
    return create("acme", open_repository("acme"), actor="tester", **options).snapshot


def drilled(**options: Any) -> Drilled:
    return drill("acme", open_repository("acme"), actor="tester", **options)


def test_the_newest_snapshot_is_restored_looked_at_and_taken_away(
    repository: Repository, driver: psycopg.Connection
) -> None:
    fill(driver)
    old = back_up()
    driver.execute("update customer set balance = balance + 1 where account_number = 'A-7'")
    new = back_up()
    before = schemas(driver)
    steps: list[str] = []
    done = drilled(told=steps.append)
    assert schemas(driver) == before
    assert done.snapshot == new
    assert done.seconds > 0
    assert any(step.startswith("customer: 300 rows") for step in steps)
    row = driver.execute(
        """select (select sum(balance) from customer where currency = 'EUR'),
                  (select count(*) from invoice where status in ('open', 'overdue')),
                  (select sum(amount_due) from invoice where status in ('open', 'overdue')),
                  (select count(*) from service where status = 'active')"""
    ).fetchone()
    assert row is not None
    assert Decimal(done.totals["balances EUR"]) == row[0]
    assert (int(done.totals["open invoices"]), Decimal(done.totals["unpaid EUR"])) == row[1:3]
    assert int(done.totals["active services"]) == row[3]
    known = evidence.of(open_repository("acme"))
    assert (known[old].state, known[new].state) == (State.UNVERIFIED, State.RESTORED)
    assert known[new].seconds == done.seconds
    assert known[new].rows == done.rows >= 1200
    with engine().connect() as connection:
        entries = trail.entries(connection, "acme")
    begun, finished = entries[-2:]
    assert (begun.operation, begun.stage, finished.stage) == ("backup drill", "begun", "finished")
    assert finished.details["snapshot"] == new
    assert "balances" not in str(finished.details)


def test_an_older_snapshot_can_be_tried_too(
    repository: Repository, driver: psycopg.Connection
) -> None:
    fill(driver)
    old = back_up()
    driver.execute("delete from invoice")
    back_up()
    assert drilled(snapshot=old[-8:]).totals["open invoices"] == "200"
    with pytest.raises(UsageError):
        drilled(snapshot="none")


def test_files_and_rows_of_the_ledger_are_read_too(
    repository: Repository, driver: psycopg.Connection
) -> None:
    from ispmig_pipelines.backup import tenant_files

    folder = Path(str(repository.storage.place())).parent / "files"
    folder.mkdir(exist_ok=True)
    (folder / "contract.pdf").write_bytes(b"signed" * 100)
    with engine().connect() as connection:
        place = tenant_files.place_of(connection, "acme")
    del place
    name = back_up(files=tenant_files.files_of(str(folder), full=True))
    done = drilled()
    assert (done.files, done.bytes) == (1, 600)
    (stored,) = repository.stored(Part.FILE)
    repository.storage.delete(repository.key_of(Part.FILE, stored.hash))
    with pytest.raises(BackupDamaged):
        drilled()
    manifest = repository.read(name)
    assert any(t.name.startswith("ledger/") and t.rows for t in manifest.tables)
    flip(repository.storage, piece_keys(repository, manifest, "ledger/tenants")[0])
    with pytest.raises(BackupDamaged):
        drilled()


def test_a_snapshot_that_cannot_be_restored_is_told_and_stands_as_such(
    repository: Repository, driver: psycopg.Connection
) -> None:
    fill(driver)
    name = back_up()
    drilled()
    before = schemas(driver)
    flip(repository.storage, piece_keys(repository, repository.read(name), "customer")[0])
    with pytest.raises(BackupDamaged):
        drilled()
    assert schemas(driver) == before
    known = evidence.of(open_repository("acme"))[name]
    assert known.state is State.FAILED
    assert known.restored is not None
    (newest, _) = evidence.drills(repository)
    assert (newest.passed, newest.problem) == (False, "backup_damaged")
    with engine().connect() as connection:
        last = trail.entries(connection, "acme")[-1]
    assert (last.stage, last.details["error"]) == ("failed", "backup_damaged")


def test_what_passes_by_itself_says_nothing_of_a_snapshot(
    repository: Repository, driver: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = back_up()

    def fails(*arguments: Any, **more: Any) -> Any:
        raise DatabaseError("The server is starting up.", transient=True)

    monkeypatch.setattr(drilling, "build", fails)
    with pytest.raises(DatabaseError):
        drilled()
    assert evidence.of(open_repository("acme"))[name].state is State.UNVERIFIED


def test_totals_that_are_not_the_snapshots_are_found(
    repository: Repository, driver: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if something on the server changed what was loaded: the sums come from elsewhere."""
    fill(driver)
    back_up()
    real = business.of_schema

    def other(*arguments: Any) -> Any:
        found = real(*arguments)
        assert found is not None
        found.services["active"] -= 1
        return found

    monkeypatch.setattr(business, "of_schema", other)
    with pytest.raises(BackupError, match="services active"):
        drilled()


@pytest.mark.slow
def test_totals_are_written_down_when_a_snapshot_is_made(
    repository: Repository, driver: psycopg.Connection
) -> None:
    fill(driver)
    first = repository.read(back_up())
    assert first.totals == drilled().totals
    second = repository.read(back_up())
    assert (second.kind, second.totals) == ("incremental", first.totals)
    driver.execute("update invoice set status = 'paid' where invoice_number = 'I-7'")
    third = repository.read(back_up())
    assert third.totals == drilled().totals
    # What the snapshot told is held against what is restored of it.
    wrong = third.model_copy(update={"totals": third.totals | {"open invoices": "7"}})
    key = repository.key_of_snapshot(third.snapshot)
    with repository.storage.writing(key) as stream:
        stream.write(manifests.write(wrong, repository.keys))
    with pytest.raises(BackupError, match="open invoices"):
        drilled()


@pytest.mark.slow
def test_a_drill_that_is_killed_leaves_nothing(
    repository: Repository, driver: psycopg.Connection
) -> None:
    fill(driver)
    back_up()
    before = schemas(driver)
    script = """
import os, signal
from ispmig_pipelines.backup.drill import drill
from ispmig_pipelines.backup.repository import open_repository

def told(text):
    if "business totals" in text:
        os.kill(os.getpid(), signal.SIGKILL)

drill("acme", open_repository("acme"), actor="tester", told=told)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert schemas(driver) == before
    assert drilled().rows


def test_a_snapshot_of_a_tenant_without_rows(
    repository: Repository, driver: psycopg.Connection
) -> None:
    back_up()
    assert drilled().totals == {"active services": "0", "open invoices": "0"}


def test_age_of_the_newest_drill(repository: Repository, driver: psycopg.Connection) -> None:
    back_up()
    since = dt.datetime.now(dt.UTC)
    drilled()
    (known,) = evidence.of(open_repository("acme")).values()
    assert known.restored is not None
    assert since <= known.restored <= dt.datetime.now(dt.UTC)
