"""Writing tables and reading them back, and tables that are hard to write."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.records import Reader, Records
from ispmig_pipelines.formats.writers import open_writer
from ispmig_pipelines.formats.writing import Column, Kind, Table, WriteOptions

MISSING = "\x00missing"
"""Stands for a key that a record does not have."""

Row = Sequence[str | None]


@dataclass(frozen=True)
class Rows:
    """A table with its records, each a list of texts, None and MISSING."""

    table: Table
    rows: list[Row]

    @property
    def cells(self) -> list[list[str | None]]:
        """The records, a missing key as None."""
        return [[None if cell is MISSING else cell for cell in row] for row in self.rows]


def rows(columns: str | Sequence[str | Column], *records: Row, name: str = "customers",
         key: tuple[str, ...] = ()) -> Rows:  # fmt: skip
    """A table, its columns named in one text or given."""
    given = columns.split() if isinstance(columns, str) else columns
    typed = tuple(Column(c) if isinstance(c, str) else c for c in given)
    return Rows(Table(name, typed, key), list(records))


def typed(kind: Kind, *cells: str | None, **more: Any) -> Rows:
    """A table of one column of a kind, beside a number for each record."""
    columns = [Column("n"), Column("c", kind, **more)]
    return rows(columns, *((str(i), cell) for i, cell in enumerate(cells)))


def batch(rows: Rows, start: int = 0, stop: int | None = None) -> Records:
    """Some of a table's records, as a reader hands them over."""
    chosen = rows.rows[start:stop]
    names = [column.name for column in rows.table.columns]
    columns = [[row[i] for row in chosen] for i in range(len(names))]
    cells = pa.RecordBatch.from_arrays(
        [
            pa.array([None if c is MISSING else c for c in column], pa.string())
            for column in columns
        ],
        names=names,
    )
    missing = {
        name: pa.array([c is MISSING for c in column])
        for name, column in zip(names, columns, strict=True)
        if any(c is MISSING for c in column)
    }
    ordinals = pa.array(np.arange(start + 1, start + len(chosen) + 1), pa.int64())
    return Records(cells, ordinals, ordinals, missing=missing)


def written(format: str, *tables: Rows, batch_size: int = 3, **options: Any) -> bytes:
    """What a writer makes of the tables, given to it in small batches."""
    stream = io.BytesIO()
    with open_writer(format, stream, WriteOptions(**options)) as writer:
        for one in tables:
            writer.begin(one.table)
            for start in range(0, len(one.rows), batch_size):
                writer.write(batch(one, start, start + batch_size))
    return stream.getvalue()


def read(reader: Reader, table: str) -> tuple[list[str], list[list[str | None]]]:
    """Names and records of a table, MISSING where a key is."""
    names = reader.columns(table)
    found: list[list[str | None]] = []
    for records in reader.batches(table):
        assert not records.rejects
        columns = []
        for name, column in zip(names, records.cells.columns, strict=True):
            cells = column.to_pylist()
            absent = records.missing.get(name)
            if absent is not None:
                cells = [
                    MISSING if a else c for a, c in zip(absent.to_pylist(), cells, strict=True)
                ]
            columns.append(cells)
        found.extend(map(list, zip(*columns, strict=True)))
    return names, found


def read_back(path: Path, data: bytes, **options: Any) -> dict[str, list[list[str | None]]]:
    """The records of every table of a file, by our own reader."""
    path.write_bytes(data)
    with open_source(path, **options) as reader:
        return {table: read(reader, table)[1] for table in reader.tables()}


LOOK_ALIKES = (
    "", " ", "  x ", "\t", "\n", "\r", "\r\n", "a\r\nb", "a\nb", ",", ";", '"', '""', '"a"', "'",
    "''", "\\", "\\N", "\\n", "a\\", "\\'", "'); DROP TABLE customers; --", "NULL", "null",
    "None", "NaN", "nan", "inf", "-", "--", "/* */", "#x", "=1+1", "+49 170 1", "-12.50", "@a",
    "'=1", "007", "1e5", "1.0", "1.10", "12345678901234567890", "true", "FALSE", "2024-02-29",
    "29.02.2024", "0x41", "$$", "<b>", "&amp;", "&", "]]>", "<![CDATA[", "{}", "[]", "_x0041_",
    "_x000D_", "_x005F_x0041_", "\u2028", "\x85", "\xa0", "\ufeff",
    "\u00e9", "e\u0301", "漢字", "😀", "\u200d",
    "%s", "{0}", ":x", "x" * 5_000, "a,b;c|d\te", "\x7f", "GO", "/", ".quit", "\\q", "-- x",
    "COMMIT;", "x\n;\n",
)  # fmt: skip
"""Texts that one format or another could take for something else."""

_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(
    "\t\n\r ,;'\"\\<&=_x"
)


def texts(*, exclude: str = "") -> st.SearchStrategy[str]:
    """Texts without control characters other than white space, and without ``exclude``."""
    free = st.text(_CHARACTERS, max_size=12)
    found = free | st.sampled_from(LOOK_ALIKES)
    return found.filter(lambda text: not any(c in text for c in exclude)) if exclude else found


def tables(
    *,
    missing: bool = False,
    exclude: str = "",
    least_columns: int = 1,
    least_rows: int = 1,
    names: st.SearchStrategy[str] | None = None,
) -> st.SearchStrategy[Rows]:
    """Tables of any texts, nulls and, where the format tells them apart, missing keys."""
    cell: st.SearchStrategy[str | None] = st.none() | texts(exclude=exclude)
    if missing:
        cell = cell | st.just(MISSING)
    plain = st.sampled_from(
        ["id", "name", "First Name", "naïve", "Straße", "a.b", "2nd", "x:y", "€"]
    )
    columns = st.lists(
        plain if names is None else names,
        min_size=least_columns,
        max_size=4,
        unique_by=str.casefold,
    )
    return columns.flatmap(
        lambda chosen: st.lists(
            st.tuples(*[cell] * len(chosen)), min_size=least_rows, max_size=8
        ).map(lambda records: rows(chosen, *records))
    )


def as_text(rows: Rows) -> Rows:
    """The same records, all columns text."""
    columns = tuple(Column(column.name) for column in rows.table.columns)
    return replace(rows, table=replace(rows.table, columns=columns))
