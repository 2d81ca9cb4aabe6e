"""What a restore is asked to do."""

from dagster import Config
from pydantic import Field


class RestoreConfig(Config):
    """Configuration of ``restore``."""

    snapshot: str = Field(
        default="", description="Name of a snapshot, the beginning or end of one, or latest."
    )
    at: str = Field(
        default="",
        description="Instead of a snapshot: the moment to restore to, e.g. 2026-11-22T10:31:07Z.",
    )
    tables: list[str] = Field(
        default=[], description="Only these tables, e.g. customer; none: the whole tenant."
    )
    into: str = Field(
        default="",
        description="Make a copy in a schema of this name, and leave the tenant as it is.",
    )
    mask: bool = Field(default=False, description="Mask the copy, as exports are masked.")
    files: bool = Field(
        default=True, description="Set the tenant's files back, too, as the snapshot has them."
    )
    files_to: str = Field(
        default="",
        description="Write the snapshot's files to this folder or s3://bucket/prefix, where "
        "nothing is, and leave the tenant's own as they are.",
    )
    verify: str = Field(
        default="quick",
        description="quick, or full: also of large tables every row is read back from the database",
    )
    dry_run: bool = Field(
        default=True,
        description="Build and verify all of it, say what would change, and change nothing.",
    )
