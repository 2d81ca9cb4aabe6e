"""Resubmission: corrected records of a migration's quarantine, staged as extract stages sources.

From here on a resubmission is a migration like any other: mapped, validated, loaded and audited by
the same code, through the spec as the ledger has it, with columns read as they were settled then.
Each block gets a staged source of its own, with just the records that are still in quarantine for
it, where they stood in their own files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_migration.extract import (
    MASKED_SCHEMA,
    POSITION,
    UNREADABLE_SCHEMA,
    records_of,
)
from ispmig_pipelines.defs.tenant_migration.manifests import StagedFile, StagedSource
from ispmig_pipelines.defs.tenant_migration.settled import columns_of, styles_of
from ispmig_pipelines.defs.tenant_migration.survey import lookup_tables
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.guarding import cards_found
from ispmig_pipelines.mapping.apply import FeedPlan, prepare
from ispmig_pipelines.mapping.retyped import AS_TEXT, ColumnWriting, writings
from ispmig_pipelines.mapping.spec import Feed, Spec, parse_spec
from ispmig_pipelines.mapping.transform.plugin import digests_of
from ispmig_pipelines.platform import ledger, resubmitted
from ispmig_pipelines.platform.ledger import Migration, State
from ispmig_pipelines.platform.resubmitted import TRIED_SCHEMA, Held
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines.quarantine.cells import corrected, is_cut, shown
from ispmig_pipelines.quarantine.resubmitted_file import ResubmittedFile
from ispmig_pipelines.staging import Staging

SENT_IN, AGAIN = "sent-in", "again"
"""Stems of staged tables: of the records as they are loaded, and as the audit reads them anew."""

TRIED = "tried"
"""Staged table of which records are tried for which block."""

Tables = Mapping[str, StagedSource]


@dataclass(frozen=True)
class SentIn:
    """What was staged of a file.

    Attributes:
        feeds: name of a feed → its records; of feeds that have any.
        rows: in the file that are of the migration; sha256, size: of the file.
        cards: what was found of card numbers in it, as findings of a migration keep it.
    """

    feeds: dict[str, StagedSource] = field(default_factory=dict)
    rows: int = 0
    sha256: str = ""
    size: int = 0
    cards: tuple[dict[str, Any], ...] = ()


def origin_of(connection: Connection, tenant: Tenant, migration: int) -> Migration:
    """The migration that a resubmission is to go on with.

    Raises:
        UsageError: it is another tenant's, was not loaded, or of a release that did not keep what
            is needed.
    """
    entry = ledger.migration(connection, migration)
    if entry.tenant != tenant.slug:
        raise UsageError(f"Migration {migration} is not one of tenant {tenant.slug}.")
    if entry.origin is not None:
        raise UsageError(
            f"Migration {migration} is itself a resubmission, of records of migration "
            f"{entry.origin}: write a workbook with --migration {entry.origin}."
        )
    if entry.mode != "load" or entry.state is not State.DONE:
        what = "was a dry run" if entry.mode != "load" else f"is {entry.state.value}"
        raise UsageError(
            f"Migration {migration} {what}: nothing of it is loaded that single records could be "
            "added to. Migrate first (where too much is in quarantine: with a higher "
            "--max-quarantined), and resubmit the records of that migration."
        )
    if not entry.settled.get("columns"):
        raise UsageError(
            f"Migration {migration} was made by a release that did not keep how its columns are "
            "written. Correct the records in the export, and migrate it again."
        )
    return entry


def spec_of_origin(origin: Migration) -> Spec:
    """The spec as the origin ran with it.

    Raises:
        UsageError: functions of the user's own that it calls are other ones now.
    """
    spec = parse_spec(origin.spec_text, Path(origin.spec_path))
    if spec.functions:
        now = digests_of(spec.functions)
        changed = sorted(m for m in {*now, *origin.plugins} if now.get(m) != origin.plugins.get(m))
        if changed:
            raise UsageError(
                f"The code of {', '.join(changed)}, whose functions the spec calls, has changed "
                f"since migration {origin.id}. Bring it back as it was then, or migrate again."
            )
    return spec


def check_tables(origin: Migration, tables: Tables) -> None:
    """Sees to it that the tables that mappings look up in are those of the origin.

    Raises:
        UsageError: one has changed; the text names it.
    """
    for name, source in tables.items():
        before = [f["sha256"] for f in origin.files if f["source"] == name]
        if [f.sha256 for f in source.files] != before:
            paths = ", ".join(f["path"] for f in origin.files if f["source"] == name)
            raise UsageError(
                f"Source {name} ({paths}), in which the spec looks things up, has changed since "
                f"migration {origin.id}: the same record could become something else. Bring it "
                "back as it was then, or migrate again."
            )


def look_at(connection: Connection, tenant: Tenant, path: Path) -> tuple[list[Held], list[str]]:
    """Holds a file against the quarantine, without changing anything.

    Returns:
        How its records stand, by migration; and what of the file is passed over.

    Raises:
        UsageError: it is no such file, or has rows that are no records of this tenant's
            quarantine, each with its number.
        SourceError: it cannot be read.
    """
    with connection.begin():
        file = ResubmittedFile(path, _columns_by_file(connection, tenant))
        _take(connection, tenant, file)
        found = resubmitted.held(raw(connection), tenant)
        for one in found:
            origin_of(connection, tenant, one.migration)
    return found, file.ignored


def still_open(connection: Connection, tenant: Tenant, resubmission: int) -> int:
    """How many source records a resubmission put into quarantine again."""
    with connection.begin():
        return resubmitted.rejected_again(raw(connection), tenant, resubmission)


def stage(
    connection: Connection,
    tenant: Tenant,
    origin: Migration,
    spec: Spec,
    path: Path,
    staging: Staging,
    *,
    stem: str,
    tables: Tables,
    batch_size: int,
    before: int | None = None,
) -> SentIn:
    """Stages the file's records of a migration, a source for each block of its spec.

    Args:
        tables: staged sources in which mappings look up.
        before: a resubmission: as it was before that one, for its audit.

    Raises:
        UsageError, SourceError: as :func:`look_at`; or a cell was corrected of which the file
            holds a part only.
        StorageError: no space.
    """
    plans = _Plans(origin, spec, tables, staging)
    feeds: dict[str, StagedSource] = {}
    with connection.begin(), ExitStack() as written:
        allowed = {
            column: why
            for source in spec.sources.values()
            for column, why in (getattr(source, "not_cards", None) or {}).items()
        }
        file = ResubmittedFile(path, _columns_by_file(connection, tenant), allowed)
        _take(connection, tenant, file)
        tried = written.enter_context(staging.write(f"{stem}-{TRIED}", TRIED_SCHEMA))
        rows = resubmitted.open_rows(raw(connection), tenant, origin.id, before)
        for (entity, index), own in groupby(rows, key=lambda r: (r["entity"], r["feed"])):
            feed = plans.feed(entity, index)
            source = _FeedWriter(feed, plans, origin, staging, stem, batch_size)
            tried_rows = source.write(own)
            for batch in tried_rows:
                tried.write(batch)
            if source.staged.read:
                feeds[feed.name] = source.staged
        counted = {h.migration: h.records for h in resubmitted.held(raw(connection), tenant)}
    cards = tuple(cards_found(path.name, file.cards))
    return SentIn(feeds, counted.get(origin.id, 0), file.sha256, file.size, cards)


def _take(connection: Connection, tenant: Tenant, file: ResubmittedFile) -> None:
    driver = raw(connection)
    rows = resubmitted.take_rows(driver, tenant, file.rows())
    mistakes = [*file.mistakes, *resubmitted.mistakes(driver, tenant)]
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else "mistakes"
        raise UsageError(
            f"{file.path.name} has {count}, and nothing of it was loaded:\n"
            + "\n".join(f"  {text}" for text in mistakes)
            + "\nCorrect the file, or write it anew with: ispmig quarantine "
            f"{tenant.slug} --format xlsx --out FILE"
        )
    if not rows:
        raise UsageError(
            f"{file.path.name} has no row with a record. What stays out of it stays in quarantine."
        )


def _columns_by_file(connection: Connection, tenant: Tenant) -> Any:
    known: dict[tuple[int, int], tuple[str, tuple[str, ...]] | None] = {}
    entries = {entry.id: entry for entry in ledger.migrations(connection, tenant.slug)}

    def columns_by_file(migration: int, file: int) -> tuple[str, tuple[str, ...]] | None:
        key = (migration, file)
        if key not in known:
            entry = entries.get(migration)
            source = next(
                (f["source"] for f in entry.files if f["index"] == file), None
            ) if entry is not None else None  # fmt: skip
            known[key] = (
                None
                if entry is None or source is None
                else (source, columns_of(entry.settled, source))
            )
        return known[key]

    return columns_by_file


class _Plans:
    """The blocks of the origin's spec, planned as they were."""

    def __init__(self, origin: Migration, spec: Spec, tables: Tables, staging: Staging) -> None:
        self._origin = origin
        self._spec = spec
        self._tables = tables
        self._staging = staging
        self._styles = styles_of(origin.settled)
        self._feeds = {(feed.entity, feed.index): feed for feed in spec.feeds}

    def feed(self, entity: str, index: int) -> Feed:
        return self._feeds[entity, index]

    def columns(self, source: str) -> tuple[str, ...]:
        return columns_of(self._origin.settled, source)

    def writings(self, feed: Feed) -> dict[str, ColumnWriting]:
        """How the feed's columns write dates and numbers."""
        columns = self.columns(feed.source)
        return writings(prepare(self._spec, feed, columns, settled=self._styles))

    def plan(self, feed: Feed) -> FeedPlan:
        """How the feed's records become rows."""
        return prepare(
            self._spec,
            feed,
            list(self.columns(feed.source)),
            settled=self._styles,
            tables=lookup_tables(self._spec, [feed.source], self._tables, self._staging),
        )


