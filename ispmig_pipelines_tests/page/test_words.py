"""Numbers and names, as people read them."""

from __future__ import annotations

import pytest

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.page.words import heading, label, money, others, printable, share


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0 %"), (1, 1000, "<1 %"), (999, 1000, ">99 %"), (10, 10, "100 %"), (1, 3, "33 %"),
     (0, 0, "\N{EN DASH}")],
)  # fmt: skip
def test_a_share_never_rounds_something_away(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("0.0000", "0.00"), ("-1234.5000", "-1,234.50"), ("1000000", "1,000,000.00"),
     ("1E+3", "1,000.00"), ("0.1234", "0.1234"), ("99999999999999999.9900",
      "99,999,999,999,999,999.99")],
)  # fmt: skip
def test_money_to_the_last_digit(amount: str, text: str) -> None:
    assert money(amount) == text


def test_entities_have_names_for_people() -> None:
    assert label("ip_assignment") == "IP assignments"
    assert heading("invoice_line") == "Invoice lines"
    assert len({heading(name) for name in ENTITIES}) == len(ENTITIES)


def test_others_are_counted() -> None:
    assert (others(1), others(2_000)) == ("and 1 other", "and 2,000 others")


@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u2067", "\u061c", "\u2028", "\x1b", "\udcff", "\U000e0041", "\ufeff"]
)
def test_nothing_hidden_comes_through(hidden: str) -> None:
    """Not what turns text around, breaks lines, speaks to a terminal, or is no character."""
    assert printable(f"a{hidden}b") == "a?b"
    assert printable("Łukasz שלום 💸 渡辺") == "Łukasz שלום 💸 渡辺"
