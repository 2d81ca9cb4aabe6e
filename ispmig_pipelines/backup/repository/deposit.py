"""The tenant's key, left with its backups for recovery keys: for the day on which it is lost."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

from ispmig_pipelines.backup.cipher import decrypt, encrypt
from ispmig_pipelines.backup.keys import TenantKeys
from ispmig_pipelines.backup.repository.names import DEPOSITS, HASH
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform.tenants import check_slug
from ispmig_pipelines.storage import Storage

_MAX_DEPOSIT = 1 << 20


def deposited_keys(storage: Storage, tenant: str, recovery: Sequence[str]) -> list[str]:
    """Texts of a tenant's keys that lie with its backups, the newest last.

    For :func:`~ispmig_pipelines.backup.keys.keep`, when the tenant's key was lost.

    Args:
        recovery: private keys, of which at least one was a recovery key when backups were made.

    Raises:
        TenantError: the slug cannot be one.
        BackupDamaged: one is there that none of the keys opens, or it was changed.
        StorageError: they cannot be read.
    """
    shape = re.compile(
        rf"{re.escape(check_slug(tenant))}-[0-9a-f]{{16}}/{DEPOSITS}/{HASH.pattern}\.age"
    )
    found = [blob for blob in storage.list(f"{tenant}-") if shape.fullmatch(blob.key)]
    texts = []
    for blob in sorted(found, key=lambda blob: blob.modified):
        with storage.reading(blob.key) as stream:
            data = stream.read(_MAX_DEPOSIT)
        texts.append(decrypt(data, recovery, storage.place(blob.key)).decode("ascii", "replace"))
    return texts


def leave(storage: Storage, keys: TenantKeys) -> None:
    """Leaves the tenant's key with the backups, encrypted to recovery keys and nobody else.

    So their owners get back not only rows, but all that proves and restores them.

    Raises:
        StorageError: it cannot be written.
    """
    if not keys.recovery:
        return
    text = keys.text()
    named = hmac.digest(keys.derived("deposit"), text.encode(), sha256).hex()
    key = f"{keys.repository}/{DEPOSITS}/{named}.age"
    if storage.exists(key):
        return
    with (
        suppress(UsageError),  # of another backup that ends just now
        storage.writing(key, overwrite=False) as stream,
    ):
        stream.write(encrypt(text.encode(), keys.recovery))
