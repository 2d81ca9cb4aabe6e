"""A tenant at one instant: every table of its schema and its rows of the ledger, all at once.

One transaction, ``REPEATABLE READ, READ ONLY``, which takes no lock but ``ACCESS SHARE``. The locks
come before its snapshot: whoever empties or rewrites a table (``TRUNCATE``, ``ALTER TABLE``) leaves
nothing for older snapshots to see, so that it must not happen in between.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines.backup import definition
from ispmig_pipelines.backup.definition import Definitions
from ispmig_pipelines.backup.reading_rows import TEXT, Source, SourceColumn
from ispmig_pipelines.errors import DatabaseError
from ispmig_pipelines.platform import ledger, timeouts
from ispmig_pipelines.platform.server import connect, told_plainly
from ispmig_pipelines.platform.tenants import Tenant, as_tenant
from ispmig_pipelines.settings import settings

LEDGER = "ledger/"
"""What names of tables of the ledger begin with in a manifest."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
_TRIES = 20

# pg_type.dat: types whose values have one fixed number the world over.
_PIECE_TYPES = {
    16: "bool",
    17: "binary",
    20: "int64",
    21: "int16",
    23: "int32",
    700: "float",
    701: "double",
    1082: "date32",
    1083: "time64[us]",
    1114: "timestamp[us]",
    1184: "timestamp[us, tz=UTC]",
}
_NUMERIC = 1700
_MAX_DIGITS = 38


@dataclass(frozen=True)
class Server:
    """Which history the snapshot is of, and where in it.

    Attributes:
        system, timeline, database: of the server; "" where it does not tell.
        xmin: the oldest transaction that had not ended: whoever wrote a row and was seen is older.
        xmax: the first transaction that had not begun.
        seen: which transactions it sees, exactly (``pg_snapshot``).
    """

    system: str
    timeline: str
    database: int
    xmin: int
    xmax: int
    version: int
    seen: str

    def as_json(self) -> dict[str, Any]:
        """As the manifest has it."""
        return {
            "system": self.system,
            "timeline": self.timeline,
            "database": self.database,
            "xmin": self.xmin,
            "xmax": self.xmax,
            "version": self.version,
            "seen": self.seen,
        }


@dataclass(frozen=True)
class Snapshot:
    """An open snapshot.

    Attributes:
        instant: what was committed before it is seen; in UTC.
        sources: every table, in the order of their names.
    """

    driver: psycopg.Connection
    tenant: Tenant
    instant: dt.datetime
    server: Server
    definitions: Definitions
    sources: tuple[Source, ...]


@contextmanager
def snapshot(tenant: Tenant, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Snapshot]:
    """Opens a snapshot, on a connection of its own that is closed with the block.

    Raises:
        DatabaseError: (transient) somebody changes definitions all the time.
    """
    with told_plainly():
        driver = connect(autocommit=True)
        try:
            system, timeline = history(driver)
            _begin(driver, tenant, sleep)
            timeouts.limit(driver)
            yield _described(driver, tenant, system, timeline)
            driver.execute("rollback")
        finally:
            driver.close()


@contextmanager
def joined(opened: Snapshot, exported: str) -> Iterator[Snapshot]:
    """The same snapshot in a session of its own, as long as the first one's transaction lasts.

    Args:
        exported: see :func:`export`.
    """
    driver = connect(autocommit=True)
    try:
        driver.execute("begin isolation level repeatable read, read only")
        driver.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(exported)))
        timeouts.limit(driver)
        _as_read(driver, opened.tenant)
        yield replace(opened, driver=driver)
        driver.execute("rollback")
    finally:
        driver.close()


def export(opened: Snapshot) -> str:
    """The name under which other sessions may join the snapshot."""
    row = opened.driver.execute("select pg_catalog.pg_export_snapshot()").fetchone()
    assert row is not None  # noqa: S101 - a query without FROM always has a row
    return str(row[0])


def history(driver: psycopg.Connection) -> tuple[str, str]:
    """The server's number and timeline; "" where it does not tell."""
    found = []
    for query in (
        "select system_identifier::text from pg_catalog.pg_control_system()",
        "select pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8)",
    ):
        row = None
        # Functions that somebody closed; and there is no present place in the WAL of a standby.
        with suppress(
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.ObjectNotInPrerequisiteState,
            psycopg.errors.FeatureNotSupported,
        ):
            row = driver.execute(query).fetchone()
        found.append(str(row[0]) if row else "")
    return found[0], found[1]


