"""``ispmig up``: Dagster's web UI and daemon as children that start, end and fail together.

Both are programs of this same Python environment, each in a session of its own so that a Ctrl-C
in the terminal reaches only us, and we stop them in order. What they print goes to files below
``logs`` in the home; errors also go to standard error. (``dagster dev`` does much the same, but
started in the background it does not heed SIGTERM for a while.)
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from logging import Formatter, LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg import sql

from ispmig_pipelines.defs.instance import SCHEMA, prepare, shipped_file
from ispmig_pipelines.errors import IspmigError, PlatformError, StorageError, UsageError
from ispmig_pipelines.platform import embedded
from ispmig_pipelines.platform.server import connect, is_embedded
from ispmig_pipelines.settings import settings

START_SECONDS = 180.0
"""The web server answers only when it has loaded the definitions."""

STOP_SECONDS = 10.0
KILL_SECONDS = 3.0
LOG_BYTES = 5_000_000
HEARTBEAT_SECONDS = 90
"""Dagster's daemons say that they live every 30 seconds."""

IMPORTANT = re.compile(r"\b(ERROR|CRITICAL)\b|^\w*(Error|Exception): ")


@dataclass
class _Child:
    """One of the two programs."""

    name: str
    process: subprocess.Popen[str]
    log: Path


@dataclass(frozen=True)
class _Record:
    """What a running ``ispmig up`` writes down; true only while its file is locked."""

    url: str
    pid: int
    since: str
    children: dict[str, float]
    """Process ids (as text) of the two programs and when each was created."""


def _announce(url: str) -> None:
    print(f"The Dagster UI is at {url} (Ctrl-C stops it).", flush=True)


def up(
    port: int,
    host: str = "127.0.0.1",
    *,
    workspace: Path | None = None,
    ready: Callable[[str], None] = _announce,
) -> int:
    """Runs the web UI and the daemon until SIGINT or SIGTERM; 0 when they were stopped so.

    Args:
        port: of the web UI; 0 takes a free one.
        host: address to listen on. The UI has no log-in: everyone who reaches it can use it.
        workspace: what Dagster loads; ours unless a test says otherwise.
        ready: called with the UI's URL as soon as it answers.

    Raises:
        UsageError: it is already running for this home, or the port is taken.
        PlatformError: one of the two did not start, or ended by itself; the other was stopped.
    """
    with _only_one() as record_file, _signals() as stopping:
        port = _free_port(host, port)
        environment = {**os.environ, **prepare(), "PYTHONUNBUFFERED": "1"}
        url = f"http://{_reachable(host)}:{port}"
        workspace = workspace or shipped_file("workspace.yaml")
        web = ["ispmig_pipelines.defs.webserver", "--host", host, "--port", str(port)]
        daemon = ["dagster._daemon", "run"]
        family = _Family()
        try:
            for name, program in (("webserver", web), ("daemon", daemon)):
                command = [sys.executable, "-m", *program, "--workspace", str(workspace)]
                family.start(name, command, environment)
            _write_record(record_file, url, family.children)
            if _wait_until_it_answers(url, family, stopping):
                ready(url)
                _say_what_did_not_load(url)
                while not stopping.wait(0.5):
                    family.check()
        finally:
            family.stop(at_once=stopping)
    return 0


def status() -> dict[str, Any]:
    """What runs: database, UI and daemon, as ``ispmig status`` shows it; starts nothing.

    ``database``: ``embedded``, ``running``, ``version``, ``url`` (without password), and
    ``problem`` (text) where it cannot be used. ``ui``: ``running``, ``url``, ``pid``, ``since``.
    ``daemon``: ``running``, ``heartbeat`` (ISO time or None).
    """
    database = _database_status()
    record = _running_record()
    ui = {
        "running": record is not None,
        "url": record.url if record else None,
        "pid": record.pid if record else None,
        "since": record.since if record else None,
    }
    heartbeat = _heartbeat() if database["running"] else None
    fresh = heartbeat and (datetime.now(UTC) - heartbeat).total_seconds() < HEARTBEAT_SECONDS
    daemon = {
        "running": bool(fresh),
        "heartbeat": heartbeat.isoformat(timespec="seconds") if heartbeat else None,
    }
    return {"database": database, "ui": ui, "daemon": daemon}


