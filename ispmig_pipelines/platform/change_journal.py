"""The change journal: triggers that write down every change of a tenant's rows, so that the tenant
can be restored to any moment and not only to a snapshot.

It lies in a schema beside the tenant's (``tenant_acme__journal``), where the tenant's role has no
rights at all: what it holds can be neither read nor changed by the tenant, and outlives the
tenant's own schema if somebody drops that. The triggers fire once per statement, see the rows by
transition tables, and always (``ENABLE ALWAYS``): also in sessions that say they are a replica, as
a rollback of ours does.

A change is written down as what it adds and what it takes away: the text of each row as it is
after, and a digest of the text of each row as it was before. Adding up over any set of statements,
in whatever order, tells which rows come and which go; what was written within triggers, of which
nobody can tell the order, adds up like anything else. Only ``TRUNCATE`` tells no rows: nobody
writes beside it, so that what has a lower number is of before.

Which instant a change belongs to is told by a deferred trigger, which writes down the clock when
the transaction commits. What that leaves open is closed by marks, see
:mod:`ispmig_pipelines.backup.journal`.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines.errors import DatabaseError, UsageError
from ispmig_pipelines.platform import timeouts
from ispmig_pipelines.platform.tenants import JOURNAL_ENDING, Tenant
from ispmig_pipelines.settings import settings

CHANGES, TRANSACTIONS, STATE = "changes", "transactions", "state"
DIGEST_BYTES = 16
"""Of a row's SHA-256; it only has to tell a tenant's own rows apart."""

CHUNK_ROWS = 500
"""Rows of a statement that are written down as one row of the journal: it takes less time and a
third of the space than one by one."""

CHUNK_BYTES = 8 << 20
"""And bytes of their texts, give or take a row."""

SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "xmlbinary": "base64",
}
"""What the text of a row depends on: the same when it is written down and when it is read."""

_WRITE, _STAMP, _STAMPED = "write", "stamp", "_journal_stamp"
_EVENTS = {
    "_journal_insert": ("insert", "referencing new table as new_rows"),
    "_journal_update": ("update", "referencing old table as old_rows new table as new_rows"),
    "_journal_delete": ("delete", "referencing old table as old_rows"),
    "_journal_truncate": ("truncate", ""),
}
TRIGGERS = tuple(_EVENTS)
"""Names of the triggers; no definition that is restored has them."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0


@dataclass(frozen=True)
class Shape:
    """What a table is, as far as the texts of its rows depend on it.

    Attributes:
        shape: a digest; another table of the same name has another one.
        journaled: all its triggers are there, and fire.
        followable: it can be: it is no partition, takes part in no inheritance, and survives a
            crash of the server.
    """

    oid: int
    shape: str
    journaled: bool
    followable: bool


@dataclass(frozen=True)
class State:
    """How far a journal was shipped.

    Attributes:
        history: which journal it is; one that is switched on anew is another.
        begun: the transaction that switched it on.
        number: of the last mark; 0: none yet.
        mac: of the last mark; "" if none.
        server: on which server, see :mod:`ispmig_pipelines.backup.snapshot`; {} if none was told.
    """

    history: str
    begun: int
    number: int
    mac: str
    server: dict[str, Any]


def schema_of(tenant: Tenant) -> str:
    """The schema of the tenant's journal; no tenant's own is ever named so."""
    return f"{tenant.schema}{JOURNAL_ENDING}"


def digest_sql(text: sql.Composable) -> sql.Composed:
    """SQL for the digest of a row's text."""
    return sql.SQL(
        "pg_catalog.substr(pg_catalog.sha256(pg_catalog.convert_to({}, 'UTF8')), 1, {})"
    ).format(text, sql.Literal(DIGEST_BYTES))


# -- on and off ---------------------------------------------------------------------------------


def is_on(driver: psycopg.Connection, tenant: Tenant) -> bool:
    """Whether the tenant has a journal."""
    row = driver.execute(
        "select pg_catalog.to_regclass(%s) is not null",
        [sql.Identifier(schema_of(tenant), STATE).as_string(driver)],
    ).fetchone()
    return bool(row and row[0])


