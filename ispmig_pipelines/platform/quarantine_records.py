"""The quarantine by source record: each once, with what all blocks of its spec say of it.

A record that feeds several entities may lie in quarantine for each of them. To be corrected it is
shown once, under the first of them in the order of the model: what is wrong with a customer is the
reason why its service waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.journal import ISSUES, QUARANTINE
from ispmig_pipelines.platform.quarantine import Chosen, chosen_rows, explain, parameters
from ispmig_pipelines.platform.tenants import Tenant, as_tenant


@dataclass(frozen=True)
class HeldRecord:
    """A source record in quarantine.

    Attributes:
        entity: the first that it lies in quarantine for.
        source: the source of the spec that it is of.
        path: the file; line: its line there, if known.
        cells: its cells as they were last sent in; None of one that cannot be read.
        text: then its raw text.
        code: proves that the other four were not mixed up; see :func:`code`.
        reasons: each with its ``entity``, and as :func:`~.quarantine.listing` has them.
    """

    migration: int
    entity: str
    source: str
    file: int
    path: str
    record: int
    line: int | None
    cells: dict[str, Any] | None
    text: str | None
    code: str
    reasons: list[dict[str, Any]] = field(default_factory=list)


CODE_LENGTH = 12
"""Fewer digits than a card number has, even if all of them should be digits."""

CODE_BEGINS = "r"
"""What codes begin with: some digests alone, such as 120000000345 or 1234567890e5, are numbers to
a program that takes texts for what they look like."""


def code(tenant: Tenant, alias: str, attempt: sql.Composable) -> sql.Composed:
    """SQL for what proves a record of the quarantine: a short digest of whose it is, where it
    stands, and its cells as they were read first; and after a dot the resubmission whose cells are
    shown, if there was one. The digest is the same however often the record is sent in."""
    return sql.SQL("{begins} || {digest} || coalesce('.' || {attempt}, '')").format(
        begins=sql.Literal(CODE_BEGINS), digest=_digest(tenant, alias), attempt=attempt
    )


def proves(tenant: Tenant, told: sql.Composable, alias: str) -> sql.Composed:
    """SQL for whether ``told`` is the code of a record; in workbooks of earlier releases it was
    the digest alone."""
    return sql.SQL(
        """coalesce(split_part({told}, '.', 1) in ({begins} || {digest}, {digest})
               and {told} ~ '^[a-z0-9]+([.][0-9]{{1,15}})?$', false)"""
    ).format(told=told, begins=sql.Literal(CODE_BEGINS), digest=_digest(tenant, alias))


def shown_attempt(told: sql.Composable) -> sql.Composed:
    """SQL for the resubmission whose cells the row of a code showed; null: those of the source."""
    return sql.SQL("nullif(split_part({}, '.', 2), '')::bigint").format(told)


def _digest(tenant: Tenant, alias: str) -> sql.Composed:
    return sql.SQL(
        """left(encode(sha256(convert_to(
               concat_ws('/', {tenant}, {alias}.migration::text, {alias}.file::text,
                   {alias}.record::text, coalesce({alias}.cells::text, {alias}.text::text, '')),
               'UTF8')), 'hex'), {length})"""
    ).format(
        tenant=sql.Literal(tenant.slug),
        alias=sql.Identifier(alias),
        length=sql.Literal(CODE_LENGTH),
    )


def records(driver: psycopg.Connection, tenant: Tenant, chosen: Chosen) -> Iterator[HeldRecord]:
    """The chosen records, in order of migration, entity, source and position; those that cannot
    be read after all others. By a server-side cursor: they may be more than memory holds."""
    query = sql.SQL(
        """with chosen as (
               select q.migration, q.entity, q.feed, q.file, q.record, q.line,
                      case when a.migration is null then q.cells else a.cells end as cells,
                      case when a.migration is null then q.text else a.text end as text,
                      coalesce(a.migration, q.migration) as told_by, {code} as code,
                      array_position(%(order)s::text[], q.entity) as place
               {rows}
           ), placed as (
               select *, first_value(entity) over of_record as sheet,
                      first_value(place) over of_record as sheet_place
               from chosen
               window of_record as (partition by migration, file, record order by place, feed)
           )
           select p.*, coalesce(i.reasons, '[]') as reasons
           from placed p
           join unnest(%(files_of)s::bigint[], %(files)s::integer[], %(turns)s::integer[])
               as f(migration, file, turn) using (migration, file)
           left join lateral (
               select jsonb_agg(jsonb_build_object(
                   'rule', i.rule, 'severity', i.severity, 'column', i."column",
                   'field', i.field, 'found', i.found, 'accepted', i.accepted)
                   order by i.severity, i.rule, i.field) as reasons
               from {issues} i where i.migration = p.told_by and i.entity = p.entity
                   and i.feed = p.feed and i.file = p.file and i.record = p.record) i on true
           order by p.cells is null, p.migration, p.sheet_place, f.turn, p.file, p.record,
                    p.place, p.feed"""
    ).format(
        code=code(tenant, "q", sql.Identifier("a", "migration")),
        rows=chosen_rows(tenant, chosen),
        issues=sql.Identifier(tenant.schema, ISSUES),
    )
    files = _files(driver, list(chosen.migrations))
    values = parameters(driver, tenant, chosen) | {
        "order": list(ENTITIES),
        "files_of": [f[0] for f in files],
        "files": [f[1] for f in files],
        "turns": [f[4] for f in files],
    }
    named = {(f[0], f[1]): (f[2], f[3]) for f in files}
    with (
        as_tenant(driver, tenant),
        driver.cursor("quarantine_records", row_factory=dict_row) as cursor,
    ):
        cursor.execute(query, values)
        for _, rows in groupby(cursor, key=lambda r: (r["migration"], r["file"], r["record"])):
            yield _record(list(rows), named)


def _record(
    rows: list[dict[str, Any]], named: dict[tuple[int, int], tuple[str, str]]
) -> HeldRecord:
    first = rows[0]
    source, path = named[first["migration"], first["file"]]
    reasons: list[dict[str, Any]] = []
    for row in rows:
        for reason in row["reasons"]:
            explain(reason)
            if reason not in [{k: v for k, v in r.items() if k != "entity"} for r in reasons]:
                reasons.append({**reason, "entity": row["entity"]})
    return HeldRecord(
        migration=first["migration"],
        entity=first["sheet"],
        source=source,
        file=first["file"],
        path=path,
        record=first["record"],
        line=first["line"],
        cells=first["cells"],
        text=first["text"],
        code=first["code"],
        reasons=reasons,
    )


def _files(
    driver: psycopg.Connection, migrations: list[int]
) -> list[tuple[int, int, str, str, int]]:
    """Migration, position, source, path and the source's turn of every file of some migrations."""
    return driver.execute(
        """select m.id, (f ->> 'index')::integer, coalesce(f ->> 'source', ''), f ->> 'path',
                  min((f ->> 'index')::integer) over (partition by m.id, f ->> 'source')
           from ispmig.data_migrations m cross join lateral jsonb_array_elements(m.files) f
           where m.id = any(%s)""",
        [migrations],
    ).fetchall()


def columns_told(
    driver: psycopg.Connection, tenant: Tenant, migration: int, source: str
) -> tuple[str, ...]:
    """The columns of a source as far as its records in quarantine have cells in them: of a
    migration that did not keep the columns of its sources."""
    files = [f[1] for f in _files(driver, [migration]) if f[2] == source]
    with as_tenant(driver, tenant):
        rows = driver.execute(
            sql.SQL(
                """select name from {} q
                   cross join lateral json_object_keys(q.cells) with ordinality as k(name, place)
                   where q.migration = %s and q.file = any(%s) and q.cells is not null
                   group by name order by min(place), name"""
            ).format(sql.Identifier(tenant.schema, QUARANTINE)),
            [migration, files],
        ).fetchall()
    return tuple(name for (name,) in rows)
