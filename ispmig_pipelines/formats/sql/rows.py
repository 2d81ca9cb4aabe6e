"""The rows of ``VALUES (…), (…)``: cell by cell out of a region of plain rows.

:mod:`~ispmig_pipelines.formats.sql.script` hands over regions in which a regular expression has
found nothing but rows of plain values (and the repeated heads of statements between them).
Here they are taken apart column by column: strings, numbers and NULL by array operations,
everything else one by one by :class:`~ispmig_pipelines.formats.sql.literal.Evaluator`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

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
from ispmig_pipelines.formats.sql.literal import Evaluator, NotLiteral
from ispmig_pipelines.formats.sql.render import STRINGS_READ, text_in
from ispmig_pipelines.formats.sql.tokens import Lexicon, unescape_all, unescape_backslashes

_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COMMA = 39, 92, 40, 41, 44

_SPECIAL = bytes(byte in b"'\\()," for byte in range(256))
_SPACE = np.zeros(256, dtype=bool)
_SPACE[[9, 10, 11, 12, 13, 32]] = True
_NO_DIGIT = np.ones(256, dtype=bool)
_NO_DIGIT[48:58] = False

_EXPRESSION = "a literal"


@dataclass
class _Cells:
    """Where the cells of a region's rows are.

    ``opens``/``closes``: the parentheses of every row; ``widths``: how many cells each has;
    ``rows``: which of them have the right number; ``starts``/``ends``: their cells, rows by
    columns; ``quotes``: every quote that opens or closes; ``backslashes``: every backslash.
    """

    opens: np.ndarray
    closes: np.ndarray
    widths: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    quotes: np.ndarray
    backslashes: np.ndarray


def _split(region: bytes, head: bytes, width: int, *, backslash: bool) -> _Cells:
    buffer = np.frombuffer(region, dtype=np.uint8)
    # translate() is several times as fast as looking every byte up with numpy.
    places = np.flatnonzero(np.frombuffer(region.translate(_SPECIAL), dtype=bool))
    what = buffer[places]
    backslashes = places[what == _BACKSLASH]
    if not backslash:
        backslashes = backslashes[:0]
    if backslashes.size:
        escaped = np.zeros(buffer.size + 1, dtype=bool)
        escaped[_escapers(backslashes) + 1] = True
        keep = ~escaped[places]
        places, what = places[keep], what[keep]
    is_quote = what == _QUOTE
    quotes = places[is_quote]
    outside = (np.cumsum(is_quote, dtype=np.uint8) & 1 == 0) & ~is_quote & (what != _BACKSLASH)
    places, what = places[outside], what[outside]
    if head and any(c in head for c in b"(),"):
        places, what = _without_heads(region, head, places, what, quotes)
    step = (what == _OPEN).astype(np.int8) - (what == _CLOSE).astype(np.int8)
    depth = np.cumsum(step, dtype=np.int32)
    wanted = ((what == _OPEN) & (depth == 1)) | ((what == _CLOSE) & (depth == 0))
    wanted |= (what == _COMMA) & (depth == 1)
    places, what = places[wanted], what[wanted]
    at_open, at_close = np.flatnonzero(what == _OPEN), np.flatnonzero(what == _CLOSE)
    opens, closes = places[at_open], places[at_close]
    widths = at_close - at_open
    good = widths == width
    if good.all():
        kept = places
    else:
        row_of = np.cumsum(what == _OPEN) - 1
        kept = places[good[row_of]]
    grid = kept.reshape(-1, width + 1)
    return _Cells(
        opens, closes, widths, np.flatnonzero(good), grid[:, :-1] + 1, grid[:, 1:].copy(),
        quotes, backslashes,
    )  # fmt: skip


def _escapers(backslashes: np.ndarray) -> np.ndarray:
    """Those backslashes that escape: every other one of each run, from its first."""
    first = np.empty(backslashes.size, dtype=bool)
    first[0] = True
    np.not_equal(np.diff(backslashes), 1, out=first[1:])
    index = np.arange(backslashes.size)
    start = np.maximum.accumulate(np.where(first, index, 0))
    return backslashes[(index - start) & 1 == 0]


def _without_heads(
    region: bytes, head: bytes, places: np.ndarray, what: np.ndarray, quotes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The special characters without those of the statements' heads between the rows."""
    found = np.array([m.start() for m in re.finditer(re.escape(head), region)], dtype=np.int64)
    # The same text within a string is text.
    found = found[np.searchsorted(quotes, found) & 1 == 0]
    if not found.size:
        return places, what
    nearest = np.searchsorted(found, places, side="right") - 1
    inside = (nearest >= 0) & (places < found[nearest] + len(head))
    return places[~inside], what[~inside]


