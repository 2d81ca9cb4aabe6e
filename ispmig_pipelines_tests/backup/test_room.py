"""Room: a backup, a restore or a drill for which a disk will not do is refused before it writes."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import sql

from ispmig_pipelines.backup import room
from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.drill import drill
from ispmig_pipelines.backup.manifest import PieceRef, StoredFile, Table
from ispmig_pipelines.backup.repository import Part, Repository, open_repository
from ispmig_pipelines.backup.restore.restore import Asked, restore
from ispmig_pipelines.disks import GIB, MIB
from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import connect, engine, told_plainly
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import open_storage

Disk = namedtuple("Disk", "total used free")
Free = Callable[[float], None]
PIECE = PieceRef(hash="0" * 64, rows=1_000_000, bytes=1, raw=400_000_000)
TABLE = Table(name="customer", columns=(), key=(), rows=PIECE.rows, pieces=(PIECE,))


@pytest.fixture
def free(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> Free:
    """Sets how much is free on every disk; the database counts as the embedded one."""
    monkeypatch.setattr(room, "is_embedded", lambda: True)

    def of(size: float) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda place: Disk(0, 0, int(size)))

    return of


def test_tables_and_the_servers_log_have_to_fit(free: Free) -> None:
    needed = 2 * (400_000_000 + 40 * 1_000_000) + 256 * MIB
    free(needed + 1)
    room.check_restore([TABLE])
    free(needed - 1)
    with pytest.raises(StorageError) as refused:
        room.check_restore([TABLE])
    told = str(refused.value)
    assert "not enough room for this restore: about 839.2 MiB are needed" in told
    assert "256.0 MiB are to stay (ISPMIG_DISK_RESERVE)" in told
    assert not refused.value.transient


def test_of_the_log_no_more_than_the_server_keeps(free: Free) -> None:
    free(10 * 440_000_000 + GIB + 256 * MIB + 1)
    room.check_restore([TABLE] * 10)


def test_a_server_elsewhere_and_who_knows_better_are_not_asked(
    free: Free, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(0)
    with pytest.raises(StorageError):
        room.check_restore([TABLE])
    monkeypatch.setattr(room, "is_embedded", lambda: False)
    room.check_restore([TABLE])
    monkeypatch.setattr(room, "is_embedded", lambda: True)
    monkeypatch.setenv("ISPMIG_DISK_FACTOR", "0")
    settings.cache_clear()
    room.check_restore([TABLE])


def test_files_have_to_fit_where_they_go(free: Free, tmp_path: Path) -> None:
    files = [StoredFile(path="a", size=GIB, modified="2026-11-22T10:31:07+00:00")]
    place = open_storage(str(tmp_path / "files"), private=True)
    free(GIB + 255 * MIB)
    with pytest.raises(StorageError, match="--no-files"):
        room.check_files(files, place)
    free(GIB + 257 * MIB)
    room.check_files(files, place)


@pytest.fixture
def acme(ispmig_home: Path) -> Tenant:
    ledger.prepare(engine())
    tenant = tenants.add(engine(), "acme")
    with connect(autocommit=True) as driver:
        driver.execute(
            sql.SQL(
                "create table {} as select n, md5(n::text) t from generate_series(1, 9) n"
            ).format(sql.Identifier(tenant.schema, "words"))
        )
    return tenant


@pytest.fixture
def repository(acme: Tenant) -> Repository:
    return open_repository("acme", make=True)


def test_nothing_is_written_where_nothing_fits(
    free: Free, acme: Tenant, repository: Repository
) -> None:
    free(256 * MIB)
    with pytest.raises(StorageError, match="not enough room for this backup"):
        create("acme", repository, actor="tester")
    assert repository.snapshots() == []
    assert list(repository.stored(Part.PIECE)) == []
    free(GIB)
    made = create("acme", repository, actor="tester")
    free(256 * MIB)
    with pytest.raises(StorageError, match="not enough room for this drill"):
        drill("acme", repository, actor="tester")
    with (
        told_plainly(),
        engine().connect() as connection,
        pytest.raises(StorageError, match="not enough room for this restore"),
    ):
        restore(connection, acme, repository, Asked("latest"), actor="tester")
    with connect(autocommit=True) as driver:
        schemas = driver.execute(
            "select count(*) from pg_namespace where starts_with(nspname::text, 'tenant_acme')"
        ).fetchone()
    assert schemas == (1,)
    # When there is room again, it goes on as if nothing had been.
    free(GIB)
    assert drill("acme", repository, actor="tester").snapshot == made.snapshot
