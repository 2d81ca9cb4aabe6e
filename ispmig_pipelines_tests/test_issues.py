"""Issues: rules as data, and masks that show a value's shape and never its content."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.issues import ISSUE_SCHEMA, MASK_LENGTH, RULES, IssueLog, mask, mask_series


def test_a_mask_keeps_the_shape_of_a_value() -> None:
    assert mask("J. O'Brien 42") == "A. A'Aaaaa 99"
    assert mask("ann@example.com") == "aaa@aaaaaaa.aaa"
    assert mask("Größe\n½") == "Aaaaa?9"
    assert mask(None) == ""
    assert mask("x" * 100) == "a" * MASK_LENGTH + "…"


@given(st.text())
def test_no_letter_and_no_digit_of_a_value_is_left(text: str) -> None:
    shown = mask(text).removesuffix("…")
    assert len(shown) == min(len(text), MASK_LENGTH)
    assert not [c for c in shown if c.isalnum() and c not in "aA9"]


@given(st.lists(st.one_of(st.none(), st.text()), max_size=20))
def test_a_column_is_masked_as_its_values_are(values: list[str | None]) -> None:
    column = pd.Series(values, dtype="str")
    assert mask_series(column).to_pylist() == [mask(v) for v in values]


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    for code, rule in RULES.items():
        assert rule.code == code
        assert rule.remedy
        assert rule.message(column="c", field="f", found="x", accepted="y").endswith((".", ")"))


def log_of(size: int) -> IssueLog:
    log = IssueLog(size)
    found = pd.Series([f"Cell {n}" for n in range(size)], dtype="str")
    log.add("value.type", np.arange(size) % 2 == 1, column="B", field="b", found=found)
    log.add("conflict.kept", np.arange(size) == 0, field="k", accepted="nothing")
    return log


def test_errors_send_their_records_to_quarantine_and_other_issues_do_not() -> None:
    assert log_of(4).rejected.tolist() == [False, True, False, True]


def test_issues_are_rows_in_order_of_record_with_masked_values() -> None:
    log = log_of(4)
    batch = log.to_arrow(
        pa.array([0, 0, 1, 1], pa.int32()),
        pa.array([7, 8, 1, 2], pa.int64()),
        pa.array([9, None, 3, 4], pa.int64()),
    )
    assert batch.schema == ISSUE_SCHEMA
    assert len(log) == batch.num_rows == 3
    assert [(r["file"], r["record"], r["line"], r["rule"]) for r in batch.to_pylist()] == [
        (0, 7, 9, "conflict.kept"),
        (0, 8, None, "value.type"),
        (1, 2, 4, "value.type"),
    ]
    assert batch.column("found").to_pylist() == ["", "Aaaa 9", "Aaaa 9"]


def test_no_issues_are_an_empty_table() -> None:
    nothing = pa.array([], pa.int64())
    batch = IssueLog(0).to_arrow(pa.array([], pa.int32()), nothing, nothing)
    assert (batch.num_rows, batch.schema) == (0, ISSUE_SCHEMA)
