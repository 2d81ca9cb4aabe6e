"""Locking a tenant's tables without making others wait for more than a moment.

Whoever waits for a table's lock makes everybody wait who comes after and wants something that
collides with it. So nobody is waited for here for longer than ``ISPMIG_LOCK_TIMEOUT``, over all
the tables together: then everything is let go, others get their turn, and it is tried again, for
as long as ``ISPMIG_LOCK_PATIENCE`` says.

Readers collide with no mode but the one for changing definitions, neither while it is waited for
nor while it is held.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from psycopg import sql

from ispmig_pipelines.errors import DatabaseError
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import timeouts
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
"""Seconds between two tries, at first and at most, give or take half of it."""

_SAVEPOINT = sql.Identifier("ispmig_locks")
_TOLD = 3
_NAME_LENGTH = 60

_HOLDERS = """
    select c.relname, l.pid, min(a.application_name), min(a.xact_start at time zone 'UTC'),
           bool_or(a.backend_type = 'autovacuum worker')
    from pg_catalog.pg_locks l
    join pg_catalog.pg_class c on c.oid = l.relation
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation' and l.granted and l.mode = any(%s)
      and l.database = (select oid from pg_catalog.pg_database
                        where datname = pg_catalog.current_database())
      and n.nspname = %s and c.relname = any(%s)
      and l.pid is distinct from pg_catalog.pg_backend_pid()
    group by c.relname, l.pid
    order by min(a.xact_start) nulls last, l.pid, c.relname
"""


class Mode(StrEnum):
    """What tables are locked for."""

    READING = "access share"
    """Nobody may change their definitions."""

    WRITING = "exclusive"
    """Nobody else may write, or lock rows (``SELECT … FOR UPDATE``): who has is waited for before
    the work begins, and not in the middle of it, where he might be waiting for us."""

    DEFINING = "access exclusive"
    """Nobody else may even read."""


_COLLIDING = {
    Mode.READING: ["AccessExclusiveLock"],
    Mode.WRITING: [
        "RowShareLock",
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ],
}
_COLLIDING[Mode.DEFINING] = ["AccessShareLock", *_COLLIDING[Mode.WRITING]]


@dataclass(frozen=True)
class Locked:
    """How the locks were come by.

    Attributes:
        seconds: from the first try until all were there.
        tries: how many it took.
        others: seconds for which others may have waited behind us, in the tries together.
    """

    seconds: float
    tries: int
    others: float


def lock(
    driver: psycopg.Connection,
    tenant: Tenant,
    entities: Collection[str],
    mode: Mode,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Locked:
    """Locks tables of a tenant until the end of the transaction, in the order of the model, so
    that no two of ours can wait for each other.

    Once nobody else may write, nothing of theirs is left to be waited for: what is waited for
    from then on are entries of ours elsewhere, for as long as ``ISPMIG_LOCK_PATIENCE`` says.

    Raises:
        DatabaseError: (transient) somebody works on one of them all the time; the text says who.
            The transaction goes on, without the locks.
    """
    asked = settings()
    started = time.monotonic()
    tables = [entity for entity in ENTITIES if entity in entities]
    pause, tries, others = FIRST_PAUSE, 0, 0.0
    holders: list[str] = []
    while True:
        tries += 1
        begun = time.monotonic()
        locked = _try(driver, tenant, tables, mode, asked.lock_timeout)
        others += time.monotonic() - begun
        waited = time.monotonic() - started
        if locked:
            if mode is not Mode.READING:
                timeouts.wait_for_locks(driver, asked.lock_patience)
            return Locked(waited, tries, others)
        holders = _holders(driver, tenant, tables, mode) or holders
        rest = asked.lock_patience - waited
        if rest <= 0:
            raise DatabaseError(_told(tenant, holders, waited), transient=True)
        sleep(min(rest, pause * random.uniform(0.5, 1.5)))  # noqa: S311 - so that two part
        pause = min(2 * pause, LONGEST_PAUSE)


def _try(
    driver: psycopg.Connection, tenant: Tenant, tables: list[str], mode: Mode, seconds: float
) -> bool:
    """Locks all tables, or none of them if that takes longer."""
    until = time.monotonic() + seconds
    try:
        with _apart(driver):
            for table in tables:
                timeouts.wait_for_locks(driver, until - time.monotonic())
                driver.execute(
                    sql.SQL("lock table {} in {} mode").format(
                        sql.Identifier(tenant.schema, table), sql.SQL(mode.value)
                    )
                )
            # What is set in a savepoint stays when that is released.
            timeouts.wait_for_locks(driver, seconds)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        return False
    return True


@contextmanager
def _apart(driver: psycopg.Connection) -> Iterator[None]:
    """Undoes what the block did if it fails, its locks with it, and nothing else."""
    driver.execute(sql.SQL("savepoint {}").format(_SAVEPOINT))
    try:
        yield
    except psycopg.Error:
        # A session that is gone has let go of everything.
        if not driver.broken:
            driver.execute(sql.SQL("rollback to savepoint {}").format(_SAVEPOINT))
            driver.execute(sql.SQL("release savepoint {}").format(_SAVEPOINT))
        raise
    driver.execute(sql.SQL("release savepoint {}").format(_SAVEPOINT))


def _holders(
    driver: psycopg.Connection, tenant: Tenant, tables: list[str], mode: Mode
) -> list[str]:
    """Who works on the tables, in words; [] if nobody does any more, or we may not see it."""
    found: list[tuple] = []
    with suppress(psycopg.errors.InsufficientPrivilege), _apart(driver):
        found = driver.execute(_HOLDERS, [_COLLIDING[mode], tenant.schema, tables]).fetchall()
    by_holder: dict[int | None, tuple[str, list[str]]] = {}
    for table, pid, name, since, vacuuming in found:
        words = "a prepared transaction"
        if pid is not None:
            told = "autovacuum" if vacuuming else _printable(name or "")
            words = f"process {pid}" + (f" ({told})" if told else "")
            words += f", whose transaction began at {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
        by_holder.setdefault(pid, (words, []))[1].append(table)
    return [f"{', '.join(own)} by {words}" for words, own in by_holder.values()]


def _printable(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[:_NAME_LENGTH].strip()


def _told(tenant: Tenant, holders: list[str], waited: float) -> str:
    held = "; ".join(holders[:_TOLD])
    more = f"; and {len(holders) - _TOLD} more" if len(holders) > _TOLD else ""
    return (
        f"Others have been working on the tables of tenant {tenant.slug} for {waited:.0f} s"
        + (f": {held}{more}" if held else "")
        + ". Nothing was changed, and nobody was kept waiting for longer than a moment. Try again "
        "when they have ended, or end them (pg_terminate_backend). ISPMIG_LOCK_PATIENCE says for "
        "how long they are waited for, and docs/production.md what collides with what."
    )
