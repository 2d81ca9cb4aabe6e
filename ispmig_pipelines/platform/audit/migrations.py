"""What the audit trail says of a migration, a dry run or a resubmission, from begin to end.

Each entry is made in the transaction that changes the ledger's row, and is the last thing in it.
It holds digests of the spec, of the sources, of functions of the user's own and of the result;
counts; and no cell, no sum and no text of an error.
"""

from __future__ import annotations

import datetime as dt
import json
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.platform.ledger import Migration
from ispmig_pipelines.platform.ledger import data_migration_logs as logs
from ispmig_pipelines.platform.trail import Operation, Stage

_OPERATIONS = {
    "load": Operation.MIGRATION,
    "dry_run": Operation.DRY_RUN,
    "resubmit": Operation.RESUBMISSION,
}
ABANDONED = "abandoned"
"""Why a migration failed whose process died."""

INTERRUPTED = "interrupted"
"""Why a migration failed that somebody stopped."""

TAKEN_BACK = "taken back"
"""Why a migration failed that was published, and did not pass the audit."""


def begun(connection: Connection, migration: int, actor: str) -> None:
    """It has begun; or it goes on after it had failed, and then ``actor`` is who retried it."""
    entry = ledger.migration(connection, migration)
    _enter(connection, entry, Stage.BEGUN, _asked(entry), actor)


def published(connection: Connection, migration: int) -> None:
    """Its rows are committed with this entry; the audit is still to come."""
    entry = ledger.migration(connection, migration)
    _enter(connection, entry, Stage.PUBLISHED, {**_asked(entry), **_did(entry)})


def published_at(connection: Connection, entry: Migration) -> dt.datetime | None:
    """When a migration was published, last; None of one of an older release."""
    return connection.execute(
        sa.select(sa.func.max(logs.c.at)).where(
            logs.c.tenant == entry.tenant,
            logs.c.stage == Stage.PUBLISHED.value,
            logs.c.details["migration"].as_string() == str(entry.id),
        )
    ).scalar_one()


def finished(connection: Connection, migration: int, content: str | None) -> None:
    """It is done, or was a dry run and has come to its end.

    Args:
        content: the content digest of the tenant afterwards; None of a dry run, which leaves it as
            it was.
    """
    entry = ledger.migration(connection, migration)
    told = {**_asked(entry), **_did(entry)}
    _enter(connection, entry, Stage.FINISHED, told | ({"content": content} if content else {}))


def failed(connection: Connection, migration: int, error: str) -> None:
    """It failed: nothing of it stands.

    Args:
        error: the stable name of the kind of error, :data:`ABANDONED`, :data:`INTERRUPTED` or
            :data:`TAKEN_BACK`.
    """
    entry = ledger.migration(connection, migration)
    _enter(connection, entry, Stage.FAILED, {**_asked(entry), "error": error})


def _asked(entry: Migration) -> dict[str, Any]:
    return {
        "migration": entry.id,
        "mode": entry.mode,
        "on_conflict": entry.on_conflict,
        "origin": entry.origin,
        "spec": {"name": entry.spec_name, "sha256": entry.spec_digest},
    }


def _did(entry: Migration) -> dict[str, Any]:
    result = {"entities": entry.entities, "totals": entry.totals, "issues": entry.issues}
    text = json.dumps(result, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return {
        "sources": [
            {name: file.get(name) for name in ("source", "path", "table", "sha256", "bytes")}
            for file in entry.files
        ],
        "plugins": entry.plugins,
        "entities": entry.entities,
        "result_sha256": sha256(text.encode()).hexdigest(),
    }


def _enter(
    connection: Connection,
    entry: Migration,
    stage: Stage,
    details: dict[str, Any],
    actor: str | None = None,
) -> None:
    operation = _OPERATIONS.get(entry.mode, Operation.MIGRATION)
    if stage is not Stage.BEGUN:
        details = {"begun": _beginning(connection, entry, operation), **details}
    trail.enter(
        connection,
        entry.tenant,
        operation,
        stage,
        actor=entry.actor if actor is None else actor,
        dagster_run_id=entry.dagster_run_id,
        details=details,
    )


def _beginning(connection: Connection, entry: Migration, operation: Operation) -> int | None:
    """The id of the entry of its latest beginning; None of a migration of an older release."""
    return connection.execute(
        sa.select(sa.func.max(logs.c.id)).where(
            logs.c.tenant == entry.tenant,
            logs.c.operation == operation.value,
            logs.c.stage == Stage.BEGUN.value,
            logs.c.details["migration"].as_string() == str(entry.id),
        )
    ).scalar_one()
