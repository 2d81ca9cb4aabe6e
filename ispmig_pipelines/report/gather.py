"""Makes the report of a migration from the ledger and the tenant's schema, and nothing else.

It can be made as often as one likes: as long as nothing of the tenant changes, each is the same.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import SpecError, UsageError
from ispmig_pipelines.issues import CHECK, ON_PURPOSE, Severity, mask, rule_of
from ispmig_pipelines.mapping.spec import parse_spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.page.words import printable
from ispmig_pipelines.platform import issue_counts, ledger, measured, quarantine, tenants
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.measured import Measured
from ispmig_pipelines.platform.status_totals import POSITIVE_IS, Key, Measure, StatusTotals, Sum
from ispmig_pipelines.platform.trail import Operation
from ispmig_pipelines.report.advice import Facts, steps
from ispmig_pipelines.report.findings import cards_of, erased_of, personal_of, retention_of
from ispmig_pipelines.report.report import (
    Amount,
    AuditHead,
    ContentDigest,
    ControlTotal,
    Earlier,
    EntityCounts,
    Example,
    Gone,
    InColumn,
    MigrationReport,
    Plugin,
    Point,
    Quarantine,
    RuleIssues,
    SourceFile,
    SpecFacts,
    StatusTotal,
)
from ispmig_pipelines.report.rule_kind import RuleKind, kind_of
from ispmig_pipelines.report.verdict import verdict
from ispmig_pipelines.validation import threshold
from ispmig_pipelines.validation.cards import redacted

EARLIER = 11
"""Earlier migrations of the same spec that trends look back to."""


def gather(connection: Connection, tenant: tenants.Tenant, migration: int) -> MigrationReport:
    """Makes the report of a migration in any state.

    Args:
        connection: in no transaction.

    Raises:
        UsageError: the tenant has no such migration.
    """
    driver = tenants.raw(connection)
    with connection.begin():
        every = ledger.migrations(connection, tenant.slug)
        entry = next((m for m in every if m.id == migration), None)
        if entry is None:
            raise UsageError(
                f"Tenant {tenant.slug} has no migration {migration}. List its migrations with: "
                f"ispmig migrations {tenant.slug}"
            )
        found = issue_counts.of_migration(driver, tenant, migration)
        waiting = issue_counts.waiting(driver, tenant, migration)
        # What still is to be corrected is so, whatever was loaded since.
        still = (entry.origin or entry.id) in quarantine.current(connection, tenant)
        head = _last_entry(connection, entry)
    newer = None if entry.state is State.DONE and still else _loaded_since(entry, every)
    return report_of(entry, _before(entry, every), found, waiting, newer, head)


def newest(entries: Sequence[ledger.Migration]) -> ledger.Migration | None:
    """Of a tenant's migrations, the newest first, the one that a report is asked for unless named:
    the newest of which anything is known."""
    return next((m for m in entries if m.entities), entries[0] if entries else None)


def _before(
    entry: ledger.Migration, every: Sequence[ledger.Migration]
) -> tuple[ledger.Migration, ...]:
    """The migrations of the same spec before, the oldest first.

    A resubmission reads what another migration rejected, so it compares with nothing.
    """
    if entry.origin is not None:
        return ()
    same = [
        m
        for m in every
        if m.id < entry.id and m.spec_name == entry.spec_name and m.entities and m.origin is None
    ]
    return tuple(sorted(same, key=lambda m: m.id)[-EARLIER:])


def _loaded_since(entry: ledger.Migration, every: Sequence[ledger.Migration]) -> int | None:
    """The newest migration of the same spec after this that stands, ``every`` the newest first."""
    return next(
        (
            m.id
            for m in every
            if m.id > entry.id
            and m.spec_name == entry.spec_name
            and m.state is State.DONE
            and m.origin is None
        ),
        None,
    )


def report_of(
    entry: ledger.Migration,
    earlier: Sequence[ledger.Migration],
    found: Sequence[issue_counts.Kind],
    waiting: Mapping[str, issue_counts.Waiting],
    newer: int | None = None,
    head: AuditHead | None = None,
) -> MigrationReport:
    """The report, from what the ledger and the tenant's schema say.

    Args:
        earlier: migrations of the same spec, the oldest first.
        found: the kinds of its issues.
        waiting: entity → what of it lies in quarantine.
        newer: a later migration of the same spec that stands.
        head: its last entry in the audit trail.
    """
    entities = tuple(EntityCounts(entity=name, **c) for name, c in entry.entities.items())
    totals = tuple(_totals(entry))
    issues = tuple(_issues(entry, earlier, found))
    held = tuple(
        _quarantine(entry, e, waiting.get(e.entity, issue_counts.Waiting(0, 0)))
        for e in entities
        if e.quarantined
    )
    cards = cards_of(entry.findings)
    sound, told = verdict(entry.state, entities, totals, held)
    refused = entry.state is State.FAILED and (entry.error or "").startswith(threshold.TOO_MUCH)
    return MigrationReport(
        tenant=entry.tenant,
        migration=entry.id,
        state=entry.state.value,
        mode=entry.mode,
        origin=entry.origin,
        on_conflict=entry.on_conflict,
        run=entry.dagster_run_id,
        actor=entry.actor,
        started_at=_utc(entry.started_at),
        finished_at=_utc(entry.finished_at) if entry.finished_at else None,
        milliseconds=None if entry.seconds is None else round(entry.seconds * 1000),
        records_per_second=None if entry.rows_per_second is None else round(entry.rows_per_second),
        spec=SpecFacts(name=entry.spec_name, sha256=entry.spec_digest),
        plugins=tuple(Plugin(module=m, sha256=d) for m, d in sorted(entry.plugins.items())),
        error=redacted(entry.error or ""),
        sound=sound,
        verdict=told,
        files=tuple(_file(file) for file in entry.files),
        entities=entities,
        totals=totals,
        by_status=tuple(_by_status(entry)),
        content_before=_content(entry, measured.BEFORE),
        content_after=_content(entry, measured.AFTER),
        audit_head=head,
        issues=issues,
        gone=tuple(_gone(entry, earlier)),
        quarantine=held,
        cards=cards,
        personal=personal_of(entry.findings),
        retention=retention_of(entry.findings),
        erased=erased_of(entry.findings),
        earlier=tuple(_earlier(m) for m in earlier),
        next=steps(
            Facts(
                tenant=entry.tenant,
                migration=entry.id,
                state=entry.state,
                spec=printable(entry.spec_path),
                refused=refused,
                by_spec=refused and threshold.IN_SPEC in (entry.error or ""),
                origin=entry.origin,
                sent_in=printable(entry.files[-1]["path"]) if entry.files else "FILE",
                newer=newer,
                entities=entities,
                issues=issues,
                quarantine=held,
                cards=cards,
            )
        ),
    )


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC)


def _file(file: Mapping[str, Any]) -> SourceFile:
    return SourceFile(
        source=file["source"],
        name=printable(PurePath(file["path"]).name),
        table=redacted(file["table"] or ""),
        sha256=file["sha256"],
        bytes=file["bytes"],
        records=file.get("records", 0),
        unreadable=file.get("rejects", 0),
    )


def _totals(entry: ledger.Migration) -> list[ControlTotal]:
    found = []
    for name, by_currency in entry.totals.items():
        entity, _, field = name.partition(".")
        info = ENTITIES[entity].fields.get(field) if entity in ENTITIES else None
        for currency, sums in sorted(by_currency.items()):
            sides = {
                side: str(sums.get(side) or "0.0000")
                for side in ("source", "loaded", "quarantined", "adjusted")
            }
            found.append(
                ControlTotal(
                    entity=entity,
                    field=field,
                    currency=currency,
                    positive_is=info.positive_is if info is not None else "",
                    unreadable=sums.get("unreadable") or 0,
                    **sides,
                )
            )
    return found


def _last_entry(connection: Connection, entry: ledger.Migration) -> AuditHead | None:
    """The migration's last entry in the tenant's chain: what it says stays as it is, whatever is
    entered afterwards."""
    logs = ledger.data_migration_logs
    row = connection.execute(
        sa.select(logs.c.position, logs.c.digest)
        .where(
            logs.c.tenant == entry.tenant,
            logs.c.operation.in_([o.value for o in _ENTERED_AS]),
            logs.c.details["migration"].as_string() == str(entry.id),
        )
        .order_by(logs.c.position.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return AuditHead(tenant=entry.tenant, position=row.position, digest=bytes(row.digest).hex())


_ENTERED_AS = (Operation.MIGRATION, Operation.DRY_RUN, Operation.RESUBMISSION)


def _content(entry: ledger.Migration, where: str) -> ContentDigest | None:
    found = entry.findings.get(where)
    if found is None:
        return None
    at = Measured.from_json(found)
    return ContentDigest(sha256=at.sha256, rows=at.rows, at=at.at)


def _by_status(entry: ledger.Migration) -> Iterator[StatusTotal]:
    """In the order of the measures; a sum that was taken and is of nothing is zero."""
    sides: dict[str, StatusTotals | None] = {
        side: None if found is None else StatusTotals.from_json(found)
        for side, found in (
            ("source", entry.findings.get(measured.SOURCE)),
            ("before", entry.findings.get(measured.BEFORE, {}).get("by_status")),
            ("after", entry.findings.get(measured.AFTER, {}).get("by_status")),
        )
    }
    order = list(Measure)
    keys = {key for totals in sides.values() if totals is not None for key in totals.sums}
    for key in sorted(keys, key=lambda key: (order.index(key[0]), *key[1:])):
        measure, currency, status = key
        of_days = Sum()
        # As of the rows that are there now, else of what would have been.
        for side in ("after", "source"):
            totals = sides[side]
            if totals is not None and key in totals.sums:
                of_days = totals.sums[key]
                break
        yield StatusTotal(
            measure=measure.value,
            positive_is=POSITIVE_IS[measure],
            currency=currency,
            status=status,
            as_of=(
                of_days.first.isoformat() if of_days.first else "",
                of_days.last.isoformat() if of_days.last else "",
            ),
            **{side: _amount(totals, key) for side, totals in sides.items()},
        )


def _amount(totals: StatusTotals | None, key: Key) -> Amount | None:
    if totals is None or key[0] not in totals.measured:
        return None
    found = totals.sums.get(key, Sum())
    return Amount(records=found.records, amount=str(found.amount))


def _quarantine(
    entry: ledger.Migration, counts: EntityCounts, there: issue_counts.Waiting
) -> Quarantine:
    told = entry.issues.get(counts.entity, {})
    on_purpose = min(sum(told.get(rule, 0) for rule in ON_PURPOSE), counts.quarantined)
    # What a dry run set aside goes with the tenant's next run: nobody deleted it.
    tried = entry.mode == "dry_run"
    return Quarantine(
        entity=counts.entity,
        records=counts.quarantined,
        on_purpose=on_purpose,
        waiting=max(there.waiting - on_purpose, 0),
        solved=0 if tried else there.kept - there.waiting,
        deleted=0 if tried else max(counts.quarantined - there.kept, 0),
    )


def _earlier(entry: ledger.Migration) -> Earlier:
    return Earlier(
        migration=entry.id,
        mode=entry.mode,
        state=entry.state.value,
        started_at=_utc(entry.started_at),
        read=sum(c["read"] for c in entry.entities.values()),
        quarantined=sum(c["quarantined"] for c in entry.entities.values()),
    )


# --- issues --------------------------------------------------------------------------------------


def _issues(
    entry: ledger.Migration,
    earlier: Sequence[ledger.Migration],
    found: Sequence[issue_counts.Kind],
) -> list[RuleIssues]:
    """The gravest first, then the most frequent, kind by kind."""
    columns: dict[tuple[str, str], list[InColumn]] = defaultdict(list)
    names = {file["index"]: printable(PurePath(file["path"]).name) for file in entry.files}
    for kind in found:
        columns[kind.entity, kind.rule].append(_in_column(kind, names))
    severities = _Severities(entry)
    made = [
        RuleIssues(
            kind=kind_of(rule),
            entity=entity,
            rule=rule,
            severity=columns[entity, rule][0].severity
            if columns[entity, rule]
            else severities.of(rule),
            records=records,
            of=_read(entry, entity),
            remedy=rule_of(rule).remedy,
            columns=tuple(columns[entity, rule]),
            earlier=tuple(_point(m, entity, rule) for m in earlier if _read(m, entity)),
        )
        for entity, rules in entry.issues.items()
        for rule, records in rules.items()
        if records
    ]
    kinds, grave = list(RuleKind), [s.value for s in Severity]
    made.sort(
        key=lambda i: (kinds.index(i.kind), grave.index(i.severity), -i.records, i.entity, i.rule)
    )
    return made


def _in_column(kind: issue_counts.Kind, names: Mapping[int, str]) -> InColumn:
    first = kind.examples[0]
    column = redacted(kind.column)
    return InColumn(
        column=column,
        field=kind.field,
        severity=kind.severity,
        records=kind.records,
        message=printable(
            rule_of(kind.rule).message(
                column=column,
                field=kind.field,
                found=first.found,
                accepted=_shown(kind.rule, first.accepted),
            )
        ),
        alike=kind.alike,
        examples=tuple(
            Example(file=names.get(e.file, ""), record=e.record, line=e.line, found=e.found)
            for e in kind.examples
        ),
    )


_NUMBER = re.compile(r"[-+]?[0-9][0-9.,]*")


def _shown(rule: str, accepted: str) -> str:
    """What would be accepted; where that is an amount of one customer's, its shape."""
    of_row = rule_of(rule).adjustable and _NUMBER.fullmatch(accepted)
    return mask(accepted) if of_row else redacted(accepted)


