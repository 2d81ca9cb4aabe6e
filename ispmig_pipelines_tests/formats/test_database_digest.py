"""The digest over cells: the same however records are cut, another for any other cells."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.formats.database.digest import CellDigest

CELLS = st.lists(st.tuples(*[st.none() | st.text(max_size=4)] * 3), max_size=12)


def digest(rows: list[tuple[str | None, ...]], cuts: list[int], names: str = "abc") -> str:
    taken = CellDigest(list(names))
    places = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        # A slice of a longer array, as batches are.
        whole = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(names))]
        taken.add([column.slice(start, end - start) for column in whole])
    return taken.hexdigest()


@given(CELLS, st.lists(st.integers(0, 12), max_size=4))
def test_how_records_are_cut_into_batches_does_not_matter(
    rows: list[tuple[str | None, ...]], cuts: list[int]
) -> None:
    assert digest(rows, cuts) == digest(rows, [])


@given(CELLS, CELLS)
def test_other_cells_give_another_digest(
    one: list[tuple[str | None, ...]], other: list[tuple[str | None, ...]]
) -> None:
    assert (digest(one, []) == digest(other, [])) == (one == other)


def test_null_is_not_empty_and_a_character_belongs_to_its_cell() -> None:
    different = [
        [(None, "", "")], [("", None, "")], [("", "", "")],
        [("ab", "", ""), ("c", "", "")], [("a", "", ""), ("bc", "", "")],
        [("x", "y", "")], [("y", "x", "")], [],
    ]  # fmt: skip
    assert len({digest(rows, []) for rows in different}) == len(different)
    assert digest([("a", "b", "c")], [], "abc") != digest([("a", "b", "c")], [], "abd")


def test_what_cannot_be_read_counts_too() -> None:
    def with_unreadable(*records: tuple[int, str]) -> str:
        taken = CellDigest(["a"])
        for record, text in records:
            taken.add_unreadable(record, text)
        return taken.hexdigest()

    assert len({with_unreadable(), with_unreadable((1, "x")), with_unreadable((2, "x")),
                with_unreadable((1, "y")), with_unreadable((1, "x"), (2, ""))}) == 5  # fmt: skip
