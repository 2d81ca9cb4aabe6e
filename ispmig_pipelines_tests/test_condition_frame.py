"""Conditions on a batch: what the source's columns hold, and what its types do."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from ispmig_pipelines import condition as c
from ispmig_pipelines.condition import ColumnName, FieldName, evaluate, parse_condition

CELLS: dict[str, list[str | None]] = {
    "Speed": ["100", "99.9", "+1e3", "fast", None, "0100", "-5", "1,000", "٣", "1" * 31, "5."],
    "Kind": ["Fibre", "FIBRE", "fibre 100", "dsl", None, "", "STRASSE", "straße", "İ", "x\ny", "ß"],
}


def rows(text: str, cells: dict[str, list[str | None]] = CELLS) -> list[int]:
    condition = parse_condition(text, ["customer"], columns_allowed=True)
    size = len(next(iter(cells.values())))

    def column(operand: c.Operand) -> pa.Array:
        assert isinstance(operand, ColumnName)
        return pa.array(cells[operand.name], pa.string())

    return evaluate(condition, column, size).nonzero()[0].tolist()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("column(Speed) >= 100", [0, 5]),
        ("column(Speed) > 99.89", [0, 1, 5]),
        ("column(Speed) < 0", [6]),
        ("column(Speed) between 99 and 100", [0, 1, 5]),
        # A cell that is no plain number compares as nothing does.
        ("not (column(Speed) >= 100)", [1, 2, 3, 4, 6, 7, 8, 9, 10]),
        ("column(Speed) = 100", [0]),
        ("column(Speed) != 100", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("column(Speed) in (100, fast)", [0, 3]),
        ("column(Speed) not in (100, fast)", [1, 2, 4, 5, 6, 7, 8, 9, 10]),
        ("column(Speed) is null", [4]),
        ("column(Speed) is not null", [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]),
        ("column(Kind) = Fibre", [0]),
        ("column(Kind ignoring case) = fIBRE", [0, 1]),
        ("column(Kind ignoring case) in (FIBRE, DSL)", [0, 1, 3]),
        ("column(Kind ignoring case) contains FIB", [0, 1, 2]),
        ("column(Kind ignoring case) like 'FIB%'", [0, 1, 2]),
        ("column(Kind ignoring case) starts with STRASS", [6]),
        ("column(Kind ignoring case) ends with ' 100'", [2]),
        ("column(Kind ignoring case) matches '[A-Z]+'", [0, 1, 3, 6]),
        ("column(Kind) matches '[A-Z]+'", [1, 6]),
        ("column(Kind ignoring case) = 'İ'", [8]),
        ("column(Kind) like 'x_y'", [9]),
        ("column(Kind) like '_'", [8, 10]),
        ("column(Kind) matches 'x.y'", []),
        ("column(Kind) matches '(?s)x.y'", [9]),
        ("column(Speed) >= 100 and column(Kind ignoring case) = fibre", [0]),
    ],
)
def test_cells_of_the_source_are_texts_and_compare_by_size_as_plain_numbers(
    text: str, holds: list[int]
) -> None:
    assert rows(text) == holds


def test_each_column_is_asked_for_once() -> None:
    asked: list[c.Operand] = []

    def column(operand: c.Operand) -> pa.Array:
        asked.append(operand)
        return pa.array(["5", None], pa.string())

    text = "column(A) > 1 and column(A) < 9 and column(A ignoring case) = x or column(A) matches 5"
    found = parse_condition(text, ["customer"], columns_allowed=True)
    assert evaluate(found, column, 2).tolist() == [True, False]
    assert asked == [ColumnName("A")]


@pytest.mark.parametrize(
    "held",
    [
        pa.array(["a", None, "b"], pa.string()),
        pa.array(["a", None, "b"], pa.large_string()),
        pa.chunked_array([["a"], [None, "b"]], pa.string()),
        pa.array(["a", None, "b"]).dictionary_encode(),
    ],
    ids=["string", "large", "chunked", "dictionary"],
)
def test_texts_may_be_held_in_any_way(held: pa.Array) -> None:
    def truth(text: str) -> list[bool]:
        return evaluate(parse_condition(text, ["customer"]), lambda _: held, 3).tolist()

    assert truth("last_name = a") == [True, False, False]
    assert truth("last_name in (a, b)") == [True, False, True]
    assert truth("last_name < b") == [True, False, False]
    assert truth("last_name matches '[b]'") == [False, False, True]
    assert truth("last_name is null") == [False, True, False]
    assert truth("last_name contains a or last_name = field(first_name)") == [True, False, True]


@pytest.mark.parametrize(
    "text",
    ["balance > 1", "balance in (1, 2)", "last_name contains x", "birth_date = 2024-01-01",
     "tax_exempt = true", "birth_date < field(signup_date)", "balance < field(credit_limit)"],
)  # fmt: skip
@pytest.mark.parametrize("size", [0, 3])
def test_a_column_of_nothing_and_a_batch_of_nothing_hold_for_nothing(text: str, size: int) -> None:
    condition = parse_condition(text, ["customer"])
    for type_ in (None, pa.null()):

        def column(operand: c.Operand, type_: pa.DataType | None = type_) -> pa.Array:
            assert isinstance(operand, FieldName)
            return pa.nulls(size, type_ or operand.info.arrow_type)

        assert evaluate(condition, column, size).tolist() == [False] * size
        assert evaluate(c.Not(condition), column, size).tolist() == [True] * size


def test_whole_numbers_and_decimals_compare_with_each_other() -> None:
    held = {
        "line_no": pa.array([1, 2, 3, None, 2**63 - 1], pa.int64()),
        "quantity": pa.array(
            [Decimal("1.000001"), Decimal(2), Decimal("2.999999"), Decimal(1), Decimal(1)],
            pa.decimal128(19, 6),
        ),
    }

    def truth(text: str) -> list[bool]:
        condition = parse_condition(text, ["invoice_line"])
        return evaluate(condition, lambda o: held[o.field], 5).tolist()  # type: ignore[union-attr]

    assert truth("line_no < field(quantity)") == [True, False, False, False, False]
    assert truth("quantity = field(line_no)") == [False, True, False, False, False]
    assert truth("line_no > field(quantity)") == [False, False, True, False, True]
