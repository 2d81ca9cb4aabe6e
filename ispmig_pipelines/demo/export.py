"""An export of a made-up ISP, before it is bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.writers import open_writer
from ispmig_pipelines.formats.writing import Column, Table, WriteOptions


@dataclass
class Export:
    """One table: rows by column, and lines that go out as they stand, right or wrong.

    Attributes:
        columns: the header.
        rows: each a cell per column, or a whole line as text.
    """

    columns: tuple[str, ...]
    rows: list[Mapping[str, str] | str] = field(default_factory=list)

    def add(self, **cells: str) -> None:
        """Adds a row whose columns are identifiers."""
        self.rows.append(cells)

    def only(self, **where: str) -> dict[str, str]:
        """A copy of the first row that has these cells.

        Raises:
            LookupError: no row has them.
        """
        return dict(self._row(self.position(**where)))

    def change(self, where: Mapping[str, str], **cells: str) -> None:
        """Changes cells of the first row that has the cells of ``where``."""
        position = self.position(**where)
        self.rows[position] = {**self._row(position), **cells}

    def position(self, **where: str) -> int:
        """Index of the first row that has these cells.

        Raises:
            LookupError: no row has them.
        """
        for index, row in enumerate(self.rows):
            if not isinstance(row, str) and where.items() <= row.items():
                return index
        raise LookupError(f"no row has {where}")

    def _row(self, position: int) -> Mapping[str, str]:
        row = self.rows[position]
        if isinstance(row, str):
            raise LookupError(f"row {position} is a line of text")  # noqa: TRY004
        return row

    def line(self, position: int, *, delimiter: str, spoil: Callable[[str], str]) -> None:
        """Turns a row into a line of text that ``spoil`` has changed."""
        cells = [self._row(position).get(c, "") for c in self.columns]
        self.rows[position] = spoil(delimiter.join(cells))

    def text(self, *, delimiter: str, end: str) -> str:
        """The file's text; ``end`` ends its lines."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
        writer.writerow(self.columns)
        for row in self.rows:
            if isinstance(row, str):
                out.write(row + end)
            else:
                if unknown := row.keys() - set(self.columns):
                    raise LookupError(f"no column {', '.join(sorted(unknown))}")
                writer.writerow([row.get(column, "") for column in self.columns])
        return out.getvalue()

    def records(self) -> Records:
        """The rows as writers take them; a cell with nothing in it is none.

        Raises:
            LookupError: a row is a line of text.
        """
        rows = [self._row(position) for position in range(len(self.rows))]
        cells = [pa.array([row.get(c) or None for row in rows], pa.string()) for c in self.columns]
        return Records(
            cells=pa.RecordBatch.from_arrays(cells, names=list(self.columns)),
            record=pa.array(range(1, len(rows) + 1), pa.int64()),
            line=pa.nulls(len(rows), pa.int64()),
        )


def written(format: str, tables: Mapping[str, Export], *, dialect: str = "mysql") -> bytes:
    """A file of another format than CSV that holds the tables by their names."""
    stream = io.BytesIO()
    with open_writer(format, stream, WriteOptions(dialect=dialect)) as writer:
        for name, export in tables.items():
            writer.begin(Table(name, tuple(Column(column) for column in export.columns)))
            writer.write(export.records())
    return stream.getvalue()
