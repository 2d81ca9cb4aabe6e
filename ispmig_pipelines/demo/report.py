"""What the demo shows at its end: a table for each tenant, and how to go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from ispmig_pipelines import tables
from ispmig_pipelines.demo.run import Result
from ispmig_pipelines.platform.ledger import Migration, State

UI = "http://localhost:3000"


def report(out: Console, results: Sequence[Result]) -> bool:
    """Prints the results; returns whether everything is reconciled."""
    for result in results:
        tables.migration(out, result.entry)
        out.print()
    reconciled = True
    for result in results:
        slug = result.entry.tenant
        if problems := unreconciled(result.entry):
            reconciled = False
            out.print(f"{slug}: NOT reconciled: {'; '.join(problems)}", markup=False)
        else:
            out.print(f"{slug}: reconciled", markup=False)
            for line in _what_happened(result):
                out.print(f"  {line}")
    out.print()
    if reconciled:
        out.print("Everything is reconciled: each record is in the tenant's tables or in")
        out.print("quarantine, and so is each cent of each control total.")
    command = _command()
    out.print()
    out.print("Why is a record in quarantine?")
    out.print(f"  {command} quarantine {results[0].entry.tenant}", markup=False)
    out.print("See the runs and the lineage in the Dagster UI:")
    out.print(f"  {command} up        then open {UI}", markup=False)
    return reconciled


def unreconciled(entry: Migration) -> list[str]:
    """What does not add up in a migration: records, or money."""
    problems = [] if entry.state is State.DONE else [f"it is {entry.state.value}"]
    for entity, counts in entry.entities.items():
        ended = sum(counts[c] for c in ("inserted", "updated", "unchanged", "quarantined"))
        if counts["read"] != ended:
            problems.append(
                f"{entity}: {counts['read']:,} records were read, and {ended:,} are accounted for"
            )
    for name, by_currency in entry.totals.items():
        for currency, amounts in by_currency.items():
            found = sum(Decimal(amounts[s]) for s in ("loaded", "quarantined", "adjusted"))
            if Decimal(amounts["source"]) != found:
                problems.append(
                    f"{name}: {amounts['source']} {currency} in the source, and {found} "
                    "accounted for"
                )
    return problems


def _what_happened(result: Result) -> list[str]:
    sums = {
        name: sum(counts[name] for counts in result.entry.entities.values())
        for name in ("inserted", "updated", "unchanged", "quarantined")
    }
    if result.nothing_new:
        return [
            f"Everything is unchanged: {sums['unchanged']:,} records are there already,",
            f"and the same {sums['quarantined']:,} are in quarantine.",
        ]
    return [", ".join(f"{count:,} {name}" for name, count in sums.items() if count)]


def _command() -> str:
    """How to call ``ispmig`` from here: the one beside the Python that runs this."""
    beside = Path(sys.executable).parent / "ispmig"
    if not beside.exists():
        return f"{sys.executable} -m ispmig_pipelines.cli"
    relative = os.path.relpath(beside)
    return str(beside) if relative.startswith("..") else relative
