"""Two schemas of one tenant, table by table: what differs, and making one say what the other says.

Values are compared as PostgreSQL writes them, so that types without an order or an equality
(``json``, ``xml``) are, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines.backup import definition
from ispmig_pipelines.backup.definition import Definitions, TableDefinition
from ispmig_pipelines.backup.restore.plan import Plan
from ispmig_pipelines.errors import BackupError
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.tenants import Tenant, as_tenant


@dataclass(frozen=True)
class Difference:
    """A table now and then.

    Attributes:
        now, then: rows; None where there is no such table.
        added: rows of then that are not there now.
        removed: rows of now that were not there then.
        changed: rows that are there now as then, with other content.
    """

    table: str
    now: int | None
    then: int | None
    added: int
    removed: int
    changed: int

    @property
    def rows(self) -> int:
        """How many rows differ."""
        return self.added + self.removed + self.changed

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "table": self.table,
            "rows_now": self.now,
            "rows_in_snapshot": self.then,
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
        }


def _columns(now: TableDefinition, then: TableDefinition) -> list[str]:
    there = {column.name for column in now.stored}
    return [column.name for column in then.stored if column.name in there]


def compare(
    driver: psycopg.Connection, now: TableDefinition, then: TableDefinition, at: tuple[str, str]
) -> Difference:
    """How a table differs, in columns that both have.

    Args:
        at: the schema of now, and that of then.
    """
    columns = _columns(now, then)
    table = now.name
    here, there = (sql.Identifier(schema, table) for schema in at)
    key = [name for name in then.key if name in columns]
    if not columns:
        return _counted(driver, table, here, there)
    if not key or len(key) < len(then.key) or then.key != now.key:
        return _as_sets(driver, table, here, there, columns)
    row = driver.execute(
        sql.SQL(
            """select count(*) filter (where n.there), count(*) filter (where t.there),
                      count(*) filter (where n.there is null),
                      count(*) filter (where t.there is null),
                      count(*) filter (where n.there and t.there and {differs})
               from (select true as there, * from {here}) n
               full join (select true as there, * from {other}) t on {match}"""
        ).format(here=here, other=there, match=_match(key), differs=_differs(columns, key))
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always has a row
    return Difference(table, *row)


def _match(key: Sequence[str]) -> sql.Composed:
    # In the types of the catalog: names and types of the schemas themselves may differ. Merging and
    # hashing, which a full join needs, work on texts.
    return sql.SQL(" and ").join(
        sql.SQL("{}::text = {}::text").format(sql.Identifier("n", name), sql.Identifier("t", name))
        for name in key
    )


def _differs(columns: Sequence[str], key: Sequence[str]) -> sql.Composed:
    parts = [
        sql.SQL("{}::text is distinct from {}::text").format(
            sql.Identifier("n", name), sql.Identifier("t", name)
        )
        for name in columns
        if name not in key
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(parts) if parts else sql.SQL("false"))


def _counted(
    driver: psycopg.Connection, table: str, here: sql.Identifier, there: sql.Identifier
) -> Difference:
    row = driver.execute(
        sql.SQL("select (select count(*) from {}), (select count(*) from {})").format(here, there)
    ).fetchone()
    assert row is not None  # noqa: S101 - a query without FROM has a row
    now, then = row
    return Difference(table, now, then, max(then - now, 0), max(now - then, 0), 0)


def _as_sets(
    driver: psycopg.Connection,
    table: str,
    here: sql.Identifier,
    there: sql.Identifier,
    columns: Sequence[str],
) -> Difference:
    """Of a table without a key: a row that was changed counts as one gone and one new."""
    texts = sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier("r", name)) for name in columns
    )
    row = driver.execute(
        sql.SQL(
            """select coalesce(sum(n), 0), coalesce(sum(t), 0),
                      coalesce(sum(greatest(t - n, 0)), 0), coalesce(sum(greatest(n - t, 0)), 0)
               from (select sum(n) as n, sum(t) as t
                     from (select row({texts})::text as r, 1 as n, 0 as t from {here} r
                           union all
                           select row({texts})::text, 0, 1 from {there} r) u
                     group by r) g"""
        ).format(texts=texts, here=here, there=there)
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always has a row
    now, then, added, removed = map(int, row)
    return Difference(table, now, then, added, removed, changed=0)


def schemas(
    driver: psycopg.Connection, tenant: Tenant, planned: Plan, side: str
) -> list[Difference]:
    """How every table of the tenant differs from what is planned and was built in ``side``."""
    present = definition.read(driver, tenant)
    found = []
    for name in sorted({table.name for table in present.tables} | planned.tables.keys()):
        now = present.table(name)
        then = planned.tables[name][1] if name in planned.tables else None
        if (now or then).partition_by is not None:  # type: ignore[union-attr]
            continue
        if now is not None and then is not None and then.partition_by is None:
            found.append(compare(driver, now, then, (tenant.schema, side)))
        elif then is None:
            rows = _count(driver, tenant.schema, name)
            found.append(Difference(name, rows, None, added=0, removed=rows, changed=0))
        else:
            rows = _count(driver, side, name)
            found.append(Difference(name, None, rows, added=rows, removed=0, changed=0))
    return found


def _count(driver: psycopg.Connection, schema: str, table: str) -> int:
    row = driver.execute(
        sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
    ).fetchone()
    return int(row[0]) if row else 0


# -- some tables, inside the schema that is there -----------------------------------------------


def unreferred(
    driver: psycopg.Connection,
    tenant: Tenant,
    present: Definitions,
    tables: Collection[str],
    side: str,
) -> list[tuple[str, str, int]]:
    """References that would not hold if these tables had their content from ``side``: table,
    table that it refers to, rows."""
    found = []
    for table in present.tables:
        for constraint in table.constraints:
            if constraint.kind != "f" or constraint.refers is None:
                continue
            if not {table.name, constraint.refers} & set(tables):
                continue
            child, parent = (
                sql.Identifier(side if name in tables else tenant.schema, name)
                for name in (table.name, constraint.refers)
            )
            pairs = list(zip(constraint.columns, constraint.parent_columns, strict=True))
            row = driver.execute(
                sql.SQL(
                    """select count(*) from {child} c where {set} and not exists
                       (select from {parent} p where {match})"""
                ).format(
                    child=child,
                    parent=parent,
                    set=sql.SQL(" and ").join(
                        sql.SQL("{} is not null").format(sql.Identifier("c", own))
                        for own, _ in pairs
                    ),
                    match=sql.SQL(" and ").join(
                        sql.SQL("{} = {}").format(
                            sql.Identifier("p", theirs), sql.Identifier("c", own)
                        )
                        for own, theirs in pairs
                    ),
                )
            ).fetchone()
            if row and row[0]:
                found.append((table.name, constraint.refers, int(row[0])))
    return found


def keep(driver: psycopg.Connection, tenant: Tenant, table: TableDefinition, schema: str) -> None:
    """Copies a table's content to a schema of what was there before."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.stored)
    driver.execute(
        sql.SQL("create table {} as select {} from {}").format(
            sql.Identifier(schema, table.name),
            columns,
            sql.Identifier(tenant.schema, table.name),
        )
    )


