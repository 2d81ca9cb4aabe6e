"""A home of the test's own for keys, and places for backups: a folder, and S3 over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ispmig_pipelines.backup import create as creating
from ispmig_pipelines.backup.keys import create
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import Storage, open_storage
from ispmig_pipelines_tests.bucket import s3_server


@pytest.fixture(
    params=["one session", pytest.param("several sessions", marks=pytest.mark.slow)],
)
def reading_sessions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is true of a backup is true of one that reads tables by several sessions."""
    if request.param == "several sessions":
        monkeypatch.setattr(creating, "LARGE", 0)
        monkeypatch.setenv("ISPMIG_BACKUP_SESSIONS", "3")
        settings.cache_clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ``ISPMIG_HOME`` without a database, in which nothing else is set."""
    for name in [n for n in os.environ if n.startswith("ISPMIG_") and n != "ISPMIG_CORPORA"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ISPMIG_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


@pytest.fixture(params=["local", "s3"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storage]:
    if request.param == "local":
        yield open_storage(tmp_path / "backups", private=True)
    else:
        with s3_server(monkeypatch) as bucket:
            yield open_storage(f"s3://{bucket}/backups")


@pytest.fixture
def repository(home: Path, store: Storage) -> Repository:
    """The empty repository of a tenant ``acme``."""
    return Repository(store, create("acme"))
