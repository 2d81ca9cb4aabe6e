"""Drop places: a folder, or a prefix of a bucket, that somebody else writes into.

What lies there is looked at without being opened, claimed by moving it below ``.claimed``, and
moved on to ``done``, ``failed`` or ``review``. Each of these may be cut off and done again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from ispmig_pipelines.drop.names import (
    CLAIMED,
    DONE,
    FAILED,
    OWN,
    REVIEW,
    WORK,
    Kind,
    kind_of,
    shown,
)
from ispmig_pipelines.drop.names import problem_of as problem_of_name
from ispmig_pipelines.drop.sets import Lying
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import LocalStorage, S3Storage, open_storage

_PIECE = 1 << 20
_FILES = "files"


class Place(Protocol):
    """A tenant's drop place."""

    def look(self) -> list[Lying]:
        """What lies there, except what is ours or unfinished. Nothing is opened.

        Raises:
            StorageError: it cannot be looked into.
        """
        ...

    def read(self, name: str, most: int) -> bytes:
        """The beginning of a file that lies there: a manifest."""
        ...

    def claim(self, drop: int, name: str, stamp: str) -> bool:
        """Moves a file to where only we take it from; False if it is not there as it was seen."""
        ...

    def work(self, drop: int) -> Path:
        """A folder of this machine in which a run finds the files of a claim, in ``files``."""
        ...

    def fetch(self, drop: int, name: str) -> tuple[str, int]:
        """SHA-256 and length of a claimed file, which lies in the work folder afterwards.

        Raises:
            UsageError: it is no plain file after all.
        """
        ...

    def holds(self, key: str) -> bool:
        """Whether there is something under a key below ``done``, ``failed`` or ``review``."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Writes a report."""
        ...

    def move(self, drop: int, name: str, key: str) -> None:
        """Moves a claimed file to its end; one that is there already is fine too."""
        ...

    def forget(self, drop: int) -> None:
        """Deletes what is left of a claim when its files have gone."""
        ...

    def put_back(self, key: str, name: str) -> bool:
        """Moves a file from its end to where it was dropped; False if it is there no more.

        Raises:
            UsageError: something of that name lies there.
        """
        ...


def place_of(slug: str, own: str = "") -> Place:
    """A tenant's drop place.

    Args:
        own: what the tenant says of it; "" for its folder below ``ISPMIG_DROP``.
    """
    where = address_of(slug, own)
    storage = open_storage(where, private=True)
    if isinstance(storage, S3Storage):
        return BucketPlace(storage, settings().home / WORK / slug)
    assert isinstance(storage, LocalStorage)  # noqa: S101 - there are no others
    return FolderPlace(storage.root)


def address_of(slug: str, own: str = "") -> str:
    """Path or URL of a tenant's drop place."""
    return own or f"{settings().drop_place.rstrip('/')}/{slug}"


def check_place(slug: str, place: str, others: dict[str, str]) -> str:
    """The place itself, as it is kept.

    Args:
        others: other tenants → what they say of theirs.

    Raises:
        UsageError: it is none, or lies in, or around, what is another's or the platform's own.
    """
    storage = open_storage(place, private=True)
    kept = storage.place()
    for other, own in others.items():
        if _nested(kept, address_of(other, own)):
            raise UsageError(
                f"{kept} is, holds or lies in the drop place of another tenant. Tenants share no "
                "place: choose a folder, or a prefix, that is this tenant's alone."
            )
    root = settings().drop_place
    if _nested(kept, root) and _parts(kept) != _parts(address_of(slug)):
        raise UsageError(
            f"{kept} holds, or lies in, {root}, in which every tenant has its own folder. Choose "
            "another place."
        )
    if "://" not in kept:
        for private in (*settings().private_folders, settings().home / WORK):
            if _nested(kept, str(private)):
                raise UsageError(
                    f"{kept} holds, or lies in, {private}, where the platform keeps what is its "
                    "own and what is of tenants. Choose another folder."
                )
    return kept


def _parts(place: str) -> tuple[str, ...]:
    if "://" in place:
        return tuple(part for part in place.split("/") if part)
    return Path(place).expanduser().resolve().parts


