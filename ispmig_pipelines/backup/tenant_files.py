"""A tenant's own files: found in a folder or below a prefix of a bucket, stored, written back.

How they are recorded, for who restores them (:func:`restore_files`): each file is a
:class:`~.manifest.StoredFile` of the manifest, whose bytes are its parts one after the other (of an
empty file there is none). ``path`` is below the place, with ``/`` between its parts. Of a file of a
folder, ``source`` has ``mode`` (its permissions), ``mtime_ns`` and ``ctime_ns``; of an object
``tag``, its entity tag. Where a name is no UTF-8, ``path`` shows it with escapes and ``source`` has
its bytes as ``path_bytes`` (hex). ``unsettled`` in ``source`` says that it is to be read again by
the next backup, whatever its times say. Links, pipes, and what could not be read, are not stored:
``measured["left_out"]`` of the manifest names each as ``{"path", "why"}``.

A file that neither its size nor its times (of an object: nor its tag) tell to be another than in
the snapshot that is relied on is not read again. Files are not of one instant: each is as it was
while the backup ran.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.manifest import FilePart, Manifest, StoredFile
from ispmig_pipelines.backup.reading_rows import Counter
from ispmig_pipelines.backup.repository import Part, Repository
from ispmig_pipelines.backup.storing_rows import Storing
from ispmig_pipelines.errors import BackupError, StorageError, UsageError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import LocalStorage, S3Storage, Storage, check_key, open_storage

PART_BYTES = 8 << 20
"""Bytes of a part: a few are held at once, by as many threads as store."""

DEFAULT = "default"

_SETTING = "files"
_TRIES = 3
_SETTLED_NS = 2_000_000_000
"""How old a change must be for the file's times to tell of a later one: some file systems count
whole seconds."""


@dataclass(frozen=True)
class Kept:
    """What was stored of a tenant's files.

    Attributes:
        left_out: ``{"path", "why"}`` of what was not, or may not be as it ever was.
    """

    files: tuple[StoredFile, ...] = ()
    left_out: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Restored:
    """Files that were written back."""

    files: int
    bytes: int


# -- where they are ---------------------------------------------------------------------------


def place_of(connection: Connection, slug: str) -> str:
    """Folder or URL of a tenant's files; "" where nobody said one."""
    table = ledger.tenants
    found = connection.execute(sa.select(table.c.settings).where(table.c.slug == slug))
    return str(found.scalar_one().get(_SETTING, "")) or _by_settings(slug)


def _by_settings(slug: str) -> str:
    root = settings().tenant_files.strip().rstrip("/")
    return f"{root}/{slug}" if root else ""


def declare(connection: Connection, slug: str, place: str) -> str:
    """Says where a tenant's files are, in the current transaction; returns the place as kept.

    Args:
        place: folder or S3 prefix; ``default``: its folder below ``ISPMIG_TENANT_FILES``.

    Raises:
        UsageError: it is none; or it is, holds or lies in another tenant's or the platform's own.
    """
    table = ledger.tenants
    rows = connection.execute(sa.select(table.c.slug, table.c.settings).with_for_update())
    said: dict[str, dict[str, Any]] = {row.slug: dict(row.settings) for row in rows}
    own = said.pop(slug)
    if place == DEFAULT:
        own.pop(_SETTING, None)
    else:
        others = [
            str(other.get(_SETTING, "")) or _by_settings(name) for name, other in said.items()
        ]
        own[_SETTING] = _checked(place, [other for other in others if other])
    connection.execute(sa.update(table).where(table.c.slug == slug).values(settings=own))
    return str(own.get(_SETTING, "")) or _by_settings(slug)


