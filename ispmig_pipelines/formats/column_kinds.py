"""What the cells of a column must look like, where it is more than text.

A cell that is written without quotes must be what it is said to be: ``NaN`` or ``1); DROP`` as a
number would break the file.
"""

from __future__ import annotations

import json
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.row_text import unwritable
from ispmig_pipelines.formats.writing import Kind, Table

_SHAPES = {
    Kind.INTEGER: r"\A-?(?:0|[1-9][0-9]*)\z",
    Kind.DECIMAL: r"\A-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\z",
    Kind.BOOLEAN: r"\A(?:true|false)\z",
    Kind.DATE: r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z",
    Kind.TIMESTAMP: r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})\z",
    Kind.TIME: r"\A(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?\z",
}
"""The canonical texts of :class:`Kind`, in RE2's syntax."""


def check_kinds(table: Table, columns: list[pa.StringArray], records: Records) -> None:
    """Sees to it that every cell is what its column's kind says.

    Raises:
        UsageError: one is not.
    """
    for place, (column, cells) in enumerate(zip(table.columns, columns, strict=True)):
        if column.kind is Kind.TEXT:
            continue
        if column.kind is Kind.JSON:
            bad = _first_broken(cells)
        else:
            fits = pc.fill_null(pc.match_substring_regex(cells, _SHAPES[column.kind]), True)
            wrong = np.flatnonzero(~fits.to_numpy(zero_copy_only=False))
            bad = int(wrong[0]) if wrong.size else None
        if bad is not None:
            raise unwritable(
                table, place, records, bad, f"which is no {column.kind.value}",
                "Write the column as text, or correct the cell.",
            )  # fmt: skip


def _first_broken(cells: pa.StringArray) -> int | None:
    """Position of the first cell that is no JSON document."""
    for row, text in enumerate(cells.to_pylist()):
        if text is None:
            continue
        try:
            # Numbers stay texts: they may have more digits than Python converts.
            json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return row
    return None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
