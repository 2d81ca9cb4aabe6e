"""A tenant's files are in its snapshots, and come back as they were."""

from __future__ import annotations

import datetime as dt
import os
import socket
import stat
from pathlib import Path

import pytest

from ispmig_pipelines.backup import tenant_files
from ispmig_pipelines.backup.create import Made, create
from ispmig_pipelines.backup.keys import create as create_key
from ispmig_pipelines.backup.manifest import FilePart, Manifest, StoredFile, new_name
from ispmig_pipelines.backup.reading_rows import Counter
from ispmig_pipelines.backup.repository import Part, Repository, open_repository
from ispmig_pipelines.backup.storing_rows import storing
from ispmig_pipelines.backup.tenant_files import Kept, files_of, restore_files
from ispmig_pipelines.errors import BackupDamaged, BackupError, StorageError, UsageError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import open_storage
from ispmig_pipelines_tests.bucket import s3_server

LONG_AGO = 1_700_000_000_123_456_789


@pytest.fixture
def repository(home: Path, tmp_path: Path) -> Repository:
    return Repository(open_storage(tmp_path / "backups", private=True), create_key("acme"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "files of acme"
    folder.mkdir()
    return folder


def put(place: Path, name: str, data: bytes, *, when: int = LONG_AGO, mode: int = 0o640) -> Path:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, ns=(when, when))
    return path


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of files that were written just now are trusted."""
    monkeypatch.setattr(tenant_files, "_SETTLED_NS", 0)


def keep(
    repository: Repository, place: Path | str, parent: Manifest | None = None, *, full: bool = False
) -> tuple[Kept, Counter]:
    counter = Counter()
    with storing(repository) as stores:
        return files_of(str(place), full=full)(stores, counter, parent), counter


def manifest_of(repository: Repository, kept: Kept) -> Manifest:
    instant = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    return Manifest(
        repository=repository.root, tenant="acme", snapshot=new_name(instant), instant=instant,
        kind="full", files=kept.files,
    )  # fmt: skip


def content(folder: Path) -> dict[bytes, tuple[bytes, int, int]]:
    """Name → bytes, permissions and time of change of every file."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            found[os.fsencode(path.relative_to(folder))] = (
                path.read_bytes(), stat.S_IMODE(status.st_mode), status.st_mtime_ns,
            )  # fmt: skip
    return found


def test_files_come_back_with_their_names_bytes_times_and_permissions(
    repository: Repository, place: Path, tmp_path: Path
) -> None:
    put(place, "contract.pdf", b"%PDF" + bytes(range(256)) * 40)
    put(place, "a/b/ empty ", b"", mode=0o600)
    put(place, "a/Zoë\n\\x.txt", "Straße".encode())
    put(place, os.fsdecode(b"a/caf\xe9"), b"latin", mode=0o755)
    put(place, "big", os.urandom(20_000_000), when=LONG_AGO + 1)
    kept, counter = keep(repository, place)
    assert counter.bytes == sum(len(data) for data, _, _ in content(place).values())
    restored = restore_files(manifest_of(repository, kept), repository, tmp_path / "back")
    assert content(tmp_path / "back") == content(place)
    assert (restored.files, restored.bytes) == (5, counter.bytes)
    assert kept.left_out == ()


def test_nothing_but_files_is_followed_or_waited_for(
    repository: Repository, place: Path, tmp_path: Path
) -> None:
    put(tmp_path, "secret/of-others", b"not ours")
    put(place, "own", b"ours")
    (place / "link").symlink_to(tmp_path / "secret" / "of-others")
    (place / "folder-link").symlink_to(tmp_path / "secret")
    (place / "dangling").symlink_to("nowhere")
    os.mkfifo(place / "pipe")
    with socket.socket(socket.AF_UNIX) as heard:
        there = Path.cwd()
        os.chdir(place)
        try:
            heard.bind("socket")
        finally:
            os.chdir(there)
        kept, _ = keep(repository, place)
    assert [file.path for file in kept.files] == ["own"]
    assert [one["path"] for one in kept.left_out] == [
        "dangling", "folder-link", "link", "pipe", "socket"
    ]  # fmt: skip
    assert "link" in kept.left_out[0]["why"]
    assert b"not ours" not in b"".join(
        repository.get_file_part(part) for file in kept.files for part in file.parts
    )


def test_a_folder_that_becomes_a_link_while_it_is_read_is_not_followed(
    repository: Repository, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "secret/x", b"not ours")
    put(place, "in/x", b"ours")
    opened = tenant_files._open_below

    def swapped(root: Path, name: str) -> int:
        if not (place / "in").is_symlink():
            (place / "in").rename(place / "was")
            (place / "in").symlink_to(tmp_path / "secret")
        return opened(root, name)

    monkeypatch.setattr(tenant_files, "_open_below", swapped)
    kept, _ = keep(repository, place)
    assert [file.path for file in kept.files] == []
    assert [one["path"] for one in kept.left_out] == ["in/x"]


