"""A tenant's files set back with its tables: before the commit they lie ready, after it they change
places.

Files are no part of a transaction, so the entry in the audit trail decides: what was made ready
for a restore that did not come to be is taken away, and what a committed one had not come to is
done by whoever comes next (:func:`settle`). Files that are as the snapshot has them are not
touched; what is replaced or taken away is kept beside the place till the restore is confirmed or
undone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import room, tenant_files
from ispmig_pipelines.backup.manifest import Manifest, StoredFile
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore import file_places, missing
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.platform.ledger import data_migration_logs as logs
from ispmig_pipelines.platform.trail import Operation, Stage
from ispmig_pipelines.storage import open_storage

RESTORED, UNDONE = "__restore_", "__undone_"
"""What the names of places to work in end with, before eight hexadecimal digits."""

_SETTLED = 20
"""Newest restores of a tenant that are looked after."""


@dataclass(frozen=True)
class FilePlan:
    """What is to be done to the files of a place.

    Attributes:
        bring: name → the snapshot's file, of those that are not there, or are otherwise.
        changed: how many of these are there, otherwise.
        take: names of files that the snapshot has not, and of what stands in the way.
        same: how many are there as the snapshot has them.
    """

    place: str
    bring: dict[str, StoredFile]
    changed: int
    take: tuple[str, ...]
    same: int

    def counts(self) -> dict[str, Any]:
        """As the audit trail has it: no name of a file."""
        return {
            "place": self.place,
            "added": len(self.bring) - self.changed,
            "changed": self.changed,
            "removed": len(self.take),
            "same": self.same,
            "bytes": sum(file.size for file in self.bring.values()),
        }


def plan(manifest: Manifest, repository: Repository, place: str) -> FilePlan:
    """What is to be done for a place to hold what the snapshot's files are; nothing is written.

    Raises:
        BackupError: a file's name is none there.
        StorageError: the place cannot be looked into.
    """
    storage = open_storage(place, private=True)
    wanted = dict(zip(tenant_files.names_in(manifest, storage), manifest.files, strict=True))
    folders = {
        "/".join(name.split("/")[:end]) for name in wanted for end in range(1, name.count("/") + 1)
    }
    bring = dict(wanted)
    take: list[str] = []
    changed = same = 0
    for seen in tenant_files.found_in(storage):
        if isinstance(seen, dict):
            # A link where a folder is to be: through it a file would land elsewhere.
            if seen["path"] in folders:
                take.append(seen["path"])
            continue
        name = os.fsdecode(bytes.fromhex(told)) if (
            told := seen.source.get("path_bytes")
        ) else seen.path  # fmt: skip
        file = wanted.get(name)
        if file is None:
            take.append(name)
        elif tenant_files.holds(seen, file, repository):
            del bring[name]
            same += 1
        else:
            changed += 1
    return FilePlan(place, bring, changed, tuple(take), same)


@dataclass(frozen=True)
class Ready:
    """Files that lie ready to change places.

    Attributes:
        work: eight hexadecimal digits, by which the place beside is known.
    """

    place: str
    work: str
    counts: dict[str, Any]

    def details(self) -> dict[str, Any]:
        """As the audit trail has it."""
        return {**self.counts, "work": self.work}


def new_work() -> str:
    """Digits for a place to work in."""
    return secrets.token_hex(4)


def make_ready(
    manifest: Manifest,
    repository: Repository,
    place: str,
    work: str,
    told: Callable[[str], None] = lambda text: None,
) -> Ready:
    """Writes what is to be brought beside the place; the place itself is as it was.

    Raises:
        BackupDamaged: a part of a file is not what was stored.
        BackupError, UsageError, StorageError: it cannot be written there.
        What was written till then is taken away by :func:`discard`.
    """
    missing.check_files(repository, manifest)
    beside = file_places.beside(place, RESTORED + work)
    planned = plan(manifest, repository, place)
    if not planned.bring and not planned.take:
        return Ready(place, "", planned.counts())
    room.check_files(planned.bring.values(), open_storage(place, private=True))
    told(f"files: {len(planned.bring):,} to bring, {len(planned.take):,} to take away")
    beside.make()
    for name, file in planned.bring.items():
        beside.stage(name, file, repository)
    file_places.set_plan(
        beside, take=planned.take, bring=planned.bring,
        source=f"{_name_of(place)}{RESTORED}{work}/{file_places.NEW}",
    )  # fmt: skip
    return Ready(place, work, planned.counts())


def discard(place: str, work: str) -> None:
    """Takes away what was made ready for a restore that did not come to be.

    Raises:
        StorageError: it could not be; whoever comes next tries again.
    """
    file_places.beside(place, RESTORED + work).remove()


def carry_out(slug: str, place: str, work: str, *, part: str = RESTORED) -> None:
    """Lets the files change places; to be called after the commit.

    Raises:
        StorageError: not all of it could be done; the text says how to go on.
    """
    if not work:
        return
    try:
        file_places.carry_out(file_places.beside(place, part + work))
    except StorageError as error:
        raise StorageError(
            f"The tables of tenant {slug} are set back, and its files not all yet: {error} Nothing "
            f"is lost. When that is mended, go on with: ispmig restore finish {slug}",
            transient=error.transient,
        ) from None


def settle(connection: Connection, slug: str) -> int:
    """Brings to its end what restores of a tenant, that were cut off, left of its files; returns
    how many were. The caller holds the tenant, and is in no transaction.

    Raises:
        StorageError: it could not be done; the text says how to go on.
    """
    with connection.begin():
        begun, ended, undone, confirmed = _entries(connection, slug)
    settled = 0
    for entry, told in begun[:_SETTLED]:
        if entry < confirmed or not told.get("work"):
            continue
        place, work = told["place"], told["work"]
        beside = file_places.beside(place, RESTORED + work)
        if work in undone:
            undoing = file_places.beside(place, UNDONE + work)
            done = _carried_out(slug, undoing)
            if file_places.plan_of(undoing) is not None:
                beside.remove()
        elif work in ended:
            done = _carried_out(slug, beside)
        else:
            beside.remove()
            done = False
        settled += done
    return settled


def _carried_out(slug: str, beside: file_places.Beside) -> bool:
    try:
        return file_places.carry_out(beside)
    except StorageError as error:
        raise StorageError(
            f"Files of tenant {slug} that a restore was to set back are not all back yet: {error} "
            f"When that is mended, go on with: ispmig restore finish {slug}",
            transient=error.transient,
        ) from None


def _entries(
    connection: Connection, slug: str
) -> tuple[list[tuple[int, dict[str, Any]]], set[str], set[str], int]:
    """Beginnings of restores with files, the newest first; which of them ended, which were undone;
    and the entry at which all before were confirmed."""
    rows = connection.execute(
        sa.select(logs.c.id, logs.c.operation, logs.c.stage, logs.c.details["files"])
        .where(
            logs.c.tenant == slug,
            logs.c.operation.in_(
                [Operation.RESTORE, Operation.RESTORE_UNDONE, Operation.RESTORE_CONFIRMED]
            ),
        )
        .order_by(logs.c.id.desc())
    ).all()
    begun: list[tuple[int, dict[str, Any]]] = []
    ended: set[str] = set()
    undone: set[str] = set()
    confirmed = 0
    for entry, operation, stage, told in rows:
        if operation == Operation.RESTORE_CONFIRMED:
            confirmed = max(confirmed, entry)
        elif not told:
            continue
        elif operation == Operation.RESTORE_UNDONE:
            undone.add(told.get("work", ""))
        elif stage == Stage.BEGUN:
            begun.append((entry, told))
        elif stage == Stage.FINISHED:
            ended.add(told.get("work", ""))
    return begun, ended, undone, confirmed


# -- undoing and confirming -----------------------------------------------------------------------


def ready_to_undo(details: dict[str, Any]) -> dict[str, Any] | None:
    """Writes down how a restore's files are set back; before the commit. Returns what the entry in
    the audit trail says of it; None where the restore had changed no file.

    Args:
        details: of the restore, as its entry has them.

    Raises:
        StorageError: it cannot be written, or what was set aside is not to be found.
    """
    told = details.get("files") or {}
    if not told.get("work"):
        return None
    place, work = told["place"], told["work"]
    before = file_places.beside(place, RESTORED + work)
    planned = file_places.plan_of(before)
    if planned is None:
        raise StorageError(
            f"What was kept of the files in {place} before the restore is not there any more: "
            "somebody took it away. Nothing was changed. To undo the restore without its files: "
            "ispmig restore undo --no-files"
        )
    kept = before.kept()
    undoing = file_places.beside(place, UNDONE + work)
    undoing.remove()
    undoing.make()
    file_places.set_plan(
        undoing, take=set(planned["bring"]) - kept, bring=kept,
        source=f"{_name_of(place)}{RESTORED}{work}/{file_places.OLD}",
    )  # fmt: skip
    return {"place": place, "work": work, "back": len(kept)}


def undo(slug: str, told: dict[str, Any] | None) -> None:
    """Sets the files back as they were before a restore; after the commit.

    Args:
        told: what :func:`ready_to_undo` returned.

    Raises:
        StorageError: not all of it could be done; the text says how to go on.
    """
    if told is None:
        return
    carry_out(slug, told["place"], told["work"], part=UNDONE)
    with suppress(StorageError):
        file_places.beside(told["place"], RESTORED + told["work"]).remove()


def kept_places(connection: Connection, slug: str) -> list[tuple[str, str]]:
    """Place and digits of what is kept of a tenant's files, in the current transaction."""
    begun, ended, undone, confirmed = _entries(connection, slug)
    return [
        (told["place"], told["work"])
        for entry, told in begun
        if entry > confirmed and told.get("work") in ended | undone
    ]


