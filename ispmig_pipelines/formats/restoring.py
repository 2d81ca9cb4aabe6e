"""A reader of files in which texts like formulas were made harmless, reading what they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from ispmig_pipelines.formats.formulas import restored
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Detected, Reader, Records


class RestoringReader:
    """Another reader's records, without the apostrophes that neutralising put before formulas."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def detected(self) -> Detected:
        """As the other reader found it."""
        return self._reader.detected

    @property
    def size(self) -> int:
        """As of the other reader."""
        return self._reader.size

    def __enter__(self) -> RestoringReader:
        self._reader.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._reader.__exit__(*exc)

    def tables(self) -> list[str]:
        """As of the other reader."""
        return self._reader.tables()

    def columns(self, table: str) -> list[str]:
        """The names of the columns, which are neutralised too."""
        return list(_restored_names(self._reader.columns(table)))

    def batches(self, table: str, size: int = DEFAULT_BATCH_SIZE) -> Iterator[Records]:
        """The other reader's records, restored."""
        for records in self._reader.batches(table, size):
            names = _restored_names(records.cells.schema.names)
            cells = pa.RecordBatch.from_arrays(
                [restored(column) for column in records.cells.columns], names=list(names)
            )
            missing = dict(
                zip(_restored_names(list(records.missing)), records.missing.values(), strict=True)
            )
            yield replace(records, cells=cells, missing=missing)

    def sha256(self) -> str:
        """As of the other reader."""
        return self._reader.sha256()


def _restored_names(names: list[str]) -> list[str]:
    return restored(pa.array(names, pa.string())).to_pylist()
