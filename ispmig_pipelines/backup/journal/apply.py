"""Changes of a journal brought into a schema: what comes is added, what goes is taken away.

Added up over all transactions that are wanted, in no order: a row that came and went leaves
nothing. Every row that goes must be there, as it was when the journal saw it go; if one is not,
something was written that the journal did not see, and nothing is restored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psycopg
import pyarrow as pa
from psycopg import sql

from ispmig_pipelines.backup.definition import TableDefinition
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.platform.change_journal import SETTINGS, digest_sql
from ispmig_pipelines.platform.copy import copy_batches

_CHANGES, _NET = "__changes", "__net"
_COLUMNS = ("id", "relation", "op", "added", "gone")


def apply(
    driver: psycopg.Connection,
    schema: str,
    changes: Iterable[pa.RecordBatch],
    *,
    tables: Mapping[str, TableDefinition],
    sequences: Mapping[str, tuple[int, bool]] | None = None,
) -> dict[str, int]:
    """Brings the changes into the tables of a schema, in the current transaction.

    To be called by whoever owns the tables and may make some in the schema, before there are
    references and triggers; primary keys may be there. Nothing is read from the catalog, which
    the tenant's role may not be let look into. What changes break of what the tables say
    (checks, keys) is an error of the database's.

    Args:
        changes: as :data:`.mark.CHANGE_SCHEMA`, each once.
        tables: what they are, by name.
        sequences: name → where it is to stand; those that are not in the schema are left out.

    Returns:
        The tables that changed, with their rows afterwards.

    Raises:
        BackupError: the changes do not fit what is there.
    """
    driver.execute(
        sql.SQL("select {}").format(
            sql.SQL(", ").join(
                sql.SQL("pg_catalog.set_config({}, {}, true)").format(
                    sql.Literal(name), sql.Literal(value)
                )
                for name, value in SETTINGS.items()
                if name != "search_path"
            )
        )
    )
    table = sql.Identifier(schema, _CHANGES)
    driver.execute(
        sql.SQL(
            """create unlogged table {} (
                id bigint, relation text collate "C", op text, added text, gone text)"""
        ).format(table)
    )
    copy_batches(driver, table, (batch.select(_COLUMNS) for batch in changes))
    driver.execute(sql.SQL("analyze {}").format(table))
    names = driver.execute(sql.SQL("select distinct relation from {} order by 1").format(table))
    found = {}
    for (name,) in names.fetchall():
        if name not in tables:
            raise _does_not_fit(name, "the snapshot has no such table")
        found[name] = _apply(driver, schema, tables[name])
    driver.execute(sql.SQL("drop table {}").format(table))
    for name, (last, called) in (sequences or {}).items():
        driver.execute(
            """select pg_catalog.setval(s.there, %(last)s, %(called)s)
               from pg_catalog.to_regclass(%(name)s) s (there) where s.there is not null""",
            {
                "last": last,
                "called": called,
                "name": sql.Identifier(schema, name).as_string(driver),
            },
        )
    return found


def _apply(driver: psycopg.Connection, schema: str, about: TableDefinition) -> int:
    name = about.name
    parts = {
        "changes": sql.Identifier(schema, _CHANGES),
        "net": sql.Identifier(schema, _NET),
        "table": sql.Identifier(schema, name),
        "name": sql.Literal(name),
    }
    text = _row_text(about)
    emptied = driver.execute(
        sql.SQL("select max(id) from {changes} where relation = {name} and op = 't'").format(
            **parts
        )
    ).fetchone()
    barrier = -1
    if emptied and emptied[0] is not None:
        barrier = emptied[0]
        driver.execute(sql.SQL("truncate only {table}").format(**parts))
    driver.execute(
        sql.SQL(
            """create unlogged table {net} as
               select digest, max(added) as added, sum(sign) as rows
               from (select {digest} as digest, c.added, 1 as sign from {changes} c
                     where c.relation = {name} and c.id > {barrier} and c.added is not null
                     union all
                     select pg_catalog.decode(c.gone, 'hex'), null, -1 from {changes} c
                     where c.relation = {name} and c.id > {barrier} and c.gone is not null) x
               group by digest having sum(sign) <> 0"""
        ).format(**parts, digest=digest_sql(sql.SQL("c.added")), barrier=sql.Literal(barrier))
    )
    driver.execute(sql.SQL("analyze {net}").format(**parts))
    going = driver.execute(
        sql.SQL("select coalesce(-sum(rows), 0)::bigint from {net} where rows < 0").format(**parts)
    ).fetchone()
    expected = going[0] if going else 0
    if expected:
        _take_away(driver, name, expected, text, parts)
    _add(driver, about, parts)
    driver.execute(sql.SQL("drop table {net}").format(**parts))
    count = driver.execute(sql.SQL("select count(*) from only {table}").format(**parts)).fetchone()
    return int(count[0]) if count else 0


def _take_away(
    driver: psycopg.Connection,
    name: str,
    expected: int,
    text: sql.Composable,
    parts: dict[str, sql.Composable],
) -> None:
    gone = driver.execute(
        sql.SQL(
            """with present as materialized (
                   select t.ctid as place, {digest} as digest from only {table} t
               ), going as materialized (
                   select p.place, n.rows,
                          row_number() over (partition by p.digest) as number
                   from present p join {net} n on n.digest = p.digest and n.rows < 0
               )
               delete from only {table} t using going g
               where t.ctid = g.place and g.number <= -g.rows"""
        ).format(**parts, digest=digest_sql(text))
    ).rowcount
    if gone != expected:
        raise _does_not_fit(
            name, f"of {expected:,} rows that it saw go, {expected - gone:,} were not there"
        )


def _add(
    driver: psycopg.Connection, about: TableDefinition, parts: dict[str, sql.Composable]
) -> None:
    name, stored = about.name, [column.name for column in about.stored]
    try:
        with driver.transaction():
            driver.execute(
                sql.SQL(
                    """insert into {table} {into} overriding system value
                       select {values}
                       from (select n.added::{table} as r, n.rows from {net} n where n.rows > 0
                             offset 0) x
                       cross join lateral pg_catalog.generate_series(1, x.rows)"""
                ).format(
                    **parts,
                    into=sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Identifier, stored)))
                    if stored
                    else sql.SQL(""),
                    values=sql.SQL(", ").join(
                        sql.SQL("(x.r).{}").format(sql.Identifier(column)) for column in stored
                    ),
                )
            )
    except psycopg.DataError:
        raise _does_not_fit(name, "a row of it is none of the table's") from None
    except psycopg.errors.UniqueViolation:
        raise _does_not_fit(name, "a row that it saw come is there already") from None


def _does_not_fit(name: str, why: str) -> BackupError:
    return BackupError(
        f"The change journal does not fit the snapshot's table {name}: {why}. Something was "
        "written that the journal did not see: its triggers were taken away for a time, or the "
        "table was changed in its definition and back. Nothing was changed. Restore to the "
        "snapshot, to another moment, or other tables alone with --entity."
    )


def _row_text(about: TableDefinition) -> sql.Composed:
    """SQL for a row's text as triggers see it: columns that are generated when they are read are
    not there yet."""
    return sql.SQL("row({})::text").format(
        sql.SQL(", ").join(
            sql.SQL("null") if column.virtual else sql.Identifier("t", column.name)
            for column in about.columns
        )
    )
