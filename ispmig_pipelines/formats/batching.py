"""From pieces of any size to batches of the wished one, for readers of whole rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ispmig_pipelines.formats.records import Records, Reject


@dataclass(frozen=True)
class Piece:
    """Some records of a table, as they came, and the rejects among and after them.

    Attributes:
        cells: as in :class:`~ispmig_pipelines.formats.records.Records`.
        record, line: int64, as long as ``cells``.
    """

    cells: pa.RecordBatch
    record: np.ndarray
    line: np.ndarray
    rejects: tuple[Reject, ...] = ()
    bytes_read: int = 0


def batched(pieces: Iterable[Piece], size: int, schema: pa.Schema) -> Iterator[Records]:
    """The pieces as batches of at most ``size`` records, rejects with the records around them.

    No more than ``size`` rejects are held back.
    """
    held: list[Piece] = []
    rejects: list[Reject] = []
    rows = bytes_read = 0
    for piece in pieces:
        bytes_read = piece.bytes_read
        rejects.extend(piece.rejects)
        if piece.record.size:
            held.append(piece)
            rows += piece.record.size
        if rows >= size:
            whole = _joined(held, schema)
            at = 0
            while rows - at >= size:
                part = _sliced(whole, at, size)
                last = int(part.record[-1])
                count = next((i for i, r in enumerate(rejects) if r.record > last), len(rejects))
                yield _records(part, rejects[:count], bytes_read)
                del rejects[:count]
                at += size
            held = [_sliced(whole, at, rows - at)] if at < rows else []
            rows -= at
        elif len(rejects) >= size:
            yield _records(_joined(held, schema), rejects, bytes_read)
            held, rejects, rows = [], [], 0
    if rows or rejects:
        yield _records(_joined(held, schema), rejects, bytes_read)


def _joined(pieces: list[Piece], schema: pa.Schema) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        empty = pa.RecordBatch.from_arrays(
            [pa.array([], field.type) for field in schema], schema=schema
        )
        none = np.empty(0, np.int64)
        return Piece(empty, none, none)
    return Piece(
        pa.concat_batches([piece.cells for piece in pieces]),
        np.concatenate([piece.record for piece in pieces]),
        np.concatenate([piece.line for piece in pieces]),
    )


def _sliced(piece: Piece, start: int, count: int) -> Piece:
    return Piece(
        piece.cells.slice(start, count),
        piece.record[start : start + count],
        piece.line[start : start + count],
    )


def _records(piece: Piece, rejects: list[Reject], bytes_read: int) -> Records:
    return Records(
        cells=piece.cells,
        record=pa.array(piece.record, pa.int64()),
        line=pa.array(piece.line, pa.int64()),
        rejects=tuple(rejects),
        bytes_read=bytes_read,
    )
