"""The demo, run twice as ``make demo`` runs it, once for all tests of a module."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.platform import ledger, quarantine, tenants
from ispmig_pipelines.platform.digest import digest
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.conftest import ONE_TEST_AT_A_TIME, in_database
from ispmig_pipelines_tests.demo.exports import ISPS


@dataclass(frozen=True)
class Run:
    """One run of the demo and what it left behind.

    Attributes:
        entries: slug → the ledger's entry.
        quarantined: slug → records in quarantine of this run.
        digests: slug → digest of the content after it.
    """

    exit_code: int
    out: str
    told: str
    entries: dict[str, ledger.Migration]
    quarantined: dict[str, list[dict[str, Any]]]
    digests: dict[str, Any]


def run_demo(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the demo in a process of its own, into pipes, 80 columns wide."""
    return subprocess.run(
        [sys.executable, "-m", "ispmig_pipelines.demo", *arguments],
        env={**os.environ, "COLUMNS": "80", **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def demo_home(
    request: pytest.FixtureRequest, server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A home and an empty database for all tests of the module."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    home = tmp_path_factory.mktemp("demo")
    with (
        psycopg.connect(server_url, autocommit=True) as admin,
        pytest.MonkeyPatch.context() as environment,
    ):
        if request.config.getoption("--database-url"):
            admin.execute("SELECT pg_advisory_lock(%s)", [ONE_TEST_AT_A_TIME])
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        for variable in [n for n in os.environ if n.startswith(("ISPMIG_", "DAGSTER_"))]:
            environment.delenv(variable)
        environment.setenv("ISPMIG_HOME", str(home))
        environment.setenv("ISPMIG_DATABASE_URL", in_database(server_url, name))
        settings.cache_clear()
        yield home
        with engine().connect() as connection:
            made = [tenant["slug"] for tenant in tenants.list_all(connection)]
        for slug in made:
            tenants.remove(engine(), str(slug))
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    settings.cache_clear()


@pytest.fixture(scope="module")
def first(demo_home: Path) -> Run:
    """The demo on an empty platform."""
    return _run()


@pytest.fixture(scope="module")
def second(first: Run) -> Run:
    """The demo once more."""
    return _run()


def _run() -> Run:
    done = run_demo()
    assert done.returncode == 0, done.stderr
    entries, quarantined, digests = {}, {}, {}
    with engine().connect() as connection:
        for isp in ISPS:
            entries[isp.slug] = ledger.migrations(connection, isp.slug)[0]
            tenant = tenants.get(connection, isp.slug)
            quarantined[isp.slug] = list(
                quarantine.listing(tenants.raw(connection), tenant, [entries[isp.slug].id])
            )
            connection.rollback()
            digests[isp.slug] = digest(tenants.raw(connection), tenant)
    return Run(done.returncode, done.stdout, done.stderr, entries, quarantined, digests)
