"""Source files that lie elsewhere: ``s3://`` and ``https://``, read as streams, never copied.

A :class:`RemoteFile` is used where a :class:`pathlib.Path` is: both are a :class:`SourceFile`.
Credentials and endpoints are those of the tools everybody has: for S3 what the AWS tools read
(``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``, ``AWS_ENDPOINT_URL_S3``, a role, …), for HTTPS the
user's ``.netrc``.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, Protocol
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from ispmig_pipelines import s3
from ispmig_pipelines.errors import SourceError, StorageError

_BUFFER = 1 << 20
_PART = 1 << 17
"""Bytes that are asked of a connection at a time: what came before it broke is kept by parts."""

_PASSING = (408, 429, 500, 502, 503, 504)
_TIMEOUT = 60.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCHEMES = ("s3", "https", "http")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PLAIN_OPTIONS = frozenset(
    {
        "page", "format", "type", "limit", "offset", "from", "to", "since", "until", "date",
        "year", "month", "day", "lang", "locale", "sort", "order", "dl", "download", "export",
        "version", "v", "gid", "table", "entity", "status", "encoding", "charset",
    }
)  # fmt: skip
"""Names of query options whose values are no secrets; any other's may be one."""

USER_AGENT = "ispmig-source"
"""Who asks for a source: the platform's own UI, where all tenants are, answers anybody but us."""

_NO_URL = re.compile(r"[\\\s\x00-\x1f\x7f]")
_MAGIC = re.compile(r"[*?\[]")


class Status(Protocol):
    """What readers ask of a file's status; :class:`os.stat_result` has it."""

    @property
    def st_size(self) -> int:
        """Bytes."""
        ...

    @property
    def st_mtime_ns(self) -> int:
        """A number that changes when the content does."""
        ...


class SourceFile(Protocol):
    """A file that is read: a local :class:`~pathlib.Path` or a :class:`RemoteFile`.

    Its text is fit for people and logs: it never holds a password or a signature.
    """

    @property
    def name(self) -> str: ...

    @property
    def stem(self) -> str: ...

    def stat(self) -> Status: ...

    def open(self, mode: Literal["rb"], buffering: Literal[0] = 0) -> BinaryIO: ...


@dataclass(frozen=True)
class _Status:
    st_size: int
    st_mtime_ns: int


def is_url(text: str) -> bool:
    """Whether the text names something by URL rather than by path."""
    return bool(_URL.match(text))


def source_file(place: SourceFile | str) -> SourceFile:
    """The file of that path or URL.

    Raises:
        SourceError: a URL of a kind that is not read.
    """
    if not isinstance(place, str):
        return place
    return RemoteFile(place) if is_url(place) else Path(place)


def secret_in(url: str) -> str:
    """What kind of secret stands written out in a URL; "" if none is seen."""
    if url.lower().startswith("s3:"):
        return ""
    parts = urlsplit(url)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if any(part and not _VARIABLE.fullmatch(part) for part in (password, "" if password else user)):
        return "password or token"
    options = parse_qsl(parts.query.replace(";", "&"))
    options += [(p.partition("=")[0], p.partition("=")[2]) for p in parts.path.split(";")[1:]]
    options += [("", parts.fragment)]
    for name, value in options:
        if value and name.lower() not in _PLAIN_OPTIONS and not _VARIABLE.fullmatch(value):
            return "signature, token or key"
    return ""


