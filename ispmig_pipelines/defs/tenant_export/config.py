"""What an export is asked to do: short enough for the launchpad."""

from enum import Enum

from dagster import Config
from pydantic import Field

DEFAULT_SPLIT_BYTES = 1_000_000_000


class Format(Enum):
    """How files are written."""

    csv = "csv"
    json = "json"
    ndjson = "ndjson"
    xml = "xml"
    sql = "sql"
    xlsx = "xlsx"


class Compression(Enum):
    """How files are packed."""

    none = "none"
    gzip = "gzip"
    zstd = "zstd"


class Dialect(Enum):
    """Whose SQL is written."""

    postgresql = "postgresql"
    mysql = "mysql"
    sqlite = "sqlite"


class ExportConfig(Config):
    """Configuration of the op ``export``."""

    out: str = Field(
        description="Where to: a folder (absolute, or relative to the project's), or "
        "s3://bucket/prefix. It is made if it is not there."
    )
    format: Format = Field(default=Format.csv, description="Format of the files.")
    entities: list[str] = Field(
        default=[], description="Entities to export, e.g. customer; all of them if none is named."
    )
    fields: list[str] = Field(
        default=[],
        description="Fields to export, e.g. customer.email; of an entity of which none is named, "
        "all of them.",
    )
    where: str = Field(
        default="",
        description="Which rows, e.g. customer.status = active and customer.balance > 0. What is "
        "written here, Dagster keeps with the run: name people in where_file instead.",
    )
    where_file: str = Field(
        default="",
        description="Path of a file that holds the condition (absolute, or relative to the "
        "project's folder). Only the path is kept with the run.",
    )
    transform: str = Field(
        default="", description="Path of a YAML file that says which columns are made of what."
    )
    mask: bool = Field(
        default=False,
        description="Replace every text and key, and what is personal, and leave secrets out.",
    )
    compress: Compression = Field(default=Compression.none, description="Pack the files.")
    split_bytes: int = Field(
        default=DEFAULT_SPLIT_BYTES,
        ge=1_000,
        description="A file that has grown to so many bytes (before packing) is ended, and the "
        "rest goes into another.",
    )
    dialect: Dialect = Field(default=Dialect.postgresql, description="Of SQL.")
    keep_formulas: bool = Field(
        default=False,
        description="Write texts that a spreadsheet would compute as they are (CSV and XLSX).",
    )
    overwrite: bool = Field(
        default=False, description="Replace the export that is there already, if there is one."
    )
