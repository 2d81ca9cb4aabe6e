"""The job ``tenant_restore``: a tenant set back to a snapshot, all of it or nothing."""

from ispmig_pipelines.defs.queueing import PERSONAL
from ispmig_pipelines.defs.tenant_job import in_launchpad, tenant_job
from ispmig_pipelines.defs.tenant_restore.config import RestoreConfig
from ispmig_pipelines.defs.tenant_restore.ops import restore_op


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there: a dry run of the newest
    snapshot."""
    return in_launchpad("restore", RestoreConfig(snapshot="latest"))


@tenant_job(
    default_config,
    description="Sets a tenant back to a snapshot: built and verified beside it, then swapped in. "
    "What was there is kept until the restore is confirmed (ispmig restore confirm).",
    priority=PERSONAL,
)
def tenant_restore() -> None:
    restore_op()
