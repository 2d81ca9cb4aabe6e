"""Exporting a tenant: one instant read, files written, and what they hold put on record.

The manifest is written last. A folder without it holds no export, whatever else lies there, and
one with it holds exactly what it says: every file with its digest, every entity with its rows,
control totals and content digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_export import back_spec
from ispmig_pipelines.defs.tenant_export.files import EntityFiles, Style, WrittenFile
from ispmig_pipelines.defs.tenant_export.layout import Layout, plain
from ispmig_pipelines.defs.tenant_export.request import Request
from ispmig_pipelines.defs.tenant_export.totals import Totals
from ispmig_pipelines.defs.tenant_migration.progress import Begin
from ispmig_pipelines.errors import IspmigError, UsageError
from ispmig_pipelines.formats.writing import WriteOptions
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.masking import Masker
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.platform.export import Snapshot, snapshot
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines.platform.tenants import Tenant, raw
from ispmig_pipelines.storage import Storage

MANIFEST = "manifest.json"
BATCH_ROWS = 50_000

Connect = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Transform:
    """What a file says of the columns that are written.

    Attributes:
        name, digest: of the file, for the record.
        layouts: entity → its columns.
    """

    name: str
    digest: str
    layouts: dict[str, Layout]


def export(
    connect: Connect,
    tenant: Tenant,
    request: Request,
    storage: Storage,
    *,
    transform: Transform | None = None,
    run_id: str,
    actor: str,
    progress: Begin,
) -> dict[str, Any]:
    """Exports what was asked for; returns the manifest.

    Args:
        connect: opens connections to the platform; one reads, another keeps the record.

    Raises:
        UsageError: nothing is to be exported, something lies in the way, or the format cannot
            hold the rows.
        DatabaseError, StorageError: reading or writing failed. No export is there then, and the
            files of this one are gone.
    """
    old = _in_the_way(storage, request)
    masker = None
    if request.asked.mask:
        with connect() as connection, connection.begin():
            masker = Masker(mask_key(connection, tenant.slug))
    files: list[WrittenFile] = []
    made: list[str] = []
    try:
        with (
            connect() as connection,
            snapshot(raw(connection), tenant, request.choice) as taken,
        ):
            counts = _counted(taken, request)
            with suppress(IspmigError):
                # Not every store lets its unfinished uploads be listed; that hinders nothing.
                storage.sweep(deep=False)
            if MANIFEST in old:
                # From here on the folder holds no export until this one is whole.
                storage.delete(MANIFEST)
            entities = {
                entity: _write_entity(
                    taken, storage, request, entity, layout, masker, counts[entity], files.append,
                    progress,
                )
                for entity, layout in _layouts(request, transform).items()
            }  # fmt: skip
            manifest = _manifest(tenant, request, transform, taken, files, entities, run_id, actor)
        if back_spec.can_come_back(request):
            _put_spec(storage, request, tenant, manifest, files)
            made.append(back_spec.NAME)
        kept = {MANIFEST, back_spec.NAME, *(file.name for file in files)}
        for name in set(old) - kept:
            storage.delete(name)
        if back_spec.NAME in old and manifest["spec"] is None:
            storage.delete(back_spec.NAME)
        _finish(connect, tenant, request, storage, manifest, made)
    except BaseException:
        # The manifest first: what it promises is going. What others put there is not ours.
        for name in (*reversed(made), *(file.name for file in files)):
            with suppress(IspmigError):
                storage.delete(name)
        raise
    return manifest


def _counted(taken: Snapshot, request: Request) -> dict[str, int]:
    """Entity → rows that are chosen.

    Raises:
        UsageError: there is none at all.
    """
    counts = {entity: taken.count(entity) for entity in request.fields}
    if not any(counts.values()):
        what = ", ".join(request.fields) if len(request.fields) < len(ENTITIES) else "any entity"
        where = request.where(masked=True)
        raise UsageError(
            f"Tenant {taken.tenant.slug} holds no row of {what}"
            + (f" for which holds: {where}" if where else "")
            + ". Nothing was written."
        )
    return counts


def _put_spec(
    storage: Storage,
    request: Request,
    tenant: Tenant,
    manifest: dict[str, Any],
    files: list[WrittenFile],
) -> None:
    text = back_spec.back_spec(request, tenant.slug, manifest["instant"], files)
    _put(storage, back_spec.NAME, text, request)
    manifest["spec"] = {"name": back_spec.NAME, "sha256": sha256(text.encode()).hexdigest()}


def _finish(
    connect: Connect,
    tenant: Tenant,
    request: Request,
    storage: Storage,
    manifest: dict[str, Any],
    made: list[str],
) -> None:
    """Writes the manifest and the entry of the audit trail: both, or none of them.

    Args:
        made: takes the manifest's name once it is there.
    """
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    with connect() as connection, connection.begin():
        trail.enter(
            connection,
            tenant.slug,
            trail.Operation.EXPORT,
            actor=manifest["actor"],
            dagster_run_id=manifest["dagster_run_id"],
            details=_details(request, manifest, storage, text),
        )
        _put(storage, MANIFEST, text, request)
        made.append(MANIFEST)


def _in_the_way(storage: Storage, request: Request) -> list[str]:
    """The files of an earlier export to the same place, which are to be overwritten.

    Raises:
        UsageError: they are not.
    """
    names = "|".join(map(re.escape, request.fields))
    ours = re.compile(rf"(?:{names})(?:-[0-9]{{4,}})?\.[a-z]+(?:\.gz|\.zst)?")
    listed = {MANIFEST, back_spec.NAME}
    if storage.exists(MANIFEST) and request.asked.overwrite:
        # All that the old export says is its own, also of entities that are not exported now.
        with storage.reading(MANIFEST) as stream, suppress(ValueError, TypeError, KeyError):
            listed |= {str(file["name"]) for file in json.load(stream)["files"]}
    found = [
        blob.key
        for blob in storage.list(deep=False)
        if blob.key in listed or ours.fullmatch(blob.key)
    ]
    if found and not request.asked.overwrite:
        what = (
            "holds an export already"
            if MANIFEST in found
            else f"holds {found[0]} already, from an export that was not finished or otherwise"
        )
        raise UsageError(
            f"{storage.place()} {what}. Choose another place with --out, or replace what is there "
            "with --overwrite."
        )
    return found


def _layouts(request: Request, transform: Transform | None) -> dict[str, Layout]:
    if transform is not None:
        return {entity: transform.layouts[entity] for entity in request.fields}
    return {
        entity: plain(entity, fields, request.asked.format)
        for entity, fields in request.fields.items()
    }


def _write_entity(
    taken: Snapshot,
    storage: Storage,
    request: Request,
    entity: str,
    layout: Layout,
    masker: Masker | None,
    count: int,
    written: Callable[[WrittenFile], None],
    progress: Begin,
) -> dict[str, Any]:
    """Writes an entity's files; returns what the manifest says of it. No rows, no file."""
    totals = Totals(entity, layout.read)
    columns = tuple(dict.fromkeys([*layout.read, *totals.needed]))
    rows = 0
    if count:
        told = progress(entity, count)
        asked = request.asked
        style = Style(
            asked.format,
            asked.compression,
            asked.split_bytes,
            WriteOptions(dialect=asked.dialect, neutralise_formulas=request.neutralises),
        )
        with EntityFiles(
            storage, style, entity, layout.table, overwrite=asked.overwrite, written=written
        ) as files:
            for batch in taken.rows(entity, columns, BATCH_ROWS):
                if masker is not None:
                    batch = _masked(masker, entity, batch)
                totals.add(batch)
                files.write(layout.shape(batch))
                rows += batch.num_rows
                told.advance(batch.num_rows)
        told.done()
    return {
        "rows": rows,
        "totals": totals.as_json(),
        # Of masked rows there is none: it would let what they were be tried out.
        "digest": taken.digest(entity, layout.read) if masker is None else None,
    }


