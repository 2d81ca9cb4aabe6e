"""What the tests of databases do again and again."""

from __future__ import annotations

from typing import Any

from ispmig_pipelines.formats.database.reader import Database, DatabaseReader
from ispmig_pipelines.formats.records import Reader, Reject


def rows_of(reader: Reader, table: str = "", size: int = 50_000) -> list[dict[str, Any]]:
    """Every readable record of the reader's only table, or of one."""
    table = table or reader.tables()[0]
    return [row for batch in reader.batches(table, size) for row in batch.cells.to_pylist()]


def rejects_of(reader: Reader, table: str = "") -> list[Reject]:
    table = table or reader.tables()[0]
    return [reject for batch in reader.batches(table) for reject in batch.rejects]


def asked(database: Database, query: str) -> list[dict[str, Any]]:
    """The answer to a query."""
    return rows_of(database.reader(query=query))


def column(database: Database, table: str, name: str) -> list[str | None]:
    reader: DatabaseReader = database.reader(table=table)
    return [row[name] for row in rows_of(reader)]
