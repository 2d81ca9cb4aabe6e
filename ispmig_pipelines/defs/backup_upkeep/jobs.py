"""The jobs of upkeep, a partition per tenant."""

from ispmig_pipelines.defs.backup_upkeep.config import SHARE
from ispmig_pipelines.defs.backup_upkeep.ops import drill_backup, prune_backups, verify_backups
from ispmig_pipelines.defs.queueing import BACKGROUND
from ispmig_pipelines.defs.run_resources import LIGHT, MODERATE
from ispmig_pipelines.defs.tenant_job import tenant_job


def _verification(tenant: str) -> dict[str, object]:
    return {"ops": {"verify_backups": {"config": {"share": SHARE, "snapshot": ""}}}}


def _drill(tenant: str) -> dict[str, object]:
    return {"ops": {"drill_backup": {"config": {"snapshot": "latest"}}}}


def _prune(tenant: str) -> dict[str, object]:
    return {"ops": {"prune_backups": {"config": {"dry_run": False, "give_up": []}}}}


@tenant_job(
    _verification,
    description="Reads a tenant's backups back, what was read longest ago, and fails with the "
    "names of what is damaged.",
    # It only reads, and not from the database.
    alone=False,
    priority=BACKGROUND,
    resources=MODERATE,
)
def backup_verification() -> None:
    verify_backups()


@tenant_job(
    _drill,
    description="Restores a tenant's newest snapshot to a scratch schema that nobody sees, holds "
    "it against what was stored, and says how long that took.",
    priority=BACKGROUND,
)
def backup_drill() -> None:
    drill_backup()


@tenant_job(
    _prune,
    description="Deletes a tenant's snapshots that its retention policy lets go, and what no "
    "snapshot needs any more.",
    priority=BACKGROUND,
    resources=LIGHT,
)
def backup_prune() -> None:
    prune_backups()