def make_alike(
    driver: psycopg.Connection,
    tenant: Tenant,
    pairs: Sequence[tuple[TableDefinition, TableDefinition]],
    side: str,
) -> None:
    """Lets tables of the tenant say what those of ``side`` say, as the tenant's role: rows that are
    the same stay as they are. References are asked at the end.

    Raises:
        BackupError: they do not say the same afterwards, because something in the schema changed
            what was written.
    """
    others = {
        now.name: _of_other_types(driver, now.name, (tenant.schema, side)) for now, _ in pairs
    }
    # Names of types are those of the tenant's schema.
    with definition.names_of(driver, tenant.schema), as_tenant(driver, tenant):
        driver.execute(ddl.write_as(0))
        driver.execute("set constraints all deferred")
        # Children go before their parents, and come after them.
        for now, then in reversed(pairs):
            _delete(driver, tenant, now, then, side)
        for now, then in pairs:
            _update_and_insert(driver, tenant, now, then, side, others[now.name])
        driver.execute("set constraints all immediate")
        for now, then in pairs:
            if compare(driver, now, then, (tenant.schema, side)).rows:
                raise BackupError(
                    f"Triggers or rules of the table {now.name} changed what was restored into it. "
                    "Nothing was changed. Restore the whole tenant, or switch them off first."
                )


