"""A stream of CSV bytes as chunks of records: proven fast where possible, tolerant elsewhere.

The fast part finds every quote, delimiter and line end of a block with vector operations,
proves that the block is well-formed, counts the cells of each record, and lets Arrow's parser
build the columns of those that are sound. What it cannot prove it leaves, record by record, to
:class:`~ispmig_pipelines.formats.csv.tokens.Tokenizer`, whose reading is the definition. So both
give the same records, whatever the size of a block.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.csv.arrow import parsed_by_arrow
from ispmig_pipelines.formats.csv.dialect import CsvDialect
from ispmig_pipelines.formats.csv.faults import (
    HEADER_AGAIN,
    ZERO_BYTE,
    Fault,
    byte_faults,
    clean_length,
    header_faults,
    not_encoded,
    quoting,
    ragged,
)
from ispmig_pipelines.formats.csv.layout import Layout
from ispmig_pipelines.formats.csv.plain import PlainBlock, plain_block
from ispmig_pipelines.formats.csv.tokens import Cells, Token, Tokenizer
from ispmig_pipelines.formats.encoding import shown
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.records import Reject

BLOCK_BYTES = 4 << 20
"""Bytes analysed at a time. 1 to 8 MiB measured alike; smaller ones lose to fixed costs."""

_PATIENCE = 8 << 10
_LEAST_WINDOW = 64 << 10
_BLANKS = b" \t\x0b\x0c\x1a"


@dataclass
class Chunk:
    """Some records that follow each other.

    Attributes:
        cells: text columns.
        record, line: where each stands.
        rejects: unreadable records among them.
        bytes_read: how far the file had been read, for progress.
    """

    cells: pa.RecordBatch
    record: np.ndarray
    line: np.ndarray
    rejects: list[Reject] = field(default_factory=list)
    bytes_read: int = 0


class Scanner:
    """Reads the records of one CSV table, from its first block to its last."""

    def __init__(
        self,
        name: str,
        dialect: CsvDialect,
        columns: list[str],
        encoding: str,
        *,
        limits: ReadLimits,
        fast: bool = True,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """
        Args:
            name: the file, for messages.
            encoding: what the file is written in, for messages.
            fast: whether the fast part may be used.
        """
        self._name = name
        self._dialect = dialect
        self._width = len(columns)
        self._encoding = encoding
        self._limits = limits
        self._fast = fast
        self._window = block_bytes
        self._tokens = Tokenizer(dialect, max_cell_bytes=limits.max_cell_bytes, width=len(columns))
        self._header_tokens = (
            Tokenizer(
                replace(dialect, delimiter=dialect.header_delimiter),
                max_cell_bytes=limits.max_cell_bytes,
                width=len(columns),
            )
            if dialect.header_delimiter
            else self._tokens
        )
        self._max_record = 4 * limits.max_cell_bytes
        self._comment = dialect.comment.encode()
        self.schema = pa.schema([pa.field(c, pa.string()) for c in columns])
        self._record = 0
        self._line = 1
        self._in_header = True
        self._header_text = b""
        self.repairs = 0
        """How many records had bare quotes inside quoted cells, and were read all the same."""

    # ------------------------------------------------------------------ the stream

    def chunks(self, blocks: Iterable[bytes]) -> Iterator[Chunk]:
        """The records of the stream ``blocks``, header and preamble left out."""
        buffer = b""
        for block, final in _last_marked(blocks):
            buffer = buffer + block if buffer else block
            if self._in_header:
                start = self.records_start(buffer, final=final)
                if start is None:
                    self._check_pending(buffer, 0)
                    continue
                at, self._line = start
                self._in_header = False
            else:
                at = 0
            at = yield from self._drain(buffer, at, final)
            buffer = buffer[at:]
            self._check_pending(buffer, 0)

    def _drain(self, buffer: bytes, at: int, final: bool) -> Generator[Chunk, None, int]:
        """The chunks of a buffer from ``at``; returns where the first unfinished record is."""
        patience, window = _PATIENCE, self._window
        while at < len(buffer):
            if self._fast:
                end = min(at + window, len(buffer))
                used, chunk = self._fast_part(buffer, at, end, final and end == len(buffer))
                if chunk is not None:
                    yield chunk
                at += used
                if at == len(buffer):
                    break
                limit = at + patience
                # Where faults crowd, looking for sound stretches between them costs more
                # than it gains.
                patience = min(patience * 2, self._window)
                if used * 4 < window:
                    window = max(window // 4, min(_LEAST_WINDOW, self._window))
                else:
                    window = min(window * 2, self._window)
            else:
                limit = at + self._window
            before = at
            at, chunk = self._tolerant_part(buffer, at, limit, final)
            if chunk is not None:
                yield chunk
            if at == before:
                break
        return at

    def _check_pending(self, buffer: bytes, at: int) -> None:
        if len(buffer) - at > self._max_record + self._limits.max_cell_bytes + self._window:
            raise self._too_long()

    def _too_long(self) -> SourceError:
        return SourceError(
            f"{self._name}: the record at line {self._line:,} is longer than "
            f"{self._max_record:,} bytes, which no record of an export is. The file is probably "
            "no CSV, or its line ends or quotes are not what they were taken for: name them in "
            "the spec, or set ISPMIG_MAX_CELL_BYTES."
        )

    def records_start(self, buffer: bytes, *, final: bool) -> tuple[int, int] | None:
        """``(offset, line)`` of the first record; None when more of the file is needed."""
        found = self.header(buffer, final=final)
        return None if found is None else (found[1], found[2])

    def header(self, buffer: bytes, *, final: bool) -> tuple[list[Cells], int, int] | None:
        """The header's records, and offset and line of what follows; None: more is needed."""
        tokens = self._header_tokens
        at, line = 0, 1
        for _ in range(self._dialect.skip_lines):
            ends = tokens.line_end(buffer, at, final=final)
            if ends is None:
                return None
            if at < len(buffer):
                line += 1
            at = ends[1]
        rows: list[Cells] = []
        text = b""
        while len(rows) < self._dialect.header_rows and at < len(buffer):
            ends = tokens.line_end(buffer, at, final=final)
            if ends is None:
                return None
            if self._skipped(buffer[at : ends[0]], in_header=True):
                at, line = ends[1], line + 1
                continue
            token = tokens.record(buffer, at, final=final)
            if token is None:
                return None
            if token.cells is None:
                cells = tokens.repaired(buffer[at : ends[0]], self._width)
                if cells is None:
                    raise SourceError(
                        f"{self._name}: the header at line {line} has a quote that is not closed "
                        "or that text follows. Correct it, or name the quote in the spec."
                    )
                token = Token(cells, ends[0], ends[1])
            assert token.cells is not None  # noqa: S101 - settled above
            rows.append(token.cells)
            text = buffer[at : token.end]
            line += self._lines(buffer, at, token.after)
            at = token.after
        if len(rows) < self._dialect.header_rows and not final:
            return None
        if rows and sum(bool(cell and cell.strip()) for cell in rows[-1]) > 1:
            # In a table of one column a value may well be the column's name.
            self._header_text = text
        return rows, at, line

    def _lines(self, buffer: bytes, start: int, after: int) -> int:
        if not self._tokens.any_newline:
            return buffer.count(b"\n", start, after)
        return len(self._tokens.newline.findall(buffer, start, after))

    def _skipped(self, line: bytes, *, in_header: bool = False) -> bool:
        """Whether a line is blank or a comment."""
        if not line:
            return True
        if self._comment and line.startswith(self._comment):
            return True
        if line[0] not in _BLANKS:
            return False
        if self._width == 1 and not in_header:
            return line == b"\x1a"
        return not line.strip(_BLANKS) and self._tokens.delimiter not in line

    # ------------------------------------------------------------------ the tolerant part

    def _tolerant_part(
        self, buffer: bytes, at: int, limit: int, final: bool
    ) -> tuple[int, Chunk | None]:
        rows: list[Cells] = []
        records: list[int] = []
        lines: list[int] = []
        rejects: list[Reject] = []
        tokens, width = self._tokens, self._width
        clean_until = at + clean_length(buffer[at:limit])
        size = len(buffer)
        plain_lines = not tokens.backslash and not tokens.any_newline
        quote, delimiter = tokens.quote, tokens.delimiter
        nothing = None if tokens.empty_is_null else b""
        comment = self._comment
        while at < size and at < limit:
            if plain_lines and (feed := buffer.find(b"\n", at)) >= 0 and feed < clean_until:
                # The same as below, without its cost, for lines in which nothing is special.
                text = buffer[at:feed]
                if (
                    text
                    and text[0] not in _BLANKS
                    and text[-1] != 13
                    and not (quote and quote in text)
                    and not (comment and text.startswith(comment))
                    and text != self._header_text
                    and feed - at <= self._max_record
                ):
                    cells: Cells = [cell or nothing for cell in text.split(delimiter)]
                    if len(cells) == width:
                        self._record += 1
                        rows.append(cells)
                        records.append(self._record)
                        lines.append(self._line)
                        self._line += 1
                        at = feed + 1
                        continue
            if (sound := self._sound_at(buffer, at, clean_until)) is not None:
                cells, after = sound
                self._record += 1
                rows.append(cells)
                records.append(self._record)
                lines.append(self._line)
                self._line += self._lines(buffer, at, after)
                at = after
                continue
            ends = tokens.line_end(buffer, at, final=final)
            if ends is not None and self._skipped(buffer[at : ends[0]]):
                at = ends[1]
                self._line += 1
                continue
            token = tokens.record(buffer, at, final=final)
            if token is None:
                break
            spans = 1 if ends is not None and token.after == ends[1] else 0
            if token.cells is None or (
                len(token.cells) != width and not spans and self._lines(buffer, at, token.after) > 1
            ):
                settled = self._faulty(buffer, at, token, final)
                if settled is None:
                    break
                token = settled
                spans = 0
            if token.end - at > self._max_record:
                raise self._too_long()
            self._record += 1
            fault = self._fault_of(buffer, at, token, clean_until)
            if fault is None:
                assert token.cells is not None  # noqa: S101 - else it has a fault
                rows.append(token.cells)
                records.append(self._record)
                lines.append(self._line)
            else:
                rejects.append(self._reject(buffer[at : token.end], *fault))
            self._line += spans or self._lines(buffer, at, token.after)
            at = token.after
        if not rows and not rejects:
            return at, None
        return at, Chunk(
            self._batch_of(rows), np.array(records, np.int64), np.array(lines, np.int64), rejects
        )

    def _sound_at(self, buffer: bytes, at: int, clean_until: int) -> tuple[Cells, int] | None:
        """A record that is sound at a glance: right width, no odd bytes, no blank or comment."""
        first = buffer[at]
        if first in _BLANKS or first in b"\r\n":
            return None
        if self._comment and buffer.startswith(self._comment, at):
            return None
        if self._header_text and buffer.startswith(self._header_text, at):
            return None
        found = self._tokens.sound_record(buffer, at)
        return found if found is not None and found[1] <= clean_until else None

    def _fault_of(self, buffer: bytes, at: int, token: Token, clean_until: int) -> Fault | None:
        """``(rule, found, accepted)`` where the record cannot be taken, else None."""
        if self._header_text and buffer[at : token.end] == self._header_text:
            return HEADER_AGAIN
        if token.end > clean_until:
            raw = buffer[at : token.end]
            if not raw.isascii() and not _is_utf8(raw):
                return not_encoded(self._encoding)
            if b"\0" in raw:
                return ZERO_BYTE
        if token.cells is None:
            return quoting(token.fault)
        if len(token.cells) != self._width:
            return ragged(len(token.cells), self._width)
        return None

    def _reject(
        self, raw: bytes, rule: str, found: str, accepted: str, record: int = 0, line: int = 0
    ) -> Reject:
        return Reject(
            record=record or self._record,
            line=line or self._line,
            rule=rule,
            text=shown(raw),
            found=found,
            accepted=accepted,
        )

    def _faulty(self, buffer: bytes, at: int, token: Token, final: bool) -> Token | None:
        """Settles how far a record reaches whose quotes do not add up; None: more is needed.

        It ends before the next line at which a record begins beyond doubt, so that one stray
        quote costs one record and not all that follow.
        """
        if token.fault == "astray":
            return token
        ends = self._tokens.line_end(buffer, at, final=final)
        if ends is None:
            return None
        if token.fault == "inner" and token.end <= ends[0]:
            cells = self._tokens.repaired(buffer[at : ends[0]], self._width)
            if cells is not None:
                self.repairs += 1
            return Token(cells, ends[0], ends[1], token.fault)
        end, after = ends
        while after < len(buffer) and after - at <= self._limits.max_cell_bytes:
            following = self._tokens.line_end(buffer, after, final=final)
            if following is None:
                break
            if buffer[after : following[0]].strip(_BLANKS):
                sound = self._tokens.begins_sound(buffer, after, self._width, final=final)
                if sound is None:
                    return None
                if sound:
                    return Token(None, end, after, token.fault or "ragged")
            end, after = following
        if not final and after - at <= self._limits.max_cell_bytes:
            return None
        if token.fault == "open" and self._ends_whole(buffer, at, final):
            return Token(None, *ends, token.fault)
        if token.fault == "open":
            raise SourceError(
                f"{self._name}: in record {self._record + 1:,}, at line {self._line:,}, a quote "
                f"({self._dialect.quote}) opens a cell and is not closed before the end of the "
                f"file, or within {self._limits.max_cell_bytes:,} bytes"
                + ". The file was probably cut short: export it again. If the quote is only a "
                "character of the text, correct that line, or name another quote in the spec."
            )
        if token.cells is not None:
            return token
        return Token(None, *ends, token.fault)

    def _ends_whole(self, buffer: bytes, at: int, final: bool) -> bool:
        """Whether the record at ``at`` is the last line of the file, and that has its line end.

        Then a quote that is open in it is a fault of this record; a file that is cut short ends
        within a line, or within a cell of several lines.
        """
        if not final or len(buffer) - at > self._limits.max_cell_bytes:
            return False
        ends = self._tokens.line_end(buffer, at, final=True)
        return (
            ends is not None
            and ends[1] > ends[0]
            and not buffer[ends[1] :].strip(_BLANKS + b"\r\n")
        )

    def _batch_of(self, rows: list[Cells]) -> pa.RecordBatch:
        columns = zip(*rows, strict=True) if rows else ((),) * self._width
        return pa.RecordBatch.from_arrays(
            [pa.array(column, pa.binary()).cast(pa.string()) for column in columns],
            schema=self.schema,
        )

    # ------------------------------------------------------------------ the fast part

    def _fast_part(self, buffer: bytes, at: int, end: int, final: bool) -> tuple[int, Chunk | None]:
        """Bytes used from ``at``, always whole records, and what was read from them."""
        data = buffer if at == 0 and end == len(buffer) else buffer[at:end]
        tokens = self._tokens
        plain = plain_block(data, tokens, final=final)
        if plain is None or not plain.text:
            return 0, None
        layout = Layout(
            plain.text,
            plain.delimiter,
            tokens.quote if tokens.quote and tokens.quote in plain.text else b"",
            plain.final,
            literal_quotes=not self._dialect.spaced,
        )
        used, chunk = self._sound_records(layout, plain)
        return plain.original_length(used), chunk

    def _sound_records(self, layout: Layout, plain: PlainBlock) -> tuple[int, Chunk | None]:
        data = layout.data
        ends = layout.record_ends
        if not ends.size:
            return 0, None
        starts = np.empty_like(ends)
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
        text_ends = layout.text_ends(starts, ends)
        lengths = text_ends - starts
        widths = layout.cells_per_record(ends)

        skipped = lengths == 0
        stop = ends.size
        for i in self._maybe_skipped(layout, starts, lengths):
            text = plain.original(data[starts[i] : text_ends[i]])
            skipped[i] = self._skipped(text)
            if skipped[i] and layout.quoted and self._tokens.quote in text:
                # Quotes in a comment open nothing, but were counted as if they did.
                stop = int(i)
                break
        uneven = (widths != self._width) & ~skipped

        # A record that is too long, or ragged over several lines, is for the tolerant part.
        longest = self._limits.max_cell_bytes // (1 + plain.grown)
        if lengths.max() > longest:
            stop = min(stop, int(np.argmax(lengths > longest)))
        first_lines = layout.lines_before(starts)
        if layout.quoted and uneven.any():
            over = uneven & (layout.lines_before(ends) > first_lines)
            if over.any():
                stop = min(stop, int(np.argmax(over)))
        if stop == 0:
            return 0, None
        starts, ends, text_ends = starts[:stop], ends[:stop], text_ends[:stop]
        skipped, uneven, widths = skipped[:stop], uneven[:stop], widths[:stop]
        used = min(int(ends[-1]) + 1, len(data))

        ordinals = self._record + np.cumsum(~skipped)
        lines = self._line + first_lines[:stop]
        faults = byte_faults(data, used, ends, skipped, self._encoding)
        header = plain.stand_in(self._header_text)
        faults.update(header_faults(data, used, starts, text_ends, header))
        bad = uneven.copy()
        if faults:
            bad[list(faults)] = True
        good = ~(bad | skipped)
        batch = self._parsed(plain, starts, ends, good, used, layout.quoted)
        if batch is None:
            return 0, None
        rejects = [
            self._reject(
                plain.original(data[starts[i] : text_ends[i]]),
                *(faults.get(int(i)) or ragged(int(widths[i]), self._width)),
                record=int(ordinals[i]),
                line=int(lines[i]),
            )
            for i in np.flatnonzero(bad)
        ]
        self._record = int(ordinals[-1])
        self._line += layout.lines_until(used)
        return used, Chunk(batch, ordinals[good], lines[good], rejects)

    def _maybe_skipped(self, layout: Layout, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        first = layout.bytes[np.minimum(starts, len(layout.data) - 1)]
        maybe = np.isin(first, np.frombuffer(_BLANKS, np.uint8))
        if self._comment:
            maybe |= first == self._comment[0]
        return np.flatnonzero(maybe & (lengths > 0))

    def _parsed(
        self,
        plain: PlainBlock,
        starts: np.ndarray,
        ends: np.ndarray,
        good: np.ndarray,
        used: int,
        quoted: bool,
    ) -> pa.RecordBatch | None:
        """The good records' cells by Arrow's parser, or None where it sees them otherwise."""
        count = int(good.sum())
        if count == 0:
            return self._batch_of([])
        if count == good.size:
            source = pa.py_buffer(plain.text).slice(0, used)
        else:
            edges = np.flatnonzero(np.diff(np.concatenate(([0], good.astype(np.int8), [0]))))
            source = pa.py_buffer(
                b"".join(
                    plain.text[starts[a] : ends[b - 1] + 1]
                    for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
                )
            )
        nulls = [""] if self._dialect.empty_is_null else []
        batch = parsed_by_arrow(
            source,
            self.schema,
            count,
            delimiter=plain.delimiter.decode(),
            quote=self._dialect.quote if quoted else "",
            nulls=[*nulls, r"\N"] if self._tokens.backslash else nulls,
        )
        return batch if batch is None else plain.cells_restored(batch)


def _last_marked(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    previous: bytes | None = None
    for block in blocks:
        if previous is not None:
            yield previous, False
        previous = block
    yield previous or b"", True


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