def _checked(place: str, others: list[str]) -> str:
    kept = open_storage(place, private=True).place()
    for other in others:
        if _nested(kept, other):
            raise UsageError(
                f"{kept} is, holds or lies in the place of another tenant's files. Tenants share "
                "none: choose a folder, or a prefix, that is this tenant's alone."
            )
    for private in (*map(str, settings().private_folders), *settings().private_prefixes):
        if _nested(kept, private):
            raise UsageError(
                f"{kept} holds, or lies in, {private}, where the platform keeps what is its own "
                "and what is of tenants. Choose another place."
            )
    return kept


def check_apart(connection: Connection, place: str) -> str:
    """A place that files are to be written to and that is no tenant's and not the platform's own;
    returns it as it is kept.

    Raises:
        UsageError: it is none; or it is, holds or lies in one of those.
    """
    table = ledger.tenants
    rows = connection.execute(sa.select(table.c.slug, table.c.settings))
    taken = [str(row.settings.get(_SETTING, "")) or _by_settings(row.slug) for row in rows]
    return _checked(place, [one for one in taken if one])


def _nested(one: str, other: str) -> bool:
    a, b = (
        tuple(part for part in text.split("/") if part)
        if "://" in text
        else Path(text).expanduser().resolve().parts
        for text in (one, other)
    )
    return all(x == y for x, y in zip(a, b, strict=False))


# -- storing ----------------------------------------------------------------------------------


