"""What a tenant's tables held at instants that are remembered, and what is restored of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.journal.changes import changes_since
from ispmig_pipelines.backup.journal.ship import Shipped, ship
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore.build import build
from ispmig_pipelines.backup.restore.choosing import choose
from ispmig_pipelines.backup.restore.plan import plan
from ispmig_pipelines.platform.server import connect
from ispmig_pipelines.platform.tenants import Tenant

Rows = Counter[str]


class Past:
    """A tenant, and its states that were remembered: instant → table → rows."""

    def __init__(self, tenant: Tenant, driver: psycopg.Connection, repository: Repository) -> None:
        self.tenant = tenant
        self.driver = driver
        self.repository = repository
        self.states: dict[dt.datetime, dict[str, Rows]] = {}

    def backup(self) -> Manifest:
        return self.repository.read(create("acme", self.repository, actor="tester").snapshot)

    def ship(self) -> Shipped:
        return ship(self.tenant, self.repository)

    def remember(self, *tables: str) -> dt.datetime:
        """The rows of tables as they are now; who commits, does it before or after."""
        at = self.driver.execute("select clock_timestamp()").fetchone()[0]
        self.states[at] = {
            name: rows(self.driver, self.tenant.schema, name) for name in tables or ("t",)
        }
        # So that what comes has another instant.
        while self.driver.execute("select clock_timestamp()").fetchone()[0] <= at:
            pass
        return at

    def restored(self, at: dt.datetime, *tables: str) -> dict[str, Rows]:
        """The rows of tables as a restore to the instant has them."""
        names = tables or ("t",)
        chosen = choose(self.repository, "", at)
        changes = changes_since(self.repository, names)(chosen)
        with connect() as driver:
            build(
                driver, self.tenant, self.repository, plan(chosen.manifest, names),
                "restored_aside", references=False, indexes=False, changes=changes,
            )  # fmt: skip
            found = {name: rows(driver, "restored_aside", name) for name in names}
            driver.rollback()
        return found

    def check(self) -> None:
        """Every instant that was remembered can be restored to."""
        assert self.states
        for at, state in self.states.items():
            assert self.restored(at, *state) == state, at


def rows(driver: psycopg.Connection, schema: str, name: str) -> Rows:
    """Rows as PostgreSQL writes them, each as often as it is there."""
    query = sql.SQL("select row(t.*)::text from only {} t").format(sql.Identifier(schema, name))
    return Counter(row[0] for row in driver.execute(query))


def one(driver: psycopg.Connection, query: str) -> Any:
    """The only value of a query."""
    return driver.execute(query).fetchone()[0]
