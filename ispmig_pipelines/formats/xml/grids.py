"""XML that writes rows of cells, not records of elements: the columns are told by their places.

Excel's XML of 2003 (SpreadsheetML) is read as the spreadsheet it is, FileMaker's FMPXMLRESULT and
DBUnit's data sets with the names that stand above their rows. Which of them a file is, is told by
its root element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.batching import Piece
from ispmig_pipelines.formats.csv.dialect import column_names
from ispmig_pipelines.formats.limits import ReadLimits
from ispmig_pipelines.formats.spreadsheet.xlsx_cells import Grid
from ispmig_pipelines.formats.spreadsheet.xlsx_values import number_text

_SPREADSHEET = "urn:schemas-microsoft-com:office:spreadsheet"
_SEPARATOR = "\x1f"
_HIDDEN = ("SheetHidden", "SheetVeryHidden")
_ROWS_AT_ONCE = 2_000
_MOST_COLUMNS = 16_384

SPREADSHEETML = "SpreadsheetML"
FMPXMLRESULT = "FMPXMLRESULT"
DBUNIT = "DBUnit"


def grid_kind(sample: bytes) -> str:
    """Which of these a file is, by its beginning in UTF-8; "" where it is none of them."""
    start = re.search(rb"<(?!\?|!)[^<>]*>", sample)
    tag = start.group().decode("utf-8", "replace") if start else ""
    if re.match(r"<(?:\w+:)?Workbook\b", tag) and _SPREADSHEET in tag:
        return SPREADSHEETML
    if re.match(r"<(?:\w+:)?FMPXMLRESULT\b", tag):
        return FMPXMLRESULT
    if re.match(r"<dataset\b", tag) and re.search(
        rb"<dataset\b[^<>]*>\s*(?:<!--.*?-->\s*)*<table\s[^<>]*>\s*<column\s*>", sample, re.DOTALL
    ):
        return DBUNIT
    return ""


@dataclass
class GridTable:
    """A table whose columns have names above its rows.

    Attributes:
        name: its name.
        columns: names, unique and in order.
        widths: how many columns each field has: one may hold several values.
    """

    name: str
    columns: list[str] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)


NamedRow = tuple[int, int, list[Any]]
"""Number of the table, line, and the cells: None for NULL, a list where there are several."""


class Events:
    """A pass over a document with expat; what the handlers put into ``found`` comes out."""

    def __init__(self, path: str, limits: ReadLimits) -> None:
        self._path = path
        self._limits = limits
        self.found: list[Any] = []
        self.parser = expat.ParserCreate("UTF-8", _SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self._texts: list[str] | None = None
        self._length = 0

    def through(self, blocks: Iterable[bytes]) -> Iterator[Any]:
        """What is found, block by block.

        Raises:
            SourceError: the file breaks, or a cell is beyond its limit.
        """
        try:
            for block in blocks:
                self.parser.Parse(block, False)
                yield from self.found
                self.found.clear()
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise SourceError(
                f"{self._path} is not well-formed XML at line {error.lineno:,}, column "
                f"{error.offset + 1:,}. Nothing of it is read as if it were complete. Correct "
                "the export."
            ) from None
        yield from self.found

    def start(self, raw: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, raw: str) -> None:
        """An element ends."""

    def text(self, data: str) -> None:
        if self._texts is not None:
            self._texts.append(data)
            self._length += len(data)
            if self._length > self._limits.max_cell_bytes:
                raise SourceError(
                    f"{self._path} has a cell of more than {self._limits.max_cell_bytes:,} bytes "
                    f"before line {self.parser.CurrentLineNumber:,}, which is the limit for one "
                    "cell. Correct the export, or set ISPMIG_MAX_CELL_BYTES."
                )

    def listen(self) -> None:
        """Texts from here on are those of a cell."""
        self._texts = []
        self._length = 0

    def heard(self) -> str:
        """The text since :meth:`listen`."""
        text = "".join(self._texts or ())
        self._texts = None
        return text

    def odd(self, name: str) -> SourceError:
        """The error for an element where there can be none."""
        return SourceError(
            f"{self._path} has an element {name} at line {self.parser.CurrentLineNumber:,} where "
            "the format of its root element has none. Which column its text belongs to cannot be "
            "told: export it again."
        )

    def too_wide(self) -> SourceError:
        return SourceError(
            f"{self._path} has a row of more than {self._limits.max_columns:,} cells at line "
            f"{self.parser.CurrentLineNumber:,}, which is the limit for columns. Export it in "
            "another way."
        )


# ---------------------------------------------------------------- names above the rows


class _FileMaker(Events):
    """FMPXMLRESULT: fields are named in METADATA, a row is COLs of any number of DATA each."""

    def __init__(self, path: str, limits: ReadLimits) -> None:
        super().__init__(path, limits)
        self.tables: list[tuple[str, list[str]]] = [("", [])]
        self._row: list[Any] = []
        self._line = 0

    def start(self, raw: str, attributes: dict[str, str]) -> None:
        name = raw.rpartition(_SEPARATOR)[2]
        if name == "DATABASE":
            self.tables[0] = (attributes.get("NAME", ""), self.tables[0][1])
        elif name == "FIELD":
            self.tables[0][1].append(attributes.get("NAME", ""))
        elif name == "ROW":
            self._row = [attributes.get("RECORDID"), attributes.get("MODID")]
            self._line = self.parser.CurrentLineNumber
        elif name == "COL":
            self._row.append([])
            if len(self._row) > self._limits.max_columns:
                raise self.too_wide()
        elif name == "DATA":
            if not (self._row and isinstance(self._row[-1], list)):
                raise self.odd(name)
            self.listen()

    def end(self, raw: str) -> None:
        name = raw.rpartition(_SEPARATOR)[2]
        if name == "DATA":
            self._row[-1].append(self.heard())
        elif name == "ROW":
            self.found.append((0, self._line, self._row))
            self._row = []


class _DbUnit(Events):
    """DBUnit: a table has its columns, then rows of ``value``, ``null`` or ``none``."""

    def __init__(self, path: str, limits: ReadLimits) -> None:
        super().__init__(path, limits)
        self.tables: list[tuple[str, list[str]]] = []
        self._inside = False
        self._row: list[Any] = []
        self._line = 0

    def start(self, raw: str, attributes: dict[str, str]) -> None:
        if raw == "table":
            self.tables.append((attributes.get("name", ""), []))
            self._inside = True
        elif raw in ("row", "column", "value", "null", "none") and not self._inside:
            raise self.odd(raw)
        if raw == "row":
            self._row = []
            self._line = self.parser.CurrentLineNumber
        elif raw in ("null", "none"):
            self._row.append(None)
        elif raw in ("column", "value"):
            self.listen()
        if len(self._row) > self._limits.max_columns:
            raise self.too_wide()

    def end(self, raw: str) -> None:
        if raw == "column":
            self.tables[-1][1].append(self.heard())
        elif raw == "value":
            self._row.append(self.heard())
        elif raw == "table":
            self._inside = False
        elif raw == "row":
            self.found.append((len(self.tables) - 1, self._line, self._row))


_NAMED: dict[str, Callable[[str, ReadLimits], _FileMaker | _DbUnit]] = {
    FMPXMLRESULT: _FileMaker,
    DBUNIT: _DbUnit,
}


def named_rows(
    kind: str, path: str, limits: ReadLimits, blocks: Iterable[bytes]
) -> Iterator[NamedRow]:
    """The rows of a document of FileMaker or DBUnit."""
    yield from _NAMED[kind](path, limits).through(blocks)


def named_tables(
    kind: str, path: str, limits: ReadLimits, blocks: Iterable[bytes]
) -> list[GridTable]:
    """Its tables, with as many columns as the rows need.

    Raises:
        SourceError: a row has more cells than there are names.
    """
    events = _NAMED[kind](path, limits)
    widths: dict[int, list[int]] = {}
    extra = 2 if kind == FMPXMLRESULT else 0
    for place, line, row in events.through(blocks):
        names = events.tables[place][1]
        if len(row) - extra > len(names):
            raise SourceError(
                f"{path} has a row of {len(row) - extra} cells at line {line:,}, and names for "
                f"{len(names)} columns. Which cell belongs to which column cannot be told: export "
                "it again."
            )
        known = widths.setdefault(place, [1] * len(names))
        for i, cell in enumerate(row[extra:]):
            if isinstance(cell, list) and len(cell) > known[i]:
                known[i] = len(cell)
    found = []
    for place, (called, names) in enumerate(events.tables):
        wide = widths.get(place, [1] * len(names))
        plain = [
            name if n == 0 else f"{name}_{n + 1}"
            for name, width in zip(names, wide, strict=True)
            for n in range(width)
        ]
        columns = ["@RECORDID", "@MODID", *plain] if extra else plain
        called = re.sub(r"(?i)\.fmp(?:12|7)?$|\.fp[57]$", "", called)
        found.append(GridTable(called or "table", column_names(columns), wide))
    for table, name in zip(found, column_names([t.name for t in found]), strict=True):
        table.name = name
    return found


def spread(row: list[Any], table: GridTable) -> list[str | None]:
    """A row as the cells of its table's columns; those that it lacks are None."""
    extra = len(table.columns) - sum(table.widths)
    cells: list[str | None] = row[:extra]
    for i, width in enumerate(table.widths):
        cell = row[extra + i] if extra + i < len(row) else None
        if isinstance(cell, list):
            cells.extend([*cell, *[None] * (width - len(cell))])
        else:
            cells.append(cell)
    return cells


