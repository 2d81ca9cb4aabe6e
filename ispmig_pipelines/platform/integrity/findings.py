"""From what a check says of a row to the source record that is to blame for it.

A row of the tenant may be made of records of several feeds: services of one file, their usernames
of another. To blame is the record that says the field in question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.integrity.world import World
from ispmig_pipelines.platform.publish import FeedTable, reject
from ispmig_pipelines.platform.tenants import Tenant

_SAID = ("accepted", "other", "found")


# Compared by identity: there is one of each.
@dataclass(frozen=True, eq=False)
class Check:
    """One question to the whole tenant as it would be.

    Attributes:
        rule: code of its findings.
        entity: whose records are to blame.
        fields: the fields in question, in the order in which they are blamed; a finding of a row
            of which the migration says none of them is not the migration's.
        shown: the fields that the finding names; the first of ``fields`` where not said.
        reads: entity → fields that it asks for beside the key.
        query: SQL for its findings: the key's fields, then ``accepted`` (words; ``{other}`` in
            them stands for the other record), ``other`` (as
            :func:`ispmig_pipelines.platform.publish.place` writes it) and ``found``, a value, which
            is masked before anybody sees it. Each may be null.
        judge: in the place of ``query``: writes findings into :func:`findings_table` itself, and
            returns how many.
        pairs: it holds records against each other, so it is to come after those that ask each
            record by itself: what these reject is in nobody's way.
        again: what it rejects may leave more for it to find.
        told: whether the first of ``fields`` must come from the source for an error: what the
            spec assumes of all records alike is no record's mistake, and is noted only.
        applies: whether there is anything to ask.
    """

    rule: str
    entity: str
    fields: tuple[str, ...]
    reads: Mapping[str, tuple[str, ...]]
    query: Callable[[World, Policy], sql.Composed] | None = None
    judge: Callable[[psycopg.Connection, World, Policy], int] | None = None
    shown: tuple[str, ...] = ()
    pairs: bool = False
    again: bool = False
    told: bool = False
    applies: Callable[[World, Policy], bool] = field(default=lambda world, policy: True)


def create_table(driver: psycopg.Connection, tenant: Tenant, entity: str) -> None:
    """Makes the temporary table for the findings of an entity's rows."""
    table = findings_table(entity)
    driver.execute(sql.SQL("drop table if exists {}").format(table))
    driver.execute(
        sql.SQL("create temporary table {} ({}, accepted text, other text, found text)").format(
            sql.Identifier(f"findings_{entity}"),
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(
                    sql.Identifier(k), ddl.column_type(ENTITIES[entity].fields[k])
                )
                for k in ENTITIES[entity].key
            ),
        )
    )
    driver.execute(
        sql.SQL("grant select, insert, delete, truncate on {} to {}").format(
            table, sql.Identifier(tenant.role)
        )
    )


def findings_table(entity: str) -> sql.Identifier:
    """The temporary table for the findings of an entity's rows."""
    return sql.Identifier("pg_temp", f"findings_{entity}")


def to_blame(check: Check, feeds: Sequence[FeedTable]) -> list[FeedTable]:
    """The entity's feeds that say one of the fields in question, the first to blame first."""
    named = [
        (min(check.fields.index(f) for f in feed.fields if f in check.fields), place, feed)
        for place, feed in enumerate(feeds)
        if feed.entity == check.entity and set(check.fields) & set(feed.fields)
    ]
    return [feed for *_, feed in sorted(named, key=lambda n: n[:2])]


def severity_of(check: Check, feeds: Sequence[FeedTable], policy: Policy) -> Severity:
    """What a finding of the check does to its record."""
    severity = policy.severity(check.rule)
    name = check.fields[0]
    assumed = check.told and all(
        feed.columns and not feed.columns.get(name)
        for feed in to_blame(check, feeds)
        if name in feed.fields
    )
    return Severity.WARNING if assumed and severity is Severity.ERROR else severity


def note(driver: psycopg.Connection, world: World, check: Check, policy: Policy) -> bool:
    """Asks the check and notes what it finds with the records to blame; whether it found any."""
    feeds = to_blame(check, world.feeds)
    if not feeds or not check.applies(world, policy):
        return False
    table = findings_table(check.entity)
    if not _find(driver, world, check, policy):
        return False
    noted = 0
    for feed in feeds:
        noted += driver.execute(
            sql.SQL(
                """with hit as (
                       delete from {findings} f using {staged} s where {match}
                       returning s._file, s._record, s._line, f.accepted, f.other, f.found)
                   insert into {notes} (_file, _record, _line, rule, severity, field, accepted,
                                        other, found)
                   select _file, _record, _line, {rule}, {severity}, {field},
                          coalesce(accepted, ''), other, found
                   from hit"""
            ).format(
                findings=table,
                staged=feed.staged,
                match=feed.same_key("f", "s"),
                notes=feed.notes,
                rule=sql.Literal(check.rule),
                severity=sql.Literal(severity_of(check, world.feeds, policy).value),
                field=sql.Literal(", ".join(check.shown or check.fields[:1])),
            )
        ).rowcount
    driver.execute(sql.SQL("truncate {}").format(table))
    return noted > 0


def _find(driver: psycopg.Connection, world: World, check: Check, policy: Policy) -> int:
    if check.judge is not None:
        return check.judge(driver, world, policy)
    if check.query is None:
        raise TypeError(f"{check.rule} asks nothing")
    named = sql.SQL(", ").join(map(sql.Identifier, [*ENTITIES[check.entity].key, *_SAID]))
    return driver.execute(
        sql.SQL("insert into {} ({}) select {} from ({}) as found").format(
            findings_table(check.entity), named, named, check.query(world, policy)
        )
    ).rowcount


def reject_noted(driver: psycopg.Connection, feed: FeedTable) -> int:
    """Moves the staged rows of which an error is noted out; the notes tell why."""
    return reject(
        driver,
        feed,
        rule=sql.SQL("null"),
        field="",
        where=sql.SQL(
            "(s._file, s._record) in (select _file, _record from {} where severity = {})"
        ).format(feed.notes, sql.Literal(Severity.ERROR.value)),
    )
