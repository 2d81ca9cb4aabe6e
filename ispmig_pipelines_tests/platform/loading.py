"""Feeds of rows written by hand, for the tests of loading."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy.engine import Connection

from ispmig_pipelines.issues import Severity, every_rule
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.load import Feed, Loaded, load
from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.reconcile import Amounts
from ispmig_pipelines.platform.tenants import Tenant

LENIENT = Policy(
    severities={code: Severity.WARNING for code, rule in every_rule().items() if rule.adjustable}
)
"""Lets in whatever the database can hold: what an older release, or a lenient spec, has let in."""


def feed(
    tenant: Tenant,
    migration: int,
    entity: str,
    rows: list[dict[str, Any]],
    *,
    index: int = 0,
    partial: bool = False,
    has_legacy: bool = False,
    file: int = 0,
) -> Feed:
    """A feed of accepted rows; ``legacy`` in a row is its unmapped cells."""
    info = ENTITIES[entity]
    named = {name for row in rows for name in row}
    fields = tuple(f for f in info.fields if f in named)
    table = FeedTable(tenant, migration, entity, index, fields, partial, has_legacy)
    columns = [pa.array([r.get(f) for r in rows], info.fields[f].arrow_type) for f in fields]
    legacy = [json.dumps(r["legacy"]) if "legacy" in r else None for r in rows]
    batch = pa.RecordBatch.from_arrays(
        [
            *columns,
            pa.array(legacy, pa.string()),
            pa.array([file] * len(rows), pa.int32()),
            pa.array(range(1, len(rows) + 1), pa.int64()),
            pa.array(range(2, len(rows) + 2), pa.int64()),
        ],
        names=[*fields, "legacy", "_file", "_record", "_line"],
    )
    amounts: dict[str, dict[str, Amounts]] = {}
    for name, currency in table.money.items():
        for row in rows:
            if row.get(name) is not None:
                code = row.get(currency) or "XXX"
                total = amounts.setdefault(name, {}).setdefault(code, Amounts())
                total.source += Decimal(row[name])

    def cells(positions: list[tuple[int, int]]) -> Iterator[str]:
        for _, record in positions:
            yield json.dumps({k: str(v) for k, v in rows[record - 1].items()})

    return Feed(
        table=table,
        read=len(rows),
        amounts=amounts,
        accepted=lambda: iter([batch]),
        quarantined=lambda: iter([]),
        issues=lambda: iter([]),
        cells=cells,
    )


def open_migration(connection: Connection, tenant: Tenant) -> int:
    """A running migration in the ledger."""
    with connection.begin():
        migration = ledger.open_migration(
            connection,
            tenant=tenant.slug,
            mode="load",
            on_conflict="update",
            spec_name="test",
            spec_path="",
            spec_text="",
            spec_digest="",
            dagster_run_id="",
            actor="test",
        )
        files = [{"index": index, "path": f"{index}.csv"} for index in range(len(ENTITIES))]
        ledger.update_migration(connection, migration, files=files)
        return migration


def load_rows(
    connection: Connection,
    tenant: Tenant,
    entities: dict[str, list[dict[str, Any]]],
    *,
    on_conflict: OnConflict = OnConflict.update,
    dry_run: bool = False,
    policy: Policy = Policy(),  # noqa: B008 - it is immutable
    own_files: bool = False,
) -> tuple[int, Loaded]:
    """Loads rows, one feed per entity, as one migration.

    Args:
        own_files: those of each entity stand in a file of its own; else all in one, so that those
            of one number are one record, which feeds several entities.
    """
    migration = open_migration(connection, tenant)
    feeds = [
        feed(
            tenant,
            migration,
            e,
            rows,
            has_legacy=any("legacy" in r for r in rows),
            file=number if own_files else 0,
        )
        for number, (e, rows) in enumerate(entities.items())
    ]
    return migration, load(
        connection,
        tenant,
        migration,
        feeds,
        on_conflict=on_conflict,
        dry_run=dry_run,
        approve=lambda loaded: None,
        spill=Path(tempfile.gettempdir()),
        policy=policy,
    )
