"""The job ``tenant_export``: one tenant's rows, as of one instant, into files."""

from dagster import PartitionedConfig, in_process_executor, job

from ispmig_pipelines.defs.console import console
from ispmig_pipelines.defs.partitions import tenants
from ispmig_pipelines.defs.tenant_export.config import DEFAULT_SPLIT_BYTES
from ispmig_pipelines.defs.tenant_export.ops import export_op


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there."""
    return {
        "ops": {
            "export": {
                "config": {
                    "out": f"exports/{tenant}",
                    "format": "csv",
                    "entities": [],
                    "fields": [],
                    "where": "",
                    "where_file": "",
                    "transform": "",
                    "mask": False,
                    "compress": "none",
                    "split_bytes": DEFAULT_SPLIT_BYTES,
                    "dialect": "postgresql",
                    "keep_formulas": False,
                    "overwrite": False,
                }
            }
        }
    }


@job(
    # Not tagged with the tenant as migrations are: reading waits for nobody, and nobody for it.
    config=PartitionedConfig(
        partitions_def=tenants, run_config_for_partition_key_fn=default_config
    ),
    executor_def=in_process_executor,
    logger_defs={"console": console},
    description="Writes one tenant's entities into files, as of one instant: CSV, JSON, NDJSON, "
    "XML, SQL or XLSX, in a folder or in S3, with a manifest of counts and digests.",
)
def tenant_export() -> None:
    export_op()