@pytest.mark.usefixtures("settled")
def test_what_did_not_change_is_not_read_again_unless_all_is(
    repository: Repository, place: Path
) -> None:
    put(place, "same", b"1" * 1000)
    put(place, "other", b"2" * 10)
    put(place, "gone", b"3" * 10)
    first, _ = keep(repository, place)
    parent = manifest_of(repository, first)
    (place / "gone").unlink()
    put(place, "other", b"4" * 10, when=LONG_AGO + 1_000_000)
    put(place, "new", b"5")
    second, counter = keep(repository, place, parent)
    assert counter.bytes == 11
    assert [file.path for file in second.files] == ["new", "other", "same"]
    assert second.files[2] == first.files[2]
    _, again = keep(repository, place, parent, full=True)
    assert again.bytes == 1011


@pytest.mark.usefixtures("settled")
def test_a_change_that_sets_its_time_back_is_found(repository: Repository, place: Path) -> None:
    put(place, "x", b"before")
    first, _ = keep(repository, place)
    put(place, "x", b"after!")  # as long, and with the same time of change
    second, _ = keep(repository, place, manifest_of(repository, first))
    assert second.files[0].parts != first.files[0].parts


def test_what_was_written_just_now_is_read_again(repository: Repository, place: Path) -> None:
    put(place, "x", b"before")
    first, _ = keep(repository, place)
    assert first.files[0].source["unsettled"]
    _, counter = keep(repository, place, manifest_of(repository, first))
    assert counter.bytes == 6


@pytest.mark.usefixtures("settled")
def test_a_part_that_is_there_no_more_is_stored_again(repository: Repository, place: Path) -> None:
    put(place, "x", b"before")
    first, _ = keep(repository, place)
    repository.delete(Part.FILE, first.files[0].parts[0].hash)
    repository.look_again()
    second, counter = keep(repository, place, manifest_of(repository, first))
    assert counter.bytes == 6
    assert repository.get_file_part(second.files[0].parts[0]) == b"before"


def test_a_file_that_changes_while_it_is_read_is_read_again(
    repository: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, "x", b"before")
    put_part, times = Repository.put_file_part, []

    def changing(self: Repository, data: bytes) -> tuple[FilePart, bool]:
        times.append(data)
        if len(times) == 1:
            put(place, "x", b"after, and longer")
        return put_part(self, data)

    monkeypatch.setattr(Repository, "put_file_part", changing)
    kept, _ = keep(repository, place)
    (file,) = kept.files
    assert [repository.get_file_part(part) for part in file.parts] == [b"after, and longer"]
    assert file.size == 17
    assert kept.left_out == ()


def test_a_file_that_never_stands_still_is_noted(
    repository: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, "log", b"1\n")
    put_part = Repository.put_file_part

    def growing(self: Repository, data: bytes) -> tuple[FilePart, bool]:
        with (place / "log").open("ab") as log:
            log.write(b"more\n")
        return put_part(self, data)

    monkeypatch.setattr(Repository, "put_file_part", growing)
    kept, _ = keep(repository, place)
    (file,) = kept.files
    assert sum(part.raw for part in file.parts) == file.size
    assert file.source["unsettled"]
    assert "changed each time" in kept.left_out[0]["why"]


def test_a_file_that_is_deleted_meanwhile_is_no_failure(
    repository: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, "a", b"a")
    put(place, "b", b"b")
    opened = tenant_files._open_below

    def deleting(root: Path, name: str) -> int:
        if name == "b":
            (place / "b").unlink(missing_ok=True)
        return opened(root, name)

    monkeypatch.setattr(tenant_files, "_open_below", deleting)
    kept, _ = keep(repository, place)
    assert [file.path for file in kept.files] == ["a"]
    assert kept.left_out == ()


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a//x", ".", "", "a/./x", "x\0y"])
def test_no_path_leads_out_of_the_target(repository: Repository, tmp_path: Path, path: str) -> None:
    part, _ = repository.put_file_part(b"x")
    good = StoredFile(path="good", size=1, modified="2026-01-01T00:00:00+00:00", parts=(part,))
    for bad in (
        good.model_copy(update={"path": path}),
        good.model_copy(update={"source": {"path_bytes": path.encode().hex()}}),
    ):
        with pytest.raises(BackupError, match="leads out"):
            restore_files(
                manifest_of(repository, Kept(files=(good, bad))), repository, tmp_path / "back"
            )
        assert not (tmp_path / "back").exists()


