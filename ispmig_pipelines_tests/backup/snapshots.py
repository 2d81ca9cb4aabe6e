"""What a snapshot says of a table, and what the table says itself, so that both can be compared."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines.backup.manifest import Manifest, Table
from ispmig_pipelines.backup.repository import Repository

Row = tuple[Any, ...]


def stored(repository: Repository, manifest: Manifest, name: str) -> Counter[Row]:
    """Rows of a table: its pieces, with overlays put over them, the latest last."""
    table = manifest.table(name)
    assert table is not None, name
    rows: dict[Any, Row] = {}
    free: Counter[Row] = Counter()
    for kind, ref in _steps(table):
        batch = repository.get(ref)
        names = batch.schema.names
        for record in batch.to_pylist():
            key = tuple(str(record[part]) for part in table.key)
            if not table.key:
                free[tuple(record[c] for c in names)] += 1
            elif kind == "deletes":
                assert names == list(table.key)
                assert rows.pop(key, None) is not None, "a row is gone that was never there"
            else:
                rows[key] = tuple(record[column.name] for column in table.columns)
    return free + Counter(rows.values())


def _steps(table: Table) -> list[tuple[str, Any]]:
    steps = [("rows", ref) for ref in table.pieces]
    for overlay in table.overlays:
        steps += [("deletes", ref) for ref in overlay.deletes]
        steps += [("upserts", ref) for ref in overlay.upserts]
    return steps


def live(driver: psycopg.Connection, schema: str, table: Table) -> Counter[Row]:
    """Rows of a table as the database tells them itself, in the types that pieces have."""
    columns = [
        sql.SQL(
            # As it is written out; a cast to text would take spaces away.
            "case when {0} is not null then concat({0}) end"
            if column.piece_type == "string"
            else "{0}"
        ).format(sql.Identifier(column.name))
        for column in table.columns
    ]
    query = sql.SQL("select {} from only {}").format(
        sql.SQL(", ").join(columns), sql.Identifier(schema, table.name)
    )
    return Counter(driver.execute(query).fetchall())
