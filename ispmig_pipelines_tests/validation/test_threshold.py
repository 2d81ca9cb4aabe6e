"""Thresholds: how much may lie in quarantine."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ispmig_pipelines.errors import ThresholdExceeded, UsageError
from ispmig_pipelines.validation.threshold import Threshold, Thresholds, parse


@pytest.mark.parametrize(
    ("text", "limit", "percent"),
    [("0", "0", False), ("250", "250", False), ("2.5%", "2.5", True), (" 100 % ", "100", True)],
)
def test_a_threshold_is_records_or_a_share_of_them(text: str, limit: str, percent: bool) -> None:
    assert parse(text) == Threshold(Decimal(limit), percent)


@pytest.mark.parametrize("text", ["", "-1", "101%", "2.5", "5 percent", "1e3", "\u0665", "5%%"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "quarantined", "read", "exceeded"),
    [
        ("5%", 5, 100, False),
        ("5%", 6, 100, True),
        ("5%", 1, 10, True),
        ("5%", 0, 0, False),
        ("0", 1, 100, True),
        ("1", 1, 1, False),
        ("33.3%", 333, 1000, False),
        ("33.3%", 334, 1000, True),
    ],
)
def test_a_share_is_exact(text: str, quarantined: int, read: int, exceeded: bool) -> None:
    assert parse(text).exceeded(quarantined, read) is exceeded


def test_every_entity_above_it_is_named_and_where_to_look() -> None:
    counts = {"customer": (9, 10), "plan": (0, 10), "service": (2, 10)}
    with pytest.raises(ThresholdExceeded) as caught:
        Thresholds(parse("10%")).check(counts, see="ispmig quarantine acme --migration 7")
    text = str(caught.value)
    assert "customer: 9 of 10" in text
    assert "service: 2 of 10" in text
    assert "plan" not in text
    assert "ispmig quarantine acme --migration 7" in text


SEE = "ispmig quarantine acme --migration 7"


def test_an_entity_s_own_threshold_takes_the_place_of_the_common_one() -> None:
    limits = Thresholds(parse("5%"), {"customer": parse("50%"), "plan": parse("0")})
    limits.check({"customer": (5, 10), "service": (5, 100)}, see=SEE)
    with pytest.raises(ThresholdExceeded) as caught:
        limits.check({"customer": (5, 10), "plan": (1, 1000), "service": (6, 100)}, see=SEE)
    text = str(caught.value)
    assert "plan: 1 of 1,000 records, at most 0 are allowed" in text
    assert "service: 6 of 100 records, at most 5% is allowed" in text
    assert "customer" not in text
    assert "max_quarantined of the spec" in text


def test_a_rule_s_threshold_counts_the_records_of_each_entity_that_break_it() -> None:
    limits = Thresholds(
        parse("100%"), {}, {"network.no_access": parse("0"), "value.type": parse("10%")}
    )
    counts = {"service": (1, 10), "customer": (2, 10)}
    limits.check(counts, {"customer": {"value.type": 1}}, see=SEE)
    with pytest.raises(ThresholdExceeded) as caught:
        limits.check(
            counts,
            {"service": {"network.no_access": 1}, "customer": {"value.type": 2, "value.date": 9}},
            see=SEE,
        )
    text = str(caught.value)
    assert "rule network.no_access: 1 of 10 records of service" in text
    assert "rule value.type: 2 of 10 records of customer" in text
    assert "value.date" not in text