def with_variables(url: str, environment: Mapping[str, str]) -> str:
    """The URL with each ``${NAME}`` in it replaced by the variable of that name.

    Raises:
        SourceError: a variable is not set.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise SourceError(
                f"{url} needs {found[1]} from the environment, and it is not set. Set it where "
                f"the migration runs, e.g. export {found[1]}=…"
            )
        return environment[found[1]]

    return _VARIABLE.sub(value, url)


def matching(url: str) -> list[RemoteFile]:
    """The files that a URL names: itself, or what matches its pattern (``s3://`` only), sorted.

    A ``*`` does not cross a ``/``, as in paths.

    Raises:
        SourceError: a URL that is not read, or a bucket that cannot be listed.
    """
    file = RemoteFile(url)
    if file.scheme != "s3" or not _MAGIC.search(file.key):
        return [file]
    fixed = _MAGIC.split(file.key, maxsplit=1)[0]
    with _told(file):
        pages = file.s3.get_paginator("list_objects_v2").paginate(Bucket=file.bucket, Prefix=fixed)
        keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    return [RemoteFile(f"s3://{file.bucket}/{key}") for key in sorted(keys) if _fits(key, file.key)]


def _fits(key: str, pattern: str) -> bool:
    parts, wanted = key.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


class RemoteFile:
    """One file in an S3 bucket or on a web server, at its URL.

    Attributes:
        url: whole, with whatever secrets stand in it.
        scheme: ``s3``, ``https`` or ``http`` (this machine only).
        bucket, key: of an S3 object, exactly as written: nothing in a key is an escape.
    """

    def __init__(self, url: str) -> None:
        """Takes the URL; nothing is asked of any server.

        Raises:
            SourceError: it is no URL of a file that is read here.
        """
        self.url = url
        self.scheme = url.split("://", 1)[0].lower()
        if self.scheme not in _SCHEMES:
            raise SourceError(
                f"{self.scheme}:// is no place that files are read from. Files are read from "
                "paths, s3://bucket/key and https://…; a database is named under database:."
            )
        if self.scheme == "s3":
            self.bucket, _, self.key = url.split("://", 1)[1].partition("/")
            if not self.bucket or not self.key:
                raise SourceError(
                    f"{url} does not name a file. Write s3://bucket/key, e.g. "
                    "s3://exports/acme/customers.csv."
                )
            return
        self.bucket = self.key = ""
        if not _may_be_asked(url):
            raise SourceError(
                f"{self} would be sent over the network in the clear. Write https://."
                if self.scheme == "http"
                else f"{self} does not name a server."
            )

    def __str__(self) -> str:
        if self.scheme == "s3":
            return self.url
        parts = urlsplit(self.url)
        # Passwords stand before the @, signatures of shared links in the query.
        host = parts.netloc.rpartition("@")[2]
        return f"{self.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")

    def __repr__(self) -> str:
        return f"RemoteFile({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteFile) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    @property
    def name(self) -> str:
        """The last part of its path."""
        path = self.key if self.scheme == "s3" else unquote(urlsplit(self.url).path)
        return PurePosixPath(path).name or urlsplit(self.url).hostname or self.bucket

    @property
    def stem(self) -> str:
        """Its name without the last suffix."""
        return PurePosixPath(self.name).stem

    @cached_property
    def s3(self) -> Any:
        """The client that asks for it."""
        with _told(self):
            return s3.client()

    @cached_property
    def _session(self) -> Any:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3 import Retry

        session = requests.Session()
        session.headers["User-Agent"] = USER_AGENT
        session.hooks["response"].append(_stay_private)
        again = Retry(
            total=TRIES,
            # Where nobody answers, or a name is not known, it is mostly for longer.
            connect=1,
            read=2,
            redirect=False,
            allowed_methods=("GET",),
            status_forcelist=_PASSING,
            backoff_factor=PAUSE,
            backoff_jitter=PAUSE,
            # The last answer is told in words of ours.
            raise_on_status=False,
            # A server may ask for a minute, and not for an hour.
            retry_after_max=60,
        )
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=again))
        return session

    def stat(self) -> _Status:
        """Size and version, asked anew.

        Raises:
            SourceError: there is no such file, it may not be read, or its server does not tell
                how long it is.
            StorageError: the server cannot be reached or failed.
        """
        with _told(self):
            if self.scheme == "s3":
                head = self.s3.head_object(Bucket=self.bucket, Key=self.key)
                return _Status(
                    head["ContentLength"], _version(head.get("ETag"), head.get("LastModified"))
                )
            # Links that are shared are often signed for GET alone.
            with self._session.get(
                self.url,
                headers={"Range": "bytes=0-0", "Accept-Encoding": "identity"},
                stream=True,
                timeout=_TIMEOUT,
            ) as response:
                size = _length(response)
                if size is None:
                    raise SourceError(
                        f"{self}: its server does not say how long the file is, so nobody could "
                        "know whether all of it came. Save it to a file and name that."
                    )
                return _Status(
                    size,
                    _version(response.headers.get("ETag"), response.headers.get("Last-Modified")),
                )

    def open(self, mode: Literal["rb"] = "rb", buffering: int = 0) -> BinaryIO:
        """Opens it for reading from its beginning; seeking asks for another range.

        Raises:
            SourceError, StorageError: as :meth:`stat`; reading raises them, too.
        """
        return io.BufferedReader(_Stream(self), _BUFFER)

    def _asked_from(self, start: int, version: Mapping[str, str]) -> _Answer:
        """Its bytes from there on.

        Args:
            version: the headers by which it has to be the one that was begun with.
        """
        if self.scheme == "s3":
            return self._object_from(start, version)
        headers = {"Accept-Encoding": "identity", **version}
        if start:
            headers["Range"] = f"bytes={start}-"
        response = self._session.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT)
        try:
            size = _length(response)
        except BaseException:
            response.close()
            raise
        if response.status_code == 416:
            return _Answer(io.BytesIO(), start, start, version)
        # A server that does not send files from their middle sends all of it.
        begins = start if response.status_code == 206 else 0
        tag = response.headers.get("ETag", "")
        # A weak tag is never the same by If-Match.
        same = {"If-Match": tag} if tag and not tag.startswith("W/") else {}
        if not same and "Last-Modified" in response.headers:
            same = {"If-Unmodified-Since": response.headers["Last-Modified"]}
        return _Answer(response.raw, begins, size, same)

    def _object_from(self, start: int, version: Mapping[str, str]) -> _Answer:
        from botocore.exceptions import ClientError

        wanted = {"Bucket": self.bucket, "Key": self.key}
        if "If-Match" in version:
            wanted["IfMatch"] = version["If-Match"]
        if start:
            wanted["Range"] = f"bytes={start}-"
        try:
            found = self.s3.get_object(**wanted)
        except ClientError as error:
            if s3.code_of(error) != "InvalidRange":
                raise
            # Nothing begins there: that is the end, as with a file.
            return _Answer(io.BytesIO(), start, start, version)
        begins = start if "ContentRange" in found else 0
        return _Answer(
            found["Body"], begins, begins + found["ContentLength"], {"If-Match": found["ETag"]}
        )


@dataclass(frozen=True)
class _Answer:
    """What a server sends of a file.

    Attributes:
        body: the bytes, with ``read`` and ``close``.
        begins: where in the file the first of them stands: at its beginning, or where was asked.
        size: of the whole file; None where the server does not say.
        version: the headers by which the rest is asked for, of this version and no other.
    """

    body: Any
    begins: int
    size: int | None
    version: Mapping[str, str]


def _version(tag: object, changed: object) -> int:
    digest = hashlib.sha256(f"{tag}|{changed}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def _length(response: Any) -> int | None:
    if response.status_code == 416:
        # No first byte: the file is empty.
        return 0
    response.raise_for_status()
    if response.status_code == 206:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        total = response.headers.get("Content-Length", "")
    return int(total) if total.isdecimal() else None


def _may_be_asked(url: str) -> bool:
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    if _NO_URL.search(url):
        return False
    try:
        # As those who will ask read it: another reading might see another host.
        parts = parse_url(url)
    except LocationParseError:
        return False
    host = (parts.host or "").strip("[]")
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    )


def _stay_private(response: Any, *args: object, **kwargs: object) -> None:
    """Refuses a redirection that would leave encryption, or this machine's own server, behind."""
    target = urljoin(response.url, response.headers.get("Location", ""))
    encrypted = response.url.startswith("https:")
    if response.is_redirect and (
        not _may_be_asked(target) or (encrypted and not target.startswith("https:"))
    ):
        raise SourceError(
            f"{RemoteFile(response.url)} sends its readers on to a place without encryption. "
            "Name the https:// address of the file itself."
        )


TRIES = 5
"""How often in a row reading breaks off before it is given up."""

PAUSE = 0.5
"""Seconds: the pause after a break is random between nothing and twice as much as after the one
before it, from here on, so that many readers do not come back at once."""

_sleep = time.sleep


def pause_after(breaks: int) -> float:
    """Seconds to wait before reading goes on after so many breaks in a row."""
    return random.uniform(0, PAUSE * 2**breaks)  # noqa: S311 - no secret


class _Stream(io.RawIOBase):
    """The remote bytes, gone on with where a connection broke; what goes wrong is told in words.

    A file that was replaced meanwhile is not gone on with. That a request is refused or a server
    cannot be reached is no break: who asks has tried again by himself (boto3; :func:`_session`).
    """

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._position = self._asked_at = 0
        self._size: int | None = None
        self._version: Mapping[str, str] = {}
        self._body: Any = None
        self._to_leave_out = 0
        with _told(file):
            self._ask()

    def _ask(self) -> None:
        self._asked_at = self._position
        answer = self._file._asked_from(self._position, self._version)
        self._body = answer.body
        self._to_leave_out = self._position - answer.begins
        self._version = answer.version
        if self._size is None:
            self._size = answer.size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if not view:
            return 0
        breaks = 0
        while True:
            if self._body is None:
                if self._size is not None and self._position >= self._size:
                    return 0
                with _told(self._file):
                    self._ask()
            try:
                with _told(self._file):
                    part = self._part(len(view))
            except StorageError as error:
                breaks += 1
                if not error.transient or breaks >= TRIES:
                    raise
            else:
                if part or self._size is None or self._position >= self._size:
                    break
                # It ended before its end, without a word: some servers send no more at a time.
                if self._position == self._asked_at:
                    breaks += 1
                    if breaks >= TRIES:
                        raise _cut_short(self._file, self._position, self._size)
            self._drop()
            if breaks:
                _sleep(pause_after(breaks))
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _part(self, count: int) -> bytes:
        while self._to_leave_out:
            left_out = len(self._body.read(min(self._to_leave_out, _PART)))
            if not left_out:
                return b""
            self._to_leave_out -= left_out
        return bytes(self._body.read(min(count, _PART)))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            if self._size is None:
                raise io.UnsupportedOperation("its size is not known")
            offset += self._size
        # Who stays where he is needs no new request.
        if offset != self._position:
            self._drop()
            self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def close(self) -> None:
        if not self.closed:
            self._drop()
        super().close()


def _cut_short(file: RemoteFile, position: int, size: int) -> StorageError:
    return StorageError(
        f"{file} could not be read: its server sends {position:,} of {size:,} bytes and no more, "
        f"{TRIES} times in a row. Try again later.",
        transient=True,
    )


@contextmanager
def _told(file: RemoteFile) -> Iterator[None]:
    """Tells in words what a server or the network did, without its texts: they may quote us."""
    from botocore.exceptions import BotoCoreError, ClientError
    from requests.exceptions import HTTPError, RequestException
    from urllib3.exceptions import HTTPError as TransportError

    try:
        yield
    except (ClientError, BotoCoreError, RequestException, TransportError, OSError) as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ClientError | HTTPError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, ClientError):
            raise _refused_by_s3(file, s3.fault_of(cause)) from None
        if isinstance(cause, HTTPError) and cause.response is not None:
            raise _refused(file, cause.response.status_code) from None
        raise _failed(file, error) from None


