"""The quarantine as a workbook that a person without knowledge of the system can correct.

The first sheet says how. Then a sheet for each entity (one per source, where an entity has
several): every record once, with what is wrong and what to do before its own columns, in their
order and as texts, whatever they look like. Cells that are wrong are coloured. Records that could
not be read have sheets of their own, with their raw text and empty columns to fill in. Hidden
columns say which record a row is, for :mod:`ispmig_pipelines.quarantine.resubmission`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import chain, groupby, islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook as OpenpyxlWorkbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.issues import Severity, mask, rule_of
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.quarantine import Chosen
from ispmig_pipelines.platform.quarantine_records import HeldRecord, columns_told, records
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines.private_files import private_file
from ispmig_pipelines.quarantine.cells import (
    CODE,
    FILE,
    IDENTITY,
    LONGEST,
    MIGRATION,
    RAW_TEXT,
    README,
    RECORD,
    TO_DO,
    TOLD,
    WHERE,
    WRONG,
    is_cut,
    names,
    shown,
    written,
)
from ispmig_pipelines.validation.fields import RULE_CODES

if TYPE_CHECKING:
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet
    from sqlalchemy.engine import Connection

SHEET_ROWS = 1_048_576
"""Rows of a sheet, its header among them."""

MOST_COLUMNS = 16_384

COMMENTED_ROWS = 1_000
"""Rows of a sheet whose coloured cells have a comment: comments are kept in memory until the sheet
is written. All rows have their reasons in words, and their colours."""

WAITS = "reference.rejected"
"""The rule of records that wait for another one, and in which nothing is wrong."""

_SAMPLED = 200
_QUOTED = 60
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:[.,][0-9]{1,40})?", re.ASCII)
_WIDTHS = {WHERE: 26, WRONG: 60, TO_DO: 45, RAW_TEXT: 60}
_NARROWEST, _WIDEST = 8, 40
_TEXT = "@"
_RED = PatternFill("solid", fgColor="FFC7CE")
_YELLOW = PatternFill("solid", fgColor="FFEB9C")
_VIOLET = PatternFill("solid", fgColor="E4DFEC")
_GREY = PatternFill("solid", fgColor="EDEDED")
_BLUE = PatternFill("solid", fgColor="DDEBF7")


@dataclass
class Workbook:
    """What was written.

    Attributes:
        records: source records, each once.
        sheets: name → records in it.
    """

    records: int = 0
    sheets: dict[str, int] = field(default_factory=dict)


def write(connection: Connection, tenant: Tenant, chosen: Chosen, path: Path) -> Workbook:
    """Writes the chosen records; the file is its owner's alone, and appears when it is whole. None
    is written where there is nothing to correct.

    Raises:
        UsageError: the folder does not exist, or a source has more columns than a sheet.
        StorageError: no space.
    """
    driver = raw(connection)
    entries = {m: ledger.migration(connection, m) for m in chosen.migrations}
    book = _Book(tenant, entries)
    with private_file(path) as part:
        held = records(driver, tenant, chosen)
        for group, rows in groupby(held, key=_group):
            columns = book.columns_of(driver, group)
            book.add(group, columns, rows)
        if not book.told.records:
            part.unlink()
            return _nothing(path, book)
        book.save(part)
    return book.told


def _nothing(path: Path, book: _Book) -> Workbook:
    # What lies there is of another time, and would be taken for what is in quarantine now.
    if path.exists():
        raise UsageError(
            f"Nothing is in quarantine, so no workbook was written; {path} is an older one."
        )
    return book.told


@dataclass(frozen=True)
class _Group:
    """What stands on one sheet: an entity's records of one source of a migration."""

    migration: int
    entity: str
    source: str
    readable: bool


def _group(record: HeldRecord) -> _Group:
    readable = record.cells is not None
    # All entities share the records that cannot be read.
    entity = record.entity if readable else ""
    return _Group(record.migration, entity, record.source, readable)


