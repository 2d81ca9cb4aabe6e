"""A digest over the cells that a database gave, since there is no file to take one of.

SHA-256 over, for each column in order: its name, the SHA-256 of its cells' lengths (32 bits,
little-endian, -1 for NULL) and the SHA-256 of the cells' UTF-8 one after the other; then the
same of the records that could not be read: their ordinals and texts. How the records were cut
into batches does not matter, so the staged cells give it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class CellDigest:
    """Takes batches of one table, in order, and gives the digest of all of them."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._lengths = [hashlib.sha256() for _ in self._columns]
        self._cells = [hashlib.sha256() for _ in self._columns]
        self._unreadable = hashlib.sha256()
        self.bytes = 0
        """Bytes of all cells so far."""

    def add(self, cells: Iterable[pa.StringArray]) -> None:
        """The columns of a batch, in the order of the table's."""
        for column, lengths, content in zip(cells, self._lengths, self._cells, strict=True):
            sizes = pc.fill_null(pc.binary_length(column), -1)
            lengths.update(sizes.to_numpy(zero_copy_only=False).astype("<i4"))
            # What stands in the buffer at a NULL is no cell.
            present = column.drop_null() if column.null_count else column
            content.update(_content(present))
            self.bytes += int(pc.sum(pc.binary_length(present)).as_py() or 0)

    def add_unreadable(self, record: int, text: str) -> None:
        """A record that could not be read."""
        self._unreadable.update(f"{record}:{len(text)}:".encode() + text.encode())
        self.bytes += len(text.encode())

    def hexdigest(self) -> str:
        """The digest of what was added so far, in hexadecimal."""
        whole = hashlib.sha256()
        for name, lengths, content in zip(self._columns, self._lengths, self._cells, strict=True):
            whole.update(f"{len(name)}:{name}".encode() + lengths.digest() + content.digest())
        whole.update(self._unreadable.digest())
        return whole.hexdigest()


def _content(column: pa.StringArray) -> memoryview:
    """The bytes of a column without NULLs, one cell after the other, without a copy."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return memoryview(b"")
    places = np.frombuffer(offsets, np.int32)
    start, end = places[column.offset], places[column.offset + len(column)]
    return memoryview(data)[int(start) : int(end)]
