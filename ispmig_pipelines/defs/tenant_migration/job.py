"""The job ``tenant_migration``: extract, then map and validate per entity, then load and audit."""

from dagster import PartitionedConfig, in_process_executor, job

from ispmig_pipelines.defs.console import console
from ispmig_pipelines.defs.partitions import tenants
from ispmig_pipelines.defs.tenant_migration.ops import (
    audit_op,
    extract_op,
    load_op,
    map_op,
    validate_op,
)

TENANT_TAG = "ispmig/tenant"


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there."""
    return {
        "ops": {
            "extract": {
                "config": {
                    "spec": f"specs/{tenant}.yaml",
                    "mode": "load",
                    "on_conflict": "update",
                    "max_quarantined": "5%",
                }
            }
        }
    }


@job(
    config=PartitionedConfig(
        partitions_def=tenants,
        run_config_for_partition_key_fn=default_config,
        tags_for_partition_key_fn=lambda tenant: {TENANT_TAG: tenant},
    ),
    # A process per step costs seconds each; runs are what run side by side.
    executor_def=in_process_executor,
    logger_defs={"console": console},
    description="Moves one tenant's business from the sources of a spec into its tables: "
    "complete, reconciled, or not at all.",
)
def tenant_migration() -> None:
    validated = extract_op().map(map_op).map(validate_op)
    audit_op(load_op(validated.collect()))