def _nested(one: str, other: str) -> bool:
    a, b = _parts(one), _parts(other)
    return all(x == y for x, y in zip(a, b, strict=False))


class FolderPlace:
    """A folder. Files are claimed by a rename, which either happened or did not."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Makes the folder and those in it; whatever stands in their way is put aside.

        Raises:
            StorageError: it cannot be made, or is a link.
        """
        with _told(self.root):
            if self.root.is_symlink():
                raise StorageError(
                    f"{self.root} is a link, so that nobody can tell whose files lie behind it. "
                    "Name the folder itself: ispmig tenant set TENANT --drop FOLDER"
                )
            self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            # Whoever may look into the folder may look at what became of the files.
            mode = stat.S_IMODE(self.root.stat().st_mode)
            for name in (DONE, FAILED, REVIEW, CLAIMED):
                folder = self.root / name
                if _is_folder(folder):
                    continue
                if os.path.lexists(folder):
                    folder.rename(self.root / f"{name.strip('.')}~{secrets.token_hex(4)}")
                folder.mkdir(mode=0o700 if name == CLAIMED else mode)

    def look(self) -> list[Lying]:
        """See :meth:`Place.look`."""
        self.prepare()
        with _told(self.root):
            found = [self._see(entry.name) for entry in os.scandir(self.root)]
        return [one for one in found if one is not None]

    def _see(self, name: str) -> Lying | None:
        kind = kind_of(name)
        if name in OWN or kind is Kind.UNFINISHED:
            return None
        path = self.root / name
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None
        problem = problem_of_name(name) or _problem_of(path, status)
        return Lying(
            name,
            kind,
            status.st_size,
            _stamp(status),
            dt.datetime.fromtimestamp(status.st_mtime, dt.UTC),
            problem=problem,
        )

    def read(self, name: str, most: int) -> bytes:
        """See :meth:`Place.read`."""
        with _told(self.root), _opened(self.root / name) as file:
            return file.read(most)

    def claim(self, drop: int, name: str, stamp: str) -> bool:
        """See :meth:`Place.claim`."""
        target = self.work(drop) / _FILES / name
        with _told(self.root):
            if os.path.lexists(target):
                return True
            seen = self._see(name)
            if seen is None or seen.problem or seen.stamp != stamp:
                return False
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.root / name).rename(target)
        return True

    def work(self, drop: int) -> Path:
        """See :meth:`Place.work`."""
        return self.root / CLAIMED / str(drop)

    def fetch(self, drop: int, name: str) -> tuple[str, int]:
        """See :meth:`Place.fetch`."""
        path = self.work(drop) / _FILES / name
        digest, size = hashlib.sha256(), 0
        with _told(self.root), _opened(path) as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
        return digest.hexdigest(), size

    def holds(self, key: str) -> bool:
        """See :meth:`Place.holds`."""
        return os.path.lexists(self.root / key)

    def put(self, key: str, data: bytes) -> None:
        """See :meth:`Place.put`."""
        with LocalStorage(self.root, private=True).writing(key) as stream:
            stream.write(data)

    def move(self, drop: int, name: str, key: str) -> None:
        """See :meth:`Place.move`."""
        source, target = self.work(drop) / _FILES / name, self.root / key
        with _told(self.root):
            if not os.path.lexists(source):
                return
            target.parent.mkdir(mode=0o700, exist_ok=True)
            source.rename(target)

    def forget(self, drop: int) -> None:
        """See :meth:`Place.forget`."""
        with _told(self.root):
            if self.work(drop).exists():
                shutil.rmtree(self.work(drop))

    def put_back(self, key: str, name: str) -> bool:
        """See :meth:`Place.put_back`."""
        source, target = self.root / key, self.root / name
        with _told(self.root):
            if not os.path.lexists(source):
                return False
            if os.path.lexists(target):
                raise _in_the_way(name)
            source.rename(target)
        return True


