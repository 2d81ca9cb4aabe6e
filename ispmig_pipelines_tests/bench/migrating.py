"""How fast a whole migration is, beside the raw ``COPY`` of the same file.

    python -m ispmig_pipelines_tests.bench.migrating [--rows 1000000] [--repeat 3] [--profile]

Customers (see ``customers.py``) are migrated into an empty tenant by the Dagster job, in a process
of its own, as ``ispmig migrate`` does it: read, mapped, validated, quarantined, loaded with keys,
audited. By turns with it the same file is copied as it is into a table of text columns with a
primary key, on the same server, which has its settings as always.

With ``--again`` the same file is migrated once more, and then one in which every tenth customer has
moved. At the end the smallest job is measured, as it is felt: ``ispmig migrate`` of 100 customers,
from its start to its end, with the loading of modules.

Told are seconds of the clock and of the CPU: those of the migration's process, and those of all
processes of the server. On a machine that others use only these mean much. With ``--profile`` each
step and each statement is timed, which costs time itself.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ispmig_pipelines_tests.bench import customers

_TICKS = os.sysconf("SC_CLK_TCK")
TENANT = "bench"


@dataclass
class Spent:
    """What a piece of work took: seconds of the clock, of our CPU, and of the server's."""

    wall: float = 0.0
    ours: float = 0.0
    server: float = 0.0
    times: int = 0

    def add(self, other: Spent, sign: int = 1) -> None:
        self.wall += sign * other.wall
        self.ours += sign * other.ours
        self.server += sign * other.server


@dataclass
class Measured:
    """One migration.

    Attributes:
        whole: from the command's beginning to its end; without loading modules.
        steps: piece of work → what it took by itself, without those within it.
        statements: of the server, likewise.
        peak_mb: the most memory that the process ever had (VmHWM).
    """

    whole: Spent
    steps: dict[str, Spent]
    statements: dict[str, Spent]
    peak_mb: float
    counts: dict[str, Any] = field(default_factory=dict)


def server_cpu(postmaster: int) -> float:
    """Seconds that all processes of a server have worked, those that have ended included."""
    total = 0
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # utime, stime, and of the postmaster also those of children that it has waited for.
        total += sum(map(int, words[11:15] if pid == postmaster else words[11:13]))
    return total / _TICKS


