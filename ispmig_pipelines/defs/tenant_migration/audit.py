"""Audit: proves a published migration from the committed rows and the source itself.

The source files are read again, from their first byte; what the other ops counted is only
what the result is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_migration.extract import open_file
from ispmig_pipelines.defs.tenant_migration.manifests import (
    LoadedMigration,
    MappedFeed,
    StagedFile,
)
from ispmig_pipelines.defs.tenant_migration.map import arrow_column
from ispmig_pipelines.defs.tenant_migration.progress import Begin, Progress
from ispmig_pipelines.errors import LawBroken
from ispmig_pipelines.formats.records import Records
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.optional import kept
from ispmig_pipelines.mapping.spec import Feed, Spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.reconcile import Amounts
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines.platform.verify import Verified, audited_fields, verify_feed


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
    batch_size: int,
    progress: Begin,
) -> Audited:
    """Audits a published migration; changes nothing.

    Raises:
        SourceError: a source file is gone or cannot be read any more.
    """
    entry = ledger.migration(connection, loaded.migration)
    connection.rollback()
    audited = Audited()
    sums: dict[str, dict[str, Amounts]] = {}
    feeds = {(f.entity, f.index): f for f in spec.feeds}
    for mapped in loaded.feeds:
        fields = audited_fields(mapped.entity, mapped.fields)
        source = _SourceAgain(spec, feeds[mapped.entity, mapped.index], mapped, fields, batch_size)
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
        with connection.begin():
            verified = verify_feed(raw(connection), table, source.records(told), source.unreadable)
        told.done()
        audited.problems += source.problems + verified.problems
        audited.read[mapped.entity] = audited.read.get(mapped.entity, 0) + verified.read
        _add(sums, mapped.entity, verified)
    _compare(audited, sums, entry)
    return audited


class _SourceAgain:
    """The records of a feed's source, read anew and mapped as far as the audit needs."""

    def __init__(
        self,
        spec: Spec,
        feed: Feed,
        mapped: MappedFeed,
        fields: tuple[str, ...],
        batch_size: int,
    ) -> None:
        self._source = spec.sources[mapped.source.name]
        self._plan = prepare(spec, feed, list(mapped.source.columns), only=fields)
        self._mapped = mapped
        self._fields = fields
        self._batch_size = batch_size
        self.unreadable: list[tuple[int, int]] = []
        self.problems: list[str] = []

    def records(self, progress: Progress) -> Iterator[pa.RecordBatch]:
        """Every readable record; notes the others, and what is not as it was, on the way."""
        for file in self._mapped.source.files:
            yield from self._file(file, progress)

    def _file(self, file: StagedFile, progress: Progress) -> Iterator[pa.RecordBatch]:
        with open_file(self._source, Path(file.path)) as reader:
            records = 0
            for batch in reader.batches(file.table, self._batch_size):
                self.unreadable += [(file.index, r.record) for r in batch.rejects]
                records += batch.cells.num_rows + len(batch.rejects)
                progress.advance(batch.cells.num_rows + len(batch.rejects))
                wanted = self._plan.wanted(batch)
                own = batch if wanted is None else kept(batch, wanted)
                if own.cells.num_rows:
                    yield self._convert(own, file.index)
            if reader.sha256() != file.sha256:
                self.problems.append(
                    f"{file.path} has changed while it was migrated (it holds {records:,} "
                    f"records now, {file.records + file.rejects:,} before)"
                )

    def _convert(self, batch: Records, index: int) -> pa.RecordBatch:
        mapped = self._plan.apply(batch)
        types = ENTITIES[self._mapped.entity].fields
        return pa.RecordBatch.from_arrays(
            [
                *(arrow_column(mapped.frame[f], types[f].arrow_type) for f in self._fields),
                pa.repeat(pa.scalar(index, pa.int32()), batch.cells.num_rows),
                batch.record,
            ],
            names=[*self._fields, "_file", "_record"],
        )


def _add(sums: dict[str, dict[str, Amounts]], entity: str, verified: Verified) -> None:
    for name, by_currency in verified.amounts.items():
        for currency, amounts in by_currency.items():
            total = sums.setdefault(f"{entity}.{name}", {}).setdefault(currency, Amounts())
            total.source += amounts.source
            total.loaded += amounts.loaded
            total.quarantined += amounts.quarantined
            total.unreadable += amounts.unreadable


def _compare(
    audited: Audited, sums: dict[str, dict[str, Amounts]], entry: ledger.Migration
) -> None:
    """Both laws on the new sums, and the new sums against the ledger's."""
    for entity, read in audited.read.items():
        told = entry.entities[entity]
        accounted = sum(told[c] for c in ("inserted", "updated", "unchanged", "quarantined"))
        if read != accounted or read != told["read"]:
            audited.problems.append(
                f"{entity}: the source holds {read:,} records, the ledger accounts for "
                f"{accounted:,}"
            )
    for name, by_currency in sums.items():
        for currency, amounts in by_currency.items():
            if amounts.source != amounts.loaded + amounts.quarantined:
                audited.problems.append(
                    f"{name} in {currency}: {amounts.source} in the source, but "
                    f"{amounts.loaded} in the tenant's rows + {amounts.quarantined} in quarantine"
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
