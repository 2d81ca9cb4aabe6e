"""Card numbers whose digits lie in several columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from stdnum import luhn

from ispmig_pipelines.formats.opening import open_source
from ispmig_pipelines.guarding import GuardedReader
from ispmig_pipelines.validation.card_parts import mask_parts, parts_of_cards

VISA = ("4111", "1111", "1111", "1111")
AMEX = ("3782", "822463", "10005")


@pytest.mark.parametrize(
    ("names", "runs"),
    [
        (["No", "card1", "card2", "card3", "card4", "x"], [("card1", "card2", "card3", "card4")]),
        (["Card No 1", "Card No 2"], [("Card No 1", "Card No 2")]),
        (["pan_part_1", "pan_part_2", "pan_part_3"], [("pan_part_1", "pan_part_2", "pan_part_3")]),
        (["cc_a", "cc_b"], [("cc_a", "cc_b")]),
        (["Kreditkarte 1", "Kreditkarte 2"], [("Kreditkarte 1", "Kreditkarte 2")]),
        (["card1", "Name", "card2"], []),  # not side by side
        (["card2", "card1"], []),
        (["card1", "cc2"], []),
        (["phone1", "phone2", "address1", "address2"], []),
        (["card1"], []),
        ([], []),
    ],
)
def test_names_say_which_columns_are_parts(names: list[str], runs: list[tuple[str, ...]]) -> None:
    assert parts_of_cards(names) == runs


def columns(*rows: tuple[str | None, ...]) -> list[pa.StringArray]:
    return [pa.array(list(cells), pa.string()) for cells in zip(*rows, strict=True)]


def shown(*rows: tuple[str | None, ...]) -> list[tuple[str | None, ...]]:
    masked = mask_parts(columns(*rows))
    return list(zip(*(one.cells.to_pylist() for one in masked), strict=True))


def test_what_is_a_card_number_together_is_masked_but_for_its_last_four_digits() -> None:
    other = ("4111", "1111", "1111", "1112")
    assert luhn.is_valid("".join(VISA))
    assert shown(VISA, other, ("", "", "", ""), (None, *VISA[1:]), (" 4111", *VISA[1:])) == [
        ("****", "****", "****", "1111"), other, ("", "", "", ""), (None, *VISA[1:]),
        ("****", "****", "****", "1111"),
    ]  # fmt: skip
    assert shown(AMEX) == [("****", "******", "*0005")]


def test_the_cell_of_the_last_four_digits_counts_as_none_that_was_masked() -> None:
    first, *_, last = mask_parts(columns(VISA, ("1", "2", "3", "4")))
    assert (first.found.numbers, first.found.issuers) == (1, {"visa": 1})
    assert first.where is not None
    assert first.where.tolist() == [True, False]
    assert (last.where, last.found.cells) == (None, 0)
    *_, amex = mask_parts(columns(AMEX))
    assert (amex.found.cells, amex.found.numbers) == (1, 0)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_readers_hand_over_no_parts(tmp_path: Path, size: int) -> None:
    path = tmp_path / "people.csv"
    lines = [["1", *VISA], ["2", "77", "", "", ""], ["3", "".join(VISA), *VISA[1:]], ["4", *VISA]]
    path.write_text("No,cc1,cc2,cc3,cc4\n" + "".join(",".join(r) + "\n" for r in lines))
    reader = GuardedReader(open_source(path))
    with reader:
        rows = [r for b in reader.batches("people", size) for r in b.cells.to_pylist()]
    assert [tuple(row.values())[1:] for row in rows] == [
        ("****", "****", "****", "1111"),
        ("77", None, None, None),
        ("************1111", "1111", "1111", "1111"),
        ("****", "****", "****", "1111"),
    ]
    told = {f.column: f for f in reader.findings("people")}
    assert (told["cc1"].cards.numbers, told["cc1"].masked, told["cc2"].masked) == (3, 3, 2)
    assert "cc4" not in told


def test_columns_that_a_spec_says_are_no_cards_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("No,cc1,cc2,cc3,cc4\n1," + ",".join(VISA) + "\n")
    reader = GuardedReader(open_source(path), allowed={"cc2": "meters"})
    with reader:
        (records,) = reader.batches("people", 10)
    assert tuple(records.cells.to_pylist()[0].values())[1:] == VISA
