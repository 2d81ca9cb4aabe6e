"""What the ledger says in numbers, as families of metrics.

Each tenant has its own series, up to :data:`MOST_TENANTS` of them, those with the newest entries in
the audit trail; the rest stand together as :data:`OTHERS`. A monitoring system keeps every series
that it has ever seen, so their number must not grow without bound.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.alerting import outbox
from ispmig_pipelines.metrics.openmetrics import Family, Sample, Type
from ispmig_pipelines.platform import ledger, quarantine, tenants, trail
from ispmig_pipelines.platform.audit.chain import PLATFORM
from ispmig_pipelines.platform.ledger import State

MOST_TENANTS = 500
OTHERS = "_others"
"""No slug begins so."""

COUNTED = (State.PUBLISHED, State.DONE, State.UNDONE, State.PARTLY_UNDONE)
"""Migrations whose rows were written, whatever became of them since: no state leads out of these,
so what is counted never falls."""

OUTCOMES = ("inserted", "updated", "unchanged", "quarantined")
"""Where a record ends: in one of these, so that they add up to what was read."""

QUARANTINE_SECONDS = 5.0
"""So long is quarantine counted at a time; the tenants that are left are counted the next time."""

RECOUNTED_AFTER = 600.0
"""After so many seconds a count is made anew, whether the trail says that anything was done."""


@dataclass
class OpenRecords:
    """Open records in quarantine, counted again only for tenants of which something was entered.

    Attributes:
        known: tenant → what it was counted at (:func:`_marks`), when, and how many there were.
    """

    known: dict[str, tuple[tuple[Any, ...], float, int]] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def counted(
        self, connection: Connection, slugs: Sequence[str], seconds: float = QUARANTINE_SECONDS
    ) -> dict[str, int]:
        """Tenant → open records; without those that it did not come to, and that it cannot read.

        Args:
            connection: in no transaction, before and after.
            seconds: how long it may take.
        """
        until = time.monotonic() + seconds
        with self.guard:
            with connection.begin():
                marks = _marks(connection)
                database = tenants.raw(connection).info.dbname
            self.known = {slug: one for slug, one in self.known.items() if slug in marks}
            for slug in slugs:
                if slug not in marks:
                    continue
                mark, now = marks[slug], time.monotonic()
                old = self.known.get(slug)
                if old is not None and old[0] == mark and now - old[1] < RECOUNTED_AFTER:
                    continue
                if now > until:
                    break
                count = _count(connection, tenants.describe(slug, database))
                if count is None:
                    self.known.pop(slug, None)
                else:
                    self.known[slug] = (mark, now, count)
            return {slug: self.known[slug][2] for slug in slugs if slug in self.known}


def _marks(connection: Connection) -> dict[str, tuple[Any, ...]]:
    """Tenant → what differs after everything that is done with its quarantine."""
    migrations, heads = ledger.data_migrations, ledger.audit_heads
    newest = (
        sa.select(
            migrations.c.tenant,
            sa.func.max(migrations.c.id).label("id"),
            sa.func.max(migrations.c.finished_at).label("finished"),
            sa.func.count().filter(migrations.c.state == State.RUNNING).label("running"),
        )
        .group_by(migrations.c.tenant)
        .subquery()
    )
    rows = connection.execute(
        sa.select(
            ledger.tenants.c.slug, heads.c.position, newest.c.id, newest.c.finished,
            newest.c.running, ledger.tenants.c.created_at,
        )
        .outerjoin(heads, heads.c.tenant == ledger.tenants.c.slug)
        .outerjoin(newest, newest.c.tenant == ledger.tenants.c.slug)
    )  # fmt: skip
    return {row.slug: tuple(row)[1:] for row in rows}


def _count(connection: Connection, tenant: tenants.Tenant) -> int | None:
    try:
        with connection.begin():
            current = quarantine.current(connection, tenant)
            if not current:
                return 0
            chosen = quarantine.Chosen(tuple(current))
            return quarantine.count(tenants.raw(connection), tenant, chosen)
    except (sa.exc.ProgrammingError, psycopg.ProgrammingError):
        # It was removed meanwhile, or its tables are of a release before this one.
        return None


@dataclass(frozen=True)
class _Told:
    """The newest of something of a tenant, as the audit trail has it."""

    at: dt.datetime
    details: Mapping[str, Any]

    def number(self, name: str) -> float | None:
        value = self.details.get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def age(self, now: dt.datetime) -> float:
        """Seconds since it began: that is the moment which a snapshot holds."""
        return round(max(0.0, (now - self.at).total_seconds() + (self.number("seconds") or 0)), 3)


def gathered(
    connection: Connection,
    opened: OpenRecords,
    *,
    drop_states: Iterable[str] = (),
    most: int = MOST_TENANTS,
    quarantine_seconds: float = QUARANTINE_SECONDS,
    now: dt.datetime | None = None,
) -> list[Family]:
    """All that the ledger knows.

    Args:
        connection: in no transaction, before and after.
        opened: what is known of quarantine since the last time.
        drop_states: states of drops that are told of also where there is none.
        most: tenants with series of their own.
        quarantine_seconds: for how long quarantine is counted at most.
    """
    now = now or ledger.now()
    with connection.begin():
        slugs = set(connection.execute(sa.select(ledger.tenants.c.slug)).scalars())
        ranked = _ranked(connection)
        shown = frozenset(ranked[:most])
        families = [
            _by_state(
                connection, "ispmig_migrations", "Migrations and dry runs, by where they stand.",
                ledger.data_migrations.c.state, [one.value for one in State],
            ),
            _rows(connection, shown),
            _by_state(
                connection, "ispmig_drops", "Sets of dropped files, by where they stand.",
                ledger.drops.c.state, drop_states,
            ),
            Family(
                "ispmig_alerts_waiting", Type.GAUGE,
                "Alerts of which a receiver is still to be told.",
                tuple(Sample(n, {"channel": c}) for c, n in outbox.waiting(connection).items()),
            ),
            Family("ispmig_tenants", Type.GAUGE, "Tenants.", (Sample(len(slugs)),)),
            *_backups(connection, shown, slugs, now),
            *_drills(connection, shown, slugs, now),
        ]  # fmt: skip
    there = [slug for slug in ranked if slug in slugs]
    families.append(
        _of_tenants(
            "ispmig_quarantine_open_records",
            "Records in quarantine that nobody has corrected yet.",
            opened.counted(connection, there, quarantine_seconds),
            shown,
            unit="records",
        )
    )
    return families


def _ranked(connection: Connection) -> list[str]:
    """Every tenant that there is or was, the one with the newest entry first."""
    heads, logs = ledger.audit_heads, ledger.data_migration_logs
    newest = sa.and_(logs.c.tenant == heads.c.tenant, logs.c.position == heads.c.position)
    known = connection.execute(
        sa.select(heads.c.tenant)
        .outerjoin(logs, newest)
        .where(heads.c.tenant != PLATFORM)
        .order_by(logs.c.id.desc().nulls_last(), heads.c.tenant)
    ).scalars()
    return list(known)


def _of_tenants(
    name: str,
    doc: str,
    values: Mapping[str, float | None],
    shown: frozenset[str],
    *,
    unit: str,
    worst: bool = False,
) -> Family:
    """A gauge by tenant; of the others the sum, or the ``worst``, which is the largest."""
    own = {slug: v for slug, v in sorted(values.items()) if v is not None and slug in shown}
    others = [v for slug, v in values.items() if v is not None and slug not in shown]
    if others:
        own[OTHERS] = max(others) if worst else sum(others)
    samples = tuple(Sample(value, {"tenant": slug}) for slug, value in own.items())
    return Family(name, Type.GAUGE, doc, samples, unit=unit)


def _by_state(
    connection: Connection, name: str, doc: str, state: sa.Column[str], states: Iterable[str]
) -> Family:
    """How many rows are in each state, also in those of ``states`` in which none is."""
    found = dict.fromkeys(states, 0)
    for row in connection.execute(sa.select(state, sa.func.count()).group_by(state)):
        found[row[0]] = row[1]
    samples = tuple(Sample(count, {"state": one}) for one, count in found.items())
    return Family(name, Type.GAUGE, doc, samples)


_ROWS = sa.text(
    """select m.tenant, entity.key as entity, outcome.key as outcome,
              sum(cast(outcome.value as bigint)) as rows
       from ispmig.data_migrations m
       cross join lateral jsonb_each(m.entities) entity
       cross join lateral jsonb_each_text(entity.value) outcome
       where m.state = any(:states) and outcome.key = any(:outcomes)
       group by 1, 2, 3 order by 1, 2, 3"""
)


def _rows(connection: Connection, shown: frozenset[str]) -> Family:
    found: dict[tuple[str, str, str], int] = {}
    asked = {"states": [state.value for state in COUNTED], "outcomes": list(OUTCOMES)}
    for row in connection.execute(_ROWS, asked):
        key = (row.tenant if row.tenant in shown else OTHERS, row.entity, row.outcome)
        found[key] = found.get(key, 0) + int(row.rows)
    names = ("tenant", "entity", "outcome")
    return Family(
        "ispmig_rows", Type.COUNTER,
        "Records of migrations and resubmissions that were published, by what became of them.",
        tuple(Sample(n, dict(zip(names, key, strict=True))) for key, n in sorted(found.items())),
        unit="rows",
    )  # fmt: skip


def _newest(connection: Connection, operation: trail.Operation) -> dict[str, _Told]:
    """Of each tenant there is, the newest that came to its end."""
    table, logs = ledger.tenants, ledger.data_migration_logs
    last = (
        sa.select(logs.c.at, logs.c.details)
        .where(
            logs.c.tenant == table.c.slug,
            logs.c.operation == operation.value,
            logs.c.stage == trail.Stage.FINISHED.value,
        )
        # Backwards through the tenant's chain, by its index, to the first that fits.
        .order_by(logs.c.position.desc())
        .limit(1)
        .lateral()
    )
    rows = connection.execute(sa.select(table.c.slug, last).join(last, sa.true()))
    return {row.slug: _Told(row.at, row.details) for row in rows}


def _backups(
    connection: Connection, shown: frozenset[str], slugs: set[str], now: dt.datetime
) -> list[Family]:
    newest = _newest(connection, trail.Operation.BACKUP)
    numbers = (
        ("ispmig_backup_size_bytes", "Bytes that the newest snapshot needs.", "bytes_whole"),
        ("ispmig_backup_stored_bytes", "Bytes that the newest snapshot added.", "bytes_stored"),
    )
    return [
        _of_tenants(
            "ispmig_backup_age_seconds", "Time since the newest snapshot.",
            {slug: one.age(now) for slug, one in newest.items()}, shown, unit="seconds", worst=True,
        ),
        *(
            _of_tenants(
                name, doc, {slug: one.number(key) for slug, one in newest.items()}, shown,
                unit="bytes",
            )
            for name, doc, key in numbers
        ),
        _of_tenants(
            "ispmig_backup_duration_seconds", "How long the newest snapshot took.",
            {slug: one.number("seconds") for slug, one in newest.items()}, shown, unit="seconds",
            worst=True,
        ),
        Family(
            "ispmig_backup_missing_tenants", Type.GAUGE, "Tenants that have never been backed up.",
            (Sample(len(slugs - newest.keys())),), unit="tenants",
        ),
    ]  # fmt: skip


def _drills(
    connection: Connection, shown: frozenset[str], slugs: set[str], now: dt.datetime
) -> list[Family]:
    newest = _newest(connection, trail.Operation.BACKUP_DRILL)
    return [
        _of_tenants(
            "ispmig_drill_age_seconds", "Time since a snapshot was last restored for trial.",
            {slug: one.age(now) for slug, one in newest.items()}, shown, unit="seconds", worst=True,
        ),
        _of_tenants(
            "ispmig_drill_recovery_seconds", "How long restoring it took.",
            {slug: one.number("seconds") for slug, one in newest.items()}, shown, unit="seconds",
            worst=True,
        ),
        Family(
            "ispmig_drill_missing_tenants", Type.GAUGE,
            "Tenants of which no snapshot has ever been restored for trial.",
            (Sample(len(slugs - newest.keys())),), unit="tenants",
        ),
    ]  # fmt: skip
