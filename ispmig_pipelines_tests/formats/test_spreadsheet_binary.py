"""XLSB and XLS of two generations: the same table gives the same records in each."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import python_calamine
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import CsvOptions, Reject, open_source
from ispmig_pipelines.formats.spreadsheet.ole import OleFile
from ispmig_pipelines.formats.spreadsheet.xlsb import rk_number
from ispmig_pipelines_tests.formats.spreadsheet_files import Err, Formula, Styled, ole, xls, xlsb

KINDS = ["xlsb", "xls8", "xls5"]
TABLE: list[list[Any]] = [
    ["id", "name", "zip", "since", "seen", "online", "paid", "amount", "note"],
    [1, "Ann", "00501", Styled(44197.0, 1), Styled(44197.5, 2), Styled(1.5, 3), True, 1234.56, "a"],
    [2, "Боб", "01234", Styled(44198.0, 1), Styled(44198.25, 2), Styled(0.25, 3), False, -0.1, "b"],
    [3, "Zoe", "x", Styled(60.0, 1), None, Styled(501.0, 4), Formula(True), Formula(2.5), "c"],
    [4, "Eve", "x", None, None, None, None, 12345678901, Formula("from a formula")],
    [5, "Flo", "x", None, None, None, None, 7, Formula("")],
]
RECORDS = [
    ["1", "Ann", "00501", "2021-01-01", "2021-01-01T12:00:00", "36:00:00", "true", "1234.56", "a"],
    ["2", "Боб", "01234", "2021-01-02", "2021-01-02T06:00:00", "06:00:00", "false", "-0.1", "b"],
    ["3", "Zoe", "x", "1900-02-29", None, "00501", "true", "2.5", "c"],
    ["4", "Eve", "x", None, None, None, None, "12345678901", "from a formula"],
    ["5", "Flo", "x", None, None, None, None, "7", ""],
]


def save(folder: Path, kind: str, sheets: dict[str, list[list[Any]]], **options: Any) -> Path:
    path = folder / f"a.{kind}"
    if kind == "xlsb":
        return xlsb(path, sheets, **options)
    stream = {"stream": "Book"} if kind == "xls5" else {}
    path.write_bytes(xls(sheets, biff5=kind == "xls5", **stream, **options))
    return path


def read(path: Path, table: str = "", **options: Any) -> tuple[list[list[Any]], list[Reject]]:
    rows: list[list[Any]] = []
    rejects: list[Reject] = []
    with open_source(path, **options) as reader:
        for batch in reader.batches(table or reader.tables()[0]):
            rows += [list(row.values()) for row in batch.cells.to_pylist()]
            rejects += batch.rejects
    return rows, rejects


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_of_value(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path, kind, {"Kunden": TABLE})
    with open_source(path) as reader:
        assert (reader.detected.format, reader.tables()) == (kind.rstrip("58"), ["Kunden"])
        assert reader.detected.dialect == {"date_system": "1900"}
        assert reader.columns("Kunden") == TABLE[0]
        [batch] = reader.batches("Kunden")
    assert batch.line.to_pylist() == [2, 3, 4, 5, 6]
    assert read(path) == (RECORDS, [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_library_of_others_reads_the_same_file_alike(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path, kind, {"Kunden": TABLE})
    theirs = python_calamine.load_workbook(str(path)).get_sheet_by_index(0).to_python()
    for place in (0, 1, 2, 7, 8):
        ours = [row[place] for row in RECORDS]
        shown = [str(row[place]).removesuffix(".0") for row in theirs[1:]]
        assert shown == ours
    assert [str(row[3]) for row in theirs[1:3]] == [row[3] for row in RECORDS[:2]]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_rejects_and_not_empty_cells(tmp_path: Path, kind: str) -> None:
    codes = ["#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"]
    rows = [[f"row {i}", Err(code)] for i, code in enumerate(codes)]
    rows.append(["computed", Formula(Err("#REF!"))])
    path = save(tmp_path, kind, {"S": [["name", "value"], *rows, ["good", 1]]})
    good, rejects = read(path)
    assert good == [["good", "1"]]
    assert [r.found for r in rejects] == [
        f"{code} in column value (cell B{i})" for i, code in enumerate([*codes, "#REF!"], start=2)
    ]
    assert {r.rule for r in rejects} == {"cell.error"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_1904_system(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path, kind, {"S": [["id", "day"], [1, Styled(42735.0, 1)]]}, is_1904=True)
    assert read(path)[0] == [["1", "2021-01-01"]]


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_sheets_are_no_tables(tmp_path: Path, kind: str) -> None:
    sheets = {name: [["id", "name"], [1, name]] for name in ("A", "B", "C", "D")}
    with open_source(save(tmp_path, kind, sheets, states={"B": 1, "C": 2})) as reader:
        assert reader.tables() == ["A", "D"]
        notes = " ".join(reader.detected.notes)
    assert "sheet B is hidden" in notes
    assert "sheet C is very hidden" in notes
    assert read(tmp_path / f"a.{kind}", "D")[0] == [["1", "D"]]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-(10**14), 10**14), TEXTS), min_size=1, max_size=20),
    kind=st.sampled_from(["xlsb", "xls8"]),
    room=st.integers(12, 90),
)
def test_texts_and_numbers_of_all_kinds_however_they_are_continued(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]], kind: str, room: int
) -> None:
    table = [["id", "name"], *map(list, rows)]
    options = {"room": room} if kind == "xls8" else {}
    path = save(tmp_path_factory.mktemp("law"), kind, {"S": table}, **options)
    got = read(path, csv=CsvOptions(header=1))
    assert got == ([[str(number), text] for number, text in rows], [])


@pytest.mark.parametrize(
    ("raw", "number"),
    [(0, 0), (4 << 2 | 2, 4), ((1 << 32) - 4 | 2, -1), (12345 << 2 | 3, 123.45),
     (0x3FF00000, 1.0), (0x40590001, 1.0), (0xC0590000, -100.0)],
)  # fmt: skip
def test_numbers_in_thirty_bits(raw: int, number: float) -> None:
    assert rk_number(raw) == number


def test_the_content_of_streams_long_and_short() -> None:
    content = bytes(range(256)) * 300
    container = OleFile(ole({"Workbook": content, "Other": b"x" * 5_000}))
    assert container.stream("WORKBOOK") == content
    assert container.stream("other") == b"x" * 5_000
    with pytest.raises(KeyError):
        container.stream("none")


# ---------------------------------------------------------------- what is refused


def test_a_workbook_behind_a_password_is_refused(tmp_path: Path) -> None:
    file_pass = struct.pack("<HH", 0x2F, 6) + bytes(6)
    (tmp_path / "a.xls").write_bytes(xls({"S": [["id"], [1]]}, between=file_pass))
    with pytest.raises(SourceError, match="protected with a password"):
        open_source(tmp_path / "a.xls")
    (tmp_path / "b.xlsx").write_bytes(
        ole({"EncryptionInfo": b"x" * 5_000, "EncryptedPackage": b"y" * 5_000})
    )
    with pytest.raises(SourceError, match="protected with a password"):
        open_source(tmp_path / "b.xlsx")


def test_another_document_of_the_old_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_bytes(ole({"WordDocument": b"x" * 5_000}))
    with pytest.raises(SourceError, match="no workbook is inside"):
        open_source(tmp_path / "a.doc")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_cut_short_is_refused_wherever(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path, kind, {"S": [["id", "name"], *([i, f"name {i}"] for i in range(2_000))]})
    whole = path.read_bytes()
    for end in range(600, len(whole) - 1, len(whole) // 23):
        path.write_bytes(whole[:end])
        with pytest.raises(SourceError, match=r"cut short or damaged|directory of members"):
            read(path)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 20_000), byte=st.integers(0, 255), kind=st.sampled_from(["xls8", "xls5"]))
def test_no_broken_byte_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, kind: str
) -> None:
    path = save(tmp_path_factory.mktemp("law"), kind, {"S": TABLE, "T": TABLE})
    data = bytearray(path.read_bytes())
    data[8 + at % (len(data) - 8)] = byte
    path.write_bytes(bytes(data))
    with suppress(SourceError):
        rows, rejects = read(path, csv=CsvOptions(header=False))
        assert all(len(row) == len(rows[0]) for row in rows)
        assert all(reject.text for reject in rejects)
