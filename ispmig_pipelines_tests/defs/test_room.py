"""Room: a migration for which disk or memory will not do is refused before anything is staged."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from dagster import instance_for_test

from ispmig_pipelines.defs.tenant_migration import room
from ispmig_pipelines.defs.tenant_migration.room import Source, available_memory, check_room
from ispmig_pipelines.disks import GIB, MIB
from ispmig_pipelines.errors import PlatformError, StorageError
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.defs.migrating import House
from ispmig_pipelines_tests.defs.test_progress import write

Disk = namedtuple("Disk", "total used free")
CSV = Source(GIB, "csv", "")


def use(monkeypatch: pytest.MonkeyPatch, **said: str) -> None:
    for name, value in said.items():
        monkeypatch.setenv(f"ISPMIG_{name.upper()}", value)
    settings.cache_clear()


@pytest.fixture
def free(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch):
    """Sets how much is free on every disk."""

    def of(size: float) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda place: Disk(0, 0, int(size)))

    return of


def test_what_is_staged_and_what_is_to_stay_have_to_fit(free, ispmig_home: Path) -> None:
    staging = ispmig_home / "staging" / "acme" / "1"
    free(1.3 * GIB + 257 * MIB)
    check_room([CSV], staging)
    free(1.3 * GIB + 255 * MIB)
    with pytest.raises(StorageError) as refused:
        check_room([CSV], staging)
    told = str(refused.value)
    assert "sources of 1.0 GiB about 1.3 GiB are needed on the disk of" in told
    assert str(ispmig_home) in told
    assert "1.5 GiB are free there, of which 256.0 MiB are to stay" in told
    assert "ISPMIG_DISK_FACTOR" in told
    assert not refused.value.transient
    assert not staging.exists()


def test_an_embedded_database_on_the_same_disk_needs_its_part(
    free, ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ISPMIG_DATABASE_URL")
    settings.cache_clear()
    free(5.4 * GIB)  # 1.3 staged, 3 in tables, 1 of log at most, and what is to stay
    with pytest.raises(StorageError, match=r"about 5\.3 GiB are needed"):
        check_room([CSV], ispmig_home / "staging")
    free(5.6 * GIB)
    check_room([CSV], ispmig_home / "staging")


@pytest.mark.parametrize(
    ("source", "as_csv"),
    [
        (Source(1000, "csv", ""), 1000),
        (Source(1000, "sql", ""), 1000),
        (Source(1000, "ndjson", ""), 500),
        (Source(1000, "csv", "gzip"), 5000),
        (Source(1000, "json", "zstd"), 2500),
        (Source(1000, "xlsx", ""), 5000),
    ],
)
def test_formats_hold_more_or_less_of_what_is_kept(source: Source, as_csv: float) -> None:
    assert source.as_csv == as_csv


def test_who_knows_better_is_believed(
    free, ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(0.5 * GIB)
    use(monkeypatch, disk_factor="0.2")
    check_room([CSV], ispmig_home)
    use(monkeypatch, disk_factor="0.3")
    with pytest.raises(StorageError):
        check_room([CSV], ispmig_home)
    use(monkeypatch, disk_factor="0")
    check_room([CSV], ispmig_home)


def test_what_tells_no_size_is_not_refused(free, ispmig_home: Path) -> None:
    free(0)
    check_room([Source(0, "postgresql", "")], ispmig_home)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ({"disk_reserve": "900000000"}, "storage", "There is not enough room"),
        ({"least_memory": "1000000"}, "platform", "There is not enough memory"),
    ],
)
def test_a_run_is_refused_before_anything_is_staged(
    ispmig_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, str],
    code: str,
    words: str,
) -> None:
    use(monkeypatch, **said)
    with instance_for_test() as instance:
        house = House(tmp_path, instance)
        ran = house.migrate(write(tmp_path, rows=5))
        told, exit_code = ran.failure()
    assert told.startswith(words)
    assert exit_code == 3
    assert ran.entry is not None
    assert ran.entry.state is State.FAILED
    assert not list((ispmig_home / "staging").rglob("*.arrow"))
    assert house.rows("customer", "account_number") == []


# -- memory


def group(folder: Path, most: str, now: int, cache: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{now}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cache}\n")


def left(tmp_path: Path, path: str) -> list[int]:
    own = tmp_path / "own"
    own.write_text(path)
    return list(room._left_in_groups(tmp_path / "groups", own))


def test_a_container_has_what_its_limit_leaves(tmp_path: Path) -> None:
    group(tmp_path / "groups", "1000", 700, cache=100)
    assert left(tmp_path, "0::/\n") == [400]


def test_every_group_above_counts_and_one_without_a_limit_does_not(tmp_path: Path) -> None:
    groups = tmp_path / "groups"
    group(groups / "pods" / "one", "max", 10)
    group(groups / "pods", "500", 450)
    assert left(tmp_path, "0::/pods/one\n") == [50]


def test_of_the_first_version_too(tmp_path: Path) -> None:
    folder = tmp_path / "groups" / "memory"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("1000")
    (folder / "memory.usage_in_bytes").write_text("900")
    (folder / "memory.stat").write_text("total_inactive_file 50")
    assert left(tmp_path, "5:cpu:/x\n4:memory:/\n") == [150]


def test_where_nothing_is_told_nothing_limits(tmp_path: Path) -> None:
    assert left(tmp_path, "0::/gone\n") == []
    assert list(room._left_in_groups(tmp_path, tmp_path / "not there")) == []


def test_this_machine_has_some_memory() -> None:
    assert available_memory() > 0


def test_too_little_memory_is_told_with_what_is_needed(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "available_memory", lambda: 100 * MIB)
    with pytest.raises(PlatformError, match=r"100\.0 MiB are to be had .* 256\.0 MiB are needed"):
        check_room([], ispmig_home)
    use(monkeypatch, least_memory="0")
    check_room([], ispmig_home)
