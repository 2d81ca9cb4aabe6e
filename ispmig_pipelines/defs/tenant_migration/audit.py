"""Audit: proves a published migration from the committed rows and the source itself.

The source files are read again, from their first byte; what the other ops counted is only
what the result is compared with. Local files are read again while the server publishes
(:mod:`.rereading`), and once more here if they are not the very same files any more. A live
database has moved on meanwhile: of it the staged cells are read again, and must be the very ones
that it gave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_migration.extract import records_of
from ispmig_pipelines.defs.tenant_migration.manifests import (
    LoadedMigration,
    MappedFeed,
    ReadAgain,
    StagedFile,
    StagedSource,
)
from ispmig_pipelines.defs.tenant_migration.map import (
    ADJUSTED_SCHEMA,
    adjusted_by_currency,
    adjusted_rows,
    arrow_column,
)
from ispmig_pipelines.defs.tenant_migration.progress import Begin, Progress
from ispmig_pipelines.defs.tenant_migration.source_files import (
    Opened,
    open_files,
    paths_of,
    places,
    with_columns,
)
from ispmig_pipelines.defs.tenant_migration.survey import lookup_tables
from ispmig_pipelines.errors import LawBroken, SourceError
from ispmig_pipelines.formats.database.digest import CellDigest
from ispmig_pipelines.formats.records import KEYED, Records
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.selection import kept
from ispmig_pipelines.mapping.spec import Feed, Spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.ordered import ahead
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.reconcile import Amounts, Counts
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines.platform.verify import (
    Verified,
    adjusted_again,
    audited_fields,
    strangers,
    verify_feed,
    written,
)
from ispmig_pipelines.staging import Staging


@dataclass
class Audited:
    """What the audit found.

    Attributes:
        read: entity → records counted anew in the source.
        problems: what does not add up; the migration must not stand unless empty.
    """

    read: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def audit(
    spec: Spec,
    tenant: Tenant,
    loaded: LoadedMigration,
    connection: Connection,
    *,
    staging: Staging,
    batch_size: int,
    progress: Begin,
    sent_in: Mapping[str, StagedSource] | None = None,
) -> Audited:
    """Audits a published migration; changes nothing.

    Args:
        sent_in: of a resubmission: name of a feed → its records, read anew from what was sent in.

    Raises:
        SourceError: a source file is gone or cannot be read any more.
    """
    with connection.begin():
        entry = ledger.migration(connection, loaded.migration)
    audited = Audited()
    sums: dict[str, dict[str, Amounts]] = {}
    recounted: dict[str, Counts] = {}
    feeds = {(f.entity, f.index): f for f in spec.feeds}
    earlier: list[FeedTable] = []
    found: dict[str, list[Verified]] = {}
    for mapped in loaded.feeds:
        fields = audited_fields(mapped.entity, mapped.fields)
        ready = loaded.again.get(mapped.name)
        if ready is not None and not unchanged(ready, spec, mapped.source.name):
            ready = None
        source = SourceAgain(
            spec,
            feeds[mapped.entity, mapped.index],
            mapped,
            fields,
            staging,
            batch_size,
            sent_in,
            ready,
        )
        told = progress(f"{mapped.entity} from {mapped.source.name}", mapped.source.read)
        table = FeedTable(
            tenant=tenant,
            migration=loaded.migration,
            entity=mapped.entity,
            index=mapped.index,
            fields=fields,
            partial=mapped.partial,
            has_legacy=False,
        )
        name = adjusted_again_of(mapped)
        with connection.begin():
            with ExitStack() as written_out:
                if mapped.adjusts and ready is None:
                    source.taken = written_out.enter_context(staging.write(name, ADJUSTED_SCHEMA))
                verified = verify_feed(raw(connection), table, source.records(told), earlier)
            again = (
                adjusted_again(raw(connection), table, staging.read(name), earlier)
                if mapped.adjusts
                else {}
            )
        earlier.append(table)
        found.setdefault(mapped.entity, []).append(verified)
        told.done()
        for name, by_currency in source.adjusted.items():
            for currency, taken in by_currency.items():
                amounts = verified.amounts.setdefault(name, {}).setdefault(currency, Amounts())
                amounts.source += taken.source
                amounts.adjusted += taken.adjusted
        for name, sums_again in again.items():
            for currency, amount in sums_again.items():
                verified.amounts[name][currency].source -= amount
                verified.amounts[name][currency].adjusted -= amount
        audited.problems += source.problems + verified.problems
        counts = recounted.setdefault(mapped.entity, Counts())
        counts.read += verified.read
        counts.quarantined += verified.quarantined
        counts.repeated += verified.repeated
        _add(sums, mapped.entity, verified)
    with connection.begin(), as_tenant(raw(connection), tenant):
        for entity, counts in recounted.items():
            marks = written(raw(connection), tenant, loaded.migration, entity)
            counts.inserted, counts.updated = marks.inserted, marks.updated
            unknown = strangers(
                raw(connection), [t for t in earlier if t.entity == entity], found[entity]
            )
            if unknown:
                audited.problems.append(
                    f"{entity}: {unknown:,} rows of the tenant bear this migration's id and come "
                    "from no record of its source"
                )
    blocks = Counter(mapped.entity for mapped in loaded.feeds)
    _compare(audited, sums, recounted, entry, {e for e, n in blocks.items() if n > 1})
    return audited


def again_of(mapped: MappedFeed) -> str:
    """Name of the staged table of a feed's records that were read again."""
    return f"again-{mapped.name}"


