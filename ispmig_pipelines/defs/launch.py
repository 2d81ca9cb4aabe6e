"""Running a job from the command line: the same job, and the run appears in the UI."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterExecutionInterruptedError,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
)
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.events import JobFailureData
from dagster._core.execution.api import execute_run
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster_postgres.utils import DagsterPostgresException

from ispmig_pipelines.account import account
from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.actor import ACTOR_TAG, COMMAND_LINE, FROM_TAG, QUEUE
from ispmig_pipelines.defs.instance import shipped_file
from ispmig_pipelines.defs.partitions import NAME
from ispmig_pipelines.defs.queueing import ORDINARY, tags_of
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_migration import closing
from ispmig_pipelines.errors import PlatformError
from ispmig_pipelines.loading import loading
from ispmig_pipelines.platform.server import plain_error, told_plainly

DEFINITIONS = "ispmig_pipelines.definitions"
REPOSITORY = "__repository__"


def know_tenant(instance: DagsterInstance, slug: str) -> None:
    """Makes the tenant's partition, unless it is there."""
    if not instance.has_dynamic_partition(NAME, slug):
        instance.add_dynamic_partitions(NAME, [slug])


def forget_tenant(instance: DagsterInstance, slug: str) -> None:
    """Takes the tenant's partition away; its runs stay."""
    if instance.has_dynamic_partition(NAME, slug):
        instance.delete_dynamic_partition(NAME, slug)


def run_job(
    instance: DagsterInstance,
    name: str,
    tenant: str,
    config: Mapping[str, Mapping[str, Any]],
    *,
    execution: Mapping[str, Any] = MappingProxyType({}),
    log_level: str = "INFO",
) -> tuple[DagsterRun, dict[str, Any]]:
    """Runs a job for a tenant in this process, to its end.

    Args:
        name: of the job.
        config: op → its configuration.
        execution: configuration of its executor.
        log_level: of what the run says on standard error.

    Returns:
        The run, and what its failure said: ``{"message", "error", "exit_code"}``, and of a defect
        ``where`` it showed; empty when it succeeded.

    Raises:
        DatabaseError: Dagster could not write its events; the run is as one that was killed.
        KeyboardInterrupt: somebody stopped the run.
    """
    know_tenant(instance, tenant)
    repository = ReconstructableRepository.for_module(DEFINITIONS, "defs")
    job = repository.get_reconstructable_job(name)
    with loading():
        definition = job.get_definition()
    run_id = make_new_run_id()
    run = instance.create_run_for_job(
        job_def=definition,
        run_id=run_id,
        run_config={
            "ops": {op: {"config": dict(own)} for op, own in config.items()},
            "loggers": {"console": {"config": {"log_level": log_level}}},
            **({"execution": {"config": dict(execution)}} if execution else {}),
        },
        tags={
            **definition.get_tags_for_partition_key(tenant, selected_asset_keys=None),
            FROM_TAG: COMMAND_LINE,
            ACTOR_TAG: account(),
            living.PROCESS_TAG: living.signature(run_id),
            # Whoever sits at the terminal runs it again, or does not.
            "dagster/max_retries": "0",
        },
        # By these the UI knows the run as one of its job, and can run it again.
        remote_job_origin=_origin(name),
        job_code_origin=job.get_python_origin(),
    )
    # Dagster's own tables lie in the same server, and may be gone as it writes its events.
    with _storage_told_plainly():
        try:
            result = execute_run(job, run, instance, raise_on_error=False)
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        finished = instance.get_run_by_id(run.run_id)
    assert finished is not None  # noqa: S101 - it was made above
    failure: dict[str, Any] = {}
    for event in result.all_events:
        if _was_interrupted(event):
            with suppress(PlatformError), Platform().connect() as connection:
                closing.note_ended(connection, run.run_id)
            raise KeyboardInterrupt
        if event.is_step_failure:
            failure = _failure(event)
            break
    if not failure and finished.status is not DagsterRunStatus.SUCCESS:
        failure = {"message": _last_words(result.all_events), "error": "platform", "exit_code": 3}
    return finished, failure