def _database_status() -> dict[str, Any]:
    found: dict[str, Any] = {"embedded": is_embedded(), "running": False, "version": None}
    found |= {"url": None, "problem": None}
    try:
        if is_embedded():
            server = embedded.status(settings().home)
            return found | {
                "running": server.running,
                "version": server.version,
                "url": server.url,
                "problem": None if server.running else "It starts when a command needs it.",
            }
        configured = settings().database_url
        assert configured is not None  # noqa: S101
        found["url"] = _without_password(configured.get_secret_value())
        with connect(connect_timeout=5) as connection:
            version = connection.info.parameter_status("server_version")
        return found | {"running": True, "version": version}
    except IspmigError as error:
        return found | {"problem": str(error)}


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, _, address = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    query = "&".join(p for p in parts.query.split("&") if not p.startswith(("password=", "ssl")))
    netloc = f"{name}@{address}" if name else address
    return parts._replace(netloc=netloc, query=query).geturl()


def _heartbeat() -> datetime | None:
    table = sql.Identifier(SCHEMA, "daemon_heartbeats")
    with suppress(IspmigError, psycopg.Error), connect() as connection:
        query = sql.SQL("SELECT max(timestamp) AT TIME ZONE 'UTC' FROM {}").format(table)
        found = connection.execute(query).fetchone()
        return found[0] if found else None
    return None


# --- only one per home


def _record_path() -> Path:
    return settings().home / "up.json"


@contextmanager
def _only_one() -> Iterator[IO[str]]:
    """Holds the record's lock; it goes with this process, so a dead record counts for nothing."""
    path = _record_path()
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(
            f"The folder {path.parent} cannot be written: {error.strerror}. Choose another one "
            "with ISPMIG_HOME, and try again."
        ) from error
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record = _read_record(file)
            what = (
                f"at {record.url}, process {record.pid}, since {record.since}"
                if record
                else "and is just starting"
            )
            raise UsageError(
                f"ispmig up is already running for {path.parent}: {what}. Use that one, or stop "
                "it first."
            ) from None
        _end_survivors(file)
        try:
            yield file
        finally:
            file.seek(0)
            file.truncate()


def _write_record(file: IO[str], url: str, children: list[_Child]) -> None:
    born = {}
    for child in children:
        with suppress(psutil.NoSuchProcess):
            born[str(child.process.pid)] = psutil.Process(child.process.pid).create_time()
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    file.seek(0)
    file.truncate()
    json.dump({"url": url, "pid": os.getpid(), "since": since, "children": born}, file)
    file.flush()


def _read_record(file: IO[str]) -> _Record | None:
    file.seek(0)
    with suppress(ValueError, TypeError):
        return _Record(**json.loads(file.read()))
    return None


def _running_record() -> _Record | None:
    try:
        with _record_path().open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read_record(file)
    except OSError:
        pass
    return None


def _end_survivors(file: IO[str]) -> None:
    """Ends what an ``ispmig up`` left behind that was killed; never a process that took its pid."""
    record = _read_record(file)
    survivors = []
    for pid, born in (record.children if record else {}).items():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(pid))
            if abs(process.create_time() - born) < 1:
                survivors += [process, *process.children(recursive=True)]
    _end(survivors, STOP_SECONDS)


# --- signals, port, answers


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set."""
    stopping = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stopping.set())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _free_port(host: str, port: int) -> int:
    """The port, once it is known that we can listen on it."""
    if not 0 <= port <= 65535:
        # getaddrinfo() takes 70000 for 4464.
        raise UsageError(
            f"The UI cannot listen on port {port}: a port is a number from 1 to 65535."
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"The UI cannot listen on {host}, port {port}: {reason}. Name another port with --port."
        ) from error


def _reachable(host: str) -> str:
    """The host of a URL that reaches who listens on ``host``."""
    if host in ("", "0.0.0.0"):  # noqa: S104
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def _wait_until_it_answers(url: str, family: _Family, stopping: threading.Event) -> bool:
    """Waits for the web server; False when we were told to stop before that."""
    deadline = time.monotonic() + START_SECONDS
    while not stopping.wait(0.2):
        family.check()
        # No proxy of the environment may stand between us and our own child.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with suppress(OSError), opener.open(f"{url}/server_info", timeout=5):
            return True
        if time.monotonic() > deadline:
            raise PlatformError(
                f"The Dagster UI has not answered at {url} for {START_SECONDS:.0f} seconds. Its "
                f"log is {_log_path('webserver')}."
            )
    return False


_LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  name locationOrLoadError { __typename } } } } }"""


