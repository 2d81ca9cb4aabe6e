"""What a migration found wrong, counted from the tenant's own ``_issues``; and what still waits.

Reports show counts and a few examples of each kind, never all issues: there may be millions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.platform import journal
from ispmig_pipelines.platform.tenants import Tenant, as_tenant

EXAMPLES = 3
"""Records that are named of each kind of issue."""

WORK_MEMORY = "64MB"


@dataclass(frozen=True)
class Example:
    """A record with an issue; ``file`` is its place in the migration's list of files, ``found``
    the shape of its cell."""

    file: int
    record: int
    line: int | None
    found: str
    accepted: str


@dataclass(frozen=True)
class Kind:
    """A rule that does not hold for a column of some records.

    Attributes:
        records: how many, of all blocks of the entity.
        alike: all of them say the same of what was found, and of what would be accepted.
        examples: the first of them.
    """

    entity: str
    rule: str
    severity: str
    column: str
    field: str
    records: int
    alike: bool
    examples: tuple[Example, ...]


def of_migration(driver: psycopg.Connection, tenant: Tenant, migration: int) -> list[Kind]:
    """The kinds of issues of a migration: the gravest first, then the most frequent.

    ``driver`` is in a transaction, as the platform's own role.
    """
    kind = sql.SQL('entity, rule, severity, field, "column"')
    with as_tenant(driver, tenant), driver.cursor(row_factory=dict_row) as cursor:
        cursor.execute(sql.SQL("set local work_mem = {}").format(sql.Literal(WORK_MEMORY)))
        cursor.execute(
            sql.SQL(
                """select * from (
                       select {kind}, file, record, line, found, accepted,
                              row_number() over (partition by {kind}
                                                 order by feed, file, record) as place,
                              count(*) over of_kind as records,
                              min(found) over of_kind = max(found) over of_kind
                              and min(accepted) over of_kind = max(accepted) over of_kind as alike
                       from {issues} where migration = %s
                       window of_kind as (partition by {kind})
                   ) numbered where place <= %s
                   order by array_position(%s, severity), records desc, {kind}, place"""
            ).format(kind=kind, issues=sql.Identifier(tenant.schema, journal.ISSUES)),
            [migration, EXAMPLES, [s.value for s in Severity]],
        )
        rows = cursor.fetchall()
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = (row["entity"], row["rule"], row["severity"], row["column"], row["field"])
        found.setdefault(key, []).append(row)
    return [
        Kind(
            *key,
            records=told[0]["records"],
            alike=told[0]["alike"],
            examples=tuple(
                Example(r["file"], r["record"], r["line"], r["found"], r["accepted"]) for r in told
            ),
        )
        for key, told in found.items()
    ]


@dataclass(frozen=True)
class Waiting:
    """Records of an entity that a migration put into quarantine.

    Attributes:
        kept: that still lie there, solved or not.
        waiting: that no resubmission has solved.
    """

    kept: int
    waiting: int


def waiting(driver: psycopg.Connection, tenant: Tenant, migration: int) -> dict[str, Waiting]:
    """By entity; ``driver`` as for :func:`of_migration`."""
    query = sql.SQL(
        """select entity, count(*), count(*) filter (where c.solved_by is null)
           from {} q left join {} c using (migration, entity, feed, file, record)
           where migration = %s group by 1"""
    ).format(
        sql.Identifier(tenant.schema, journal.QUARANTINE),
        sql.Identifier(tenant.schema, journal.CLOSINGS),
    )
    with as_tenant(driver, tenant):
        rows = driver.execute(query, [migration]).fetchall()
    return {entity: Waiting(kept, still) for entity, kept, still in rows}
