"""The report of a migration, as data: small, plain and whole; page and terminal only show it.

It holds counts, sums, digests, names of files and columns, and shapes of cells; never a cell. So
it can be kept as long as one likes, be given to an auditor, and be made again at any time from
the ledger and the tenant's schema (:mod:`ispmig_pipelines.report.gather`).

Numbers are whole numbers or decimal texts, never floats, and what came from outside stands in
values, never in names of members: so there is one way only to write it down
(:mod:`ispmig_pipelines.report.canonical`).
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ispmig_pipelines.report.rule_kind import RuleKind


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", json_schema_serialization_defaults_required=True
    )


class SpecFacts(_Part):
    """Which spec it was: ``sha256`` is of its exact text."""

    name: str
    sha256: str


class Plugin(_Part):
    """A module of functions that the spec called, and the digest of the file that ran."""

    module: str
    sha256: str


class SourceFile(_Part):
    """A file that was read; ``name`` without its folder.

    Attributes:
        records: readable ones; ``unreadable``: the others.
    """

    source: str
    name: str
    table: str
    sha256: str
    bytes: int
    records: int
    unreadable: int


class EntityCounts(_Part):
    """Where the records of an entity are: ``read = inserted + updated + unchanged + quarantined``.

    Attributes:
        repeated: the part of ``unchanged`` that says again what another record said.
    """

    entity: str
    read: int
    inserted: int
    updated: int
    unchanged: int
    quarantined: int
    repeated: int

    @property
    def missing(self) -> int:
        """Records that are accounted for nowhere; not zero breaks the first law."""
        return self.read - self.inserted - self.updated - self.unchanged - self.quarantined


class ControlTotal(_Part):
    """What became of a money field in one currency: ``source = loaded + quarantined + adjusted``.

    Attributes:
        currency: ISO 4217; ``XXX`` for amounts of records that name none.
        positive_is: what a positive amount means, where that is not plain.
        unreadable: cells that are no number; their records are in quarantine.
    """

    entity: str
    field: str
    currency: str
    positive_is: str
    source: str
    loaded: str
    quarantined: str
    adjusted: str
    unreadable: int

    @property
    def difference(self) -> Decimal:
        """What is accounted for nowhere; not zero breaks the second law."""
        return (
            Decimal(self.source)
            - Decimal(self.loaded)
            - Decimal(self.quarantined)
            - Decimal(self.adjusted)
        )


class Example(_Part):
    """A record that breaks a rule; ``found`` is its cell's shape."""

    file: str
    record: int
    line: int | None
    found: str


class InColumn(_Part):
    """How a rule is broken in one column.

    Attributes:
        message: in words; of the first example, unless all say the same.
        alike: all say the same.
    """

    column: str
    field: str
    severity: str
    records: int
    message: str
    alike: bool
    examples: tuple[Example, ...]


class Point(_Part):
    """How many of an entity's records broke a rule in an earlier migration."""

    migration: int
    records: int
    of: int


class RuleIssues(_Part):
    """A rule that does not hold for some records of an entity.

    Attributes:
        severity: the gravest.
        records: how many records, ``of`` so many that were read.
        remedy: what to do about it.
        columns: how it is broken, the gravest and most frequent first; not known any more where
            the records were deleted from the quarantine.
        earlier: the migrations of the same spec before, the oldest first; those that read none of
            the entity are left out.
    """

    kind: RuleKind
    entity: str
    rule: str
    severity: str
    records: int
    of: int
    remedy: str
    columns: tuple[InColumn, ...]
    earlier: tuple[Point, ...]


class Gone(_Part):
    """A rule that the migration before broke, and this one does not."""

    kind: RuleKind
    entity: str
    rule: str
    before: Point


class Quarantine(_Part):
    """What of an entity lies in quarantine.

    Attributes:
        records: that went there; ``on_purpose``: because a rule of the spec, the retention or the
            run wanted it; ``solved`` since by a resubmission, ``deleted`` since by somebody, and
            ``waiting`` still for somebody to correct them.
    """

    entity: str
    records: int
    on_purpose: int
    waiting: int
    solved: int
    deleted: int


class CardColumn(_Part):
    """A column in which there were numbers of cards, or what verifies cards.

    Attributes:
        cells: with a number; ``masked`` of them were masked, or got tokens.
        allowed: why the spec says that they are none; "" if it does not.
        dropped: the column was not read at all.
    """

    source: str
    column: str
    cells: int
    masked: int
    tokens: bool
    allowed: str
    dropped: bool


class SpecialWords(_Part):
    """Cells of notes with a word of a category of GDPR's article 9: of health, of religion …"""

    category: str
    cells: int


class PersonalColumn(_Part):
    """A column of a source that says something of people.

    Attributes:
        kind: what it says; ``detail``: more of that, or ""; ``privacy``: its class.
        goes_to: fields (``customer.email``) and ``legacy``; empty: it is kept nowhere.
        unmapped: no field has it, so that nobody may have thought of it.
        matching: of the ``looked_at`` distinct cells, how many say so.
    """

    source: str
    column: str
    kind: str
    detail: str
    privacy: str
    goes_to: tuple[str, ...]
    unmapped: bool
    looked_at: int
    matching: int
    special: tuple[SpecialWords, ...]


