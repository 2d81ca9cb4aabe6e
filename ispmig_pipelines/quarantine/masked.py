"""A listing of the quarantine with masks in the place of cells, as a masked export has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_migration.settled import columns_of, styles_of
from ispmig_pipelines.errors import SpecError
from ispmig_pipelines.issues import mask
from ispmig_pipelines.mapping.cell_masks import CellMasks, masks_of_source
from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.validation.personal_data import personal_data

_AT_ONCE = 1_000
"""Records that are masked together."""

_Cells = dict[str, Any]


def masked(
    connection: Connection, tenant: Tenant, listing: Iterator[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The listing with masked cells, under the tenant's key
    (:mod:`ispmig_pipelines.mapping.cell_masks`); texts that are no cells become shapes.

    Args:
        listing: rows of :func:`ispmig_pipelines.platform.quarantine.listing`, from a cursor of
            the connection.
    """
    masks = _Masks(connection, tenant)
    while rows := list(islice(listing, _AT_ONCE)):
        yield from masks.of(rows)


class _Masks:
    """How the cells of a tenant's records in quarantine are masked."""

    def __init__(self, connection: Connection, tenant: Tenant) -> None:
        # The listing's cursor lives in a transaction of the connection's, which must not end here.
        with connection.engine.begin() as own:
            self._masker = Masker(mask_key(own, tenant.slug))
            self._entries = {entry.id: entry for entry in ledger.migrations(own, tenant.slug)}
        self._of_source: dict[tuple[int, str], tuple[CellMasks | None, tuple[str, ...]]] = {}

    def of(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Some rows of a listing, in their order."""
        latest = self._cells(rows, [row["cells"] for row in rows])
        first = self._cells(rows, [row["original"] and row["original"]["cells"] for row in rows])
        return [
            row
            | {
                "cells": latest[at],
                "text": _shape(row["text"]),
                "original": row["original"]
                and {"cells": first[at], "text": _shape(row["original"]["text"])},
            }
            for at, row in enumerate(rows)
        ]

    def _cells(
        self, rows: Sequence[dict[str, Any]], cells: Sequence[_Cells | None]
    ) -> list[_Cells | None]:
        """The records' cells, masked source by source."""
        by_source: dict[tuple[int, str], list[int]] = defaultdict(list)
        for at, row in enumerate(rows):
            if cells[at] is not None:
                by_source[row["migration"], self._source(row)].append(at)
        found: list[_Cells | None] = [None] * len(rows)
        for (migration, source), places in by_source.items():
            of_source = self._masked(
                migration,
                source,
                [cells[at] or {} for at in places],
                [f"{rows[at]['path']}:{rows[at]['record']}" for at in places],
            )
            for at, record in zip(places, of_source, strict=True):
                found[at] = record
        return found

    def _source(self, row: dict[str, Any]) -> str:
        """The source of the spec that the row's file is of."""
        files = self._entries[row["migration"]].files
        return next((str(f.get("source", "")) for f in files if f["index"] == row["file"]), "")

    def _masked(
        self, migration: int, source: str, cells: Sequence[_Cells], places: Sequence[str]
    ) -> list[_Cells]:
        masks, columns = self._masks_of(migration, source)
        shown: dict[str, list[str | None]] = {}
        if masks is not None:
            batch = pa.RecordBatch.from_arrays(
                [pa.array([_text(one.get(c)) for one in cells], pa.string()) for c in columns],
                names=list(columns),
            )
            records = masks.records(batch, places)
            shown = {name: records.column(name) for name in columns}
        return [
            {n: shown[n][at] if n in shown else _shape(cell) for n, cell in one.items()}
            for at, one in enumerate(cells)
        ]

    def _masks_of(self, migration: int, source: str) -> tuple[CellMasks | None, tuple[str, ...]]:
        """The masks of a source's cells, and its columns; none where the spec cannot be had as it
        ran: it was written for an older release, or calls functions that are not here."""
        if (migration, source) not in self._of_source:
            entry = self._entries[migration]
            columns = columns_of(entry.settled, source)
            masks = None
            with suppress(SpecError):
                masks = masks_of_source(
                    self._masker,
                    parse_spec(entry.spec_text, Path(entry.spec_path)),
                    source,
                    columns,
                    settled=styles_of(entry.settled),
                    personal=personal_data(entry.findings),
                )
            self._of_source[migration, source] = masks, columns
        return self._of_source[migration, source]


def _text(cell: Any) -> str | None:
    return None if cell is None else str(cell)


def _shape(cell: Any) -> str | None:
    return None if cell is None else mask(cell)
