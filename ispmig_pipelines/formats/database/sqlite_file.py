"""SQLite databases as files among others, known by their content.

A file on this machine is read where it lies. One that is packed, or lies elsewhere, has to be
in memory as a whole, for its pages are read in no order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ispmig_pipelines.database_url import DatabaseUrl
from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.bytes_in import digest_of, open_bytes
from ispmig_pipelines.formats.database.reader import Database
from ispmig_pipelines.formats.database.sqlite import SqliteSession, files_beside
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, MIB, ReadLimits
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Records
from ispmig_pipelines.remote import SourceFile


class SqliteFileReader:
    """See :class:`~ispmig_pipelines.formats.records.Reader`."""

    def __init__(
        self,
        path: SourceFile,
        *,
        compression: str = "",
        member: str = "",
        limits: ReadLimits = DEFAULT_LIMITS,
    ) -> None:
        """
        Args:
            path: the file.
            compression, member: how it is packed.

        Raises:
            SourceError: it is damaged, cut short, encrypted, or packed and too large for memory.
        """
        self._path = path
        self._compression = compression
        url = DatabaseUrl(kind="sqlite", database=str(path), alias=str(path))
        in_place = isinstance(path, Path) and not compression and not member
        self._parts: list[SourceFile] = [path]
        if isinstance(path, Path) and in_place:
            # A write-ahead log is part of the database.
            self._parts += files_beside(path)
            self._session = SqliteSession(url, path, live=False)
        else:
            self._session = SqliteSession(url, _content(path, member, limits), live=False)
        self._as_found = self._status()
        try:
            self._reader = Database(self._session, limits).reader()
        except BaseException:
            self._session.close()
            raise

    def __enter__(self) -> SqliteFileReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self._session.close()

    @property
    def detected(self) -> Detected:
        return replace(
            self._reader.detected, encoding=self._session.encoding, compression=self._compression
        )

    def tables(self) -> list[str]:
        return self._reader.tables()

    def columns(self, table: str) -> list[str]:
        return self._reader.columns(table)

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """See :meth:`ispmig_pipelines.formats.database.reader.DatabaseReader.batches`."""
        for batch in self._reader.batches(table, size):
            # Bytes of cells, which only come near to those of the file.
            yield replace(batch, bytes_read=min(batch.bytes_read, self.size))

    @property
    def size(self) -> int:
        return sum(size for size, _ in self._as_found)

    def sha256(self) -> str:
        """Digest of the file; with a write-ahead log beside it, of both one after the other.

        Raises:
            ValueError: no table of it has been read to its end yet.
            SourceError: somebody has written to it meanwhile.
        """
        self._reader.sha256()
        if len(self._parts) == 1:
            digest = digest_of(self._path)
        else:
            whole = hashlib.sha256()
            for part in self._parts:
                with part.open("rb") as source:
                    while block := source.read(MIB):
                        whole.update(block)
            digest = whole.hexdigest()
        if self._status() != self._as_found:
            raise SourceError(
                f"{self._path} was written to while it was read. Read a copy that nobody writes "
                "to, or name it as a live database: sqlite:///…"
            )
        return digest

    def _status(self) -> list[tuple[int, int]]:
        return [(s.st_size, s.st_mtime_ns) for s in (part.stat() for part in self._parts)]


def _content(path: SourceFile, member: str, limits: ReadLimits) -> bytes:
    blocks, held = [], 0
    with open_bytes(path, limits=limits, member=member) as source:
        while block := source.read(MIB):
            blocks.append(block)
            held += len(block)
            if held > limits.max_held_bytes:
                raise SourceError(
                    f"{path} holds an SQLite database of more than {limits.max_held_bytes:,} "
                    "bytes, which cannot be read where it is: its pages stand in no order. Unpack "
                    "it, or copy it to this machine, and name that file; or set "
                    "ISPMIG_MAX_HELD_BYTES."
                )
    return b"".join(blocks)