class _Book:
    """A workbook that is written sheet by sheet and row by row."""

    def __init__(self, tenant: Tenant, entries: Mapping[int, ledger.Migration]) -> None:
        self._entries = entries
        self._book = OpenpyxlWorkbook(write_only=True)
        self._taken: set[str] = set()
        self.told = Workbook()
        self._write_readme(tenant)

    def columns_of(self, driver: Any, group: _Group) -> tuple[str, ...]:
        """The source's columns, in their order."""
        from ispmig_pipelines.defs.tenant_migration.settled import columns_of

        settled = self._entries[group.migration].settled
        return columns_of(settled, group.source) or columns_told(
            driver, _tenant_of(driver, self._entries[group.migration]), group.migration,
            group.source,
        )  # fmt: skip

    def add(self, group: _Group, columns: tuple[str, ...], rows: Iterable[HeldRecord]) -> None:
        """Writes a group's records, on as many sheets as they need."""
        visible = (WHERE, WRONG, TO_DO) if group.readable else (WHERE, WRONG, TO_DO, RAW_TEXT)
        told = (*IDENTITY, *visible)
        if len(told) + len(columns) > MOST_COLUMNS:
            raise UsageError(
                f"Source {group.source} has {len(columns):,} columns, which are more than a sheet "
                f"of a workbook takes ({MOST_COLUMNS:,}). Write the listing with --format csv."
            )
        heading = [*told, *names(columns, TOLD)]
        rest = iter(rows)
        while sample := list(islice(rest, _SAMPLED)):
            self._write_sheet(group, columns, heading, told, sample, rest)

    def _write_sheet(
        self,
        group: _Group,
        columns: tuple[str, ...],
        heading: list[str],
        told: tuple[str, ...],
        sample: list[HeldRecord],
        rest: Iterator[HeldRecord],
    ) -> None:
        name = self._sheet_name(group)
        sheet: WriteOnlyWorksheet = self._book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for place, (title, width) in enumerate(
            zip(heading, _widths(heading, told, columns, sample), strict=True), 1
        ):
            dimension = sheet.column_dimensions[get_column_letter(place)]
            dimension.width = width
            dimension.hidden = title in IDENTITY and place <= len(IDENTITY)
        styles = _Styles(sheet)
        sheet.append([styles.heading(title, own=i >= len(told)) for i, title in enumerate(heading)])
        count = 0
        for record in chain(sample, islice(rest, SHEET_ROWS - 1 - len(sample))):
            count += 1
            cells = _row(
                _by_itself(record), columns, told, styles, commented=count <= COMMENTED_ROWS
            )
            sheet.append(cells)
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(heading))}{count + 1}"
        self.told.sheets[name] = count
        self.told.records += count
        # Closed at once: rows that wait to be written would take memory.
        sheet.close()

    def _sheet_name(self, group: _Group) -> str:
        title = group.entity if group.readable else "could not be read"
        choices = (title, f"{title}, {group.source}", f"{title}, migration {group.migration}")
        for choice in choices:
            if (name := _fit(choice)).casefold() not in self._taken:
                break
        number = 1
        while name.casefold() in self._taken:
            number += 1
            name = _fit(choices[0], f" ({number})")
        self._taken.add(name.casefold())
        return name

    def save(self, path: Path) -> None:
        """Writes the file."""
        self._book.save(path)

    def _write_readme(self, tenant: Tenant) -> None:
        self._taken.add(README.casefold())
        sheet: WriteOnlyWorksheet = self._book.create_sheet(README)
        sheet.column_dimensions["A"].width = 110
        for number, line in enumerate(_readme(tenant.slug)):
            cell = WriteOnlyCell(sheet, line.removeprefix("# "))
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if number == 0:
                cell.font = Font(bold=True, size=16)
            elif line.startswith("# "):
                cell.font = Font(bold=True)
            sheet.append([cell])
        for text, fill in (
            ("This colour: the cell is a reason why the record was not loaded.", _RED),
            (
                "This colour: the record waits for the one that the cell names, which was not "
                "loaded either. Correct that one, and leave this one as it is.",
                _VIOLET,
            ),
            ("This colour: the cell was noticed, and did not hold the record back.", _YELLOW),
        ):
            cell = WriteOnlyCell(sheet, text)
            cell.fill = fill
            sheet.append([cell])
        sheet.close()


def _tenant_of(driver: Any, entry: ledger.Migration) -> Tenant:
    from ispmig_pipelines.platform.tenants import describe

    return describe(entry.tenant, driver.info.dbname)


