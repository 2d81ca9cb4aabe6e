"""A tenant set back to an instant by commands alone: what it holds then is what it held, by the
digest of its content; with backups in a folder, and in a bucket."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.bucket import s3_server


def ispmig(*words: str) -> dict[str, Any]:
    """The one JSON object that a command prints."""
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


@pytest.fixture(params=["a folder", "a bucket"])
def acme(
    request: pytest.FixtureRequest, ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tenant]:
    """A tenant with a plan, whose journal is on, backed up once."""
    with s3_server(monkeypatch) as bucket:
        if request.param == "a bucket":
            monkeypatch.setenv("ISPMIG_BACKUPS", f"s3://{bucket}/backups")
            settings.cache_clear()
        ispmig("tenant", "add", "acme")
        ispmig("tenant", "set", "acme", "--journal", "on")
        with engine().connect() as connection:
            tenant = tenants.get(connection, "acme")
        with connect(autocommit=True) as driver:
            add(driver, tenant, "P0")
        ispmig("backup", "create", "acme")
        yield tenant
        # Clients of the bucket are remembered, and its server ends here.
        settings.cache_clear()


def add(driver: psycopg.Connection, tenant: Tenant, code: str) -> None:
    driver.execute(
        sql.SQL(
            """insert into {} (plan_code, name, technology, price, currency, _migration, _file,
               _record) values (%s, %s, 'fiber', 10.50, 'EUR', 1, 0, 1)"""
        ).format(sql.Identifier(tenant.schema, "plan")),
        [code, f"Plan {code}"],
    )


class Then:
    """What the tenant held at instants."""

    def __init__(self, tenant: Tenant, driver: psycopg.Connection) -> None:
        self.tenant = tenant
        self.driver = driver
        self.states: list[tuple[dt.datetime, str]] = []

    def remember(self) -> None:
        row = self.driver.execute("select clock_timestamp()").fetchone()
        assert row is not None
        self.states.append((row[0], self.now()))
        self.driver.execute("select pg_sleep(0.002)")

    def now(self) -> str:
        return str(digest(self.driver, self.tenant)["digest"])

    def change(self, statement: str, *values: object) -> None:
        self.driver.execute(
            sql.SQL(statement).format(plan=sql.Identifier(self.tenant.schema, "plan")), values
        )


@pytest.mark.slow
def test_it_is_what_it_was_between_two_changes(acme: Tenant) -> None:
    with connect(autocommit=True) as driver:
        then = Then(acme, driver)
        add(driver, acme, "P1")
        then.change("update {plan} set price = 12 where plan_code = %s", "P0")
        then.remember()
        then.change("delete from {plan} where plan_code = 'P0'")
        then.remember()
        ispmig("backup", "journal", "acme")
        add(driver, acme, "P2")
        then.change("update {plan} set name = 'Other', currency = 'USD'")
        then.remember()
        then.change("delete from {plan}")
        gone = then.now()
        assert len({state for _, state in then.states} | {gone}) == 4
        for at, state in then.states:
            done = ispmig("restore", "acme", "--at", at.isoformat())
            assert (done["kind"], done["behind_seconds"]) == ("whole", None)
            assert then.now() == state
            ispmig("restore", "undo", "acme")
            assert then.now() == gone
        # One table goes by the same way, and stays.
        at, state = then.states[1]
        ispmig("restore", "acme", "--at", at.isoformat(), "--entity", "plan")
        assert then.now() == state
        assert ispmig("audit", "verify", "acme")["holds"]
