"""Streams into and out of objects of S3."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ispmig_pipelines import s3
from ispmig_pipelines.errors import StorageError

if TYPE_CHECKING:
    from ispmig_pipelines.storage.bucket import S3Storage

PART_BYTES = 16 << 20
"""Size of the first parts of an upload; S3 takes 10,000 parts, so that later ones are larger."""

_PARTS_OF_ONE_SIZE = 1_500
_READ_ATTEMPTS = 5


class Upload(io.RawIOBase):
    """A stream into one object: in parts where it is long, at once where it is short."""

    def __init__(self, storage: S3Storage, name: str) -> None:
        self._storage = storage
        self._key = name.removeprefix(f"{storage.prefix}/") if storage.prefix else name
        self._object = {"Bucket": storage.bucket, "Key": name}
        self._buffer = bytearray()
        self._upload = ""
        self._parts: list[dict[str, Any]] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._buffer += view
        while len(self._buffer) >= self._part_size:
            size = self._part_size
            self._send(bytes(self._buffer[:size]))
            del self._buffer[:size]
        return len(view)

    @property
    def _part_size(self) -> int:
        return PART_BYTES << (len(self._parts) // _PARTS_OF_ONE_SIZE)

    def _send(self, part: bytes) -> None:
        client = self._storage.client
        with self._storage.told("writing", self._key):
            if not self._upload:
                self._upload = client.create_multipart_upload(**self._object)["UploadId"]
            number = len(self._parts) + 1
            sent = client.upload_part(
                **self._object, UploadId=self._upload, PartNumber=number, Body=part
            )
        checksums = {k: v for k, v in sent.items() if k.startswith("Checksum") and k != _KIND}
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"], **checksums})

    def send_all(self) -> None:
        """Sends what is left, as the last part: nothing of it is held here any longer."""
        if self._buffer:
            self._send(bytes(self._buffer))
            self._buffer.clear()

    def complete(self, *, overwrite: bool) -> None:
        """Makes the object appear."""
        client = self._storage.client
        only_new = {} if overwrite else {"IfNoneMatch": "*"}
        if self._upload:
            self.send_all()
            with self._storage.told("writing", self._key):
                client.complete_multipart_upload(
                    **self._object,
                    **only_new,
                    UploadId=self._upload,
                    MultipartUpload={"Parts": self._parts},
                )
        else:
            with self._storage.told("writing", self._key):
                client.put_object(**self._object, **only_new, Body=bytes(self._buffer))
        self._buffer.clear()
        self._upload = ""

    def abort(self) -> None:
        """Throws away what was sent; what cannot be thrown away now, the bucket's rules may."""
        if self._upload:
            with suppress(Exception):
                self._storage.client.abort_multipart_upload(**self._object, UploadId=self._upload)
        self._buffer.clear()
        self._upload = ""


_KIND = "ChecksumType"


class PreparedObject:
    """An upload whose bytes are there, and which is not completed yet."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    @contextmanager
    def filling(self) -> Iterator[BinaryIO]:
        yield cast(BinaryIO, self._upload)
        self._upload.send_all()

    def publish(self, *, overwrite: bool) -> None:
        self._upload.complete(overwrite=overwrite)

    def discard(self) -> None:
        self._upload.abort()


class Download(io.RawIOBase):
    """A stream out of one object that goes on where a broken connection left it."""

    def __init__(self, storage: S3Storage, name: str, start: int, length: int | None) -> None:
        self._storage = storage
        self._key = name.removeprefix(f"{storage.prefix}/") if storage.prefix else name
        self._object = {"Bucket": storage.bucket, "Key": name}
        self._position = start
        self._end: int | None = None if length is None else start + length
        self._tag: dict[str, str] = {}
        self._body: Any = None
        self._failures = 0
        if length != 0:
            self._open()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        from botocore.exceptions import BotoCoreError

        if self._end is not None and self._position >= self._end:
            return 0
        while True:
            wanted = len(buffer)
            if self._end is not None:
                wanted = min(wanted, self._end - self._position)
            try:
                with self._storage.told("reading", self._key):
                    try:
                        data = self._body.read(wanted)
                    except (BotoCoreError, OSError) as error:
                        self._failures += 1
                        if self._failures >= _READ_ATTEMPTS:
                            raise
                        del error
                        self._open()
                        continue
            except OSError as error:
                raise StorageError(
                    f"The connection broke while reading {self._storage.place(self._key)}, also "
                    "when tried again.",
                    transient=True,
                ) from error
            buffer[: len(data)] = data
            self._position += len(data)
            return len(data)

    def _open(self) -> None:
        if self._body is not None:
            self._body.close()
        ranged = {}
        if self._position or self._end is not None:
            last = "" if self._end is None else str(self._end - 1)
            ranged = {"Range": f"bytes={self._position}-{last}"}
        from botocore.exceptions import ClientError

        with self._storage.told("reading", self._key):
            try:
                found = self._storage.client.get_object(**self._object, **ranged, **self._tag)
            except ClientError as error:
                if s3.code_of(error) != "InvalidRange":
                    raise
                # Nothing begins there: that is the end, as with a file.
                self._body, self._end = io.BytesIO(), self._position
                return
        # What is gone on with must be the same object.
        self._tag = {"IfMatch": found["ETag"]}
        self._body = found["Body"]

    def close(self) -> None:
        if self._body is not None and not self.closed:
            self._body.close()
        super().close()
