"""A reader that hands over all but some columns: numbers of cards, and what verifies them.

What it withholds is staged nowhere, so that it can get into no table, quarantine or report.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from ispmig_pipelines.formats.database.digest import CellDigest
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Reader, Records

WITHHELD = "(not kept: the record may hold columns that are never loaded)"
"""The text of a record that cannot be read: nobody knows which part of it is which column."""


class WithholdingReader:
    """Another reader's records without some columns, and without the raw texts of unreadable ones.

    Args:
        reader: the other one.
        never: the columns, written as the reader has them.
        digests_cells: its digest is one of cells
            (:class:`~ispmig_pipelines.formats.database.digest.CellDigest`), not of a file's
            bytes, so it has to be taken of the cells that are handed over.
    """

    def __init__(
        self, reader: Reader, never: Collection[str], *, digests_cells: bool = False
    ) -> None:
        self._reader = reader
        self._never = frozenset(never)
        self._digests_cells = digests_cells
        self._digest: str | None = None

    @property
    def detected(self) -> Detected:
        """As the other reader found it."""
        return self._reader.detected

    @property
    def size(self) -> int:
        """As of the other reader."""
        return self._reader.size

    def __enter__(self) -> WithholdingReader:
        self._reader.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._reader.__exit__(*exc)

    def tables(self) -> list[str]:
        """As of the other reader."""
        return self._reader.tables()

    def columns(self, table: str) -> list[str]:
        """The names of the columns that are handed over."""
        return [name for name in self._reader.columns(table) if name not in self._never]

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The other reader's records, without what is withheld."""
        columns = self.columns(table)
        digest = CellDigest(columns)
        for records in self._reader.batches(table, size):
            kept = [name for name in records.cells.schema.names if name not in self._never]
            rejects = tuple(replace(reject, text=WITHHELD) for reject in records.rejects)
            cells = records.cells.select(kept)
            if self._digests_cells:
                digest.add(cells.columns)
                for reject in rejects:
                    digest.add_unreadable(reject.record, reject.text)
            yield replace(
                records,
                cells=cells,
                rejects=rejects,
                missing={k: v for k, v in records.missing.items() if k not in self._never},
            )
        self._digest = digest.hexdigest()

    def sha256(self) -> str:
        """As of the other reader; of a database, over the cells that were handed over."""
        if not self._digests_cells:
            return self._reader.sha256()
        if self._digest is None:
            raise ValueError("no table has been read to its end yet")
        return self._digest