def _readme(tenant: str) -> list[str]:
    return [
        f"Records of {tenant} that were not loaded",
        "",
        "Each row of the other sheets is one record that could not be loaded, as it stood in the "
        "old system's export. Correct it here and send the file back: it is then tried again.",
        "",
        "# How to correct a record",
        f"1. Read “{WRONG}” and “{TO_DO}”. The cells that are meant are coloured.",
        "2. Change the cells of the record itself, to the right of these columns. Write them the "
        "way the other cells of the column are written: dates, decimal marks, words.",
        "3. Delete the rows that you do not want to send back now. Nothing is lost by that: they "
        "stay in quarantine, and are in the next workbook.",
        "4. Save the file as a workbook (.xlsx) and give it to whoever sent it to you, or run: "
        f"ispmig resubmit {tenant} FILE",
        "",
        "# What is good to know",
        "Rows may be sorted and filtered. Rows that you leave as they are are tried again, too: "
        "that is right where what was missing has been loaded meanwhile.",
        "A record that feeds several entities stands here once, on the sheet of the first of them. "
        "A service whose customer was not loaded is tried again with the customer.",
        "Please do not rename or delete columns, do not change the hidden ones (they say which "
        "record a row is), and do not add records: what does not fit is refused, and nothing of "
        "the file is loaded then.",
        "Every cell is a text, so leading zeros and long numbers stay as they are. A sign such as "
        "␀ stands for a character that cannot be shown; delete it in a cell that you correct.",
        "Records that could not be split into columns stand on sheets “could not be read”: fill "
        "in the columns of such a record from its text.",
        "This file holds personal data. Keep it where only those see it who must, and delete it "
        "when the records are loaded.",
        "",
    ]


def _fit(title: str, suffix: str = "") -> str:
    """A sheet's name: at most 31 characters, without those that a name may not have."""
    plain = "".join("_" if c in "[]:*?/\\" or not c.isprintable() else c for c in title)
    return plain[: 31 - len(suffix)].strip("' ") + suffix or "records"


def _widths(
    heading: Sequence[str],
    told: Sequence[str],
    columns: Sequence[str],
    sample: Sequence[HeldRecord],
) -> list[float]:
    widths: list[float] = [_WIDTHS.get(title, 12) for title in told]
    for title, column in zip(heading[len(told) :], columns, strict=True):
        longest = max(
            (len(shown((r.cells or {}).get(column)).partition("\n")[0]) for r in sample),
            default=0,
        )
        widths.append(min(max(longest, len(title), _NARROWEST), _WIDEST) + 3)
    return widths


class _Styles:
    """The cells of a sheet by their looks; texts, all of them, whatever they look like."""

    def __init__(self, sheet: WriteOnlyWorksheet) -> None:
        self._sheet = sheet
        self._looks: dict[str, Any] = {}
        wrapped = Alignment(wrap_text=True, vertical="top")
        self._make("plain", alignment=Alignment(vertical="top"))
        self._make("error", alignment=Alignment(vertical="top"), fill=_RED)
        self._make("waits", alignment=Alignment(vertical="top"), fill=_VIOLET)
        self._make("note", alignment=Alignment(vertical="top"), fill=_YELLOW)
        self._make("told", alignment=wrapped, fill=_GREY)
        self._make("heading", alignment=wrapped, font=Font(bold=True), fill=_BLUE)
        self._make("told heading", alignment=wrapped, font=Font(bold=True), fill=_GREY)

    def _make(self, look: str, **style: Any) -> None:
        cell = WriteOnlyCell(self._sheet)
        cell.number_format = _TEXT
        for name, value in style.items():
            setattr(cell, name, value)
        self._looks[look] = cell._style

    def cell(self, text: str, look: str) -> Cell:
        """A cell; an empty one keeps its format, so that what is typed there stays a text."""
        cell = WriteOnlyCell(self._sheet)
        cell._style = self._looks[look]
        if text:
            cell.value = written(text)[:LONGEST]
            # Neither a formula nor an error, if it looks like one.
            cell.data_type = "s"
        return cell

    def heading(self, title: str, *, own: bool) -> Cell:
        """A cell of the header; ``own``: of a column of the record's own."""
        return self.cell(title, "heading" if own else "told heading")


def _row(
    record: HeldRecord,
    columns: tuple[str, ...],
    told: tuple[str, ...],
    styles: _Styles,
    *,
    commented: bool,
) -> list[Cell]:
    values = {
        MIGRATION: str(record.migration),
        FILE: str(record.file),
        RECORD: str(record.record),
        CODE: record.code,
        WHERE: _where(record),
        WRONG: _reasons(record),
        TO_DO: _remedies(record),
        RAW_TEXT: shown(record.text),
    }
    row = [styles.cell(values[name], "told") for name in told]
    cells = record.cells or {}
    marks = _marks(record, columns)
    for column in columns:
        cell = cells.get(column)
        text = shown(cell if cell is None or isinstance(cell, str) else str(cell))
        if column not in marks:
            # Of a record that could not be split all cells are to be filled in.
            row.append(styles.cell(text, "plain" if record.cells is not None else "error"))
            continue
        look, messages = marks[column]
        made = styles.cell(text, look)
        if commented:
            if is_cut(text):
                messages = [*messages, "The cell is too long to be corrected here."]
            comment = Comment("\n".join(messages)[:1000], "ispmig", height=90, width=320)
            made.comment = comment
        row.append(made)
    return row


