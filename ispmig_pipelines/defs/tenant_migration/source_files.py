"""The files of a source: where each lies, which table of it is meant, and its reader."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from ispmig_pipelines.errors import SourceError, SpecError
from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.bytes_in import zip_members
from ispmig_pipelines.formats.records import KEYED, Reader, Records
from ispmig_pipelines.formats.restoring import RestoringReader
from ispmig_pipelines.formats.withholding import WithholdingReader
from ispmig_pipelines.guarding import GuardedReader, named_apart, tokens_by
from ispmig_pipelines.mapping.spec import Spec, find_column
from ispmig_pipelines.mapping.transform.plugin import plugin_step
from ispmig_pipelines.nearest import did_you_mean
from ispmig_pipelines.reading import options_of
from ispmig_pipelines.remote import RemoteFile, SourceFile
from ispmig_pipelines.settings import settings


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
class Opened:
    """A table of a source, ready to be read.

    Attributes:
        expected: records, where something tells it beforehand.
    """

    place: Place | InDatabase
    table: str
    columns: list[str]
    reader: GuardedReader
    expected: int | None = None


def places(spec: Spec, name: str, private: Collection[Path] = ()) -> list[Place]:
    """Every file of a source, in order.

    Args:
        private: folders where data of tenants is kept: of a file there not even the names of
            members are looked at.

    Raises:
        SourceError: a path does not exist, a pattern matches nothing, or a file lies there.
    """
    pattern = spec.sources[name].member
    found = []
    files = spec.source_files(name)
    for file in files:
        if isinstance(file, Path):
            check_apart(name, file, private)
        elif isinstance(file, RemoteFile):
            _check_apart_in_s3(name, file)
    for file in files:
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


def open_files(spec: Spec, name: str, found: list[Place], files: ExitStack) -> list[Opened]:
    """Opens the files of a source, and sees to it that they are one table.

    Raises:
        SourceError: a file cannot be read as what it is, lacks the table, holds several and the
            spec names none, or has other columns than the first.
    """
    source = spec.sources[name]
    options = options_of(source)
    opened: list[Opened] = []
    after = None
    passed_over = False
    for place in found:
        own: Reader = files.enter_context(
            open_source(place.file, member=place.member, after=after, **options)
        )
        # What a script defines holds for the scripts after it.
        after = getattr(own, "context", None)
        if source.formulas is not None:
            own = RestoringReader(own)
        reader = GuardedReader(own)
        tables = reader.tables()
        if (place.member or after) and source.table not in tables and len(found) > 1:
            # The other files of an archive, or of a dump in several files, are other tables.
            passed_over = passed_over or bool(source.table)
            if source.table or not tables:
                continue
        table = source.table or (tables[0] if tables else "")
        if table not in tables or (not source.table and len(tables) > 1):
            raise SourceError(
                f"Source {name}: {place} holds the tables {', '.join(tables)}; name one of them "
                f"under sources in {spec.path.name}, e.g.  table: {tables[0]}"
                if tables
                else f"Source {name}: {place} holds no table."
            )
        kept = guarded(spec, name, own, table)
        opened.append(Opened(place, table, kept.columns(table), kept))
    if not opened:
        raise SourceError(
            f"Source {name}: no file in {', '.join(str(f) for f in spec.source_files(name))} holds "
            f"the table {source.table!r}. `ispmig inspect` lists the tables of each."
            if passed_over
            else f"Source {name}: its files hold no table."
        )
    _check_alike(name, opened)
    return opened


def open_apart(spec: Spec, name: str, private: Collection[Path], files: ExitStack) -> list[Opened]:
    """Finds and opens the files of a source, none of them where data of tenants is kept.

    Args:
        private: those folders.

    Raises:
        SourceError: as :func:`places` and :func:`open_files` do, or a file lies there.
    """
    found = places(spec, name, private)
    return open_files(spec, name, found, files)


def check_apart(name: str, file: Path, private: Collection[Path]) -> None:
    """Refuses a file of a source that lies where data of tenants is kept.

    Raises:
        SourceError: it does.
    """
    for folder in private:
        if file.resolve().is_relative_to(folder.resolve()):
            raise SourceError(
                f"Source {name}: {file} lies in {folder}, where the platform keeps what is its own "
                "and what is of tenants; nothing there is an export. Name the export itself; if it "
                "lies there too, copy it to a folder of its own."
            )


def _check_apart_in_s3(name: str, file: RemoteFile) -> None:
    if file.scheme != "s3":
        return
    # A bucket's name is the same in any case of its letters; a key is not.
    place = f"s3://{file.bucket.lower()}/{file.key}"
    for prefix in settings().private_prefixes:
        bucket, _, key = prefix.removeprefix("s3://").partition("/")
        if place.startswith(
            "/".join(part for part in (f"s3://{bucket.lower()}", key) if part) + "/"
        ):
            raise SourceError(
                f"Source {name}: {file} lies below {prefix}, where the platform keeps what is its "
                "own and what is of tenants; nothing there is an export. Name the export itself; "
                "if it lies there too, copy it below a prefix of its own."
            )


def guarded(
    spec: Spec, name: str, reader: Reader, table: str, *, digests_cells: bool = False
) -> GuardedReader:
    """The reader of a source, without card numbers and without the columns that are never read.

    Args:
        table: its name as :class:`GuardedReader` tells it.
        digests_cells: the reader's digest is one of cells.

    Raises:
        SpecError: the table has no column of a name that the spec says, or the function that
            gives tokens is not to be had.
    """
    source = spec.sources[name]
    own = GuardedReader(reader).own_name(table)
    names = reader.columns(own)
    shown = named_apart(names)

    def column_of(said: str, word: str) -> int:
        found = find_column(said, shown)
        if found is None:
            line = spec.line_of("sources", name)
            raise SpecError(
                [
                    f"{spec.path.name}:{line}: {name}.{word}: source {name!r} has no column "
                    f"{said!r}{did_you_mean(said, shown)}"
                ]
            )
        return shown.index(found)

    never = {names[column_of(said, "never")] for said in source.never or ()}
    allowed = {
        shown[column_of(said, "not_cards")]: why for said, why in (source.not_cards or {}).items()
    }
    tokens = None
    if source.card_tokens:
        step = plugin_step(source.card_tokens, f"{name}.card_tokens")
        tokens = tokens_by(step, source.card_tokens)
    return GuardedReader(
        WithholdingReader(reader, never) if never else reader,
        allowed=allowed,
        tokens=tokens,
        digests_cells=digests_cells,
    )


def _check_alike(name: str, opened: list[Opened]) -> None:
    if all(one.reader.detected.format in KEYED for one in opened):
        return
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


def paths_of(opened: list[Opened]) -> list[str]:
    """How the files of a source are called wherever they are told of: without card numbers."""
    return named_apart([str(one.place) for one in opened])


def dropped_of(opened: list[Opened]) -> tuple[str, ...]:
    """The columns of a source that are never read, since they hold what verifies cards."""
    return tuple(dict.fromkeys(c for one in opened for c in one.reader.dropped(one.table)))


def columns_of(opened: list[Opened]) -> tuple[str, ...]:
    """The columns of a source: those of all its files."""
    return tuple(dict.fromkeys(column for one in opened for column in one.columns))


def with_columns(batch: Records, columns: tuple[str, ...]) -> Records:
    """The batch with these columns in this order.

    Several files of one source may order theirs differently, and records with keys may all
    lack one.
    """
    if tuple(batch.cells.schema.names) == columns:
        return batch
    cells = [
        batch.cells.column(at) if at >= 0 else pa.nulls(batch.cells.num_rows, pa.string())
        for at in map(batch.cells.schema.get_field_index, columns)
    ]
    return replace(batch, cells=pa.RecordBatch.from_arrays(cells, names=list(columns)))
