"""What a migration is asked to do: short enough for the launchpad."""

from enum import Enum

from dagster import Config
from pydantic import Field

from ispmig_pipelines.defs.tenant_migration.registered import Registered
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.validation import threshold


class Mode(Enum):
    """What to do with the result."""

    load = "load"
    dry_run = "dry_run"


class MigrationConfig(Config):
    """Configuration of ``extract``, which hands it on to the other ops."""

    spec: str = Field(
        default="",
        description="Path of the spec: absolute, or relative to the project's folder. Unset: the "
        "tenant's registered migration, with its own on_conflict and max_quarantined where these "
        "are not given.",
    )
    mode: Mode = Field(
        default=Mode.load,
        description="load, or dry_run: everything but publishing.",
    )
    on_conflict: OnConflict = Field(
        default=OnConflict.update,
        description="Where the tenant has other content: update it, keep it (the record goes to "
        "quarantine), or fail.",
    )
    max_quarantined: str = Field(
        default=threshold.DEFAULT,
        description="Most records of an entity that may lie in quarantine: 250 or 2.5%.",
    )
    batch_size: int = Field(
        default=DEFAULT_BATCH_SIZE,
        ge=100,
        le=1_000_000,
        description="Records that are read, mapped and validated at a time.",
    )
    parts: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="In how many parts each entity is mapped and validated; worth it where each is "
        "in a process of its own (tenant_migration_in_parts).",
    )
    preview_rows: int = Field(
        default=20,
        ge=0,
        le=1000,
        description="Records of each block that the report of a dry run shows, besides some with "
        "issues; 0: none, and no cell.",
    )
    preview_mask: bool = Field(
        default=False, description="The report shows masks of cells and values only."
    )

    def of(self, tenant: str, registered: Registered | None) -> "MigrationConfig":
        """This one, with what the tenant has registered where no spec was named.

        Raises:
            UsageError: nothing is registered.
        """
        if self.spec:
            return self
        if registered is None:
            raise UsageError(
                f"Tenant {tenant} has no registered migration, and the run names no spec. Name one "
                "in the run's configuration (ops, extract, config, spec), or register one: ispmig "
                f"register {tenant} SPEC"
            )
        ordinary = Registered(registered.spec)
        chosen = {
            "spec": registered.spec,
            "on_conflict": OnConflict(registered.on_conflict)
            if self.on_conflict.value == ordinary.on_conflict
            else self.on_conflict,
            "max_quarantined": registered.max_quarantined
            if self.max_quarantined == ordinary.max_quarantined
            else self.max_quarantined,
        }
        return self.model_copy(update=chosen)
