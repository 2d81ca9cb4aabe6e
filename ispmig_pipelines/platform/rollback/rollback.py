"""Rolling migrations back: several in one transaction, the newest first, on record.

The transaction holds all of it: rows, the states of the migrations, the rollback's own entry in the
ledger and one in the audit trail. A process that is killed has rolled back all or nothing. That it
began is entered before, and how it ended after, be it a failure.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import IspmigError, UsageError
from ispmig_pipelines.platform import closings, ledger, timeouts, trail
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.ledger import Migration, State
from ispmig_pipelines.platform.ledger import data_migration_logs as logs
from ispmig_pipelines.platform.ledger import rollbacks as table
from ispmig_pipelines.platform.rollback import kept
from ispmig_pipelines.platform.rollback.kept import Kept
from ispmig_pipelines.platform.rollback.restore_points import STANDING
from ispmig_pipelines.platform.rollback.undo import Undone, lock_tables, touched, undo
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw

MOST_LISTED = 10_000
"""So many kept rows of a dry run are listed; a rollback lists all of them."""


@dataclass(frozen=True)
class Rollback:
    """One rollback, or a dry run of one.

    Attributes:
        migrations: that it took back, the newest first.
        content: the tenant's content digest afterwards; None of a dry run, and where the process
            died after the commit.
    """

    id: int
    tenant: str
    dry_run: bool
    forced: bool
    actor: str
    dagster_run_id: str
    seconds: float
    migrations: tuple[Undone, ...]
    content: str | None = None

    @property
    def rows(self) -> int:
        """Rows that it took back."""
        return sum(one.rows for one in self.migrations)

    @property
    def left(self) -> int:
        """Rows that it kept."""
        return sum(one.left for one in self.migrations)

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it, without what is kept."""
        return {
            "rollback_id": self.id,
            "tenant": self.tenant,
            "dry_run": self.dry_run,
            "forced": self.forced,
            "actor": self.actor,
            "dagster_run_id": self.dagster_run_id,
            "seconds": self.seconds,
            "rows": self.rows,
            "rows_kept": self.left,
            "migrations": [one.as_json() for one in self.migrations],
            "content": self.content,
        }


def choose(
    connection: Connection, slug: str, migrations: Sequence[int], *, to_change: bool = False
) -> list[Migration]:
    """The migrations that are to be rolled back, the newest first.

    Args:
        to_change: let nobody else change their entries until the end of the transaction.

    Raises:
        UsageError: one of them is not the tenant's, or there is nothing of it to be rolled back;
            nothing was changed.
    """
    if not migrations:
        raise UsageError(
            "Say which migrations to roll back, by their ids. List them with: ispmig migrations "
            f"{slug}"
        )
    chosen = []
    for migration in sorted(set(migrations), reverse=True):
        entry = ledger.migration(connection, migration, to_change=to_change)
        if entry.tenant != slug:
            raise UsageError(
                f"Migration {migration} is not one of tenant {slug}. Nothing was rolled back. List "
                f"the tenant's with: ispmig migrations {slug}"
            )
        if why := _nothing_to_undo(connection, entry):
            raise UsageError(f"{why} Nothing was rolled back.")
        chosen.append(entry)
    return chosen


def _nothing_to_undo(connection: Connection, entry: Migration) -> str:
    named = f"Migration {entry.id}"
    if entry.restore_point_expired_at is not None and entry.state in STANDING:
        return (
            f"The restore point of migration {entry.id} expired on "
            f"{entry.restore_point_expired_at:%Y-%m-%d}: what it had updated is not kept any more "
            "as it was before. How long it is kept is set by: ispmig tenant set "
            f"{entry.tenant} --restore-points DAYS"
        )
    match entry.state:
        case State.UNDONE:
            by = entry.rolled_back_by
            if by is None:
                return f"{named} was taken back already: it never passed its audit."
            at = connection.execute(sa.select(table.c.at).where(table.c.id == by)).scalar_one()
            return f"{named} was rolled back already, on {at:%Y-%m-%d at %H:%M} UTC."
        case State.CHECKED:
            return f"{named} was a dry run, which changed nothing."
        case State.FAILED:
            return f"{named} failed: nothing of it was loaded."
        case State.RUNNING | State.PUBLISHED:
            return (
                f"{named} has not ended yet. If its process died, the tenant's next run will find "
                "out, and so will the job janitor within the hour."
            )
    return ""


