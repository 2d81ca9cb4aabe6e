"""Preview: gathers the report of a dry run from what is staged, before that goes.

What was counted is in the ledger, issues are in the tenant's schema until its next run; how
well columns and fields are filled, and the sampled records themselves, come from the staged
tables, read once, batch by batch.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from dagster import MetadataValue, TableColumn, TableRecord, TableSchema
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_migration.extract import POSITION
from ispmig_pipelines.defs.tenant_migration.manifests import LoadedMigration, MappedFeed
from ispmig_pipelines.defs.tenant_migration.map import LEGACY
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.issues import mask, rule_of
from ispmig_pipelines.mapping.cell_masks import (
    canonical_text,
    masks_of_source,
    row_known_by,
    shown_as_read,
)
from ispmig_pipelines.mapping.cells import without
from ispmig_pipelines.mapping.spec import Spec, find_column
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform import issue_counts, journal, ledger
from ispmig_pipelines.platform.changes import present_rows
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines.preview import report
from ispmig_pipelines.preview.showing import LENGTH, SOMETHING, Showing, value_text
from ispmig_pipelines.report.findings import cards_of, personal_of
from ispmig_pipelines.staging import Staging

SPECIAL = 100
"""Most records of a block that are sampled for their issues, besides the first ones."""

Place = tuple[int, int]
"""Position of a record: the file's place in the migration's list of files, and the ordinal."""


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
        sources = _sources(spec, loaded, mapped, staging, masker)
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
                    _samples(driver, tenant, entry, feed, source, mapped[feed.name].rows, masker),
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
    names = _file_names(entry)
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
            message=_message({**told, "found": first.found, "accepted": first.accepted}),
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


def _message(issue: Mapping[str, Any]) -> str:
    return rule_of(issue["rule"]).message(
        column=issue["column"],
        field=issue["field"],
        found=issue["found"],
        accepted=issue["accepted"],
    )


def _file_names(entry: ledger.Migration) -> dict[int, str]:
    return {file["index"]: PurePath(file["path"]).name for file in entry.files}


def _special(loaded: LoadedMigration, feed: MappedFeed, kinds: Sequence[_Kind]) -> set[Place]:
    """Records of a block worth seeing: some of each kind of issue, and of what would change."""
    if not loaded.options.preview_rows:
        return set()
    changed = loaded.changes.get(feed.entity)
    # One of each kind before a second of any.
    in_turn = chain.from_iterable(zip_longest(*(kind.places for kind in kinds)))
    every = chain(changed.examples if changed else (), (p for p in in_turn if p is not None))
    return set(islice(dict.fromkeys(every), SPECIAL))


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
    for batch in staging.read(f"mapped-{feed.name}"):
        for name in feed.fields:
            looked.filled[name] += batch.num_rows - batch.column(name).null_count
        wanted = _standing_at(batch, special)
        wanted[: max(first - looked.records, 0)] = True
        looked.records += batch.num_rows
        rows = batch.filter(pa.array(wanted)).select([*_NAMES, *feed.fields, LEGACY])
        looked.rows |= {(row["file"], row["record"]): row for row in rows.to_pylist()}
    return looked


_NAMES = [column.name for column in POSITION]


def _standing_at(batch: pa.RecordBatch, places: set[Place]) -> np.ndarray:
    """Boolean mask of a staged batch's records that stand at the places."""
    wanted = np.zeros(batch.num_rows, dtype=bool)
    files, records = np.asarray(batch.column(0)), np.asarray(batch.column(1))
    for file in {file for file, _ in places}:
        wanted |= (files == file) & np.isin(records, [r for f, r in places if f == file])
    return wanted


@dataclass(frozen=True)
class _Source:
    """A source: what is told of it, what may be shown of it, and cells of the sampled records.

    Attributes:
        masked: entity and field → place → column → cell, masked as what the field holds; empty
            where cells are shown as they stand.
    """

    report: report.Source
    showing: Showing
    rows: dict[Place, dict[str, str | None]]
    masked: dict[tuple[str, str], dict[Place, dict[str, str | None]]]


