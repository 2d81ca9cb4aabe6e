"""The asset ``tenant_backup``, its job, and the event by which the graph learns of a snapshot."""

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    TableRecord,
    define_asset_job,
    in_process_executor,
    multi_asset,
)

from ispmig_pipelines import backing_up
from ispmig_pipelines.defs.actor import actor
from ispmig_pipelines.defs.partitions import tenants
from ispmig_pipelines.defs.queueing import DATABASE
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.run_resources import MODERATE
from ispmig_pipelines.defs.tenant_backup.config import BackupConfig
from ispmig_pipelines.defs.tenant_migration.failing import failing_plainly
from ispmig_pipelines.model import ENTITIES

BACKUP = AssetKey("tenant_backup")
_MOST_LEFT_OUT = 20


@multi_asset(
    # The op's name; the asset and its job are called otherwise.
    name="back_up",
    specs=[
        AssetSpec(
            BACKUP,
            deps=list(ENTITIES),
            description="A tenant's whole state at one instant, kept outside the database: every "
            "table, its rows of the ledger, its files; encrypted with the tenant's own key.",
            partitions_def=tenants,
            group_name="backup",
            kinds={"parquet"},
        )
    ],
    pool=DATABASE,
)
def tenant_backup_asset(
    context: AssetExecutionContext, config: BackupConfig, platform: Platform
) -> Iterator[MaterializeResult[Any]]:
    """Makes a snapshot of the partition's tenant."""
    tenant = context.partition_key
    with failing_plainly(context.op_execution_context, platform):
        made = backing_up.back_up(
            tenant,
            full=config.full,
            actor=actor(context.op_execution_context),
            dagster_run_id=context.run.run_id,
        )
    told = made.as_json()
    context.log.info(
        f"{made.snapshot}: {made.rows:,} rows, {made.kind}, {made.bytes_stored:,} bytes stored"
    )
    for one in told["left_out"][:_MOST_LEFT_OUT]:
        context.log.warning(f"not in the snapshot: {one['path']}: {one['why']}")
    yield MaterializeResult(asset_key=BACKUP, metadata=metadata_of(told))


def metadata_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the graph shows of a snapshot; numbers are plotted over time.

    Args:
        told: as the command line prints a backup that was made.
    """
    whole = told["bytes_whole"]
    shown: dict[str, Any] = {
        "dagster/row_count": told["rows"],
        "snapshot": told["snapshot"],
        "kind": told["kind"],
        "parent": told["parent"] or "none",
        "rows": told["rows"],
        "files": told["files"],
        "bytes read": told["bytes_read"],
        "bytes stored": told["bytes_stored"],
        "bytes needed": whole,
        "stored / needed": round(told["bytes_stored"] / whole, 6) if whole else 0.0,
        "seconds": float(told["seconds"]),
    }
    if "tables" in told:
        shown["tables"] = MetadataValue.table(
            [
                TableRecord({"table": name, "rows": one["rows"], "read": one["read"]})
                for name, one in told["tables"].items()
            ]
        )
    if "left_out" in told:
        shown["files left out"] = len(told["left_out"])
    return shown


def materialization_of(tenant: str, told: Mapping[str, Any]) -> AssetMaterialization:
    """The event of a snapshot that a command made."""
    return AssetMaterialization(
        BACKUP,
        partition=tenant,
        description=f"Made by the command line: {told['snapshot']}",
        metadata=metadata_of(told),
    )


tenant_backup = define_asset_job(
    "tenant_backup",
    # Checks go through all tenants; they have a job of their own.
    selection=AssetSelection.assets(BACKUP).without_checks(),
    description="Makes a snapshot of a tenant: reads what changed since the newest one, and stores "
    "what is not stored yet.",
    executor_def=in_process_executor,
    tags={**MODERATE.tags},
)
