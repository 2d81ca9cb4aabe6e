"""Migrating many tenants: each its registered migration, through the queue."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from sqlalchemy.engine import Connection

from ispmig_pipelines.account import account
from ispmig_pipelines.defs import cancelling, queue_worker
from ispmig_pipelines.defs.instance import instance
from ispmig_pipelines.defs.launch import failure_of, queue_job
from ispmig_pipelines.defs.queueing import ORDINARY, URGENT
from ispmig_pipelines.defs.tenant_job import TENANT_TAG
from ispmig_pipelines.defs.tenant_migration import registered as kept
from ispmig_pipelines.defs.tenant_migration.registered import Registered
from ispmig_pipelines.errors import IspmigError, PlatformError, UsageError
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.guarding import refuse_name
from ispmig_pipelines.mapping.spec import load_spec
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.ledger import Migration
from ispmig_pipelines.validation import threshold

BATCH_TAG = "ispmig/batch"
"""Of runs that one command put into the queue."""

_LOOK_SECONDS = 0.5
_RETRY_PATIENCE = 300.0
"""Seconds after which a run that Dagster said it would retry, and did not, has failed."""


@dataclass
class OneOfMany:
    """A tenant of those that are migrated together.

    Attributes:
        spec: path of its registered migration's spec.
        status: ``refused`` (nothing was run), or Dagster's word for the run, in lower case.
        run: the newest of its runs: a lost one is retried.
        entry: what the ledger holds of it, once it has ended.
        error: why it failed: ``{"code", "message", "exit_code"}``.
    """

    tenant: str
    spec: str = ""
    status: str = "waiting"
    run: str = ""
    entry: Migration | None = None
    error: dict[str, Any] = field(default_factory=dict)
    ended: bool = False

    @property
    def exit_code(self) -> int:
        """What a command for it alone would end with."""
        return int(self.error.get("exit_code", 0))

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "tenant": self.tenant,
            "spec": self.spec,
            "status": self.status,
            "run": self.run,
            "migration": None if self.entry is None else self.entry.id,
            "state": None if self.entry is None else self.entry.state.value,
            "entities": {} if self.entry is None else self.entry.entities,
            **({"error": self.error} if self.error else {}),
        }


Tell = Callable[[Sequence[OneOfMany]], None]
"""Is told how far all are, whenever one is further."""


def registered(connection: Connection, tenant: str) -> Registered:
    """A tenant's registered migration.

    Raises:
        UsageError: there is no such tenant, or it has none.
    """
    tenants.get(connection, tenant)
    said = kept.of(connection, tenant)
    connection.rollback()
    if said is None:
        raise UsageError(
            f"Tenant {tenant} has no registered migration and was never migrated. Name a spec, or "
            f"register one: ispmig register {tenant} SPEC"
        )
    return said


def register(connection: Connection, tenant: str, said: Registered | None) -> Registered | None:
    """Sets what a tenant is migrated by where nobody names a spec; returns what holds then.

    Args:
        said: None: forget it; the spec of the tenant's newest migration holds again.

    Raises:
        UsageError: there is no such tenant, or the spec has mistakes.
    """
    tenants.get(connection, tenant)
    connection.rollback()
    if said is not None:
        _check(said)
    with connection.begin():
        kept.declare(connection, tenant, said)
        details = {"migration": None if said is None else said.as_json()}
        trail.enter(
            connection, tenant, trail.Operation.TENANT_SETTINGS, trail.Stage.FINISHED,
            actor=account(), dagster_run_id="", details=details,
        )  # fmt: skip
        return kept.of(connection, tenant)


def migrate_all(
    connection: Connection, tell: Tell, *, dry_run: bool = False, urgent: bool = False
) -> list[OneOfMany]:
    """Migrates every tenant that has a registered migration, through the queue, to the end of all.

    A tenant whose spec has mistakes is refused, and the others go on. Where no daemon works the
    queue off, this does as long as it takes.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        urgent: these go before what waits in the queue already.

    Raises:
        UsageError: no tenant has a registered migration.
        KeyboardInterrupt: somebody stopped it; and all of them with it.
    """
    many = _chosen(connection)
    if not many:
        raise UsageError(
            "No tenant has a registered migration. Register one for each that is to be migrated: "
            "ispmig register TENANT SPEC"
        )
    batch = uuid.uuid4().hex[:12]
    # What works the queue off ends last: it also ends runs that are to be stopped.
    with instance() as dagster, ExitStack() as worker:
        try:
            for one in many:
                if not one.ended:
                    _queue(connection, dagster, one, batch, dry_run=dry_run, urgent=urgent)
            tell(many)
            _see_to_the_end(connection, dagster, many, batch, tell, worker)
        except KeyboardInterrupt:
            _stop(connection, dagster, batch)
            raise
    return many


def _chosen(connection: Connection) -> list[OneOfMany]:
    many = []
    for found in tenants.list_all(connection):
        said = kept.of(connection, str(found["slug"]))
        if said is None:
            continue
        one = OneOfMany(str(found["slug"]), said.spec)
        try:
            _check(said)
        except IspmigError as error:
            _failed(one, error.code, str(error), error.exit_code)
            one.status = "refused"
        many.append(one)
    connection.rollback()
    return many


def _check(said: Registered) -> None:
    """What can be known to be wrong beforehand, as of one migration alone."""
    path = Path(said.spec)
    refuse_name(path)
    spec = load_spec(path)
    for source in spec.sources:
        spec.source_files(source)
    threshold.parse(said.max_quarantined)


def _queue(
    connection: Connection,
    dagster: DagsterInstance,
    one: OneOfMany,
    batch: str,
    *,
    dry_run: bool,
    urgent: bool,
) -> None:
    said = registered(connection, one.tenant)
    config = {
        "spec": said.spec,
        "mode": "dry_run" if dry_run else "load",
        "on_conflict": said.on_conflict,
        "max_quarantined": said.max_quarantined,
        "batch_size": DEFAULT_BATCH_SIZE,
    }
    run = queue_job(
        dagster,
        "tenant_migration",
        one.tenant,
        {"extract": config},
        priority=URGENT if urgent else ORDINARY,
        tags={BATCH_TAG: batch},
    )
    one.run, one.status = run.run_id, run.status.value.lower()


def _see_to_the_end(
    connection: Connection,
    dagster: DagsterInstance,
    many: Sequence[OneOfMany],
    batch: str,
    tell: Tell,
    stack: ExitStack,
) -> None:
    worker = None
    while not all(one.ended for one in many):
        if worker is None and not queue_worker.is_worked(dagster):
            worker = stack.enter_context(queue_worker.working())
        elif worker is not None and worker.poll() is not None:
            raise PlatformError(
                "What works the queue off has ended by itself; its log is queue.log in the folder "
                "logs of the home. Runs that wait stay in the queue: start ispmig up, which goes "
                "on with them, or stop them with ispmig cancel --all."
            )
        time.sleep(_LOOK_SECONDS)
        if _look(connection, dagster, many, batch):
            tell(many)


def _look(
    connection: Connection, dagster: DagsterInstance, many: Sequence[OneOfMany], batch: str
) -> bool:
    """Notes what has become of them; whether anything is new."""
    newest: dict[str, tuple[DagsterRun, float | None]] = {}
    for record in dagster.get_run_records(RunsFilter(tags={BATCH_TAG: batch})):  # the newest first
        run = record.dagster_run
        newest.setdefault(run.tags[TENANT_TAG], (run, record.end_time))
    news = False
    for one in many:
        if one.ended or one.tenant not in newest:
            continue
        run, ended = newest[one.tenant]
        status = run.status.value.lower()
        news |= (one.run, one.status) != (run.run_id, status)
        one.run, one.status = run.run_id, status
        if not run.is_finished:
            continue
        late = ended is not None and time.time() - ended > _RETRY_PATIENCE
        if run.is_complete_and_waiting_to_retry and not late:
            one.status = "retrying"
            continue
        _finish(connection, dagster, one, run)
        news = True
    return news


def _finish(
    connection: Connection, dagster: DagsterInstance, one: OneOfMany, run: DagsterRun
) -> None:
    one.ended = True
    with suppress(PlatformError):
        one.entry = ledger.migration_of_run(connection, run.run_id)
        connection.rollback()
    if run.status is DagsterRunStatus.SUCCESS:
        return
    if run.status is DagsterRunStatus.CANCELED:
        _failed(one, "interrupted", "It was stopped.", 1)
        return
    told = failure_of(dagster, run.run_id) or {
        "message": "Its process ended without a word. Retry the run from failure in the UI, or "
        "migrate again.",
        "error": "platform",
        "exit_code": PlatformError.exit_code,
    }
    _failed(one, told["error"], told["message"], told["exit_code"])


def _failed(one: OneOfMany, code: str, message: str, exit_code: int) -> None:
    one.ended = True
    one.error = {"code": code, "message": message, "exit_code": exit_code}


def _stop(connection: Connection, dagster: DagsterInstance, batch: str) -> None:
    """Stops all that is not over: who stops the command means all of it."""
    connection.rollback()
    left = RunsFilter(tags={BATCH_TAG: batch}, statuses=list(NOT_FINISHED_STATUSES))
    cancelling.stop(connection, dagster, dagster.get_runs(left))
