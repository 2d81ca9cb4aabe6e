"""Measures ours and the peers, and writes what was found.

    python -m ispmig_pipelines_tests.bench.beside [--quick] [--only PART …] [--out FOLDER]

In full it writes ``docs/benchmarks.json``, the section of ``docs/benchmarks.md`` and its picture.
``--quick`` and ``--only`` write the same into ``build/benchmarks``. ``--from FILE`` measures
nothing and writes all of it anew from what was kept. Peers run in the environment ``.venv-peers``
(or by the Python that ``ISPMIG_PEERS_PYTHON`` names); those that are not there are left out, and
that is said.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from ispmig_pipelines_tests.bench.beside import page, parts, plot, results
from ispmig_pipelines_tests.bench.beside.results import Results
from ispmig_pipelines_tests.corpora import PROJECT

DOCS = PROJECT / "docs"
ELSEWHERE = PROJECT / "build" / "benchmarks"
KEPT = "benchmarks.json"


def measure(
    sizes: parts.Sizes, only: list[str], folder: Path, kept: Path, *, quick: bool
) -> Results:
    """Measures one part after the other; what was found so far is kept in a file after each."""
    from ispmig_pipelines_tests.bench.beside import machine
    from ispmig_pipelines_tests.bench.beside.house import house
    from ispmig_pipelines_tests.bench.migrating import server_cpu

    with house(folder) as at:
        others = machine.Others(lambda: server_cpu(at.postmaster))
        found = Results(machine.described(at.postgres), 0.0, quick)
        bench = parts.Bench(at, sizes, found)
        parts.warm_up(bench)
        for name in only:
            started = time.monotonic()
            parts.PARTS[name](bench)
            found.others = others.share
            found.write(kept)
            print(f"-- {name}: {(time.monotonic() - started) / 60:.1f} minutes", file=sys.stderr)
    return found


def publish(found: Results, out: Path) -> None:
    """Writes results, page and picture into a folder; the rest of a page that is there stays."""
    found.write(out / KEPT)
    found = results.read(out / KEPT)
    drawn = True
    try:
        plot.draw(found, out / page.PLOT)
    except ImportError:
        drawn = False
        print("The picture is not drawn: matplotlib is not installed.", file=sys.stderr)
    path = out / "benchmarks.md"
    empty = f"# How fast a migration is\n\n{page.BEGIN}\n{page.END}\n"
    there = path.read_text(encoding="utf-8") if path.exists() else empty
    path.write_text(page.put(there, page.section(found, plot=drawn)), encoding="utf-8")


def main() -> None:
    # So that the server goes when somebody ends us, as it does at Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, about three minutes")
    parser.add_argument("--only", nargs="+", choices=list(parts.PARTS), help="not all parts")
    parser.add_argument("--out", type=Path, help="write there instead of docs")
    parser.add_argument("--folder", type=Path, help="make files and server below this folder")
    parser.add_argument("--from", type=Path, dest="kept", help="measure nothing: show this file")
    asked = parser.parse_args()
    elsewhere = asked.quick or asked.only or asked.kept
    out = asked.out or (ELSEWHERE if elsewhere else DOCS)
    out.mkdir(parents=True, exist_ok=True)
    if asked.kept:
        found = results.read(asked.kept)
    else:
        sizes = parts.QUICK if asked.quick else parts.FULL
        with tempfile.TemporaryDirectory(dir=asked.folder) as name:
            found = measure(
                sizes,
                asked.only or list(parts.PARTS),
                Path(name),
                ELSEWHERE / KEPT,
                quick=asked.quick,
            )
    publish(found, out)
    print(page.section(found))


if __name__ == "__main__":
    main()
