"""Exporting a tenant: one instant read, files written, and what they hold put on record.

All files are made ready first, and appear at the end, the manifest last. A folder without it holds
no export, whatever else lies there, and one with it holds exactly what it says: every file with its
digest, every entity with its rows, control totals and content digest.

The audit trail says that an export has begun before its first byte is written, and how it ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy.engine import Connection

from ispmig_pipelines.defs.tenant_export import back_spec
from ispmig_pipelines.defs.tenant_export.claim import Claim, claimed
from ispmig_pipelines.defs.tenant_export.earlier import Earlier, earlier
from ispmig_pipelines.defs.tenant_export.files import EntityFiles, Style, WrittenFile
from ispmig_pipelines.defs.tenant_export.layout import Layout, plain
from ispmig_pipelines.defs.tenant_export.names import MANIFEST, is_ours
from ispmig_pipelines.defs.tenant_export.request import Request
from ispmig_pipelines.defs.tenant_export.swap import Swap
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
from ispmig_pipelines.platform.trail import Operation, Stage
from ispmig_pipelines.storage import Storage

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


@dataclass(frozen=True)
class Run:
    """Whose export it is.

    Attributes:
        actor: the account under which the process runs.
    """

    id: str
    actor: str


def export(
    connect: Connect,
    tenant: Tenant,
    request: Request,
    storage: Storage,
    *,
    transform: Transform | None = None,
    run: Run,
    progress: Begin,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Exports what was asked for; returns the manifest.

    Args:
        connect: opens connections to the platform; one reads, one holds the place, another keeps
            the record.
        tell: takes what somebody should know of the place.

    Raises:
        UsageError: nothing is to be exported, something lies in the way, another export writes
            there, or the format cannot hold the rows.
        DatabaseError, StorageError: reading or writing failed.

    After an error nothing is left of what this run wrote, and an export that was there before is
    as it was; only one that fails while its files change places leaves none.
    """
    style = _style(request)
    # Told before anything is begun; it is looked at again when the place is ours.
    earlier(storage, tenant.slug, request, style)
    masker = None
    if request.asked.mask:
        with connect() as connection, connection.begin():
            masker = Masker(mask_key(connection, tenant.slug))
    with connect() as connection, snapshot(raw(connection), tenant, request.choice) as taken:
        counts = _counted(taken, request)
        record = _Record(connect, tenant, run)
        record.begin(
            {
                **_asked_for(request, transform),
                "to": storage.place(),
                "instant": taken.instant.isoformat(),
                "overwrite": request.asked.overwrite,
                "rows": {entity: count for entity, count in counts.items() if count},
            }
        )
        swap = Swap(storage, run.id)
        try:
            with claimed(
                connect, storage, tenant=tenant.slug, run_id=run.id, actor=run.actor, tell=tell
            ) as claim:
                try:
                    old = earlier(storage, tenant.slug, request, style)
                    with suppress(IspmigError):
                        # Not every store lets its unfinished uploads be listed; that hinders
                        # nothing.
                        storage.sweep(is_ours, deep=False)
                    work = _Work(request, style, transform, masker, swap, progress)
                    manifest = _manifest(tenant, work, taken, counts, run)
                    if back_spec.can_come_back(request):
                        _put_spec(swap, work, tenant, manifest, storage.place())
                    _finish(record, work, storage, manifest, old, claim)
                finally:
                    swap.discard()
        except BaseException as error:
            record.fail(error, is_there=swap.whole)
            raise
    return manifest


@dataclass
class _Record:
    """The entries of the audit trail, each committed by itself."""

    connect: Connect
    tenant: Tenant
    run: Run
    begun: int = 0

    def begin(self, details: dict[str, Any]) -> None:
        with self.connect() as connection, connection.begin():
            self.begun = self.enter(connection, Stage.BEGUN, details)

    def fail(self, error: BaseException, *, is_there: bool) -> None:
        """Not raised where the database is gone: then the beginning stands alone."""
        kind = error.code if isinstance(error, IspmigError) else type(error).__name__
        details = {"begun": self.begun, "error": kind, "export_is_there": is_there}
        with suppress(IspmigError), self.connect() as connection, connection.begin():
            self.enter(connection, Stage.FAILED, details)

    def enter(self, connection: Connection, stage: Stage, details: dict[str, Any]) -> int:
        return trail.enter(
            connection,
            self.tenant.slug,
            Operation.EXPORT,
            stage,
            actor=self.run.actor,
            dagster_run_id=self.run.id,
            details=details,
        )


@dataclass
class _Work:
    """What the steps of one export share."""

    request: Request
    style: Style
    transform: Transform | None
    masker: Masker | None
    swap: Swap
    progress: Begin


