"""What is shown of many tenants that are migrated together, and of runs that were stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from ispmig_pipelines.defs.cancelling import Stopped
    from ispmig_pipelines.defs.migrating_many import OneOfMany, Tell

_COUNTS = ("read", "inserted", "updated", "unchanged", "quarantined")


@contextmanager
def progress(out: Console) -> Iterator[Tell]:
    """Shows how far all are: a table that changes in a terminal, else a line for each change."""
    seen: dict[str, str] = {}

    if out.is_terminal:
        # Lines that wrap would be counted wrongly as they are written over.
        narrow = Console(file=out.file, highlight=False, force_terminal=True)
        with Live(console=narrow, transient=True, auto_refresh=False) as live:
            yield lambda many: live.update(Group(_summary(many), _states(many)), refresh=True)
        return

    def tell(many: Sequence[OneOfMany]) -> None:
        for one in many:
            if seen.get(one.tenant) != one.status:
                seen[one.tenant] = one.status
                run = f", run {one.run[:8]}" if one.run else ""
                out.print(f"{one.tenant}: {one.status}{run}", markup=False)

    yield tell


def _summary(many: Sequence[OneOfMany]) -> Text:
    return Text(f"{sum(one.ended for one in many)} of {len(many)} tenants are through.")


def _states(many: Sequence[OneOfMany]) -> Table:
    made = Table(show_edge=False, pad_edge=False)
    for column in ("tenant", "run", "status"):
        made.add_column(column)
    # Those that are through stand last: a terminal may be too low for all.
    for one in sorted(many, key=lambda one: one.ended):
        made.add_row(Text(one.tenant), one.run[:8], one.status)
    return made


def show(out: Console, many: Sequence[OneOfMany]) -> None:
    """What all have come to, and why some have failed."""
    _print(out, table(many))
    failed = [one for one in many if one.error]
    for one in failed:
        out.print(f"\n{one.tenant}: {one.error['message']}", markup=False)
    out.print(f"\n{len(many) - len(failed)} of {len(many)} tenants are migrated.", markup=False)


def table(many: Sequence[OneOfMany]) -> Table:
    """A row for each tenant."""
    made = Table(show_edge=False, pad_edge=False)
    for column in ("tenant", "run", "status", "migration", *_COUNTS, "error"):
        number = column in (*_COUNTS, "migration")
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    for one in many:
        entities = [] if one.entry is None else list(one.entry.entities.values())
        made.add_row(
            Text(one.tenant),
            one.run[:8],
            one.status,
            "" if one.entry is None else str(one.entry.id),
            *(f"{sum(c[name] for c in entities):,}" if entities else "" for name in _COUNTS),
            str(one.error.get("code", "")),
        )
    return made


def stopped(out: Console, runs: Sequence[Stopped]) -> None:
    """What became of runs that were to be stopped."""
    if not runs:
        out.print("Nothing was under way.")
        return
    made = Table(show_edge=False, pad_edge=False)
    for column in ("tenant", "job", "run", "was", "now", "migration"):
        made.add_column(column, no_wrap=True)
    for run in runs:
        now = f"ended after {run.seconds:.1f} s" if run.ended else "not ended yet"
        entry = "" if run.migration is None else f"{run.migration} ({run.state})"
        made.add_row(Text(run.tenant), Text(run.job), run.run[:8], run.was.lower(), now, entry)
    _print(out, made)


def _print(out: Console, made: Table) -> None:
    """As wide as it is: a line that wraps is better than a cut number."""
    natural = Measurement.get(out, out.options.update_width(10_000), made).maximum
    Console(file=out.file, width=max(natural, out.width), highlight=False).print(made)
