"""A stream of JSON bytes as records: proven runs of them where possible, one by one elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.json.pattern import Style, style_of
from ispmig_pipelines.formats.json.schema import Node
from ispmig_pipelines.formats.json.values import BrokenJson, Unfit, parse
from ispmig_pipelines.formats.limits import ReadLimits

BLOCK_BYTES = 2 << 20
"""Bytes read at a time; 1 to 4 MiB measured alike."""

LEAST_RUN = 16 << 10
"""Bytes from which on the vector operations of the fast path gain more than they cost."""

_REMEMBERED_RUN = 64 << 10
_SPACE = re.compile(rb"[ \t\n\r]*+")
_SPACE_OR_SEPARATOR = re.compile(rb"[ \t\n\r\x1e]*+")
_BETWEEN = re.compile(rb"[ \t\n\r,]*+")
END = -1
"""What stands behind the last byte."""


@dataclass
class Run:
    """Records of known shape that follow each other: ``data[start:end]``, proven."""

    data: bytes
    start: int
    end: int
    line: int


@dataclass
class One:
    """One record: its value, its text, and the rule it broke where the value is ``Unfit``."""

    value: Any
    line: int
    raw: bytes
    rule: str = ""


class Cursor:
    """A place in a stream of UTF-8, with as much of it in memory as is needed.

    Attributes:
        data: what is in memory.
        at: the place, as an index of ``data``.
        base: how many bytes stood before ``data``.
        final: the stream ends where ``data`` ends.
    """

    def __init__(self, name: str, blocks: Iterator[bytes], limits: ReadLimits) -> None:
        self.name = name
        self.data = b""
        self.at = 0
        self.base = 0
        self.final = False
        self._blocks = blocks
        self._limits = limits
        self._line = 1
        self._line_at = 0
        self._column = 0

    def more(self) -> bool:
        """Brings in more of the stream, letting go what is behind; False at its end.

        Raises:
            SourceError: what is held would exceed the limit on a record.
        """
        if self.final:
            return False
        block = next(self._blocks, None)
        if block is None:
            self.final = True
            return True
        if len(self.data) - self.at > self._limits.max_record_bytes:
            raise SourceError(
                f"{self.name} has a record that is longer than "
                f"{self._limits.max_record_bytes:,} bytes; it begins on line "
                f"{self.line(self.at):,}. If that is no mistake of the export, set "
                "ISPMIG_MAX_RECORD_BYTES."
            )
        self.line(self.at)
        newline = self.data.rfind(b"\n", 0, self.at)
        self._column = self.at - newline - 1 if newline >= 0 else self._column + self.at
        self.data = self.data[self.at :] + block
        self.base += self.at
        self.at = self._line_at = 0
        return True

    def line(self, index: int) -> int:
        """The 1-based line of ``data[index]``; cheapest when asked in order."""
        if index < self._line_at:
            return self._line - self.data.count(b"\n", index, self._line_at)
        self._line += self.data.count(b"\n", self._line_at, index)
        self._line_at = index
        return self._line

    def place(self, index: int) -> str:
        """Line, column and byte of ``data[index]`` in words."""
        newline = self.data.rfind(b"\n", 0, index)
        before = self.data[newline + 1 : index].decode("utf-8", "replace")
        column = len(before) + 1 + (0 if newline >= 0 else self._column)
        return f"line {self.line(index):,}, column {column:,} (byte {self.base + index + 1:,})"

    def skip(self, *, separators: bool = False) -> int:
        """Goes to the next byte that is not white space and says which it is; END at the end.

        Args:
            separators: pass over record separators (RFC 7464), too.
        """
        space = _SPACE_OR_SEPARATOR if separators else _SPACE
        while True:
            found = space.match(self.data, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.data):
                return self.data[self.at]
            if not self.more():
                return END


class Proof:
    """How far the records ahead are of a known shape.

    In the first pass it is found out by an expression, in the second mostly remembered.
    """

    def __init__(self, compiled: Callable[[Node, Style | None], re.Pattern[bytes] | None]) -> None:
        """``compiled`` makes the expression for records of a shape."""
        self._compile = compiled
        self._pattern: re.Pattern[bytes] | None = None
        self._least = 1
        self._runs: list[tuple[int, int]] = []
        self._next = 0
        self._slow_until = 0
        self._unlearnt = 1
        self._patience = 1
        self._style: Style | None = None

    def learn(self, node: Node, raw: bytes, *, new: bool) -> None:
        """A record was read one by one; ``new``: it changed what is known of all."""
        self._unlearnt = self._unlearnt + 1 if new or self._unlearnt else 0
        if self._unlearnt >= self._patience:
            self._style = style_of(raw)
            self._pattern = self._compile(node, self._style)
            self._patience = min(self._patience * 2, 1 << 12)
            self._unlearnt = 0

    def restart(self, node: Node, least: int) -> None:
        """Makes ready for another pass over the same bytes, from their beginning."""
        self._pattern = self._compile(node, self._style)
        self._least = least
        self._next = self._slow_until = 0

    def reach(self, cursor: Cursor) -> int:
        """The index to which ``cursor.data`` is proven from the cursor on, or the cursor."""
        place = cursor.base + cursor.at
        while self._next < len(self._runs) and self._runs[self._next][0] < place:
            self._next += 1
        if self._next < len(self._runs) and self._runs[self._next][0] == place:
            length = self._runs[self._next][1] - place
            while cursor.at + length > len(cursor.data) and cursor.more():
                pass
            return cursor.at + length
        if self._pattern is None or place < self._slow_until:
            return cursor.at
        # Up to the next run that is remembered, and then on with that.
        stop = len(cursor.data)
        if self._next < len(self._runs):
            stop = min(stop, self._runs[self._next][0] - cursor.base)
        end = self._proven(self._pattern, cursor, stop)
        if end - cursor.at < self._least:
            self._slow_until = max(self._slow_until, cursor.base + end)
            return cursor.at
        if end - cursor.at >= _REMEMBERED_RUN and self._next == len(self._runs):
            self._runs.append((place, cursor.base + end))
            self._next = len(self._runs)
        return end

    def _proven(self, pattern: re.Pattern[bytes], cursor: Cursor, stop: int) -> int:
        found = pattern.match(cursor.data, cursor.at, stop)
        end = found.end() if found else cursor.at
        wrong = _not_utf8(cursor.data, cursor.at, end)
        if wrong is None:
            return end
        found = pattern.match(cursor.data, cursor.at, wrong)
        self._slow_until = cursor.base + wrong
        return found.end() if found else cursor.at


def _not_utf8(data: bytes, start: int, end: int) -> int | None:
    if start == end:
        return None
    piece = memoryview(data)[start:end]
    offsets = pa.array([0, len(piece)], pa.int32()).buffers()[1]
    try:
        # Twice as fast as decoding, and nothing is made that is thrown away.
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(piece)).validate(full=True)
    except pa.ArrowInvalid:
        pass
    else:
        return None
    try:
        str(piece, "utf-8")
    except UnicodeDecodeError as error:
        return start + error.start
    return None


def run_records(run: Run, limits: ReadLimits) -> Iterator[One]:
    """The records of a run one by one."""
    data, at, line, counted = run.data, run.start, run.line, run.start
    while True:
        found = _BETWEEN.match(data, at, run.end)
        at = found.end() if found else at
        if at >= run.end:
            return
        parsed = parse(data, at, final=True, max_depth=limits.max_depth)
        assert parsed is not None  # noqa: S101 - the run is proven to be valid
        value, end = parsed
        line += data.count(b"\n", counted, at)
        counted = at
        yield One(value, line, data[at:end])
        at = end


# ---------------------------------------------------------------- one value a line


def line_records(
    cursor: Cursor, proof: Proof | None, limits: ReadLimits, encoding: str
) -> Iterator[Run | One]:
    """The records of NDJSON: each line that is not blank is one, whatever stands in it."""
    while True:
        if proof is not None:
            end = proof.reach(cursor)
            if end > cursor.at:
                run = Run(cursor.data, cursor.at, end, cursor.line(cursor.at))
                cursor.at = end
                yield run
        newline = cursor.data.find(b"\n", cursor.at)
        if newline < 0 and cursor.more():
            continue
        end = newline if newline >= 0 else len(cursor.data)
        raw, line = cursor.data[cursor.at : end], cursor.line(cursor.at)
        cursor.at = end + 1 if newline >= 0 else end
        # RFC 7464 puts a record separator before each value.
        text = raw.strip(b" \t\r\x1e")
        if text:
            yield _line_record(text, raw.rstrip(b"\r"), line, limits, encoding)
        if newline < 0:
            return


def _line_record(text: bytes, raw: bytes, line: int, limits: ReadLimits, encoding: str) -> One:
    try:
        found = parse(text, 0, final=True, max_depth=limits.max_depth, probe=len(text))
    except BrokenJson as error:
        if error.encoding:
            return One(Unfit(encoding), line, raw, "record.encoding")
        return _no_json(text, raw, line, error.at, error.reason)
    if found is None:
        return _no_json(text, raw, line, len(text), "it ends too early")
    value, end = found
    if text[end:].strip(b" \t\r"):
        return _no_json(text, raw, line, end, "more stands behind the value")
    return One(value, line, raw, "record.unreadable" if isinstance(value, Unfit) else "")


def _no_json(text: bytes, raw: bytes, line: int, at: int, reason: str) -> One:
    column = len(text[:at].decode("utf-8", "replace")) + 1
    unfit = Unfit(f"at its character {column:,} it is no valid JSON: {reason}")
    return One(unfit, line, raw, "record.unreadable")
