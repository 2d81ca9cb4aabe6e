"""What a spreadsheet would compute stays a text, and comes back as it was."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.formats.formulas import neutralised, restored
from ispmig_pipelines_tests.formats.writing_back import texts


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\tx",
        " =1", "\u00a0=1", "\ufeff=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a",
        "- 5", "+1-555-0100",
        "+49 (170) 1", "-x", "-5\n", "--5", "+", "''=1", "'=1", "-1,000,000",
    ],
)  # fmt: skip
def test_the_beginning_of_a_formula_gets_an_apostrophe(text: str) -> None:
    assert neutralised(pa.array([text])).to_pylist() == ["'" + text]


@pytest.mark.parametrize(
    "text",
    [
        "-12.50", "+3", "-1e6", "-1,5", "+491701234567", "+49 170 1234567", "-", "---", "",
        "abc", "a=1", "'abc", "O'Brien", "12", "2024-02-29", "1=1", " x", "é",
    ],
)  # fmt: skip
def test_numbers_telephone_numbers_and_words_stay(text: str) -> None:
    assert neutralised(pa.array([text])).to_pylist() == [text]


@given(st.lists(st.none() | texts() | st.text("'=+-@ \t\r\n1.e", max_size=6), max_size=20))
def test_every_text_comes_back_as_it_was(cells: list[str | None]) -> None:
    column = pa.array(cells, pa.string())
    safe = neutralised(column)
    assert restored(safe).to_pylist() == cells
    assert not any(text and text[0] in "=@\t\r\n" for text in safe.to_pylist())


def test_a_part_of_a_column_is_taken_by_itself() -> None:
    column = pa.array(["=1", None, "x", "=2", "'=3"])
    assert neutralised(column.slice(2)).to_pylist() == ["x", "'=2", "''=3"]
    assert restored(pa.array(["'=1", "''=3", "'x", "=5"]).slice(1)).to_pylist() == [
        "'=3", "'x", "=5",
    ]  # fmt: skip
