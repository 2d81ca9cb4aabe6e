"""Files appear when they are whole, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
from pathlib import Path

import pyarrow as pa
import pytest

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats.output_file import OutputFile, OutputStream, file_name

CONTENT = b"one\ntwo\n" * 10_000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def unpacked(data: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.decompress(data)
    if compression == "zstd":
        return pa.CompressedInputStream(pa.py_buffer(data), "zstd").read()
    return data


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_a_file_appears_when_it_is_whole(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "out"
    file = OutputFile(path, compression)
    for start in range(0, len(CONTENT), 1_000):
        file.stream.write(memoryview(CONTENT)[start : start + 1_000])
    file.finish()
    assert not path.exists()
    file.publish()
    file.discard()
    data = path.read_bytes()
    assert unpacked(data, compression) == CONTENT
    assert (file.stream.bytes, file.stream.sha256) == (
        len(data), hashlib.sha256(data).hexdigest(),
    )  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["out"]


def test_equal_content_is_an_equal_file(tmp_path: Path) -> None:
    def made(name: str) -> bytes:
        file = OutputFile(tmp_path / name, "gzip")
        file.stream.write(CONTENT)
        file.finish()
        file.publish()
        return (tmp_path / name).read_bytes()

    assert made("a") == made("b")


def test_what_was_there_stays_until_then(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    file = OutputFile(path)
    file.stream.write(b"half")
    file.discard()
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_an_abandoned_stream_has_no_end(compression: str) -> None:
    below = io.BytesIO()
    stream = OutputStream(below, compression)
    stream.write(CONTENT)
    stream.abandon()
    stream.end()
    del stream
    if compression == "gzip":
        with pytest.raises(EOFError):
            unpacked(below.getvalue(), compression)
    else:
        # Arrow takes a stream without an end for one that ends there.
        assert unpacked(below.getvalue(), compression) != CONTENT


def test_a_place_that_cannot_be_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="There is no folder"):
        OutputFile(tmp_path / "no" / "out")
    with pytest.raises(UsageError, match="is a folder"):
        OutputFile(tmp_path)
    with pytest.raises(UsageError, match="a device or a pipe"):
        OutputFile(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("customers", "customers.csv"), ("public.customers", "public.customers.csv"),
        ("../../etc/passwd", "_.._etc_passwd.csv"), ("..", "table.csv"), ("", "table.csv"),
        (".hidden", "hidden.csv"), ("a/b\\c:d", "a_b_c_d.csv"), ("a\nb\x00", "a_b_.csv"),
        ("CON", "_CON.csv"), ("nul.x", "_nul.x.csv"), ("console", "console.csv"),
        ("é" * 200, "é" * 90 + ".csv"), ("a ", "a.csv"), ("a.", "a.csv"), ("😀", "😀.csv"),
    ],
)  # fmt: skip
def test_names_of_files(table: str, name: str) -> None:
    assert file_name(table, ".csv", set()) == name
    assert "/" not in name


def test_names_of_files_differ_in_more_than_case() -> None:
    taken: set[str] = set()
    found = [file_name(table, ".csv", taken) for table in ("Plans", "plans", "PLANS", "a/b", "a_b")]
    assert found == ["Plans.csv", "plans (2).csv", "PLANS (3).csv", "a_b.csv", "a_b (2).csv"]
