"""The sources of a dry run's report: how well their columns are filled, and the cells of the
sampled records."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.defs.tenant_migration.extract import POSITION
from ispmig_pipelines.defs.tenant_migration.manifests import LoadedMigration, MappedFeed
from ispmig_pipelines.mapping.cell_masks import masks_of_source
from ispmig_pipelines.mapping.cells import without
from ispmig_pipelines.mapping.spec import Spec, find_column
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.preview import report
from ispmig_pipelines.preview.showing import Showing
from ispmig_pipelines.staging import Staging

Place = tuple[int, int]
"""Position of a record: the file's place in the migration's list of files, and the ordinal."""


def standing_at(batch: pa.RecordBatch, places: set[Place]) -> np.ndarray:
    """Boolean mask of a staged batch's records that stand at the places."""
    wanted = np.zeros(batch.num_rows, dtype=bool)
    files, records = np.asarray(batch.column(0)), np.asarray(batch.column(1))
    for file in {file for file, _ in places}:
        wanted |= (files == file) & np.isin(records, [r for f, r in places if f == file])
    return wanted


def stands(place: Place) -> str:
    """What a record is known by to masks that has no key."""
    return f"{place[0]}:{place[1]}"


@dataclass(frozen=True)
class Source:
    """A source: what is told of it, what may be shown of it, and cells of the sampled records.

    Attributes:
        masked: entity and field → place → column → cell, masked as what the field holds; empty
            where cells are shown as they stand.
    """

    report: report.Source
    showing: Showing
    rows: dict[Place, dict[str, str | None]]
    masked: dict[tuple[str, str], dict[Place, dict[str, str | None]]]


def sources_of(
    spec: Spec,
    loaded: LoadedMigration,
    sampled: Mapping[str, Collection[Place]],
    staging: Staging,
    masker: Masker | None,
) -> dict[str, Source]:
    """The sources that a dry run read, by name.

    Args:
        sampled: feed → where its sampled records stand.
        masker: of cells, as what they become is masked; None: they are shown as they stand.
    """
    by_name: dict[str, list[MappedFeed]] = defaultdict(list)
    for feed in loaded.feeds:
        by_name[feed.source.name].append(feed)
    return {
        name: _source(
            spec,
            by_name[name],
            {place for feed in by_name[name] for place in sampled[feed.name]},
            staging,
            masker,
        )
        for name in spec.sources
        if name in by_name
    }


def _source(
    spec: Spec,
    feeds: Sequence[MappedFeed],
    places: set[Place],
    staging: Staging,
    masker: Masker | None,
) -> Source:
    source = feeds[0].source
    filled: Counter[str] = Counter()
    rows: dict[Place, dict[str, str | None]] = {}
    width = len(POSITION)
    for batch in staging.read(source.cells):
        # By position: a column of the source may be called like one of ours.
        columns = dict(zip(source.columns, batch.columns[width:], strict=True))
        for name, cells in columns.items():
            words = pc.utf8_trim_whitespace(cells)
            words = without(words, words, spec.defaults.null_words)
            filled[name] += batch.num_rows - words.null_count
        wanted = np.flatnonzero(standing_at(batch, places))
        taken = {name: cells.take(pa.array(wanted)).to_pylist() for name, cells in columns.items()}
        for at, row in enumerate(wanted):
            place = (batch.column(0)[row].as_py(), batch.column(1)[row].as_py())
            rows[place] = {name: cells[at] for name, cells in taken.items()}
    fields: dict[str, list[str]] = {name: [] for name in source.columns}
    for feed in feeds:
        for name, columns_read in feed.reads.items():
            for column in columns_read:
                fields[column].append(f"{feed.entity}.{name}")
    # Every source has a block that carries what no field takes.
    carried = {column for feed in feeds for column in feed.unused}
    carried |= {
        find_column(feed.legacy_column, source.columns) or "" for feed in spec.feeds_of(source.name)
    }
    return Source(
        report.Source(
            name=source.name,
            records=source.readable,
            unreadable=source.read - source.readable,
            files=tuple(
                report.SourceFile(
                    name=PurePath(file.path).name,
                    table=file.table,
                    sha256=file.sha256,
                    records=file.records,
                    unreadable=file.rejects,
                )
                for file in source.files
            ),
            columns=tuple(
                report.Column(
                    name=name,
                    filled=filled[name],
                    fields=tuple(dict.fromkeys(fields[name])),
                    goes_to="legacy" if name in carried else "fields",
                )
                for name in source.columns
            ),
        ),
        Showing.of([(feed.entity, feed.reads) for feed in feeds]),
        rows,
        {} if masker is None else _masked_cells(spec, feeds, rows, masker),
    )


def _masked_cells(
    spec: Spec,
    feeds: Sequence[MappedFeed],
    rows: Mapping[Place, Mapping[str, str | None]],
    masker: Masker,
) -> dict[tuple[str, str], dict[Place, dict[str, str | None]]]:
    """Cells of the sampled records of a source, masked as what each of the fields holds."""
    source = feeds[0].source
    styles = {name: found for feed in feeds for name, found in feed.styles.items()}
    masks = masks_of_source(masker, spec, source.name, source.columns, settled=styles)
    places = list(rows)
    cells = pa.RecordBatch.from_arrays(
        [pa.array([rows[p].get(c) for p in places], pa.string()) for c in source.columns],
        names=list(source.columns),
    )
    records = masks.records(cells, [stands(place) for place in places])
    masked: dict[tuple[str, str], dict[Place, dict[str, str | None]]] = {}
    for feed in feeds:
        for name, columns in feed.reads.items():
            of_field = {c: records.column(c, (feed.entity, name)) for c in columns}
            masked[feed.entity, name] = {
                place: {c: of_field[c][at] for c in columns} for at, place in enumerate(places)
            }
    return masked
