"""A restore with what goes before and after it: the change journal shipped, the planner told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import psycopg
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.journal.changes import changes_since
from ispmig_pipelines.backup.journal.ship import ship_if_on
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore.records import Restored
from ispmig_pipelines.backup.restore.restore import Asked, analyze, restore
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform.tenants import Tenant


def carry_out(
    connection: Connection,
    tenant: Tenant,
    repository: Repository,
    asked: Asked,
    *,
    actor: str,
    dagster_run_id: str = "",
    told: Callable[[str], None] = lambda text: None,
) -> Restored:
    """Restores; the caller holds the tenant, and is in no transaction, nor is he afterwards.

    Raises:
        UsageError, BackupDamaged, BackupError, DatabaseError, StorageError: see
            :func:`.restore.restore`.
    """
    if asked.at is not None:
        # Up to now: what is asked for may be of a minute ago.
        ship_if_on(tenant, repository)
    done = restore(
        connection,
        tenant,
        repository,
        asked,
        actor=actor,
        dagster_run_id=dagster_run_id,
        changes_since=changes_since(repository, asked.tables),
        told=told,
    )
    if not (asked.dry_run or asked.into):
        # The journal has begun anew with the tables; a failure here undoes nothing.
        with suppress(IspmigError):
            ship_if_on(tenant, repository)
    if not asked.dry_run:
        # Nobody needs it to be right; the server does it by itself within minutes.
        with suppress(psycopg.Error):
            analyze(connection, tenant, asked.into or None)
    connection.rollback()
    return done
