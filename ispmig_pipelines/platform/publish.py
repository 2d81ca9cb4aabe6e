"""The SQL that turns staged rows into the tenant's rows, one feed at a time, set-based.

A feed is one block of a spec: one source filling fields of one entity. Its rows wait in a
temporary table; each check moves the rows that fail it out into a table of rejects, so what
is left can be published. All of it runs in the publishing transaction, as the tenant's role.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.journal import QUARANTINE, UNDO
from ispmig_pipelines.platform.quarantine import NO_CURRENCY
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.platform.undo import key_json


@dataclass(frozen=True)
class FeedTable:
    """The temporary tables of one feed, and the SQL names of its parts.

    Attributes:
        entity: the entity it fills.
        index: which of the entity's blocks in the spec, from 0.
        fields: the fields it fills, the key's among them.
        partial: it does not fill every required field, so it may only complete rows.
        has_legacy: it carries the source's unmapped columns.
        columns: field → the source columns it comes from, for messages.
        files: names of the migration's files by their position, for messages.
    """

    tenant: Tenant
    migration: int
    entity: str
    index: int
    fields: tuple[str, ...]
    partial: bool
    has_legacy: bool
    columns: dict[str, str] = dataclass_field(default_factory=dict)
    files: dict[int, str] = dataclass_field(default_factory=dict)

    @property
    def info(self) -> EntityInfo:
        return ENTITIES[self.entity]

    @property
    def key(self) -> tuple[str, ...]:
        return self.info.key

    @property
    def values(self) -> tuple[str, ...]:
        """The fields that are not the key."""
        return tuple(f for f in self.fields if f not in self.key)

    def temporary(self, what: str) -> sql.Identifier:
        """One of the feed's temporary tables: ``staged`` holds the rows that may still be
        published, ``later`` those whose key stands earlier, ``repeats`` those of them that
        say the same, ``rejects`` those that a check moved out, with the rule they broke;
        ``adjusted`` is what rules of the spec took from amounts, by record."""
        return sql.Identifier("pg_temp", f"{what}_{self.entity}_{self.index}")

    @property
    def staged(self) -> sql.Identifier:
        return self.temporary("staged")

    @property
    def adjusted(self) -> sql.Identifier:
        return self.temporary("adjusted")

    @property
    def rejects(self) -> sql.Identifier:
        return self.temporary("rejects")

    @property
    def target(self) -> sql.Identifier:
        """The tenant's table."""
        return sql.Identifier(self.tenant.schema, self.entity)

    def row(self, alias: str, fields: tuple[str, ...]) -> sql.Composed:
        """``row(alias.a, alias.b)``, for comparing whole rows; missing equals missing."""
        return sql.SQL("row({})").format(
            sql.SQL(", ").join(sql.Identifier(alias, f) for f in fields)
        )

    def same_key(self, left: str, right: str) -> sql.Composed:
        """``left.key = right.key``."""
        return sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(sql.Identifier(left, k), sql.Identifier(right, k))
            for k in self.key
        )

    @property
    def money(self) -> dict[str, str]:
        """Money field → its currency field, of those the feed fills."""
        return {m: c for m, c in self.info.money.items() if m in self.fields}

    def currency(self, alias: str, field: str) -> sql.Composed:
        """SQL for the currency of a money field; what has none counts under ``XXX``."""
        name = self.money[field]
        if name not in self.fields:
            return sql.SQL("{}::text").format(sql.Literal(NO_CURRENCY))
        return sql.SQL("coalesce({}, {})").format(
            sql.Identifier(alias, name), sql.Literal(NO_CURRENCY)
        )

    def amounts(self, alias: str) -> sql.Composed:
        """SQL for a row's money as JSON: field → currency and amount."""
        pairs = [
            sql.SQL(
                "{name}, case when {value} is not null then "
                "jsonb_build_object('currency', {currency}, 'amount', {value}::text) end"
            ).format(
                name=sql.Literal(field),
                value=sql.Identifier(alias, field),
                currency=self.currency(alias, field),
            )
            for field in self.money
        ]
        return sql.SQL("jsonb_strip_nulls(jsonb_build_object({}))").format(
            sql.SQL(", ").join(pairs)
        )


Totals = dict[str, dict[str, Decimal]]
"""Money field → currency → sum."""


@dataclass(frozen=True)
class Repeats:
    """Staged rows that said again what an earlier row of their feed said.

    Attributes:
        amounts: what they say; adjusted: what rules of the spec had taken from it.
    """

    rows: int = 0
    amounts: Totals = dataclass_field(default_factory=dict)
    adjusted: Totals = dataclass_field(default_factory=dict)


