"""A real MariaDB or MySQL server for the tests that read from one."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PLACES = "/usr/sbin:/usr/local/sbin:/usr/libexec:/usr/local/mysql/bin:/opt/mysql/bin"
STARTING_SECONDS = 60


@dataclass(frozen=True)
class MysqlServer:
    """A server of the test's own, on a socket; its root has no password."""

    socket: Path

    def url(self, database: str = "legacy", user: str = "root", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"mysql://{user}{secret}@localhost/{database}?unix_socket={self.socket}"

    def run(self, *statements: str, database: str | None = None) -> None:
        import pymysql

        connection: Any = pymysql.connect(
            unix_socket=str(self.socket), user="root", database=database, charset="utf8mb4",
            autocommit=True,
        )  # fmt: skip
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def ask(self, statement: str) -> list[Any]:
        import pymysql

        connection: Any = pymysql.connect(unix_socket=str(self.socket), user="root")
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


def server_program() -> str | None:
    """The server that is installed on this machine, if any."""
    path = os.environ.get("PATH", "") + ":" + PLACES
    return shutil.which("mariadbd", path=path) or shutil.which("mysqld", path=path)


@contextmanager
def mysql_server(folder: Path) -> Iterator[MysqlServer]:
    """A fresh server in ``folder``, a child of this process; skips where none is installed."""
    program = server_program()
    if program is None:
        pytest.skip("no MariaDB or MySQL server is installed on this machine")
    data, socket, log = folder / "data", folder / "s.sock", folder / "log"
    options = [
        "--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}",
        f"--socket={socket}", f"--pid-file={folder / 'pid'}", "--skip-networking",
        "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0",
    ]  # fmt: skip
    with log.open("wb") as out:
        installer = shutil.which("mariadb-install-db") or shutil.which("mysql_install_db")
        if program.endswith("mariadbd") and installer:
            subprocess.run(
                [installer, "--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}",
                 "--auth-root-authentication-method=normal", "--skip-test-db"],
                check=True, stdout=out, stderr=out,
            )  # fmt: skip
        else:
            subprocess.run(
                [program, *options, "--initialize-insecure"], check=True, stdout=out, stderr=out
            )
        server = subprocess.Popen([program, *options], stdout=out, stderr=out)
    try:
        _wait(server, socket, log)
        yield MysqlServer(socket)
    finally:
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    import pymysql

    deadline = time.monotonic() + STARTING_SECONDS
    while True:
        if server.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the server did not start: {log.read_text(errors='replace')}")
        try:
            pymysql.connect(unix_socket=str(socket), user="root").close()
        except pymysql.err.OperationalError:
            time.sleep(0.1)
        else:
            return
