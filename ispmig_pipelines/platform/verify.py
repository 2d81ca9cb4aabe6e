"""Verifying a published migration: the source, read again, against what is committed.

Nothing that loading counted is trusted. Every record of the source must now either lie in
quarantine or be found under its key in the tenant's table with the same money, and the sums on
both sides must agree. It is set-based: the source's keys and money are copied into a temporary
table and joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import psycopg
import pyarrow as pa
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import LawBroken
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl, journal, ledger, timeouts
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.journal import key_json
from ispmig_pipelines.platform.publish import FeedTable, Totals, adjusted_sums, create_adjusted
from ispmig_pipelines.platform.reconcile import ZERO, Amounts, Counts, check
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw

AUDITED = "audited"
"""The temporary table of a feed's records, read anew."""


@dataclass
class Verified:
    """What was found for one feed.

    Attributes:
        read: records of the source, counted anew.
        quarantined: of these, how many lie in quarantine.
        present: of these, how many are in the tenant's table under their key.
        repeated: of the present, how many share their key with an earlier one.
        own: of the tenant's rows under these keys, how many say that they come from just a
            record that has the key.
        amounts: ``field`` → currency → sums taken anew on each side.
        problems: what does not agree, in words; empty when all is well.
    """

    read: int = 0
    quarantined: int = 0
    present: int = 0
    repeated: int = 0
    own: int = 0
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
    earlier: list[FeedTable],
) -> Verified:
    """Verifies one feed of a published migration, in the current transaction.

    Args:
        feed: with ``fields`` as :func:`audited_fields` gives them.
        records: the feed's records, mapped anew: its fields, ``_file`` and ``_record``. Those
            that cannot be read stand among them, with nothing but their position.
        earlier: the feeds that were verified before it, in the same session.
    """
    table = feed.temporary(AUDITED)
    timeouts.work_memory(driver)
    _create(driver, feed)
    with as_tenant(driver, feed.tenant):
        verified = Verified(read=copy_batches(driver, table, records))
    driver.execute(sql.SQL("analyze {}").format(table))
    with as_tenant(driver, feed.tenant):
        _mark_quarantined(driver, feed, verified)
        _count_repeats(driver, feed, verified)
        _compare(driver, feed, earlier, verified)
        _sum_quarantined(driver, feed, verified)
    return verified


def adjusted_again(
    driver: psycopg.Connection,
    feed: FeedTable,
    adjusted: Iterable[pa.RecordBatch],
    earlier: list[FeedTable],
) -> Totals:
    """What rules took from amounts of records that repeat another, of the feed or of an earlier
    one: it counts once.

    Args:
        feed: verified before, in the same session; ``earlier`` likewise, and before it.
        adjusted: what they took, record by record, as :attr:`ispmig_pipelines.platform.load.Feed`
            has it.
    """
    driver.execute(sql.SQL("drop table if exists {}").format(feed.adjusted))
    create_adjusted(driver, feed)
    copy_batches(driver, feed.adjusted, adjusted)
    found: Totals = {}
    for name in feed.money:
        positions = sql.SQL(
            """select _file, _record from {} numbered
               where not _quarantined and (_place > 1 or {})"""
        ).format(_numbered(feed, earlier), _before(name))
        found |= adjusted_sums(driver, feed, positions, field=name)
    return found


def strangers(
    driver: psycopg.Connection, feeds: list[FeedTable], verified: Sequence[Verified] = ()
) -> int:
    """Rows of an entity that bear the migration's id and come from no record of its sources.

    Args:
        feeds: all of the entity; each was verified before, in the same session.
        verified: what was found of each.
    """
    if len(verified) == len(feeds) == 1:
        # Where every row has the record that it says it comes from, there is none without one.
        rows = _value(
            driver,
            sql.SQL("select count(*) from {} where _migration = %(migration)s").format(
                feeds[0].target
            ),
            {"migration": feeds[0].migration},
        )
        if rows == verified[0].own:
            return 0
    known = sql.SQL(" union all ").join(
        sql.SQL("select _file, _record from {} where not _quarantined").format(
            feed.temporary(AUDITED)
        )
        for feed in feeds
    )
    return _value(
        driver,
        sql.SQL(
            """select count(*) from {target} t
               where t._migration = %(migration)s
                 and not exists (select from ({known}) k
                     where (k._file, k._record) = (t._file, t._record))"""
        ).format(target=feeds[0].target, known=known),
        {"migration": feeds[0].migration},
    )


