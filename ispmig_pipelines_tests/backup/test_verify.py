"""Whatever was done to a backup is found, named, and told with what it hurts."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.backup import evidence, keys
from ispmig_pipelines.backup import manifest as manifests
from ispmig_pipelines.backup.cipher import encrypt, new_identity, recipient_of
from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.evidence import State
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Part, Repository, open_repository
from ispmig_pipelines.backup.verify import Verified, broken, reading_back, share_of, verify
from ispmig_pipelines.errors import BackupKeyError, StorageError, UsageError
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import LocalStorage, open_storage
from ispmig_pipelines_tests.backup.made_up import (
    INSTANT,
    again,
    bytes_at,
    flip,
    on_record,
    overwrite,
    piece_keys,
    snapshot,
)
from ispmig_pipelines_tests.backup.rows import customers
from ispmig_pipelines_tests.bucket import s3_server

DAY = dt.timedelta(days=1)


@pytest.fixture
def repository(ispmig_home: Path) -> Repository:
    """The empty repository of a tenant ``acme``."""
    return open_repository("acme", make=True)


@pytest.fixture
def two(repository: Repository) -> tuple[Manifest, Manifest]:
    """Two snapshots: customers changed in one of three pieces, plans and a file did not."""
    plans = [customers(9000, 9010)]
    first = [customers(0, 100), customers(100, 200), customers(200, 300)]
    second = [*first[:2], customers(200, 300, mark="*")]
    files = {"contracts/1.pdf": b"contract" * 100}
    old = snapshot(repository, {"customer": first, "plan": plans}, files=files)
    new = snapshot(
        repository, {"customer": second, "plan": plans}, files=files, instant=INSTANT + DAY
    )
    return old, new


def verified(repository: Repository, **more: Any) -> Verified:
    return verify("acme", again(repository), actor="tester", **more)


def test_all_of_it_is_read_once_however_many_snapshots_need_it(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    found = verified(repository)
    assert found.holds
    assert broken(found) is None
    assert (found.snapshots, found.parts, found.read, found.unread) == (2, 6, 6, 0)
    sizes = sum(s.bytes for part in Part for s in repository.stored(part))
    assert found.bytes == found.bytes_read == sizes
    assert found.whole == (two[1].snapshot, two[0].snapshot)
    assert found.as_json()["damaged"] == []


def test_without_a_snapshot_there_is_nothing_to_find(repository: Repository) -> None:
    found = verified(repository)
    assert found.holds
    assert (found.snapshots, found.read) == (0, 0)


def change(repository: Repository, key: str, how: Callable[[bytes], bytes]) -> None:
    overwrite(repository.storage, key, how(bytes_at(repository.storage, key)))


@pytest.mark.parametrize(
    ("how", "damage"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "altered"),
        (lambda data: data[:300] + bytes([data[300] ^ 128]) + data[301:], "altered"),
        (lambda data: data[:-20], "altered"),
        (lambda data: b"", "altered"),
        (lambda data: data + b"\0", "altered"),
        (lambda data: encrypt(b"PAR1", [recipient_of(new_identity())]), "unopened"),
    ],
)
def test_a_piece_that_was_changed_is_found_with_what_it_hurts(
    repository: Repository,
    two: tuple[Manifest, Manifest],
    how: Callable[[bytes], bytes],
    damage: str,
) -> None:
    (_, _, changed) = piece_keys(repository, two[1], "customer")
    change(repository, changed, how)
    found = verified(repository)
    (problem,) = found.problems
    assert (problem.kind, problem.damage) == ("piece", damage)
    assert problem.place == repository.storage.place(changed)
    assert problem.snapshots == (two[1].snapshot,)
    assert problem.tables == ("customer",)
    assert found.whole == (two[0].snapshot,)
    error = broken(found)
    assert error is not None
    assert error.exit_code == 1
    for told in (problem.place, two[1].snapshot, "customer", f"damaged: {two[0].snapshot}",
                 "ispmig backup create acme"):  # fmt: skip
        assert told in str(error)


def test_a_piece_that_several_snapshots_need_hurts_all_of_them(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    shared = piece_keys(repository, two[0], "plan")[0]
    flip(repository.storage, shared)
    (problem,) = verified(repository).problems
    assert problem.snapshots == (two[1].snapshot, two[0].snapshot)
    assert problem.tables == ("plan",)


def test_pieces_that_were_deleted_or_swapped_are_found(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    one, other, _ = piece_keys(repository, two[0], "customer")
    mine, theirs = bytes_at(repository.storage, one), bytes_at(repository.storage, other)
    overwrite(repository.storage, one, theirs)
    overwrite(repository.storage, other, mine)
    repository.storage.delete(piece_keys(repository, two[0], "plan")[0])
    found = verified(repository)
    assert sorted((p.damage, p.tables) for p in found.problems) == [
        ("missing", ("plan",)), ("swapped", ("customer",)), ("swapped", ("customer",)),
    ]  # fmt: skip
    assert found.whole == ()


def test_a_part_of_a_file_that_was_changed_is_found_and_its_path_told_to_nobody(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    (stored,) = repository.stored(Part.FILE)
    flip(repository.storage, repository.key_of(Part.FILE, stored.hash))
    found = verified(repository)
    (problem,) = found.problems
    assert (problem.kind, problem.damage, problem.tables) == ("file", "altered", ())
    assert "contracts" not in str(found.as_json())


def test_a_forged_a_moved_and_a_cut_off_manifest_are_found(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    old, new = (repository.key_of_snapshot(m.snapshot) for m in two)
    stranger = replace(repository.keys, manifest_key=b"x" * 32)
    overwrite(repository.storage, old, manifests.write(two[0], stranger))
    (problem,) = verified(repository).problems
    assert (problem.kind, problem.damage, problem.snapshots) == (
        "snapshot", "forged", (two[0].snapshot,),
    )  # fmt: skip
    overwrite(repository.storage, old, bytes_at(repository.storage, new))
    assert [p.damage for p in verified(repository).problems] == ["swapped"]
    overwrite(repository.storage, new, bytes_at(repository.storage, new)[:-9])
    found = verified(repository)
    assert [p.damage for p in found.problems] == ["altered", "swapped"]
    assert found.whole == ()


def test_a_manifest_of_a_newer_release_is_no_damage_that_has_a_name_and_is_told_all_the_same(
    repository: Repository, two: tuple[Manifest, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "FORMAT", 2)
    found = verified(repository)
    assert [p.damage for p in found.problems] == ["unknown", "unknown"]
    assert "newer" in str(broken(found))


def test_the_wrong_key_is_found(repository: Repository, two: tuple[Manifest, Manifest]) -> None:
    other = replace(repository.keys, identities=(new_identity(),))
    found = verify("acme", again(repository, other), actor="tester")
    assert {p.damage for p in found.problems} == {"unopened"}
    assert "another key" in str(broken(found))
    # Manifests can be read, and no piece is what its name says.
    other = replace(repository.keys, hash_key=b"y" * 32)
    found = verify("acme", again(repository, other), actor="tester")
    assert {p.damage for p in found.problems} == {"swapped"}
    assert len(found.problems) == 6


def test_backups_whose_key_is_not_there_are_not_no_backups(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    (settings().backup_keys_folder / "acme.key").unlink()
    anew = open_repository("acme", make=True)
    with pytest.raises(BackupKeyError, match="2 snapshots of acme that were made with another key"):
        verified(anew)
    snapshot(anew, {"customer": [customers(0, 10)]})
    assert verified(anew).holds


def test_a_snapshot_that_the_trail_has_and_nobody_pruned_must_be_there(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    for manifest in two:
        on_record(manifest)
    assert verified(repository).holds
    repository.delete_snapshot(two[1].snapshot)
    found = verified(repository)
    (problem,) = found.problems
    assert (problem.kind, problem.damage) == ("snapshot", "missing")
    assert problem.snapshots == (two[1].snapshot,)
    assert f"--give-up {two[1].snapshot}" in str(broken(found))
    with engine().begin() as connection:
        trail.enter(
            connection, "acme", trail.Operation.BACKUP_PRUNE, trail.Stage.BEGUN, actor="tester",
            dagster_run_id="",
            details={"repository": repository.root, "removed": [two[1].snapshot]},
        )  # fmt: skip
    assert verified(repository).holds


def test_what_is_pruned_while_it_is_read_is_no_damage(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    def prune(text: str) -> None:
        if "pieces" in text:
            repository.delete_snapshot(two[0].snapshot)
            for hash in two[0].piece_hashes() - two[1].piece_hashes():
                repository.delete(Part.PIECE, hash)

    assert verified(repository, told=prune).holds
    assert evidence.of(repository)[two[1].snapshot].damaged == 0


def test_only_one_snapshot(repository: Repository, two: tuple[Manifest, Manifest]) -> None:
    (_, _, changed) = piece_keys(repository, two[0], "customer")
    flip(repository.storage, changed)
    assert verified(repository, snapshot="latest").holds
    assert not verified(repository, snapshot=two[0].snapshot).holds
    states = {name: one.state for name, one in evidence.of(repository).items()}
    assert states == {two[0].snapshot: State.DAMAGED, two[1].snapshot: State.UNVERIFIED}
    with pytest.raises(UsageError):
        verified(repository, snapshot="yesterday")


def test_it_stands_in_the_audit_trail(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    flip(repository.storage, piece_keys(repository, two[0], "plan")[0])
    verified(repository, share=Fraction(1, 3))
    with engine().connect() as connection:
        begun, finished = trail.entries(connection, "acme")
    assert (begun.operation, begun.stage) == ("backup verification", "begun")
    assert begun.details == {"repository": repository.root, "share": "1/3"}
    assert finished.stage == "finished"
    assert finished.details["damaged"] <= 1
    assert finished.details["snapshots"] == 2


# -- shares -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "0/7", "8/7", "1/0", "a/b", "1:7", "-1/7", "1/7/2"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        share_of(text)


def test_shares_go_round(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [customers(n * 100, n * 100 + 40 + 9 * n) for n in range(11)]
    manifest = snapshot(repository, {"customer": pieces})
    seen: list[str] = []
    real = Repository.get
    monkeypatch.setattr(
        Repository, "get", lambda self, ref: seen.append(ref.hash) or real(self, ref)
    )
    clock = [reading_back.time.time() + 10]
    monkeypatch.setattr(reading_back.time, "time", lambda: clock[0])
    before: set[str] = set()
    for number in range(4):
        found = verified(repository, share=share_of("1/4"))
        assert found.bytes_read >= found.bytes / 4
        assert found.bytes_read < found.bytes * 0.5
        assert (found.oldest is None) == (number < 3), "not all was read, or not soon enough"
        latest = set(seen) - before
        before |= latest
        clock[0] += 86_400
    assert set(seen) == manifest.piece_hashes()
    assert evidence.of(repository)[manifest.snapshot].read_back is not None
    # Then they come again, those that were read longest ago.
    del seen[:]
    verified(repository, share=share_of("1/4"))
    assert not set(seen) & latest


def test_what_gives_cause_is_read_whatever_the_share_is(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    verified(repository)
    damaged = piece_keys(repository, two[0], "customer")
    overwrite(repository.storage, damaged[0], bytes_at(repository.storage, damaged[0])[:-9])
    repository.storage.delete(damaged[1])
    tiny = share_of("1/1000")
    assert sorted(p.damage for p in verified(repository, share=tiny).problems) == [
        "altered", "missing",
    ]  # fmt: skip
    # And again, until it is whole.
    assert len(verified(repository, share=tiny).problems) == 2
    for rows in (customers(0, 100), customers(100, 200)):
        repository.put(rows, again=True)
    assert verified(repository, share=tiny).holds


@given(st.data())
def test_nobody_waits_for_ever_whatever_comes(data: st.DataObject) -> None:
    """The choice alone: after n turns of 1/n everything that was there before them was read."""
    sizes = data.draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=30))
    n = data.draw(st.integers(1, 9))
    last = [0] * len(sizes)
    for turn in range(1, n + 1):
        order = sorted(range(len(sizes)), key=lambda i: (last[i], i))
        taken = Fraction(0)
        for i in order:
            if taken >= Fraction(sum(sizes), n):
                break
            taken += sizes[i]
            last[i] = turn
    assert all(last)


# -- when storage fails -------------------------------------------------------------------------


def test_one_place_that_a_disk_cannot_read_is_damage_and_the_rest_is_read(
    repository: Repository, two: tuple[Manifest, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = piece_keys(repository, two[0], "plan")[0]
    real = LocalStorage.reading

    def reading(self: LocalStorage, key: str, *rest: Any) -> Any:
        if key == bad:
            raise StorageError("The disk failed while reading: Input/output error.")
        return real(self, key, *rest)

    monkeypatch.setattr(LocalStorage, "reading", reading)
    found = verified(repository)
    assert [(p.damage, p.tables) for p in found.problems] == [("unreadable", ("plan",))]
    assert found.read == 6


def test_what_was_read_before_storage_went_away_counts(
    repository: Repository, two: tuple[Manifest, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Repository.get
    count = 0

    def get(self: Repository, ref: Any) -> Any:
        nonlocal count
        count += 1
        if count == 4:
            raise StorageError("S3 could not be reached.", transient=True)
        return real(self, ref)

    monkeypatch.setattr(Repository, "get", get)
    with pytest.raises(StorageError):
        verified(repository)
    monkeypatch.undo()
    # Two are read at a time.
    assert 2 <= len(evidence.merged(repository).proved) <= 4
    with engine().connect() as connection:
        assert [entry.stage for entry in trail.entries(connection, "acme")] == ["begun", "failed"]


def test_memory_does_not_grow_with_what_is_read(repository: Repository) -> None:
    def peak(count: int) -> int:
        pieces = [customers(n * 3000, n * 3000 + 3000) for n in range(count)]
        snapshot(repository, {"customer": pieces})
        del pieces
        tracemalloc.start()
        assert verified(repository, snapshot="latest").holds
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few = peak(4)
    assert peak(40) < few + (1 << 20)


# -- evidence -----------------------------------------------------------------------------------


def test_what_nobody_with_the_key_wrote_is_no_evidence(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    verified(repository)
    (name,) = evidence.names(repository, evidence.Kind.VERIFICATION)
    key = evidence.key_of(repository, name, evidence.Kind.VERIFICATION)
    data = bytes_at(repository.storage, key)
    assert evidence.of(repository)[two[0].snapshot].read_back is not None
    # Under another name it is of another time.
    later = evidence.key_of(repository, manifests.new_name(INSTANT), evidence.Kind.VERIFICATION)
    repository.storage.delete(key)
    overwrite(repository.storage, later, data)
    assert evidence.of(repository)[two[0].snapshot].read_back is None
    forger = again(repository, replace(repository.keys, hash_key=b"z" * 32))
    evidence.write(
        forger,
        evidence.Drill(
            repository=repository.root, name="", at=INSTANT, snapshot=two[0].snapshot, passed=True,
            seconds=1.0,
        ),
    )  # fmt: skip
    overwrite(repository.storage, key, b"age-encryption.org/v1\nnone")
    states = {one.state for one in evidence.of(repository).values()}
    assert states == {State.UNVERIFIED}


def test_a_snapshot_that_was_never_restored_is_unverified_and_the_newest_drill_counts(
    repository: Repository, two: tuple[Manifest, Manifest]
) -> None:
    def drilled(passed: bool, day: int) -> None:
        evidence.write(
            repository,
            evidence.Drill(
                repository="", name="", at=INSTANT + day * DAY, snapshot=two[1].snapshot,
                passed=passed, seconds=1.5, rows=7,
            ),
        )  # fmt: skip

    assert verified(repository).holds
    name = two[1].snapshot
    assert evidence.of(repository)[name].state is State.UNVERIFIED
    drilled(True, 1)
    found = evidence.of(repository)[name]
    assert (found.state, found.seconds, found.restored) == (State.RESTORED, 1.5, INSTANT + DAY)
    assert evidence.of(repository)[two[0].snapshot].state is State.UNVERIFIED
    drilled(False, 2)
    assert evidence.of(repository)[name].state is State.FAILED
    drilled(True, 3)
    assert evidence.of(repository)[name].state is State.RESTORED
    flip(repository.storage, piece_keys(repository, two[1], "plan")[0])
    verified(repository)
    assert evidence.of(repository)[name].state is State.DAMAGED


# -- on real parts ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_backup_after_it_stores_anew_what_is_damaged(ispmig_home: Path) -> None:
    ledger.prepare(engine())
    tenant = tenants.add(engine(), "acme")
    with connect(autocommit=True) as driver:
        driver.execute("select set_config('search_path', %s, false)", [tenant.schema])
        driver.execute("create table of_our_own (id int primary key, t text)")
        driver.execute(
            "insert into of_our_own select n, repeat('x', n % 90) from generate_series(1, 5000) n"
        )
    repository = open_repository("acme", make=True)
    made = repository.read(create("acme", repository, actor="tester").snapshot)
    assert verified(repository).holds
    for key in piece_keys(repository, made, "of_our_own"):
        flip(repository.storage, key)
    found = verified(repository)
    assert {p.tables for p in found.problems} == {("of_our_own",)}
    again_made = create("acme", open_repository("acme"), actor="tester")
    assert again_made.parent is None, "it relied on what is damaged"
    found = verified(repository)
    assert found.holds, "the rows are the same, so that the former snapshot is whole again, too"
    assert len(found.whole) == 2
    assert create("acme", open_repository("acme"), actor="tester").kind == "incremental"


def test_who_has_the_key_cannot_make_a_snapshot_say_something_else(ispmig_home: Path) -> None:
    ledger.prepare(engine())
    tenants.add(engine(), "acme")
    repository = open_repository("acme", make=True)
    made = repository.read(create("acme", repository, actor="tester").snapshot)
    assert made.digests == {"content": manifests.content_digest(made.tables, made.files)}
    assert made.totals["active services"] == "0"
    less = made.model_copy(update={"tables": made.tables[:-1]})
    digest = {"content": manifests.content_digest(less.tables, less.files)}
    key = repository.key_of_snapshot(made.snapshot)
    for digests in (made.digests, digest, {}):
        forged = less.model_copy(update={"digests": digests})
        overwrite(repository.storage, key, manifests.write(forged, repository.keys))
        (problem,) = verified(repository).problems
        assert (problem.kind, problem.damage) == ("snapshot", "forged")
        assert "audit trail" in problem.message


@pytest.mark.slow
def test_in_a_bucket(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(monkeypatch) as bucket:
        repository = Repository(open_storage(f"s3://{bucket}/b"), keys.create("acme"))
        made = snapshot(repository, {"customer": [customers(0, 50), customers(50, 90)]})
        assert verified(repository).holds
        one, other = piece_keys(repository, made, "customer")
        flip(repository.storage, one)
        repository.storage.delete(other)
        assert sorted(p.damage for p in verified(repository).problems) == ["altered", "missing"]
        assert evidence.of(repository)[made.snapshot].damaged == 2