def _refused(file: RemoteFile, status: int) -> SourceError | StorageError:
    match status:
        case 404:
            return SourceError(f"{file} does not exist. Check the address.")
        case 401 | 403:
            return _denied(file, str(status))
        case 412:
            return _changed(file)
    return StorageError(
        f"{file} could not be read: its server answers {status}, also when asked again. Try again "
        "later.",
        transient=status in _PASSING or status >= 500,
    )


def _denied(file: RemoteFile, code: str) -> SourceError:
    how = (
        "the keys of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the machine's "
        "role, and what its policy allows"
        if file.scheme == "s3"
        else "the link has not expired, and a login for the server stands in ~/.netrc if it "
        "asks for one"
    )
    return SourceError(f"{file} may not be read (its server answers {code}). Check {how}.")


def _changed(file: RemoteFile) -> SourceError:
    return SourceError(
        f"{file} changed while it was being read, so what was read is neither the old file "
        "nor the new. Wait until the export is finished and run again."
    )


def _refused_by_s3(file: RemoteFile, fault: s3.Fault) -> SourceError | StorageError:
    match fault.kind:
        case s3.Kind.NO_BUCKET:
            return SourceError(
                f"{file} does not exist: there is no bucket {file.bucket} where S3 is asked for "
                "it. Check its name; AWS_ENDPOINT_URL and AWS_REGION say where it is looked for."
            )
        case s3.Kind.NO_OBJECT:
            # HEAD has no body to say which.
            return SourceError(
                f"{file} does not exist: the bucket {file.bucket} has no such object, or is not "
                "there itself. Check the address."
            )
        case s3.Kind.IN_THE_WAY:
            return _changed(file)
        case s3.Kind.DENIED:
            return _denied(file, fault.code)
        case s3.Kind.NO_NAME | s3.Kind.NO_CREDENTIALS:
            return SourceError(f"{file} may not be read ({fault.code}). Check the address.")
    return StorageError(
        f"{file} could not be read: its server answers {fault.code or 'with an error'}, also when "
        "asked again." + (" Try again later." if fault.transient else ""),
        transient=fault.transient,
    )


def _failed(file: RemoteFile, error: BaseException) -> SourceError | StorageError:
    kind = type(error).__name__
    if kind in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"):
        return SourceError(
            f"{file} needs credentials and there are none. Set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, as for the AWS command line."
        )
    if kind == "ParamValidationError":
        return SourceError(f"{file} does not name a bucket that could exist. Check the address.")
    if kind == "SSLError":
        return SourceError(
            f"{file}: its server cannot prove that it is who it says. Nothing was read; have its "
            "certificate mended, or name its authority in REQUESTS_CA_BUNDLE."
        )
    return StorageError(
        f"{file} could not be read: the connection to its server failed ({kind}). Check the "
        "address and the network, and try again.",
        transient=True,
    )
