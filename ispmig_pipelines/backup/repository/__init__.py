"""Where a tenant's backups lie: names that are written once, on a disk or in a bucket.

::

    <tenant>-<id of its key>/
        pieces/<2 hex>/<hash>.parquet.age      rows of tables
        files/<2 hex>/<hash>.age               parts of files
        snapshots/<time>-<random>.manifest.age
        writers/<time>-<random>                backups that are being made
        keys/<hash>.age                        the tenant's key, for recovery keys alone
        holds/, verified/                      see :mod:`.holds` and :mod:`.evidence`

A snapshot is there when its manifest is, which is written last: what was stored by a backup that
broke off belongs to no snapshot, and is used by the next one. Nothing is ever overwritten (on S3 by
conditional writes) but what was found damaged; only prune deletes. So any number of backups of one
tenant may run at once.
"""

from __future__ import annotations

from ispmig_pipelines.backup.repository.deposit import deposited_keys
from ispmig_pipelines.backup.repository.names import Part, SnapshotName, Stored, Writer
from ispmig_pipelines.backup.repository.repository import (
    FILE_PART_BYTES,
    Repository,
    open_repository,
)

__all__ = [
    "FILE_PART_BYTES",
    "Part",
    "Repository",
    "SnapshotName",
    "Stored",
    "Writer",
    "deposited_keys",
    "open_repository",
]
