"""Whether what we stand on can be used now: tried, within seconds, and told in codes.

Asking starts nothing and changes nothing, but for a small file that is written and deleted. An
answer holds names, codes and numbers: no path, no address, no text of an error.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from ispmig_pipelines.errors import IspmigError, StorageError
from ispmig_pipelines.platform import embedded
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import LocalStorage, open_storage

OK = "ok"
DATABASE, DAEMON, STORAGE, CODE_LOCATION = "database", "daemon", "storage", "code_location"
PARTS = (DATABASE, DAEMON, STORAGE, CODE_LOCATION)

CONNECT_SECONDS = 5
DEADLINE = 8.0
"""Seconds for each part. Probes commonly give up after ten."""

_PROBE = b"ispmig\n"
_LOGGER = logging.getLogger("ispmig_pipelines.health")
MIB = 1 << 20


@dataclass(frozen=True)
class Found:
    """How a part is.

    Attributes:
        code: ``ok``, or what is wrong, as a stable word.
        details: numbers and codes beside it.
    """

    code: str = OK
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether it can be used."""
        return self.code == OK


Check = Callable[[], Found]


@dataclass
class _Try:
    """One try of a part."""

    thread: threading.Thread
    answer: dict[str, Any]


@dataclass
class Checks:
    """The parts, and what tries each; for the life of a process.

    Whoever asks while a part is tried waits for that try, also for one that hangs: it is not tried
    again beside it, since threads cannot be ended.
    """

    checks: Mapping[str, Check]
    deadline: float = DEADLINE
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _trying: dict[str, _Try] = field(default_factory=dict)

    def looked(self, part: str = "") -> dict[str, Any]:
        """How all parts are, or one: ``{"healthy", "parts": {part: {"healthy", "code", "seconds",
        …}}}``. They are tried at the same time.

        Raises:
            KeyError: there is no such part.
        """
        asked = {part: self.checks[part]} if part else self.checks
        tries = {name: self._begun(name, check) for name, check in asked.items()}
        until = time.monotonic() + self.deadline
        told = {}
        for name, one in tries.items():
            one.thread.join(max(0.0, until - time.monotonic()))
            told[name] = dict(one.answer) or _told(Found("timeout"), self.deadline)
        return {"healthy": all(one["healthy"] for one in told.values()), "parts": told}

    def _begun(self, name: str, check: Check) -> _Try:
        answer: dict[str, Any] = {}

        def work() -> None:
            started = time.monotonic()
            found = tried(check)
            answer.update(_told(found, time.monotonic() - started))

        with self._guard:
            before = self._trying.get(name)
            if before is not None and before.thread.is_alive():
                return before
            thread = threading.Thread(target=work, name=f"health {name}", daemon=True)
            self._trying[name] = _Try(thread, answer)
            thread.start()
            return self._trying[name]


def tried(check: Check) -> Found:
    """What a check finds; how it failed, where it did, in its code alone."""
    try:
        return check()
    except IspmigError as error:
        return Found(error.code)
    except Exception as error:
        # A probe answers whatever happens.
        return broken("unexpected", error)


def broken(code: str, error: Exception) -> Found:
    """How a part is that failed in a way nobody foresaw; where, this process's log says, without a
    word of the error: an address may be in it."""
    _LOGGER.error(
        "%s: %s at %s",
        code,
        type(error).__name__,
        " > ".join(
            f"{frame.name} ({frame.filename}, line {frame.lineno})"
            for frame in traceback.extract_tb(error.__traceback__)
        ),
    )
    return Found(code)


def _told(found: Found, seconds: float) -> dict[str, Any]:
    return {
        "healthy": found.healthy,
        "code": found.code,
        "seconds": round(seconds, 3),
        **found.details,
    }


def database() -> Found:
    """Connects and asks. An embedded server that does not run is a failure, and is not started."""
    configured = settings().database_url
    if configured is None:
        server = embedded.status(settings().home)
        if not server.running or server.url is None:
            return Found("not_running")
        url = server.url
    else:
        url = configured.get_secret_value().strip()
    try:
        with psycopg.connect(
            url, connect_timeout=CONNECT_SECONDS, autocommit=True, application_name="ispmig: health"
        ) as connection:
            connection.execute(
                "select pg_catalog.set_config('statement_timeout', %s, false)",
                [f"{CONNECT_SECONDS}s"],
            )
            row = connection.execute("show transaction_read_only").fetchone()
    except psycopg.OperationalError as error:
        return Found(_code_of(error))
    except (psycopg.Error, ValueError):
        # libpq repeats a URL that it cannot read.
        return Found("usage")
    if row is None or row[0] != "off":
        return Found("read_only")
    return Found()


# libpq gives no SQLSTATE at connecting. Words of a server in another language fall through.
_WORDS = (
    ("starting", r"starting up|recovery mode|shutting down|not yet accepting"),
    ("no_connection_free", r"too many (clients|connections)|connection slots are reserved"),
    ("refused", r"password|authentication failed|no pg_hba\.conf entry|role .* does not exist"),
    ("no_database", r"database .* does not exist"),
)


def _code_of(error: psycopg.OperationalError) -> str:
    said = str(error)
    return next((code for code, words in _WORDS if re.search(words, said)), "unreachable")


def storage() -> Found:
    """Writes, reads and deletes a file in the home, looks for room there, and whether the places of
    backups and drops, and of the audit witness, are there."""
    here = settings()
    places = {"home": _home(here.home, here.disk_reserve * MIB)}
    named = (("backups", here.backup_place), ("drop", here.drop_place))
    for name, place in (*named, ("witness", here.audit_witness.strip())):
        if place:
            places[name] = tried(lambda place=place: _place(place, here.disk_reserve * MIB))  # type: ignore[misc]
    wrong = [one.code for one in places.values() if not one.healthy]
    told = {name: {"code": one.code, **one.details} for name, one in places.items()}
    return Found(wrong[0] if wrong else OK, {"places": told})


def _home(home: Path, reserve: int) -> Found:
    try:
        if not home.is_dir():
            return Found("missing")
        free = shutil.disk_usage(home).free
        with tempfile.NamedTemporaryFile(dir=home, prefix=".health-") as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            if file.read() != _PROBE:
                return Found("damaged")
    except OSError:
        return Found(StorageError.code)
    return Found(OK if free >= reserve else "full", {"free_bytes": free})


def _place(place: str, reserve: int) -> Found:
    """A local folder that there is, or can be made; or a prefix in S3 that can be listed. Nothing
    is written there: a bucket may keep for years whatever is put into it."""
    opened = open_storage(place)
    if not isinstance(opened, LocalStorage):
        with suppress(StopIteration):
            next(opened.list(deep=False))
        return Found()
    folder = Path(place).expanduser().absolute()
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            return Found(StorageError.code)
        free = shutil.disk_usage(folder).free
    except OSError:
        return Found(StorageError.code)
    return Found(OK if free >= reserve else "full", {"free_bytes": free})
