"""Rows of a snapshot for another environment: masked as exports are, in an order of no meaning.

Of tables that are no entities nobody knows what would have to be masked; a masked copy has them
empty. What no mapping used (``legacy``) goes, and so do the places of rows in source files.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ispmig_pipelines.backup.manifest import Table
from ispmig_pipelines.backup.restore import loading
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform import ddl

_LOADED = "__loaded"
_KEPT = (ddl.MIGRATION, ddl.CHANGED)
_ZERO = (ddl.FILE, ddl.RECORD)


def batch(masker: Masker, entity: str, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of an entity, masked under the tenant's key."""
    fields = ENTITIES[entity].fields
    names = [name for name in rows.schema.names if name in fields]
    texts = pa.RecordBatch.from_arrays([_text(rows.column(n)) for n in names], names=names)
    masked = masker.batch(entity, texts)
    columns = dict(zip(names, masked.columns, strict=True))
    columns |= {name: rows.column(name) for name in _KEPT if name in rows.schema.names}
    zeros = pa.array([0] * rows.num_rows, pa.int64())
    columns |= {name: zeros for name in _ZERO if name in rows.schema.names}
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def load(
    driver: psycopg.Connection,
    schema: str,
    table: Table,
    batches: Iterable[pa.RecordBatch],
) -> int:
    """Loads masked rows; returns how many.

    They are written anew in the order of their masked keys: the order in which they came would
    tell whose customer came before whose.
    """
    loaded, target = sql.Identifier(schema, _LOADED), sql.Identifier(schema, table.name)
    driver.execute(sql.SQL("create unlogged table {} (like {})").format(loaded, target))
    rows = loading.load(driver, loaded, (("", batch) for batch in batches)).rows
    fields = ENTITIES[table.name].fields
    columns = sql.SQL(", ").join(
        sql.Identifier(column.name)
        for column in table.columns
        if column.name in fields or column.name in (*_KEPT, *_ZERO)
    )
    driver.execute(
        sql.SQL("insert into {} ({}) select {} from {} order by {}").format(
            target,
            columns,
            columns,
            loaded,
            sql.SQL(", ").join(map(sql.Identifier, ENTITIES[table.name].key)),
        )
    )
    driver.execute(sql.SQL("drop table {}").format(loaded))
    return rows


def _text(column: pa.Array) -> pa.Array:
    """A column in the platform's canonical text."""
    if pa.types.is_timestamp(column.type):
        return pc.binary_join_element_wise(
            pc.strftime(column, format="%Y-%m-%dT%H:%M:%S"), "+00:00", ""
        )
    if pa.types.is_time(column.type):
        return pc.replace_substring_regex(pc.cast(column, pa.string()), r"\.?0+$", "")
    if pa.types.is_decimal(column.type):
        # Arrow writes small numbers with an exponent.
        return pa.array(
            [None if value is None else format(value, "f") for value in column.to_pylist()],
            pa.string(),
        )
    return pc.cast(column, pa.string())
