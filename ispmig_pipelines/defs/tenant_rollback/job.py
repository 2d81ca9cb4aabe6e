"""The job ``tenant_rollback``: migrations of a tenant taken back, all or none of them."""

from ispmig_pipelines.defs.queueing import PERSONAL
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_job import in_launchpad, tenant_job
from ispmig_pipelines.defs.tenant_rollback.config import RollbackConfig
from ispmig_pipelines.defs.tenant_rollback.ops import roll_back_op
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.rollback.restore_points import STANDING


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there: a dry run for the newest
    migration that stands."""
    return in_launchpad("roll_back", RollbackConfig(migrations=_newest(tenant)))


def _newest(tenant: str) -> list[int]:
    try:
        with Platform().connect() as connection:
            found = ledger.migrations(connection, tenant)
    except IspmigError:
        # The launchpad opens without a database, too.
        return []
    return [entry.id for entry in found if entry.state in STANDING][:1]


@tenant_job(
    default_config,
    description="Takes migrations of a tenant back: what they inserted goes, what they updated is "
    "as it was before, and what others changed since is kept.",
    priority=PERSONAL,
)
def tenant_rollback() -> None:
    roll_back_op()
