"""Secrets as files; the commands by which an installation is made, upgraded and taken back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ispmig_pipelines.cli import app
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings


def ran(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def said(*words: str) -> dict[str, object]:
    result = ran(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def secrets(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = ispmig_home / "run" / "secrets"
    folder.mkdir(parents=True)
    monkeypatch.setenv("ISPMIG_SECRETS", str(folder))
    settings.cache_clear()
    return folder


def test_a_file_of_the_secrets_is_a_setting(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = os.environ["ISPMIG_DATABASE_URL"]
    monkeypatch.delenv("ISPMIG_DATABASE_URL")
    (secrets / "ispmig_database_url").write_text(f"{url}\n")
    (secrets / "ispmig_alert_webhook_secret").write_text("s" * 16)
    (secrets / "postgres_password").write_text("of somebody else")
    here = settings()
    assert here.database_url is not None
    assert here.database_url.get_secret_value().strip() == url
    assert here.alert_webhook_secret.get_secret_value() == "s" * 16
    with engine().connect() as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1


def test_the_environment_goes_before_the_secrets(secrets: Path) -> None:
    (secrets / "ispmig_database_url").write_text("postgresql://nobody@nowhere/nothing")
    (secrets / "ispmig_retries").write_text("7")
    url = settings().database_url
    assert url is not None
    assert url.get_secret_value() == os.environ["ISPMIG_DATABASE_URL"]
    assert settings().retries == 7


def test_secrets_that_are_not_there_are_told_of(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_SECRETS", str(secrets / "nothing"))
    with pytest.raises(UsageError, match=r"ISPMIG_SECRETS names .*/nothing, which is no folder"):
        settings()


def test_an_unusable_secret_is_named_and_not_repeated(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ISPMIG_DATABASE_URL")
    (secrets / "ispmig_database_url").write_text("mysql://u:hush@h/d")
    with pytest.raises(UsageError) as caught:
        settings()
    assert "ISPMIG_DATABASE_URL" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.empty_database
def test_an_empty_database_becomes_the_platforms_and_stays_so(ispmig_home: Path) -> None:
    before = said("platform", "version")
    assert (before["ledger"], before["dagster_tables"]) == (None, False)
    assert said("platform", "upgrade") == {
        "ledger_before": None, "ledger": ledger.VERSION, "tenants": {},
    }  # fmt: skip
    after = said("platform", "version")
    assert (after["ledger"], after["dagster_tables"]) == (ledger.VERSION, True)
    assert ran("platform", "upgrade").stdout.startswith(f"ledger: {ledger.VERSION} (as it was)")


def test_back_and_forth_with_a_tenant(ispmig_home: Path) -> None:
    tenants.add(engine(), "acme")
    back = said("platform", "downgrade", "0008", "--without", "customer.language")
    assert back == {"ledger": "0008", "discarded": []}
    told = said("platform", "version")
    assert (told["ledger"], told["ledger_newest"]) == ("0008", ledger.VERSION)
    assert told["tenants"] == {"acme": {"customer": ["language"]}}
    assert "acme lacks customer.language" in ran("platform", "version").stdout
    forth = ran("platform", "upgrade")
    assert f"ledger: {ledger.VERSION} (from 0008)" in forth.stdout
    assert "acme gained customer.language" in forth.stdout
    assert said("platform", "version")["tenants"] == {"acme": {}}


@pytest.mark.parametrize("words", [["9999"], ["0008", "--without", "customer"]])
def test_what_cannot_be_gone_back_to_is_refused(ispmig_home: Path, words: list[str]) -> None:
    refused = ran("platform", "downgrade", *words)
    assert refused.exit_code == 2
    assert said("platform", "version")["ledger"] == ledger.VERSION


def test_a_program_is_run_in_place_of_the_command_with_the_instance(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, list[str], dict[str, str]]] = []

    def note(path: str, words: list[str], environment: dict[str, str]) -> None:
        started.append((path, words, environment))

    monkeypatch.setattr(os, "execve", note)
    assert ran("exec", "sh", "-c", "exit 4", "--json", "--help").exit_code == 0
    ((path, words, environment),) = started
    assert Path(path).name == "sh"
    assert words == ["sh", "-c", "exit 4", "--json", "--help"]
    assert environment["ISPMIG_DAGSTER_STORAGE_URL"].startswith("postgresql+psycopg2://")
    assert environment["DAGSTER_HOME"] == str(ispmig_home / "dagster")
    assert (ispmig_home / "dagster" / "dagster.yaml").is_file()


@pytest.mark.parametrize("words", [[], ["no-such-program"]])
def test_a_program_that_is_not_there_is_told_of(ispmig_home: Path, words: list[str]) -> None:
    refused = ran("exec", *words)
    assert refused.exit_code == 2
    assert "Name one, with its options: ispmig exec" in refused.stderr
