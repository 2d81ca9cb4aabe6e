"""Blobs by key, in a local folder or below a prefix of an S3 bucket.

What is written under a key appears there whole or not at all: locally a temporary file is
synced and then renamed, on S3 an upload is completed only at its end. So whoever finds a key
finds all of its bytes, and a process that was killed leaves nothing that looks finished.

Several blobs can be made ready first, and appear one right after the other at the end.

S3 is any store that speaks its protocol. Credentials, region and endpoint are found as boto3
finds them (``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``, ``AWS_ENDPOINT_URL`` and the others).
"""

from __future__ import annotations

import datetime as dt
import io
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from ispmig_pipelines import s3
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.s3 import Kind

S3_SCHEME = s3.SCHEME
PART_BYTES = 16 << 20
"""Size of the first parts of an upload; S3 takes 10,000 parts, so that later ones are larger."""

ABANDONED = dt.timedelta(days=1)
"""After so long nobody is thought to go on with what was begun and not finished."""

_PARTS_OF_ONE_SIZE = 1_500
_READ_ATTEMPTS = 5
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_PART = ".part"
_UNFINISHED = re.compile(rf"\..+\.[0-9a-f]{{12}}{re.escape(_PART)}", re.DOTALL)


@dataclass(frozen=True)
class Blob:
    """What lies under a key.

    Attributes:
        key: below the storage's folder or prefix, with ``/`` between its parts.
        size: bytes.
        modified: when it was written, in UTC.
    """

    key: str
    size: int
    modified: dt.datetime


@dataclass(frozen=True)
class Entry:
    """An object right below a prefix.

    Attributes:
        tag: its entity tag: another one as soon as its bytes are others.
    """

    key: str
    size: int
    modified: dt.datetime
    tag: str


class Prepared(Protocol):
    """A blob that is being made, and that nobody sees before it is published."""

    def filling(self) -> AbstractContextManager[BinaryIO]:
        """A stream for its bytes: all are on the disk or in the bucket when the block ends.

        Raises:
            StorageError: they cannot be written.
        """
        ...

    def publish(self, *, overwrite: bool) -> None:
        """Lets the finished blob appear.

        Raises:
            UsageError: there is one already, and it is not to be overwritten.
            StorageError: it cannot be done.
        """
        ...

    def discard(self) -> None:
        """Leaves nothing of a blob that was not published; may be called at any time."""
        ...


