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
from pathlib import Path

POLL_SECONDS = 0.25
LOG_LIMIT_BYTES = 5_000_000
STOP_SECONDS = 30.0
ORPHAN_SECONDS = 5.0
RESTARTS_PER_MINUTE = 5


def open_lock(path: Path) -> int:
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


def is_locked(descriptor: int) -> bool:
    """Whether another open file holds the lock exclusively; looks with a shared lock."""
    if not try_lock(descriptor, fcntl.LOCK_SH):
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def is_held(path: Path) -> bool:
    """:func:`is_locked` of a lock file, which need not exist."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return is_locked(descriptor)
    finally:
        os.close(descriptor)


def read_pid_file(data: Path) -> list[str]:
    """The lines of ``postmaster.pid``: pid, data folder, start time, port, socket folder, …"""
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def postmaster_pid(data: Path) -> int | None:
    """The pid that ``postmaster.pid`` names, if it names one."""
    lines = read_pid_file(data)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def clear_what_is_left(data: Path, socket_folder: Path) -> None:
    """Takes away the pid files and the socket of a server of which no process lives.

    PostgreSQL itself goes by the pid in them, and would take any process that has it by now (or
    a dead one that nobody buried) for the old server. The lock ``running`` knows better.
    """
    for file in (
        data / "postmaster.pid",
        *socket_folder.glob(".s.PGSQL.*.lock"),
        *socket_folder.glob(".s.PGSQL.*"),
    ):
        file.unlink(missing_ok=True)


def stop_server(
    running: int, pid: int | None, while_waiting: Callable[[], None] = lambda: None
) -> bool:
    """Stops the server (fast, then at once) and says whether all its processes are gone.

    ``running`` is an open file of that lock, ``pid`` the postmaster's; the caller holds
    ``lock``. A server stopped at once recovers from its log at the next start; nothing that was
    committed is lost.
    """
    for signal_number in (signal.SIGINT, signal.SIGQUIT):
        if pid is not None and is_locked(running):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            while_waiting()
            if not is_locked(running):
                return True
            time.sleep(0.02)
    return False


def reap_children() -> None:
    """Takes notice of children that ended, so that none stays as a zombie."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def kill_orphans(data: Path) -> None:
    """Kills server processes whose postmaster is dead: they would block the recovery.

    They end by themselves when they next wait for something, which a busy one may not do for
    hours. Only where ``/proc`` tells whose they are.
    """
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            works_in = (process / "cwd").readlink()
            program = (process / "exe").readlink().name
            if works_in == data and program == "postgres":
                os.kill(int(process.name), signal.SIGKILL)


class Keeper:
    """The state of one keeper: see the module's text."""

    def __init__(self, order: dict) -> None:
        self.order = order
        self.run = Path(order["run"])
        self.data = Path(order["data"])
        self.log = Path(order["log"])
        self.socket_folder = Path(order["socket_folder"])
        # Open for good, so that a home that is deleted can still be put in order.
        self.lease = open_lock(self.run / "lease")
        self.running = open_lock(self.run / "running")
        self.postmaster = postmaster_pid(self.data)
        self.stopping = False
        self.starts: list[float] = []

    def start(self) -> dict:
        """Starts the server and waits until it takes connections. The caller holds ``lock``."""
        self.starts.append(time.monotonic())
        running = open_lock(self.run / "running")
        log = os.open(
            self.log,
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
            0o600,
        )
        try:
            if not try_lock(running, fcntl.LOCK_EX, seconds=2.0):
                return {"ok": False, "reason": "busy"}
            process = subprocess.Popen(  # noqa: S603
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
        self.postmaster = process.pid
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
        stop_server(self.running, self.postmaster, while_waiting=reap_children)
        if self.socket_folder != self.data:
            with contextlib.suppress(OSError):
                self.socket_folder.rmdir()

    def is_used(self) -> bool:
        """Whether a process holds the lease."""
        if not try_lock(self.lease, fcntl.LOCK_EX):
            return True
        fcntl.flock(self.lease, fcntl.LOCK_UN)
        return False

    def is_homeless(self) -> bool:
        """Whether the run folder was deleted, or replaced, under our feet."""
        try:
            return (self.run / "lease").stat().st_ino != os.fstat(self.lease).st_ino
        except OSError:
            return True

    def limit_log(self) -> None:
        """Keeps the log, and one older part of it, below the limit."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size <= LOG_LIMIT_BYTES:
                return
            with self.log.open("rb") as whole:
                whole.seek(-LOG_LIMIT_BYTES, os.SEEK_END)
                tail = whole.read(LOG_LIMIT_BYTES)
            older = self.log.with_name(self.log.name + ".1")
            older.write_bytes(tail)
            # The server appends, so it goes on at the new end.
            os.truncate(self.log, 0)

    def watch(self) -> None:
        """Stays until nobody uses the server, or it was stopped, or its home is gone."""
        idle_since = orphaned_since = None
        last_use = os.fstat(self.lease).st_mtime
        lock = open_lock(self.run / "lock")
        while True:
            time.sleep(POLL_SECONDS)
            reap_children()
            if self.stopping or self.is_homeless():
                self.stop()
                return
            self.limit_log()
            now = time.monotonic()
            if not is_locked(self.running):
                # A server that was stopped took its pid file away; a crashed one could not.
                # Who holds the lock is about to start the server anew, with a new keeper.
                if postmaster_pid(self.data) is None or not try_lock(lock, fcntl.LOCK_EX, 1.0):
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
        if self.postmaster is None:
            return False
        try:
            os.kill(self.postmaster, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def _restart_after_crash(self) -> bool:
        """Starts a server that died, if it is in use and does not die all the time."""
        recent = [t for t in self.starts if time.monotonic() - t < 60]
        if not self.is_used() or len(recent) >= RESTARTS_PER_MINUTE:
            return False
        clear_what_is_left(self.data, self.socket_folder)
        return self.start()["ok"]


def main() -> None:
    """Reads the order, leaves the caller, answers it, and watches."""
    order = json.load(sys.stdin)
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    keeper_lock = open_lock(Path(order["run"]) / "keeper")
    if not try_lock(keeper_lock, fcntl.LOCK_EX, seconds=10.0):
        answer = {"ok": False, "reason": "keeper"}
        keeper = None
    else:
        keeper = Keeper(order)
        signal.signal(signal.SIGTERM, lambda *_: setattr(keeper, "stopping", True))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        answer = {"ok": True} if is_locked(keeper.running) else keeper.start()
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    if keeper is not None and (answer["ok"] or answer["reason"] == "slow"):
        keeper.watch()


if __name__ == "__main__":
    main()
