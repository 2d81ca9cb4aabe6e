"""Keeps one embedded PostgreSQL while somebody uses it, and stops it afterwards.

A stand-alone script of the standard library, started by
:mod:`ispmig_pipelines.platform.embedded` as ``python -I -S embedded_keeper.py`` with one JSON
object on standard input. It leaves its caller (own session, no terminal), starts the server
unless it already runs, answers ``{"ok": …}`` on standard output, and stays.

Four files in the ``run`` folder carry the whole protocol, each by its ``flock``, which the
kernel drops when the last process that holds it ends, however it ends:

``lock``
    exclusive while somebody starts or stops the server;
``lease``
    shared by every process that uses the server: free means nobody does;
``running``
    exclusive, inherited by the server's processes and held by nobody else: free means that
    not one of them lives, whatever ``postmaster.pid`` says;
``keeper``
    exclusive while this script lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

POLL_SECONDS = 0.25
LOG_LIMIT_BYTES = 5_000_000
STOP_SECONDS = 30.0
ORPHAN_SECONDS = 5.0
RESTARTS_PER_MINUTE = 5


def open_lock(path: str) -> int:
    """A descriptor on a lock file, made if absent, closed on exec."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def try_lock(descriptor: int, kind: int, seconds: float = 0.0) -> bool:
    """Takes the lock, waiting at most so long; says whether it did."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def is_held(path: str) -> bool:
    """Whether any process holds the lock exclusively; looks with a shared lock of its own."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def read_pid_file(data: str) -> list[str]:
    """The lines of ``postmaster.pid``: pid, data folder, start time, port, socket folder, …"""
    try:
        with open(os.path.join(data, "postmaster.pid"), encoding="utf-8") as file:  # noqa: PTH123
            return file.read().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def postmaster_pid(data: str) -> int | None:
    """The pid that ``postmaster.pid`` names, if it names one."""
    lines = read_pid_file(data)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def stop_server(run: str, data: str, while_waiting: Callable[[], None] = lambda: None) -> bool:
    """Stops the server (fast, then at once) and says whether all its processes are gone.

    The caller holds ``lock``. A server stopped at once recovers from its log at the next start;
    nothing that was committed is lost.
    """
    running = os.path.join(run, "running")
    for signal_number in (signal.SIGINT, signal.SIGQUIT):
        pid = postmaster_pid(data)
        if pid is not None and is_held(running):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            while_waiting()
            if not is_held(running):
                return True
            time.sleep(0.02)
    return False


