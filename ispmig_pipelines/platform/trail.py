"""The audit trail: who did what with a tenant's data, and when. Entries are only ever added.

The database itself refuses to change or delete one (triggers of the ledger's), and whoever gets
round these is found out: the entries of a tenant are a chain (:mod:`.audit.chain`), whose end is
written down outside of the database (:mod:`.audit.witness`). What concerns the platform as a whole
stands in a chain of its own, under the tenant "".

An entry holds digests, counts and choices; no cell of a tenant, and no value of a person in a
condition, nor a digest of one. People who asked for their data stand there by digests under the
tenant's own key.

What takes data out is entered before it begins, and again when it has ended. A beginning without
an end is a process that was killed or a database that died: data may have left. What changes data
is entered in the transaction that changes them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.audit import witness
from ispmig_pipelines.platform.audit.chain import GENESIS, PLATFORM, Head, Link
from ispmig_pipelines.platform.ledger import audit_heads as heads
from ispmig_pipelines.platform.ledger import data_migration_logs as logs

Connect = Callable[[], AbstractContextManager[Connection]]


class Operation(StrEnum):
    """What was done with a tenant's data."""

    TENANT_ADDED = "tenant added"
    TENANT_REMOVED = "tenant removed"
    TENANT_RESTORED = "tenant restored"
    TENANT_SETTINGS = "tenant settings"
    MIGRATION = "migration"
    DRY_RUN = "dry run"
    RESUBMISSION = "resubmission"
    ROLLBACK = "rollback"
    RESTORE_POINTS_EXPIRED = "restore points expired"
    EXPORT = "export"
    ACCESS = "access"
    PURGE = "purge"
    SUBJECT_ACCESS = "subject access"
    SUBJECT_ERASURE = "subject erasure"
    SUBJECT_ALLOWED = "subject allowed"
    BACKUP = "backup"
    BACKUP_VERIFICATION = "backup verification"
    BACKUP_DRILL = "backup drill"
    BACKUP_PRUNE = "backup prune"
    BACKUP_HOLD = "backup hold"
    BACKUP_RELEASE = "backup release"
    BACKUP_KEY_ROTATED = "backup key rotated"
    BACKUP_KEY_RECOVERED = "backup key recovered"
    BACKUP_KEYS_DESTROYED = "backup keys destroyed"
    RESTORE = "restore"
    RESTORE_CONFIRMED = "restore confirmed"
    RESTORE_UNDONE = "restore undone"


class Stage(StrEnum):
    """How far the operation had come when it was entered."""

    BEGUN = "begun"
    PUBLISHED = "published"  # of a migration: committed, and still to be audited
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True)
class Entry:
    """One entry of the trail.

    Attributes:
        id: grows with every entry, of whatever tenant.
        at: when it was entered, in UTC.
        operation, stage: texts that this release does not know stay texts.
        actor: the account under which the process ran, and who started it where that is another.
        dagster_run_id: the run that did it; "" where it was none.
        details: what belongs to the operation; ``begun``: the id of the entry of its beginning.
        position: its place in the tenant's chain, from 1.
        previous, digest: of the entry before it, and its own.
    """

    id: int
    at: dt.datetime
    tenant: str
    operation: str
    stage: str
    actor: str
    dagster_run_id: str
    details: dict[str, Any]
    position: int
    previous: bytes
    digest: bytes


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
    """Adds an entry, in the current transaction; returns its id.

    From here to the end of the transaction other entries of the tenant wait, so it is the last
    thing that a transaction does (before an entry for the platform, if there is one). The
    transaction is READ COMMITTED, as all of ours are that write.
    """
    head = _locked(connection, tenant)
    text = json.dumps(_storable(details), ensure_ascii=False, allow_nan=False)
    row = connection.execute(
        sa.text(
            """select nextval(pg_get_serial_sequence('ispmig.data_migration_logs', 'id')) as id,
                      cast(cast(:details as jsonb) as text) as details"""
        ),
        {"details": text},
    ).one()
    at = ledger.now()
    link = Link(
        id=row.id,
        at=at.isoformat(),
        tenant=tenant,
        operation=operation.value,
        stage=stage.value,
        actor=_storable(actor),
        dagster_run_id=dagster_run_id,
        details=row.details,
        position=head.position + 1,
        previous=head.digest,
        digest=None,
    )
    digest = link.computed()
    connection.execute(
        sa.insert(logs).values(
            id=link.id,
            at=at,
            tenant=tenant,
            operation=link.operation,
            stage=link.stage,
            actor=link.actor,
            dagster_run_id=dagster_run_id,
            details=sa.cast(sa.literal(text, sa.Text), postgresql.JSONB),
            position=link.position,
            previous=link.previous,
            digest=digest,
        )
    )
    driver = connection.connection.driver_connection
    witness.after_commit(driver, Head(tenant, head.position + 1, digest))  # type: ignore[arg-type]
    return int(row.id)


