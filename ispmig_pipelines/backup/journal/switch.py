"""A tenant's change journal: switched on and off, and shipped, by the tenant's name."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Engine

from ispmig_pipelines.backup.journal.ship import Shipped, ship, ship_if_on
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.platform import change_journal, tenants
from ispmig_pipelines.platform.server import connect, told_plainly
from ispmig_pipelines.platform.tenants import Tenant


@dataclass(frozen=True)
class Switched:
    """How a journal stands.

    Attributes:
        uncovered: tables that it cannot follow.
    """

    on: bool
    uncovered: tuple[str, ...] = ()


def is_on(engine: Engine, slug: str) -> bool:
    """Whether a tenant that exists has a journal."""
    tenant = _tenant(engine, slug)
    with told_plainly(), connect(autocommit=True) as driver:
        return change_journal.is_on(driver, tenant)


def switch_on(engine: Engine, slug: str) -> Switched:
    """Switches the journal on, and makes a first mark; the next snapshot begins what can be
    restored to. One that is on goes on.

    Raises:
        TenantError: there is no such tenant.
        UsageError: the database has no encoding.
        DatabaseError: (transient) others work on a table all the time; nothing was changed.
        BackupKeyError, StorageError: the journal is on, and nothing could be shipped yet.
    """
    tenant = _tenant(engine, slug)
    with told_plainly(), connect(autocommit=True) as driver:
        uncovered = change_journal.switch_on(driver, tenant)
    ship(tenant, open_repository(slug, make=True))
    return Switched(True, uncovered)


def switch_off(engine: Engine, slug: str) -> Switched:
    """Ships what there is, and switches the journal off: what was shipped stays.

    Raises:
        TenantError: there is no such tenant.
        BackupKeyError, StorageError: it could not be shipped; it is on as before.
        DatabaseError: (transient) others work on a table all the time; it is on as before.
    """
    tenant = _tenant(engine, slug)
    if is_on(engine, slug):
        ship_if_on(tenant, open_repository(slug, make=True))
        with told_plainly(), connect(autocommit=True) as driver:
            change_journal.switch_off(driver, tenant)
    return Switched(False)


def ship_now(engine: Engine, slug: str) -> Shipped:
    """Ships what the tenant's journal holds.

    Raises:
        TenantError: there is no such tenant.
        UsageError: its journal is off.
        BackupKeyError, DatabaseError, StorageError: nothing was shipped.
    """
    tenant = _tenant(engine, slug)
    with told_plainly(), connect(autocommit=True) as driver:
        # Before a key is made for a tenant that needs none.
        change_journal.state(driver, tenant)
    return ship(tenant, open_repository(slug, make=True))


def _tenant(engine: Engine, slug: str) -> Tenant:
    with engine.connect() as connection:
        return tenants.get(connection, slug)
