"""What the ops of a migration hand each other: where data is staged, never the data.

All of it is plain and small, and survives being pickled by Dagster's IO manager, so that a
run retried from failure goes on from what is staged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ispmig_pipelines.defs.tenant_migration.part import WHOLE, Part
from ispmig_pipelines.mapping.survey import Styles
from ispmig_pipelines.platform.changes import Changes
from ispmig_pipelines.platform.reconcile import Amounts
from ispmig_pipelines.platform.status_totals import StatusTotals
from ispmig_pipelines.validation.personal import PersonalColumn


@dataclass(frozen=True)
class StagedFile:
    """One source file, as it was read.

    Attributes:
        index: position in the migration's list of files; rows carry it as ``_file``.
        records: readable records; ``rejects``: unreadable ones.
        sha256: digest of the file's bytes.
        member: of a zip archive.
        notes: what its reader found worth telling, without cells.
    """

    index: int
    source: str
    path: str
    table: str
    sha256: str
    size: int
    records: int
    rejects: int
    member: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """As the ledger keeps it."""
        return {
            "index": self.index,
            "source": self.source,
            "path": self.path,
            "table": self.table,
            "sha256": self.sha256,
            "bytes": self.size,
            "records": self.records,
            "rejects": self.rejects,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class StagedSource:
    """All files of one source of the spec, staged as one table of text cells.

    Attributes:
        name: the source in the spec.
        columns: its columns, in the order in which they are staged.
        stem: of records that are sent in again: what their staged tables are named by; before:
            file → records that stood before it in the source, when it was read whole.
        cards: what was found of card numbers, by column, as findings of a migration keep it.
        personal: column → what its name and cells say about people, where they do.
    """

    name: str
    columns: tuple[str, ...]
    files: tuple[StagedFile, ...]
    stem: str = ""
    before: dict[int, int] = field(default_factory=dict)
    cards: tuple[dict[str, Any], ...] = ()
    personal: dict[str, PersonalColumn] = field(default_factory=dict)

    @property
    def cells(self) -> str:
        """Name of the staged table of readable records."""
        return f"source-{self.stem or self.name}"

    @property
    def masked(self) -> str:
        """Name of the staged table of which cells had card numbers."""
        return f"masked-{self.stem or self.name}"

    @property
    def has_masked(self) -> bool:
        """Whether any cell of it had."""
        return any(found["masked"] for found in self.cards)

    @property
    def unreadable(self) -> str:
        """Name of the staged table of unreadable records."""
        return f"unreadable-{self.stem or self.name}"

    @property
    def readable(self) -> int:
        """Records in the source that could be split into cells."""
        return sum(f.records for f in self.files)

    @property
    def read(self) -> int:
        """Records in the source, readable or not."""
        return sum(f.records + f.rejects for f in self.files)

    def records_before(self, file: int) -> int:
        """Records of the source, readable or not, in the files before one of its files."""
        if self.stem:
            return self.before.get(file, 0)
        return sum(f.records + f.rejects for f in self.files if f.index < file)


@dataclass(frozen=True)
class Options:
    """What the run was asked for, handed on from op to op.

    Attributes:
        started: Unix time at which the migration began.
        preview_rows: records of each block that a dry run's report shows.
        preview_masked: it shows their shapes only.
        origin: of a resubmission: the migration whose records it takes out of quarantine, and
            sent_in: the file that they come from.
    """

    dry_run: bool
    on_conflict: str
    max_quarantined: str
    batch_size: int
    started: float
    preview_rows: int = 0
    preview_masked: bool = False
    origin: int | None = None
    sent_in: str = ""


@dataclass(frozen=True)
class Extracted:
    """What extract hands to each entity's map: the entity and what it is made from.

    Attributes:
        sources: those that it is fed from; tables: those in which their mappings look up.
        styles: what the cells of columns settled about how they are written.
        feeds: of a resubmission: name of a feed → its records; the others have none.
        part: how much of the sources is to be mapped.
    """

    tenant: str
    migration: int
    entity: str
    sources: dict[str, StagedSource]
    options: Options
    tables: dict[str, StagedSource] = field(default_factory=dict)
    styles: Styles = field(default_factory=dict)
    feeds: dict[str, StagedSource] | None = None
    part: Part = WHOLE

    def source_of(self, feed: str, source: str) -> StagedSource | None:
        """What a feed reads: all of its source, or of a resubmission the records that it has."""
        return self.sources[source] if self.feeds is None else self.feeds.get(feed)


@dataclass(frozen=True)
class MappedFeed:
    """One feed, mapped: staged typed columns and the issues found on the way.

    Attributes:
        columns: field → the source columns it comes from, in words; ``reads``: one by one.
        unused: columns of the source that its records carry as ``legacy``.
        amounts: money field → currency → what stands in the source.
        by_status: the same by status, as far as there are such totals.
        rows: readable records; skipped: records that are none of this entity.
        tables, styles: as :class:`Extracted` has them.
        adjusts: rules set amounts; what they took from each is staged, too.
        issues: how many issues mapping found, and validation after it.
        parts: of the feed that this is of, in their order.
    """

    entity: str
    index: int
    source: StagedSource
    fields: tuple[str, ...]
    partial: bool
    has_legacy: bool
    columns: dict[str, str]
    amounts: dict[str, dict[str, Amounts]]
    rows: int
    skipped: int
    rejected: int
    issues: int
    reads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    tables: dict[str, StagedSource] = field(default_factory=dict)
    styles: Styles = field(default_factory=dict)
    adjusts: bool = False
    by_status: StatusTotals = field(default_factory=StatusTotals)
    parts: tuple[Part, ...] = (WHOLE,)

    @property
    def read(self) -> int:
        """Records of the source that are the feed's, readable or not; of the whole feed."""
        return self.source.read - self.skipped

    @property
    def name(self) -> str:
        """Of the feed, and the stem of what is staged of all of it."""
        return f"{self.entity}-{self.index}"

    def staged(self, what: str) -> tuple[str, ...]:
        """Names of its staged tables of a kind (``mapped``, ``verdict``, …): one of each part, to
        be read one after the other."""
        return tuple(f"{what}-{self.name}{part.suffix}" for part in self.parts)


@dataclass(frozen=True)
class Mapped:
    """What map hands to validate, and validate to load: an entity's feeds, or a part of them."""

    tenant: str
    migration: int
    entity: str
    feeds: tuple[MappedFeed, ...]
    options: Options
    part: Part = WHOLE


@dataclass(frozen=True)
class ReadAgain:
    """A feed's records, read from its files for a second time and staged for the audit.

    Attributes:
        files: of the source, in their order, each as the file system knew it just before it was
            read. Not their names, which may hold a card number: all of this is written down.
        adjusted: money field → currency → what rules took from it.
    """

    files: tuple[tuple[int, ...], ...]
    adjusted: dict[str, dict[str, Amounts]] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedMigration:
    """What load hands to audit.

    Attributes:
        changes: of a dry run: entity → what it would change in the tenant's rows.
        again: name of a feed → what was read again of it, while the server published.
    """

    tenant: str
    migration: int
    feeds: tuple[MappedFeed, ...]
    options: Options
    changes: dict[str, Changes] = field(default_factory=dict)
    again: dict[str, ReadAgain] = field(default_factory=dict)
