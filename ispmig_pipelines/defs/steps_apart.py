"""An executor for jobs whose steps are in processes of their own, on this machine or on others.

Which one runs them is Dagster's matter: processes of this machine, or what ``ISPMIG_STEP_EXECUTOR``
names (those of Kubernetes and Celery). Around it stands what a run does that is one process with
its steps: it says which process it is, holds its tenant from its first step to its last, and closes
in the ledger what somebody stopped. Steps find that their run holds the tenant, and hold it not
themselves: between two of them it would be free for another run.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from dagster import (
    DagsterEvent,
    Executor,
    ExecutorDefinition,
    Field,
    InitExecutorContext,
    Int,
    Noneable,
    configured,
    multiprocess_executor,
)
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan

from ispmig_pipelines.defs import living
from ispmig_pipelines.defs.launch import DEFINITIONS
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_job import tenant_of
from ispmig_pipelines.errors import UsageError


@configured(
    multiprocess_executor,
    {
        "max_concurrent": Field(
            Noneable(Int),
            default_value=None,
            is_required=False,
            description="How many steps may be under way at once; as many as processors unless "
            "said.",
        )
    },
)
def processes(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Steps as processes of the run's machine."""
    start: dict[str, Any] = {"spawn": {}}
    if sys.platform == "linux":
        # Forked from a process that has everything imported, which takes five seconds of CPU.
        start = {"forkserver": {"preload_modules": [DEFINITIONS]}}
    return {**config, "start_method": start}


def steps_apart(dotted: str) -> ExecutorDefinition:
    """The executor of that dotted name, configured as it is, for runs that hold their tenant.

    Args:
        dotted: :func:`processes` where it is empty.

    Raises:
        UsageError: there is no executor of that name.
    """
    chosen = _named(dotted) if dotted.strip() else processes

    def created(context: InitExecutorContext) -> Executor:
        create = chosen.executor_creation_fn
        assert create is not None  # noqa: S101 - only Dagster's own placeholder has none
        return _holding(create(context))

    return ExecutorDefinition(
        name=chosen.name,
        # It takes what another has, whatever its annotation says.
        config_schema=chosen.config_schema,  # type: ignore[arg-type]
        requirements=chosen.get_requirements,
        executor_creation_fn=created,
        description=chosen.description,
    )


def _named(dotted: str) -> ExecutorDefinition:
    module, _, name = dotted.strip().rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except (ImportError, ValueError):
        found = None
    if not isinstance(found, ExecutorDefinition):
        raise UsageError(
            f"ISPMIG_STEP_EXECUTOR names {dotted}, and there is no executor of Dagster's by this "
            "name here. Write its module and name, e.g. dagster_k8s.k8s_job_executor, and install "
            "its package; or unset it, for processes of one machine."
        )
    return found


def _holding(steps: Executor) -> Executor:
    """The executor itself (that of Celery asks its context for one of its class), whose run holds
    its tenant while it executes."""
    execute = steps.execute

    def holding(
        plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        run = plan_context.dagster_run
        tenant = tenant_of(run)
        with Platform().of_run(run, plan_context.instance) as platform:
            platform.keep(tenant)
            died = False
            try:
                for event in execute(plan_context, execution_plan):
                    # One that was taken, or whose session is lost: a step that found it so is
                    # about to be tried again.
                    platform.keep(tenant)
                    died = died or _died(event)
                    yield event
            finally:
                if died:
                    platform.note_died(run.run_id)

    steps.execute = holding  # type: ignore[method-assign]
    return steps


def _died(event: DagsterEvent) -> bool:
    error = event.step_failure_data.error if event.is_step_failure else None
    return error is not None and error.cls_name == living.CRASHED