def switch_on(driver: psycopg.Connection, tenant: Tenant) -> tuple[str, ...]:
    """Makes the journal, with triggers on every table; in a transaction of its own.

    What is there already stays, and tables that lack triggers get them.

    Args:
        driver: in no transaction, in autocommit mode.

    Returns:
        Names of tables that it cannot follow.

    Raises:
        UsageError: the database holds texts of which nobody knows the encoding.
        DatabaseError: (transient) others work on a table all the time; nothing was changed.
    """
    encoding = driver.execute("select pg_catalog.current_setting('server_encoding')").fetchone()
    if encoding and encoding[0] == "SQL_ASCII":
        raise UsageError(
            "The database has the encoding SQL_ASCII: nobody knows how its texts are written, so "
            "that no journal of them can be kept. Nothing was changed. Convert the database to "
            "UTF8 first."
        )

    def make() -> None:
        if not is_on(driver, tenant):
            for statement in _create(tenant):
                driver.execute(statement)
            begin_history(driver, tenant)
        _attach(driver, tenant)

    _with_tables_locked(driver, tenant, make)
    return tuple(name for name, shape in shapes(driver, tenant).items() if not shape.journaled)


def attach(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Gives triggers to tables that lack them, if the tenant has a journal; see
    :func:`switch_on`."""
    if is_on(driver, tenant) and _lacking(driver, tenant):
        _with_tables_locked(driver, tenant, lambda: _attach(driver, tenant))


def attach_here(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Gives triggers to tables that lack them, in the current transaction: for whoever holds the
    tables anyway, as a restore does that puts others in their place."""
    if is_on(driver, tenant):
        _attach(driver, tenant)


def switch_off(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Drops the journal, with what was not shipped of it; in a transaction of its own.

    Raises:
        DatabaseError: (transient) others work on a table all the time; nothing was changed.
    """

    def drop() -> None:
        driver.execute(
            sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema_of(tenant)))
        )

    _with_tables_locked(driver, tenant, drop)


def begin_history(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Begins another history in the current transaction: what comes does not go on from what was
    shipped before."""
    driver.execute(
        sql.SQL(
            """insert into {} (history, begun)
               values (%s, pg_catalog.pg_current_xact_id())
               on conflict (one) do update set history = excluded.history, begun = excluded.begun,
                   number = 0, mac = '', server = '{{}}'"""
        ).format(sql.Identifier(schema_of(tenant), STATE)),
        [f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}"],
    )


def state(driver: psycopg.Connection, tenant: Tenant) -> State:
    """How far the journal was shipped.

    Raises:
        UsageError: the tenant has none.
    """
    if not is_on(driver, tenant):
        raise UsageError(
            f"The change journal of tenant {tenant.slug} is off: it can be restored to its "
            f"snapshots only. Switch it on with: ispmig tenant set {tenant.slug} --journal on"
        )
    row = driver.execute(
        sql.SQL("select history, begun::text::bigint, number, mac, server from {}").format(
            sql.Identifier(schema_of(tenant), STATE)
        )
    ).fetchone()
    assert row is not None  # noqa: S101 - written with the table
    return State(*row)


def shipped(
    driver: psycopg.Connection,
    tenant: Tenant,
    *,
    number: int,
    mac: str,
    server: Mapping[str, Any],
    seen: str,
) -> int:
    """Notes in the current transaction that a mark is in the repository, and lets go of what it
    holds; returns how many rows of the journal went.

    Args:
        seen: the snapshot (``pg_snapshot``) with which the journal was read.
    """
    journal = schema_of(tenant)
    driver.execute(
        sql.SQL("update {} set number = %s, mac = %s, server = %s").format(
            sql.Identifier(journal, STATE)
        ),
        [number, mac, json.dumps(dict(server))],
    )
    gone = 0
    for table in (CHANGES, TRANSACTIONS):
        gone = driver.execute(
            sql.SQL("delete from {} where pg_catalog.pg_visible_in_snapshot(xid, %s)").format(
                sql.Identifier(journal, table)
            ),
            [seen],
        ).rowcount
    return gone


# -- statements ---------------------------------------------------------------------------------


def _create(tenant: Tenant) -> list[sql.Composed]:
    journal = schema_of(tenant)
    changes, transactions = sql.Identifier(journal, CHANGES), sql.Identifier(journal, TRANSACTIONS)
    pinned = sql.SQL(" ").join(
        sql.SQL("set {} to {}").format(
            sql.Identifier(name), sql.SQL(", ").join(map(sql.Literal, value.split(", ")))
        )
        if name == "search_path"
        else sql.SQL("set {} to {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in SETTINGS.items()
    )
    # A column may have the name of what it is in: only with the star is the row meant. Nothing may
    # become larger than PostgreSQL can hold, or the tenant could not write.
    added = sql.SQL(
        """select array_agg(t) as texts
           from (select t, (row_number() over () - 1) / {rows} as k,
                        sum(octet_length(t)) over (rows unbounded preceding) / {bytes} as l
                 from (select (n.*)::text as t from new_rows n offset 0) x) y
           group by k, l"""
    ).format(rows=sql.Literal(CHUNK_ROWS), bytes=sql.Literal(CHUNK_BYTES))
    gone = sql.SQL(
        """select array_agg(t) as digests
           from (select {digest} as t, (row_number() over () - 1) / {rows} as k
                 from old_rows o) x
           group by k"""
    ).format(digest=digest_sql(sql.SQL("(o.*)::text")), rows=sql.Literal(CHUNK_ROWS))
    return [
        sql.SQL("create schema {}").format(sql.Identifier(journal)),
        sql.SQL("revoke all on schema {} from public").format(sql.Identifier(journal)),
        sql.SQL(
            """create table {} (
                id bigint generated always as identity, xid xid8 not null, relation oid not null,
                name text not null, op "char" not null, added text[], gone bytea[])"""
        ).format(changes),
        # One row per transaction; another where it goes on after it was stamped.
        sql.SQL("create table {} (xid xid8 not null, at timestamptz)").format(transactions),
        sql.SQL("create index on {} (xid)").format(transactions),
        sql.SQL(
            """create table {} (
                one boolean primary key default true check (one), history text not null,
                begun xid8 not null, number integer not null default 0,
                mac text not null default '', server jsonb not null default '{{}}')"""
        ).format(sql.Identifier(journal, STATE)),
        # A statement that touched no row leaves nothing behind.
        sql.SQL(
            """create function {write}() returns trigger language plpgsql security definer
               {pinned} as $$
               declare
                   me xid8 := pg_current_xact_id();
               begin
                   if tg_op = 'INSERT' or tg_op = 'UPDATE' then
                       perform from new_rows limit 1;
                       if not found then return null; end if;
                   elsif tg_op = 'DELETE' then
                       perform from old_rows limit 1;
                       if not found then return null; end if;
                   end if;
                   perform from {transactions} t where t.xid = me and t.at is null;
                   if not found then
                       insert into {transactions} (xid) values (me);
                   end if;
                   if tg_op = 'INSERT' then
                       insert into {changes} (xid, relation, name, op, added)
                       select me, tg_relid, tg_table_name, 'i', a.texts from ({added}) a;
                   elsif tg_op = 'UPDATE' then
                       insert into {changes} (xid, relation, name, op, added, gone)
                       select me, tg_relid, tg_table_name, 'u', a.texts, null::bytea[]
                       from ({added}) a
                       union all
                       select me, tg_relid, tg_table_name, 'u', null, g.digests from ({gone}) g;
                   elsif tg_op = 'DELETE' then
                       insert into {changes} (xid, relation, name, op, gone)
                       select me, tg_relid, tg_table_name, 'd', g.digests from ({gone}) g;
                   else
                       insert into {changes} (xid, relation, name, op)
                       values (me, tg_relid, tg_table_name, 't');
                   end if;
                   return null;
               end $$"""
        ).format(
            write=sql.Identifier(journal, _WRITE),
            pinned=pinned,
            transactions=transactions,
            changes=changes,
            added=added,
            gone=gone,
        ),
        sql.SQL(
            """create function {stamp}() returns trigger language plpgsql security definer
               set search_path to pg_catalog, pg_temp as $$
               begin
                   update {transactions} set at = clock_timestamp()
                   where xid = new.xid and at is null;
                   return null;
               end $$"""
        ).format(stamp=sql.Identifier(journal, _STAMP), transactions=transactions),
        sql.SQL(
            """create constraint trigger {name} after insert on {transactions}
               deferrable initially deferred for each row execute function {stamp}()"""
        ).format(
            name=sql.Identifier(_STAMPED),
            transactions=transactions,
            stamp=sql.Identifier(journal, _STAMP),
        ),
        sql.SQL("alter table {} enable always trigger {}").format(
            transactions, sql.Identifier(_STAMPED)
        ),
        *(
            sql.SQL("revoke all on function {}() from public").format(
                sql.Identifier(journal, function)
            )
            for function in (_WRITE, _STAMP)
        ),
    ]


def _attach(driver: psycopg.Connection, tenant: Tenant) -> None:
    for table in _lacking(driver, tenant):
        for name, (event, sees) in _EVENTS.items():
            driver.execute(
                sql.SQL(
                    """create or replace trigger {name} after {event} on {table} {sees}
                       for each statement execute function {write}()"""
                ).format(
                    name=sql.Identifier(name),
                    event=sql.SQL(event),
                    table=sql.Identifier(tenant.schema, table),
                    sees=sql.SQL(sees),
                    write=sql.Identifier(schema_of(tenant), _WRITE),
                )
            )
            driver.execute(
                sql.SQL("alter table {} enable always trigger {}").format(
                    sql.Identifier(tenant.schema, table), sql.Identifier(name)
                )
            )


def _lacking(driver: psycopg.Connection, tenant: Tenant) -> list[str]:
    return [
        name
        for name, shape in shapes(driver, tenant).items()
        if shape.followable and not shape.journaled
    ]


# -- what the tables are ------------------------------------------------------------------------

_SHAPES = """
    select c.relname::text, c.oid::bigint,
           c.relkind = 'r' and c.relpersistence = 'p' and not c.relispartition
             and not exists (select from pg_catalog.pg_inherits i
                             where c.oid in (i.inhrelid, i.inhparent)),
           (select count(*) from pg_catalog.pg_trigger g
            join pg_catalog.pg_proc p on p.oid = g.tgfoid and p.proname = %(write)s
            join pg_catalog.pg_namespace s on s.oid = p.pronamespace and s.nspname = %(journal)s
            where g.tgrelid = c.oid and g.tgenabled = 'A' and g.tgname = any(%(triggers)s)
              and g.tgtype & 3 = 0 and g.tgqual is null),
           (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
                       a.attnum, a.attname, a.atttypid::bigint, a.atttypmod, a.attgenerated)
                       order by a.attnum), '[]')
            from pg_catalog.pg_attribute a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = %(schema)s
    where c.relkind in ('r', 'p')
      and not exists (select from pg_catalog.pg_depend x where x.deptype = 'e'
                      and x.classid = 'pg_catalog.pg_class'::regclass and x.objid = c.oid)
    order by c.relname collate "C"
"""


def shapes(driver: psycopg.Connection, tenant: Tenant) -> dict[str, Shape]:
    """Every table of the tenant's schema, by its name; {} where there is no such schema."""
    found = {}
    for name, oid, followable, triggers, columns in driver.execute(
        _SHAPES,
        {
            "schema": tenant.schema,
            "journal": schema_of(tenant),
            "write": _WRITE,
            "triggers": list(TRIGGERS),
        },
    ):
        told = json.dumps([oid, columns], ensure_ascii=True).encode()
        found[name] = Shape(
            oid=oid,
            shape=sha256(told).hexdigest()[:16],
            journaled=followable and triggers == len(TRIGGERS),
            followable=followable,
        )
    return found


# -- locks --------------------------------------------------------------------------------------


def _with_tables_locked(
    driver: psycopg.Connection,
    tenant: Tenant,
    work: Callable[[], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Does the work in a transaction in which nobody else writes to the tenant's tables, and makes
    nobody wait for longer than a moment.

    Whoever wrote before has ended then, and whoever writes afterwards meets the triggers.
    """
    asked = settings()
    until, pause = time.monotonic() + asked.lock_patience, _FIRST_PAUSE
    while True:
        try:
            with driver.transaction():
                timeouts.wait_for_locks(driver, asked.lock_timeout)
                for name in shapes(driver, tenant):
                    driver.execute(
                        sql.SQL("lock table only {} in share row exclusive mode").format(
                            sql.Identifier(tenant.schema, name)
                        )
                    )
                work()
                return
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.DeadlockDetected,
            psycopg.errors.UndefinedTable,
            psycopg.errors.DuplicateSchema,
        ):
            if time.monotonic() > until:
                raise DatabaseError(
                    f"Others have been working on the tables of tenant {tenant.slug} for "
                    f"{asked.lock_patience:.0f} s. Nothing was changed, and nobody was kept "
                    "waiting for longer than a moment. Try again when they have ended.",
                    transient=True,
                ) from None
        sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that two part
        pause = min(2 * pause, _LONGEST_PAUSE)
