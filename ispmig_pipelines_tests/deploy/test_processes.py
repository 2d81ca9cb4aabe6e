"""What the containers start is started here, with the same commands and the same configuration:
first the code location alone, then all of it, with a migration to the end."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ispmig_pipelines_tests import web
from ispmig_pipelines_tests.deploy.files import block
from ispmig_pipelines_tests.deploy.processes import (
    LOGS_IN_S3,
    Installation,
    ended,
    environment,
    eventually,
)
from ispmig_pipelines_tests.deploy.test_environment import KEY

EXPORT = "Account;Name;State;Since\n0007;Ann Lee;A;2019-02-03\n0008;Ben Roe;A;2020-11-17\n"
SPEC = """
version: 1
name: First move
sources:
  subscribers: {files: %s}
entities:
  customer:
    from: subscribers
    fields:
      account_number: Account
      first_name: {column: Name, split: {separator: " ", take: first}}
      last_name: {column: Name, split: {separator: " ", take: rest}}
      status: {column: State, lookup: {A: active}}
      signup_date: Since
"""


@pytest.fixture
def installed(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """The secrets as the runbook makes them, with the address of the test's own database; and an
    S3 server with the buckets."""
    (tmp_path / "deploy").mkdir()
    subprocess.run(["sh", "-euc", block("sh secrets")], cwd=tmp_path, check=True)
    secrets = tmp_path / "deploy" / "secrets"
    (secrets / "ispmig_database_url").unlink()
    (secrets / "ispmig_database_url").write_text(database_url)
    secrets.rename(tmp_path / "secrets")
    with web.s3_server(monkeypatch) as client:
        url = client.meta.endpoint_url
        reset = urllib.request.Request(f"{url}/moto-api/reset", method="POST")  # noqa: S310
        urllib.request.urlopen(reset)  # noqa: S310 - the server's own address
        for bucket in ("ispmig-backups", "ispmig-witness", "ispmig-drop", "ispmig-logs"):
            client.create_bucket(Bucket=bucket)
        given = {"AWS_ENDPOINT_URL": url, "ISPMIG_BACKUP_RECOVERY": KEY}
        yield Installation(tmp_path, environment(tmp_path, given))


@pytest.mark.slow
def test_the_code_location_starts_answers_and_ends(installed: Installation) -> None:
    process = installed.start("code")
    with ended([process]):
        check = installed.health_command("code")
        eventually(
            lambda: process.poll() is not None or installed.run(*check).returncode == 0,
            lambda: installed.told("code"),
        )
        assert process.poll() is None, installed.told("code")
    assert process.returncode in (0, -15), installed.told("code")
    # A password that is in the secrets is in no log.
    password = (installed.folder / "secrets" / "s3_password").read_text()
    assert password not in installed.told("code")
    # Its configuration's folder could have been read-only.
    assert [path.name for path in installed.dagster_home.iterdir()] == ["dagster.yaml"]


def got(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def asked(installed: Installation, query: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{installed.ui_port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        return json.loads(answer.read())["data"]


@pytest.mark.slow
@pytest.mark.empty_database
def test_all_of_it_is_installed_and_a_migration_runs_through_it(installed: Installation) -> None:
    upgraded = installed.run(*installed.command("upgrade"))
    assert upgraded.returncode == 0, upgraded.stderr
    assert "Dagster's tables: up to date" in upgraded.stdout
    processes = [installed.start(service) for service in ("code", "ui", "daemon")]
    url = f"http://127.0.0.1:{installed.ui_port}"
    with ended(processes):
        for service, process in zip(("code", "ui", "daemon"), processes, strict=True):
            check = installed.health_command(service)
            eventually(
                lambda process=process, check=check: (
                    process.poll() is not None  # type: ignore[misc]
                    or installed.run(*check).returncode == 0
                ),
                lambda service=service: installed.told(service),  # type: ignore[misc]
            )
            assert process.poll() is None, installed.told(service)
        (installed.home / "subscribers.csv").write_text(EXPORT)
        (installed.home / "spec.yaml").write_text(SPEC % (installed.home / "subscribers.csv"))
        for words in (("tenant", "add", "north"), ("register", "north", "spec.yaml")):
            done = installed.run("ispmig", *words)
            assert done.returncode == 0, done.stderr + done.stdout
        # Into the queue; the daemon has the code location start it.
        moved = installed.run("ispmig", "migrate", "--all", "--json")
        assert moved.returncode == 0, moved.stderr + moved.stdout + installed.told("daemon")
        runs = asked(installed, "{runsOrError {... on Runs {results {runId status jobName}}}}")
        (run,) = [r for r in runs["runsOrError"]["results"] if r["jobName"] == "tenant_migration"]
        assert run["status"] == "SUCCESS"

        # The UI is ours: reports, metrics and health are beside it.
        status, page = got(f"{url}/reports/north/1")
        assert status == 200
        assert "north" in page
        status, metrics = got(f"{url}/metrics")
        assert status == 200
        assert 'ispmig_rows_total{tenant="north",entity="customer",outcome="inserted"} 2' in metrics
        found: list[str] = []

        def healthy() -> bool:
            status, told = got(f"{url}/health")
            found.append(told)
            return status == 200

        eventually(healthy, lambda: found[-1])

        # What the run printed is in S3, and the audit chain's end is witnessed there.
        client = boto3.session.Session().client("s3")
        kept = client.list_objects_v2(Bucket="ispmig-witness").get("Contents", [])
        assert any("/north/" in one["Key"] for one in kept)
        if LOGS_IN_S3:

            def logged() -> bool:
                keys = client.list_objects_v2(Bucket="ispmig-logs").get("Contents", [])
                return any(run["runId"] in one["Key"] for one in keys)

            eventually(logged)
        verified = installed.run("ispmig", "audit", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
    # Telemetry makes two folders there even where it is off, and does without where it cannot.
    written = [path.name for path in installed.dagster_home.rglob("*") if path.is_file()]
    assert written == ["dagster.yaml"]
    cells = "".join(installed.told(service) for service in ("code", "ui", "daemon"))
    assert "Ann Lee" not in cells
    assert "Ben Roe" not in cells
