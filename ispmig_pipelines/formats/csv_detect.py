"""How a CSV is written, by evidence: delimiter, quote, escape, preamble, header, comments.

Every candidate dialect reads the sample. A reading is good when its records have the same
number of cells (the pattern) and when its cells look like values, not like pieces of values or
several of them in one (the types): the idea of a *data consistency measure* by van den Burg,
Nazábal and Sutton, "Wrangling messy CSV files by detecting row and type patterns" (2019). The
scores here are our own, and faults of quoting, empty columns and odd delimiters count too.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from ispmig_pipelines.formats.csv_dialect import CsvDialect, CsvOptions, Escape
from ispmig_pipelines.formats.csv_tokens import Tokenizer
from ispmig_pipelines.formats.shapes import EMPTY, NULL_WORDS, TEXT, shape

_PRIOR: dict[str, float] = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0}
"""Weight of a delimiter before anything was read; see :func:`_prior` for the others."""

_RARE = "\x1f\x01\x1e\x02\x03¦§¬~^:#&*!$%@=+_/ "
_QUICK_BYTES = 256 << 10
_MOST_RECORDS = 3_000
_TYPED_RECORDS = 300
_CELL_LIMIT = 1 << 20


@dataclass
class Finding:
    """The dialect that fits best.

    Attributes:
        dialect: complete, what the options say put in.
        width: how many cells most records have; 0 for a sample without any record.
        notes: evidence worth telling.
        questions: why the evidence is split, and what to write in the spec.
    """

    dialect: CsvDialect
    width: int = 0
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


@dataclass
class _Row:
    cells: list[str]
    line: int
    lines: int
    fault: bool
    text: str


@dataclass
class _Reading:
    dialect: CsvDialect
    rows: list[_Row]
    width: int
    score: float
    pattern: float
    types: float


def detect_dialect(sample: str, options: CsvOptions, *, whole: bool) -> Finding:
    """Finds how the text is written.

    Args:
        sample: the beginning of the file, decoded, without a byte order mark.
        options: what the spec says; it is taken as it is.
        whole: the sample is the whole file.
    """
    any_newline, line_end = _line_ends(sample)
    base = CsvDialect(any_newline=any_newline, line_end=line_end)
    notes: list[str] = []
    questions: list[str] = []
    if not whole:
        sample = _whole_lines(sample, any_newline)
    skip = options.skip_lines or 0
    stated = re.match(r"\A\"?sep=(.{1,3}?)\"?[ \t]*(?:\r\n|\n|\r|\Z)", sample)
    delimiter = options.delimiter
    if options.skip_lines is None and stated:
        skip = 1
        delimiter = delimiter or stated.group(1)
        notes.append("the first line states the delimiter (sep=)")
    if isinstance(options.header, int | list) and not isinstance(options.header, bool):
        lines = [options.header] if isinstance(options.header, int) else options.header
        skip = lines[0] - 1
    body = _after_lines(sample, skip, any_newline)
    readings = _readings(body, base, options, delimiter, whole)
    best = readings[0]
    rival = _rival(readings)
    if rival is not None and delimiter is None:
        questions.append(
            f"The evidence on the delimiter is split between {_named(best.dialect.delimiter)} "
            f"and {_named(rival.dialect.delimiter)}. Name it in the spec (csv: delimiter)."
        )
    finding = Finding(replace(best.dialect, skip_lines=skip), best.width, notes, questions)
    _settle_beginning(finding, best, options, skip)
    _settle_rest(finding, options)
    return finding


def _settle_rest(finding: Finding, options: CsvOptions) -> None:
    finding.dialect = replace(
        finding.dialect,
        columns=tuple(options.columns or ()),
        footer_lines=options.footer_lines,
        empty_is_null=options.empty_is_null,
    )


# ---------------------------------------------------------------- line ends


def _line_ends(sample: str) -> tuple[bool, str]:
    """Whether a lone carriage return ends a line, and what ends most lines."""
    both = sample.count("\r\n")
    lone = len(re.findall(r"\r(?!\r*\n)", sample.removesuffix("\r")))
    feeds = sample.count("\n") - both
    lines = both + feeds
    if lone and (not lines or lone > lines):
        return True, "CR" if not lines else "mixed"
    if lone and lone * 4 > lines and '"' not in sample:
        return True, "mixed"
    if both and feeds and min(both, feeds) * 20 > lines:
        return False, "mixed"
    return False, "CRLF" if both > feeds else "LF"


def _whole_lines(sample: str, any_newline: bool) -> str:
    end = max(sample.rfind("\n"), sample.rfind("\r") if any_newline else -1)
    return sample[: end + 1] if end >= 0 else sample


def _after_lines(sample: str, count: int, any_newline: bool) -> str:
    pattern = re.compile(r"\r\n|\n|\r" if any_newline else r"\n")
    at = 0
    for _ in range(count):
        found = pattern.search(sample, at)
        if found is None:
            return ""
        at = found.end()
    return sample[at:]


# ---------------------------------------------------------------- candidates


def _readings(
    body: str, base: CsvDialect, options: CsvOptions, delimiter: str | None, whole: bool
) -> list[_Reading]:
    """All candidate readings, the best first."""
    quick = body if len(body) <= _QUICK_BYTES else _whole_lines(body[:_QUICK_BYTES], True)
    delimiters = [delimiter] if delimiter else _delimiters(quick) if quick.strip() else [","]
    comments = [options.comment] if options.comment is not None else _comments(quick)
    found: list[_Reading] = []
    for mark in delimiters:
        for quote in _quotes(quick, mark, options):
            for escape in _escapes(quick, mark, quote, options):
                for spaced in _spacings(quick, mark, quote):
                    for comment in comments:
                        if comment == mark:
                            continue
                        found.append(
                            _read(
                                quick,
                                replace(
                                    base,
                                    delimiter=mark,
                                    quote=quote,
                                    escape=escape,
                                    spaced=spaced,
                                    comment=comment,
                                ),
                                options,
                                not whole or len(quick) < len(body),
                            )
                        )
    # The sort is stable: of equal readings the plainer candidate, which came first, wins.
    found.sort(key=lambda reading: -reading.score)
    best = found[0]
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


def _comment_by_width(reading: _Reading) -> str:
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


def _delimiters(sample: str) -> list[str]:
    present = [mark for mark in _PRIOR if mark in sample]
    present += [mark for mark in _RARE if mark in sample]
    runs = Counter(re.findall(r"(?<![^\w\s\"'])[^\w\s\"'.\-/\\@()#]{2,4}(?![^\w\s\"'])", sample))
    runs.update(re.findall(r"(?<=[\w\"'])(?:\|\||;;|::|,,|\t\t|~\|~|\|~\||\^\|\^)", sample))
    lines = max(sample.count("\n"), sample.count("\r"), 1)
    multiple = [run for run, count in runs.most_common(6) if count >= lines * 0.5]
    return multiple + present or [","]


def _prior(mark: str) -> float:
    if mark in _PRIOR:
        return _PRIOR[mark]
    if len(mark) > 1:
        return 0.95
    if mark in "\x1f\x01\x1e\x02\x03¦§¬":
        return 0.95
    if mark in "~^":
        return 0.9
    if mark in ":#&*!$%@=+":
        return 0.7
    return 0.6


def _quotes(sample: str, mark: str, options: CsvOptions) -> list[str]:
    if options.quote is not None:
        return [options.quote]
    found = []
    for quote in "\"'`":
        q, d = re.escape(quote), re.escape(mark)
        opens = len(re.findall(rf"(?:^|{d}) *{q}", sample, re.MULTILINE))
        closes = len(re.findall(rf"{q} *(?:$|{d}|\r)", sample, re.MULTILINE))
        if min(opens, closes) > 0 or (quote == '"' and opens):
            found.append((min(opens, closes), quote))
    if not found:
        # Nothing is quoted in the sample; what comes later may be.
        return ['"']
    quotes = [quote for _, quote in sorted(found, key=lambda pair: -pair[0])]
    if '"' not in quotes:
        quotes.append('"')
    return quotes


def _escapes(sample: str, mark: str, quote: str, options: CsvOptions) -> list[Escape]:
    if options.escape is not None:
        return [options.escape]
    if "\\" not in sample:
        return ["doubled"]
    followed = [mark, "\\N"[1:]] + ([quote] if quote else [])
    if quote and "\\" + quote in sample:
        return ["doubled", "backslash"]
    if any("\\" + mark_ in sample for mark_ in followed):
        return ["doubled", "backslash"]
    return ["doubled"]


def _spacings(sample: str, mark: str, quote: str) -> list[bool]:
    if not quote or mark == " ":
        return [False]
    spaced = re.search(re.escape(mark) + " +" + re.escape(quote), sample)
    return [False, True] if spaced else [False]


def _comments(sample: str) -> list[str]:
    lines = re.split(r"\r\n|\n|\r", sample)
    starts = [mark for mark in ("#", "//", "--", "%") if any(ln.startswith(mark) for ln in lines)]
    return ["", *starts]


# ---------------------------------------------------------------- reading and scoring


def _rows(sample: str, dialect: CsvDialect, cut: bool) -> list[_Row]:
    """The sample's records; ``cut``: the file goes on after the sample."""
    data = sample.encode("utf-8", "replace")
    tokens = Tokenizer(dialect, max_cell_bytes=_CELL_LIMIT)
    comment = dialect.comment.encode()
    rows: list[_Row] = []
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
        fault = token is None or token.cells is None
        if token is not None and token.fault == "open" and cut and len(rows) >= 10:
            # The sample ends within a quoted cell, as it may.
            break
        if token is None or token.cells is None:
            cells = [part or None for part in text.split(tokens.delimiter)]
            end, after = ends
        else:
            cells, end, after = token.cells, token.end, token.after
            if tokens.quote and not fault:
                fault = _has_stray_quote(cells, tokens.quote, data[at:end])
        lines = max(len(tokens.newline.findall(data, at, after)), 1)
        rows.append(
            _Row(
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


def _read(sample: str, dialect: CsvDialect, options: CsvOptions, cut: bool) -> _Reading:
    rows = _rows(sample, dialect, cut)
    if not rows:
        return _Reading(dialect, rows, 0, 0.0, 0.0, 0.0)
    width = _usual_width(rows, options)
    fitting = [row for row in rows if len(row.cells) == width]
    pattern = _pattern_score(rows, width)
    types = _type_score(fitting, dialect)
    faults = sum(row.fault for row in rows) / len(rows)
    blank = _blank_columns(fitting, width)
    score = pattern * types * _prior(dialect.delimiter) * (1 - 0.7 * faults) * (1 - 0.6 * blank)
    if dialect.comment:
        score *= 0.97
    if dialect.escape == "backslash":
        score *= 0.995
    return _Reading(dialect, rows, width, score, pattern, types)


def _usual_width(rows: list[_Row], options: CsvOptions) -> int:
    counts = Counter(len(row.cells) for row in rows)
    most = max(counts.values())
    if options.columns and counts.get(len(options.columns), 0) == most:
        return len(options.columns)
    if most == 1 and len(rows) <= 3 and options.header is not False:
        # A header and one or two defective rows: the header is what the others are held to.
        return len(rows[0].cells)
    return max((width for width, count in counts.items() if count == most), default=1)


def _pattern_score(rows: list[_Row], width: int) -> float:
    """Near 1 for records of one width above 1; the more cells, the less it can be chance."""
    share = sum(len(row.cells) == width for row in rows) / len(rows)
    if width == 1:
        return 0.12 * share
    return share * (1 - 0.4 / width) * (0.6 + 0.4 * share)


def _blank_columns(rows: list[_Row], width: int) -> float:
    """Which part of the columns holds nothing at all, not even a name."""
    if width < 3 or not rows:
        return 0.0
    blank = sum(all(not row.cells[i].strip() for row in rows) for i in range(width))
    return blank / width


_CLEAN_TEXT = re.compile(r"[^,;|\t:=~^\"\x01-\x08\x0e-\x1f]*", re.DOTALL)
_SINGLE = re.compile(r"[\w.\-]+")


def _type_score(rows: list[_Row], dialect: CsvDialect) -> float:
    """How much the cells look like single values: 1 at best, not below 0.05."""
    if not rows:
        return 0.05
    step = max(len(rows) // _TYPED_RECORDS, 1)
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
    if quote and quote + cell[:20] in raw:
        # Whatever it holds, its writer said where it begins and ends.
        return 0.95
    if _CLEAN_TEXT.fullmatch(text):
        return 0.92 if "\n" not in text else 0.6
    if "\t" in text:
        return 0.1
    # Delimiters of other dialects inside: a piece of a sentence, or several cells in one.
    marks = sum(text.count(mark) for mark in ",;|:=~^")
    words = max(len(text.split()), 1)
    return max(0.2, 0.8 - 0.5 * marks / words) if " " in text else max(0.1, 0.5 - 0.12 * marks)


def _rival(readings: list[_Reading]) -> _Reading | None:
    """Another delimiter that explains the sample about as well as the best."""
    best = readings[0]
    if best.width < 2 or best.score <= 0:
        return None
    for other in readings[1:]:
        if other.score < best.score * 0.93:
            return None
        if other.dialect.delimiter != best.dialect.delimiter and other.width > 1:
            return other
    return None


def _named(mark: str) -> str:
    names = {"\t": "tab", " ": "blank", ",": "comma", ";": "semicolon", "|": "pipe", ":": "colon"}
    return names.get(mark, repr(mark))


# ---------------------------------------------------------------- preamble and header

_HEADER_WORDS = frozenset(
    [
        "id",
        "name",
        "names",
        "first",
        "last",
        "middle",
        "email",
        "e-mail",
        "mail",
        "phone",
        "tel",
        "mobile",
        "address",
        "street",
        "city",
        "town",
        "state",
        "zip",
        "postcode",
        "postal",
        "country",
        "status",
        "type",
        "date",
        "time",
        "created",
        "updated",
        "start",
        "end",
        "number",
        "no",
        "nr",
        "num",
        "code",
        "key",
        "plan",
        "price",
        "amount",
        "total",
        "balance",
        "currency",
        "account",
        "customer",
        "client",
        "user",
        "username",
        "login",
        "password",
        "service",
        "ip",
        "mac",
        "vlan",
        "device",
        "serial",
        "model",
        "description",
        "notes",
        "note",
        "comment",
        "value",
        "title",
        "category",
        "group",
        "speed",
        "rate",
        "tax",
        "due",
        "invoice",
        "payment",
        "method",
        "latitude",
        "longitude",
        "lat",
        "lon",
        "lng",
        "gender",
        "age",
        "birth",
        "company",
        "contract",
        "login",
        "kunde",
        "kundennummer",
        "vorname",
        "nachname",
        "strasse",
        "ort",
        "plz",
        "telefon",
        "datum",
        "betrag",
        "nom",
        "prenom",
        "adresse",
        "ville",
        "nombre",
        "apellido",
        "direccion",
        "ciudad",
        "telefono",
        "fecha",
        "importe",
        "имя",
        "фамилия",
        "адрес",
        "телефон",
        "дата",
        "логин",
        "пароль",
        "баланс",
        "тариф",
        "nazwa",
        "imie",
        "nazwisko",
        "ulica",
        "miasto",
    ]
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMERIC = frozenset({"integer", "decimal", "percent"})
_STRONG = frozenset(
    {"date", "datetime", "time", "email", "ip", "mac", "uuid", "phone", "url", "decimal"}
)


def _settle_beginning(finding: Finding, reading: _Reading, options: CsvOptions, skip: int) -> None:
    """Where the header is and how many rows it has; settles also the width."""
    rows, width = reading.rows, reading.width
    if not rows:
        finding.width = 0
        finding.dialect = replace(finding.dialect, header_rows=0 if options.header is False else 1)
        return
    offset = skip
    if (
        options.skip_lines is None
        and options.header is not False
        and not _lines_named(options.header)
    ):
        first = _first_table_row(rows, width)
        if first and not _header_rows(rows[first:], width, options, Finding(finding.dialect)):
            # Without a header a first line of another width is a record like any other, and
            # must not be lost; a line without any delimiter is a title.
            first = first if all(len(row.cells) == 1 for row in rows[:first]) else 0
        if first:
            # Row numbers of the reading count from its own beginning.
            offset = skip + rows[first].line - 1
            finding.notes.append(f"{offset} line(s) before the table are left out")
            rows = rows[first:]
    finding.dialect = replace(finding.dialect, skip_lines=offset)
    header_rows = _header_rows(rows, width, options, finding)
    finding.dialect = replace(finding.dialect, header_rows=header_rows)
    finding.width = _settled_width(rows, width, header_rows, finding)


def _lines_named(header: bool | int | list[int] | None) -> bool:
    return header is not None and not isinstance(header, bool)


def _first_table_row(rows: list[_Row], width: int) -> int:
    """Place of the row the table begins with, 0 where nothing stands before it."""
    if width < 2:
        return 0
    start = next((i for i, row in enumerate(rows) if len(row.cells) == width), 0)
    if start and not _worth_leaving(rows, start, width):
        start = 0
    # A spreadsheet pads the lines above its table to the table's width.
    full = [sum(bool(c.strip()) for c in row.cells) for row in rows if len(row.cells) == width]
    usual = sorted(full)[len(full) // 2]
    while (
        start + 1 < len(rows)
        and start < 30
        and width >= 3
        and usual >= 3
        and len(rows[start].cells) == width
        and sum(bool(c.strip()) for c in rows[start].cells) <= max(1, usual // 4)
        and (rows[start].cells[0].strip() or not any(c.strip() for c in rows[start].cells))
        and _looks_like_header(rows[start + 1 :], width, usual)
    ):
        start += 1
    return start


def _looks_like_header(following: list[_Row], width: int, usual: int) -> bool:
    """Whether a full row of names comes within the next few lines."""
    for row in following[:30]:
        cells = [c.strip() for c in row.cells if c.strip()]
        if len(row.cells) == width and len(cells) >= usual * 0.8:
            return all(shape(c) == TEXT for c in cells) and len(set(cells)) == len(cells)
    return False


def _worth_leaving(rows: list[_Row], start: int, width: int) -> bool:
    """Whether the ``start`` rows before the first of the usual width are a preamble.

    A header of another width than its records is no preamble: leaving it out would take the
    first record for the header.
    """
    last = [c.strip() for c in rows[start - 1].cells]
    names = [c for c in last if c]
    if len(names) < 2 or len(last) < width * 0.5:
        return True
    first_record_is_data = any(shape(c) in _STRONG | _NUMERIC for c in rows[start].cells)
    names_only = all(shape(c) == TEXT for c in names) and len(set(names)) == len(names)
    return not (names_only and first_record_is_data)


def _header_rows(rows: list[_Row], width: int, options: CsvOptions, finding: Finding) -> int:
    header = options.header
    if header is False:
        return 0
    if isinstance(header, list):
        return len(header)
    if isinstance(header, int) and not isinstance(header, bool):
        return 1
    if header is None and options.columns and not _columns_in(rows[0], options.columns):
        # Names were given: the first row is still left out where it is plainly a header.
        return 1 if _header_vote(rows, width)[0] > 0.5 else 0
    if header is None:
        vote, known = _header_vote(rows, width)
        if vote < 0:
            finding.notes.append("no header: the first row looks like the rows after it")
            return 0
        if not known:
            finding.notes.append("the first row was taken for the header; nothing tells for sure")
    return 1 + _further_header_rows(rows, width)


def _columns_in(row: _Row, columns: list[str]) -> bool:
    return [c.strip().lower() for c in row.cells] == [c.lower() for c in columns]


def _header_vote(rows: list[_Row], width: int) -> tuple[float, bool]:
    """Above 0: the first row is a header; below: it is a record. And whether anything told."""
    first = [cell.strip() for cell in rows[0].cells]
    body = [row for row in rows[1 : _TYPED_RECORDS + 1] if len(row.cells) == len(first)]
    filled = [cell for cell in first if cell]
    if not filled:
        return -1.0, True
    vote = 0.0
    known = False
    words = sum(_names_something(cell) for cell in filled)
    strong = sum(shape(cell) in _STRONG for cell in filled)
    numbers = sum(shape(cell) in _NUMERIC for cell in filled)
    if words:
        vote += 2.0 * words / len(filled)
        known = True
    if len({cell.lower() for cell in filled}) < len(filled) and not words:
        vote -= 0.3
    if not body:
        if strong:
            return vote - 2.0 * strong / len(filled), True
        return (vote - 1.0 if numbers == len(filled) else vote + 0.1), known
    for i, cell in enumerate(first):
        values = [row.cells[i].strip() for row in body]
        values = [value for value in values if value]
        if not values:
            continue
        kinds = Counter(shape(value) for value in values)
        kind, count = kinds.most_common(1)[0]
        if kind != TEXT and count >= len(values) * 0.8:
            known = True
            mine = shape(cell)
            if mine == TEXT:
                vote += 1.0
            elif mine == EMPTY:
                vote += 0.1
            elif mine == kind or {mine, kind} <= _NUMERIC:
                # Years make names of columns too, where the values below are none.
                years = [bool(_YEAR.fullmatch(value)) for value in (cell, *values)]
                vote += 0.5 if years[0] and sum(years) <= len(values) * 0.2 + 1 else -1.0
            else:
                vote += 0.2
        elif cell:
            lengths = sorted(len(value) for value in values)
            if cell in values and len(values) > 1:
                vote -= 0.5
                known = True
            elif len(values) > 3 and lengths[0] == lengths[-1]:
                # A column of codes of one length, and a first cell unlike or like them.
                alike = len(cell) == lengths[0] and _mold(cell) == _mold(values[0])
                vote += -0.7 if alike else 0.4
                known = True
    if strong and not words:
        vote -= 0.3 * strong
    return (vote if vote or known else 0.05), known


def _mold(text: str) -> str:
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text))


def _names_something(cell: str) -> bool:
    parts = re.split(r"[\s_\-./()#]+|(?<=[a-z])(?=[A-Z])", cell)
    return any(part.lower() in _HEADER_WORDS for part in parts if part) and len(parts) <= 5


def _further_header_rows(rows: list[_Row], width: int) -> int:
    """How many rows below the first belong to the header as well: those whose cells are words
    in every column that holds numbers or dates all the way down."""
    body = [row for row in rows[4:_TYPED_RECORDS] if len(row.cells) == width]
    if len(body) < 3:
        return 0
    typed = []
    for i in range(width):
        values = [row.cells[i].strip() for row in body if row.cells[i].strip()]
        kinds = Counter(shape(value) for value in values)
        if values and sum(n for k, n in kinds.items() if k in _STRONG | _NUMERIC) >= 0.9 * len(
            values
        ):
            typed.append(i)
    if not typed:
        return 0
    further = 0
    for row in rows[1:4]:
        if len(row.cells) != width:
            break
        cells = [row.cells[i].strip() for i in typed]
        words = [c for c in cells if shape(c) == TEXT and c.lower() not in NULL_WORDS]
        others = [c for c in cells if c and c not in words]
        if not words or others or len(words) < max(2, len(typed) * 0.5):
            break
        further += 1
    return further


def _settled_width(rows: list[_Row], width: int, header_rows: int, finding: Finding) -> int:
    """The number of cells of a record, where header and records disagree by a last delimiter."""
    if not header_rows:
        return width
    header = rows[header_rows - 1].cells
    body = [row for row in rows[header_rows:] if len(row.cells) == width]
    records = max(len(rows) - header_rows, 1)
    if len(header) == width or len(body) < 0.9 * records or len(body) < 2:
        return len(header)
    if len(header) == width - 1 and all(not row.cells[-1].strip() for row in body):
        finding.notes.append("records end in a delimiter that the header does not have")
        return width
    if len(header) == width + 1 and not header[-1].strip():
        finding.notes.append("the header ends in a delimiter that the records do not have")
        return width
    return len(header)
