"""What a rollback is asked to do."""

from dagster import Config
from pydantic import Field


class RollbackConfig(Config):
    """Configuration of ``roll_back``."""

    migrations: list[int] = Field(
        description="Ids of the migrations to take back; of several the newest first, all or none."
    )
    dry_run: bool = Field(
        default=True, description="Only find out what would be taken back, and what kept."
    )
    force: bool = Field(
        default=False,
        description="Take back rows that somebody else changed since, too: their changes are lost.",
    )
