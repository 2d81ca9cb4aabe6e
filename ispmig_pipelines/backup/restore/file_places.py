"""A place of a tenant's files, and beside it one to work in: files change places by their names.

Beside the folder ``/srv/acme`` it is ``/srv/acme__restore_5f0c9a1e``, on the same disk, so that a
file is put in its place in one step; beside the prefix ``s3://bucket/acme`` the prefix of that
name, from and to which objects are copied by the server. There lie what is to be brought
(``new/``), what was there before (``old/``), and what is to be done. Each step may be done again
after it was cut off.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from ispmig_pipelines.backup.manifest import StoredFile
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.tenant_files import write_file, write_object
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.storage import LocalStorage, S3Storage, open_storage

NEW, OLD = "new", "old"
_PLAN, _DONE = "plan.json", "done"
_AT_ONCE = 8


class Beside(Protocol):
    """A place to work in beside one of files. Every method raises StorageError on failure."""

    def make(self) -> None:
        """Makes it, or finds out that it cannot be made."""
        ...

    def stage(self, name: str, file: StoredFile, repository: Repository) -> None:
        """Writes a file to be brought."""
        ...

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Writes a note down."""
        ...

    def read(self, name: str) -> dict[str, Any] | None:
        """A note; None where there is none."""
        ...

    def kept(self) -> set[str]:
        """Names of what was set aside."""
        ...

    def take(self, name: str) -> None:
        """Sets a file aside, if it is there still."""
        ...

    def bring(self, name: str, source: str) -> None:
        """Puts a file in its place, from a folder beside it; what was there is set aside."""
        ...

    def remove(self) -> None:
        """Takes all of it away; nothing where there is nothing."""
        ...


def beside(place: str, work: str) -> Beside:
    """What works beside a place.

    Args:
        work: what its name ends with, after the place's own: ``__restore_5f0c9a1e``.

    Raises:
        UsageError: nothing can lie beside it.
    """
    storage = open_storage(place, private=True)
    if isinstance(storage, LocalStorage):
        return _BesideFolder(storage.root.resolve(), work)
    assert isinstance(storage, S3Storage)  # noqa: S101 - there are no others
    return _BesidePrefix(storage, work)


def set_plan(work: Beside, *, take: Iterable[str], bring: Iterable[str], source: str) -> None:
    """Writes down what is to be done: from then on :func:`carry_out` can do it, and go on with it.

    Args:
        source: the folder beside the place from which files are brought.
    """
    work.write(_PLAN, {"take": sorted(take), "bring": sorted(bring), "source": source})


def plan_of(work: Beside) -> dict[str, Any] | None:
    """What is, or was, to be done; None where nothing was written down."""
    return work.read(_PLAN)


def carry_out(work: Beside) -> bool:
    """Does what is to be done and is not done yet; returns whether there was anything.

    Raises:
        StorageError: it could not be done to the end; what is left can be done later.
    """
    plan = plan_of(work)
    if plan is None or work.read(_DONE) is not None:
        return False
    # A folder may become a file, and a file a folder.
    _each(work, work.take, plan["take"])
    _each(work, lambda name: work.bring(name, plan["source"]), plan["bring"])
    work.write(_DONE, {})
    return True


def _each(work: Beside, does: Callable[[str], None], names: list[str]) -> None:
    if isinstance(work, _BesideFolder):
        for name in names:
            does(name)
        return
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ispmig-files") as pool:
        for _ in pool.map(does, names):
            pass


# -- a folder -----------------------------------------------------------------------------------


