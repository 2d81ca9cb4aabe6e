"""The bar: what is demanded of a migration's speed, as ratios within one run on one machine."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ispmig_pipelines_tests.bench.beside import parts
from ispmig_pipelines_tests.bench.beside.results import Measure, Results

MOST_MB = 600
LARGE = 10_000_000
TIMES = " \u00d7"
SLOW_FORMATS = ("xml", "mysqldump")


@dataclass(frozen=True)
class Demand:
    """One line of the bar.

    Attributes:
        what: is measured, in words.
        demanded: and what it has to be.
        value: as measured; None where something of it was not measured.
        met: whether it is as demanded; None likewise.
    """

    what: str
    demanded: str
    value: str | None
    met: bool | None


def _demand(
    what: str,
    unit: str,
    holds: Callable[[float, float], bool],
    limit: float,
    value: float | None,
    show: str = ".2f",
) -> Demand:
    sign = "≥" if holds is operator.ge else "≤"
    demanded = f"{sign} {limit:,g}{unit}"
    if value is None:
        return Demand(what, demanded, None, None)
    return Demand(what, demanded, f"{value:{show}}{unit}", holds(value, limit))


def _over(one: Measure | None, other: Measure | None) -> float | None:
    """How many times as many rows a second."""
    return one.rate / other.rate if one and other else None


def _grown(small: Measure | None, large: Measure | None) -> float | None:
    """How much more memory the larger one takes, in per cent; less is 0."""
    return max(0.0, 100 * (large.peak_mb / small.peak_mb - 1)) if small and large else None


def bend(measures: list[Measure]) -> float | None:
    """How far the middle sizes lie off the line from the smallest to the largest, in per cent.

    A line, and not a ratio of rates: every run has its start, which small files feel more.
    """
    ends = sorted(measures, key=lambda m: m.rows)
    if len(ends) < 3:
        return None
    first, last = ends[0], ends[-1]
    slope = (last.median() - first.median()) / (last.rows - first.rows)
    return max(
        100 * abs(m.median() / (first.median() + slope * (m.rows - first.rows)) - 1)
        for m in ends[1:-1]
    )


def sizes(results: Results) -> list[Measure]:
    """The migrations of one kind of file in several sizes, from small to large."""
    named = [
        results.get(name)
        for name in results.measures
        if name == parts.MIGRATION or name.startswith(parts.of_size(0)[:-1])
    ]
    return sorted((m for m in named if m is not None), key=lambda m: m.rows)


def demands(results: Results) -> Iterator[Demand]:
    """Every line of the bar, held against what was measured."""
    get, at_least, at_most = results.get, operator.ge, operator.le
    copy, ours = get(parts.COPY), get(parts.MIGRATION)
    yield _demand("of raw `COPY`'s rate", "", at_least, 0.5, _over(ours, copy))
    arrow, pgloader = get("dlt, Arrow"), get("pgloader")
    yield _demand("rate against dlt's Arrow path", TIMES, at_least, 2.5, _over(ours, arrow))
    yield _demand("rate against pgloader", TIMES, at_least, 5, _over(ours, pgloader))
    known = sizes(results)
    peak = max((m.peak_mb for m in known), default=None)
    largest = next((m for m in known if m.rows == LARGE), None)
    yield _demand("most memory, of all sizes", " MB", at_most, MOST_MB, peak, ",.0f")
    yield _demand(
        "more memory for 10 M rows than for 1 M", " %", at_most, 10, _grown(ours, largest), ".0f"
    )
    for name, what, limit in (
        (parts.AGAIN, "rate of a re-run, all unchanged, against the first load", 0.8),
        (parts.CHANGED, "rate with one row in ten changed, against the first load", 0.6),
    ):
        yield _demand(what, TIMES, at_least, limit, _over(get(name), ours))
    back = get(parts.ROLLBACK)
    longer = back.median() / ours.median() if back and ours else None
    yield _demand("time of its rollback, against the load's", TIMES, at_most, 1, longer)
    together = _over(get(parts.AT_ONCE), get(parts.IN_TURN))
    yield _demand(
        "rate of tenants at once, against one after another", TIMES, at_least, 0.9, together
    )
    smallest = get(parts.SMALLEST)
    yield _demand(
        "100 rows, from the command to its end", " s", at_most, 6,
        smallest.median() if smallest else None, ".1f",
    )  # fmt: skip
    for kind in parts.FORMATS:
        limit = 0.15 if kind in SLOW_FORMATS else 0.25
        found = _over(get(parts.of_format(kind)), copy)
        yield _demand(f"{kind}, of raw `COPY`'s rate", "", at_least, limit, found)
    xlsx = get(parts.of_format("xlsx"))
    yield _demand("xlsx", " rows/s", at_least, 30_000, xlsx.rate if xlsx else None, ",.0f")
    yield _demand(
        "how far the time of middle sizes is off a straight line", " %", at_most, 15,
        bend(known), ".0f",
    )  # fmt: skip
