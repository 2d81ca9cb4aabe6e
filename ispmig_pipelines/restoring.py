"""Restoring from the command line, here and now, to its end; and what comes after it.

Without Dagster, whose start takes longer than restoring most tenants: the audit trail is the record
of restores, whoever makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.backup.restore.records import Restored
    from ispmig_pipelines.backup.restore.restore import Kept


def restore(
    connection: Connection,
    tenant: str,
    *,
    snapshot: str = "",
    at: str = "",
    tables: tuple[str, ...] = (),
    into: str = "",
    mask: bool = False,
    dry_run: bool = False,
    verify: str = "quick",
    files: bool = True,
    files_to: str = "",
    told: Callable[[str], None] = lambda text: None,
) -> Restored:
    """Restores a tenant; what can be known to be wrong beforehand is told before anything is begun.

    A tenant that this platform has never known is made first, with its history; see
    :mod:`.backup.restore.new_platform`.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        told: is told what is being done.

    Raises:
        UsageError, BackupError: tenant, snapshot or names are wrong, or the manifest cannot be
            trusted; nothing was begun.
        TenantBusy: another run works on the tenant.
        BackupDamaged, DatabaseError, StorageError: see :func:`.backup.restore.restore.restore`;
            nothing was changed.
    """
    from ispmig_pipelines.account import account
    from ispmig_pipelines.backup.repository import open_repository
    from ispmig_pipelines.backup.restore import choosing, new_platform, some_tables
    from ispmig_pipelines.backup.restore.course import carry_out
    from ispmig_pipelines.backup.restore.restore import Asked
    from ispmig_pipelines.platform import tenants
    from ispmig_pipelines.platform.server import told_plainly

    tenants.check_slug(tenant)
    known = new_platform.is_known(connection, tenant)
    if known:
        tenants.get(connection, tenant)
    connection.rollback()
    moment = choosing.moment(at) if at else None
    asked = Asked(snapshot, moment, tables, into, mask, dry_run, verify, files, files_to)
    asked.check()
    if not known and (tables or into or dry_run or at):
        # As of any other command.
        tenants.get(connection, tenant)
    chosen = choosing.choose(open_repository(tenant), snapshot, moment)
    some_tables.check_names(
        tables, {table.name for table in chosen.manifest.tables}, chosen.manifest.snapshot
    )

    if not known:
        new_platform.make(
            connection.engine, open_repository(tenant), chosen.manifest, actor=account()
        )

    if snapshot:
        # What was checked is what is restored: a backup may be made meanwhile.
        asked = replace(asked, snapshot=chosen.manifest.snapshot)
    with (
        told_plainly(),
        connection.engine.connect() as holding,
        tenants.lock(holding, tenant, "restore"),
    ):
        with connection.begin():
            found = tenants.get(connection, tenant)
        return carry_out(
            connection, found, open_repository(tenant), asked, actor=account(), told=told
        )


def finish(connection: Connection, slug: str) -> int:
    """Brings to its end what a restore that was cut off after its commit left of files; returns how
    many such there were.

    Raises:
        TenantError: there is no such tenant.
        StorageError: it cannot be done yet.
    """
    from ispmig_pipelines.backup.restore import files
    from ispmig_pipelines.platform import tenants

    tenants.get(connection, slug)
    connection.rollback()
    with connection.engine.connect() as holding, tenants.lock(holding, slug, "restore finish"):
        return files.settle(connection, slug)


def undo(connection: Connection, slug: str, *, files: bool = True) -> dict[str, Any]:
    """Puts back what was there before the newest restore of a tenant.

    Args:
        files: also the tenant's files.

    Raises:
        StorageError: its files cannot be put back; the text says whether the tables are.
        TenantError: there is no such tenant.
        UsageError: nothing is kept.
        BackupError, DatabaseError: it cannot be put back now; nothing was changed.
    """
    from ispmig_pipelines.account import account
    from ispmig_pipelines.backup.restore import restore as restores
    from ispmig_pipelines.platform import tenants

    tenant = tenants.get(connection, slug)
    connection.rollback()
    with connection.engine.connect() as holding, tenants.lock(holding, slug, "restore undo"):
        return restores.undo(connection, tenant, actor=account(), with_files=files)


def confirm(connection: Connection, slug: str) -> dict[str, Any]:
    """Lets go of what was kept of a tenant before restores.

    Raises:
        TenantError: there is no such tenant.
        UsageError: nothing is kept.
    """
    from ispmig_pipelines.account import account
    from ispmig_pipelines.backup.restore import restore as restores
    from ispmig_pipelines.platform import tenants

    tenant = tenants.get(connection, slug)
    connection.rollback()
    with connection.engine.connect() as holding, tenants.lock(holding, slug, "restore confirm"):
        return restores.confirm(connection, tenant, actor=account())


def points(connection: Connection, slug: str) -> list[Kept]:
    """States of before restores that are kept, the newest first.

    Raises:
        TenantError: there is no such tenant.
    """
    from ispmig_pipelines.backup.restore import restore as restores
    from ispmig_pipelines.platform import tenants

    tenant = tenants.get(connection, slug)
    found = restores.restore_points(connection, tenant)
    connection.rollback()
    return found
