"""What the tests stand on: a real PostgreSQL, and a fresh database for every test that asks.

``--database-url URL``
    a server to use (a superuser's URL) instead of an embedded one;
``--postgres 15``
    the programs of an installed PostgreSQL of that version instead of the embedded 18.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest
from psycopg import sql

from ispmig_pipelines.platform import embedded
from ispmig_pipelines.platform.embedded_cluster import binaries_version, bundled_binaries
from ispmig_pipelines.settings import settings

# How long an example takes depends on the machine, and says nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# As the programs do: what was imported is not looked through again and again for what is dead.
gc.set_threshold(50_000)
gc.freeze()

# Data of tests need not survive the machine; everything else is as in production.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
        "max_wal_size": "256MB"}  # fmt: skip
MEMORY = Path("/dev/shm")  # noqa: S108  # folders of our own are made in it
ROOM = 6 << 30
"""Bytes of memory that are free where the server's files are kept in it."""
READY = """
from ispmig_pipelines.defs import instance
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.server import engine

ledger.prepare(engine())
instance.prepare()
"""
"""What makes a database ready, in a process of its own: no session of it may stay."""

ONE_TEST_AT_A_TIME = 0x15916
"""Advisory lock: roles belong to the whole server, so on a server that several test processes
share, tests with a database take turns."""


# A shell lets what it starts in the background ignore Ctrl-C. Dagster's programs, started by tests,
# take SIGTERM as they take that, and would not end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ispmig")
    group.addoption("--database-url", help="PostgreSQL server to test on, as a superuser")
    group.addoption("--postgres", metavar="MAJOR", help="version of an installed PostgreSQL")


def pytest_report_header(config: pytest.Config) -> str:
    if url := config.getoption("--database-url"):
        with psycopg.connect(url) as connection:
            version = connection.execute("SHOW server_version").fetchone()[0]
        return f"PostgreSQL: {version} at {urlsplit(url).hostname or 'a local socket'}"
    if major := config.getoption("--postgres"):
        if (binaries := installed_postgres(major)) is None:
            raise pytest.UsageError(f"No PostgreSQL {major} is installed on this machine.")
        return f"PostgreSQL: {binaries_version(binaries)} in {binaries}"
    return f"PostgreSQL: {binaries_version(bundled_binaries())}, embedded"


def installed_postgres(major: str) -> Path | None:
    """The folder of the programs of an installed PostgreSQL of that major version."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if program := shutil.which("initdb"):
        candidates.append(Path(program).resolve().parent)
    for folder in candidates:
        if not ((folder / "postgres").is_file() and (folder / "initdb").is_file()):
            continue
        if binaries_version(folder).split(".")[0] == str(major):
            return folder
    return None


@pytest.fixture(scope="session")
def server_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a real server, as superuser: one per test process (of pytest-xdist).

    Not one for all of them: tenants' roles belong to the whole server, and two tests that run
    at once may both have a tenant ``acme``. It starts in less than a second.

    Its files are in memory, where there is room: a database for every test is some 300 files that
    come and go, and ext4 looks long for a number for a file where many have just gone (measured
    0.3 s for each database after a thousand tests, against 0.02 s).
    """
    if url := request.config.getoption("--database-url"):
        yield url
        return
    major = request.config.getoption("--postgres")
    binaries = installed_postgres(major) if major else None
    with _home(tmp_path_factory) as home:
        yield embedded.serve(home, linger=0, binaries=binaries, options=FAST)
        embedded.remove(home)


@contextmanager
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for the server's home, in memory if there is room."""
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM:
        yield tmp_path_factory.mktemp("server") / "home"
        return
    for left in MEMORY.glob("ispmig-tests-*"):
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"ispmig-tests-{os.getpid()}-", dir=MEMORY))
    try:
        home = folder / "home"
        home.mkdir()
        for one in (folder, home):
            # Root's server runs as another account.
            one.chmod(0o711)
        yield home
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def ready_database(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database with the tables of the ledger and of Dagster, and nothing in them.

    Making these takes longer than most tests do; copying them takes next to nothing.
    """
    name = f"test_ready_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        ours = {n: v for n, v in os.environ.items() if not n.startswith(("ISPMIG_", "DAGSTER_"))}
        ours["ISPMIG_HOME"] = str(tmp_path_factory.mktemp("ready"))
        ours["ISPMIG_DATABASE_URL"] = in_database(server_url, name)
        subprocess.run([sys.executable, "-c", READY], env=ours, check=True)
        yield name
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(request: pytest.FixtureRequest, server_url: str) -> Iterator[str]:
    """The URL of a database of the test's own; it goes, and so do the roles it made.

    It is as a first command has made it ready, or empty for a test with the mark
    ``empty_database``.
    """
    name = f"test_{uuid.uuid4().hex[:16]}"
    template = "template1"
    if request.node.get_closest_marker("empty_database") is None:
        template = request.getfixturevalue("ready_database")
    with psycopg.connect(server_url, autocommit=True) as admin:
        if request.config.getoption("--database-url"):
            admin.execute("SELECT pg_advisory_lock(%s)", [ONE_TEST_AT_A_TIME])
        roles = _roles(admin)
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield in_database(server_url, name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        for role in _roles(admin) - roles:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def ispmig_home(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An ``ISPMIG_HOME`` of the test's own, on the test's own database."""
    ours = {n for n in os.environ if n.startswith(("ISPMIG_", "DAGSTER_"))} - {"ISPMIG_CORPORA"}
    # Set and then deleted, so that what the test sets by itself is gone afterwards too.
    for name in ours | {"DAGSTER_HOME", "ISPMIG_DAGSTER_STORAGE_URL"}:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path))
    monkeypatch.setenv("ISPMIG_DATABASE_URL", database_url)
    # What passes by itself passes at once in tests.
    monkeypatch.setenv("ISPMIG_RETRY_SECONDS", "0.02")
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def _roles(connection: psycopg.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}


def in_database(url: str, name: str) -> str:
    """The URL with another database in it."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()