def _style(request: Request) -> Style:
    asked = request.asked
    return Style(
        asked.format,
        asked.compression,
        asked.split_bytes,
        WriteOptions(dialect=asked.dialect, neutralise_formulas=request.neutralises),
    )


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
    swap: Swap, work: _Work, tenant: Tenant, manifest: dict[str, Any], place: str
) -> None:
    text = back_spec.back_spec(
        work.request, tenant.slug, manifest["instant"], manifest["files"], place
    )
    swap.put(back_spec.NAME, text.encode())
    manifest["spec"] = {"name": back_spec.NAME, "sha256": sha256(text.encode()).hexdigest()}


def _finish(
    record: _Record,
    work: _Work,
    storage: Storage,
    manifest: dict[str, Any],
    old: Earlier,
    claim: Claim,
) -> None:
    """Lets the files appear, and says so in the audit trail: both, or none of them.

    Only a database that dies between the two leaves an export whose entry says that it begun.
    """
    text = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    work.swap.put(MANIFEST, text)
    claim.check()
    with record.connect() as connection, connection.begin():
        details = _details(work, manifest, storage, text)
        record.enter(connection, Stage.FINISHED, {"begun": record.begun, **details})
        work.swap.publish(old)


def _layouts(request: Request, transform: Transform | None) -> dict[str, Layout]:
    if transform is not None:
        return {entity: transform.layouts[entity] for entity in request.fields}
    return {
        entity: plain(entity, fields, request.asked.format)
        for entity, fields in request.fields.items()
    }


def _write_entity(
    work: _Work,
    taken: Snapshot,
    entity: str,
    layout: Layout,
    count: int,
    written: Callable[[WrittenFile], None],
) -> dict[str, Any]:
    """Writes an entity's files; returns what the manifest says of it. No rows, no file."""
    totals = Totals(entity, layout.read)
    masker = work.masker
    rows = 0
    # Masks and the order of masked rows are made of the key, whether or not it is written.
    key = () if masker is None else ENTITIES[entity].key
    columns = tuple(dict.fromkeys([*layout.read, *totals.needed, *key]))
    shuffle = None if masker is None else masker.order_key
    if count:
        told = work.progress(entity, count)
        with EntityFiles(
            work.swap.prepare, work.style, entity, layout.table, written=written
        ) as files:
            for batch in taken.rows(entity, columns, BATCH_ROWS, shuffle):
                if masker is not None:
                    batch = masker.batch(entity, batch)
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


def _manifest(
    tenant: Tenant, work: _Work, taken: Snapshot, counts: dict[str, int], run: Run
) -> dict[str, Any]:
    """Writes all rows; returns what there is to say of them."""
    files: list[WrittenFile] = []
    entities = {
        entity: _write_entity(work, taken, entity, layout, counts[entity], files.append)
        for entity, layout in _layouts(work.request, work.transform).items()
    }
    asked = work.request.asked
    return {
        "manifest_version": 1,
        "tenant": tenant.slug,
        "instant": taken.instant.isoformat(),
        "written_at": ledger.now().isoformat(),
        "actor": run.actor,
        "dagster_run_id": run.id,
        "format": asked.format,
        "dialect": asked.dialect if asked.format == "sql" else None,
        "compression": asked.compression or None,
        "formulas_neutralised": work.request.neutralises,
        "masked": asked.mask,
        "selection": {
            "fields": {entity: list(fields) for entity, fields in work.request.fields.items()},
            "where": work.request.where(masked=asked.mask),
        },
        "transform": _transformed(work.request, work.transform),
        "entities": entities,
        "files": [file.as_json() for file in files],
        "spec": None,
    }


def _transformed(request: Request, transform: Transform | None) -> dict[str, Any] | None:
    if transform is None:
        return None
    return {
        "name": transform.name,
        "sha256": transform.digest,
        "columns": {
            entity: [column.name for column in transform.layouts[entity].table.columns]
            for entity in request.fields
        },
    }


def _asked_for(request: Request, transform: Transform | None) -> dict[str, Any]:
    """What was asked for, for the audit trail: no value of a person, and no digest of one."""
    return {
        "format": request.asked.format,
        "compression": request.asked.compression or None,
        "masked": request.asked.mask,
        "transform": _transformed(request, transform),
        "fields": {entity: list(fields) for entity, fields in request.fields.items()},
        "where": request.where(masked=True),
    }


def _details(
    work: _Work, manifest: dict[str, Any], storage: Storage, text: bytes
) -> dict[str, Any]:
    """What the audit trail keeps: what was taken out, by whom it can be proven, and no cell."""
    return {
        **_asked_for(work.request, work.transform),
        "to": storage.place(),
        "instant": manifest["instant"],
        "files": manifest["files"],
        "entities": {
            entity: {"rows": told["rows"], "digest": told["digest"]}
            for entity, told in manifest["entities"].items()
        },
        "manifest_sha256": sha256(text).hexdigest(),
    }
