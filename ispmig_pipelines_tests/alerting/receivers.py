"""Real receivers on loopback: a web server that keeps what is posted, and a mail server."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Posted:
    """What a web server was sent; ``statuses`` are answered in turn, then 200."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def web_receiver() -> Iterator[Posted]:
    """A web server."""
    posted = Posted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            posted.headers.append(dict(self.headers))
            posted.paths.append(self.path)
            status = posted.statuses.pop(0) if posted.statuses else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{posted.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            posted.paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    posted.url = f"http://127.0.0.1:{server.server_port}"
    with _running(server):
        yield posted


@dataclass
class Mailed:
    """What a mail server was handed over."""

    port: int = 0
    letters: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)


@contextmanager
def mail_receiver(certificate: Path | None = None) -> Iterator[Mailed]:
    """A mail server; it offers STARTTLS if it has a certificate."""
    mailed = Mailed()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            encrypted = False
            self._say("220 here")
            while line := self.rfile.readline().decode().strip():
                verb = line.partition(" ")[0].upper()
                if verb == "EHLO":
                    offers = certificate is not None and not encrypted
                    self._say("250-here\r\n250 STARTTLS" if offers else "250 here")
                elif verb == "STARTTLS" and certificate is not None:
                    self._say("220 go on")
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(certificate)
                    try:
                        self.request = context.wrap_socket(self.request, server_side=True)
                    except ssl.SSLError:
                        return
                    self.rfile = self.request.makefile("rb")
                    self.wfile = self.request.makefile("wb", buffering=0)
                    encrypted = True
                elif verb == "DATA":
                    self._say("354 go on")
                    lines = []
                    while (text := self.rfile.readline()) != b".\r\n":
                        lines.append(text.decode())
                    mailed.letters.append("".join(lines))
                    mailed.encrypted.append(encrypted)
                    self._say("250 taken")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    if verb == "RCPT":
                        mailed.receivers.append(line.partition("<")[2].partition(">")[0])
                    self._say("250 fine")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    mailed.port = server.server_address[1]
    with _running(server):
        yield mailed


@contextmanager
def _running(server: socketserver.TCPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
