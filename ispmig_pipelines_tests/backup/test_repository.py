"""What is stored is stored once and read as it was; what was done to it is found and named."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ispmig_pipelines.backup import keys, piece
from ispmig_pipelines.backup.cipher import decrypt, encrypt, new_identity, recipient_of
from ispmig_pipelines.backup.manifest import Manifest, PieceRef, Table, new_name
from ispmig_pipelines.backup.repository import (
    Part,
    Repository,
    deposited_keys,
    open_repository,
)
from ispmig_pipelines.errors import (
    BackupDamaged,
    BackupKeyError,
    Damage,
    StorageError,
    UsageError,
)
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import LocalStorage, S3Storage, Storage, open_storage
from ispmig_pipelines_tests.backup.rows import customers, every_type
from ispmig_pipelines_tests.bucket import s3_server

INSTANT = dt.datetime(2026, 11, 22, 10, 31, 7, 123456, dt.UTC)


def bytes_at(storage: Storage, key: str) -> bytes:
    with storage.reading(key) as stream:
        return stream.read()


def overwrite(storage: Storage, key: str, data: bytes) -> None:
    with storage.writing(key) as stream:
        stream.write(data)


def names(storage: Storage) -> list[str]:
    return [blob.key for blob in storage.list()]


def snapshot(
    repository: Repository, refs: list[PieceRef], *, instant: dt.datetime = INSTANT, **more: Any
) -> Manifest:
    table = Table(
        name="customer", columns=(), key=(), rows=sum(r.rows for r in refs), pieces=tuple(refs)
    )
    return Manifest(
        repository=repository.root,
        tenant=repository.keys.tenant,
        snapshot=new_name(instant),
        instant=instant,
        kind="full",
        tables=(table,),
        **more,
    )


def again(repository: Repository) -> Repository:
    """As another process opens it."""
    return Repository(repository.storage, keys.load("acme"))


def test_rows_come_back_as_they_were(repository: Repository) -> None:
    for rows in (customers(0, 3000), every_type(), customers(0, 0)):
        ref, new = repository.put(rows, first=["a", None], last=["b", "c"])
        assert new
        assert (ref.rows, ref.first, ref.last) == (rows.num_rows, ("a", None), ("b", "c"))
        key = repository.key_of(Part.PIECE, ref.hash)
        assert key == f"{repository.root}/pieces/{ref.hash[:2]}/{ref.hash}.parquet.age"
        assert ref.bytes == len(bytes_at(repository.storage, key))
        assert repr(again(repository).get(ref).to_pylist()) == repr(rows.to_pylist())


def test_the_same_rows_are_stored_once(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 100))
    for writer in (repository, again(repository)):
        assert writer.put(customers(0, 100)) == (ref, False)
    halves = pa.concat_batches([customers(0, 50), customers(50, 100)])
    assert repository.put(halves) == (ref, False)
    assert repository.put(customers(0, 101))[1]
    assert len(names(repository.storage)) == 2
    assert {s.hash for s in repository.stored(Part.PIECE)} == repository.known(Part.PIECE).keys()


def test_two_writers_that_know_nothing_of_each_other_do_not_disturb(
    repository: Repository,
) -> None:
    one, two = again(repository), again(repository)
    assert not one.known(Part.PIECE)
    assert not two.known(Part.PIECE)
    ref, new = one.put(customers(0, 100))
    written = bytes_at(one.storage, one.key_of(Part.PIECE, ref.hash))
    assert two.put(customers(0, 100)) == (ref, False)  # of the bytes that lie there
    assert new
    assert bytes_at(one.storage, one.key_of(Part.PIECE, ref.hash)) == written


def test_many_threads_store_at_once(repository: Repository) -> None:
    refs: list[PieceRef] = []
    failed: list[BaseException] = []

    def store(begin: int) -> None:
        try:
            for number in range(begin, begin + 6):
                refs.append(repository.put(customers(number, number + 50))[0])  # noqa: PERF401
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=store, args=(begin,)) for begin in (0, 3, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len({r.hash for r in refs}) == len(names(repository.storage)) == 9
    assert {r.hash: r.bytes for r in refs} == dict(repository.known(Part.PIECE))


def test_parts_of_files_come_back_too(repository: Repository) -> None:
    for data in (b"", b"x" * 100_000):
        ref, new = repository.put_file_part(data)
        assert new
        assert again(repository).put_file_part(data) == (ref, False)
        assert again(repository).get_file_part(ref) == data
    with pytest.raises(ValueError, match="64 MiB"):
        repository.put_file_part(bytes((64 << 20) + 1))
    # A file of the bytes of a piece is no piece.
    rows, _ = repository.put(customers(0, 3))
    assert repository.put_file_part(piece.write(customers(0, 3)))[0].hash != rows.hash


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


DAMAGES: dict[str, tuple[Callable[[Repository, bytes, bytes], bytes], set[Damage]]] = {
    "a bit of the header": (lambda r, a, b: flip(a, 10), {Damage.ALTERED}),
    # Of one text in base64, which may be none any more.
    "a bit of the recipient": (lambda r, a, b: flip(a, 100), {Damage.UNOPENED, Damage.ALTERED}),
    "a bit of the content": (lambda r, a, b: flip(a, len(a) // 2), {Damage.ALTERED}),
    "the last bit": (lambda r, a, b: flip(a, len(a) - 1), {Damage.ALTERED}),
    "cut off": (lambda r, a, b: a[:-1], {Damage.ALTERED}),
    "cut off in the middle": (lambda r, a, b: a[: len(a) // 2], {Damage.ALTERED}),
    "empty": (lambda r, a, b: b"", {Damage.ALTERED}),
    "something behind": (lambda r, a, b: a + b"x", {Damage.ALTERED}),
    "another piece": (lambda r, a, b: b, {Damage.SWAPPED}),
    "no piece": (lambda r, a, b: encrypt(b"PAR1", r.keys.recipients), {Damage.SWAPPED}),
    "too large": (
        lambda r, a, b: encrypt(bytes(3 << 20), r.keys.recipients),
        {Damage.SWAPPED},
    ),
    "another key": (
        lambda r, a, b: encrypt(b"PAR1", keys.generate("acme").recipients),
        {Damage.UNOPENED},
    ),
    "almost the same rows": (
        lambda r, a, b: encrypt(piece.write(customers(0, 300, mark="!")), r.keys.recipients),
        {Damage.SWAPPED},
    ),
}


@pytest.mark.slow
def test_a_damaged_piece_is_refused_and_named(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 300))
    other, _ = repository.put(customers(1, 301))
    part, _ = repository.put_file_part(b"x" * 9000)
    other_part, _ = repository.put_file_part(b"y" * 9000)
    store = repository.storage
    for kind, hash, beside, read in (
        (Part.PIECE, ref.hash, other.hash, lambda: again(repository).get(ref)),
        (Part.FILE, part.hash, other_part.hash, lambda: again(repository).get_file_part(part)),
    ):
        key = repository.key_of(kind, hash)
        place = store.place(key)
        before = bytes_at(store, key)
        neighbour = bytes_at(store, repository.key_of(kind, beside))
        for damage, (change, expected) in DAMAGES.items():
            overwrite(store, key, change(repository, before, neighbour))
            with pytest.raises(BackupDamaged) as refused:
                read()
            assert refused.value.damage in expected, damage
            assert refused.value.place == place
            assert str(refused.value).startswith(place)
        overwrite(store, key, before)
        read()


def test_a_deleted_piece_is_told(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 300))
    part, _ = repository.put_file_part(b"x")
    repository.storage.delete(repository.key_of(Part.PIECE, ref.hash))
    repository.storage.delete(repository.key_of(Part.FILE, part.hash))
    for read in (lambda: repository.get(ref), lambda: repository.get_file_part(part)):
        with pytest.raises(BackupDamaged, match="is not there") as refused:
            read()
        assert refused.value.damage is Damage.MISSING


def test_the_rows_that_a_manifest_tells_count_too(repository: Repository) -> None:
    ref, _ = repository.put(pa.record_batch({"c": [f"{n}" * 999 for n in range(99)]}))
    for wrong in ({"rows": 98}, {"raw": 100}):
        with pytest.raises(BackupDamaged) as refused:
            repository.get(ref.model_copy(update=wrong))
        assert refused.value.damage is Damage.SWAPPED


def test_the_wrong_key_opens_nothing(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 300))
    made = snapshot(repository, [ref])
    repository.publish(made)
    stranger = Repository(
        repository.storage, replace(repository.keys, identities=(new_identity(),))
    )
    for read in (lambda: stranger.get(ref), lambda: stranger.read(made.snapshot)):
        with pytest.raises(BackupDamaged, match="none of the tenant's keys") as refused:
            read()
        assert refused.value.damage is Damage.UNOPENED


def test_a_damaged_piece_is_mended_on_demand(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 300))
    overwrite(repository.storage, repository.key_of(Part.PIECE, ref.hash), b"junk")
    fresh = again(repository)
    assert fresh.put(customers(0, 300))[1] is False
    mended, new = fresh.put(customers(0, 300), again=True)
    assert new
    assert again(repository).get(mended) == customers(0, 300)
    assert again(repository).get(ref) == customers(0, 300)


def test_a_snapshot_is_there_when_it_is_published(repository: Repository) -> None:
    assert repository.snapshots() == []
    assert repository.newest() is None
    ref, _ = repository.put(customers(0, 300))
    assert again(repository).snapshots() == []
    made = snapshot(repository, [ref])
    repository.publish(made)
    (found,) = again(repository).snapshots()
    assert (found.name, found.instant) == (made.snapshot, INSTANT)
    assert again(repository).read(found.name) == again(repository).newest() == made
    with pytest.raises(UsageError, match="already"):
        repository.publish(made.model_copy(update={"kind": "incremental"}))
    assert repository.newest() == made


def test_what_a_broken_backup_stored_the_next_one_uses(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 300))
    assert again(repository).newest() is None
    later = again(repository)
    assert later.put(customers(0, 300)) == (ref, False)
    later.publish(snapshot(later, [ref]))
    assert later.newest() is not None


def test_no_snapshot_is_made_that_lacks_something(repository: Repository) -> None:
    refs = [repository.put(customers(n, n + 10))[0] for n in range(3)]
    assert repository.lacks(snapshot(repository, refs)) == {}
    # By somebody else, and after it was listed.
    for ref in refs[:2]:
        repository.storage.delete(repository.key_of(Part.PIECE, ref.hash))
    with pytest.raises(BackupDamaged, match="nor are 1 others") as refused:
        repository.publish(snapshot(repository, refs))
    assert refused.value.damage is Damage.MISSING
    assert repository.snapshots() == []
    assert again(repository).lacks(snapshot(repository, refs)) == {
        Part.PIECE: frozenset(ref.hash for ref in refs[:2])
    }
    # It stores again what is gone, and then it can.
    for n in range(2):
        assert repository.put(customers(n, n + 10))[1]
    repository.publish(snapshot(repository, refs))


def test_snapshots_are_found_by_what_tells_them_apart(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 3))
    with pytest.raises(UsageError, match="No backup was made yet"):
        repository.find("latest")
    made = [
        snapshot(repository, [ref], instant=INSTANT + dt.timedelta(days=days)) for days in (2, 0, 1)
    ]
    for one in made:
        repository.publish(one)
    old, middle, new = sorted(one.snapshot for one in made)
    assert [s.name for s in repository.snapshots()] == [old, middle, new]
    assert repository.find("latest").name == new
    assert repository.find(middle).name == middle
    assert repository.find("20261123").name == middle
    assert repository.find(old[-8:]).name == old
    for text in ("2026", "", "2025", "../" + old):
        with pytest.raises(UsageError, match="20261124"):
            repository.find(text)
    for text in ("latest", "../" + old, old[:-1]):
        with pytest.raises(UsageError, match="no name of a snapshot"):
            repository.read(text)


def test_a_manifest_under_another_name_is_refused(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 3))
    one, two = (snapshot(repository, [ref]) for _ in range(2))
    repository.publish(one)
    repository.publish(two)
    store = repository.storage
    overwrite(
        store,
        repository.key_of_snapshot(two.snapshot),
        bytes_at(store, repository.key_of_snapshot(one.snapshot)),
    )
    with pytest.raises(BackupDamaged, match="moved or renamed") as refused:
        repository.read(two.snapshot)
    assert refused.value.damage is Damage.SWAPPED
    store.delete(repository.key_of_snapshot(one.snapshot))
    with pytest.raises(BackupDamaged) as refused:
        repository.read(one.snapshot)
    assert refused.value.damage is Damage.MISSING


def test_only_what_has_our_names_is_told_and_deleted(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 3))
    part, _ = repository.put_file_part(b"x")
    repository.publish(snapshot(repository, [ref]))
    store, root = repository.storage, repository.root
    for key in (
        "pieces/readme",
        f"pieces/00/{ref.hash}.parquet.age",
        "snapshots/x.manifest.age",
        "snapshots/x/20261122T103107.123456Z-5f0c9a1e.manifest.age",
        "files/ab/x.age",
    ):
        overwrite(store, f"{root}/{key}", b"theirs")
    fresh = again(repository)
    assert [s.hash for s in fresh.stored(Part.PIECE)] == [ref.hash]
    assert [(s.hash, s.bytes) for s in fresh.stored(Part.FILE)] == [(part.hash, part.bytes)]
    assert len(fresh.snapshots()) == 1
    fresh.delete_snapshot(fresh.snapshots()[0].name)
    fresh.delete(Part.PIECE, ref.hash)
    fresh.delete(Part.FILE, part.hash)
    fresh.delete(Part.FILE, part.hash)  # what is gone is gone
    assert fresh.snapshots() == []
    assert not list(fresh.stored(Part.PIECE))
    assert len(names(store)) == 5
    for bad in ("../x", "A" * 64, ""):
        with pytest.raises(ValueError, match="no hash"):
            fresh.delete(Part.PIECE, bad)
        with pytest.raises(ValueError, match="no name"):
            fresh.delete_snapshot(bad)


def test_others_see_that_a_backup_is_being_made(repository: Repository) -> None:
    with repository.writing() as mark:
        (found,) = again(repository).writers()
        assert found.name == mark
        assert abs(found.begun - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)
    assert repository.writers() == []
    with pytest.raises(RuntimeError), repository.writing():
        raise RuntimeError
    assert repository.writers() == []
    killed = repository.writing()
    killed.__enter__()
    again(repository).delete_writer(repository.writers()[0].name)
    assert repository.writers() == []
    killed.__exit__(None, None, None)


def test_what_is_listed_is_listed_anew_for_a_new_backup(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 3))
    again(repository).delete(Part.PIECE, ref.hash)
    with repository.writing():
        assert repository.put(customers(0, 3))[1]


def test_unfinished_uploads_are_no_pieces_and_are_swept_away(repository: Repository) -> None:
    hash = "ab" * 32
    key = repository.key_of(Part.PIECE, hash)
    store = repository.storage
    if isinstance(store, LocalStorage):
        path = store.root / key
        path.parent.mkdir(parents=True)
        path.with_name(f".{path.name}.0123456789ab.part").write_bytes(b"half")
        beside = store.root / "other-0" / ".x.0123456789ab.part"
        beside.parent.mkdir()
        beside.write_bytes(b"half")
    else:
        assert isinstance(store, S3Storage)
        for name in (key, "other-0/x"):
            store.client.create_multipart_upload(Bucket=store.bucket, Key=f"{store.prefix}/{name}")
    assert not repository.known(Part.PIECE)
    assert repository.sweep(older_than=dt.timedelta(0)) == 1
    assert repository.sweep(older_than=dt.timedelta(0)) == 0


def test_after_shredding_nothing_opens(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 3))
    made = snapshot(repository, [ref])
    repository.publish(made)
    before = {key: bytes_at(repository.storage, key) for key in names(repository.storage)}
    keys.shred("acme")
    with pytest.raises(BackupKeyError):
        open_repository("acme", storage=repository.storage)
    anew = open_repository("acme", make=True, storage=repository.storage)
    assert anew.snapshots() == []
    for key, data in before.items():
        assert bytes_at(repository.storage, key) == data
        with pytest.raises(BackupDamaged):
            decrypt(data, anew.keys.identities, key)


def test_a_lost_key_comes_back_from_its_deposit_by_a_recovery_key_alone(
    home: Path, store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery = new_identity()
    without = Repository(store, keys.create("acme"))
    without.publish(snapshot(without, [without.put(customers(0, 3))[0]]))
    assert deposited_keys(store, "acme", [recovery]) == []
    monkeypatch.setenv("ISPMIG_BACKUP_RECOVERY", recipient_of(recovery))
    settings.cache_clear()
    for _ in range(2):
        repository = again(without)
        ref, _ = repository.put(customers(0, 300))
        repository.publish(snapshot(repository, [ref]))
    (key,) = [key for key in names(store) if "/keys/" in key]
    with pytest.raises(BackupDamaged):  # whoever has the tenant's key has no use for it
        decrypt(bytes_at(store, key), repository.keys.identities, key)
    lost = keys.load("acme")
    assert keys.shred("acme").remains[0].startswith(f"The owner of {recipient_of(recovery)}")
    (text,) = deposited_keys(store, "acme", [recovery])
    keys.keep(text)
    assert keys.load("acme") == lost
    assert len(again(repository).snapshots()) == 3
    assert again(repository).get(ref) == customers(0, 300)


def test_after_a_rotation_the_same_rows_are_not_stored_again(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 3))
    keys.rotate("acme")
    assert again(repository).put(customers(0, 3)) == (ref, False)
    other, _ = again(repository).put(customers(0, 4))
    assert again(repository).get(ref) == customers(0, 3)
    with pytest.raises(BackupDamaged):
        repository.get(other)


def test_no_content_is_in_names_or_in_the_clear(repository: Repository) -> None:
    ref, _ = repository.put(customers(0, 50), first=["ACC-0000000"], last=["ACC-0000049"])
    repository.publish(snapshot(repository, [ref]))
    for key in names(repository.storage):
        assert b"ACC-" not in bytes_at(repository.storage, key)
        assert "ACC" not in key
    other = Repository(repository.storage, keys.create("other"))
    assert other.put(customers(0, 50))[0].hash != ref.hash


def test_the_place_is_the_one_of_the_settings(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = open_repository("acme", make=True)
    opened.put(customers(0, 3))
    (file,) = (home / "backups").rglob("*.age")
    assert file.stat().st_mode & 0o777 == 0o600
    assert (home / "backups").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("ISPMIG_BACKUPS", str(tmp_path / "elsewhere"))
    settings.cache_clear()
    assert tmp_path / "elsewhere" in settings().private_folders
    assert not open_repository("acme").known(Part.PIECE)


class Empty:
    def stream(self) -> list[bytes]:
        return []


def make_puts_fail(storage: S3Storage, faults: list[str]) -> None:
    """Each of the next requests that write ends as said: ``500``, or ``lost`` after it was done."""
    from botocore.awsrequest import AWSResponse
    from botocore.httpsession import URLLib3Session

    def send(request: Any, **_: Any) -> Any:
        if request.method != "PUT" or not faults:
            return None
        if faults.pop(0) == "lost":
            assert URLLib3Session().send(request).status_code == 200
        return AWSResponse(request.url, 500, {}, Empty())

    storage.client.meta.events.register("before-send.s3", send)


@pytest.mark.slow
def test_on_s3_faults_are_tried_again_and_lost_answers_do_no_harm(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    with s3_server(monkeypatch) as bucket:
        store = open_storage(f"s3://{bucket}/b")
        assert isinstance(store, S3Storage)
        repository = Repository(store, keys.create("acme"))
        faults = ["500", "500", "lost"]
        make_puts_fail(store, faults)
        ref, new = repository.put(customers(0, 300))
        assert not faults
        assert not new  # it was there when it was asked again
        assert repository.get(ref) == customers(0, 300)
        made = snapshot(repository, [ref])
        faults += ["500", "lost"]
        repository.publish(made)
        assert not faults
        assert repository.newest() == made
        with pytest.raises(UsageError, match="already"):
            repository.publish(made.model_copy(update={"kind": "incremental"}))
        faults += ["500"] * 50
        with pytest.raises(StorageError) as failed:
            repository.put(customers(0, 301))
        assert failed.value.transient
        faults.clear()
        assert repository.put(customers(0, 301))[1]


def test_what_the_disk_refuses_is_no_damage(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(LocalStorage(tmp_path / "b"), keys.create("acme"))
    ref, _ = repository.put(customers(0, 3))

    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(StorageError, match="Input/output"):
        repository.get(ref)