def standing(
    connection: Connection, tenant: Tenant, entry: ledger.Migration
) -> dict[str, list[str]]:
    """Holds a finished migration's counts in the ledger against the tables, as they are now.

    Returns:
        entity → what does not agree, in words; nothing when all is well.
    """
    driver = raw(connection)
    found: dict[str, list[str]] = {}
    with connection.begin(), as_tenant(driver, tenant):
        for entity, told in entry.entities.items():
            problems = found.setdefault(entity, [])
            counts = Counts(**told)
            amounts = {
                name: {currency: Amounts.from_json(a) for currency, a in by_currency.items()}
                for name, by_currency in entry.totals.items()
                if name.startswith(f"{entity}.")
            }
            try:
                check({entity: counts}, amounts)
            except LawBroken as error:
                problems.append(str(error))
            there = written(driver, tenant, entry.id, entity)
            if there.inserted != counts.inserted:
                problems.append(
                    f"{counts.inserted:,} rows were inserted, and {there.inserted:,} are there"
                )
            if there.quarantined != counts.quarantined:
                problems.append(
                    f"{counts.quarantined:,} records went to quarantine, and "
                    f"{there.quarantined:,} are there"
                )
    return found


@dataclass(frozen=True)
class Written:
    """What a migration's marks in a tenant's tables say it did to an entity.

    Attributes:
        inserted: rows it made: they bear its id, and it kept nothing of them for undoing.
        updated: rows that were there before it, each kept as it was. With either are counted
            those that were erased since because somebody asked for it.
        quarantined: records in quarantine.
    """

    inserted: int
    updated: int
    quarantined: int


def written(driver: psycopg.Connection, tenant: Tenant, migration: int, entity: str) -> Written:
    """Counts a migration's marks, in the current transaction and role."""
    # Of what was kept nothing is looked for where there is nothing, as in most migrations: to look
    # for what is not kept would ask for the key of every row.
    row = driver.execute(
        sql.SQL(
            """select
                 (select count(*) from {target} t where t._migration = %(migration)s)
                 - (select count(*) from {target} t where t._migration = %(migration)s
                    and exists (select from {undo} u where u.migration = %(migration)s
                        and u.entity = %(entity)s and u.key = {key}))
                 + (select coalesce(sum(inserted), 0)::bigint from {erasures}
                    where migration = %(migration)s and entity = %(entity)s),
                 (select count(*) from {undo} where migration = %(migration)s
                    and entity = %(entity)s)
                 + (select coalesce(sum(updated), 0)::bigint from {erasures}
                    where migration = %(migration)s and entity = %(entity)s),
                 (select count(*) from {quarantine} where migration = %(migration)s
                    and entity = %(entity)s)"""
        ).format(
            target=sql.Identifier(tenant.schema, entity),
            undo=sql.Identifier(tenant.schema, journal.UNDO),
            erasures=sql.Identifier(tenant.schema, journal.ERASURES),
            quarantine=sql.Identifier(tenant.schema, journal.QUARANTINE),
            key=key_json(entity, "t"),
        ),
        {"migration": migration, "entity": entity},
    ).fetchone()
    assert row is not None  # noqa: S101 - a query without FROM always has a row
    return Written(*row)


def _create(driver: psycopg.Connection, feed: FeedTable) -> None:
    driver.execute(sql.SQL("drop table if exists {}").format(feed.temporary(AUDITED)))
    driver.execute(
        sql.SQL(
            """create temporary table {} ({}, _file integer not null,
               _record bigint not null, _quarantined boolean not null default false)"""
        ).format(
            sql.Identifier(f"{AUDITED}_{feed.entity}_{feed.index}"),
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(f), ddl.column_type(feed.info.fields[f]))
                for f in feed.fields
            ),
        )
    )
    driver.execute(
        sql.SQL("grant select, insert, update on {} to {}").format(
            feed.temporary(AUDITED), sql.Identifier(feed.tenant.role)
        )
    )


