"""What was measured is held against what is demanded, and only what was measured."""

from __future__ import annotations

import pytest

from ispmig_pipelines_tests.bench.beside import bar, parts
from ispmig_pipelines_tests.bench.beside.results import Measure, Results, Trial

MILLION = 1_000_000


def found(**seconds: list[float]) -> Results:
    return Results({}, 0.0, False, {name: measure(MILLION, s) for name, s in seconds.items()})


def measure(rows: int, seconds: list[float], peak_mb: float = 100.0) -> Measure:
    return Measure(rows, [Trial(s, peak_mb=peak_mb) for s in seconds])


def verdict(results: Results, what: str) -> bar.Demand:
    (demand,) = [d for d in bar.demands(results) if d.what.startswith(what)]
    return demand


def test_rates_are_by_the_median_of_the_clock() -> None:
    results = found(COPY=[4.0, 3.9, 90.0], migration=[8.0, 7.0, 8.1])
    demand = verdict(results, "of raw `COPY`'s rate")
    assert demand == bar.Demand("of raw `COPY`'s rate", "≥ 0.5", "0.50", True)


def test_what_is_rounded_up_to_the_demand_does_not_meet_it() -> None:
    demand = verdict(found(COPY=[4.0], migration=[8.01]), "of raw `COPY`'s rate")
    assert (demand.value, demand.met) == ("0.50", False)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    results = found(COPY=[4.0], migration=[8.0])
    results.skip("pgloader", MILLION, "the program pgloader is not installed")
    for what in ("rate against pgloader", "rate of a re-run", "time of its rollback", "xlsx"):
        assert (verdict(results, what).value, verdict(results, what).met) == (None, None)


@pytest.mark.parametrize(("seconds", "met"), [(8.0, True), (8.2, False)])
def test_a_rollback_takes_no_longer_than_the_load(seconds: float, met: bool) -> None:
    results = found(migration=[8.1], rollback=[seconds])
    assert verdict(results, "time of its rollback").met is met


def test_memory_is_the_most_of_all_sizes_and_may_grow_by_a_tenth() -> None:
    results = found(migration=[8.0])
    results.measures[parts.of_size(bar.LARGE)] = measure(bar.LARGE, [80.0], peak_mb=109.0)
    assert verdict(results, "most memory") == bar.Demand(
        "most memory, of all sizes", "≤ 600 MB", "109 MB", True
    )
    assert verdict(results, "more memory").met is True
    results.measures[parts.of_size(bar.LARGE)] = measure(bar.LARGE, [80.0], peak_mb=111.0)
    assert verdict(results, "more memory").met is False
    results.measures[parts.of_size(bar.LARGE)] = measure(bar.LARGE, [80.0], peak_mb=50.0)
    assert verdict(results, "more memory").value == "0 %"


@pytest.mark.parametrize(
    ("middle", "off"),
    [(12.0, 0.0), (13.2, 10.0), (10.8, 10.0)],
    ids=["on the line", "above", "below"],
)
def test_growth_is_told_by_how_far_it_is_off_a_line(middle: float, off: float) -> None:
    """A line that begins with what every run takes to start: 2 s here, and 10 s a million."""
    sizes = [
        measure(100_000, [3.0]),
        measure(MILLION, [middle]),
        measure(10 * MILLION, [102.0]),
    ]
    assert bar.bend(sizes) == pytest.approx(off)
    assert bar.bend(sizes[1:]) is None


def test_every_format_has_its_demand() -> None:
    results = found(COPY=[4.0])
    for kind in parts.FORMATS:
        results.measures[parts.of_format(kind)] = measure(MILLION, [20.0])
    met = {kind: verdict(results, f"{kind}, of").met for kind in parts.FORMATS}
    assert met == {
        "ndjson": False, "json": False, "pg_dump": False, "xml": True, "mysqldump": True,
    }  # fmt: skip
