"""PostgreSQL's COPY … FROM stdin: lines of cells with tabs between them.

The text format as the PostgreSQL manual describes it (``COPY``, "Text Format"): one record a
line, ``\\N`` for NULL, backslash escapes for what cannot stand as it is.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats import possessive
from ispmig_pipelines.formats.encoding import shown
from ispmig_pipelines.formats.records import Reject
from ispmig_pipelines.formats.sql.cells import (
    ZERO_BYTE,
    Chunk,
    Gatherer,
    as_text,
    is_sound,
    not_given,
    replaced,
    unsound,
)
from ispmig_pipelines.formats.sql.render import BLOB, BOOLEAN, text_in
from ispmig_pipelines.formats.sql.tokens import unescape_copy_all

_NEWLINE, _BACKSLASH, _N = 10, 92, 78
_SEPARATOR = bytes(byte in b"\t\n" for byte in range(256))


class CopyReader:
    """Turns lines of COPY data of one table into columns of text."""

    def __init__(self, columns: list[str], kinds: list[str], dialect: str) -> None:
        """``columns``, ``kinds``: of the table."""
        self._columns = columns
        self._kinds = kinds
        self._dialect = dialect
        self.schema = pa.schema([pa.field(name, pa.string()) for name in columns])

    def read(self, region: bytes, positions: list[int], line: int) -> Chunk:
        """The records of whole lines.

        Args:
            region: lines, each with its line feed.
            positions: which column of the table each cell is for.
            line: on which line of the file the region begins.
        """
        if b"\r\n" in region:
            # COPY writes a carriage return of a cell as \\r: this one came with the transfer.
            region = region.replace(b"\r\n", b"\n")
        written, region = region, with_letters(region)
        width = len(positions)
        buffer = np.frombuffer(region, dtype=np.uint8)
        places = np.flatnonzero(np.frombuffer(region.translate(_SEPARATOR), dtype=bool))
        at_end = np.flatnonzero(buffer[places] == _NEWLINE)
        count = at_end.size
        widths = np.diff(at_end, prepend=-1)
        line_ends = places[at_end]
        line_starts = np.concatenate(([0], line_ends[:-1] + 1))
        if width == 0:
            widths = np.where(line_ends == line_starts, 0, widths)
        good = widths == width
        # A record goes on over the line feeds that belong to its cells.
        lines = line + np.arange(count)
        if region is not written:
            inside = np.flatnonzero(np.frombuffer(written, dtype=np.uint8) != buffer)
            inside = inside[np.frombuffer(written, dtype=np.uint8)[inside] == _NEWLINE]
            lines = lines + np.searchsorted(inside, line_starts)
        rejects = [
            Reject(row, int(lines[row]), "record.ragged",
                   shown(region[int(line_starts[row]) : int(line_ends[row])]),
                   str(int(widths[row])), str(width))
            for row in np.flatnonzero(~good).tolist()
        ]  # fmt: skip
        rows = np.flatnonzero(good)
        if not rejects:
            ends = places.reshape(-1, width) if width else np.zeros((count, 0), dtype=np.int64)
        else:
            kept = good[np.repeat(np.arange(count), widths)] if width else np.zeros(0, dtype=bool)
            ends = (
                places[kept].reshape(rows.size, width) if width else np.zeros((rows.size, 0), int)
            )
        starts = np.empty_like(ends)
        if width:
            starts[:, 1:] = ends[:, :-1] + 1
            starts[:, 0] = line_starts[rows]
        bad = np.zeros(rows.size, dtype=bool)
        arrays = self._arrays(region, buffer, starts, ends, positions)
        self._check(region, arrays, positions, rows, line_starts, line_ends, lines, bad, rejects)
        strings = [a if pa.types.is_string(a.type) else as_text(a) for a in arrays]
        batch = pa.RecordBatch.from_arrays(strings, schema=self.schema)
        if bad.any():
            batch, rows = batch.filter(pa.array(~bad)), rows[~bad]
        rejects.sort(key=lambda reject: reject.record)
        missing = not_given(len(self._columns), positions, rows.size)
        return Chunk(batch, lines[rows], rows, rejects, count, missing)

    def _arrays(
        self,
        region: bytes,
        buffer: np.ndarray,
        starts: np.ndarray,
        ends: np.ndarray,
        positions: list[int],
    ) -> list[pa.Array]:
        contents = Gatherer(region, starts, ends)
        arrays: list[pa.Array] = [pa.nulls(starts.shape[0], pa.string())] * len(self._columns)
        backslashes = np.flatnonzero(buffer == _BACKSLASH) if b"\\" in region else None
        null = np.zeros(starts.shape, dtype=bool)
        escaped = np.zeros(starts.shape, dtype=bool)
        if backslashes is not None and starts.size:
            flat = starts.ravel()
            cell = np.searchsorted(flat, backslashes, side="right") - 1
            inside = (cell >= 0) & (backslashes < ends.ravel()[np.maximum(cell, 0)])
            cell, backslashes = cell[inside], backslashes[inside]
            is_null = (ends.ravel()[cell] - flat[cell] == 2) & (flat[cell] == backslashes)
            is_null &= buffer[np.minimum(backslashes + 1, buffer.size - 1)] == _N
            null.ravel()[cell[is_null]] = True
            escaped.ravel()[cell[~is_null]] = True
        for value, position in enumerate(positions):
            column = contents.column(value, null[:, value])
            special = escaped[:, value]
            kind = self._kinds[position]
            if kind == BLOB:
                special = ~null[:, value]
            where = np.flatnonzero(special)
            if where.size:
                raw = column.take(pa.array(where)).to_pylist()
                values = unescape_copy_all(raw)
                if kind == BLOB:
                    values = [text_in(v, kind, self._dialect) for v in values]
                column = replaced(column, where, values)
            if kind == BOOLEAN:
                column = _words(column)
            arrays[position] = column
        return arrays

    def _check(
        self,
        region: bytes,
        arrays: list[pa.Array],
        positions: list[int],
        rows: np.ndarray,
        line_starts: np.ndarray,
        line_ends: np.ndarray,
        lines: np.ndarray,
        bad: np.ndarray,
        rejects: list[Reject],
    ) -> None:
        """Rejects the records that are not valid text; only octal and hex escapes and wrong
        bytes can make them so."""
        if is_sound(region) and not _BYTE_ESCAPE.search(region):
            return
        for position in positions:
            invalid, zero = unsound(arrays[position])
            where = np.flatnonzero(invalid | zero)
            for row in where.tolist():
                if not bad[row]:
                    bad[row] = True
                    at = int(rows[row])
                    text = shown(region[int(line_starts[at]) : int(line_ends[at])])
                    rejects.append(
                        Reject(at, int(lines[at]), "record.encoding", text, "", "UTF-8")
                        if invalid[row]
                        else Reject(at, int(lines[at]), "record.unreadable", text, "", ZERO_BYTE)
                    )
            if where.size:
                arrays[position] = replaced(arrays[position], where, [None] * where.size)


_ESCAPED_SEPARATOR = possessive.compiled(rb"(?<!\\)((?:\\\\)*+)\\([\n\t])")


def with_letters(region: bytes) -> bytes:
    """Lines of COPY with ``\\n`` and ``\\t`` for a backslash before a real line feed or tab, which
    old versions of pg_dump wrote; each place stays where it was."""
    if b"\\\n" not in region and b"\\\t" not in region:
        return region
    return _ESCAPED_SEPARATOR.sub(
        lambda found: found[1] + (b"\\n" if found[2] == b"\n" else b"\\t"), region
    )


def copy_width(region: bytes) -> int:
    """How many cells the first of some lines of COPY has."""
    return with_letters(region.replace(b"\r\n", b"\n")).split(b"\n", 1)[0].count(b"\t") + 1


_WORDS = pa.array([b"t", b"f"], pa.binary()), pa.array([b"true", b"false"], pa.binary())


def _words(column: pa.BinaryArray) -> pa.BinaryArray:
    """A column of booleans as INSERT statements write them."""
    short, whole = _WORDS
    place = pc.index_in(column, value_set=short)
    return pc.coalesce(whole.take(place), column)


_BYTE_ESCAPE = re.compile(rb"\\(?:[0-7]|x[0-9a-fA-F])")
