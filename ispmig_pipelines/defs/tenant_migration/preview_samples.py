"""The sampled records of a dry run's report: before and after, what is wrong, what would become of
them."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import dict_row

from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed
from ispmig_pipelines.defs.tenant_migration.map import LEGACY
from ispmig_pipelines.defs.tenant_migration.preview_sources import Place, Source, stands
from ispmig_pipelines.issues import mask, rule_of
from ispmig_pipelines.mapping.cell_masks import canonical_text, row_known_by, shown_as_read
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform import journal, ledger
from ispmig_pipelines.platform.changes import present_rows
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.preview import report
from ispmig_pipelines.preview.showing import value_text


def samples_of(
    driver: psycopg.Connection,
    tenant: Tenant,
    entry: ledger.Migration,
    feed: MappedFeed,
    source: Source,
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
    names = file_names(entry)
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
    return stands(place).encode() if None in key else row_known_by(key)


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
    source: Source
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
                    rule=issue["rule"], severity=issue["severity"], message=message_of(issue)
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


def message_of(issue: Mapping[str, Any]) -> str:
    """What is wrong, in words."""
    return rule_of(issue["rule"]).message(
        column=issue["column"],
        field=issue["field"],
        found=issue["found"],
        accepted=issue["accepted"],
    )


def file_names(entry: ledger.Migration) -> dict[int, str]:
    """Place of a file in the migration's list → its name."""
    return {file["index"]: PurePath(file["path"]).name for file in entry.files}
