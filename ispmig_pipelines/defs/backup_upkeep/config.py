"""What upkeep of backups is asked to do."""

from dagster import Config
from pydantic import Field

SHARE = "1/7"
"""Of a verification every day: all is read back in a week."""


class VerificationConfig(Config):
    """Configuration of ``verify_backups``."""

    share: str = Field(
        default=SHARE, description="So much of it, what was read back longest ago; 1/1 is all."
    )
    snapshot: str = Field(default="", description="Only this snapshot, and all of it.")


class DrillConfig(Config):
    """Configuration of ``drill_backup``."""

    snapshot: str = Field(default="latest", description="Its name, or latest.")


class PruneConfig(Config):
    """Configuration of ``prune_backups``."""

    dry_run: bool = Field(default=False, description="Only say what would go.")
    give_up: list[str] = Field(
        default=[], description="Names of snapshots that are damaged or gone, and are to go."
    )
