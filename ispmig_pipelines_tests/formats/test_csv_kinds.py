"""What stands in a CSV beside plain records: several headers or tables, titles, odd delimiters."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import CsvOptions, open_source
from ispmig_pipelines.formats.csv.reader import CsvReader
from ispmig_pipelines.formats.encoding import Encoding
from ispmig_pipelines_tests.formats.test_csv_detect import read, written

HEADER = "account,name,city,signup,balance"
RECORDS = [
    f'A-{i:03},Ann {i},"Ely, ward {i}",2021-0{i % 9 + 1}-1{i % 10},{i * 7}.50' for i in range(1, 25)
]
PLAIN = "\n".join([HEADER, *RECORDS]) + "\n"


def test_every_delimiter_with_a_blank_after_it_is_a_delimiter_of_two(tmp_path: Path) -> None:
    text = "\n".join(line.replace(",", ", ") for line in [HEADER, *RECORDS])
    path = written(tmp_path, text.replace("Ely,  ward", "Ely, ward"))
    with open_source(path) as reader:
        assert reader.detected.delimiter == ", "
    columns, rows, rejects = read(path)
    assert columns == HEADER.split(",")
    assert rows[0] == ["A-001", "Ann 1", "Ely, ward 1", "2021-02-11", "7.50"]
    assert rejects == []


def test_a_blank_after_some_delimiters_is_part_of_its_cell(tmp_path: Path) -> None:
    path = written(tmp_path, "id,name\n1, Ann\n2,Bob\n3, Cid\n")
    assert read(path)[1] == [["1", " Ann"], ["2", "Bob"], ["3", " Cid"]]


def test_the_mark_before_money_is_no_part_of_the_delimiter(tmp_path: Path) -> None:
    lines = [f"2021-01-{i:02},{i},${i}.20,x{i}" for i in range(1, 20)]
    path = written(tmp_path, "\n".join(["date,count,price,code", *lines]))
    with open_source(path) as reader:
        assert reader.detected.delimiter == ","


@pytest.mark.parametrize("text", ["10/11/2021", "a_b", "k=v", "x@y.org", "7+1"])
def test_what_stands_inside_values_delimits_nothing(tmp_path: Path, text: str) -> None:
    # Half of the lines are of another table: the evidence on the comma is weak.
    lines = [f"{text},{i},b{i}" for i in range(20)] + [f"{text},{i},b{i},c" for i in range(20)]
    path = written(tmp_path, "\n".join(["first,count,name", *lines]))
    with open_source(path) as reader:
        assert reader.detected.delimiter == ","
        assert reader.columns(reader.tables()[0]) == ["first", "count", "name"]


@pytest.mark.parametrize("more", [-1, 1])
def test_of_two_tables_the_first_is_read_and_the_other_rejected(tmp_path: Path, more: int) -> None:
    second = [line + ",x" if more > 0 else line.rsplit(",", 1)[0] for line in [HEADER, *RECORDS]]
    columns, rows, rejects = read(written(tmp_path, PLAIN + "\n".join(second) + "\n"))
    assert columns == HEADER.split(",")
    assert len(rows) == len(RECORDS)
    assert [r.text for r in rejects] == second


def test_of_two_tables_the_second_is_told_of(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN + "\n".join(line + ",x" for line in RECORDS) + "\n")
    with open_source(path) as reader:
        list(reader.batches(reader.tables()[0]))
        assert any(
            "24 records of 6 cells" in note and "from line 26" in note
            for note in reader.detected.notes
        )


def test_a_table_before_the_table_is_not_left_out_unasked(tmp_path: Path) -> None:
    first = "\n".join(["plan,price", *(f"P{i},{i}.00" for i in range(12))])
    more = "\n".join(f"B-{i},Bob {i},Ely,2021-01-0{i % 9 + 1},1.50" for i in range(60))
    path = written(tmp_path, first + "\n\n" + PLAIN + more + "\n")
    with pytest.raises(SourceError, match="table of their own, of 2 columns"):
        open_source(path)
    assert len(read(path, csv=CsvOptions(skip_lines=14))[1]) == len(RECORDS) + 60


def test_exports_joined_to_one_file_have_their_headers_rejected(tmp_path: Path) -> None:
    columns, rows, rejects = read(written(tmp_path, PLAIN + PLAIN))
    assert columns == HEADER.split(",")
    assert len(rows) == 2 * len(RECORDS)
    assert [(r.line, r.text) for r in rejects] == [(26, HEADER)]


@pytest.mark.parametrize("header", ["account,name,city,signup", HEADER + ",phone", HEADER + ",,"])
def test_names_that_do_not_fit_the_cells_are_asked_about(tmp_path: Path, header: str) -> None:
    path = written(tmp_path, "\n".join([header, *RECORDS]))
    with pytest.raises(SourceError, match="which name belongs to which column"):
        open_source(path)
    with open_source(path, ask=False) as reader:
        table = reader.tables()[0]
        assert reader.columns(table) == [f"column_{i}" for i in range(1, 6)]
        assert sum(len(batch.cells) for batch in reader.batches(table)) == len(RECORDS)
    named = CsvOptions(columns=["a", "b", "c", "d", "e"])
    columns, rows, _ = read(path, csv=named)
    assert columns == ["a", "b", "c", "d", "e"]
    assert len(rows) == len(RECORDS)


@pytest.mark.parametrize("count", [2, 3])
def test_header_rows_are_joined_with_a_blank(tmp_path: Path, count: int) -> None:
    path = written(tmp_path, "\n".join([HEADER] * count + RECORDS))
    columns, rows, _ = read(path)
    assert columns == [" ".join([name] * count) for name in HEADER.split(",")]
    assert len(rows) == len(RECORDS)


def test_a_group_reaches_over_the_blank_cells_to_its_right(tmp_path: Path) -> None:
    text = "\n".join(["Account,,Place,Money,", "number,name,city,since,balance", *RECORDS])
    assert read(written(tmp_path, text))[0] == [
        "Account number", "Account name", "Place city", "Money since", "Money balance",
    ]  # fmt: skip


def test_the_spec_says_which_rows_are_the_header(tmp_path: Path) -> None:
    path = written(tmp_path, "title\na,b\nc,d\n1,2\n3,4\n")
    assert read(path, csv=CsvOptions(header=[2, 3]))[:2] == (
        ["a c", "b d"],
        [["1", "2"], ["3", "4"]],
    )
    assert read(path, csv=CsvOptions(header=3))[:2] == (["c", "d"], [["1", "2"], ["3", "4"]])


def test_apostrophes_inside_cells_quoted_with_apostrophes(tmp_path: Path) -> None:
    lines = [f"{i},'Ann's plan, no. {i}','it won't break, {i}',{i}.5" for i in range(1, 20)]
    columns, rows, rejects = read(written(tmp_path, "\n".join(["id,plan,note,fee", *lines])))
    assert columns == ["id", "plan", "note", "fee"]
    assert rows[0] == ["1", "Ann's plan, no. 1", "it won't break, 1", "1.5"]
    assert rejects == []


def test_lines_of_blank_cells_above_and_among_the_records(tmp_path: Path) -> None:
    text = "Customers,,,,\n,,,,\n" + PLAIN + ",,,,\n" + RECORDS[0] + "\n"
    columns, rows, rejects = read(written(tmp_path, text))
    assert columns == HEADER.split(",")
    assert rows[-2:] == [[None] * 5, rows[0]]
    assert rejects == []


@pytest.mark.parametrize("size", [1, 7, 24, 26, 50_000])
def test_a_footer_padded_to_the_width_is_no_record(tmp_path: Path, size: int) -> None:
    path = written(tmp_path, PLAIN + ",,,,\nTotal: 24 records,,,,\n")
    with open_source(path) as reader:
        batches = list(reader.batches(reader.tables()[0], size))
        assert any("2 line(s)" in note and "line 26" in note for note in reader.detected.notes)
    assert sum(len(batch.cells) for batch in batches) == len(RECORDS)
    assert max(len(batch.cells) for batch in batches) <= size


@pytest.mark.parametrize("block", [1, 40, 900])
@pytest.mark.parametrize("fast", [True, False])
def test_a_padded_footer_is_found_however_the_bytes_arrive(
    tmp_path: Path, block: int, fast: bool
) -> None:
    data = (PLAIN + ",,,,\nTotal: 24 records,,,,\n,,,,\nPage 1,,,,\n,,,,\n").encode()
    reader = CsvReader(
        written(tmp_path, data), data, Encoding("utf-8"), whole=True, fast=fast, block_bytes=block
    )
    lines = [n for batch in reader.batches("export", 9) for n in batch.line.to_pylist()]
    assert lines == list(range(2, 26))


@pytest.mark.parametrize("last", ["Total,,,,12.50", "Ann Totally,,,,", "A-025,,,,"])
def test_a_last_record_that_may_be_one_is_kept(tmp_path: Path, last: str) -> None:
    assert len(read(written(tmp_path, PLAIN + last + "\n"))[1]) == len(RECORDS) + 1
