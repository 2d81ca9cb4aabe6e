"""The reader of CSV files of any dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.bytes_in import open_bytes
from ispmig_pipelines.formats.csv.detect import Finding, detect_dialect
from ispmig_pipelines.formats.csv.dialect import CsvDialect, CsvOptions, column_names
from ispmig_pipelines.formats.csv.lines import ends_in_reverse, without_stray_marks
from ispmig_pipelines.formats.csv.readings import A_TABLE
from ispmig_pipelines.formats.csv.scan import BLOCK_BYTES, Chunk, Scanner
from ispmig_pipelines.formats.encoding import Encoding, utf8_blocks
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import (
    DEFAULT_BATCH_SIZE,
    Detected,
    Records,
    Reject,
)
from ispmig_pipelines.remote import SourceFile

MOST_FOOTER_LINES = 10

_FOOTER = re.compile(
    r"\s*[\"']?(?:\(?\d[\d,. ]*\s*(?:rows?|records?|lines?|entries|items)\b"
    r"|(?:grand\s+)?(?:sub)?totals?\b|sum\b|(?:row|record)s?\s*(?:count|affected)?\s*[:=]"
    r"|count\s*[:=]|number\s+of\b|end\s+of\b|\**\s*end\b|eof\b|generated\b|exported\b|report\b"
    r"|page\s+\d|printed\b|[-=*_]{3,}|итого|всего|gesamt|summe|suma\b|somme\b|totale\b|razem)",
    re.IGNORECASE,
)
"""How a line begins that closes a report and is no record."""


class CsvReader:
    """One CSV file; see :class:`~ispmig_pipelines.formats.records.Reader`.

    Blank lines are no records (in a table of one column: empty ones); lines of nothing but
    delimiters are.
    """

    def __init__(
        self,
        path: SourceFile,
        sample: bytes,
        encoding: Encoding,
        *,
        whole: bool,
        options: CsvOptions | None = None,
        compression: str = "",
        member: str = "",
        limits: ReadLimits = DEFAULT_LIMITS,
        fast: bool = True,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Settles the dialect and the columns from the sample.

        Args:
            path: the file.
            sample: the beginning of its content.
            encoding: what it is written in.
            whole: the sample is all of the content.
            options: what the spec says about the file.
            fast: whether the fast path may be used; without it every record is read by the
                tolerant one. Both give the same records.
            block_bytes: how much is analysed at a time.

        Raises:
            SourceError: the file has no records and no header, or the options do not fit it.
        """
        self._path = path
        self._encoding = encoding
        self._limits = limits
        self._fast = fast
        self._block_bytes = block_bytes
        self._member = member
        self._sha256 = ""
        status = path.stat()
        self.size = status.st_size
        self._changed_at = status.st_mtime_ns
        options = options or CsvOptions()
        blocks = _Blocks(sample, block_bytes)
        prepared = b"".join(utf8_blocks(blocks.read, replace(encoding), block_bytes))
        self._reversed_ends = ends_in_reverse(prepared)
        prepared = b"".join(without_stray_marks([prepared], self._reversed_ends))
        text = prepared.decode("utf-8", "replace")
        finding = detect_dialect(text, options, whole=whole)
        self.dialect: CsvDialect = finding.dialect
        self._columns, self.raw_header = self._named(prepared, finding, options, whole)
        self._table = _table_name(path, member)
        self._detected = Detected(
            format="csv",
            encoding=encoding.name,
            compression=compression,
            delimiter=self.dialect.delimiter,
            dialect=self.dialect.described(),
            notes=(*encoding.notes, *_notes_on_ends(self._reversed_ends), *finding.notes),
            questions=tuple(q for q in (encoding.question, *finding.questions) if q),
        )

    @property
    def detected(self) -> Detected:
        """How the file is written; footer lines are noted once it has been read to its end."""
        return self._detected

    def __enter__(self) -> CsvReader:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def tables(self) -> list[str]:
        """The one table, named after the file (or the member of an archive)."""
        return [self._table]

    def columns(self, table: str) -> list[str]:
        """Names of the columns; see :func:`column_names` for blank and repeated ones."""
        self._check_table(table)
        return list(self._columns)

    def sha256(self) -> str:
        """Hex SHA-256 of the file on the disk, once a pass of ``batches`` came to its end."""
        if not self._sha256:
            raise ValueError("the file has not been read to its end")
        return self._sha256

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The records, from the beginning, at most ``size`` a batch.

        Raises:
            SourceError: the file is cut short, or breaks in a way no single record bears.
        """
        self._check_table(table)
        if size < 1:
            raise ValueError("size must be at least 1")
        scanner = self._scanner(self.dialect, self._columns)
        collected = _Collected(scanner.schema, size)
        with open_bytes(self._path, limits=self._limits, member=self._member) as source:
            if (source.size, source.changed_at) != (self.size, self._changed_at):
                raise SourceError(
                    f"{self._path} changed after its dialect was found out. Wait until the "
                    "export is finished and run again."
                )
            blocks: Iterable[bytes] = utf8_blocks(source.read, self._encoding, self._block_bytes)
            blocks = without_stray_marks(blocks, self._reversed_ends)
            if self.dialect.footer_lines:
                blocks = _without_last_lines(
                    blocks, self.dialect.footer_lines, self.dialect.line_end == "CR"
                )
            for chunk in scanner.chunks(blocks):
                chunk.bytes_read = source.bytes_read
                yield from collected.add(chunk)
            source.read(1)
            digest = source.sha256()
            bytes_read = source.bytes_read
        if self.dialect.footer_lines is None:
            self._note_footer(*collected.take_footer(len(self._columns)))
        yield from collected.rest(bytes_read)
        self._sha256 = digest
        if collected.alike.count >= A_TABLE:
            alike = collected.alike
            self._note(
                f"{alike.count:,} records of {alike.width} cells follow each other from line "
                f"{alike.line:,}, probably another table; they are rejected. Split the file to "
                "read them"
            )
        if scanner.repairs:
            self._note(
                f"{scanner.repairs:,} record(s) have bare quotes inside quoted cells; they were "
                "read as text, the one reading that gives the right number of cells"
            )

    def _scanner(self, dialect: CsvDialect, columns: list[str]) -> Scanner:
        return Scanner(
            str(self._path),
            dialect,
            columns,
            self._encoding.name,
            limits=self._limits,
            fast=self._fast,
            block_bytes=self._block_bytes,
        )

    def _check_table(self, table: str) -> None:
        if table != self._table:
            raise SourceError(
                f"{self._path} has no table {table!r}; its one table is {self._table!r}."
            )

    def _note(self, note: str) -> None:
        if note not in self._detected.notes:
            self._detected = replace(self._detected, notes=(*self._detected.notes, note))

    def _note_footer(self, lines: int, first: int) -> None:
        if not lines:
            return
        self._note(
            f"{lines} line(s) after the last record, from line {first:,}, were taken for a "
            "footer and are no records"
        )
        dialect = {**self._detected.dialect, "footer_lines": str(lines)}
        self._detected = replace(self._detected, dialect=dialect)

    def _named(
        self, prepared: bytes, finding: Finding, options: CsvOptions, whole: bool
    ) -> tuple[list[str], list[str]]:
        """Names of the columns, and the header's cells as they stand."""
        dialect = finding.dialect
        raw: list[str] = []
        if dialect.header_rows:
            found = self._scanner(dialect, [""] * max(finding.width, 1)).header(
                prepared, final=whole
            )
            if found is None or not found[0]:
                raise SourceError(
                    f"{self._path} has no header where one was expected"
                    + (f", after {dialect.skip_lines} line(s)" if dialect.skip_lines else "")
                    + ": it holds nothing but blank lines and comments there. Export it again, "
                    "or say in the spec where its header is."
                )
            raw = _joined([[_text(cell) for cell in row] for row in found[0]])
        width = finding.width or len(raw)
        if not finding.named:
            raw = [] if options.columns is None else raw
        elif raw and len(raw) != width:
            # Settled by the evidence: one of the two ends its lines with a delimiter more.
            raw = (raw + [""] * width)[:width]
        if options.columns is not None:
            if width and len(options.columns) != width:
                raise SourceError(
                    f"{self._path} has {width} columns and the spec names "
                    f"{len(options.columns)}. Name all of them, in order, or correct the "
                    "delimiter."
                )
            names, raw = list(options.columns), raw or list(options.columns)
        elif raw:
            names = column_names(raw)
        else:
            names = [f"column_{i}" for i in range(1, width + 1)]
        if not names:
            raise SourceError(
                f"{self._path} holds no record and no header. Export it again, or name its "
                "columns in the spec."
            )
        if len(names) > self._limits.max_columns:
            raise SourceError(
                f"{self._path} has {len(names):,} columns with "
                f"{dialect.delimiter!r} as the delimiter; the limit is "
                f"{self._limits.max_columns:,}. Name the right delimiter in the spec."
            )
        return names, raw


