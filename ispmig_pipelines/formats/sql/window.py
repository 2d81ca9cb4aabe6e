"""A script as it passes by: a few megabytes of it at a time."""

from __future__ import annotations

from collections.abc import Iterator

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.limits import ReadLimits


class Window:
    """The part of a script that is being read.

    What lies before :attr:`pos` is done with and is dropped when more is read; places in
    :attr:`data` are therefore good until the next call of :meth:`more`.

    Attributes:
        data: the bytes at hand, UTF-8.
        pos: where reading stands in them.
        final: the script ends where ``data`` ends.
    """

    def __init__(
        self,
        name: str,
        blocks: Iterator[bytes],
        limits: ReadLimits,
        *,
        offset: int = 0,
        line: int = 1,
    ) -> None:
        """
        Args:
            name: of the file, for messages.
            blocks: the script from ``offset`` on.
            offset: bytes of the script before the first block.
            line: on which line the first block begins.
        """
        self.name = name
        self.data = b""
        self.pos = 0
        self.final = False
        self._blocks = blocks
        self._limits = limits
        self._offset = offset
        self._line = line
        self._marked = 0

    def more(self) -> bool:
        """Reads on; False where the script has ended.

        Raises:
            SourceError: one statement, row or string is longer than the limit.
        """
        if self.final:
            return False
        self.line()
        rest = self.data[self.pos :]
        if len(rest) > self._limits.max_cell_bytes * 2:
            raise SourceError(
                f"{self.name}: what begins on line {self._line:,} (byte {self.offset():,}) goes on "
                f"for more than {self._limits.max_cell_bytes:,} bytes without an end, which is "
                "the limit for one record. A quote or comment that is opened there is probably "
                "never closed. Export the file again, or set ISPMIG_MAX_CELL_BYTES."
            )
        self._offset += self.pos
        block = next(self._blocks, b"")
        self.data = rest + block
        self.pos = self._marked = 0
        if not block:
            self.final = True
        return not self.final

    def offset(self, pos: int | None = None) -> int:
        """Which byte of the script ``pos`` (or where reading stands) is."""
        return self._offset + (self.pos if pos is None else pos)

    def line(self) -> int:
        """The line on which reading stands, from 1."""
        if self.pos > self._marked:
            self._line += self.data.count(b"\n", self._marked, self.pos)
            self._marked = self.pos
        return self._line

    def has(self, count: int) -> bool:
        """Sees to it that ``count`` bytes are at hand, or all that are left; whether they are."""
        while len(self.data) - self.pos < count:
            if not self.more():
                return len(self.data) - self.pos >= count
        return True
