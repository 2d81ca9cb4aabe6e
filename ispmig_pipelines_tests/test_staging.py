"""Staging: tables appear whole or not at all, private, and go when nobody needs them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest

from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.staging import EXPIRES_AFTER, Staging, remove_expired

SCHEMA = pa.schema([("n", pa.int64()), ("cell", pa.string())])


def stage(staging: Staging, name: str, *sizes: int) -> None:
    with staging.write(name, SCHEMA) as table:
        for size in sizes:
            table.write(pa.record_batch([range(size), ["x"] * size], schema=SCHEMA))


def test_batches_come_back_as_they_were_written(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "acme", 1)
    stage(staging, "mapped-customer-0", 3, 0, 2)
    assert [b.num_rows for b in staging.read("mapped-customer-0")] == [3, 0, 2]
    assert staging.batch("mapped-customer-0", 2).num_rows == 2
    (first, *_) = staging.read("mapped-customer-0", [1])
    assert first.schema.names == ["cell"]
    assert staging.schema("mapped-customer-0") == SCHEMA


def test_everything_is_private_to_its_owner(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "staging", "acme", 1)
    stage(staging, "x", 1)
    assert staging.path("x").stat().st_mode & 0o777 == 0o600
    for folder in (staging.folder, staging.folder.parent, tmp_path / "staging"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_table_that_was_not_finished_does_not_exist(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "acme", 1)

    def die() -> None:
        with staging.write("x", SCHEMA):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        die()
    assert list(staging.folder.iterdir()) == []
    with pytest.raises(StorageError, match="x"):
        list(staging.read("x"))


def test_writing_again_replaces(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "acme", 1)
    stage(staging, "x", 5)
    stage(staging, "x", 1)
    assert sum(b.num_rows for b in staging.read("x")) == 1


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        Staging(tmp_path, "acme", 1).path(name)


def test_what_is_finished_or_old_goes_and_the_rest_stays(tmp_path: Path) -> None:
    for migration in (1, 2, 3):
        stage(Staging(tmp_path, "acme", migration), "x", 1)
    stage(Staging(tmp_path, "other", 1), "x", 1)
    long_ago = time.time() - EXPIRES_AFTER.total_seconds() - 60
    os.utime(Staging(tmp_path, "acme", 2).folder, (long_ago, long_ago))
    assert remove_expired(tmp_path, "acme", {1}.__contains__) == [1, 2]
    assert sorted(p.name for p in (tmp_path / "acme").iterdir()) == ["3"]
    assert (tmp_path / "other" / "1").exists()