def _sources(
    spec: Spec,
    loaded: LoadedMigration,
    mapped: Mapping[str, _Looked],
    staging: Staging,
    masker: Masker | None,
) -> dict[str, _Source]:
    by_name: dict[str, list[MappedFeed]] = defaultdict(list)
    for feed in loaded.feeds:
        by_name[feed.source.name].append(feed)
    return {
        name: _source(
            spec,
            by_name[name],
            {place for feed in by_name[name] for place in mapped[feed.name].rows},
            staging,
            masker,
        )
        for name in spec.sources
        if name in by_name
    }


def _source(
    spec: Spec,
    feeds: Sequence[MappedFeed],
    places: set[Place],
    staging: Staging,
    masker: Masker | None,
) -> _Source:
    source = feeds[0].source
    filled: Counter[str] = Counter()
    rows: dict[Place, dict[str, str | None]] = {}
    width = len(POSITION)
    for batch in staging.read(source.cells):
        # By position: a column of the source may be called like one of ours.
        columns = dict(zip(source.columns, batch.columns[width:], strict=True))
        for name, cells in columns.items():
            words = pc.utf8_trim_whitespace(cells)
            words = without(words, words, spec.defaults.null_words)
            filled[name] += batch.num_rows - words.null_count
        wanted = np.flatnonzero(_standing_at(batch, places))
        taken = {name: cells.take(pa.array(wanted)).to_pylist() for name, cells in columns.items()}
        for at, row in enumerate(wanted):
            place = (batch.column(0)[row].as_py(), batch.column(1)[row].as_py())
            rows[place] = {name: cells[at] for name, cells in taken.items()}
    fields: dict[str, list[str]] = {name: [] for name in source.columns}
    for feed in feeds:
        for name, columns_read in feed.reads.items():
            for column in columns_read:
                fields[column].append(f"{feed.entity}.{name}")
    # Every source has a block that carries what no field takes.
    carried = {column for feed in feeds for column in feed.unused}
    carried |= {
        find_column(feed.legacy_column, source.columns) or "" for feed in spec.feeds_of(source.name)
    }
    return _Source(
        report.Source(
            name=source.name,
            records=source.readable,
            unreadable=source.read - source.readable,
            files=tuple(
                report.SourceFile(
                    name=PurePath(file.path).name,
                    table=file.table,
                    sha256=file.sha256,
                    records=file.records,
                    unreadable=file.rejects,
                )
                for file in source.files
            ),
            columns=tuple(
                report.Column(
                    name=name,
                    filled=filled[name],
                    fields=tuple(dict.fromkeys(fields[name])),
                    goes_to="legacy" if name in carried else "fields",
                )
                for name in source.columns
            ),
        ),
        Showing.of([(feed.entity, feed.reads) for feed in feeds]),
        rows,
        {} if masker is None else _masked_cells(spec, feeds, rows, masker),
    )


def _masked_cells(
    spec: Spec,
    feeds: Sequence[MappedFeed],
    rows: Mapping[Place, Mapping[str, str | None]],
    masker: Masker,
) -> dict[tuple[str, str], dict[Place, dict[str, str | None]]]:
    """Cells of the sampled records of a source, masked as what each of the fields holds."""
    source = feeds[0].source
    styles = {name: found for feed in feeds for name, found in feed.styles.items()}
    masks = masks_of_source(masker, spec, source.name, source.columns, settled=styles)
    places = list(rows)
    cells = pa.RecordBatch.from_arrays(
        [pa.array([rows[p].get(c) for p in places], pa.string()) for c in source.columns],
        names=list(source.columns),
    )
    records = masks.records(cells, [_stands(place) for place in places])
    masked: dict[tuple[str, str], dict[Place, dict[str, str | None]]] = {}
    for feed in feeds:
        for name, columns in feed.reads.items():
            of_field = {c: records.column(c, (feed.entity, name)) for c in columns}
            masked[feed.entity, name] = {
                place: {c: of_field[c][at] for c in columns} for at, place in enumerate(places)
            }
    return masked


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


