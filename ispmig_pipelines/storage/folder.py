"""Blobs as files of a local folder."""

from __future__ import annotations

import datetime as dt
import io
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.storage.blobs import (
    ABANDONED,
    Blob,
    Prepared,
    already_there,
    check_key,
    not_there,
)

_PART = ".part"
_UNFINISHED = re.compile(rf"\..+\.[0-9a-f]{{12}}{re.escape(_PART)}", re.DOTALL)


class LocalStorage:
    """Blobs as files of one folder; the folder is made when the first is written."""

    def __init__(self, root: Path, *, private: bool = False) -> None:
        self.root = root
        self._folder_mode, self._file_mode = (0o700, 0o600) if private else (0o777, 0o666)

    def prepare(self, key: str) -> Prepared:
        """See :meth:`Storage.prepare`."""
        final = self._path(key)
        with _disk(f"writing {final}"):
            self._make(final.parent)
            return _PreparedFile(final, self._file_mode)

    @contextmanager
    def writing(self, key: str, *, overwrite: bool = True) -> Iterator[BinaryIO]:
        """See :meth:`Storage.writing`."""
        final = self._path(key)
        if not overwrite and final.exists():
            raise already_there(self.place(key))
        prepared = self.prepare(key)
        try:
            with prepared.filling() as stream:
                yield stream
            prepared.publish(overwrite=overwrite)
        finally:
            prepared.discard()

    @contextmanager
    def reading(self, key: str, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """See :meth:`Storage.reading`."""
        path = self._path(key)
        with _disk(f"reading {path}"):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                raise not_there(str(path)) from None
            with file:
                file.seek(start)
                if length is None:
                    yield cast(BinaryIO, file)
                else:
                    yield cast(BinaryIO, _Limited(file, length))

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[Blob]:
        """See :meth:`Storage.list`."""
        with _disk(f"listing {self.root}"):
            found = []
            # Only where the prefix leads: what lies beside may be a whole disk.
            for folder, below, names in os.walk(self.root / prefix.rpartition("/")[0]):
                if not deep:
                    below.clear()
                for name in names:
                    if _UNFINISHED.fullmatch(name):
                        continue
                    path = Path(folder, name)
                    key = path.relative_to(self.root).as_posix()
                    if key.startswith(prefix):
                        found.append((key, path))
            for key, path in sorted(found):
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue
                yield Blob(key, status.st_size, dt.datetime.fromtimestamp(status.st_mtime, dt.UTC))

    def exists(self, key: str) -> bool:
        """See :meth:`Storage.exists`."""
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """See :meth:`Storage.delete`."""
        path = self._path(key)
        with _disk(f"deleting {path}"):
            path.unlink(missing_ok=True)

    def sweep(
        self,
        ours: Callable[[str], bool],
        *,
        deep: bool = True,
        older_than: dt.timedelta = ABANDONED,
    ) -> int:
        """See :meth:`Storage.sweep`."""
        oldest = (dt.datetime.now(dt.UTC) - older_than).timestamp()
        swept = 0
        with _disk(f"clearing {self.root}"):
            for folder, below, names in os.walk(self.root):
                if not deep:
                    below.clear()
                for name in filter(_UNFINISHED.fullmatch, names):
                    path = Path(folder, name)
                    final = path.with_name(name[1:].rsplit(".", 2)[0])
                    if not ours(final.relative_to(self.root).as_posix()):
                        continue
                    with suppress(FileNotFoundError):
                        if path.lstat().st_mtime <= oldest:
                            path.unlink()
                            swept += 1
        return swept

    def place(self, key: str = "") -> str:
        """See :meth:`Storage.place`."""
        return str(self.root / key) if key else str(self.root)

    def _path(self, key: str) -> Path:
        path = self.root / check_key(key)
        # A link inside the folder must not lead out of it either.
        if not path.parent.resolve().is_relative_to(self.root.resolve()) or path.is_symlink():
            raise StorageError(
                f"{path} is a link, or lies behind one that leads out of {self.root}. Take the "
                "link away, or choose another folder."
            )
        return path

    def _make(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            one.mkdir(mode=self._folder_mode, exist_ok=True)


class _PreparedFile:
    """A file beside its place, under a hidden name."""

    def __init__(self, final: Path, mode: int) -> None:
        self._final = final
        self._part = final.with_name(f".{final.name}.{secrets.token_hex(6)}{_PART}")
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        self._file = os.fdopen(descriptor, "wb")

    @contextmanager
    def filling(self) -> Iterator[BinaryIO]:
        with _disk(f"writing {self._final}"), self._file as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())

    def publish(self, *, overwrite: bool) -> None:
        with _disk(f"writing {self._final}"):
            if overwrite:
                self._part.replace(self._final)
            else:
                _put_where_nothing_is(self._part, self._final)
            _sync_folder(self._final.parent)

    def discard(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


def _put_where_nothing_is(part: Path, final: Path) -> None:
    try:
        # Unlike a rename, a link is refused where somebody else was faster.
        os.link(part, final)
    except FileExistsError:
        raise already_there(str(final)) from None
    except OSError:
        # A file system without links: whoever makes the name first has it.
        try:
            os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise already_there(str(final)) from None
        part.replace(final)


def _sync_folder(folder: Path) -> None:
    # Not every file system lets a folder be synced; the rename stands all the same.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Limited(io.RawIOBase):
    """The next ``length`` bytes of a stream."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = cast(bytes, self._stream.read(wanted))
        self._left -= len(data)
        return data


@contextmanager
def _disk(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"The disk failed while {doing}: {error.strerror or error}. Make room, correct the "
            "permissions, or choose another place."
        ) from error
