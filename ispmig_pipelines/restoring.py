"""Restoring from the command line: the Dagster job, here and now, to its end; and what comes after
it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ispmig_pipelines.errors import RunFailed

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
    log_level: str = "INFO",
) -> Restored:
    """Runs the job ``tenant_restore``; what can be known to be wrong beforehand is told before.

    A tenant that this platform has never known is made first, with its history; see
    :mod:`.backup.restore.new_platform`.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        log_level: of what the run says on standard error.

    Raises:
        UsageError, BackupError: tenant, snapshot or names are wrong, or the manifest cannot be
            trusted; nothing was run.
        RunFailed: the run failed; nothing was changed.
    """
    from ispmig_pipelines.backup.repository import open_repository
    from ispmig_pipelines.backup.restore import choosing, new_platform, records, some_tables
    from ispmig_pipelines.backup.restore.restore import Asked
    from ispmig_pipelines.platform import tenants

    tenants.check_slug(tenant)
    known = new_platform.is_known(connection, tenant)
    if known:
        tenants.get(connection, tenant)
    connection.rollback()
    moment = choosing.moment(at) if at else None
    Asked(snapshot, moment, tables, into, mask, dry_run, verify, files, files_to).check()
    if not known and (tables or into or dry_run or at):
        # As of any other command.
        tenants.get(connection, tenant)
    chosen = choosing.choose(open_repository(tenant), snapshot, moment)
    some_tables.check_names(
        tables, {table.name for table in chosen.manifest.tables}, chosen.manifest.snapshot
    )

    if not known:
        from ispmig_pipelines.account import account

        new_platform.make(
            connection.engine, open_repository(tenant), chosen.manifest, actor=account()
        )

    from ispmig_pipelines.defs.instance import instance
    from ispmig_pipelines.defs.launch import run_job

    config = {
        "snapshot": snapshot and chosen.manifest.snapshot,
        "at": at,
        "tables": list(tables),
        "into": into,
        "mask": mask,
        "dry_run": dry_run,
        "verify": verify,
        "files": files,
        "files_to": files_to,
    }
    with instance() as dagster:
        run, failure = run_job(
            dagster, "tenant_restore", tenant, {"restore": config}, log_level=log_level
        )
    if failure:
        raise RunFailed(failure)
    done = records.of_run(connection, run.run_id)
    connection.rollback()
    assert done is not None  # noqa: S101 - a run that succeeded has entered itself
    return done


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