def _say_what_did_not_load(url: str) -> None:
    """Tells of definitions that do not load: the UI runs all the same, and shows why."""
    request = urllib.request.Request(  # noqa: S310
        f"{url}/graphql",
        data=json.dumps({"query": _LOCATIONS}).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError, ValueError, KeyError), opener.open(request, timeout=30) as answer:
        entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
        for entry in entries:
            if (entry["locationOrLoadError"] or {}).get("__typename") == "PythonError":
                _tell(
                    f"The definitions of {entry['name']} could not be loaded: see {url}/locations "
                    f"or {_log_path('webserver')}."
                )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- the children


def _log_path(name: str) -> Path:
    return settings().home / "logs" / f"{name}.log"


class _Family:
    """The two programs, and everything they start in turn."""

    def __init__(self) -> None:
        self.children: list[_Child] = []
        self._descendants: dict[int, psutil.Process] = {}
        self._readers: list[threading.Thread] = []

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        log = _log_path(name)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        process = subprocess.Popen(  # noqa: S603
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        child = _Child(name, process, log)
        self.children.append(child)
        reader = threading.Thread(target=_copy_output, args=(child,), daemon=True)
        self._readers.append(reader)
        reader.start()

    def check(self) -> None:
        """Takes notice of new descendants.

        Raises:
            PlatformError: one of the programs has ended.
        """
        self._look()
        for child in self.children:
            code = child.process.poll()
            if code is not None:
                how = f"signal {-code}" if code < 0 else f"status {code}"
                raise PlatformError(
                    f"The Dagster {child.name} ended by itself ({how}), so everything was "
                    f"stopped. Its log is {child.log}."
                )

    def _look(self) -> None:
        for child in self.children:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(child.process.pid)
                for one in (process, *process.children(recursive=True)):
                    self._descendants.setdefault(one.pid, one)

    def _runs(self) -> list[psutil.Process]:
        """The processes of runs: told to end, they still write down that the run has failed."""
        found = []
        for process in _alive(self._descendants.values()):
            with suppress(psutil.Error):
                if any("multiprocessing.spawn" in part for part in process.cmdline()):
                    found.append(process)
        return found

    def stop(self, at_once: threading.Event) -> None:
        """Ends them and all they started; a second signal makes it immediate."""
        self._look()
        at_once.clear()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            with suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGINT)
        for process in self._runs():
            with suppress(psutil.Error):
                process.terminate()
        while time.monotonic() < deadline and not at_once.wait(0.1):
            self._look()
            for child in self.children:
                child.process.poll()
            if not _alive(self._descendants.values()):
                break
        _end(list(self._descendants.values()), 0 if at_once.is_set() else KILL_SECONDS)
        for child in self.children:
            child.process.wait()
        for reader in self._readers:
            reader.join(timeout=2)


def _alive(processes: Any) -> list[psutil.Process]:
    living = []
    for process in processes:
        with suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                living.append(process)
    return living


def _end(processes: list[psutil.Process], seconds: float) -> None:
    """Ends processes by SIGTERM and, after so many seconds, by SIGKILL.

    psutil knows a process by its pid and the time of its creation: one that got the pid since is
    left alone.
    """
    for process in _alive(processes):
        with suppress(psutil.Error):
            process.terminate()
    deadline = time.monotonic() + seconds
    while _alive(processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in _alive(processes):
        with suppress(psutil.Error):
            process.kill()


# Loaded beforehand: between fork and exec no library may be.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """In the child, before its program: asks Linux for SIGTERM when we are killed."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class _Log(RotatingFileHandler):
    """A file of limited size. A full disk loses lines, and stops nobody."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
        self.setFormatter(Formatter("%(message)s"))

    def handleError(self, record: LogRecord) -> None:  # noqa: N802
        pass


def _copy_output(child: _Child) -> None:
    """Copies what a program prints to its log, and its errors to standard error."""
    log = _Log(child.log)
    assert child.process.stdout is not None  # noqa: S101
    for line in child.process.stdout:
        text = re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip("\n"))
        log.handle(LogRecord(child.name, 0, "", 0, text, None, None))
        if IMPORTANT.search(text):
            _tell(f"{child.name}: {text}")
    log.close()