def _delete(
    driver: psycopg.Connection, tenant: Tenant, now: TableDefinition, then: TableDefinition,
    side: str,
) -> None:  # fmt: skip
    here, there = sql.Identifier(tenant.schema, now.name), sql.Identifier(side, now.name)
    columns = _columns(now, then)
    if not then.key or then.key != now.key:
        driver.execute(sql.SQL("delete from {}").format(here))
        return
    driver.execute(
        sql.SQL(
            "delete from {here} n where not exists (select from {there} t where {match}{alike})"
        ).format(
            here=here,
            there=there,
            match=_match(then.key),
            # What may not be changed is taken away, and written anew.
            alike=sql.SQL("")
            if _may_update(driver, tenant, now.name)
            else sql.SQL(" and not {}").format(_differs(columns, then.key)),
        )
    )


def _may_update(driver: psycopg.Connection, tenant: Tenant, table: str) -> bool:
    row = driver.execute(
        "select pg_catalog.has_table_privilege(%s, 'update')",
        [sql.Identifier(tenant.schema, table).as_string(driver)],
    ).fetchone()
    return bool(row and row[0])


def _of_other_types(driver: psycopg.Connection, table: str, at: tuple[str, str]) -> set[str]:
    """Columns whose type is not the same in both schemas: one of the schema's own is not."""
    rows = driver.execute(
        """select a.attname::text from pg_catalog.pg_attribute a
           join pg_catalog.pg_class c on c.oid = a.attrelid
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           where n.nspname = any(%s) and c.relname = %s and a.attnum > 0 and not a.attisdropped
           group by 1 having count(distinct (a.atttypid, a.atttypmod)) > 1""",
        [list(at), table],
    )
    return {name for (name,) in rows}


def _update_and_insert(
    driver: psycopg.Connection, tenant: Tenant, now: TableDefinition, then: TableDefinition,
    side: str, other_types: Collection[str],
) -> None:  # fmt: skip
    here, there = sql.Identifier(tenant.schema, now.name), sql.Identifier(side, now.name)
    columns = _columns(now, then)
    keyed = bool(then.key) and then.key == now.key
    types = {column.name: column.type for column in now.columns}
    values = {
        name: sql.SQL("{}::text::{}").format(sql.Identifier("t", name), sql.SQL(types[name]))
        if name in other_types
        else sql.Identifier("t", name)
        for name in columns
    }
    rest = [name for name in columns if name not in then.key]
    if keyed and rest and _may_update(driver, tenant, now.name):
        driver.execute(
            sql.SQL("update {here} n set {set} from {there} t where {match} and {differs}").format(
                here=here,
                there=there,
                match=_match(then.key),
                differs=_differs(columns, then.key),
                set=sql.SQL(", ").join(
                    sql.SQL("{} = {}").format(sql.Identifier(name), values[name]) for name in rest
                ),
            )
        )
    driver.execute(
        sql.SQL("insert into {} ({}) overriding system value select {} from {} t{}").format(
            here,
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(values[name] for name in columns),
            there,
            sql.SQL(" where not exists (select from {} n where {})").format(here, _match(then.key))
            if keyed
            else sql.SQL(""),
        )
    )
