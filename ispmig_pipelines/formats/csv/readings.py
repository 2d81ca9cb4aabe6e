"""Candidate readings of a CSV's sample, weighed against each other.

A reading is good when its records have the same number of cells (the pattern) and when its cells
look like values, not like pieces of values or several of them in one (the types): the idea of a
*data consistency measure* by van den Burg, Nazábal and Sutton, "Wrangling messy CSV files by
detecting row and type patterns" (2019). The scores here are our own, and faults of quoting, empty
columns and odd delimiters count too.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from ispmig_pipelines.formats.csv.candidates import (
    comments,
    delimiters,
    escapes,
    is_weak,
    prior,
    quotes,
    spacings,
)
from ispmig_pipelines.formats.csv.dialect import CsvDialect, CsvOptions
from ispmig_pipelines.formats.csv.lines import whole_lines
from ispmig_pipelines.formats.csv.tokens import Tokenizer
from ispmig_pipelines.formats.shapes import EMPTY, NULL_WORDS, TEXT, shape

TYPED_RECORDS = 300
"""How many records the types of cells are taken from."""

A_TABLE = 10
"""From how many records of one width on they may be a table of their own."""

_BARE_QUOTES = 0.3
"""The fault of a record that can be read if bare quotes inside its quoted cells are text."""

_NOT_IN_FIRST_LINE = 0.2
_SINGLE_VALUES = frozenset({"email", "mac", "ip", "uuid", "url", "date", "datetime", "time"})

_GLANCE_BYTES = 32 << 10
_CLEAR_SCORE = 0.6
_QUICK_BYTES = 256 << 10
_MOST_RECORDS = 3_000
_CELL_LIMIT = 1 << 20


@dataclass
class Row:
    """One record of the sample in one reading.

    Attributes:
        cells: as text; null cells are empty here.
        line: its first line, from 1 where the reading begins.
        lines: how many lines it takes.
        fault: how much its quotes do not add up: 0 for not at all, 1 where they make no sense.
        text: as it stands.
    """

    cells: list[str]
    line: int
    lines: int
    fault: float
    text: str


@dataclass
class Reading:
    """The sample read in one dialect, and how well that fits.

    Attributes:
        width: how many cells most records have.
        score: what readings are ranked by; from ``pattern`` (records of one width) and ``types``
            (cells that look like values), both from 0 to 1.
    """

    dialect: CsvDialect
    rows: list[Row]
    width: int
    score: float
    pattern: float
    types: float


def readings(
    body: str, base: CsvDialect, options: CsvOptions, delimiter: str | None, whole: bool
) -> list[Reading]:
    """All candidate readings, the best first."""
    quick = body if len(body) <= _QUICK_BYTES else whole_lines(body[:_QUICK_BYTES], True)
    marks = [delimiter] if delimiter else delimiters(quick) if quick.strip() else [","]
    remarks = [options.comment] if options.comment is not None else comments(quick)
    cut = not whole or len(quick) < len(body)
    dialects = [
        replace(base, delimiter=mark, quote=quote, escape=escape, spaced=spaced, comment=comment)
        for mark in marks
        for quote in quotes(quick, mark, options)
        for escape in escapes(quick, mark, quote, options)
        for spaced in spacings(quick, mark, quote)
        for comment in remarks
        if comment != mark
    ]
    # The sort is stable: of equal readings the plainer candidate, which came first, wins.
    if len(quick) > 2 * _GLANCE_BYTES:
        glance = whole_lines(quick[:_GLANCE_BYTES], True)
        found = sorted((_read(glance, d, options, True) for d in dialects), key=_rank)
        if found[0].score >= _CLEAR_SCORE:
            dialects = [r.dialect for r in found if r.score >= found[0].score * 0.7]
    found = sorted((_read(quick, d, options, cut) for d in dialects), key=_rank)
    best = found[0]
    if delimiter is None and (wider := _with_blank(quick, best, options, not whole)) is not None:
        found[0] = best = wider
    if len(quick) < len(body):
        found[0] = _read(body, best.dialect, options, not whole)
        found[0].score = best.score
    if options.comment is None and not found[0].dialect.comment:
        comment = _comment_by_width(found[0])
        if comment:
            score = found[0].score
            found[0] = _read(body, replace(found[0].dialect, comment=comment), options, not whole)
            found[0].score = score
    return found


def _rank(reading: Reading) -> float:
    return -reading.score


def _with_blank(sample: str, reading: Reading, options: CsvOptions, cut: bool) -> Reading | None:
    """The same reading where each delimiter has a blank after it, which belongs to no cell."""
    mark = reading.dialect.delimiter + " "
    if reading.width < 2 or len(reading.rows) < 2 or mark.isspace() or mark not in sample:
        return None
    wider = _read(sample, replace(reading.dialect, delimiter=mark, spaced=False), options, cut)
    if [len(row.cells) for row in wider.rows] != [len(row.cells) for row in reading.rows]:
        return None
    wider.score = reading.score
    return wider


def _comment_by_width(reading: Reading) -> str:
    """What lines begin with that are all no records, because they have other numbers of cells.

    Too few of them to sway the score: three comments among ten thousand records.
    """
    if reading.width < 2:
        return ""
    for mark in ("#", "//", "--", "%"):
        marked = [row for row in reading.rows if row.text.startswith(mark)]
        if marked and all(len(row.cells) != reading.width for row in marked):
            return mark
    return ""


def _rows(sample: str, dialect: CsvDialect, cut: bool) -> list[Row]:
    """The sample's records; ``cut``: the file goes on after the sample."""
    data = sample.encode("utf-8", "replace")
    tokens = Tokenizer(dialect, max_cell_bytes=_CELL_LIMIT)
    comment = dialect.comment.encode()
    rows: list[Row] = []
    at, line, size = 0, dialect.skip_lines + 1, len(data)
    while at < size and len(rows) < _MOST_RECORDS:
        ends = tokens.line_end(data, at, final=True)
        assert ends is not None  # noqa: S101 - the text is final
        text = data[at : ends[0]]
        if not text.strip(b" \t") and tokens.delimiter not in text:
            at, line = ends[1], line + 1
            continue
        if comment and text.startswith(comment):
            at, line = ends[1], line + 1
            continue
        token = tokens.record(data, at, final=True)
        fault = 1.0 if token is None or token.cells is None else 0.0
        if token is not None and token.fault == "open" and cut and len(rows) >= 10:
            # The sample ends within a quoted cell, as it may.
            break
        if token is None or token.cells is None:
            lenient = tokens.lenient(text)
            fault = _BARE_QUOTES if lenient else fault
            cells = lenient or [part or None for part in text.split(tokens.delimiter)]
            end, after = ends
        else:
            cells, end, after = token.cells, token.end, token.after
            if tokens.quote and not fault:
                fault = float(_has_stray_quote(cells, tokens.quote, data[at:end]))
        lines = max(len(tokens.newline.findall(data, at, after)), 1)
        rows.append(
            Row(
                [(cell or b"").decode("utf-8", "replace") for cell in cells],
                line,
                lines,
                fault,
                data[at:end].decode("utf-8", "replace"),
            )
        )
        at, line = after, line + lines
    return rows


