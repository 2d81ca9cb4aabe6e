"""A whole tenant restored in place to a moment: its migrations, rollbacks and what people did."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa

from ispmig_pipelines.backup.journal.changes import changes_since
from ispmig_pipelines.backup.restore.records import Restored
from ispmig_pipelines.backup.restore.restore import Asked, restore, undo
from ispmig_pipelines.errors import BackupError, UsageError
from ispmig_pipelines.platform import change_journal, ledger
from ispmig_pipelines.platform.digest import digest as digest_of
from ispmig_pipelines.platform.rollback.rollback import roll_back
from ispmig_pipelines.platform.server import engine, told_plainly
from ispmig_pipelines.platform.tenants import raw
from ispmig_pipelines_tests.backup.journal.past import Past, one
from ispmig_pipelines_tests.platform.loading import load_rows


def plans(count: int, *, price: str) -> dict[str, list[dict[str, object]]]:
    return {
        "plan": [
            {
                "plan_code": f"P{number}",
                "name": f"Plan {number}",
                "technology": "fiber",
                "price": Decimal(price),
                "currency": "USD",
            }
            for number in range(count)
        ]
    }


def migrated(past: Past, count: int, *, price: str) -> int:
    with engine().connect() as connection:
        migration, _ = load_rows(connection, past.tenant, plans(count, price=price))
        with connection.begin():
            ledger.update_migration(connection, migration, state=ledger.State.DONE)
    return migration


def digest(past: Past) -> str:
    with engine().connect() as connection:
        return str(digest_of(raw(connection), past.tenant)["digest"])


def restored(past: Past, at: dt.datetime, **asked: object) -> Restored:
    with told_plainly(), engine().connect() as connection:
        return restore(
            connection, past.tenant, past.repository, Asked(at=at, **asked), actor="tester",
            changes_since=changes_since(past.repository, asked.get("tables", ())),
        )  # fmt: skip


def states(past: Past) -> dict[int, str]:
    with engine().connect() as connection:
        table = ledger.data_migrations
        return dict(tuple(row) for row in connection.execute(sa.select(table.c.id, table.c.state)))


@pytest.mark.slow
def test_migrations_and_rollbacks_are_journaled(past: Past) -> None:
    past.backup()
    first = migrated(past, 30, price="10")
    moments = {past.remember("plan", "_undo"): digest(past)}
    second = migrated(past, 40, price="12")
    moments[past.remember("plan", "_undo")] = digest(past)
    with engine().connect() as connection:
        roll_back(connection, past.tenant, [second], actor="tester")
    moments[past.remember("plan", "_undo")] = digest(past)
    past.driver.execute("delete from plan where plan_code = 'P1'")
    past.remember("plan", "_undo")
    past.ship()
    past.check()
    now = states(past)
    assert (now[first], now[second]) == ("done", "undone")
    at = list(moments)[1]
    restored(past, at)
    assert digest(past) == moments[at]
    assert states(past)[second] != "undone"


@pytest.mark.slow
def test_after_a_restore_in_place_the_journal_goes_on_from_the_next_snapshot(past: Past) -> None:
    past.driver.execute("insert into t values (1, 'a')")
    past.backup()
    past.driver.execute("insert into t values (2, 'b')")
    good = past.remember()
    past.driver.execute("delete from t")
    bad = past.remember()
    past.ship()
    restored(past, good)
    assert one(past.driver, "select count(*) from t") == 2
    shapes = change_journal.shapes(past.driver, past.tenant)
    assert all(shape.journaled for shape in shapes.values())
    past.ship()
    # What was before the restore can still be restored to.
    past.check()
    past.driver.execute("insert into t values (3, 'c')")
    between = past.remember()
    past.ship()
    with pytest.raises(BackupError, match="lost track"):
        past.restored(between)
    del past.states[between]
    past.backup()
    past.driver.execute("insert into t values (4, 'd')")
    past.remember()
    past.ship()
    past.check()
    assert past.states[bad]["t"] == {}


def test_a_restore_that_is_undone_leaves_the_journal_whole(past: Past) -> None:
    past.driver.execute("insert into t values (1, 'a')")
    past.backup()
    past.driver.execute("insert into t values (2, 'b')")
    at = past.remember()
    past.driver.execute("insert into t values (3, 'c')")
    past.ship()
    restored(past, at)
    with engine().connect() as connection:
        undo(connection, past.tenant, actor="tester")
    assert one(past.driver, "select count(*) from t") == 3
    past.backup()
    past.driver.execute("insert into t values (4, 'd')")
    past.remember()
    past.ship()
    past.check()


def test_a_copy_beside_is_of_the_moment_and_writes_into_no_journal(past: Past) -> None:
    past.backup()
    past.driver.execute("insert into t values (1, 'a')")
    at = past.remember()
    past.driver.execute("delete from t")
    past.ship()
    restored(past, at, into="copy_of_acme")
    assert one(past.driver, "select v from copy_of_acme.t") == "a"
    past.driver.execute("insert into copy_of_acme.t values (2, 'b')")
    assert one(past.driver, "select count(*) from tenant_acme__journal.changes") == 0
    with pytest.raises(UsageError, match="--snapshot"):
        restored(past, at, into="masked_copy", mask=True)


def test_one_table_is_set_back_and_that_is_journaled_too(past: Past) -> None:
    past.driver.execute("create table u (k int primary key)")
    past.backup()
    past.driver.execute("insert into t values (1, 'a'); insert into u values (1)")
    at = past.remember("t", "u")
    past.driver.execute("delete from t; insert into u values (2)")
    past.remember("t", "u")
    past.ship()
    restored(past, at, tables=("t",))
    assert one(past.driver, "select count(*) from t") == 1
    assert one(past.driver, "select count(*) from u") == 2
    past.remember("t", "u")
    past.ship()
    past.check()