def _locked(connection: Connection, tenant: str) -> Head:
    """The end of the chain, whose row is now this transaction's."""
    asked = sa.select(heads).where(heads.c.tenant == tenant).with_for_update()
    row = connection.execute(asked).one_or_none()
    if row is None:
        connection.execute(
            postgresql.insert(heads)
            .values(tenant=tenant, position=0, digest=GENESIS)
            .on_conflict_do_nothing()
        )
        # Somebody else may have begun the chain, and gone on with it, meanwhile.
        row = connection.execute(asked).one()
    return Head(tenant, row.position, bytes(row.digest))


def _storable(value: Any) -> Any:
    """What PostgreSQL cannot hold in a text (NUL, halves of characters in names of files) as
    escapes."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
        case dict():
            return {_storable(key): _storable(own) for key, own in value.items()}
        case list() | tuple():
            return [_storable(own) for own in value]
        case _:
            return value


@dataclass
class Record:
    """An operation that is on record as begun.

    Attributes:
        begun: the id of the entry.
        result: what the entry of its end is to say.
    """

    begun: int
    result: dict[str, Any]


@contextmanager
def on_record(
    connect: Connect,
    tenant: str,
    operation: Operation,
    *,
    actor: str,
    dagster_run_id: str = "",
    details: dict[str, Any],
) -> Iterator[Record]:
    """Does the block's work on record: entered as begun before it, as finished or failed after.

    Each entry is committed by itself. What the block puts into ``result`` stands in the last one.

    Args:
        connect: opens a connection to the platform.

    Raises:
        DatabaseError: the beginning could not be entered; the block has not run.
    """

    def add(stage: Stage, told: dict[str, Any]) -> int:
        with connect() as connection, connection.begin():
            return enter(
                connection, tenant, operation, stage, actor=actor, dagster_run_id=dagster_run_id,
                details=told,
            )  # fmt: skip

    record = Record(add(Stage.BEGUN, details), {})
    try:
        yield record
    except BaseException as error:
        kind = error.code if isinstance(error, IspmigError) else type(error).__name__
        # Where the database is gone, the beginning stands alone.
        with suppress(IspmigError, sa.exc.SQLAlchemyError):
            add(Stage.FAILED, {"begun": record.begun, "error": kind, **record.result})
        raise
    add(Stage.FINISHED, {"begun": record.begun, **details, **record.result})


def entries(connection: Connection, tenant: str) -> list[Entry]:
    """A tenant's entries, in the order of its chain."""
    rows = connection.execute(
        sa.select(logs).where(logs.c.tenant == tenant).order_by(logs.c.position, logs.c.id)
    )
    return [
        Entry(
            **{
                **row._mapping,
                "operation": _known(Operation, row.operation),
                "stage": _known(Stage, row.stage),
                "previous": bytes(row.previous),
                "digest": bytes(row.digest),
            }
        )
        for row in rows
    ]


def _known(words: type[StrEnum], text: str) -> str:
    return words(text) if text in set(words) else text


def knows_run(connection: Connection, dagster_run_id: str) -> bool:
    """Whether the run entered something: then it is one of this platform's."""
    found = sa.select(sa.exists().where(logs.c.dagster_run_id == dagster_run_id))
    return bool(connection.execute(found).scalar())


def head(connection: Connection, tenant: str = PLATFORM) -> Head | None:
    """The end of a tenant's chain, as reports carry it; None of one that has no entry."""
    row = connection.execute(
        sa.select(heads).where(heads.c.tenant == tenant, heads.c.position > 0)
    ).one_or_none()
    return None if row is None else Head(tenant, row.position, bytes(row.digest))
