"""Opening a writer of any format.

A further format is one more module with a :class:`~ispmig_pipelines.formats.writing.Writer` and
one more line in :data:`WRITERS`.
"""

from __future__ import annotations

from typing import BinaryIO

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.csv.writer import CsvWriter
from ispmig_pipelines.formats.json.ndjson_writer import NdjsonWriter
from ispmig_pipelines.formats.json.writer import JsonWriter
from ispmig_pipelines.formats.spreadsheet.writer import XlsxWriter
from ispmig_pipelines.formats.sql.writer import SqlWriter
from ispmig_pipelines.formats.writing import Opens, WriteOptions, Writer
from ispmig_pipelines.formats.xml.writer import XmlWriter

WRITERS: dict[str, Opens] = {
    "csv": CsvWriter,
    "json": JsonWriter,
    "ndjson": NdjsonWriter,
    "xml": XmlWriter,
    "sql": SqlWriter,
    "xlsx": XlsxWriter,
}
"""The writers by format."""

HOLD_SEVERAL = frozenset({"json", "xml", "sql", "xlsx"})
"""The formats of which one file may hold several tables."""

SUFFIXES = {
    "csv": (".csv",),
    "json": (".json",),
    "ndjson": (".ndjson", ".jsonl"),
    "xml": (".xml",),
    "sql": (".sql",),
    "xlsx": (".xlsx",),
}
"""How files of each format are named, the first where we name them."""


def open_writer(format: str, stream: BinaryIO, options: WriteOptions | None = None) -> Writer:
    """The writer of a format on an open binary stream, which stays the caller's to close.

    Raises:
        UsageError: there is no such format, or the options ask for what it cannot do.
    """
    if format not in WRITERS:
        raise UsageError(
            f"{format!r} is no format that is written here; there are {', '.join(WRITERS)}."
        )
    return WRITERS[format](stream, options or WriteOptions())
