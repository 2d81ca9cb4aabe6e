"""Snapshots of made-up rows, made without a database: for what is done with them afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from ispmig_pipelines.backup.keys import TenantKeys
from ispmig_pipelines.backup.manifest import Manifest, StoredFile, Table, new_name
from ispmig_pipelines.backup.repository import Part, Repository
from ispmig_pipelines.platform import trail
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.storage import Storage

INSTANT = dt.datetime(2026, 11, 22, 10, 31, 7, 123456, dt.UTC)


def snapshot(
    repository: Repository,
    tables: Mapping[str, Sequence[pa.RecordBatch]],
    *,
    instant: dt.datetime = INSTANT,
    files: Mapping[str, bytes] | None = None,
) -> Manifest:
    """Stores the rows as one piece each, and publishes a snapshot of them."""
    manifest = Manifest(
        repository=repository.root,
        tenant=repository.keys.tenant,
        snapshot=new_name(instant),
        instant=instant,
        kind="full",
        tables=tuple(
            Table(
                name=name,
                columns=(),
                key=(),
                rows=sum(batch.num_rows for batch in batches),
                pieces=tuple(repository.put(batch)[0] for batch in batches),
            )
            for name, batches in tables.items()
        ),
        files=tuple(
            StoredFile(
                path=path, size=len(data), modified=instant.isoformat(),
                parts=(repository.put_file_part(data)[0],),
            )
            for path, data in (files or {}).items()
        ),
    )  # fmt: skip
    repository.publish(manifest)
    return manifest


def on_record(manifest: Manifest) -> None:
    """Enters the snapshot into the audit trail, as who makes a backup does."""
    with engine().begin() as connection:
        trail.enter(
            connection, manifest.tenant, trail.Operation.BACKUP, trail.Stage.FINISHED,
            actor="tester", dagster_run_id="",
            details={"repository": manifest.repository, "snapshot": manifest.snapshot},
        )  # fmt: skip


def again(repository: Repository, keys: TenantKeys | None = None) -> Repository:
    """As another process opens it."""
    return Repository(repository.storage, keys or repository.keys)


def bytes_at(storage: Storage, key: str) -> bytes:
    with storage.reading(key) as stream:
        return stream.read()


def overwrite(storage: Storage, key: str, data: bytes) -> None:
    with storage.writing(key) as stream:
        stream.write(data)


def flip(storage: Storage, key: str, *, bit: int = 3) -> None:
    """Flips a bit near the end of a file."""
    data = bytearray(bytes_at(storage, key))
    data[-100] ^= 1 << bit
    overwrite(storage, key, bytes(data))


def piece_keys(repository: Repository, manifest: Manifest, table: str) -> list[str]:
    """Where a table's pieces lie."""
    found = manifest.table(table)
    assert found is not None
    return [repository.key_of(Part.PIECE, ref.hash) for ref in found.refs()]


def files_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
