"""Rules over one row, as a mask over a frame."""

from __future__ import annotations

import datetime

import pandas as pd
import pyarrow as pa
import pytest

from ispmig_pipelines.model.row_rule import InOrder, Needs, PrefixFits, RowRule, Together

EARLY, LATE = datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)
DATE = pd.ArrowDtype(pa.date32())
RULES = [
    (InOrder("a", "b"), DATE, DATE, {(EARLY, LATE): True, (EARLY, EARLY): True,
     (LATE, EARLY): False, (None, EARLY): True, (LATE, None): True, (None, None): True}),
    (Together("a", "b"), DATE, DATE, {(EARLY, LATE): True, (None, None): True,
     (EARLY, None): False, (None, LATE): False}),
    (Needs("a", "b"), "Int64", "str", {(1, "EUR"): True, (None, None): True, (None, "EUR"): True,
     (1, None): False}),
    (PrefixFits("a", "b"), "str", "Int64", {("10.0.0.0", 32): True, ("10.0.0.0", 33): False,
     ("2001:db8::", 64): True, ("::ffff:10.0.0.1", 128): True, (None, 64): True,
     ("10.0.0.0", None): True}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "first", "second", "rows"), RULES, ids=[type(r[0]).__name__ for r in RULES]
)
def test_rules(rule: RowRule, first: object, second: object, rows: dict) -> None:
    frame = pd.DataFrame(
        {
            "a": pd.Series([row[0] for row in rows], dtype=first),
            "b": pd.Series([row[1] for row in rows], dtype=second),
        }
    )
    held = rule.holds(frame)
    assert held.dtype == bool
    assert dict(zip(rows, held, strict=True)) == rows
    assert rule.fields == ("a", "b")
    assert rule.name.isidentifier()
    assert all(field in rule.doc for field in rule.fields)


@pytest.mark.parametrize("rule", [row[0] for row in RULES], ids=lambda r: type(r).__name__)
def test_rules_take_no_rows(rule: RowRule) -> None:
    frame = pd.DataFrame({"a": pd.Series([], dtype="str"), "b": pd.Series([], dtype="Int64")})
    if isinstance(rule, InOrder):
        frame = frame.astype({"a": "Int64"})
    assert rule.holds(frame).empty