def _tables(driver: psycopg.Connection, tenant: Tenant) -> dict[int, tuple[str, str, bool]]:
    """Table → its schema, its name, and whether it is the tenant's role that may read it, and not
    the platform, as with what that role made or owns."""
    return {
        oid: (schema, name, by_tenant)
        for oid, schema, name, by_tenant in driver.execute(
            """select c.oid::bigint, n.nspname::text, c.relname::text,
                      not pg_catalog.has_table_privilege(c.oid, 'select')
                      and pg_catalog.has_table_privilege(%s, c.oid, 'select')
               from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where n.nspname = any(%s) and c.relkind in ('r', 'p')
               order by 2, c.relname collate "C" """,
            [tenant.role, [tenant.schema, ledger.SCHEMA]],
        )
    }


def _begin(driver: psycopg.Connection, tenant: Tenant, sleep: Callable[[float], None]) -> None:
    """Begins the transaction, with all tables locked before its snapshot was taken."""
    asked = settings()
    pause, until, tries = _FIRST_PAUSE, time.monotonic() + asked.lock_patience, 0
    while True:
        tries += 1
        tables = _tables(driver, tenant)
        driver.execute("begin isolation level repeatable read, read only")
        try:
            # SET and LOCK take no snapshot, as any query would.
            timeouts.wait_for_locks(driver, asked.lock_timeout)
            for schema, name, by_tenant in tables.values():
                with as_tenant(driver, tenant) if by_tenant else nullcontext():
                    driver.execute(
                        sql.SQL("lock table only {} in access share mode").format(
                            sql.Identifier(schema, name)
                        )
                    )
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.UndefinedTable,
            psycopg.errors.InvalidSchemaName,
            psycopg.errors.DeadlockDetected,
        ):
            pass
        else:
            if _tables(driver, tenant) == tables:
                return
        driver.execute("rollback")
        if tries >= _TRIES or time.monotonic() > until:
            raise DatabaseError(
                f"Others are changing the definitions of the tables of tenant {tenant.slug}, or "
                "hold locks that do not even let us read. No backup was made. Try again when they "
                "have ended.",
                transient=True,
            )
        sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that two part
        pause = min(2 * pause, _LONGEST_PAUSE)


def _described(driver: psycopg.Connection, tenant: Tenant, system: str, timeline: str) -> Snapshot:
    row = driver.execute(
        """select pg_catalog.statement_timestamp(),
                  pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint,
                  pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint,
                  (select d.oid::bigint from pg_catalog.pg_database d
                   where d.datname = pg_catalog.current_database()),
                  pg_catalog.pg_current_snapshot()::text"""
    ).fetchone()
    assert row is not None  # noqa: S101 - a query without FROM always has a row
    _as_read(driver, tenant)
    definitions = definition.read(driver, tenant)
    server = Server(
        system=system,
        timeline=timeline,
        database=row[3],
        xmin=row[1],
        xmax=row[2],
        version=driver.info.server_version,
        seen=row[4],
    )
    sources = _sources(driver, tenant, definitions)
    return Snapshot(driver, tenant, row[0].astimezone(dt.UTC), server, definitions, sources)


def _as_read(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Lets the transaction read tables as every snapshot does."""
    for setting, value in (
        # A policy that would hide rows is an error then.
        ("row_security", "off"),
        # Tables without a key are read as they lie, each time from their beginning.
        ("synchronize_seqscans", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("lc_monetary", "C"),
        # Names of the schema's own tables and functions, as values, mean those that are restored.
        (
            "search_path",
            sql.SQL("pg_catalog, {}").format(sql.Identifier(tenant.schema)).as_string(),
        ),
    ):
        driver.execute("select pg_catalog.set_config(%s, %s, true)", [setting, value])


_ABOUT = """
    select c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
           coalesce(m.amname::text, ''),
           -- Row security may hide rows from the tenant's role; where it alone may read, it owns.
           pg_catalog.has_table_privilege(%(role)s, c.oid, 'select')
           and (not c.relrowsecurity or not pg_catalog.has_table_privilege(c.oid, 'select')),
           coalesce((select pg_catalog.array_agg(a.attname::text order by k.place)
                     from pg_catalog.pg_index i
                     cross join pg_catalog.unnest(i.indkey::int2[])
                       with ordinality k (number, place)
                     join pg_catalog.pg_attribute a
                       on a.attrelid = i.indrelid and a.attnum = k.number
                     where i.indrelid = c.oid and i.indisprimary and k.place <= i.indnkeyatts),
                    '{}')
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_am m on m.oid = c.relam
    where c.relkind in ('r', 'p') and n.nspname = any(%(schemas)s)
    order by n.nspname = %(ledger)s, c.relname collate "C"
"""

# Of a domain, what it is a domain of.
_COLUMNS = """
    with recursive based (relation, number, type, modifier) as (
        select a.attrelid, a.attnum, a.atttypid, a.atttypmod
        from pg_catalog.pg_attribute a
        where a.attrelid = any(%(oids)s) and a.attnum > 0 and not a.attisdropped
        union all
        select b.relation, b.number, t.typbasetype, t.typtypmod
        from based b join pg_catalog.pg_type t on t.oid = b.type where t.typtype = 'd')
    select a.attrelid::bigint, a.attnum, a.attname::text, a.attnotnull, a.attgenerated::text,
           a.atttypid::bigint, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod),
           b.type::bigint, b.modifier
    from pg_catalog.pg_attribute a
    join based b on b.relation = a.attrelid and b.number = a.attnum
    join pg_catalog.pg_type t on t.oid = b.type and t.typtype <> 'd'
    order by a.attrelid, a.attnum