def _masked(masker: Masker, entity: str, batch: Any) -> Any:
    for place, name in enumerate(batch.schema.names):
        column = (
            masker.column(entity, name, batch.column(place))
            if name in ENTITIES[entity].fields
            else masker.nothing(batch.column(place))
        )
        batch = batch.set_column(place, batch.schema.field(place), column)
    return batch


def _manifest(
    tenant: Tenant,
    request: Request,
    transform: Transform | None,
    taken: Snapshot,
    files: list[WrittenFile],
    entities: dict[str, Any],
    run_id: str,
    actor: str,
) -> dict[str, Any]:
    asked = request.asked
    return {
        "manifest_version": 1,
        "tenant": tenant.slug,
        "instant": taken.instant.isoformat(),
        "written_at": ledger.now().isoformat(),
        "actor": actor,
        "dagster_run_id": run_id,
        "format": asked.format,
        "dialect": asked.dialect if asked.format == "sql" else None,
        "compression": asked.compression or None,
        "formulas_neutralised": request.neutralises,
        "masked": asked.mask,
        "selection": {
            "fields": {entity: list(fields) for entity, fields in request.fields.items()},
            "where": request.where(masked=asked.mask),
        },
        "transform": (
            None
            if transform is None
            else {
                "name": transform.name,
                "sha256": transform.digest,
                "columns": {
                    entity: [column.name for column in transform.layouts[entity].table.columns]
                    for entity in request.fields
                },
            }
        ),
        "entities": entities,
        "files": [file.as_json() for file in files],
        "spec": None,
    }


def _details(
    request: Request, manifest: dict[str, Any], storage: Storage, text: str
) -> dict[str, Any]:
    """What the audit trail keeps: what was taken out, by whom it can be proven, and no cell."""
    kept = ("instant", "format", "compression", "masked", "transform", "files")
    return {
        "to": storage.place(),
        **{name: manifest[name] for name in kept},
        "fields": manifest["selection"]["fields"],
        "where": request.where(masked=True),
        "where_sha256": sha256(request.asked.where.encode()).hexdigest()
        if request.asked.where
        else None,
        "entities": {
            entity: {"rows": told["rows"], "digest": told["digest"]}
            for entity, told in manifest["entities"].items()
        },
        "manifest_sha256": sha256(text.encode()).hexdigest(),
    }


def _put(storage: Storage, name: str, text: str, request: Request) -> None:
    with storage.writing(name, overwrite=request.asked.overwrite) as stream:
        stream.write(text.encode())
