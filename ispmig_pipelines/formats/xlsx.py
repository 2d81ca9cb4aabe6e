"""The reader of spreadsheets: XLSX by its own parts, XLS, XLSB and ODS through calamine.

Every visible sheet with something in it is a table; a record is a row, its line the row's
number. Cells are texts as the spreadsheet has them: numbers as plain digits, dates in ISO form,
formulas by their last computed value. An error (``#N/A``) is no value: its record is rejected.

XLSX is not read through calamine, although that library can: it hands error cells over as
empty ones, and an emptied text cell as the first text of the workbook.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import python_calamine as calamine

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.batching import Piece, batched
from ispmig_pipelines.formats.bytes_in import digest_of
from ispmig_pipelines.formats.csv_dialect import CsvOptions
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Records
from ispmig_pipelines.formats.spreadsheet_grid import Grid
from ispmig_pipelines.formats.spreadsheet_table import (
    SheetTable,
    find_table,
    looks_like_total,
    pieces,
)
from ispmig_pipelines.formats.xlsx_cells import SheetCells
from ispmig_pipelines.formats.xlsx_package import (
    Sheet,
    Workbook,
    check_archive,
    damaged,
    open_archive,
    protected,
    read_workbook,
    shared_texts,
)
from ispmig_pipelines.formats.xlsx_values import value_text
from ispmig_pipelines.remote import SourceFile

_CALAMINE_ROWS = 20_000


@dataclass
class _Source:
    """One sheet that is a table: how to read its rows, from the beginning, as often as asked."""

    grids: Callable[[], Iterator[Grid]]
    characters: int
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
        self._archive: zipfile.ZipFile | None = None
        self._book: calamine.CalamineWorkbook | None = None
        self._detected = Detected(format=kind)
        self._sources: dict[str, _Source] = {}
        if kind == "xlsx":
            self._open_xlsx()
        else:
            self._open_other()
        self._find_tables()

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
        self._book = None

    def tables(self) -> list[str]:
        """Names of the visible sheets that hold something, in the workbook's order."""
        return list(self._sources)

    def columns(self, table: str) -> list[str]:
        """Names of the columns; see :func:`column_names` for blank and repeated ones."""
        return list(self._table(table)[1].columns)

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
        for piece in pieces(table, source.grids()):
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
            source.table = find_table(what, source.grids(), self._options, self._limits)
            if source.table is None:
                del self._sources[name]
                self._note(f"sheet {name} is empty")
                continue
            self._note(*(f"{name}: {n}" if several else n for n in source.table.notes))
        if not self._sources:
            raise SourceError(
                f"{self._path} has no visible sheet with anything in it. Export it again, or "
                "unhide the sheet that holds the data."
            )

    # ------------------------------------------------------------ xlsx

    def _open_xlsx(self) -> None:
        self._archive = open_archive(self._path, self._path.open("rb"), self._limits)
        book = read_workbook(self._path, self._archive)
        shared = shared_texts(self._path, self._archive, book.shared_part)
        self._detected = replace(
            self._detected, dialect={"date_system": "1904" if book.is_1904 else "1900"}
        )
        for sheet in book.sheets:
            if sheet.is_table and not sheet.part:
                raise damaged(self._path, f"its sheet {sheet.name} is missing")
            if not sheet.is_table:
                self._note(_why_left_out(sheet))
                continue
            characters = self._archive.getinfo(sheet.part).file_size
            self._sources[sheet.name] = _Source(self._cells_of(sheet, book, shared), characters)

    def _cells_of(
        self, sheet: Sheet, book: Workbook, shared: pa.StringArray
    ) -> Callable[[], Iterator[Grid]]:
        def grids() -> Iterator[Grid]:
            assert self._archive is not None  # noqa: S101 - opened before any sheet
            cells = SheetCells(
                self._path,
                self._archive,
                sheet.part,
                book,
                shared,
                self._limits,
                fast=self._fast,
            )
            yield from cells.grids()
            for hidden, of in ((cells.hidden_rows, "rows"), (cells.hidden_columns, "columns")):
                if hidden:
                    self._note(f"sheet {sheet.name} has {hidden:,} hidden {of}, which are read")
            if cells.merged:
                self._note(
                    f"sheet {sheet.name} has {cells.merged:,} merged ranges: only the first "
                    "cell of each holds its value"
                )

        return grids

    # ------------------------------------------------------------ the others

    def _open_other(self) -> None:
        if self._kind == "xls":
            _refuse_encrypted(self._path)
        else:
            with (
                _reading(self._path),
                self._path.open("rb") as file,
                zipfile.ZipFile(file) as archive,
            ):
                check_archive(self._path, archive, self._limits)
        with _reading(self._path):
            # The library asks for places all over the file: what is remote is held whole.
            self._book = calamine.load_workbook(
                str(self._path)
                if isinstance(self._path, Path)
                else io.BytesIO(self._path.open("rb").read())
            )
            sheets = self._book.sheets_metadata
        self._note("errors in cells cannot be told from empty cells in this format")
        for sheet in sheets:
            kind = "worksheet" if sheet.typ == calamine.SheetTypeEnum.WorkSheet else "chartsheet"
            visible = sheet.visible == calamine.SheetVisibleEnum.Visible
            state = "visible" if visible else "hidden"
            one = Sheet(sheet.name, sheet.name, state, kind)
            if one.is_table:
                self._sources[sheet.name] = _Source(self._rows_of(sheet.name), 1)
            else:
                self._note(_why_left_out(one))

    def _rows_of(self, name: str) -> Callable[[], Iterator[Grid]]:
        def grids() -> Iterator[Grid]:
            assert self._book is not None  # noqa: S101 - opened before any sheet
            with _reading(self._path):
                sheet = self._book.get_sheet_by_name(name)
                rows = sheet.to_python(skip_empty_area=False)
            for start in range(0, len(rows), _CALAMINE_ROWS):
                part = rows[start : start + _CALAMINE_ROWS]
                columns = {}
                for place, column in enumerate(zip(*part, strict=True)):
                    columns[place] = pa.array([value_text(v) for v in column], pa.string())
                yield Grid(np.arange(start + 1, start + len(part) + 1), columns)

        return grids


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


@contextmanager
def _reading(path: SourceFile) -> Iterator[None]:
    """The library's errors in our words; it panics on some broken files."""
    try:
        yield
    except calamine.PasswordError:
        raise protected(path) from None
    except (calamine.CalamineError, zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        if "password" in str(error).lower():
            raise protected(path) from None
        raise damaged(path) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise damaged(path) from None
        raise
