"""Quarantine: every record that was not loaded, whole, inside its tenant's schema.

``_quarantine`` holds one row per record with its original cells, ``_issues`` one row per rule
that did not hold. Both are written in the transaction that publishes the migration.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy.engine import Connection

from ispmig_pipelines.issues import ISSUE_SCHEMA, rule_of
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.journal import CLOSINGS, ISSUES, QUARANTINE
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw
from ispmig_pipelines.staging import storage_errors

_BLOCK = 1 << 20

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
    """Deletes the quarantine of dry runs, or of a refused try that is tried again.

    Nothing of a dry run went anywhere, and its source stands; a try that is tried again puts the
    same records into quarantine in the same transaction. Whatever else lies in quarantine is
    deleted by :mod:`ispmig_pipelines.platform.purging` only, which somebody must ask for.
    """
    for table in (ISSUES, QUARANTINE):
        driver.execute(
            sql.SQL("delete from {} where migration = any(%s)").format(
                sql.Identifier(tenant.schema, table)
            ),
            [migrations],
        )


def current(connection: Connection, tenant: Tenant) -> list[int]:
    """The migrations whose quarantine still matters: of each spec, by its name, the newest.

    A spec that is run again on the same files reads the same records again, so its earlier
    quarantine is over; that of a run on other files is not. A dry run counts only where there is
    nothing else of its spec, and a run that came to nothing (it failed before it had counts) not
    at all, nor does what was taken back. Resubmissions are told of in the quarantine that they take
    records out of.
    """
    newest: dict[str, list[tuple[int, set[tuple[str, str]]]]] = {}
    entries = [
        entry
        for entry in ledger.migrations(connection, tenant.slug)
        if entry.entities
        and entry.origin is None
        and entry.state
        not in (ledger.State.RUNNING, ledger.State.UNDONE, ledger.State.PARTLY_UNDONE)
    ]
    for mode in ("load", "dry_run"):
        for entry in entries:
            if entry.mode != mode or (mode == "dry_run" and entry.spec_name in newest):
                continue
            files = {(file.get("source", ""), file["path"]) for file in entry.files}
            later = newest.setdefault(entry.spec_name, [])
            if not any(files <= read for _, read in later):
                later.append((entry.id, files))
    return sorted(migration for of_spec in newest.values() for migration, _ in of_spec)


def standing(connection: Connection, tenant: Tenant) -> dict[int, int]:
    """Migrations whose records in quarantine may still be corrected and come in, and their
    resubmissions → the migration whose records they are of."""
    of_loads = {
        m for m in current(connection, tenant) if ledger.migration(connection, m).mode == "load"
    }
    tried = {
        attempt: origin
        for origin, attempt in attempts(raw(connection), tenant)
        if origin in of_loads
    }
    return {m: m for m in sorted(of_loads)} | tried


class Which(StrEnum):
    """Which records of the quarantine are meant."""

    OPEN = "open"
    """Those that no resubmission has solved."""

    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True)
class Chosen:
    """Which part of the quarantine of some migrations is meant.

    Attributes:
        migrations: their ids; see :func:`current`.
        entities: only of these; all when empty.
        rule: only records that this rule holds back; "" for any.
    """

    migrations: tuple[int, ...]
    entities: tuple[str, ...] = ()
    rule: str = ""
    which: Which = Which.OPEN


def attempts(driver: psycopg.Connection, tenant: Tenant) -> list[tuple[int, int]]:
    """(migration, resubmission) of every resubmission of the tenant's that stands, as the
    platform's own role."""
    return driver.execute(
        """select origin, id from ispmig.data_migrations
           where tenant = %s and origin is not null and mode = 'resubmit'
             and state in ('published', 'done') order by id""",
        [tenant.slug],
    ).fetchall()


_CONDITIONS = {
    Which.OPEN: sql.SQL("c.solved_by is null"),
    Which.CLOSED: sql.SQL("c.solved_by is not null"),
    Which.ALL: sql.SQL("true"),
}


def chosen_rows(tenant: Tenant, chosen: Chosen) -> sql.Composed:
    """SQL from ``from`` on for the chosen records: ``q`` as they were rejected first, ``a`` as
    they were sent in last, ``c`` what closed them.

    Its parameters: ``migrations``, ``entities``, ``rule``, ``origins`` and ``attempts``.
    """
    named = {
        "quarantine": sql.Identifier(tenant.schema, QUARANTINE),
        "issues": sql.Identifier(tenant.schema, ISSUES),
        "closings": sql.Identifier(tenant.schema, CLOSINGS),
        "open": _CONDITIONS[chosen.which],
    }
    query = sql.SQL(
        """from {quarantine} q
           left join {closings} c using (migration, entity, feed, file, record)
           left join lateral (
               select t.migration, t.cells, t.text
               from unnest(%(origins)s::bigint[], %(attempts)s::bigint[]) as r(origin, attempt)
               join {quarantine} t on t.migration = r.attempt and t.entity = q.entity
                   and t.feed = q.feed and t.file = q.file and t.record = q.record
               where r.origin = q.migration order by t.migration desc limit 1) a on true
           where q.migration = any(%(migrations)s) and {open}"""
    ).format(**named)
    if chosen.entities:
        query += sql.SQL(" and q.entity = any(%(entities)s)")
    if chosen.rule:
        query += sql.SQL(
            """ and exists (select from {issues} i
                   where i.migration = coalesce(a.migration, q.migration) and i.entity = q.entity
                     and i.feed = q.feed and i.file = q.file and i.record = q.record
                     and i.rule = %(rule)s)"""
        ).format(**named)
    return query


