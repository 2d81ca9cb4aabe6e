"""The writer of CSV: UTF-8, commas, RFC 4180's quotes, a header, null and empty told apart.

Nothing stands for a null and for a missing key, ``""`` for an empty text; so do PostgreSQL's COPY
and our own reader (``empty_is_null``) tell them apart. Cells are quoted where they must be, and
where a reader could take them for something else: with blanks at an end, or a ``#`` that begins
a line.

Lines end in LF, not in RFC 4180's CRLF: every reader of CSV takes both, the tools that count,
cut and compare lines take LF alone, and a file so written is the same on every system.

In a table of one column a null is written ``""``, too: a blank line would be passed over by most
readers, and a record that cannot be told from an empty one is better than one that is lost.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.formulas import neutralised
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.row_text import (
    Piece,
    begun,
    bytes_of,
    cells_of,
    chosen,
    joined,
    offsets_of,
    replaced,
    rows_holding,
    rows_text,
    second_table,
    slices,
    unwritable,
)
from ispmig_pipelines.formats.writing import Kind, Table, WriteOptions

_QUOTE, _COMMA, _LF, _CR, _HASH = b'",\n\r#'
_FIRST_OF_BOM = 0xEF


class CsvWriter:
    """One CSV file; see :class:`~ispmig_pipelines.formats.writing.Writer`."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        self._stream = stream
        self._neutralise = options.neutralise_formulas
        self._table: Table | None = None
        self._nulls = 0

    def __enter__(self) -> CsvWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the file cannot say of the records."""
        if self._table is None or not self._nulls:
            return ()
        return (
            f"{self._nulls:,} null(s) of table {self._table.name} are written as empty texts: in "
            "a CSV of one column nothing else tells them from blank lines",
        )

    def begin(self, table: Table) -> None:
        """Writes the header, if the names are the table's own.

        Raises:
            UsageError: it is the second table, or a name holds U+0000.
        """
        if self._table is not None:
            raise second_table("CSV", self._table, table)
        self._table = table
        if not table.named:
            return
        names = pa.array([column.name for column in table.columns])
        if (bytes_of(names) == 0).any():
            raise UsageError(f"Table {table.name}: a CSV cannot hold U+0000, as a column's name.")
        if self._neutralise:
            names = neutralised(names)
        header = [*quoted(names[:1], first=True).to_pylist(), *quoted(names[1:]).to_pylist()]
        self._stream.write(",".join(header).encode() + b"\n")

    def write(self, records: Records) -> None:
        """Writes records.

        Raises:
            UsageError: a cell holds U+0000, which no reader of CSV takes.
        """
        table = begun(self._table)
        columns = cells_of(table, records)
        for place, cells in enumerate(columns):
            if (zero := rows_holding(cells, lambda data: data == 0)) is not None:
                raise unwritable(
                    table, place, records, int(zero.argmax()),
                    "with U+0000, which a CSV cannot hold", "Write JSON, which can.",
                )  # fmt: skip
            if self._neutralise and table.columns[place].kind is Kind.TEXT:
                columns[place] = neutralised(cells)
        if len(columns) == 1:
            self._nulls += columns[0].null_count
            columns = [pc.fill_null(columns[0], "")]
        for rows in slices(columns):
            pieces: list[Piece] = []
            for place, cells in enumerate(columns):
                pieces += [quoted(cells[rows], first=place == 0), ","]
            pieces[-1] = "\n"
            self._stream.write(rows_text(*pieces))


def quoted(cells: pa.StringArray, *, first: bool = False) -> pa.StringArray:
    """The cells as they stand in a CSV; nulls stay null.

    Args:
        first: they are the first of their lines, where a ``#`` or a byte order mark could be
            taken for something else.
    """
    if not len(cells):
        return cells
    data, offsets = bytes_of(cells), offsets_of(cells)
    special = rows_holding(cells, lambda d: (d == _QUOTE) | (d == _COMMA) | (d == _LF) | (d == _CR))
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    needs = np.ones(len(cells), np.bool_)
    opening = data[offsets[filled] - offsets[0]]
    closing = data[offsets[filled + 1] - 1 - offsets[0]]
    # Blanks and all control characters.
    needs[filled] = (opening <= 32) | (closing <= 32)
    if first:
        needs[filled] |= (opening == _HASH) | (opening == _FIRST_OF_BOM)
    if special is not None:
        needs |= special
    if cells.null_count:
        needs &= cells.is_valid().to_numpy(zero_copy_only=False)
    if not needs.any():
        return cells
    return chosen(needs, joined('"', replaced(cells, [('"', '""')]), '"'), cells)
