"""Whether there is room for a backup, and for what a restore or a drill builds: looked at before
the first byte is written.

Only disks of this machine are looked at: of a bucket, or of a PostgreSQL elsewhere, nobody here
knows what is free. ``ISPMIG_DISK_FACTOR=0`` turns the look off.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ispmig_pipelines.backup.manifest import StoredFile, Table
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.disks import MIB, MOST_LOG, amount, too_small
from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.platform.server import is_embedded
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import LocalStorage, Storage

ROW_BYTES = 40
"""What PostgreSQL adds to each row of a table (24 bytes and a pointer), and to that of its key."""

STORED = 0.12
"""Bytes of pieces for each byte of a table, where no snapshot tells more: measured with customers,
whose values are many (docs/backup.md)."""


def check_restore(tables: Iterable[Table], what: str = "restore") -> None:
    """Refuses what builds tables of a snapshot if the disk of the embedded database will not do.

    With their indexes, tables were measured to take as much as pieces do in memory; and as much
    again is written to the server's log, of which it keeps a part.

    Raises:
        StorageError: too little is free; the text says where, how much is needed and what to do.
    """
    if not is_embedded():
        return
    refs = [ref for table in tables for ref in table.refs()]
    size = float(sum(ref.raw + ROW_BYTES * ref.rows for ref in refs))
    _check(
        {(settings().home / "postgres").resolve(): size + min(size, MOST_LOG)},
        f"this {what}",
        "Nothing was changed. Free some space (ispmig restore points tells what is kept of before "
        "restores), or let ISPMIG_HOME be on a larger disk.",
    )


def check_files(files: Iterable[StoredFile], place: Storage) -> None:
    """Refuses to write files of a snapshot to a folder whose disk will not do.

    Raises:
        StorageError: see :func:`check_restore`.
    """
    if isinstance(place, LocalStorage):
        _check(
            {place.root: float(sum(file.size for file in files))},
            "the tenant's files",
            "Nothing was changed. Free some space there, or restore without files (--no-files).",
        )


def check_backup(repository: Repository, table_bytes: int, *, first: bool) -> None:
    """Refuses a first backup that will not fit where backups lie.

    How much of a later one is not stored yet nobody knows beforehand: it is refused only where the
    reserve is gone.

    Args:
        table_bytes: of the tenant's tables, in the database.
        first: nothing of the tenant is stored yet.

    Raises:
        StorageError: too little is free; the text says where, how much is needed and what to do.
    """
    if not isinstance(repository.storage, LocalStorage):
        return
    _check(
        {repository.storage.root: max(1.0, table_bytes * STORED if first else 0.0)},
        "this backup",
        "No snapshot was made. Free some space, let snapshots go (ispmig backup prune), or point "
        "ISPMIG_BACKUPS to a larger disk.",
    )


def _check(needed: dict[Path, float], what: str, then: str) -> None:
    here = settings()
    if here.disk_factor == 0:
        return
    reserve = here.disk_reserve * MIB
    for disk in too_small(needed, reserve):
        raise StorageError(
            f"There is not enough room for {what}: about {amount(disk.needed)} are needed on the "
            f"disk of {disk.folder}, and {amount(disk.free)} are free there, of which "
            f"{amount(reserve)} are to stay (ISPMIG_DISK_RESERVE). {then} If you know that less "
            "will do, set ISPMIG_DISK_FACTOR to 0 to try it all the same."
        )
