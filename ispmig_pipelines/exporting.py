"""Exporting a tenant from the command line: the Dagster job, here and now, to its end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import IspmigError, UsageError

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kMGT]?)B?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SMALLEST = 1_000


class ExportFailed(IspmigError):
    """An export that failed in its run.

    Attributes:
        kind: the error's stable name.
        ends_with: what the command line ends with.
    """

    def __init__(self, failure: dict[str, Any]) -> None:
        self.kind: str = failure["error"]
        self.ends_with: int = failure["exit_code"]
        super().__init__(failure["message"])


def size(text: str) -> int:
    """Bytes of a size such as ``500 MB`` or ``1.5GB`` (1 GB is 10⁹ bytes).

    Raises:
        UsageError: it is none, or too small.
    """
    found = _SIZE.fullmatch(text.strip())
    count = int(float(found[1]) * _FACTORS[found[2].lower()]) if found else 0
    if count < _SMALLEST:
        raise UsageError(
            f"{text!r} is no size at which files can be split. Write one such as 500MB or 1GB; the "
            "smallest is 1kB."
        )
    return count


def listed(values: list[str]) -> list[str]:
    """What stands in an option that may be given several times, or hold several with commas."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def export(
    connection: Connection,
    tenant: str,
    out: str,
    *,
    transform: Path | None = None,
    log_level: str = "INFO",
    **config: Any,
) -> dict[str, Any]:
    """Runs the job ``tenant_export``; returns the manifest, and where it lies.

    What can be known to be wrong beforehand is told before a run is made.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        out: folder (relative to the current one) or ``s3://`` URL.
        config: the other options of the job, as the launchpad has them.

    Raises:
        UsageError: tenant, entities, fields, conditions or transform are wrong; nothing was run.
        ExportFailed: the run failed.
    """
    from ispmig_pipelines.defs.tenant_export.config import ExportConfig
    from ispmig_pipelines.defs.tenant_export.export import MANIFEST
    from ispmig_pipelines.defs.tenant_export.ops import asked_of
    from ispmig_pipelines.defs.tenant_export.prepare import prepared
    from ispmig_pipelines.platform import tenants
    from ispmig_pipelines.storage import open_storage

    tenants.get(connection, tenant)
    connection.rollback()
    place = out if "://" in out else str(Path(out).expanduser().absolute())
    whole = {**config, "out": place, "transform": str(transform.absolute()) if transform else ""}
    prepared(asked_of(ExportConfig(**whole)))

    from ispmig_pipelines.defs.instance import instance
    from ispmig_pipelines.defs.launch import run_job

    with instance() as dagster:
        _, failure = run_job(
            dagster, "tenant_export", tenant, {"export": whole}, log_level=log_level
        )
    if failure:
        raise ExportFailed(failure)
    storage = open_storage(place)
    with storage.reading(MANIFEST) as stream:
        return {"out": storage.place(), **json.load(stream)}
