"""The writer of XML: a root, and under it each record as an element named for its table.

::

    <t:tables xmlns:t="urn:ispmig:tables" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
    <customer><name>Ana</name><phone xsi:nil="true"/><note></note></customer>
    </t:tables>

A column is an element named for it (:mod:`ispmig_pipelines.formats.xml.names` says how any text
becomes a name). A null says ``xsi:nil``, an empty text is an empty element, and for a missing key
there is no element. White space is content and stays, a carriage return as ``&#13;``.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.row_text import (
    Piece,
    begun,
    bytes_of,
    cells_of,
    chosen,
    joined,
    missing_of,
    replaced,
    rows_holding,
    rows_text,
    slices,
    unwritable,
)
from ispmig_pipelines.formats.writing import Table, WriteOptions
from ispmig_pipelines.formats.xml.names import element_name

NAMESPACE = "urn:ispmig:tables"
"""Of the root element: every element under it is a record, also one that stands alone."""

_START = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<t:tables xmlns:t="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
)
_END = "</t:tables>\n"
_MARKUP = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"))


class XmlWriter:
    """One XML file; see :class:`~ispmig_pipelines.formats.writing.Writer`."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        self._stream = stream
        self._table: Table | None = None
        self._started = False
        self._empty: list[str] = []

    def __enter__(self) -> XmlWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self._start()
            self._stream.write(_END.encode())

    @property
    def notes(self) -> tuple[str, ...]:
        """The tables that the file does not show, as they have no record."""
        if not self._empty:
            return ()
        return (f"XML shows no table without records: {', '.join(self._empty)}",)

    def begin(self, table: Table) -> None:
        """Takes the table whose records follow."""
        self._start()
        self._table = table
        self._empty.append(table.name)
        self._element = element_name(table.name)
        self._columns = [element_name(column.name) for column in table.columns]

    def write(self, records: Records) -> None:
        """Writes records.

        Raises:
            UsageError: a cell holds a character that no XML document can.
        """
        table = begun(self._table)
        columns = cells_of(table, records)
        for place, cells in enumerate(columns):
            if (bad := _forbidden(cells)) is not None:
                raise unwritable(
                    table, place, records, bad,
                    "with a character that XML does not have (a control character or U+FFFE, "
                    "U+FFFF)", "Write JSON or XLSX, which can hold it.",
                )  # fmt: skip
        if len(records.cells) and self._empty and self._empty[-1] == table.name:
            self._empty.pop()
        missing = missing_of(table, records)
        for rows in slices(columns):
            pieces: list[Piece] = [f"<{self._element}>"]
            for name, cells, mask in zip(self._columns, columns, missing, strict=True):
                pieces += _element(name, cells[rows], None if mask is None else mask[rows])
            pieces.append(f"</{self._element}>\n")
            self._stream.write(rows_text(*pieces))

    def _start(self) -> None:
        if not self._started:
            self._stream.write(_START.encode())
            self._started = True


def _element(name: str, cells: pa.StringArray, missing: np.ndarray | None) -> list[Piece]:
    text = replaced(cells, _MARKUP)
    if not cells.null_count:
        return [f"<{name}>", text, f"</{name}>"]
    element = pc.fill_null(joined(f"<{name}>", text, f"</{name}>"), f'<{name} xsi:nil="true"/>')
    return [element if missing is None else chosen(missing, "", element)]


def _forbidden(cells: pa.StringArray) -> int | None:
    """Position of the first cell with a character outside of XML 1.0's ``Char``."""
    rows = rows_holding(cells, lambda d: (d < 32) & (d != 9) & (d != 10) & (d != 13))
    if rows is not None:
        return int(rows.argmax())
    data = bytes_of(cells)
    # EF BF BE and EF BF BF in UTF-8.
    if ((data[1:-1] == 0xBF) & (data[:-2] == 0xEF) & (data[2:] >= 0xBE)).any():
        found = pc.fill_null(pc.match_substring_regex(cells, "[\ufffe\uffff]"), False)
        places = np.flatnonzero(found.to_numpy(zero_copy_only=False))
        return int(places[0]) if places.size else None
    return None
