"""Arguments and options that several commands share, and the words they take."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Slug = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's slug.")]
Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Paths, s3://… or https://….")]
FileFormat = Annotated[str, typer.Option("--format", help="Of the files, if they do not tell.")]
FileEncoding = Annotated[str, typer.Option("--encoding", help="Of the files, e.g. koi8-u.")]
FileDelimiter = Annotated[str, typer.Option("--delimiter", help="Of CSV files, e.g. tab.")]
SourceWords = Annotated[
    str,
    typer.Option("--source", help="What else a spec would say, e.g. 'sql: {dialect: mysql}'."),
]
FileMember = Annotated[str, typer.Option("--member", help="Only this file of a zip archive.")]
Entities = Annotated[
    list[str] | None, typer.Option("--entity", help="Only this entity; may be given several times.")
]
BackupKey = Annotated[
    str,
    typer.Option("--key", metavar="ID", help="Backups of a former tenant of this name, by key."),
]
Snapshot = Annotated[
    str,
    typer.Argument(metavar="SNAPSHOT", help="Its name, the beginning or the end of it, or latest."),
]


class OutputFormat(StrEnum):
    """What data are written in."""

    csv = "csv"
    json = "json"
    ndjson = "ndjson"
    xml = "xml"
    sql = "sql"
    xlsx = "xlsx"


class Dialect(StrEnum):
    """Whose SQL is written."""

    postgresql = "postgresql"
    mysql = "mysql"
    sqlite = "sqlite"


class Compression(StrEnum):
    """What files are packed with."""

    gzip = "gzip"
    zstd = "zstd"


class ListingFormat(StrEnum):
    """How a listing is written to a file."""

    csv = "csv"
    xlsx = "xlsx"
