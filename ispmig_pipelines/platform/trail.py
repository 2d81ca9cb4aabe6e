"""The audit trail: who did what with a tenant's data, and when. Entries are only ever added.

The database itself refuses to change or delete one (a trigger of the ledger's). An entry holds
digests, counts and choices; no cell of a tenant, and no value of a person in a condition, nor a
digest of one. People who asked for their data stand there by digests under the tenant's own key.

What takes data out is entered before it begins, and again when it has ended. A beginning without
an end is a process that was killed or a database that died: data may have left.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.ledger import data_migration_logs as logs


class Operation(StrEnum):
    """What was done with a tenant's data."""

    EXPORT = "export"
    PURGE = "purge"
    SUBJECT_ACCESS = "subject access"
    SUBJECT_ERASURE = "subject erasure"
    SUBJECT_ALLOWED = "subject allowed"


class Stage(StrEnum):
    """How far the operation had come when it was entered."""

    BEGUN = "begun"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True)
class Entry:
    """One entry of the trail.

    Attributes:
        id: grows with every entry, of whatever tenant.
        at: when it was entered, in UTC.
        actor: the account under which the process ran.
        dagster_run_id: the run that did it; "" where it was none.
        details: what belongs to the operation.
    """

    id: int
    at: dt.datetime
    tenant: str
    operation: Operation
    stage: Stage
    actor: str
    dagster_run_id: str
    details: dict[str, Any]


def enter(
    connection: Connection,
    tenant: str,
    operation: Operation,
    stage: Stage,
    *,
    actor: str,
    dagster_run_id: str,
    details: dict[str, Any],
) -> int:
    """Adds an entry, in the current transaction; returns its id."""
    statement = (
        sa.insert(logs)
        .values(
            at=ledger.now(),
            tenant=tenant,
            operation=operation.value,
            stage=stage.value,
            actor=actor,
            dagster_run_id=dagster_run_id,
            details=details,
        )
        .returning(logs.c.id)
    )
    return connection.execute(statement).scalar_one()


def entries(connection: Connection, tenant: str) -> list[Entry]:
    """A tenant's entries, the oldest first."""
    rows = connection.execute(sa.select(logs).where(logs.c.tenant == tenant).order_by(logs.c.id))
    return [
        Entry(
            **{
                **row._mapping,
                "operation": Operation(row.operation),
                "stage": Stage(row.stage),
            }
        )
        for row in rows
    ]


def knows_run(connection: Connection, dagster_run_id: str) -> bool:
    """Whether the run entered something: then it is one of this platform's."""
    found = sa.select(sa.exists().where(logs.c.dagster_run_id == dagster_run_id))
    return bool(connection.execute(found).scalar())
