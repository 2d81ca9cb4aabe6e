"""What becomes of migrations in the ledger when a tenant is set back to a snapshot.

The tables are then as of the snapshot: what was published since is not in them, and what was taken
back since is in them again. The ledger that a snapshot carries says what stood at its instant; the
present one is brought to say so too, and to say the contrary again when the restore is undone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.backup.restore.rows import rows_of
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.platform.rollback.undo import Undone

_TABLE = "ledger/data_migrations"
_IN = frozenset({State.PUBLISHED, State.DONE, State.PARTLY_UNDONE})
"""States of migrations whose rows are in the tables."""


def at_snapshot(repository: Repository, manifest: Manifest) -> dict[int, str] | None:
    """Migration → its state at the snapshot's instant; None where the snapshot does not tell."""
    table = manifest.table(_TABLE)
    if table is None:
        return None
    found: dict[int, str] = {}
    for batch in rows_of(repository, table):
        ids, states = (batch.column(name).to_pylist() for name in ("id", "state"))
        found |= dict(zip(ids, states, strict=True))
    return found


def keep_numbers(connection: Connection, then: Mapping[int, str]) -> None:
    """Lets no later migration have a number that rows of a snapshot tell of: on a platform whose
    ledger is another one, it would be taken for the one that loaded them, and be rolled back."""
    if then:
        connection.execute(
            sa.text(
                """select setval(pg_get_serial_sequence('ispmig.data_migrations', 'id')::regclass,
                           :last)
                   from pg_sequences
                   where format('%I.%I', schemaname, sequencename)
                           = pg_get_serial_sequence('ispmig.data_migrations', 'id')
                     and coalesce(last_value, 0) < :last"""
            ),
            {"last": max(then)},
        )


def at_moment(
    connection: Connection, slug: str, then: Mapping[int, str], since: dt.datetime, at: dt.datetime
) -> dict[int, str]:
    """Migration → its state at a moment after the snapshot, by what the audit trail says was
    published and taken back in between; each entry is made right before its commit.

    Args:
        then: at the snapshot's instant, which is ``since``.
    """
    logs = ledger.data_migration_logs
    states = dict(then)
    rows = connection.execute(
        sa.select(logs.c.operation, logs.c.details)
        .where(
            logs.c.tenant == slug,
            logs.c.stage == trail.Stage.PUBLISHED.value,
            logs.c.at > since,
            logs.c.at <= at,
        )
        .order_by(logs.c.position)
    ).all()
    for operation, details in rows:
        if operation == trail.Operation.ROLLBACK:
            for one in details["migrations"]:
                counts = (one[name] for name in ("removed", "restored", "put_back", "kept"))
                undone = Undone(one["migration_id"], *counts)
                if undone.rows or not undone.left:
                    state = State.PARTLY_UNDONE if undone.left else State.UNDONE
                    states[undone.migration] = state.value
        elif "migration" in details:
            states[details["migration"]] = State.PUBLISHED.value
    return states


def settle(
    connection: Connection, slug: str, then: Mapping[int, str], snapshot: str
) -> dict[str, dict[str, Any]]:
    """Writes into the ledger what stands again, and what does not any more; in the current
    transaction, by one who holds the tenant.

    Returns:
        Migration → ``{"was", "is", "by"}``: its states, and the rollback that took it back.
    """
    table = ledger.data_migrations
    changed: dict[str, dict[str, Any]] = {}
    rows = connection.execute(
        sa.select(table.c.id, table.c.state, table.c.rolled_back_by)
        .where(table.c.tenant == slug)
        .order_by(table.c.id)
        .with_for_update()
    ).all()
    for id_, now, by in rows:
        before = then.get(id_, State.RUNNING.value)
        if now == before or (now in _IN and before == State.PUBLISHED):
            continue
        if now in _IN and before not in _IN:
            to = State.UNDONE.value
            why = f"The tenant was restored to the snapshot {snapshot}, which is of before it."
        elif before in _IN and now in (*_IN, State.UNDONE):
            to, why = before, None
        else:
            continue
        _write(connection, id_, to, why)
        changed[str(id_)] = {"was": now, "is": to, "by": by}
    return changed


def put_back(connection: Connection, changed: Mapping[str, Mapping[str, Any]]) -> None:
    """Undoes :func:`settle`, of migrations that have not changed since; in the current
    transaction."""
    table = ledger.data_migrations
    for id_, one in changed.items():
        state = connection.execute(
            sa.select(table.c.state).where(table.c.id == int(id_)).with_for_update()
        ).scalar()
        if state != one["is"]:
            continue
        by = one["by"]
        why = None if one["was"] in _IN else "It was taken back before a restore that was undone."
        _write(connection, int(id_), one["was"], why, by)


def _write(
    connection: Connection, migration: int, state: str, why: str | None, by: int | None = None
) -> None:
    # When it ended stays as it is.
    connection.execute(
        sa.update(ledger.data_migrations)
        .where(ledger.data_migrations.c.id == migration)
        .values(state=state, error=why, rolled_back_by=by)
    )
