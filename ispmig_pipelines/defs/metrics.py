"""Metrics and health with what Dagster alone knows: its queue, its daemon, its code location."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import dagster
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.workspace.context import IWorkspaceProcessContext

from ispmig_pipelines.defs.launch import DEFINITIONS
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.drop.records import State as DropState
from ispmig_pipelines.errors import DatabaseError, PlatformError
from ispmig_pipelines.metrics import gather, health
from ispmig_pipelines.metrics.health import Found
from ispmig_pipelines.metrics.openmetrics import Family, Sample, Type, text
from ispmig_pipelines.platform.server import told_plainly

KEPT_SECONDS = 5.0
"""For so long who asks again gets the same answer: everybody who reaches the UI may ask."""

PATIENCE = 10.0
"""Seconds for which who asks waits for an answer that somebody else lets make."""

NEWEST_HEARTBEAT = 90.0
"""Seconds: Dagster's daemons say every 30 that they live."""

EACH_HEARTBEAT = 600.0
"""Seconds: a daemon whose ticks take long says so more seldom."""

_UNDER_WAY = {
    "queued": DagsterRunStatus.QUEUED,
    "starting": DagsterRunStatus.STARTING,
    "started": DagsterRunStatus.STARTED,
    "canceling": DagsterRunStatus.CANCELING,
}


def families(
    instance: DagsterInstance,
    platform: Platform,
    opened: gather.OpenRecords,
    *,
    quarantine_seconds: float = gather.QUARANTINE_SECONDS,
) -> list[Family]:
    """All metrics, as they are now.

    Args:
        opened: what is known of quarantine since the last time.
        quarantine_seconds: for how long quarantine is counted at most.

    Raises:
        DatabaseError: the database cannot be used.
    """
    started = time.monotonic()
    with platform.connect() as connection:
        found = gather.gathered(
            connection,
            opened,
            drop_states=[one.value for one in DropState],
            quarantine_seconds=quarantine_seconds,
        )
    with told_plainly():
        found += [_build(), _runs(instance), _heartbeats(instance)]
    seconds = round(time.monotonic() - started, 3)
    return [
        *found,
        Family(
            "ispmig_gathering_seconds", Type.GAUGE, "How long gathering these numbers took.",
            (Sample(seconds),), unit="seconds",
        ),
    ]  # fmt: skip


def _build() -> Family:
    # Of a checkout that nobody installed there is no version.
    try:
        version = metadata.version("ispmig_pipelines")
    except metadata.PackageNotFoundError:
        version = "unknown"
    labels = {"version": version, "dagster": dagster.__version__}
    return Family("ispmig_build", Type.INFO, "What is running.", (Sample(1, labels),))


def _runs(instance: DagsterInstance) -> Family:
    samples = tuple(
        Sample(instance.get_runs_count(RunsFilter(statuses=[status])), {"status": name})
        for name, status in _UNDER_WAY.items()
    )
    return Family("ispmig_runs", Type.GAUGE, "Dagster's runs that have not ended.", samples)


def _heartbeats(instance: DagsterInstance) -> Family:
    now = time.time()
    samples = tuple(
        Sample(round(max(0.0, now - beat.timestamp), 3), {"daemon": name.lower()})
        for name, beat in sorted(instance.get_daemon_heartbeats().items())
    )
    return Family(
        "ispmig_daemon_heartbeat_age_seconds", Type.GAUGE,
        "Time since each of Dagster's daemons said that it lives.", samples, unit="seconds",
    )  # fmt: skip


def daemon(instance: DagsterInstance, clock: Callable[[], float] = time.time) -> Found:
    """Whether Dagster's daemon lives, with all that this instance needs of it."""
    beats = {name: beat.timestamp for name, beat in instance.get_daemon_heartbeats().items()}
    if not beats:
        return Found("never_started")
    now = clock()
    silent = sorted(
        name.lower()
        for name in instance.get_required_daemon_types()
        if now - beats.get(name, 0.0) > EACH_HEARTBEAT
    )
    age = max(0.0, now - max(beats.values()))
    told = {"heartbeat_age_seconds": round(age, 1), "silent": silent}
    if age > NEWEST_HEARTBEAT:
        return Found("not_running", told)
    return Found("silent" if silent else health.OK, told)


