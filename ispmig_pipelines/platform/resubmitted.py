"""Rows of a corrected file, held against the quarantine: set-based, in a temporary table.

Which blocks of the spec a record is tried for again is not the file's to say: they are those for
which it still lies in quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import dict_row

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.journal import CLOSINGS, ISSUES, QUARANTINE, UNDO, key_json
from ispmig_pipelines.platform.publish import FeedTable, place, reject
from ispmig_pipelines.platform.quarantine import attempts
from ispmig_pipelines.platform.quarantine_records import proves, shown_attempt
from ispmig_pipelines.platform.tenants import Tenant, as_tenant

ROW_SCHEMA = pa.schema(
    [
        pa.field("sheet", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("migration", pa.int64(), nullable=False),
        pa.field("file", pa.int32(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("cells", pa.string(), nullable=False),
        pa.field("masked", pa.string()),
        pa.field("numbers", pa.string()),
    ]
)
"""One row of the file: where it stands, which record it is, what was typed: a JSON object; and as
JSON arrays the columns in which card numbers were typed, if there are any, and those whose cells
came back as numbers or dates, null where the file cannot tell."""

CARD_RULES = ("card.in_field", "card.masked", "card.tokenised")
"""Rules that tell of a cell that it is not what the source said any more."""

TRIED_SCHEMA = pa.schema(
    [
        pa.field("entity", pa.string(), nullable=False),
        pa.field("feed", pa.int32(), nullable=False),
        pa.field("file", pa.int32(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
    ]
)
"""Records that a resubmission tries, for each block that it tries them for."""

_ROWS = sql.Identifier("pg_temp", "resubmitted")
_TRIED = sql.Identifier("pg_temp", "tried_again")

SHOWN = 10
"""Mistakes of one kind that are told; the others are counted."""


@dataclass(frozen=True)
class Held:
    """How the records of a file of one migration stand.

    Attributes:
        records: in the file; solved: of these, which an earlier resubmission solved altogether.
        solved_by: those resubmissions.
    """

    migration: int
    records: int
    solved: int
    solved_by: tuple[int, ...] = ()

    @property
    def open(self) -> int:
        """Records that are tried."""
        return self.records - self.solved


def take_rows(driver: psycopg.Connection, tenant: Tenant, batches: Iterable[pa.RecordBatch]) -> int:
    """Copies rows of :data:`ROW_SCHEMA` into the session's own table; returns how many."""
    driver.execute(sql.SQL("drop table if exists {}").format(_ROWS))
    driver.execute(
        """create temporary table resubmitted (sheet text, "row" bigint, migration bigint,
           file integer, record bigint, code text, cells json, masked json, numbers json)"""
    )
    driver.execute(
        sql.SQL("grant select, insert on {} to {}").format(_ROWS, sql.Identifier(tenant.role))
    )
    with as_tenant(driver, tenant):
        count = copy_batches(driver, _ROWS, batches)
    driver.execute(sql.SQL("analyze {}").format(_ROWS))
    return count


def mistakes(driver: psycopg.Connection, tenant: Tenant) -> list[str]:
    """What is wrong with the rows taken: records that stand twice, that the quarantine does not
    have or has emptied, or whose hidden columns were changed. With the rows' numbers; empty when
    all is well."""
    quarantine = sql.Identifier(tenant.schema, QUARANTINE)
    with as_tenant(driver, tenant):
        twice = driver.execute(
            sql.SQL(
                """select array_agg(sheet || ' ' || "row" order by sheet, "row"), count(*) over ()
                   from {} group by migration, file, record having count(*) > 1
                   order by min(sheet), min("row") limit {}"""
            ).format(_ROWS, sql.Literal(SHOWN))
        ).fetchall()
        unknown = driver.execute(
            sql.SQL(
                """select sheet, "row", count(*) over () from {} r
                   where not exists (select from {} q
                       where (q.migration, q.file, q.record) = (r.migration, r.file, r.record))
                   order by 1, 2 limit {}"""
            ).format(_ROWS, quarantine, sql.Literal(SHOWN))
        ).fetchall()
        mixed = driver.execute(
            sql.SQL(
                """select sheet, "row", count(*) over () from (
                       select distinct r.sheet, r."row", r.code from {rows} r
                       join {quarantine} q on (q.migration, q.file, q.record)
                           = (r.migration, r.file, r.record)
                       where not {proved}
                         and (q.cells is not null or q.text is not null)) wrong
                   order by 1, 2 limit {shown}"""
            ).format(
                rows=_ROWS,
                quarantine=quarantine,
                proved=proves(tenant, sql.Identifier("r", "code"), "q"),
                shown=sql.Literal(SHOWN),
            )
        ).fetchall()
        emptied = driver.execute(
            sql.SQL(
                """select sheet, "row", count(*) over () from {} r
                   where exists (select from {} q
                       where (q.migration, q.file, q.record) = (r.migration, r.file, r.record)
                         and q.cells is null and q.text is null)
                   order by 1, 2 limit {}"""
            ).format(_ROWS, quarantine, sql.Literal(SHOWN))
        ).fetchall()
    found = [
        f"rows {' and '.join(places)} are the same record: keep the one that is right"
        for places, _ in twice
    ]
    found += _more(twice)
    found += [
        f"row {sheet} {row} is a record that is not in quarantine: it is of another file or "
        "tenant, was purged, or its hidden columns were changed"
        for sheet, row, _ in unknown
    ]
    found += _more(unknown)
    found += [
        f"row {sheet} {row}: its hidden columns do not belong together; they may have been "
        "changed, filled down or sorted apart from the rest of the row"
        for sheet, row, _ in mixed
    ]
    found += _more(mixed)
    found += [
        f"row {sheet} {row} is of somebody who was erased, or is past their retention: delete the "
        "row, and what else you have of it"
        for sheet, row, _ in emptied
    ]
    return found + _more(emptied)