def create_staging(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Makes the feed's temporary tables and lets the tenant's role use them."""
    # An op that is tried again in the same session finds those of the first try. All of them
    # are made here, so that the tenant's role needs no right to make temporary tables.
    tables = sql.SQL(", ").join(
        feed.temporary(what) for what in ("staged", "rejects", "later", "repeats", "adjusted")
    )
    driver.execute(sql.SQL("drop table if exists {}").format(tables))
    driver.execute(
        sql.SQL(
            """create temporary table {} ({}, legacy jsonb,
               _file integer not null, _record bigint not null, _line bigint)"""
        ).format(
            sql.Identifier(f"staged_{feed.entity}_{feed.index}"),
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(f), ddl.column_type(feed.info.fields[f]))
                for f in feed.fields
            ),
        )
    )
    driver.execute(
        sql.SQL(
            """create temporary table {} (_file integer, _record bigint, _line bigint,
               key jsonb, amounts jsonb, rule text, field text, accepted text)"""
        ).format(sql.Identifier(f"rejects_{feed.entity}_{feed.index}"))
    )
    driver.execute(
        sql.SQL(
            """create temporary table {} (_file integer, _record bigint, first_file integer,
               first_record bigint, same boolean)"""
        ).format(sql.Identifier(f"later_{feed.entity}_{feed.index}"))
    )
    driver.execute(
        sql.SQL(
            """create temporary table {} (_file integer, _record bigint, _line bigint,
               first_file integer, first_record bigint, key jsonb, amounts jsonb)"""
        ).format(sql.Identifier(f"repeats_{feed.entity}_{feed.index}"))
    )
    create_adjusted(driver, feed)
    driver.execute(
        sql.SQL("grant select, insert, update, delete on {} to {}").format(
            tables, sql.Identifier(feed.tenant.role)
        )
    )


def create_adjusted(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Makes the temporary table for what rules took from amounts."""
    driver.execute(
        sql.SQL(
            """create temporary table {} (_file integer, _record bigint, field text,
               currency text, amount numeric)"""
        ).format(sql.Identifier(f"adjusted_{feed.entity}_{feed.index}"))
    )


def settle_duplicates(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Leaves one staged row per key: the first by file and record.

    Later rows that say the same are set aside as repeats; what becomes of the first becomes of
    them (:func:`settle_repeats`). Later rows that say something else are rejected: which is
    right is not ours to guess.
    """
    key = sql.SQL(", ").join(sql.Identifier("s", k) for k in feed.key)
    later, repeats = feed.temporary("later"), feed.temporary("repeats")
    driver.execute(
        sql.SQL(
            """insert into {later}
               with twice as (select {key} from {staged} s group by {key} having count(*) > 1)
               select _file, _record, first_file, first_record, same from (
                   select s._file, s._record,
                          first_value(s._file) over by_key as first_file,
                          first_value(s._record) over by_key as first_record,
                          {values} is not distinct from
                              first_value({values}) over by_key as same
                   from {staged} s join twice on {match}
                   window by_key as (partition by {key} order by s._file, s._record)
               ) numbered
               where (_file, _record) <> (first_file, first_record)"""
        ).format(
            later=later,
            key=key,
            staged=feed.staged,
            values=feed.row("s", feed.values or feed.key),
            match=feed.same_key("s", "twice"),
        )
    )
    if not _exists(driver, sql.SQL("select from {}").format(later)):
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
    _reject(
        driver,
        feed,
        rule=sql.Literal("key.duplicate"),
        field=", ".join(feed.key),
        accepted=sql.SQL("l.first_file || ':' || l.first_record"),
        using=sql.SQL("{} l").format(later),
        where=sql.SQL("(s._file, s._record) = (l._file, l._record)"),
    )


def settle_repeats(driver: psycopg.Connection, feed: FeedTable) -> Repeats:
    """Sends the repeats of rejected rows after them, for the same reason; returns the others.

    To be called when every check has been made.
    """
    driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {repeats} r using {rejects} j
                   where (r.first_file, r.first_record) = (j._file, j._record)
                   returning r._file, r._record, r._line, r.key, r.amounts,
                             j.rule, j.field, j.accepted)
               insert into {rejects} (_file, _record, _line, key, amounts, rule, field, accepted)
               select * from gone"""
        ).format(repeats=feed.temporary("repeats"), rejects=feed.rejects)
    )
    rows = _count(driver, sql.SQL("select count(*) from {}").format(feed.temporary("repeats")))
    if not rows:
        return Repeats()
    return Repeats(
        rows=rows,
        amounts={
            field: dict(
                driver.execute(
                    sql.SQL(
                        """select a ->> 'currency', sum((a ->> 'amount')::numeric)
                           from (select amounts -> %s as a from {}) r
                           where a is not null group by 1"""
                    ).format(feed.temporary("repeats")),
                    [field],
                ).fetchall()
            )
            for field in feed.money
        },
        adjusted=adjusted_sums(
            driver,
            feed,
            sql.SQL("select _file, _record from {}").format(feed.temporary("repeats")),
        ),
    )


