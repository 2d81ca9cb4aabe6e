"""How fast files are read, beside other readers of the same files in the same run.

    python -m ispmig_pipelines_tests.bench.readers --megabytes 200 --runs 3

Every reading is a process of its own on one core; readers of a kind take turns. What is timed
is from opening the file to having seen every record, detection included, imports not. Peak
memory is the process's own (``ru_maxrss``), imports included. A reader that is not installed
is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ispmig_pipelines_tests.bench.inputs import INPUTS, made

OURS = "ispmig"
BYTES_A_ROW = {"xlsx": 90, "json": 400, "ndjson": 400, "xml": 480}
"""About; how many rows make so many megabytes. Others have 180."""


def ours(path: Path) -> int:
    from ispmig_pipelines.formats import open_source

    with open_source(path) as reader:
        (table,) = reader.tables()
        return sum(batch.cells.num_rows for batch in reader.batches(table))


def _duckdb(query: str) -> Callable[[Path], int]:
    def read(path: Path) -> int:
        import duckdb

        connection = duckdb.connect()
        connection.execute("set threads = 1")
        found = connection.execute(query, [str(path)]).to_arrow_reader(50_000)
        return sum(batch.num_rows for batch in found)

    return read


def pandas_csv(path: Path) -> int:
    import pandas as pd

    return sum(len(part) for part in pd.read_csv(path, dtype=str, chunksize=50_000))


def pandas_ndjson(path: Path) -> int:
    import pandas as pd

    parts = pd.read_json(path, lines=True, dtype=False, chunksize=50_000)
    return sum(len(part) for part in parts)


def pandas_json(path: Path) -> int:
    import pandas as pd

    return len(pd.read_json(path, dtype=False))


def ijson_json(path: Path) -> int:
    import ijson

    with path.open("rb") as file:
        return sum(1 for _ in ijson.items(file, "item"))


def lxml_xml(path: Path) -> int:
    from lxml import etree

    count = 0
    with path.open("rb") as file:
        for _, element in etree.iterparse(file, tag="customer"):
            cells = {child.tag: child.text for child in element}
            count += bool(cells)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    return count


def split_copy(path: Path) -> int:
    count = 0
    inside = False
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            if line.startswith("COPY "):
                inside = True
            elif line == "\\.\n":
                inside = False
            elif inside:
                count += len(line.rstrip("\n").split("\t")) == 16
    return count


_CELL = rb"(?:'(?:[^'\\]|\\.|'')*'|[^',()]+)"
_TUPLE = re.compile(rb"\((" + _CELL + rb"(?:," + _CELL + rb")*)\)[,;]", re.DOTALL)


def regex_mysql(path: Path) -> int:
    cell = re.compile(_CELL, re.DOTALL)
    count = 0
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b"INSERT INTO"):
                for row in _TUPLE.finditer(line):
                    count += len(cell.findall(row.group(1))) == 16
    return count


def pandas_xlsx(path: Path) -> int:
    import pandas as pd

    return len(pd.read_excel(path, dtype=str, engine="calamine"))


def openpyxl_xlsx(path: Path) -> int:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    return sum(1 for _ in book.worksheets[0].iter_rows(values_only=True)) - 1


READERS: dict[str, dict[str, tuple[str, Callable[[Path], int]]]] = {
    "csv": {
        "DuckDB read_csv": ("duckdb", _duckdb("select * from read_csv(?, all_varchar=true)")),
        "pandas read_csv": ("pandas", pandas_csv),
    },
    "ndjson": {
        "DuckDB read_ndjson": ("duckdb", _duckdb("select * from read_ndjson(?)")),
        "pandas read_json": ("pandas", pandas_ndjson),
    },
    "json": {
        "DuckDB read_json": ("duckdb", _duckdb("select * from read_json(?, format='array')")),
        "ijson items": ("ijson", ijson_json),
        "pandas read_json": ("pandas", pandas_json),
    },
    "xml": {"lxml iterparse": ("lxml", lxml_xml)},
    "pg_dump": {"str.split": ("re", split_copy)},
    "mysqldump": {"regular expressions": ("re", regex_mysql)},
    "xlsx": {
        "pandas read_excel (calamine)": ("python_calamine", pandas_xlsx),
        "openpyxl read-only": ("openpyxl", openpyxl_xlsx),
    },
}


def _measure(kind: str, reader: str, path: Path) -> None:
    """One reading in this process; says what it took as JSON."""
    read = ours if reader == OURS else READERS[kind][reader][1]
    if reader == OURS:
        import ispmig_pipelines.formats  # noqa: F401 - its import is not the reading
    else:
        importlib.import_module(READERS[kind][reader][0])
    started, cpu = time.perf_counter(), time.process_time()
    rows = read(path)
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": time.perf_counter() - started,
                "cpu": time.process_time() - cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def _run(kind: str, reader: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--one", kind, reader, str(path)],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(folder: Path, kinds: list[str], megabytes: int, runs: int) -> list[dict[str, Any]]:
    """Medians per kind and reader, ours first."""
    results = []
    for kind in kinds:
        rows = megabytes * 1_000_000 // BYTES_A_ROW.get(kind, 180)
        path = made(folder, kind, rows)
        size = path.stat().st_size
        readers = [OURS] + [
            name
            for name, (module, _) in READERS[kind].items()
            if importlib.util.find_spec(module) is not None
        ]
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in readers}
        for _ in range(runs):
            for name in readers:
                taken[name].append(_run(kind, name, path))
        for name in readers:
            found = taken[name]
            counted = {int(f["rows"]) for f in found}
            if counted != {rows}:
                raise SystemExit(f"{name} read {counted} of the {rows:,} rows of {path}")
            seconds = statistics.median(f["seconds"] for f in found)
            results.append(
                {
                    "kind": kind,
                    "reader": name,
                    "bytes": size,
                    "rows": rows,
                    "seconds": seconds,
                    "spread": (min(f["seconds"] for f in found), max(f["seconds"] for f in found)),
                    "mb_s": size / seconds / 1e6,
                    "rows_s": rows / seconds,
                    "peak_mb": max(f["peak_mb"] for f in found),
                }
            )
    return results


def shown(results: list[dict[str, Any]]) -> Table:
    """The measurements as a table for people."""
    table = Table("kind", "reader", "MB/s", "rows/s", "ours / it", "peak MB", "seconds (min-max)")
    own = {r["kind"]: r["mb_s"] for r in results if r["reader"] == OURS}
    for r in results:
        low, high = r["spread"]
        table.add_row(
            r["kind"],
            r["reader"],
            f"{r['mb_s']:.0f}",
            f"{r['rows_s']:,.0f}",
            f"{own[r['kind']] / r['mb_s']:.2f}",
            f"{r['peak_mb']:.0f}",
            f"{r['seconds']:.2f} ({low:.2f}-{high:.2f})",
        )
    return table


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--one", nargs=3, metavar=("KIND", "READER", "PATH"), help="one reading")
    parser.add_argument("--kinds", nargs="+", choices=list(INPUTS), default=list(INPUTS))
    parser.add_argument("--megabytes", type=int, default=200, help="of each input, about")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where inputs are kept; else they go")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    if options.one:
        kind, reader, path = options.one
        _measure(kind, reader, Path(path))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        results = measure(folder, options.kinds, options.megabytes, options.runs)
    if options.as_json:
        print(json.dumps(results))
    else:
        Console().print(shown(results))


if __name__ == "__main__":
    main()
