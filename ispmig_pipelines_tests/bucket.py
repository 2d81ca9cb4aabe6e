"""A real S3 server over HTTP, with one empty bucket."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ispmig_pipelines_tests import web

BUCKET = "exports"


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Starts the server and points the environment to it; yields the bucket's name."""
    with web.s3_server(monkeypatch) as client:
        for name in ("AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        # Buckets belong to the process, and not to the server.
        reset = f"{client.meta.endpoint_url}/moto-api/reset"
        urllib.request.urlopen(  # noqa: S310 - the server's own address
            urllib.request.Request(reset, method="POST")  # noqa: S310
        )
        client.create_bucket(Bucket=BUCKET)
        yield BUCKET
