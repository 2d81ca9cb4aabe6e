"""Chunks of any size on one side, batches of the wished size on the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from ispmig_pipelines.formats.records import Records, Reject
from ispmig_pipelines.formats.sql.cells import Chunk


class Batches:
    """Gathers the chunks of one table."""

    def __init__(self, schema: pa.Schema, size: int) -> None:
        """``size``: records of a batch, at most."""
        self._schema = schema
        self._size = size
        self._cells: list[pa.RecordBatch] = []
        self._record: list[np.ndarray] = []
        self._line: list[np.ndarray] = []
        self._missing: list[dict[int, np.ndarray]] = []
        self._rejects: list[Reject] = []
        self._rows = 0
        self._read = 0
        self._passed = 0

    def add(self, chunk: Chunk, bytes_read: int) -> Iterator[Records]:
        """The batches that are full with this chunk."""
        self._read = bytes_read
        if chunk.cells.num_rows:
            self._cells.append(chunk.cells)
            self._record.append(chunk.ordinal.astype(np.int64) + self._passed + 1)
            self._line.append(chunk.line)
            self._missing.append(chunk.missing)
            self._rows += chunk.cells.num_rows
        self._rejects.extend(
            replace(reject, record=reject.record + self._passed + 1) for reject in chunk.rejects
        )
        self._passed += chunk.count
        while self._rows >= self._size:
            yield self._batch(self._size)
        if len(self._rejects) >= self._size:
            yield self._batch(self._rows)

    def rest(self, bytes_read: int) -> Iterator[Records]:
        """The last batch, if anything is left."""
        self._read = bytes_read
        if self._rows or self._rejects:
            yield self._batch(self._rows)

    def _batch(self, rows: int) -> Records:
        missing = self._where_missing()
        cells = pa.Table.from_batches(self._cells, self._schema)
        record = np.concatenate(self._record) if self._record else np.zeros(0, np.int64)
        line = np.concatenate(self._line) if self._line else np.zeros(0, np.int64)
        taken = cells.slice(0, rows).combine_chunks().to_batches()
        rest = cells.slice(rows)
        last = int(record[rows - 1]) if 0 < rows < record.size else None
        held = [r for r in self._rejects if last is not None and r.record > last]
        given = self._rejects[: len(self._rejects) - len(held)]
        self._rejects = held
        self._cells = rest.to_batches() if rest.num_rows else []
        self._record = [record[rows:]] if rest.num_rows else []
        self._line = [line[rows:]] if rest.num_rows else []
        # The rest may be several pieces; what is missing in it is told of the first for all.
        self._missing = [{c: where[rows:] for c, where in missing.items()}] if self._cells else []
        self._rows -= rows
        empty = pa.RecordBatch.from_arrays(
            [pa.array([], pa.string()) for _ in self._schema], schema=self._schema
        )
        return Records(
            cells=taken[0] if taken else empty,
            record=pa.array(record[:rows], pa.int64()),
            line=pa.array(line[:rows], pa.int64()),
            rejects=tuple(given),
            bytes_read=self._read,
            missing={
                self._schema.names[column]: pa.array(where[:rows])
                for column, where in sorted(missing.items())
                if where[:rows].any()
            },
        )

    def _where_missing(self) -> dict[int, np.ndarray]:
        """By column, for all rows that are held."""
        columns = sorted({column for one in self._missing for column in one})
        if not columns:
            return {}
        found = {column: np.zeros(self._rows, dtype=bool) for column in columns}
        at = 0
        for sizes, one in zip(self._sizes(), self._missing, strict=True):
            for column, where in one.items():
                found[column][at : at + sizes] = where
            at += sizes
        return found

    def _sizes(self) -> list[int]:
        return [record.size for record in self._record]
