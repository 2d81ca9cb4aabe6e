"""Where a CSV's table begins: what stands before it, and which rows are its header."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from ispmig_pipelines.formats.csv.dialect import CsvOptions
from ispmig_pipelines.formats.csv.finding import Finding
from ispmig_pipelines.formats.csv.readings import A_TABLE, TYPED_RECORDS, Reading, Row
from ispmig_pipelines.formats.shapes import EMPTY, NULL_WORDS, TEXT, shape

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
"""Words that name a column of an ISP's export, in the languages that were met."""
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMERIC = frozenset({"integer", "decimal", "percent"})
_STRONG = frozenset(
    {"date", "datetime", "time", "email", "ip", "mac", "uuid", "phone", "url", "decimal"}
)


def settle_beginning(finding: Finding, reading: Reading, options: CsvOptions, skip: int) -> None:
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
            _ask_about_a_table(finding, rows[:first], offset)
            rows = rows[first:]
    finding.dialect = replace(finding.dialect, skip_lines=offset)
    header_rows = _header_rows(rows, width, options, finding)
    finding.dialect = replace(finding.dialect, header_rows=header_rows)
    finding.width = _settled_width(rows, width, header_rows, finding, options)


def _ask_about_a_table(finding: Finding, rows: list[Row], lines: int) -> None:
    """What stands before the table may be a table itself, which must not be left out unasked."""
    (width, count), *_ = Counter(len(row.cells) for row in rows).most_common(1)
    if (width > 1 and count >= A_TABLE) or _holds_a_table(rows):
        width = width if width > 1 else max(len(row.cells) for row in rows)
        finding.questions.append(
            f"The first {lines:,} lines look like a table of their own, of {width} columns. Split "
            "the file, or say in the spec that they are to be left out (csv: skip_lines)."
        )


def _holds_a_table(rows: list[Row]) -> bool:
    """Whether there is a header with at least one record of its width below it."""
    for i, row in enumerate(rows[:-1]):
        width = len(row.cells)
        names = [cell.strip() for cell in row.cells]
        below = enumerate(rows[i + 1 :], start=i + 1)
        end = next((j for j, other in below if len(other.cells) != width), len(rows))
        body = rows[i + 1 : end]
        if width < 2 or not body or any(shape(name) != TEXT for name in names):
            continue
        vote, known = header_vote([row, *body], width)
        # "User | admin" above "Date | 2020-01-01": pairs of a key and a value, no table.
        keys = width == 2 and all(shape(other.cells[0]) == TEXT for other in body)
        if known and vote > 0 and (not keys or all(map(names_something, names))):
            return True
    return False


def _lines_named(header: bool | int | list[int] | None) -> bool:
    return header is not None and not isinstance(header, bool)


def _first_table_row(rows: list[Row], width: int) -> int:
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


def _looks_like_header(following: list[Row], width: int, usual: int) -> bool:
    """Whether a full row of names comes within the next few lines."""
    for row in following[:30]:
        cells = [c.strip() for c in row.cells if c.strip()]
        if len(row.cells) == width and len(cells) >= usual * 0.8:
            return all(shape(c) == TEXT for c in cells) and len(set(cells)) == len(cells)
    return False


def _worth_leaving(rows: list[Row], start: int, width: int) -> bool:
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


def _header_rows(rows: list[Row], width: int, options: CsvOptions, finding: Finding) -> int:
    header = options.header
    if header is False:
        return 0
    if isinstance(header, list):
        return len(header)
    if isinstance(header, int) and not isinstance(header, bool):
        return 1
    if header is None and options.columns and not _columns_in(rows[0], options.columns):
        # Names were given: the first row is still left out where it is plainly a header.
        return 1 if header_vote(rows, width)[0] > 0.5 else 0
    if header is None:
        vote, known = header_vote(rows, width)
        if vote < 0:
            finding.notes.append("no header: the first row looks like the rows after it")
            return 0
        if not known:
            finding.notes.append("the first row was taken for the header; nothing tells for sure")
    return 1 + _further_header_rows(rows, width)


def _columns_in(row: Row, columns: list[str]) -> bool:
    return [c.strip().lower() for c in row.cells] == [c.lower() for c in columns]


def header_vote(rows: list[Row], width: int) -> tuple[float, bool]:
    """Above 0: the first row is a header; below: it is a record. And whether anything told."""
    first = [cell.strip() for cell in rows[0].cells]
    body = [row for row in rows[1 : TYPED_RECORDS + 1] if len(row.cells) == len(first)]
    filled = [cell for cell in first if cell]
    if not filled:
        return -1.0, True
    vote = 0.0
    known = False
    words = sum(names_something(cell) for cell in filled)
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


def names_something(cell: str) -> bool:
    parts = re.split(r"[\s_\-./()#]+|(?<=[a-z])(?=[A-Z])", cell)
    return any(part.lower() in _HEADER_WORDS for part in parts if part) and len(parts) <= 5


def _further_header_rows(rows: list[Row], width: int) -> int:
    """How many rows below the first belong to the header as well: those whose cells are words
    in every column that holds numbers or dates all the way down."""
    body = [row for row in rows[4:TYPED_RECORDS] if len(row.cells) == width]
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


def _settled_width(
    rows: list[Row], width: int, header_rows: int, finding: Finding, options: CsvOptions
) -> int:
    """The number of cells of a record, where header and records may disagree about it."""
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
    finding.named = False
    if options.columns:
        return width
    finding.questions.append(
        f"The header has {len(header)} cells and the records have {width}: which name belongs to "
        "which column cannot be told. Correct the header in the export, or name the columns in "
        "the spec (csv: columns)."
    )
    return width
