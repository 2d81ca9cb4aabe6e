"""What the policy lets go goes, what a snapshot needs stays: whoever works beside, and however
it ends."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ispmig_pipelines.backup import evidence, holds, prune, verify
from ispmig_pipelines.backup import keys as tenant_keys
from ispmig_pipelines.backup.beside import alone, beside_others
from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.manifest import Manifest, new_name
from ispmig_pipelines.backup.policies import Keeping
from ispmig_pipelines.backup.prune import Pruned
from ispmig_pipelines.backup.repository import Part, Repository, open_repository
from ispmig_pipelines.backup.retention import parse
from ispmig_pipelines.errors import BackupDamaged, StorageError, TenantBusy, UsageError
from ispmig_pipelines.platform import ledger, tenants, trail
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.platform.tenants import Tenant
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import LocalStorage, open_storage
from ispmig_pipelines_tests.backup.made_up import (
    INSTANT,
    again,
    files_below,
    flip,
    on_record,
    snapshot,
)
from ispmig_pipelines_tests.backup.rows import customers
from ispmig_pipelines_tests.bucket import s3_server

DAY = dt.timedelta(days=1)
NOW = INSTANT + 30 * DAY


@pytest.fixture
def repository(ispmig_home: Path) -> Repository:
    return open_repository("acme", make=True)


@pytest.fixture
def three(repository: Repository) -> list[Manifest]:
    """A snapshot a day: one piece is in all of them, one in two, one in each alone; and a file."""
    shared = customers(0, 50)
    return [
        snapshot(
            repository,
            {"customer": [shared, customers(100, 150, mark=str(day // 2)),
                          customers(200, 250, mark=str(day))]},
            files={"a.txt": f"day {day}".encode()},
            instant=INSTANT + day * DAY,
        )
        for day in range(3)
    ]  # fmt: skip


def keeping(text: str) -> Keeping:
    return Keeping(parse(text), ZoneInfo("UTC"), own=True)


def pruned(repository: Repository, policy: str = "last=1", **more: Any) -> Pruned:
    return prune.prune(
        "acme", again(repository), keeping=keeping(policy), now=NOW, actor="tester", **more
    )


def stored(repository: Repository) -> set[str]:
    return {one.hash for part in Part for one in repository.stored(part)}


def needed(*manifests: Manifest) -> set[str]:
    return set().union(*(m.piece_hashes() | m.file_hashes() for m in manifests))


def names(repository: Repository) -> list[str]:
    return [one.name for one in repository.snapshots()]


def age(repository: Repository, *, days: float) -> None:
    """Lets all pieces and parts be written so long ago."""
    at = time.time() - days * 86_400
    for path in files_below(Path(repository.storage.place(repository.root))):
        os.utime(path, (at, at))


def test_what_only_they_needed_goes_with_them(
    repository: Repository, three: list[Manifest]
) -> None:
    before = stored(repository)
    done = pruned(repository, "last=2")
    assert done.removed == (three[0].snapshot,)
    assert list(done.kept) == [three[2].snapshot, three[1].snapshot]
    assert names(repository) == [three[1].snapshot, three[2].snapshot]
    assert stored(repository) == needed(*three[1:])
    # Its third piece and its file; the second piece is in the next one, too.
    assert done.pieces == len(before - stored(repository)) == 2
    assert verify.verify("acme", again(repository), actor="tester").holds


def test_a_dry_run_says_all_that_and_deletes_nothing(
    repository: Repository, three: list[Manifest]
) -> None:
    before = list(repository.storage.list())
    dry = pruned(repository, "last=1", dry_run=True)
    assert list(repository.storage.list()) == before
    with engine().connect() as connection:
        assert trail.entries(connection, "acme") == []
    real = pruned(repository, "last=1")
    assert (dry.removed, dry.kept, dry.pieces, dry.bytes) == (
        real.removed, real.kept, real.pieces, real.bytes,
    )  # fmt: skip
    assert dry.dry_run
    assert dry.bytes > 0
    assert dry.kept[three[2].snapshot] == ["newest", "last 1 of 1"]


def test_without_a_snapshot_or_without_a_thing_to_do_nothing_happens(
    repository: Repository, three: list[Manifest]
) -> None:
    before = stored(repository)
    assert pruned(repository, "all").removed == ()
    assert stored(repository) == before
    tenant_keys.create("other")
    empty = Repository(repository.storage, tenant_keys.load("other"))
    done = prune.prune("other", empty, keeping=keeping("last=1"), actor="tester")
    assert (done.kept, done.pieces) == ({}, 0)
    assert stored(repository) == before


def test_other_files_that_lie_there_are_not_ours_to_delete(
    repository: Repository, three: list[Manifest]
) -> None:
    for key in (f"{repository.root}/pieces/00/notes.txt", f"{repository.root}/README"):
        with repository.storage.writing(key) as stream:
            stream.write(b"mine")
    age(repository, days=99)
    pruned(repository)
    assert [b.key for b in repository.storage.list() if b.size == 4] == [
        f"{repository.root}/README", f"{repository.root}/pieces/00/notes.txt",
    ]  # fmt: skip


def test_what_a_broken_backup_left_stays_a_day_for_the_next_one(
    repository: Repository, three: list[Manifest]
) -> None:
    ref, _ = repository.put(customers(900, 950))
    done = pruned(repository, "all")
    assert (done.pieces, done.spared) == (0, 1)
    assert ref.hash in stored(repository)
    age(repository, days=1.1)
    assert pruned(repository, "all").pieces == 1
    assert stored(repository) == needed(*three)


def test_a_mark_of_a_backup_keeps_pieces_and_a_day_old_one_is_of_a_dead_one(
    repository: Repository, three: list[Manifest]
) -> None:
    mark = f"{repository.root}/writers/{new_name(dt.datetime.now(dt.UTC))}"
    with repository.storage.writing(mark) as stream:
        stream.write(b"x")
    before = stored(repository)
    done = pruned(repository)
    assert "another platform" in done.put_off
    assert stored(repository) == before
    assert names(repository) == [three[2].snapshot]
    age(repository, days=2)
    done = pruned(repository)
    assert not done.put_off
    assert stored(repository) == needed(three[2])
    assert repository.writers() == []


@pytest.mark.parametrize("which", [0, 2], ids=["goes", "stays"])
def test_a_manifest_that_cannot_be_read_stops_everything(
    repository: Repository, three: list[Manifest], which: int
) -> None:
    bad = three[which].snapshot
    flip(repository.storage, repository.key_of_snapshot(bad))
    before = list(repository.storage.list())
    for dry_run in (True, False):
        with pytest.raises(BackupDamaged, match=f"--give-up {bad}"):
            pruned(repository, dry_run=dry_run)
    assert list(repository.storage.list()) == before
    done = pruned(repository, give_up=[bad])
    assert bad in done.removed
    assert names(repository) == [three[2 if which == 0 else 1].snapshot]
    assert needed(three[2 if which == 0 else 1]) <= stored(repository)


def test_nothing_is_given_up_that_is_whole_held_or_never_was_there(
    repository: Repository, three: list[Manifest]
) -> None:
    bad = three[0].snapshot
    with pytest.raises(UsageError, match="can be read"):
        pruned(repository, give_up=[bad])
    with pytest.raises(UsageError, match="no snapshot"):
        pruned(repository, give_up=[new_name(INSTANT)])
    holds.hold("acme", repository, bad, "a suit", actor="lawyer")
    flip(repository.storage, repository.key_of_snapshot(bad))
    with pytest.raises(UsageError, match=r"held \(a suit\)"):
        pruned(repository, give_up=[bad])
    assert len(names(repository)) == 3


def test_what_the_trail_misses_can_be_given_up(
    repository: Repository, three: list[Manifest]
) -> None:
    on_record(three[0])
    repository.delete_snapshot(three[0].snapshot)
    assert not verify.verify("acme", again(repository), actor="tester").holds
    pruned(repository, "all", give_up=[three[0].snapshot])
    assert verify.verify("acme", again(repository), actor="tester").holds


def test_it_stands_in_the_audit_trail_before_anything_goes(
    repository: Repository, three: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Repository, name: str) -> None:
        raise StorageError("no rights")

    monkeypatch.setattr(Repository, "delete_snapshot", fails)
    with pytest.raises(StorageError):
        pruned(repository)
    monkeypatch.undo()
    pruned(repository)
    with engine().connect() as connection:
        entries = trail.entries(connection, "acme")
    assert [entry.stage for entry in entries] == ["begun", "failed", "begun", "finished"]
    assert entries[0].details["removed"] == [m.snapshot for m in three[:2]]
    assert entries[3].details["pieces"] == 5


def test_old_evidence_goes_and_the_newest_stays(
    repository: Repository, three: list[Manifest]
) -> None:
    for _ in range(7):
        verify.verify("acme", again(repository), actor="tester")
    for manifest in three:
        evidence.write(
            repository,
            evidence.Drill(
                repository="", name="", at=manifest.instant, snapshot=manifest.snapshot,
                passed=True, seconds=1.0,
            ),
        )  # fmt: skip
    pruned(repository)
    assert len(evidence.names(repository, evidence.Kind.VERIFICATION)) == 4
    assert [drill.snapshot for drill in evidence.drills(repository)] == [three[2].snapshot]
    known = evidence.of(repository)[three[2].snapshot]
    assert known.read_back is not None
    assert known.restored is not None


# -- holds --------------------------------------------------------------------------------------


def held(repository: Repository) -> dict[str, list[holds.Hold]]:
    with engine().connect() as connection:
        return holds.held(connection, "acme", again(repository))


def test_what_is_held_stays_until_it_is_released(
    repository: Repository, three: list[Manifest]
) -> None:
    name = three[0].snapshot
    made = holds.hold("acme", repository, name[-8:], " a suit ", actor="lawyer")
    assert (made.snapshot, made.reason, made.by) == (name, "a suit", "lawyer")
    assert held(repository) == {name: [made]}
    done = pruned(repository)
    assert done.removed == (three[1].snapshot,)
    assert done.kept[name] == ["held"]
    assert stored(repository) == needed(three[0], three[2])
    assert holds.release("acme", repository, name, actor="judge") == [made]
    assert held(repository) == {}
    assert pruned(repository).removed == (name,)
    with engine().connect() as connection:
        told = [(e.operation, e.stage, e.actor) for e in trail.entries(connection, "acme")]
        assert "a suit" not in str(trail.entries(connection, "acme"))
    assert told[0] == ("backup hold", "finished", "lawyer")
    assert told[3:5] == [("backup release", "begun", "judge"),
                         ("backup release", "finished", "judge")]  # fmt: skip


def test_a_hold_whose_file_was_deleted_or_changed_holds(
    repository: Repository, three: list[Manifest]
) -> None:
    name = three[0].snapshot
    made = holds.hold("acme", repository, name, "a suit", actor="lawyer")
    key = f"{repository.root}/holds/{made.file}"
    flip(repository.storage, key)
    assert [one.reason for one in held(repository)[name]] == [""]
    assert name in pruned(repository).kept
    repository.storage.delete(key)
    assert name in pruned(repository).kept
    # And a file that the trail does not know of.
    other = three[2].snapshot
    with repository.storage.writing(f"{repository.root}/holds/{other}-00000000.hold.age") as out:
        out.write(b"?")
    assert held(repository).keys() == {name, other}
    assert len(holds.release("acme", repository, other, actor="judge")) == 1
    holds.release("acme", repository, name, actor="judge")
    assert held(repository) == {}


def test_several_may_hold_one_and_a_release_ends_all(
    repository: Repository, three: list[Manifest]
) -> None:
    name = three[1].snapshot
    for reason in ("a suit", "an audit"):
        holds.hold("acme", repository, name, reason, actor="lawyer")
    assert holds.reasons(held(repository)[name]) in ("a suit; an audit", "an audit; a suit")
    assert len(holds.release("acme", repository, name, actor="judge")) == 2
    with pytest.raises(UsageError, match="Nobody holds"):
        holds.release("acme", repository, name, actor="judge")
    with pytest.raises(UsageError, match="reason"):
        holds.hold("acme", repository, name, "  ", actor="lawyer")
    with pytest.raises(UsageError, match="no snapshot"):
        holds.hold("acme", repository, "20200101", "why", actor="lawyer")


# -- beside others ------------------------------------------------------------------------------


def test_nothing_is_deleted_while_a_backup_or_restore_is_at_work(
    repository: Repository, three: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_LOCK_PATIENCE", "0.2")
    settings.cache_clear()
    before = list(repository.storage.list())
    with engine().connect() as connection, beside_others(connection, "acme"):
        with pytest.raises(TenantBusy) as refused:
            pruned(repository)
        assert refused.value.transient
        # Those who share it do not wait for who is refused it.
        with engine().connect() as other, beside_others(other, "acme"):
            pass
        # Another tenant's is another lock.
        with engine().connect() as other, alone(other, "north", patience=0):
            pass
    assert list(repository.storage.list()) == before


def test_the_rest_is_left_to_the_next_time_when_a_backup_comes_and_stays(
    repository: Repository, three: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_LOCK_PATIENCE", "0.2")
    settings.cache_clear()
    monkeypatch.setattr(prune, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(prune, "ABREAST", 1)
    with engine().connect() as connection:
        comes = beside_others(connection, "acme")
        met = threading.Thread(target=comes.__enter__)

        def when_two_are_gone(text: str) -> None:
            if text == "2 deleted":
                met.start()
                # It waits for this slice to end, and has the lock then.
                wait_until(lambda: _waiting() == 1)

        done = pruned(repository, told=when_two_are_gone)
        met.join()
        comes.__exit__(None, None, None)
    assert done.pieces == 2
    assert "try again" in done.put_off
    assert names(repository) == [three[2].snapshot]
    assert needed(three[2]) < stored(repository)
    age(repository, days=2)
    assert pruned(repository).pieces == 3
    assert stored(repository) == needed(three[2])


def _waiting() -> int:
    with connect(autocommit=True) as driver:
        row = driver.execute(
            "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        ).fetchone()
        return int(row[0]) if row else 0


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def acme(ispmig_home: Path) -> Tenant:
    ledger.prepare(engine())
    return tenants.add(engine(), "acme")


@pytest.fixture
def driver(acme: Tenant) -> Iterator[psycopg.Connection]:
    with connect(autocommit=True) as connection:
        connection.execute("select set_config('search_path', %s, false)", [acme.schema])
        connection.execute("create table ours (id int primary key, t text)")
        yield connection


STEPS = ["the decision", "a snapshot", "a piece", "another piece", "the last piece", "the tidying"]


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_backup_that_comes_at_any_step_of_a_prune_is_whole(
    step: str, driver: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are those of a snapshot that goes: what it would find there is being deleted."""
    repository = open_repository("acme", make=True)
    driver.execute("insert into ours select n, 'a' || n from generate_series(1, 3000) n")
    create("acme", repository, actor="tester")
    driver.execute("update ours set t = 'b' || id")
    create("acme", open_repository("acme"), actor="tester", full=True)
    driver.execute("update ours set t = 'a' || id")
    monkeypatch.setattr(prune, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(prune, "ABREAST", 1)
    results: list[Any] = []

    def back_up() -> None:
        try:
            results.append(create("acme", open_repository("acme"), actor="tester", full=True))
        except BaseException as error:
            results.append(error)

    comes = threading.Thread(target=back_up)
    calls = {"a snapshot": 0, "a piece": 0}

    def come() -> None:
        if not comes.ident:
            comes.start()
            # Until it waits for the lock, or was there before.
            wait_until(lambda: _waiting() > 0 or bool(results))

    reached = {
        "the decision": ("_planned", 0), "a snapshot": ("delete_snapshot", 0),
        "a piece": ("delete", 0), "another piece": ("delete", 1),
        "the last piece": ("delete", 10**9), "the tidying": ("_tidy", 0),
    }[step]  # fmt: skip
    place: Any = prune if reached[0].startswith("_") else Repository
    real = getattr(place, reached[0])

    def stepped(*arguments: Any, **more: Any) -> Any:
        calls["a piece"] += 1
        if calls["a piece"] > reached[1]:
            come()
        return real(*arguments, **more)

    monkeypatch.setattr(place, reached[0], stepped)
    done = prune.prune(
        "acme", open_repository("acme"), keeping=keeping("last=1"), actor="tester",
        told=lambda text: come() if step == "the last piece" and _is_last(text) else None,
    )  # fmt: skip
    assert comes.ident, "no backup came"
    comes.join()
    (made,) = results
    assert not isinstance(made, BaseException), made
    assert len(done.removed) == 1
    after = open_repository("acme")
    assert made.snapshot in {one.name for one in after.snapshots()}
    assert all(not after.lacks(after.read(one.name)) for one in after.snapshots())
    found = verify.verify("acme", after, actor="tester")
    assert found.holds, found.problems
    assert found.snapshots == 2


def _is_last(text: str) -> bool:
    return text.endswith("deleted") and text != "0 deleted"


# -- killed -------------------------------------------------------------------------------------

KILLED = """
import datetime, os, signal, sys
from ispmig_pipelines.backup import prune
from ispmig_pipelines.backup.policies import Keeping
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines.backup.retention import parse
from zoneinfo import ZoneInfo

left = int(sys.argv[1])
def dies(real):
    def maybe(*arguments):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)
    return maybe
Repository.delete = dies(Repository.delete)
Repository.delete_snapshot = dies(Repository.delete_snapshot)
prune.ABREAST = 1
keeping = Keeping(parse("last=1"), ZoneInfo("UTC"), True)
now = datetime.datetime.fromisoformat(sys.argv[2])
prune.prune("acme", open_repository("acme"), keeping=keeping, now=now, actor="tester")
"""


@pytest.mark.parametrize(
    "after", [0, 1, 4, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 5, 6))]
)
def test_a_prune_that_is_killed_leaves_whole_snapshots_and_is_gone_on_with(
    repository: Repository, three: list[Manifest], after: int
) -> None:
    """Two manifests and five parts go, so that it dies between any two of them."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(after), NOW.isoformat()], check=False)
    assert ended.returncode == -signal.SIGKILL
    left = [m for m in three if m.snapshot in names(repository)]
    assert three[2] in left
    assert needed(*left) <= stored(repository)
    assert verify.verify("acme", again(repository), actor="tester").holds
    # The lock went with the process.
    age(repository, days=2)
    done = pruned(repository)
    assert not done.put_off
    assert names(repository) == [three[2].snapshot]
    assert stored(repository) == needed(three[2])


# -- laws ---------------------------------------------------------------------------------------


@pytest.mark.slow
@examples(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sets(st.integers(0, 7), max_size=5), min_size=1, max_size=8),
    st.sampled_from(["last=1", "last=3", "daily=2", "weekly=2", "within=3d last=1", "all"]),
    st.sets(st.integers(0, 7), max_size=2),
)
def test_what_is_left_is_just_what_the_kept_need(
    ispmig_home: Path, contents: list[set[int]], policy: str, holding: set[int]
) -> None:
    place = open_storage(ispmig_home / f"b{time.monotonic_ns()}", private=True)
    repository = Repository(place, tenant_keys.load_or_create("acme"))
    made = [
        snapshot(
            repository,
            {"t": [customers(100 * n, 100 * n + 5) for n in sorted(content)]},
            instant=INSTANT + day * DAY,
        )
        for day, content in enumerate(contents)
    ]
    for n in holding & set(range(len(made))):
        file = f"{repository.root}/holds/{made[n].snapshot}-00000000.hold.age"
        with place.writing(file) as stream:
            stream.write(b"held")
    done = prune.prune(
        "acme", again(repository), keeping=keeping(policy), now=INSTANT + 8 * DAY, actor="tester"
    )
    stays = [m for m in made if m.snapshot in done.kept]
    assert {m.snapshot for m in stays} == set(names(repository))
    assert made[-1] in stays
    assert {made[n].snapshot for n in holding if n < len(made)} <= set(done.kept)
    assert stored(repository) == needed(*stays)


@pytest.mark.slow
def test_in_a_bucket(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(monkeypatch) as bucket:
        repository = Repository(open_storage(f"s3://{bucket}/b"), tenant_keys.create("acme"))
        made = [
            snapshot(
                repository,
                {"t": [customers(0, 9), customers(20, 29, mark=str(day))]},
                instant=INSTANT + day * DAY,
            )
            for day in range(3)
        ]
        holds.hold("acme", repository, made[0].snapshot, "a suit", actor="lawyer")
        assert pruned(repository).removed == (made[1].snapshot,)
        assert stored(repository) == needed(made[0], made[2])
        assert verify.verify("acme", again(repository), actor="tester").holds


def test_a_disk_that_does_not_let_go_of_a_piece_is_told_and_snapshots_are_whole(
    repository: Repository, three: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LocalStorage.delete

    def refuses(self: LocalStorage, key: str) -> None:
        if "/pieces/" in key:
            raise StorageError("The disk failed while deleting: read-only.")
        real(self, key)

    monkeypatch.setattr(LocalStorage, "delete", refuses)
    with pytest.raises(StorageError):
        pruned(repository)
    monkeypatch.undo()
    assert verify.verify("acme", again(repository), actor="tester").holds
