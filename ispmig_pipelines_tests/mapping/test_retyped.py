"""Cells that a spreadsheet took for numbers or dates come back as they were meant."""

from __future__ import annotations

import pytest

from ispmig_pipelines.mapping.retyped import AS_TEXT, ColumnWriting

GERMAN = ColumnWriting(("DD.MM.YYYY",), ",")
ENGLISH = ColumnWriting(("MM/DD/YYYY", "MM/DD/YY"), ".")


@pytest.mark.parametrize(
    ("column", "typed", "cell"),
    [
        (AS_TEXT, "42", "0042"),
        (AS_TEXT, "49305550003", "+49305550003"),
        (AS_TEXT, "4.93056E+10", "+49305550003"),
        (AS_TEXT, "4,93056E+10", "49305550003"),
        (AS_TEXT, "1234567890123450", "1234567890123456"),
        (GERMAN, "1234.5", "1.234,50"),
        (GERMAN, "3.5", "3,50"),
        (GERMAN, "-3.5", "-3,5"),
        (GERMAN, "2024-12-31", "31.12.2024"),
        (ENGLISH, "1234567.25", "1,234,567.25"),
        (ENGLISH, "2024-12-31", "12/31/24"),
    ],
)
def test_what_is_the_same_is_the_cell_itself(column: ColumnWriting, typed: str, cell: str) -> None:
    for is_number in (True, None):
        assert column.retyped(typed, cell, is_number=is_number) == cell


@pytest.mark.parametrize(
    ("column", "typed", "cell", "meant"),
    [
        (GERMAN, "10.5", "10,4", "10,5"),
        (GERMAN, "10.125", "x", "10,125"),
        (GERMAN, "1234", None, "1234"),
        (GERMAN, "2015-02-28", "31.02.2015", "28.02.2015"),
        (GERMAN, "2015-02-28T00:00:00", "31.02.2015", "28.02.2015"),
        (ENGLISH, "2015-02-28", "", "02/28/2015"),
        # A comma where a point should be is what was corrected.
        (ENGLISH, "10.5", "10,5", "10.5"),
        (AS_TEXT, "43", "0042", "43"),
        (AS_TEXT, "2024-12-31", "31.12.2024", "2024-12-31"),
        (GERMAN, "2024-13-31", "31.12.2024", "2024-13-31"),
    ],
)
def test_what_was_typed_anew_is_written_as_the_column_writes_it(
    column: ColumnWriting, typed: str, cell: str | None, meant: str
) -> None:
    assert column.retyped(typed, cell, is_number=True) == meant


def test_a_text_is_what_was_typed() -> None:
    assert AS_TEXT.retyped("42", "0042", is_number=False) == "42"
    assert GERMAN.retyped("1.234", "1,234", is_number=False) == "1.234"
    assert GERMAN.retyped("10.125", "9", is_number=None) == "10.125"
    # An ISO date has one reading, whoever wrote it.
    assert GERMAN.retyped("2015-02-28", "x", is_number=False) == "28.02.2015"
    assert GERMAN.retyped(None, "x", is_number=None) is None
