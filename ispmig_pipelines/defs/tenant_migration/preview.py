"""Preview: gathers the report of a dry run from what is staged, before that goes.

What was counted is in the ledger, issues are in the tenant's schema until its next run; how
well columns and fields are filled, and the sampled records themselves, come from the staged
tables, read once, batch by batch.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any

import psycopg
import pyarrow as pa
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_migration.extract import POSITION
from ispmig_pipelines.defs.tenant_migration.manifests import LoadedMigration, MappedFeed
from ispmig_pipelines.defs.tenant_migration.map import LEGACY
from ispmig_pipelines.defs.tenant_migration.preview_samples import (
    file_names,
    message_of,
    samples_of,
)
from ispmig_pipelines.defs.tenant_migration.preview_sources import Place, sources_of, standing_at
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.issues import rule_of
from ispmig_pipelines.mapping.spec import Spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform import issue_counts, ledger
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines.preview import report
from ispmig_pipelines.preview.showing import LENGTH, SOMETHING, Showing
from ispmig_pipelines.report.findings import cards_of, personal_of
from ispmig_pipelines.staging import Staging

SPECIAL = 100
"""Most records of a block that are sampled for their issues, besides the first ones."""


def gather(
    spec: Spec,
    tenant: Tenant,
    loaded: LoadedMigration,
    connection: Connection,
    *,
    staging: Staging,
    refusal: IspmigError | None = None,
) -> report.Report:
    """Makes the report of a dry run.

    Args:
        loaded: what its ops handed on.
        connection: in no transaction.
        refusal: why the migration would not stand, if it would not.

    Raises:
        StorageError: what was staged is gone.
    """
    with connection.begin():
        entry = ledger.migration(connection, loaded.migration)
        masker = None
        if loaded.options.preview_masked:
            masker = Masker(mask_key(connection, tenant.slug))
    driver = raw(connection)
    with connection.begin():
        found = _issues_by_block(driver, tenant, entry)
    with connection.begin(), as_tenant(driver, tenant):
        groups = {block: [kind.group for kind in kinds] for block, kinds in found.items()}
        mapped = {
            feed.name: _look(
                feed,
                staging,
                first=loaded.options.preview_rows,
                special=_special(loaded, feed, found.get((feed.entity, feed.index), [])),
            )
            for feed in loaded.feeds
        }
        sampled = {name: looked.rows.keys() for name, looked in mapped.items()}
        sources = sources_of(spec, loaded, sampled, staging, masker)
        blocks: dict[str, list[report.Block]] = defaultdict(list)
        for feed in sorted(loaded.feeds, key=lambda f: f.index):
            source = sources[feed.source.name]
            blocks[feed.entity].append(
                _block(
                    spec,
                    feed,
                    mapped[feed.name],
                    source.showing,
                    groups.get((feed.entity, feed.index), []),
                    samples_of(driver, tenant, entry, feed, source, mapped[feed.name].rows, masker),
                )
            )
    return report.Report(
        tenant=tenant.slug,
        migration_id=entry.id,
        spec=report.SpecFacts(name=entry.spec_name, sha256=entry.spec_digest),
        made_at=ledger.now(),
        actor=entry.actor,
        on_conflict=entry.on_conflict,
        rows=loaded.options.preview_rows,
        masked=loaded.options.preview_masked,
        passed=refusal is None,
        refused="" if refusal is None else str(refusal),
        refused_as="" if refusal is None else refusal.code,
        entities=tuple(
            _entity(name, entry, loaded, groups, blocks[name])
            for name in ENTITIES
            if name in blocks
        ),
        sources=tuple(source.report for source in sources.values()),
        cards=cards_of(entry.findings),
        personal=personal_of(entry.findings),
    )


def _entity(
    name: str,
    entry: ledger.Migration,
    loaded: LoadedMigration,
    groups: Mapping[tuple[str, int], Sequence[report.IssueGroup]],
    blocks: Sequence[report.Block],
) -> report.Entity:
    filled: Counter[str] = Counter()
    for block in blocks:
        for one in block.fields:
            filled[one.name] += one.filled
    changed = loaded.changes.get(name)
    return report.Entity(
        name=name,
        doc=ENTITIES[name].doc,
        counts=entry.entities.get(name, dict.fromkeys(ledger.COUNTS, 0)),
        changes=report.Changes(rows=changed.rows, fields=changed.fields, legacy=changed.legacy)
        if changed
        else report.Changes(),
        totals={k: v for k, v in entry.totals.items() if k.partition(".")[0] == name},
        issues=tuple(g for block in blocks for g in groups.get((name, block.index), ())),
        not_mapped=tuple(f for f in ENTITIES[name].fields if f not in filled),
        nothing_came=tuple(f for f in ENTITIES[name].fields if f in filled and not filled[f]),
        blocks=tuple(blocks),
    )


@dataclass(frozen=True)
class _Kind:
    """One kind of issue, and the places of its examples."""

    group: report.IssueGroup
    places: tuple[Place, ...]


def _issues_by_block(
    driver: psycopg.Connection, tenant: Tenant, entry: ledger.Migration
) -> dict[tuple[str, int], list[_Kind]]:
    """The issues of the dry run, by entity and block: each rule and column with the first and the
    last record; errors first, the most frequent first."""
    names = file_names(entry)
    found: dict[tuple[str, int], list[_Kind]] = defaultdict(list)
    for kind in issue_counts.of_migration(driver, tenant, entry.id, by_block=True):
        block, first = kind.block or 0, kind.examples[0]
        told = {"rule": kind.rule, "column": kind.column, "field": kind.field}
        group = report.IssueGroup(
            block=block,
            rule=kind.rule,
            severity=kind.severity,
            column=kind.column,
            field=kind.field,
            records=kind.records,
            message=message_of({**told, "found": first.found, "accepted": first.accepted}),
            remedy=rule_of(kind.rule).remedy,
            examples=tuple(
                report.IssueExample(
                    file=names.get(one.file, ""),
                    record=one.record,
                    line=one.line,
                    found=one.found,
                    accepted=one.accepted,
                )
                for one in kind.examples
            ),
        )
        places = tuple((one.file, one.record) for one in kind.examples)
        found[kind.entity, block].append(_Kind(group, places))
    return found


def _special(loaded: LoadedMigration, feed: MappedFeed, kinds: Sequence[_Kind]) -> set[Place]:
    """Records of a block worth seeing: some of each kind of issue, and of what would change."""
    if not loaded.options.preview_rows:
        return set()
    changed = loaded.changes.get(feed.entity)
    # One of each kind before a second of any.
    in_turn = chain.from_iterable(zip_longest(*(kind.places for kind in kinds)))
    every = chain(changed.examples if changed else (), (p for p in in_turn if p is not None))
    return set(islice(dict.fromkeys(every), SPECIAL))


_NAMES = [column.name for column in POSITION]


@dataclass
class _Looked:
    """A block's mapped records.

    Attributes:
        filled: field → records in which it holds a value.
        rows: the sampled ones: field (and ``legacy``, ``line``) → value.
    """

    records: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    rows: dict[Place, dict[str, Any]] = field(default_factory=dict)


def _look(feed: MappedFeed, staging: Staging, *, first: int, special: set[Place]) -> _Looked:
    looked = _Looked(filled=Counter(dict.fromkeys(feed.fields, 0)))
    for batch in staging.read(feed.staged("mapped")):
        for name in feed.fields:
            looked.filled[name] += batch.num_rows - batch.column(name).null_count
        wanted = standing_at(batch, special)
        wanted[: max(first - looked.records, 0)] = True
        looked.records += batch.num_rows
        rows = batch.filter(pa.array(wanted)).select([*_NAMES, *feed.fields, LEGACY])
        looked.rows |= {(row["file"], row["record"]): row for row in rows.to_pylist()}
    return looked


def _block(
    spec: Spec,
    feed: MappedFeed,
    looked: _Looked,
    showing: Showing,
    groups: Sequence[report.IssueGroup],
    samples: tuple[report.Sample, ...],
) -> report.Block:
    info = ENTITIES[feed.entity]
    of_spec = next(f for f in spec.feeds if (f.entity, f.index) == (feed.entity, feed.index))
    mappings = of_spec.fields
    styles = feed.styles.get(of_spec.name, {})
    told: Counter[str] = Counter()
    for group in groups:
        for name in group.field.split(", "):
            told[name] += group.records
    fields = []
    for name in feed.fields:
        of, columns = info.fields[name], feed.reads.get(name, ())
        constant = (mappings[name].constant if name in mappings else None) or ""
        hidden = showing.hides(of, columns)
        fields.append(
            report.FieldFill(
                name=name,
                type=of.type.value,
                unit=of.unit,
                doc=of.doc,
                required=of.must_hold_value,
                columns=columns,
                constant=SOMETHING if hidden and constant else constant[:LENGTH],
                written=styles[name].in_words if name in styles else "",
                filled=looked.filled[name],
                issues=told[name],
                hidden=hidden,
            )
        )
    return report.Block(
        index=feed.index,
        source=feed.source.name,
        partial=feed.partial,
        records=looked.records,
        fields=tuple(fields),
        samples=samples,
    )
