"""A fresh house for every export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ispmig_pipelines_tests.defs.migrating import House


@pytest.fixture
def house(ispmig_home: Path, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "exports"
    folder.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield House(folder, instance)