def _has_stray_quote(cells: list[bytes | None], quote: bytes, raw: bytes) -> bool:
    """Whether cells begin *and* end with the quote's own characters left in them."""
    if quote not in raw:
        return False
    return any(
        cell is not None and len(cell) > 2 and cell.strip()[:1] == quote == cell.strip()[-1:]
        for cell in cells
    )


def _read(sample: str, dialect: CsvDialect, options: CsvOptions, cut: bool) -> Reading:
    rows = _rows(sample, dialect, cut)
    if not rows:
        return Reading(dialect, rows, 0, 0.0, 0.0, 0.0)
    width = _usual_width(rows, options)
    fitting = [row for row in rows if len(row.cells) == width]
    pattern = _pattern_score(rows, width)
    types = _type_score(fitting, dialect)
    faults = sum(row.fault for row in rows) / len(rows)
    blank = _blank_columns(fitting, width)
    score = pattern * types * prior(dialect.delimiter) * (1 - 0.7 * faults) * (1 - 0.6 * blank)
    if len(rows[0].cells) != width:
        # A header has as many cells as its records. A title has not, but so it is in all readings.
        score *= 0.85
        if len(rows[0].cells) == 1 and is_weak(dialect.delimiter):
            # Who writes names of columns puts between them what stands between the values.
            score *= _NOT_IN_FIRST_LINE
    if width > 1 and is_weak(dialect.delimiter) and _single_values(rows):
        score *= _NOT_IN_FIRST_LINE
    if dialect.comment:
        score *= 0.97
        marked = sample.count("\n" + dialect.comment) + sample.startswith(dialect.comment)
        if marked > len(rows) and options.comment is None:
            score *= 0.5
    if dialect.escape == "backslash":
        score *= 0.995
    return Reading(dialect, rows, width, score, pattern, types)


