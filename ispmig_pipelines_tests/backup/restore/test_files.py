"""Files are set back with the tables, and what was there before is kept till it is confirmed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import tenant_files
from ispmig_pipelines.backup.repository import Part, Repository
from ispmig_pipelines.backup.restore import file_places, files, records
from ispmig_pipelines.backup.restore import restore as restores
from ispmig_pipelines.errors import BackupDamaged, BackupError, StorageError, UsageError
from ispmig_pipelines.platform import tenants
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.storage import S3Storage, open_storage
from ispmig_pipelines_tests.backup.restore.conftest import Restoring, trail_of
from ispmig_pipelines_tests.bucket import s3_server

Content = dict[str, bytes]
THEN: Content = {
    "same.txt": b"as ever", "changed.pdf": b"%PDF then", "gone/deep/file": b"once",
    "Zo\u00eb/empty": b"", "was a folder/in it": b"x", "was a file": b"y",
}  # fmt: skip


class Files:
    """A tenant's files, in a folder or a bucket alike."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.storage = open_storage(place, private=True)

    def put(self, content: Content) -> None:
        for name, data in content.items():
            with self.storage.writing(name) as stream:
                stream.write(data)

    def delete(self, *names: str) -> None:
        for name in names:
            self.storage.delete(name)

    def all(self) -> Content:
        found = {}
        for blob in self.storage.list():
            with self.storage.reading(blob.key) as stream:
                found[blob.key] = stream.read()
        return found

    def beside(self) -> list[str]:
        """What lies beside the place."""
        if isinstance(self.storage, S3Storage):
            above, _, name = self.storage.prefix.rpartition("/")
            keys = [b.key for b in S3Storage(self.storage.bucket, above).list()]
            return sorted({key.split("/")[0] for key in keys} - {name})
        place = Path(self.place)
        return sorted(p.name for p in place.parent.iterdir() if p != place)


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def own(
    request: pytest.FixtureRequest, acme: Tenant, platform: Connection, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    def declared(place: str) -> Files:
        with platform.begin():
            tenant_files.declare(platform, "acme", place)
        found = Files(place)
        found.put(THEN)
        return found

    if request.param == "folder":
        yield declared(str(tmp_path / "srv" / "acme"))
    else:
        with s3_server(monkeypatch) as bucket:
            yield declared(f"s3://{bucket}/files/acme")


@pytest.fixture
def taken(backup: Callable[..., str], own: Files) -> str:
    """A snapshot with the files as of then; since, they changed."""
    snapshot = backup(files=tenant_files.files_of(own.place))
    own.put({"changed.pdf": b"%PDF NOW!", "new": b"since then"})
    own.delete("gone/deep/file", "was a file", "was a folder/in it")
    if not isinstance(own.storage, S3Storage):
        (Path(own.place) / "was a folder").rmdir()
    own.put({"was a folder": b"now a file", "was a file/now": b"a folder"})
    return snapshot


def test_files_come_back_and_go_back_and_nothing_is_left(
    restoring: Restoring, platform: Connection, acme: Tenant, own: Files, taken: str
) -> None:
    now = own.all()
    done = restoring()
    assert own.all() == THEN
    told = done.details["files"]
    assert {n: told[n] for n in ("added", "changed", "removed", "same", "in_snapshot")} == {
        "added": 3, "changed": 1, "removed": 3, "same": 2, "in_snapshot": 6,
    }  # fmt: skip
    assert own.beside() == [f"acme__restore_{told['work']}"]
    own.put({"later": b"written after the restore"})
    with tenants.lock(platform, "acme", "a test"):
        restores.undo(platform, acme, actor="tester")
        assert own.all() == now | {"later": b"written after the restore"}
        restores.confirm(platform, acme, actor="tester")
    assert own.all() == now | {"later": b"written after the restore"}
    assert own.beside() == []


def test_what_was_there_is_kept_till_it_is_confirmed(
    restoring: Restoring, platform: Connection, acme: Tenant, own: Files, taken: str
) -> None:
    restoring()
    with tenants.lock(platform, "acme", "a test"):
        restores.confirm(platform, acme, actor="tester")
    assert (own.all(), own.beside()) == (THEN, [])


def test_a_dry_run_tells_and_touches_nothing(restoring: Restoring, own: Files, taken: str) -> None:
    now = own.all()
    told = restoring(dry_run=True).details["files"]
    assert (told["added"], told["changed"], told["removed"], told["same"]) == (3, 1, 3, 2)
    assert (own.all(), own.beside()) == (now, [])


def test_files_can_be_left_as_they_are(
    restoring: Restoring, platform: Connection, acme: Tenant, own: Files, taken: str
) -> None:
    now = own.all()
    assert restoring(files=False).details["files"]["left_out"] == "by --no-files"
    with tenants.lock(platform, "acme", "a test"):
        restores.undo(platform, acme, actor="tester")
    assert restoring(tables=("customer",)).details["files"] is None
    assert (own.all(), own.beside()) == (now, [])


def test_a_failed_restore_changes_no_file_and_leaves_none(
    restoring: Restoring, repository: Repository, platform: Connection, own: Files, taken: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    now = own.all()

    def broken(*args: object, **options: object) -> None:
        assert own.beside(), "the files lay ready"
        raise BackupError("rows that do not fit")

    with monkeypatch.context() as patched:
        patched.setattr(restores, "build", broken)
        with pytest.raises(BackupError):
            restoring()
    assert (own.all(), own.beside()) == (now, [])
    # A part that is missing, or other bytes, is found before anything is changed, too.
    part = repository.read(taken).file_hashes()
    repository.delete(Part.FILE, sorted(part)[0])
    with pytest.raises(BackupDamaged):
        restoring()
    assert (own.all(), own.beside()) == (now, [])
    assert trail_of(platform)[-1] == ("restore", "failed")


def test_what_a_killed_restore_made_ready_is_taken_away_by_the_next(
    restoring: Restoring, repository: Repository, platform: Connection, own: Files, taken: str
) -> None:
    work = files.new_work()
    records.begin(platform, "acme", "tester", "", {"files": {"place": own.place, "work": work}})
    now = own.all()
    files.make_ready(repository.read(taken), repository, own.place, work)
    assert own.beside() == [f"acme__restore_{work}"]
    restoring(dry_run=True)
    assert (own.all(), own.beside()) == (now, [])


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 1, 4, 6])
def test_files_that_were_cut_off_after_the_commit_are_set_back_by_the_next(
    restoring: Restoring, platform: Connection, acme: Tenant, own: Files, taken: str,
    monkeypatch: pytest.MonkeyPatch, steps: int,
) -> None:  # fmt: skip
    now = own.all()
    real = file_places._each

    def cut_off(work: object, does: Callable[[str], None], names: list[str]) -> None:
        left = steps - cut_off.done  # type: ignore[attr-defined]
        real(work, does, names[: max(0, left)])  # type: ignore[arg-type]
        cut_off.done += len(names)  # type: ignore[attr-defined]
        if left < len(names):
            raise StorageError("the disk is gone")

    cut_off.done = 0  # type: ignore[attr-defined]
    with monkeypatch.context() as patched:
        patched.setattr(file_places, "_each", cut_off)
        with pytest.raises(StorageError, match="ispmig restore finish acme"):
            restoring()
    assert trail_of(platform)[-1] == ("restore", "finished")
    assert own.all() != THEN
    with tenants.lock(platform, "acme", "a test"):
        assert files.settle(platform, "acme") == 1
        assert files.settle(platform, "acme") == 0
        assert own.all() == THEN
        cut_off.done = 0  # type: ignore[attr-defined]
        with monkeypatch.context() as patched:
            patched.setattr(file_places, "_each", cut_off)
            with pytest.raises(StorageError, match="ispmig restore finish acme"):
                restores.undo(platform, acme, actor="tester")
        assert files.settle(platform, "acme") == 1
    assert own.all() == now


