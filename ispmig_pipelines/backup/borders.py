"""Where a table is cut into pieces, so that a change moves only the borders beside it.

Whether there is a border after a row follows from a keyed hash of the row's key and from how
large the row is, and from nothing before or after it, but for a least and a greatest size of
pieces. So the same rows have the same borders whenever they are cut, rows that come and go move
no border further away, and equal pieces are stored once. Without the tenant's hash key nobody
can tell from the sizes of pieces which keys are in them.

The hash is not cryptographic: it only has to spread well, and to differ from tenant to tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ispmig_pipelines.backup.columns import Kind, buffers_of, canonical

_SCALE = 24
"""Bits of the hash that decide."""

_ADDED = 0x9E3779B97F4A7C15
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
"""Of the mixing function splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
generators, 2014)."""

_MAX_CELL = 1 << 16
"""Bytes of a text that are hashed: keys are never longer (an index of PostgreSQL takes 2,700)."""


@dataclass(frozen=True)
class Sizes:
    """How large pieces are: between least and most, and on average about as said.

    Rows and bytes count alike: whichever is reached first. Bytes are those of :func:`row_bytes`.
    """

    min_rows: int = 2_048
    mean_rows: int = 16_384
    max_rows: int = 65_536
    min_bytes: int = 1 << 20
    mean_bytes: int = 8 << 20
    max_bytes: int = 32 << 20


SIZES = Sizes()


def cut(
    batches: Iterable[pa.RecordBatch], key: Sequence[str], secret: bytes, sizes: Sizes = SIZES
) -> Iterator[pa.RecordBatch]:
    """Cuts rows into pieces; one after the other they are just the rows that came.

    Holds no more than one piece and one batch. How the rows are split into batches does not
    matter.

    Args:
        batches: of one schema, of types as in :mod:`~ispmig_pipelines.backup.columns`, in order
            of the key.
        key: names of columns; none for a table without a key, where the whole row is one.
        secret: at least 16 bytes.

    Raises:
        ValueError: the batches' schemas differ, or a type is none that pieces hold.
        KeyError: a batch has no such column.
    """
    held: list[pa.RecordBatch] = []
    rows = size = 0
    schema: pa.Schema | None = None
    for given in batches:
        batch = canonical(given)
        if schema is None:
            schema = batch.schema
        elif batch.schema != schema:
            raise ValueError("the batches of one table have different schemas")
        # ends[i]: bytes of the first i rows.
        lengths = row_bytes(batch)
        ends = np.concatenate(([0], np.cumsum(lengths)))
        borders = 1 + np.flatnonzero(_is_border(batch, key, secret, lengths, sizes))
        start = 0
        while True:
            end = _end(start, rows, size, ends, borders, sizes)
            if end is None:
                break
            held.append(batch.slice(start, end - start))
            yield _joined(held)
            held, rows, size, start = [], 0, 0, end
        if start < batch.num_rows:
            held.append(batch.slice(start))
            rows += batch.num_rows - start
            size += int(ends[-1] - ends[start])
    if rows:
        yield _joined(held)


def _end(start: int, rows: int, size: int, ends: Any, borders: Any, sizes: Sizes) -> int | None:
    """Before which row of the batch the piece ends; None if it goes on in the next batch.

    Args:
        start: where in the batch the piece goes on, of which ``rows`` of ``size`` bytes are held.
    """
    count = len(ends) - 1
    before = int(ends[start]) - size  # so that a piece up to i has ends[i] - before bytes
    enough = min(
        start + sizes.min_rows - rows,
        int(np.searchsorted(ends, before + sizes.min_bytes, "left")),
    )
    found = int(np.searchsorted(borders, max(start + 1, enough), "left"))
    end = int(borders[found]) if found < len(borders) else count + 1
    end = min(end, start + sizes.max_rows - rows)
    fits = int(np.searchsorted(ends, before + sizes.max_bytes, "right")) - 1
    if fits < count:
        # The next row does not fit; a piece has one row at least.
        end = min(end, max(fits, start if rows else start + 1))
    return end if end <= count else None


def _joined(held: list[pa.RecordBatch]) -> pa.RecordBatch:
    parts = [batch for batch in held if batch.num_rows]
    return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def row_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """Bytes of each row: of its texts as UTF-8, of other values as Arrow has them, and one a cell.

    Of content only: neither chunks nor nullability matter.
    """
    total = np.full(batch.num_rows, batch.num_columns, dtype=np.int64)
    for column in batch.columns:
        buffers = buffers_of(column)
        if buffers.kind is Kind.VARIABLE:
            total += buffers.lengths
        else:
            total += buffers.width
    return total


def _is_border(
    batch: pa.RecordBatch, key: Sequence[str], secret: bytes, lengths: np.ndarray, sizes: Sizes
) -> np.ndarray:
    # The larger the row, the likelier: so that large rows make no long run of greatest pieces,
    # whose borders would follow from those before.
    threshold = np.maximum(
        (1 << _SCALE) // sizes.mean_rows, (lengths << _SCALE) // sizes.mean_bytes
    ).astype(np.uint64)
    return (key_hash(batch, key, secret) >> np.uint64(64 - _SCALE)) < threshold


def key_hash(batch: pa.RecordBatch, key: Sequence[str], secret: bytes) -> np.ndarray:
    """A hash (uint64) of the key of each row."""
    seed, first_word = np.frombuffer(secret[:16], dtype="<u8")
    first, second = np.uint64(seed), np.uint64((int(first_word) + _ADDED) % 2**64)
    state = np.full(batch.num_rows, first, dtype=np.uint64)
    for name in key or batch.schema.names:
        buffers = buffers_of(batch.column(name))
        if buffers.valid is not None:
            # Of the row alone: whether others of the batch are null must not matter.
            state = np.where(buffers.valid, state, _mixed(~state, second))
        if buffers.kind is Kind.VARIABLE:
            state = _mixed(state ^ buffers.lengths.astype(np.uint64), second)
            state = _mix_texts(state, buffers.data, buffers.starts, buffers.lengths, second)
        else:
            words = _words(buffers.data, buffers.width, batch.num_rows)
            for word in range(words.shape[1]):
                state = _mixed(state ^ words[:, word], second)
    return state


def _mixed(state: np.ndarray, key: np.uint64) -> np.ndarray:
    state = state + key
    state ^= state >> np.uint64(30)
    state *= _FIRST
    state ^= state >> np.uint64(27)
    state *= _SECOND
    state ^= state >> np.uint64(31)
    return state


def _words(data: np.ndarray, width: int, rows: int) -> np.ndarray:
    """Values of a fixed width as rows of words of eight bytes, with zeros at the end."""
    if width % 8 == 0:
        return data.view("<u8").reshape(rows, width // 8)
    wide = np.zeros((rows, -(-width // 8) * 8), dtype=np.uint8)
    wide[:, :width] = data.reshape(rows, width)
    return wide.view("<u8")


def _mix_texts(
    state: np.ndarray, data: np.ndarray, starts: np.ndarray, lengths: np.ndarray, key: np.uint64
) -> np.ndarray:
    """Mixes texts in, eight bytes of all of them at a time."""
    # Eight bytes from any place on, also from the last one.
    padded = np.concatenate((data, np.zeros(8, dtype=np.uint8)))
    words = np.ndarray((len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
    left = np.minimum(lengths, _MAX_CELL)
    rows = np.flatnonzero(left > 0)
    everything = len(rows) == len(state)
    offset = 0
    while len(rows):
        count = left[rows] - offset
        word = words[starts[rows] + offset]
        short = count < 8
        if short.any():
            keep = (np.uint64(1) << (np.minimum(count, 7) * 8).astype(np.uint64)) - np.uint64(1)
            word = np.where(short, word & keep, word)
        if everything:
            state = _mixed(state ^ word, key)
        else:
            state[rows] = _mixed(state[rows] ^ word, key)
        offset += 8
        rows = rows[count > 8]
        everything = False
    return state
