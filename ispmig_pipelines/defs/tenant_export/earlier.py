"""What lies already where an export is to be written, and what of it may be replaced."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ispmig_pipelines.defs.tenant_export import back_spec
from ispmig_pipelines.defs.tenant_export.files import Style
from ispmig_pipelines.defs.tenant_export.names import MANIFEST, is_data, would_write
from ispmig_pipelines.defs.tenant_export.request import Request
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.storage import Storage


@dataclass(frozen=True)
class Earlier:
    """An earlier export to the same place, which is to be replaced.

    Attributes:
        manifest: it was whole.
        listed: what its manifest lists; these names alone are deleted.
        unlisted: names of files that may be replaced though no manifest knows them.
    """

    manifest: bool = False
    listed: frozenset[str] = frozenset()
    unlisted: frozenset[str] = frozenset()

    def may_be_replaced(self, key: str) -> bool:
        """Whether the new export may put its own file in the place of what has this name."""
        return key in self.listed or key in self.unlisted or (key == MANIFEST and self.manifest)


def earlier(storage: Storage, tenant: str, request: Request, style: Style) -> Earlier:
    """What is to be replaced.

    Raises:
        UsageError: something lies in the way that is not ours, is another tenant's, or is not to
            be overwritten.
    """
    there = {blob.key for blob in storage.list(deep=False)}
    in_the_way = sorted(key for key in there if would_write(request, style, key))
    if not request.asked.overwrite:
        if in_the_way:
            what = (
                "holds an export already"
                if MANIFEST in there
                else f"holds {in_the_way[0]} already, which is not of a finished export"
            )
            raise UsageError(
                f"{storage.place()} {what}. Choose another place with --out, or replace what is "
                "there with --overwrite."
            )
        return Earlier()
    if MANIFEST in there:
        listed = _listed(_own_manifest(storage, tenant))
        strange = [key for key in in_the_way if key not in listed and key != MANIFEST]
        if strange:
            raise UsageError(
                f"{storage.place(strange[0])} is no file of the export that lies there, so it is "
                "not replaced. Take it away, or choose another place with --out."
            )
        return Earlier(manifest=True, listed=listed)
    if back_spec.NAME in in_the_way and not _is_back_spec(storage):
        raise UsageError(
            f"{storage.place(back_spec.NAME)} was not written by an export, so it is not replaced. "
            "Take it away, or choose another place with --out."
        )
    return Earlier(unlisted=frozenset(in_the_way))


def read_manifest(storage: Storage) -> dict[str, Any] | None:
    """The manifest of the export that is there; None if what bears its name is something else."""
    with storage.reading(MANIFEST) as stream:
        try:
            found = json.loads(stream.read())
        except (ValueError, RecursionError):
            return None
    if (
        isinstance(found, dict)
        and isinstance(found.get("manifest_version"), int)
        and isinstance(found.get("tenant"), str)
        and isinstance(found.get("files"), list)
    ):
        return found
    return None


def _own_manifest(storage: Storage, tenant: str) -> dict[str, Any]:
    found = read_manifest(storage)
    where = storage.place(MANIFEST)
    if found is None:
        raise UsageError(
            f"{where} is no manifest of an export, so nothing there is replaced. Choose another "
            "place with --out."
        )
    if found["tenant"] != tenant:
        raise UsageError(
            f"{storage.place()} holds an export of the tenant {found['tenant']!r}, which an export "
            f"of {tenant} does not replace. Choose another place with --out."
        )
    return found


def _listed(manifest: dict[str, Any]) -> frozenset[str]:
    # Whoever could write the manifest must not have us delete whatever he likes.
    names = {file.get("name") for file in manifest["files"] if isinstance(file, dict)}
    spec = {back_spec.NAME} if manifest.get("spec") else set()
    return frozenset({name for name in names if isinstance(name, str) and is_data(name)} | spec)


def _is_back_spec(storage: Storage) -> bool:
    with storage.reading(back_spec.NAME, 0, len(back_spec.FIRST_LINE)) as stream:
        return stream.read() == back_spec.FIRST_LINE.encode()