def test_a_copy_gets_its_files_elsewhere_or_says_that_it_has_none(
    restoring: Restoring, own: Files, taken: str, tmp_path: Path
) -> None:
    now = own.all()
    assert restoring(into="one").details["files"] == {
        "in_snapshot": 6, "left_out": "a copy of tables",
    }  # fmt: skip
    there = tmp_path / "elsewhere"
    assert restoring(into="two", files_to=str(there)).details["files"]["written"] == 6
    assert Files(str(there)).all() == THEN
    # As after an earlier try.
    restoring(into="three", files_to=str(there))
    (there / "somebody's").write_bytes(b"")
    with pytest.raises(UsageError, match="may be somebody's"):
        restoring(into="four", files_to=str(there))
    with pytest.raises(UsageError, match="another tenant's files"):
        restoring(into="five", files_to=f"{own.place}/below")
    with pytest.raises(UsageError, match="not masked"):
        restoring(into="six", mask=True, files_to=str(tmp_path / "masked"))
    assert own.all() == now


def test_a_snapshot_without_files_takes_none_away(
    restoring: Restoring, backup: Callable[..., str], own: Files
) -> None:
    backup()
    assert restoring().details["files"]["left_out"] == "the snapshot has none"
    assert own.all() == THEN


@pytest.mark.parametrize("own", ["folder"], indirect=True)
def test_in_a_folder_links_are_kept_and_not_followed_and_what_is_the_same_is_not_touched(
    restoring: Restoring, platform: Connection, acme: Tenant, own: Files,
    backup: Callable[..., str], tmp_path: Path,
) -> None:  # fmt: skip
    place = Path(own.place)
    (place / "changed.pdf").chmod(0o640)
    odd = place / os.fsdecode(b"caf\xe9")
    odd.write_bytes(b"latin")
    backup(files=tenant_files.files_of(own.place))
    before = (place / "same.txt").stat()
    secret = tmp_path / "others"
    (secret / "deep").mkdir(parents=True)
    (secret / "deep" / "file").write_bytes(b"of others")
    (place / "gone" / "deep" / "file").unlink()
    (place / "gone" / "deep").rmdir()
    (place / "gone").rmdir()
    (place / "gone").symlink_to(secret)
    (place / "changed.pdf").unlink()
    (place / "changed.pdf").symlink_to(secret / "deep" / "file")
    (place / "a link of one's own").symlink_to("same.txt")
    odd.unlink()
    restoring()
    assert (secret / "deep" / "file").read_bytes() == b"of others"
    assert not (place / "gone").is_symlink()
    assert (place / "gone" / "deep" / "file").read_bytes() == b"once"
    assert stat.S_IMODE((place / "changed.pdf").lstat().st_mode) == 0o640
    assert odd.read_bytes() == b"latin"
    assert (place / "a link of one's own").is_symlink()
    after = (place / "same.txt").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    with tenants.lock(platform, "acme", "a test"):
        restores.undo(platform, acme, actor="tester")
    assert (place / "changed.pdf").readlink() == secret / "deep" / "file"
    assert not odd.exists()


@pytest.mark.parametrize("own", ["folder"], indirect=True)
def test_names_of_files_are_in_no_entry_of_the_trail(
    restoring: Restoring, platform: Connection, own: Files, taken: str
) -> None:
    restoring()
    told = platform.execute(
        sa.text("select string_agg(details::text, ' ') from ispmig.data_migration_logs")
    ).scalar_one()
    platform.rollback()
    assert not [name for name in THEN if name in told]