class Storage(Protocol):
    """Where blobs lie."""

    def prepare(self, key: str) -> Prepared:
        """Begins a blob that is to appear later.

        Raises:
            StorageError: nothing can be written there.
        """
        ...

    def writing(self, key: str, *, overwrite: bool = True) -> AbstractContextManager[BinaryIO]:
        """A stream to write the blob into; it is there when the block ends without an error.

        Raises:
            UsageError: there is one already, and it is not to be overwritten.
            StorageError: it cannot be written.
        """
        ...

    def reading(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AbstractContextManager[BinaryIO]:
        """A stream of the blob's bytes, from ``start``, at most ``length`` of them.

        Raises:
            StorageError: it is not there, or cannot be read.
        """
        ...

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[Blob]:
        """Every blob whose key begins with ``prefix``, in order of their keys.

        Args:
            deep: also those further down; else only those with no ``/`` after the prefix.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is a blob of this key."""
        ...

    def delete(self, key: str) -> None:
        """Deletes a blob; one that is not there is fine too."""
        ...

    def sweep(
        self,
        ours: Callable[[str], bool],
        *,
        deep: bool = True,
        older_than: dt.timedelta = ABANDONED,
    ) -> int:
        """Clears away what writers that died had begun; returns how many there were.

        Args:
            ours: whether a key is one that we write; what others began is not touched.
            deep: also what lies further down.
            older_than: what was written to since may have a writer that is alive.
        """
        ...

    def place(self, key: str = "") -> str:
        """Path or URL of a blob, or of the whole storage, for people."""
        ...


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
    if prefix and (not _is_key(prefix) or "?" in prefix or "#" in prefix):
        raise UsageError(
            f"What stands after s3://{bucket}/ is no prefix: its parts are names with one / "
            "between them, none of them . or .., without ?, # and \\."
        )
    return S3Storage(bucket, prefix)


def check_key(key: str) -> str:
    """The key itself.

    Raises:
        ValueError: it could lead out of its folder, or is no name of a file.
    """
    if not _is_key(key):
        raise ValueError(f"not a key: {key!r}")
    return key


def _is_key(text: str) -> bool:
    return not (
        any(part in ("", ".", "..") for part in text.split("/"))
        or "\\" in text
        or any(ord(character) < 32 or ord(character) == 127 for character in text)
    )


class LocalStorage:
    """Blobs as files of one folder; the folder is made when the first is written."""

    def __init__(self, root: Path, *, private: bool = False) -> None:
        self.root = root
        self._folder_mode, self._file_mode = (0o700, 0o600) if private else (0o777, 0o666)

    def prepare(self, key: str) -> Prepared:
        """See :meth:`Storage.prepare`."""
        final = self._path(key)
        with _disk(f"writing {final}"):
            self._make(final.parent)
            return _PreparedFile(final, self._file_mode)

    @contextmanager
    def writing(self, key: str, *, overwrite: bool = True) -> Iterator[BinaryIO]:
        """See :meth:`Storage.writing`."""
        final = self._path(key)
        if not overwrite and final.exists():
            raise _already_there(self.place(key))
        prepared = self.prepare(key)
        try:
            with prepared.filling() as stream:
                yield stream
            prepared.publish(overwrite=overwrite)
        finally:
            prepared.discard()

    @contextmanager
    def reading(self, key: str, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """See :meth:`Storage.reading`."""
        path = self._path(key)
        with _disk(f"reading {path}"):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                raise _not_there(str(path)) from None
            with file:
                file.seek(start)
                if length is None:
                    yield cast(BinaryIO, file)
                else:
                    yield cast(BinaryIO, _Limited(file, length))

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[Blob]:
        """See :meth:`Storage.list`."""
        with _disk(f"listing {self.root}"):
            found = []
            # Only where the prefix leads: what lies beside may be a whole disk.
            for folder, below, names in os.walk(self.root / prefix.rpartition("/")[0]):
                if not deep:
                    below.clear()
                for name in names:
                    if _UNFINISHED.fullmatch(name):
                        continue
                    path = Path(folder, name)
                    key = path.relative_to(self.root).as_posix()
                    if key.startswith(prefix):
                        found.append((key, path))
            for key, path in sorted(found):
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue
                yield Blob(key, status.st_size, dt.datetime.fromtimestamp(status.st_mtime, dt.UTC))

    def exists(self, key: str) -> bool:
        """See :meth:`Storage.exists`."""
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """See :meth:`Storage.delete`."""
        path = self._path(key)
        with _disk(f"deleting {path}"):
            path.unlink(missing_ok=True)

    def sweep(
        self,
        ours: Callable[[str], bool],
        *,
        deep: bool = True,
        older_than: dt.timedelta = ABANDONED,
    ) -> int:
        """See :meth:`Storage.sweep`."""
        oldest = (dt.datetime.now(dt.UTC) - older_than).timestamp()
        swept = 0
        with _disk(f"clearing {self.root}"):
            for folder, below, names in os.walk(self.root):
                if not deep:
                    below.clear()
                for name in filter(_UNFINISHED.fullmatch, names):
                    path = Path(folder, name)
                    final = path.with_name(name[1:].rsplit(".", 2)[0])
                    if not ours(final.relative_to(self.root).as_posix()):
                        continue
                    with suppress(FileNotFoundError):
                        if path.lstat().st_mtime <= oldest:
                            path.unlink()
                            swept += 1
        return swept

    def place(self, key: str = "") -> str:
        """See :meth:`Storage.place`."""
        return str(self.root / key) if key else str(self.root)

    def _path(self, key: str) -> Path:
        path = self.root / check_key(key)
        # A link inside the folder must not lead out of it either.
        if not path.parent.resolve().is_relative_to(self.root.resolve()) or path.is_symlink():
            raise StorageError(
                f"{path} is a link, or lies behind one that leads out of {self.root}. Take the "
                "link away, or choose another folder."
            )
        return path

    def _make(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            one.mkdir(mode=self._folder_mode, exist_ok=True)


class _PreparedFile:
    """A file beside its place, under a hidden name."""

    def __init__(self, final: Path, mode: int) -> None:
        self._final = final
        self._part = final.with_name(f".{final.name}.{secrets.token_hex(6)}{_PART}")
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        self._file = os.fdopen(descriptor, "wb")

    @contextmanager
    def filling(self) -> Iterator[BinaryIO]:
        with _disk(f"writing {self._final}"), self._file as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())

    def publish(self, *, overwrite: bool) -> None:
        with _disk(f"writing {self._final}"):
            if overwrite:
                self._part.replace(self._final)
            else:
                _put_where_nothing_is(self._part, self._final)
            _sync_folder(self._final.parent)

    def discard(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


def _put_where_nothing_is(part: Path, final: Path) -> None:
    try:
        # Unlike a rename, a link is refused where somebody else was faster.
        os.link(part, final)
    except FileExistsError:
        raise _already_there(str(final)) from None
    except OSError:
        # A file system without links: whoever makes the name first has it.
        try:
            os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise _already_there(str(final)) from None
        part.replace(final)


def _sync_folder(folder: Path) -> None:
    # Not every file system lets a folder be synced; the rename stands all the same.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Limited(io.RawIOBase):
    """The next ``length`` bytes of a stream."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = cast(bytes, self._stream.read(wanted))
        self._left -= len(data)
        return data


@contextmanager
def _disk(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"The disk failed while {doing}: {error.strerror or error}. Make room, correct the "
            "permissions, or choose another place."
        ) from error


def _already_there(place: str) -> UsageError:
    return UsageError(f"There is {place} already, and it is not to be overwritten.")


def _not_there(place: str) -> StorageError:
    return StorageError(f"There is no {place} (any more).")


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
            with self._told("reaching", ""):
                self._given = s3.client()
        return self._given

    def prepare(self, key: str) -> Prepared:
        """See :meth:`Storage.prepare`."""
        return _PreparedObject(_Upload(self, self._name(key)))

    @contextmanager
    def writing(self, key: str, *, overwrite: bool = True) -> Iterator[BinaryIO]:
        """See :meth:`Storage.writing`."""
        if not overwrite and self.exists(key):
            raise _already_there(self.place(key))
        upload = _Upload(self, self._name(key))
        try:
            yield cast(BinaryIO, upload)
            upload.complete(overwrite=overwrite)
        except BaseException:
            upload.abort()
            raise

    @contextmanager
    def reading(self, key: str, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """See :meth:`Storage.reading`."""
        stream = _Download(self, self._name(key), start, length)
        try:
            yield cast(BinaryIO, io.BufferedReader(stream, 1 << 20))
        finally:
            stream.close()

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[Blob]:
        """See :meth:`Storage.list`."""
        below = f"{self.prefix}/" if self.prefix else ""
        with self._told("listing", prefix):
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

        with self._told("looking for", key):
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
        with self._told("deleting", key):
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
        with self._told("listing", ""):
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

        with self._told("looking for", key):
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
        with self._told("copying", key):
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
        with self._told("clearing", ""):
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
    def _told(self, doing: str, key: str) -> Iterator[None]:
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
                return _already_there(where)
            case Kind.NO_OBJECT:
                return _not_there(where)
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


class _Upload(io.RawIOBase):
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
        with self._storage._told("writing", self._key):
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
            with self._storage._told("writing", self._key):
                client.complete_multipart_upload(
                    **self._object,
                    **only_new,
                    UploadId=self._upload,
                    MultipartUpload={"Parts": self._parts},
                )
        else:
            with self._storage._told("writing", self._key):
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


class _PreparedObject:
    """An upload whose bytes are there, and which is not completed yet."""

    def __init__(self, upload: _Upload) -> None:
        self._upload = upload

    @contextmanager
    def filling(self) -> Iterator[BinaryIO]:
        yield cast(BinaryIO, self._upload)
        self._upload.send_all()

    def publish(self, *, overwrite: bool) -> None:
        self._upload.complete(overwrite=overwrite)

    def discard(self) -> None:
        self._upload.abort()


class _Download(io.RawIOBase):
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
                with self._storage._told("reading", self._key):
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

        with self._storage._told("reading", self._key):
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
