"""What a resubmission is asked to do."""

from dagster import Config
from pydantic import Field

from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE


class ResubmitConfig(Config):
    """Configuration of ``take``, which hands it on to the other ops."""

    file: str = Field(
        description="Path of the corrected workbook (or one sheet of it as CSV): absolute, or "
        "relative to the project's folder."
    )
    migration: int = Field(
        default=0,
        ge=0,
        description="Id of the migration whose records are resubmitted; 0: the only one that the "
        "file has records of.",
    )
    dry_run: bool = Field(default=False, description="Everything but publishing.")
    batch_size: int = Field(
        default=DEFAULT_BATCH_SIZE,
        ge=100,
        le=1_000_000,
        description="Records that are mapped and validated at a time.",
    )
