"""A tenant that this platform has never known, made of a snapshot: after a disaster, or a move.

The tenant gets its schema and its role, empty; and its history: its migrations and rollbacks, and
its audit trail, entry by entry as they were, so that the chain is proved as ever. An entry says
from which snapshot all of it came, in the tenant's chain and in the platform's. Its tables and
files are then restored as those of any tenant.

Numbers of migrations stand in the tenant's own rows, and those of entries are what their digests
are made of: nothing is numbered anew, and where a number is somebody else's here, it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection, Engine

from ispmig_pipelines.backup import tenant_files
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore import missing
from ispmig_pipelines.backup.restore.plan import LEDGER, plan
from ispmig_pipelines.backup.restore.rows import rows_of
from ispmig_pipelines.errors import BackupError, UsageError
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.audit.chain import GENESIS, PLATFORM
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines.platform.trail import Operation, Stage

_NUMBERED = ("data_migrations", "rollbacks", "drops")
"""Tables of the ledger that come back, each with an id. Alerts, and what lay in a drop place and
was not taken, are of the platform that was."""

_TRAIL = "data_migration_logs"
_FILES = "files"


def is_known(connection: Connection, slug: str) -> bool:
    """Whether this platform has the tenant, or had it and removed it."""
    return any(
        connection.execute(sa.select(sa.exists().where(column == slug))).scalar()
        for column in (ledger.tenants.c.slug, ledger.audit_heads.c.tenant)
    )


def make(
    engine: Engine, repository: Repository, manifest: Manifest, *, actor: str
) -> tuple[Tenant, dict[str, Any]]:
    """Makes a tenant that is not known here, without rows in its tables, in one transaction;
    returns it, and what the audit trail says.

    Raises:
        UsageError: the snapshot has no history of the tenant.
        TenantError: the server has a role of the name that it needs.
        BackupDamaged: a piece is missing or not what was stored.
        BackupError: numbers in its history are others' here, or a newer release wrote it.
        In all cases nothing was changed.
    """
    slug = manifest.tenant
    # What can be known to be wrong with the rest is told before there is half a tenant.
    missing.check_pieces(repository, [table for table, _ in plan(manifest).tables.values()])
    missing.check_pieces(repository, [t for t in manifest.tables if t.name.startswith(LEDGER)])
    missing.check_files(repository, manifest)
    with engine.begin() as connection:
        driver = raw(connection)
        tenant = tenants.describe(slug, driver.info.dbname)
        connection.execute(sa.text("lock table ispmig.tenants in share row exclusive mode"))
        if is_known(connection, slug):
            raise UsageError(f"There is a tenant {slug} already, or was. Nothing was changed.")
        tenants.make_schema(driver, tenant)
        own = _rows(repository, manifest, ledger.tenants.name)
        if len(own) != 1:
            raise UsageError(
                f"The snapshot {manifest.snapshot} does not hold what the ledger said of tenant "
                f"{slug}. Nothing was changed. Make the tenant (ispmig tenant add {slug}), and "
                "restore again: its tables and files come back."
            )
        try:
            _insert(driver, ledger.tenants.name, own)
            counts = {name: _bring(driver, repository, manifest, name) for name in _NUMBERED}
            connection.execute(
                sa.insert(ledger.audit_heads).values(tenant=slug, position=0, digest=GENESIS)
            )
            counts["entries"] = _bring(driver, repository, manifest, _TRAIL, order="position")
        except psycopg.errors.UniqueViolation as error:
            raise BackupError(
                f"Numbers in the history of tenant {slug} are those of others on this platform "
                f"({error.diag.table_name}). They stand in rows and in digests, and cannot be "
                "given anew. Nothing was changed. Restore on a platform whose ledger is empty, or "
                f"make the tenant (ispmig tenant add {slug}) and restore again: then its tables "
                "and files come back, and its history stays in the snapshot."
            ) from None
        except psycopg.errors.InsufficientPrivilege:
            # By the trigger that lets entries only go on from the newest one.
            raise BackupError(
                f"The audit trail of tenant {slug} in the snapshot is no chain: entries of it are "
                "missing or were moved before the backup was made. Nothing was changed. Make the "
                f"tenant (ispmig tenant add {slug}) and restore again: then its tables and files "
                "come back, and its history stays in the snapshot."
            ) from None
        _declare_files(connection, slug)
        end = trail.head(connection, slug)
        told = {
            "snapshot": manifest.snapshot,
            "instant": manifest.instant.isoformat(),
            "repository": repository.root,
            "schema": tenant.schema,
            "role": tenant.role,
            "brought": counts,
            "chain": None
            if end is None
            else {"position": end.position, "digest": end.digest.hex()},
        }
        entry = _enter(connection, slug, actor, told)
        _enter(connection, PLATFORM, actor, {"tenant": slug, "entry": entry, **told})
    return tenant, told


def _enter(connection: Connection, chain: str, actor: str, told: dict[str, Any]) -> int:
    return trail.enter(
        connection, chain, Operation.TENANT_RESTORED, Stage.FINISHED, actor=actor,
        dagster_run_id="", details=told,
    )  # fmt: skip


def _declare_files(connection: Connection, slug: str) -> None:
    """Checks the place of files that came with the tenant against those of others here."""
    table = ledger.tenants
    found = connection.execute(sa.select(table.c.settings).where(table.c.slug == slug))
    place = str(found.scalar_one().get(_FILES, ""))
    if place:
        tenant_files.declare(connection, slug, tenant_files.DEFAULT)
        tenant_files.declare(connection, slug, place)


def _rows(repository: Repository, manifest: Manifest, name: str) -> list[dict[str, Any]]:
    table = manifest.table(LEDGER + name)
    if table is None:
        return []
    found = [row for batch in rows_of(repository, table) for row in batch.to_pylist()]
    if len(found) != table.rows:
        raise BackupError(
            f"{table.name} has {table.rows:,} rows in the snapshot's manifest, and its pieces hold "
            f"{len(found):,}. Nothing was changed. Restore from another snapshot."
        )
    owner = "slug" if name == ledger.tenants.name else "tenant"
    if any(row.get(owner) != manifest.tenant for row in found):
        raise BackupError(
            f"{table.name} holds rows of another tenant. Nothing was changed. Only who has the "
            "tenant's key can have made that: find out who did, and restore from another snapshot."
        )
    return found


def _bring(
    driver: psycopg.Connection,
    repository: Repository,
    manifest: Manifest,
    name: str,
    order: str = "id",
) -> int:
    """Rows of a table of the ledger, with the ids that they had; later ones get others."""
    found = sorted(_rows(repository, manifest, name), key=lambda row: row[order])
    _insert(driver, name, found)
    if found:
        table = sql.Identifier(ledger.SCHEMA, name)
        driver.execute(
            sql.SQL(
                """select pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%s, 'id')::regclass,
                       greatest(max(id), (select last_value from {}))) from {}"""
            ).format(_sequence(driver, name), table),
            [table.as_string(driver)],
        )
    return len(found)


def _sequence(driver: psycopg.Connection, name: str) -> sql.Composable:
    row = driver.execute(
        "select pg_catalog.pg_get_serial_sequence(%s, 'id')",
        [sql.Identifier(ledger.SCHEMA, name).as_string(driver)],
    ).fetchone()
    assert row is not None  # noqa: S101 - a query without FROM always has a row
    return sql.SQL(row[0])


def _insert(driver: psycopg.Connection, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Rows into a table of the ledger, in their order; each column in the type it has here."""
    if not rows:
        return
    types: dict[str, str] = dict(
        driver.execute(
            """select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)
               from pg_catalog.pg_attribute a
               where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped""",
            [sql.Identifier(ledger.SCHEMA, name).as_string(driver)],
        ).fetchall()
    )
    columns = list(rows[0])
    if unknown := sorted(set(columns) - types.keys()):
        raise BackupError(
            f"The ledger of the snapshot has a column {name}.{unknown[0]}, which this release does "
            "not know: a newer one wrote it. Nothing was changed. Restore with that release."
        )
    statement = sql.SQL("insert into {} ({}) overriding system value values ({})").format(
        sql.Identifier(ledger.SCHEMA, name),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(types[c])) for c in columns),
    )
    with driver.cursor() as cursor:
        cursor.executemany(statement, [[row[column] for column in columns] for row in rows])