def named_pieces(
    kind: str,
    path: str,
    limits: ReadLimits,
    blocks: Iterable[bytes],
    tables: list[GridTable],
    at: int,
) -> Iterator[Piece]:
    """The records of one of the tables, by its place among them."""
    found = named_rows(kind, path, limits, blocks)
    rows = ((line, spread(row, tables[at])) for place, line, row in found if place == at)
    return row_pieces(rows, tables[at].columns)


def row_pieces(rows: Iterable[tuple[int, list[str | None]]], names: list[str]) -> Iterator[Piece]:
    """Rows, each with its line, as records of columns of these names."""
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    held: list[list[str | None]] = []
    lines: list[int] = []
    count = 0

    def piece() -> Piece:
        columns = list(zip(*held, strict=True)) or [()] * len(schema)
        cells = [pa.array(column, pa.string()) for column in columns]
        return Piece(
            pa.RecordBatch.from_arrays(cells, schema=schema),
            np.arange(count + 1, count + len(held) + 1),
            np.array(lines, np.int64),
        )

    for line, row in rows:
        held.append(row)
        lines.append(line)
        if len(held) == _ROWS_AT_ONCE:
            yield piece()
            count += len(held)
            held.clear()
            lines.clear()
    yield piece()


# ---------------------------------------------------------------- spreadsheets


