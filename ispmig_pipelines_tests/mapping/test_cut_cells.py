"""A cell of which mappings keep a part only stays whole under ``legacy``: nothing is lost."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ispmig_pipelines.mapping import distinct_cells
from ispmig_pipelines.mapping.apply import prepare
from ispmig_pipelines.mapping.selection import kept
from ispmig_pipelines_tests.mapping.columns import mapped, records, spec_of

HEAD = """\
version: 1
defaults: {null_words: ["", "-", N/A]}
sources: {s: {files: x.csv}}
entities:
"""


def customer(*fields: str) -> str:
    head = "  customer:\n    from: s\n    fields:\n      account_number: No\n"
    return HEAD + head + "".join(f"      {field}\n" for field in fields)


def left(text: str, cells: list[str | None], feed: int = 0) -> list[str | None]:
    """What is under ``legacy`` of the column C."""
    legacy = mapped(text, {"No": [str(i) for i in range(len(cells))], "C": cells}, feed).legacy
    if legacy is None:
        return [None] * len(cells)
    return [json.loads(record).get("C") for record in legacy.to_pylist()]


@pytest.mark.parametrize(
    ("mapping", "cells", "under_legacy"),
    [
        ("split: {separator: ' ', take: first}", ["Ann Lee", "Cher", " Cher ", None, "N/A"],
         ["Ann Lee", None, None, None, None]),
        ("transform: {split: {separator: /, take: 2}}", ["a/b", "a"], ["a/b", "a"]),
        ("transform: {extract: '[0-9]+'}", ["no. 12", "12", "none"], ["no. 12", None, "none"]),
        ("transform: {extract: {pattern: '[0-9]+', otherwise: keep}}", ["no. 12", "x"],
         ["no. 12", None]),
        ("transform: {substring: {start: 1, length: 3}}", ["abcd", "abc"], ["abcd", None]),
        ("transform: digits", ["555-1234 Ann", "5551234"], ["555-1234 Ann", None]),
        ("transform: {replace: {text: UL, with: ''}}", ["UL7", "7"], ["UL7", None]),
        ("transform: {replace: {pattern: '[aeiou]', with: e}}", ["tip", "tep"], ["tip", None]),
        ("transform: {trim: '*'}", ["*vip*", "vip"], ["*vip*", None]),
        # Between what takes something away, other steps do not hide it.
        ("transform: [upper, {extract: '[A-Z]+'}, {prefix: X}]", ["ab1", "ab"], ["ab1", None]),
        ("split: {separator: ';', take: 1}, lookup: {a: b}", ["a;c", "a"], ["a;c", None]),
        # A null word that a step made is nothing, and was something.
        ("transform: upper", ["n/a", "x"], ["n/a", None]),
    ],
)  # fmt: skip
def test_a_cell_that_is_cut_is_kept_whole(
    mapping: str, cells: list[str | None], under_legacy: list[str | None]
) -> None:
    assert left(customer(f"notes: {{column: C, {mapping}}}"), cells) == under_legacy


@pytest.mark.parametrize(
    "steps",
    ["trim", "squeeze", "upper", "title", "name", "{pad: {width: 9}}", "{prefix: a}",
     "[lower, {suffix: z}]"],
)  # fmt: skip
def test_another_case_white_space_and_what_is_put_around_take_nothing_away(steps: str) -> None:
    assert left(customer(f"notes: {{column: C, transform: {steps}}}"), ["Ann  LEE", " b "]) == [
        None, None,
    ]  # fmt: skip


def test_what_is_hashed_is_not_kept() -> None:
    assert left(customer("notes: {column: C, transform: [digits, hash]}"), ["1-2"]) == [None]
    both = customer("notes: {coalesce: [C, D], transform: hash}")
    got = mapped(both, {"No": ["1"], "C": ["1"], "D": ["2"]}).legacy
    assert got is None


@pytest.mark.parametrize(
    ("mapping", "is_kept"),
    [
        ("balance: {column: C, positive_is: debt, transform: {round: 1}}", True),
        ("balance: {column: C, positive_is: debt, transform: absolute}", True),
        ("balance: {column: C, positive_is: debt, transform: [{divide: 3}, {round: 2}]}", True),
        ("balance: {column: C, positive_is: debt, transform: negate}", False),
        ("balance: {column: C, positive_is: debt, transform: {multiply: 2}}", False),
    ],
)
def test_a_number_of_which_several_become_one_is_kept(mapping: str, is_kept: bool) -> None:
    got = left(customer(mapping, "currency: {constant: USD}"), ["-12.25", ""])
    assert got == ["-12.25" if is_kept else None, None]


@pytest.mark.parametrize(
    ("steps", "is_kept"),
    [
        ("{snap: first_of_month}", True),
        ("{shift: {months: 1}}", True),
        ("{shift: {days: 14}}", False),
    ],
)
def test_a_date_of_which_several_become_one_is_kept(steps: str, is_kept: bool) -> None:
    text = customer(f"signup_date: {{column: C, date_format: iso, transform: {steps}}}")
    assert left(text, ["2024-01-31"]) == ["2024-01-31" if is_kept else None]


def test_a_cell_that_a_step_refuses_is_in_quarantine() -> None:
    text = customer("notes: {column: C, transform: {extract: {pattern: x, otherwise: error}}}")
    assert left(text, ["abc", "axc"]) == [None, "axc"]


def test_columns_that_are_joined_and_then_cut_are_kept_each() -> None:
    text = customer("notes: {columns: [C, D], transform: {substring: {start: 1, length: 3}}}")
    legacy = mapped(text, {"No": ["1", "2"], "C": ["ab", "a"], "D": ["cd", "-"]}).legacy
    assert legacy is not None
    assert [json.loads(record) for record in legacy.to_pylist()] == [{"C": "ab", "D": "cd"}, {}]


def test_a_cell_that_another_field_has_whole_is_not_kept() -> None:
    cut = "first_name: {column: C, split: {separator: ' ', take: first}}"
    assert left(customer(cut, "notes: C"), ["Ann Lee"]) == [None]
    # Of two parts, nobody knows whether they are the whole.
    other = "last_name: {column: C, split: {separator: ' ', take: last}}"
    assert left(customer(cut, other), ["Ann van Lee"]) == ["Ann van Lee"]


WIDE = (
    HEAD
    + """\
  customer: {from: s, fields: {account_number: No}}
  plan:
    from: s
    when_filled: D
    fields: {plan_code: D, name: {column: C, split: {separator: " ", take: first}}}
