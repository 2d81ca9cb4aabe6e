"""Blobs by key, in a local folder or below a prefix of an S3 bucket.

What is written under a key appears there whole or not at all: locally a temporary file is
synced and then renamed, on S3 an upload is completed only at its end. So whoever finds a key
finds all of its bytes, and a process that was killed leaves nothing that looks finished.

Several blobs can be made ready first, and appear one right after the other at the end.

S3 is any store that speaks its protocol. Credentials, region and endpoint are found as boto3
finds them (``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``, ``AWS_ENDPOINT_URL`` and the others).
"""

from __future__ import annotations

import re
from pathlib import Path

from ispmig_pipelines import s3
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.storage.blobs import (
    ABANDONED,
    Blob,
    Entry,
    Prepared,
    Storage,
    check_key,
    is_key,
)
from ispmig_pipelines.storage.bucket import S3Storage
from ispmig_pipelines.storage.folder import LocalStorage

__all__ = [
    "ABANDONED", "S3_SCHEME", "Blob", "Entry", "LocalStorage", "Prepared", "S3Storage", "Storage",
    "check_key", "open_storage",
]  # fmt: skip

S3_SCHEME = s3.SCHEME
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


def open_storage(place: str | Path, *, private: bool = False) -> Storage:
    """The storage at a path or an ``s3://bucket/prefix`` URL; nothing is made or asked yet.

    Args:
        private: local folders and files are for their owner only; else as the umask says.

    Raises:
        UsageError: it is no path, and no URL of a place in S3. The text repeats no secret.
    """
    text = str(place)
    if not text.strip() or any(ord(character) < 32 for character in text):
        raise UsageError("There is no place without a name. Name a folder, or s3://bucket/prefix.")
    if "://" not in text:
        return LocalStorage(Path(text).expanduser().absolute(), private=private)
    scheme, _, rest = text.partition("://")
    if scheme == S3_SCHEME:
        return _in_bucket(rest)
    shown = scheme if scheme.isalnum() else "This"
    raise UsageError(
        f"{shown}:// is no place that can be written to. Name a folder, or s3://bucket/prefix."
    )


def _in_bucket(rest: str) -> S3Storage:
    bucket, _, prefix = rest.partition("/")
    # A secret may hold a slash, so that what follows it may still be a part of it.
    if "@" in rest or ":" in bucket:
        raise UsageError(
            "A place in S3 is named without credentials: s3://bucket/prefix. Give these as AWS "
            "tools do: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A secret that "
            "was written into a command may stand in the shell's history: change it."
        )
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            f"s3://{bucket} is no place in S3. Write s3://bucket/prefix, with the name of a bucket."
        )
    prefix = prefix.removesuffix("/")
    if prefix and (not is_key(prefix) or "?" in prefix or "#" in prefix):
        raise UsageError(
            f"What stands after s3://{bucket}/ is no prefix: its parts are names with one / "
            "between them, none of them . or .., without ?, # and \\."
        )
    return S3Storage(bucket, prefix)
