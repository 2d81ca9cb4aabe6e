"""Marks of backups that are being made, so that nobody deletes what they rely on."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ispmig_pipelines.backup import manifest as manifests
from ispmig_pipelines.backup.manifest import instant_of
from ispmig_pipelines.backup.repository.names import WRITERS, Writer
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.storage import Storage


@contextmanager
def writing(storage: Storage, root: str) -> Iterator[str]:
    """Tells others, for as long as the block runs, that a backup is being made.

    Whoever deletes must spare what no snapshot needs while one is: see :meth:`writers`.
    Yields the mark's name. One that was killed leaves it.

    Raises:
        StorageError: it cannot be written.
    """
    name = manifests.new_name(dt.datetime.now(dt.UTC))
    key = f"{root}/{WRITERS}/{name}"
    with (
        # Nobody else has this name: where the answer to a request was lost, it is ours.
        suppress(UsageError),
        storage.writing(key, overwrite=False) as stream,
    ):
        stream.write(secrets.token_hex(4).encode())
    try:
        yield name
    finally:
        with suppress(StorageError):
            storage.delete(key)


def writers(storage: Storage, root: str) -> list[Writer]:
    """Backups that are being made, or were killed.

    Raises:
        StorageError: they cannot be listed.
    """
    prefix = f"{root}/{WRITERS}/"
    return [Writer(blob.key.removeprefix(prefix), blob.modified) for blob in storage.list(prefix)]


def delete_writer(storage: Storage, root: str, name: str) -> None:
    """Takes away the mark of a backup that was killed.

    Raises:
        ValueError: it is no name of a mark.
        StorageError: it cannot be deleted.
    """
    instant_of(name)
    storage.delete(f"{root}/{WRITERS}/{name}")