def code_location(context: IWorkspaceProcessContext) -> Found:
    """Whether a web server has our definitions, and whoever serves them answers."""
    entries = context.create_request_context().get_code_location_entries()
    if not entries:
        return Found("missing")
    codes = {}
    for name, entry in entries.items():
        if entry.load_error is not None:
            codes[name] = "load_error"
        elif entry.code_location is None:
            codes[name] = "loading"
        else:
            codes[name] = _answers(entry.code_location)
    wrong = [code for code in codes.values() if code != health.OK]
    return Found(wrong[0] if wrong else health.OK, {"locations": len(codes), "wrong": len(wrong)})


def _answers(location: Any) -> str:
    # Only one in a process of its own can be gone.
    client = getattr(location, "client", None)
    if client is None:
        return health.OK
    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return "unreachable"
    return health.OK


def definitions() -> Found:
    """Whether the definitions load in this process."""
    try:
        ReconstructableRepository.for_module(DEFINITIONS, "defs").get_definition()
    except Exception as error:
        return health.broken("load_error", error)
    return Found()


@dataclass
class Kept:
    """An answer that is made anew when it is old, by one at a time."""

    make: Callable[[], Any]
    seconds: float = KEPT_SECONDS
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _at: float = float("-inf")
    _answer: Any = None

    def __call__(self) -> Any:
        """The answer.

        Raises:
            PlatformError: whoever makes it has not come to an end in time. A web server has few
                threads: those who ask must not all wait in them.
        """
        if not self._guard.acquire(timeout=PATIENCE):
            raise PlatformError("The answer takes too long to make.", transient=True)
        try:
            if time.monotonic() - self._at >= self.seconds:
                self._answer = self.make()
                self._at = time.monotonic()
            return self._answer
        finally:
            self._guard.release()


@dataclass
class Watched:
    """What a web server tells of itself and of what it stands on."""

    metrics: Kept
    health: Mapping[str, Kept]
    """By part; "" for all."""


def watched(context: IWorkspaceProcessContext) -> Watched:
    """Metrics and health of a web server, by its own instance."""
    opened = gather.OpenRecords()
    platform = Platform()
    checks = health.Checks(
        {
            health.DATABASE: health.database,
            health.DAEMON: lambda: daemon(context.instance),
            health.STORAGE: health.storage,
            health.CODE_LOCATION: lambda: code_location(context),
        }
    )

    def numbers() -> str:
        # A server that does not answer is given up within seconds so, and none is started.
        if not (found := health.database()).healthy:
            raise DatabaseError(f"The database cannot be used: {found.code}.", transient=True)
        return text(families(context.instance, platform, opened))

    return Watched(
        metrics=Kept(numbers),
        health={
            part: Kept(lambda part=part: checks.looked(part))  # type: ignore[misc]
            for part in ("", *health.PARTS)
        },
    )


def families_here() -> list[Family]:
    """All metrics, by the Dagster instance of this home.

    Raises:
        DatabaseError, StorageError: the platform cannot be used.
    """
    from ispmig_pipelines.defs.instance import instance

    with instance() as ready:
        return families(ready, Platform(), gather.OpenRecords(), quarantine_seconds=600.0)


def health_here() -> dict[str, Any]:
    """Health, as a process that is no web server sees it; starts nothing.

    As :meth:`health.Checks.looked` returns it.
    """
    found: dict[str, Found] = {}

    def asked_database() -> Found:
        found[health.DATABASE] = health.database()
        return found[health.DATABASE]

    first = health.Checks({health.DATABASE: asked_database}).looked()
    reached = found.get(health.DATABASE, Found("timeout")).healthy
    rest = health.Checks(
        {
            health.DAEMON: _daemon_here if reached else lambda: Found("database"),
            health.STORAGE: health.storage,
            health.CODE_LOCATION: definitions,
        },
        # Loading Dagster and the definitions takes its time on a busy machine.
        deadline=60.0,
    ).looked()
    return {
        "healthy": first["healthy"] and rest["healthy"],
        "parts": first["parts"] | rest["parts"],
    }


def _daemon_here() -> Found:
    from ispmig_pipelines.defs.instance import has_tables, instance

    if not has_tables():
        return Found("never_started")
    with instance() as ready:
        return daemon(ready)
