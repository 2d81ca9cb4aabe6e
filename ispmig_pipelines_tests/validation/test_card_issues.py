"""A masked cell is told once: a warning where text is left, an error where a value is lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ispmig_pipelines.issues import IssueLog
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.validation.card_issues import is_free_text, tell_masked

MASKED = "************1111"


def issues(log: IssueLog) -> list[tuple[int, str, str, str, str]]:
    rows = pa.array(range(1, 4), pa.int64())
    told = log.to_arrow(pa.array([0, 0, 0], pa.int32()), rows, rows).to_pylist()
    return [(t["record"], t["rule"], t["column"], t["field"], t["found"]) for t in told]


def tell(
    frame: dict[str, list[str | None]],
    reads: dict[str, list[str]],
    masked: list[bool],
    *,
    entity: str = "customer",
    badly: dict[str, list[bool]] | None = None,
    tokens: tuple[str, ...] = (),
) -> tuple[IssueLog, dict[str, list[bool]]]:
    log = IssueLog(3)
    for field, where in (badly or {}).items():
        log.add("value.type", where, column="C", field=field, accepted="something")
    found = tell_masked(
        log,
        ENTITIES[entity],
        pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in frame.items()}),
        {"C": np.array(masked)},
        columns_read=reads,
        badly={name: np.array(where) for name, where in (badly or {}).items()},
        tokens=tokens,
        found={"C": pa.array([MASKED, "x", MASKED])},
    )
    return log, {name: where.tolist() for name, where in found.items()}


def test_free_text_and_unmapped_columns_are_warned_of() -> None:
    for reads in ({}, {"notes": ["C"]}):
        log, refused = tell({"notes": [MASKED, None, "a"]}, reads, [True, False, False])
        assert issues(log) == [(1, "card.masked", "C", "", "************9999")]
        assert not log.rejected.any()
        assert refused == {}


def test_a_key_is_lost_whatever_its_value_looks_like() -> None:
    log, refused = tell({"account_number": ["a", "b", "c"]}, {"account_number": ["C"]},
                        [True, False, True])  # fmt: skip
    assert [i[:4] for i in issues(log)] == [
        (1, "card.in_field", "C", "account_number"), (3, "card.in_field", "C", "account_number")
    ]  # fmt: skip
    assert log.rejected.tolist() == [True, False, True]
    assert refused == {"account_number": [True, False, True]}


def test_what_follows_from_it_is_not_told_too() -> None:
    log, _ = tell({"phone": [None, None, None]}, {"phone": ["C"]}, [True, False, False],
                  badly={"phone": [True, True, False]})  # fmt: skip
    assert [i[:2] for i in issues(log)] == [(1, "card.in_field"), (2, "value.type")]
    assert log.rejected.tolist() == [True, True, False]


def test_a_mapping_that_takes_the_last_four_has_what_it_wants() -> None:
    log, refused = tell({"last_four": ["1111", "2222", MASKED]}, {"last_four": ["C"]},
                        [True, False, True], entity="payment_method")  # fmt: skip
    assert [i[:2] for i in issues(log)] == [(1, "card.masked"), (3, "card.in_field")]
    assert refused == {"last_four": [False, False, True]}


def test_tokens_are_told_as_such() -> None:
    log, refused = tell({"token": ["t1", "b", "t2"]}, {"token": ["C"]}, [True, False, True],
                        entity="payment_method", tokens=("C",))  # fmt: skip
    assert [i[:2] for i in issues(log)] == [(1, "card.tokenised"), (3, "card.tokenised")]
    assert refused == {}


@pytest.mark.parametrize(
    ("entity", "field", "free"),
    [("customer", "notes", True), ("customer", "last_name", True), ("customer", "phone", False),
     ("customer", "account_number", False), ("service", "customer", False),
     ("customer", "balance", False), ("customer", "status", False),
     ("payment_method", "last_four", False)],
)  # fmt: skip
def test_what_is_free_text(entity: str, field: str, free: bool) -> None:
    assert is_free_text(ENTITIES[entity].fields[field]) is free
