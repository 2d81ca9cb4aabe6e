"""A server that hands on to another one what it is asked, and breaks what it is told to break."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Status:
    """Answers with this status, and with an error of S3's of that code."""

    status: int
    code: str

    @property
    def body(self) -> bytes:
        return f"<Error><Code>{self.code}</Code><Message>secret</Message></Error>".encode()


@dataclass(frozen=True)
class Cut:
    """Promises all of the body, and breaks off after so many bytes of it."""

    after: int


@dataclass(frozen=True)
class Hang:
    """Sends so many bytes of the body, and then nothing for a while."""

    after: int
    seconds: float


@dataclass(frozen=True)
class Reset:
    """Resets the connection instead of answering."""


Fault = Status | Cut | Hang | Reset


@dataclass
class Breaking:
    """What the server is to break, and what it was asked.

    Attributes:
        faults: of the next requests with GET, one each; after them all goes well, unless ``ever``
            says otherwise.
        asked: the headers of each request with GET, of HEAD none.
    """

    address: str = ""
    faults: list[Fault] = field(default_factory=list)
    ever: Fault | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    requests: int = 0

    def next(self) -> Fault | None:
        return self.faults.pop(0) if self.faults else self.ever


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._hand_on()

    def do_HEAD(self) -> None:
        self._hand_on()

    def _hand_on(self) -> None:
        breaking: Breaking = self.server.breaking  # type: ignore[attr-defined]
        upstream: str = self.server.upstream  # type: ignore[attr-defined]
        breaking.requests += 1
        fault = None
        if self.command == "GET":
            breaking.asked.append({k.lower(): v for k, v in self.headers.items()})
            fault = breaking.next()
        elif isinstance(breaking.ever, Status):
            fault = breaking.ever
        if isinstance(fault, Reset):
            self._reset()
            return
        if isinstance(fault, Status):
            self._say(fault.status, {"Content-Type": "application/xml"}, fault.body)
            return
        connection = http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "host")}
        connection.request(self.command, self.path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        kept = {
            k: v
            for k, v in answer.getheaders()
            if k.lower() not in ("connection", "transfer-encoding", "content-length")
        }
        length = answer.getheader("Content-Length") or str(len(body))
        connection.close()
        self._say(answer.status, kept, body, fault=fault, length=length)

    def _say(
        self,
        status: int,
        headers: dict[str, str],
        body: bytes,
        *,
        fault: Fault | None = None,
        length: str = "",
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        with suppress(OSError):
            if isinstance(fault, Cut | Hang):
                self.wfile.write(body[: fault.after])
                self.wfile.flush()
                if isinstance(fault, Hang):
                    self.server.over.wait(fault.seconds)  # type: ignore[attr-defined]
                self.close_connection = True
            else:
                self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a connection that was reset on purpose


@contextmanager
def breaking(upstream: str) -> Iterator[Breaking]:
    """Stands before a server; gives what it breaks, and its address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    found = Breaking(f"http://127.0.0.1:{server.server_port}")
    server.breaking, server.upstream = found, upstream  # type: ignore[attr-defined]
    server.over = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.over.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()