def _samples(
    driver: psycopg.Connection,
    tenant: Tenant,
    entry: ledger.Migration,
    feed: MappedFeed,
    source: _Source,
    rows: Mapping[Place, dict[str, Any]],
    masker: Masker | None,
) -> tuple[report.Sample, ...]:
    """The sampled records of a block, in order of their places."""
    if not rows:
        return ()
    issues, quarantined = _judgement(driver, tenant, entry, feed, list(rows))
    key = ENTITIES[feed.entity].key
    keys = {place: tuple(row[name] for name in key) for place, row in rows.items()}
    present = present_rows(driver, tenant, feed.entity, list(keys.values()))
    names = _file_names(entry)
    return tuple(
        _sample(
            feed,
            _Shown(feed.entity, source, place, _row(place, keys[place]), masker),
            rows[place],
            present.get(keys[place]),
            issues.get(place, []),
            file=names.get(place[0], ""),
            quarantined=place in quarantined,
        )
        for place in sorted(rows)
    )


def _row(place: Place, key: Sequence[Any]) -> bytes:
    """What a record's row is known by to masks: its key, or where it stands."""
    return _stands(place).encode() if None in key else row_known_by(key)


def _stands(place: Place) -> str:
    return f"{place[0]}:{place[1]}"


def _judgement(
    driver: psycopg.Connection,
    tenant: Tenant,
    entry: ledger.Migration,
    feed: MappedFeed,
    places: Sequence[Place],
) -> tuple[dict[Place, list[dict[str, Any]]], set[Place]]:
    """What is wrong with records of a block, and which of them lie in quarantine."""
    block = [entry.id, feed.entity, feed.index, *map(list, zip(*places, strict=True))]
    of_block = sql.SQL(
        """from {} where (migration, entity, feed) = (%s, %s, %s)
           and (file, record) in (select * from unnest(%s::integer[], %s::bigint[]))"""
    )
    issues: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    with driver.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            sql.SQL("select * {} order by severity, rule, field").format(
                of_block.format(sql.Identifier(tenant.schema, journal.ISSUES))
            ),
            block,
        )
        for row in cursor:
            issues[row["file"], row["record"]].append(row)
    found = driver.execute(
        sql.SQL("select file, record {}").format(
            of_block.format(sql.Identifier(tenant.schema, journal.QUARANTINE))
        ),
        block,
    )
    return issues, {(file, record) for file, record in found}


@dataclass(frozen=True)
class _Shown:
    """What is shown of a sampled record's cells and values.

    Attributes:
        row: what the record's row is known by.
        masker: None: they are shown as they stand.
    """

    entity: str
    source: _Source
    place: Place
    row: bytes
    masker: Masker | None

    def cell(self, name: str, column: str, columns: Sequence[str]) -> str | None:
        """A cell that the field comes from."""
        of, showing = ENTITIES[self.entity].fields[name], self.source.showing
        cells: Mapping[str, str | None] = self.source.rows.get(self.place, {})
        if self.masker is not None and not showing.hides(of, columns):
            cells = self.source.masked.get((self.entity, name), {}).get(self.place, {})
        return showing.text(cells.get(column), of, columns)

    def value(self, name: str, value: Any, columns: Sequence[str]) -> str | None:
        """A value of the field."""
        of, showing = ENTITIES[self.entity].fields[name], self.source.showing
        if self.masker is None or value is None or showing.hides(of, columns):
            return showing.text(value_text(value, of), of, columns)
        text = pa.array([canonical_text(value)], pa.string())
        (masked,) = self.masker.column(self.entity, name, text, [self.row]).to_pylist()
        if masked == text[0].as_py():
            masked = value_text(value, of)
        return showing.text(shown_as_read(masked, of), of, columns)


