"""Metrics and health, for monitoring systems and for who wants to know now."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console

from ispmig_pipelines.cli.console import options, say, say_failed, told
from ispmig_pipelines.cli.words import Json
from ispmig_pipelines.errors import PlatformError


def metrics(as_json: Json = False) -> None:
    """Print metrics of migrations, quarantine, backups, drills and runs, as OpenMetrics text."""
    with told(as_json):
        from ispmig_pipelines.defs.metrics import families_here
        from ispmig_pipelines.metrics.openmetrics import text

        found = families_here()
        if options["json"]:
            say({"metrics": [one.as_json() for one in found]}, lambda out: None)
        else:
            # As it is: who reads it counts lines.
            sys.stdout.write(text(found))


def health(as_json: Json = False) -> None:
    """Say whether database, daemon, storage and code can be used; ends with 0 only if all can."""
    with told(as_json):
        from ispmig_pipelines.defs.metrics import health_here

        found = health_here()
        if not found["healthy"]:
            parts = found["parts"]
            wrong = ", ".join(
                f"{part} ({one['code']})" for part, one in parts.items() if not one["healthy"]
            )
            error = PlatformError(
                f"Not healthy: {wrong}. What each code means and what to do is in docs/metrics.md."
            )
            say_failed(error, found, lambda out: _shown(out, found), in_words=True)
        say(found, lambda out: _shown(out, found))


def _shown(out: Console, found: dict[str, Any]) -> None:
    for part, one in found["parts"].items():
        beside = [f"{name} {own['code']}" for name, own in one.get("places", {}).items()]
        beside += one.get("silent", ())
        told = f" ({', '.join(beside)})" if beside else ""
        out.print(f"{part}: {one['code']}{told}", markup=False)
