"""Pages as files that only their owner can read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ispmig_pipelines.errors import UsageError


def publish(path: Path, text: str) -> None:
    """Writes a page where a person asked for it; only they may read it.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        write_private(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None


def check_place(path: Path) -> None:
    """Refuses a place for a page before anything is run.

    Raises:
        UsageError: there is no such folder, or something else than a file lies there.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent} to write {path.name} into.")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file; name another file.")


def keep(root: Path, tenant: str, stem: str, *, html: str, json: str) -> dict[str, Path]:
    """Writes a report of a tenant's as page and as data; returns where (:func:`kept`).

    Raises:
        OSError: no space, or no rights.
    """
    found = kept(root, tenant, stem)
    for folder in (root, root / tenant):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(found["html"], html)
    write_private(found["json"], json)
    return found


def kept(root: Path, tenant: str, stem: str) -> dict[str, Path]:
    """Where a report lies: as ``html`` and as ``json``, in a folder per tenant."""
    return {kind: root / tenant / f"{stem}.{kind}" for kind in ("html", "json")}


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read; it appears when it is whole."""
    descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        Path(part).replace(path)
    finally:
        Path(part).unlink(missing_ok=True)
