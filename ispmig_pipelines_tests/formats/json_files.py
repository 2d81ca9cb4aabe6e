"""Reading JSON files in tests: all of a file, cell for cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Reader, Reject

MISSING = "<missing>"
"""Stands where a record does not have the key at all."""


@dataclass
class Seen:
    """A table as it was read: its columns, its rows with ordinal and line, its rejects."""

    columns: list[str]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    record: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def read_all(reader: Reader, size: int = DEFAULT_BATCH_SIZE) -> dict[str, Seen]:
    """Every table of the reader."""
    return {table: read_table(reader, table, size) for table in reader.tables()}


def read_table(reader: Reader, table: str, size: int = DEFAULT_BATCH_SIZE) -> Seen:
    """One table of the reader; each batch is held against the contract on the way."""
    seen = Seen(reader.columns(table))
    for batch in reader.batches(table, size):
        batch.cells.validate(full=True)
        assert batch.cells.num_rows <= size
        assert batch.cells.schema.names == seen.columns
        absent = {name: mask.to_pylist() for name, mask in batch.missing.items()}
        columns = [
            [
                MISSING if name in absent and absent[name][i] else cell
                for i, cell in enumerate(batch.cells.column(name).to_pylist())
            ]
            for name in seen.columns
        ]
        assert all(
            batch.cells.column(name)[i].as_py() is None
            for name, mask in absent.items()
            for i, gone in enumerate(mask)
            if gone
        )
        seen.rows.extend(zip(*columns, strict=True) if columns else [()] * batch.cells.num_rows)
        seen.record.extend(batch.record.to_pylist())
        seen.line.extend(batch.line.to_pylist())
        seen.rejects.extend(batch.rejects)
    return seen