def roll_back(
    connection: Connection,
    tenant: Tenant,
    migrations: Sequence[int],
    *,
    actor: str,
    dagster_run_id: str = "",
    force: bool = False,
    dry_run: bool = False,
) -> Rollback:
    """Rolls migrations back, or finds out what that would do.

    The caller holds the tenant, and is in no transaction.

    Args:
        force: take back rows that somebody else changed, too.

    Raises:
        UsageError: see :func:`choose`; nothing was changed.
        DatabaseError: (transient) somebody works on the tables all the time; nothing was changed.
    """
    with connection.begin():
        begun = trail.enter(
            connection,
            tenant.slug,
            trail.Operation.ROLLBACK,
            trail.Stage.BEGUN,
            actor=actor,
            dagster_run_id=dagster_run_id,
            details={"dry_run": dry_run, "forced": force, "migrations": list(migrations)},
        )
    try:
        return _roll_back(
            connection, tenant, migrations, actor, dagster_run_id, force=force, dry_run=dry_run
        )
    except BaseException as error:
        if isinstance(error, IspmigError):
            kind = error.code
        else:
            kind = type(error).__name__ if isinstance(error, Exception) else entered.INTERRUPTED
        # The connection may be what was lost. Where the whole server is, the beginning stands
        # alone until the tenant's next run.
        with (
            suppress(IspmigError, sa.exc.SQLAlchemyError, psycopg.Error),
            connection.engine.connect() as other,
            other.begin(),
        ):
            _failed(other, tenant.slug, begun, actor, dagster_run_id, kind)
        raise


def _failed(
    connection: Connection, slug: str, begun: int, actor: str, dagster_run_id: str, kind: str
) -> None:
    trail.enter(
        connection,
        slug,
        trail.Operation.ROLLBACK,
        trail.Stage.FAILED,
        actor=actor,
        dagster_run_id=dagster_run_id,
        details={"begun": begun, "error": kind},
    )


def close_abandoned(connection: Connection, slug: str) -> None:
    """Ends, in the audit trail, what rollbacks began whose process died; in the current
    transaction. The caller holds the tenant, so none of them is alive."""
    ended = logs.alias()
    number = ended.c.details["begun"].as_string()
    open_ = connection.execute(
        sa.select(logs.c.id, logs.c.actor, logs.c.dagster_run_id)
        .where(
            logs.c.tenant == slug,
            logs.c.operation == trail.Operation.ROLLBACK.value,
            logs.c.stage == trail.Stage.BEGUN.value,
            ~sa.exists().where(
                ended.c.tenant == slug,
                ended.c.operation == trail.Operation.ROLLBACK.value,
                ended.c.stage.in_([trail.Stage.FINISHED.value, trail.Stage.FAILED.value]),
                number == sa.cast(logs.c.id, sa.Text),
            ),
        )
        .order_by(logs.c.id)
    ).all()
    for begun, actor, run in open_:
        done = of_run(connection, run) if run else None
        if done is not None and begun == _beginning(connection, done):
            _enter(connection, done, trail.Stage.FINISHED)
        else:
            _failed(connection, slug, begun, actor, run, entered.ABANDONED)


def _roll_back(
    connection: Connection,
    tenant: Tenant,
    migrations: Sequence[int],
    actor: str,
    dagster_run_id: str,
    *,
    force: bool,
    dry_run: bool,
) -> Rollback:
    driver = raw(connection)
    started = time.monotonic()
    listed: list[Kept] = []
    with connection.begin() as transaction:
        chosen = choose(connection, tenant.slug, migrations, to_change=True)
        timeouts.limit(driver)
        # All at once: one table after the other, as its migration comes, could wait for a run that
        # waits for this one.
        with as_tenant(driver, tenant):
            entities = {e for entry in chosen for e in touched(driver, tenant, entry.id)}
        lock_tables(driver, tenant, entities)
        _forget_dry_runs(connection, tenant)
        rollback = _reserve(connection)
        undone = tuple(
            undo(driver, tenant, entry.id, rollback=rollback, force=force) for entry in chosen
        )
        done = Rollback(
            rollback,
            tenant.slug,
            dry_run,
            force,
            actor,
            dagster_run_id,
            round(time.monotonic() - started, 3),
            undone,
        )
        if dry_run:
            with as_tenant(driver, tenant):
                listed = list(kept.of(driver, tenant, rollback, limit=MOST_LISTED))
            transaction.rollback()
        else:
            for entry, one in zip(chosen, undone, strict=True):
                _settle(connection, done, one)
                if entry.origin is not None and one.left:
                    closings.carry_on(connection, tenant, entry.origin)
            _record(connection, done)
    if dry_run:
        with connection.begin():
            with as_tenant(driver, tenant):
                kept.enter(driver, tenant, rollback, listed)
            _record(connection, done)
    return done


