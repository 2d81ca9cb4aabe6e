"""Legal holds: snapshots that nobody may prune until they are released, whatever the policy says.

A hold lies with the backups (``holds/<snapshot>-<random>.hold.age``) with its reason, encrypted,
and stands in the audit trail without it. Either is enough: a hold whose file was deleted, or cannot
be read, holds. It ends with a release, which is entered too.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import evidence
from ispmig_pipelines.backup.beside import beside_others
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.platform.server import engine, told_plainly

HOLDS = "holds"
LONGEST_REASON = 1000

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8})-[0-9a-f]{8}\.hold\.age")


@dataclass(frozen=True)
class Hold:
    """A hold on a snapshot.

    Attributes:
        reason, by: in the words of whoever holds it; "" where the file is gone or unreadable.
        at: since when; None where that is not known.
        file: its name below ``holds``; "" where only the audit trail knows of it.
    """

    snapshot: str
    reason: str = ""
    by: str = ""
    at: dt.datetime | None = None
    file: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "snapshot": self.snapshot,
            "reason": self.reason,
            "by": self.by,
            "at": None if self.at is None else self.at.isoformat(),
        }


def hold(
    slug: str, repository: Repository, snapshot: str, reason: str, *, actor: str,
    dagster_run_id: str = "",
) -> Hold:  # fmt: skip
    """Holds a snapshot from now on. Several may hold the same one; a release ends all of them.

    Args:
        snapshot: its name, or what :meth:`Repository.find` takes.

    Raises:
        UsageError: there is no such snapshot, or no reason.
        StorageError, DatabaseError: it could not be written; if the file was, the snapshot is held.
    """
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise UsageError(
            f"A hold needs a reason (--reason), of at most {LONGEST_REASON} characters: who needs "
            "it, and until when. Whoever is to release it will read it."
        )
    database = engine()
    # Beside a prune it would be too late, or not: after it, it is known.
    with (
        told_plainly(),
        database.connect() as connection,
        beside_others(connection, slug),
    ):
        name = repository.find(snapshot).name
        made = Hold(
            name, reason, actor, dt.datetime.now(dt.UTC), f"{name}-{secrets.token_hex(4)}.hold.age"
        )
        content = {"kind": "hold", "repository": repository.root, "file": made.file}
        evidence.seal(repository, _key(repository, made.file), content | made.as_json())
        with database.begin() as entering:
            trail.enter(
                entering, slug, trail.Operation.BACKUP_HOLD, trail.Stage.FINISHED, actor=actor,
                dagster_run_id=dagster_run_id,
                details={"repository": repository.root, "snapshot": name},
            )  # fmt: skip
    return made


def release(
    slug: str, repository: Repository, snapshot: str, *, actor: str, dagster_run_id: str = ""
) -> list[Hold]:
    """Ends all holds of a snapshot; returns them.

    Args:
        snapshot: its name, or what :meth:`Repository.find` takes; of one that is gone, the name.

    Raises:
        UsageError: nobody holds it.
        StorageError, DatabaseError: it failed; what is left holds.
    """
    database = engine()
    with told_plainly(), database.connect() as connection:
        found = held(connection, slug, repository)
        name = snapshot if snapshot in found else repository.find(snapshot).name
        if name not in found:
            raise UsageError(
                f"Nobody holds {name}. Held are: {', '.join(sorted(found)) or 'none'}."
            )
        with trail.on_record(
            database.connect, slug, trail.Operation.BACKUP_RELEASE, actor=actor,
            dagster_run_id=dagster_run_id,
            details={"repository": repository.root, "snapshot": name},
        ):  # fmt: skip
            for one in found[name]:
                if one.file:
                    repository.storage.delete(_key(repository, one.file))
    return found[name]


def held(connection: Connection, slug: str, repository: Repository) -> dict[str, list[Hold]]:
    """Snapshots that are held, by their files or by the audit trail.

    Raises:
        StorageError: they cannot be listed.
    """
    found: dict[str, list[Hold]] = {}
    prefix = f"{repository.root}/{HOLDS}/"
    for blob in repository.storage.list(prefix):
        file = blob.key.removeprefix(prefix)
        match = _NAME.fullmatch(file)
        if match is not None:
            found.setdefault(match[1], []).append(_read(repository, match[1], file))
    for snapshot, at in _in_trail(connection, slug, repository).items():
        found.setdefault(snapshot, [Hold(snapshot, at=at)])
    return found


def reasons(holds: Iterable[Hold]) -> str:
    """What those who hold a snapshot say, for the person who asks."""
    said = [one.reason for one in holds if one.reason]
    return "; ".join(said) or "its reason cannot be read any more"


def _read(repository: Repository, snapshot: str, file: str) -> Hold:
    told = evidence.unsealed(repository, _key(repository, file)) or {}
    if (told.get("kind"), told.get("file"), told.get("snapshot")) != ("hold", file, snapshot):
        # Somebody changed it, or it is of another key: it holds all the same.
        return Hold(snapshot, file=file)
    at = dt.datetime.fromisoformat(told["at"]) if told.get("at") else None
    return Hold(snapshot, str(told.get("reason", "")), str(told.get("by", "")), at, file)


def _in_trail(connection: Connection, slug: str, repository: Repository) -> dict[str, dt.datetime]:
    logs = ledger.data_migration_logs
    hold, release = trail.Operation.BACKUP_HOLD.value, trail.Operation.BACKUP_RELEASE.value
    rows = connection.execute(
        sa.select(logs.c.operation, logs.c.details["snapshot"].astext.label("name"), logs.c.at)
        .where(
            logs.c.tenant == slug,
            logs.c.operation.in_([hold, release]),
            logs.c.stage == trail.Stage.FINISHED.value,
            logs.c.details["repository"].astext == repository.root,
        )
        .order_by(logs.c.position)
    ).all()
    connection.rollback()
    found: dict[str, dt.datetime] = {}
    for row in rows:
        if row.operation == hold:
            found[row.name] = row.at
        else:
            found.pop(row.name, None)
    return found


def _key(repository: Repository, file: str) -> str:
    return f"{repository.root}/{HOLDS}/{file}"
