"""Blobs appear whole or not at all, on the disk and on S3; and nothing leads out of its folder."""

from __future__ import annotations

import datetime as dt
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ispmig_pipelines.errors import StorageError, UsageError
from ispmig_pipelines.storage import (
    LocalStorage,
    S3Storage,
    Storage,
    check_key,
    open_storage,
    transfers,
)
from ispmig_pipelines_tests.bucket import BUCKET, s3_server


@pytest.fixture(params=["local", "s3"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storage]:
    if request.param == "local":
        yield open_storage(tmp_path / "out")
    else:
        with s3_server(monkeypatch) as bucket:
            yield open_storage(f"s3://{bucket}/some/prefix")


def put(store: Storage, key: str, data: bytes, *, overwrite: bool = True) -> None:
    with store.writing(key, overwrite=overwrite) as stream:
        stream.write(data)


def get(store: Storage, key: str, start: int = 0, length: int | None = None) -> bytes:
    with store.reading(key, start, length) as stream:
        return stream.read()


class Stop(Exception):
    pass


def break_off(store: Storage, key: str, data: bytes = b"half of") -> None:
    """Writes, looks whether anything can be seen of it, and fails."""
    before = {b.key: get(store, b.key) for b in store.list()}
    with store.writing(key) as stream:
        stream.write(data)
        assert {b.key: get(store, b.key) for b in store.list()} == before
        raise Stop


def be_overtaken(store: Storage, key: str, data: bytes = b"slow") -> None:
    """Writes, and somebody else who began later comes to the end first."""
    with store.writing(key, overwrite=False) as stream:
        stream.write(data)
        put(store, key, b"fast", overwrite=False)


def test_what_is_written_is_read_listed_and_deleted(store: Storage) -> None:
    put(store, "b/two.csv", b"22")
    put(store, "a.csv", b"0123456789")
    put(store, "empty", b"")
    assert get(store, "a.csv") == b"0123456789"
    assert get(store, "a.csv", 3) == b"3456789"
    assert get(store, "a.csv", 3, 4) == b"3456"
    assert get(store, "a.csv", 8, 40) == b"89"
    assert get(store, "a.csv", 10) == b""
    assert get(store, "a.csv", 0, 0) == b""
    assert get(store, "empty") == b""
    assert [(b.key, b.size) for b in store.list()] == [
        ("a.csv", 10),
        ("b/two.csv", 2),
        ("empty", 0),
    ]
    assert [b.key for b in store.list("b/")] == ["b/two.csv"]
    assert [b.key for b in store.list("b/t")] == ["b/two.csv"]
    assert [b.key for b in store.list(deep=False)] == ["a.csv", "empty"]
    assert [b.key for b in store.list("b/", deep=False)] == ["b/two.csv"]
    assert list(store.list("none/")) == []
    assert store.exists("a.csv")
    assert not store.exists("a")
    store.delete("a.csv")
    store.delete("a.csv")
    assert not store.exists("a.csv")


def test_nothing_appears_before_the_end_or_after_an_error(store: Storage) -> None:
    put(store, "kept", b"before")
    for key in ("kept", "new"):
        with pytest.raises(Stop):
            break_off(store, key)
    assert [b.key for b in store.list()] == ["kept"]
    assert get(store, "kept") == b"before"


def test_what_is_not_to_be_overwritten_is_refused(store: Storage) -> None:
    put(store, "x", b"1", overwrite=False)
    with pytest.raises(UsageError, match="already"):
        put(store, "x", b"2", overwrite=False)
    assert get(store, "x") == b"1"
    put(store, "x", b"3")
    assert get(store, "x") == b"3"


def test_who_comes_second_of_two_at_once_is_refused(store: Storage) -> None:
    with pytest.raises(UsageError, match="already"):
        be_overtaken(store, "x")
    assert get(store, "x") == b"fast"


def test_what_is_not_there_cannot_be_read(store: Storage) -> None:
    with pytest.raises(StorageError, match="There is no"):
        get(store, "nothing")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../up", "a/../../b", "a//b", "a/", ".", "a\\b", "a\nb", "a\x00"]
)
def test_keys_cannot_leave_their_folder(store: Storage, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        check_key(key)
    with pytest.raises(ValueError, match="not a key"):
        put(store, key, b"")


def test_links_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s")
    root = tmp_path / "root"
    root.mkdir()
    (root / "door").symlink_to(outside)
    (root / "window").symlink_to(outside / "secret")
    store = LocalStorage(root)
    for key in ("door/x", "window"):
        with pytest.raises(StorageError, match="link"):
            put(store, key, b"x")
        with pytest.raises(StorageError, match="link"):
            get(store, key)
    assert (outside / "secret").read_text() == "s"


def test_a_link_as_the_folder_itself_is_the_users_business(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    put(open_storage(tmp_path / "link"), "x", b"1")
    assert (tmp_path / "real" / "x").read_bytes() == b"1"


def test_exports_follow_the_umask_and_private_things_do_not(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        put(open_storage(tmp_path / "open" / "sub"), "f", b"")
        put(open_storage(tmp_path / "own" / "sub", private=True), "f", b"")
    finally:
        os.umask(before)

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert (mode(tmp_path / "open"), mode(tmp_path / "open/sub/f")) == (0o755, 0o644)
    assert (mode(tmp_path / "own"), mode(tmp_path / "own/sub")) == (0o700, 0o700)
    assert mode(tmp_path / "own/sub/f") == 0o600


def test_a_file_in_the_way_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(StorageError, match="disk failed"):
        put(open_storage(tmp_path / "out"), "x", b"")


@pytest.mark.parametrize(
    "place",
    ["ftp://host/x", "s3://", "s3:///key", "https://host/x", "", "  ", "s3://bkt/../x", "s3://..",
     "s3://bkt//x", "s3://bkt/a/./b", "s3://bkt/x?y", "s3://bkt/x#y", "s3://b\nkt/x", "a\0b"],
)  # fmt: skip
def test_places_that_cannot_be_written_to_are_refused(place: str) -> None:
    with pytest.raises(UsageError):
        open_storage(place)


def test_a_slash_at_the_end_of_a_place_means_nothing() -> None:
    assert open_storage("s3://bkt/a/").place("x") == "s3://bkt/a/x"
    assert open_storage("s3://bkt/").place("x") == "s3://bkt/x"


@pytest.mark.parametrize(
    "place",
    ["s3://AKIA:GEHEIM@bucket/p", "s3://AKIA:GEH/EIM@bucket/p", "s3://GEHEIM@bucket",
     "s3://AKIA:GEHEIM/bucket", "https://me:GEHEIM@host/p"],
)  # fmt: skip
def test_a_secret_in_a_place_is_refused_and_not_repeated(place: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_storage(place)
    assert "GEH" not in str(refused.value)
    assert "EIM" not in str(refused.value)


def test_what_is_prepared_appears_when_it_is_published(store: Storage) -> None:
    put(store, "old", b"1")
    blobs = {key: store.prepare(key) for key in ("old", "new", "never")}
    for key, blob in blobs.items():
        with blob.filling() as stream:
            stream.write(key.encode())
    assert {b.key: get(store, b.key) for b in store.list()} == {"old": b"1"}
    with pytest.raises(UsageError, match="already"):
        blobs["old"].publish(overwrite=False)
    assert get(store, "old") == b"1"
    blobs["old"].publish(overwrite=True)
    blobs["new"].publish(overwrite=False)
    for blob in blobs.values():
        blob.discard()
    assert {b.key: get(store, b.key) for b in store.list()} == {"old": b"old", "new": b"new"}
    if isinstance(store, LocalStorage):
        assert sorted(p.name for p in store.root.iterdir()) == ["new", "old"]
    else:
        assert isinstance(store, S3Storage)
        assert "Uploads" not in store.client.list_multipart_uploads(Bucket=store.bucket)


def test_without_links_the_first_still_has_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuses)
    store = LocalStorage(tmp_path)
    with pytest.raises(UsageError, match="already"):
        be_overtaken(store, "x")
    assert get(store, "x") == b"fast"


def actions(store: Storage) -> list[Callable[[], object]]:
    return [
        lambda: put(store, "k", b"1"),
        lambda: get(store, "k"),
        lambda: store.exists("k"),
        lambda: store.delete("k"),
        lambda: list(store.list()),
        lambda: store.sweep(ours),
    ]


def test_nobody_at_the_address_is_told_as_worth_another_try(
    faulty: type[Faulty], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        for action in actions(open_storage(f"s3://{BUCKET}/p")):
            with pytest.raises(StorageError, match="could not be reached") as failed:
                action()
            assert failed.value.transient


def test_long_objects_go_in_parts_that_an_error_takes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfers, "PART_BYTES", 5 << 20)  # the least that S3 takes
    data = os.urandom(12 << 20)
    with s3_server(monkeypatch) as bucket:
        store = open_storage(f"s3://{bucket}/p")
        assert isinstance(store, S3Storage)
        with store.writing("long") as stream:
            for start in range(0, len(data), 1 << 20):
                stream.write(data[start : start + (1 << 20)])
            uploads = store.client.list_multipart_uploads(Bucket=bucket)["Uploads"]
            assert [u["Key"] for u in uploads] == ["p/long"]
            assert not store.exists("long")
        assert get(store, "long") == data
        assert get(store, "long", 6 << 20, 5) == data[6 << 20 : (6 << 20) + 5]
        with pytest.raises(Stop):
            break_off(store, "never", data)
        assert "Uploads" not in store.client.list_multipart_uploads(Bucket=bucket)
        with pytest.raises(UsageError):
            be_overtaken(store, "second", data)
        assert get(store, "second") == b"fast"
        assert "Uploads" not in store.client.list_multipart_uploads(Bucket=bucket)


def ours(key: str) -> bool:
    return key in ("x.csv", "sub/y")


def test_what_dead_writers_left_is_swept_away(store: Storage) -> None:
    put(store, "kept", b"1")
    put(store, "sub/kept", b"1")
    if isinstance(store, LocalStorage):
        for name in (".x.csv.0123456789ab.part", "sub/.y.0123456789ab.part", "mine.part"):
            (store.root / name).write_bytes(b"half")
        assert store.sweep(ours) == 0  # somebody may be at it
    else:
        # This server says of every upload that it is from 2010.
        assert isinstance(store, S3Storage)
        for name in ("some/prefix/x.csv", "some/prefix/sub/y"):
            store.client.create_multipart_upload(Bucket=store.bucket, Key=name)
    older = dt.timedelta(0)
    assert store.sweep(lambda key: False, older_than=older) == 0  # somebody else's
    assert store.sweep(ours, deep=False, older_than=older) == 1
    assert store.sweep(ours, older_than=older) == 1
    assert {b.key for b in store.list()} - {"mine.part"} == {"kept", "sub/kept"}


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(monkeypatch):
        store = open_storage("s3://nowhere/x")
        for action in actions(store):
            with pytest.raises(StorageError, match="no bucket nowhere"):
                action()


def test_missing_credentials_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with s3_server(monkeypatch) as bucket:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        for action in actions(open_storage(f"s3://{bucket}/p")):
            with pytest.raises(StorageError, match="no credentials"):
                action()


class Faulty(BaseHTTPRequestHandler):
    """An S3 that fails in the way that ``faults`` says, and answers when that is used up."""

    faults: list[str] = []
    asked: list[str] = []
    content = bytes(range(256)) * 400

    def do_GET(self) -> None:
        ranged = self.headers.get("Range", "")
        self.asked.append(ranged)
        start = int(ranged.removeprefix("bytes=").partition("-")[0] or 0) if ranged else 0
        fault = self.faults.pop(0) if self.faults else ""
        if fault in ("500", "503", "403"):
            self.send_response(int(fault))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.content[start:]
        self.send_response(206 if ranged else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Faulty]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    # The pauses between attempts are botocore's business, and need not be waited for.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    Faulty.faults, Faulty.asked = [], []
    yield Faulty
    server.shutdown()
    server.server_close()


def test_errors_of_the_server_are_tried_again(faulty: type[Faulty]) -> None:
    faulty.faults = ["500", "503"]
    assert get(open_storage(f"s3://{BUCKET}"), "k") == faulty.content


def test_a_body_that_breaks_off_is_gone_on_with_where_it_broke(faulty: type[Faulty]) -> None:
    faulty.faults = ["cut", "cut"]
    assert get(open_storage(f"s3://{BUCKET}"), "k") == faulty.content
    assert faulty.asked[0] == ""
    assert len(faulty.asked) == 3
    assert all(ranged.startswith("bytes=") for ranged in faulty.asked[1:])


def test_what_fails_again_and_again_is_told_as_worth_another_try(faulty: type[Faulty]) -> None:
    faulty.faults = ["503"] * 20
    with pytest.raises(StorageError, match="503") as failed:
        get(open_storage(f"s3://{BUCKET}"), "k")
    assert failed.value.transient
    faulty.faults = ["403"]
    with pytest.raises(StorageError, match="may not do it") as failed:
        get(open_storage(f"s3://{BUCKET}"), "k")
    assert not failed.value.transient
