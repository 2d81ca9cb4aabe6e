"""The rows of a table as a snapshot has them: its pieces, and the overlays over them.

A piece at a time; of the overlays the keys are remembered, as hashes of 16 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from ispmig_pipelines.backup.borders import key_hash
from ispmig_pipelines.backup.columns import type_named
from ispmig_pipelines.backup.manifest import PieceRef, Table
from ispmig_pipelines.backup.piece import identity
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.ordered import in_threads

AHEAD = 2
"""Pieces that are read and proved while another is loaded."""


def rows_of(repository: Repository, table: Table) -> Iterator[pa.RecordBatch]:
    """All rows of the table, each once, as they were at the snapshot.

    Raises:
        BackupDamaged: a piece is not what was stored.
        BackupError: what is in a piece is not of this table.
        StorageError: a piece cannot be read.
    """
    return (batch for _, batch in _rows(repository, table))


def named_rows_of(repository: Repository, table: Table) -> Iterator[tuple[str, pa.RecordBatch]]:
    """What :func:`rows_of` says, with the names that such rows have as a piece
    (:func:`~ispmig_pipelines.backup.piece.identity`)."""
    key = repository.keys.derived("piece")
    for name, batch in _rows(repository, table):
        yield name or identity(batch, key), batch


def _rows(repository: Repository, table: Table) -> Iterator[tuple[str, pa.RecordBatch]]:
    """With the name of the piece, "" where it holds more rows than these."""
    later = _Keys(table, repository.border_secret)
    columns = {column.name: column.piece_type for column in table.columns}
    for overlay in reversed(table.overlays):
        if not table.key and (overlay.upserts or overlay.deletes):
            raise BackupError(
                f"The snapshot tells changes of the table {table.name}, which has no key that "
                "they could be of. Nothing was changed. Restore from another snapshot."
            )
        for name, batch in _read(repository, overlay.upserts):
            _check(batch, table, columns)
            hashes = later.of(batch)
            left = later.without(batch, hashes)
            yield name if left is batch else "", left
            later.seen(hashes)
        for _, batch in _read(repository, overlay.deletes):
            _check(batch, table, {name: columns[name] for name in table.key})
            later.seen(later.of(batch))
        later.settle()
    for name, batch in _read(repository, table.pieces):
        _check(batch, table, columns)
        left = later.without(batch, later.of(batch)) if later else batch
        yield name if left is batch else "", left


def _check(batch: pa.RecordBatch, table: Table, columns: dict[str, str]) -> None:
    expected = {name: type_named(type_) for name, type_ in columns.items()}
    found = dict(zip(batch.schema.names, batch.schema.types, strict=True))
    if found != expected:
        raise BackupError(
            f"A piece of the table {table.name} has other columns or types than the snapshot says. "
            "Nothing was changed. Restore from another snapshot, and make a full backup."
        )


def _read(repository: Repository, refs: Sequence[PieceRef]) -> Iterator[tuple[str, pa.RecordBatch]]:
    def read(ref: PieceRef) -> tuple[str, pa.RecordBatch]:
        return ref.hash, repository.get(ref)

    return in_threads(read, refs, AHEAD, held=1)


class _Keys:
    """Keys of rows that a later overlay has the last word on."""

    def __init__(self, table: Table, secret: bytes) -> None:
        self._key = table.key
        self._secrets = secret[:16], secret[16:32]
        self._settled = np.zeros(0, dtype=_PAIR)
        self._ends = np.zeros(1, dtype=bool)
        self._new: list[np.ndarray] = []

    def __bool__(self) -> bool:
        return len(self._settled) > 0

    def of(self, batch: pa.RecordBatch) -> np.ndarray:
        """Two hashes of each row's key: of 2**64 rows' keys no two are the same but by wonder."""
        hashes = np.empty(batch.num_rows, dtype=_PAIR)
        for field, secret in zip(("first", "second"), self._secrets, strict=True):
            hashes[field] = key_hash(batch, self._key, secret)
        return hashes

    def without(self, batch: pa.RecordBatch, hashes: np.ndarray) -> pa.RecordBatch:
        if not self:
            return batch
        # Most keys are not known, and the end of their hash tells it.
        (maybe,) = np.nonzero(self._ends[self._end_of(hashes)])
        hashes = hashes[maybe]
        place = np.searchsorted(self._settled["first"], hashes["first"])
        known = np.zeros(len(hashes), dtype=bool)
        # Two keys may have the same first half.
        for step in range(3):
            at = np.minimum(place + step, len(self._settled) - 1)
            known |= self._settled[at] == hashes
        if not known.any():
            return batch
        left = np.ones(batch.num_rows, dtype=bool)
        left[maybe[known]] = False
        return _filtered(batch, pa.array(left), batch.num_rows - int(known.sum()))

    def _end_of(self, hashes: np.ndarray) -> np.ndarray:
        return hashes["first"] & np.uint64(len(self._ends) - 1)

    def seen(self, hashes: np.ndarray) -> None:
        self._new.append(hashes)

    def settle(self) -> None:
        """From now on, what was seen is known: an overlay says nothing twice."""
        if self._new:
            self._settled = np.concatenate([self._settled, *self._new])
            self._settled.sort(order=("first", "second"))
            self._new = []
            self._ends = np.zeros(1 << min(_ENDS, len(self._settled).bit_length() + 4), dtype=bool)
            self._ends[self._end_of(self._settled)] = True


def _filtered(batch: pa.RecordBatch, left: pa.BooleanArray, rows: int) -> pa.RecordBatch:
    """The rows that are left; columns that hold nothing, as most do, are only made shorter."""
    columns = [
        column.slice(0, rows) if column.null_count == len(column) else column.filter(left)
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


_ENDS = 24
"""Bits of a hash, at most, of which it is known whether a key has them at its end: 16 MiB."""
_PAIR = np.dtype([("first", "<u8"), ("second", "<u8")])