class _Severities:
    """What rules do to a record by a migration's spec, where no issue is left to tell."""

    def __init__(self, entry: ledger.Migration) -> None:
        self._entry = entry
        self._said: dict[str, Severity] | None = None

    def of(self, rule: str) -> str:
        if self._said is None:
            self._said = self._by_spec()
        return self._said.get(rule, rule_of(rule).severity).value

    def _by_spec(self) -> dict[str, Severity]:
        try:
            spec = parse_spec(self._entry.spec_text, Path(self._entry.spec_path))
        except SpecError:  # of an earlier version of the specs' language
            return {}
        validation = spec.document.validation
        return validation.severities | {
            f"{CHECK}{entity}.{check.name}": check.severity
            for entity, checks in validation.checks.items()
            for check in checks
        }


def _read(entry: ledger.Migration, entity: str) -> int:
    return entry.entities.get(entity, {}).get("read", 0)


def _point(entry: ledger.Migration, entity: str, rule: str) -> Point:
    return Point(
        migration=entry.id,
        records=entry.issues.get(entity, {}).get(rule, 0),
        of=_read(entry, entity),
    )


def _gone(entry: ledger.Migration, earlier: Sequence[ledger.Migration]) -> list[Gone]:
    if not earlier:
        return []
    before = earlier[-1]
    return [
        Gone(kind=kind_of(rule), entity=entity, rule=rule, before=_point(before, entity, rule))
        for entity, rules in before.issues.items()
        for rule, records in rules.items()
        if records and _read(entry, entity) and not entry.issues.get(entity, {}).get(rule)
    ]
