"""How mapping and validating one entity scales with the processes that share it.

    python -m ispmig_pipelines_tests.bench.in_parts [--rows 1000000] [--processes 1 2] [--times 3]
        [--function]

Customers (see ``customers.py``) are staged once; then they are mapped and validated through the
job's own functions, whole in one process, and in parts by as many processes as are said, each with
everything imported, as the steps of ``tenant_migration_in_parts`` are forked. Told are the clock's
seconds of all together, seconds of CPU of all processes, and the highest peak of one; of several
times that with the shortest clock. Then the whole command is timed by the clock, ``ispmig migrate``
into an empty tenant, in one process and with ``--parts``, from its start to its end.

With ``--function`` the street goes through a Python function of the spec's own, which looks at it
letter by letter: one thread of a process calls it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import unicodedata
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from ispmig_pipelines.defs.tenant_migration.extract import extract
from ispmig_pipelines.defs.tenant_migration.joining import join
from ispmig_pipelines.defs.tenant_migration.manifests import MappedFeed, StagedSource
from ispmig_pipelines.defs.tenant_migration.map import map_feed
from ispmig_pipelines.defs.tenant_migration.part import WHOLE, Part, parts
from ispmig_pipelines.defs.tenant_migration.progress import Progress
from ispmig_pipelines.defs.tenant_migration.survey import survey
from ispmig_pipelines.defs.tenant_migration.usage import peak_memory
from ispmig_pipelines.defs.tenant_migration.validate import demands_of, validate_feed
from ispmig_pipelines.formats.records import DEFAULT_BATCH_SIZE
from ispmig_pipelines.mapping.spec import load_spec
from ispmig_pipelines.mapping.survey import Styles
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import Staging
from ispmig_pipelines_tests.bench import customers

PARTS_A_PROCESS = 2
TENANT = "bench"
PLUGIN = __name__ if __name__ != "__main__" else "ispmig_pipelines_tests.bench.in_parts"


def spelled_out(streets: pd.Series) -> pd.Series:
    """Streets without marks, each word with a capital: what is written by hand, row by row."""
    return streets.map(_spelled_out, na_action="ignore")


def _spelled_out(street: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", street) if not c.isspace() or c == " ")
    return " ".join(word[:1].upper() + word[1:].lower() for word in plain.split(" "))


@dataclass(frozen=True)
class Staged:
    """What is to be mapped, and where."""

    spec: Path
    sources: dict[str, StagedSource]
    styles: Styles


@dataclass(frozen=True)
class Measured:
    """Seconds of the clock and of the CPU, and the most memory of a process, in MiB."""

    clock: float
    cpu: float
    peak: float


def staging(spec: Path) -> Staging:
    return Staging(spec.parent / "staging", TENANT, 1)


def stage(spec: Path) -> Staged:
    """Extracts the customers, and settles how they are written."""
    read = load_spec(spec)
    sources = extract(
        read, staging(spec), private=[], batch_size=DEFAULT_BATCH_SIZE, progress=_quiet
    )
    return Staged(spec, sources, survey(read, sources, staging(spec), _quiet))


def one(staged: Staged, part: Part) -> tuple[list[MappedFeed], float, float]:
    """Maps and validates a part here; what came of it, seconds of CPU, and the peak."""
    began = time.process_time()
    spec, place = load_spec(staged.spec), staging(staged.spec)
    found = []
    for feed in spec.feeds:
        mapped = map_feed(
            spec,
            feed,
            staged.sources,
            place,
            _quiet(feed.name, None),
            tables={},
            styles=staged.styles,
            part=part,
        )
        demands = demands_of(spec, feed.entity, [mapped], began)
        found.append(validate_feed(mapped, place, _quiet(feed.name, None), demands))
    return found, time.process_time() - began, peak_memory()


def ready(_: int) -> int:
    """Lets a process begin, so that its beginning is not measured."""
    time.sleep(0.2)
    return os.getpid()


def by(staged: Staged, processes: int) -> tuple[list[MappedFeed], Measured]:
    """Maps and validates by so many processes; one takes the whole."""
    of = (WHOLE,) if processes == 1 else parts(processes * PARTS_A_PROCESS)
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        list(pool.map(ready, range(processes * 4)))
        began = time.monotonic()
        done = list(pool.map(partial(one, staged), of))
        clock = time.monotonic() - began
    feeds = join(feed for own, _, _ in done for feed in own)
    return feeds, Measured(clock, sum(cpu for _, cpu, _ in done), max(peak for *_, peak in done))


def command(spec: Path, *options: str) -> float:
    """The clock's seconds of ``ispmig migrate`` into a tenant that has nothing, in a home of its
    own."""
    with tempfile.TemporaryDirectory(dir=spec.parent) as home:
        own = {n: v for n, v in os.environ.items() if not n.startswith(("ISPMIG_", "DAGSTER_"))}
        own |= {"ISPMIG_HOME": home, "ISPMIG_PLUGINS": settings().plugins}
        ispmig = [sys.executable, "-m", "ispmig_pipelines.cli"]
        subprocess.run(
            [*ispmig, "tenant", "add", TENANT], env=own, check=True, stdout=subprocess.DEVNULL
        )
        began = time.monotonic()
        with (spec.parent / "migrate.log").open("w") as log:
            subprocess.run(
                [*ispmig, "migrate", TENANT, str(spec), "--max-quarantined", "50%", *options],
                env=own, check=True, stdout=log, stderr=log,
            )  # fmt: skip
        return time.monotonic() - began


def _quiet(what: str, total: int | None) -> Progress:
    return Progress("bench", what, lambda standing: None, total=total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--no-commands", action="store_true", help="only mapping and validating")
    parser.add_argument("--function", action="store_true", help="of the spec's own, on a field")
    asked = parser.parse_args()
    text = customers.SPEC.replace("FILE", "customers.csv")
    if asked.function:
        os.environ["ISPMIG_PLUGINS"] = PLUGIN
        settings.cache_clear()
        own = f"{{column: street, transform: [{{function: {PLUGIN}.spelled_out}}]}}"
        text = text.replace("billing_street: street", f"billing_street: {own}")
    shown = Table(title=f"{asked.rows:,} customers on {os.cpu_count()} processors")
    for heading in ("", "clock", "CPU", "rows/s", "peak MiB"):
        shown.add_column(heading, justify="right" if heading else "left")

    def show(name: str, clock: float, cpu: str = "", peak: str = "") -> None:
        shown.add_row(name, f"{clock:.1f}", cpu, f"{asked.rows / clock:,.0f}", peak)

    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.yaml"
        spec.write_text(text)
        customers.write(Path(folder) / "customers.csv", asked.rows)
        staged = stage(spec)
        same: list[tuple[int, ...]] = []
        for processes in asked.processes:
            runs = [by(staged, processes) for _ in range(asked.times)]
            feeds = runs[0][0]
            same.append(tuple(n for f in feeds for n in (f.rows, f.issues, f.rejected)))
            what = "one process" if processes == 1 else f"{processes} processes"
            found = min((measured for _, measured in runs), key=lambda one: one.clock)
            show(f"map and validate, {what}", found.clock, f"{found.cpu:.1f}", f"{found.peak:.0f}")
        assert len(set(same)) == 1, same
        if not asked.no_commands:
            most = max(asked.processes)
            in_parts = ("--parts", str(most * PARTS_A_PROCESS), "--processes", str(most))
            for options in ((), in_parts):
                clock = min(command(spec, *options) for _ in range(asked.times))
                show(" ".join(("ispmig migrate", *options)), clock)
    console = Console(width=110)
    console.print(shown)
    console.print("Load of the machine over the last minutes: {:.1f} {:.1f} {:.1f}".format(
        *os.getloadavg()))  # fmt: skip


if __name__ == "__main__":
    main()
