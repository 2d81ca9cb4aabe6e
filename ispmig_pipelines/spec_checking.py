"""What ``ispmig spec check`` does: every mistake of a spec at once, and, if asked, what its sources
say of it. Nothing is written and no tenant is needed.

Sources are read as a migration reads them, batch by batch; what is kept of them is counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ispmig_pipelines.defs.tenant_migration.source_files import (
    Opened,
    columns_of,
    dropped_of,
    open_apart,
    with_columns,
)
from ispmig_pipelines.errors import SourceError, SpecError, SpecQuestions, UsageError
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Records
from ispmig_pipelines.guarding import refuse_cards
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.evidence import WRITTEN_SHORT, Question, Settled
from ispmig_pipelines.mapping.lookup_table import LookupTable, TableBuilder, telling_line
from ispmig_pipelines.mapping.spec import Spec, check_columns, column_notes, load_spec
from ispmig_pipelines.mapping.spec_models import TableLookup
from ispmig_pipelines.mapping.survey import Finding, Survey
from ispmig_pipelines.settings import settings

if TYPE_CHECKING:
    # Only sources in databases need Dagster's part of the house.
    from ispmig_pipelines.defs.tenant_migration.databases import Databases

_SHOWN = 12
"""Columns of one block that are named to people; ``--json`` has all of them."""


@dataclass
class SourceChecked:
    """What one source holds.

    Attributes:
        files: where it was read.
        columns: how many; records, unreadable: of all files.
        legacy: name of a block → the columns that its records carry as ``legacy``.
        notes: what is worth knowing, without cells.
    """

    name: str
    files: list[str] = field(default_factory=list)
    columns: int = 0
    records: int = 0
    unreadable: int = 0
    legacy: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As one element of ``sources``."""
        return {
            "source": self.name,
            "files": self.files,
            "columns": self.columns,
            "records": self.records,
            "unreadable": self.unreadable,
            "legacy": self.legacy,
            "notes": self.notes,
        }


@dataclass
class Checked:
    """What was found in a spec.

    Attributes:
        spec: None if it has mistakes of its own.
        with_sources: whether its sources were read, too.
        mistakes, questions: as ``file:line: what``.
        settled: what the columns say of how they are written, by field.
        lookup_tables: each with its number of keys.
    """

    path: Path
    spec: Spec | None = None
    with_sources: bool = False
    mistakes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    sources: list[SourceChecked] = field(default_factory=list)
    settled: list[Finding] = field(default_factory=list)
    lookup_tables: list[tuple[TableLookup, int]] = field(default_factory=list)

    @property
    def error(self) -> SpecError | None:
        """What is to be mended, if anything."""
        if self.mistakes:
            return SpecError(self.mistakes)
        return SpecQuestions(self.questions) if self.questions else None

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        spec = self.spec
        said = {"path": str(self.path)}
        if spec is not None:
            said |= {"name": spec.name, "sha256": spec.digest}
        blocks = [] if spec is None else spec.feeds
        found: dict[str, Any] = {
            "spec": said,
            "blocks": [
                {"block": f.name, "entity": f.entity, "source": f.source, "fields": len(f.targets),
                 "rules": len(f.rules)}
                for f in blocks
            ],
            "mistakes": self.mistakes,
            "questions": self.questions,
        }  # fmt: skip
        if self.with_sources and spec is not None:
            found |= {
                "sources": [source.as_json() for source in self.sources],
                "settled": [_finding_as_json(finding) for finding in self.settled],
                "lookup_tables": [
                    {"source": t.source, "key": t.key, "value": t.value, "keys": keys}
                    for t, keys in self.lookup_tables
                ],
            }
        return found


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    outcome = finding.outcome
    return {
        "block": finding.feed,
        "field": finding.key,
        "line": finding.line,
        "columns": list(finding.columns),
        "settled": outcome.as_json() if isinstance(outcome, Settled) else None,
        "in_words": in_words(finding),
        "cells": finding.cells,
    }


def check(path: Path, *, sources: bool = False, batch_size: int = DEFAULT_BATCH_SIZE) -> Checked:
    """Looks for everything that would keep a migration by this spec from being mapped.

    Args:
        sources: open and read its sources, too.

    Raises:
        UsageError: the spec cannot be read.
        DatabaseError: the database of a source cannot be reached.
    """
    checked = Checked(path, with_sources=sources)
    try:
        spec = load_spec(path)
        refuse_cards(spec)
        checked.spec = spec
    except SpecError as error:
        checked.mistakes = error.problems
        return checked
    if sources:
        with ExitStack() as closing:
            _Reading(checked, checked.spec, batch_size, closing).read_all()
    return checked


