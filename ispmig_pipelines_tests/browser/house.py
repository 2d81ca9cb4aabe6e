"""``ispmig up`` in a home of its own, and what a test puts into that home and finds there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
from dagster import DagsterRun, DagsterRunStatus, RunsFilter
from psycopg import sql

from ispmig_pipelines.defs.instance import instance
from ispmig_pipelines.defs.launch import know_tenant, queue_job
from ispmig_pipelines.defs.tenant_migration import registered
from ispmig_pipelines.platform import embedded, ledger, tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.ledger import Migration
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings

START_SECONDS = 300.0
STOP_SECONDS = 60.0


def eventually(what: Callable[[], Any], told: Callable[[], str], seconds: float = 300.0) -> Any:
    """Waits until something is so; returns what it then gives.

    Args:
        told: what to say when it does not come about.
    """
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, told()
        time.sleep(0.3)
    return found


def free_port() -> int:
    """A port of this machine's own address that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """A home with its database, and ``ispmig up`` for it.

    This process must have the home's environment (:func:`environment`).
    """

    def __init__(self, port: int) -> None:
        self.home = settings().home
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    # --- what runs

    def start(self) -> None:
        """Starts ``ispmig up`` and waits until the UI answers with everything loaded."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ispmig_pipelines.cli", "up", "--port", str(self._port)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                # A Ctrl-C in the terminal is for pytest, which stops it in order.
                start_new_session=True,
            )  # fmt: skip
        eventually(self._answers, self.said, START_SECONDS)

    def _answers(self) -> bool:
        assert self.runs, self.said()
        with suppress(OSError):
            return self.get("/health/code_location")[0] == 200
        return False

    @property
    def runs(self) -> bool:
        """Whether ``ispmig up`` is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """What ``ispmig up`` says."""
        return self.home / "logs" / "up.log"

    def said(self) -> str:
        """The end of what ``ispmig up`` and its children said."""
        logs = sorted(self.log.parent.glob("*.log"))
        ends = (f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)
        return "\n".join(ends)

    def stop(self) -> int:
        """Stops it as Ctrl-C does; returns how it ended."""
        process = self._process
        assert process is not None
        family = self.family()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            return process.wait(timeout=STOP_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for one in family:
                with suppress(psutil.NoSuchProcess):
                    one.kill()

    def ended(self) -> int:
        """Waits until it has ended by itself; returns its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=STOP_SECONDS)

    def family(self) -> list[psutil.Process]:
        """``ispmig up`` and all that came of it."""
        assert self._process is not None
        with suppress(psutil.NoSuchProcess):
            mother = psutil.Process(self._process.pid)
            return [mother, *mother.children(recursive=True)]
        return []

    def remove(self) -> None:
        """Stops everything, the database too."""
        if self._process is not None:
            self.stop()
        engine().dispose()
        embedded.remove(self.home)

    def get(self, path: str, timeout: float = 60.0) -> tuple[int, bytes]:
        """Status and body of what the web server answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url + path, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def command(self, *words: str) -> Any:
        """What a command of ``ispmig`` prints as JSON."""
        ran = subprocess.run(
            [sys.executable, "-m", "ispmig_pipelines.cli", *words, "--json"],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    # --- what is in it

    def tenant(self, slug: str, spec: Path | None = None, max_quarantined: str = "5%") -> None:
        """Makes a tenant, with a registered migration if a spec is given."""
        ledger.prepare(engine())
        tenants.add(engine(), slug)
        with instance() as dagster:
            know_tenant(dagster, slug)
        if spec is not None:
            with engine().begin() as connection:
                registered.declare(
                    connection, slug, registered.Registered(str(spec), "update", max_quarantined)
                )

    def queue(self, job: str, slug: str, spec: Path) -> None:
        """Puts a run of a job for a tenant into the queue, as ``ispmig migrate --all`` does."""
        with instance() as dagster:
            queue_job(dagster, job, slug, {"extract": {"spec": str(spec)}})

    def runs_of(self, slug: str, job: str = "tenant_migration") -> Sequence[DagsterRun]:
        """The tenant's runs of a job, the newest first."""
        with instance() as dagster:
            wanted = RunsFilter(job_name=job, tags={"ispmig/tenant": slug})
            return list(dagster.get_runs(wanted))

    def status_of(self, run_id: str) -> DagsterRunStatus:
        """What has become of a run."""
        with instance() as dagster:
            run = dagster.get_run_by_id(run_id)
            assert run is not None
            return run.status

    def entries(self, slug: str) -> list[Migration]:
        """The tenant's migrations in the ledger, the newest first."""
        with engine().connect() as connection:
            return ledger.migrations(connection, slug)

    def rows(self, slug: str) -> dict[str, int]:
        """Entity → rows of the tenant's table."""
        with engine().connect() as connection:
            return tenants.contents(connection, tenants.get(connection, slug))

    def digest(self, slug: str) -> str:
        """The digest of the tenant's content."""
        with engine().connect() as connection:
            tenant = tenants.get(connection, slug)
            connection.rollback()
            return str(digest(tenants.raw(connection), tenant)["digest"])

    def locked(self, slug: str, entity: str) -> psycopg.Connection:
        """A session of somebody who changes the tenant's table and does not come to an end."""
        with engine().connect() as connection:
            schema = tenants.get(connection, slug).schema
        session = psycopg.connect(embedded.status(self.home).url or "")
        table = sql.Identifier(schema, entity)
        session.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        return session


def environment(home: Path, port: int) -> dict[str, str]:
    """What the environment says of a house, for this process and for all that it starts."""
    return {
        "ISPMIG_HOME": str(home),
        "ISPMIG_UI_URL": f"http://127.0.0.1:{port}",
        # What somebody holds for longer than this is a fault; the tests wait for it.
        "ISPMIG_RETRIES": "1",
        "ISPMIG_RETRY_SECONDS": "0.1",
        "ISPMIG_LOCK_TIMEOUT": "1.1",
        "ISPMIG_LOCK_PATIENCE": "2",
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"])),
    }