def _notes_on_ends(reverse: bool) -> tuple[str, ...]:
    said = "lines end in a line feed and a carriage return, in this order"
    return (said,) if reverse else ()


class _Blocks:
    """The sample, read like a file."""

    def __init__(self, sample: bytes, size: int) -> None:
        self._sample = sample
        self._at = 0

    def read(self, count: int) -> bytes:
        part = self._sample[self._at : self._at + count]
        self._at += len(part)
        return part


@dataclass
class _Stretch:
    """Rejects of one width that follow each other: a second table in the file, if many."""

    width: int = 0
    line: int = 0
    count: int = 0
    last: int = 0

    def grown(self, reject: Reject) -> _Stretch:
        width = int(reject.found) if reject.rule == "record.ragged" else 0
        if width and width == self.width and reject.record == self.last + 1:
            return replace(self, count=self.count + 1, last=reject.record)
        return _Stretch(width, reject.line or 0, 1 if width else 0, reject.record)


class _Collected:
    """Chunks of any size on one side, batches of the wished size on the other."""

    def __init__(self, schema: pa.Schema, size: int) -> None:
        self._schema = schema
        self._size = size
        self._chunks: list[Chunk] = []
        self._rows = 0
        self._rejects: list[Reject] = []
        self._bytes_read = 0
        self._last_record = 0
        self._stretch = _Stretch()
        self.alike = _Stretch()

    def add(self, chunk: Chunk) -> Iterator[Records]:
        self._bytes_read = chunk.bytes_read
        self._rejects.extend(chunk.rejects)
        for reject in chunk.rejects:
            self._stretch = self._stretch.grown(reject)
            if self._stretch.count > self.alike.count:
                self.alike = self._stretch
        if chunk.record.size:
            self._chunks.append(chunk)
            self._rows += chunk.record.size
            self._last_record = int(chunk.record[-1])
        while self._rows >= self._size + MOST_FOOTER_LINES:
            yield self._batch(self._size, self._bytes_read)
        if len(self._rejects) >= max(self._size, MOST_FOOTER_LINES + 1):
            keep = self._rejects[-MOST_FOOTER_LINES:]
            held = len(self._rejects) - len(keep)
            early, self._rejects = self._rejects[:held], self._rejects[held:]
            yield self._batch(self._rows, self._bytes_read, early)

    def rest(self, bytes_read: int) -> Iterator[Records]:
        while self._rows > self._size:
            yield self._batch(self._size, bytes_read)
        if self._rows or self._rejects:
            rejects, self._rejects = self._rejects, []
            yield self._batch(self._rows, bytes_read, rejects)

    def take_footer(self, width: int) -> tuple[int, int]:
        """Removes the lines after the last record that close a report; how many, and the first.

        A spreadsheet pads them to the table's width: a line with nothing but its first cell, as
        far as that begins like a footer, is one too.
        """
        ragged = self._ragged_footer(width)
        padded = self._padded_footer() if width > 2 and not self._trailing() else []
        if ragged:
            return len(ragged), ragged[0].line or 0
        return len(padded), padded[0] if padded else 0

    def _trailing(self) -> list[Reject]:
        return [r for r in self._rejects if r.record > self._last_record]

    def _padded_footer(self) -> list[int]:
        """Removes them, with blank lines above and among them, and returns their lines."""
        footer = blank = 0
        for count, row in enumerate(self._last_rows(MOST_FOOTER_LINES + 1), start=1):
            if any(row[1:]):
                break
            if row[0] and _FOOTER.match(row[0]):
                footer, blank = count, 0
            elif row[0]:
                blank = -1
            elif footer and blank == count - footer - 1:
                blank += 1
        count = footer + max(blank, 0) if footer else 0
        if not count or count > MOST_FOOTER_LINES or count >= self._last_record:
            return []
        return self._without_last(count)

    def _last_rows(self, count: int) -> Iterator[tuple[str | None, ...]]:
        """The last rows, the last one first."""
        for chunk in reversed(self._chunks):
            tail = chunk.cells.slice(max(chunk.record.size - count, 0))
            rows = list(zip(*(column.to_pylist() for column in tail.columns), strict=True))
            yield from reversed(rows)
            count -= len(rows)
            if count <= 0:
                return

    def _without_last(self, count: int) -> list[int]:
        """Takes the last rows away, and returns their lines."""
        lines: list[int] = []
        while len(lines) < count:
            chunk = self._chunks.pop()
            keep = max(chunk.record.size - (count - len(lines)), 0)
            lines = [*chunk.line[keep:].tolist(), *lines]
            if keep:
                self._chunks.append(
                    Chunk(chunk.cells.slice(0, keep), chunk.record[:keep], chunk.line[:keep])
                )
        self._rows -= count
        return lines

    def _ragged_footer(self, width: int) -> list[Reject]:
        trailing = self._trailing()
        if not trailing or len(trailing) > MOST_FOOTER_LINES or width < 2:
            return []
        if any(r.rule != "record.ragged" or int(r.found) > width for r in trailing):
            return []
        first = next((i for i, r in enumerate(trailing) if _FOOTER.match(r.text)), None)
        if first is None:
            return []
        footer = trailing[first:]
        self._rejects = self._rejects[: len(self._rejects) - len(footer)]
        return footer

    def _batch(self, rows: int, bytes_read: int, rejects: list[Reject] | None = None) -> Records:
        cells: list[pa.RecordBatch] = []
        record: list[np.ndarray] = []
        line: list[np.ndarray] = []
        missing = rows
        while missing:
            chunk = self._chunks[0]
            take = min(missing, chunk.record.size)
            cells.append(chunk.cells.slice(0, take))
            record.append(chunk.record[:take])
            line.append(chunk.line[:take])
            if take == chunk.record.size:
                self._chunks.pop(0)
            else:
                self._chunks[0] = Chunk(
                    chunk.cells.slice(take), chunk.record[take:], chunk.line[take:]
                )
            missing -= take
        self._rows -= rows
        if rejects is None:
            last = int(record[-1][-1])
            count = next(
                (i for i, r in enumerate(self._rejects) if r.record > last), len(self._rejects)
            )
            rejects, self._rejects = self._rejects[:count], self._rejects[count:]
        return Records(
            cells=_one(cells, self._schema),
            record=pa.array(np.concatenate(record) if record else [], pa.int64()),
            line=pa.array(np.concatenate(line) if line else [], pa.int64()),
            rejects=tuple(rejects),
            bytes_read=bytes_read,
        )


