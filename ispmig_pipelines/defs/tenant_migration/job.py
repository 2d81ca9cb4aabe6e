"""The job ``tenant_migration``: extract, then map and validate per entity, then load and audit."""

from pathlib import Path

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_job import tenant_job
from ispmig_pipelines.defs.tenant_migration.ops import (
    audit_op,
    extract_op,
    load_op,
    map_op,
    validate_op,
)
from ispmig_pipelines.drop.names import CLAIMED, WORK
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.validation import threshold


def default_config(tenant: str) -> dict[str, object]:
    """What the launchpad shows for a tenant, to be changed there: the spec it was last migrated
    with, or the place where one is expected."""
    return {
        "ops": {
            "extract": {
                "config": {
                    "spec": _last_spec(tenant) or f"specs/{tenant}.yaml",
                    "mode": "load",
                    "on_conflict": OnConflict.update.value,
                    "max_quarantined": threshold.DEFAULT,
                    "batch_size": DEFAULT_BATCH_SIZE,
                }
            }
        }
    }


def _last_spec(tenant: str) -> str:
    """Path of the spec of the tenant's newest migration; "" where there is none to be had."""
    try:
        with Platform().connect() as connection:
            entries = ledger.migrations(connection, tenant)
    except IspmigError:
        # The launchpad opens without a database, too.
        return ""
    # That of a dropped file went with it.
    lasting = (m.spec_path for m in entries if not _of_drop(Path(m.spec_path)))
    return next(lasting, "")


def _of_drop(spec: Path) -> bool:
    return not {CLAIMED, WORK}.isdisjoint(spec.parts)


@tenant_job(
    default_config,
    description="Moves one tenant's business from the sources of a spec into its tables: "
    "complete, reconciled, or not at all.",
)
def tenant_migration() -> None:
    validated = extract_op().map(map_op).map(validate_op)
    audit_op(load_op(validated.collect()))
