"""The job ``tenant_migration``: extract, then map and validate per entity, then load and audit."""

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_job import in_launchpad, tenant_job
from ispmig_pipelines.defs.tenant_migration import registered
from ispmig_pipelines.defs.tenant_migration.config import MigrationConfig
from ispmig_pipelines.defs.tenant_migration.ops import (
    audit_op,
    extract_op,
    load_op,
    map_op,
    validate_op,
)
from ispmig_pipelines.defs.tenant_migration.registered import Registered
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform.conflict import OnConflict


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there, and what a backfill runs: its
    registered migration, or the place where a spec is expected."""
    said = _registered(tenant) or Registered(f"specs/{tenant}.yaml")
    config = MigrationConfig(
        spec=said.spec,
        on_conflict=OnConflict(said.on_conflict),
        max_quarantined=said.max_quarantined,
    )
    return in_launchpad("extract", config)


def _registered(tenant: str) -> Registered | None:
    try:
        with Platform().connect() as connection:
            return registered.of(connection, tenant)
    except IspmigError:
        # The launchpad opens without a database, too.
        return None


@tenant_job(
    default_config,
    description="Moves one tenant's business from the sources of a spec into its tables: "
    "complete, reconciled, or not at all.",
)
def tenant_migration() -> None:
    validated = extract_op().map(map_op).map(validate_op)
    audit_op(load_op(validated.collect()))