class _Sheets(Events):
    """SpreadsheetML: worksheets of rows of cells, those that are empty left out."""

    def __init__(self, path: str, limits: ReadLimits, wanted: int | None) -> None:
        """``wanted``: number of the sheet to read, None for their names alone."""
        super().__init__(path, limits)
        self.sheets: list[tuple[str, bool]] = []
        self._wanted = wanted
        self._row = 0
        self._place = 0
        self._across = 0
        self._kind = ""
        self._span = 0
        self._cells: dict[int, tuple[str, bool]] = {}

    def start(self, raw: str, attributes: dict[str, str]) -> None:
        uri, _, name = raw.rpartition(_SEPARATOR)
        if uri != _SPREADSHEET:
            if name == "Visible" and self.sheets:
                self.listen()
            return
        if name == "Worksheet":
            self.sheets.append((_said(attributes, "Name"), True))
            self._row = 0
        elif len(self.sheets) - 1 != self._wanted:
            return
        elif name == "Row":
            self._row = _number(_said(attributes, "Index"), self._row + 1)
            self._place = 0
            self._cells = {}
            self._span = _number(_said(attributes, "Span"), 0)
        elif name == "Cell":
            self._place = _number(_said(attributes, "Index"), self._place + 1)
            self._across = _number(_said(attributes, "MergeAcross"), 0)
            if self._place > _MOST_COLUMNS:
                raise self.too_wide()
        elif name == "Data":
            self._kind = _said(attributes, "Type")
            self.listen()

    def end(self, raw: str) -> None:
        uri, _, name = raw.rpartition(_SEPARATOR)
        if uri != _SPREADSHEET:
            if name == "Visible" and self.sheets and self.heard().strip() in _HIDDEN:
                self.sheets[-1] = (self.sheets[-1][0], False)
            return
        if len(self.sheets) - 1 != self._wanted:
            return
        if name == "Data":
            text = _value(self.heard(), self._kind)
            self._cells[self._place - 1] = (text, self._kind == "Error")
        elif name == "Cell":
            self._place += self._across
        elif name == "Row":
            if self._cells:
                self.found.append((self._row, self._cells))
            self._row += self._span


def _said(attributes: dict[str, str], name: str) -> str:
    return attributes.get(f"{_SPREADSHEET}{_SEPARATOR}{name}") or attributes.get(name, "")


def _number(text: str, otherwise: int) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,7}", text) and int(text) else otherwise


def _value(text: str, kind: str) -> str:
    if kind == "Boolean":
        return {"1": "true", "0": "false"}.get(text.strip(), text)
    if kind == "Number":
        return number_text(text.strip())
    if kind == "DateTime":
        return text.removesuffix(".000").removesuffix("T00:00:00").replace("T", " ")
    return text


def sheet_names(path: str, limits: ReadLimits, blocks: Iterable[bytes]) -> list[tuple[str, bool]]:
    """Name of each sheet of a workbook, and whether it is visible."""
    events = _Sheets(path, limits, None)
    for _ in events.through(blocks):
        pass
    names = column_names([name or f"Sheet{i}" for i, (name, _) in enumerate(events.sheets, 1)])
    return [(name, visible) for name, (_, visible) in zip(names, events.sheets, strict=True)]


def sheet_grids(
    path: str, limits: ReadLimits, blocks: Iterable[bytes], wanted: int
) -> Iterator[Grid]:
    """The rows of one sheet, by its number from 0."""
    rows: list[tuple[int, dict[int, tuple[str, bool]]]] = []
    for row in _Sheets(path, limits, wanted).through(blocks):
        rows.append(row)
        if len(rows) == _ROWS_AT_ONCE:
            yield _grid(rows)
            rows = []
    if rows:
        yield _grid(rows)


def _grid(rows: list[tuple[int, dict[int, tuple[str, bool]]]]) -> Grid:
    places = sorted({place for _, cells in rows for place in cells})
    empty = (None, False)
    return Grid(
        np.array([number for number, _ in rows], np.int64),
        {
            place: pa.array([cells.get(place, empty)[0] for _, cells in rows], pa.string())
            for place in places
        },
        [
            (position, place, text)
            for position, (_, cells) in enumerate(rows)
            for place, (text, error) in cells.items()
            if error
        ],
    )
