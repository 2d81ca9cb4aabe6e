"""A cell that comes back as it was shown is the very cell of the source, whatever was in it."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.cell import WriteOnlyCell

from ispmig_pipelines.formats import CsvOptions, open_source
from ispmig_pipelines.quarantine.cells import (
    CUT,
    LONGEST,
    TOLD,
    alike,
    corrected,
    is_cut,
    names,
    shown,
    written,
)

TEXTS = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\x00\x01\x1f\r\n\t=+-@'_x0041␀ \ufeff\uffff"),
    max_size=30,
)


@given(TEXTS | st.none())
def test_what_is_left_as_it_was_shown_is_the_cell_itself(cell: str | None) -> None:
    back = corrected(shown(cell), cell)
    assert back == cell


@pytest.mark.slow
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_a_workbook_keeps_what_is_shown(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    """Through a file that openpyxl writes, a program saves again, and our own reader reads."""
    path = tmp_path_factory.mktemp("cells") / "cells.xlsx"
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("cells")
    sheet.append(["number", "cell"])
    for number, cell in enumerate(cells):
        made = WriteOnlyCell(sheet)
        if shown(cell):
            made.value = written(shown(cell))
            made.data_type = "s"
        sheet.append([f"n{number}", made])
    book.save(path)
    for _ in ("as it was written", "as it was saved again"):
        assert [
            corrected(back, cell) for back, cell in zip(read(path), cells, strict=True)
        ] == cells
        opened = openpyxl.load_workbook(path)
        opened.save(path)


def read(path: Path) -> list[str | None]:
    with open_source(path, csv=CsvOptions(header=1)) as reader:
        (table,) = reader.tables()
        batches = [records.cells for records in reader.batches(table)]
        found = pa.Table.from_batches(batches)
        if found.num_columns == 1:
            return [None] * found.num_rows
        return list(found.column(1).to_pylist())


def test_controls_are_signs_and_come_back_where_nobody_took_them_out() -> None:
    assert shown("a\x00b\x07") == "a␀b␇"
    assert corrected("a␀b␇", "a\x00b\x07") == "a\x00b\x07"
    assert corrected("ab", "a\x00b\x07") == "ab"
    # Corrected elsewhere in the cell: what the sign stands for is still there, to be told again.
    assert corrected("A␀b", "a\x00b\x07") == "A\x00b"
    assert corrected("␀", "␀") == "␀"


def test_a_cell_too_long_for_a_spreadsheet_says_that_it_is_cut() -> None:
    for cell in ("x" * 40_000, "😀" * 20_000):
        seen = shown(cell)
        assert len(seen.encode("utf-16-le")) // 2 <= LONGEST
        assert seen.endswith(CUT)
        assert is_cut(seen)
        assert corrected(seen, cell) == cell
    assert not is_cut("x")


def test_an_emptied_cell_holds_nothing_and_nothing_stays_nothing() -> None:
    assert corrected(None, "x") is None
    assert corrected("", "x") is None
    assert corrected(None, "") == ""
    assert corrected(None, None) is None
    assert corrected("  ", "") == ""
    assert corrected("two\r\nlines", "two\nlines") == "two\nlines"


@given(st.lists(TEXTS, max_size=8))
def test_headings_are_told_apart(columns: list[str]) -> None:
    found = names([*columns, "ispmig record", "What to do"], TOLD)
    taken = [alike(name) for name in (*TOLD, *found)]
    assert len(set(taken)) == len(taken)
