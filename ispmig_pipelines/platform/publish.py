"""The SQL that turns staged rows into the tenant's rows, one feed at a time, set-based.

A feed is one block of a spec: one source filling fields of one entity. Its rows wait in a
temporary table; each check (see :mod:`ispmig_pipelines.platform.integrity`) moves the rows that
fail it out into a table of rejects, so what is left can be published. All of it runs in the
publishing transaction, as the tenant's role.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal

import psycopg
from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo
from ispmig_pipelines.model.field_info import NO_CURRENCY
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.journal import UNDO, key_json, row_json
from ispmig_pipelines.platform.tenants import Tenant


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
        say the same, ``differing`` those that would change the tenant's rows, and which,
        ``rejects`` those that a check moved out, with the rule they broke (none
        where ``notes`` tell it); ``notes`` is what was found of rows, moved out or not;
        ``adjusted`` is what rules of the spec took from amounts, by record."""
        return sql.Identifier("pg_temp", f"{what}_{self.entity}_{self.index}")

    @property
    def staged(self) -> sql.Identifier:
        return self.temporary("staged")

    @property
    def adjusted(self) -> sql.Identifier:
        return self.temporary("adjusted")

    @property
    def differing(self) -> sql.Identifier:
        return self.temporary("differing")

    @property
    def rejects(self) -> sql.Identifier:
        return self.temporary("rejects")

    @property
    def notes(self) -> sql.Identifier:
        return self.temporary("notes")

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
        feed.temporary(what)
        for what in ("staged", "rejects", "notes", "later", "repeats", "differing", "adjusted")
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
               key jsonb, amounts jsonb, refs jsonb, rule text, field text, accepted text,
               other text)"""
        ).format(sql.Identifier(f"rejects_{feed.entity}_{feed.index}"))
    )
    # What refers to a row that is not there is asked whether that one was rejected.
    driver.execute(sql.SQL("create index on {} (key)").format(feed.rejects))
    driver.execute(
        sql.SQL(
            """create temporary table {} (_file integer, _record bigint, _line bigint,
               rule text, severity text, field text, accepted text, other text, found text)"""
        ).format(sql.Identifier(f"notes_{feed.entity}_{feed.index}"))
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
    driver.execute(
        sql.SQL("create temporary table {} (staged tid, target tid, earlier boolean)").format(
            sql.Identifier(f"differing_{feed.entity}_{feed.index}")
        )
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


def settle_repeats(driver: psycopg.Connection, feed: FeedTable) -> Repeats:
    """Sends the repeats of rejected rows after them, for the same reason; returns the others.

    To be called when every check has been made.
    """
    driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {repeats} r using {rejects} j
                   where (r.first_file, r.first_record) = (j._file, j._record)
                   returning r._file, r._record, r._line, r.key, r.amounts, j.refs,
                             j.rule, j.field, j.accepted, j.other, j._file as first_file,
                             j._record as first_record
               ), told as (
                   insert into {notes} (_file, _record, _line, rule, severity, field, accepted,
                                        other, found)
                   select g._file, g._record, g._line, n.rule, n.severity, n.field, n.accepted,
                          n.other, n.found
                   from gone g
                   join {notes} n on (n._file, n._record) = (g.first_file, g.first_record)
                   where n.severity = 'error')
               insert into {rejects} (_file, _record, _line, key, amounts, refs, rule, field,
                                      accepted, other)
               select _file, _record, _line, key, amounts, refs, rule, field, accepted, other
               from gone"""
        ).format(repeats=feed.temporary("repeats"), rejects=feed.rejects, notes=feed.notes)
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

    @property
    def rows(self) -> int:
        """All that have a row of their key."""
        return self.same + self.completed + self.conflicts


def _conflicts(feed: FeedTable) -> sql.Composed:
    """SQL: the tenant had row ``t`` before this migration, and ``s`` would change it."""
    return sql.SQL("({} and t._migration <> {})").format(
        _differs(feed), sql.Literal(feed.migration)
    )


def compare(driver: psycopg.Connection, feed: FeedTable) -> Matches:
    """Compares the staged rows with what is there, and keeps which of them differ for
    :func:`update`."""
    driver.execute(sql.SQL("delete from {}").format(feed.differing))
    if is_empty(driver, feed.tenant, feed.entity):
        return Matches()
    # Rows are compared once, and not for every count of them or what is done with them: that is
    # most of the work.
    row = driver.execute(
        sql.SQL(
            """with compared as materialized (
                   select s.ctid as staged, t.ctid as target, {differs} as differs,
                          t._migration <> {migration} as earlier
                   from {staged} s join {target} t on {match}
               ), kept as (
                   insert into {differing} (staged, target, earlier)
                   select staged, target, earlier from compared where differs)
               select count(*) filter (where not differs),
                      count(*) filter (where differs and not earlier),
                      count(*) filter (where differs and earlier)
               from compared"""
        ).format(
            differs=_differs(feed),
            migration=sql.Literal(feed.migration),
            staged=feed.staged,
            target=feed.target,
            differing=feed.differing,
            match=feed.same_key("s", "t"),
        )
    ).fetchone()
    return Matches(*row) if row else Matches()


def reject_conflicts(driver: psycopg.Connection, feed: FeedTable) -> int:
    """Sets aside rows for which the tenant had other content before, which is to be kept;
    returns how many."""
    return reject(
        driver,
        feed,
        rule=sql.Literal("conflict.kept"),
        field=", ".join(feed.key),
        using=sql.SQL("{} t").format(feed.target),
        where=sql.SQL("{} and {}").format(feed.same_key("s", "t"), _conflicts(feed)),
    )


