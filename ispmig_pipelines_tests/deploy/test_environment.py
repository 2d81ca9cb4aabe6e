"""Every variable of the environment that ``deploy/`` names is one that somebody reads."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ispmig_pipelines.defs.instance import STORAGE_URL_VARIABLE
from ispmig_pipelines.settings import Settings, settings
from ispmig_pipelines_tests.deploy.files import DEPLOY, RUNBOOK, block, compose, manifest, text

OURS = {f"ISPMIG_{name.upper()}" for name in Settings.model_fields} | {STORAGE_URL_VARIABLE}
OF_OTHERS = {
    # Dagster, and our dagster.yaml
    "DAGSTER_HOME", "DAGSTER_ARTIFACTS", "DAGSTER_LOGS_BUCKET",
    # botocore
    "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    # the images of PostgreSQL and of the S3 server
    "POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS", "POSTGRES_USER", "MINIO_ROOT_USER_FILE",
    "MINIO_ROOT_PASSWORD_FILE", "MC_CONFIG_DIR",
    # Python, pip, the shell
    "PATH", "HOME", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_NO_CACHE_DIR",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    # the compose file and the container files themselves, and database.sh
    "RELEASE", "UI_PORT", "BASE", "PLATFORM_PASSWORD_FILE",
}  # fmt: skip
FILES = sorted(
    str(path.relative_to(DEPLOY))
    for path in DEPLOY.rglob("*")
    if path.is_file() and "secrets" not in path.parts and path.name != ".env"
)
REQUIRED = {
    "ISPMIG_DATABASE_URL", "ISPMIG_HOME", "ISPMIG_BACKUPS", "ISPMIG_BACKUP_RECOVERY",
    "ISPMIG_AUDIT_WITNESS", "ISPMIG_SIGNING_KEY", "ISPMIG_UI_URL", "ISPMIG_DROP",
}  # fmt: skip
"""What ``deploy/README.md`` says a production needs."""
KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def variables(name: str) -> set[str]:
    """The names in a file that are of a variable, in whatever way it writes one."""
    found = text(name)
    return {
        *re.findall(r"\b((?:ISPMIG|DAGSTER|AWS|POSTGRES|MINIO)_[A-Z0-9_]*[A-Z0-9])\b", found),
        *re.findall(r"\$\{([A-Z][A-Z0-9_]*)", found),
        *re.findall(r"^(?:ENV|ARG|    |ENV .*) ?([A-Z][A-Z0-9_]+)=", found, re.MULTILINE),
        *re.findall(r"^\s+env: ([A-Z]\w+)", found, re.MULTILINE),
    }


@pytest.mark.parametrize("name", FILES)
def test_every_variable_is_known(name: str) -> None:
    assert variables(name) - OURS - OF_OTHERS == set()


def test_the_look_for_variables_finds_them() -> None:
    assert {"ISPMIG_BACKUPS", "RELEASE", "AWS_REGION"} <= variables("compose.yaml")
    assert {"DAGSTER_LOGS_BUCKET", STORAGE_URL_VARIABLE} <= variables("dagster.yaml")
    assert {"BASE", "ISPMIG_HOME", "PATH"} <= variables("code.Containerfile")


def interpolated(environment: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """As compose does it with what stands in ``.env``."""

    def value(match: re.Match[str]) -> str:
        name, how, word = match.groups()
        if given.get(name):
            return given[name]
        assert how != ":?", f"{name} is required and not given"
        return word or ""

    return {
        name: re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, str(text))
        for name, text in environment.items()
    }


def env_file() -> dict[str, str]:
    lines = block("sh env").replace("age1…", KEY).splitlines()
    return dict(line.split("=", 1) for line in lines)


def compose_settings() -> dict[str, str]:
    code = compose()["services"]["code"]
    said = interpolated(code["environment"], env_file())
    return said | {name.upper(): "" for name in code["secrets"] if name.startswith("ispmig_")}


def kubernetes_settings() -> dict[str, str]:
    said = manifest("ConfigMap")["data"] | {"ISPMIG_BACKUP_RECOVERY": KEY}
    sentence = RUNBOOK[RUNBOOK.index("In Kubernetes the same names") :].split("\n\n")[0]
    return said | dict.fromkeys(re.findall(r"ISPMIG_\w+", sentence), "")


@pytest.mark.parametrize(
    "said", [compose_settings(), kubernetes_settings()], ids=["compose", "k8s"]
)
def test_every_setting_that_a_production_needs_is_set(said: dict[str, str]) -> None:
    assert set(said) >= REQUIRED


def test_the_runbook_says_why_of_each_of_them() -> None:
    section = RUNBOOK.split("## Settings that a production needs")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(ISPMIG_\w+)`", section, re.MULTILINE)) == REQUIRED


@pytest.mark.parametrize(
    "said", [compose_settings(), kubernetes_settings()], ids=["compose", "k8s"]
)
def test_they_can_be_read_and_mean_what_they_say(
    said: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "ispmig_database_url").write_text("postgresql://u:p@db:5432/ispmig_data")
    (tmp_path / "ispmig_signing_key").write_text("-----BEGIN PRIVATE KEY-----\n")
    for name, value in said.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ISPMIG_SECRETS", str(tmp_path))
    settings.cache_clear()
    try:
        here = settings()
        assert here.database_url is not None
        assert here.database_url.get_secret_value().endswith("@db:5432/ispmig_data")
        assert here.signing_key.get_secret_value().startswith("-----BEGIN")
        for place in (here.backup_place, here.audit_witness, here.drop_place):
            assert place.startswith("s3://")
        assert here.backup_recovery == KEY
        assert here.ui_url == "https://dagster.example.net"
        assert str(here.home) == "/var/lib/ispmig"
        # Nobody reads the platform's own places as a source.
        assert {here.backup_place, here.audit_witness} <= set(here.private_prefixes)
    finally:
        settings.cache_clear()


def test_compose_refuses_to_start_without_what_cannot_be_guessed() -> None:
    environment = compose()["services"]["code"]["environment"]
    for name in ("ISPMIG_UI_URL", "ISPMIG_BACKUP_RECOVERY"):
        with pytest.raises(AssertionError, match="required"):
            interpolated(environment, env_file() | {name: ""})
