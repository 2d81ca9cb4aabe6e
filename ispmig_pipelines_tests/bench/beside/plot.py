"""What was measured, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ispmig_pipelines_tests.bench.beside import bar, parts
from ispmig_pipelines_tests.bench.beside.results import Results

_OURS, _OTHERS, _INK = "#b5482a", "#8a9aa8", "#333333"


def draw(results: Results, path: Path) -> None:
    """Rates with their spread, and time and memory by size, as PNG.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    rates, growth = figure.subplots(1, 2, width_ratios=(3, 2))
    _rates(results, rates)
    _growth(results, growth)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _rates(results: Results, axes: Any) -> None:
    names = (parts.COPY, parts.MIGRATION, *parts.LARGE_PEERS, *parts.SMALL_PEERS)
    found = [(name, m) for name in names if (m := results.get(name)) is not None]
    found.sort(key=lambda way: way[1].rate)
    thousands = [m.rate / 1000 for _, m in found]
    spread = [
        [(m.rate - m.spread[0]) / 1000 for _, m in found],
        [(m.spread[1] - m.rate) / 1000 for _, m in found],
    ]
    axes.barh(
        [f"{name}\n{m.rows:,} rows" for name, m in found],
        thousands,
        xerr=spread,
        color=[_OURS if name == parts.MIGRATION else _OTHERS for name, _ in found],
        error_kw={"ecolor": _INK, "capsize": 3, "lw": 1},
    )
    most = max((m.spread[1] / 1000 for _, m in found), default=1)
    for place, (_, m) in enumerate(found):
        axes.text(
            m.spread[1] / 1000 + most * 0.02,
            place,
            f"{m.rate / 1000:,.0f}",
            va="center",
            fontsize=8,
        )
    axes.set_xlim(0, most * 1.14)
    axes.set_xlabel("thousand rows a second: median, slowest and fastest")
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _growth(results: Results, axes: Any) -> None:
    found = bar.sizes(results)
    rows = [m.rows for m in found]
    axes.plot(rows, [m.median() for m in found], "o-", color=_OURS)
    axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="seconds of a migration")
    memory = axes.twinx()
    memory.plot(rows, [m.peak_mb for m in found], "s--", color=_OTHERS)
    memory.axhline(bar.MOST_MB, color=_OTHERS, lw=0.8, ls=":")
    memory.set_ylim(0, bar.MOST_MB * 1.15)
    memory.set_ylabel("most memory, MB (- -)")
