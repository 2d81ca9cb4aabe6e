"""The files of an export: written whole or not at all, digested, packed and split on the way."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO, cast

import pyarrow as pa

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.writers import SUFFIXES, open_writer
from ispmig_pipelines.formats.writing import Table, WriteOptions
from ispmig_pipelines.storage import Prepared

SHEET_ROWS = 1_000_000
"""Rows of a workbook; more go into another."""

_MOST_ROWS = 10_000
_BYTES_OF_ROW = 1_000
"""A guess at the size of a row: a file grows past its limit by some rows at most."""

PACKED = {"gzip": ".gz", "zstd": ".zst"}
"""What the name of a packed file ends in."""


@dataclass(frozen=True)
class WrittenFile:
    """A file that is written, whole.

    Attributes:
        name: its key in the storage.
        size, sha256: of the bytes as they lie there, packed or not.
        notes: what the format cannot say of the rows.
    """

    name: str
    entity: str
    rows: int
    size: int
    sha256: str
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As the manifest has it."""
        return {
            "name": self.name,
            "entity": self.entity,
            "rows": self.rows,
            "bytes": self.size,
            "sha256": self.sha256,
            **({"notes": list(self.notes)} if self.notes else {}),
        }


@dataclass(frozen=True)
class Style:
    """How files are written.

    Attributes:
        compression: ``gzip``, ``zstd`` or "".
        split_bytes: size before packing at which a file is ended.
    """

    format: str
    compression: str
    split_bytes: int
    options: WriteOptions

    def name(self, entity: str, part: int) -> str:
        """``customer.csv.gz``, and from its second file on ``customer-0002.csv.gz``."""
        number = "" if part == 1 else f"-{part:04}"
        return f"{entity}{number}{SUFFIXES[self.format][0]}{PACKED.get(self.compression, '')}"

    @property
    def rows_at_a_time(self) -> int:
        """Rows that are written before the file's size is looked at."""
        return max(1, min(_MOST_ROWS, self.split_bytes // _BYTES_OF_ROW))


class EntityFiles:
    """The files of one entity, of which one is open at a time."""

    def __init__(
        self,
        prepare: Callable[[str], Prepared],
        style: Style,
        entity: str,
        table: Table,
        *,
        written: Callable[[WrittenFile], None],
    ) -> None:
        """
        Args:
            prepare: begins the file of that name.
            written: told of each file when all of it is written; it does not appear yet.
        """
        self._prepare = prepare
        self._style = style
        self._entity = entity
        self._table = table
        self._written = written
        self._part = 0
        self._open: _OpenFile | None = None
        self._stack = ExitStack()

    def __enter__(self) -> EntityFiles:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self._end()
        else:
            self._stack.__exit__(kind, error, trace)

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends rows; the columns are the table's.

        Raises:
            UsageError: the format cannot hold them.
            StorageError: they cannot be written.
        """
        step = self._style.rows_at_a_time
        for start in range(0, batch.num_rows, step):
            rows = batch.slice(start, step)
            while rows.num_rows:
                file = self._current()
                room = SHEET_ROWS - file.rows if self._style.format == "xlsx" else rows.num_rows
                file.write(rows.slice(0, room))
                full = self._style.format == "xlsx" and room <= rows.num_rows
                if full or file.size >= self._style.split_bytes:
                    self._end()
                rows = rows.slice(room)

    def _current(self) -> _OpenFile:
        if self._open is None:
            self._part += 1
            name = self._style.name(self._entity, self._part)
            self._open = self._stack.enter_context(
                _open_file(self._prepare(name), name, self._style, self._table)
            )
        return self._open

    def _end(self) -> None:
        if self._open is None:
            return
        file, self._open = self._open, None
        self._stack.close()
        self._written(
            WrittenFile(
                file.name,
                self._entity,
                file.rows,
                file.stored.size,
                file.stored.digest.hexdigest(),
                tuple(file.writer.notes),
            )
        )


class _Counted(io.RawIOBase):
    """Passes bytes on, counting and digesting them; closing it closes nothing."""

    def __init__(self, stream: Any, *, digests: bool) -> None:
        self._stream = stream
        self.size = 0
        self.digest = sha256()
        self._digests = digests

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self._digests:
            self.digest.update(view)
        self.size += len(view)
        self._stream.write(view)
        return len(view)


class _OpenFile:
    def __init__(self, name: str, writer: Any, before: _Counted, stored: _Counted) -> None:
        self.name = name
        self.rows = 0
        self.stored = stored
        self.writer = writer
        self._before = before

    @property
    def size(self) -> int:
        """Bytes so far, before packing."""
        return self._before.size

    def write(self, batch: pa.RecordBatch) -> None:
        count = batch.num_rows
        self.writer.write(
            Records(
                cells=batch,
                record=pa.array(range(self.rows + 1, self.rows + count + 1), pa.int64()),
                line=pa.nulls(count, pa.int64()),
            )
        )
        self.rows += count


@contextmanager
def _open_file(prepared: Prepared, name: str, style: Style, table: Table) -> Iterator[_OpenFile]:
    with prepared.filling() as stream:
        stored = _Counted(stream, digests=True)
        with _packing(stored, style.compression) as packing:
            before = _Counted(packing, digests=False)
            with open_writer(style.format, cast(BinaryIO, before), style.options) as writer:
                writer.begin(table)
                yield _OpenFile(name, writer, before, stored)


@contextmanager
def _packing(stream: _Counted, compression: str) -> Iterator[Any]:
    if not compression:
        yield stream
        return
    packed = pa.CompressedOutputStream(pa.PythonFile(stream, mode="w"), compression)
    yield packed
    # Not after an error: what is left of the file is thrown away.
    packed.close()
