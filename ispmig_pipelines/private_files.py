"""Files that only their owner may read: what holds customers' data, and keys."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.staging import storage_errors

_LOCK = ".lock"


@contextmanager
def private_file(path: Path) -> Iterator[Path]:
    """A file for the block to write, which only its owner may read; it takes its name when the
    block ends without an error.

    Raises:
        UsageError: the folder does not exist.
        StorageError: no space.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent} to write {path.name} into.")
    part = path.with_name(path.name + ".part")
    try:
        with storage_errors(f"writing {path.name}", "Choose another folder with --out."):
            # Made anew: a file or link that lies there would keep its own reader and place.
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            yield part
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_key(path: Path, content: bytes, *, part: str = ".part-") -> None:
    """Writes a file that only its owner can read; it appears when it is whole, and on the disk.

    Args:
        part: what the name begins with under which a writer that is killed leaves it.

    Raises:
        OSError: no space, no rights, or a broken disk.
    """
    descriptor, unfinished = tempfile.mkstemp(prefix=part, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(path)
        sync_folder(path.parent)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Forces what was made, renamed and deleted in a folder to the disk.

    Raises:
        OSError: the disk is broken, or the file system cannot do it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from writing keys into a folder meanwhile; a process that dies lets go
    of it.

    Raises:
        OSError: nothing can be made there.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
