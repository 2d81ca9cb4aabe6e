"""The one ``Definitions``: everything Dagster knows of us, by name."""

from dagster import Definitions, in_process_executor

from ispmig_pipelines.defs.alerts import alerts
from ispmig_pipelines.defs.assets import (
    checks,
    entities,
    source_export,
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
    backup_drills,
    backup_prunes,
    backup_verifications,
)
from ispmig_pipelines.defs.change_journals import change_journals
from ispmig_pipelines.defs.console import console
from ispmig_pipelines.defs.event_purge import event_purge
from ispmig_pipelines.defs.event_purge import every_night as event_purge_nightly
from ispmig_pipelines.defs.file_drop import file_drop
from ispmig_pipelines.defs.janitor import every_hour, janitor
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_backup.asset import tenant_backup, tenant_backup_asset
from ispmig_pipelines.defs.tenant_backup.freshness import backup_checks, fresh
from ispmig_pipelines.defs.tenant_backup.freshness import every_hour as backup_checks_hourly
from ispmig_pipelines.defs.tenant_backup.scheduling import backups_of_commands, tenant_backups
from ispmig_pipelines.defs.tenant_export.job import tenant_export
from ispmig_pipelines.defs.tenant_migration.job import (
    tenant_migration,
    tenant_migration_in_parts,
)
from ispmig_pipelines.defs.tenant_restore.job import tenant_restore
from ispmig_pipelines.defs.tenant_resubmit.job import tenant_resubmit
from ispmig_pipelines.defs.tenant_rollback.job import tenant_rollback

defs = Definitions(
    assets=[source_export, *entities, tenant_backup_asset, tenant_files, audit_trail],
    asset_checks=[*checks, unbroken, intact, restorable, fresh],
    jobs=[
        tenant_migration,
        tenant_migration_in_parts,
        tenant_resubmit,
        tenant_rollback,
        tenant_restore,
        tenant_export,
        tenant_backup,
        backup_checks,
        backup_verification,
        backup_drill,
        backup_prune,
        audit_chain,
        janitor,
        event_purge,
    ],
    schedules=[
        every_night,
        every_hour,
        tenant_backups,
        backup_checks_hourly,
        backup_verifications,
        backup_prunes,
        backup_drills,
        event_purge_nightly,
    ],
    sensors=[file_drop, backups_of_commands, change_journals, alerts],
    resources={"platform": Platform()},
    # Of assets that are materialized in the graph, as jobs have it: a process per step costs
    # seconds each.
    executor=in_process_executor,
    loggers={"console": console},
)
