"""Opening files: compression by content, limits, digests, and everything that is no file."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.bytes_in import open_bytes, zip_members
from ispmig_pipelines.formats.limits import ReadLimits

CONTENT = b"id,name\n" + b"".join(b"%d,Ann %d\n" % (i, i * i) for i in range(20_000))


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def zipped(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr("customers.csv", data)
        archive.writestr("__MACOSX/._customers.csv", b"\0\0")
    return bytes(sink.getvalue())


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
    "zip": zipped,
}


def read_all(path: Path, step: int = 7_001) -> bytes:
    with open_bytes(path) as source:
        return b"".join(iter(lambda: source.read(step), b""))


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_compression_is_found_by_content_and_the_digest_is_of_the_file(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "misnamed.txt"
    path.write_bytes(PACKERS[kind](CONTENT))
    with open_bytes(path) as source:
        content = b"".join(iter(lambda: source.read(65_536), b""))
        assert source.compression == kind
        assert source.bytes_read == source.size == path.stat().st_size
        assert source.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert content == CONTENT


def test_plain_files_know_their_digest_and_how_far_they_were_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CONTENT)
    with open_bytes(path) as source:
        source.read(10)
        with pytest.raises(ValueError, match="to its end"):
            source.sha256()
        assert 10 <= source.bytes_read <= source.size
        while source.read(100_000):
            pass
        assert source.sha256() == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("kind", sorted(set(PACKERS) - {"zip"}))
@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_cut_compressed_data_are_an_error_that_names_file_and_place(
    tmp_path: Path, kind: str, part: float
) -> None:
    path = tmp_path / "cut.bin"
    packed = PACKERS[kind](CONTENT)
    path.write_bytes(packed[: min(int(len(packed) * part), len(packed) - 1)])
    with pytest.raises(SourceError, match=r"cut\.bin .*cut short or damaged: after byte"):
        read_all(path)


def test_a_cut_zip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.zip"
    path.write_bytes(zipped(CONTENT)[:-30])
    with pytest.raises(SourceError, match="directory of members"):
        read_all(path)


def test_damaged_content_of_a_zip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    data = bytearray(zipped(CONTENT))
    data[2_000] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match="cut short or damaged"):
        read_all(path)


def test_several_gzip_members_are_one_content(tmp_path: Path) -> None:
    path = tmp_path / "two.gz"
    path.write_bytes(gzip.compress(b"id\n1\n") + gzip.compress(b"2\n"))
    assert read_all(path) == b"id\n1\n2\n"


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xz"
    path.write_bytes(lzma.compress(bytes(8 << 20)))
    limits = ReadLimits(ratio_from_bytes=1 << 20, max_ratio=100)
    with open_bytes(path, limits=limits) as source, pytest.raises(SourceError, match="100 times"):
        source.read(8 << 20)


def test_a_limit_on_what_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "big.gz"
    path.write_bytes(gzip.compress(os.urandom(3000)))
    limits = ReadLimits(max_expanded_bytes=1000)
    with open_bytes(path, limits=limits) as source, pytest.raises(SourceError, match="1,000 bytes"):
        source.read(4000)


def test_an_archive_of_several_files_lists_them_and_takes_one_by_name(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
        archive.writestr("../b.csv", "id\n2\n")
    with pytest.raises(SourceError, match=r"2 files \('a.csv', '../b.csv'\)"):
        open_source(path)
    with open_source(path, member="a.csv") as reader:
        [records] = reader.batches("a")
        assert records.cells.to_pylist() == [{"id": "1"}]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.zip"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: p.touch(), r"is empty \(0 bytes\)"),
        (lambda p: os.mkfifo(p), "not a regular file"),
        (lambda p: p.write_bytes(gzip.compress(b"")), "nothing inside"),
    ],
    ids=["missing", "folder", "empty", "fifo", "empty-gzip"],
)
def test_what_is_no_file_of_data_is_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "source"
    make(path)
    with pytest.raises(SourceError, match=said):
        open_source(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_bytes(CONTENT)
    path.chmod(0)
    with pytest.raises(SourceError, match="may not be read"):
        open_source(path)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing.csv"
    path.write_bytes(CONTENT)
    with open_bytes(path) as source:
        source.read(100)
        with path.open("ab") as more:
            more.write(b"99,late\n")
        with pytest.raises(SourceError, match="changed while"):
            source.read(1 << 24)


def test_an_empty_file_is_none_of_several(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(".gitkeep", "")
        archive.writestr("a.csv", "a\n1\n")
    assert zip_members(path) == ["a.csv"]


def test_what_is_packed_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv.gz", gzip.compress(b"a\n1\n"))
    with pytest.raises(SourceError, match="packed twice: gzip data in zip data"):
        open_source(path)


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a.csv", "a\n1\n")
        archive.writestr("a.csv", "a\n2\n")
    for look in (zip_members, open_bytes):
        with pytest.raises(SourceError, match="several files of one name"):
            look(path)


@given(at=st.integers(0, 500), value=st.integers(0, 255))
def test_a_damaged_directory_of_members_is_told_whatever_is_damaged(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "a,b\n" + "1,2\n" * 200)
        archive.writestr("b/c.csv", "a,b\n3,4\n")
    content = bytearray(packed.getvalue())
    content[-1 - at % len(content)] = value
    path = tmp_path_factory.mktemp("damaged") / "a.zip"
    path.write_bytes(content)
    with contextlib.suppress(SourceError):
        for member in zip_members(path) or [""]:
            with open_bytes(path, member=member) as source:
                while source.read(1 << 16):
                    pass
