"""A block with ``when_filled`` takes some of a source's records, and no cell is lost by that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.formats.records import Records, Reject
from ispmig_pipelines.mapping.apply import FeedPlan, prepare
from ispmig_pipelines.mapping.selection import kept
from ispmig_pipelines.mapping.spec import Spec
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.verify import audited_fields
from ispmig_pipelines_tests.mapping.columns import mapped, records, spec_of

WIDE = """\
version: 1
defaults: {null_words: ["", "-"]}
sources: {s: {files: x.csv}}
entities:
  customer: {from: s, fields: {account_number: No}}
  service:
    from: s
    when_filled: [Plan, Since]
    fields:
      service_code: No
      customer: No
      plan: PLAN
      start_date: Since
      status: {column: State, lookup: {A: active}}
"""
COLUMNS = ["No", "plan ", "Since", "State", "Note"]


def plans(spec: Spec, columns: list[str]) -> list[FeedPlan]:
    return [prepare(spec, feed, columns) for feed in spec.feeds]


def wanted(plan: FeedPlan, table: Mapping[str, Sequence[str | None]]) -> list[bool] | None:
    mask = plan.wanted(records(table))
    return None if mask is None else mask.tolist()


def left(text: str, table: Mapping[str, Sequence[str | None]]) -> list[dict[str, str]]:
    """What the first feed carries."""
    legacy = mapped(text, table).legacy
    assert legacy is not None
    return [json.loads(record) for record in legacy.to_pylist()]


def test_a_record_is_wanted_when_all_the_columns_hold_something() -> None:
    customer, service = plans(spec_of(WIDE), COLUMNS)
    table = {
        "No": list("1234567"),
        "plan ": ["a", " a ", "", " - ", None, "a", "n/a"],
        "Since": ["x", "x", "x", "x", "x", None, "x"],
        "State": [None] * 7,
        "Note": [None] * 7,
    }
    assert wanted(customer, table) is None
    assert wanted(service, table) == [True, True, False, False, False, False, True]
    # Spaces are nothing, whether they are trimmed or not; null words are the defaults'.
    untrimmed = WIDE.replace("defaults: {", "defaults: {trim: false, ").replace(
        "plan: PLAN", "plan: {column: PLAN, null_words: [n/a]}"
    )
    _, service = plans(spec_of(untrimmed), COLUMNS)
    assert wanted(service, {**table, "plan ": ["a", " ", "\u00a0", "-", " - ", "a", "n/a"]}) == [
        True, False, False, False, False, False, True,
    ]  # fmt: skip


def test_an_empty_batch_has_no_wanted_records() -> None:
    _, service = plans(spec_of(WIDE), COLUMNS)
    assert wanted(service, {name: [] for name in COLUMNS}) == []
    assert left(WIDE, {name: [] for name in COLUMNS}) == []


def test_wanted_records_keep_their_places() -> None:
    batch = records({"No": ["1", "2", "3"]}, first=10)
    reject = Reject(13, 14, "record.ragged", "x,y")
    batch = Records(batch.cells, batch.record, batch.line, (reject,), 99)
    some = kept(batch, np.array([True, False, True]))
    assert some.cells.to_pydict() == {"No": ["1", "3"]}
    assert (some.record.to_pylist(), some.line.to_pylist()) == ([10, 12], [11, 13])
    assert (some.rejects, some.bytes_read) == ((reject,), 99)
    none = kept(batch, np.zeros(3, dtype=bool))
    assert (none.cells.num_rows, len(none.record), none.rejects) == (0, 0, (reject,))


def test_skipped_records_are_not_mapped_and_make_no_issue() -> None:
    _, service = plans(spec_of(WIDE), COLUMNS)
    batch = records({"No": ["1", "2"], "plan ": ["a", ""], "Since": ["2019-02-03", "junk"],
                     "State": ["A", "junk"], "Note": [None, None]})  # fmt: skip
    mask = service.wanted(batch)
    assert mask is not None
    result = service.apply(kept(batch, mask))
    assert result.frame["service_code"].tolist() == ["1"]
    assert len(result.log) == 0


def test_a_plan_reads_the_columns_that_decide_also_for_the_audit() -> None:
    text = WIDE.replace("[Plan, Since]", "[Plan, Note]")
    customer, service = plans(spec_of(text), COLUMNS)
    assert set(service.columns_needed) == {"No", "plan ", "Since", "State", "Note"}
    # To know which cells nothing else takes, the carrying feed looks at what decides too.
    assert set(customer.columns_needed) == set(COLUMNS)
    spec = spec_of(text)
    only = audited_fields("service", tuple(ENTITIES["service"].fields))
    audit = prepare(spec, spec.feeds[1], COLUMNS, only=only)
    assert audit.columns_needed == ("No", "plan ", "Note")
    table = {"No": ["1", "2"], "plan ": ["a", "a"], "Note": ["x", ""]}
    assert wanted(audit, table) == [True, False]
    alone = prepare(
        spec,
        spec.feeds[0],
        COLUMNS,
        only=audited_fields("customer", tuple(ENTITIES["customer"].fields)),
    )
    assert alone.columns_needed == ("No",)


def test_cells_of_skipped_records_are_kept_and_only_those() -> None:
    assert left(
        WIDE,
        {
            "No": ["1", "2", "3", "4"],
            "plan ": ["a", "", "b", "-"],
            "Since": ["2019-02-03", " 2019-02-03 ", "", None],
            "State": ["A", "A\x00", " - ", " "],
            "Note": ["", "x", None, None],
        },
    ) == [
        {"Note": ""},
        {"Note": "x", "Since": " 2019-02-03 ", "State": "A\u2400"},
        {"plan ": "b"},
        {},
    ]


def test_a_cell_that_another_block_takes_is_not_kept_twice() -> None:
    text = (
        WIDE
        + "  location:\n    from: s\n    when_filled: Street\n    fields:\n"
        + (
            "      location_code: No\n      customer: No\n      street: Street\n"
            "      notes: Since\n"
        )
    )
    table = {
        "No": list("1234"),
        "plan ": ["a", "a", None, None],
        "Since": ["s", "s", "s", "s"],
        "State": [None] * 4,
        "Note": [None] * 4,
        "Street": ["x", None, "x", None],
    }
    assert left(text, table) == [{}, {}, {}, {"Since": "s"}]


def test_a_null_word_that_says_something_to_a_field_is_kept() -> None:
    def kept_words(state: str) -> list[str]:
        text = WIDE.replace('["", "-"]', '["", "-", "0"]').replace(
            "{column: State, lookup: {A: active}}", state
        )
        cells = ["-", "0", "z", ""]
        table = {"No": list("1234"), "plan ": [""] * 4, "Since": [""] * 4, "State": cells,
                 "Note": [None] * 4}  # fmt: skip
        return [cell for record in left(text, table) for cell in record.values()]

    assert kept_words("State") == ["z"]
    # Nothing to this field only: the defaults say it is something.
    assert kept_words("{column: State, null_words: [z]}") == ["-", "0", "z"]
    assert kept_words('{column: State, null_words: ["0"]}') == ["-", "z"]
    assert kept_words('{column: State, lookup: {"-": cancelled}}') == ["-", "z"]


NAMES = ["No", "A", "B", "C", "D", "Rest"]
LAW = """\
version: 1
defaults: {null_words: ["", "-", N/A]}
sources: {s: {files: x.csv}}
entities:
  customer: {from: s, fields: {account_number: No, notes: A}}
  location:
    from: s
    when_filled: B
    fields: {location_code: No, customer: No, name: B, notes: C}
  plan:
    - {from: s, when_filled: [C, A], fields: {plan_code: C, name: D}}
    - {from: s, when_filled: Rest, fields: {plan_code: B}}