def _more(rows: list[tuple[Any, ...]]) -> list[str]:
    rest = rows[0][-1] - len(rows) if rows else 0
    return [f"and {rest:,} more such rows"] if rest else []


def held(driver: psycopg.Connection, tenant: Tenant) -> list[Held]:
    """How the records of the rows taken stand, by migration."""
    with as_tenant(driver, tenant):
        rows = driver.execute(
            sql.SQL(
                """select migration, count(*), count(*) filter (where not open),
                          array_agg(distinct by) filter (where not open)
                   from (select r.migration, bool_or(c.solved_by is null) as open,
                                max(c.solved_by) as by
                         from {rows} r join {quarantine} q using (migration, file, record)
                         left join {closings} c
                           on (c.migration, c.entity, c.feed, c.file, c.record)
                            = (q.migration, q.entity, q.feed, q.file, q.record)
                         group by r.migration, r.file, r.record) records
                   group by 1 order by 1"""
            ).format(
                rows=_ROWS,
                quarantine=sql.Identifier(tenant.schema, QUARANTINE),
                closings=sql.Identifier(tenant.schema, CLOSINGS),
            )
        ).fetchall()
    return [
        Held(migration, records, solved, tuple(sorted(by or ())))
        for migration, records, solved, by in rows
    ]


def open_rows(
    driver: psycopg.Connection, tenant: Tenant, origin: int, before: int | None
) -> Iterator[dict[str, Any]]:
    """The rows taken that are of a migration, once for each block for which the record is open,
    in order of entity, block and position.

    Each is ``{"entity", "feed", "file", "record", "line", "sheet", "row", "typed", "cells",
    "text", "was", "rule", "found", "accepted", "masked", "numbers", "cards", "tokens"}``: what
    was typed, and the record as it was sent in last; ``was`` has the cells that the row showed
    when the file was written, ``rule`` and the next two say why a record cannot be read,
    ``masked`` and ``numbers`` are as in :data:`ROW_SCHEMA`, ``cards`` are the columns of the
    record in which one was masked before, ``tokens`` those of these in which tokens took their
    place.

    Args:
        before: a resubmission: the rows as they stood before it; None: as they stand now.
    """
    query = sql.SQL(
        """select q.entity, q.feed, q.file, q.record, q.line, r.sheet, r."row", r.cells as typed,
                  case when a.migration is null then q.cells else a.cells end as cells,
                  case when a.migration is null then q.text else a.text end as text,
                  case when {shown} is null then q.cells
                       when w.migration is null then a.cells
                       else w.cells end as was,
                  i.rule, i.found, i.accepted, r.masked, r.numbers, k.cards, k.tokens
           from {rows} r
           join {quarantine} q using (migration, file, record)
           left join {closings} c
             on (c.migration, c.entity, c.feed, c.file, c.record)
              = (q.migration, q.entity, q.feed, q.file, q.record)
           left join lateral (
               select t.migration, t.cells, t.text from {quarantine} t
               where t.migration = any(%(attempts)s) and t.entity = q.entity and t.feed = q.feed
                 and t.file = q.file and t.record = q.record
               order by t.migration desc limit 1) a on true
           left join {quarantine} w
             on w.migration = {shown} and w.migration = any(%(attempts)s)
            and (w.entity, w.feed, w.file, w.record) = (q.entity, q.feed, q.file, q.record)
           left join lateral (
               select i.rule, i.found, i.accepted from {issues} i
               where (case when a.migration is null then q.cells else a.cells end) is null
                 and i.migration = coalesce(a.migration, q.migration) and i.entity = q.entity
                 and i.feed = q.feed and i.file = q.file and i.record = q.record
               limit 1) i on true
           left join lateral (
               select array_agg(i."column") as cards,
                      array_agg(i."column") filter (where i.rule = 'card.tokenised') as tokens
               from {issues} i
               where i.rule = any(%(card_rules)s)
                 and i.migration = coalesce(a.migration, q.migration) and i.entity = q.entity
                 and i.feed = q.feed and i.file = q.file and i.record = q.record) k on true
           where r.migration = %(origin)s and (c.solved_by is null or c.solved_by = %(before)s)
           order by array_position(%(order)s::text[], q.entity), q.feed, q.file, q.record"""
    ).format(
        rows=_ROWS,
        quarantine=sql.Identifier(tenant.schema, QUARANTINE),
        closings=sql.Identifier(tenant.schema, CLOSINGS),
        issues=sql.Identifier(tenant.schema, ISSUES),
        shown=shown_attempt(sql.Identifier("r", "code")),
    )
    tried = [
        attempt
        for of, attempt in attempts(driver, tenant)
        if of == origin and (before is None or attempt < before)
    ]
    with (
        as_tenant(driver, tenant),
        driver.cursor("resubmitted_rows", row_factory=dict_row) as cursor,
    ):
        cursor.execute(
            query,
            {
                "attempts": tried,
                "origin": origin,
                "before": before,
                "order": list(ENTITIES),
                "card_rules": list(CARD_RULES),
            },
        )
        yield from cursor