def _by_itself(record: HeldRecord) -> HeldRecord:
    """The record without what is said of one that waits for itself: of the service that a row
    holds beside its customer, which was rejected."""
    itself = f" in record {record.record} of {PurePath(record.path).name}"
    others = [
        reason
        for reason in record.reasons
        if reason["rule"] != WAITS or not reason["accepted"].endswith(itself)
    ]
    return replace(record, reasons=others) if others else record


def _where(record: HeldRecord) -> str:
    line = f", line {record.line}" if record.line is not None else ""
    return f"{PurePath(record.path).name}, record {record.record}{line}"


def _reasons(record: HeldRecord) -> str:
    several = len({reason["entity"] for reason in record.reasons}) > 1
    lines = []
    for reason in sorted(record.reasons, key=lambda r: r["severity"] != Severity.ERROR):
        note = "" if reason["severity"] == Severity.ERROR else "Note: "
        whose = f"{reason['entity'].replace('_', ' ')}: " if several else ""
        lines.append(f"{note}{whose}{_message(reason, record)}")
    return "\n".join(dict.fromkeys(lines))


def _message(reason: Mapping[str, Any], record: HeldRecord) -> str:
    """The reason with the cell as it stands in the row beside it, where messages elsewhere show
    its shape, or the shape of the value that it became."""
    cell = (record.cells or {}).get(reason["column"])
    text = "" if cell is None else str(cell)
    of_value = reason["rule"] in RULE_CODES.values()
    same = _is_shape_of(text, reason["found"])
    if not reason["found"] or not text.strip() or not (of_value or same):
        return str(reason["message"])
    seen = shown(text)
    quoted = f"“{seen if len(seen) <= _QUOTED else seen[:_QUOTED] + '…'}”"
    return rule_of(reason["rule"]).message(
        column=reason["column"],
        field=reason["field"],
        found=quoted if same else f"{quoted}, read as {reason['found']}",
        accepted=reason["accepted"],
    )


def _is_shape_of(cell: str, shape: str) -> bool:
    """Whether a value of that shape is what the cell itself says: also with the spaces around it
    gone, or as a number with as many decimals as its field has."""
    plain = cell.strip()
    if shape in (mask(cell), mask(plain)):
        return True
    if not _PLAIN_NUMBER.fullmatch(plain):
        return False
    decimals = len(shape.partition(".")[2])
    return mask(f"{Decimal(plain.replace(',', '.')):.{decimals}f}") == shape


def _remedies(record: HeldRecord) -> str:
    errors = [r for r in record.reasons if r["severity"] == Severity.ERROR] or record.reasons
    return "\n".join(dict.fromkeys(reason["remedy"] for reason in errors))


_LOOKS = ("note", "waits", "error")
"""Looks of cells that are marked, the more pressing ones later."""


def _marks(record: HeldRecord, columns: tuple[str, ...]) -> dict[str, tuple[str, list[str]]]:
    """Column → the look of its cell, and what is said of it."""
    marks: dict[str, tuple[str, list[str]]] = {}
    for reason in record.reasons:
        look = _look(reason)
        for column in columns_named(reason["column"], columns):
            before, messages = marks.get(column, (look, []))
            marks[column] = (
                max(before, look, key=_LOOKS.index),
                [*messages, _message(reason, record)],
            )
    return marks


def _look(reason: Mapping[str, Any]) -> str:
    if reason["severity"] != Severity.ERROR:
        return "note"
    return "waits" if reason["rule"] == WAITS else "error"


def columns_named(text: str, columns: Sequence[str]) -> list[str]:
    """The columns of a list such as ``City, State``; names may hold commas themselves."""
    known = set(columns)
    if not text or text in known:
        return [text] if text else []
    parts = text.split(", ")
    found = []
    at = 0
    while at < len(parts):
        for end in range(len(parts), at, -1):
            name = ", ".join(parts[at:end])
            if name in known:
                found.append(name)
                at = end
                break
        else:
            at += 1
    return found
