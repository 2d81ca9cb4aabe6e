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

import datetime as dt
import time
from dataclasses import dataclass, field

from dagster import DagsterInstance
from sqlalchemy.engine import Connection

from ispmig_pipelines.account import account
from ispmig_pipelines.backup.restore import records as restores
from ispmig_pipelines.backup.restore import swap
from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.living import MIGRATION_TAG as MIGRATION_TAG
from ispmig_pipelines.defs.tenant_migration.manifests import Options
from ispmig_pipelines.errors import MigrationError
from ispmig_pipelines.platform import ledger, measured, quarantine, tenants
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.rollback import restore_points, rollback
from ispmig_pipelines.platform.rollback.undo import undo
from ispmig_pipelines.preview import store
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import remove_expired, remove_parts, shared_place

STOPPED = "It was stopped."
"""What the ledger says of a migration that somebody ended."""

DIED = "The process of a step died. Nothing of it was loaded; retry the run from failure."
"""What it says where that happened to a step in a process of its own."""


@dataclass(frozen=True)
class Swept:
    """What was cleared away of a tenant.

    Attributes:
        failed: migrations whose process had died while they ran.
        taken_back: migrations that were published and never audited.
        expired: migrations whose restore point is over.
        staged: migrations of which nothing is staged any more.
        parts: files that were being written when their process died.
        reports: migrations whose reports of dry runs were deleted.
        runs: Dagster's runs whose process had died.
    """

    failed: list[int] = field(default_factory=list)
    taken_back: list[int] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    staged: list[int] = field(default_factory=list)
    parts: int = 0
    reports: list[int] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


def sweep(
    connection: Connection,
    tenant: tenants.Tenant,
    instance: DagsterInstance,
    *,
    run_id: str = "",
    unaudited_since: dt.datetime | None = None,
) -> Swept:
    """Clears away what earlier runs of the tenant left: dead ones, old ones, dry ones.

    The caller holds the tenant, so no other run of it is alive.

    Args:
        run_id: the run that asks.
        unaudited_since: leave alone what was published later than this, and quarantines of dry
            runs, which somebody may still look at: no migration is about to begin.
    """
    with connection.begin():
        abandoned = ledger.close_abandoned(connection, tenant.slug)
        entries = ledger.migrations(connection, tenant.slug)
        if unaudited_since is None:
            driver = tenants.raw(connection)
            with tenants.as_tenant(driver, tenant):
                quarantine.forget(driver, tenant, [m.id for m in entries if m.mode == "dry_run"])
        for migration in abandoned:
            entered.failed(connection, migration, entered.ABANDONED)
        rollback.close_abandoned(connection, tenant.slug)
        restores.close_abandoned(connection, tenant.slug)
        swap.drop_abandoned(tenants.raw(connection), tenant)
    taken_back = []
    for entry in entries:  # the newest first, as undoing must be
        if entry.state is not State.PUBLISHED:
            continue
        if unaudited_since is not None:
            with connection.begin():
                at = entered.published_at(connection, entry) or entry.started_at
            if at > unaudited_since:
                # It may be retried from failure; what was published before it waits for it.
                break
        why = "It was never audited, so it was taken back."
        take_back(connection, tenant, entry.id, why, keep_changes=True)
        taken_back.append(entry.id)
    with connection.begin():
        expired = restore_points.expire(connection, tenant, actor=account(), now=ledger.now())
    return Swept(
        failed=abandoned,
        taken_back=taken_back,
        expired=expired,
        staged=forget_staged(connection, tenant),
        parts=remove_parts(settings().staging_folder, tenant.slug, shared_place()),
        reports=store.remove_expired(settings().reports_folder, tenant.slug),
        runs=living.bury_of_tenant(instance, connection, tenant.slug, own=run_id),
    )


def forget_staged(connection: Connection, tenant: tenants.Tenant) -> list[int]:
    """Deletes what is staged of migrations that cannot be gone on with; returns their ids."""
    with connection.begin():
        entries = ledger.migrations(connection, tenant.slug)
    standing = max((m.id for m in entries if m.state in (State.PUBLISHED, State.DONE)), default=0)
    needless = {
        m.id
        for m in entries
        if m.state in ledger.FINAL and (m.state is not State.FAILED or m.id < standing)
    }
    return remove_expired(
        settings().staging_folder, tenant.slug, needless.__contains__, shared_place()
    )


def resume(connection: Connection, run_id: str, actor: str) -> int | None:
    """The migration that this run has begun already, when its first op is tried again; None when
    it is to begin one.

    Args:
        actor: who started the run.
    """
    with connection.begin():
        entry = ledger.migration_of_run(connection, run_id)
        if entry is None or entry.state not in (State.RUNNING, State.FAILED):
            return None
        if entry.state is State.FAILED:  # somebody took it for dead between two tries
            ledger.update_migration(
                connection, entry.id, state=State.RUNNING, finished_at=None, error=None
            )
            entered.begun(connection, entry.id, actor)
    return entry.id


def may_load(connection: Connection, migration: int, run_id: str, actor: str) -> bool:
    """Whether there is anything to load; takes the migration over for this run.

    Args:
        actor: who started the run.

    Raises:
        MigrationError: it has ended in a way that cannot be gone on from.
    """
    with connection.begin():
        entry = ledger.migration(connection, migration, to_change=True)
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
            connection,
            migration,
            state=State.RUNNING,
            dagster_run_id=run_id,
            finished_at=None,
            error=None,
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
        entry = ledger.migration(connection, migration, to_change=True)
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
        if ledger.migration(connection, migration, to_change=True).state is not State.PUBLISHED:
            return  # another run did, which had the tenant while our connection was lost
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
    after: measured.Measured | None = None,
) -> ledger.Migration:
    """Closes the migration in the ledger; one that is closed stays as it is.

    Args:
        after: what the tenant has since it was published, where that was measured already.

    Raises:
        MigrationError: another run has taken it back meanwhile.
    """
    with connection.begin():
        entry = ledger.migration(connection, migration)
    if entry.state in ledger.FINAL:
        return _standing(entry)
    if after is None and not options.dry_run:
        after = measured.measure(tenants.raw(connection), tenant)
    connection.rollback()
    seconds = max(time.time() - options.started, 0.001)
    with connection.begin():
        entry = ledger.migration(connection, migration, to_change=True)
        if entry.state in ledger.FINAL:
            return _standing(entry)
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


def _standing(entry: ledger.Migration) -> ledger.Migration:
    if entry.state not in (State.DONE, State.CHECKED):
        raise MigrationError(_over(entry, []))
    return entry


def note_ended(
    connection: Connection, run_id: str, why: str = STOPPED, kind: str = entered.INTERRUPTED
) -> None:
    """Closes what a run had begun that ended where none of its ops could say so: it was stopped
    between two of them, unless it is said otherwise.

    Args:
        why: in words; kind: the stable name of the kind of error.
    """
    with connection.begin():
        entry = ledger.migration_of_run(connection, run_id)
        if entry is None:
            return
        entry = ledger.migration(connection, entry.id, to_change=True)
        if entry.state is not State.RUNNING or entry.dagster_run_id != run_id:
            return
        ledger.update_migration(connection, entry.id, state=State.FAILED, error=why)
        entered.failed(connection, entry.id, kind)
