"""What a tenant has at one instant, for the report of a migration: content digest and totals.

Before a migration it is measured beside the load, in a snapshot that was taken just before: a
million rows take seconds, and nobody is to wait for them while tables are locked. Afterwards only
those entities are measured that are not, row by row, what they were before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger, status_totals, tenants, unmoved
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.status_totals import StatusTotals
from ispmig_pipelines.platform.tenants import Tenant, as_tenant

BEFORE, AFTER, SOURCE = "content_before", "content_after", "source_by_status"
"""Where the ledger keeps it: among what was found of a migration."""


@dataclass(frozen=True)
class Measured:
    """A tenant's content at an instant.

    Attributes:
        sha256: the content digest, as of ``ispmig digest``; rows: of all entities.
        entities: entity → its own ``{"rows", "digest"}``.
        oldest: the oldest transaction that had not ended then; None where nobody noted it.
    """

    sha256: str
    rows: int
    at: dt.datetime
    by_status: StatusTotals
    entities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    oldest: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "sha256": self.sha256,
            "rows": self.rows,
            "at": self.at.isoformat(timespec="microseconds"),
            "by_status": self.by_status.as_json(),
            "entities": {name: dict(one) for name, one in self.entities.items()},
            "oldest": self.oldest,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Measured:
        """What :meth:`as_json` wrote."""
        return cls(
            values["sha256"],
            values["rows"],
            dt.datetime.fromisoformat(values["at"]),
            StatusTotals.from_json(values["by_status"]),
            values.get("entities", {}),
            values.get("oldest"),
        )


_RECENT = 2**30
"""So many transactions may lie between two measures for rows to tell whether they are newer: the
numbers that they bear come round after four times as many."""


def measure(
    driver: psycopg.Connection,
    tenant: Tenant,
    begun: Callable[[], None] = lambda: None,
    *,
    since: Measured | None = None,
) -> Measured:
    """Measures a tenant, in one snapshot.

    Args:
        driver: in no transaction.
        begun: called when the snapshot is taken: what is committed afterwards is not in it.
        since: what was measured of it not long before, on the same server: of entities that are
            still the very same rows, that is taken over.
    """
    with driver.transaction():
        driver.execute("set transaction isolation level repeatable read, read only")
        row = driver.execute("select clock_timestamp()").fetchone()
        assert row is not None  # noqa: S101 - a query without a table has a row
        begun()
        with as_tenant(driver, tenant):
            seen = unmoved.look(driver, tenant, ENTITIES)
            known = {} if since is None else _unmoved(driver, tenant, since, seen.oldest)
            if since is not None and known.keys() >= status_totals.SUMMED:
                by_status = since.by_status
            else:
                by_status = status_totals.of_tenant(driver, tenant)
        found = digest(driver, tenant, known)
    rows = sum(one["rows"] for one in found["entities"].values())
    return Measured(
        found["digest"],
        rows,
        row[0].astimezone(dt.UTC),
        by_status,
        found["entities"],
        seen.oldest,
    )


def _unmoved(
    driver: psycopg.Connection, tenant: Tenant, since: Measured, oldest: int
) -> dict[str, Mapping[str, Any]]:
    """The entities that are as they were: none of their rows is newer, and none is missing."""
    if since.oldest is None or not 0 <= oldest - since.oldest < _RECENT:
        return {}
    return {
        entity: told
        for entity, told in since.entities.items()
        if entity in ENTITIES
        and unmoved.unmoved(driver, tenant, unmoved.Seen(since.oldest, {entity: told["rows"]}))
    }


@contextmanager
def measured_beside(
    connect: Callable[[], AbstractContextManager[Connection]],
    tenant: Tenant,
    since: Measured | None = None,
) -> Iterator[Callable[[], Measured | None]]:
    """Measures a tenant as it is now, while the block goes on; gives what waits for the result.

    The result is None where it could not be measured: the block's work does not depend on it.

    Args:
        connect: opens a connection to the platform: the snapshot is another session's.
        since: as of :func:`measure`.
    """
    taken = Event()
    result: list[Measured] = []
    session: list[psycopg.Connection] = []

    def work() -> None:
        try:
            with (
                suppress(IspmigError, sa.exc.SQLAlchemyError, psycopg.Error),
                connect() as connection,
            ):
                session.append(tenants.raw(connection))
                result.append(measure(session[0], tenant, taken.set, since=since))
        finally:
            session.clear()
            taken.set()

    thread = Thread(target=work, name="measure", daemon=True)
    thread.start()
    taken.wait()

    def wait() -> Measured | None:
        thread.join()
        return result[0] if result else None

    try:
        yield wait
    except BaseException:
        with suppress(IndexError, psycopg.Error):
            session[0].cancel()
        raise
    finally:
        thread.join()


def before(entry: ledger.Migration) -> Measured | None:
    """What the ledger says that the tenant had just before a migration; None where nothing is."""
    told = entry.findings.get(BEFORE)
    return None if told is None else Measured.from_json(told)


def keep(connection: Connection, migration: int, where: str, found: Measured) -> None:
    """Writes into the ledger what was measured, in the current transaction.

    Args:
        where: :data:`BEFORE` or :data:`AFTER`.
    """
    ledger.add_findings(connection, migration, {where: found.as_json()})
