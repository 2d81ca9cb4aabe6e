"""Staged data: what the ops of one migration hand each other.

A migration has a private folder; each stage writes Arrow IPC files into it, batch by batch,
and hands on a small manifest. A file appears under its name only when it is whole, so a stage
that died leaves nothing that looks finished, and running it again replaces what it wrote.

The steps of a migration may be on several machines. Then what is staged lies in a shared place as
well, below ``TENANT/MIGRATION``: a table is written here, and uploaded before it has its name; a
table that another process wrote is fetched when it is first read. The folder here is that of one
process then, and goes with it.
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp

import pyarrow as pa
import pyarrow.ipc

from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import Blob, Storage, open_storage

# LZ4 costs a tenth of a second per million rows and halves what is written.
_WRITE_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def storage_errors(
    doing: str,
    then: str = "Nothing was loaded. Free some space, or point ISPMIG_HOME to a larger disk, and "
    "run it again.",
) -> Iterator[None]:
    """Turns a failing disk into a :class:`StorageError` that says what to do.

    Args:
        doing: what was being done, e.g. ``staging the source subscribers``.
        then: what follows from it, and what to do when the disk is full.
    """
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in _FULL:
            raise StorageError(
                f"There is no space left on the disk{where} while {doing}. {then}"
            ) from error
        raise StorageError(
            f"The disk failed{where} while {doing}: {error.strerror or error}. {then}"
        ) from error


EXPIRES_AFTER = dt.timedelta(days=7)
"""How long the staged data of a failed migration waits to be taken up again."""


def shared_place() -> Storage | None:
    """Where what is staged is shared with other machines; None where it is only in the folder
    here."""
    return _opened(settings().shared_staging)


@lru_cache(maxsize=1)  # a client of S3 takes a while to make, and every op asks for it
def _opened(place: str) -> Storage | None:
    return open_storage(place, private=True) if place else None


_OF_A_PROCESS = "_process-"  # no slug begins so


def folder_of_process(root: Path) -> TemporaryDirectory[str]:
    """A private folder for what this process writes and reads of what is shared; it goes when the
    process ends.

    Args:
        root: :attr:`Settings.staging_folder`.
    """
    with storage_errors("making a folder to stage in"):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return TemporaryDirectory(prefix=_OF_A_PROCESS, dir=root, ignore_cleanup_errors=True)


def remove_expired(
    root: Path,
    tenant: str,
    finished: Callable[[int], bool],
    shared: Storage | None = None,
) -> list[int]:
    """Deletes what a tenant's earlier migrations left staged; returns their ids.

    Args:
        root: :attr:`Settings.staging_folder`.
        finished: whether a migration came to an end that needs nothing staged any more. What
            is older than :data:`EXPIRES_AFTER` goes in any case.
        shared: see :func:`shared_place`.
    """
    removed = []
    oldest = time.time() - EXPIRES_AFTER.total_seconds()
    for migration in migrations(root, tenant, shared):
        staging = Staging(root, tenant, migration, shared)
        if finished(migration) or staging.changed < oldest:
            staging.remove()
            removed.append(migration)
    return removed


_DEAD_AFTER_SECONDS = 3600.0
"""What is written to is younger than this."""


def remove_parts(root: Path, tenant: str, shared: Storage | None = None) -> int:
    """Deletes half-written files that nobody writes to any more; returns how many."""
    removed = 0
    if shared is not None:
        removed += shared.sweep(
            lambda key: key.startswith(f"{tenant}/"),
            older_than=dt.timedelta(seconds=_DEAD_AFTER_SECONDS),
        )
    oldest = time.time() - _DEAD_AFTER_SECONDS
    for part in (root / tenant).glob("[0-9]*/*.part"):
        # Whoever wrote it may take it away in this moment.
        with suppress(FileNotFoundError):
            if part.stat().st_mtime < oldest:
                part.unlink()
                removed += 1
    return removed


def remove_old(root: Path, shared: Storage | None = None) -> int:
    """Deletes what is of no tenant in particular and nobody needs any more: folders of processes
    that were killed, and what steps on several machines handed each other; returns how much."""
    removed = 0
    oldest = time.time() - EXPIRES_AFTER.total_seconds()
    for folder in root.glob(f"{_OF_A_PROCESS}*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    if shared is not None:
        for blob in list(shared.list(HANDED_ON)):
            if blob.modified.timestamp() < oldest:
                shared.delete(blob.key)
                removed += 1
    return removed


HANDED_ON = "_handed_on/"
"""What keys of the shared place begin with that are of no tenant; no slug begins so."""


def migrations(root: Path, tenant: str, shared: Storage | None = None) -> list[int]:
    """Ids of a tenant's migrations of which something is staged."""
    found = {f.name for f in (root / tenant).glob("[0-9]*")}
    if shared is not None:
        found |= {blob.key.split("/")[1] for blob in shared.list(f"{tenant}/")}
    return sorted(int(name) for name in found if name.isdigit())


def remove_all(root: Path, tenant: str, shared: Storage | None = None) -> None:
    """Deletes everything that is staged of a tenant.

    Raises:
        StorageError: something of it is still there.
    """
    with storage_errors("deleting what is staged"):
        if (root / tenant).is_dir():
            shutil.rmtree(root / tenant)
    if shared is not None:
        _delete(shared, f"{tenant}/")


def _delete(shared: Storage, below: str) -> None:
    for blob in list(shared.list(below)):
        shared.delete(blob.key)


