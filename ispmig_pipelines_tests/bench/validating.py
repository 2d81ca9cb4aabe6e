"""What validation costs, beside mapping the same rows; and the scans of every source.

    python -m ispmig_pipelines_tests.bench.validating [--rows 1000000]

The table of :mod:`ispmig_pipelines_tests.bench.mapping` as a CSV, with no row wrong, a tenth of
them, or half: a wrong row has one cell that conversion takes and the platform does not (too long,
out of range, no such day, a MAC of zeros …), or, one time in four, one that cannot be converted.
It goes through the job's own functions, on a real staging folder, in its batches: extracted,
surveyed and mapped in one process, validated in another. It feeds customers alone (``one``: 15
fields), or five entities (``five``). The table is made by a third process. Times are CPU time, of
two times the better one; a process's peak is its own, with Python and all libraries in it.

The scans are those for card numbers and for personal data: what reading costs with them, less what
it costs without.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from ispmig_pipelines.defs.tenant_migration.extract import extract
from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed
from ispmig_pipelines.defs.tenant_migration.map import map_feed
from ispmig_pipelines.defs.tenant_migration.people import Looking
from ispmig_pipelines.defs.tenant_migration.progress import Progress
from ispmig_pipelines.defs.tenant_migration.survey import survey
from ispmig_pipelines.defs.tenant_migration.validate import demands_of, validate_feed
from ispmig_pipelines.formats.opening import open_source
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE, Reader
from ispmig_pipelines.guarding import GuardedReader
from ispmig_pipelines.mapping.spec import Spec, parse_spec
from ispmig_pipelines.staging import Staging
from ispmig_pipelines_tests.bench import mapping

SPECS = {"one": mapping.SPECS["one"], "five": mapping.SPECS["five"]}

_Wrong = Callable[[random.Random], tuple[str, str]]

WRONG: Mapping[str, tuple[_Wrong, ...]] = {
    "one": (
        lambda r: ("First", "x" * r.randrange(201, 300)),
        lambda r: ("Joined", f"{r.randrange(1, 28):02}/11/2{r.randrange(100, 999)}"),
        lambda r: ("Account", "A" * r.randrange(101, 150)),
        lambda r: ("Joined", f"{r.randrange(1, 28):02}/11/1{r.randrange(100, 799)}"),
        lambda r: ("Last", "y" * r.randrange(201, 300)),
        lambda r: ("ZIP", "9" * r.randrange(21, 40)),
    ),
    "five": (
        lambda r: ("Lat", f"{r.uniform(91, 999):.6f}"),
        lambda r: ("MAC", "00:00:00:00:00:00"),
        lambda r: ("Account", "A" * r.randrange(101, 150)),
        lambda r: ("Speed", "0M/0M"),
        lambda r: ("Paid", f"{r.randrange(2100, 9999)}-01-01 00:00:00"),
        lambda r: ("IP", "0.0.0.0"),  # noqa: S104
    ),
}
"""Spec → (column, cell) that conversion takes and validation does not."""

_CANNOT_BE_CONVERTED = ("Mail", "Phone", "Open", "Exempt")
_SOUND: Mapping[str, Callable[[str], str]] = {
    "MAC": lambda cell: f"{cell[0]}0{cell[2:]}",
    "IP": lambda cell: "10." + cell.partition(".")[2],
    "Paid": lambda cell: f"{cell[:11]}12{cell[13:]}",
}
"""What makes sound of what mapping takes: MACs of one device, addresses that can be given out, an
hour that every day has."""

_POOL = 100_000
_SHARES = (0.0, 0.1, 0.5)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Staged:
    """What the first process leaves behind: the mapped feeds, and what they cost."""

    spec: str
    feeds: tuple[MappedFeed, ...]
    mapping: float
    scanning: tuple[float, float, float]
    peak: float


@dataclass(frozen=True)
class Validated:
    """What validation found and cost; ``peak`` in MiB."""

    seconds: float
    issues: int
    rejected: int
    peak: float


def write(path: Path, rows: int, share: float, name: str) -> None:
    """Writes the table as a CSV, with a share of its rows wrong."""
    clean = mapping.table(min(rows, _POOL), 0.0).to_pydict()
    for column, made_sound in _SOUND.items():
        clean[column] = [made_sound(cell) for cell in clean[column]]
    columns = list(clean)
    pool = list(zip(*clean.values(), strict=True))
    r = random.Random(2)  # noqa: S311
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for number in range(rows):
            row = list(pool[number % len(pool)])
            if r.random() < share:
                if r.randrange(4):
                    column, cell = r.choice(WRONG[name])(r)
                else:
                    column = r.choice(_CANNOT_BE_CONVERTED)
                    cell = f"see ticket #{r.randrange(10**6)}"
                row[columns.index(column)] = cell
            writer.writerow(row)


def stage(path: Path, name: str, scans: bool) -> Staged:
    """Extracts and maps a table into the staging folder beside it."""
    text = SPECS[name].replace("x.csv", path.name)
    spec, staging = _spec(path, text), _staging(path)
    sources = extract(
        spec, staging, private=[], batch_size=DEFAULT_BATCH_SIZE, progress=_quiet
    )  # fmt: skip

    def once() -> tuple[MappedFeed, ...]:
        styles = survey(spec, sources, staging, _quiet)
        return tuple(
            map_feed(
                spec, feed, sources, staging, _quiet(feed.name, None), tables={}, styles=styles
            )
            for feed in spec.feeds
        )  # fmt: skip

    feeds, spent = _best(once)
    return Staged(text, feeds, spent, scanned(path) if scans else (0.0, 0.0, 0.0), _peak())


def validate(path: Path, staged: Staged) -> Validated:
    """Validates what is mapped."""
    spec, staging = _spec(path, staged.spec), _staging(path)

    def once() -> list[MappedFeed]:
        return [
            validate_feed(
                feed,
                staging,
                _quiet(feed.entity, feed.rows),
                demands_of(spec, feed.entity, [feed], time.time()),
            )
            for feed in staged.feeds
        ]

    found, spent = _best(once)
    return Validated(
        spent,
        sum(feed.issues for feed in found),
        sum(feed.rejected for feed in found),
        _peak(),
    )


def scanned(path: Path) -> tuple[float, float, float]:
    """CPU seconds of reading a table, and of the scans for card numbers and personal data."""

    def consumed(guard: bool, look: bool) -> float:
        begin = time.process_time()
        with open_source(str(path)) as bare:
            reader: Reader = GuardedReader(bare) if guard else bare
            (table,) = reader.tables()
            looking = Looking(reader.columns(table))
            for records in reader.batches(table, DEFAULT_BATCH_SIZE):
                if look:
                    looking.add(records.cells)
            if look:
                looking.found()
        return time.process_time() - begin

    bare, guarded, looked = (
        min(consumed(*how) for _ in range(2))
        for how in ((False, False), (True, False), (True, True))
    )
    return bare, guarded - bare, looked - guarded


def _best(what: Callable[[], _T]) -> tuple[_T, float]:
    """What it gives, and the CPU seconds of the better of two times: the first one imports, and
    makes schemas and tables, whatever the number of rows."""
    spent = []
    for _ in range(2):
        begin = time.process_time()
        result = what()
        spent.append(time.process_time() - begin)
    return result, min(spent)


def _spec(path: Path, text: str) -> Spec:
    return parse_spec(text, path.with_name("spec.yaml"))


def _staging(path: Path) -> Staging:
    return Staging(path.parent / "staging", "bench", 1)


def _quiet(what: str, total: int | None) -> Progress:
    return Progress(what, lambda text: None, total=total)


def _peak() -> float:
    """MiB that this process has had at most."""
    status = Path("/proc/self/status")
    if status.exists():
        # Elsewhere a process's peak may begin with that of the one that started it.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _one_core() -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def apart(what: Callable[..., _T], *given: Any) -> _T:
    """Does it in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_one_core) as process:
        return process.submit(what, *given).result()


