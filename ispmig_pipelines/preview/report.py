"""The report of a dry run, as data: small, plain, and whole; page and terminal only show it.

It holds some cells of the customers' data (:class:`Sample`), so it lies in private files
(:mod:`ispmig_pipelines.preview.store`) and goes nowhere else. Cells come into it by
:class:`ispmig_pipelines.preview.showing.Showing` alone, which masks what nobody may see.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ispmig_pipelines.report.report import CardColumn, PersonalColumn

Totals = dict[str, dict[str, dict[str, Any]]]
"""``entity.field`` → currency → ``{"source", "loaded", "quarantined", "unreadable", …}``, amounts
as text: the control totals as the ledger has them."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FieldIssue(_Part):
    """What is wrong with a field of a sampled record, in words that hold no cell."""

    rule: str
    severity: str
    message: str


class Before(_Part):
    """A source cell as it stands, or its shape; ``text`` is None where there is no cell."""

    column: str
    text: str | None


class SampledField(_Part):
    """A field of a sampled record.

    Attributes:
        before: the cells it comes from; none for a constant.
        after: what the platform would hold; None for nothing.
        present: what the tenant's row holds today, where that is to change.
        changes: the tenant has the row, with another value.
        hidden: secret, or of a means of payment: neither cells nor values are shown.
    """

    name: str
    before: tuple[Before, ...] = ()
    after: str | None = None
    present: str | None = None
    changes: bool = False
    hidden: bool = False
    issues: tuple[FieldIssue, ...] = ()


Outcome = Literal["new", "changed", "unchanged", "completes", "quarantined"]
"""What would become of a record; ``completes``: it adds to a row that another block makes."""


class Sample(_Part):
    """A record of a source, before and after.

    Attributes:
        file: name of its file; ``record``: its ordinal there; ``line``: its line, if it has one.
        issues: what is wrong with it and belongs to no field that is shown.
    """

    file: str
    record: int
    line: int | None
    outcome: Outcome
    fields: tuple[SampledField, ...]
    issues: tuple[FieldIssue, ...] = ()


class FieldFill(_Part):
    """How a block fills a field.

    Attributes:
        type, unit, doc: of the field; ``required``: no row may leave it empty.
        columns: source columns it comes from; none for a constant.
        constant: what the spec says itself, or "".
        written: how its columns are written, as their own cells settled it, or "".
        filled: records in which it would hold something, of the block's ``records``.
        issues: records with an issue about it.
    """

    name: str
    type: str
    unit: str
    doc: str
    required: bool
    columns: tuple[str, ...]
    constant: str
    written: str = ""
    filled: int
    issues: int
    hidden: bool


class Block(_Part):
    """One block of the spec: records of one source that fill an entity.

    Attributes:
        index: which of the entity's blocks, from 0.
        partial: it can only complete rows.
        records: readable records of the source that are the block's.
    """

    index: int
    source: str
    partial: bool
    records: int
    fields: tuple[FieldFill, ...]
    samples: tuple[Sample, ...]


class IssueExample(_Part):
    """Where an issue shows; ``found`` is the cell's shape."""

    file: str
    record: int
    line: int | None
    found: str
    accepted: str


class IssueGroup(_Part):
    """A rule that does not hold for some records, in one column."""

    block: int
    rule: str
    severity: str
    column: str
    field: str
    records: int
    message: str
    remedy: str
    examples: tuple[IssueExample, ...]


class Changes(_Part):
    """What would change in the tenant's present rows of an entity.

    Attributes:
        rows: rows that would differ afterwards.
        fields: field → rows in which it would.
        legacy: rows whose unmapped columns would.
    """

    rows: int = 0
    fields: dict[str, int] = {}
    legacy: int = 0


class Entity(_Part):
    """What would become of an entity.

    Attributes:
        counts: as the ledger has them: read, inserted, updated, unchanged, quarantined, repeated.
        not_mapped: fields that no block fills.
        nothing_came: fields that a block fills, and that no record holds anything for.
    """

    name: str
    doc: str
    counts: dict[str, int]
    changes: Changes
    totals: Totals
    issues: tuple[IssueGroup, ...]
    not_mapped: tuple[str, ...]
    nothing_came: tuple[str, ...]
    blocks: tuple[Block, ...]


class Column(_Part):
    """A column of a source.

    Attributes:
        filled: records in which it holds something.
        fields: ``entity.field``s that come from it.
        goes_to: ``fields``, or ``legacy``: no field takes it, and it is kept whole beside them.
    """

    name: str
    filled: int
    fields: tuple[str, ...]
    goes_to: Literal["fields", "legacy"]


class SourceFile(_Part):
    """A file that was read; ``name`` without its folder."""

    name: str
    table: str
    sha256: str
    records: int
    unreadable: int


class Source(_Part):
    """A source of the spec.

    Attributes:
        records: readable records; ``unreadable``: the others.
    """

    name: str
    records: int
    unreadable: int
    files: tuple[SourceFile, ...]
    columns: tuple[Column, ...]


class SpecFacts(_Part):
    """Which spec it was: ``sha256`` is of its exact text."""

    name: str
    sha256: str


class Report(_Part):
    """What a migration would do.

    Attributes:
        migration_id: of the dry run, in the ledger.
        made_at: when, in UTC.
        rows: records of each block that were to be sampled.
        masked: every cell and value is shown as its shape.
        passed: the migration would go through; else ``refused`` says why not, and ``refused_as``
            names the kind of error: ``threshold``, ``conflict``.
        cards, personal: columns in which card numbers were found, and those that say something
            about people; what no field has stands first.
    """

    tenant: str
    migration_id: int
    spec: SpecFacts
    made_at: dt.datetime
    actor: str
    on_conflict: str
    rows: int
    masked: bool
    passed: bool
    refused: str
    refused_as: str = ""
    entities: tuple[Entity, ...]
    sources: tuple[Source, ...]
    cards: tuple[CardColumn, ...] = ()
    personal: tuple[PersonalColumn, ...] = ()

    def of_entities(self, names: Collection[str]) -> Report:
        """The report of these entities only, and of the sources that feed them."""
        entities = tuple(e for e in self.entities if e.name in names)
        fed = {block.source for entity in entities for block in entity.blocks}
        return self.model_copy(
            update={
                "entities": entities,
                "sources": tuple(s for s in self.sources if s.name in fed),
                "cards": tuple(c for c in self.cards if c.source in fed),
                "personal": tuple(p for p in self.personal if p.source in fed),
            }
        )
