"""Rows into a repository: cut into pieces, named, encrypted and written beside what is being read.

Naming, packing and encrypting a piece are done in C, and let other threads run: while one piece is
written, the next is read.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa

from ispmig_pipelines.backup.borders import SIZES, Sizes, cut
from ispmig_pipelines.backup.manifest import PieceRef
from ispmig_pipelines.backup.reading_rows import key_texts
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.ordered import in_order

_THREADS = max(1, min(3, os.cpu_count() or 1))
_AHEAD = _THREADS + 1
"""Pieces that are held at once, so that memory stays the same however slow the storage is."""


class Storing:
    """What is stored in the course of one backup, by any number of threads.

    Attributes:
        stored: bytes that are new in the repository.
        found: bytes of pieces and parts that were there already.
        pieces: how many are new.
    """

    def __init__(self, repository: Repository, pool: ThreadPoolExecutor, sizes: Sizes) -> None:
        self.repository = repository
        self.stored = 0
        self.found = 0
        self.pieces = 0
        self._pool = pool
        self._counting = threading.Lock()
        self._sizes = sizes

    def rows(
        self,
        batches: Iterable[pa.RecordBatch],
        key: Sequence[str],
        seen: Callable[[pa.RecordBatch], None] | None = None,
    ) -> tuple[PieceRef, ...]:
        """Stores rows, in the order in which they come.

        Args:
            seen: is called with each piece.

        Raises:
            StorageError: they cannot be written.
        """
        refs = []
        for ref, new in self.each(partial(self._put, key), self._cut(batches, key, seen)):
            self.count(ref.bytes, new=new)
            refs.append(ref)
        return tuple(refs)

    def _cut(
        self,
        batches: Iterable[pa.RecordBatch],
        key: Sequence[str],
        seen: Callable[[pa.RecordBatch], None] | None,
    ) -> Iterator[pa.RecordBatch]:
        for piece in cut(batches, key, self.repository.border_secret, self._sizes):
            if seen is not None:
                seen(piece)
            yield piece

    def _put(self, key: Sequence[str], piece: pa.RecordBatch) -> tuple[PieceRef, bool]:
        first, last = key_texts(piece, key, 0), key_texts(piece, key, -1)
        return self.repository.put(piece, first=first, last=last)

    def count(self, size: int, *, new: bool) -> None:
        """Counts a piece or a part of a file."""
        with self._counting:
            if new:
                self.stored += size
                self.pieces += 1
            else:
                self.found += size

    def each(self, does: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Does something with each item beside the caller, a few at a time; results in order."""
        return in_order(self._pool, does, items, _AHEAD)


@contextmanager
def storing(repository: Repository, sizes: Sizes = SIZES) -> Iterator[Storing]:
    """Stores what the block hands over; when it ends, nothing is being written any more."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="ispmig-backup") as pool:
        try:
            yield Storing(repository, pool, sizes)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
