"""Where reports of migrations lie: private files, a folder per tenant, beside those of dry runs.

They hold no cell, and stay until the tenant goes; whatever is lost is made again from the ledger.
"""

from __future__ import annotations

from pathlib import Path

from ispmig_pipelines.page import file
from ispmig_pipelines.report.report import MigrationReport
from ispmig_pipelines.report.signed import Signed
from ispmig_pipelines.staging import storage_errors

ADDRESS = "/reports/{tenant}/{migration}"
"""Where ``ispmig up`` serves a report, at the address of the Dagster UI."""

_THEN = "Free some space, and make the report again with ispmig report."


def paths(root: Path, tenant: str, migration: int) -> dict[str, Path]:
    """Where the report of a migration lies: as ``html`` and as ``json``.

    Args:
        root: :attr:`Settings.reports_folder`.
    """
    return file.kept(root, tenant, _stem(migration))


def keep(root: Path, report: MigrationReport, signed: Signed) -> dict[str, Path]:
    """Writes a signed report as page and as canonical JSON; returns where.

    Raises:
        StorageError: no space.
    """
    with storage_errors("writing the report", _THEN):
        return file.keep(
            root, report.tenant, _stem(report.migration), html=signed.html, json=signed.json
        )


def _stem(migration: int) -> str:
    return f"migration-{migration}"
