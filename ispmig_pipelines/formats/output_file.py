"""Output files that appear under their names when they are whole, and how they are named.

A file is written beside its place under a hidden name, compressed and hashed on the way, then
flushed to the disk and renamed. Whatever happens before leaves nothing under the final name. It
holds the customers' data, so only its owner may read it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from ispmig_pipelines.errors import UsageError

COMPRESSIONS = {"gzip": ".gz", "zstd": ".zst"}
"""What output can be packed with, and what such a file's name ends in."""


class _Counted(io.RawIOBase):
    """A stream that counts and hashes what goes through it; it never closes the one below."""

    def __init__(self, below: BinaryIO) -> None:
        self._below = below
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        # What a library still has to say after an error is not heard.
        if not self.abandoned:
            self._below.write(view)
            self._hash.update(view)
            self.bytes += len(view)
        return len(view)

    def sha256(self) -> str:
        """Hex SHA-256 of what was written."""
        return self._hash.hexdigest()


class _Packer(Protocol):
    def write(self, data: Any) -> object: ...

    def end(self) -> None: ...


class _Plain:
    def __init__(self, below: _Counted) -> None:
        self.write = below.write

    def end(self) -> None:
        return None


class _Gzip:
    def __init__(self, below: _Counted) -> None:
        self._below = below
        # 31: with the header of gzip, which names no time, so that equal data are equal files.
        self._packing = zlib.compressobj(6, zlib.DEFLATED, 31)

    def write(self, data: Any) -> None:
        self._below.write(self._packing.compress(data))

    def end(self) -> None:
        self._below.write(self._packing.flush())


class _Zstd:
    def __init__(self, below: _Counted) -> None:
        self._stream = pa.CompressedOutputStream(pa.PythonFile(below, mode="w"), "zstd")

    def write(self, data: Any) -> None:
        self._stream.write(data)

    def end(self) -> None:
        self._stream.close()


_PACKERS: dict[str, type[_Plain] | type[_Gzip] | type[_Zstd]] = {
    "": _Plain,
    "gzip": _Gzip,
    "zstd": _Zstd,
}


class OutputStream(io.RawIOBase):
    """Content that goes into a stream, compressed and hashed on the way.

    Attributes (once :meth:`end` was called):
        bytes, sha256: of what came out.
    """

    def __init__(self, below: BinaryIO, compression: str = "") -> None:
        """``below`` stays the caller's to close; ``compression`` is ``gzip``, ``zstd`` or ""."""
        self._counted = _Counted(below)
        self._packer: _Packer = _PACKERS[compression](self._counted)
        self.bytes = 0
        self.sha256 = ""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._packer.write(data)
        return len(data)

    def end(self) -> None:
        """Writes what the compression still holds back."""
        self._packer.end()
        self.bytes, self.sha256 = self._counted.bytes, self._counted.sha256()

    def abandon(self) -> None:
        """Nothing more is written, not even the compression's own end."""
        self._counted.abandoned = True


class OutputFile:
    """A file that is written beside its place.

    Attributes:
        path: where it will stand.
        stream: takes the content.
    """

    def __init__(self, path: Path, compression: str = "") -> None:
        """
        Raises:
            UsageError: its folder does not exist, or something that is no file stands there.
            OSError: the folder cannot be written to.
        """
        check_place(path)
        self.path = path
        handle, name = tempfile.mkstemp(
            prefix=f".{path.name[:40]}.", suffix=".part", dir=path.absolute().parent
        )
        self._part = Path(name)
        self._file = os.fdopen(handle, "wb")
        self.stream = OutputStream(self._file, compression)

    def finish(self) -> None:
        """Brings all content to the disk; the file still has its hidden name.

        Raises:
            OSError: the disk is full or broken.
        """
        self.stream.end()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def publish(self) -> None:
        """Gives the finished file its name, in the place of a file that has it."""
        self._part.replace(self.path)
        _sync(self.path.absolute().parent)

    def discard(self) -> None:
        """Leaves nothing of a file that was not published; may be called at any time."""
        self.stream.abandon()
        self._file.close()
        self._part.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Sees to it that a file can stand there.

    Raises:
        UsageError: its folder does not exist, or something that is no file stands there.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder} to write {path.name} into. Make it first.")
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no file but a device or a pipe"
        raise UsageError(
            f"{path} is {what}, and a file is to be written there. Name another place, or write "
            "to standard output with -o -."
        )


def _sync(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Not every system opens folders.
        return
    try:
        os.fsync(handle)
    except OSError:  # Nor does every file system sync them.
        pass
    finally:
        os.close(handle)


_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE | re.DOTALL)
_LONGEST = 180
"""Bytes of a file's name before its suffix; file systems take 255 for all of it."""


def file_name(table: str, suffix: str, taken: set[str]) -> str:
    """A name for the file of a table that is safe on every system, and adds it to ``taken``.

    Args:
        table: any text.
        suffix: what the name ends in, e.g. ``.csv.gz``.
        taken: the names there are, case folded.
    """
    plain = _UNSAFE.sub("_", table).lstrip(".").strip()
    plain = plain.encode()[:_LONGEST].decode("utf-8", "ignore").rstrip(". ") or "table"
    if _DEVICES.fullmatch(plain):
        plain = f"_{plain}"
    name, count = f"{plain}{suffix}", 1
    while name.casefold() in taken:
        count += 1
        name = f"{plain} ({count}){suffix}"
    taken.add(name.casefold())
    return name