class _Reading:
    """The reading of a spec's sources. What is wrong with one does not hide what is with others."""

    def __init__(self, checked: Checked, spec: Spec, batch_size: int, closing: ExitStack) -> None:
        self._checked = checked
        self._spec = spec
        self._size = batch_size
        self._closing = closing
        self._databases: Databases | None = None
        self._opened: dict[str, list[Opened]] = {}
        self._tables: dict[tuple[Any, ...], LookupTable] = {}
        self._told: dict[str, SourceChecked] = {}

    def read_all(self) -> None:
        for name in self._spec.sources_read:
            with self._telling(name):
                self._open(name)
        for definition in self._spec.lookup_tables:
            if definition.source in self._opened:
                with self._telling(definition.source):
                    self._build(definition)
        for name in list(self._opened):
            with self._telling(name):
                self._read(name)
        self._checked.mistakes = list(dict.fromkeys(self._checked.mistakes))

    def _telling(self, name: str) -> _Telling:
        """What is wrong inside is told with the others, and nothing more is done there."""
        at = f"{self._spec.path.name}:{self._spec.line_of('sources', name)}: "
        return _Telling(self._checked.mistakes, self._spec.path.name, at)

    def _open(self, name: str) -> None:
        if self._spec.sources[name].database is None:
            opened = open_apart(self._spec, name, settings().private_folders, self._closing)
        else:
            opened = [self._open_table(name)]
        columns = columns_of(opened)
        self._told[name] = SourceChecked(
            name,
            [str(one.place) for one in opened],
            len(columns),
            notes=column_notes(self._spec, name, columns),
        )
        self._checked.sources.append(self._told[name])
        if problems := check_columns(self._spec, name, columns, dropped_of(opened)):
            raise SpecError(problems)
        self._opened[name] = opened

    def _open_table(self, name: str) -> Opened:
        from ispmig_pipelines.defs.tenant_migration.databases import Databases
        from ispmig_pipelines.defs.tenant_migration.extract import open_table

        if self._databases is None:
            # That it is not the platform's own is for a migration to see, which knows that one.
            self._databases = Databases(
                self._spec, settings().private_folders, lambda database: False, self._closing
            )
        return open_table(name, self._databases)

    def _build(self, definition: TableLookup) -> None:
        defaults = self._spec.defaults
        builder = TableBuilder(definition, defaults.null_words, defaults.trim)
        with telling_line(self._spec, definition):
            for file, _, batch in self._batches(definition.source):
                builder.add(batch.cells, batch.record, file)
            table = builder.finish()
        self._tables[definition.identity] = table
        self._checked.lookup_tables.append((definition, len(table.keys)))

    def _read(self, name: str) -> None:
        told = self._told[name]
        survey = self._survey(name)
        for file, first, batch in self._batches(name, counting=told):
            if survey is not None and batch.cells.num_rows:
                survey.add(batch, file, first)
        told.notes += [
            f"{PurePath(str(one.place)).name}: {note}"
            for one in self._opened[name]
            for note in one.reader.detected.notes
        ]
        if not told.records + told.unreadable:
            raise SourceError(
                f"Source {name}: {', '.join(told.files)} has a header and not one record. Export "
                f"it again, or take the source out of {self._spec.path.name} if there is nothing "
                "to move."
            )
        for finding in survey.findings() if survey is not None else []:
            if isinstance(finding.outcome, Question):
                assert survey is not None  # noqa: S101 - it is what found it
                self._checked.questions.append(survey.question(finding))
            else:
                self._checked.settled.append(finding)

    def _survey(self, name: str) -> Survey | None:
        """What looks at the source's columns; None if some block of it cannot be mapped."""
        columns = columns_of(self._opened[name])
        feeds = self._spec.feeds_of(name)
        sound = True
        for feed in feeds:
            entity = [f.source for f in self._spec.feeds if f.entity == feed.entity]
            shared = {
                column
                for other in entity
                if other != name and other in self._opened
                for column in columns_of(self._opened[other])
            }
            with self._telling(name) as telling:
                plan = prepare(self._spec, feed, columns, shared=shared, tables=self._tables)
                if plan.unused:
                    self._told[name].legacy[feed.name] = list(plan.unused)
            sound = sound and not telling.failed
        wanted = {m.lookup_table.identity for f in feeds for m in f.mappings if m.lookup_table}
        if not feeds or not sound or not wanted <= self._tables.keys():
            return None
        return Survey(self._spec, name, columns, self._tables)

    def _batches(
        self, name: str, counting: SourceChecked | None = None
    ) -> Iterator[tuple[str, int, Records]]:
        """Batches of a source: (file, records of the source in files before it, batch)."""
        columns = columns_of(self._opened[name])
        first = 0
        for one in self._opened[name]:
            file = PurePath(str(one.place)).name
            records = 0
            for batch in one.reader.batches(one.table, self._size):
                yield file, first, with_columns(batch, columns)
                records += batch.cells.num_rows + len(batch.rejects)
                if counting is not None:
                    counting.records += batch.cells.num_rows
                    counting.unreadable += len(batch.rejects)
            first += records