def _sample(
    feed: MappedFeed,
    shown: _Shown,
    row: Mapping[str, Any],
    present: Mapping[str, Any] | None,
    issues: Sequence[Mapping[str, Any]],
    *,
    file: str,
    quarantined: bool,
) -> report.Sample:
    info = ENTITIES[feed.entity]
    told: dict[str, list[report.FieldIssue]] = defaultdict(list)
    for issue in issues:
        of_feed = [name for name in issue["field"].split(", ") if name in feed.fields]
        for name in of_feed or [""]:
            told[name].append(
                report.FieldIssue(
                    rule=issue["rule"], severity=issue["severity"], message=_message(issue)
                )
            )
    fields = []
    for name in feed.fields:
        of, columns = info.fields[name], feed.reads.get(name, ())
        after = value_text(row[name], of)
        before = None if present is None else value_text(present[name], of)
        changes = present is not None and not quarantined and before != after
        new, old = shown.value(name, row[name], columns), None
        if changes and present is not None:
            old = shown.value(name, present[name], columns)
            if old == new and before and not shown.source.showing.hides(of, columns):
                # What is masked by its row has the same mask before and after.
                old = mask(before)
        fields.append(
            report.SampledField(
                name=name,
                before=tuple(
                    report.Before(column=c, text=shown.cell(name, c, columns)) for c in columns
                ),
                after=new,
                present=old,
                changes=changes,
                hidden=shown.source.showing.hides(of, columns),
                issues=tuple(told[name]),
            )
        )
    return report.Sample(
        file=file,
        record=row["record"],
        line=row["line"],
        outcome=_outcome(feed, row, fields, present, quarantined),
        fields=tuple(fields),
        issues=tuple(told[""]),
    )


def _outcome(
    feed: MappedFeed,
    row: Mapping[str, Any],
    fields: Sequence[report.SampledField],
    present: Mapping[str, Any] | None,
    quarantined: bool,
) -> report.Outcome:
    if quarantined:
        return "quarantined"
    if present is None:
        return "completes" if feed.partial else "new"
    legacy = json.loads(row[LEGACY]) if row[LEGACY] else {}
    kept = present["legacy"] or {}
    if any(f.changes for f in fields) or any(kept.get(k) != v for k, v in legacy.items()):
        return "changed"
    return "unchanged"


def metadata(made: report.Report, place: Path) -> dict[str, Any]:
    """What Dagster may know of a report: where it lies, and counts; no cell, no value."""
    return {
        "report": MetadataValue.path(place),
        "issues by rule": _table(
            {"entity": "string", "rule": "string", "column": "string", "field": "string",
             "records": "int"},
            [
                (entity.name, group.rule, group.column, group.field, group.records)
                for entity in made.entities
                for group in entity.issues
            ],
        ),
        "fields filled": _table(
            {"entity": "string", "field": "string", "from": "string", "filled": "int",
             "records": "int"},
            [
                (entity.name, one.name, ", ".join(one.columns) or "the spec", one.filled,
                 block.records)
                for entity in made.entities
                for block in entity.blocks
                for one in block.fields
            ],
        ),
        "changes per field": _table(
            {"entity": "string", "field": "string", "rows": "int"},
            [
                (entity.name, name, rows)
                for entity in made.entities
                for name, rows in entity.changes.fields.items()
            ],
        ),
        "unmapped columns": _table(
            {"source": "string", "column": "string", "filled": "int",
             "records": "int"},
            [
                (source.name, column.name, column.filled, source.records)
                for source in made.sources
                for column in source.columns
                if column.goes_to == "legacy"
            ],
        ),
    }  # fmt: skip


def _table(columns: Mapping[str, str], rows: Sequence[tuple[str | int, ...]]) -> MetadataValue:
    return MetadataValue.table(
        [TableRecord(dict(zip(columns, row, strict=True))) for row in rows],
        schema=TableSchema([TableColumn(name, kind) for name, kind in columns.items()]),
    )
