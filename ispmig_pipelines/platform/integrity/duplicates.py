"""One row per key: records of a migration that stand there twice.

What says the same counts once; what says something else is rejected, for which of the two is
right is not ours to guess.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from ispmig_pipelines.platform.integrity.asking import twice
from ispmig_pipelines.platform.journal import key_json
from ispmig_pipelines.platform.publish import FeedTable, place, reject


def settle_duplicates(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Leaves one staged row per key: the first by file and record.

    Later rows that say the same are set aside as repeats; what becomes of the first becomes of
    them (:func:`ispmig_pipelines.platform.publish.settle_repeats`). Later rows that say something
    else are rejected: which is right is not ours to guess.
    """
    hashed = sql.SQL("hash_record_extended({}, 0)").format(feed.row("s", feed.key))
    later, repeats = feed.temporary("later"), feed.temporary("repeats")
    driver.execute(
        sql.SQL(
            """insert into {later}
               with twice as materialized ({twice})
               select _file, _record, first_file, first_record, same from (
                   select s._file, s._record,
                          first_value(s._file) over by_key as first_file,
                          first_value(s._record) over by_key as first_record,
                          {values} is not distinct from
                              first_value({values}) over by_key as same
                   from {staged} s join twice on twice.hash = {hashed}
                   window by_key as (partition by {key} order by s._file, s._record)
               ) numbered
               where (_file, _record) <> (first_file, first_record)"""
        ).format(
            later=later,
            twice=twice(sql.SQL("select {} as hash from {} s").format(hashed, feed.staged)),
            hashed=hashed,
            key=sql.SQL(", ").join(sql.Identifier("s", k) for k in feed.key),
            staged=feed.staged,
            values=feed.row("s", feed.values or feed.key),
        )
    )
    found = driver.execute(sql.SQL("select exists (select from {})").format(later)).fetchone()
    if not found or not found[0]:
        return
    if feed.has_legacy:
        _merge_legacy(driver, feed)
    driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {staged} s using {later} l
                   where (s._file, s._record) = (l._file, l._record) and l.same
                   returning s._file, s._record, s._line, l.first_file, l.first_record,
                             {key} as key, {amounts} as amounts)
               insert into {repeats} (_file, _record, _line, first_file, first_record, key, amounts)
               select * from gone"""
        ).format(
            staged=feed.staged,
            later=later,
            repeats=repeats,
            key=key_json(feed.entity, "s"),
            amounts=feed.amounts("s"),
        )
    )
    reject(
        driver,
        feed,
        rule=sql.Literal("key.duplicate"),
        field=", ".join(feed.key),
        other=place("l", "first_file", "first_record"),
        accepted=sql.Literal("{other}"),
        using=sql.SQL("{} l").format(later),
        where=sql.SQL("(s._file, s._record) = (l._file, l._record)"),
    )


def _merge_legacy(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Gives the first row of each repeated key the unmapped cells of all of them.

    A column in which the repeats differ becomes a list of its values, so that no cell is lost
    when several source records make one row.
    """
    driver.execute(
        sql.SQL(
            """with rows as (
                   select l.first_file, l.first_record, s.legacy
                   from {later} l
                   join {staged} s on (s._file, s._record) = (l._file, l._record)
                   where l.same
                   union all
                   select f._file, f._record, f.legacy
                   from {staged} f
                   where (f._file, f._record) in
                       (select first_file, first_record from {later} where same)
               ), cells as (
                   select first_file, first_record, name,
                          jsonb_agg(distinct cell order by cell) as seen
                   from rows cross join lateral jsonb_each(legacy) as c(name, cell)
                   group by first_file, first_record, name
               ), merged as (
                   select first_file, first_record, jsonb_object_agg(
                       name, case when jsonb_array_length(seen) = 1 then seen -> 0 else seen end
                   ) as legacy
                   from cells group by first_file, first_record
               )
               update {staged} s set legacy = merged.legacy from merged
               where (s._file, s._record) = (first_file, first_record)"""
        ).format(staged=feed.staged, later=feed.temporary("later"))
    )


def reject_contradictions(driver: psycopg.Connection, feed: FeedTable, earlier: FeedTable) -> None:
    """Rejects rows that say otherwise than an earlier feed of the same migration."""
    common = tuple(f for f in feed.values if f in earlier.values)
    if not common:
        return
    reject(
        driver,
        feed,
        rule=sql.Literal("key.duplicate"),
        field=", ".join(feed.key),
        other=place("e"),
        accepted=sql.Literal("{other}"),
        using=sql.SQL("{} e").format(earlier.staged),
        where=sql.SQL("{} and {} is distinct from {}").format(
            feed.same_key("s", "e"), feed.row("s", common), feed.row("e", common)
        ),
    )