"""

# Every type that the text of a value depends on.
_REACHED = """
    with recursive reached (relation, type) as (
        select distinct a.attrelid, a.atttypid from pg_catalog.pg_attribute a
        where a.attrelid = any(%(oids)s) and a.attnum > 0 and not a.attisdropped
        union
        select r.relation, x.type
        from reached r
        join pg_catalog.pg_type t on t.oid = r.type
        cross join lateral (
            select t.typbasetype union all select t.typelem union all
            select g.rngsubtype from pg_catalog.pg_range g
            where t.oid in (g.rngtypid, g.rngmultitypid)) x (type)
        where x.type <> 0)
    select r.relation::bigint,
           coalesce(pg_catalog.bool_or(t.typtype = 'c' or t.typname like 'reg%%'), false),
           coalesce(pg_catalog.string_agg(
               (select pg_catalog.string_agg(
                    e.oid::text || ' ' || e.enumlabel::text, ' ' order by e.oid)
                from pg_catalog.pg_enum e where e.enumtypid = t.oid), ' ' order by t.oid), '')
    from reached r join pg_catalog.pg_type t on t.oid = r.type
    group by r.relation
"""


def _sources(
    driver: psycopg.Connection, tenant: Tenant, definitions: Definitions
) -> tuple[Source, ...]:
    about = driver.execute(
        _ABOUT,
        {
            "role": tenant.role,
            "schemas": [tenant.schema, ledger.SCHEMA],
            "ledger": ledger.SCHEMA,
        },
    ).fetchall()
    oids = {"oids": [row[0] for row in about]}
    columns: dict[int, list[tuple[Any, ...]]] = {}
    for relation, *rest in driver.execute(_COLUMNS, oids):
        columns.setdefault(relation, []).append(tuple(rest))
    reached = {relation: rest for relation, *rest in driver.execute(_REACHED, oids)}
    sources = []
    for oid, schema, name, kind, method, by_tenant, primary in about:
        own = columns.get(oid, [])
        content = tuple(
            SourceColumn(
                name=column,
                type=shown,
                piece_type=_piece_type(base, modifier),
                nullable=not not_null,
            )
            for _, column, not_null, generated, _, _, shown, base, modifier in own
            if not generated
        )
        in_ledger = schema == ledger.SCHEMA
        condition = _of_tenant(name, content, tenant) if in_ledger else None
        if in_ledger and condition is None:
            continue
        defined = None if in_ledger else definitions.table(name)
        if defined is None and not in_ledger:
            # An extension's, which comes back with it.
            continue
        key = tuple(primary) if defined is None else defined.key
        if not {column.name for column in content}.issuperset(key):
            # Nothing of a generated column is in pieces.
            key = ()
        changing, labels = reached.get(oid, (False, ""))
        sources.append(
            Source(
                name=f"{LEDGER}{name}" if in_ledger else name,
                table=(schema, name),
                oid=oid,
                columns=content,
                key=key,
                condition=condition,
                has_rows=kind == "r",
                shape=_digest(
                    [oid, kind, method, key, labels, [[*c[:2], *c[3:6], *c[7:]] for c in own]]
                ),
                # The text of a row's or an object's name changes without a row being written.
                tells_changes=method == "heap" and not changing,
                by_tenant=by_tenant,
            )
        )
    return tuple(sources)


def _of_tenant(
    table: str, columns: tuple[SourceColumn, ...], tenant: Tenant
) -> sql.Composable | None:
    """Which rows of a table of the ledger are the tenant's; None of one that has none."""
    named = "slug" if table == ledger.tenants.name else "tenant"
    if named not in {column.name for column in columns}:
        return None
    return sql.SQL("{} = {}").format(sql.Identifier("t", named), sql.Literal(tenant.slug))


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()[:32]


def _piece_type(base: int, modifier: int) -> str:
    if base == _NUMERIC and modifier >= 4:
        precision = (modifier - 4) >> 16 & 0xFFFF
        # Eleven bits with a sign, see numeric.c.
        scale = ((modifier - 4 & 0x7FF) ^ 0x400) - 0x400
        if 0 <= scale <= precision <= _MAX_DIGITS:
            return f"decimal128({precision}, {scale})"
    return _PIECE_TYPES.get(base, TEXT)
