"""Records as JSON objects, one after the other, written column by column.

A missing key is no key and a null is null. What is not a text stands as its own text where JSON
has such a value, so that no digit is lost: numbers, ``true`` and ``false``, documents.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.column_kinds import check_kinds
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.row_text import (
    Piece,
    bytes_of,
    cells_of,
    chosen,
    joined,
    missing_of,
    replaced,
    rows_text,
    slices,
)
from ispmig_pipelines.formats.writing import Kind, Table

_CONTROLS = tuple((chr(code), json.dumps(chr(code))[1:-1]) for code in range(32))
_BARE = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN, Kind.JSON})


def objects(table: Table, records: Records, before: str, after: str) -> Sequence[memoryview]:
    """The records as objects, with ``before`` and ``after`` around each.

    Raises:
        UsageError: a cell is not what its column's kind says.
    """
    columns = cells_of(table, records)
    check_kinds(table, columns, records)
    missing = missing_of(table, records)
    return [
        _text(table, [cells[rows] for cells in columns],
              [None if mask is None else mask[rows] for mask in missing], before, after)
        for rows in slices(columns)
    ]  # fmt: skip


def _text(
    table: Table,
    columns: list[pa.StringArray],
    missing: list[np.ndarray | None],
    before: str,
    after: str,
) -> memoryview:
    pieces: list[Piece] = [before + "{"]
    # Where some key has been written, so that a comma must stand before the next.
    follows: bool | np.ndarray = False
    for column, cells, absent in zip(table.columns, columns, missing, strict=True):
        key = json.dumps(column.name, ensure_ascii=False) + ":"
        value: list[Piece]
        if column.kind in _BARE:
            text = replaced(cells, _LINE_ENDS) if column.kind is Kind.JSON else cells
            value = [pc.fill_null(text, "null")]
        elif not cells.null_count:
            value = ['"', escaped(cells), '"']
        else:
            value = [pc.fill_null(joined('"', escaped(cells), '"'), "null")]
        if isinstance(follows, np.ndarray):
            start: Piece = chosen(follows, "," + key, key)
        else:
            start = "," + key if follows else key
        if absent is None:
            pieces += [start, *value]
            follows = True
        else:
            pieces.append(chosen(absent, "", joined(start, *value)))
            follows = follows | ~absent
    pieces.append("}" + after)
    return rows_text(*pieces)


_LINE_ENDS = (("\n", " "), ("\r", " "))
"""Inside a document they can only be blanks between its values, and a record is one line."""


def escaped(cells: pa.StringArray) -> pa.StringArray:
    """Texts as they stand between the quotes of a JSON string."""
    data = bytes_of(cells)
    cells = replaced(cells, (("\\", "\\\\"), ('"', '\\"')))
    return replaced(cells, _CONTROLS) if (data < 32).any() else cells
