"""Backups that are killed, that run at once, and over a network that fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ispmig_pipelines.backup.borders import Sizes
from ispmig_pipelines.backup.create import Made, create
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Part, Repository, open_repository
from ispmig_pipelines.backup.tenant_files import files_of
from ispmig_pipelines.errors import StorageError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import connect, engine
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import S3Storage, open_storage
from ispmig_pipelines_tests.backup.snapshots import live, stored
from ispmig_pipelines_tests.bucket import s3_server

SMALL = Sizes(min_rows=100, mean_rows=400, max_rows=1000, min_bytes=1, mean_bytes=1 << 16,
              max_bytes=1 << 18)  # fmt: skip
ROWS = 5000


def make(slug: str) -> None:
    tenant = tenants.add(engine(), slug)
    with connect(autocommit=True) as driver:
        driver.execute("select set_config('search_path', %s, false)", [tenant.schema])
        driver.execute("create table words (k int primary key, t text)")
        driver.execute(
            "insert into words select i, md5(i::text) from generate_series(1, %s) i", [ROWS]
        )


@pytest.fixture
def acme(ispmig_home: Path) -> str:
    ledger.prepare(engine())
    make("acme")
    return "acme"


def backup(repository: Repository, **options: Any) -> Made:
    slug = repository.keys.tenant
    return create(slug, repository, actor="tester", sizes=SMALL, **options)


def check(repository: Repository, name: str) -> Manifest:
    """That a snapshot is whole and has the rows there are."""
    manifest = repository.read(name)
    repository.look_again()
    assert not repository.lacks(manifest)
    table = manifest.table("words")
    assert table is not None
    with connect() as driver:
        slug = repository.keys.tenant
        assert stored(repository, manifest, "words") == live(driver, f"tenant_{slug}", table)
    return manifest


# -- killed -----------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from ispmig_pipelines.backup.create import create
from ispmig_pipelines.backup.repository import Repository, open_repository
from ispmig_pipelines_tests.backup.test_broken_off import SMALL

name, left = sys.argv[1], int(sys.argv[2])
method, lock = getattr(Repository, name), __import__("threading").Lock()

def dying(self, *arguments, **options):
    global left
    with lock:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    done = method(self, *arguments, **options)
    if left < 0 and name == "publish":
        os.kill(os.getpid(), signal.SIGKILL)
    return done

setattr(Repository, name, dying)
create("acme", open_repository("acme"), actor="tester", sizes=SMALL)
"""


def killed(method: str, number: int) -> None:
    """A backup that is killed as it comes to that method so many times; 0: after the first."""
    done = subprocess.run([sys.executable, "-c", KILLED, method, str(number)], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_backup_leaves_no_snapshot_and_its_pieces_are_used(acme: str) -> None:
    repository = open_repository(acme, make=True)
    for method, number in (("put", 6), ("publish", 1)):
        killed(method, number)
        assert repository.snapshots() == []
    assert len(repository.writers()) == 2
    stored_before = sum(repository.known(Part.PIECE).values())
    made = backup(repository)
    manifest = check(repository, made.snapshot)
    words = manifest.table("words")
    assert words is not None
    assert words.rows == ROWS
    # Of the table that did not change since, nothing was stored anew.
    assert made.bytes_whole - made.bytes_stored >= sum(ref.bytes for ref in words.refs())
    assert stored_before >= made.bytes_whole - made.bytes_stored


@pytest.mark.slow
def test_one_that_is_killed_after_it_published_is_a_snapshot_that_nobody_relies_on(
    acme: str,
) -> None:
    repository = open_repository(acme, make=True)
    killed("publish", 0)
    (there,) = repository.snapshots()
    check(repository, there.name)
    # What the ledger does not know may be of another history.
    made = backup(repository)
    assert made.parent is None
    assert made.tables["words"]["read"] == "full"
    check(repository, made.snapshot)
    assert backup(repository).parent == made.snapshot


# -- at once ----------------------------------------------------------------------------------


def test_two_backups_of_a_tenant_at_once_are_two_whole_snapshots(acme: str) -> None:
    together = threading.Barrier(2)

    def one(_: int) -> Made:
        own = open_repository(acme, make=True)
        together.wait(30)
        return backup(own)

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(one, range(2)))
    assert made[0].snapshot != made[1].snapshot
    repository = open_repository(acme)
    assert {one.name for one in repository.snapshots()} == {one.snapshot for one in made}
    for one in made:
        check(repository, one.snapshot)
    assert repository.writers() == []


@pytest.mark.slow
def test_ten_tenants_are_backed_up_at_once_and_share_nothing(ispmig_home: Path) -> None:
    ledger.prepare(engine())
    slugs = [f"isp-{n}" for n in range(10)]
    for slug in slugs:
        make(slug)

    def one(slug: str) -> Made:
        return backup(open_repository(slug, make=True))

    with ThreadPoolExecutor(10) as pool:
        made = dict(zip(slugs, pool.map(one, slugs), strict=True))
    hashes: set[str] = set()
    for slug, its in made.items():
        manifest = check(open_repository(slug), its.snapshot)
        # Equal rows of two tenants have names of which nobody can tell that they are equal.
        assert hashes.isdisjoint(manifest.piece_hashes())
        hashes |= manifest.piece_hashes()


