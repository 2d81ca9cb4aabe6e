"""The reader of XML files: repeated elements are records, read as a stream.

Attributes are columns ``@name``, nested elements dotted columns, elements that repeat inside a
record tables of their own (:mod:`ispmig_pipelines.formats.xml.tables`). An element without
content is an empty cell, a missing one or one that says ``xsi:nil`` no cell; white space stays.

A file is read twice: once to find its structure and to hold it against expat, once for the
records of a table. Neither pass keeps more than one record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.batching import Piece, batched
from ispmig_pipelines.formats.bytes_in import ByteSource, open_bytes
from ispmig_pipelines.formats.encoding import Encoding, utf8_blocks
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Records
from ispmig_pipelines.formats.spreadsheet.table import SheetTable, find_table, pieces
from ispmig_pipelines.formats.xml.cell_rows import (
    ROWS_OF_CELLS,
    CellTable,
    cell_pieces,
    cell_rows,
    cell_table,
)
from ispmig_pipelines.formats.xml.grids import (
    SPREADSHEETML,
    GridTable,
    grid_kind,
    named_pieces,
    named_tables,
    sheet_grids,
    sheet_names,
)
from ispmig_pipelines.formats.xml.mould import NIL, alike
from ispmig_pipelines.formats.xml.named import Key, Named, find_named
from ispmig_pipelines.formats.xml.options import XmlOptions
from ispmig_pipelines.formats.xml.records import RecordStream, Row, Rows
from ispmig_pipelines.formats.xml.structure import (
    Node,
    Structure,
    declared_encoding,
    find_structure,
)
from ispmig_pipelines.formats.xml.tables import Table, find_tables
from ispmig_pipelines.remote import SourceFile

BLOCK_BYTES = 1 << 18


class XmlReader:
    """One XML file; see :class:`~ispmig_pipelines.formats.records.Reader`."""

    def __init__(
        self,
        path: SourceFile,
        sample: bytes,
        encoding: Encoding,
        *,
        stated: bool = False,
        compression: str = "",
        member: str = "",
        limits: ReadLimits = DEFAULT_LIMITS,
        options: XmlOptions | None = None,
        block_bytes: int = BLOCK_BYTES,
        fast: bool = True,
    ) -> None:
        """Settles the encoding; the rest is found when it is asked for.

        Args:
            path: the file.
            sample: the beginning of its content.
            encoding: what it is written in, as found or as the spec states it.
            stated: the spec states it: the file's own declaration does not count.
            options: what the spec says about its records.
            block_bytes: how much is parsed at a time.
            fast: whether records that are written alike may be read by an expression; both ways
                give the same records.

        Raises:
            SourceError: the declared encoding is unknown or cannot be true.
        """
        self._path = path
        self._limits = limits
        self._member = member
        self._block_bytes = block_bytes
        self._fast = fast
        self._sha256 = ""
        status = path.stat()
        self.size = status.st_size
        self._changed_at = status.st_mtime_ns
        self._options = options or XmlOptions()
        self._encoding = declared_encoding(str(path), sample, encoding, stated=stated)
        begins = self._sampled(sample)
        self._grid = grid_kind(begins)
        self._grids: list[GridTable] = []
        self._grid_tables: dict[str, _GridTable] = {}
        self._named = Named() if self._grid else find_named(begins)
        self._structure: Structure | None = None
        self._tables: dict[str, Table] = {}
        self._detected = Detected(
            format="xml",
            encoding=self._encoding.name,
            compression=compression,
            notes=self._encoding.notes,
        )

    def _sampled(self, sample: bytes) -> bytes:
        """The beginning in UTF-8, as far as it is whole."""
        blocks: list[bytes] = []
        # A sample may end within a character.
        with suppress(SourceError):
            blocks.extend(utf8_blocks(BytesIO(sample).read, self._encoding, BLOCK_BYTES))
        return b"".join(blocks)

    @property
    def detected(self) -> Detected:
        """How the file is written; what its structure tells is there after :meth:`tables`."""
        return self._detected

    def __enter__(self) -> XmlReader:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def tables(self) -> list[str]:
        """The kinds of records, by the path of their element below the root.

        Raises:
            SourceError: the file is not well-formed, has a DTD, or goes beyond a limit.
        """
        if not self._grid_tables and not self._tables:
            structure = self._found()
            if self._grid:
                self._find_grids()
                return list(self._grid_tables)
            self._structure = structure
            if self._is_of_cells(structure):
                return list(self._grid_tables)
            found = find_tables(structure.root, self._options.record)
            if not found:
                raise self._no_such_record(structure)
            self._tables = {table.name: table for table in found}
            for table in self._tables.values():
                if len(table.columns) > self._limits.max_columns:
                    raise SourceError(
                        f"{self._path} has {len(table.columns):,} columns in its records of "
                        f"{table.name}; the limit is {self._limits.max_columns:,}. Export it "
                        "in another way."
                    )
            self._describe(structure)
        return list(self._grid_tables or self._tables)

    def columns(self, table: str) -> list[str]:
        """Names of the table's columns; a nested table begins with what leads to its parent."""
        self.tables()
        if self._grid:
            return self._grid_table(table).columns
        return list(self._table(table).columns)

    def sha256(self) -> str:
        """Hex SHA-256 of the file on the disk, once a pass of ``batches`` came to its end."""
        if not self._sha256:
            raise ValueError("the file has not been read to its end")
        return self._sha256

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The table's records, from its beginning, at most ``size`` a batch.

        Raises:
            SourceError: the file breaks, or changed since its structure was found.
        """
        if size < 1:
            raise ValueError("size must be at least 1")
        self.tables()
        if self._grid:
            yield from self._grid_batches(self._grid_table(table), size)
            return
        chosen = self._table(table)
        root_row = None
        if chosen.parent is not None and chosen.parent.is_root:
            root_row = self._root_row(chosen.parent)
        schema = pa.schema([pa.field(name, pa.string()) for name in chosen.columns])
        with self._open() as source:
            pieces = self._pieces(self._stream(chosen, root_row, source), schema, source)
            for records in batched(pieces, size, schema):
                yield _told_apart(records)
            digest = source.sha256()
        self._sha256 = digest

    def _pieces(
        self, stream: Iterator[Rows], schema: pa.Schema, source: ByteSource
    ) -> Iterator[Piece]:
        count = 0
        for rows in stream:
            columns = [pa.array(column, pa.string()) for column in rows.columns]
            size = len(rows.lines)
            yield Piece(
                pa.RecordBatch.from_arrays(columns, schema=schema),
                np.arange(count + 1, count + size + 1),
                _lines(rows.lines),
                bytes_read=source.bytes_read,
            )
            count += size

    def _table(self, name: str) -> Table:
        names = self.tables()
        if name not in self._tables:
            raise SourceError(
                f"{self._path} has no table {name!r}; its tables are {', '.join(names)}."
            )
        return self._tables[name]

    # ------------------------------------------------------------ rows of cells

    def _find_grids(self) -> None:
        """Finds the tables of a file that writes rows of cells."""
        path = str(self._path)
        notes = list(self._detected.notes)
        if self._grid == SPREADSHEETML:
            with self._open() as source:
                sheets = sheet_names(path, self._limits, self._blocks(source))
            for place, (name, visible) in enumerate(sheets):
                if not visible:
                    notes.append(f"sheet {name} is hidden and is no table")
                    continue
                with self._open() as source:
                    blocks = self._blocks(source)
                    grids = sheet_grids(path, self._limits, blocks, place)
                    found = find_table(f"{path}, sheet {name}", grids, None, self._limits)
                if found is None:
                    notes.append(f"sheet {name} is empty")
                    continue
                notes.extend(f"{name}: {note}" for note in found.notes)
                self._grid_tables[name] = _GridTable(found.columns, place, found)
        else:
            with self._open() as source:
                self._grids = named_tables(self._grid, path, self._limits, self._blocks(source))
            self._grid_tables = {
                table.name: _GridTable(table.columns, place)
                for place, table in enumerate(self._grids)
            }
        if not self._grid_tables:
            raise SourceError(
                f"{path} has no table with anything in it. Export it again, or unhide the sheet "
                "that holds the data."
            )
        for name, table in self._grid_tables.items():
            if len(table.columns) > self._limits.max_columns:
                raise SourceError(
                    f"{path} has {len(table.columns):,} columns in {name}; the limit is "
                    f"{self._limits.max_columns:,}. Export it in another way."
                )
        self._detected = replace(
            self._detected, dialect={"written_as": self._grid}, notes=tuple(notes)
        )

    def _is_of_cells(self, structure: Structure) -> bool:
        """Finds the table of a file that holds nothing but rows of cells without names."""
        rows = None if self._options.record else cell_rows(structure.root)
        if rows is None:
            return False
        with self._open() as source:
            table = cell_table(str(self._path), self._limits, self._blocks(source), rows)
        if table is None:
            return False
        self._grid = ROWS_OF_CELLS
        self._grid_tables = {table.name: _GridTable(table.columns, 0, cells=table)}
        told = (
            "the first row holds the names of the columns"
            if table.headed
            else f"the cells of {table.name} have no names; the first row is read as a record"
        )
        self._detected = replace(
            self._detected,
            dialect={"root": structure.root.name, "written_as": ROWS_OF_CELLS},
            notes=(
                *self._detected.notes,
                *structure.notes,
                *_about_root(structure.root),
                told,
            ),
        )
        return True

    def _grid_table(self, name: str) -> _GridTable:
        names = self.tables()
        if name not in self._grid_tables:
            raise SourceError(
                f"{self._path} has no table {name!r}; its tables are {', '.join(names)}."
            )
        return self._grid_tables[name]

    def _grid_batches(self, table: _GridTable, size: int) -> Iterator[Records]:
        schema = pa.schema([pa.field(name, pa.string()) for name in table.columns])
        path = str(self._path)
        with self._open() as source:
            blocks = self._blocks(source)
            if table.sheet is not None:
                grids = sheet_grids(path, self._limits, blocks, table.place)
                found = pieces(table.sheet, grids)
            elif table.cells is not None:
                found = cell_pieces(path, self._limits, blocks, table.cells)
            else:
                found = named_pieces(
                    self._grid, path, self._limits, blocks, self._grids, table.place
                )
            told = (replace(piece, bytes_read=source.bytes_read) for piece in found)
            yield from batched(told, size, schema)
            digest = source.sha256()
        self._sha256 = digest

    # ------------------------------------------------------------ the file

    def _open(self) -> ByteSource:
        source = open_bytes(self._path, limits=self._limits, member=self._member)
        if (source.size, source.changed_at) != (self.size, self._changed_at):
            source.close()
            raise SourceError(
                f"{self._path} changed after its structure was found out. Wait until the "
                "export is finished and run again."
            )
        return source

    def _blocks(self, source: ByteSource) -> Iterator[bytes]:
        ascii_only = self._encoding.name == "ascii"
        for block in utf8_blocks(source.read, self._encoding, self._block_bytes):
            if ascii_only and not block.isascii():
                raise SourceError(
                    f"{self._path} declares itself ASCII and holds other characters. Name its "
                    "encoding in the spec, e.g. encoding: utf-8."
                )
            yield block
        source.read(1)

    def _found(self) -> Structure:
        with self._open() as source:
            return find_structure(
                str(self._path),
                self._limits,
                self._blocks(source),
                alike if self._fast else None,
                self._named,
            )

    def _no_such_record(self, structure: Structure) -> SourceError:
        tables = find_tables(structure.root)
        names = ", ".join("/".join(table.way[1:] or table.way) for table in tables)
        return SourceError(
            f"{self._path} has no elements {self._options.record!r} (xml: record of the spec). "
            f"Records are found at {names}. Write the name of the element, or its "
            "path below the root with slashes between the names."
        )

    def _describe(self, structure: Structure) -> None:
        root = structure.root
        notes = [*self._detected.notes, *structure.notes]
        listed = self._tables.values()
        if not any(table.is_root for table in listed):
            notes.extend(_about_root(root))
        dialect = {"root": root.name}
        if self._named.fields:
            dialect["columns"] = "named by " + _listed(self._named.fields)
        if self._named.kinds:
            dialect["tables"] = "named by " + _listed(self._named.kinds)
        if self._named.ignored:
            names = ", ".join(sorted({name for _, name in self._named.ignored}))
            notes.append(f"elements that define tables are left out: {names}")
        spaces = sorted({table.node.uri for table in listed if table.node.uri})
        if spaces:
            dialect["namespaces"] = " ".join(spaces)
        self._detected = replace(self._detected, dialect=dialect, notes=tuple(notes))

    def _root_row(self, root: Table) -> Row:
        with self._open() as source:
            [rows] = self._stream(root, None, source)
        return [column[0] for column in rows.columns]

    def _stream(self, table: Table, root_row: Row | None, source: ByteSource) -> Iterator[Rows]:
        assert self._structure is not None  # noqa: S101 - whoever has a table has the structure
        stream = RecordStream(
            str(self._path),
            self._structure.root,
            table,
            self._limits,
            root_row=root_row,
            fast=self._fast and self._structure.plain,
        )
        return stream.rows(self._blocks(source))


@dataclass(frozen=True)
class _GridTable:
    """A table of a file that writes rows of cells: its place, where it stands in a sheet, or
    which elements its cells are."""

    columns: list[str]
    place: int
    sheet: SheetTable | None = None
    cells: CellTable | None = None


def _about_root(root: Node) -> list[str]:
    """What to tell of a root that is no record."""
    names = ", ".join(name for _, name in root.own_attributes)
    return [f"the root element's own attributes ({names}) belong to no record"] if names else []


def _listed(named: Mapping[Key, str]) -> str:
    return ", ".join(sorted({f"{name} @{attribute}" for (_, name), attribute in named.items()}))


def _lines(lines: Sequence[int | None]) -> np.ndarray:
    """Lines as numbers, 0 where one is not known."""
    return np.fromiter((line or 0 for line in lines), np.int64, len(lines))


def _told_apart(records: Records) -> Records:
    """The records with NULLs and missing cells told apart, and unknown lines null."""
    missing: dict[str, pa.BooleanArray] = {}
    columns: list[pa.StringArray] = []
    for name, cells in zip(records.cells.schema.names, records.cells.columns, strict=True):
        absent = cells.is_null()
        nil = pc.equal(cells, NIL)
        if pc.any(nil).as_py():
            cells = pc.if_else(pc.fill_null(nil, False), pa.scalar(None, pa.string()), cells)
        if pc.any(absent).as_py():
            missing[name] = absent
        columns.append(cells)
    unknown = pc.equal(records.line, 0)
    return replace(
        records,
        cells=pa.RecordBatch.from_arrays(columns, schema=records.cells.schema),
        line=pc.if_else(unknown, pa.scalar(None, pa.int64()), records.line),
        missing=missing,
    )