class _Seen(Protocol):
    """A file that was found, and not opened."""

    @property
    def path(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def modified(self) -> dt.datetime: ...

    @property
    def source(self) -> dict[str, Any]: ...

    def opened(self) -> Any:
        """A stream of its bytes; ``None`` if it is there no more."""
        ...

    def again(self) -> _Seen | None:
        """As it is now; None if it is there no more."""
        ...


class _LeftOut(Exception):
    """Why something is not stored, in words."""


class _Gone(Exception):
    """It is there no more."""


class _Changed(Exception):
    """It is another object than the one whose beginning was read."""


def files_of(place: str, *, full: bool = False) -> Callable[..., Kept]:
    """What stores the files of a place, for :func:`~.create.create`.

    Args:
        full: reads every file, changed or not.
    """

    def keep(storing: Storing, counter: Counter, parent: Manifest | None) -> Kept:
        storage = open_storage(place, private=True)
        found = found_in(storage)
        before = {} if parent is None or full else {file.path: file for file in parent.files}
        known = storing.repository.known(Part.FILE)

        def one(seen: _Seen | dict[str, str]) -> _Stored:
            if isinstance(seen, dict):
                return _Stored(None, left_out=seen)
            earlier = before.get(seen.path)
            if (
                earlier is not None
                and _same(seen, earlier)
                and all(part.hash in known for part in earlier.parts)
            ):
                return _Stored(earlier)
            return _stored(storing.repository, seen)

        files: list[StoredFile] = []
        left_out: list[dict[str, str]] = []
        for done in storing.each(one, found):
            counter.bytes += done.read
            for part, new in done.parts:
                storing.count(part.bytes, new=new)
            if done.file is not None:
                files.append(done.file)
            if done.left_out is not None:
                left_out.append(done.left_out)
        return Kept(
            tuple(sorted(files, key=lambda file: file.path)),
            tuple(sorted(left_out, key=lambda one: one["path"])),
        )

    return keep


def found_in(storage: Storage) -> Iterator[_Seen | dict[str, str]]:
    """The files there are; and ``{"path", "why"}`` of what lies there and is no file to store.

    Raises:
        StorageError: it cannot be looked into.
    """
    return _in_folder(storage) if isinstance(storage, LocalStorage) else _in_bucket(storage)


def holds(seen: _Seen, file: StoredFile, repository: Repository) -> bool:
    """Whether a file that is there is as a snapshot has it: by its times, else by what is in it.

    Raises:
        StorageError: (transient) it cannot be read now.
    """
    if seen.size != file.size or (
        "mode" in seen.source
        and seen.source["mode"] != file.source.get("mode", seen.source["mode"])
    ):
        return False
    if _same(seen, file):
        return True
    try:
        with seen.opened() as stream:
            return all(
                repository.file_hash(_whole(stream, part.raw)) == part.hash for part in file.parts
            )
    except (_Gone, _Changed, _LeftOut):
        return False


@dataclass(frozen=True)
class _Stored:
    file: StoredFile | None
    parts: tuple[tuple[FilePart, bool], ...] = ()
    read: int = 0
    left_out: dict[str, str] | None = None


def _same(seen: _Seen, earlier: StoredFile) -> bool:
    told = {name: value for name, value in seen.source.items() if name != "mode"}
    then = {name: value for name, value in earlier.source.items() if name != "mode"}
    return (
        seen.size == earlier.size
        and "unsettled" not in then
        and told == then
        and seen.source.get("mode") == earlier.source.get("mode")
    )


def _stored(repository: Repository, seen: _Seen) -> _Stored:
    """Reads a file, again if it changes meanwhile, and stores it."""
    parts: list[tuple[FilePart, bool]] = []
    read = 0
    for number in range(_TRIES):
        now = seen if number == 0 else seen.again()
        if now is None:
            return _Stored(None, tuple(parts), read)
        seen = now
        size, own, whole = 0, [], True
        try:
            with seen.opened() as stream:
                # No more than there was: one that grows all the time has no end.
                while data := _full_part(stream, seen.size - size):
                    part, new = repository.put_file_part(data)
                    own.append(part)
                    parts.append((part, new))
                    size += len(data)
        except _Changed:
            whole = False
        except _Gone:
            # As one that was deleted before.
            return _Stored(None, tuple(parts), read)
        except _LeftOut as why:
            return _Stored(None, tuple(parts), read, _out(seen.path, str(why)))
        read += size
        after = seen.again()
        settled = whole and size == seen.size and after is not None and _told(after) == _told(seen)
        if settled:
            break
    source = seen.source | ({} if settled else {"unsettled": True})
    file = StoredFile(
        path=seen.path, size=size, modified=seen.modified.isoformat(), parts=tuple(own),
        source=source,
    )  # fmt: skip
    mixed = _out(seen.path, "it changed each time it was read: what is stored may be a mixture")
    return _Stored(file, tuple(parts), read, None if settled else mixed)


def _told(seen: _Seen) -> tuple[int, dict[str, Any]]:
    return seen.size, {name: own for name, own in seen.source.items() if name != "unsettled"}


def _full_part(stream: BinaryIO, left: int) -> bytes:
    return _whole(stream, min(PART_BYTES, left))


def _whole(stream: BinaryIO, most: int) -> bytes:
    data = bytearray()
    while len(data) < most and (more := stream.read(most - len(data))):
        data += more
    return bytes(data)


# -- of a folder ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """A file of a folder."""

    root: Path
    name: str
    status: os.stat_result

    @property
    def path(self) -> str:
        return os.fsencode(self.name).decode("utf-8", "backslashreplace")

    @property
    def size(self) -> int:
        return self.status.st_size

    @property
    def modified(self) -> dt.datetime:
        return _moment(self.status.st_mtime_ns)

    @property
    def source(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "mode": stat.S_IMODE(self.status.st_mode),
            "mtime_ns": self.status.st_mtime_ns,
            "ctime_ns": self.status.st_ctime_ns,
        }
        if os.fsencode(self.path) != os.fsencode(self.name):
            told["path_bytes"] = os.fsencode(self.name).hex()
        now = dt.datetime.now(dt.UTC).timestamp() * 1e9
        if abs(now - max(self.status.st_mtime_ns, self.status.st_ctime_ns)) < _SETTLED_NS:
            told["unsettled"] = True
        return told

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        with _reasons():
            descriptor = _open_below(self.root, self.name)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise _LeftOut(_no_file(status.st_mode))
                yield cast(BinaryIO, file)

    def again(self) -> _File | None:
        try:
            descriptor = _open_below(self.root, self.name)
        except OSError:
            return None
        try:
            return _File(self.root, self.name, os.fstat(descriptor))
        finally:
            os.close(descriptor)


def _moment(nanoseconds: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return dt.datetime.fromtimestamp(0, dt.UTC)


def _open_below(root: Path, name: str) -> int:
    """Opens a file below a folder; no part of its name may be a link."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    *above, last = name.split("/")
    try:
        for part in above:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        # A pipe that nobody writes to would be waited for.
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise _Gone from None
    except OSError as error:
        raise _LeftOut(f"it cannot be read: {error.strerror or error}") from None


def _in_folder(storage: LocalStorage) -> Iterator[_Seen | dict[str, str]]:
    root = storage.root
    try:
        if not root.exists():
            return
        if not root.is_dir():
            raise StorageError(
                f"{root} is no folder, and is to be that of a tenant's files. Name the folder "
                "itself: ispmig tenant set TENANT --files FOLDER"
            )
    except OSError as error:
        raise StorageError(f"{root} cannot be looked into: {error.strerror or error}.") from None
    wrong: list[dict[str, str]] = []

    def unreadable(error: OSError) -> None:
        name = Path(os.fsdecode(error.filename)).relative_to(root).as_posix()
        if name == ".":
            raise StorageError(f"{root} cannot be looked into: {error.strerror or error}.")
        wrong.append(_out(name, f"the folder cannot be read: {error.strerror or error}"))

    for folder, below, names in os.walk(root, onerror=unreadable):
        above = Path(folder).relative_to(root).as_posix()
        prefix = "" if above == "." else f"{above}/"
        for name in sorted((*names, *(one for one in below if Path(folder, one).is_symlink()))):
            path = prefix + name
            try:
                status = Path(folder, name).lstat()
            except FileNotFoundError:
                continue
            except OSError as error:
                yield _out(path, f"it cannot be read: {error.strerror or error}")
                continue
            if stat.S_ISREG(status.st_mode):
                yield _File(root, path, status)
            else:
                yield _out(path, _no_file(status.st_mode))
        below.sort()
        yield from wrong
        wrong.clear()
    yield from wrong


def _out(name: str, why: str) -> dict[str, str]:
    return {"path": os.fsencode(name).decode("utf-8", "backslashreplace"), "why": why}


def _no_file(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "it is a link, and what it leads to is not looked at"
    return "it is no plain file"


# -- of a bucket ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Object:
    """An object below a prefix."""

    storage: S3Storage
    path: str
    size: int
    modified: dt.datetime
    tag: str

    @property
    def source(self) -> dict[str, Any]:
        return {"tag": self.tag}

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        try:
            with self.storage.reading(self.path) as stream:
                yield stream
        except UsageError:
            # What is gone on with after a broken connection must have the same tag.
            raise _Changed from None
        except StorageError as error:
            if error.transient or self.storage.exists(self.path):
                raise
            raise _Gone from None

    def again(self) -> _Object | None:
        tag = self.storage.tag_of(self.path)
        if tag == self.tag:
            return self
        for one in self.storage.entries(self.path, deep=True):
            if one.key == self.path:
                return _Object(self.storage, one.key, one.size, one.modified, one.tag)
        return None


def _in_bucket(storage: Storage) -> Iterator[_Seen | dict[str, str]]:
    assert isinstance(storage, S3Storage)  # noqa: S101 - there are no others
    for one in storage.entries(deep=True):
        if one.key.endswith("/") and one.size == 0:
            # What consoles make where a folder is to be seen.
            continue
        try:
            check_key(one.key)
        except ValueError:
            yield _out(one.key, "its name is none that a file could have")
            continue
        yield _Object(storage, one.key, one.size, one.modified, one.tag)


# -- writing back -----------------------------------------------------------------------------


def restore_files(manifest: Manifest, repository: Repository, target: str | Path) -> Restored:
    """Writes a snapshot's files into a folder, or below a prefix of a bucket.

    Each appears whole or not at all, with its permissions and its time of change in a folder. What
    lies there under the same name is replaced; nothing else is touched, and no link is followed.

    Raises:
        UsageError: the target is no place.
        BackupError: a path would lead out of it; nothing was written.
        BackupDamaged: a part is not what was stored; its file was not written.
        StorageError: it cannot be written.
    """
    storage = open_storage(target, private=True)
    names = names_in(manifest, storage)
    size = 0
    for file, name in zip(manifest.files, names, strict=True):
        if isinstance(storage, LocalStorage):
            write_file(storage.root, name, file, repository)
        else:
            write_object(storage, name, file, repository)
        size += file.size
    return Restored(len(manifest.files), size)


def names_in(manifest: Manifest, storage: Storage) -> list[str]:
    """What each of a snapshot's files is called in a folder or a bucket, in their order.

    Raises:
        BackupError: one would lead out of there, or cannot be called so there: two of the files,
            or a file and a folder, would have one name.
    """
    names = [name_of(file) for file in manifest.files]
    taken = set(names)
    for name in names:
        parts = name.split("/")
        above = {"/".join(parts[:end]) for end in range(1, len(parts))}
        if isinstance(storage, LocalStorage):
            wrong = bool(above & taken)
        else:
            try:
                wrong = check_key(name) != name
            except ValueError:
                wrong = True
        if wrong or len(taken) < len(names):
            shown = os.fsencode(name).decode("utf-8", "backslashreplace")[:200]
            raise BackupError(
                f"A file of the snapshot is called {shown!r}, which nothing can be called in "
                f"{storage.place()}: there its name is none, or a folder's. Nothing was written. "
                "Choose a place of the kind that the files came from."
            )
    return names


def write_object(storage: Storage, key: str, file: StoredFile, repository: Repository) -> None:
    """Writes a stored file as an object: whole, or not at all."""
    with storage.writing(key) as stream:
        for part in file.parts:
            stream.write(repository.get_file_part(part))


def name_of(file: StoredFile) -> str:
    """The name of a stored file below its place, as the operating system has it.

    Raises:
        BackupError: it would lead out of there.
    """
    told = file.source.get("path_bytes")
    name = os.fsdecode(bytes.fromhex(told)) if isinstance(told, str) else file.path
    if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise BackupError(
            f"A file of the snapshot has the path {file.path[:200]!r}, which leads out of where it "
            "is to be written. Nothing was written. Only who has the tenant's key can have made "
            "it: find out who did."
        )
    return name


def write_file(root: Path, name: str, file: StoredFile, repository: Repository) -> None:
    """Writes a stored file below a folder: whole, or not at all; no part of its name is a link.

    Raises:
        StorageError: it cannot be written.
        BackupDamaged: a part is not what was stored.
    """
    *above, last = name.split("/")
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in above:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=folder)
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = below
            _write_in(folder, last, file, repository)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError(
            f"{root / name} cannot be written: {error.strerror or error}. A link, or something "
            "that is no folder, may stand in its way. Take it away, make room, or choose another "
            "folder."
        ) from None


def _write_in(folder: int, name: str, file: StoredFile, repository: Repository) -> None:
    part_name = f".{secrets.token_hex(8)}.part"
    mode = int(file.source.get("mode", 0o600)) & 0o777
    descriptor = os.open(part_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for part in file.parts:
                stream.write(repository.get_file_part(part))
            stream.flush()
            os.fchmod(descriptor, mode)
            changed = file.source.get("mtime_ns")
            if not isinstance(changed, int):
                moment = dt.datetime.fromisoformat(file.modified)
                changed = int(moment.timestamp() * 1_000_000) * 1000
            os.utime(descriptor, ns=(changed, changed))
            os.fsync(descriptor)
        os.rename(part_name, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part_name, dir_fd=folder)