def test_no_link_in_the_target_is_followed(
    repository: Repository, place: Path, tmp_path: Path
) -> None:
    put(place, "in/x", b"ours")
    kept, _ = keep(repository, place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    back = tmp_path / "back"
    back.mkdir()
    (back / "in").symlink_to(elsewhere)
    with pytest.raises(StorageError, match="link"):
        restore_files(manifest_of(repository, kept), repository, back)
    assert list(elsewhere.iterdir()) == []
    (back / "in").unlink()
    (back / "in").mkdir()
    (elsewhere / "y").write_bytes(b"theirs")
    (back / "in" / "x").symlink_to(elsewhere / "y")
    restore_files(manifest_of(repository, kept), repository, back)
    assert (elsewhere / "y").read_bytes() == b"theirs"
    assert (back / "in" / "x").read_bytes() == b"ours"
    assert not (back / "in" / "x").is_symlink()


def test_a_damaged_part_leaves_no_half_of_a_file(
    repository: Repository, place: Path, tmp_path: Path
) -> None:
    put(place, "x", os.urandom(9_000_000))
    kept, _ = keep(repository, place)
    bad = kept.files[0].parts[1]
    key = repository.key_of(Part.FILE, bad.hash)
    with repository.storage.reading(key) as stream:
        data = bytearray(stream.read())
    data[-10] ^= 1
    with repository.storage.writing(key) as stream:
        stream.write(data)
    with pytest.raises(BackupDamaged):
        restore_files(manifest_of(repository, kept), repository, tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_no_set_user_id_comes_back(repository: Repository, place: Path, tmp_path: Path) -> None:
    put(place, "x", b"#!", mode=0o4755)
    kept, _ = keep(repository, place)
    restore_files(manifest_of(repository, kept), repository, tmp_path / "back")
    assert stat.S_IMODE((tmp_path / "back" / "x").stat().st_mode) == 0o755


def test_of_a_folder_that_is_not_there_yet_there_are_no_files(
    repository: Repository, tmp_path: Path
) -> None:
    assert keep(repository, tmp_path / "later")[0] == Kept()
    put(tmp_path, "file", b"")
    with pytest.raises(StorageError, match="no folder"):
        keep(repository, tmp_path / "file")


@pytest.mark.slow
def test_files_of_a_bucket(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(monkeypatch) as bucket:
        repository = Repository(open_storage(f"s3://{bucket}/backups"), create_key("acme"))
        theirs = open_storage(f"s3://{bucket}/files/acme")
        for name, data in (("a/contract.pdf", b"%PDF"), ("b", b""), ("big", bytes(9_000_000))):
            with theirs.writing(name) as stream:
                stream.write(data)
        client = theirs.client  # type: ignore[attr-defined]
        client.put_object(Bucket=bucket, Key="files/acme/folder/", Body=b"")
        client.put_object(Bucket=bucket, Key="files/acme/../x", Body=b"bad")
        client.put_object(Bucket=bucket, Key="files/acme2/other", Body=b"other tenant's")
        url = f"s3://{bucket}/files/acme"
        kept, counter = keep(repository, url)
        assert [file.path for file in kept.files] == ["a/contract.pdf", "b", "big"]
        assert [one["path"] for one in kept.left_out] == ["../x"]
        assert counter.bytes == 9_000_004
        with theirs.writing("b") as stream:
            stream.write(b"now")
        second, counter = keep(repository, url, manifest_of(repository, kept))
        assert counter.bytes == 3
        manifest = manifest_of(repository, second)
        restore_files(manifest, repository, tmp_path / "back")
        restore_files(manifest, repository, f"s3://{bucket}/copy")
        assert (tmp_path / "back" / "b").read_bytes() == b"now"
        copied = open_storage(f"s3://{bucket}/copy")
        assert [(b.key, b.size) for b in copied.list()] == [
            ("a/contract.pdf", 4), ("b", 3), ("big", 9_000_000)
        ]  # fmt: skip


@pytest.fixture
def acme(ispmig_home: Path) -> str:
    ledger.prepare(engine())
    tenants.add(engine(), "acme")
    tenants.add(engine(), "other")
    return "acme"


def test_a_tenant_s_place_is_its_own(
    acme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine().begin() as connection:
        assert tenant_files.place_of(connection, acme) == ""
        assert tenant_files.declare(connection, acme, str(tmp_path / "a")) == str(tmp_path / "a")
        for bad in (tmp_path / "a", tmp_path / "a" / "in", settings().backup_place,
                    settings().keys_folder, settings().home, "/"):  # fmt: skip
            with pytest.raises(UsageError):
                tenant_files.declare(connection, "other", str(bad))
        assert tenant_files.declare(connection, acme, "default") == ""
        monkeypatch.setenv("ISPMIG_TENANT_FILES", str(tmp_path / "all") + "/")
        settings.cache_clear()
        assert tenant_files.place_of(connection, acme) == str(tmp_path / "all" / "acme")
        with pytest.raises(UsageError, match="another tenant"):
            tenant_files.declare(connection, "other", str(tmp_path / "all" / "acme" / "x"))


def test_files_are_in_the_snapshot_and_what_is_not_is_told(acme: str, place: Path) -> None:
    put(place, "a/contract.pdf", b"%PDF")
    (place / "link").symlink_to("a")
    repository = open_repository(acme, make=True)

    def made() -> Made:
        return create(acme, repository, actor="tester", files=files_of(str(place)))

    first = made()
    assert first.files == 1
    assert [one["path"] for one in first.left_out] == ["link"]
    manifest = repository.read(first.snapshot)
    assert manifest.measured["left_out"] == list(first.left_out)
    assert not repository.lacks(manifest)
    second = made()
    assert repository.read(second.snapshot).files[0].parts == manifest.files[0].parts
