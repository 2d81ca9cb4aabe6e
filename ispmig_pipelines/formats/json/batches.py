"""Rows and runs of columns on one side, batches of the wished size on the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ispmig_pipelines.formats.json.schema import MISSING
from ispmig_pipelines.formats.records import Records, Reject

_ROWS_AT_ONCE = 4_096


@dataclass
class Piece:
    """Some records: their cells by column, where they stand, and which cells are missing."""

    columns: list[pa.StringArray]
    record: np.ndarray
    line: np.ndarray
    missing: list[np.ndarray | None]

    def slice(self, start: int, length: int) -> Piece:
        """Some of the records."""
        stop = start + length
        return Piece(
            [column.slice(start, length) for column in self.columns],
            self.record[start:stop],
            self.line[start:stop],
            [None if mask is None else mask[start:stop] for mask in self.missing],
        )


class Batcher:
    """Collects the records of one table.

    Attributes:
        bytes_read: how far the file had been read; set by whoever adds.
    """

    def __init__(self, names: list[str], size: int) -> None:
        self._schema = pa.schema([pa.field(name, pa.string()) for name in names])
        self._size = size
        self._pieces: deque[Piece] = deque()
        self._held = 0
        self._rows: list[list[Any]] = []
        self._places: list[tuple[int, int]] = []
        self._rejects: list[Reject] = []
        self.bytes_read = 0

    def add_row(self, record: int, line: int, cells: list[Any]) -> None:
        """Adds one record, its cells as text, None or MISSING."""
        self._rows.append(cells)
        self._places.append((record, line))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._gather()

    def add_reject(self, reject: Reject) -> None:
        """Adds a record that cannot be read."""
        self._rejects.append(reject)

    def add(self, piece: Piece) -> None:
        """Adds records that are columns already."""
        self._gather()
        self._pieces.append(piece)
        self._held += len(piece.record)

    def ready(self) -> Iterator[Records]:
        """The batches that are full."""
        if self._held + len(self._rows) >= self._size:
            self._gather()
            while self._held >= self._size:
                yield self._batch(self._size)
        if len(self._rejects) >= self._size:
            self._gather()
            yield self._batch(self._held, all_rejects=True)

    def rest(self) -> Iterator[Records]:
        """What is left."""
        yield from self.ready()
        self._gather()
        if self._held or self._rejects:
            yield self._batch(self._held, all_rejects=True)

    def _gather(self) -> None:
        if not self._rows:
            return
        columns: list[pa.StringArray] = []
        missing: list[np.ndarray | None] = []
        for values in zip(*self._rows, strict=True):
            mask = np.fromiter((v is MISSING for v in values), np.bool_, len(values))
            columns.append(
                pa.array([None if v is MISSING else v for v in values], pa.string())
                if mask.any()
                else pa.array(values, pa.string())
            )
            missing.append(mask if mask.any() else None)
        places = np.array(self._places, np.int64)
        self._pieces.append(Piece(columns, places[:, 0], places[:, 1], missing))
        self._held += len(self._rows)
        self._rows, self._places = [], []

    def _batch(self, count: int, *, all_rejects: bool = False) -> Records:
        taken: list[Piece] = []
        lacking = count
        while lacking:
            piece = self._pieces.popleft()
            if len(piece.record) > lacking:
                self._pieces.appendleft(piece.slice(lacking, len(piece.record) - lacking))
                piece = piece.slice(0, lacking)
            taken.append(piece)
            lacking -= len(piece.record)
        self._held -= count
        record = _joined([piece.record for piece in taken])
        rejects = self._rejects
        if not all_rejects:
            rejects = [reject for reject in rejects if reject.record <= record[-1]]
        self._rejects = self._rejects[len(rejects) :]
        width = len(self._schema)
        cells = [
            pa.concat_arrays([piece.columns[i] for piece in taken])
            if taken
            else pa.array([], pa.string())
            for i in range(width)
        ]
        missing = {
            self._schema.names[i]: pa.array(
                _joined(
                    [
                        np.zeros(len(piece.record), np.bool_) if mask is None else mask
                        for piece in taken
                        for mask in [piece.missing[i]]
                    ]
                )
            )
            for i in range(width)
            if any(piece.missing[i] is not None for piece in taken)
        }
        return Records(
            cells=pa.RecordBatch.from_arrays(cells, schema=self._schema)
            if width
            else _without_columns(count),
            record=pa.array(record, pa.int64()),
            line=pa.array(_joined([piece.line for piece in taken]), pa.int64()),
            rejects=tuple(rejects),
            bytes_read=self.bytes_read,
            missing=missing,
        )


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)


def _without_columns(count: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))