class Staging:
    """The staged tables of one migration, in a folder only its owner can read."""

    def __init__(
        self, root: Path, tenant: str, migration: int, shared: Storage | None = None
    ) -> None:
        """
        Args:
            root: :attr:`Settings.staging_folder`; of what is shared, the folder of this process.
            shared: see :func:`shared_place`.
        """
        self.folder = root / tenant / str(migration)
        self._shared = shared
        self._below = f"{tenant}/{migration}/"

    def path(self, name: str) -> Path:
        """Where the staged table ``name`` lies or will lie."""
        if "/" in name or name.startswith("."):
            raise ValueError(f"not a name of a staged table: {name!r}")
        return self.folder / f"{name}.arrow"

    def make_folder(self) -> Path:
        """The folder, made unless it is there."""
        # Each by itself: mkdir gives its mode to the last folder of a path only.
        for folder in (*reversed(self.folder.parents[:2]), self.folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder

    @contextmanager
    def write(self, name: str, schema: pa.Schema) -> Iterator[pa.ipc.RecordBatchFileWriter]:
        """A writer of record batches; the table appears when the block ends without an error.

        Raises:
            StorageError: the disk is full or broken, or the shared place cannot be written.
        """
        final = self.path(name)
        with storage_errors(f"staging {name}"):
            # Of its own: a step whose run was killed may still be writing the same.
            descriptor, part = self._part(name)
            try:
                with (
                    os.fdopen(descriptor, "wb") as file,
                    pa.ipc.new_file(file, schema, options=_WRITE_OPTIONS) as writer,
                ):
                    yield writer
                if self._shared is not None:
                    key = self._below + final.name
                    with part.open("rb") as whole, self._shared.writing(key) as stream:
                        shutil.copyfileobj(whole, stream, _COPIED_AT_ONCE)
                part.replace(final)
            finally:
                part.unlink(missing_ok=True)

    def read(
        self,
        name: str | tuple[str, ...],
        columns: list[int] | None = None,
        only: range | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The batches of a staged table, one at a time, without holding the rest in memory.

        Args:
            name: several are read one after the other.
            columns: positions of the columns to read; all when None.
            only: numbers of the batches to read of each; all when None.

        Raises:
            StorageError: the table is not there (any more) or cannot be read.
        """
        options = pa.ipc.IpcReadOptions(included_fields=columns)
        for one in (name,) if isinstance(name, str) else name:
            # Not memory-mapped: pages of a mapped file count as this process's memory.
            with self._open(one) as file:
                reader = pa.ipc.open_file(file, options=options)
                for index in range(reader.num_record_batches) if only is None else only:
                    yield reader.get_batch(index)

    def batch(self, name: str, index: int) -> pa.RecordBatch:
        """One batch of a staged table, by its position."""
        with self._open(name) as file:
            return pa.ipc.open_file(file).get_batch(index)

    def batches(self, name: str) -> int:
        """How many batches a staged table has."""
        with self._open(name) as file:
            return int(pa.ipc.open_file(file).num_record_batches)

    def schema(self, name: str) -> pa.Schema:
        """Column names and types of a staged table."""
        with self._open(name) as file:
            return pa.ipc.open_file(file).schema

    @contextmanager
    def _open(self, name: str) -> Iterator[pa.NativeFile]:
        path = self.path(name)
        if self._shared is not None and not path.exists():
            self._fetch(self._shared, path)
        try:
            opened = pa.OSFile(str(path))
        except FileNotFoundError:
            # Whoever retries a run from failure comes here when it is too late for that.
            raise StorageError(
                f"What migration {self.folder.name} had staged ({name}) is not there any more: it "
                f"is kept for {EXPIRES_AFTER.days} days after a failure, on the machine that read "
                "the sources or where ISPMIG_STAGING says, and until a later migration of the "
                "tenant was published. Retrying from failure has nothing to go on from, and "
                "changed nothing. Start the migration anew, from its first step: in the UI, "
                "re-execute all steps; or ispmig migrate."
            ) from None
        with storage_errors(f"reading staged {name}"), opened as file:
            yield file

    def _fetch(self, shared: Storage, path: Path) -> None:
        """Brings here what another process has staged, if it is there."""
        key = self._below + path.name
        if not shared.exists(key):
            return
        with storage_errors(f"fetching staged {path.stem}"):
            # Of its own: two threads may come here at once.
            descriptor, part = self._part(path.stem)
            try:
                with os.fdopen(descriptor, "wb") as file, shared.reading(key) as stream:
                    shutil.copyfileobj(stream, file, _COPIED_AT_ONCE)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def _part(self, name: str) -> tuple[int, Path]:
        """A private file for a table that is not whole yet: its descriptor, and where it lies."""
        descriptor, part = mkstemp(dir=self.make_folder(), prefix=f"{name}.", suffix=".part")
        return descriptor, Path(part)

    @property
    def changed(self) -> float:
        """Unix time at which something was staged last; 0 where nothing is."""
        times = [blob.modified.timestamp() for blob in self._blobs()]
        with suppress(FileNotFoundError):
            times.append(self.folder.stat().st_mtime)
        return max(times, default=0.0)

    def size(self) -> int:
        """Bytes the migration has staged."""
        if self._shared is not None:
            return sum(blob.size for blob in self._blobs())
        return sum(p.stat().st_size for p in self.folder.glob("*.arrow"))

    def _blobs(self) -> Iterator[Blob]:
        return iter(()) if self._shared is None else self._shared.list(self._below)

    def remove(self) -> None:
        """Deletes everything the migration staged; nothing staged is fine too."""
        if self._shared is not None:
            _delete(self._shared, self._below)
        shutil.rmtree(self.folder, ignore_errors=True)


_COPIED_AT_ONCE = 1 << 20
