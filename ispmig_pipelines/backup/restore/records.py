"""What restores leave in the ledger: their entries in the tenant's audit trail, and from these,
which states of before are kept.

A restore is entered as begun before it touches anything; as finished in the transaction that swaps,
so that both are there or none; as failed after a failure. Details are counts, names and states,
and no cell.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import trail
from ispmig_pipelines.platform.ledger import data_migration_logs as logs
from ispmig_pipelines.platform.trail import Operation, Stage

WHOLE, TABLES, COPY, TRIED = "whole", "tables", "copy", "dry run"
"""Kinds of restores."""

ABANDONED = "abandoned"
"""Why a restore failed whose process died."""


@dataclass(frozen=True)
class Restored:
    """A restore that came to its end.

    Attributes:
        entry: id of its entry in the audit trail.
        at: when it was entered, in UTC.
        details: as :meth:`as_json` shows them.
    """

    entry: int
    at: dt.datetime
    tenant: str
    actor: str
    dagster_run_id: str
    details: dict[str, Any]

    @property
    def kind(self) -> str:
        """``whole``, ``tables``, ``copy`` or ``dry run``."""
        return str(self.details["kind"])

    @property
    def before(self) -> str | None:
        """The schema in which the state before it is, or was, kept."""
        return self.details.get("before")

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "restore_id": self.entry,
            "tenant": self.tenant,
            "at": self.at.isoformat(),
            "actor": self.actor,
            "dagster_run_id": self.dagster_run_id,
            **{name: value for name, value in self.details.items() if name != "begun"},
        }


def begin(
    connection: Connection, slug: str, actor: str, dagster_run_id: str, details: dict[str, Any]
) -> int:
    """Enters a restore as begun, in a transaction of its own."""
    with connection.begin():
        return trail.enter(
            connection, slug, Operation.RESTORE, Stage.BEGUN, actor=actor,
            dagster_run_id=dagster_run_id, details=details,
        )  # fmt: skip


def finish(
    connection: Connection, slug: str, actor: str, dagster_run_id: str, details: dict[str, Any]
) -> Restored:
    """Enters a restore as finished: the last thing in its transaction."""
    entry = trail.enter(
        connection, slug, Operation.RESTORE, Stage.FINISHED, actor=actor,
        dagster_run_id=dagster_run_id, details=details,
    )  # fmt: skip
    return _of(connection, logs.c.id == entry)[0]


def failed(
    connection: Connection, slug: str, actor: str, dagster_run_id: str, begun: int, kind: str
) -> None:
    """Enters a restore as failed, in the current transaction; ``kind`` is that of the error."""
    trail.enter(
        connection, slug, Operation.RESTORE, Stage.FAILED, actor=actor,
        dagster_run_id=dagster_run_id, details={"begun": begun, "error": kind},
    )  # fmt: skip


def has_ended(connection: Connection, begun: int) -> bool:
    """Whether a restore came to its end, which whoever lost the connection at it does not know."""
    found = sa.select(
        sa.exists().where(
            logs.c.operation == Operation.RESTORE.value,
            logs.c.stage == Stage.FINISHED.value,
            logs.c.details["begun"].as_string() == str(begun),
        )
    )
    return bool(connection.execute(found).scalar())


def close_abandoned(connection: Connection, slug: str) -> list[int]:
    """Ends, in the trail, restores whose process died, in the current transaction; returns the ids
    of their beginnings. The caller holds the tenant, so none of them is alive.

    Of their work nothing is left: the server rolled it back.
    """
    ended = logs.alias()
    open_ = connection.execute(
        sa.select(logs.c.id, logs.c.actor, logs.c.dagster_run_id)
        .where(
            logs.c.tenant == slug,
            logs.c.operation == Operation.RESTORE.value,
            logs.c.stage == Stage.BEGUN.value,
            ~sa.exists().where(
                ended.c.tenant == slug,
                ended.c.operation == Operation.RESTORE.value,
                ended.c.stage.in_([Stage.FINISHED.value, Stage.FAILED.value]),
                ended.c.details["begun"].as_string() == sa.cast(logs.c.id, sa.Text),
            ),
        )
        .order_by(logs.c.id)
    ).all()
    for begun, actor, run in open_:
        failed(connection, slug, actor, run, begun, ABANDONED)
    return [begun for begun, _, _ in open_]


def is_first(connection: Connection, restored: Restored) -> bool:
    """Whether before this restore the platform had no row of the tenant, which it had made with
    its history alone; see :mod:`.new_platform`."""
    made = connection.execute(
        sa.select(sa.func.max(logs.c.id)).where(
            logs.c.tenant == restored.tenant,
            logs.c.operation == Operation.TENANT_RESTORED.value,
            logs.c.id < restored.entry,
        )
    ).scalar()
    return made is not None and not any(
        made < one.entry < restored.entry and one.kind == WHOLE
        for one in finished(connection, restored.tenant)
    )


def of_run(connection: Connection, dagster_run_id: str) -> Restored | None:
    """The restore that a run made, if any."""
    found = _of(connection, logs.c.dagster_run_id == dagster_run_id)
    return found[-1] if found else None


def finished(connection: Connection, slug: str) -> list[Restored]:
    """A tenant's restores that came to their end, the oldest first."""
    return _of(connection, logs.c.tenant == slug)


def _of(connection: Connection, which: sa.ColumnElement[bool]) -> list[Restored]:
    rows = connection.execute(
        sa.select(logs)
        .where(
            which,
            logs.c.operation == Operation.RESTORE.value,
            logs.c.stage == Stage.FINISHED.value,
        )
        .order_by(logs.c.id)
    )
    return [
        Restored(row.id, row.at, row.tenant, row.actor, row.dagster_run_id, row.details)
        for row in rows
    ]
