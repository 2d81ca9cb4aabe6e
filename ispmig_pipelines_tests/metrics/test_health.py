"""Health: what cannot be used is told, by a code, within seconds; asking starts nothing."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from dagster import DagsterInstance, instance_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, PythonFileTarget
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner

from ispmig_pipelines.cli import app
from ispmig_pipelines.defs import metrics
from ispmig_pipelines.defs.webserver import WithReports
from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.metrics import health
from ispmig_pipelines.metrics.health import Checks, Found
from ispmig_pipelines.remote import USER_AGENT
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.bucket import s3_server
from ispmig_pipelines_tests.defs.test_webserver import asked
from ispmig_pipelines_tests.metrics.reading import read


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with instance_for_test() as made:
        yield made


def use(monkeypatch: pytest.MonkeyPatch, **said: str) -> None:
    for name, value in said.items():
        monkeypatch.setenv(f"ISPMIG_{name.upper()}", value)
    settings.cache_clear()


def beat(instance: DagsterInstance, ages: dict[str, float]) -> None:
    for name, age in ages.items():
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, name, "id", []))


# -- the database


def test_a_database_that_answers_is_healthy(ispmig_home: Path) -> None:
    assert health.database() == Found()


def test_an_embedded_server_that_does_not_run_is_told_and_not_started(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ISPMIG_DATABASE_URL")
    settings.cache_clear()
    assert health.database().code == "not_running"
    assert list(ispmig_home.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda url: url._replace(path="/not_there"), "no_database"),
        (lambda url: url._replace(query="host=/nowhere"), "unreachable"),
        (lambda url: url._replace(query="nonsense=1"), "usage"),
    ],
)
def test_what_is_wrong_with_a_database_is_told_by_a_code(
    ispmig_home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, change, code: str
) -> None:
    use(monkeypatch, database_url=change(urlsplit(database_url)).geturl())
    assert health.database().code == code


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        use(monkeypatch, database_url=f"postgresql://someone:s3cret@127.0.0.1:{port}/x")
        monkeypatch.setattr(health, "CONNECT_SECONDS", 2)
        assert health.database().code == "unreachable"


def test_a_standby_is_not_healthy(
    ispmig_home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    joint = "&" if urlsplit(database_url).query else "?"
    reading = "options=-cdefault_transaction_read_only%3Don"
    use(monkeypatch, database_url=f"{database_url}{joint}{reading}")
    assert health.database().code == "read_only"


# -- the daemon


def test_no_daemon_has_ever_been_there(instance: DagsterInstance) -> None:
    assert metrics.daemon(instance).code == "never_started"


def test_a_daemon_that_says_so_lives(instance: DagsterInstance) -> None:
    needed = instance.get_required_daemon_types()
    beat(instance, dict.fromkeys(needed, 20.0))
    found = metrics.daemon(instance)
    assert found.healthy
    assert 20 <= found.details["heartbeat_age_seconds"] < 80


def test_a_daemon_that_was_last_heard_of_two_minutes_ago_is_dead(
    instance: DagsterInstance,
) -> None:
    beat(instance, dict.fromkeys(instance.get_required_daemon_types(), 120.0))
    assert metrics.daemon(instance).code == "not_running"


def test_one_that_is_needed_and_silent_is_named(instance: DagsterInstance) -> None:
    needed = instance.get_required_daemon_types()
    beat(instance, {name: 10.0 for name in needed if name != "SENSOR"} | {"SENSOR": 700.0})
    found = metrics.daemon(instance)
    assert (found.code, found.details["silent"]) == ("silent", ["sensor"])


# -- the storage


def test_a_home_that_can_be_written_is_healthy_and_as_it_was(ispmig_home: Path) -> None:
    found = health.storage()
    assert found.healthy
    assert found.details["places"]["home"]["free_bytes"] > 0
    assert list(ispmig_home.iterdir()) == []


def test_a_disk_without_the_room_that_is_to_stay_is_full(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, disk_reserve="900000000")
    assert health.storage().code == "full"


def test_a_home_that_is_gone_is_missing(
    ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, home=str(tmp_path / "gone"))
    found = health.storage()
    assert found.code == "missing"
    assert not (tmp_path / "gone").exists()


def test_a_place_that_is_no_folder_is_told_by_its_name_alone(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ispmig_home / "file").write_text("")
    use(monkeypatch, backups=str(ispmig_home / "file" / "backups"))
    found = health.storage()
    assert found.code == StorageError.code
    assert found.details["places"]["backups"] == {"code": StorageError.code}
    assert str(ispmig_home) not in json.dumps(found.details)


@pytest.mark.slow
def test_buckets_are_asked(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(monkeypatch) as bucket:
        use(monkeypatch, backups=f"s3://{bucket}/backups", drop="s3://no-such-bucket/drop")
        places = health.storage().details["places"]
    assert places["backups"] == {"code": "ok"}
    assert places["drop"]["code"] != "ok"


# -- together


def test_what_hangs_is_told_in_time_and_is_not_tried_twice() -> None:
    begun: list[int] = []
    free = threading.Event()

    def hangs() -> Found:
        begun.append(1)
        free.wait(30)
        return Found()

    checks = Checks({"storage": hangs, "database": Found}, deadline=0.3)
    for _ in range(3):
        told = checks.looked()
        assert told["parts"]["storage"]["code"] == "timeout"
        assert told["parts"]["database"]["healthy"]
        assert not told["healthy"]
    assert len(begun) == 1
    free.set()
    checks.deadline = 20
    assert checks.looked("storage")["healthy"]


def test_whatever_breaks_is_told_without_a_word_of_it(caplog: pytest.LogCaptureFixture) -> None:
    def breaks() -> Found:
        raise RuntimeError("password=s3cret")

    told = Checks({"storage": breaks}).looked()
    assert told["parts"]["storage"]["code"] == "unexpected"
    assert "RuntimeError at" in caplog.text
    assert f"breaks ({__file__}" in caplog.text
    assert "s3cret" not in json.dumps(told) + caplog.text


# -- the addresses


@pytest.fixture
def ui(ispmig_home: Path, instance: DagsterInstance):
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
        served = WithReports(context).create_asgi_app()
        yield lambda *words: asked(served, *words)


def test_the_web_server_says_what_is_not_healthy(ui, instance: DagsterInstance) -> None:
    answer = ui("/health")
    assert answer.status == 503
    told = json.loads(answer.body)["parts"]
    assert {part: one["code"] for part, one in told.items()} == {
        "database": "ok", "daemon": "never_started", "storage": "ok", "code_location": "missing",
    }  # fmt: skip
    assert ui("/health/database").status == 200
    assert ui("/health/daemon").status == 503
    assert ui("/health/nonsense").status == 404
    assert ui("/health", "POST").status == 405


def test_metrics_are_served_as_what_they_are(ui) -> None:
    answer = ui("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    assert "ispmig_migrations" in read(answer.text)


def test_without_a_database_metrics_are_not_there_and_nothing_is_given_away(
    ui, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, database_url="postgresql://someone:s3cret@127.0.0.1:1/x")
    answer = ui("/metrics")
    assert (answer.status, answer.text) == (503, "database\n")
    assert "s3cret" not in ui("/health").text
    assert json.loads(ui("/health").body)["parts"]["database"]["code"] == "unreachable"


def test_asking_for_metrics_starts_no_embedded_server(
    ui, ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ISPMIG_DATABASE_URL")
    settings.cache_clear()
    answer = ui("/metrics")
    assert (answer.status, answer.text) == (503, "database\n")
    assert not (ispmig_home / "postgres").exists()


@pytest.mark.slow
def test_a_code_location_that_is_there_and_one_that_does_not_load(
    ispmig_home: Path, instance: DagsterInstance, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    bad.write_text("raise ValueError('s3cret')\n")
    codes = {}
    for path in (good, bad):
        target = PythonFileTarget(str(path), None, None, None)
        with WorkspaceProcessContext(instance, target) as context:
            codes[path.stem] = metrics.code_location(context).code
    assert codes == {"good": "ok", "bad": "load_error"}


def test_a_migration_reads_neither(ispmig_home: Path, instance: DagsterInstance) -> None:
    assert USER_AGENT  # what _NoSource looks for is what sources are read as
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
        served = WithReports(context).create_asgi_app()

        async def as_source(scope, receive, send) -> None:
            await served(scope | {"headers": [(b"user-agent", USER_AGENT.encode())]}, receive, send)

        assert asked(as_source, "/metrics").status == 403
        assert asked(as_source, "/health").status == 403


# -- the command


def test_the_command_ends_as_it_finds(ispmig_home: Path) -> None:
    result = CliRunner().invoke(app, ["health", "--json"])
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert {part: one["code"] for part, one in told["parts"].items()} == {
        "database": "ok", "daemon": "never_started", "storage": "ok", "code_location": "ok",
    }  # fmt: skip
    assert told["error"]["exit_code"] == 3
    assert "daemon (never_started)" in told["error"]["message"]


def test_the_command_is_content_when_all_is_well(ispmig_home: Path) -> None:
    from ispmig_pipelines.defs.instance import instance as ready

    with ready() as instance:
        beat(instance, dict.fromkeys(instance.get_required_daemon_types(), 5.0))
    result = CliRunner().invoke(app, ["health"])
    assert result.exit_code == 0, result.output
    assert "daemon: ok" in result.stdout