def adjusted_sums(
    driver: psycopg.Connection,
    feed: FeedTable,
    positions: sql.Composable,
    *,
    field: str | None = None,
) -> Totals:
    """What rules took from the amounts of some records: field → currency → sum.

    Args:
        positions: a query of their ``_file`` and ``_record``.
        field: of this one only.
    """
    found: Totals = {}
    for name, currency, amount in driver.execute(
        sql.SQL(
            """select a.field, a.currency, sum(a.amount) from {adjusted} a
               join ({positions}) p using (_file, _record)
               where {field}::text is null or a.field = {field} group by 1, 2"""
        ).format(adjusted=feed.adjusted, positions=positions, field=sql.Literal(field))
    ):
        found.setdefault(name, {})[currency] = amount
    return found


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
    _reject(
        driver,
        feed,
        rule=sql.Literal("key.duplicate"),
        field=", ".join(feed.key),
        accepted=sql.SQL("e._file || ':' || e._record"),
        using=sql.SQL("{} e").format(earlier.staged),
        where=sql.SQL("{} and {} is distinct from {}").format(
            feed.same_key("s", "e"), feed.row("s", common), feed.row("e", common)
        ),
    )


def reject_orphans(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Rejects rows that refer to what neither the tenant nor this migration has."""
    for field, parent in feed.info.references.items():
        if field not in feed.fields:
            continue
        parent_key = ENTITIES[parent].key[0]
        _reject(
            driver,
            feed,
            rule=_missing(
                feed,
                parent,
                sql.SQL("jsonb_build_array(s.{}::text)").format(sql.Identifier(field)),
                "reference.missing",
            ),
            field=field,
            accepted=sql.Literal(parent),
            using=None,
            where=sql.SQL(
                """s.{field} is not null and not exists (
                       select from {parent} p where p.{key} = s.{field})"""
            ).format(
                field=sql.Identifier(field),
                parent=sql.Identifier(feed.tenant.schema, parent),
                key=sql.Identifier(parent_key),
            ),
        )


def _missing(feed: FeedTable, entity: str, key: sql.Composed, rule: str) -> sql.Composed:
    """SQL for the rule that a missing row breaks: ``rule``, unless this migration itself put
    the row in quarantine; then what misses it follows it."""
    return sql.SQL(
        """case when exists (
               select from {quarantine} q
               where q.migration = {migration} and q.entity = {entity} and q.key = {key})
           then 'reference.rejected' else {rule} end"""
    ).format(
        quarantine=sql.Identifier(feed.tenant.schema, QUARANTINE),
        migration=sql.Literal(feed.migration),
        entity=sql.Literal(entity),
        key=key,
        rule=sql.Literal(rule),
    )


def reject_incomplete(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Rejects rows of a partial feed that complete nothing: there is no such row."""
    _reject(
        driver,
        feed,
        rule=_missing(feed, feed.entity, key_json(feed.entity, "s"), "record.incomplete"),
        field=", ".join(feed.key),
        accepted=sql.Literal(feed.entity),
        using=None,
        where=sql.SQL("not exists (select from {} t where {})").format(
            feed.target, feed.same_key("t", "s")
        ),
    )


def reject_rule_breakers(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Rejects rows that break a rule of their entity together with what the tenant already has.

    Validation saw only the fields that the feed fills; here the others come from the row that
    would be completed.
    """
    filled = set(feed.fields)
    for rule in feed.info.row_rules:
        of_feed = filled.intersection(rule.fields)
        if not of_feed or of_feed == set(rule.fields):
            continue
        merged = sql.SQL(", ").join(
            sql.SQL("{} as {}").format(
                sql.Identifier("o" if f in filled else "t", f), sql.Identifier(f)
            )
            for f in rule.fields
        )
        _reject(
            driver,
            feed,
            rule=sql.Literal(feed.info.rule_code(rule)),
            field=", ".join(rule.fields),
            accepted=sql.Literal(rule.doc),
            using=sql.SQL(
                """(select o._file, o._record, {merged}
                    from {staged} o join {target} t on {match}) as m"""
            ).format(
                merged=merged,
                staged=feed.staged,
                target=feed.target,
                match=feed.same_key("o", "t"),
            ),
            where=sql.SQL(
                """(s._file, s._record) in (
                       select _file, _record from (select m.*) as whole where ({check}) is false)"""
            ).format(check=rule.check()),
        )


_LEGACY = sql.SQL("coalesce(t.legacy || s.legacy, s.legacy, t.legacy)")
"""What ``legacy`` becomes: both together, or the one that there is."""


def _differs(feed: FeedTable) -> sql.Composed:
    """SQL: the staged row ``s`` would change the tenant's row ``t``."""
    values = feed.values
    parts: list[sql.Composable] = []
    if values:
        parts.append(
            sql.SQL("{} is distinct from {}").format(feed.row("s", values), feed.row("t", values))
        )
    if feed.has_legacy:
        parts.append(sql.SQL("{} is distinct from t.legacy").format(_LEGACY))
    return sql.SQL("({})").format(sql.SQL(" or ").join(parts) if parts else sql.SQL("false"))


@dataclass(frozen=True)
class Matches:
    """How a feed's staged rows compare with rows of the same key that are there.

    Attributes:
        same: they say the same.
        completed: they differ, and this migration itself wrote the row: another feed of it
            goes on with what an earlier one began. That is no conflict with the tenant.
        conflicts: they differ, and the row was the tenant's before.
    """

    same: int = 0
    completed: int = 0
    conflicts: int = 0


def _conflicts(feed: FeedTable) -> sql.Composed:
    """SQL: the tenant had row ``t`` before this migration, and ``s`` would change it."""
    return sql.SQL("({} and t._migration <> {})").format(
        _differs(feed), sql.Literal(feed.migration)
    )


def count_matches(driver: psycopg.Connection, feed: FeedTable) -> Matches:
    """Compares the staged rows with what is there."""
    row = driver.execute(
        sql.SQL(
            """select count(*) filter (where not {differs}),
                      count(*) filter (where {differs} and not {conflicts}),
                      count(*) filter (where {conflicts})
               from {staged} s join {target} t on {match}"""
        ).format(
            differs=_differs(feed),
            conflicts=_conflicts(feed),
            staged=feed.staged,
            target=feed.target,
            match=feed.same_key("s", "t"),
        )
    ).fetchone()
    return Matches(*row) if row else Matches()


def reject_conflicts(driver: psycopg.Connection, feed: FeedTable) -> None:
    """Sets aside rows for which the tenant had other content before, which is to be kept."""
    _reject(
        driver,
        feed,
        rule=sql.Literal("conflict.kept"),
        field=", ".join(feed.key),
        accepted=sql.Literal(""),
        using=sql.SQL("{} t").format(feed.target),
        where=sql.SQL("{} and {}").format(feed.same_key("s", "t"), _conflicts(feed)),
    )


def update(driver: psycopg.Connection, feed: FeedTable) -> int:
    """Updates the tenant's rows that differ, keeping each as it was in the undo journal.

    A row that this migration itself wrote is not kept again: the journal holds the row as it
    was before the migration, once.
    """
    parts = {
        "staged": feed.staged,
        "target": feed.target,
        "journal": sql.Identifier(feed.tenant.schema, UNDO),
        "match": feed.same_key("s", "t"),
        "differs": _differs(feed),
        "migration": sql.Literal(feed.migration),
        "entity": sql.Literal(feed.entity),
        "key": key_json(feed.entity, "t"),
    }
    driver.execute(
        sql.SQL(
            """insert into {journal} (migration, entity, key, row)
               select {migration}, {entity}, {key}, to_jsonb(t)
               from {staged} s join {target} t on {match}
               where {differs} and t._migration <> {migration}"""
        ).format(**parts)
    )
    assignments: list[sql.Composable] = [
        sql.SQL("{} = {}").format(sql.Identifier(f), sql.Identifier("s", f)) for f in feed.values
    ]
    if feed.has_legacy:
        assignments.append(sql.SQL("legacy = {}").format(_LEGACY))
    return driver.execute(
        sql.SQL(
            """update {target} t
               set {assignments}, _migration = {migration}, _file = s._file, _record = s._record
               from {staged} s where {match} and {differs}"""
        ).format(assignments=sql.SQL(", ").join(assignments), **parts)
    ).rowcount


def insert(driver: psycopg.Connection, feed: FeedTable, *, target_empty: bool) -> int:
    """Inserts the staged rows the tenant does not have."""
    columns = [*feed.fields, "legacy", "_file", "_record"]
    absent = (
        sql.SQL("true")
        if target_empty
        else sql.SQL("not exists (select from {} t where {})").format(
            feed.target, feed.same_key("t", "s")
        )
    )
    return driver.execute(
        sql.SQL(
            """insert into {target} ({columns}, _migration)
               select {values}, {migration} from {staged} s where {absent}"""
        ).format(
            target=feed.target,
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(sql.Identifier("s", c) for c in columns),
            migration=sql.Literal(feed.migration),
            staged=feed.staged,
            absent=absent,
        )
    ).rowcount


def is_empty(driver: psycopg.Connection, feed: FeedTable) -> bool:
    """Whether the tenant has no row of the entity at all."""
    return not _exists(driver, sql.SQL("select from {}").format(feed.target))


def loaded_totals(
    driver: psycopg.Connection, feed: FeedTable, earlier: list[FeedTable]
) -> tuple[Totals, Totals]:
    """Sums of money that the feed's staged rows stand for, each key once over all feeds.

    Returns:
        What the tenant's rows hold, and what the feed says again of keys whose amount an
        earlier feed has brought already: that is neither source nor loaded a second time.
    """
    loaded: Totals = {}
    again: Totals = {}
    for field in feed.money:
        parts = {
            "currency": feed.currency("t", field),
            "said": feed.currency("s", field),
            "field": sql.Identifier(field),
            "staged": feed.staged,
            "target": feed.target,
            "match": feed.same_key("s", "t"),
            "before": _brought_before(feed, field, earlier),
        }
        loaded[field] = dict(
            driver.execute(
                sql.SQL(
                    """select {currency}, sum(t.{field})
                       from {staged} s join {target} t on {match}
                       where t.{field} is not null and not {before} group by 1"""
                ).format(**parts)
            ).fetchall()
        )
        again[field] = dict(
            driver.execute(
                sql.SQL(
                    """select {said}, sum(s.{field}) from {staged} s
                       where s.{field} is not null and {before} group by 1"""
                ).format(**parts)
            ).fetchall()
        )
    return loaded, again


def adjusted_again(driver: psycopg.Connection, feed: FeedTable, earlier: list[FeedTable]) -> Totals:
    """What rules took from amounts that an earlier feed has brought already under the same key.

    The earlier one's count, whatever the feed says: as with repeated records, the first stands for
    all, and what it says of the source is what was taken from it.
    """
    found: Totals = {}
    for field in feed.money:
        positions = sql.SQL("select s._file, s._record from {staged} s where {before}").format(
            staged=feed.staged, before=_brought_before(feed, field, earlier)
        )
        found |= adjusted_sums(driver, feed, positions, field=field)
    return found


def _brought_before(feed: FeedTable, field: str, earlier: list[FeedTable]) -> sql.Composed:
    """SQL: an earlier feed of the entity has the key of row ``s``, and fills the field too."""
    others = [
        sql.SQL("exists (select from {} e where {})").format(other.staged, feed.same_key("e", "s"))
        for other in earlier
        if other.entity == feed.entity and field in other.fields
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(others) if others else sql.SQL("false"))


def _reject(
    driver: psycopg.Connection,
    feed: FeedTable,
    *,
    rule: sql.Composable,
    field: str,
    accepted: sql.Composable,
    using: sql.Composable | None,
    where: sql.Composable,
) -> int:
    """Moves staged rows out into the feed's rejects."""
    return driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {staged} s {using} where {where}
                   returning s._file, s._record, s._line, {key}, {amounts}, {rule}, {accepted})
               insert into {rejects} (_file, _record, _line, key, amounts, rule, accepted, field)
               select gone.*, {field} from gone"""
        ).format(
            staged=feed.staged,
            rejects=feed.rejects,
            using=sql.SQL("using {}").format(using) if using is not None else sql.SQL(""),
            where=where,
            key=key_json(feed.entity, "s"),
            amounts=feed.amounts("s"),
            rule=sql.SQL("{} as rule").format(rule),
            accepted=sql.SQL("{} as accepted").format(accepted),
            field=sql.Literal(field),
        )
    ).rowcount


def _exists(driver: psycopg.Connection, query: sql.SQL | sql.Composed) -> bool:
    row = driver.execute(sql.SQL("select exists ({})").format(query)).fetchone()
    return bool(row and row[0])


def _count(driver: psycopg.Connection, query: sql.SQL | sql.Composed) -> int:
    row = driver.execute(query).fetchone()
    return int(row[0]) if row else 0