class RowReader:
    """Turns rows of one table into columns of text."""

    def __init__(
        self,
        lex: Lexicon,
        evaluator: Evaluator,
        columns: list[str],
        kinds: list[str],
        generated: frozenset[int] = frozenset(),
    ) -> None:
        """
        Args:
            columns: of the table.
            kinds: theirs; see :mod:`~ispmig_pipelines.formats.sql.render`.
            generated: places of the columns that the database fills itself: pg_dump writes
                DEFAULT for these.
        """
        self._generated = generated
        self._lex = lex
        self._evaluator = evaluator
        self._backslash = lex.dialect.backslash
        self._dialect = lex.dialect.name
        self._charset = lex.dialect.charset
        self._columns = columns
        self._kinds = kinds
        self.schema = pa.schema([pa.field(name, pa.string()) for name in columns])

    def read(self, regions: list[tuple[bytes, int]], head: bytes, positions: list[int]) -> Chunk:
        """The rows of regions of plain rows.

        Args:
            regions: rows, and ``head`` before each further statement's; with the line of the
                file on which each region begins.
            positions: which column of the table each value of a row is for.
        """
        width = len(positions)
        region = regions[0][0] if len(regions) == 1 else b",".join(one for one, _ in regions)
        cells = _split(region, head, width, backslash=self._backslash)
        lines = self._lines(region, regions, cells.opens)
        rejects = [
            self._reject(region, cells, int(row), lines, "record.ragged",
                         str(self._width(region, cells, int(row))), str(width))
            for row in np.flatnonzero(cells.widths != width)
        ]  # fmt: skip
        bad = np.zeros(cells.rows.size, dtype=bool)
        missing = not_given(len(self._columns), positions, cells.rows.size)
        arrays = self._arrays(region, cells, positions, lines, bad, rejects, missing)
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        rows = cells.rows
        if bad.any():
            batch = batch.filter(pa.array(~bad))
            rows = rows[~bad]
            missing = {column: where[~bad] for column, where in missing.items()}
        rejects.sort(key=lambda reject: reject.record)
        return Chunk(batch, lines[rows], rows, rejects, cells.opens.size, missing)

    @staticmethod
    def _width(region: bytes, cells: _Cells, row: int) -> int:
        text = region[cells.opens[row] + 1 : cells.closes[row]]
        return int(cells.widths[row]) if text.strip() else 0

    @staticmethod
    def _lines(region: bytes, regions: list[tuple[bytes, int]], opens: np.ndarray) -> np.ndarray:
        sizes = np.fromiter((len(one) + 1 for one, _ in regions), np.int64, len(regions))
        first = np.fromiter((line for _, line in regions), np.int64, len(regions))
        begins = np.cumsum(sizes) - sizes
        piece = np.searchsorted(begins, opens, side="right") - 1
        if b"\n" not in region:
            return first[piece]
        breaks = np.flatnonzero(np.frombuffer(region, dtype=np.uint8) == 10)
        before = np.searchsorted(breaks, begins)
        return first[piece] + np.searchsorted(breaks, opens) - before[piece]

    def _reject(
        self, region: bytes, cells: _Cells, row: int, lines: np.ndarray, rule: str,
        found: str, accepted: str,
    ) -> Reject:  # fmt: skip
        text = region[int(cells.opens[row]) : int(cells.closes[row]) + 1]
        return Reject(row, int(lines[row]), rule, shown(text), found, accepted)

    def _arrays(
        self, region: bytes, cells: _Cells, positions: list[int], lines: np.ndarray,
        bad: np.ndarray, rejects: list[Reject], missing: dict[int, np.ndarray],
    ) -> list[pa.Array]:  # fmt: skip
        """The table's columns; marks in ``bad`` the rows that are rejected on the way, and in
        ``missing`` the cells that the database fills."""
        buffer = np.frombuffer(region, dtype=np.uint8)
        starts, ends = _trimmed(buffer, cells.starts, cells.ends)
        rows = starts.shape[0]
        first = buffer[np.minimum(starts, buffer.size - 1)]
        national = ((first | 32) == 110) & (ends - starts >= 3)
        national &= buffer[np.minimum(starts + 1, buffer.size - 1)] == _QUOTE
        if national.any():
            starts = starts + national
            first = np.where(national, _QUOTE, first)
        string = (first == _QUOTE) & (ends - starts >= 2)
        string &= buffer[np.maximum(ends - 1, 0)] == _QUOTE
        escaped, compound = _escapes(cells, starts, ends, string)
        string &= ~compound
        odd_text = np.zeros_like(string)
        for value, position in enumerate(positions):
            if self._kinds[position] in STRINGS_READ:
                odd_text[:, value] = string[:, value]
        null, number = _null_and_number(buffer, starts, ends, ~string)
        odd = ~(string | null | number)
        contents = Gatherer(region, starts + string, ends - string)
        sound = is_sound(region)
        # Then no escape can make a cell that is not sound.
        simple = sound and not (self._backslash and b"\\0" in region)
        empty = pa.nulls(rows, pa.string())
        arrays: list[pa.Array] = [empty] * len(self._columns)
        for value, position in enumerate(positions):
            column = contents.column(value, null[:, value])
            kind = self._kinds[position]
            where = np.flatnonzero(odd[:, value] | escaped[:, value] | odd_text[:, value])
            clean = sound
            if where.size and simple and not (odd[:, value] | odd_text[:, value]).any():
                raw = column.take(pa.array(where)).to_pylist()
                column = replaced(column, where, unescape_all(raw, backslash=self._backslash))
            elif where.size:
                column, zero = self._replace(
                    column, where, odd[:, value], escaped[:, value], odd_text[:, value],
                    kind, position, region, cells, lines, bad, rejects, missing,
                )  # fmt: skip
                clean = clean and not zero
            if not clean:
                column = self._reject_unsound(column, region, cells, lines, bad, rejects)
            arrays[position] = as_text(column)
        return arrays

    def _replace(
        self, column: pa.BinaryArray, where: np.ndarray, odd: np.ndarray, escaped: np.ndarray,
        odd_text: np.ndarray, kind: str, position: int, region: bytes, cells: _Cells,
        lines: np.ndarray, bad: np.ndarray, rejects: list[Reject], missing: dict[int, np.ndarray],
    ) -> tuple[pa.BinaryArray, bool]:  # fmt: skip
        """The column with its escaped and its odd cells read; whether they need a closer look."""
        values: list[bytes | None] = []
        doubtful = False
        text_of = self._evaluator.text_of
        backslash, dialect = self._backslash, self._dialect
        raw = column.take(pa.array(where)).to_pylist()
        for row, text in zip(where.tolist(), raw, strict=True):
            value: bytes | None = text
            if odd[row]:
                try:
                    value = text_of(text, kind)
                except NotLiteral:
                    value = None
                    if position in self._generated and is_default(text):
                        missing.setdefault(position, np.zeros(bad.size, dtype=bool))[row] = True
                    elif not bad[row]:
                        bad[row] = True
                        rejects.append(
                            self._reject(region, cells, int(cells.rows[row]), lines,
                                         "record.expression", self._columns[position], _EXPRESSION)
                        )  # fmt: skip
            elif value is not None:
                if escaped[row]:
                    value = unescape_backslashes(value) if backslash else value.replace(b"''", b"'")
                if odd_text[row]:
                    value = text_in(value, kind, dialect, self._charset)
            if value is not None and not is_sound(value):
                doubtful = True
            values.append(value)
        return replaced(column, where, values), doubtful

    def _reject_unsound(
        self, column: pa.BinaryArray, region: bytes, cells: _Cells, lines: np.ndarray,
        bad: np.ndarray, rejects: list[Reject],
    ) -> pa.BinaryArray:  # fmt: skip
        invalid, zero = unsound(column)
        where = np.flatnonzero(invalid | zero)
        for row in where.tolist():
            if not bad[row]:
                bad[row] = True
                rejects.append(
                    self._reject(region, cells, int(cells.rows[row]), lines, "record.encoding",
                                 "", "UTF-8")
                    if invalid[row]
                    else self._reject(region, cells, int(cells.rows[row]), lines,
                                      "record.unreadable", "", ZERO_BYTE)
                )  # fmt: skip
        return replaced(column, where, [None] * where.size) if where.size else column

    def read_odd(self, rows: list[tuple[list[bytes], bytes, int]], positions: list[int]) -> Chunk:
        """Rows whose cells were told apart token by token.

        Args:
            rows: of each its cells, its text and its line.
            positions: which column of the table each value of a row is for.
        """
        table: list[list[str | None]] = []
        lines, ordinals, rejects = [], [], []
        defaults: list[tuple[int, int]] = []
        for ordinal, (cells, text, line) in enumerate(rows):
            row, fault = self._odd(cells, positions, len(table), defaults)
            if fault is not None:
                rule, found, accepted = fault
                rejects.append(Reject(ordinal, line, rule, shown(text), found, accepted))
                continue
            table.append(row)
            lines.append(line)
            ordinals.append(ordinal)
        arrays = [
            pa.array([row[i] for row in table], pa.string()) for i in range(len(self._columns))
        ]
        missing = not_given(len(self._columns), positions, len(table))
        for place, position in defaults:
            if place < len(table):
                missing.setdefault(position, np.zeros(len(table), dtype=bool))[place] = True
        return Chunk(
            pa.RecordBatch.from_arrays(arrays, schema=self.schema),
            np.array(lines, dtype=np.int64),
            np.array(ordinals, dtype=np.int64),
            rejects,
            len(rows),
            missing,
        )

    def _odd(
        self,
        cells: list[bytes],
        positions: list[int],
        place: int,
        defaults: list[tuple[int, int]],
    ) -> tuple[list[str | None], tuple[str, str, str] | None]:
        """The row in the table's columns, and rule, found, accepted of what is wrong with it."""
        row: list[str | None] = [None] * len(self._columns)
        if len(cells) != len(positions):
            return row, ("record.ragged", str(len(cells)), str(len(positions)))
        default_here: list[tuple[int, int]] = []
        for cell, position in zip(cells, positions, strict=True):
            try:
                value = self._evaluator.text_of(cell, self._kinds[position])
                if value is None:
                    continue
                row[position] = value.decode("utf-8")
            except NotLiteral:
                if position in self._generated and is_default(cell):
                    default_here.append((place, position))
                    continue
                return row, ("record.expression", self._columns[position], _EXPRESSION)
            except UnicodeDecodeError:
                return row, ("record.encoding", "", "UTF-8")
            if b"\0" in value:
                return row, ("record.unreadable", "", ZERO_BYTE)
        defaults.extend(default_here)
        return row, None


