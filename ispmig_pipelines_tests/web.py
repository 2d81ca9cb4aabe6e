"""Real servers on loopback: S3 over HTTP, and web servers with and without TLS."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.moto_server.threaded_moto_server import ThreadedMotoServer


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 server, and the environment by which boto3 finds it; gives a client."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    try:
        yield boto3.session.Session().client("s3")
    finally:
        server.stop()


class _Files(BaseHTTPRequestHandler):
    """Serves a dictionary of files, with ranges and entity tags as real servers do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        files: dict[str, Any] = self.server.files  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        found = files.get(path)
        if found is None or isinstance(found, int):
            self._say(found or 404, b"")
            return
        if isinstance(found, str):
            self._say(302, b"", Location=found)
            return
        tag = f'"{hash(found)}"'
        if self.headers.get("If-Match", tag) != tag:
            self._say(412, b"")
            return
        start, _, end = self.headers.get("Range", "bytes=0-")[6:].partition("-")
        first, last = int(start), min(int(end or len(found)), len(found) - 1)
        if "Range" not in self.headers or path.startswith(("/no-ranges", "/no-length")):
            self._say(200, found, ETag=tag)
        elif first >= len(found):
            self._say(416, b"", **{"Content-Range": f"bytes */{len(found)}"})
        else:
            place = f"bytes {first}-{last}/{len(found)}"
            self._say(206, found[first : last + 1], ETag=tag, **{"Content-Range": place})

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.path.startswith("/no-length"):
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def web_server(files: dict[str, Any], certificate: Path | None = None) -> Iterator[str]:
    """A web server; gives its address.

    Args:
        files: path → its bytes, a status code, or the address that it sends readers on to.
        certificate: PEM with key, for ``https://``.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    server.files = files  # type: ignore[attr-defined]
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{scheme}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
