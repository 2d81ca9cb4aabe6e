"""Line ends in reverse, and byte order marks where files were put one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.formats import open_source
from ispmig_pipelines.formats.csv.lines import ends_in_reverse, without_stray_marks

MARK = b"\xef\xbb\xbf"


def read(folder: Path, data: bytes) -> tuple[list[str], list[list[str | None]], list[int]]:
    path = folder / "export.csv"
    path.write_bytes(data)
    with open_source(path) as reader:
        [records] = reader.batches("export")
        assert records.rejects == ()
        columns = [column.to_pylist() for column in records.cells.columns]
        rows = [list(row) for row in zip(*columns, strict=True)]
        return reader.columns("export"), rows, records.line.to_pylist()


@pytest.mark.parametrize("last", [b"\n\r", b"\n", b""])
def test_a_carriage_return_after_the_line_feed_is_no_part_of_a_cell(
    tmp_path: Path, last: bytes
) -> None:
    data = b'id,name\n\r1,Ann\n\r2,"Bob ""B"""\n\r3,Carl' + last
    columns, rows, lines = read(tmp_path, data)
    assert columns == ["id", "name"]
    assert rows == [["1", "Ann"], ["2", 'Bob "B"'], ["3", "Carl"]]
    assert lines == [2, 3, 4]


def test_the_mark_of_a_second_file_is_no_part_of_a_cell(tmp_path: Path) -> None:
    data = MARK + b"id,name\n1,Ann\n" + MARK + b"2,Bob\n" + MARK + b'"3","Carl, C."\n'
    assert read(tmp_path, data)[1] == [["1", "Ann"], ["2", "Bob"], ["3", "Carl, C."]]


def test_a_mark_written_twice_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert read(tmp_path, MARK * 2 + b"id,name\n1,Ann\n")[0] == ["id", "name"]


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("end", [b"\n", b"\n\r"])
def test_blocks_may_end_anywhere(size: int, end: bytes) -> None:
    text = b"a" + end + MARK + b"b" + end + end + MARK + b"c" + MARK + end
    reverse = ends_in_reverse(text)
    blocks = [text[i : i + size] for i in range(0, len(text), size)]
    assert b"".join(without_stray_marks(blocks, reverse)) == b"a\nb\n\nc" + MARK + b"\n"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_mark_at_the_beginning_of_a_quoted_cell_s_line_is_part_of_the_cell(size: int) -> None:
    whole = b'"a\n' + MARK + b'b""\n' + MARK + b'c",x\n' + MARK + b"d\n"
    blocks = [whole[at : at + size] for at in range(0, len(whole), size)]
    expected = b'"a\n' + MARK + b'b""\n' + MARK + b'c",x\nd\n'
    assert b"".join(without_stray_marks(blocks, reverse=False)) == expected


def test_a_cell_of_several_lines_keeps_its_marks(tmp_path: Path) -> None:
    data = b'a,b\r\n"\n' + MARK + b'519",x\r\n' + MARK + b"k,y\r\n"
    assert read(tmp_path, data)[1] == [["\n\ufeff519", "x"], ["k", "y"]]
