"""What all jobs on one tenant have in common."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dagster import (
    Config,
    DagsterRun,
    ExecutorDefinition,
    JobDefinition,
    PartitionedConfig,
    in_process_executor,
    job,
)
from dagster._core.storage.tags import PARTITION_NAME_TAG

from ispmig_pipelines.defs.console import console
from ispmig_pipelines.defs.partitions import tenants
from ispmig_pipelines.defs.queueing import ORDINARY, tags_of
from ispmig_pipelines.defs.run_resources import HEAVY, RunResources

TENANT_TAG = "ispmig/tenant"
"""Runs that have the same one wait for each other."""


def tenant_job(
    default_config: Callable[[str], Mapping[str, object]],
    description: str,
    *,
    name: str | None = None,
    alone: bool = True,
    priority: int = ORDINARY,
    resources: RunResources = HEAVY,
    executor: ExecutorDefinition = in_process_executor,
    resource_defs: Mapping[str, object] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], JobDefinition]:
    """A job with a partition per tenant, whose steps share one process unless it is said otherwise.

    Args:
        default_config: tenant → what the launchpad shows, to be changed there.
        name: of the job, where it is not that of the function.
        alone: no other such job of the tenant may run at the same time.
        priority: its runs' place in the queue; see :mod:`.queueing`.
        resources: what its runs ask for in Kubernetes.
        executor: what runs its steps.
        resource_defs: all that it needs, by their keys; those of all jobs unless said.
    """
    return job(
        name=name,
        config=PartitionedConfig(
            partitions_def=tenants,
            run_config_for_partition_key_fn=default_config,
            tags_for_partition_key_fn=(lambda tenant: {TENANT_TAG: tenant}) if alone else None,
        ),
        # A process per step costs seconds each; runs are what run side by side.
        executor_def=executor,
        resource_defs=dict(resource_defs) or None,
        logger_defs={"console": console},
        description=description,
        tags={**tags_of(priority), **resources.tags},
    )


def in_launchpad(op: str, config: Config) -> dict[str, object]:
    """What the launchpad shows of a job: all that its first op can be told, to be changed there."""
    return {"ops": {op: {"config": config.model_dump(mode="json")}}}


def tenant_of(run: DagsterRun) -> str:
    """The tenant that a run is of; "" of one of all. Jobs that do not run alone, and assets, have a
    partition and no :data:`TENANT_TAG`."""
    return run.tags.get(TENANT_TAG) or run.tags.get(PARTITION_NAME_TAG, "")