def reap_children() -> None:
    """Takes notice of children that ended, so that none stays as a zombie."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def kill_orphans(data: str) -> None:
    """Kills server processes whose postmaster is dead: they would block the recovery.

    They end by themselves when they next wait for something, which a busy one may not do for
    hours. Only where ``/proc`` tells whose they are.
    """
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            works_in = os.readlink(f"/proc/{entry}/cwd")
            program = os.path.basename(os.readlink(f"/proc/{entry}/exe"))
            if works_in == data and program == "postgres":
                os.kill(int(entry), signal.SIGKILL)


class Keeper:
    """The state of one keeper: see the module's text."""

    def __init__(self, order: dict) -> None:
        self.order = order
        self.run: str = order["run"]
        self.data: str = order["data"]
        self.lease = open_lock(self._path("lease"))
        self.stopping = False
        self.starts: list[float] = []

    def _path(self, name: str) -> str:
        return os.path.join(self.run, name)

    def start(self) -> dict:
        """Starts the server and waits until it takes connections. The caller holds ``lock``."""
        self.starts.append(time.monotonic())
        running = open_lock(self._path("running"))
        log = os.open(
            self.order["log"],
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
            0o600,
        )
        try:
            if not try_lock(running, fcntl.LOCK_EX, seconds=2.0):
                return {"ok": False, "reason": "busy"}
            process = subprocess.Popen(
                self.order["command"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.order["environment"],
                cwd="/",
                pass_fds=(running,),
                start_new_session=True,
                umask=0o077,
                **self.order["account"],
            )
        except OSError as error:
            return {"ok": False, "reason": "exec", "error": error.strerror or str(error)}
        finally:
            os.close(log)
            # The server has its own copy: from here on the lock is the server's alone.
            os.close(running)
        return self._wait_until_ready(process)

    def _wait_until_ready(self, process: subprocess.Popen) -> dict:
        deadline = time.monotonic() + self.order["patience"]
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return {"ok": False, "reason": "ended", "status": process.returncode}
            lines = read_pid_file(self.data)
            if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return {"ok": True}
            time.sleep(0.01)
        return {"ok": False, "reason": "slow"}

    def stop(self) -> None:
        """Stops the server and takes away its socket folder, if it has one of its own."""
        stop_server(self.run, self.data, while_waiting=reap_children)
        if self.order["socket_folder"]:
            with contextlib.suppress(OSError):
                os.rmdir(self.order["socket_folder"])

    def is_used(self) -> bool:
        """Whether a process holds the lease."""
        if not try_lock(self.lease, fcntl.LOCK_EX):
            return True
        fcntl.flock(self.lease, fcntl.LOCK_UN)
        return False

    def is_homeless(self) -> bool:
        """Whether the run folder was deleted, or replaced, under our feet."""
        try:
            return os.stat(self._path("lease")).st_ino != os.fstat(self.lease).st_ino
        except OSError:
            return True

    def limit_log(self) -> None:
        """Keeps the log, and one older part of it, below the limit."""
        log = self.order["log"]
        with contextlib.suppress(OSError):
            if os.stat(log).st_size <= LOG_LIMIT_BYTES:
                return
            older = log + ".1"
            with open(log, "rb") as whole:  # noqa: PTH123
                whole.seek(-LOG_LIMIT_BYTES, os.SEEK_END)
                tail = whole.read()
            with open(older + ".new", "wb") as file:  # noqa: PTH123
                file.write(tail)
            os.replace(older + ".new", older)
            # The server appends, so it goes on at the new end.
            os.truncate(log, 0)

    def watch(self) -> None:
        """Stays until nobody uses the server, or it was stopped, or its home is gone."""
        idle_since = orphaned_since = None
        last_use = os.fstat(self.lease).st_mtime
        lock = open_lock(self._path("lock"))
        while True:
            time.sleep(POLL_SECONDS)
            reap_children()
            if self.stopping or self.is_homeless():
                self.stop()
                return
            self.limit_log()
            now = time.monotonic()
            if not is_held(self._path("running")):
                # Whoever holds the lock is about to start the server anew, with a new keeper.
                if not try_lock(lock, fcntl.LOCK_EX, seconds=1.0):
                    return
                if not self._restart_after_crash():
                    return
                fcntl.flock(lock, fcntl.LOCK_UN)
                continue
            if self._postmaster_is_dead():
                orphaned_since = orphaned_since or now
                if now - orphaned_since > ORPHAN_SECONDS:
                    kill_orphans(self.data)
                continue
            orphaned_since = None
            if self.is_used():
                idle_since = None
                continue
            # A lease may have come and gone between two looks: it leaves its time on the file.
            if (use := os.fstat(self.lease).st_mtime) != last_use:
                idle_since, last_use = now, use
            idle_since = idle_since or now
            if now - idle_since < self.order["linger"]:
                continue
            if not try_lock(lock, fcntl.LOCK_EX):
                continue
            if self.is_used():
                fcntl.flock(lock, fcntl.LOCK_UN)
                continue
            self.stop()
            return

    def _postmaster_is_dead(self) -> bool:
        pid = postmaster_pid(self.data)
        if pid is None:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def _restart_after_crash(self) -> bool:
        """Starts a server that died while in use; one that was stopped took its pid file away."""
        recent = [t for t in self.starts if time.monotonic() - t < 60]
        crashed = postmaster_pid(self.data) is not None
        if not crashed or not self.is_used() or len(recent) >= RESTARTS_PER_MINUTE:
            return False
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.data, "postmaster.pid"))
        return self.start()["ok"]


def main() -> None:
    """Reads the order, leaves the caller, answers it, and watches."""
    order = json.load(sys.stdin)
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    keeper_lock = open_lock(os.path.join(order["run"], "keeper"))
    if not try_lock(keeper_lock, fcntl.LOCK_EX, seconds=10.0):
        answer = {"ok": False, "reason": "keeper"}
        keeper = None
    else:
        keeper = Keeper(order)
        signal.signal(signal.SIGTERM, lambda *_: setattr(keeper, "stopping", True))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        answer = {"ok": True} if is_held(keeper._path("running")) else keeper.start()
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    if keeper is not None and (answer["ok"] or answer["reason"] == "slow"):
        keeper.watch()


if __name__ == "__main__":
    main()
