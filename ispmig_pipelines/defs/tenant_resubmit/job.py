"""The job ``tenant_resubmit``: corrected records of a migration's quarantine, tried again."""

from ispmig_pipelines.defs.handed_on import handed_on
from ispmig_pipelines.defs.queueing import PERSONAL
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_job import in_launchpad, tenant_job
from ispmig_pipelines.defs.tenant_migration.ops import audit_op, load_op, map_op, validate_op
from ispmig_pipelines.defs.tenant_resubmit.config import ResubmitConfig
from ispmig_pipelines.defs.tenant_resubmit.ops import take_op


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there."""
    return in_launchpad("take", ResubmitConfig(file=f"{tenant}-quarantine.xlsx"))


@tenant_job(
    default_config,
    description="Tries records of a tenant's quarantine again that somebody corrected in a "
    "workbook, through the spec of the migration that they come from.",
    priority=PERSONAL,
    resource_defs={"platform": Platform(), "io_manager": handed_on},
)
def tenant_resubmit() -> None:
    validated = take_op().map(map_op).map(validate_op)
    audit_op(load_op(validated.collect()))
