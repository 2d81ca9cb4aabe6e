"""Opening a source file as a stream of bytes: compression found by content, digest on the way.

What comes out is the content; :attr:`ByteSource.bytes_read` and :meth:`ByteSource.sha256` speak
of the file as it lies on the disk, so that a run can show its progress and record exactly what
it has read.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import os
import stat
import zipfile
import zlib
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

import pyarrow as pa

from ispmig_pipelines.errors import SourceError, StorageError
from ispmig_pipelines.formats.archive import Archive
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.remote import SourceFile, Status

_READ = 1 << 18

_BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)


class _Counted(io.RawIOBase):
    """The raw file, counting and hashing every byte that is read from it in order."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._hash.update(memoryview(buffer)[:count])
        self.position += count
        return int(count)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        self._file.close()
        super().close()


class ByteSource:
    """One source file, open for reading its content from the beginning.

    Attributes:
        path: the file.
        size: its bytes on the disk.
        changed_at: when it was last written, in nanoseconds.
        compression: ``gzip``, ``zstd``, ``bz2``, ``xz``, ``zip`` or "".
        member: the name inside a zip archive, or "".
    """

    def __init__(
        self, path: SourceFile, *, limits: ReadLimits = DEFAULT_LIMITS, member: str = ""
    ) -> None:
        """Opens ``path``.

        Args:
            member: which member of a zip archive that has several.

        Raises:
            SourceError: no such file, a directory, no permission, empty, not a regular file,
                or an archive that cannot be read as one file.
        """
        self.path = path
        self.member = member
        self._limits = limits
        self._expanded = 0
        self._finished = False
        file = _open_regular(path)
        status = os.fstat(file.fileno()) if isinstance(path, Path) else path.stat()
        self.size = status.st_size
        self.changed_at = status.st_mtime_ns
        self._raw_file = file
        self._archive: Archive | None = None
        if self.size == 0:
            file.close()
            raise SourceError(f"{path} is empty (0 bytes). Export it again.")
        head = file.read(8)
        file.seek(0)
        self.compression = compression_of(head)
        self._raw: _Counted | None = None
        try:
            self._stream = self._decompressed(file)
        except BaseException:
            self.close()
            raise

    def _decompressed(self, file: BinaryIO) -> Any:
        if self.compression == "zip":
            return self._zip_member(file)
        self._raw = _Counted(file)
        buffered = io.BufferedReader(self._raw, _READ)
        if self.compression == "gzip":
            return gzip.GzipFile(fileobj=buffered, mode="rb")
        if self.compression == "bz2":
            return bz2.BZ2File(buffered)
        if self.compression == "xz":
            return lzma.LZMAFile(buffered)
        if self.compression in ("zstd", "lz4"):
            return pa.CompressedInputStream(pa.PythonFile(buffered, mode="r"), self.compression)
        return buffered

    def _zip_member(self, file: BinaryIO) -> Any:
        self._archive = Archive(file, self.path)
        if self._archive.document:
            self._archive.close()
            self._archive = None
            self.compression = ""
            file.seek(0)
            self._raw = _Counted(file)
            return io.BufferedReader(self._raw, _READ)
        chosen = self._archive.choose(self.member)
        stream = self._archive.open(chosen)
        self.member = chosen
        return stream

    def __enter__(self) -> ByteSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes everything; may be called twice."""
        for closable in (
            getattr(self, "_stream", None),
            self._archive,
            self._raw,
            self._raw_file,
        ):
            if closable is not None:
                closable.close()

    @property
    def bytes_read(self) -> int:
        """How far reading has come in the file on the disk, in its bytes; ``size`` at the end."""
        if self._finished:
            return self.size
        if self._raw is not None:
            return min(self._raw.position, self.size)
        return min(self._raw_file.tell(), self.size)

    def read(self, count: int) -> bytes:
        """At most ``count`` further bytes of content; fewer than asked only at the end.

        Raises:
            SourceError: the compressed data are cut short or broken, unfold to more than the
                limits allow, or the file changed while it was read.
            StorageError: the disk failed.
        """
        parts: list[bytes] = []
        missing = count
        while missing > 0:
            part = self._read_some(min(missing, 1 << 20) if self.compression else missing)
            if not part:
                self._end()
                break
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_some(self, count: int) -> bytes:
        try:
            part: bytes = self._stream.read(count)
        except _BROKEN as error:
            raise self._broken(error) from None
        except pa.ArrowInvalid as error:
            raise self._broken(error) from None
        except OSError as error:
            # bz2 and Arrow tell broken data by a plain OSError without a number.
            if error.errno is None:
                raise self._broken(error) from None
            raise StorageError(
                f"{self.path} could not be read after byte {self.bytes_read:,}: "
                f"{os.strerror(error.errno)}. Check the disk or the network share it lies on.",
                transient=error.errno in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT),
            ) from error
        if self.compression:
            self._expanded += len(part)
            self._check_limits()
        return part

    def _broken(self, error: BaseException) -> SourceError:
        kind = self.compression
        return SourceError(
            f"{self.path} is {kind} data that are cut short or damaged: after byte "
            f"{self.bytes_read:,} of {self.size:,} (about byte {self._expanded:,} of its content) "
            f"they cannot be unpacked. Nothing of it is loaded as if it were complete. "
            f"Transfer or export the file again; `{_test_command(kind)}` tests it."
        )

    def _check_limits(self) -> None:
        limits = self._limits
        if self._expanded > limits.max_expanded_bytes:
            raise SourceError(
                f"{self.path} unpacks to more than {limits.max_expanded_bytes:,} bytes, which is "
                "the limit for one source. Split the export, or set ISPMIG_MAX_EXPANDED_BYTES."
            )
        read = max(self.bytes_read, 1)
        if self._expanded > limits.ratio_from_bytes and self._expanded / read > limits.max_ratio:
            raise SourceError(
                f"{self.path} unpacks to more than {limits.max_ratio:g} times its size, as no "
                "real export does. If it is one, unpack it and give the file that is inside, or "
                "set ISPMIG_MAX_RATIO."
            )

    def _end(self) -> None:
        if self._finished:
            return
        if not self._unchanged():
            raise SourceError(
                f"{self.path} changed while it was being read, so what was read is neither the "
                "old file nor the new. Wait until the export is finished and run again."
            )
        self._finished = True

    def _unchanged(self) -> bool:
        try:
            status = self.path.stat()
        except (FileNotFoundError, SourceError):
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.changed_at)

    def sha256(self) -> str:
        """Hex SHA-256 of the whole file on the disk, exactly as it was read.

        Raises:
            ValueError: the content has not been read to its end.
        """
        if not self._finished:
            raise ValueError("the file has not been read to its end")
        if self._raw is not None:
            while self._raw.read(_READ):
                pass
            return self._raw.hexdigest()
        # A zip archive is read from its end, so its bytes are taken once more, in order.
        return digest_of(self.path)


def open_bytes(
    path: SourceFile, *, limits: ReadLimits = DEFAULT_LIMITS, member: str = ""
) -> ByteSource:
    """Opens a source file for reading its content; see :class:`ByteSource`."""
    return ByteSource(path, limits=limits, member=member)


class UnpackedFile:
    """The content of a packed file or of a member of an archive, as a file held in memory.

    For formats that are read from place to place, as spreadsheets are.

    Attributes:
        packed: the file on the disk.
    """

    def __init__(self, packed: SourceFile, member: str, limits: ReadLimits) -> None:
        self.packed = packed
        self._member = member
        self._limits = limits

    def __str__(self) -> str:
        return f"{self.packed}/{self._member}" if self._member else str(self.packed)

    @property
    def name(self) -> str:
        return PurePosixPath(self._member).name if self._member else self.packed.stem

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @cached_property
    def _content(self) -> bytes:
        with open_bytes(self.packed, limits=self._limits, member=self._member) as source:
            content = source.read(self._limits.max_held_bytes + 1)
        if len(content) > self._limits.max_held_bytes:
            raise SourceError(
                f"{self} unpacks to more than {self._limits.max_held_bytes:,} bytes, and a "
                "file of its kind has to be held in memory. Unpack it and name the file that is "
                "inside, or set ISPMIG_MAX_HELD_BYTES."
            )
        return content

    def stat(self) -> Status:
        """Of the packed file."""
        return self.packed.stat()

    def open(self, mode: Literal["rb"] = "rb", buffering: int = 0) -> BinaryIO:
        """The content from its beginning.

        Raises:
            SourceError: it is damaged, or too large to be held.
        """
        return io.BytesIO(self._content)


def digest_of(path: SourceFile) -> str:
    """Hex SHA-256 of a file as it lies on the disk, reading it once from its beginning."""
    path = path.packed if isinstance(path, UnpackedFile) else path
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def zip_document_kind(path: SourceFile) -> str:
    """``xlsx``, ``xlsb``, ``ods``, ``docx`` where a zip file is such a document, else ""."""
    with path.open("rb") as file:
        try:
            return Archive(file, path).document
        except SourceError:
            return ""


def zip_members(path: SourceFile) -> list[str]:
    """The files in a zip archive in its own order; none if it is no archive of files.

    Raises:
        SourceError: the file is missing, may not be read, or is a damaged archive.
    """
    with _open_regular(path) as file:
        if compression_of(file.read(8) or b"\0") != "zip":
            return []
        archive = Archive(file, path)
        return [] if archive.document else archive.names


def _open_regular(path: SourceFile) -> BinaryIO:
    if not isinstance(path, Path):
        return path.open("rb")
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(f"{path} is a folder. Name the file (or files) inside it.")
        if not stat.S_ISREG(mode):
            raise SourceError(f"{path} is not a regular file. Save the export to a file first.")
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        raise SourceError(
            f"{path} does not exist. Check the path; relative paths start from "
            "the folder the command runs in."
        ) from None
    except PermissionError:
        raise SourceError(
            f"{path} may not be read by this user. Give the user read permission on it."
        ) from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown reason"
        raise SourceError(f"{path} cannot be opened: {reason}.") from None
    except ValueError:
        raise SourceError(f"{str(path)!r} is no path that can be opened.") from None


def compression_of(head: bytes) -> str:
    """How data that begin with these eight bytes are packed; "" if they are not."""
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(b"\x28\xb5\x2f\xfd") or (
        0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"
    ):
        return "zstd"
    if head.startswith(b"BZh") and head[4:8] == b"1AY&":
        return "bz2"
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    if head.startswith(b"\x04\x22\x4d\x18"):
        return "lz4"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    return ""


def _test_command(compression: str) -> str:
    return {
        "gzip": "gzip -t FILE",
        "bz2": "bzip2 -t FILE",
        "xz": "xz -t FILE",
        "zstd": "zstd -t FILE",
        "lz4": "lz4 -t FILE",
        "zip": "unzip -t FILE",
    }.get(compression, "ls -l FILE")