class _BesideFolder:
    def __init__(self, root: Path, work: str) -> None:
        if not root.name:
            raise UsageError(f"{root} is no folder that something can lie beside.")
        self._root = root
        self._folder = root.with_name(root.name + work)

    def make(self) -> None:
        with self._failures(self._folder):
            try:
                self._root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._folder.mkdir(mode=0o700)
            except PermissionError:
                raise StorageError(
                    f"In {self._root.parent}, beside the tenant's files, this account may make no "
                    "folder, and what is there now could be kept nowhere. Nothing was changed. "
                    "Let it write there, or restore without files (--no-files), and write them "
                    "elsewhere."
                ) from None
            there = self._root.exists()
            if there and self._root.stat().st_dev != self._folder.stat().st_dev:
                self._folder.rmdir()
                raise StorageError(
                    f"{self._root} is a file system of its own, so that nothing beside it is on "
                    "the same disk, and its files cannot be exchanged in one step. Nothing was "
                    "changed. Let the tenant's files be a folder in it (ispmig tenant set TENANT "
                    "--files FOLDER), or restore without files (--no-files), and write them "
                    "elsewhere."
                )

    def stage(self, name: str, file: StoredFile, repository: Repository) -> None:
        write_file(self._folder / NEW, name, file, repository)

    def write(self, name: str, content: dict[str, Any]) -> None:
        with self._failures(self._folder / name):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            part = self._folder / f".{name}.part"
            with part.open("w", encoding="ascii") as file:
                file.write(json.dumps(content))
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / name)

    def read(self, name: str) -> dict[str, Any] | None:
        with self._failures(self._folder / name):
            try:
                return dict(json.loads((self._folder / name).read_text(encoding="ascii")))
            except FileNotFoundError:
                return None

    def kept(self) -> set[str]:
        with self._failures(self._folder):
            root = self._folder / OLD
            return {
                Path(folder, name).relative_to(root).as_posix()
                for folder, below, names in os.walk(root)
                for name in (*names, *(b for b in below if Path(folder, b).is_symlink()))
            }

    def take(self, name: str) -> None:
        with (
            self._failures(self._root / name),
            _above(self._root, name, make=False) as here,
            _above(self._folder / OLD, name, make=True) as aside,
        ):
            last = name.rpartition("/")[2]
            if here is None or aside is None or _status(here, last) is None:
                return
            if _status(aside, last) is None:
                os.rename(last, last, src_dir_fd=here, dst_dir_fd=aside)

    def bring(self, name: str, source: str) -> None:
        last = name.rpartition("/")[2]
        with (
            self._failures(self._root / name),
            _above(self._root.parent / source, name, make=False) as brought,
            _above(self._root, name, make=True) as here,
        ):
            if brought is None or here is None or _status(brought, last) is None:
                return
            there = _status(here, last)
            if there is not None and stat.S_ISDIR(there.st_mode):
                # Its files were taken.
                _remove_empty(self._root / name)
            elif there is not None:
                with _above(self._folder / OLD, name, make=True) as aside:
                    assert aside is not None  # noqa: S101 - it was made
                    if _status(aside, last) is None:
                        _keep(here, aside, last)
            os.rename(last, last, src_dir_fd=brought, dst_dir_fd=here)

    def remove(self) -> None:
        with self._failures(self._folder), suppress(FileNotFoundError):
            shutil.rmtree(self._folder)

    @contextmanager
    def _failures(self, path: Path) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise StorageError(
                f"{os.fsencode(path).decode('utf-8', 'backslashreplace')} cannot be written, or "
                f"not be read: {why}. A link, or something that is no folder, may stand in the "
                "way, or the folder above it is not to be written by this account."
            ) from None


@contextmanager
def _above(root: Path, name: str, *, make: bool) -> Iterator[int | None]:
    """The folder that a file is in, open; None where it is not there. No link is followed."""
    parts = name.split("/")[:-1]
    if make:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor: int | None = None
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=descriptor)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    except (FileNotFoundError, NotADirectoryError):
        if make:
            raise
        if descriptor is not None:
            os.close(descriptor)
            descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _status(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _keep(here: int, aside: int, name: str) -> None:
    try:
        os.link(name, name, src_dir_fd=here, dst_dir_fd=aside, follow_symlinks=False)
    except OSError:
        # Some file systems have no second names.
        os.rename(name, name, src_dir_fd=here, dst_dir_fd=aside)


def _remove_empty(folder: Path) -> None:
    for inner, _, _ in os.walk(folder, topdown=False):
        Path(inner).rmdir()


# -- a prefix of a bucket -----------------------------------------------------------------------


class _BesidePrefix:
    def __init__(self, storage: S3Storage, work: str) -> None:
        above, _, self._name = storage.prefix.rpartition("/")
        if not self._name:
            raise UsageError(
                f"{storage.place()} is a whole bucket: nothing can lie beside it, where what was "
                "there before would be kept. Let the tenant's files be a prefix of it, or restore "
                "without files (--no-files), and write them elsewhere."
            )
        self._storage = S3Storage(storage.bucket, above)
        self._work = self._name + work

    def make(self) -> None:
        self.write("begun", {})

    def stage(self, name: str, file: StoredFile, repository: Repository) -> None:
        write_object(self._storage, f"{self._work}/{NEW}/{name}", file, repository)

    def write(self, name: str, content: dict[str, Any]) -> None:
        with self._storage.writing(f"{self._work}/{name}") as stream:
            stream.write(json.dumps(content).encode())

    def read(self, name: str) -> dict[str, Any] | None:
        key = f"{self._work}/{name}"
        if not self._storage.exists(key):
            return None
        with self._storage.reading(key) as stream:
            return dict(json.loads(stream.read()))

    def kept(self) -> set[str]:
        prefix = f"{self._work}/{OLD}/"
        return {one.key.removeprefix(prefix) for one in self._storage.entries(prefix, deep=True)}

    def take(self, name: str) -> None:
        if self._set_aside(name):
            self._storage.delete(f"{self._name}/{name}")

    def bring(self, name: str, source: str) -> None:
        key = f"{source}/{name}"
        if not self._storage.exists(key):
            return
        if self._storage.tag_of(key) != self._storage.tag_of(f"{self._name}/{name}"):
            # Otherwise it was brought already, by one who was cut off here.
            self._set_aside(name)
        self._storage.copy(key, f"{self._name}/{name}")
        self._storage.delete(key)

    def _set_aside(self, name: str) -> bool:
        here, aside = f"{self._name}/{name}", f"{self._work}/{OLD}/{name}"
        if not self._storage.exists(here):
            return False
        if not self._storage.exists(aside):
            self._storage.copy(here, aside)
        return True

    def remove(self) -> None:
        for one in list(self._storage.entries(f"{self._work}/", deep=True)):
            self._storage.delete(one.key)
