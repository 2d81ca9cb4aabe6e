"""What a migration changes in rows that the tenant had before it, field by field.

Asked in the transaction that publishes, before its end: the undo journal holds each row as it
was, the tenant's table as it would be. So a row that several blocks update counts once, and a
row that this migration itself inserted not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl
from ispmig_pipelines.platform.journal import UNDO
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.platform.undo import key_json

EXAMPLES = 20
"""Changed rows of an entity whose records are named."""


@dataclass(frozen=True)
class Changes:
    """What changes in an entity's rows.

    Attributes:
        rows: rows whose content differs afterwards.
        fields: field → rows in which it differs; only fields that do.
        legacy: rows whose unmapped columns differ.
        examples: (file, record) of the source records that the first changed rows come from.
    """

    rows: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    legacy: int = 0
    examples: tuple[tuple[int, int], ...] = ()


def changes(driver: psycopg.Connection, tenant: Tenant, migration: int, entity: str) -> Changes:
    """Counts what the migration, in this transaction, has changed in an entity's rows.

    To be called as the tenant's role.
    """
    names = [n for n in ENTITIES[entity].fields if n not in ENTITIES[entity].key]
    differing = {
        name: sql.SQL("now -> {name} is distinct from was -> {name}").format(name=sql.Literal(name))
        for name in [*names, "legacy"]
    }
    pairs = sql.SQL(
        """(select to_jsonb(t) as now, u.row as was, t._file, t._record
            from {journal} u join {target} t on {key} = u.key
            where u.migration = {migration} and u.entity = {entity}) pairs"""
    ).format(
        journal=sql.Identifier(tenant.schema, UNDO),
        target=sql.Identifier(tenant.schema, entity),
        key=key_json(entity, "t"),
        migration=sql.Literal(migration),
        entity=sql.Literal(entity),
    )
    differs = sql.SQL("({})").format(sql.SQL(" or ").join(differing.values()))
    row = driver.execute(
        sql.SQL("select count(*) filter (where {}), {} from {}").format(
            differs,
            sql.SQL(", ").join(
                sql.SQL("count(*) filter (where {})").format(one) for one in differing.values()
            ),
            pairs,
        )
    ).fetchone()
    if row is None or not row[0]:
        return Changes()
    counted = dict(zip(differing, row[1:], strict=True))
    examples = driver.execute(
        sql.SQL("select _file, _record from {} where {} order by _file, _record limit {}").format(
            pairs, differs, sql.Literal(EXAMPLES)
        )
    ).fetchall()
    legacy = counted.pop("legacy")
    return Changes(
        rows=row[0],
        fields={name: count for name, count in counted.items() if count},
        legacy=legacy,
        examples=tuple((file, record) for file, record in examples),
    )


def present_rows(
    driver: psycopg.Connection, tenant: Tenant, entity: str, keys: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The tenant's rows of these keys: key → field or ``legacy`` → value.

    To be called as the tenant's role.

    Args:
        keys: values of the key's fields, in order; those that name no row are left out.
    """
    info = ENTITIES[entity]
    wanted = [key for key in keys if None not in key]
    if not wanted:
        return {}
    query = sql.SQL(
        "select {fields} from {target} t join unnest({texts}) as asked ({key}) on {same}"
    )
    statement = query.format(
        fields=sql.SQL(", ").join(sql.Identifier("t", name) for name in [*info.fields, "legacy"]),
        target=sql.Identifier(tenant.schema, entity),
        texts=sql.SQL(", ").join([sql.SQL("%s::text[]")] * len(info.key)),
        key=sql.SQL(", ").join(map(sql.Identifier, info.key)),
        # Cast on this side, so that the key's index is of use.
        same=sql.SQL(" and ").join(
            sql.SQL("{} = {}::{}").format(
                sql.Identifier("t", name),
                sql.Identifier("asked", name),
                ddl.column_type(info.fields[name]),
            )
            for name in info.key
        ),
    )
    columns = [[str(part) for part in column] for column in zip(*wanted, strict=True)]
    with driver.cursor(row_factory=dict_row) as cursor:
        cursor.execute(statement, columns)
        found = cursor.fetchall()
    given = {tuple(map(str, key)): key for key in wanted}
    rows = {}
    for row in found:
        key = tuple(str(row[name]) for name in info.key)
        if key in given:
            rows[given[key]] = row
    return rows
