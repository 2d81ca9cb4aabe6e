"""Quarantine: every record that was not loaded, whole, inside its tenant's schema.

``_quarantine`` holds one row per record with its original cells, ``_issues`` one row per rule
that did not hold. Both are written in the transaction that publishes the migration.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy.engine import Connection

from ispmig_pipelines.issues import ISSUE_SCHEMA, rule_of
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.journal import ISSUES, QUARANTINE
from ispmig_pipelines.platform.tenants import Tenant, as_tenant
from ispmig_pipelines.staging import storage_errors

_BLOCK = 1 << 20

NO_CURRENCY = "XXX"
"""ISO 4217's code for "no currency": what amounts without one are summed under."""

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("migration", pa.int64(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        pa.field("feed", pa.int32(), nullable=False),
        pa.field("file", pa.int32(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("line", pa.int64()),
        pa.field("key", pa.string()),
        pa.field("cells", pa.string()),
        pa.field("text", pa.string()),
        pa.field("amounts", pa.string(), nullable=False),
    ]
)
"""One row per record in quarantine.

``feed``: which block of the entity in the spec; ``key``: JSON array of the natural key's
parts, where they could be read; ``cells``: JSON object of the source's columns; ``text``: JSON
string, the raw text of a record that could not be split into cells; ``amounts``: JSON object,
money field → ``{"currency", "amount"}`` or ``{"currency", "unreadable": true}``.
"""


def issues_batch(issues: pa.RecordBatch, migration: int, entity: str, feed: int) -> pa.RecordBatch:
    """A batch of :data:`ISSUE_SCHEMA` as rows of the table ``_issues``."""
    size = issues.num_rows
    columns = [
        pa.repeat(pa.scalar(migration, pa.int64()), size),
        pa.repeat(pa.scalar(entity, pa.string()), size),
        pa.repeat(pa.scalar(feed, pa.int32()), size),
        *issues.columns,
    ]
    return pa.RecordBatch.from_arrays(
        columns, names=["migration", "entity", "feed", *ISSUE_SCHEMA.names]
    )


@dataclass(frozen=True)
class Kept:
    """A migration's quarantine outside the database, in files that have no name."""

    files: dict[str, IO[bytes]]

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *exc: object) -> None:
        for file in self.files.values():
            file.close()


def take_out(driver: psycopg.Connection, tenant: Tenant, migration: int, folder: Path) -> Kept:
    """Copies a migration's quarantine to the disk, so that it outlives a rollback.

    Raises:
        StorageError: no space in ``folder``.
    """
    kept = Kept({})
    with storage_errors("keeping the quarantine"):
        for table in (QUARANTINE, ISSUES):
            file = kept.files[table] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
            statement = sql.SQL(
                "copy (select * from {} where migration = {}) to stdout (format binary)"
            ).format(sql.Identifier(tenant.schema, table), sql.Literal(migration))
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for block in copy:
                    file.write(block)
            file.seek(0)
    return kept


def put_back(driver: psycopg.Connection, tenant: Tenant, kept: Kept) -> None:
    """Copies into the tenant's schema what :func:`take_out` took."""
    for table, file in kept.files.items():
        statement = sql.SQL("copy {} from stdin (format binary)").format(
            sql.Identifier(tenant.schema, table)
        )
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            while block := file.read(_BLOCK):
                copy.write(block)


def forget(driver: psycopg.Connection, tenant: Tenant, migrations: list[int]) -> None:
    """Deletes the quarantine of migrations that loaded nothing: dry runs, refused tries."""
    for table in (ISSUES, QUARANTINE):
        driver.execute(
            sql.SQL("delete from {} where migration = any(%s)").format(
                sql.Identifier(tenant.schema, table)
            ),
            [migrations],
        )


def current(connection: Connection, tenant: Tenant) -> list[int]:
    """The migrations whose quarantine still matters: of each spec, by its name, the newest.

    A spec that is run again reads the same sources again, so its earlier quarantine is over.
    A dry run counts only where there is nothing else of its spec, and a run that came to nothing
    (it failed before it had counts) not at all.
    """
    newest: dict[str, int] = {}
    entries = [
        entry
        for entry in ledger.migrations(connection, tenant.slug)
        if entry.entities and entry.state not in (ledger.State.RUNNING, ledger.State.UNDONE)
    ]
    for mode in ("load", "dry_run"):
        for entry in entries:
            if entry.mode == mode:
                newest.setdefault(entry.spec_name, entry.id)
    return sorted(newest.values())


def listing(
    driver: psycopg.Connection, tenant: Tenant, migrations: list[int]
) -> Iterator[dict[str, Any]]:
    """Every record in quarantine with its reasons, in order of migration, entity and position.

    Each is ``{"migration", "state", "entity", "feed", "file", "path", "record", "line", "cells",
    "text", "reasons": [{"rule", "severity", "column", "field", "found", "accepted", "message",
    "remedy"}]}``; ``state`` is the migration's. Rows come by a server-side cursor: the
    listing may be longer than memory.

    Args:
        migrations: ids of those whose records to list; see :func:`current`.
    """
    query = sql.SQL(
        """select q.migration, q.entity, q.feed, q.file, q.record, q.line, q.cells, q.text,
                  coalesce(jsonb_agg(jsonb_build_object(
                      'rule', i.rule, 'severity', i.severity, 'column', i."column",
                      'field', i.field, 'found', i.found, 'accepted', i.accepted)
                      order by i.severity, i.rule, i.field)
                      filter (where i.rule is not null), '[]') as reasons
           from {quarantine} q
           left join {issues} i using (migration, entity, feed, file, record)
           where q.migration = any(%(migrations)s)
           group by q.migration, q.entity, q.feed, q.file, q.record
           order by q.migration, q.entity, q.feed, q.file, q.record"""
    ).format(
        quarantine=sql.Identifier(tenant.schema, QUARANTINE),
        issues=sql.Identifier(tenant.schema, ISSUES),
    )
    files = _files(driver, tenant)
    with (
        as_tenant(driver, tenant),
        driver.cursor("quarantine_listing", row_factory=dict_row) as cursor,
    ):
        cursor.execute(query, {"migrations": migrations})
        for row in cursor:
            row["state"], row["path"] = files[row["migration"], row["file"]]
            for reason in row["reasons"]:
                explain(reason)
            yield row


def _files(driver: psycopg.Connection, tenant: Tenant) -> dict[tuple[int, int], tuple[str, str]]:
    """State of each of the tenant's migrations and path of each of its files, by position."""
    rows = driver.execute(
        """select m.id, (f ->> 'index')::integer, m.state, f ->> 'path'
           from ispmig.data_migrations m cross join lateral jsonb_array_elements(m.files) f
           where m.tenant = %s""",
        [tenant.slug],
    )
    return {(migration, index): (state, path) for migration, index, state, path in rows}


def explain(reason: dict[str, Any]) -> None:
    """Adds ``message`` and ``remedy`` in words to an issue, from its rule."""
    rule = rule_of(reason["rule"])
    reason["message"] = rule.message(
        column=reason["column"],
        field=reason["field"],
        found=reason["found"],
        accepted=reason["accepted"],
    )
    reason["remedy"] = rule.remedy
