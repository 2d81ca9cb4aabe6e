"""The jobs ``tenant_migration`` and ``tenant_migration_in_parts``: extract, then map and validate
per entity, or per part of one, then load and audit.

The first is one process, the second one for each step. What they do, and what comes of it, is the
same.
"""

from ispmig_pipelines.defs.handed_on import handed_on
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.steps_apart import steps_apart
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
from ispmig_pipelines.settings import settings

PARTS = 4
"""Of each entity, where nobody says how many."""


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there, and what a backfill runs: its
    registered migration, or the place where a spec is expected."""
    return _config(tenant, parts=1)


def default_config_in_parts(tenant: str) -> dict[str, object]:
    """The same where each entity is mapped and validated in parts."""
    return _config(tenant, parts=PARTS)


def _config(tenant: str, *, parts: int) -> dict[str, object]:
    said = _registered(tenant) or Registered(f"specs/{tenant}.yaml")
    config = MigrationConfig(
        spec=said.spec,
        on_conflict=OnConflict(said.on_conflict),
        max_quarantined=said.max_quarantined,
        parts=parts,
    )
    return in_launchpad("extract", config)


def _registered(tenant: str) -> Registered | None:
    try:
        with Platform().connect() as connection:
            return registered.of(connection, tenant)
    except IspmigError:
        # The launchpad opens without a database, too.
        return None


def _steps() -> None:
    validated = extract_op().map(map_op).map(validate_op)
    audit_op(load_op(validated.collect()))


tenant_migration = tenant_job(
    default_config,
    "Moves one tenant's business from the sources of a spec into its tables: complete, reconciled, "
    "or not at all.",
    name="tenant_migration",
    resource_defs={"platform": Platform(), "io_manager": handed_on},
)(_steps)

tenant_migration_in_parts = tenant_job(
    default_config_in_parts,
    "The same as tenant_migration, for very large migrations: each entity is mapped and validated "
    "in parts, by several processes or machines.",
    name="tenant_migration_in_parts",
    executor=steps_apart(settings().step_executor),
    resource_defs={"platform": Platform(of_step=True), "io_manager": handed_on},
)(_steps)
