"""Opening a source file of any format by its content.

A further format is one more module with a :class:`~ispmig_pipelines.formats.records.Reader` and
one more line in :data:`READERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.bytes_in import (
    UnpackedFile,
    compression_of,
    open_bytes,
    zip_document_kind,
)
from ispmig_pipelines.formats.csv.dialect import CsvOptions
from ispmig_pipelines.formats.csv.reader import CsvReader
from ispmig_pipelines.formats.encoding import Encoding, detect_encoding, stated_encoding
from ispmig_pipelines.formats.json.ndjson import NdjsonReader
from ispmig_pipelines.formats.json.options import JsonOptions
from ispmig_pipelines.formats.json.reader import JsonReader
from ispmig_pipelines.formats.limits import ReadLimits, read_limits
from ispmig_pipelines.formats.recognise import binary_kind, kind_name, text_kind
from ispmig_pipelines.formats.records import Reader
from ispmig_pipelines.formats.spreadsheet.reader import SpreadsheetReader
from ispmig_pipelines.formats.sql.context import SqlContext
from ispmig_pipelines.formats.sql.dialect import SqlOptions
from ispmig_pipelines.formats.sql.reader import SqlReader
from ispmig_pipelines.formats.xml.options import XmlOptions
from ispmig_pipelines.formats.xml.reader import XmlReader
from ispmig_pipelines.remote import SourceFile, source_file

SAMPLE_BYTES = 1 << 20
"""How much of the beginning of a file the evidence is taken from."""

_FURTHER_SAMPLES = 8
_FURTHER_BYTES = 128 << 10


@dataclass(frozen=True)
class Opening:
    """What is known of a file when its reader is made.

    Attributes:
        path: the file.
        kind: its format.
        sample: the beginning of its content.
        whole: the sample is all of it.
        encoding: of a text file; None for the others.
        compression, member: how it is packed.
        csv: what the spec says about a CSV.
        limits: see :class:`ReadLimits`.
        sql: what the spec says about an SQL script.
        stated: the encoding is the spec's word, not a finding.
        json, xml: what the spec says about such a document.
        after: what the script before this one leaves behind.
    """

    path: SourceFile
    kind: str
    sample: bytes
    whole: bool
    encoding: Encoding | None
    compression: str
    member: str
    csv: CsvOptions | None
    limits: ReadLimits
    stated: bool = False
    sql: SqlOptions | None = None
    json: JsonOptions | None = None
    xml: XmlOptions | None = None
    after: SqlContext | None = None

    def text(self) -> Encoding:
        """Its encoding, for a reader of text.

        Raises:
            SourceError: it holds none.
        """
        if self.encoding is None:
            raise unread_kind(self.path, self.kind)
        return self.encoding

    def packing(self) -> dict[str, Any]:
        """What every reader of a stream is told about how to come by it."""
        return {"compression": self.compression, "member": self.member, "limits": self.limits}


def _csv_reader(opening: Opening) -> Reader:
    return CsvReader(
        opening.path,
        opening.sample,
        opening.text(),
        whole=opening.whole,
        options=opening.csv,
        **opening.packing(),
    )


def _xml_reader(opening: Opening) -> Reader:
    return XmlReader(
        opening.path,
        opening.sample,
        opening.text(),
        stated=opening.stated,
        options=opening.xml,
        **opening.packing(),
    )


def _spreadsheet_reader(opening: Opening) -> Reader:
    # Its parts are read from place to place, so a packed one is unpacked in memory.
    packed = opening.compression or opening.member
    path = UnpackedFile(opening.path, opening.member, opening.limits) if packed else opening.path
    return SpreadsheetReader(path, opening.kind, options=opening.csv, limits=opening.limits)


def _json_reader(opening: Opening) -> Reader:
    return JsonReader(opening.path, opening.text(), options=opening.json, **opening.packing())


def _ndjson_reader(opening: Opening) -> Reader:
    return NdjsonReader(opening.path, opening.text(), options=opening.json, **opening.packing())


def _sql_reader(opening: Opening) -> Reader:
    return SqlReader(
        opening.path,
        opening.sample,
        opening.text(),
        options=opening.sql,
        after=opening.after,
        **opening.packing(),
    )


def _sqlite_reader(opening: Opening) -> Reader:
    # SQLAlchemy is slow to import, and few sources are databases.
    from ispmig_pipelines.formats.database.sqlite_file import SqliteFileReader

    return SqliteFileReader(opening.path, **opening.packing())


READERS: dict[str, Callable[[Opening], Reader]] = {
    "csv": _csv_reader,
    "sql": _sql_reader,
    "json": _json_reader,
    "ndjson": _ndjson_reader,
    "xml": _xml_reader,
    "xlsx": _spreadsheet_reader,
    "xlsb": _spreadsheet_reader,
    "xls": _spreadsheet_reader,
    "ods": _spreadsheet_reader,
    "sqlite": _sqlite_reader,
}
"""The readers by format."""


def look_at(
    path: SourceFile | str,
    *,
    format: str = "",
    encoding: str = "",
    csv: CsvOptions | None = None,
    json: JsonOptions | None = None,
    xml: XmlOptions | None = None,
    sql: SqlOptions | None = None,
    member: str = "",
    limits: ReadLimits | None = None,
    after: SqlContext | None = None,
) -> Opening:
    """Finds out what a file is, reading only samples of it.

    Args:
        path: the file, by its path or URL.
        format: what the spec says it is; "" to find out.
        encoding: what the spec says it is written in; "" to find out.
        csv, json, xml, sql: what the spec says about a file of that format.
        member: which member of a zip archive with several.
        limits: on unpacking, cells and columns; those of the settings unless given.
        after: what the script before this one leaves behind, where several are read in order.

    Raises:
        SourceError: it is missing, a folder, empty, or may not be read.
    """
    path = source_file(path)
    limits = limits or read_limits()
    with open_bytes(path, limits=limits, member=member) as source:
        sample = source.read(SAMPLE_BYTES)
        whole = len(sample) < SAMPLE_BYTES
        compression, chosen = source.compression, source.member
    if not sample:
        raise SourceError(
            f"{path} is {compression} data with nothing inside (0 bytes). Export it again."
        )
    kind = binary_kind(sample[:512])
    if not kind and sample.startswith(b"PK"):
        packed = compression or chosen
        kind = zip_document_kind(UnpackedFile(path, chosen, limits) if packed else path)
    if not kind and compression and (twice := compression_of(sample[:8])):
        raise SourceError(
            f"{path} is packed twice: {twice} data in {compression} data. Unpack it once, and name "
            "what comes out."
        )
    found: Encoding | None = None
    if not kind:
        if encoding:
            found = stated_encoding(encoding, sample)
        else:
            found = detect_encoding(
                [sample, *_further_samples(path, compression, whole)], whole=whole
            )
        if found.binary and not encoding and text_kind(sample[:8192].decode("latin-1")) == "sql":
            # Bytes of images and keys stand raw in the strings of a dump.
            kind, found = "sql", Encoding("utf-8", 0, ("binary data stand in its strings",))
        elif found.binary and not encoding:
            kind, found = "binary", None
        else:
            kind = format or text_kind(sample[found.bom :][: 1 << 18].decode(found.name, "replace"))
            if csv is not None and not format:
                # Who describes a CSV's dialect says that it is one.
                kind = "csv"
    return Opening(
        path,
        kind,
        sample,
        whole,
        found,
        compression,
        chosen,
        csv,
        limits,
        stated=bool(encoding),
        sql=sql,
        json=json,
        xml=xml,
        after=after,
    )


def _further_samples(path: SourceFile, compression: str, whole: bool) -> list[bytes]:
    """Pieces from all over a plain file: an accent may first stand in its last gigabyte."""
    if whole or compression or not isinstance(path, Path):
        # In a stream, each would be all that stands before it.
        return []
    size = path.stat().st_size
    pieces = []
    with path.open("rb") as file:
        for i in range(1, _FURTHER_SAMPLES + 1):
            # Even places, so that two-byte characters stay whole.
            start = (size - _FURTHER_BYTES) * i // _FURTHER_SAMPLES // 4 * 4
            if start < SAMPLE_BYTES:
                continue
            file.seek(start)
            pieces.append(file.read(_FURTHER_BYTES))
    return pieces


def open_source(
    path: SourceFile | str,
    *,
    format: str = "",
    encoding: str = "",
    csv: CsvOptions | None = None,
    json: JsonOptions | None = None,
    xml: XmlOptions | None = None,
    sql: SqlOptions | None = None,
    member: str = "",
    limits: ReadLimits | None = None,
    after: SqlContext | None = None,
    ask: bool = True,
) -> Reader:
    """Opens a source file for reading its records, found out by content.

    Args:
        path: the file, by its path or URL.
        format, encoding, csv, json, xml, sql: what the spec says; what it leaves out is found
            by evidence.
        member: which member of a zip archive with several.
        limits: on unpacking, cells and columns; those of the settings unless given.
        after: what the script before this one leaves behind, where several are read in order.
        ask: refuse a file on which the evidence is split. ``inspect`` shows it all the same.

    Raises:
        SourceError: the file is missing, unreadable, of a kind that is not read, or its
            evidence is split and the spec does not settle it.
    """
    opening = look_at(
        path,
        format=format,
        encoding=encoding,
        csv=csv,
        json=json,
        xml=xml,
        sql=sql,
        member=member,
        limits=limits,
        after=after,
    )
    make = READERS.get(opening.kind)
    if make is None:
        raise unread_kind(opening.path, opening.kind)
    reader = make(opening)
    if ask and reader.detected.questions:
        reader.__exit__(None, None, None)
        raise SourceError(f"{opening.path}: " + " ".join(reader.detected.questions))
    return reader


def unread_kind(path: SourceFile, kind: str) -> SourceError:
    """The error for a file of a kind without a reader."""
    return SourceError(
        f"{path} is no export of data: by its content it is {kind_name(kind)}. Name the file "
        "that holds the records."
    )
