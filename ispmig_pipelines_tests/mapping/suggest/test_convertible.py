"""A line is active only where nearly all cells are what the field holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ispmig_pipelines_tests.mapping.suggest.test_causes import PEOPLE, active, suggested


def _with_odd(make: Any, odd: str, of_a_hundred: int) -> Any:
    return lambda i: f"{odd}{i}" if (i * 100 // 60) % 100 < of_a_hundred else make(i)


@pytest.mark.parametrize(
    ("field", "column", "make", "odd"),
    [
        ("email", "email", lambda i: f"p{i}@example.com", "ask the neighbour "),
        ("birth_date", "birth_date", lambda i: f"19{50 + i % 40}-03-{1 + i % 28:02}", "about "),
        ("signup_date", "signup_date", lambda i: f"2020-03-{1 + i % 28:02}", "spring "),
    ],
)
@pytest.mark.parametrize(("share", "is_active"), [(0, True), (8, False), (30, False)])
def test_one_record_in_twenty_is_as_many_as_may_be_held_back(
    tmp_path: Path, field: str, column: str, make: Any, odd: str, share: int, is_active: bool
) -> None:
    people = PEOPLE | {"phone": lambda i: f"+1415555{i:04}", column: _with_odd(make, odd, share)}
    lines = active(suggested(tmp_path, customers=people))
    assert (f"customer.{field}" in lines) == is_active


def test_words_for_nothing_hold_no_record_back(tmp_path: Path) -> None:
    people = PEOPLE | {"email": lambda i: f"p{i}@example.com" if i % 7 else "1"}
    lines = active(suggested(tmp_path, customers=people))
    assert lines["customer.email"] == ("email",)
