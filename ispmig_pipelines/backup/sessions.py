"""Sessions of the database that work for one backup or restore at once, until one of them fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress

import psycopg

_PATIENCE = 5.0
"""Seconds for which it is waited for the server to hear that a session's work is not wanted."""

_IDLE = 30.0
"""Seconds after which who waits for others does something, lest its session be taken for dead."""


class Stopped(Exception):
    """Another session has failed, so that nobody wants this one's work; no user is told."""


class Sessions:
    """Which sessions are at work, and the first failure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: set[psycopg.Connection] = set()
        self._failure: BaseException | None = None

    @contextmanager
    def at_work(self, driver: psycopg.Connection) -> Iterator[None]:
        """The session works in the block; when another fails, its statement is ended.

        Raises:
            Stopped: another has failed already.
        """
        with self._lock:
            if self._failure is not None:
                raise Stopped
            self._working.add(driver)
        try:
            yield
        finally:
            with self._lock:
                self._working.discard(driver)

    def run(
        self, works: Sequence[Callable[[], None]], *, idle: Callable[[], object] = lambda: None
    ) -> None:
        """Runs all of them, the first in this thread, and returns when all have ended.

        Args:
            idle: is called now and then while others are waited for.

        Raises:
            BaseException: what failed first.
        """
        with ThreadPoolExecutor(len(works), thread_name_prefix="ispmig-session") as pool:
            others = [pool.submit(self._tried, work) for work in works[1:]]
            self._tried(works[0])
            try:
                while wait(others, timeout=_IDLE).not_done:
                    idle()
            except BaseException as error:
                self._failed(error)
        if self._failure is not None:
            raise self._failure

    def _tried(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            if self._failure is None:
                self._failure = error
            working = list(self._working)
        for driver in working:
            with suppress(psycopg.Error):
                driver.cancel_safe(timeout=_PATIENCE)
