"""What ``ispmig convert`` does: what the readers read, written in another format, cell for cell.

Nothing is interpreted, and neither tenant nor database is needed. The output appears when all of
it is written; records that cannot be read are told, and kept with their raw text in a file of
their own.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.bytes_in import zip_members
from ispmig_pipelines.formats.csv.dialect import HEADER_ROWS, CsvOptions
from ispmig_pipelines.formats.opening import open_source
from ispmig_pipelines.formats.output_file import (
    COMPRESSIONS,
    OutputFile,
    OutputStream,
    check_place,
    file_name,
)
from ispmig_pipelines.formats.records import KEYED, Reader, Records, Reject
from ispmig_pipelines.formats.writers import HOLD_SEVERAL, SUFFIXES, open_writer
from ispmig_pipelines.formats.writing import Column, Table, WriteOptions
from ispmig_pipelines.guarding import GuardedReader
from ispmig_pipelines.issues import rule_of
from ispmig_pipelines.remote import is_url, source_file
from ispmig_pipelines.staging import storage_errors
from ispmig_pipelines.validation.cards import redacted

STANDARD_OUTPUT = "-"

_DISK = "No file has changed. Free some space, or name another place with -o."
_MOST_TOLD = 20
_REJECTS = Table(
    "rejects",
    tuple(map(Column, ("file", "table", "record", "line", "rule", "message", "text"))),
)


class PipeClosed(Exception):
    """Whoever read the standard output has read enough."""


@dataclass(frozen=True)
class Reading:
    """How the files are to be read, where their content does not tell.

    Attributes:
        source: what else a spec would say of them, in its words: ``sql: {dialect: mysql}``.
    """

    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    member: str = ""
    source: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """What was said, as :func:`~ispmig_pipelines.formats.opening.open_source` takes it.

        Raises:
            UsageError: the delimiter is none.
        """
        csv = None
        if self.delimiter:
            try:
                csv = CsvOptions(delimiter=self.delimiter)
            except ValueError:
                raise UsageError(
                    f"--delimiter {self.delimiter!r} is none: write one or more characters, or "
                    "tab, comma, semicolon or pipe."
                ) from None
        said = {"format": self.format, "encoding": self.encoding, "csv": csv, "member": self.member}
        found = {name: value for name, value in said.items() if value}
        if not self.source:
            return found
        # Specs are slow to import, and seldom needed here.
        from ispmig_pipelines.reading import parse_options

        return parse_options(self.source) | found


@dataclass
class ConvertedTable:
    """What became of one table.

    Attributes:
        file: where it was written; "" for standard output.
        sha256, bytes: of that file.
        seconds: of reading and writing its records.
    """

    table: str
    columns: list[str]
    file: str = ""
    records: int = 0
    rejects: int = 0
    bytes: int = 0
    sha256: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """As one element of ``tables``."""
        return {
            "table": self.table,
            "file": self.file,
            "columns": self.columns,
            "records": self.records,
            "rejects": self.rejects,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "seconds": round(self.seconds, 3),
        }


@dataclass
class Converted:
    """What a conversion came to.

    Attributes:
        told: the first rejects, one in words each.
        rejects_file: where all of them stand; "" where there are none, or nowhere to put them.
        notes: what the readers found, and what the new format does not show.
    """

    tables: list[ConvertedTable] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    rejects_file: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def rejects(self) -> int:
        """Records that could not be read."""
        return sum(table.rejects for table in self.tables)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "tables": [table.as_json() for table in self.tables],
            "rejects": self.rejects,
            "rejects_file": self.rejects_file,
            "notes": self.notes,
        }


@dataclass
class _Source:
    """A file that is read."""

    place: str
    reader: Reader


@dataclass
class _Part:
    """A table, and the files that hold its records."""

    name: str
    columns: list[str]
    sources: list[_Source]


@dataclass
class _Target:
    """An output file (None: standard output) and the tables it is to hold."""

    path: Path | None
    parts: list[_Part]


def convert(
    files: Sequence[str],
    to: str,
    out: str,
    *,
    tables: Sequence[str] = (),
    dialect: str = "postgresql",
    compression: str = "",
    reading: Reading | None = None,
    rejects: Path | None = None,
    standard_output: BinaryIO | None = None,
    keep_card_numbers: bool = False,
) -> Converted:
    """Writes what is in files in another format.

    Args:
        files: paths or URLs. A table that stands in several is written once, in their order.
        to: one of :data:`~ispmig_pipelines.formats.writers.WRITERS`.
        out: a file, a folder (one that exists, or a name that ends in ``/``), or ``-``.
        tables: only these; all where empty.
        dialect: of SQL.
        compression: ``gzip``, ``zstd``, or "": as the name of ``out`` says.
        rejects: where records that cannot be read are kept; beside the output where None.
        standard_output: what ``-`` means.
        keep_card_numbers: write card numbers and what verifies them as they are. A file that is
            written is one more place that holds them, so that has to be said.

    Raises:
        UsageError: the output cannot be as it was asked for, e.g. two tables in one CSV, or it
            would stand where an input stands.
        SourceError: a file cannot be read, or not without being told how.
        StorageError: the disk is full or broken. Nothing of the output is left.
    """
    if to == "xlsx" and compression:
        raise UsageError("A workbook is compressed by itself: leave out --compress.")
    with ExitStack() as stack:
        sources = _opened(files, reading or Reading(), stack, keep_card_numbers)
        parts = _parts(sources, tables)
        compression = compression or _compression_of(out, to)
        plan = _Plan(to, out, compression, rejects, parts)
        for place in files:
            plan.refuse_input(place)
        converted = Converted()
        options = WriteOptions(dialect=dialect)
        plan.write(options, converted, standard_output)
        for source in sources:
            converted.notes += [f"{source.place}: {n}" for n in source.reader.detected.notes]
    return converted


def _opened(
    files: Sequence[str], reading: Reading, stack: ExitStack, keep_card_numbers: bool
) -> list[_Source]:
    options = reading.options
    found: list[_Source] = []
    for place in files:
        file = source_file(place)
        wanted = options.get("member")
        for member in [wanted] if wanted else zip_members(file) or [""]:
            # Scripts are read in order: what one defines holds for those after it.
            after = getattr(found[-1].reader, "context", None) if found else None
            said = options | {"member": member, "after": after}
            reader = stack.enter_context(
                GuardedReader(open_source(file, **said), keep=keep_card_numbers)
            )
            name = f"{file}, {member}" if member else str(file)
            found.append(_Source(name if keep_card_numbers else redacted(name), reader))
    return found


def _parts(sources: list[_Source], wanted: Sequence[str]) -> list[_Part]:
    """The tables of all files, those of one name together."""
    parts: dict[str, _Part] = {}
    for source in sources:
        for table in source.reader.tables():
            if wanted and table not in wanted:
                continue
            columns = source.reader.columns(table)
            part = parts.get(table)
            if part is None:
                parts[table] = _Part(table, list(columns), [source])
                continue
            if set(part.columns) != set(columns):
                _check_united(part, source, columns)
                part.columns += [name for name in columns if name not in part.columns]
            part.sources.append(source)
    there = list(dict.fromkeys(t for source in sources for t in source.reader.tables()))
    if lacking := [name for name in wanted if name not in parts]:
        raise UsageError(
            f"There is no table {lacking[0]!r} in {_listed([s.place for s in sources])}; the "
            f"tables are {_listed(there)}."
        )
    if not parts:
        raise UsageError(f"{_listed([s.place for s in sources])} holds no table with columns.")
    return [parts[name] for name in dict.fromkeys(wanted or parts)]


def _check_united(part: _Part, source: _Source, columns: list[str]) -> None:
    """Tables of other columns are one only where records may lack keys."""
    if all(s.reader.detected.format in KEYED for s in (*part.sources, source)):
        return
    more = [name for name in columns if name not in part.columns]
    fewer = [name for name in part.columns if name not in columns]
    said = [f"{_listed(more)} only in the second"] if more else []
    said += [f"{_listed(fewer)} only in the first"] if fewer else []
    raise UsageError(
        f"Table {part.name} has other columns in {part.sources[0].place} than in {source.place}: "
        f"{'; '.join(said)}. Convert them one at a time, or name the table with --table."
    )


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _compression_of(out: str, to: str) -> str:
    if to == "xlsx":
        return ""
    return next((name for name, end in COMPRESSIONS.items() if out.endswith(end)), "")


class _Plan:
    """Which tables go into which file, and the writing of them."""

    def __init__(
        self, to: str, out: str, compression: str, rejects: Path | None, parts: list[_Part]
    ) -> None:
        self._to = to
        self._compression = compression
        self._folder: Path | None = None
        self._targets = self._placed(out, parts)
        self._rejects = rejects
        if rejects is None and out != STANDARD_OUTPUT:
            place = self._targets[0].path
            self._rejects = (
                self._folder / "rejects.csv"
                if self._folder
                else place.with_name(f"{place.name}.rejects.csv")
                if place
                else None
            )

    def _placed(self, out: str, parts: list[_Part]) -> list[_Target]:
        if out == STANDARD_OUTPUT:
            if len(parts) > 1 and self._to not in HOLD_SEVERAL:
                raise UsageError(
                    f"{self._several(parts)}, and standard output takes one table of "
                    f"{self._to}. Choose it with --table, or name a folder with -o."
                )
            return [_Target(None, parts)]
        path = Path(out)
        bare = path.name.removesuffix(COMPRESSIONS.get(self._compression, ""))
        suffix = Path(bare).suffix.lower()
        is_folder = path.is_dir() or out.endswith(("/", os.sep))
        if not is_folder and (len(parts) == 1 or suffix):
            if len(parts) > 1 and self._to not in HOLD_SEVERAL:
                raise UsageError(
                    f"{self._several(parts)}, and a file of {self._to} holds one. Choose it with "
                    f"--table, or name a folder, e.g. -o {bare.removesuffix(suffix) or 'out'}/."
                )
            if len(parts) > 1 and suffix not in SUFFIXES[self._to]:
                raise UsageError(
                    f"{self._several(parts)}: name a file that ends in {SUFFIXES[self._to][0]} "
                    "for all of them, or a folder with / at its end for a file each."
                )
            check_place(path)
            return [_Target(path, parts)]
        self._folder = path
        ending = SUFFIXES[self._to][0] + COMPRESSIONS.get(self._compression, "")
        taken = {"rejects.csv"}
        return [_Target(path / file_name(p.name, ending, taken), [p]) for p in parts]

    @staticmethod
    def _several(parts: list[_Part]) -> str:
        return f"There are {len(parts)} tables ({_listed([part.name for part in parts])})"

    def refuse_input(self, place: str) -> None:
        """
        Raises:
            UsageError: an output would stand where the file ``place`` stands.
        """
        if is_url(place):
            return
        for output in (*(target.path for target in self._targets), self._rejects):
            if output is not None and output.exists() and output.samefile(place):
                raise UsageError(
                    f"{output} is one of the files that are read; it is not written over. Name "
                    "another place with -o."
                )

    def write(
        self,
        options: WriteOptions,
        converted: Converted,
        standard_output: BinaryIO | None,
    ) -> None:
        """Writes all of it; files get their names when every one of them is whole."""
        with storage_errors("writing the output", _DISK), _made(self._folder):
            files: list[OutputFile] = []
            kept = _Rejects(self._rejects)
            try:
                for target in self._targets:
                    if target.path is None:
                        stream = OutputStream(standard_output or io.BytesIO(), self._compression)
                        found = self._piped(stream, target, options, converted, kept)
                    else:
                        files.append(OutputFile(target.path, self._compression))
                        stream = files[-1].stream
                        found = self._fill(stream, target, options, converted, kept)
                        files[-1].finish()
                    for table in found:
                        table.bytes, table.sha256 = stream.bytes, stream.sha256
                        table.file = "" if target.path is None else str(target.path)
                    converted.tables += found
                if (rejects := kept.finish()) is not None:
                    files.append(rejects)
                    converted.rejects_file = str(rejects.path)
                converted.told = kept.told
                for file in files:
                    file.publish()
            finally:
                kept.discard()
                for file in files:
                    file.discard()

    def _piped(
        self,
        stream: OutputStream,
        target: _Target,
        options: WriteOptions,
        converted: Converted,
        kept: _Rejects,
    ) -> list[ConvertedTable]:
        try:
            found = self._fill(stream, target, options, converted, kept)
            stream.end()
        except BrokenPipeError:
            stream.abandon()
            raise PipeClosed from None
        except BaseException:
            stream.abandon()
            raise
        return found

    def _fill(
        self,
        stream: OutputStream,
        target: _Target,
        options: WriteOptions,
        converted: Converted,
        kept: _Rejects,
    ) -> list[ConvertedTable]:
        found = []
        several = replace(options, several=len(target.parts) > 1)
        with open_writer(self._to, stream, several) as writer:  # type: ignore[arg-type]
            for part in target.parts:
                table = ConvertedTable(part.name, part.columns)
                started = time.monotonic()
                named = any(s.reader.detected.dialect.get(HEADER_ROWS) != "0" for s in part.sources)
                # Records without any key need one to be written by, which they all lack.
                columns = part.columns or ["_"]
                writer.begin(Table(part.name, tuple(map(Column, columns)), named=named))
                for source in part.sources:
                    for records in source.reader.batches(part.name):
                        if len(records.record):
                            writer.write(_completed(records, columns))
                        kept.add(source.place, part.name, records.rejects)
                        table.records += len(records.record)
                        table.rejects += len(records.rejects)
                table.seconds = time.monotonic() - started
                found.append(table)
        converted.notes += writer.notes
        return found


def _completed(records: Records, columns: list[str]) -> Records:
    """The records with the columns that their file does not have, all missing."""
    there = records.cells.schema.names
    absent = [name for name in columns if name not in there]
    if not absent:
        return records
    count = len(records.record)
    nothing = pa.nulls(count, pa.string())
    everywhere = pa.array(np.ones(count, np.bool_))
    return replace(
        records,
        cells=pa.RecordBatch.from_arrays(
            [*records.cells.columns, *[nothing] * len(absent)], names=[*there, *absent]
        ),
        missing={**records.missing, **dict.fromkeys(absent, everywhere)},
    )


class _Rejects:
    """The records that cannot be read: the first in words, all of them in a CSV."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: OutputFile | None = None
        self._writer: Any = None
        self.told: list[str] = []

    def add(self, place: str, table: str, rejects: tuple[Reject, ...]) -> None:
        """Takes rejects of a table."""
        if not rejects:
            return
        messages = [_message(reject) for reject in rejects]
        for reject, message in zip(rejects, messages, strict=True):
            if len(self.told) == _MOST_TOLD:
                break
            line = "" if reject.line is None else f", line {reject.line:,}"
            where = f"{place}, table {table}, record {reject.record:,}{line}"
            self.told.append(f"{where}: {message} ({reject.rule})")
        if self._path is None:
            return
        if self._file is None:
            self._file = OutputFile(self._path)
            self._writer = open_writer("csv", self._file.stream)  # type: ignore[arg-type]
            self._writer.begin(_REJECTS)
        rows = [
            (place, table, str(reject.record), None if reject.line is None else str(reject.line),
             reject.rule, message, reject.text.replace("\x00", "\\x00"))
            for reject, message in zip(rejects, messages, strict=True)
        ]  # fmt: skip
        numbers = pa.array([reject.record for reject in rejects], pa.int64())
        names = [column.name for column in _REJECTS.columns]
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        self._writer.write(
            Records(pa.RecordBatch.from_arrays(columns, names=names), numbers, numbers)
        )

    def finish(self) -> OutputFile | None:
        """The file of all rejects, whole; None where there are none."""
        if self._file is not None:
            self._file.finish()
        return self._file

    def discard(self) -> None:
        """Leaves nothing of a file that was not published."""
        if self._file is not None:
            self._file.discard()


def _message(reject: Reject) -> str:
    return rule_of(reject.rule).message(
        column="", field="", found=reject.found, accepted=reject.accepted
    )


@contextmanager
def _made(folder: Path | None) -> Iterator[None]:
    """The folder, made for as long as nothing goes wrong."""
    made = []
    if folder is not None:
        for one in (*reversed(folder.parents), folder):
            if not one.exists():
                # As its files: what is converted is the customers' data.
                one.mkdir(mode=0o700)
                made.append(one)
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder. Name another place with -o.")
    try:
        yield
    except BaseException:
        for one in reversed(made):
            with suppress(OSError):
                one.rmdir()
        raise
