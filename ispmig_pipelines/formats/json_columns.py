"""From a proven run of JSON records to Arrow columns, by vector operations.

The run is known to be valid and to hold known keys only, so that finding the structure is
enough: quotes, then what stands outside of them, then each colon with the key before it and the
end of the value behind it. Cells are slices of the run; only those with escapes, and arrays
that are not compact, are written anew (into their own place: they never become longer).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ispmig_pipelines.formats.json_pattern import key_bytes
from ispmig_pipelines.formats.json_schema import Kind, Node, Table
from ispmig_pipelines.formats.json_values import compact, parse

_DEPTH = np.zeros(256, np.int8)
_DEPTH[list(b"{[")] = 1
_DEPTH[list(b"}]")] = -1
_BLANK = np.zeros(256, np.bool_)
_BLANK[list(b" \t\r\n")] = True

_QUOTE, _COLON, _COMMA, _BACKSLASH, _NEWLINE = b'":,\\\n'
_OPEN, _CLOSE, _OPEN_ARRAY = b"{}["
_BRACE_BIT = np.uint8(_OPEN ^ _OPEN_ARRAY)


@dataclass
class Extracted:
    """The records of a run.

    Attributes:
        columns: one text array per column of the table.
        missing: where each column's key is not there; None where it always is.
        lines: newlines of the run before each record.
    """

    columns: list[pa.StringArray]
    missing: list[np.ndarray | None]
    lines: np.ndarray


class _Tokens:
    """What stands outside of strings in a run, and which key each colon belongs to."""

    def __init__(self, run: np.ndarray) -> None:
        self.backslashes = np.flatnonzero(run == _BACKSLASH)
        plain = run
        if self.backslashes.size:
            plain = run.copy()
            plain[_escaped(self.backslashes)] = 0
        # One bit tells brackets from braces, and comparing is thrice as fast as a table.
        folded = plain | _BRACE_BIT
        places = np.flatnonzero(
            (plain == _QUOTE)
            | (plain == _COLON)
            | (plain == _COMMA)
            | (folded == _OPEN)
            | (folded == _CLOSE)
        )
        bytes_at = plain[places]
        quotes = bytes_at == _QUOTE
        inside = np.bitwise_xor.accumulate(quotes)
        outside = ~(quotes | inside)
        self.run = run
        self.place = places[outside]
        self.byte = bytes_at[outside]
        self.quote_places = places[quotes]
        self.quotes_before = np.cumsum(quotes, dtype=np.int32)[outside]
        delta = _DEPTH[self.byte]
        depth = np.cumsum(delta, dtype=np.int16)
        self.opens = delta > 0
        # Brackets belong to the level they stand in when they open, to the one they end when
        # they close.
        self.level = depth + (delta < 0) - self.opens.astype(np.int16)
        self.record_starts = np.flatnonzero(self.opens & (self.level == 0))
        self._levels: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def at_level(self, level: int) -> tuple[np.ndarray, np.ndarray]:
        """The colons of a level, and for each the token that ends its value."""
        if level not in self._levels:
            # Between a colon and the next token of its level lies nothing but its value.
            tokens = np.flatnonzero((self.level == level) & ~self.opens)
            colons = np.flatnonzero(self.byte[tokens] == _COLON)
            self._levels[level] = tokens[colons], tokens[colons + 1]
        return self._levels[level]


def _escaped(backslashes: np.ndarray) -> np.ndarray:
    """Places of the characters that a backslash stands before, and belongs to."""
    first = np.ones(len(backslashes), np.bool_)
    first[1:] = backslashes[1:] != backslashes[:-1] + 1
    index = np.arange(len(backslashes))
    in_group = index - np.maximum.accumulate(np.where(first, index, 0))
    return backslashes[in_group % 2 == 0] + 1


def extract(data: bytes, table: Table, max_cell_bytes: int) -> Extracted | None:
    """The records of a run as columns; None where they must be read one by one.

    Args:
        data: the proven run, whole records.
        table: the root table they belong to.
    """
    run = np.frombuffer(data, np.uint8)
    tokens = _Tokens(run)
    count = len(tokens.record_starts)
    record_of = np.cumsum(tokens.opens & (tokens.level == 0), dtype=np.int64) - 1
    found: dict[int, _Values] = {}
    at_level = tokens.at_level(1)
    if not _find(tokens, table.node, 1, *at_level, record_of[at_level[0]], count, found):
        return None
    buffer = bytearray(data)
    for column in table.own:
        values = found.get(id(column.node))
        if values is not None and not values.settle(tokens, buffer, column.node, max_cell_bytes):
            return None
    shared = pa.py_buffer(buffer)
    columns: list[pa.StringArray] = []
    missing: list[np.ndarray | None] = []
    for column in table.own:
        values = found.get(id(column.node))
        if values is None:
            columns.append(pa.nulls(count, pa.string()))
            missing.append(np.ones(count, np.bool_))
        else:
            array, absent = values.column(shared, count)
            columns.append(array)
            missing.append(absent if absent.any() else None)
    newlines = np.flatnonzero(run == _NEWLINE)
    lines = np.searchsorted(newlines, tokens.place[tokens.record_starts])
    return Extracted(columns, missing, lines)


def _find(
    tokens: _Tokens,
    node: Node,
    level: int,
    colon: np.ndarray,
    end: np.ndarray,
    rows: np.ndarray,
    objects: int,
    found: dict[int, _Values],
) -> bool:
    """Finds the values of the members of ``objects`` objects, whose colons these are."""
    which = _which_member(tokens, list(node.members), colon, objects)
    if which is None:
        return False
    for i, member in enumerate(node.members.values()):
        if isinstance(which, int):
            place = slice(i, None, which)
            mine, ends, records = colon[place], end[place], rows[place]
        else:
            chosen = which == i
            mine, ends, records = colon[chosen], end[chosen], rows[chosen]
        values = _Values(tokens, mine, ends, records)
        if member.has_cell:
            found[id(member)] = values
        if Kind.OBJECT not in member.kinds:
            continue
        nested = values.first == _OPEN
        outer, outer_end, outer_rows = mine[nested], ends[nested], records[nested]
        if not outer.size:
            continue
        inner, inner_end = tokens.at_level(level + 1)
        holder = np.searchsorted(outer, inner) - 1
        inside = (holder >= 0) & (inner < outer_end[holder])
        if not _find(
            tokens,
            member,
            level + 1,
            inner[inside],
            inner_end[inside],
            outer_rows[holder[inside]],
            len(outer),
            found,
        ):
            return False
    return True


def _which_member(
    tokens: _Tokens, keys: list[str], colon: np.ndarray, objects: int
) -> int | np.ndarray | None:
    """For each colon the index of its key; or how many keys, where every object has them all."""
    if len(colon) == objects * len(keys):
        # Known keys, in known order, each at most once: so each object has each.
        return len(keys)
    closing = tokens.quotes_before[colon] - 1
    start = tokens.quote_places[closing - 1] + 1
    length = tokens.quote_places[closing] - start
    known = [np.frombuffer(key_bytes(key)[1:-1], np.uint8) for key in keys]
    longest = max(len(key) for key in known)
    for probes in ((0, -1), tuple(range(longest))):
        wanted = np.array([_digest_of(key, probes) for key in known], np.uint64)
        order = np.argsort(wanted)
        if (wanted[order][1:] == wanted[order][:-1]).any():
            continue
        seen = length.astype(np.uint64)
        for probe in probes:
            at = start + np.where(length > 0, probe % np.maximum(length, 1), 0)
            seen = seen * _PRIME + np.where(length > max(probe, 0), tokens.run[at], 0)
        place = np.minimum(np.searchsorted(wanted[order], seen), len(known) - 1)
        if (wanted[order][place] != seen).any():
            return None
        return order[place]
    return None


_PRIME = np.uint64(1_099_511_628_211)


def _digest_of(key: np.ndarray, probes: tuple[int, ...]) -> int:
    digest = len(key)
    for probe in probes:
        byte = int(key[probe % len(key)]) if len(key) > max(probe, 0) else 0
        digest = (digest * int(_PRIME) + byte) % (1 << 64)
    return digest


class _Values:
    """The values of one key in a run: where each begins and ends, and in which record."""

    def __init__(
        self, tokens: _Tokens, colon: np.ndarray, end: np.ndarray, rows: np.ndarray
    ) -> None:
        self.rows = rows
        self.start = tokens.place[colon] + 1
        self.end = tokens.place[end].copy()
        run = tokens.run
        while (blank := _BLANK[run[self.start]]).any():
            self.start += blank
        while (blank := _BLANK[run[self.end - 1]]).any():
            self.end -= blank
        self.first = run[self.start]
        self.null = np.zeros(len(rows), np.bool_)
        self.absent = np.zeros(len(rows), np.bool_)

    def settle(self, tokens: _Tokens, buffer: bytearray, node: Node, max_cell_bytes: int) -> bool:
        """Makes each value the text of its cell; False where one of them is too long."""
        if self.rows.size and int((self.end - self.start).max()) > max_cell_bytes:
            return False
        self.null = self.first == ord("n")
        strings = self.first == _QUOTE
        self.start += strings
        self.end -= strings
        if tokens.backslashes.size and strings.any():
            following = np.searchsorted(tokens.backslashes, self.start)
            has = following < len(tokens.backslashes)
            has[has] = tokens.backslashes[following[has]] < self.end[has]
            for i in np.flatnonzero(has & strings):
                raw = buffer[self.start[i] - 1 : self.end[i] + 1]
                self._rewrite(buffer, i, json.loads(raw).encode())
        for i in np.flatnonzero((self.first == _OPEN) | (self.first == _OPEN_ARRAY)):
            text = _container(bytes(buffer[self.start[i] : self.end[i]]), node)
            if text is None:
                self.absent[i] = True
            else:
                self._rewrite(buffer, i, text)
        return True

    def _rewrite(self, buffer: bytearray, i: np.intp, text: bytes) -> None:
        start = int(self.start[i])
        self.end[i] = start + len(text)
        buffer[start : start + len(text)] = text

    def column(self, data: pa.Buffer, count: int) -> tuple[pa.StringArray, np.ndarray]:
        """The cells of all ``count`` records, and which of them are missing."""
        present = np.zeros(count, np.bool_)
        present[self.rows] = True
        start = np.zeros(count, np.int32)
        end = np.zeros(count, np.int32)
        start[self.rows] = self.start
        end[self.rows] = self.end
        if not present.all():
            before = np.maximum.accumulate(end)
            start = np.where(present, start, before)
            end = np.where(present, end, before)
        offsets = np.empty(2 * count, np.int32)
        offsets[0::2] = start
        offsets[1::2] = end
        absent = ~present
        absent[self.rows[self.absent]] = True
        null = absent.copy()
        null[self.rows[self.null]] = True
        # Cells and what lies between them, in turn, are one text array over the run.
        pieces = pa.StringArray.from_buffers(2 * count - 1, pa.py_buffer(offsets), data)
        return pieces.take(pa.array(np.arange(0, 2 * count, 2), mask=null)), absent


def _container(raw: bytes, node: Node) -> bytes | None:
    """The cell of an object or array; None where it has none of its own."""
    inside = raw[1:-1].strip(b" \t\r\n")
    if not inside:
        held = Kind.OBJECT if raw[:1] == b"{" else Kind.TABLE
        return None if held in node.kinds else raw[:1] + raw[-1:]
    if raw[:1] == b"{" or inside[:1] == b"{":
        return None
    if b"\\" not in raw and not any(blank in raw for blank in (b" ", b"\t", b"\r", b"\n")):
        return raw
    found = parse(raw, 0, final=True, max_depth=2)
    assert found is not None  # noqa: S101 - the run is proven to be valid
    return compact(found[0]).encode()
