"""The platform that is measured: an embedded server with its settings as always, and tenants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ispmig_pipelines_tests.bench import customers, migrating
from ispmig_pipelines_tests.bench.beside.memory import OfChildren
from ispmig_pipelines_tests.bench.beside.results import Trial

ONE = migrating.TENANT


@dataclass(frozen=True)
class House:
    """Where everything runs.

    Attributes:
        folder: for files of any kind; it goes afterwards.
        url: of the database, as a superuser.
        postmaster: the server's first process.
        postgres: its version.
    """

    folder: Path
    url: str
    postmaster: int
    postgres: str

    def spec(self, name: str, file: Path) -> Path:
        """A spec for a file of customers of any format."""
        path = self.folder / f"spec-{name}.yaml"
        path.write_text(customers.SPEC.replace("FILE", str(file)), encoding="utf-8")
        return path


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """A platform in a folder, ready to migrate; nothing of it stays."""
    home = folder / "home"
    ours = _take_settings()
    os.environ["ISPMIG_HOME"] = str(home)

    from ispmig_pipelines.defs import instance
    from ispmig_pipelines.platform import embedded, ledger
    from ispmig_pipelines.platform.server import engine
    from ispmig_pipelines.settings import settings

    settings.cache_clear()
    try:
        ledger.prepare(engine())
        instance.prepare()
        status = embedded.status(home)
        assert status.pid
        assert status.url
        assert status.version
        yield House(folder, status.url, status.pid, status.version)
    finally:
        embedded.remove(home)
        _take_settings()
        os.environ.update(ours)
        settings.cache_clear()


def _take_settings() -> dict[str, str]:
    """Takes ours and Dagster's out of the environment, but for what is the benchmark's own."""
    taken = {n: v for n, v in os.environ.items() if n.startswith(("ISPMIG_", "DAGSTER_"))}
    taken.pop("ISPMIG_PEERS_PYTHON", None)
    for name in taken:
        del os.environ[name]
    return taken


@contextmanager
def tenants(*slugs: str) -> Iterator[None]:
    """Tenants that have nothing yet, and go afterwards."""
    from ispmig_pipelines.platform import tenants as known
    from ispmig_pipelines.platform.server import engine

    for slug in slugs:
        known.add(engine(), slug)
    try:
        yield
    finally:
        for slug in slugs:
            known.remove(engine(), slug)


def settled(url: str) -> None:
    """Lets the server write out what earlier work has left, so that nobody pays for others."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("checkpoint")


def migrated(at: House, spec: Path, rows: int) -> Trial:
    """Migrates into the tenant :data:`ONE`, in a process of its own.

    Raises:
        SystemExit: it did not account for every row.
    """
    settled(at.url)
    with OfChildren() as memory:
        found = migrating.in_own_process(spec, at.postmaster, profile=False)
    _hold(found.counts, rows)
    whole = found.whole
    return Trial(whole.wall, whole.ours, whole.server, max(memory.mb, found.peak_mb))


def rolled_back(at: House) -> Trial:
    """Rolls the newest migration of the tenant :data:`ONE` back, in a process of its own."""
    settled(at.url)
    with OfChildren() as memory:
        told = subprocess.run(
            [sys.executable, "-m", _ROLLING_BACK, str(at.postmaster)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    found = json.loads(told.splitlines()[-1])
    return Trial(found["wall"], found["ours"], found["server"], max(memory.mb, found["peak_mb"]))


_ROLLING_BACK = "ispmig_pipelines_tests.bench.beside.rolling_back"


def by_command(at: House, slugs: Sequence[str], spec: Path, rows: int, *, at_once: bool) -> Trial:
    """``ispmig migrate`` for each of the tenants, from the command to its end.

    Args:
        rows: of each.
        at_once: all at the same time; else one after another.

    Raises:
        SystemExit: one failed, or did not account for every row.
    """
    settled(at.url)
    server, earlier = migrating.server_cpu(at.postmaster), os.times()
    started = time.monotonic()
    with OfChildren() as memory:
        if at_once:
            running = [_command(slug, spec) for slug in slugs]
            said = [_ended(process) for process in running]
        else:
            said = [_ended(_command(slug, spec)) for slug in slugs]
    seconds, later = time.monotonic() - started, os.times()
    for slug, (told, code) in zip(slugs, said, strict=True):
        if code:
            raise SystemExit(f"The migration of {slug} ended with {code}: {told[-2000:]}")
        _hold(json.loads(told)["entities"]["customer"], rows)
    ours = sum(later[2:4]) - sum(earlier[2:4])
    return Trial(seconds, ours, migrating.server_cpu(at.postmaster) - server, memory.mb)


def _command(slug: str, spec: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ispmig_pipelines.cli", "migrate", slug, str(spec), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the run's log; errors are in the JSON
        text=True,
    )


def _ended(process: subprocess.Popen[str]) -> tuple[str, int]:
    told, _ = process.communicate()
    return told, process.returncode


def _hold(counts: dict[str, Any], rows: int) -> None:
    ended = sum(counts[name] for name in ("inserted", "updated", "unchanged", "quarantined"))
    if not counts["read"] == ended == rows:
        raise SystemExit(f"Of {rows:,} rows the migration accounts for {counts}.")
