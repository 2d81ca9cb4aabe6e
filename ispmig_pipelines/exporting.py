"""Exporting a tenant from the command line: the Dagster job, here and now, to its end."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import RunFailed, StorageError, UsageError
from ispmig_pipelines.staging import storage_errors

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kMGT]?)B?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SMALLEST = 1_000
_KEPT_AT_MOST = 86_400.0
"""Seconds after which nobody is thought to need the condition of a run that was killed."""


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
    where: str = "",
    transform: Path | None = None,
    log_level: str = "INFO",
    **config: Any,
) -> dict[str, Any]:
    """Runs the job ``tenant_export``; returns the manifest, and where it lies.

    What can be known to be wrong beforehand is told before a run is made.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        out: folder (relative to the current one) or ``s3://`` URL.
        where: which rows. Dagster keeps a run's configuration for ever, and a condition may name
            people: it goes there by a private file, which is deleted when the run has ended.
        config: the other options of the job, as the launchpad has them.

    Raises:
        UsageError: tenant, entities, fields, conditions or transform are wrong; nothing was run.
        RunFailed: the run failed.
        StorageError: another export has replaced this one.
    """
    from ispmig_pipelines.defs.tenant_export.config import ExportConfig
    from ispmig_pipelines.defs.tenant_export.earlier import read_manifest
    from ispmig_pipelines.defs.tenant_export.ops import asked_of
    from ispmig_pipelines.defs.tenant_export.prepare import local_place, open_place, prepared
    from ispmig_pipelines.platform import tenants
    from ispmig_pipelines.settings import settings

    tenants.get(connection, tenant)
    connection.rollback()
    place = local_place(out, Path.cwd())
    whole = {**config, "out": place, "transform": str(transform.absolute()) if transform else ""}
    prepared(asked_of(ExportConfig(**whole, where=where)))

    from ispmig_pipelines.defs.instance import instance
    from ispmig_pipelines.defs.launch import run_job

    with instance() as dagster, _kept(where, settings().home / "conditions") as where_file:
        run, failure = run_job(
            dagster,
            "tenant_export",
            tenant,
            {"export": {**whole, "where_file": where_file}},
            log_level=log_level,
        )
    if failure:
        raise RunFailed(failure)
    storage = open_place(place)
    manifest = read_manifest(storage)
    if manifest is None or manifest.get("dagster_run_id") != run.run_id:
        raise StorageError(
            f"The export was written by the run {run.run_id}, and another has replaced it in "
            f"{storage.place()} since. Choose a place for each with --out."
        )
    return {"out": storage.place(), **manifest}


@contextmanager
def _kept(where: str, folder: Path) -> Iterator[str]:
    """The path of a file that holds the condition, for a while; "" where there is none."""
    if not where.strip():
        yield ""
        return
    with storage_errors("keeping the condition for the run", "Nothing was exported."):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        oldest = time.time() - _KEPT_AT_MOST
        for left in folder.glob("*.txt"):
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < oldest:
                    left.unlink()
        path = folder / f"{secrets.token_hex(12)}.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(where.encode("utf-8", "surrogateescape"))
        except OSError:
            path.unlink(missing_ok=True)
            raise
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)
