"""Verifying a published migration: the source, read again, against what is committed.

Nothing that loading counted is trusted. Every record of the source must now either lie in
quarantine or be found under its key in the tenant's table with the same money, and the sums on
both sides must agree. It is set-based: the source's keys and money are copied into a temporary
table and joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import psycopg
import pyarrow as pa
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl, journal
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.reconcile import ZERO, Amounts
from ispmig_pipelines.platform.tenants import as_tenant


@dataclass
class Verified:
    """What was found for one feed.

    Attributes:
        read: records of the source, counted anew.
        quarantined: of these, how many lie in quarantine.
        present: of these, how many are in the tenant's table under their key.
        amounts: ``field`` → currency → sums taken anew on each side.
        problems: what does not agree, in words; empty when all is well.
    """

    read: int = 0
    quarantined: int = 0
    present: int = 0
    amounts: dict[str, dict[str, Amounts]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def audited_fields(entity: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that verifying a feed needs of each source record: key, money, currencies."""
    info = ENTITIES[entity]
    needed = {*info.key, *info.money, *info.money.values()}
    return tuple(f for f in fields if f in needed)


def verify_feed(
    driver: psycopg.Connection,
    feed: FeedTable,
    records: Iterable[pa.RecordBatch],
    unreadable: Iterable[tuple[int, int]],
) -> Verified:
    """Verifies one feed of a published migration, in the current transaction.

    Args:
        feed: with ``fields`` as :func:`audited_fields` gives them.
        records: the source's readable records, mapped anew: the feed's fields, ``_file``
            and ``_record``.
        unreadable: positions (file, record) of the records that cannot be read.
    """
    table = sql.Identifier("pg_temp", "audited")
    _create(driver, feed)
    with as_tenant(driver, feed.tenant):
        readable = copy_batches(driver, table, records)
        rest = copy_batches(driver, table, _positions(unreadable))
    driver.execute(sql.SQL("analyze {}").format(table))
    verified = Verified(read=readable + rest)
    with as_tenant(driver, feed.tenant):
        _mark_quarantined(driver, feed, verified)
        _compare(driver, feed, verified)
        _sum(driver, feed, verified)
    driver.execute("drop table pg_temp.audited")
    return verified


def _create(driver: psycopg.Connection, feed: FeedTable) -> None:
    driver.execute("drop table if exists pg_temp.audited")
    driver.execute(
        sql.SQL(
            """create temporary table audited ({}, _file integer not null,
               _record bigint not null, _quarantined boolean not null default false)"""
        ).format(
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(f), ddl.column_type(feed.info.fields[f]))
                for f in feed.fields
            )
        )
    )
    driver.execute(
        sql.SQL("grant select, insert, update on pg_temp.audited to {}").format(
            sql.Identifier(feed.tenant.role)
        )
    )


def _positions(unreadable: Iterable[tuple[int, int]]) -> Iterator[pa.RecordBatch]:
    positions = list(unreadable)
    if positions:
        files, records = zip(*positions, strict=True)
        yield pa.RecordBatch.from_arrays(
            [pa.array(files, pa.int32()), pa.array(records, pa.int64())], names=["_file", "_record"]
        )


def _mark_quarantined(driver: psycopg.Connection, feed: FeedTable, verified: Verified) -> None:
    parameters = {"migration": feed.migration, "entity": feed.entity, "feed": feed.index}
    quarantine = sql.Identifier(feed.tenant.schema, journal.QUARANTINE)
    verified.quarantined = driver.execute(
        sql.SQL(
            """update pg_temp.audited a set _quarantined = true from {} q
               where q.migration = %(migration)s and q.entity = %(entity)s
                 and q.feed = %(feed)s and q.file = a._file and q.record = a._record"""
        ).format(quarantine),
        parameters,
    ).rowcount
    held = _value(
        driver,
        sql.SQL(
            """select count(*) from {} where migration = %(migration)s
               and entity = %(entity)s and feed = %(feed)s"""
        ).format(quarantine),
        parameters,
    )
    if held != verified.quarantined:
        verified.problems.append(
            f"{feed.entity}: {held:,} records lie in quarantine, but only "
            f"{verified.quarantined:,} of them stand in the source"
        )


def _compare(driver: psycopg.Connection, feed: FeedTable, verified: Verified) -> None:
    money = tuple(feed.money)
    differs = (
        sql.SQL("{} is distinct from {}").format(feed.row("a", money), feed.row("t", money))
        if money
        else sql.SQL("false")
    )
    key = feed.key[0]
    absent, other, verified.present = driver.execute(
        sql.SQL(
            """select count(*) filter (where t.{key} is null),
                      count(*) filter (where t.{key} is not null and {differs}),
                      count(*) filter (where t.{key} is not null)
               from pg_temp.audited a left join {target} t on {match}
               where not a._quarantined"""
        ).format(
            key=sql.Identifier(key),
            differs=differs,
            target=feed.target,
            match=feed.same_key("a", "t"),
        )
    ).fetchone()  # type: ignore[misc]
    if absent:
        verified.problems.append(
            f"{feed.entity}: {absent:,} source records are neither in the tenant's table nor in "
            "quarantine"
        )
    if other:
        verified.problems.append(
            f"{feed.entity}: {other:,} rows of the tenant hold other money than their source "
            "records"
        )


def _sum(driver: psycopg.Connection, feed: FeedTable, verified: Verified) -> None:
    key = sql.SQL(", ").join(sql.Identifier("a", k) for k in feed.key)
    for name in feed.money:
        by_currency = verified.amounts.setdefault(name, {})
        parts = {
            "field": sql.Identifier(name),
            "key": key,
            "currency": feed.currency("a", name),
            "loaded_currency": feed.currency("t", name),
            "target": feed.target,
            "match": feed.same_key("a", "t"),
            "quarantine": sql.Identifier(feed.tenant.schema, journal.QUARANTINE),
        }
        # One record per key stands for its repeats, which count once.
        for currency, amount in driver.execute(
            sql.SQL(
                """select currency, sum(amount) from (
                       select {currency} as currency, a.{field} as amount
                       from pg_temp.audited a where a._quarantined
                       union all
                       select currency, amount from (
                           select distinct on ({key}) {currency} as currency, a.{field} as amount
                           from pg_temp.audited a where not a._quarantined order by {key}
                       ) once
                   ) source where amount is not null group by 1"""
            ).format(**parts)
        ):
            by_currency.setdefault(currency, Amounts()).source = amount
        for currency, amount in driver.execute(
            sql.SQL(
                """select {loaded_currency}, sum(t.{field}) from {target} t
                   where t.{field} is not null and exists (
                       select from pg_temp.audited a where not a._quarantined and {match})
                   group by 1"""
            ).format(**parts)
        ):
            by_currency.setdefault(currency, Amounts()).loaded = amount
        for currency, amount, unreadable in driver.execute(
            sql.SQL(
                """select amounts -> %(field)s ->> 'currency',
                          sum((amounts -> %(field)s ->> 'amount')::numeric),
                          count(*) filter (where amounts -> %(field)s ? 'unreadable')
                   from {quarantine}
                   where migration = %(migration)s and entity = %(entity)s and feed = %(feed)s
                     and amounts ? %(field)s group by 1"""
            ).format(**parts),
            {
                "field": name,
                "migration": feed.migration,
                "entity": feed.entity,
                "feed": feed.index,
            },
        ):
            amounts = by_currency.setdefault(currency, Amounts())
            amounts.quarantined = amount or ZERO
            amounts.unreadable = unreadable


def _value(driver: psycopg.Connection, query: sql.Composed, parameters: dict[str, object]) -> int:
    row = driver.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0