class _FeedWriter:
    """Stages the records of one block."""

    def __init__(
        self,
        feed: Feed,
        plans: _Plans,
        origin: Migration,
        staging: Staging,
        stem: str,
        batch_size: int,
    ) -> None:
        self._feed = feed
        self._plans = plans
        self._origin = origin
        self._staging = staging
        self._size = batch_size
        self._columns = plans.columns(feed.source)
        self._schema = pa.schema([*POSITION, *(pa.field(c, pa.string()) for c in self._columns)])
        self._counts: dict[int, list[int]] = {}
        self._cards: dict[str, int] = {}
        self._tokens: set[str] = set()
        self._plan: FeedPlan | None = None
        self._writings = plans.writings(feed)
        self._files = {f["index"]: f for f in origin.files if f["source"] == feed.source}
        self._before = _before(self._files)
        self.staged = StagedSource(
            name=feed.source, columns=self._columns, files=(), stem=f"{stem}-{feed.name}"
        )

    def write(self, rows: Iterator[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
        """Stages the rows; yields batches of which records are tried."""
        with (
            self._staging.write(self.staged.cells, self._schema) as cells,
            self._staging.write(self.staged.masked, MASKED_SCHEMA) as masked,
            self._staging.write(self.staged.unreadable, UNREADABLE_SCHEMA) as unreadable,
        ):
            for file, own in groupby(rows, key=lambda row: row["file"]):
                self._counts[file] = [0, 0]
                for some in _chunks(own, self._size):
                    records, cards, lost = self._split(some)
                    if records.num_rows:
                        cells.write(records)
                        masked.write(cards)
                    if lost.num_rows:
                        unreadable.write(lost)
                    self._counts[file][0] += records.num_rows
                    self._counts[file][1] += lost.num_rows
                    yield self._tried(some)
        self.staged = StagedSource(
            name=self.staged.name,
            columns=self._columns,
            files=tuple(
                StagedFile(
                    index=index,
                    source=self._feed.source,
                    path=self._files[index]["path"],
                    table=self._files[index]["table"],
                    sha256=self._files[index]["sha256"],
                    size=self._files[index]["bytes"],
                    records=counts[0],
                    rejects=counts[1],
                )
                for index, counts in self._counts.items()
            ),
            stem=self.staged.stem,
            before=self._before,
            cards=tuple(
                {"column": column, "masked": cells, "tokens": column in self._tokens}
                for column, cells in self._cards.items()
            ),
        )

    def _tried(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist(
            [{name: row[name] for name in TRIED_SCHEMA.names} for row in rows],
            schema=TRIED_SCHEMA,
        )

    def _split(
        self, rows: list[dict[str, Any]]
    ) -> tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]:
        """Records with cells, which of these had card numbers, and records without any."""
        readable: list[tuple[Any, ...]] = []
        cards: list[set[str]] = []
        filled_in: list[bool] = []
        lost: list[dict[str, Any]] = []
        for row in rows:
            cells = self._cells(row)
            if cells is None:
                lost.append(row)
                continue
            filled_in.append(row["cells"] is None)
            cards.append(self._masked(row, cells))
            readable.append((row["file"], row["record"], row["line"], *cells))
        columns = zip(*readable, strict=True) if readable else [[] for _ in self._schema]
        batch = pa.RecordBatch.from_arrays(
            [pa.array(c, f.type) for c, f in zip(columns, self._schema, strict=True)],
            schema=self._schema,
        )
        if any(filled_in):
            own = self._of_this_block(batch, filled_in)
            batch = batch.filter(pa.array(own))
            cards = [columns for columns, taken in zip(cards, own, strict=True) if taken]
        masked = [(at, column) for at, columns in enumerate(cards) for column in sorted(columns)]
        for _, column in masked:
            self._cards[column] = self._cards.get(column, 0) + 1
        told = pa.RecordBatch.from_pylist(
            [{"row": at, "column": column} for at, column in masked], schema=MASKED_SCHEMA
        )
        return batch, told, _unreadable(lost)

    def _masked(self, row: dict[str, Any], sent: list[str | None]) -> set[str]:
        """The columns whose cell is not what somebody meant, but the mask of a card number."""
        before = row["cells"] or {}
        found = set()
        for column, cell in zip(self._columns, sent, strict=True):
            typed = row["cells"] is None or cell != before.get(column)
            if column in ((row["masked"] if typed else row["cards"]) or ()):
                found.add(column)
                if not typed and column in (row["tokens"] or ()):
                    self._tokens.add(column)
        return found

    def _cells(self, row: dict[str, Any]) -> list[str | None] | None:
        """The record's cells as they are sent in; None of one that still cannot be read."""
        typed = self._typed(row)
        if row["cells"] is None:
            filled = [typed.get(column) or None for column in self._columns]
            return filled if any((cell or "").strip() for cell in filled) else None
        sent = []
        was = row["was"] or {}
        for column in self._columns:
            cell, text, before = row["cells"].get(column), typed.get(column), was.get(column)
            if cell != before and corrected(text, before) == before:
                # Left alone by who sends it now; since it was shown to them, somebody else has
                # corrected it.
                sent.append(cell)
                continue
            cut = is_cut(shown(cell)) or is_cut(shown(before))
            if is_cut(text) and corrected(text, cell) != cell and cut:
                raise UsageError(
                    f"row {row['sheet']} {row['row']}: the cell of column {column} is longer than "
                    "a spreadsheet's cell, so that only a part of it stands there, and it was "
                    "changed. Leave it as it is or write the whole cell anew; nothing of the file "
                    "was loaded."
                )
            sent.append(corrected(text, cell))
        return sent

    def _typed(self, row: dict[str, Any]) -> dict[str, str | None]:
        """What was typed, by column, whatever a program took it for."""
        before, numbers = row["was"] or {}, row["numbers"]
        return {
            column: self._writings.get(column, AS_TEXT).retyped(
                typed,
                before.get(column),
                is_number=None if numbers is None else column in numbers,
            )
            for column, typed in row["typed"].items()
        }

    def _of_this_block(self, batch: pa.RecordBatch, filled_in: list[bool]) -> list[bool]:
        """Which records stay: those that could not be read before may, now that they can, turn
        out to be none of this block. Then they are another's, for which they are tried too."""
        if self._plan is None:
            self._plan = self._plans.plan(self._feed)
        first = self._before.get(batch.column(0)[0].as_py(), 0)
        wanted = self._plan.wanted(records_of(self.staged, batch), first)
        if wanted is None:
            return [True] * batch.num_rows
        return [bool(w) or not f for w, f in zip(wanted, filled_in, strict=True)]


def _before(files: Mapping[int, Mapping[str, Any]]) -> dict[int, int]:
    """Position of a file → records of its source in the files before it."""
    before, counted = {}, 0
    for index in sorted(files):
        before[index] = counted
        counted += files[index]["records"] + files[index]["rejects"]
    return before


def _unreadable(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    named = [
        {
            "file": row["file"],
            "record": row["record"],
            "line": row["line"],
            "rule": row["rule"] or "record.unreadable",
            "found": row["found"] or "",
            "accepted": row["accepted"] or "",
            "text": row["text"] if isinstance(row["text"], str) else json.dumps(row["text"]),
        }
        for row in rows
    ]
    return pa.RecordBatch.from_pylist(named, schema=UNREADABLE_SCHEMA)


def _chunks(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
