"""One export at a time to one place.

Two locks. Exports of one platform exclude each other in its database, by locks of a session,
which end with a process that was killed. Exports of different platforms see each other by the
file ``export.lock``, which is made where nothing is (a link of a file, or ``If-None-Match`` on
S3), and says whose it is. What a run left that was killed is known by the first: its lock in the
database is free.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_export.names import LOCK
from ispmig_pipelines.errors import DatabaseError, IspmigError, StorageError, UsageError
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.storage import Storage

Connect = Callable[[], AbstractContextManager[Connection]]

_PLACES, _RUNS = 0x69_73_65_70, 0x69_73_65_72
"""The spaces of the advisory locks: ``isep``, ``iser``."""


@dataclass(frozen=True)
class Claim:
    """A place that is ours for the time of a run."""

    connection: Connection
    storage: Storage
    run_id: str

    def check(self) -> None:
        """Sees to it that the place still is ours.

        Raises:
            DatabaseError: the lock was lost with its connection.
            StorageError: somebody took away the lock's file.
        """
        try:
            self.connection.execute(sa.select(1))
            self.connection.commit()
        except sa.exc.SQLAlchemyError:
            raise DatabaseError(
                f"The connection that held {self.storage.place()} for this export was lost. "
                "Nothing there has changed; export again.",
                transient=True,
            ) from None
        if _owner(self.storage).get("dagster_run_id") != self.run_id:
            raise StorageError(
                f"Somebody took away {self.storage.place(LOCK)}, which held the place for this "
                "export. Nothing else there has changed; export again."
            )


@contextmanager
def claimed(
    connect: Connect,
    storage: Storage,
    *,
    tenant: str,
    run_id: str,
    actor: str,
    tell: Callable[[str], None],
) -> Iterator[Claim]:
    """Holds the place for a run.

    Args:
        run_id: one that stands in the audit trail already.
        tell: takes what somebody should know of the place.

    Raises:
        UsageError: another run holds it.
        StorageError: nothing can be written there.
    """
    with connect() as connection:
        place = storage.place()
        key = place if "://" in place else os.path.realpath(place)
        if not _try(connection, _PLACES, key):
            raise _taken(storage)
        try:
            # By this others see that the run is alive.
            if not _try(connection, _RUNS, run_id):
                raise UsageError(f"The run {run_id} is exporting already.")
            try:
                _make_file(connection, storage, tenant, run_id, actor, tell)
                try:
                    yield Claim(connection, storage, run_id)
                finally:
                    _remove_file(storage, run_id, tell)
            finally:
                _release(connection, _RUNS, run_id)
        finally:
            _release(connection, _PLACES, key)


def _make_file(
    connection: Connection,
    storage: Storage,
    tenant: str,
    run_id: str,
    actor: str,
    tell: Callable[[str], None],
) -> None:
    content = {
        "tenant": tenant,
        "dagster_run_id": run_id,
        "actor": actor,
        "begun_at": ledger.now().isoformat(timespec="seconds"),
    }
    for last in (False, True):
        try:
            with storage.writing(LOCK, overwrite=False) as stream:
                stream.write(json.dumps(content).encode() + b"\n")
        except UsageError:
            owner = _owner(storage)
            if owner.get("dagster_run_id") == run_id:
                # It was written, and the answer got lost.
                return
            if last or not _is_dead(connection, owner):
                raise _taken(storage, owner) from None
            tell(
                f"{storage.place(LOCK)} was left by the run {owner['dagster_run_id']}, begun "
                f"{owner.get('begun_at')}, which was killed. Its place is taken over."
            )
            storage.delete(LOCK)
        else:
            return


def _remove_file(storage: Storage, run_id: str, tell: Callable[[str], None]) -> None:
    try:
        if _owner(storage).get("dagster_run_id") == run_id:
            storage.delete(LOCK)
    except IspmigError as error:
        tell(f"{storage.place(LOCK)} could not be deleted; the next export takes it over. {error}")


def _owner(storage: Storage) -> dict[str, Any]:
    """What the lock's file says; nothing where there is none, or it is something else."""
    with suppress(ValueError, StorageError), storage.reading(LOCK, 0, 10_000) as stream:
        found = json.loads(stream.read())
        if isinstance(found, dict):
            return found
    return {}


def _is_dead(connection: Connection, owner: dict[str, Any]) -> bool:
    run_id = owner.get("dagster_run_id")
    if not isinstance(run_id, str) or not trail.knows_run(connection, run_id):
        # A run of another platform: whether it is alive, nobody here can know.
        return False
    alive = not _try(connection, _RUNS, run_id)
    if not alive:
        _release(connection, _RUNS, run_id)
    return not alive


def _taken(storage: Storage, owner: dict[str, Any] | None = None) -> UsageError:
    owner = _owner(storage) if owner is None else owner
    whose = (
        f" (of the tenant {owner.get('tenant')}, run {owner['dagster_run_id']}, by "
        f"{owner.get('actor')}, begun {owner.get('begun_at')})"
        if "dagster_run_id" in owner
        else ""
    )
    return UsageError(
        f"Another export{whose} is writing to {storage.place()}, or was killed there. Nothing was "
        f"written. Choose another place with --out, or wait for its end; if it is dead, delete "
        f"{storage.place(LOCK)}."
    )


def _arguments(space: int, name: str) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    key = int.from_bytes(sha256(name.encode()).digest()[:4], "big", signed=True)
    return sa.literal(space, sa.Integer), sa.literal(key, sa.Integer)


def _try(connection: Connection, space: int, name: str) -> bool:
    found = connection.execute(sa.select(sa.func.pg_try_advisory_lock(*_arguments(space, name))))
    got = bool(found.scalar())
    connection.commit()
    return got


def _release(connection: Connection, space: int, name: str) -> None:
    # A session that is gone has taken its lock with it.
    with suppress(sa.exc.SQLAlchemyError):
        connection.rollback()
        connection.execute(sa.select(sa.func.pg_advisory_unlock(*_arguments(space, name))))
        connection.commit()
