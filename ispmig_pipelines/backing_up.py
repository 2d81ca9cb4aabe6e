"""Backups for the command line and for Dagster: made, listed, shown; and the keys they hang on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.account import account
from ispmig_pipelines.backup import evidence, keys, tenant_files
from ispmig_pipelines.backup.beside import alone
from ispmig_pipelines.backup.cipher import recipient_of
from ispmig_pipelines.backup.create import Made, create
from ispmig_pipelines.backup.evidence import Evidence
from ispmig_pipelines.backup.keys import TenantKeys
from ispmig_pipelines.backup.manifest import Manifest, Table
from ispmig_pipelines.backup.repository import (
    Repository,
    SnapshotName,
    deposited_keys,
    open_repository,
)
from ispmig_pipelines.errors import BackupDamaged, BackupError, BackupKeyError, UsageError
from ispmig_pipelines.platform import tenants, trail
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import open_storage

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

SHOWN = 20
"""Snapshots that are listed unless more are asked for."""

_READERS = 8
_PATIENCE = 30.0
"""Seconds for which whoever destroys keys waits for backups that are being made."""


@dataclass(frozen=True)
class Listed:
    """A snapshot in a listing.

    Attributes:
        manifest: None where it cannot be read.
        known: what verifications and drills found of it.
        problem: why not, in words.
    """

    name: SnapshotName
    manifest: Manifest | None
    known: Evidence
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        told: dict[str, Any] = {
            "snapshot": self.name.name,
            "instant": self.name.instant.isoformat(),
            **self.known.as_json(),
        }
        if self.manifest is None:
            return told | {"problem": self.problem}
        return told | about(self.manifest)


def back_up(tenant: str, *, full: bool = False, actor: str, dagster_run_id: str = "") -> Made:
    """Makes a snapshot of a tenant, which is there when this returns; its key, at first need.

    Raises:
        TenantError: there is no such tenant.
        BackupKeyError: its key is missing or unusable.
        BackupError, DatabaseError, StorageError: see :func:`.backup.create.create`.
    """
    from ispmig_pipelines.platform.server import engine, told_plainly

    with told_plainly(), engine().connect() as connection:
        # Before a key is made for a tenant that is not there.
        tenants.get(connection, tenant)
        place = tenant_files.place_of(connection, tenant)
    return create(
        tenant,
        open_repository(tenant, make=True),
        full=full,
        files=tenant_files.files_of(place, full=full) if place else None,
        actor=actor,
        dagster_run_id=dagster_run_id,
    )


def repository_of(tenant: str, id: str = "") -> Repository | None:
    """Where a tenant's backups lie; None of a tenant without any.

    Args:
        id: of a key that was set aside; the present one unless said.

    Raises:
        TenantError: the slug cannot be one.
        BackupKeyError, UsageError, StorageError: the key cannot be used, or was not found.
    """
    if not id and not keys.list_all(tenant):
        return None
    return open_repository(tenant, id=id or None)


def listing(repository: Repository, most: int | None = None) -> list[Listed]:
    """A tenant's snapshots, the newest first; what cannot be read says so.

    Raises:
        StorageError: they cannot be listed or read.
    """
    names = repository.snapshots()[::-1][:most]
    known = evidence.of(repository)
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(lambda name: _read(repository, name, known), names))


def _read(repository: Repository, name: SnapshotName, known: Mapping[str, Evidence]) -> Listed:
    # One that was made since is not known of.
    own = known.get(name.name, Evidence(name.name))
    try:
        return Listed(name, repository.read(name.name), own)
    except (BackupError, UsageError) as error:
        if isinstance(error, BackupDamaged):
            own = replace(own, damaged=max(1, own.damaged))
        return Listed(name, None, own, str(error))


def about(manifest: Manifest) -> dict[str, Any]:
    """A snapshot in numbers."""
    return {
        "kind": manifest.kind,
        "parent": manifest.parent,
        "rows": sum(table.rows for table in manifest.tables),
        "tables": len(manifest.tables),
        "files": len(manifest.files),
        "bytes_whole": whole(manifest),
        "bytes_stored": manifest.measured.get("bytes_stored"),
        "bytes_read": manifest.measured.get("bytes_read"),
        "seconds": manifest.measured.get("seconds"),
    }


def whole(manifest: Manifest) -> int:
    """Bytes of all pieces and parts of files that a snapshot needs, as they lie in the
    repository."""
    sizes = {ref.hash: ref.bytes for table in manifest.tables for ref in table.refs()}
    sizes |= {part.hash: part.bytes for file in manifest.files for part in file.parts}
    return sum(sizes.values())


def shown(repository: Repository, manifest: Manifest) -> dict[str, Any]:
    """A snapshot table by table, without any cell: no keys, no sums."""
    read = manifest.measured.get("read", {})
    return {
        "tenant": manifest.tenant,
        "snapshot": manifest.snapshot,
        "instant": manifest.instant.isoformat(),
        "place": repository.storage.place(repository.key_of_snapshot(manifest.snapshot)),
        **about(manifest),
        "tables": {table.name: _table(table, read.get(table.name)) for table in manifest.tables},
        "files": [
            {"path": file.path, "bytes": file.size, "modified": file.modified}
            for file in manifest.files
        ],
    }


def _table(table: Table, how: str | None) -> dict[str, Any]:
    return {
        "rows": table.rows,
        "read": how,
        "pieces": len(table.pieces),
        "overlays": len(table.overlays),
        "bytes": sum(ref.bytes for ref in {ref.hash: ref for ref in table.refs()}.values()),
    }


# -- keys -------------------------------------------------------------------------------------


def told_keys(tenant: str) -> list[dict[str, Any]]:
    """A tenant's keys, the present one first, without their secrets.

    Raises:
        TenantError: the slug cannot be one.
        BackupKeyError, UsageError, StorageError: one is unusable.
    """
    return [_told_key(key, present=number == 0) for number, key in enumerate(keys.list_all(tenant))]


def _told_key(key: TenantKeys, *, present: bool) -> dict[str, Any]:
    return {
        "id": key.id,
        "made": key.made.isoformat(),
        "present": present,
        "rotations": len(key.identities) - 1,
        "public_key": recipient_of(key.identities[0]),
        "recovery": list(key.recovery),
        "place": key.repository,
    }


def rotate(engine: Engine, tenant: str) -> TenantKeys:
    """A new private key for what is encrypted from now on; on record.

    Raises:
        TenantError: there is no such tenant.
        BackupKeyError: it has no key, or it is kept elsewhere; nothing was changed.
        StorageError: the key cannot be written.
    """
    with engine.connect() as connection:
        tenants.get(connection, tenant)
    keys.load(tenant)
    with trail.on_record(
        engine.connect, tenant, trail.Operation.BACKUP_KEY_ROTATED, actor=account(), details={}
    ) as record:
        rotated = keys.rotate(tenant)
        record.result = {
            "id": rotated.id,
            "rotations": len(rotated.identities) - 1,
            "public_key": recipient_of(rotated.identities[0]),
        }
    return rotated


def recover(
    engine: Engine, tenant: str, recovery: Sequence[Path], ids: Sequence[str] = ()
) -> list[TenantKeys]:
    """Brings back a tenant's keys, which were lost, from where its backups lie; on record.

    Whoever can write there could leave a key of his own, and read what is encrypted with it from
    then on. So a key is brought back if the audit trail tells of backups made with it, or if it
    was named.

    Args:
        recovery: files of private recovery keys.
        ids: of keys that are to be trusted, though the trail does not know them.

    Raises:
        UsageError: a file cannot be read, or nothing lies there for these keys.
        BackupDamaged: a key there was changed, or none of these opens it.
        BackupKeyError: the tenant has another key, or it is kept elsewhere, or nobody knows it.
    """
    storage = open_storage(settings().backup_place, private=True)
    newest: dict[str, str] = {}
    for text in deposited_keys(storage, tenant, _identities(recovery)):
        # Of each key the newest text has all that came before, too.
        id = _id_of(text)
        newest.pop(id, None)
        newest[id] = text
    if not newest:
        raise UsageError(
            f"No key of {tenant} lies with its backups in {storage.place()}: none was made while "
            "ISPMIG_BACKUP_RECOVERY was set, or the backups lie elsewhere (ISPMIG_BACKUPS)."
        )
    trusted = {*ids, *_ids_on_record(engine, tenant)}
    strange = [id for id in newest if id not in trusted]
    if len(strange) == len(newest):
        raise BackupKeyError(
            f"The keys that lie with the backups of {tenant} ({', '.join(strange)}) are of no "
            "backup that this platform's audit trail tells of, so that somebody else may have put "
            "them there. Nothing was changed. If the platform's database was lost, too, and you "
            f"know a key's id from elsewhere: --key {strange[-1]}"
        )
    with trail.on_record(
        engine.connect, tenant, trail.Operation.BACKUP_KEY_RECOVERED, actor=account(), details={}
    ) as record:
        found = [keys.keep(text) for id, text in reversed(newest.items()) if id in trusted]
        record.result = {"ids": [key.id for key in found]}
    return found


def _ids_on_record(engine: Engine, tenant: str) -> set[str]:
    with engine.connect() as connection:
        entries = trail.entries(connection, tenant)
    return {
        str(entry.details["repository"]).rpartition("-")[2]
        for entry in entries
        if entry.operation == trail.Operation.BACKUP and "repository" in entry.details
    }


def _id_of(text: str) -> str:
    for line in text.splitlines():
        if line.startswith("# id:"):
            return line.partition(":")[2].strip()
    return ""


def _identities(files: Sequence[Path]) -> list[str]:
    found = []
    for path in files:
        try:
            lines = path.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text of a key"
            raise UsageError(
                f"{path} cannot be read ({why}). Name the file that age-keygen wrote, with the "
                "line AGE-SECRET-KEY-1… in it."
            ) from None
        found += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return found


def shred(engine: Engine, tenant: str) -> keys.Shredded:
    """Destroys all of a tenant's keys, so that none of its backups can be read; on record.

    The tenant itself may have been removed before.

    Raises:
        BackupKeyError: there is none, or it is kept elsewhere; nothing was changed.
        TenantBusy: a backup or a restore is under way.
        StorageError: a file could not be destroyed.
    """
    check_shreddable(tenant)
    with (
        engine.connect() as connection,
        alone(connection, tenant, patience=_PATIENCE),
        trail.on_record(
            engine.connect, tenant, trail.Operation.BACKUP_KEYS_DESTROYED, actor=account(),
            details={"ids": ids_of(tenant)},
        ) as record,
    ):  # fmt: skip
        done = keys.shred(tenant)
        record.result = {"ids": list(done.ids), "files": len(done.files)}
    return done


def check_shreddable(tenant: str) -> None:
    """Lets pass a tenant that has keys here to destroy.

    Raises:
        TenantError: the slug cannot be one.
        BackupKeyError: there is none.
    """
    tenants.check_slug(tenant)
    try:
        found = bool(keys.list_all(tenant))
    except (BackupKeyError, UsageError):
        # What is there is unusable, or others may read it: all the more it is to go.
        return
    if not found:
        raise BackupKeyError(
            f"There is no backup key of {tenant} in {settings().backup_keys_folder}: no backup was "
            "made yet, or the key was lost or destroyed before. Nothing was changed."
        )


def ids_of(tenant: str) -> list[str]:
    """Ids of a tenant's keys, as far as they can be read."""
    try:
        return [key.id for key in keys.list_all(tenant)]
    except (BackupKeyError, UsageError):
        return []


def age_in_words(since: dt.datetime, now: dt.datetime) -> str:
    """How long ago: ``3 days``, ``5 h``, ``12 min``."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, word in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (size < 86_400 and seconds >= size):
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def forget(tenant: str) -> Path | None:
    """Keeps the key of a tenant that was removed out of the way of one that is made anew.

    Raises:
        BackupKeyError, UsageError, StorageError: it is unusable, or cannot be moved.
    """
    return keys.set_aside(tenant)
