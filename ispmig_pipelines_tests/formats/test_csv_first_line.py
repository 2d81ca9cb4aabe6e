"""A first line that the delimiter does not divide is a name, a header or a title: never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import CsvOptions, open_source


def read(folder: Path, text: str, **said: object) -> tuple[list[str], list[list[str | None]]]:
    path = folder / "export.csv"
    path.write_bytes(text.encode())
    with open_source(path, **said) as reader:  # type: ignore[arg-type]
        [records] = reader.batches("export")
        assert records.rejects == ()
        columns = [column.to_pylist() for column in records.cells.columns]
        return reader.columns("export"), [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize("count", [1, 2, 3, 28])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "user{i}@example.com"),
        ("mac", "00:11:22:33:44:{i:02x}"),
        ("joined", "{i:02}/01/2024"),
        ("joined", "2024-01-{i:02} 10:00:00"),
        ("name", "John Smith{i}"),
        ("name", "Smith{i}, John"),
        ("amount", "{i},50"),
        ("url", "https://example.com/z?a={i}&b=2"),
        ("attribute", "Framed-IP-Address = 10.0.0.{i}"),
    ],
)
def test_one_column_whose_values_hold_a_delimiter(
    tmp_path: Path, name: str, value: str, count: int
) -> None:
    values = [value.format(i=i) for i in range(1, count + 1)]
    columns, rows = read(tmp_path, "\n".join([name, *values, ""]))
    assert columns == [name]
    assert rows == [[value] for value in values]


def test_lines_that_are_single_values_are_one_column_without_a_header_too(tmp_path: Path) -> None:
    macs = [f"00:11:22:33:44:{i:02x}" for i in range(9)]
    assert read(tmp_path, "\n".join(macs)) == (["column_1"], [[mac] for mac in macs])


@pytest.mark.parametrize("count", [1, 2, 10])
@pytest.mark.parametrize("delimiter", ["$", "#", "@", "&", "%", "="])
def test_odd_delimiters_win_over_the_colons_of_values(
    tmp_path: Path, delimiter: str, count: int
) -> None:
    header = ["id", "name", "mac", "seen"]
    rows: list[list[str | None]] = [
        [str(i), "Ann", f"00:11:22:33:44:{i:02x}", f"10:0{i}"] for i in range(count)
    ]
    text = "\n".join(delimiter.join(map(str, row)) for row in [header, *rows])
    assert read(tmp_path, text) == (header, rows)


@pytest.mark.parametrize("above", [";", "\t", "|", ",", " "])
@pytest.mark.parametrize("below", [",", ";"])
def test_a_header_with_another_delimiter_than_the_records(
    tmp_path: Path, above: str, below: str
) -> None:
    header = ["id", "name", "balance"]
    rows: list[list[str | None]] = [[str(i), "Ann", f"{i}.50"] for i in range(5)]
    text = "\n".join([above.join(header), *(below.join(map(str, row)) for row in rows)])
    assert read(tmp_path, text) == (header, rows)


def test_that_header_may_be_quoted(tmp_path: Path) -> None:
    columns, rows = read(tmp_path, '"id";"name";"balance"\n1,Ann,2.50\n2,Bob,3.50\n')
    assert (columns, len(rows)) == (["id", "name", "balance"], 2)


def test_a_title_or_a_name_is_asked_about_and_the_spec_answers(tmp_path: Path) -> None:
    text = "Subscribers\n1,Ann\n2,Bob\n3,Carl\n"
    with pytest.raises(SourceError, match="skip_lines: 1"):
        read(tmp_path, text)
    said = CsvOptions(skip_lines=1, header=False)
    assert read(tmp_path, text, csv=said)[1] == [["1", "Ann"], ["2", "Bob"], ["3", "Carl"]]
    assert read(tmp_path, text, csv=CsvOptions(delimiter="tab"))[0] == ["Subscribers"]


def test_a_title_above_a_header_is_left_out(tmp_path: Path) -> None:
    text = "Customers\nid,name\n1,Ann\n2,Bob\n"
    assert read(tmp_path, text) == (["id", "name"], [["1", "Ann"], ["2", "Bob"]])


@pytest.mark.parametrize("records", [1, 3])
def test_a_small_table_above_the_table_is_asked_about(tmp_path: Path, records: int) -> None:
    small = "id,name\n" + "".join(f"{i},a\n" for i in range(records))
    large = "id,amount,date\n" + "".join(f"{i},5,2024-01-01\n" for i in range(6))
    with pytest.raises(SourceError, match="table of their own, of 2 columns"):
        read(tmp_path, small + "\n" + large)
    said = CsvOptions(skip_lines=records + 2)
    assert read(tmp_path, small + "\n" + large, csv=said)[0] == ["id", "amount", "date"]


def test_keys_and_values_above_the_table_are_no_table(tmp_path: Path) -> None:
    text = "Company,Acme\nDate,2020-01-01\n\nid,name,balance\n1,Ann,3.00\n2,Bob,4.00\n"
    assert read(tmp_path, text)[0] == ["id", "name", "balance"]


def test_values_that_begin_like_comments(tmp_path: Path) -> None:
    assert read(tmp_path, "tag\n#1\n#2\n") == (["tag"], [["#1"], ["#2"]])


def test_columns_that_are_only_aligned_are_asked_about(tmp_path: Path) -> None:
    text = "ID    NAME        AMT\n1     John Smith  5.00\n2     Mary        6.00\n"
    with pytest.raises(SourceError, match="aligned with blanks or drawn"):
        read(tmp_path, text)
