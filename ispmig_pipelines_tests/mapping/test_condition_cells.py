"""A source's columns in conditions: as days, in the format that is said."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ispmig_pipelines.condition import ColumnName, ConditionMistakes, evaluate
from ispmig_pipelines.mapping.cells import SourceCells
from ispmig_pipelines.mapping.condition_cells import cells_of, checked_condition

CELLS = [" 2019-12-31 ", "2020-01-01", "2020-01-01 23:59", "31.12.2019", "-", None, "43831"]


def holds(when: object, *, usual: tuple[str, ...] = ()) -> list[int]:
    cells = SourceCells(pa.RecordBatch.from_pydict({"Paid ": pa.array(CELLS, pa.string())}))

    def column(operand: ColumnName) -> pa.Array:
        return cells_of(operand, cells, "Paid ", null_words=("", "-"), date_formats=usual)

    condition = checked_condition(when, "customer", at=())
    return evaluate(condition, column, len(CELLS)).nonzero()[0].tolist()


@pytest.mark.parametrize(
    ("test", "rows"),
    [
        ({"less_than": "2020-01-01"}, [0]),
        ({"at_most": "2020-01-01"}, [0, 1, 2]),
        ({"at_least": "2020-01-01"}, [1, 2]),
        ({"between": ["2019-12-31", "2020-01-01"]}, [0, 1, 2]),
        ({"less_than": "2020-01-01", "date_format": "DD.MM.YYYY"}, [3]),
        ({"is": "2019-12-31", "date_format": "dmy"}, [0, 3]),
        ({"in": ["2019-12-31", None], "date_format": "DD.MM.YYYY"}, [3, 4, 5]),
        ({"at_least": "2020-01-01", "date_format": "excel"}, [6]),
        # Without a day beside it, a cell is what is written, or a number.
        ({"is": "2020-01-01"}, [1]),
        ({"more_than": "40000"}, [6]),
        ({"empty": "true", "date_format": "DD.MM.YYYY"}, [4, 5]),
    ],
)
def test_cells_are_days_where_they_are_compared_with_one(
    test: dict[str, object], rows: list[int]
) -> None:
    assert holds({"column": {"Paid": test}}) == rows


def test_the_usual_format_of_a_spec_is_that_of_its_conditions() -> None:
    when = {"column": {"Paid": {"less_than": "2020-01-01"}}}
    assert holds(when, usual=("DD.MM.YYYY",)) == [3]
    assert holds("column(Paid as iso) < 2020-01-01", usual=("DD.MM.YYYY",)) == [0]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"column": {"Paid": {"less_than": "2020-02-30"}}}, "no date"),
        ({"column": {"Paid": {"less_than": "5", "date_format": "dmy"}}}, "no date"),
        ({"column": {"Paid": {"less_than": "2020-01-01", "date_format": "QQ"}}}, "no date format"),
        ({"column": {"Paid": {"contains": "x", "date_format": "dmy"}}}, "contains is for texts"),
        ({"column": {"Paid": {"between": ["1", "2020-01-01"]}}}, "a number and a day"),
        ("column(Paid as '') < 2020-01-01", "format"),
    ],
)
def test_what_cannot_be_asked_of_days_is_said(when: object, said: str) -> None:
    with pytest.raises(ConditionMistakes) as error:
        checked_condition(when, "customer", at=("when",))
    assert said in error.value.mistakes[0].text
