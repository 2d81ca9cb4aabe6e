"""Who may work on a tenant's backups at once: readers and writers together, deleting alone.

An advisory lock of the database, which a session holds, so that it ends with a process that was
killed. Who adds or reads shares it; who deletes has it alone, and never for long: those who come
wait for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import TenantBusy

_LOCK_SPACE = 0x69_73_62_6B  # "isbk"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


@contextmanager
def beside_others(connection: Connection, slug: str) -> Iterator[None]:
    """Holds the lock as one of many, for as long as the block runs: nothing is deleted meanwhile.

    Args:
        connection: in no transaction; so it is afterwards.
    """
    connection.execute(sa.select(sa.func.pg_advisory_lock_shared(*_arguments(slug))))
    connection.commit()
    try:
        yield
    finally:
        _let_go(connection, sa.func.pg_advisory_unlock_shared(*_arguments(slug)))


@contextmanager
def alone(
    connection: Connection,
    slug: str,
    *,
    patience: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Holds the lock alone, for as long as the block runs.

    It is tried for, and not queued for: behind one who waits for it alone, everybody would wait.

    Args:
        connection: in no transaction; so it is afterwards.
        patience: seconds for which it is tried for.

    Raises:
        TenantBusy: somebody reads or writes all the time.
    """
    until = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        got = connection.execute(sa.select(sa.func.pg_try_advisory_lock(*_arguments(slug))))
        if got.scalar():
            break
        connection.rollback()
        rest = until - time.monotonic()
        if rest <= 0:
            raise TenantBusy(
                f"A backup of tenant {slug} is being made or restored, and has been for "
                f"{patience:g} s. What it may need is not deleted; try again when it has ended.",
                transient=True,
            )
        sleep(min(rest, pause * random.uniform(0.5, 1.5)))  # noqa: S311 - so that two part
        pause = min(2 * pause, _LONGEST_PAUSE)
    connection.commit()
    try:
        yield
    finally:
        _let_go(connection, sa.func.pg_advisory_unlock(*_arguments(slug)))


def _let_go(connection: Connection, unlocking: sa.sql.ColumnElement[Any]) -> None:
    if not connection.invalidated and not connection.closed:
        connection.rollback()
        connection.execute(sa.select(unlocking))
        connection.commit()


def _arguments(slug: str) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    key = int.from_bytes(sha256(slug.encode()).digest()[:4], "big", signed=True)
    return sa.literal(_LOCK_SPACE, sa.Integer), sa.literal(key, sa.Integer)
