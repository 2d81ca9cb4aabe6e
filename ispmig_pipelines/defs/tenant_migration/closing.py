"""How a migration begins, goes on after a failure, and ends: what the ledger's states allow.

==========  =====================================  ===========================================
state       load                                   audit
==========  =====================================  ===========================================
running     loads                                  of a dry run: nothing to audit
failed      loads again, unless a later migration  refuses
            of the tenant was published
published   nothing: it died after the commit      audits
done        nothing                                nothing
checked     refuses: a dry run that has ended      refuses
undone      refuses: it was taken back             refuses
==========  =====================================  ===========================================

A migration that was published and never audited does not stand: before the tenant's next
migration begins, :func:`sweep` takes it back.
"""

import time

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from sqlalchemy.engine import Connection

from ispmig_pipelines.account import account
from ispmig_pipelines.defs.tenant_job import TENANT_TAG
from ispmig_pipelines.defs.tenant_migration.manifests import Options
from ispmig_pipelines.errors import MigrationError
from ispmig_pipelines.platform import ledger, measured, quarantine, tenants
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.rollback import restore_points
from ispmig_pipelines.platform.rollback.undo import undo
from ispmig_pipelines.preview import store
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import remove_expired

MIGRATION_TAG = "ispmig/migration"


def sweep(connection: Connection, tenant: tenants.Tenant, instance: DagsterInstance) -> None:
    """Clears away what earlier runs of the tenant left: dead ones, old ones, dry ones.

    The caller holds the tenant, so no other run of it is alive.
    """
    with connection.begin():
        abandoned = ledger.close_abandoned(connection, tenant.slug)
        entries = ledger.migrations(connection, tenant.slug)
        driver = tenants.raw(connection)
        with tenants.as_tenant(driver, tenant):
            quarantine.forget(driver, tenant, [m.id for m in entries if m.mode == "dry_run"])
        for migration in abandoned:
            entered.failed(connection, migration, entered.ABANDONED)
    for entry in entries:  # the newest first, as undoing must be
        if entry.state is State.PUBLISHED:
            why = "It was never audited, so it was taken back."
            take_back(connection, tenant, entry.id, why, keep_changes=True)
    with connection.begin():
        restore_points.expire(connection, tenant, actor=account(), now=ledger.now())
    needless = {m.id for m in entries if m.state in ledger.FINAL and m.state is not State.FAILED}
    remove_expired(settings().staging_folder, tenant.slug, needless.__contains__)
    store.remove_expired(settings().reports_folder, tenant.slug)
    _bury_dead_runs(instance, tenant.slug)


def _bury_dead_runs(instance: DagsterInstance, slug: str) -> None:
    """Tells Dagster of runs whose process was killed: it does not notice by itself, and its
    queue would keep the tenant's place for them for ever.

    Only runs that had the tenant before, which their migration's tag shows, are known to be dead.
    """
    started = RunsFilter(tags={TENANT_TAG: slug}, statuses=[DagsterRunStatus.STARTED])
    for run in instance.get_runs(started):
        if MIGRATION_TAG in run.tags:
            instance.report_run_failed(run, "The process of this run has died.")


def may_load(connection: Connection, migration: int, run_id: str, actor: str) -> bool:
    """Whether there is anything to load; takes the migration over for this run.

    Args:
        actor: who started the run.

    Raises:
        MigrationError: it has ended in a way that cannot be gone on from.
    """
    with connection.begin():
        entry = ledger.migration(connection, migration)
        if entry.state in (State.PUBLISHED, State.DONE):
            return False
        later = [
            m.id
            for m in ledger.migrations(connection, entry.tenant)
            if m.id > migration and m.state in (State.PUBLISHED, State.DONE)
        ]
        if entry.state not in (State.RUNNING, State.FAILED) or later:
            raise MigrationError(_over(entry, later))
        ledger.update_migration(
            connection, migration, state=State.RUNNING, dagster_run_id=run_id, error=None
        )
        if entry.state is State.FAILED:
            entered.begun(connection, migration, actor)
    return True


def may_audit(connection: Connection, migration: int, run_id: str) -> bool:
    """Whether there is anything to audit; takes the migration over for this run.

    Raises:
        MigrationError: nothing of it is published.
    """
    with connection.begin():
        entry = ledger.migration(connection, migration)
        if entry.state is State.DONE or (entry.state is State.RUNNING and entry.mode == "dry_run"):
            return False
        if entry.state is not State.PUBLISHED:
            raise MigrationError(_over(entry, []))
        ledger.update_migration(connection, migration, dagster_run_id=run_id)
    return True


def _over(entry: ledger.Migration, later: list[int]) -> str:
    if later:
        return (
            f"Migration {entry.id} cannot be gone on with: migration {later[0]} of tenant "
            f"{entry.tenant} was published since. Start a new migration."
        )
    ended = {
        State.UNDONE: "was taken back",
        State.PARTLY_UNDONE: "was rolled back, but for rows that others changed since",
        State.CHECKED: "was a dry run, and has ended",
    }.get(entry.state, f"is {entry.state.value}")
    return f"Migration {entry.id} {ended}, so there is nothing to retry. Start a new migration."


def take_back(
    connection: Connection,
    tenant: tenants.Tenant,
    migration: int,
    why: str,
    *,
    keep_changes: bool = False,
) -> None:
    """Undoes a published migration and says so in the ledger, in one transaction.

    Args:
        keep_changes: keep rows that others changed since. Not where the audit failed: such a
            change, made between publishing and the audit, may be what it failed for.
    """
    driver = tenants.raw(connection)
    with connection.begin():
        done = undo(driver, tenant, migration, force=not keep_changes)
        state = State.PARTLY_UNDONE if done.left else State.UNDONE
        if done.left:
            why += f" {done.left:,} of its rows are kept, which others changed or need by now."
        ledger.update_migration(connection, migration, state=state, error=why)
        entered.failed(connection, migration, entered.TAKEN_BACK)


def finish(
    connection: Connection,
    tenant: tenants.Tenant,
    migration: int,
    options: Options,
    peak_rss_mb: float,
) -> ledger.Migration:
    """Closes the migration in the ledger; one that is closed stays as it is."""
    with connection.begin():
        entry = ledger.migration(connection, migration)
    if entry.state in ledger.FINAL:
        return entry
    # Six seconds for a million rows, while nobody waits for anything.
    after = None if options.dry_run else measured.measure(tenants.raw(connection), tenant)
    connection.rollback()
    seconds = max(time.time() - options.started, 0.001)
    with connection.begin():
        entry = ledger.migration(connection, migration)
        if entry.state in ledger.FINAL:
            return entry
        read = sum(c["read"] for c in entry.entities.values())
        ledger.update_migration(
            connection,
            migration,
            state=State.CHECKED if options.dry_run else State.DONE,
            seconds=round(seconds, 3),
            rows_per_second=round(read / seconds, 1),
            peak_rss_mb=peak_rss_mb,
            error=None,
        )
        if after is not None:
            measured.keep(connection, migration, measured.AFTER, after)
        entered.finished(connection, migration, None if after is None else after.sha256)
        return ledger.migration(connection, migration)
