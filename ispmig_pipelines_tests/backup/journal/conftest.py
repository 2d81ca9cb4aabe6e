"""A tenant whose change journal is on, and what it takes to hold its past against its journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.platform import catalogs, change_journal, ledger, tenants
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines_tests.backup.journal.past import Past


@pytest.fixture
def acme(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    # As in the embedded database: tenants see nothing of the system catalogs.
    monkeypatch.setenv("ISPMIG_CLOSE_CATALOGS", "true")
    ledger.prepare(engine())
    catalogs.prepare(engine())
    return tenants.add(engine(), "acme")


@pytest.fixture
def driver(acme: Tenant) -> Iterator[psycopg.Connection]:
    """The platform's own connection, in the tenant's schema."""
    with connect(autocommit=True) as connection:
        connection.execute("select set_config('search_path', %s, false)", [acme.schema])
        yield connection


@pytest.fixture
def repository(acme: Tenant) -> Repository:
    return open_repository("acme", make=True)


@pytest.fixture
def past(acme: Tenant, driver: psycopg.Connection, repository: Repository) -> Past:
    """The tenant with a table of its own and its journal switched on."""
    driver.execute("create table t (k integer primary key, v text)")
    driver.execute("grant select, insert, update, delete on t to " + f'"{acme.role}"')
    change_journal.switch_on(driver, acme)
    return Past(acme, driver, repository)