class BucketPlace:
    """A prefix of a bucket. Objects are claimed by a copy, and by deleting what was copied."""

    def __init__(self, storage: S3Storage, work: Path) -> None:
        """
        Args:
            work: folder of this machine for copies that runs read.
        """
        self.storage = storage
        self._work = work

    def look(self) -> list[Lying]:
        """See :meth:`Place.look`."""
        found = []
        for entry in self.storage.entries():
            kind = kind_of(entry.key)
            if not entry.key or kind is Kind.UNFINISHED:
                continue
            found.append(
                Lying(entry.key, kind, entry.size, entry.tag, entry.modified,
                      problem=problem_of_name(entry.key))
            )  # fmt: skip
        return found

    def read(self, name: str, most: int) -> bytes:
        """See :meth:`Place.read`."""
        with self.storage.reading(name, length=most) as stream:
            return stream.read()

    def claim(self, drop: int, name: str, stamp: str) -> bool:
        """See :meth:`Place.claim`."""
        key = self._key(drop, name)
        there = self.storage.exists(key)
        if not there:
            if self.storage.tag_of(name) != stamp:
                return False
            self.storage.copy(name, key, tag=stamp)
        # What somebody has put there since is another file, and stays.
        if self.storage.tag_of(name) == stamp:
            self.storage.delete(name)
        return True

    def work(self, drop: int) -> Path:
        """See :meth:`Place.work`."""
        return self._work / str(drop)

    def fetch(self, drop: int, name: str) -> tuple[str, int]:
        """See :meth:`Place.fetch`."""
        local = LocalStorage(self.work(drop), private=True)
        digest, size = hashlib.sha256(), 0
        with (
            self.storage.reading(self._key(drop, name)) as source,
            local.writing(f"{_FILES}/{name}") as target,
        ):
            while piece := source.read(_PIECE):
                digest.update(piece)
                size += target.write(piece)
        return digest.hexdigest(), size

    def holds(self, key: str) -> bool:
        """See :meth:`Place.holds`."""
        return self.storage.exists(key) or any(True for _ in self.storage.list(f"{key}/"))

    def put(self, key: str, data: bytes) -> None:
        """See :meth:`Place.put`."""
        with self.storage.writing(key) as stream:
            stream.write(data)

    def move(self, drop: int, name: str, key: str) -> None:
        """See :meth:`Place.move`."""
        source = self._key(drop, name)
        if self.storage.exists(source):
            self.storage.copy(source, key)
            self.storage.delete(source)

    def forget(self, drop: int) -> None:
        """See :meth:`Place.forget`."""
        with _told(self._work):
            if self.work(drop).exists():
                shutil.rmtree(self.work(drop))
        for blob in list(self.storage.list(f"{CLAIMED}/{drop}/")):
            self.storage.delete(blob.key)

    def put_back(self, key: str, name: str) -> bool:
        """See :meth:`Place.put_back`."""
        if not self.storage.exists(key):
            return False
        if self.storage.exists(name):
            raise _in_the_way(name)
        self.storage.copy(key, name)
        self.storage.delete(key)
        return True

    def _key(self, drop: int, name: str) -> str:
        return f"{CLAIMED}/{drop}/{name}"


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _problem_of(path: Path, status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "it is a link, and what it leads to may be anybody's"
    if stat.S_ISDIR(status.st_mode):
        return "it is a folder, and folders are not looked into"
    if not stat.S_ISREG(status.st_mode):
        return "it is no file, but a pipe, a socket or a device"
    if status.st_nlink > 1:
        return "it has a second name elsewhere (a hard link), under which it may be anybody's"
    if not os.access(path, os.R_OK):
        return "it may not be read by the platform's account"
    return ""


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A plain file, opened; a link is not followed, and a pipe is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise UsageError(f"{shown(path.name)} is no plain file with one name.")
        yield cast(BinaryIO, file)


@contextmanager
def _told(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"The drop place {root} cannot be used: {error.strerror or type(error).__name__}. Make "
            "room, or correct the permissions: the platform's account must be able to read, rename "
            "and write there."
        ) from error


def _in_the_way(name: str) -> UsageError:
    return UsageError(f"There is another {shown(name)} in the drop place. Take it away first.")
