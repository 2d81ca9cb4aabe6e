"""What was measured is written down as it was, and only there where it belongs."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ispmig_pipelines_tests.bench.beside import __main__ as command
from ispmig_pipelines_tests.bench.beside import bar, machine, page, parts, plot
from ispmig_pipelines_tests.bench.beside import results as kept
from ispmig_pipelines_tests.bench.beside.memory import OfChildren
from ispmig_pipelines_tests.bench.beside.results import Measure, Results, Trial
from ispmig_pipelines_tests.corpora import PROJECT

PAGE = PROJECT / "docs" / "benchmarks.md"
FIGURE = re.compile(r"[\d,.]*\d(?= ?(?:rows/s|rows a second|rows per second|times `COPY`))")


def measured() -> Results:
    results = Results({"cores": "2", "memory": "24 GiB"}, 0.02, False)
    for seconds in (4.0, 5.0, 2.0):
        results.add(parts.COPY, 1_000_000, Trial(seconds, 0.1, 2.4))
    for seconds in (8.0, 10.0, 9.0):
        results.add(parts.MIGRATION, 1_000_000, Trial(seconds, 6.5, 8.25, 527.4))
    results.add("dlt, Arrow", 1_000_000, Trial(20.0, 15.0, 3.0, 700.0), "dlt 1.31.0")
    results.skip("pgloader", 1_000_000, "the program pgloader is not installed")
    results.add(parts.SMALLEST, 100, Trial(3.5, 3.0, 0.2, 300.0))
    results.add(parts.of_size(100_000), 100_000, Trial(2.0, 1.9, 0.5, 450.0))
    results.add(parts.of_size(10_000_000), 10_000_000, Trial(90.0, 60.0, 80.0, 540.0))
    return results


def test_a_table_has_its_columns_and_no_others() -> None:
    assert page.table(("way", "rows/s"), [("a|b", "1"), ("c", "2")]) == (
        "| way | rows/s |\n| --- | ---: |\n| a\\|b | 1 |\n| c | 2 |\n"
    )
    with pytest.raises(ValueError, match="1 cells in a table of 2 columns"):
        page.table(("way", "rows/s"), [("a",)])


def test_ways_are_told_by_median_and_spread_from_fast_to_slow() -> None:
    lines = page.ways(measured()).splitlines()
    assert lines[2] == (
        "| `COPY … CSV`, text columns with a key | 1,000,000 | 3 | 1.00 "
        "| 250,000 (200,000 to 500,000) | 4.0 | 0.1 | 2.4 |  |"
    )
    assert lines[3] == (
        "| **migration** | 1,000,000 | 3 | 0.44 "
        "| 111,111 (100,000 to 125,000) | 9.0 | 6.5 | 8.2 | 527 MB |"
    )
    assert lines[4].startswith("| dlt, Arrow tables (dlt 1.31.0) | 1,000,000 | 1 | 0.20 | 50,000 |")
    assert len(lines) == 5


def test_the_section_says_what_was_left_out_what_it_ran_on_and_what_was_missed() -> None:
    text = page.section(measured())
    assert "- pgloader, 1,000,000 rows: the program pgloader is not installed" in text
    assert "Measured on: cores 2; memory 24 GiB; other work took 2% of the cores." in text
    assert "| of raw `COPY`'s rate | ≥ 0.5 | 0.44 | **no** |" in text
    times = bar.TIMES
    assert f"| rate against dlt's Arrow path | ≥ 2.5{times} | 2.22{times} | **no** |" in text
    assert f"| rate against pgloader | ≥ 5{times} | not measured |  |" in text
    assert "| 100 rows, from the command to its end | ≤ 6 s | 3.5 s | yes |" in text
    assert "Other work" not in text
    assert "quick run" not in text


def test_a_busy_machine_and_small_files_are_owned_up_to() -> None:
    results = measured()
    results.others, results.quick = 0.6, True
    text = page.section(results)
    assert "**Other work was going on meanwhile.**" in text
    assert "This is the quick run" in text


def test_only_what_is_between_the_markers_is_written_anew() -> None:
    before = f"# Page\n\nours\n\n{page.BEGIN}\nold\n{page.END}\n\n## By hand\n"
    after = page.put(before, "new")
    assert after == f"# Page\n\nours\n\n{page.BEGIN}\n\nnew\n\n{page.END}\n\n## By hand\n"
    assert page.put(after, "new") == after
    for wrong in ("# Page\n", f"{page.END}{page.BEGIN}", before + page.BEGIN):
        with pytest.raises(ValueError, match="markers"):
            page.put(wrong, "new")


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    measured().write(tmp_path / "found.json")
    assert kept.read(tmp_path / "found.json") == measured()


def test_trials_of_other_sizes_are_other_measures() -> None:
    results = measured()
    with pytest.raises(ValueError, match="COPY: 5 rows after trials with 1000000"):
        results.add(parts.COPY, 5, Trial(1.0))


def test_a_measure_tells_its_median_spread_and_peak() -> None:
    measure = Measure(100, [Trial(2.0, peak_mb=5), Trial(1.0, peak_mb=7), Trial(4.0, peak_mb=6)])
    assert (measure.median(), measure.rate, measure.spread) == (2.0, 50.0, (25.0, 100.0))
    assert measure.peak_mb == 7


def test_the_machine_is_described_without_its_name() -> None:
    told = machine.described("18.1")
    assert list(told) == ["cores", "memory", "system", "PostgreSQL", "Python"]
    assert int(told["cores"]) >= 1
    text = " ".join(told.values())
    assert socket.gethostname() not in text.split()
    assert str(Path.home()) not in text


def test_what_others_take_of_the_machine_is_told_apart_from_ours() -> None:
    others = machine.Others(lambda: 0.0)
    with OfChildren():
        subprocess.run([sys.executable, "-c", "sum(range(100_000))"], check=True)
    assert 0.0 <= others.share <= 1.0
    # If all that the machine did meanwhile was the server's, others did nothing.
    whole = machine.Others(machine.worked)
    subprocess.run([sys.executable, "-c", "sum(range(100_000))"], check=True)
    assert whole.share == 0.0


def test_page_picture_and_kept_results_are_published_together(tmp_path: Path) -> None:
    """From what was kept, whose numbers are rounded: so that it can be made anew the same."""
    results = measured()
    results.add(parts.ROLLBACK, 1_000_000, Trial(2.0004999))
    command.publish(results, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert page.ways(kept.read(tmp_path / "benchmarks.json")) in text
    assert page.more(kept.read(tmp_path / "benchmarks.json")) in text
    assert (page.PLOT in text) == (tmp_path / page.PLOT).exists()


def test_the_picture_is_a_small_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (make bench-setup)")
    plot.draw(measured(), tmp_path / "images" / "found.png")
    data = (tmp_path / "images" / "found.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert 5_000 < len(data) < 200_000


def test_the_committed_section_is_that_of_the_kept_results() -> None:
    """Or says that there are none yet."""
    text = PAGE.read_text(encoding="utf-8")
    section = text.split(page.BEGIN)[1].split(page.END)[0].strip()
    results = PAGE.with_suffix(".json")
    if not results.exists():
        assert section == page.NOT_YET.strip()
        return
    assert section == page.section(kept.read(results)).strip()
    assert not kept.read(results).quick
    assert (PAGE.parent / page.PLOT).exists()


def unbacked(text: str, by: str) -> list[str]:
    """Figures of speed in a text that the other one does not have."""
    backed = set(FIGURE.findall(by)) | set(re.findall(r"[\d,.]*\d", by))
    return [figure for figure in FIGURE.findall(text) if figure not in backed]


def test_figures_of_speed_in_the_readme_are_those_of_the_page() -> None:
    assert unbacked("90,000 rows/s, and 0.5 times `COPY`", "| 90,000 |") == ["0.5"]
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert unbacked(readme, PAGE.read_text(encoding="utf-8")) == []


def test_the_bar_is_the_whole_bar() -> None:
    """As many lines as were asked for, each with a number to hold on to."""
    demands = list(bar.demands(measured()))
    assert len(demands) == len({d.what for d in demands}) == 17
    assert all(re.search(r"^[≥≤] [\d,.]+", d.demanded) for d in demands)