class _Telling:
    """Takes what users must mend into a list instead of raising it.

    Args:
        spec: name of the spec's file; at: where in it something stands that says no line itself.
    """

    def __init__(self, mistakes: list[str], spec: str, at: str) -> None:
        self._mistakes = mistakes
        self._spec = spec
        self._at = at
        self.failed = False

    def __enter__(self) -> _Telling:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, SpecError):
            told = error.problems
        elif isinstance(error, UsageError):
            told = [str(error).rstrip(".")]
        else:
            return False
        self._mistakes += [t if t.startswith(f"{self._spec}:") else self._at + t for t in told]
        self.failed = True
        return True


# --- for people ----------------------------------------------------------------------------------


def in_words(finding: Finding) -> str:
    """``DD/MM/YYYY by 12,340 cells``."""
    settled = finding.outcome
    if not isinstance(settled, Settled):
        return "every cell has one reading"
    told = [_FORMS.get(form, form) for form in settled.date_formats]
    if settled.decimal_mark:
        told.append("a decimal comma" if settled.decimal_mark == "," else "a decimal point")
    by = "1 cell" if finding.cells == 1 else f"{finding.cells:,} cells"
    return " and ".join(told) + (f" by {by}" if finding.cells else "")


_FORMS = {
    **WRITTEN_SHORT,
    "iso": "ISO 8601",
    "excel": "serial days of a spreadsheet",
    "unix": "Unix seconds",
    "unix_ms": "Unix milliseconds",
}


def tell(console: Console, checked: Checked) -> None:
    """Says what was found, for people; what must be mended is told as the command's error."""
    spec = checked.spec
    if spec is None:
        return

    def say(text: str) -> None:
        console.print(text, markup=False)

    say(f"{spec.path.name}: {spec.name}, sha256 {spec.digest}")
    for feed in spec.feeds:
        rules = f" and {len(feed.rules)} rules" if feed.rules else ""
        say(f"  {feed.name} from {feed.source}: {len(feed.targets)} fields{rules}")
    if checked.with_sources:
        _tell_sources(say, checked)
    if checked.error is None:
        more = "" if checked.with_sources else " Its sources were not opened: say --sources."
        say(f"The spec has no mistakes.{more}")


def _tell_sources(say: Callable[[str], None], checked: Checked) -> None:
    for source in checked.sources:
        unreadable = f", {source.unreadable:,} that cannot be read" if source.unreadable else ""
        files = "1 place" if len(source.files) == 1 else f"{len(source.files)} places"
        say(
            f"Source {source.name}: {source.records:,} records{unreadable}, {source.columns} "
            f"columns, {files}"
        )
        for note in source.notes:
            say(f"  {note}")
        for block, columns in source.legacy.items():
            more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
            say(f"  kept under legacy of {block}: {', '.join(columns[:_SHOWN])}{more}")
    for table, keys in checked.lookup_tables:
        say(f"Lookup table of {table.source} ({table.key} → {table.value}): {keys:,} keys")
    settled = [finding for finding in checked.settled if finding.outcome is not None]
    if settled:
        say("How columns are written, by their own cells:")
        for finding in settled:
            say(f"  {finding.subject} ({', '.join(finding.columns)}): {in_words(finding)}")
    if others := len(checked.settled) - len(settled):
        many = "column" if others == 1 else "columns"
        say(f"In {others} more {many} that could have been in doubt each cell has one reading.")