def measured(
    rows: int, share: float, name: str, *, scans: bool = False
) -> tuple[Staged, Validated]:
    """Stages and validates a table of that size in processes of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        apart(write, path, rows, share, name)
        staged = apart(stage, path, name, scans)
        return staged, apart(validate, path, staged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    cost = Table(title=f"Validating {rows:,} rows of {len(mapping.CLEAN)} columns, one core")
    for heading in ("feeds", "rows wrong", "mapping, CPU s", "validation, CPU s", "of mapping",
                    "rows/s", "issues", "rejected"):  # fmt: skip
        cost.add_column(heading, justify="left" if heading == "feeds" else "right")
    scan = Table(title="Scanning them while they are read, CPU s")
    for heading in ("rows wrong", "reading alone", "card numbers", "personal data"):
        scan.add_column(heading, justify="right")
    for name in SPECS:
        for share in _SHARES:
            staged, found = measured(rows, share, name, scans=name == "one")
            cost.add_row(
                name, f"{share:.0%}", f"{staged.mapping:.2f}", f"{found.seconds:.2f}",
                f"{found.seconds / staged.mapping:.0%}", f"{rows / found.seconds:,.0f}",
                f"{found.issues:,}", f"{found.rejected:,}",
            )  # fmt: skip
            if name == "one":
                scan.add_row(f"{share:.0%}", *(f"{spent:.2f}" for spent in staged.scanning))
    memory = Table(title="Peak memory of the processes, a tenth of the rows wrong, five feeds")
    for heading in ("rows", "extracting and mapping", "validating"):
        memory.add_column(heading, justify="right")
    for size in (rows // 10, rows * 3 // 10, rows):
        staged, found = measured(size, 0.1, "five")
        memory.add_row(f"{size:,}", f"{staged.peak:,.0f} MiB", f"{found.peak:,.0f} MiB")
    console = Console(width=110)
    for table in (cost, scan, memory):
        console.print(table)


if __name__ == "__main__":
    main()