def adjusted_again_of(mapped: MappedFeed) -> str:
    """Name of the staged table of what rules took from their amounts."""
    return f"audited-adjusted-{mapped.name}"


def again_schema(entity: str, fields: tuple[str, ...]) -> pa.Schema:
    """Columns of records that are read again: the audited fields, and where each stands."""
    types = ENTITIES[entity].fields
    return pa.schema(
        [
            *((f, types[f].arrow_type) for f in fields),
            ("_file", pa.int32()),
            ("_record", pa.int64()),
        ]
    )


def mark_of(path: Path) -> tuple[int, ...] | None:
    """By what the file system tells a file from another one in its place, and from itself after
    it was changed; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (
        found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns,
    )  # fmt: skip


def unchanged(ready: ReadAgain, spec: Spec, source: str) -> bool:
    """Whether the source's files are the very same as when they were read again."""
    try:
        return ready.files == tuple(mark_of(Path(str(f))) for f in spec.source_files(source))
    except SourceError:
        return False


_NOTHING = StagedSource(name="", columns=(), files=())


class SourceAgain:
    """The records of a feed's source, read anew and mapped as far as the audit needs."""

    def __init__(
        self,
        spec: Spec,
        feed: Feed,
        mapped: MappedFeed,
        fields: tuple[str, ...],
        staging: Staging,
        batch_size: int,
        sent_in: Mapping[str, StagedSource] | None = None,
        ready: ReadAgain | None = None,
    ) -> None:
        """
        Args:
            fields: those that the audit needs.
            ready: what is staged of the records already, read from the files as they still are.
        """
        self._ready = ready
        self._sent_in = None if sent_in is None else sent_in.get(feed.name, _NOTHING)
        self._staging = staging
        self._source = spec.sources[mapped.source.name]
        self._spec = spec
        self._plan = prepare(
            spec,
            feed,
            list(mapped.source.columns),
            only=fields,
            settled=mapped.styles,
            tables=lookup_tables(spec, [feed.source], mapped.tables, staging),
        )
        self.adjusted: dict[str, dict[str, Amounts]] = {} if ready is None else ready.adjusted
        self.taken: pa.ipc.RecordBatchWriter | None = None
        self._mapped = mapped
        self._fields = fields
        self._batch_size = batch_size
        self.problems: list[str] = []

    def records(self, progress: Progress) -> Iterator[pa.RecordBatch]:
        """Every record of the feed; notes on the way what is not as it was."""
        if self._ready is not None:
            for batch in self._staging.read(again_of(self._mapped)):
                progress.advance(batch.num_rows)
                yield batch
            return
        if self._sent_in is not None:
            yield from self._again(self._sent_in, progress)
            return
        if self._source.database is not None:
            yield from self._staged(progress)
            return
        name = self._mapped.source.name
        with ExitStack() as files:
            try:
                found = open_files(self._spec, name, places(self._spec, name), files)
            except SourceError as error:
                self.problems.append(f"Source {name} cannot be read again: {error}")
                return
            here = dict(zip(paths_of(found), found, strict=True))
            for file in self._mapped.source.files:
                if file.path not in here:
                    self.problems.append(f"{file.path} is not there any more")
                    continue
                try:
                    yield from self._file(here[file.path], file, progress)
                except SourceError as error:
                    self.problems.append(f"{file.path} cannot be read again: {error}")

    def _again(self, source: StagedSource, progress: Progress) -> Iterator[pa.RecordBatch]:
        """What was sent in again, all of it: which block takes a record is settled."""
        if not source.read:
            return
        for staged in self._staging.read(source.cells):
            index = staged.column(0)[0].as_py() if staged.num_rows else 0
            progress.advance(staged.num_rows)
            if staged.num_rows:
                yield self._convert(records_of(source, staged), index, source.records_before(index))
        for staged in self._staging.read(source.unreadable):
            progress.advance(staged.num_rows)
            for index in staged.column("file").unique().to_pylist():
                own = staged.filter(pc.equal(staged.column("file"), index))
                yield self._unreadable(own.column("record").to_pylist(), index)

    def _staged(self, progress: Progress) -> Iterator[pa.RecordBatch]:
        """What is staged of a database, held against the digest taken as it was read."""
        source = self._mapped.source
        (file,) = source.files
        digest = CellDigest(source.columns)
        for staged in self._staging.read(source.cells):
            batch = records_of(source, staged)
            digest.add(batch.cells.columns)
            yield from self._records(batch, file, progress)
        for staged in self._staging.read(source.unreadable):
            records = staged.column("record").to_pylist()
            for record, text in zip(records, staged.column("text").to_pylist(), strict=True):
                digest.add_unreadable(record, text)
            progress.advance(len(records))
            yield self._unreadable(records, file.index)
        if digest.hexdigest() != file.sha256:
            self.problems.append(f"what is staged of {file.path} is not what was read there")

    def _records(
        self, batch: Records, file: StagedFile, progress: Progress
    ) -> Iterator[pa.RecordBatch]:
        progress.advance(batch.cells.num_rows + len(batch.rejects))
        first = self._mapped.source.records_before(file.index)
        wanted = self._plan.wanted(batch, first)
        own = batch if wanted is None else kept(batch, wanted)
        if own.cells.num_rows:
            yield self._convert(own, file.index, first)
        if batch.rejects:
            yield self._unreadable([r.record for r in batch.rejects], file.index)

    def _file(
        self, opened: Opened, file: StagedFile, progress: Progress
    ) -> Iterator[pa.RecordBatch]:
        columns = self._mapped.source.columns
        there = set(opened.columns)
        if not (there <= set(columns) if opened.reader.detected.format in KEYED
                else there == set(columns)):  # fmt: skip
            self.problems.append(f"{file.path} has other columns now than when it was loaded")
            return
        for batch in ahead(opened.reader.batches(file.table, self._batch_size)):
            yield from self._records(with_columns(batch, columns), file, progress)
        if opened.reader.sha256() != file.sha256:
            self.problems.append(f"{file.path} has changed while it was migrated")

    def _convert(self, batch: Records, index: int, first: int) -> pa.RecordBatch:
        mapped = self._plan.apply(batch, first)
        types = ENTITIES[self._mapped.entity].fields
        out = pa.RecordBatch.from_arrays(
            [
                *(arrow_column(mapped.frame[f], types[f].arrow_type) for f in self._fields),
                pa.repeat(pa.scalar(index, pa.int32()), batch.cells.num_rows),
                batch.record,
            ],
            names=[*self._fields, "_file", "_record"],
        )
        position = out.column("_file"), out.column("_record")
        for rows in adjusted_rows(out, position, self._mapped.entity, mapped.adjusted):
            if self.taken is not None:
                self.taken.write(rows)
        for name, taken in mapped.adjusted.items():
            sums = self.adjusted.setdefault(name, {})
            for currency, amount in adjusted_by_currency(out, self._mapped.entity, name, taken):
                total = sums.setdefault(currency, Amounts())
                total.source += amount
                total.adjusted += amount
        return out

    def _unreadable(self, records: list[int], index: int) -> pa.RecordBatch:
        types = ENTITIES[self._mapped.entity].fields
        return pa.RecordBatch.from_arrays(
            [
                *(pa.nulls(len(records), types[f].arrow_type) for f in self._fields),
                pa.repeat(pa.scalar(index, pa.int32()), len(records)),
                pa.array(records, pa.int64()),
            ],
            names=[*self._fields, "_file", "_record"],
        )


