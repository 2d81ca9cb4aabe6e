"""``make pictures``: takes the documentation's pictures of the real UI anew.

It migrates the demo's ISPs in a home of its own by clicking, as the tests do, and leaves
``docs/images/*.png``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from dagster import DagsterRun
from playwright.sync_api import FloatRect

from ispmig_pipelines.demo.run import FOLDER, SLUGS
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.browser.chromium import NoChromium, chromium
from ispmig_pipelines_tests.browser.house import House, environment, eventually, free_port
from ispmig_pipelines_tests.browser.ui import Ui, window
from ispmig_pipelines_tests.corpora import PROJECT

IMAGES = PROJECT / "docs" / "images"
MOST_BYTES = 200_000
SHOWN = "metro-fiber"


def _migrated(ui: Ui, house: House) -> DagsterRun:
    """Migrates the demo's ISPs, and backs one of them up; the run of its migration."""
    for slug in SLUGS:
        house.tenant(slug, FOLDER / slug / "spec.yaml")
    ui.backfill("tenant_migration", *SLUGS)
    eventually(lambda: all(_done(house, slug) == 1 for slug in SLUGS), house.said, 1800)
    ui.materialize("tenant_backup", SHOWN)
    if ui.status() != "Success":
        raise RuntimeError(f"tenant_backup failed:\n{house.said()}")
    return house.runs_of(SHOWN)[0]


def _done(house: House, slug: str) -> int:
    return sum(entry.state.value == "done" for entry in house.entries(slug))


def _run(ui: Ui, run: DagsterRun) -> FloatRect:
    ui.page.set_viewport_size({"width": 1400, "height": 1900})
    # Runs of a backfill are not among the others.
    ui.open(f"/runs/{run.run_id}")
    ui.page.get_by_text("audit", exact=True).first.wait_for()
    # As far as the list of steps goes; below it comes the log.
    return {"x": 0, "y": 0, "width": 1400, "height": 720}


def _asset(ui: Ui, run: DagsterRun) -> FloatRect:
    ui.asset("customer", "Events")
    ui.page.get_by_text("quarantined", exact=True).first.wait_for()
    return {"x": 0, "y": 0, "width": 1400, "height": 880}


def _graph(ui: Ui, run: DagsterRun) -> FloatRect:
    ui.page.set_viewport_size({"width": 1400, "height": 1240})
    ui.lineage("tenant_backup")
    # How each asset stands is asked for when the graph is drawn.
    ui.page.wait_for_timeout(4000)
    return {"x": 240, "y": 0, "width": 1160, "height": 1240}


def _report(ui: Ui, run: DagsterRun) -> FloatRect:
    ui.page.set_viewport_size({"width": 1100, "height": 1180})
    ui.open(f"/reports/{SHOWN}/{run.tags['ispmig/migration']}")
    ui.page.get_by_text("Where every record went").wait_for()
    return {"x": 0, "y": 0, "width": 1100, "height": 1180}


PICTURES: dict[str, Callable[[Ui, DagsterRun], FloatRect]] = {
    "run": _run,
    "asset": _asset,
    "graph": _graph,
    "report": _report,
}
"""Name → what goes to the thing that is shown, and says which part of the window is taken."""


def take(ui: Ui, run: DagsterRun, folder: Path) -> list[Path]:
    """Takes all of them; returns where they are."""
    taken = []
    for name, show in PICTURES.items():
        ui.page.set_viewport_size({"width": 1400, "height": 880})
        part = show(ui, run)
        ui.settle()
        path = folder / f"{name}.png"
        ui.page.screenshot(path=path, clip=part)
        if path.stat().st_size > MOST_BYTES:
            raise RuntimeError(f"{path.name} is too large for a page: {path.stat().st_size} bytes")
        taken.append(path)
    return taken


def main() -> int:
    """Takes the pictures; returns the exit code."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        ours = {n: v for n, v in os.environ.items() if not n.startswith(("ISPMIG_", "DAGSTER_"))}
        said = environment(Path(folder) / "home", port)
        with patch.dict(os.environ, ours | said, clear=True):
            settings.cache_clear()
            house = House(port)
            try:
                with chromium() as browser:
                    house.start()
                    with window(browser, house.url, Path(folder)) as ui:
                        for path in take(ui, _migrated(ui, house), IMAGES):
                            print(f"{path.relative_to(PROJECT)}: {path.stat().st_size:,} bytes")
            except NoChromium as error:
                print(f"pictures: {error}", file=sys.stderr)
                return 1
            finally:
                house.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
