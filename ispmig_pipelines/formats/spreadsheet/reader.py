"""The reader of spreadsheets: XLSX, XLSB, XLS and ODS.

Every visible sheet with something in it is a table; a record is a row, its line the row's
number. Cells are texts as the spreadsheet has them: numbers as plain digits (with leading zeros
where their format shows nothing but digits and zeros), dates in ISO form, formulas by their last
computed value. An error (``#N/A``) is no value, nor is a formula that was never computed: its
record is rejected, and the cell named.

No library reads them for us: those at hand give error cells as empty ones, an emptied text cell
as the first text of the workbook, or read a tenth as many rows in the same time.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO, Protocol

import numpy as np
import pyarrow as pa

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.batching import Piece, batched
from ispmig_pipelines.formats.bytes_in import digest_of
from ispmig_pipelines.formats.csv.dialect import CsvOptions
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Records
from ispmig_pipelines.formats.spreadsheet import xlsb as spreadsheet_xlsb
from ispmig_pipelines.formats.spreadsheet.grid import Grid
from ispmig_pipelines.formats.spreadsheet.heading import Merge
from ispmig_pipelines.formats.spreadsheet.ods import OdsCells, OdsTables
from ispmig_pipelines.formats.spreadsheet.table import (
    SheetTable,
    find_table,
    looks_like_total,
    pieces,
)
from ispmig_pipelines.formats.spreadsheet.xls import XlsCells, open_workbook
from ispmig_pipelines.formats.spreadsheet.xlsb import XlsbCells
from ispmig_pipelines.formats.spreadsheet.xlsx_cells import SheetCells
from ispmig_pipelines.formats.spreadsheet.xlsx_numbers import number_rows
from ispmig_pipelines.formats.spreadsheet.xlsx_package import (
    Sheet,
    damaged,
    open_archive,
    part_text,
    protected,
    read_workbook,
    shared_texts,
)
from ispmig_pipelines.remote import SourceFile

MOST_XLS_BYTES = 1 << 30
"""Largest workbook of the old kind; Excel itself wrote none of more than a quarter of it."""


class _Cells(Protocol):
    """The cells of one sheet; what it counts is known once its rows were read to the end."""

    merged: int
    hidden_rows: int
    hidden_columns: int

    def grids(self) -> Iterator[Grid]: ...


@dataclass
class _Source:
    """One sheet that is a table: how to read its rows, from the beginning, as often as asked; and
    its part of an XLSX."""

    grids: Callable[[], Iterator[Grid]]
    characters: int
    merges: Callable[[], tuple[Merge, ...]] = tuple
    part: str | None = None
    table: SheetTable | None = None


class SpreadsheetReader:
    """One workbook; see :class:`~ispmig_pipelines.formats.records.Reader`."""

    def __init__(
        self,
        path: SourceFile,
        kind: str,
        *,
        options: CsvOptions | None = None,
        limits: ReadLimits = DEFAULT_LIMITS,
        fast: bool = True,
    ) -> None:
        """Opens the workbook and looks at its sheets.

        Args:
            path: the file.
            kind: ``xlsx``, ``xlsb``, ``xls`` or ``ods``.
            options: what the spec says about header and columns (as for a CSV).
            fast: whether the plain cells of an XLSX may be read by an expression; both ways
                give the same records.

        Raises:
            SourceError: it is damaged, behind a password, unfolds too far, or holds nothing.
        """
        self._path = path
        self._kind = kind
        self._options = options
        self._limits = limits
        self._fast = fast
        self._sha256 = ""
        status = path.stat()
        self.size = status.st_size
        self._changed_at = status.st_mtime_ns
        self._file: BinaryIO | None = None
        self._archive: zipfile.ZipFile | None = None
        self._detected = Detected(format=kind)
        self._sources: dict[str, _Source] = {}
        opened = {
            "xlsx": self._open_xlsx,
            "xlsb": self._open_xlsb,
            "xls": self._open_xls,
            "ods": self._open_ods,
        }
        try:
            opened[kind]()
            self._find_tables()
        except BaseException:
            self.close()
            raise

    @property
    def detected(self) -> Detected:
        """How the workbook is made; sheets that are no tables are among the notes."""
        return self._detected

    def __enter__(self) -> SpreadsheetReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; may be called twice."""
        if self._archive is not None:
            self._archive.close()
        if self._file is not None:
            self._file.close()

    def tables(self) -> list[str]:
        """Names of the visible sheets that hold something, in the workbook's order."""
        return list(self._sources)

    def columns(self, table: str) -> list[str]:
        """Names of the columns; see :func:`column_names` for blank and repeated ones."""
        return list(self._table(table)[1].columns)

    def numbers(self, table: str) -> dict[str, np.ndarray] | None:
        """Column → lines of the records in which it holds a number or a date, and not a text;
        None where the format is not looked at for that: of an XLSX only."""
        source, found = self._table(table)
        if source.part is None or self._archive is None:
            return None
        rows = number_rows(part_text(self._path, self._archive, source.part))
        nothing = np.empty(0, np.uint32)
        return {
            column: rows.get(place, nothing)
            for place, column in enumerate(found.columns, found.first)
        }

    def sha256(self) -> str:
        """Hex SHA-256 of the file on the disk, once a pass of ``batches`` came to its end."""
        if not self._sha256:
            raise ValueError("the file has not been read to its end")
        return self._sha256

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The rows below the header, at most ``size`` a batch.

        Raises:
            SourceError: the workbook is damaged, or changed since it was opened.
        """
        if size < 1:
            raise ValueError("size must be at least 1")
        source, found = self._table(table)
        yield from batched(self._progress(source, found), size, found.schema)
        status = self._path.stat()
        if (status.st_size, status.st_mtime_ns) != (self.size, self._changed_at):
            raise SourceError(
                f"{self._path} changed while it was being read. Wait until the export is "
                "finished and run again."
            )
        self._sha256 = digest_of(self._path)

    def _progress(self, source: _Source, table: SheetTable) -> Iterator[Piece]:
        total = None
        for piece in pieces(table, source.grids(), self._note):
            total = looks_like_total(piece) if piece.record.size else total
            done = min(piece.bytes_read / max(source.characters, 1), 1.0)
            yield replace(piece, bytes_read=int(self.size * done))
        if total is not None:
            self._note(
                f"row {total:,}, the last one, looks like a line of totals and is read as a "
                "record; if it is none, say so in the spec (csv: footer_lines)"
            )
        # However its characters were counted, it has come to its end.
        none = np.empty(0, np.int64)
        yield Piece(_nothing(table), none, none, (), self.size)

    def _table(self, name: str) -> tuple[_Source, SheetTable]:
        source = self._sources.get(name)
        if source is None or source.table is None:
            names = ", ".join(self._sources)
            raise SourceError(f"{self._path} has no table {name!r}; its sheets are {names}.")
        return source, source.table

    def _note(self, *notes: str) -> None:
        fresh = tuple(note for note in notes if note not in self._detected.notes)
        self._detected = replace(self._detected, notes=(*self._detected.notes, *fresh))

    def _find_tables(self) -> None:
        several = len(self._sources) > 1
        for name, source in list(self._sources.items()):
            what = f"{self._path}, sheet {name}"
            source.table = find_table(
                what, source.grids(), self._options, self._limits, source.merges
            )
            if source.table is None:
                del self._sources[name]
                self._note(f"sheet {name} is empty")
                continue
            before = f"{name}: " if several else ""
            self._note(*(before + note for note in source.table.notes))
            asked = tuple(before + question for question in source.table.questions)
            questions = (*self._detected.questions, *asked)
            self._detected = replace(self._detected, questions=questions)
        if not self._sources:
            raise SourceError(
                f"{self._path} has no visible sheet with anything in it. Export it again, or "
                "unhide the sheet that holds the data."
            )

    # ------------------------------------------------------------ the formats

    def _open_xlsx(self) -> None:
        self._archive = archive = self._open_archive()
        book = read_workbook(self._path, archive)
        shared = shared_texts(self._path, archive, book.shared_part)
        self._tell_dates(book.is_1904)

        def cells(sheet: Sheet) -> SheetCells:
            return SheetCells(
                self._path, archive, sheet.part, book, shared, self._limits, fast=self._fast
            )

        self._take_sheets(book.sheets, cells, lambda part: archive.getinfo(part).file_size)
        for sheet in book.sheets:
            if sheet.name in self._sources:
                self._sources[sheet.name].merges = cells(sheet).merges
                self._sources[sheet.name].part = sheet.part

    def _open_xlsb(self) -> None:
        self._archive = archive = self._open_archive()
        book, shared = spreadsheet_xlsb.read_workbook(self._path, archive)
        self._tell_dates(book.is_1904)

        def cells(sheet: Sheet) -> XlsbCells:
            return XlsbCells(self._path, archive, sheet.part, book, shared)

        self._take_sheets(book.sheets, cells, lambda part: archive.getinfo(part).file_size)

    def _open_ods(self) -> None:
        self._archive = self._open_archive()
        tables = OdsTables(self._path, self._archive)
        self._take_sheets(tables.sheets(), lambda sheet: OdsCells(tables, sheet.part), lambda _: 1)

    def _open_xls(self) -> None:
        if self.size > MOST_XLS_BYTES:
            raise SourceError(
                f"{self._path} has {self.size:,} bytes, and a workbook of the old kind is kept in "
                f"memory; the limit is {MOST_XLS_BYTES:,}. Export it as CSV."
            )
        _refuse_encrypted(self._path)
        with self._path.open("rb") as file:
            data = file.read()
        book = open_workbook(self._path, data)
        self._tell_dates(book.is_1904)
        self._take_sheets(book.sheets, lambda sheet: XlsCells(book, sheet.part), lambda _: 1)

    def _open_archive(self) -> zipfile.ZipFile:
        self._file = self._path.open("rb")
        return open_archive(self._path, self._file, self._limits)

    def _tell_dates(self, is_1904: bool) -> None:
        dialect = {"date_system": "1904" if is_1904 else "1900"}
        self._detected = replace(self._detected, dialect=dialect)

    def _take_sheets(
        self,
        sheets: Sequence[Sheet],
        cells: Callable[[Sheet], _Cells],
        size: Callable[[str], int],
    ) -> None:
        for sheet in sheets:
            if not sheet.is_table:
                self._note(_why_left_out(sheet))
            elif not sheet.part:
                raise damaged(self._path, f"its sheet {sheet.name} is missing")
            else:
                self._sources[sheet.name] = _Source(
                    partial(self._grids, sheet.name, partial(cells, sheet)), size(sheet.part)
                )

    def _grids(self, name: str, open_cells: Callable[[], _Cells]) -> Iterator[Grid]:
        cells = open_cells()
        yield from cells.grids()
        for hidden, of in ((cells.hidden_rows, "rows"), (cells.hidden_columns, "columns")):
            if hidden:
                self._note(f"sheet {name} has {hidden:,} hidden {of}, which are read")
        if cells.merged:
            self._note(
                f"sheet {name} has {cells.merged:,} merged ranges: only the first cell of each "
                "holds its value"
            )


def _why_left_out(sheet: Sheet) -> str:
    if sheet.state != "visible":
        state = "very hidden" if sheet.state == "veryHidden" else "hidden"
        return f"sheet {sheet.name} is {state} and is no table"
    return f"sheet {sheet.name} holds no cells ({sheet.kind or 'its part is missing'})"


def _nothing(table: SheetTable) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([], pa.string()) for _ in table.columns], schema=table.schema
    )


_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def _refuse_encrypted(path: SourceFile) -> None:
    """An XLSX behind a password is packed into a document of the old kind."""
    with path.open("rb") as file:
        overlap = b""
        while block := file.read(1 << 20):
            if _ENCRYPTED in overlap + block:
                raise protected(path)
            overlap = block[-64:]