def _single_values(rows: list[Row]) -> bool:
    """Whether the lines as a whole are values: a MAC's colons delimit no cells."""
    sample = rows[1:TYPED_RECORDS] or rows
    return sum(shape(row.text) in _SINGLE_VALUES for row in sample) >= 0.9 * len(sample)


def _usual_width(rows: list[Row], options: CsvOptions) -> int:
    counts = Counter(len(row.cells) for row in rows)
    most = max(counts.values())
    if options.columns and counts.get(len(options.columns), 0) == most:
        return len(options.columns)
    if most == 1 and len(rows) <= 3 and options.header is not False:
        # A header and one or two defective rows: the header is what the others are held to.
        return len(rows[0].cells)
    many = [w for w, count in counts.items() if w > 1 and count >= max(most * 0.8, A_TABLE)]
    if len(many) > 1:
        # Two tables in one file: the first is the file's, and the second's lines are rejected.
        return next(len(row.cells) for row in rows if len(row.cells) in many)
    return max((width for width, count in counts.items() if count == most), default=1)


def _pattern_score(rows: list[Row], width: int) -> float:
    """Near 1 for records of one width above 1; the more cells, the less it can be chance."""
    share = sum(len(row.cells) == width for row in rows) / len(rows)
    if width == 1:
        return 0.12 * share
    return share * (1 - 0.4 / width) * (0.6 + 0.4 * share)


def _blank_columns(rows: list[Row], width: int) -> float:
    """Which part of the columns holds nothing at all, not even a name."""
    if width < 3 or not rows:
        return 0.0
    blank = sum(all(not row.cells[i].strip() for row in rows) for i in range(width))
    return blank / width


_CLEAN_TEXT = re.compile(r"[^,;|\t:=~^\"\x01-\x08\x0e-\x1f]*", re.DOTALL)
_QUOTES = "'\"`"
_SINGLE = re.compile(r"[\w.\-]+")


def _type_score(rows: list[Row], dialect: CsvDialect) -> float:
    """How much the cells look like single values: 1 at best, not below 0.05."""
    if not rows:
        return 0.05
    step = max(len(rows) // TYPED_RECORDS, 1)
    total = count = 0.0
    quoted = dialect.quote
    for row in rows[::step]:
        for cell in row.cells:
            total += _cell_score(cell, row.text, quoted)
            count += 1
    return max(total / count, 0.05) if count else 0.05


def _cell_score(cell: str, raw: str, quote: str) -> float:
    kind = shape(cell)
    if kind == EMPTY:
        return 0.75
    if kind != TEXT:
        return 1.0
    text = cell.strip()
    if text.lower() in NULL_WORDS:
        return 1.0
    if _SINGLE.fullmatch(text):
        return 0.98
    if quote and quote + re.split(r"[\\\"'`]", cell[:20], maxsplit=1)[0] in raw:
        # Whatever it holds, its writer said where it begins and ends.
        return 0.95
    if (text[0] in _QUOTES) != (text[-1] in _QUOTES):
        # Half of a quoted cell, most likely.
        return 0.6
    if _CLEAN_TEXT.fullmatch(text):
        return 0.92 if "\n" not in text else 0.6
    if "\t" in text:
        return 0.1
    # Delimiters of other dialects inside: a piece of a sentence, or several cells in one.
    marks = sum(text.count(mark) for mark in ",;|:=~^")
    words = max(len(text.split()), 1)
    return max(0.2, 0.8 - 0.5 * marks / words) if " " in text else max(0.1, 0.5 - 0.12 * marks)


def rival(readings: list[Reading]) -> Reading | None:
    """Another delimiter that explains the sample about as well as the best."""
    best = readings[0]
    if best.width < 2 or best.score <= 0:
        return None
    for other in readings[1:]:
        if other.score < best.score * 0.93:
            return None
        mark = other.dialect.delimiter
        if best.dialect.delimiter not in (mark, mark + " ") and other.width > 1:
            return other
    return None


def named(mark: str) -> str:
    """A delimiter as a message names it."""
    names = {"\t": "tab", " ": "blank", ",": "comma", ";": "semicolon", "|": "pipe", ":": "colon"}
    return names.get(mark, repr(mark))