def parameters(driver: psycopg.Connection, tenant: Tenant, chosen: Chosen) -> dict[str, Any]:
    """The parameters of :func:`chosen_rows`; to be called as the platform's own role."""
    known = attempts(driver, tenant)
    return {
        "migrations": list(chosen.migrations),
        "entities": list(chosen.entities),
        "rule": chosen.rule,
        "origins": [origin for origin, _ in known],
        "attempts": [attempt for _, attempt in known],
    }


def rules(driver: psycopg.Connection, tenant: Tenant, migrations: Sequence[int]) -> list[str]:
    """Every rule that held back a record of some migrations, or of one of their resubmissions."""
    tried = [attempt for origin, attempt in attempts(driver, tenant) if origin in migrations]
    with as_tenant(driver, tenant):
        rows = driver.execute(
            sql.SQL("select distinct rule from {} where migration = any(%s) order by 1").format(
                sql.Identifier(tenant.schema, ISSUES)
            ),
            [[*migrations, *tried]],
        ).fetchall()
    return [rule for (rule,) in rows]


def count(driver: psycopg.Connection, tenant: Tenant, chosen: Chosen) -> int:
    """How many records are chosen."""
    values = parameters(driver, tenant, chosen)
    with as_tenant(driver, tenant):
        row = driver.execute(
            sql.SQL("select count(*) ") + chosen_rows(tenant, chosen), values
        ).fetchone()
    return int(row[0]) if row else 0


def count_sources(
    driver: psycopg.Connection,
    tenant: Tenant,
    chosen: Chosen,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> int:
    """How many records of sources are chosen, each counted once: one that feeds several entities
    may be listed for each of them.

    Args:
        limit, offset: of a page of the listing.
    """
    values = parameters(driver, tenant, chosen) | {"limit": limit, "offset": offset}
    query = sql.SQL(
        """select count(distinct (migration, file, record)) from (
               select q.migration, q.file, q.record {rows}
               order by q.migration, q.entity, q.feed, q.file, q.record
               limit %(limit)s offset %(offset)s) page"""
    ).format(rows=chosen_rows(tenant, chosen))
    with as_tenant(driver, tenant):
        row = driver.execute(query, values).fetchone()
    return int(row[0]) if row else 0


def listing(
    driver: psycopg.Connection,
    tenant: Tenant,
    chosen: Chosen | Sequence[int],
    *,
    limit: int | None = None,
    offset: int = 0,
) -> Iterator[dict[str, Any]]:
    """Records in quarantine with their reasons, in order of migration, entity and position.

    Each is ``{"migration", "state", "entity", "feed", "file", "path", "record", "line", "cells",
    "text", "original", "attempt", "closed", "reasons": [{"rule", "severity", "column", "field",
    "found", "accepted", "message", "remedy"}]}``. ``state`` is the migration's. Cells, text and
    reasons are those of the newest resubmission of the record, ``attempt``; then ``original`` has
    the ``{"cells", "text"}`` of the source. ``closed`` is ``{"by", "at"}`` of a record that a
    resubmission solved. Rows come by a server-side cursor: the listing may be longer than memory.

    Args:
        chosen: which; ids of migrations stand for all that is open of theirs.
        limit, offset: of a page.
    """
    if not isinstance(chosen, Chosen):
        chosen = Chosen(tuple(chosen))
    query = sql.SQL(
        """select q.*, coalesce(i.reasons, '[]') as reasons from (
               select q.migration, q.entity, q.feed, q.file, q.record, q.line, q.cells, q.text,
                      a.migration as attempt, a.cells as newest_cells, a.text as newest_text,
                      c.solved_by, c.at
               {rows}
               order by q.migration, q.entity, q.feed, q.file, q.record
               limit %(limit)s offset %(offset)s) q
           left join lateral (
               select jsonb_agg(jsonb_build_object(
                   'rule', i.rule, 'severity', i.severity, 'column', i."column",
                   'field', i.field, 'found', i.found, 'accepted', i.accepted)
                   order by i.severity, i.rule, i.field) as reasons
               from {issues} i where i.migration = coalesce(q.attempt, q.migration)
                   and i.entity = q.entity and i.feed = q.feed and i.file = q.file
                   and i.record = q.record) i on true
           order by q.migration, q.entity, q.feed, q.file, q.record"""
    ).format(
        rows=chosen_rows(tenant, chosen),
        issues=sql.Identifier(tenant.schema, ISSUES),
    )
    files = _files(driver, tenant)
    values = parameters(driver, tenant, chosen) | {"limit": limit, "offset": offset}
    with (
        as_tenant(driver, tenant),
        driver.cursor("quarantine_listing", row_factory=dict_row) as cursor,
    ):
        cursor.execute(query, values)
        for row in cursor:
            yield _told(row, files)


def _told(row: dict[str, Any], files: dict[tuple[int, int], tuple[str, str]]) -> dict[str, Any]:
    """A row of the listing as people and programs get it."""
    state, path = files[row["migration"], row["file"]]
    cells, text = row["newest_cells"], row["newest_text"]
    tried = row["attempt"] is not None
    original = {"cells": row["cells"], "text": row["text"]} if tried else None
    closed = None
    if row["solved_by"] is not None:
        closed = {"by": row["solved_by"], "at": row["at"].isoformat()}
    for reason in row["reasons"]:
        explain(reason)
    return {
        "migration": row["migration"],
        "state": state,
        "entity": row["entity"],
        "feed": row["feed"],
        "file": row["file"],
        "path": path,
        "record": row["record"],
        "line": row["line"],
        "cells": cells if tried else row["cells"],
        "text": text if tried else row["text"],
        "original": original,
        "attempt": row["attempt"],
        "closed": closed,
        "reasons": row["reasons"],
    }


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