def queue_job(
    instance: DagsterInstance,
    name: str,
    tenant: str,
    config: Mapping[str, Mapping[str, Any]],
    *,
    priority: int = ORDINARY,
    tags: Mapping[str, str] | None = None,
) -> DagsterRun:
    """Puts a run of a job for a tenant into the queue, which Dagster's daemon works off.

    Args:
        name: of the job.
        config: op → its configuration.
        priority: its place in the queue; see :mod:`.queueing`.
        tags: more of the run's.

    Raises:
        DatabaseError: Dagster's storage cannot be used; nothing was put into the queue.
    """
    know_tenant(instance, tenant)
    repository = ReconstructableRepository.for_module(DEFINITIONS, "defs")
    job = repository.get_reconstructable_job(name)
    definition = job.get_definition()
    with _storage_told_plainly():
        run = instance.create_run_for_job(
            job_def=definition,
            run_config={"ops": {op: {"config": dict(own)} for op, own in config.items()}},
            tags={
                **definition.get_tags_for_partition_key(tenant, selected_asset_keys=None),
                FROM_TAG: QUEUE,
                ACTOR_TAG: account(),
                **tags_of(priority),
                **(tags or {}),
            },
            status=DagsterRunStatus.NOT_STARTED,
            remote_job_origin=_origin(name),
            job_code_origin=job.get_python_origin(),
        )
        event = DagsterEvent.job_enqueue(run)
        instance.report_dagster_event(event, run_id=run.run_id)
        queued = instance.get_run_by_id(run.run_id)
    assert queued is not None  # noqa: S101 - it was made above
    return queued


def failure_of(instance: DagsterInstance, run_id: str) -> dict[str, Any]:
    """What the failure of a run that has ended said, as :func:`run_job` returns it; empty of one
    that has failed in no step."""
    events = instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)
    for entry in events:
        if entry.dagster_event is not None:
            return _failure(entry.dagster_event)
    return {}


@contextmanager
def _storage_told_plainly() -> Iterator[None]:
    try:
        with told_plainly():
            yield
    except DagsterPostgresException as error:
        # It gave up connecting, and names its cause only.
        raise plain_error(getattr(error.__cause__, "orig", None)) from None


def _was_interrupted(event: DagsterEvent) -> bool:
    # Dagster turns Ctrl-C into a failure of the step that it came into, or of the run if it came
    # between two.
    data = event.event_specific_data
    if not isinstance(data, StepFailureData | JobFailureData) or data.error is None:
        return False
    return data.error.cls_name in ("DagsterExecutionInterruptedError", "KeyboardInterrupt")


def _failure(event: DagsterEvent) -> dict[str, Any]:
    data = event.step_failure_data
    told = data.user_failure_data
    if told is None:
        name = data.error.cls_name if data.error else "unknown"
        if name == living.CRASHED:
            return {
                "message": f"The process of the step {event.step_key} has died, mostly for want of "
                "memory. Nothing was half-loaded. Let fewer work at once (--processes), or give "
                "them more, and migrate again; or re-execute the run from failure in the UI.",
                "error": "platform",
                "exit_code": 3,
            }
        return {"message": f"An unexpected error ({name}).", "error": "unexpected", "exit_code": 3}
    return {
        "message": str(told.description),
        **{
            name: told.metadata[name].value
            for name in ("error", "exit_code", "where")
            if name in told.metadata
        },
    }


def _last_words(events: Any) -> str:
    for event in reversed(list(events)):
        if event.is_failure and event.message:
            return str(event.message)
    return "The run ended without a result."


def _origin(job: str) -> RemoteJobOrigin:
    (location,) = location_origins_from_yaml_paths([str(shipped_file("workspace.yaml"))])
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY), job)