def close_solved(
    driver: psycopg.Connection,
    tenant: Tenant,
    *,
    origin: int,
    resubmission: int,
    tried: Iterable[pa.RecordBatch],
) -> int:
    """Closes what a resubmission tried and did not put into quarantine again; returns how many.

    In the transaction that publishes it, and as the tenant's role: either both stand or neither.

    Args:
        tried: batches of :data:`TRIED_SCHEMA`.
    """
    copy_batches(driver, _TRIED, tried)
    return driver.execute(
        sql.SQL(
            """insert into {closings} (migration, entity, feed, file, record, solved_by, at)
               select q.migration, q.entity, q.feed, q.file, q.record, %(by)s, now()
               from {tried} t
               join {quarantine} q on q.migration = %(origin)s
                and (q.entity, q.feed, q.file, q.record) = (t.entity, t.feed, t.file, t.record)
               where not exists (select from {quarantine} again where again.migration = %(by)s
                   and (again.entity, again.feed, again.file, again.record)
                     = (t.entity, t.feed, t.file, t.record))
               on conflict do nothing"""
        ).format(
            closings=sql.Identifier(tenant.schema, CLOSINGS),
            quarantine=sql.Identifier(tenant.schema, QUARANTINE),
            tried=_TRIED,
        ),
        {"by": resubmission, "origin": origin},
    ).rowcount


def rejected_again(driver: psycopg.Connection, tenant: Tenant, resubmission: int) -> int:
    """How many source records a resubmission put into quarantine, each once."""
    with as_tenant(driver, tenant):
        row = driver.execute(
            sql.SQL("select count(distinct (file, record)) from {} where migration = %s").format(
                sql.Identifier(tenant.schema, QUARANTINE)
            ),
            [resubmission],
        ).fetchone()
    return int(row[0]) if row else 0


def create_tried(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Makes the session's own table that :func:`close_solved` needs, as the platform's role."""
    driver.execute(sql.SQL("drop table if exists {}").format(_TRIED))
    driver.execute(
        """create temporary table tried_again (entity text, feed integer, file integer,
           record bigint)"""
    )
    driver.execute(
        sql.SQL("grant select, insert on {} to {}").format(_TRIED, sql.Identifier(tenant.role))
    )


@dataclass(frozen=True)
class Continuation:
    """That a migration goes on with another one, whose records it takes out of quarantine.

    Attributes:
        origin: the other one; family: it and its earlier resubmissions.
        tried: batches of :data:`TRIED_SCHEMA`, of what is tried.
    """

    origin: int
    family: tuple[int, ...]
    tried: Callable[[], Iterator[pa.RecordBatch]]


def reject_known(driver: psycopg.Connection, feed: FeedTable, of: Continuation) -> int:
    """Rejects rows that say otherwise than what another record of the origin brought, as the
    origin itself would have: which of the two is right is not ours to guess.

    What the tenant had before the origin is no record of it: there the policy for conflicts says
    who wins. To be called as the tenant's role.
    """
    if not feed.values:
        return 0
    differs = sql.SQL(" or ").join(
        sql.SQL(
            """(t.{field} is not null and s.{field} is distinct from t.{field}
                and (u.row is null or u.row -> {name} is distinct from to_jsonb(t.{field})))"""
        ).format(field=sql.Identifier(name), name=sql.Literal(name))
        for name in feed.values
    )
    return reject(
        driver,
        feed,
        rule=sql.Literal("key.duplicate"),
        field=", ".join(feed.key),
        other=place("t", migration="_migration"),
        accepted=sql.Literal("{other}"),
        using=sql.SQL(
            """{target} t left join {undo} u
               on u.migration = {origin} and u.entity = {entity} and u.key = {key}"""
        ).format(
            target=feed.target,
            undo=sql.Identifier(feed.tenant.schema, UNDO),
            origin=sql.Literal(of.origin),
            entity=sql.Literal(feed.entity),
            key=key_json(feed.entity, "t"),
        ),
        where=sql.SQL(
            """{same} and t._migration = any({family})
               and (t._file, t._record) <> (s._file, s._record) and ({differs})"""
        ).format(
            same=feed.same_key("s", "t"),
            family=sql.Literal(list(of.family)),
            differs=differs,
        ),
    )
