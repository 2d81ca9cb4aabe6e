"""What blobs are, and what can be done with a place where they lie."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from ispmig_pipelines.errors import StorageError, UsageError

ABANDONED = dt.timedelta(days=1)


@dataclass(frozen=True)
class Blob:
    """What lies under a key.

    Attributes:
        key: below the storage's folder or prefix, with ``/`` between its parts.
        size: bytes.
        modified: when it was written, in UTC.
    """

    key: str
    size: int
    modified: dt.datetime


@dataclass(frozen=True)
class Entry:
    """An object right below a prefix.

    Attributes:
        tag: its entity tag: another one as soon as its bytes are others.
    """

    key: str
    size: int
    modified: dt.datetime
    tag: str


class Prepared(Protocol):
    """A blob that is being made, and that nobody sees before it is published."""

    def filling(self) -> AbstractContextManager[BinaryIO]:
        """A stream for its bytes: all are on the disk or in the bucket when the block ends.

        Raises:
            StorageError: they cannot be written.
        """
        ...

    def publish(self, *, overwrite: bool) -> None:
        """Lets the finished blob appear.

        Raises:
            UsageError: there is one already, and it is not to be overwritten.
            StorageError: it cannot be done.
        """
        ...

    def discard(self) -> None:
        """Leaves nothing of a blob that was not published; may be called at any time."""
        ...


class Storage(Protocol):
    """Where blobs lie."""

    def prepare(self, key: str) -> Prepared:
        """Begins a blob that is to appear later.

        Raises:
            StorageError: nothing can be written there.
        """
        ...

    def writing(self, key: str, *, overwrite: bool = True) -> AbstractContextManager[BinaryIO]:
        """A stream to write the blob into; it is there when the block ends without an error.

        Raises:
            UsageError: there is one already, and it is not to be overwritten.
            StorageError: it cannot be written.
        """
        ...

    def reading(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AbstractContextManager[BinaryIO]:
        """A stream of the blob's bytes, from ``start``, at most ``length`` of them.

        Raises:
            StorageError: it is not there, or cannot be read.
        """
        ...

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[Blob]:
        """Every blob whose key begins with ``prefix``, in order of their keys.

        Args:
            deep: also those further down; else only those with no ``/`` after the prefix.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is a blob of this key."""
        ...

    def delete(self, key: str) -> None:
        """Deletes a blob; one that is not there is fine too."""
        ...

    def sweep(
        self,
        ours: Callable[[str], bool],
        *,
        deep: bool = True,
        older_than: dt.timedelta = ABANDONED,
    ) -> int:
        """Clears away what writers that died had begun; returns how many there were.

        Args:
            ours: whether a key is one that we write; what others began is not touched.
            deep: also what lies further down.
            older_than: what was written to since may have a writer that is alive.
        """
        ...

    def place(self, key: str = "") -> str:
        """Path or URL of a blob, or of the whole storage, for people."""
        ...


def check_key(key: str) -> str:
    """The key itself.

    Raises:
        ValueError: it could lead out of its folder, or is no name of a file.
    """
    if not is_key(key):
        raise ValueError(f"not a key: {key!r}")
    return key


def is_key(text: str) -> bool:
    """Whether it names a blob, and leads out of no folder."""
    return not (
        any(part in ("", ".", "..") for part in text.split("/"))
        or "\\" in text
        or any(ord(character) < 32 or ord(character) == 127 for character in text)
    )


def already_there(place: str) -> UsageError:
    """What is raised where a blob is not to be overwritten."""
    return UsageError(f"There is {place} already, and it is not to be overwritten.")


def not_there(place: str) -> StorageError:
    """What is raised where there is no blob."""
    return StorageError(f"There is no {place} (any more).")
