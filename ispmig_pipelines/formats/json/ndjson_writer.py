"""The writer of NDJSON: one object a line."""

from __future__ import annotations

from typing import BinaryIO

from ispmig_pipelines.formats.json.text import objects
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.row_text import begun, second_table
from ispmig_pipelines.formats.writing import Table, WriteOptions


class NdjsonWriter:
    """One file of NDJSON; see :class:`~ispmig_pipelines.formats.writing.Writer`."""

    notes: tuple[str, ...] = ()

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        self._stream = stream
        self._table: Table | None = None

    def __enter__(self) -> NdjsonWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        return None

    def begin(self, table: Table) -> None:
        """Takes the table whose records follow.

        Raises:
            UsageError: it is the second one.
        """
        if self._table is not None:
            raise second_table("NDJSON", self._table, table)
        self._table = table

    def write(self, records: Records) -> None:
        """Writes records.

        Raises:
            UsageError: a cell is not what its column's kind says.
        """
        for text in objects(begun(self._table), records, "", "\n"):
            self._stream.write(text)
