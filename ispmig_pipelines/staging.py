"""Staged data: what the ops of one migration hand each other.

A migration has a private folder; each stage writes Arrow IPC files into it, batch by batch,
and hands on a small manifest. A file appears under its name only when it is whole, so a stage
that died leaves nothing that looks finished, and running it again replaces what it wrote.
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc

from ispmig_pipelines.errors import StorageError

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


def remove_expired(root: Path, tenant: str, finished: Callable[[int], bool]) -> list[int]:
    """Deletes what a tenant's earlier migrations left staged; returns their ids.

    Args:
        root: :attr:`Settings.staging_folder`.
        finished: whether a migration came to an end that needs nothing staged any more. What
            is older than :data:`EXPIRES_AFTER` goes in any case.
    """
    removed = []
    oldest = time.time() - EXPIRES_AFTER.total_seconds()
    for migration in migrations(root, tenant):
        staging = Staging(root, tenant, migration)
        if finished(migration) or staging.folder.stat().st_mtime < oldest:
            staging.remove()
            removed.append(migration)
    return removed


_DEAD_AFTER_SECONDS = 3600.0
"""What is written to is younger than this."""


def remove_parts(root: Path, tenant: str) -> int:
    """Deletes half-written files that nobody writes to any more; returns how many."""
    removed = 0
    oldest = time.time() - _DEAD_AFTER_SECONDS
    for part in (root / tenant).glob("[0-9]*/*.part"):
        # Whoever wrote it may take it away in this moment.
        with suppress(FileNotFoundError):
            if part.stat().st_mtime < oldest:
                part.unlink()
                removed += 1
    return removed


def migrations(root: Path, tenant: str) -> list[int]:
    """Ids of a tenant's migrations of which something is staged."""
    return sorted(int(f.name) for f in (root / tenant).glob("[0-9]*") if f.name.isdigit())


def remove_all(root: Path, tenant: str) -> None:
    """Deletes everything that is staged of a tenant.

    Raises:
        StorageError: something of it is still there.
    """
    with storage_errors("deleting what is staged"):
        if (root / tenant).is_dir():
            shutil.rmtree(root / tenant)


class Staging:
    """The staged tables of one migration, in a folder only its owner can read."""

    def __init__(self, root: Path, tenant: str, migration: int) -> None:
        """``root`` is :attr:`Settings.staging_folder`."""
        self.folder = root / tenant / str(migration)

    def path(self, name: str) -> Path:
        """Where the staged table ``name`` lies or will lie."""
        if "/" in name or name.startswith("."):
            raise ValueError(f"not a name of a staged table: {name!r}")
        return self.folder / f"{name}.arrow"

    @contextmanager
    def write(self, name: str, schema: pa.Schema) -> Iterator[pa.ipc.RecordBatchFileWriter]:
        """A writer of record batches; the table appears when the block ends without an error.

        Raises:
            StorageError: the disk is full or broken.
        """
        final = self.path(name)
        part = final.with_suffix(".part")
        with storage_errors(f"staging {name}"):
            # Each by itself: mkdir gives its mode to the last folder of a path only.
            for folder in (*reversed(self.folder.parents[:2]), self.folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                with (
                    os.fdopen(descriptor, "wb") as file,
                    pa.ipc.new_file(file, schema, options=_WRITE_OPTIONS) as writer,
                ):
                    yield writer
                part.replace(final)
            finally:
                part.unlink(missing_ok=True)

    def read(self, name: str, columns: list[int] | None = None) -> Iterator[pa.RecordBatch]:
        """The batches of a staged table, one at a time, without holding the rest in memory.

        Args:
            columns: positions of the columns to read; all when None.

        Raises:
            StorageError: the table is not there (any more) or cannot be read.
        """
        options = pa.ipc.IpcReadOptions(included_fields=columns)
        # Not memory-mapped: pages of a mapped file count as this process's memory.
        with self._open(name) as file:
            reader = pa.ipc.open_file(file, options=options)
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)

    def batch(self, name: str, index: int) -> pa.RecordBatch:
        """One batch of a staged table, by its position."""
        with self._open(name) as file:
            return pa.ipc.open_file(file).get_batch(index)

    def schema(self, name: str) -> pa.Schema:
        """Column names and types of a staged table."""
        with self._open(name) as file:
            return pa.ipc.open_file(file).schema

    @contextmanager
    def _open(self, name: str) -> Iterator[pa.NativeFile]:
        try:
            opened = pa.OSFile(str(self.path(name)))
        except FileNotFoundError:
            # Whoever retries a run from failure comes here when it is too late for that.
            raise StorageError(
                f"What migration {self.folder.name} had staged ({name}) is not there any more: it "
                f"is kept for {EXPIRES_AFTER.days} days after a failure, on the machine that read "
                "the sources, and until a later migration of the tenant was published. Retrying "
                "from failure has nothing to go on from, and changed nothing. Start the migration "
                "anew, from its first step: in the UI, re-execute all steps; or ispmig migrate."
            ) from None
        with storage_errors(f"reading staged {name}"), opened as file:
            yield file

    def size(self) -> int:
        """Bytes the migration has staged."""
        return sum(p.stat().st_size for p in self.folder.glob("*.arrow"))

    def remove(self) -> None:
        """Deletes everything the migration staged; nothing staged is fine too."""
        shutil.rmtree(self.folder, ignore_errors=True)