def let_go(places: list[tuple[str, str]]) -> None:
    """Deletes what was kept of files.

    Raises:
        StorageError: not all of it could be deleted.
    """
    for place, work in places:
        for part in (RESTORED, UNDONE):
            file_places.beside(place, part + work).remove()


# -- elsewhere ------------------------------------------------------------------------------------


def write_to(manifest: Manifest, repository: Repository, place: str) -> dict[str, Any]:
    """Writes a snapshot's files to a place that holds nothing else, as of an earlier try; returns
    what was done.

    Args:
        place: nobody's; see :func:`.tenant_files.check_apart`.

    Raises:
        UsageError: it holds something else.
        BackupDamaged, BackupError, StorageError: they cannot be written there. What was written
            till then stays, and another try goes on with it.
    """
    missing.check_files(repository, manifest)
    planned = plan(manifest, repository, place)
    if planned.take:
        raise UsageError(
            f"{place} holds {len(planned.take):,} files that are not the snapshot's, and may be "
            "somebody's. Nothing was written. Name a folder or a prefix where nothing is."
        )
    done = tenant_files.restore_files(manifest, repository, place)
    return {"place": place, "written": done.files, "bytes": done.bytes}


def _name_of(place: str) -> str:
    storage = open_storage(place, private=True)
    root = getattr(storage, "root", None)
    return root.resolve().name if root is not None else place.rstrip("/").rpartition("/")[2]
