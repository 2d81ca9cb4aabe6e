"""Migrates one of the demo's ISPs, and looks at what the tenant holds before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.demo import metro_fiber, valley_wireless
from ispmig_pipelines.errors import TenantError
from ispmig_pipelines.migrating import migrate
from ispmig_pipelines.platform import ledger, quarantine, tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.ledger import Migration, State
from ispmig_pipelines.platform.server import engine, told_plainly

FOLDER = Path(__file__).parent
SLUGS = (valley_wireless.SLUG, metro_fiber.SLUG)
AGAIN = "python -m ispmig_pipelines.demo --debug"


@dataclass(frozen=True)
class Result:
    """What a migration of the demo did.

    Attributes:
        entry: as the ledger has it.
        earlier: there was one before that succeeded.
        same_content: the tenant's content is what it was before.
        same_quarantine: the same records are in quarantine as the last time, for the same
            reasons.
    """

    entry: Migration
    earlier: bool
    same_content: bool
    same_quarantine: bool

    @property
    def nothing_new(self) -> bool:
        """It was all there already."""
        counts = self.entry.entities.values()
        return (
            self.earlier
            and self.same_content
            and self.same_quarantine
            and not any(c["inserted"] or c["updated"] for c in counts)
        )


def run(slug: str, tell: Callable[[str], None]) -> Result:
    """Makes the tenant if it is missing, and migrates its ISP by the real job.

    Args:
        slug: one of :data:`SLUGS`.
        tell: takes lines about how far it is.

    Raises:
        IspmigError: as ``ispmig migrate``.
    """
    tell(f"{slug}: opening the database")
    with told_plainly():
        database = engine()
        ledger.prepare(database)
        _make_tenant(database, slug, tell)
        with database.connect() as connection:
            last = _last_done(connection, slug)
            content = _content(connection, slug)
            spec = FOLDER / slug / "spec.yaml"
            tell(f"{slug}: extract, map, validate, load, audit")
            entry = migrate(connection, slug, spec, log_level="WARNING")
            records = sum(counts["read"] for counts in entry.entities.values())
            tell(f"{slug}: {records:,} records in {entry.seconds or 0:.1f} s")
            return Result(
                entry=entry,
                earlier=last is not None,
                same_content=_content(connection, slug) == content,
                same_quarantine=last is not None
                and _reasons(connection, slug, last.id) == _reasons(connection, slug, entry.id),
            )


def _make_tenant(database: Engine, slug: str, tell: Callable[[str], None]) -> None:
    with database.connect() as connection:
        try:
            tenants.get(connection, slug)
        except TenantError:
            missing = True
        else:
            missing = False
    if missing:
        tell(f"{slug}: making the tenant, with a schema and a role of its own")
        # Its partition in Dagster is made by the migration.
        tenants.add(database, slug)


def _last_done(connection: Connection, slug: str) -> Migration | None:
    done = [m for m in ledger.migrations(connection, slug) if m.state is State.DONE]
    connection.rollback()
    return done[0] if done else None


def _content(connection: Connection, slug: str) -> str:
    tenant = tenants.get(connection, slug)
    connection.rollback()
    found: str = digest(tenants.raw(connection), tenant)["digest"]
    return found


def _reasons(connection: Connection, slug: str, migration: int) -> set[tuple[str, str, int, str]]:
    """(entity, file, record, rule) of everything that a migration put in quarantine."""
    tenant = tenants.get(connection, slug)
    found = {
        (row["entity"], row["path"], row["record"], reason["rule"])
        for row in quarantine.listing(tenants.raw(connection), tenant, [migration])
        for reason in row["reasons"]
    }
    connection.rollback()
    return found
