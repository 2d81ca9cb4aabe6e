"""Large tables are loaded by sessions of their own, and nothing of that stays behind.

That all else is as with one session, every test of this folder says, which is run with several.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.restore import large_tables, swap
from ispmig_pipelines.backup.restore import restore as restoring_module
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.server import connect
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.backup.restore.conftest import Restoring, schemas
from ispmig_pipelines_tests.backup.restore.rows import fill


@pytest.fixture(autouse=True)
def several_sessions(monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(large_tables, "LARGE", 10)
    monkeypatch.setenv("ISPMIG_BACKUP_SESSIONS", "2")
    settings.cache_clear()
    return True


@pytest.fixture
def snapshot(driver: psycopg.Connection, backup: Callable[..., str]) -> str:
    fill(driver)
    driver.execute("insert into plan (plan_code, _migration, _file, _record) values ('P', 1, 0, 1)")
    return backup()


def test_a_tenant_comes_back_as_it_was(
    driver: psycopg.Connection, acme: Tenant, snapshot: str, restoring: Restoring
) -> None:
    before = digest(driver, acme)
    driver.execute("delete from payment; update customer set balance = 0; delete from plan")
    steps: list[str] = []
    restored = restoring(snapshot=snapshot, told=steps.append)
    assert "customer, invoice, payment: 2 at once" in steps
    assert digest(driver, acme) == before
    assert schemas(driver, acme) == ["tenant_acme", restored.before]


def test_who_began_before_sees_all_rows_and_no_empty_table(
    driver: psycopg.Connection, snapshot: str, restoring: Restoring
) -> None:
    with connect(autocommit=True) as other:
        other.execute("begin isolation level repeatable read")
        other.execute("select 1 from ispmig.tenants")
        restoring(snapshot=snapshot)
        for table in ("customer", "payment", "plan"):
            row = other.execute(f"select count(*) from tenant_acme.{table}").fetchone()
            assert row == (1 if table == "plan" else 20,)
        other.execute("rollback")


def test_the_tenant_s_role_can_make_nothing_where_its_tables_are_being_loaded(
    driver: psycopg.Connection, acme: Tenant, snapshot: str, restoring: Restoring
) -> None:
    seen: list[tuple[bool, ...]] = []

    def told(step: str) -> None:
        if step.endswith("at once"):
            (side,) = [name for name in schemas(driver, acme) if swap.SIDE in name]
            row = driver.execute(
                "select has_schema_privilege(%s, %s, 'create'),"
                " has_schema_privilege('public', %s, 'usage')",
                [acme.role, side, side],
            ).fetchone()
            assert row is not None
            seen.append(row)

    restoring(snapshot=snapshot, told=told)
    assert seen == [(False, False)]


def test_a_dry_run_and_a_failure_leave_nothing(
    driver: psycopg.Connection,
    acme: Tenant,
    snapshot: str,
    restoring: Restoring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver.execute("delete from payment")
    before = digest(driver, acme)
    tried = restoring(snapshot=snapshot, dry_run=True)
    found = {one["table"]: (one["rows_now"], one["added"]) for one in tried.details["differences"]}
    assert (found["payment"], found["customer"]) == ((0, 20), (20, 0))
    assert schemas(driver, acme) == ["tenant_acme"]

    def broken(*_: object) -> None:
        raise BackupError("the last step")

    monkeypatch.setattr(restoring_module.migration_states, "settle", broken)
    with pytest.raises(BackupError, match="the last step"):
        restoring(snapshot=snapshot)
    assert schemas(driver, acme) == ["tenant_acme"]
    assert digest(driver, acme) == before


@pytest.mark.parametrize(("large", "most"), [(1_000, "2"), (10, "1")])
def test_one_session_where_it_is_as_good_or_asked_for(
    snapshot: str, restoring: Restoring, monkeypatch: pytest.MonkeyPatch, large: int, most: str
) -> None:
    monkeypatch.setattr(large_tables, "LARGE", large)
    monkeypatch.setenv("ISPMIG_BACKUP_SESSIONS", most)
    settings.cache_clear()
    steps: list[str] = []
    restoring(snapshot=snapshot, told=steps.append)
    assert not [step for step in steps if step.endswith("at once")]


def test_what_a_server_that_broke_down_left_goes_with_the_next_restore(
    driver: psycopg.Connection,
    acme: Tenant,
    platform: Connection,
    snapshot: str,
    restoring: Restoring,
) -> None:
    driver.execute("create schema tenant_acme__restore_0a1b2c3d")
    driver.execute("create schema tenant_acme__restore_of_somebody")
    restored = restoring(snapshot=snapshot)
    assert schemas(driver, acme) == [
        "tenant_acme", restored.before, "tenant_acme__restore_of_somebody"
    ]  # fmt: skip
