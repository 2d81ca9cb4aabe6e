"""The one ``Definitions``: everything Dagster knows of us, by name."""

from dagster import Definitions

from ispmig_pipelines.defs.assets import (
    checks,
    entities,
    source_export,
    tenant_backup,
    tenant_files,
)
from ispmig_pipelines.defs.audit_chain import (
    audit_chain,
    audit_trail,
    every_night,
    unbroken,
)
from ispmig_pipelines.defs.backup_upkeep.checks import intact, restorable
from ispmig_pipelines.defs.backup_upkeep.jobs import (
    backup_drill,
    backup_prune,
    backup_verification,
)
from ispmig_pipelines.defs.backup_upkeep.schedules import (
    drill_weekly,
    prune_daily,
    verification_daily,
)
from ispmig_pipelines.defs.file_drop import file_drop
from ispmig_pipelines.defs.janitor import every_hour, janitor
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_export.job import tenant_export
from ispmig_pipelines.defs.tenant_migration.job import tenant_migration
from ispmig_pipelines.defs.tenant_restore.job import tenant_restore
from ispmig_pipelines.defs.tenant_resubmit.job import tenant_resubmit
from ispmig_pipelines.defs.tenant_rollback.job import tenant_rollback

defs = Definitions(
    assets=[source_export, *entities, tenant_backup, tenant_files, audit_trail],
    asset_checks=[*checks, unbroken, intact, restorable],
    jobs=[
        tenant_migration,
        tenant_resubmit,
        tenant_rollback,
        tenant_restore,
        tenant_export,
        backup_verification,
        backup_drill,
        backup_prune,
        audit_chain,
        janitor,
    ],
    schedules=[
        every_night,
        every_hour,
        verification_daily,
        prune_daily,
        drill_weekly,
    ],
    sensors=[file_drop],
    resources={"platform": Platform()},
)