def _mark_quarantined(driver: psycopg.Connection, feed: FeedTable, verified: Verified) -> None:
    parameters = {"migration": feed.migration, "entity": feed.entity, "feed": feed.index}
    quarantine = sql.Identifier(feed.tenant.schema, journal.QUARANTINE)
    verified.quarantined = driver.execute(
        sql.SQL(
            """update {audited} a set _quarantined = true from {quarantine} q
               where q.migration = %(migration)s and q.entity = %(entity)s
                 and q.feed = %(feed)s and q.file = a._file and q.record = a._record"""
        ).format(audited=feed.temporary(AUDITED), quarantine=quarantine),
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


def _compare(
    driver: psycopg.Connection, feed: FeedTable, earlier: list[FeedTable], verified: Verified
) -> None:
    """Holds each record against the row under its key, and sums the money of both."""
    money = tuple(feed.money)
    records: sql.Composable = feed.temporary(AUDITED)
    of_source: list[sql.Composable] = [sql.SQL("")] * len(money)
    of_loaded = of_source
    # To number records sorts them: it is left out where each has a key of its own.
    if verified.repeated or any(other.entity == feed.entity for other in earlier):
        records = _numbered(feed, earlier)
        # One record per key stands for its repeats, which count once.
        counts = [sql.SQL("a._place = 1 and not a.{}").format(_before(n)) for n in money]
        of_loaded = [sql.SQL(" filter (where {})").format(one) for one in counts]
        of_source = [sql.SQL(" filter (where a._quarantined or {})").format(one) for one in counts]
    sums = [
        part
        for name, source, loaded in zip(money, of_source, of_loaded, strict=True)
        for part in (
            feed.currency("a", name),
            feed.currency("t", name),
            sql.SQL("sum({}){}").format(sql.Identifier("a", name), source),
            sql.SQL("sum({}){}").format(sql.Identifier("t", name), loaded),
        )
    ]
    # By their places: what is grouped by a literal, such as NO_CURRENCY, is not grouped.
    groups = [1, *(6 + 4 * index + side for index in range(len(money)) for side in (0, 1))]
    absent = others = 0
    for quarantined, read, present, other, own, *found in driver.execute(
        sql.SQL(
            """select a._quarantined, count(*), count(t.{key}),
                      count(*) filter (where t.{key} is not null and {differs}),
                      count(*) filter (where t._migration = {migration}
                          and (t._file, t._record) = (a._file, a._record)){sums}
               from {records} a left join {target} t on {match} and not a._quarantined
               group by {groups}"""
        ).format(
            key=sql.Identifier(feed.key[0]),
            differs=sql.SQL("{} is distinct from {}").format(
                feed.row("a", money), feed.row("t", money)
            )
            if money
            else sql.SQL("false"),
            migration=sql.Literal(feed.migration),
            sums=sql.SQL("").join(sql.SQL(", {}").format(part) for part in sums),
            records=records,
            target=feed.target,
            match=feed.same_key("a", "t"),
            groups=sql.SQL(", ").join(map(sql.Literal, groups)),
        )
    ):
        verified.present += present
        verified.own += own
        if not quarantined:
            absent += read - present
            others += other
        for index, name in enumerate(money):
            source_currency, loaded_currency, source, loaded = found[4 * index : 4 * index + 4]
            by_currency = verified.amounts.setdefault(name, {})
            if source is not None:
                by_currency.setdefault(source_currency, Amounts()).source += source
            if loaded is not None:
                by_currency.setdefault(loaded_currency, Amounts()).loaded += loaded
    if absent:
        verified.problems.append(
            f"{feed.entity}: {absent:,} source records are neither in the tenant's table nor in "
            "quarantine"
        )
    if others:
        verified.problems.append(
            f"{feed.entity}: {others:,} rows of the tenant hold other money than their source "
            "records"
        )


def _numbered(feed: FeedTable, earlier: list[FeedTable]) -> sql.Composed:
    """SQL: the feed's records with their places among those of their key, ``_place``, and for each
    field of money whether an earlier feed has brought it (:func:`_before`)."""
    return sql.SQL(
        """(select a.*, row_number() over (partition by a._quarantined, {key}
                       order by a._file, a._record) as _place{before} from {audited} a)"""
    ).format(
        key=sql.SQL(", ").join(sql.Identifier("a", k) for k in feed.key),
        before=sql.SQL("").join(
            sql.SQL(", {} as {}").format(_brought_before(feed, name, earlier), _before(name))
            for name in feed.money
        ),
        audited=feed.temporary(AUDITED),
    )


def _before(field: str) -> sql.Identifier:
    return sql.Identifier(f"_before_{field}")


def _count_repeats(driver: psycopg.Connection, feed: FeedTable, verified: Verified) -> None:
    """Records that are not in quarantine and share their key with another."""
    key = sql.SQL(", ").join(sql.Identifier(k) for k in feed.key)
    verified.repeated = _value(
        driver,
        sql.SQL(
            """select count(*) - count(distinct ({key})) from {audited}
               where not _quarantined"""
        ).format(key=key, audited=feed.temporary(AUDITED)),
        {},
    )


def _sum_quarantined(driver: psycopg.Connection, feed: FeedTable, verified: Verified) -> None:
    for name in feed.money:
        by_currency = verified.amounts.setdefault(name, {})
        for currency, amount, unreadable in driver.execute(
            sql.SQL(
                """select amounts -> %(field)s ->> 'currency',
                          sum((amounts -> %(field)s ->> 'amount')::numeric),
                          count(*) filter (where amounts -> %(field)s ? 'unreadable')
                   from {quarantine}
                   where migration = %(migration)s and entity = %(entity)s and feed = %(feed)s
                     and amounts ? %(field)s group by 1"""
            ).format(quarantine=sql.Identifier(feed.tenant.schema, journal.QUARANTINE)),
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


def _brought_before(feed: FeedTable, field: str, earlier: list[FeedTable]) -> sql.Composed:
    """SQL: record ``a`` has the key of a loaded record of an earlier feed with the same field."""
    others = [
        sql.SQL("exists (select from {} e where not e._quarantined and {})").format(
            other.temporary(AUDITED), feed.same_key("e", "a")
        )
        for other in earlier
        if other.entity == feed.entity and field in other.fields
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(others) if others else sql.SQL("false"))


def _value(driver: psycopg.Connection, query: sql.Composed, parameters: dict[str, object]) -> int:
    row = driver.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0
