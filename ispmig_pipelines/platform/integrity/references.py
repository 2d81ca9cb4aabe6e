"""Every reference leads to a row that is there, or will be; what completes a row finds it.

A row is there when the tenant has it and when a feed that makes rows is going to insert it.
Feeds are asked in the order of the model, parents first, so one pass takes along the children of
what was rejected, their children, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.integrity import findings, held_back
from ispmig_pipelines.platform.integrity.policy import Policy, RejectedParent
from ispmig_pipelines.platform.journal import key_json
from ispmig_pipelines.platform.publish import FeedTable, is_empty, place, reject


def reject_orphans(
    driver: psycopg.Connection, feed: FeedTable, feeds: Sequence[FeedTable], policy: Policy
) -> int:
    """Rejects rows that refer to what neither the tenant nor this migration has.

    A row is told all of its references at once that lead nowhere, so that one round mends it.
    """
    noted = 0
    for field, parent in feed.info.references.items():
        if field not in feed.fields:
            continue
        where = _leads_nowhere(feed, field, feeds)
        if _may_be_emptied(feed, field, policy):
            where = sql.SQL("{} and {} is null").format(where, _parent(feed, field, feeds))
        noted += driver.execute(
            sql.SQL(
                """with orphans as materialized (
                       select s._file, s._record, s._line, {other} as other
                       from {staged} s where {where})
                   insert into {notes} (_file, _record, _line, rule, severity, field, accepted,
                                        other)
                   select _file, _record, _line,
                          case when other is null then 'reference.missing'
                               else 'reference.rejected' end,
                          {severity}, {field},
                          case when other is null then {parent} else {named} end, other
                   from orphans"""
            ).format(
                other=_parent(feed, field, feeds),
                staged=feed.staged,
                where=where,
                notes=feed.notes,
                severity=sql.Literal(Severity.ERROR.value),
                field=sql.Literal(field),
                parent=sql.Literal(parent),
                named=sql.Literal(f"{_spoken(parent)} in {{other}}"),
            )
        ).rowcount
    return findings.reject_noted(driver, feed) if noted else 0


def empty_rejected(
    driver: psycopg.Connection, feed: FeedTable, feeds: Sequence[FeedTable], policy: Policy
) -> int:
    """Under the policy ``keep``: empties optional references to rejected parents, with a note;
    what they said goes under ``legacy``. To be called when nothing more will be rejected."""
    emptied = 0
    for field, parent in feed.info.references.items():
        if field not in feed.fields or not _may_be_emptied(feed, field, policy):
            continue
        emptied += driver.execute(
            sql.SQL(
                """with orphans as materialized (
                       select s._file, s._record, s.{field} as was, {other} as other
                       from {staged} s where {nowhere}
                   ), emptied as (
                       update {staged} s
                       set {field} = null,
                           legacy = coalesce(s.legacy, '{{}}')
                               || jsonb_build_object({column}::text, o.was)
                       from orphans o where (s._file, s._record) = (o._file, o._record)
                       returning s._file, s._record, s._line, o.other, o.was)
                   insert into {notes} (_file, _record, _line, rule, severity, field, accepted,
                                        other, found)
                   select _file, _record, _line, 'reference.emptied', {severity}, {name},
                          {accepted}, other, was
                   from emptied"""
            ).format(
                field=sql.Identifier(field),
                other=_parent(feed, field, feeds),
                staged=feed.staged,
                nowhere=_leads_nowhere(feed, field, feeds),
                column=sql.Literal(feed.columns.get(field) or field),
                notes=feed.notes,
                severity=sql.Literal(policy.severity("reference.emptied").value),
                name=sql.Literal(field),
                accepted=sql.Literal(f"{_spoken(parent)} in {{other}}"),
            )
        ).rowcount
    return emptied


def reject_incomplete(
    driver: psycopg.Connection, feed: FeedTable, feeds: Sequence[FeedTable]
) -> int:
    """Rejects rows of a partial feed that complete nothing: there is no such row."""
    if not feed.partial:
        return 0
    return reject(
        driver,
        feed,
        rule=sql.SQL(
            "case when other is null then 'record.incomplete' else 'reference.rejected' end"
        ),
        field=", ".join(feed.key),
        other=_rejected(feed, feed.entity, key_json(feed.entity, "s"), feeds),
        accepted=sql.SQL("case when other is null then {entity} else {named} end").format(
            entity=sql.Literal(feed.entity),
            named=sql.Literal(f"{_spoken(feed.entity)} in {{other}}"),
        ),
        where=sql.SQL(" and ").join(
            sql.SQL("not exists (select from {} t where {})").format(table, feed.same_key("t", "s"))
            for table in (feed.target, *(e.staged for e in _makers(feed.entity, feeds)))
        ),
    )


def reject_rule_breakers(
    driver: psycopg.Connection, feed: FeedTable, feeds: Sequence[FeedTable], policy: Policy
) -> int:
    """Rejects rows that break a rule of their entity together with what the row already holds.

    Validation saw only the fields that the feed fills; here the others come from the row that
    would be completed, as the tenant has it and earlier feeds change it.
    """
    earlier = [e for e in feeds[: feeds.index(feed)] if e.entity == feed.entity]
    if not earlier and is_empty(driver, feed.tenant, feed.entity):
        return 0
    filled = set(feed.fields)
    rejected = 0
    for rule in feed.info.row_rules:
        of_feed = filled.intersection(rule.fields)
        if not of_feed or of_feed == set(rule.fields):
            continue
        rejected += reject(
            driver,
            feed,
            rule=sql.Literal(feed.info.rule_code(rule)),
            field=", ".join(rule.fields),
            accepted=sql.Literal(rule.doc),
            using=sql.SQL(
                """(select o._file, o._record, {merged}
                    from {staged} o left join {target} t on {match} {others}
                    where {there}) as m"""
            ).format(
                merged=sql.SQL(", ").join(
                    sql.SQL("{} as {}").format(_merged(f, feed, earlier), sql.Identifier(f))
                    for f in rule.fields
                ),
                staged=feed.staged,
                target=feed.target,
                match=feed.same_key("o", "t"),
                others=sql.SQL(" ").join(
                    sql.SQL("left join {} {} on {}").format(
                        e.staged, sql.Identifier(f"e{i}"), feed.same_key("o", f"e{i}")
                    )
                    for i, e in enumerate(earlier)
                ),
                there=sql.SQL(" or ").join(
                    sql.SQL("{} is not null").format(sql.Identifier(alias, feed.key[0]))
                    for alias in ("t", *(f"e{i}" for i in range(len(earlier))))
                ),
            ),
            where=sql.SQL(
                """(s._file, s._record) = (m._file, m._record) and (
                       select ({check}) is false from (select m.*) as whole)"""
            ).format(check=rule.check()),
        )
    return rejected


def _merged(field: str, feed: FeedTable, earlier: Sequence[FeedTable]) -> sql.Composed:
    """SQL for a field of the row that the staged row ``o`` completes."""
    if field in feed.fields:
        return sql.SQL("{}").format(sql.Identifier("o", field))
    cases = [
        sql.SQL("when {there} is not null then {value}").format(
            there=sql.Identifier(f"e{i}", "_record"), value=sql.Identifier(f"e{i}", field)
        )
        for i, e in enumerate(earlier)
        if field in e.fields
    ]
    if not cases:
        return sql.SQL("{}").format(sql.Identifier("t", field))
    return sql.SQL("case {} else {} end").format(
        sql.SQL(" ").join(cases), sql.Identifier("t", field)
    )


def _may_be_emptied(feed: FeedTable, field: str, policy: Policy) -> bool:
    return (
        policy.rejected_parent is RejectedParent.keep
        and not feed.info.fields[field].must_hold_value
    )


def _makers(entity: str, feeds: Sequence[FeedTable]) -> list[FeedTable]:
    """The feeds that insert rows of an entity."""
    return [f for f in feeds if f.entity == entity and not f.partial]


def _leads_nowhere(feed: FeedTable, field: str, feeds: Sequence[FeedTable]) -> sql.Composed:
    """SQL: the reference of row ``s`` names a row that is not there and will not be."""
    parent = ENTITIES[feed.info.references[field]]
    tables = (
        sql.Identifier(feed.tenant.schema, parent.name),
        *(f.staged for f in _makers(parent.name, feeds)),
    )
    return sql.SQL(" and ").join(
        [
            sql.SQL("s.{} is not null").format(sql.Identifier(field)),
            *(
                sql.SQL("not exists (select from {table} p where p.{key} = s.{field})").format(
                    table=table, key=sql.Identifier(parent.key[0]), field=sql.Identifier(field)
                )
                for table in tables
            ),
        ]
    )


def _parent(feed: FeedTable, field: str, feeds: Sequence[FeedTable]) -> sql.Composed:
    """SQL for where the rejected record stands that row ``s`` refers to; null if none."""
    return _rejected(
        feed,
        feed.info.references[field],
        sql.SQL("jsonb_build_array(s.{}::text)").format(sql.Identifier(field)),
        feeds,
    )


def _rejected(
    feed: FeedTable, entity: str, key: sql.Composed, feeds: Sequence[FeedTable]
) -> sql.Composed:
    """SQL for where the first record stands that lies in quarantine under the key, or that this
    migration is about to put there; null if none."""
    found: list[sql.Composable] = [
        sql.SQL("(select {place} from {table} r where r.key = {key} order by 1 limit 1)").format(
            place=place("r"), table=f.rejects, key=key
        )
        for f in feeds
        if f.entity == entity
    ]
    found.append(held_back.place_of(entity, key))
    return sql.SQL("coalesce({})").format(sql.SQL(", ").join(found))


def _spoken(entity: str) -> str:
    return entity.replace("_", " ")
