"""Where reports of dry runs lie: private files, a folder per tenant, for some days.

They hold cells of the tenant's data, so only their owner may read them, and they do not stay.
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

from pydantic import ValidationError

from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.page.file import write_private
from ispmig_pipelines.preview.page import page
from ispmig_pipelines.preview.report import Report
from ispmig_pipelines.staging import storage_errors

EXPIRES_AFTER = dt.timedelta(days=14)
"""How long a report is kept: time enough for an approval."""

_THEN = "Free some space, or point ISPMIG_HOME to a larger disk, and run it again."


def paths(root: Path, tenant: str, migration: int) -> dict[str, Path]:
    """Where the report of a dry run lies: as ``html`` and as ``json``.

    Args:
        root: :attr:`Settings.reports_folder`.
    """
    return {kind: root / tenant / f"{migration}.{kind}" for kind in ("html", "json")}


def keep(root: Path, report: Report) -> dict[str, Path]:
    """Writes a report as page and as data; returns where.

    Raises:
        StorageError: no space.
    """
    found = paths(root, report.tenant, report.migration_id)
    with storage_errors("writing the report", _THEN):
        for folder in (root, root / report.tenant):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(found["html"], page(report))
        write_private(found["json"], report.model_dump_json())
    return found


def read(root: Path, tenant: str, migration: int) -> Report:
    """The report of a dry run.

    Raises:
        StorageError: it is not there (any more), or broken.
    """
    path = paths(root, tenant, migration)["json"]
    try:
        return Report.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise StorageError(
            f"The report of migration {migration} of tenant {tenant} cannot be read: {path}. Run "
            f"ispmig preview {tenant} SPEC again."
        ) from None


def remove_expired(root: Path, tenant: str) -> list[int]:
    """Deletes a tenant's reports that are older than :data:`EXPIRES_AFTER`; returns their
    migrations' ids."""
    removed = set()
    oldest = time.time() - EXPIRES_AFTER.total_seconds()
    for path in (root / tenant).glob("*"):
        if path.suffix in (".html", ".json") and path.stem.isdigit():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
                removed.add(int(path.stem))
        elif path.name.startswith(".") and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)  # left half-written by a run that was killed
    return sorted(removed)
