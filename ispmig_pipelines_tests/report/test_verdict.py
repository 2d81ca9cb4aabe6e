"""The sentence that a report begins with is true, and a stranger understands it."""

from __future__ import annotations

from typing import Any

import pytest

from ispmig_pipelines.platform.issue_counts import Waiting
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines_tests.report.entries import counts, report, total


def told(**values: Any) -> tuple[bool, str]:
    made = report(**values)
    return made.sound, made.verdict


def test_all_is_accounted_for() -> None:
    assert told() == (
        True,
        "All 1,000 records are accounted for; 10 wait in quarantine; money reconciles.",
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"entities": {"customer": counts(5)}, "issues": {}, "totals": {}, "found": ()},
            "All 5 records are accounted for; nothing is in quarantine.",
        ),
        (
            {"entities": {"customer": counts(1)}, "issues": {}, "totals": {}, "found": ()},
            "The one record is accounted for; nothing is in quarantine.",
        ),
        ({"entities": {"customer": counts(0)}}, "There was no record to read."),
        (
            {"waiting": {"customer": Waiting(8, 1)}},
            "All 1,000 records are accounted for; 1 waits in quarantine (7 solved and 2 deleted "
            "since); money reconciles.",
        ),
        (
            {"waiting": {"customer": Waiting(10, 0)}},
            "All 1,000 records are accounted for; nothing waits in quarantine (10 solved since); "
            "money reconciles.",
        ),
        (
            {"issues": {"customer": {"rule.left_out": 4, "value.date": 6}}},
            "All 1,000 records are accounted for; 6 wait in quarantine; 4 are left out on purpose; "
            "money reconciles.",
        ),
    ],
)
def test_in_few_words(values: dict[str, Any], sentence: str) -> None:
    assert told(**values) == (True, sentence)


def test_a_dry_run_says_that_it_changed_nothing() -> None:
    sound, sentence = told(state=State.CHECKED, mode="dry_run", waiting={})
    assert sound
    assert sentence == (
        "This was a dry run, and changed nothing. All 1,000 records are accounted for; 10 would "
        "wait in quarantine; money reconciles."
    )


@pytest.mark.parametrize(
    ("state", "begins"),
    [
        (State.FAILED, "Nothing was loaded: the tenant's rows are as they were. Of 1,000 records, "
                       "10 could not be loaded."),
        (State.UNDONE, "It was taken back"),
        (State.PUBLISHED, "It is published, and its audit has not passed"),
        (State.RUNNING, "It has not ended yet."),
    ],
)  # fmt: skip
def test_what_does_not_stand_is_not_sound(state: State, begins: str) -> None:
    sound, sentence = told(state=state)
    assert not sound
    assert sentence.startswith(begins)


def test_it_adds_up_itself_and_says_what_is_missing() -> None:
    lost = counts(1_000, 10, inserted=987)
    sound, sentence = told(entities={"customer": lost})
    assert not sound
    assert "3 of 1,000 records are not accounted for" in sentence
    sound, sentence = told(totals={"customer.balance": {"USD": total("10.01", "10")}})
    assert not sound
    assert "1 of 1 sum of money does not reconcile" in sentence
