"""There is one way to write a report down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.report.canonical import from_json, to_json
from ispmig_pipelines_tests.report.entries import entry, report

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXT, TEXT, st.integers(0, 2**53 - 1))
def test_what_is_written_is_read_back_and_written_alike(a: str, b: str, number: int) -> None:
    made = report(actor=a, error=b).model_copy(update={"records_per_second": number})
    text = to_json(made)
    assert from_json(text) == made
    assert to_json(from_json(text.encode())) == text


def test_members_stand_in_order_without_spaces_floats_or_names_from_outside() -> None:
    text = to_json(report(earlier=[entry(3)], plugins={"isp.äöü": "ef" * 32}))

    def checked(members: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in members]
        assert names == sorted(names)
        assert all(name.isascii() and name.isidentifier() for name in names)
        return dict(members)

    def never(number: str) -> float:
        raise AssertionError(f"{number} is a float")

    read = json.loads(text, object_pairs_hook=checked, parse_float=never)
    assert json.dumps(read, separators=(",", ":"), ensure_ascii=False) == text
    assert "isp.äöü" in text
    assert "\n" not in text


def test_times_are_in_utc() -> None:
    assert '"started_at":"2026-03-11T05:06:07Z"' in to_json(report())


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version":2}', "\x00"])
def test_something_else_is_no_report(text: str) -> None:
    with pytest.raises(UsageError, match="no report of a migration"):
        from_json(text)


def test_a_report_of_another_version_is_not_misread() -> None:
    later = to_json(report()).replace('"version":1', '"version":2')
    with pytest.raises(UsageError):
        from_json(later)
