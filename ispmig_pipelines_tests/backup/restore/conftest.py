"""A tenant with rows, a repository, and restoring as the command does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.backup.restore import large_tables
from ispmig_pipelines.backup.restore.records import Restored
from ispmig_pipelines.backup.restore.restore import Asked, restore
from ispmig_pipelines.platform import catalogs, ledger, tenants
from ispmig_pipelines.platform.server import connect, engine, told_plainly
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings

Restoring = Callable[..., Restored]


@pytest.fixture(
    autouse=True,
    params=["one session", pytest.param("several sessions", marks=pytest.mark.slow)],
)
def several_sessions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whatever is true of a restore is true of one that loads tables by sessions of their own,
    here all that have rows."""
    several = bool(request.param == "several sessions")
    if several:
        monkeypatch.setattr(large_tables, "LARGE", 0)
        monkeypatch.setenv("ISPMIG_BACKUP_SESSIONS", "3")
        settings.cache_clear()
    return several


@pytest.fixture
def acme(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    # As in the embedded database: tenants see nothing of the system catalogs.
    monkeypatch.setenv("ISPMIG_CLOSE_CATALOGS", "true")
    ledger.prepare(engine())
    catalogs.prepare(engine())
    return tenants.add(engine(), "acme")


@pytest.fixture
def driver(acme: Tenant) -> Iterator[psycopg.Connection]:
    """A session of somebody who works in the tenant's schema."""
    # Statements that it keeps prepared would notice that types of the schema's own are new ones.
    with connect(autocommit=True, prepare_threshold=None) as connection:
        connection.execute(
            "select set_config('search_path', %s, false)", [f'"{acme.schema}", pg_catalog']
        )
        yield connection


@pytest.fixture
def repository(acme: Tenant) -> Repository:
    return open_repository("acme", make=True)


@pytest.fixture
def platform(acme: Tenant) -> Iterator[Connection]:
    """A connection of the platform's, in no transaction."""
    with engine().connect() as connection:
        yield connection


@pytest.fixture
def restoring(acme: Tenant, platform: Connection, repository: Repository) -> Restoring:
    """Restores the tenant; the newest snapshot unless said."""

    def run(**asked: Any) -> Restored:
        options = {n: asked.pop(n) for n in ("told", "changes_since") if n in asked}
        if "at" not in asked:
            asked.setdefault("snapshot", "latest")
        with told_plainly(), tenants.lock(platform, "acme", "a test"):
            return restore(platform, acme, repository, Asked(**asked), actor="tester", **options)

    return run


@pytest.fixture
def backup(repository: Repository) -> Callable[..., str]:
    """Makes a backup; returns its snapshot."""

    def make(**options: Any) -> str:
        return create("acme", repository, actor="tester", **options).snapshot

    return make


def schemas(driver: psycopg.Connection, tenant: Tenant) -> list[str]:
    """Names of all schemas that have to do with the tenant."""
    return [
        name
        for (name,) in driver.execute(
            """select nspname::text from pg_namespace
               where starts_with(nspname::text, %s) order by 1""",
            [tenant.schema],
        )
    ]


def trail_of(connection: Connection) -> list[tuple[str, str]]:
    """Operation and stage of the tenant's entries, but for those of backups."""
    rows = connection.execute(
        sa.select(ledger.data_migration_logs.c.operation, ledger.data_migration_logs.c.stage)
        .where(ledger.data_migration_logs.c.tenant == "acme")
        .order_by(ledger.data_migration_logs.c.id)
    ).all()
    connection.rollback()
    return [(o, s) for o, s in rows if o.startswith("restore")]