class OfEntity(_Part):
    """So many records of an entity."""

    entity: str
    records: int


class Retention(_Part):
    """What was done about customers past their retention.

    Attributes:
        policy: ``keep``, ``skip`` or ``anonymise``; as of the day ``as_of``.
        cancelled_months: how long customers who left are kept; None: for ever, unless they say.
        customers: past it; ``served``, ``owing``: kept all the same, since they have a service or
            an open balance.
        skipped, anonymised: records, theirs and those that belong to them.
    """

    policy: str
    as_of: str
    cancelled_months: int | None
    customers: int
    served: int
    owing: int
    skipped: tuple[OfEntity, ...]
    anonymised: tuple[OfEntity, ...]


class Earlier(_Part):
    """An earlier migration of the tenant by the same spec, as far as trends need it."""

    migration: int
    mode: str
    state: str
    started_at: dt.datetime
    read: int
    quarantined: int


class Step(_Part):
    """What to do next, and how: a command to type, if there is one."""

    what: str
    command: str


class Amount(_Part):
    """So many records with an amount, and the sum of their amounts."""

    records: int
    amount: str


class StatusTotal(_Part):
    """A control total of the business: what all of a currency and a status come to.

    Attributes:
        measure: ``balance`` is what customers owe, less what they have in credit, and these two
            apart are ``receivable`` (positive) and ``credit`` (negative); ``deposit`` is what is
            held for them; ``invoiced`` the totals of invoices, and ``unpaid_invoice`` what is
            still to be paid of them (drafts, paid, written off and void ones aside).
        positive_is: what a positive amount means.
        as_of: days on which balances were true, by the records themselves: the first and the last;
            "" where they say none: then it is the day of the export.
        currency: ISO 4217; ``XXX`` for amounts of records that name none.
        status: of the customer, or of the invoice; "" where the record says none.
        source: by the records that the migration read, with their statuses as mapped, before any
            was set aside; None where that was not summed.
        before, after: by all rows of the tenant, before and after the migration; None where it
            has not come so far.
    """

    measure: str
    positive_is: str
    currency: str
    status: str
    as_of: tuple[str, str]
    source: Amount | None
    before: Amount | None
    after: Amount | None


class ContentDigest(_Part):
    """What all of the tenant's rows were, to the last cell: the digest of ``ispmig digest``."""

    sha256: str
    rows: int
    at: dt.datetime


class AuditHead(_Part):
    """The last entry that the migration has in the tenant's audit chain."""

    tenant: str
    position: int
    digest: str


class Signature(_Part):
    """Who vouches for the report. It is over the canonical JSON of the whole report, with this
    member but without ``value``.

    Attributes:
        kind: always ``ispmig.migration-report``; algorithm: always ``Ed25519``.
        key: the first 16 hexadecimal digits of the SHA-256 of ``public_key``.
        public_key, value: 32 and 64 bytes in hexadecimal.
    """

    kind: str
    algorithm: str
    key: str
    public_key: str
    signed_at: dt.datetime
    value: str


class MigrationReport(_Part):
    """The report of a migration.

    Attributes:
        state: where it stands; see :class:`ispmig_pipelines.platform.ledger.State`.
        mode: ``load``, ``dry_run`` or ``resubmit``; a resubmission takes records from the
            quarantine of ``origin``.
        milliseconds, records_per_second, finished_at: None while it has not ended, or failed.
        error: why it failed, or was taken back; "" if not.
        verdict: how it went, in a sentence or two; ``sound``: everything adds up, and stands.
        erased: records of people who were erased at their request before, and not loaded again.
        content_before, content_after: just before the tenant's tables were locked to publish it,
            and when its audit had passed; None where it has not come so far, and of dry runs.
        audit_head: None of a migration of an older release.
        version: of the data's shape; it grows when a member changes its meaning or goes.
    """

    version: Literal[1] = 1
    tenant: str
    migration: int
    state: str
    mode: str
    origin: int | None
    on_conflict: str
    run: str
    actor: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    milliseconds: int | None
    records_per_second: int | None
    spec: SpecFacts
    plugins: tuple[Plugin, ...]
    error: str
    sound: bool
    verdict: str
    files: tuple[SourceFile, ...]
    entities: tuple[EntityCounts, ...]
    totals: tuple[ControlTotal, ...]
    by_status: tuple[StatusTotal, ...] = ()
    content_before: ContentDigest | None = None
    content_after: ContentDigest | None = None
    audit_head: AuditHead | None = None
    issues: tuple[RuleIssues, ...]
    gone: tuple[Gone, ...]
    quarantine: tuple[Quarantine, ...]
    cards: tuple[CardColumn, ...]
    personal: tuple[PersonalColumn, ...]
    retention: Retention | None
    erased: tuple[OfEntity, ...]
    earlier: tuple[Earlier, ...]
    next: tuple[Step, ...]

    def of_kind(self, kind: RuleKind, entity: str | None = None) -> list[RuleIssues]:
        """The issues of a kind, of one entity or all."""
        return [i for i in self.issues if i.kind is kind and entity in (None, i.entity)]


class SignedReport(MigrationReport):
    """The report of a migration, signed: what is kept, served and written."""

    signature: Signature
