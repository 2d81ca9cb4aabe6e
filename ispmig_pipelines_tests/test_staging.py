"""Staging: tables appear whole or not at all, private, and go when nobody needs them; here, and in
a place that is shared with other machines."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from ispmig_pipelines import staging as module
from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import (
    EXPIRES_AFTER,
    HANDED_ON,
    Staging,
    folder_of_process,
    migrations,
    remove_all,
    remove_expired,
    remove_old,
    remove_parts,
    shared_place,
)
from ispmig_pipelines.storage import Storage, open_storage
from ispmig_pipelines.subject_requests import remains
from ispmig_pipelines_tests.bucket import s3_server

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


def test_some_batches_are_read_and_several_tables_one_after_the_other(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "acme", 1)
    stage(staging, "x", 3, 0, 2, 5)
    stage(staging, "y", 7)
    assert staging.batches("x") == 4
    assert [b.num_rows for b in staging.read("x", only=range(1, 3))] == [0, 2]
    assert [b.num_rows for b in staging.read(("x", "y"))] == [3, 0, 2, 5, 7]


# In a place that is shared


@pytest.fixture(params=["folder", "s3"])
def shared(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storage]:
    if request.param == "folder":
        yield open_storage(tmp_path / "shared", private=True)
    else:
        with s3_server(monkeypatch) as bucket:
            yield open_storage(f"s3://{bucket}/some/prefix")


def keys(shared: Storage) -> list[str]:
    return [blob.key for blob in shared.list()]


def machine(tmp_path: Path, name: str, shared: Storage, migration: int = 1) -> Staging:
    return Staging(tmp_path / name, "acme", migration, shared)


def test_what_one_machine_stages_another_reads(tmp_path: Path, shared: Storage) -> None:
    here, there = machine(tmp_path, "here", shared), machine(tmp_path, "there", shared)
    stage(here, "x", 3, 2)
    assert keys(shared) == ["acme/1/x.arrow"]
    assert [b.num_rows for b in there.read("x")] == [3, 2]
    assert there.batches("x") == 2
    assert there.schema("x") == SCHEMA
    assert there.path("x").stat().st_mode & 0o777 == 0o600
    assert there.folder.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in there.folder.iterdir()] == ["x.arrow"]
    assert here.size() == there.size() == here.path("x").stat().st_size
    there.remove()
    assert keys(shared) == []
    assert not there.folder.exists()
    with pytest.raises(StorageError, match="is not there any more"):
        list(machine(tmp_path, "third", shared).read("x"))


def test_it_is_fetched_once_and_by_pieces(
    tmp_path: Path, shared: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[int] = []
    copy = module.shutil.copyfileobj

    def counted(stream: object, file: object, size: int) -> None:
        fetched.append(size)
        copy(stream, file, size)

    stage(machine(tmp_path, "here", shared), "x", 3)
    monkeypatch.setattr(module.shutil, "copyfileobj", counted)
    there = machine(tmp_path, "there", shared)
    assert [there.batch("x", 0).num_rows, *(b.num_rows for b in there.read("x"))] == [3, 3]
    assert fetched == [1 << 20]


def test_a_table_that_was_not_finished_is_nowhere(tmp_path: Path, shared: Storage) -> None:
    staging = machine(tmp_path, "here", shared)
    with suppress(RuntimeError), staging.write("x", SCHEMA):
        raise RuntimeError
    assert keys(shared) == []
    with pytest.raises(StorageError, match="x"):
        list(machine(tmp_path, "there", shared).read("x"))


def test_one_that_cannot_be_uploaded_does_not_look_finished_here_either(
    tmp_path: Path, shared: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("S3 is out of breath.", transient=True)

    monkeypatch.setattr(module.shutil, "copyfileobj", fail)
    staging = machine(tmp_path, "here", shared)
    with pytest.raises(StorageError, match="out of breath"):
        stage(staging, "x", 1)
    assert list(staging.folder.iterdir()) == []
    assert keys(shared) == []


def test_what_is_shared_goes_like_what_is_here(
    tmp_path: Path, shared: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        stage(machine(tmp_path, "here", shared, number), "x", 1)
    stage(Staging(tmp_path / "here", "acme-two", 4, shared), "x", 1)
    # As it was before it was shared.
    stage(Staging(tmp_path / "root", "acme", 9), "x", 1)
    root = tmp_path / "root"
    assert migrations(root, "acme", shared) == [1, 2, 3, 9]
    assert remove_expired(root, "acme", {1, 9}.__contains__, shared) == [1, 9]
    assert migrations(root, "acme", shared) == [2, 3]
    assert remove_parts(root, "acme", shared) == 0
    monkeypatch.setattr(module.time, "time", lambda: time_of_day() + EXPIRES_AFTER.total_seconds())
    assert remove_expired(root, "acme", lambda migration: False, shared) == [2, 3]
    stage(machine(tmp_path, "here", shared, 5), "x", 1)
    remove_all(root, "acme", shared)
    assert keys(shared) == ["acme-two/4/x.arrow"]


time_of_day = time.time


def test_what_dead_processes_left_goes_with_time(
    tmp_path: Path, shared: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = folder_of_process(tmp_path)
    dead = tmp_path / "_process-dead"
    of_tenant = tmp_path / "process-one"
    long_ago = time.time() - EXPIRES_AFTER.total_seconds() - 60
    for folder in (dead, of_tenant):
        folder.mkdir()
        os.utime(folder, (long_ago, long_ago))
    with shared.writing(f"{HANDED_ON}run/extract/result") as stream:
        stream.write(b"small")
    assert remove_old(tmp_path, shared) == 1
    assert not dead.exists()
    assert of_tenant.exists()
    assert Path(alive.name).stat().st_mode & 0o777 == 0o700
    alive.cleanup()
    assert keys(shared) == [f"{HANDED_ON}run/extract/result"]
    monkeypatch.setattr(
        module.time, "time", lambda: time_of_day() + EXPIRES_AFTER.total_seconds() + 60
    )
    assert remove_old(tmp_path, shared) == 1
    assert keys(shared) == []


@pytest.mark.slow
def test_of_a_tenant_that_is_removed_nothing_is_left_in_the_bucket(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(monkeypatch) as bucket:
        monkeypatch.setenv("ISPMIG_STAGING", f"s3://{bucket}/{ispmig_home.name}")
        settings.cache_clear()
        ledger.prepare(engine())
        found = shared_place()
        assert found is not None
        for slug in ("acme", "other"):
            tenant = tenants.add(engine(), slug)
            stage(Staging(ispmig_home / "elsewhere", slug, 1, found), "x", 1)
        with engine().connect() as connection:
            (left, *_) = remains(connection, tenant)
        assert left.endswith(f": s3://{bucket}/{ispmig_home.name}/other")
        tenants.remove(engine(), "acme")
        assert keys(found) == ["other/1/x.arrow"]


def test_the_settings_say_where_it_is(
    ispmig_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (settings().staging_folder, shared_place()) == (tmp_path / "staging", None)
    monkeypatch.setenv("ISPMIG_STAGING", str(tmp_path / "large disk"))
    settings.cache_clear()
    assert (settings().staging_folder, shared_place()) == (tmp_path / "large disk", None)
    assert tmp_path / "large disk" in settings().private_folders
    monkeypatch.setenv("ISPMIG_STAGING", "s3://bucket/staged")
    settings.cache_clear()
    assert settings().staging_folder == tmp_path / "staging"
    assert shared_place().place() == "s3://bucket/staged"  # type: ignore[union-attr]
    assert "s3://bucket/staged" in settings().private_prefixes
    monkeypatch.setenv("ISPMIG_STAGING", "ftp://bucket/staged")
    settings.cache_clear()
    with pytest.raises(UsageError, match="ftp:// is no place"):
        shared_place()