def is_default(expression: bytes) -> bool:
    """Whether it is the word DEFAULT."""
    return expression.strip().upper() == b"DEFAULT"


def row_width(region: bytes, lex: Lexicon) -> int:
    """How many values the first row of a region of plain rows has."""
    depth, count, filled = 0, 1, False
    at = max(region.find(b"("), 0)
    while found := lex.token.match(region, at):
        at = found.end()
        text = found.group() if found.lastgroup == "op" else b""
        if text == b"(":
            depth += 1
        elif text == b")":
            depth -= 1
            if depth == 0:
                break
        elif text == b"," and depth == 1:
            count += 1
        if text != b"(" and found.lastgroup != "space":
            filled = True
    return count if filled else 0


_MOST_BLANKS = 64


def _trimmed(
    buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The cells without blanks around them (what is left of very many is told one by one)."""
    last = buffer.size - 1
    for _ in range(_MOST_BLANKS):
        blank = _SPACE[buffer[np.minimum(starts, last)]] & (starts < ends)
        if not blank.any():
            break
        starts = starts + blank
    for _ in range(_MOST_BLANKS):
        blank = _SPACE[buffer[np.maximum(ends - 1, 0)]] & (starts < ends)
        if not blank.any():
            break
        ends = ends - blank
    return starts, ends


def _escapes(
    cells: _Cells, starts: np.ndarray, ends: np.ndarray, string: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which strings hold an escape, and which cells hold more than the string they begin with."""
    escaped = np.zeros(starts.size, dtype=bool)
    compound = np.zeros(starts.size, dtype=bool)
    flat_starts, flat_ends = starts.ravel(), ends.ravel()
    quotes = cells.quotes
    inner = quotes[1:-1]
    doubled = (
        inner[0::2][inner[1::2] - inner[0::2] == 1] if inner.size else np.zeros(0, dtype=np.int64)
    )
    strings = int(string.sum())
    if flat_starts.size:
        _mark(escaped, flat_starts, flat_ends, doubled)
        _mark(escaped, flat_starts, flat_ends, cells.backslashes)
        if quotes.size != 2 * strings + 2 * doubled.size:
            begin = np.searchsorted(quotes, flat_starts)
            count = np.searchsorted(quotes, flat_ends) - begin
            pairs = np.zeros(quotes.size + 1, dtype=np.int64)
            if quotes.size:
                at = np.searchsorted(quotes, doubled)
                pairs[at + 1] = 1
            pairs = np.cumsum(pairs)
            twice = pairs[begin + count] - pairs[begin]
            compound = string.ravel() & (count != 2 + 2 * twice)
            closing = quotes[np.clip(begin + count - 1, 0, max(quotes.size - 1, 0))]
            compound |= string.ravel() & (closing != flat_ends - 1)
    escaped &= string.ravel() & ~compound
    return escaped.reshape(starts.shape), compound.reshape(starts.shape)


def _mark(flags: np.ndarray, starts: np.ndarray, ends: np.ndarray, places: np.ndarray) -> None:
    """Sets the flag of each cell in which one of ``places`` lies."""
    if not places.size:
        return
    cell = np.searchsorted(starts, places, side="right") - 1
    inside = (cell >= 0) & (places < ends[np.maximum(cell, 0)])
    flags[cell[inside]] = True


def _null_and_number(
    buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray, candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which of the candidates are the word NULL, and which a plain decimal number."""
    null = np.zeros(starts.shape, dtype=bool)
    number = np.zeros(starts.shape, dtype=bool)
    where = np.flatnonzero(candidates.ravel())
    if not where.size:
        return null, number
    begin, end = starts.ravel()[where], ends.ravel()[where]
    length = end - begin
    last = buffer.size - 1
    is_null = length == 4
    for i, letter in enumerate(b"null"):
        is_null &= (buffer[np.minimum(begin + i, last)] | 32) == letter
    null.ravel()[where] = is_null
    signed = buffer[np.minimum(begin, last)] == 45
    digits_from = begin + signed
    # Number by number, as many steps as the longest has digits: most have few.
    plain = (length - signed > 0) & (length <= 40)
    points = np.zeros(where.size, dtype=np.int8)
    longest = int(length[plain].max()) if plain.any() else 0
    active = np.flatnonzero(plain)
    for i in range(longest):
        active = active[digits_from[active] + i < end[active]]
        if not active.size:
            break
        byte = buffer[digits_from[active] + i]
        point = byte == 46
        points[active[point]] += 1
        wrong = _NO_DIGIT[byte] & ~point
        plain[active[wrong]] = False
        active = active[~wrong]
    plain &= (points <= 1) & (length - signed > points)
    number.ravel()[where] = plain
    return null, number
