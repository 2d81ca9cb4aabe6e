"""What a backup is asked to do."""

from dagster import Config
from pydantic import Field


class BackupConfig(Config):
    """Configuration of ``back_up``."""

    full: bool = Field(default=False, description="Read every row and every file, changed or not.")
