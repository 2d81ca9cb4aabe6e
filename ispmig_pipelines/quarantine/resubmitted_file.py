"""Reading a corrected file: a workbook as :mod:`ispmig_pipelines.quarantine.workbook` writes it, or
one of its sheets as CSV.

It comes in through the same door as every source, so that card numbers that somebody typed are
masked before anything sees them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats import CsvOptions, open_source
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.formats.spreadsheet.reader import SpreadsheetReader
from ispmig_pipelines.guarding import Finding, GuardedReader, refuse_name
from ispmig_pipelines.issues import rule_of
from ispmig_pipelines.platform.resubmitted import ROW_SCHEMA, SHOWN
from ispmig_pipelines.quarantine.cells import (
    CODE,
    FILE,
    IDENTITY,
    MIGRATION,
    README,
    RECORD,
    TOLD,
    WHERE,
    WRONG,
    alike,
    names,
)

BATCH = 5_000
MOST_MISTAKES = 3 * SHOWN

ColumnsOf = Callable[[int, int], tuple[str, tuple[str, ...]] | None]
"""Source and its columns, of a migration's id and the position of one of its files; None where the
tenant has no such file."""


@dataclass
class ResubmittedFile:
    """The rows of a file.

    Attributes:
        path: the file.
        columns_of: tells which columns the record of a row has.
        allowed: columns that may hold what looks like card numbers → why.
        mistakes: what is wrong with rows, with their numbers; complete once they were read.
        ignored: sheets and columns that are none of ours.
        cards: what was found of card numbers; sha256, size: of the file. Once it was read.
    """

    path: Path
    columns_of: ColumnsOf
    allowed: Mapping[str, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    cards: list[Finding] = field(default_factory=list)
    sha256: str = ""
    size: int = 0
    _dropped: int = field(default=0, init=False)

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Batches of rows that can be told to be of a record; the others are mistakes.

        Raises:
            SourceError: the file is missing or cannot be read.
            UsageError: it has no row that says which record it is, or a card number in its name.
        """
        refuse_name(self.path)
        known = False
        with ExitStack() as files:
            opened = open_source(self.path, csv=CsvOptions(header=1))
            reader = files.enter_context(GuardedReader(opened, allowed=self.allowed))
            for table in reader.tables():
                if table == README:
                    continue
                sheet = self._sheet(table, reader.columns(table))
                if sheet is None:
                    continue
                known = True
                if isinstance(opened, SpreadsheetReader):
                    sheet.numbers = opened.numbers(reader.own_name(table))
                for records in reader.batches(table, BATCH):
                    batch = self._batch(sheet, records)
                    if batch.num_rows:
                        yield batch
                self.cards += [f for f in reader.findings(table) if f.column not in TOLD]
            if known:
                self.sha256, self.size = reader.sha256(), reader.size
        if self._dropped:
            self.mistakes.append(f"and {self._dropped:,} more")
        if not known and not self.mistakes:
            raise UsageError(
                f"{self.path.name} is no file of quarantined records: no sheet of it has the "
                f"columns {', '.join(IDENTITY)}. Write one with: ispmig quarantine TENANT "
                "--format xlsx --out FILE"
            )

    def _sheet(self, table: str, columns: list[str]) -> _Sheet | None:
        by_name: dict[str, str] = {}
        for column in columns:
            by_name.setdefault(alike(column), column)
        missing = [name for name in IDENTITY if alike(name) not in by_name]
        if not missing:
            return _Sheet(table, by_name)
        ours = {alike(WHERE), alike(WRONG), *map(alike, IDENTITY)} & by_name.keys()
        if ours:
            self._mistake(
                f"sheet {table} lacks the hidden column{'s' * (len(missing) > 1)} "
                f"{', '.join(missing)}, which say which record a row is"
            )
        else:
            self.ignored.append(f"sheet {table} is none of the workbook's own and is passed over")
        return None

    def _mistake(self, text: str) -> None:
        if text in self.mistakes:
            return
        if len(self.mistakes) < MOST_MISTAKES:
            self.mistakes.append(text)
        else:
            self._dropped += 1

    def _batch(self, sheet: _Sheet, records: Records) -> pa.RecordBatch:
        for reject in records.rejects:
            rule = rule_of(reject.rule)
            message = rule.message(
                column="", field="", found=reject.found, accepted=reject.accepted
            )
            row = reject.line if reject.line is not None else reject.record
            self._mistake(f"row {sheet.name} {row}: {message}")
        cells = dict(
            zip(records.cells.schema.names, (c.to_pylist() for c in records.cells.columns),
                strict=True)
        )  # fmt: skip
        lines = records.line.to_pylist()
        masked = {name: where.to_pylist() for name, where in records.masked.items()}
        numbers = sheet.numbers_at(records.line)
        found: list[tuple[Any, ...]] = []
        for at, number in enumerate(records.record.to_pylist()):
            row = lines[at] if lines[at] is not None else number
            taken = self._row(sheet, {name: column[at] for name, column in cells.items()}, row)
            if taken is not None:
                row_values, places = taken
                cards = [c for c, p in places.items() if p in masked and masked[p][at]]
                found.append(
                    (
                        *row_values,
                        json.dumps(cards) if cards else None,
                        None
                        if numbers is None
                        else json.dumps([c for c, p in places.items() if numbers[p][at]]),
                    )
                )
        columns = zip(*found, strict=True) if found else [[] for _ in ROW_SCHEMA]
        return pa.RecordBatch.from_arrays(
            [pa.array(c, f.type) for c, f in zip(columns, ROW_SCHEMA, strict=True)],
            schema=ROW_SCHEMA,
        )

    def _row(
        self, sheet: _Sheet, cells: dict[str, str | None], row: int
    ) -> tuple[tuple[Any, ...], dict[str, str]] | None:
        said = {name: (cells[sheet.by_name[alike(name)]] or "").strip() for name in IDENTITY}
        if not any(said.values()):
            own = {column for name, column in sheet.by_name.items() if name not in _TOLD_ALIKE}
            if any((cells[column] or "").strip() for column in own):
                self._mistake(
                    f"row {sheet.name} {row} does not say which record it is: records cannot be "
                    "added here"
                )
            return None
        numbers = {name: _number(said[name]) for name in (MIGRATION, FILE, RECORD)}
        if None in numbers.values() or not said[CODE]:
            self._mistake(
                f"row {sheet.name} {row}: its hidden columns were changed, and do not say any more "
                "which record it is"
            )
            return None
        migration, file, record = (numbers[name] for name in (MIGRATION, FILE, RECORD))
        assert migration is not None and file is not None  # noqa: S101, PT018 - looked at above
        places = self._places(sheet, migration, file, row)
        if places is None:
            return None
        typed = {column: cells[place] for column, place in places.items()}
        told = json.dumps(typed, ensure_ascii=False)
        return (sheet.name, row, migration, file, record, said[CODE], told), places

    def _places(self, sheet: _Sheet, migration: int, file: int, row: int) -> dict[str, str] | None:
        """Column of the record → column of the sheet."""
        key = (migration, file)
        if key not in sheet.places:
            sheet.places[key] = None
            told = self.columns_of(migration, file)
            if told is None:
                sheet.strange.add(key)
            else:
                columns = told[1]
                headings = dict(zip(columns, names(columns, TOLD), strict=True))
                missing = [h for h in headings.values() if alike(h) not in sheet.by_name]
                if missing:
                    self._mistake(
                        f"sheet {sheet.name} lacks the column{'s' * (len(missing) > 1)} "
                        f"{', '.join(missing[:SHOWN])}: columns may be moved, but neither renamed "
                        "nor deleted"
                    )
                else:
                    sheet.places[key] = {
                        column: sheet.by_name[alike(heading)]
                        for column, heading in headings.items()
                    }
        if key in sheet.strange:
            self._mistake(
                f"row {sheet.name} {row} is a record of migration {migration}, file {file}, which "
                "this tenant does not have"
            )
        return sheet.places[key]


@dataclass
class _Sheet:
    """A sheet of the file: its name, its columns by what is alike of their headings, and in which
    lines these hold numbers, if that is known."""

    name: str
    by_name: dict[str, str]
    numbers: Mapping[str, np.ndarray] | None = None
    places: dict[tuple[int, int], dict[str, str] | None] = field(default_factory=dict)
    strange: set[tuple[int, int]] = field(default_factory=set)

    def numbers_at(self, lines: pa.Int64Array) -> Mapping[str, np.ndarray] | None:
        """Column → in which of some lines it holds a number."""
        if self.numbers is None:
            return None
        none = np.zeros(len(lines), dtype=bool)
        places = np.asarray(lines)
        return {
            column: np.isin(places, self.numbers[column]) if column in self.numbers else none
            for column in self.by_name.values()
        }


_TOLD_ALIKE = frozenset(map(alike, TOLD))


def _number(text: str) -> int | None:
    plain = text.removesuffix(".0")
    if not plain.isascii() or not plain.isdecimal() or len(plain) > 15:
        return None
    return int(plain)
