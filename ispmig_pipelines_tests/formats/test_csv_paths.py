"""The fast path and the tolerant path give the same records, however the bytes arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats.csv.dialect import CsvDialect
from ispmig_pipelines.formats.csv.scan import Scanner
from ispmig_pipelines.formats.limits import ReadLimits

Outcome = tuple[list[Any], list[Any], str]


def scanned(
    data: bytes,
    dialect: CsvDialect,
    width: int,
    *,
    fast: bool,
    block: int,
    limits: ReadLimits | None = None,
) -> Outcome:
    """Records as (ordinal, line, cells), rejects, and the text of an error or ""."""
    scanner = Scanner(
        "file.csv",
        dialect,
        [f"c{i}" for i in range(width)],
        "utf-8",
        limits=limits or ReadLimits(),
        fast=fast,
        block_bytes=block,
    )
    blocks = [data[i : i + block] for i in range(0, len(data), block)]
    records, rejects, error = [], [], ""
    try:
        for chunk in scanner.chunks(blocks):
            rows = zip(*(c.to_pylist() for c in chunk.cells.columns), strict=True)
            records += list(zip(chunk.record.tolist(), chunk.line.tolist(), rows, strict=True))
            rejects += chunk.rejects
    except SourceError as found:
        error = str(found)
    return records, sorted(rejects, key=lambda r: r.record), error


DIALECTS = st.builds(
    CsvDialect,
    delimiter=st.sampled_from([",", ";", "\t", "||", "¦", ", ", ";"]),
    quote=st.sampled_from(['"', '"', "'", ""]),
    escape=st.sampled_from(["doubled", "doubled", "backslash"]),
    any_newline=st.booleans(),
    comment=st.sampled_from(["", "", "#"]),
    spaced=st.sampled_from([False, False, True]),
    header_rows=st.sampled_from([0, 0, 1]),
    empty_is_null=st.booleans(),
)

PIECES = st.sampled_from(
    [b",", b";", b"||", b"|", b'"', b'"', b"'", b'""', b"\n", b"\n", b"\r\n", b"\r", b"\\",
     b"a", b"bc", b" ", b"1", "é".encode(), b"\xff", b"\xe9", b"\0", b"#", b"\\N", b"\x1f",
     b'\\"', b"\\\\", b'"a\\"b"', b", ", b"\x1c",
     b"\xef\xbb\xbf", b"x,y,z\n", b'"p","q","r"\n', b'a,"b\nc",d\n', b"1;2;3\n", b"\t",
     b'a,5" x,c\n', b'"a "b" c",d,e\n', "¦".encode(), b"\x1a"]
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(PIECES, max_size=60).map(b"".join),
    DIALECTS,
    st.integers(1, 4),
    st.integers(1, 40),
    st.sampled_from([16 << 20, 30]),
)
def test_any_bytes_are_read_the_same_on_both_paths(
    data: bytes, dialect: CsvDialect, width: int, block: int, longest: int
) -> None:
    limits = ReadLimits(max_cell_bytes=longest)
    whole = max(len(data), 1)
    expected = scanned(data, dialect, width, fast=False, block=whole, limits=limits)
    for fast, size in ((True, whole), (True, block), (False, block)):
        found = scanned(data, dialect, width, fast=fast, block=size, limits=limits)
        if expected[2]:
            # How much had been handed over when the error came is a matter of blocks.
            assert found[2] == expected[2]
        else:
            assert found == expected


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PIECES, max_size=60).map(b"".join), st.integers(1, 4), st.integers(1, 40))
def test_ordinals_count_every_record_once(data: bytes, width: int, block: int) -> None:
    records, rejects, _ = scanned(data, CsvDialect(header_rows=0), width, fast=True, block=block)
    ordinals = sorted([r[0] for r in records] + [r.record for r in rejects])
    assert ordinals == list(range(1, len(ordinals) + 1))
    lines = [r[1] for r in records]
    assert lines == sorted(set(lines))


@pytest.mark.parametrize("fast", [True, False])
def test_a_stray_open_quote_costs_one_record(fast: bool) -> None:
    data = b'1,a,b\n2,"c,d\n3,e,f\n4,g,h\n5,"i","j"\n'
    records, rejects, error = scanned(data, CsvDialect(header_rows=0), 3, fast=fast, block=9)
    assert error == ""
    assert [r[0] for r in records] == [1, 3, 4, 5]
    assert [(r.record, r.line, r.rule, r.text) for r in rejects] == [
        (2, 2, "record.unreadable", '2,"c,d')
    ]


@pytest.mark.parametrize("fast", [True, False])
def test_bare_quotes_inside_a_quoted_cell_are_text_where_only_that_fits(fast: bool) -> None:
    data = b'1,"12" monitor",x\n2,"a"b,c",y\n'
    records, rejects, _ = scanned(data, CsvDialect(header_rows=0), 3, fast=fast, block=100)
    assert records == [(1, 1, ("1", '12" monitor', "x")), (2, 2, ("2", 'a"b,c', "y"))]
    assert rejects == []


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n\n"])
def test_a_stray_open_quote_in_the_last_record_costs_that_record(fast: bool, end: bytes) -> None:
    data = b'1,a,b\n2,"c,d' + end
    records, rejects, error = scanned(data, CsvDialect(header_rows=0), 3, fast=fast, block=7)
    assert error == ""
    assert [r[0] for r in records] == [1]
    assert [(r.record, r.line, r.rule, r.text) for r in rejects] == [
        (2, 2, "record.unreadable", '2,"c,d')
    ]


@pytest.mark.parametrize("fast", [True, False])
def test_a_quote_open_where_the_file_breaks_off_says_that_it_was_cut_short(fast: bool) -> None:
    data = b'1,a,b\n2,"c,d'
    _, _, error = scanned(data, CsvDialect(header_rows=0), 3, fast=fast, block=7)
    assert "cut short" in error


@pytest.mark.parametrize("fast", [True, False])
def test_an_unclosed_quote_at_the_end_is_an_error_that_names_the_record(fast: bool) -> None:
    data = b'1,a,b\n2,"c,d\nmore text\n'
    _, _, error = scanned(data, CsvDialect(header_rows=0), 3, fast=fast, block=7)
    assert "record 2, at line 2" in error
    assert "more text" not in error


def test_lines_count_through_quoted_line_ends() -> None:
    data = b'1,"a\nb",c\r\n\r\n2,"d\r\n\r\ne",f\n3,g,h'
    records, _, _ = scanned(data, CsvDialect(header_rows=0), 3, fast=True, block=1000)
    assert records == [
        (1, 1, ("1", "a\nb", "c")),
        (2, 4, ("2", "d\r\n\r\ne", "f")),
        (3, 7, ("3", "g", "h")),
    ]


def test_invalid_bytes_and_zero_bytes_reject_their_records_only(tmp_path: Path) -> None:
    data = b"1,a\n2,caf\xe9\n3,b\0c\n4,\xc3\xa9\n"
    records, rejects, _ = scanned(data, CsvDialect(header_rows=0), 2, fast=True, block=1000)
    assert [r[2] for r in records] == [("1", "a"), ("4", "é")]
    assert [(r.record, r.rule, r.text) for r in rejects] == [
        (2, "record.encoding", "2,caf\\xe9"),
        (3, "record.unreadable", "3,b\\x00c"),
    ]


def test_backslash_n_is_null_only_where_backslashes_escape() -> None:
    data = b'1,\\N,"\\N"\n'
    escaped = CsvDialect(header_rows=0, escape="backslash")
    assert scanned(data, escaped, 3, fast=True, block=99)[0][0][2] == ("1", None, "\\N")
    assert scanned(data, CsvDialect(header_rows=0), 3, fast=True, block=99)[0][0][2][1] == "\\N"


def test_quoted_and_unquoted_empty_cells_can_be_told_apart() -> None:
    data = b'1,,""\n'
    plain, telling = CsvDialect(header_rows=0, empty_is_null=False), CsvDialect(header_rows=0)
    for fast in (True, False):
        assert scanned(data, plain, 3, fast=fast, block=99)[0][0][2] == ("1", "", "")
        assert scanned(data, telling, 3, fast=fast, block=99)[0][0][2] == ("1", None, "")


@pytest.mark.parametrize("fast", [True, False])
def test_an_empty_cell_after_a_quoted_one_is_null_also_at_the_very_end(fast: bool) -> None:
    records, _, _ = scanned(b'"a",\n"b",', CsvDialect(header_rows=0), 2, fast=fast, block=99)
    assert [r[2] for r in records] == [("a", None), ("b", None)]


@pytest.mark.parametrize("fast", [True, False])
def test_in_one_column_a_blank_line_is_no_record_and_two_quotes_are_an_empty_text(
    fast: bool,
) -> None:
    records, _, _ = scanned(b'a\n\n""\nb\n', CsvDialect(header_rows=0), 1, fast=fast, block=99)
    assert [r[2] for r in records] == [("a",), ("",), ("b",)]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("header", [b"id,name", b'"id","name"'])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_the_header_once_more_is_no_record(fast: bool, header: bytes, newline: bytes) -> None:
    data = newline.join([header, b"1,a", header, b"2,b", header + b" x", header, b""])
    records, rejects, _ = scanned(data, CsvDialect(), 2, fast=fast, block=999)
    assert [r[0] for r in records] == [1, 3, 4] if header == b"id,name" else [1, 3]
    assert [(r.record, r.text) for r in rejects if r.accepted.startswith("it is the header")] == [
        (2, header.decode()),
        (5, header.decode()),
    ]


@pytest.mark.parametrize("fast", [True, False])
def test_a_quoted_cell_that_fell_to_pieces_is_no_record(fast: bool) -> None:
    # The delimiter after 3 is missing; by chance the pieces are as many as the columns.
    data = b'1,2,"a, b","c"\n3"a, b",4,"c"\n5" pipe,6" rod,"c",d\n7" pipe,8,9" rod,d\n'
    records, rejects, _ = scanned(data, CsvDialect(header_rows=0), 4, fast=fast, block=999)
    assert [r[0] for r in records] == [1, 3, 4]
    assert [(r.record, r.rule) for r in rejects] == [(2, "record.unreadable")]


def test_a_cell_longer_than_the_limit_does_not_swallow_the_file() -> None:
    data = b'1,a\n2,"' + b"x\n" * 40 + b"3,b\n4,c\n"
    limits = ReadLimits(max_cell_bytes=100)
    for fast in (True, False):
        records, rejects, error = scanned(
            data, CsvDialect(header_rows=0), 2, fast=fast, block=33, limits=limits
        )
        assert error == ""
        assert [r[2] for r in records] == [("1", "a"), ("3", "b"), ("4", "c")]
        assert [r.record for r in rejects] == [2]
