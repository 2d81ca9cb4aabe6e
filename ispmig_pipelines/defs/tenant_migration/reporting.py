"""Keeps the report of a migration, and says in Dagster where it lies.

A report can be made again at any time (``ispmig report``): that it could not be kept is told, and
changes nothing of the migration.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import MetadataValue, OpExecutionContext
from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.keyring import signing_key
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import told_plainly
from ispmig_pipelines.report import store
from ispmig_pipelines.report.gather import gather
from ispmig_pipelines.report.report import MigrationReport
from ispmig_pipelines.report.signed import signed
from ispmig_pipelines.settings import settings


@dataclass(frozen=True)
class Kept:
    """A report, the place of its page, and the id of the key that signed it."""

    report: MigrationReport
    place: Path
    key: str

    @property
    def link(self) -> dict[str, Any]:
        """What Dagster may know of it: how the migration went, and where that is told."""
        address = store.ADDRESS.format(tenant=self.report.tenant, migration=self.report.migration)
        return {
            "verdict": self.report.verdict,
            "migration report": MetadataValue.url(address),
            "signed by": f"key {self.key}",
        }

    @property
    def metadata(self) -> dict[str, Any]:
        """The same for a run: also where the file is."""
        return {**self.link, "report file": MetadataValue.path(self.place)}


def keep(
    context: OpExecutionContext, connection: Connection, tenant: tenants.Tenant, migration: int
) -> Kept | None:
    """Keeps the report of a migration as it stands.

    Args:
        connection: in no transaction.
    """
    try:
        with told_plainly():
            made = gather(connection, tenant, migration)
            whole = signed(made, signing_key())
            place = store.keep(settings().reports_folder, made, whole)["html"]
    except IspmigError as error:
        context.log.warning(f"The report of migration {migration} could not be kept: {error}")
    except Exception as error:  # whatever is wrong with a report, the migration stands as it is
        context.log.warning(
            f"The report of migration {migration} could not be made ({type(error).__name__})."
        )
    else:
        context.log.info(f"The report of this migration, signed by key {whole.key}: {place}")
        return Kept(made, place, whole.key)
    return None


def keep_failed(
    context: OpExecutionContext, platform: Platform, migration: int | None
) -> dict[str, Any]:
    """Keeps the report of a migration that has failed, once it is in the ledger; returns what
    Dagster is to show."""
    if migration is None:
        return {}
    try:
        with platform.connect() as connection:
            entry = ledger.migration(connection, migration)
            tenant = tenants.get(connection, entry.tenant)
            connection.rollback()
            kept = keep(context, connection, tenant, migration)
            return kept.metadata if kept else {}
    except IspmigError:
        return {}  # the failure itself is told; this would only hide it