@pytest.mark.slow
def test_writers_beside_it_are_not_in_their_way(acme: str) -> None:
    repository = open_repository(acme, make=True)
    stop = threading.Event()
    wrong: list[BaseException] = []

    def writing() -> None:
        try:
            with connect(autocommit=True) as driver:
                driver.execute("set lock_timeout = '5s'")
                number = 0
                while not stop.is_set():
                    number += 1
                    with driver.transaction():
                        # In each state that anybody sees, both keys have the same text.
                        driver.execute(
                            "update tenant_acme.words set t = %s where k in (1, 4999)",
                            [str(number)],
                        )
        except psycopg.Error as error:
            wrong.append(error)

    thread = threading.Thread(target=writing)
    thread.start()
    try:
        made = [backup(repository) for _ in range(3)]
    finally:
        stop.set()
        thread.join()
    assert wrong == []
    for one in made:
        rows = dict(stored(repository, repository.read(one.snapshot), "words").keys())
        assert rows[1] == rows[4999]
        assert len(rows) == ROWS


# -- over a network that fails ----------------------------------------------------------------


BROKEN = "broken"
"""How requests end that never end well."""

TRIES = 2
"""How often one of the others fails, one time after the other."""


class _Body:
    """The body of an answer: whole, or cut off in the middle."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data

    def stream(self) -> Iterator[bytes]:
        yield self._data


def make_fail(storage: S3Storage, fault: Callable[[str], str]) -> None:
    """Lets requests end as said: ``500``; ``lost`` after it was done; ``timeout``; "": well.

    After two failures of the same request the next one ends well, however threads take turns.
    """
    from botocore.awsrequest import AWSResponse
    from botocore.exceptions import ReadTimeoutError
    from botocore.httpsession import URLLib3Session

    failures: Counter[str] = Counter()

    def send(request: Any, **_: Any) -> Any:
        how = fault(request.method)
        same = f"{request.method} {request.url}"
        failures[same] = failures[same] + 1 if how else 0
        if how == BROKEN:
            how = "500"
        elif failures[same] > TRIES:
            how = ""
        match how:
            case "lost":
                URLLib3Session().send(request)
                return AWSResponse(request.url, 500, {}, _Body())
            case "500":
                return AWSResponse(request.url, 500, {}, _Body())
            case "timeout":
                raise ReadTimeoutError(endpoint_url=request.url)
        return None

    storage.client.meta.events.register("before-send.s3", send)


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 11))]
)
def test_over_s3_faults_do_no_harm_and_no_snapshot_lacks_a_thing(
    acme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: int
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    files = tmp_path / "files"
    files.mkdir()
    (files / "contract.pdf").write_bytes(os.urandom(100_000))
    with s3_server(monkeypatch) as bucket:
        monkeypatch.setenv("ISPMIG_BACKUPS", f"s3://{bucket}/backups")
        settings.cache_clear()
        repository = open_repository(acme, make=True)
        store = repository.storage
        assert isinstance(store, S3Storage)
        count, broken = [first], [False]

        def fault(method: str) -> str:
            count[0] += 1
            if broken[0] and method == "PUT":
                return BROKEN
            return {3: "500", 5: "lost", 7: "timeout", 9: "lost"}.get(count[0] % 11, "")

        make_fail(store, fault)
        keep = files_of(str(files))
        made = [backup(repository, files=keep)]
        with connect(autocommit=True) as driver:
            driver.execute("update tenant_acme.words set t = 'other' where k % 1000 = 0")
        made.append(backup(repository, files=keep))
        broken[0] = True
        with connect(autocommit=True) as driver:
            driver.execute("update tenant_acme.words set t = 'third' where k < 2500")
        with pytest.raises(StorageError) as failed:
            backup(repository, files=keep)
        assert failed.value.transient
        broken[0] = False
        # Another process: botocore's client has used up the tries it allows itself.
        another = open_storage(f"s3://{bucket}/backups")
        assert isinstance(another, S3Storage)
        make_fail(another, fault)
        made.append(backup(Repository(another, repository.keys), files=keep))
        fresh = Repository(open_storage(f"s3://{bucket}/backups"), repository.keys)
        names = [one.name for one in fresh.snapshots()]
        assert names == [one.snapshot for one in made]
        check(fresh, names[-1])
        for name in names:
            manifest = fresh.read(name)
            assert not fresh.lacks(manifest)
            (file,) = manifest.files
            assert (
                b"".join(map(fresh.get_file_part, file.parts))
                == (files / "contract.pdf").read_bytes()
            )


@pytest.mark.slow
def test_an_object_that_arrives_cut_off_is_read_on_or_refused(
    acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrives short is asked for again where it broke off, see the tests of storage."""
    with s3_server(monkeypatch) as bucket:
        monkeypatch.setenv("ISPMIG_BACKUPS", f"s3://{bucket}/backups")
        settings.cache_clear()
        repository = open_repository(acme, make=True)
        made = backup(repository)
        store = repository.storage
        assert isinstance(store, S3Storage)
        read, cuts = store.client.get_object, [0]

        def cut(**asked: Any) -> Any:
            found = read(**asked)
            if cuts[0] % 2 == 0 and found["ContentLength"] > 1000:
                body = found["Body"]
                half, taken = found["ContentLength"] // 2, [0]
                real = body.read

                def short(amount: int | None = None) -> bytes:
                    if taken[0] >= half:
                        raise ConnectionResetError("cut off")
                    data = real(min(amount or half, half - taken[0]))
                    taken[0] += len(data)
                    return bytes(data)

                body.read = short
            cuts[0] += 1
            return found

        monkeypatch.setattr(store.client, "get_object", cut)
        check(repository, made.snapshot)
        assert cuts[0] > 10