def _reserve(connection: Connection) -> int:
    sequence = "select nextval(pg_get_serial_sequence('ispmig.rollbacks', 'id'))"
    return int(connection.execute(sa.text(sequence)).scalar_one())


def _settle(connection: Connection, done: Rollback, one: Undone) -> None:
    """Writes into the ledger what has become of a migration."""
    if one.left and not one.rows:
        return
    ledger.update_migration(
        connection,
        one.migration,
        state=State.PARTLY_UNDONE if one.left else State.UNDONE,
        finished_at=sa.literal_column("finished_at"),
        rolled_back_by=done.id,
        error=f"Rolled back by {done.actor}"
        + (f", but for {one.left:,} rows that others changed or need." if one.left else "."),
    )


def _record(connection: Connection, done: Rollback) -> None:
    result = [one.as_json() for one in done.migrations]
    connection.execute(
        sa.text(
            """insert into ispmig.rollbacks (id, tenant, migrations, dry_run, forced, actor,
                   dagster_run_id, at, seconds, result)
               overriding system value
               values (:id, :tenant, cast(:migrations as jsonb), :dry_run, :forced, :actor,
                       :run, :at, :seconds, cast(:result as jsonb))"""
        ).bindparams(
            sa.bindparam("migrations", type_=table.c.migrations.type),
            sa.bindparam("result", type_=table.c.result.type),
        ),
        {
            "id": done.id,
            "tenant": done.tenant,
            "migrations": [one.migration for one in done.migrations],
            "dry_run": done.dry_run,
            "forced": done.forced,
            "actor": done.actor,
            "run": done.dagster_run_id,
            "at": ledger.now(),
            "seconds": done.seconds,
            "result": result,
        },
    )
    # Last, because it makes the tenant's other entries wait.
    _enter(connection, done, trail.Stage.FINISHED if done.dry_run else trail.Stage.PUBLISHED)


def _enter(connection: Connection, done: Rollback, stage: trail.Stage) -> None:
    trail.enter(
        connection,
        done.tenant,
        trail.Operation.ROLLBACK,
        stage,
        actor=done.actor,
        dagster_run_id=done.dagster_run_id,
        details={
            "begun": _beginning(connection, done),
            "rollback": done.id,
            "dry_run": done.dry_run,
            "forced": done.forced,
            "migrations": [one.as_json() for one in done.migrations],
        }
        | ({"content": done.content} if done.content else {}),
    )


def _beginning(connection: Connection, done: Rollback) -> int | None:
    """The id of the entry of its beginning: the run's latest; None of one of an older release."""
    return connection.execute(
        sa.select(sa.func.max(logs.c.id)).where(
            logs.c.tenant == done.tenant,
            logs.c.operation == trail.Operation.ROLLBACK.value,
            logs.c.stage == trail.Stage.BEGUN.value,
            logs.c.dagster_run_id == done.dagster_run_id,
        )
    ).scalar_one()


def finish(connection: Connection, done: Rollback, content: str) -> None:
    """Writes down what the tenant's content digest is after a rollback, in the current
    transaction."""
    connection.execute(sa.update(table).where(table.c.id == done.id).values(content=content))
    _enter(connection, Rollback(**vars(done) | {"content": content}), trail.Stage.FINISHED)


def of_run(connection: Connection, dagster_run_id: str) -> Rollback | None:
    """The rollback that a run made, if any."""
    row = connection.execute(
        sa.select(table)
        .where(table.c.dagster_run_id == dagster_run_id)
        .order_by(table.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return Rollback(
        row.id,
        row.tenant,
        row.dry_run,
        row.forced,
        row.actor,
        row.dagster_run_id,
        row.seconds,
        tuple(
            Undone(
                one["migration_id"], *(one[n] for n in ("removed", "restored", "put_back", "kept"))
            )
            for one in row.result
        ),
        row.content,
    )


def _forget_dry_runs(connection: Connection, tenant: Tenant) -> None:
    """What earlier dry runs listed; the entries stay."""
    found = connection.execute(
        sa.select(table.c.id).where(table.c.tenant == tenant.slug, table.c.dry_run)
    ).scalars()
    ids = list(found)
    driver = raw(connection)
    with as_tenant(driver, tenant):
        kept.forget(driver, tenant, ids)
