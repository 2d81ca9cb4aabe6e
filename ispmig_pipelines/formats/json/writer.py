"""The writer of JSON documents: an array of objects, or an object of such arrays by table."""

from __future__ import annotations

import json
from typing import BinaryIO

from ispmig_pipelines.formats.json.text import objects
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.row_text import begun, second_table
from ispmig_pipelines.formats.writing import Table, WriteOptions


class JsonWriter:
    """One JSON document; see :class:`~ispmig_pipelines.formats.writing.Writer`.

    With ``WriteOptions.several`` it is an object with a member for each table; else it is the
    array of the one table. A record is a line.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        self._stream = stream
        self._several = options.several
        self._table: Table | None = None
        self._records = 0

    def __enter__(self) -> JsonWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is not None:
            return
        if self._table is None:
            self._stream.write(b"{}\n" if self._several else b"[]\n")
            return
        self._stream.write(b"\n]}\n" if self._several else b"\n]\n")

    def begin(self, table: Table) -> None:
        """Starts the table's array.

        Raises:
            UsageError: it is the second table of a document of one.
        """
        if not self._several:
            if self._table is not None:
                raise second_table("JSON", self._table, table)
            start = "["
        else:
            start = "{" if self._table is None else "\n],\n"
            start += json.dumps(table.name, ensure_ascii=False) + ": ["
        self._stream.write(start.encode())
        self._table = table
        self._records = 0

    def write(self, records: Records) -> None:
        """Writes records.

        Raises:
            UsageError: a cell is not what its column's kind says.
        """
        for text in objects(begun(self._table), records, ",\n", ""):
            self._stream.write(text if self._records else text[1:])
            self._records += 1