"""
CELLS = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "-", " - ", "N/A", "n/a", "x", " y ", "0", '"', "\\"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6),
)
TABLES = st.lists(st.lists(CELLS, min_size=len(NAMES), max_size=len(NAMES)), max_size=8)


def table_of(rows: list[list[str | None]]) -> dict[str, list[str | None]]:
    return {name: [row[i] for row in rows] for i, name in enumerate(NAMES)}


def is_something(cell: str | None) -> bool:
    return cell is not None and cell.strip() not in ("", "-", "N/A")


@pytest.mark.slow
@given(rows=TABLES)
def test_every_record_is_wanted_or_skipped_and_no_cell_of_it_is_lost(
    rows: list[list[str | None]],
) -> None:
    spec = spec_of(LAW)
    batch = records(table_of(rows))
    taken: list[set[str]] = [set() for _ in rows]
    legacy: list[dict[str, str]] | None = None
    for plan in plans(spec, NAMES):
        mask = plan.wanted(batch)
        said = [
            all(is_something(row[NAMES.index(c)]) for c in plan.selection.when_filled)
            for row in rows
        ]
        if mask is None:
            mask = np.ones(len(rows), dtype=bool)
        assert mask.tolist() == said
        some, others = kept(batch, mask), kept(batch, ~mask)
        assert sorted([*some.record.to_pylist(), *others.record.to_pylist()]) == list(
            range(1, len(rows) + 1)
        )
        result = plan.apply(some)
        for position, place in enumerate(np.flatnonzero(mask)):
            for field in plan.fields:
                present = not pd.isna(result.frame[field.name].iloc[position])
                refused = result.converted_badly[field.name][position]
                if present or refused:
                    taken[place].update(field.columns)
        if plan.feed.legacy:
            assert legacy is None
            assert mask.all()
            assert result.legacy is not None
            legacy = [json.loads(text) for text in result.legacy.to_pylist()]
    assert legacy is not None
    for row, fields, carried in zip(rows, taken, legacy, strict=True):
        for name, cell in zip(NAMES, row, strict=True):
            if name == "Rest":  # no field reads it
                assert carried.get(name) == cell
            elif is_something(cell):
                assert (name in fields) != (name in carried)
                assert carried.get(name, cell) == cell
            else:
                assert name not in carried


@pytest.mark.slow
@given(rows=TABLES, at=st.integers(0, 8))
def test_neither_batches_nor_slices_change_what_is_wanted_and_what_is_kept(
    rows: list[list[str | None]], at: int
) -> None:
    whole = records(table_of(rows))
    parts = [records(table_of(rows[:at])), records(table_of(rows[at:]))]
    cut = Records(
        records(table_of([[None] * len(NAMES), *rows])).cells.slice(1), whole.record, whole.line
    )
    for plan in plans(spec_of(LAW), NAMES):
        legacy = plan.apply(whole).legacy
        for pieces in (parts, [cut]):
            carried = [plan.apply(piece).legacy for piece in pieces]
            assert [v for c in carried if c is not None for v in c.to_pylist()] == (
                [] if legacy is None else legacy.to_pylist()
            )
            masks = [mask for piece in pieces if (mask := plan.wanted(piece)) is not None]
            all_wanted = plan.wanted(whole)
            if all_wanted is None:
                assert masks == []
            else:
                assert np.concatenate(masks).tolist() == all_wanted.tolist()


def test_a_wanted_mask_filters_arrow_data_as_it_is() -> None:
    _, service = plans(spec_of(WIDE), COLUMNS)
    batch = records({"No": ["1", "2"], "plan ": ["a", ""], "Since": ["x", "x"], "State": ["A", ""],
                     "Note": [None, None]})  # fmt: skip
    mask = service.wanted(batch)
    assert mask is not None
    assert (mask.dtype, mask.shape) == (np.dtype(bool), (2,))
    assert batch.cells.filter(pa.array(mask)).num_rows == 1
