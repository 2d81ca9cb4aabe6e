"""``ispmig up``: starts together, ends together, and says what it finds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ispmig_pipelines import up as up_module
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.settings import settings
from ispmig_pipelines.up import status, up
from ispmig_pipelines_tests import slow_job

WORKSPACE = """
load_from:
  - python_file: {relative_path: tiny.py, location_name: tiny}
"""

SCRIPT = """
import sys
from pathlib import Path
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.up import up
try:
    code = up(0, workspace=Path(sys.argv[1]))
except IspmigError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    code = error.exit_code
sys.exit(code)
"""


def eventually(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


class Running:
    """``up`` in a process of its own, and what it says."""

    def __init__(self, workspace: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(workspace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors: list[str] = []
        self._reader = threading.Thread(target=self._read_errors)
        self._reader.start()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(iter(self.process.stderr.readline, ""))

    def url(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "The Dagster UI is at http://127.0.0.1:" in line, "".join(self.errors)
        return line.split()[5]

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, name: str) -> psutil.Process:
        (found,) = [p for p in self.family() if name in p.cmdline()]
        return found

    def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copyfile(slow_job.FILE, tmp_path / "tiny.py")
    (tmp_path / "workspace.yaml").write_text(WORKSPACE)
    return tmp_path / "workspace.yaml"


@pytest.fixture
def start(ispmig_home: Path) -> Iterator[Callable[[Path], Running]]:
    started: list[Running] = []

    def begin(workspace: Path) -> Running:
        started.append(Running(workspace))
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.end(signal.SIGTERM)


def ask(url: str, query: str) -> dict:
    request = urllib.request.Request(  # noqa: S310
        f"{url}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)["data"]


LAUNCH = """mutation { launchRun(executionParams: {runConfigData: "{}", selector: {
  repositoryLocationName: "tiny", repositoryName: "__repository__", jobName: "slow_job"}})
  { __typename } }"""
RUNS = "{ runsOrError { ... on Runs { results { status } } } }"


def states(url: str) -> list[str]:
    return [run["status"] for run in ask(url, RUNS)["runsOrError"]["results"]]


@pytest.mark.slow
def test_it_runs_says_so_refuses_a_second_and_ends_with_all_it_started(
    start: Callable[[Path], Running], workspace: Path
) -> None:
    running = start(workspace)
    url = running.url()

    found = status()
    assert found["ui"]["running"] is True
    assert found["ui"]["url"] == url
    assert found["ui"]["pid"] == running.process.pid
    assert found["database"]["running"] is True
    assert found["database"]["embedded"] is False
    eventually(lambda: status()["daemon"]["running"])

    with pytest.raises(UsageError, match=f"already running .* {url}, process {found['ui']['pid']}"):
        up(0, workspace=workspace)

    assert ask(url, LAUNCH)["launchRun"]["__typename"] == "LaunchRunSuccess"
    eventually(lambda: states(url) == ["STARTED"])
    family = running.family()
    asked = time.monotonic()

    assert running.end(signal.SIGTERM) == 0

    assert time.monotonic() - asked < 20
    eventually(lambda: not any(process.is_running() for process in family), seconds=10)
    assert status()["ui"] == {"running": False, "url": None, "pid": None, "since": None}
    from ispmig_pipelines.defs.instance import instance

    with instance() as dagster:
        assert [run.status.value for run in dagster.get_runs()] == ["FAILURE"]


@pytest.mark.slow
def test_when_one_dies_everything_ends_with_a_reason(
    start: Callable[[Path], Running], workspace: Path
) -> None:
    running = start(workspace)
    running.url()
    family = running.family()

    running.child("dagster._daemon").kill()

    assert running.end() == 3
    said = "".join(running.errors)
    assert "PlatformError: The Dagster daemon ended by itself (signal 9)" in said
    assert str(settings().home / "logs" / "daemon.log") in said
    eventually(lambda: not any(process.is_running() for process in family), seconds=10)


@pytest.mark.slow
def test_definitions_that_do_not_load_are_told_and_stop_nothing(
    start: Callable[[Path], Running], workspace: Path
) -> None:
    (workspace.parent / "tiny.py").write_text("raise RuntimeError('no such thing')")
    running = start(workspace)
    url = running.url()

    eventually(lambda: "The definitions of tiny could not be loaded" in "".join(running.errors))
    assert ask(url, "{ version }")["version"]
    # A Ctrl-C in the terminal.
    assert running.end(signal.SIGINT) == 0


@pytest.mark.slow
def test_what_a_killed_one_left_behind_does_not_stand_in_the_way(
    start: Callable[[Path], Running], workspace: Path
) -> None:
    first = start(workspace)
    first.url()
    family = first.family()
    first.end(signal.SIGKILL)

    assert status()["ui"]["running"] is False
    second = start(workspace)
    second.url()
    eventually(lambda: not any(process.is_running() for process in family))
    assert second.end(signal.SIGTERM) == 0


def test_a_taken_port_is_a_usage_error(ispmig_home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}: Address already in use.*--port"):
            up(port)
    assert status()["ui"]["running"] is False


@pytest.mark.parametrize(
    ("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 70000), ("::", -1)]
)
def test_an_address_that_is_none_is_a_usage_error(ispmig_home: Path, host: str, port: int) -> None:
    with pytest.raises(UsageError, match="cannot listen"):
        up(port, host)


def test_a_stale_record_counts_for_nothing(ispmig_home: Path) -> None:
    born = psutil.Process(os.getpid()).create_time()
    (ispmig_home / "up.json").write_text(
        json.dumps(
            {
                "url": "http://127.0.0.1:1",
                "pid": os.getpid(),
                "since": "2020-01-01T00:00:00+00:00",
                # The pid is taken by another process since.
                "children": {str(os.getppid()): born - 1000},
            }
        )
    )
    assert status()["ui"]["running"] is False
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot listen"):
            up(taken.getsockname()[1])
    assert psutil.pid_exists(os.getppid())


def test_the_status_shows_no_password(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "ISPMIG_DATABASE_URL",
        "postgresql://someone:Geheim%21@127.0.0.1:1/nothing?password=Geheim2&connect_timeout=2",
    )
    settings.cache_clear()
    database = status()["database"]
    assert database["running"] is False
    assert "cannot be reached" in database["problem"]
    assert database["url"] == "postgresql://someone@127.0.0.1:1/nothing?connect_timeout=2"
    assert "Geheim" not in json.dumps(status())


def test_an_embedded_database_is_not_started_by_a_look(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ISPMIG_DATABASE_URL")
    settings.cache_clear()
    database = status()["database"]
    assert database["embedded"] is True
    assert database["running"] is False
    assert list(ispmig_home.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("box.lan", "box.lan")],  # noqa: S104
)
def test_the_url_names_a_host_that_a_browser_can_open(host: str, reached: str) -> None:
    assert up_module._reachable(host) == reached
