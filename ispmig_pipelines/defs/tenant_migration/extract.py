"""Extract: from bytes to staged tables of text cells. Nothing is interpreted.

Every source of the spec is opened, and its columns are held against the spec, before the
first record is staged: a mistake costs seconds, not an hour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.defs.tenant_migration.databases import Databases, KeepApart
from ispmig_pipelines.defs.tenant_migration.manifests import StagedFile, StagedSource
from ispmig_pipelines.defs.tenant_migration.part import WHOLE, Part
from ispmig_pipelines.defs.tenant_migration.people import Looking
from ispmig_pipelines.defs.tenant_migration.progress import Begin, Progress
from ispmig_pipelines.defs.tenant_migration.room import Source, check_room
from ispmig_pipelines.defs.tenant_migration.source_files import (
    InDatabase,
    Opened,
    columns_of,
    dropped_of,
    guarded,
    open_apart,
    paths_of,
    with_columns,
)
from ispmig_pipelines.errors import SourceError, SpecError
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.guarding import Finding, cards_found
from ispmig_pipelines.mapping.spec import Spec, check_columns
from ispmig_pipelines.ordered import ahead
from ispmig_pipelines.staging import Staging
from ispmig_pipelines.validation.cards import redacted

POSITION = (
    pa.field("file", pa.int32(), nullable=False),
    pa.field("record", pa.int64(), nullable=False),
    pa.field("line", pa.int64()),
)
"""The first columns of every staged source; its cells follow."""

MASKED_SCHEMA = pa.schema(
    [pa.field("row", pa.int32(), nullable=False), pa.field("column", pa.string(), nullable=False)]
)
"""Which cells of a staged batch had card numbers: a batch here for each batch of cells."""

UNREADABLE_SCHEMA = pa.schema(
    [
        *POSITION,
        pa.field("rule", pa.string(), nullable=False),
        pa.field("found", pa.string(), nullable=False),
        pa.field("accepted", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)


def extract(
    spec: Spec,
    staging: Staging,
    *,
    private: Collection[Path],
    batch_size: int,
    progress: Begin,
    keep_apart: KeepApart = lambda database: False,
    only: Collection[str] | None = None,
) -> dict[str, StagedSource]:
    """Stages every source that the spec uses.

    Args:
        only: these of them.
        private: folders where data of tenants is kept.
        keep_apart: refuses a database that is none to read.

    Returns:
        source name → what was staged.

    Raises:
        SourceError: a file is missing, cannot be read as what it is, or holds no record; or a
            database is not what the spec says.
        DatabaseError: a database cannot be reached, or the connection was lost.
        SpecError: the spec names columns that a source does not have.
        StorageError: no space to stage, or not enough of it to begin.
        PlatformError: not enough memory to begin.
    """
    used = [name for name in spec.sources_read if only is None or name in only]
    with ExitStack() as files:
        databases = Databases(spec, private, keep_apart, files)
        opened = {
            name: open_apart(spec, name, private, files)
            if spec.sources[name].database is None
            else [open_table(name, databases)]
            for name in used
        }
        problems = [
            problem
            for name in used
            for problem in check_columns(
                spec, name, list(columns_of(opened[name])), dropped_of(opened[name])
            )
        ]
        if problems:
            raise SpecError(problems)
        check_room(_sizes(opened), staging.folder)
        staged, index = {}, 0
        for name in used:
            staged[name] = _stage(
                name,
                opened[name],
                index,
                staging,
                batch_size,
                progress(name, opened[name][0].expected),
            )
            if not staged[name].read:
                where = ", ".join(str(o.place) for o in opened[name])
                raise SourceError(
                    f"Source {name}: {where} has a header and not one record. Export it again, "
                    f"or take the source out of {spec.path.name} if there is nothing to move."
                )
            index += len(opened[name])
    return staged


def _sizes(opened: Mapping[str, list[Opened]]) -> Iterator[Source]:
    """What is to be read; of a file of several tables as large a part as there are tables of it
    that the spec uses."""
    used: dict[str, dict[str, Opened]] = {}
    for one in (one for own in opened.values() for one in own):
        used.setdefault(str(one.place), {})[one.table] = one
    for tables in used.values():
        first = next(iter(tables.values()))
        told = first.reader.detected
        share = len(tables) / max(len(first.reader.tables()), len(tables))
        yield Source(round(first.reader.size * share), told.format, told.compression)


def open_table(name: str, databases: Databases) -> Opened:
    """A source that is a table or a query of a live database, ready to be read."""
    reader = databases.reader(name)
    (table,) = reader.tables()
    place = InDatabase(reader.name)
    kept = guarded(databases.spec, name, reader, table, digests_cells=True)
    (shown,) = kept.tables()
    return Opened(place, shown, kept.columns(shown), kept, reader.expected(table))


def _stage(
    name: str,
    opened: list[Opened],
    first_index: int,
    staging: Staging,
    batch_size: int,
    progress: Progress,
) -> StagedSource:
    columns = columns_of(opened)
    source = StagedSource(name=name, columns=columns, files=())
    schema = pa.schema([*POSITION, *(pa.field(c, pa.string()) for c in columns)])
    files: list[StagedFile] = []
    found: list[Finding] = []
    people = Looking(columns)
    size = sum(o.reader.size for o in opened)
    before = 0
    with (
        staging.write(source.cells, schema) as cells,
        staging.write(source.masked, MASKED_SCHEMA) as masked,
        staging.write(source.unreadable, UNREADABLE_SCHEMA) as unreadable,
    ):
        for path, (index, one) in zip(
            paths_of(opened), enumerate(opened, first_index), strict=True
        ):
            records = rejects = 0
            read = one.reader.batches(one.table, batch_size)
            # A driver's connection may belong to the thread that opened it.
            for batch in read if isinstance(one.place, InDatabase) else ahead(read):
                if batch.cells.num_rows:
                    people.add(batch.cells)
                    cells.write(_positioned(batch, index, columns, schema))
                    masked.write(_masked(batch))
                if batch.rejects:
                    unreadable.write(_unreadable(batch, index))
                records += batch.cells.num_rows
                rejects += len(batch.rejects)
                progress.advance(
                    batch.cells.num_rows + len(batch.rejects),
                    share=(before + batch.bytes_read) / size if size else None,
                )
            before += one.reader.size
            files.append(
                StagedFile(
                    index=index,
                    source=name,
                    path=path,
                    member=redacted(one.place.member),
                    table=one.table,
                    sha256=one.reader.sha256(),
                    size=one.reader.size,
                    records=records,
                    rejects=rejects,
                    notes=one.reader.detected.notes,
                )
            )
            found += one.reader.findings(one.table)
    progress.done()
    return StagedSource(
        name=name,
        columns=columns,
        files=tuple(files),
        cards=tuple(cards_found(name, found)),
        personal=people.found(),
    )


def _positioned(
    batch: Records, index: int, columns: tuple[str, ...], schema: pa.Schema
) -> pa.RecordBatch:
    cells = with_columns(batch, columns).cells
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(index, pa.int32()), cells.num_rows),
            batch.record,
            batch.line,
            *cells.columns,
        ],
        schema=schema,
    )


def _masked(batch: Records) -> pa.RecordBatch:
    rows = [np.flatnonzero(where) for where in batch.masked.values()]
    columns = [
        pa.repeat(pa.scalar(name, pa.string()), len(own))
        for name, own in zip(batch.masked, rows, strict=True)
    ]
    if not rows:
        return pa.RecordBatch.from_pylist([], schema=MASKED_SCHEMA)
    return pa.RecordBatch.from_arrays(
        [pa.array(np.concatenate(rows), pa.int32()), pa.concat_arrays(columns)],
        schema=MASKED_SCHEMA,
    )


def masked_cells(
    staging: Staging, source: StagedSource, index: int, size: int
) -> dict[str, np.ndarray]:
    """Column → mask of the cells of a staged batch that had card numbers; only columns that had.

    Args:
        index: which batch of cells it is; size: records in it.
    """
    found: dict[str, np.ndarray] = {}
    if not source.has_masked:
        return found
    batch = staging.batch(source.masked, index)
    rows = np.asarray(batch.column("row"))
    names = batch.column("column")
    for name in pc.unique(names).to_pylist():
        where = np.zeros(size, dtype=bool)
        where[rows[np.asarray(pc.equal(names, name))]] = True
        found[name] = where
    return found


def _unreadable(batch: Records, index: int) -> pa.RecordBatch:
    rows = batch.rejects
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(index, pa.int32()), len(rows)),
            pa.array([r.record for r in rows], pa.int64()),
            pa.array([r.line for r in rows], pa.int64()),
            pa.array([r.rule for r in rows], pa.string()),
            pa.array([r.found for r in rows], pa.string()),
            pa.array([r.accepted for r in rows], pa.string()),
            pa.array([r.text for r in rows], pa.string()),
        ],
        schema=UNREADABLE_SCHEMA,
    )


def records_of(source: StagedSource, batch: pa.RecordBatch) -> Records:
    """A staged batch of cells in the shape in which readers hand them over."""
    width = len(POSITION)
    return Records(
        cells=pa.RecordBatch.from_arrays(batch.columns[width:], names=batch.schema.names[width:]),
        record=batch.column(1),
        line=batch.column(2),
    )


def positions(batch: pa.RecordBatch) -> np.ndarray:
    """File and record of each row of a staged batch as one number."""
    file, record = np.asarray(batch.column(0)), np.asarray(batch.column(1))
    return (file.astype(np.int64) << 48) | record


def read_cells(
    staging: Staging, source: StagedSource, columns: list[str], part: Part = WHOLE
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Positions and the named columns of a staged source, batch by batch, each with its number
    among those of the whole source.

    Args:
        part: whose batches are wanted.
    """
    picked = [source.columns.index(c) + len(POSITION) for c in columns]
    own = part.batches(staging.batches(source.cells))
    read = staging.read(source.cells, [*range(len(POSITION)), *sorted(picked)], only=own)
    return zip(own, read, strict=True)