def _add(sums: dict[str, dict[str, Amounts]], entity: str, verified: Verified) -> None:
    for name, by_currency in verified.amounts.items():
        for currency, amounts in by_currency.items():
            sums.setdefault(f"{entity}.{name}", {}).setdefault(currency, Amounts()).add(amounts)


def _compare(
    audited: Audited,
    sums: dict[str, dict[str, Amounts]],
    recounted: dict[str, Counts],
    entry: ledger.Migration,
    completed: set[str],
) -> None:
    """Both laws on what was counted and summed anew, and that against the ledger.

    ``completed``: entities that several blocks fill. One may update what another has inserted,
    or updated before it: the marks in the table then count such a row once, the ledger twice.
    """
    for entity, counts in recounted.items():
        audited.read[entity] = counts.read
        told = Counts(**entry.entities[entity])
        accounted = told.inserted + told.updated + told.unchanged + told.quarantined
        if counts.read != accounted:
            audited.problems.append(
                f"{entity}: the source holds {counts.read:,} records, the ledger accounts for "
                f"{accounted:,}"
            )
        for name in ("read", "inserted", "updated", "quarantined", "repeated"):
            anew, before = getattr(counts, name), getattr(told, name)
            loose = name == "updated" and entity in completed
            if anew != before and not (loose and anew < before):
                audited.problems.append(
                    f"{entity}: {anew:,} records {name} by what is there, {before:,} by the ledger"
                )
    for name, by_currency in sums.items():
        for currency, amounts in by_currency.items():
            if amounts.source != amounts.loaded + amounts.quarantined + amounts.adjusted:
                audited.problems.append(
                    f"{name} in {currency}: {amounts.source} in the source, but "
                    f"{amounts.loaded} in the tenant's rows + {amounts.quarantined} in quarantine "
                    f"+ {amounts.adjusted} adjusted by rules"
                )
            if amounts != Amounts.from_json(entry.totals.get(name, {}).get(currency, {})):
                audited.problems.append(
                    f"{name} in {currency}: the sums taken anew are not those of the ledger"
                )


def broken(audited: Audited) -> LawBroken:
    """The error for a migration that must not stand."""
    return LawBroken(
        "The audit failed, and the migration was taken back. "
        + "; ".join(audited.problems)
        + ". If a source file changed, migrate again from files that nobody writes to; otherwise "
        "please report this with the migration's id."
    )