"""
)


def test_what_a_block_cuts_is_with_the_record_that_carries_the_sources_columns() -> None:
    """A plan is one row for many records: they would all meet in it."""
    table = {"No": ["1", "2", "3"], "C": ["F100 since 2019", "F100", "F500 x"],
             "D": ["f", "f", None]}  # fmt: skip
    customers, plans = (mapped(WIDE, table, feed=i).legacy for i in (0, 1))
    assert customers is not None
    assert [json.loads(record) for record in customers.to_pylist()] == [
        {"C": "F100 since 2019"}, {}, {"C": "F500 x"},
    ]  # fmt: skip
    assert plans is None
    whole = WIDE.replace("account_number: No", "account_number: No, notes: C")
    customers = mapped(whole, table).legacy
    assert customers is not None
    assert "F" not in "".join(customers.to_pylist())


def test_many_cells_that_repeat_themselves_are_kept_like_a_few() -> None:
    size = 8 * distinct_cells.SAMPLE
    cells: list[str | None] = [["a b", "a", "-", None][i % 4] for i in range(size)]
    cut = customer("notes: {column: C, split: {separator: ' ', take: first}}")
    assert left(cut, cells) == [["a b", None, None, None][i % 4] for i in range(size)]
    missed = customer("notes: {column: C, lookup: {a: x}, otherwise: 'null'}")
    assert left(missed, cells) == [["a b", None, None, None][i % 4] for i in range(size)]


STEPS = st.sampled_from(
    [
        "split: {separator: ' ', take: first}",
        "split: {separator: ',', take: rest}",
        "split: {separator: a, take: 2}, transform: upper",
        "transform: {extract: '([0-9]+)'}",
        "transform: {extract: {pattern: 'a(.)', otherwise: keep}}",
        "transform: [{extract: '[a-c ]+'}, {substring: {start: -2}}]",
        "transform: {substring: {start: 2, length: 3}}",
        "transform: [digits, {pad: {width: 4}}]",
        "transform: [{trim: 'ab'}, {replace: {text: c, with: b}}]",
        "transform: {replace: {pattern: '[0-9]', with: ''}}, lookup: {a: a, b: ~}, otherwise: keep",
        "trim: false, split: {separator: a, take: last}",
    ]
)
TAKES = st.sampled_from(["", "when_filled: B, ", "when: {column: {A: {contains: a}}}, "])
CELLS = st.one_of(
    st.none(), st.text("abc 12,-", max_size=7), st.sampled_from(["N/A", "a b", "a,b", "\u00a0a"])
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    mappings=st.lists(st.tuples(st.sampled_from("AB"), STEPS), min_size=3, max_size=3),
    takes=TAKES,
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6),
)
def test_the_text_of_every_cell_can_be_got_back(
    mappings: list[tuple[str, str]], takes: str, rows: list[tuple[str | None, str | None]]
) -> None:
    first, second, third = (f"{{column: {column}, {steps}}}" for column, steps in mappings)
    spec = spec_of(
        f"{HEAD}  customer: {{from: s, fields: {{account_number: No, notes: {first}}}}}\n"
        f"  location: {{from: s, {takes}legacy: false, fields: {{location_code: No, "
        f"customer: No, notes: {second}, name: {third}}}}}\n"
    )
    table = {"No": [str(i) for i in range(len(rows))], "A": [a for a, _ in rows],
             "B": [b for _, b in rows]}  # fmt: skip
    batch = records(table)
    got: list[dict[str, set[str]]] = [{"A": set(), "B": set()} for _ in rows]
    for feed in spec.feeds:
        plan = prepare(spec, feed, list(table))
        wanted = plan.wanted(batch)
        mask = np.ones(len(rows), dtype=bool) if wanted is None else wanted
        result = plan.apply(kept(batch, mask))
        legacy = [None] * int(mask.sum()) if result.legacy is None else result.legacy.to_pylist()
        for at, place in enumerate(np.flatnonzero(mask)):
            for column, cell in json.loads(legacy[at] or "{}").items():
                got[place][column].add(cell)
                # What is kept is kept as it stands.
                assert cell == table[column][place]
            for field in plan.fields:
                value = result.frame[field.name].iloc[at]
                if field.name in ("notes", "name") and not pd.isna(value):
                    got[place][field.origins[0]].add(value)
    for place, row in enumerate(rows):
        for column, cell in zip("AB", row, strict=True):
            text = (cell or "").strip()
            if any(column == read for read, _ in mappings) and text in ("", "-", "N/A"):
                continue
            if cell is not None:
                # A number may have been filled up; a lookup says what its words mean.
                shown = {v.strip().lower() for v in got[place][column]}
                shown |= {v.lstrip("0") for v in shown} | {"b"}
                assert {text.lower(), text.lstrip("0").lower()} & shown, (column, cell)