def _one(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    if not batches:
        return pa.RecordBatch.from_arrays([pa.array([], pa.string())] * len(schema), schema=schema)
    return pa.concat_batches(batches)


def _text(cell: bytes | None) -> str:
    return (cell or b"").decode("utf-8", "replace").replace("\x00", "")


def _joined(rows: list[list[str]]) -> list[str]:
    """One name per column from several header rows, top to bottom, with a blank between.

    A cell of an upper row reaches over the blank ones to its right, as a merged cell of a
    spreadsheet does.
    """
    if len(rows) == 1:
        return rows[0]
    width = max(len(row) for row in rows)
    parts: list[list[str]] = [[] for _ in range(width)]
    for row in rows[:-1]:
        above = ""
        for i in range(width):
            above = (row[i].strip() if i < len(row) else "") or above
            if above:
                parts[i].append(above)
    for i, cell in enumerate(rows[-1]):
        if cell.strip():
            parts[i].append(cell.strip())
    return [" ".join(part) for part in parts]


def _table_name(path: SourceFile, member: str) -> str:
    name = Path(member).name if member else path.name
    for suffix in (".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip"):
        name = name.removesuffix(suffix)
    stem = re.sub(r"\.(?:csv|tsv|txt|tab|psv|dat|exp|lst)$", "", name, flags=re.IGNORECASE)
    return stem or name


def _without_last_lines(blocks: Iterable[bytes], count: int, by_return: bool) -> Iterator[bytes]:
    """The stream without its last ``count`` lines; blank lines at the very end do not count."""
    newline = b"\r" if by_return else b"\n"
    kept = b""
    for block in blocks:
        kept += block
        lines_held = count + 64
        place = len(kept)
        for _ in range(lines_held):
            place = kept.rfind(newline, 0, place)
            if place < 0:
                break
        if place > 0:
            yield kept[: place + 1]
            kept = kept[place + 1 :]
    lines = kept.rstrip(b"\r\n").split(newline)
    remaining = lines[:-count]
    if remaining:
        yield newline.join(remaining) + newline