def update(driver: psycopg.Connection, feed: FeedTable) -> int:
    """Updates the tenant's rows that differ, keeping each as it was in the undo journal.

    Which these are, :func:`compare` has found in this transaction; nobody has written into
    either table since. A row that this migration itself wrote is not kept again: the journal holds
    the row as it was before the migration, once.
    """
    parts = {
        "staged": feed.staged,
        "target": feed.target,
        "differing": feed.differing,
        "journal": sql.Identifier(feed.tenant.schema, UNDO),
        "migration": sql.Literal(feed.migration),
        "entity": sql.Literal(feed.entity),
        "key": key_json(feed.entity, "t"),
        "row": row_json("t"),
    }
    driver.execute(
        sql.SQL(
            """insert into {journal} (migration, entity, key, row)
               select {migration}, {entity}, {key}, {row}
               from {differing} d join {target} t on t.ctid = d.target where d.earlier"""
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
               set {assignments}, _migration = {migration}, _file = s._file, _record = s._record,
                   _changed = null
               from {differing} d join {staged} s on s.ctid = d.staged where t.ctid = d.target"""
        ).format(assignments=sql.SQL(", ").join(assignments), **parts)
    ).rowcount


def insert(driver: psycopg.Connection, feed: FeedTable, *, there: int) -> int:
    """Inserts the staged rows the tenant does not have.

    Args:
        there: how many of them it has, under their key; each key is staged once.
    """
    if there and there == _count(driver, sql.SQL("select count(*) from {}").format(feed.staged)):
        return 0
    columns = [*feed.fields, "legacy", "_file", "_record"]
    absent = (
        sql.SQL("true")
        if not there
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


def is_empty(driver: psycopg.Connection, tenant: Tenant, entity: str) -> bool:
    """Whether the tenant has no row of the entity at all."""
    return not _exists(
        driver, sql.SQL("select from {}").format(sql.Identifier(tenant.schema, entity))
    )


def loaded_totals(
    driver: psycopg.Connection, feed: FeedTable, earlier: list[FeedTable], *, alone: bool = False
) -> tuple[Totals, Totals]:
    """Sums of money that the feed's staged rows stand for, each key once over all feeds.

    Args:
        alone: the tenant had no row of the entity before the feed, so that all are its own.

    Returns:
        What the tenant's rows hold, and what the feed says again of keys whose amount an
        earlier feed has brought already: that is neither source nor loaded a second time.
    """
    loaded: Totals = {}
    again: Totals = {}
    if alone:
        for field in feed.money:
            loaded[field] = dict(
                driver.execute(
                    sql.SQL(
                        """select {currency}, sum(t.{field}) from {target} t
                           where t.{field} is not null group by 1"""
                    ).format(
                        currency=feed.currency("t", field),
                        field=sql.Identifier(field),
                        target=feed.target,
                    )
                ).fetchall()
            )
        return loaded, again
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


def reject(
    driver: psycopg.Connection,
    feed: FeedTable,
    *,
    rule: sql.Composable,
    field: str,
    where: sql.Composable,
    using: sql.Composable | None = None,
    other: sql.Composable | None = None,
    accepted: sql.Composable | None = None,
) -> int:
    """Moves staged rows ``s`` out into the feed's rejects; returns how many.

    Args:
        where, using: which rows.
        other: SQL for the record that the rule names, as :func:`place` writes it.
        rule: SQL for the rule's code, of ``gone.other`` at most.
        accepted: likewise; ``{other}`` in it stands for that record.
    """
    refs = [f for f in feed.info.references if f in feed.fields]
    return driver.execute(
        sql.SQL(
            """with gone as (
                   delete from {staged} s {using} where {where}
                   returning s._file, s._record, s._line, {key}, {amounts}, {refs}, {other})
               insert into {rejects} (_file, _record, _line, key, amounts, refs, other, rule,
                                      accepted, field)
               select gone.*, {rule}, {accepted}, {field} from gone"""
        ).format(
            staged=feed.staged,
            rejects=feed.rejects,
            using=sql.SQL("using {}").format(using) if using is not None else sql.SQL(""),
            where=where,
            key=key_json(feed.entity, "s"),
            amounts=feed.amounts("s"),
            refs=sql.SQL("jsonb_strip_nulls(jsonb_build_object({}))").format(
                sql.SQL(", ").join(
                    sql.SQL("{}::text, {}::text").format(sql.Literal(f), sql.Identifier("s", f))
                    for f in refs
                )
            ),
            other=sql.SQL("{} as other").format(sql.SQL("null::text") if other is None else other),
            rule=rule,
            accepted=sql.Literal("") if accepted is None else accepted,
            field=sql.Literal(field),
        )
    ).rowcount


def place(
    alias: str, file: str = "_file", record: str = "_record", migration: str = ""
) -> sql.Composed:
    """SQL for where a record stands, as text: ``migration:file:record``.

    Args:
        migration: the column with the migration of a row of the tenant, null for the records of
            this one; none where all are of this one.
    """
    return sql.SQL("{} || ':' || {} || ':' || {}").format(
        sql.SQL("coalesce({}::text, '')").format(sql.Identifier(alias, migration))
        if migration
        else sql.SQL("''"),
        sql.Identifier(alias, file),
        sql.Identifier(alias, record),
    )


def _exists(driver: psycopg.Connection, query: sql.SQL | sql.Composed) -> bool:
    row = driver.execute(sql.SQL("select exists ({})").format(query)).fetchone()
    return bool(row and row[0])


def _count(driver: psycopg.Connection, query: sql.SQL | sql.Composed) -> int:
    row = driver.execute(query).fetchone()
    return int(row[0]) if row else 0
