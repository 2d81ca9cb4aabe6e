"""OpenMetrics text: what any reader of the specification understands as it was meant."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.metrics.openmetrics import Family, Sample, Type, text
from ispmig_pipelines_tests.metrics.reading import read


def gauge(*samples: Sample, name: str = "ispmig_things", doc: str = "Things.") -> Family:
    return Family(name, Type.GAUGE, doc, samples)


def test_it_reads_as_the_specification_shows_it() -> None:
    families = [
        Family(
            "ispmig_rows", Type.COUNTER, "Rows.",
            (Sample(3, {"tenant": "acme", "outcome": "inserted"}),), unit="rows",
        ),
        Family("ispmig_build", Type.INFO, "What runs.", (Sample(1, {"version": "0.1.0"}),)),
        gauge(Sample(1.5)),
    ]  # fmt: skip
    assert text(families) == (
        "# TYPE ispmig_rows counter\n"
        "# UNIT ispmig_rows rows\n"
        "# HELP ispmig_rows Rows.\n"
        'ispmig_rows_total{tenant="acme",outcome="inserted"} 3\n'
        "# TYPE ispmig_build info\n"
        "# HELP ispmig_build What runs.\n"
        'ispmig_build_info{version="0.1.0"} 1\n'
        "# TYPE ispmig_things gauge\n"
        "# HELP ispmig_things Things.\n"
        "ispmig_things 1.5\n"
        "# EOF\n"
    )
    assert read(text(families))["ispmig_rows"].unit == "rows"


def test_nothing_at_all_is_an_exposition_too() -> None:
    assert text([]) == "# EOF\n"
    assert read(text([gauge()]))["ispmig_things"].samples == {}


@given(
    labels=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), st.text(max_size=8), max_size=3
    ),
    doc=st.text(max_size=20),
    value=st.floats() | st.integers(-(10**30), 10**30),
)
def test_whatever_stands_in_labels_comes_back(
    labels: dict[str, str], doc: str, value: float
) -> None:
    one = read(text([gauge(Sample(value, labels), doc=doc)]))["ispmig_things"]
    ((key, number),) = one.samples.items()
    assert dict(key) == labels
    assert one.help == doc
    assert number == float(value) or (math.isnan(number) and math.isnan(value))


def test_half_a_character_does_not_break_the_text() -> None:
    assert text([gauge(Sample(1, {"place": "a\udcff"}))]).encode()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: gauge(name="ispmig_things_total"),
        lambda: gauge(name="Things"),
        lambda: gauge(Sample(1), Sample(2)),
        lambda: gauge(Sample(1, {"a-b": "x"})),
        lambda: Family("ispmig_age", Type.GAUGE, "Age.", (), unit="seconds"),
        lambda: Family("ispmig_rows", Type.COUNTER, "Rows.", (Sample(-1),)),
        lambda: Family("ispmig_rows", Type.COUNTER, "Rows.", (Sample(math.nan),)),
        lambda: text([gauge(), gauge()]),
    ],
)
def test_what_no_reader_would_take_is_not_written(wrong) -> None:
    with pytest.raises(ValueError, match=r"ispmig_|Things"):
        wrong()
