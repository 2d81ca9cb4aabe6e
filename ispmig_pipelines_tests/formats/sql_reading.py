"""Reading small scripts in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ispmig_pipelines.formats.encoding import Encoding, detect_encoding
from ispmig_pipelines.formats.limits import DEFAULT_LIMITS, ReadLimits
from ispmig_pipelines.formats.records import Reader, Reject
from ispmig_pipelines.formats.sql.dialect import SqlOptions
from ispmig_pipelines.formats.sql.reader import SqlReader

Rows = list[list[str | None]]


def opened(
    path: Path,
    content: str | bytes,
    *,
    dialect: str = "",
    complete: bool = False,
    block: int = 4 << 20,
    limits: ReadLimits = DEFAULT_LIMITS,
    encoding: Encoding | None = None,
) -> SqlReader:
    """A reader of ``content``, written to ``path``."""
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(raw)
    return SqlReader(
        path,
        raw[: 1 << 20],
        encoding or detect_encoding([raw], whole=True),
        options=SqlOptions(dialect=dialect, complete=complete),
        block_bytes=block,
        limits=limits,
    )


def read(reader: Reader, table: str = "", size: int = 50_000) -> tuple[Rows, list[Reject]]:
    """Rows and rejects of a table (the first, unless named)."""
    rows: Rows = []
    rejects: list[Reject] = []
    for records in reader.batches(table or reader.tables()[0], size):
        rows += [list(row) for row in zip(*(c.to_pylist() for c in records.cells), strict=True)]
        rejects += records.rejects
    return rows, rejects


def rows_of(path: Path, content: str | bytes, table: str = "", **said: Any) -> Rows:
    """The rows of a script in which every record can be read."""
    rows, rejects = read(opened(path, content, **said), table)
    assert rejects == []
    return rows
