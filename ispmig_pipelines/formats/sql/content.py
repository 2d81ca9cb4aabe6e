"""The bytes of a script from any place on, as UTF-8."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ispmig_pipelines.errors import SourceError, StorageError
from ispmig_pipelines.formats.bytes_in import open_bytes
from ispmig_pipelines.formats.encoding import Encoding, utf8_blocks
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.remote import SourceFile

BLOCK_BYTES = 4 << 20
"""How much is read at a time."""


class Content:
    """The content of one script; it may be read many times.

    Places are counted in bytes of UTF-8 after the byte order mark. A file that is neither
    packed nor in another encoding is read from the place on; every other from its beginning.
    """

    def __init__(
        self,
        path: SourceFile,
        encoding: Encoding,
        *,
        compression: str,
        member: str,
        limits: ReadLimits,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self.path = path
        self.identity = path.resolve() if isinstance(path, Path) else path
        self.encoding = encoding
        self.member = member
        self.limits = limits
        self.block_bytes = block_bytes
        self.can_seek = not compression and encoding.name in ("utf-8", "ascii")
        status = path.stat()
        self.size = status.st_size
        self.changed_at = status.st_mtime_ns

    def changed(self) -> SourceError:
        """The error for a file that is not what it was when it was looked at."""
        return SourceError(
            f"{self.path} changed after it was looked at. Wait until the export is finished and "
            "run again."
        )

    @contextmanager
    def whole(self) -> Iterator[tuple[Iterator[bytes], Callable[[], int], Callable[[], str]]]:
        """The content from its beginning: its blocks, a function that says how many bytes of
        the file have been read, and one that gives the file's digest once all was read."""
        with open_bytes(self.path, limits=self.limits, member=self.member) as source:
            if (source.size, source.changed_at) != (self.size, self.changed_at):
                raise self.changed()
            blocks = utf8_blocks(source.read, self.encoding, self.block_bytes)
            yield blocks, lambda: source.bytes_read, source.sha256

    @contextmanager
    def since(self, offset: int) -> Iterator[tuple[Iterator[bytes], Callable[[], int]]]:
        """The content from ``offset`` on: its blocks, and how many bytes have been read."""
        if not self.can_seek:
            with self.whole() as (blocks, bytes_read, _):
                yield _without_first(blocks, offset), bytes_read
            return
        with self.path.open("rb", buffering=0) as file:
            self.check(file)
            file.seek(offset + self.encoding.bom)

            def read() -> bytes:
                try:
                    return file.read(self.block_bytes)
                except OSError as error:
                    raise StorageError(
                        f"{self.path} could not be read: {os.strerror(error.errno or 0)}. Check "
                        "the disk or the network share it lies on."
                    ) from error

            yield iter(read, b""), file.tell
            self.check(file)

    def check(self, file: BinaryIO | None = None) -> None:
        """Sees to it that the file is what it was.

        Raises:
            SourceError: it changed.
        """
        open_here = file is not None and isinstance(self.path, Path)
        status = os.fstat(file.fileno()) if file and open_here else self.path.stat()
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed_at):
            raise self.changed()


def _without_first(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for block in blocks:
        if count >= len(block):
            count -= len(block)
            continue
        yield block[count:] if count else block
        count = 0
