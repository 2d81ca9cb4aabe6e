"""S3 as everything here speaks to it: one way to make a client, one way to tell what went wrong.

Errors are told apart by their names: botocore makes some of its classes at run time, and others
come and go with its versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

SCHEME = "s3"
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""How long to wait for a server that has nothing to say."""


class Kind(StrEnum):
    """What a failed request to S3 comes from."""

    NO_BUCKET = "no bucket"
    NO_OBJECT = "no object"
    DENIED = "denied"
    IN_THE_WAY = "in the way"  # a condition on what is there (If-Match, If-None-Match) fails
    NO_CREDENTIALS = "no credentials"
    NO_NAME = "no name"  # nothing in S3 can bear this name
    UNTRUSTED = "untrusted"  # the server's certificate
    UNREACHED = "unreached"  # the network, or an address nobody answers at
    FAILED = "failed"  # the server answers with an error of its own


@dataclass(frozen=True)
class Fault:
    """What went wrong, without a word of the server's: its texts may quote us.

    Attributes:
        code: of the server, or the name of the error.
        status: of HTTP; 0 where the server did not answer.
        transient: the same may succeed when asked again.
    """

    kind: Kind
    code: str
    status: int = 0
    transient: bool = False


_DENIED = frozenset(
    {"401", "403", "AccessDenied", "AccountProblem", "AllAccessDisabled", "ExpiredToken",
     "Forbidden", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
)  # fmt: skip
_PASSING = frozenset(
    {"408", "429", "InternalError", "RequestLimitExceeded", "RequestTimeout",
     "ServiceUnavailable", "SlowDown", "Throttling", "ThrottlingException"}
)  # fmt: skip
_IN_THE_WAY = frozenset({"409", "412", "ConditionalRequestConflict", "PreconditionFailed"})
_NAMED = {
    "NoCredentialsError": Kind.NO_CREDENTIALS,
    "PartialCredentialsError": Kind.NO_CREDENTIALS,
    "CredentialRetrievalError": Kind.NO_CREDENTIALS,
    "TokenRetrievalError": Kind.NO_CREDENTIALS,
    "ProfileNotFound": Kind.NO_CREDENTIALS,
    "ParamValidationError": Kind.NO_NAME,
    "InvalidBucketName": Kind.NO_NAME,
    "SSLError": Kind.UNTRUSTED,
}


def client() -> Any:
    """A boto3 client that tries again by itself what may pass."""
    # Slow to import, and most runs need none.
    import boto3
    from botocore.config import Config

    config = Config(
        # Throttling, 5xx and broken connections, with growing and random pauses.
        retries={"mode": "standard", "total_max_attempts": 8},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
    )
    # A session of its own: the shared one remembers credentials that are gone.
    session = boto3.session.Session()
    made = session.client(SCHEME, config=config)
    host = urlsplit(made.meta.endpoint_url).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return made
    # Stores of other makers mostly have no host name of its own for each bucket.
    return session.client(SCHEME, config=config.merge(Config(s3={"addressing_style": "path"})))


def code_of(error: Any) -> str:
    """The code in the answer of a server; "" if it says none."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def fault_of(error: BaseException) -> Fault:
    """What an error of botocore's means."""
    name = type(error).__name__
    if not hasattr(error, "response"):
        kind = _NAMED.get(name, Kind.UNREACHED)
        return Fault(kind, name, transient=kind is Kind.UNREACHED)
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return Fault(Kind.NO_BUCKET, code, status)
    if code in ("404", "NoSuchKey", "NotFound"):
        return Fault(Kind.NO_OBJECT, code, status)
    if code in _IN_THE_WAY or status == 412:
        return Fault(Kind.IN_THE_WAY, code, status)
    if code in _DENIED or status in (401, 403):
        return Fault(Kind.DENIED, code, status)
    if code in _NAMED:
        return Fault(_NAMED[code], code, status)
    return Fault(Kind.FAILED, code, status, transient=code in _PASSING or status >= 500)
