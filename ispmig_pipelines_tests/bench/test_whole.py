"""The whole benchmark, with next to nothing to measure: every part of it runs, and is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ispmig_pipelines_tests.bench.beside import __main__ as command
from ispmig_pipelines_tests.bench.beside import bar, contest, page, parts
from ispmig_pipelines_tests.bench.beside import results as kept

SIZES = parts.Sizes(
    rows=600, rounds=1, small=300, small_rounds=1, again_rounds=1,
    format_rows=400, format_rounds=1, xlsx_rows=300,
    tenants=2, tenant_rows=200, tenant_rounds=1, smallest=100, smallest_rounds=1,
    growth=((300, 1), (900, 1)),
)  # fmt: skip


def settings_there() -> dict[str, str]:
    return {n: v for n, v in os.environ.items() if n.startswith(("ISPMIG_", "DAGSTER_"))}


@pytest.mark.slow
def test_every_part_is_measured_and_told(tmp_path: Path) -> None:
    before = settings_there()
    file = tmp_path / "kept.json"
    found = command.measure(SIZES, list(parts.PARTS), tmp_path, file, quick=True)
    assert settings_there() == before
    assert not (tmp_path / "home" / "postgres").exists()
    measured = {name for name, measure in found.measures.items() if measure.trials}
    skipped = {name for name, measure in found.measures.items() if measure.skipped}
    assert measured >= {
        parts.COPY, parts.MIGRATION, parts.ROLLBACK, parts.AGAIN, parts.CHANGED, parts.AT_ONCE,
        parts.IN_TURN, parts.SMALLEST, parts.of_size(300), parts.of_size(900),
        *map(parts.of_format, (*parts.FORMATS, "xlsx")), "pandas to_sql",
    }  # fmt: skip
    peers = (*parts.LARGE_PEERS, *parts.SMALL_PEERS)
    assert skipped == {name for name in peers if contest.python_for(name)[1]}
    assert all(t.seconds > 0 for m in found.measures.values() for t in m.trials)
    assert all(
        t.peak_mb > 50 for n, m in found.measures.items() for t in m.trials if n != parts.COPY
    )
    assert kept.read(file).measures.keys() == found.measures.keys()
    text = page.section(found)
    assert all(demand.what in text for demand in bar.demands(found))


def test_a_size_for_which_there_is_no_room_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ispmig_pipelines_tests.bench.beside.house import House

    monkeypatch.setattr(parts, "BYTES_OF_DISK", 10**15)
    results = kept.Results({}, 0.0, True)
    at = House(tmp_path, "", 0, "18")
    parts.growth(parts.Bench(at, SIZES, results))
    assert list(results.measures) == [parts.of_size(300), parts.of_size(900)]
    assert "GB of disk" in results.measures[parts.of_size(300)].skipped
