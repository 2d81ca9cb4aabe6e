"""What all jobs on one tenant have in common."""

from collections.abc import Callable, Mapping
from typing import Any

from dagster import JobDefinition, PartitionedConfig, in_process_executor, job

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
    alone: bool = True,
    priority: int = ORDINARY,
    resources: RunResources = HEAVY,
) -> Callable[[Callable[..., Any]], JobDefinition]:
    """A job with a partition per tenant, whose steps share one process.

    Args:
        default_config: tenant → what the launchpad shows, to be changed there.
        alone: no other such job of the tenant may run at the same time.
        priority: its runs' place in the queue; see :mod:`.queueing`.
        resources: what its runs ask for in Kubernetes.
    """
    return job(
        config=PartitionedConfig(
            partitions_def=tenants,
            run_config_for_partition_key_fn=default_config,
            tags_for_partition_key_fn=(lambda tenant: {TENANT_TAG: tenant}) if alone else None,
        ),
        # A process per step costs seconds each; runs are what run side by side.
        executor_def=in_process_executor,
        logger_defs={"console": console},
        description=description,
        tags={**tags_of(priority), **resources.tags},
    )
