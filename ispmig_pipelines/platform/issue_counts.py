"""What a migration found wrong, counted from the tenant's own ``_issues``; and what still waits.

Reports show counts and a few examples of each kind, never all issues: there may be millions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.platform import journal
from ispmig_pipelines.platform.tenants import Tenant, as_tenant

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
        records: how many, of all blocks of the entity or of ``block``, where they were told apart.
        alike: all of them say the same of what was found, and of what would be accepted.
        examples: the first of them, and the last.
    """

    entity: str
    rule: str
    severity: str
    column: str
    field: str
    records: int
    alike: bool
    examples: tuple[Example, ...]
    block: int | None = None


_KIND = ("entity", "rule", "severity", "column", "field")
_Kind = tuple[str, str, str, str, str]
_Place = tuple[int, int, int]  # block, file, record


def of_migration(
    driver: psycopg.Connection, tenant: Tenant, migration: int, *, by_block: bool = False
) -> list[Kind]:
    """The kinds of issues of a migration: the gravest first, then the most frequent.

    ``driver`` is in a transaction, as the platform's own role. Nothing is sorted in the database:
    of 1,000,000 issues this takes a twentieth of the time that windows over them do.

    Args:
        by_block: tell apart the blocks of the spec that fill one entity.
    """
    with as_tenant(driver, tenant):
        driver.execute(sql.SQL("set local work_mem = {}").format(sql.Literal(WORK_MEMORY)))
        rows = driver.execute(
            sql.SQL(
                """select {kind}, feed, file, min(record), max(record), count(*),
                          min(found collate "C"), max(found collate "C"),
                          min(accepted collate "C"), max(accepted collate "C")
                   from {issues} where migration = %s group by {kind}, feed, file"""
            ).format(
                kind=sql.SQL(", ").join(map(sql.Identifier, _KIND)),
                issues=sql.Identifier(tenant.schema, journal.ISSUES),
            ),
            [migration],
        ).fetchall()
        gathered: dict[tuple[_Kind, int | None], _Gathered] = {}
        for *kind, feed, file, first, last, count, least, most, least_ok, most_ok in rows:
            block = feed if by_block else None
            one = gathered.setdefault((tuple(kind), block), _Gathered())
            one.records += count
            one.places += [(feed, file, first), (feed, file, last)]
            one.said |= {(least, least_ok), (most, most_ok)}
        examples = _examples(driver, tenant, migration, gathered)
    severities = [s.value for s in Severity]
    return sorted(
        (
            Kind(
                *kind,
                records=one.records,
                alike=len(one.said) == 1,
                examples=tuple(examples[kind, place] for place in one.ends),
                block=block,
            )
            for (kind, block), one in gathered.items()
        ),
        key=lambda k: (
            severities.index(k.severity),
            -k.records,
            k.entity,
            k.block or 0,
            k.rule,
            k.column,
        ),
    )


@dataclass
class _Gathered:
    """What the blocks and files of a migration say of one kind of issue."""

    records: int = 0
    places: list[_Place] = field(default_factory=list)
    said: set[tuple[str, str]] = field(default_factory=set)

    @property
    def ends(self) -> list[_Place]:
        return list(dict.fromkeys((min(self.places), max(self.places))))


def _examples(
    driver: psycopg.Connection,
    tenant: Tenant,
    migration: int,
    gathered: Mapping[tuple[_Kind, int | None], _Gathered],
) -> dict[tuple[_Kind, _Place], Example]:
    wanted = [(*kind, *place) for (kind, _), one in gathered.items() for place in one.ends]
    if not wanted:
        return {}
    columns = [sql.Identifier(name) for name in (*_KIND, "feed", "file", "record")]
    rows = driver.execute(
        sql.SQL(
            """select {columns}, line, found, accepted from {issues} where migration = %s
               and ({columns}) in (select * from unnest(%s::text[], %s::text[], %s::text[],
                   %s::text[], %s::text[], %s::integer[], %s::integer[], %s::bigint[]))"""
        ).format(
            columns=sql.SQL(", ").join(columns),
            issues=sql.Identifier(tenant.schema, journal.ISSUES),
        ),
        [migration, *map(list, zip(*wanted, strict=True))],
    )
    return {
        ((entity, rule, severity, column, name), (feed, file, record)): Example(
            file, record, line, found, accepted
        )
        for entity, rule, severity, column, name, feed, file, record, line, found, accepted in rows
    }


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
