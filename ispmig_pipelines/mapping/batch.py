"""A batch of records as the mapping of a feed sees it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.cells import SourceCells


@dataclass(frozen=True)
class Batch:
    """Cells, and where their records stand in the source.

    Attributes:
        cells: the cells.
        record: ordinal of each record in its file, from 1.
        first: records of the source that lie in files before this one.
    """

    cells: SourceCells
    record: pa.Int64Array
    first: int = 0

    @property
    def size(self) -> int:
        """How many records it has."""
        return self.cells.size


def batch_of(records: Records, first: int = 0) -> Batch:
    """The records of a reader, or of staging, as a batch."""
    return Batch(SourceCells(records.cells), records.record, first)
