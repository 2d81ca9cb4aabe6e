"""XLSX as it is written: for our own reader, and for openpyxl."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.formats import CsvOptions
from ispmig_pipelines.formats.spreadsheet import writer as xlsx_out
from ispmig_pipelines.formats.spreadsheet.writer import sheet_name
from ispmig_pipelines.formats.writers import open_writer
from ispmig_pipelines.formats.writing import Column, Kind
from ispmig_pipelines_tests.formats.writing_back import (
    MISSING,
    Rows,
    batch,
    read_back,
    rows,
    tables,
    typed,
    written,
)

with_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def opened(data: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(data))


def column(data: bytes, letter: str = "B") -> list[Any]:
    return [cell.value for cell in opened(data).active[letter][1:]]


def test_the_header_is_bold_and_frozen() -> None:
    sheet = opened(written("xlsx", rows("id name", ("1", "Ana")))).active
    assert sheet.title == "customers"
    assert [cell.value for cell in sheet[1]] == ["id", "name"]
    assert all(cell.font.bold for cell in sheet[1])
    assert not any(cell.font.bold for cell in sheet[2])
    assert sheet.freeze_panes == "A2"


@pytest.mark.parametrize("text", ["007", "12345678901234567890", "=1+1", "-5", "1e5", "TRUE",
                                  "2024-02-29", "#N/A"])  # fmt: skip
def test_texts_are_texts_whatever_they_look_like(text: str) -> None:
    cell = opened(written("xlsx", rows("a b", ("1", text)))).active["B2"]
    assert (cell.data_type, cell.value) == ("s", text)


def test_formulas_are_neutralised_on_request() -> None:
    table = rows("a b", ("=1+1", "x"))
    assert column(written("xlsx", table, neutralise_formulas=True), "A") == ["'=1+1"]


def test_null_empty_and_missing(tmp_path: Path) -> None:
    data = written("xlsx", rows("a b c d", ("1", None, "", MISSING)))
    part = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml").decode()
    assert 'r="B2"' not in part
    assert '<c r="C2" t="inlineStr"><is><t></t></is></c>' in part
    assert 'r="D2"' not in part
    assert read_back(tmp_path / "x", data)["customers"] == [["1", None, "", None]]


def test_numbers_are_numbers_where_they_stay_exact(tmp_path: Path) -> None:
    cells = ["0", "-7", "123456789012345", "1234567890123456", None]
    data = written("xlsx", typed(Kind.INTEGER, *cells))
    assert column(data) == [0, -7, 123456789012345, "1234567890123456", None]
    assert [row[1] for row in read_back(tmp_path / "x", data)["customers"]] == cells


def test_decimals_show_their_places() -> None:
    data = written("xlsx", typed(Kind.DECIMAL, "-12.5000", "12345678901234.50", scale=4))
    first, second = opened(data).active["B"][1:]
    assert (first.value, first.number_format) == (-12.5, "0.0000")
    assert second.value == "12345678901234.50"


def test_dates_are_dates_from_march_1900_on(tmp_path: Path) -> None:
    cells = ["2024-02-29", "1900-03-01", "1900-02-28", "9999-12-31", "0001-01-01", None]
    data = written("xlsx", typed(Kind.DATE, *cells))
    assert column(data) == [
        dt.datetime(2024, 2, 29), dt.datetime(1900, 3, 1), "1900-02-28",
        dt.datetime(9999, 12, 31), "0001-01-01", None,
    ]  # fmt: skip
    assert [row[1] for row in read_back(tmp_path / "x", data)["customers"]] == cells


def test_booleans_timestamps_and_documents(tmp_path: Path) -> None:
    columns = [Column("b", Kind.BOOLEAN), Column("t", Kind.TIMESTAMP), Column("j", Kind.JSON)]
    time = "2024-02-29T10:00:00.000001+00:00"
    table = rows(columns, ("true", time, '{"a": "<b>"}'), ("false", None, "[]"), (None, time, "1"))
    data = written("xlsx", table)
    assert column(data, "A") == [True, False, None]
    assert read_back(tmp_path / "x", data)["customers"] == table.cells


def test_a_cell_that_is_too_long_is_refused_with_its_place() -> None:
    fits = rows("a b", ("1", "x" * 32_767))
    assert column(written("xlsx", fits)) == ["x" * 32_767]
    for text in ("x" * 32_768, "😀" * 16_384):
        with pytest.raises(UsageError, match=r"record 2: column b .* longer than the 32,767"):
            written("xlsx", rows("a b", ("1", None), ("2", text)))
    assert column(written("xlsx", rows("a b", ("1", "é" * 32_767)))) == ["é" * 32_767]


def test_more_records_than_a_sheet_holds_go_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_out, "SHEET_ROWS", 4)
    table = rows("id", *((str(i),) for i in range(7)))
    with open_writer("xlsx", stream := io.BytesIO()) as writer:
        writer.begin(table.table)
        writer.write(batch(table, 0, 2))
        writer.write(batch(table, 2, 7))
    assert writer.notes == (
        "table customers goes on in sheet customers (2)",
        "table customers goes on in sheet customers (3)",
    )
    book = opened(stream.getvalue())
    assert {s.title: [c.value for c in s["A"]] for s in book} == {
        "customers": ["id", "0", "1", "2"],
        "customers (2)": ["id", "3", "4", "5"],
        "customers (3)": ["id", "6"],
    }


def test_no_next_sheet_is_begun_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_out, "SHEET_ROWS", 4)
    assert opened(written("xlsx", rows("id", ("1",), ("2",), ("3",)))).sheetnames == ["customers"]


def test_records_that_a_sheet_does_not_show_are_told() -> None:
    table = rows("a b", (None, ""), ("1", None))
    with open_writer("xlsx", io.BytesIO()) as writer:
        writer.begin(table.table)
        writer.write(batch(table))
    [note] = writer.notes
    assert note.startswith("1 record(s) of table customers hold nothing")


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("customers", (), "customers"), ("a/b\\c[d]:e*f?", (), "a_b_c_d__e_f_"), ("", (), "Sheet"),
        ("'quoted'", (), "quoted"), ("History", (), "History_"), ("x" * 40, (), "x" * 31),
        ("Plans", ("plans",), "Plans (2)"), ("p", ("p", "p (2)"), "p (3)"),
        ("x" * 40, ("x" * 31,), "x" * 27 + " (2)"), ("😀" * 20, (), "😀" * 15),
    ],
)  # fmt: skip
def test_names_of_sheets(name: str, taken: tuple[str, ...], expected: str) -> None:
    assert sheet_name(name, set(taken)) == expected


def test_a_workbook_without_tables_can_be_opened() -> None:
    assert opened(written("xlsx")).sheetnames == ["Sheet1"]


def test_it_is_written_to_a_stream_without_a_way_back() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with open_writer("xlsx", pipe) as writer:
        writer.begin(rows("a", ("1",)).table)
        writer.write(batch(rows("a", ("1",))))
    assert pipe.data == written("xlsx", rows("a", ("1",)))
    assert zipfile.ZipFile(io.BytesIO(pipe.data)).testzip() is None


@with_a_folder
@given(tables())
def test_our_reader_gives_the_same_cells(tmp_path: Path, table: Rows) -> None:
    kept = [row for row in table.cells if any(cell and cell.strip() for cell in row)]
    # A sheet does not tell records without content from no records.
    whole = Rows(table.table, kept)
    data = written("xlsx", whole)
    found = read_back(tmp_path / "c.xlsx", data, csv=CsvOptions(header=1))
    assert found == {"customers": kept}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1))
def test_openpyxl_gives_the_same_texts(cells: list[str]) -> None:
    data = written("xlsx", rows("n c", *((str(i), cell) for i, cell in enumerate(cells))))
    found = [unescape(text or "").replace("_x005F_", "_") for text in column(data)]
    assert [f.replace("_x005F_", "_") for f in found] == [c.replace("_x005F_", "_") for c in cells]
