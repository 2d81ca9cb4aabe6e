"""The production's instance is the project's, but for where things are kept."""

from __future__ import annotations

from typing import Any

import pytest
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config_schema

from ispmig_pipelines.defs.instance import STORAGE_URL_VARIABLE
from ispmig_pipelines_tests.deploy.files import loaded, project_instance

ELSEWHERE = {"compute_logs", "local_artifact_storage"}


def test_dagster_can_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORAGE_URL_VARIABLE, "postgresql+psycopg2://u@h/d")
    kind = resolve_to_config_type(dagster_instance_config_schema())
    processed = process_config(kind, loaded("dagster.yaml"))
    assert processed.success, processed.errors
    mistaken = process_config(kind, loaded("dagster.yaml") | {"retentions": {}})
    assert not mistaken.success


@pytest.mark.parametrize("key", project_instance())
def test_it_says_the_same_as_the_projects(key: str) -> None:
    assert loaded("dagster.yaml")[key] == project_instance()[key]


def test_only_where_things_are_kept_differs() -> None:
    assert set(loaded("dagster.yaml")) == set(project_instance()) | ELSEWHERE


def configured(name: str) -> Any:
    import importlib

    said = loaded("dagster.yaml")[name]
    module = pytest.importorskip(said["module"], reason=f"{said['module']} is not installed")
    kind = getattr(importlib.import_module(module.__name__), said["class"]).config_type()
    return process_config(resolve_to_config_type(kind), said["config"])


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_what_differs_is_understood_by_whom_it_is_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_LOGS_BUCKET", "logs")
    monkeypatch.setenv("DAGSTER_ARTIFACTS", "/var/lib/ispmig/dagster")
    processed = configured(name)
    assert processed.success, processed.errors
    assert {"logs", "/var/lib/ispmig/dagster"} & set(map(str, processed.value.values()))
