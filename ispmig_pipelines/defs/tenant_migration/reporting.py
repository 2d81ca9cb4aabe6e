"""Keeps the report of a migration, and says in Dagster where it lies.

A report can be made again at any time (``ispmig report``): that it could not be kept is told, and
changes nothing of the migration.
"""

from pathlib import Path
from typing import Any

from dagster import MetadataValue, OpExecutionContext
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import told_plainly
from ispmig_pipelines.report import store
from ispmig_pipelines.report.gather import gather
from ispmig_pipelines.report.report import MigrationReport
from ispmig_pipelines.settings import settings


def keep(
    context: OpExecutionContext, connection: Connection, tenant: tenants.Tenant, migration: int
) -> tuple[MigrationReport | None, dict[str, Any]]:
    """Keeps the report of a migration as it stands; returns it with what Dagster is to show.

    Args:
        connection: in no transaction.
    """
    try:
        with told_plainly():
            made = gather(connection, tenant, migration)
            place = store.keep(settings().reports_folder, made)["html"]
    except IspmigError as error:
        context.log.warning(f"The report of migration {migration} could not be kept: {error}")
    except Exception as error:  # whatever is wrong with a report, the migration stands as it is
        context.log.warning(
            f"The report of migration {migration} could not be made ({type(error).__name__})."
        )
    else:
        context.log.info(f"The report of this migration: {place}")
        return made, metadata(made, place)
    return None, {}


def keep_failed(
    context: OpExecutionContext, platform: Platform, migration: int | None
) -> dict[str, Any]:
    """Keeps the report of a migration that has failed, once it is in the ledger."""
    if migration is None:
        return {}
    try:
        with platform.connect() as connection:
            entry = ledger.migration(connection, migration)
            tenant = tenants.get(connection, entry.tenant)
            connection.rollback()
            return keep(context, connection, tenant, migration)[1]
    except IspmigError:
        return {}  # the failure itself is told; this would only hide it


def metadata(made: MigrationReport, place: Path) -> dict[str, Any]:
    """What Dagster may know of a report: how it went, and where it is."""
    address = store.ADDRESS.format(tenant=made.tenant, migration=made.migration)
    return {
        "verdict": made.verdict,
        "migration report": MetadataValue.url(address),
        "report file": MetadataValue.path(place),
    }