class Watch:
    """Times pieces of work that may lie within each other."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster
        self._within: list[Spent] = []
        self.found: dict[str, Spent] = {}

    def now(self) -> Spent:
        return Spent(time.monotonic(), time.process_time(), server_cpu(self._postmaster))

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """``work``, timed under a name."""

        def run(*args: Any, **kwargs: Any) -> Any:
            own = Spent()
            self._within.append(own)
            started = self.now()
            try:
                return work(*args, **kwargs)
            finally:
                took = self.now()
                took.add(started, -1)
                self._within.pop()
                if self._within:
                    self._within[-1].add(took, -1)
                own.add(took)
                found = self.found.setdefault(name, Spent())
                found.add(own)
                found.times += 1

        return run

    def on(self, place: Any, attribute: str, name: str) -> None:
        """Times every call of a function where it is called from."""
        setattr(place, attribute, self.timed(name, getattr(place, attribute)))


STEPS = (
    ("defs.tenant_migration.ops", "extracting.extract", "extract: read and stage"),
    ("defs.tenant_migration.ops", "survey", "extract: look through"),
    ("defs.tenant_migration.ops", "map_feed", "map"),
    ("defs.tenant_migration.ops", "validate_feed", "validate"),
    ("defs.tenant_migration.ops", "load", "load: the rest"),
    ("platform.load", "_stage", "load: stage"),
    ("platform.judging", "judge", "load: judge"),
    ("platform.load", "_publish", "load: publish"),
    ("defs.tenant_migration.ops", "auditing.audit", "audit: read again and compare"),
    ("defs.tenant_migration.ops", "closing.finish", "audit: finish"),
    ("defs.tenant_migration.ops", "verify.standing", "audit: hold against the ledger"),
    ("defs.tenant_migration.ops", "reporting.keep", "audit: report"),
    ("defs.tenant_migration.ops", "tenants.contents", "audit: count the tenant's rows"),
)
"""Module, function in it, and what it is called here."""


def migrate(spec: Path, postmaster: int, *, profile: bool) -> Measured:
    """Migrates in this process."""
    from importlib import import_module

    import psycopg

    from ispmig_pipelines import migrating
    from ispmig_pipelines.platform.server import engine

    import_module("ispmig_pipelines.definitions")
    steps, statements = Watch(postmaster), Watch(postmaster)
    for module, function, name in STEPS:
        place: Any = import_module(f"ispmig_pipelines.{module}")
        *path, attribute = function.split(".")
        for part in path:
            place = getattr(place, part)
        if hasattr(place, attribute):
            steps.on(place, attribute, name)
    if profile:
        _time_statements(psycopg.Cursor, statements)
    whole = Watch(postmaster)

    def run() -> Any:
        with engine().connect() as connection:
            return migrating.migrate(connection, TENANT, spec, log_level="WARNING")

    entry = whole.timed("whole", steps.timed("Dagster, ledger and all else", run))()
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return Measured(
        whole.found["whole"],
        steps.found,
        statements.found,
        int(peak[1]) / 1024 if peak else 0.0,
        entry.entities["customer"],
    )


def _time_statements(cursor: Any, watch: Watch) -> None:
    plain = cursor.execute

    def execute(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        text = query if isinstance(query, str) else query.as_string(self)
        words = re.sub(r"\s+", " ", text).strip()
        return watch.timed(words[:300], plain)(self, query, *args, **kwargs)

    cursor.execute = execute


def copy(path: Path, postmaster: int) -> Spent:
    """Copies the file into a new table of text columns with a primary key."""
    from psycopg import sql

    from ispmig_pipelines.platform.server import connect

    columns = [sql.SQL("{} text").format(sql.Identifier(name)) for name in customers.COLUMNS]
    columns[0] = sql.SQL("{} text primary key").format(sql.Identifier(customers.COLUMNS[0]))
    watch = Watch(postmaster)

    def run() -> None:
        with connection.cursor().copy(into) as stream, path.open("rb") as file:
            while data := file.read(1 << 20):
                stream.write(data)
        connection.commit()

    with connect() as connection:
        connection.execute(
            sql.SQL("create table public.copied ({})").format(sql.SQL(", ").join(columns))
        )
        into = sql.SQL("copy public.copied from stdin (format csv, header)")
        watch.timed("copy", run)()
        connection.execute("drop table public.copied")
        connection.commit()
    return watch.found["copy"]


def in_own_process(spec: Path, postmaster: int, *, profile: bool) -> Measured:
    """:func:`migrate` in a process of its own, so that its memory is its own."""
    told = spec.with_suffix(".json")
    asked = ["--child", str(spec), "--postmaster", str(postmaster), "--json", str(told)]
    subprocess.run(
        [sys.executable, "-m", __spec__.name, *asked, *(["--profile"] if profile else [])],
        check=True,
    )
    found = json.loads(told.read_text())
    return Measured(
        Spent(**found["whole"]),
        {name: Spent(**spent) for name, spent in found["steps"].items()},
        {name: Spent(**spent) for name, spent in found["statements"].items()},
        found["peak_mb"],
        found["counts"],
    )


SMALLEST = 100
FIRST, AGAIN, CHANGED = "migration", "again, all unchanged", "again, 10 % changed"


def smallest(folder: Path, postmaster: int) -> Spent:
    """The command, of so few rows that nothing of it is theirs."""
    from ispmig_pipelines.platform import tenants
    from ispmig_pipelines.platform.server import engine

    path = folder / "smallest.csv"
    customers.write(path, SMALLEST)
    spec = folder / "smallest.yaml"
    spec.write_text(customers.SPEC.replace("FILE", str(path)))
    tenants.add(engine(), "smallest")
    before = os.times()
    started = time.monotonic(), server_cpu(postmaster)
    subprocess.run(
        [sys.executable, "-m", "ispmig_pipelines.cli", "migrate", "smallest", str(spec)],
        check=True,
        capture_output=True,
    )
    after = os.times()
    spent = Spent(
        time.monotonic() - started[0],
        after.children_user + after.children_system
        - before.children_user - before.children_system,
        server_cpu(postmaster) - started[1],
    )  # fmt: skip
    tenants.remove(engine(), "smallest")
    return spent


@dataclass
class Found:
    """What was measured, each as often as asked.

    Attributes:
        migrated: what was migrated → how.
    """

    copied: list[Spent] = field(default_factory=list)
    migrated: dict[str, list[Measured]] = field(default_factory=dict)
    smallest: list[Spent] = field(default_factory=list)


def measure(rows: int, repeat: int, *, profile: bool, again: bool, folder: Path) -> Found:
    """Copies and migrates by turns, each time into an empty tenant."""
    from ispmig_pipelines.platform import ledger, tenants
    from ispmig_pipelines.platform.server import connect, engine

    path = folder / f"{rows}.csv"
    customers.write(path, rows)
    spec = folder / "customers.yaml"
    spec.write_text(customers.SPEC.replace("FILE", str(path)))
    ledger.prepare(engine())
    with connect() as connection:
        (data,) = connection.execute("show data_directory").fetchone()  # type: ignore[misc]
    postmaster = int((Path(data) / "postmaster.pid").read_text().split()[0])
    specs = {FIRST: spec}
    if again:
        moved = folder / f"{rows}-changed.csv"
        customers.write(moved, rows, moved_every=10)
        of_moved = folder / "changed.yaml"
        of_moved.write_text(customers.SPEC.replace("FILE", str(moved)))
        specs |= {AGAIN: spec, CHANGED: of_moved}
    found = Found()
    for _ in range(repeat):
        tenants.add(engine(), TENANT)
        found.copied.append(copy(path, postmaster))
        for name, own in specs.items():
            found.migrated.setdefault(name, []).append(
                in_own_process(own, postmaster, profile=profile)
            )
        tenants.remove(engine(), TENANT)
        if again:
            found.smallest.append(smallest(folder, postmaster))
    return found


def print_found(rows: int, found: Found) -> None:
    """What was measured, for the terminal."""
    console = Console(width=120)
    table = Table(title=f"{rows:,} customers, 16 columns; medians of {len(found.copied)}")
    for column in ("", "rows/s", "of COPY", "seconds", "CPU ours", "CPU server", "memory"):
        table.add_column(column, justify="left" if not column else "right")
    base = statistics.median(c.wall for c in found.copied)
    told: list[tuple[str, int, list[Spent], str]] = [
        ("COPY, text with a key", rows, found.copied, "")
    ]
    for name, of_name in found.migrated.items():
        peak = f"{statistics.median(m.peak_mb for m in of_name):,.0f} MB"
        told.append((name, rows, [m.whole for m in of_name], peak))
    if found.smallest:
        told.append((f"the command, {SMALLEST} rows", SMALLEST, found.smallest, ""))
    for name, count, spent, peak in told:
        wall, ours, server = (
            statistics.median(getattr(s, part) for s in spent)
            for part in ("wall", "ours", "server")
        )
        of_copy = f"{base / wall:.2f}" if count == rows else ""
        cells = (f"{count / wall:,.0f}", of_copy, f"{wall:.2f}")
        table.add_row(name, *cells, f"{ours:.2f}", f"{server:.2f}", peak)
    console.print(table)
    for name, of_name in found.migrated.items():
        _print_profile(console, name, of_name[-1])


def _print_profile(console: Console, name: str, last: Measured) -> None:
    console.print(f"{name}: {last.counts}")
    for title, found, least in (
        ("step", last.steps, 0.0),
        ("statement", last.statements, 0.05),
    ):
        if not found:
            continue
        table = Table(title=f"by {title}, in the last run")
        for column in (title, "times", "seconds", "CPU ours", "CPU server"):
            table.add_column(column, justify="left" if column == title else "right")
        for name, spent in sorted(found.items(), key=lambda f: -f[1].wall):
            if spent.wall >= least:
                numbers = (spent.wall, spent.ours, spent.server)
                table.add_row(name, str(spent.times), *(f"{n:.2f}" for n in numbers))
        console.print(table, markup=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="migrate again, and the smallest, too")
    parser.add_argument("--profile", action="store_true", help="time every statement, too")
    parser.add_argument("--json", type=Path, help="write what was found here")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--postmaster", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        found = migrate(asked.child, asked.postmaster, profile=asked.profile)
        asked.json.write_text(json.dumps(asdict(found)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ISPMIG_HOME"] = str(folder / "home")
        os.environ.pop("ISPMIG_DATABASE_URL", None)
        measured = measure(
            asked.rows, asked.repeat, profile=asked.profile, again=asked.again, folder=folder
        )
    if asked.json:
        asked.json.write_text(json.dumps(asdict(measured)))
    print_found(asked.rows, measured)


if __name__ == "__main__":
    main()
