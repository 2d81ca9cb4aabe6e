"""Blobs as objects below a prefix of an S3 bucket."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from ispmig_pipelines import s3
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.s3 import Kind
from ispmig_pipelines.storage.blobs import (
    ABANDONED,
    Blob,
    Entry,
    Prepared,
    already_there,
    check_key,
    not_there,
)
from ispmig_pipelines.storage.transfers import Download, PreparedObject, Upload


class S3Storage:
    """Blobs as objects below a prefix of a bucket."""

    def __init__(self, bucket: str, prefix: str = "", *, client: Any = None) -> None:
        """
        Args:
            client: of boto3; made when it is first needed.
        """
        self.bucket = bucket
        self.prefix = prefix.strip("/")
        self._given = client

    @property
    def client(self) -> Any:
        """The boto3 client of this storage."""
        if self._given is None:
            with self.told("reaching", ""):
                self._given = s3.client()
        return self._given

    def prepare(self, key: str) -> Prepared:
        """See :meth:`Storage.prepare`."""
        return PreparedObject(Upload(self, self._name(key)))

    @contextmanager
    def writing(self, key: str, *, overwrite: bool = True) -> Iterator[BinaryIO]:
        """See :meth:`Storage.writing`."""
        if not overwrite and self.exists(key):
            raise already_there(self.place(key))
        upload = Upload(self, self._name(key))
        try:
            yield cast(BinaryIO, upload)
            upload.complete(overwrite=overwrite)
        except BaseException:
            upload.abort()
            raise

    @contextmanager
    def reading(self, key: str, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """See :meth:`Storage.reading`."""
        stream = Download(self, self._name(key), start, length)
        try:
            yield cast(BinaryIO, io.BufferedReader(stream, 1 << 20))
        finally:
            stream.close()

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[Blob]:
        """See :meth:`Storage.list`."""
        below = f"{self.prefix}/" if self.prefix else ""
        with self.told("listing", prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket,
                Prefix=below + prefix,
                **({} if deep else {"Delimiter": "/"}),
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Blob(
                        found["Key"].removeprefix(below),
                        found["Size"],
                        found["LastModified"].astimezone(dt.UTC),
                    )

    def exists(self, key: str) -> bool:
        """See :meth:`Storage.exists`."""
        from botocore.exceptions import ClientError

        with self.told("looking for", key):
            try:
                self.client.head_object(Bucket=self.bucket, Key=self._name(key))
            except ClientError as error:
                # HEAD has no body to say more: a bucket that is not there answers alike.
                if s3.fault_of(error).kind is not Kind.NO_OBJECT:
                    raise
                self.client.head_bucket(Bucket=self.bucket)
                return False
            return True

    def delete(self, key: str) -> None:
        """See :meth:`Storage.delete`."""
        with self.told("deleting", key):
            self.client.delete_object(Bucket=self.bucket, Key=self._name(key))

    def entries(self, prefix: str = "", *, deep: bool = False) -> Iterator[Entry]:
        """The objects right below the prefix, whatever they are called.

        Args:
            prefix: what their keys begin with.
            deep: also those further down.

        Raises:
            StorageError: they cannot be listed.
        """
        below = f"{self.prefix}/" if self.prefix else ""
        with self.told("listing", ""):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=below + prefix, **({} if deep else {"Delimiter": "/"})
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Entry(
                        found["Key"].removeprefix(below),
                        found["Size"],
                        found["LastModified"].astimezone(dt.UTC),
                        found["ETag"],
                    )

    def tag_of(self, key: str) -> str:
        """The entity tag of an object; "" where there is none."""
        from botocore.exceptions import ClientError

        with self.told("looking for", key):
            try:
                found = self.client.head_object(Bucket=self.bucket, Key=self._name(key))
            except ClientError as error:
                if s3.fault_of(error).kind is not Kind.NO_OBJECT:
                    raise
                return ""
        return str(found["ETag"])

    def copy(self, key: str, to: str, *, tag: str = "") -> None:
        """Copies an object within the bucket, of whatever size, without its bytes passing here.

        Args:
            tag: copy it only while it has this entity tag.

        Raises:
            StorageError: it is not there, or not with this tag.
        """
        with self.told("copying", key):
            self.client.copy(
                {"Bucket": self.bucket, "Key": self._name(key)},
                self.bucket,
                self._name(to),
                ExtraArgs={"CopySourceIfMatch": tag} if tag else None,
            )

    def sweep(
        self,
        ours: Callable[[str], bool],
        *,
        deep: bool = True,
        older_than: dt.timedelta = ABANDONED,
    ) -> int:
        """See :meth:`Storage.sweep`."""
        below = f"{self.prefix}/" if self.prefix else ""
        oldest = dt.datetime.now(dt.UTC) - older_than
        swept = 0
        with self.told("clearing", ""):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket, Prefix=below
            )
            for page in pages:
                for upload in page.get("Uploads", ()):
                    key = upload["Key"].removeprefix(below)
                    if not ours(key) or ("/" in key and not deep):
                        continue
                    if upload["Initiated"] <= oldest:
                        self.client.abort_multipart_upload(
                            Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )
                        swept += 1
        return swept

    def place(self, key: str = "") -> str:
        """See :meth:`Storage.place`."""
        return "/".join(part for part in (f"s3://{self.bucket}", self.prefix, key) if part)

    def _name(self, key: str) -> str:
        check_key(key)
        return f"{self.prefix}/{key}" if self.prefix else key

    @contextmanager
    def told(self, doing: str, key: str) -> Iterator[None]:
        """Turns what boto3 raises into our errors, in words."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise self._error(s3.fault_of(error), doing, key) from None

    def _error(self, fault: s3.Fault, doing: str, key: str) -> StorageError | UsageError:
        where = self.place(key)
        kind = fault.kind
        if kind is Kind.NO_OBJECT and doing != "reading":
            kind = Kind.NO_BUCKET
        match kind:
            case Kind.IN_THE_WAY:
                return already_there(where)
            case Kind.NO_OBJECT:
                return not_there(where)
            case Kind.NO_BUCKET:
                return StorageError(
                    f"There is no bucket {self.bucket} where S3 is asked for it. Make it, or "
                    f"correct {self.place()}; AWS_ENDPOINT_URL and AWS_REGION say where it is "
                    "looked for."
                )
            case Kind.DENIED:
                return StorageError(
                    f"S3 refused {doing} {where}: these credentials may not do it ({fault.code}). "
                    "Correct the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID) or what they may do: "
                    "list, get, put and delete objects there."
                )
            case Kind.NO_CREDENTIALS:
                return StorageError(
                    f"There are no credentials for {where} ({fault.code}). Give them as AWS tools "
                    "do: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the "
                    "machine's own role."
                )
            case Kind.NO_NAME:
                return StorageError(
                    f"{where} cannot name anything in S3: check the bucket's name and the prefix."
                )
            case Kind.UNTRUSTED:
                return StorageError(
                    f"The server of {where} cannot prove that it is who it says. Nothing was sent; "
                    "have its certificate mended, or name its authority in AWS_CA_BUNDLE."
                )
            case Kind.UNREACHED:
                return StorageError(
                    f"S3 could not be reached for {doing} {where} ({fault.code}). Check the "
                    "network and AWS_ENDPOINT_URL, and try again.",
                    transient=fault.transient,
                )
            case Kind.FAILED:
                return StorageError(
                    f"S3 failed at {doing} {where} ({fault.code}, status {fault.status}), also "
                    "when asked again." + (" Try again in a while." if fault.transient else ""),
                    transient=fault.transient,
                )
