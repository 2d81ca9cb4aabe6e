"""Issues: rules as data, and masks that show a value's shape and never its content."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.issues import (
    ISSUE_SCHEMA,
    MASK_LENGTH,
    RULES,
    IssueLog,
    Rule,
    Severity,
    every_rule,
    mask,
    mask_series,
    register,
    rule_of,
)
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import EntityInfo


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


@pytest.mark.slow
@given(st.lists(st.one_of(st.none(), st.text()), max_size=20))
def test_a_column_is_masked_as_its_values_are(values: list[str | None]) -> None:
    column = pd.Series(values, dtype="str")
    assert mask_series(column).to_pylist() == [mask(v) for v in values]


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    for code, rule in every_rule().items():
        assert rule.code == code
        assert rule_of(code) == rule
        assert rule.remedy
        assert rule.message(column="c", field="f", found="x", accepted="y").endswith((".", ")"))


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda e: e.name)
def test_each_rule_of_an_entity_has_a_code_of_its_own(entity: EntityInfo) -> None:
    codes = [rule.code for rule in entity.rules]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith(f"{entity.name}.") and code not in RULES for code in codes)
    assert {entity.rule_code(rule) for rule in entity.row_rules} <= set(codes)


def test_a_code_belongs_to_one_rule() -> None:
    rule = RULES["value.type"]
    register([rule])  # the same once more is no other rule
    with pytest.raises(ValueError, match=r"value\.type"):
        register([Rule("value.type", Severity.INFO, "Other.", "Nothing.")])


def test_an_issue_of_another_version_is_told_too() -> None:
    rule = rule_of("invoice.gone_since")
    assert rule.message(column="C", field="f", found="", accepted="a before b") == (
        "The record breaks the rule invoice.gone_since: a before b."
    )


def test_a_check_of_a_spec_is_told_by_its_message() -> None:
    rule = rule_of("check.service.price_plausible")
    assert "dearer than" in rule.message(
        column="C", field="price", found="", accepted="dearer than anything we sell"
    )
    assert rule.adjustable


def test_only_a_rule_there_is_can_be_reported() -> None:
    with pytest.raises(KeyError):
        IssueLog(1).add("value.tpye", np.array([True]))


@pytest.mark.slow
def test_the_quarantine_s_listing_knows_the_rules_of_entities_by_itself() -> None:
    code = (
        "import ispmig_pipelines.platform.quarantine as q; "
        "r = {'rule': 'invoice.issue_date_before_due_date', 'column': 'D', 'field': '', "
        "'found': '', 'accepted': ''}; q.explain(r); print(r['message'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "issue_date is not after due_date" in done.stdout


def log_of(size: int) -> IssueLog:
    log = IssueLog(size)
    found = pd.Series([f"Cell {n}" for n in range(size)], dtype="str")
    log.add("value.type", np.arange(size) % 2 == 1, column="B", field="b", found=found)
    log.add("conflict.kept", np.arange(size) == 0, field="k", accepted="nothing")
    return log


def test_errors_send_their_records_to_quarantine_and_other_issues_do_not() -> None:
    assert log_of(4).rejected.tolist() == [False, True, False, True]


def test_a_severity_of_its_own_overrides_the_rule_s() -> None:
    log = IssueLog(3)
    log.add("value.type", np.array([True, False, False]), severity=Severity.WARNING)
    log.add("conflict.kept", np.array([False, True, False]), severity=Severity.ERROR)
    assert log.rejected.tolist() == [False, True, False]
    position = pa.array([1, 2, 3])
    batch = log.to_arrow(pa.array([0] * 3, pa.int32()), position, position)
    assert batch.column("severity").to_pylist() == ["warning", "error"]


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
