"""What is measured, in which sizes, and in which order."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ispmig_pipelines_tests.bench import customers, inputs
from ispmig_pipelines_tests.bench.beside import contest
from ispmig_pipelines_tests.bench.beside.contest import PeerFailed
from ispmig_pipelines_tests.bench.beside.house import (
    ONE,
    House,
    by_command,
    migrated,
    rolled_back,
    tenants,
)
from ispmig_pipelines_tests.bench.beside.peers import PEERS
from ispmig_pipelines_tests.bench.beside.results import Results, Trial

COPY, MIGRATION, ROLLBACK = "COPY", "migration", "rollback"
AGAIN, CHANGED = "again, unchanged", "again, one in ten changed"
AT_ONCE, IN_TURN, SMALLEST = "tenants at once", "tenants in turn", "smallest"
LARGE_PEERS = ("dlt, Arrow", "pgloader", "DuckDB, postgres")
SMALL_PEERS = ("dlt, rows", "pandas to_sql")
FORMATS = ("ndjson", "json", "xml", "mysqldump", "pg_dump")
BYTES_OF_DISK = 4_000
"""For each row of a large file: itself, what is staged of it, the tenant's rows and their log."""


def of_format(kind: str) -> str:
    return f"format {kind}"


def of_size(rows: int) -> str:
    return f"size {rows}"


@dataclass(frozen=True)
class Sizes:
    """How much of everything, and how often.

    Attributes:
        rows: of the file that all ways load.
        small: of the file for ways that would take too long.
        smallest: of the command that is timed from its start.
        growth: other sizes of the file, and how often each is migrated.
    """

    rows: int
    rounds: int
    small: int
    small_rounds: int
    again_rounds: int
    format_rows: int
    format_rounds: int
    xlsx_rows: int
    tenants: int
    tenant_rows: int
    tenant_rounds: int
    smallest: int
    smallest_rounds: int
    growth: tuple[tuple[int, int], ...]


FULL = Sizes(
    rows=1_000_000, rounds=5, small=100_000, small_rounds=3, again_rounds=3,
    format_rows=1_000_000, format_rounds=3, xlsx_rows=200_000,
    tenants=10, tenant_rows=100_000, tenant_rounds=2, smallest=100, smallest_rounds=5,
    growth=((100_000, 5), (10_000_000, 1)),
)  # fmt: skip
QUICK = Sizes(
    rows=100_000, rounds=2, small=5_000, small_rounds=1, again_rounds=1,
    format_rows=20_000, format_rounds=1, xlsx_rows=5_000,
    tenants=3, tenant_rows=10_000, tenant_rounds=1, smallest=100, smallest_rounds=1,
    growth=((10_000, 1), (300_000, 1)),
)  # fmt: skip


@dataclass
class Bench:
    """One whole run: where, how much, and what was found so far."""

    at: House
    sizes: Sizes
    results: Results

    def took(self, name: str, rows: int, trial: Trial, what: str = "") -> None:
        self.results.add(name, rows, trial, what)
        memory = f", {trial.peak_mb:,.0f} MB" if trial.peak_mb else ""
        _say(f"{name}, {rows:,} rows: {trial.seconds:.1f} s{memory}")

    def csv(self, rows: int, *, moved_every: int = 0) -> Path:
        """A file of so many customers, written once."""
        path = self.at.folder / f"{rows}{'-moved' if moved_every else ''}.csv"
        if not path.exists():
            customers.write(path, rows, moved_every=moved_every)
        return path

    def migrate(self, name: str, file: Path, rows: int) -> None:
        spec = self.at.spec(name.replace(" ", "-"), file)
        self.took(name, rows, migrated(self.at, spec, rows))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def warm_up(bench: Bench) -> None:
    """The first migration of a house makes what later ones find."""
    spec = bench.at.spec("first", bench.csv(bench.sizes.smallest))
    with tenants(ONE):
        migrated(bench.at, spec, bench.sizes.smallest)


def beside_others(bench: Bench) -> None:
    """All ways by turns, each round begun by another; ours is rolled back each time."""
    _by_turns(bench, bench.sizes.rows, bench.sizes.rounds, LARGE_PEERS, with_ours=True)
    _by_turns(bench, bench.sizes.small, bench.sizes.small_rounds, SMALL_PEERS, with_ours=False)


