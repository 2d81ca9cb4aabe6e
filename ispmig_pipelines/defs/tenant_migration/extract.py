"""Extract: from bytes to staged tables of text cells. Nothing is interpreted.

Every source of the spec is opened, and its columns are held against the spec, before the
first record is staged: a mistake costs seconds, not an hour.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ispmig_pipelines.defs.tenant_migration.databases import Databases, KeepApart
from ispmig_pipelines.defs.tenant_migration.manifests import StagedFile, StagedSource
from ispmig_pipelines.defs.tenant_migration.progress import Begin, Progress
from ispmig_pipelines.errors import SourceError, SpecError
from ispmig_pipelines.formats import CsvOptions, SqlOptions, open_source
from ispmig_pipelines.formats.bytes_in import zip_members
from ispmig_pipelines.formats.records import Reader, Records
from ispmig_pipelines.formats.restoring import RestoringReader
from ispmig_pipelines.mapping.spec import Spec, check_columns
from ispmig_pipelines.mapping.spec_models import Source
from ispmig_pipelines.remote import SourceFile
from ispmig_pipelines.staging import Staging

POSITION = (
    pa.field("file", pa.int32(), nullable=False),
    pa.field("record", pa.int64(), nullable=False),
    pa.field("line", pa.int64()),
)
"""The first columns of every staged source; its cells follow."""

UNREADABLE_SCHEMA = pa.schema(
    [
        *POSITION,
        pa.field("rule", pa.string(), nullable=False),
        pa.field("found", pa.string(), nullable=False),
        pa.field("accepted", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Place:
    """One file of a source: a file, or a member of a zip archive.

    Attributes:
        file: where it lies.
        member: its name in the archive, or "".
    """

    file: SourceFile
    member: str = ""

    def __str__(self) -> str:
        where = self.file.absolute() if isinstance(self.file, Path) else self.file
        return f"{where}/{self.member}" if self.member else str(where)


@dataclass(frozen=True)
class InDatabase:
    """A table or query of a live database, by the name that people are shown."""

    name: str
    member: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class _Opened:
    place: Place | InDatabase
    table: str
    columns: list[str]
    reader: Reader
    expected: int | None = None


def places(spec: Spec, name: str) -> list[Place]:
    """Every file of a source, in order.

    Raises:
        SourceError: a path does not exist, or a pattern matches nothing.
    """
    pattern = spec.sources[name].member
    found = []
    for file in spec.source_files(name):
        members = zip_members(file)
        wanted = [m for m in members if fnmatch.fnmatchcase(m, pattern or "*")]
        if pattern and not wanted:
            held = f"holds {', '.join(members)}" if members else "is no zip archive"
            raise SourceError(
                f"Source {name}: no member {pattern!r} in {file}, which {held}. Correct member "
                f"in {spec.path.name}, or leave it out."
            )
        found += [Place(file, member) for member in wanted] or [Place(file)]
    return found


def open_file(source: Source, place: Place) -> Reader:
    """Opens a file of a source, read as the spec says where it says something."""
    reader = open_source(
        place.file,
        member=place.member,
        format=source.format or "",
        encoding=source.encoding or "",
        csv=CsvOptions(**source.csv.model_dump(exclude_unset=True)) if source.csv else None,
        sql=SqlOptions(**source.sql.model_dump(exclude_none=True)) if source.sql else None,
    )
    return reader if source.formulas is None else RestoringReader(reader)


def extract(
    spec: Spec,
    staging: Staging,
    *,
    private: Path,
    batch_size: int,
    progress: Begin,
    keep_apart: KeepApart = lambda database: None,
) -> dict[str, StagedSource]:
    """Stages every source that the spec uses.

    Args:
        keep_apart: refuses a database that is none to read.

    Returns:
        source name → what was staged.

    Raises:
        SourceError: a file is missing, cannot be read as what it is, or holds no record; or a
            database is not what the spec says.
        DatabaseError: a database cannot be reached, or the connection was lost.
        SpecError: the spec names columns that a source does not have.
        StorageError: no space to stage.
    """
    used = list(dict.fromkeys(feed.source for feed in spec.feeds))
    with ExitStack() as files:
        databases = Databases(spec, private, keep_apart, files)
        opened = {
            name: _open(spec, name, private, files)
            if spec.sources[name].database is None
            else [_open_table(name, databases)]
            for name in used
        }
        problems = [
            problem
            for name in used
            for problem in check_columns(spec, name, opened[name][0].columns)
        ]
        if problems:
            raise SpecError(problems)
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


def _open_table(name: str, databases: Databases) -> _Opened:
    reader = databases.reader(name)
    (table,) = reader.tables()
    place = InDatabase(reader.name)
    return _Opened(place, table, reader.columns(table), reader, reader.expected(table))


def _open(spec: Spec, name: str, private: Path, files: ExitStack) -> list[_Opened]:
    source = spec.sources[name]
    opened: list[_Opened] = []
    among_members = False
    for place in places(spec, name):
        file = place.file
        if isinstance(file, Path) and file.resolve().is_relative_to(private.resolve()):
            raise SourceError(
                f"Source {name}: {file} lies where staged data of tenants is kept. Copy the "
                "export to a folder of its own."
            )
        reader = files.enter_context(open_file(source, place))
        tables = reader.tables()
        if place.member and source.table and source.table not in tables:
            # The other files of an archive are other tables.
            among_members = True
            continue
        table = source.table or tables[0]
        if table not in tables or (not source.table and len(tables) > 1):
            raise SourceError(
                f"Source {name}: {place} holds the tables {', '.join(tables)}; name one of them "
                f"under sources in {spec.path.name}, e.g.  table: {tables[0]}"
            )
        opened.append(_Opened(place, table, reader.columns(table), reader))
    if among_members and not opened:
        raise SourceError(
            f"Source {name}: no file in {', '.join(str(f) for f in spec.source_files(name))} holds "
            f"the table {source.table!r}. `ispmig inspect` lists the tables of each."
        )
    first = opened[0]
    for other in opened[1:]:
        if set(other.columns) != set(first.columns):
            missing = sorted(set(first.columns) - set(other.columns))
            extra = sorted(set(other.columns) - set(first.columns))
            raise SourceError(
                f"Source {name}: its files do not have the same columns. {other.place} "
                + " and ".join(
                    [f"lacks {', '.join(missing)}"] * bool(missing)
                    + [f"has besides {', '.join(extra)}"] * bool(extra)
                )
                + f" compared with {first.place}. Make them two sources of the spec, or "
                "correct the export."
            )
    return opened


def _stage(
    name: str,
    opened: list[_Opened],
    first_index: int,
    staging: Staging,
    batch_size: int,
    progress: Progress,
) -> StagedSource:
    columns = tuple(opened[0].columns)
    source = StagedSource(name=name, columns=columns, files=())
    schema = pa.schema([*POSITION, *(pa.field(c, pa.string()) for c in columns)])
    files = []
    size = sum(o.reader.size for o in opened)
    before = 0
    with (
        staging.write(source.cells, schema) as cells,
        staging.write(source.unreadable, UNREADABLE_SCHEMA) as unreadable,
    ):
        for index, one in enumerate(opened, first_index):
            records = rejects = 0
            for batch in one.reader.batches(one.table, batch_size):
                if batch.cells.num_rows:
                    cells.write(_positioned(batch, index, columns, schema))
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
                    path=str(one.place),
                    member=one.place.member,
                    table=one.table,
                    sha256=one.reader.sha256(),
                    size=one.reader.size,
                    records=records,
                    rejects=rejects,
                )
            )
    progress.done()
    return StagedSource(name=name, columns=columns, files=tuple(files))


def _positioned(
    batch: Records, index: int, columns: tuple[str, ...], schema: pa.Schema
) -> pa.RecordBatch:
    cells = batch.cells
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(index, pa.int32()), cells.num_rows),
            batch.record,
            batch.line,
            # By name: several files of one source may order their columns differently.
            *(cells.column(cells.schema.get_field_index(c)) for c in columns),
        ],
        schema=schema,
    )


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


def read_cells(
    staging: Staging, source: StagedSource, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """Positions and the named columns of a staged source, batch by batch."""
    picked = [source.columns.index(c) + len(POSITION) for c in columns]
    return staging.read(source.cells, [*range(len(POSITION)), *sorted(picked)])
