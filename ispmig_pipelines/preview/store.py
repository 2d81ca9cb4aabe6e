"""Where reports of dry runs lie: private files, a folder per tenant, for some days.

They hold cells of the tenant's data, so only their owner may read them, and they do not stay.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.page import file
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
    return file.kept(root, tenant, _stem(migration))


def keep(root: Path, report: Report) -> dict[str, Path]:
    """Writes a report as page and as data; returns where.

    Raises:
        StorageError: no space.
    """
    with storage_errors("writing the report", _THEN):
        return file.keep(
            root,
            report.tenant,
            _stem(report.migration_id),
            html=page(report),
            json=report.model_dump_json(),
        )


def _stem(migration: int) -> str:
    return str(migration)


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


def migrations(root: Path, tenant: str) -> list[int]:
    """Ids of a tenant's dry runs of which there is a report."""
    return sorted({int(path.stem) for path in _files(root, tenant) if path.stem.isdigit()})


def remove(root: Path, tenant: str, *, before: float = math.inf) -> list[int]:
    """Deletes a tenant's reports, those that were half written, too; returns their migrations' ids.

    Args:
        before: only what was written before this time, in seconds since 1970.
    """
    removed = set()
    for path in _files(root, tenant):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            removed.add(path.stem)
    return sorted(int(stem) for stem in removed if stem.isdigit())


def remove_expired(root: Path, tenant: str) -> list[int]:
    """Deletes a tenant's reports that are older than :data:`EXPIRES_AFTER`; returns their
    migrations' ids."""
    return remove(root, tenant, before=time.time() - EXPIRES_AFTER.total_seconds())


def _files(root: Path, tenant: str) -> Iterator[Path]:
    """Reports, and what was left half-written by a run that was killed."""
    for path in (root / tenant).glob("*"):
        if path.name.startswith(".") or (path.suffix in (".html", ".json") and path.stem.isdigit()):
            yield path