def _by_turns(
    bench: Bench, rows: int, rounds: int, peers: tuple[str, ...], *, with_ours: bool
) -> None:
    at, file = bench.at, bench.csv(rows)

    def copy() -> None:
        bench.took(COPY, rows, contest.copied(at.url, file, at.postmaster))

    def ours() -> None:
        with tenants(ONE):
            bench.migrate(MIGRATION, file, rows)
            bench.took(ROLLBACK, rows, rolled_back(at))

    def other(name: str) -> Callable[[], None]:
        def load() -> None:
            if name in bench.results.measures and bench.results.measures[name].skipped:
                return
            try:
                trial, version = contest.loaded(PEERS[name], at.url, file, rows, at.postmaster)
            except PeerFailed as failure:
                bench.results.skip(name, rows, str(failure))
                _say(f"{name}: left out: {failure}")
            else:
                bench.took(name, rows, trial, version)

        return load

    ways = [*((copy, ours) if with_ours else ()), *map(other, peers)]
    for number in range(rounds):
        first = number % len(ways)
        for way in ways[first:] + ways[:first]:
            way()


def again(bench: Bench) -> None:
    """The same file once more, and then one in which one in ten rows is another."""
    rows = bench.sizes.rows
    file, moved = bench.csv(rows), bench.csv(rows, moved_every=10)
    for _ in range(bench.sizes.again_rounds):
        with tenants(ONE):
            bench.migrate(MIGRATION, file, rows)
            bench.migrate(AGAIN, file, rows)
            bench.migrate(CHANGED, moved, rows)


def formats(bench: Bench) -> None:
    """The same customers from other formats, each into an empty tenant, by turns."""
    people = inputs.People(customers.COLUMNS, customers.records)
    sizes = bench.sizes
    files = [
        (kind, rows, inputs.made(bench.at.folder, kind, rows, people))
        for kind, rows in [(kind, sizes.format_rows) for kind in FORMATS]
        + [("xlsx", sizes.xlsx_rows)]
    ]
    for _ in range(sizes.format_rounds):
        for kind, rows, file in files:
            with tenants(ONE):
                bench.migrate(of_format(kind), file, rows)
    for _, _, file in files:
        file.unlink()


def many_tenants(bench: Bench) -> None:
    """So many commands at once, and the same one after another."""
    sizes = bench.sizes
    slugs = [f"tenant-{number:02}" for number in range(sizes.tenants)]
    spec = bench.at.spec("tenants", bench.csv(sizes.tenant_rows))
    for _ in range(sizes.tenant_rounds):
        for name in (AT_ONCE, IN_TURN):
            with tenants(*slugs):
                trial = by_command(
                    bench.at, slugs, spec, sizes.tenant_rows, at_once=name == AT_ONCE
                )
            bench.took(name, sizes.tenants * sizes.tenant_rows, trial)


def smallest(bench: Bench) -> None:
    """A hundred rows, from the command to its end."""
    rows = bench.sizes.smallest
    spec = bench.at.spec("smallest", bench.csv(rows))
    for _ in range(bench.sizes.smallest_rounds):
        with tenants(ONE):
            bench.took(SMALLEST, rows, by_command(bench.at, [ONE], spec, rows, at_once=False))


def growth(bench: Bench) -> None:
    """Files of other sizes, small and large."""
    for rows, rounds in bench.sizes.growth:
        if (free := shutil.disk_usage(bench.at.folder).free) < rows * BYTES_OF_DISK:
            needed = rows * BYTES_OF_DISK / 1e9
            why = f"takes {needed:,.0f} GB of disk, and {free / 1e9:,.0f} GB are free"
            bench.results.skip(of_size(rows), rows, why)
            _say(f"{rows:,} rows: left out: {why}")
            continue
        file = bench.csv(rows)
        for _ in range(rounds):
            with tenants(ONE):
                bench.migrate(of_size(rows), file, rows)


PARTS: dict[str, Callable[[Bench], None]] = {
    "beside": beside_others,
    "again": again,
    "formats": formats,
    "tenants": many_tenants,
    "smallest": smallest,
    "growth": growth,
}
