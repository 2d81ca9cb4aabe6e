"""The daemon and all workers are killed while runs wait: nothing is lost, and nothing is twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import psutil
from dagster import DagsterRunStatus
from playwright.sync_api import expect

from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines_tests.browser import exports
from ispmig_pipelines_tests.browser.house import House, eventually
from ispmig_pipelines_tests.browser.ui import RUN_PATIENCE, Ui

SLUGS = ("east", "coast", "harbour", "hill")


def test_killed_while_runs_wait_everything_is_migrated_once(
    ui: Ui, house: House, tmp_path: Path
) -> None:
    for number, slug in enumerate(SLUGS, 1):
        spec = exports.spec(tmp_path / slug)
        exports.people(spec.parent / "people.csv", 500 * number)
        house.tenant(slug, spec)
        # Not as a backfill: runs that fail in one that is over by then are not retried by Dagster.
        house.queue("tenant_migration", slug, spec)
    eventually(lambda: any(_under_way(house, slug) for slug in SLUGS), house.said)
    assert any(not house.entries(slug) for slug in SLUGS)

    daemons = [one for one in house.family() if "dagster._daemon" in one.cmdline()]
    assert daemons
    workers = [child for one in house.family() for child in _of_runs(one)]
    for process in (*daemons, *workers):
        process.kill()
    assert house.ended() == 3
    assert "The Dagster daemon ended by itself" in house.said()

    house.start()
    ui.open()
    expect(ui.page.get_by_role("link", name="tenant_migration").first).to_be_visible()
    eventually(lambda: all(_settled(house, slug) for slug in SLUGS), house.said, RUN_PATIENCE)

    for number, slug in enumerate(SLUGS, 1):
        assert house.rows(slug)["customer"] == 500 * number
        states = Counter(entry.state for entry in house.entries(slug))
        assert states[State.DONE] == 1, (slug, states)
        assert set(states) <= {State.DONE, State.FAILED, State.UNDONE}
        ui.show_run(house.runs_of(slug)[0].run_id)
        assert ui.status() == "Success"


def _under_way(house: House, slug: str) -> bool:
    return any(run.status is DagsterRunStatus.STARTED for run in house.runs_of(slug))


def _settled(house: House, slug: str) -> bool:
    runs = house.runs_of(slug)
    over = all(run.is_finished and not run.is_complete_and_waiting_to_retry for run in runs)
    return over and any(run.status is DagsterRunStatus.SUCCESS for run in runs)


def _of_runs(process: psutil.Process) -> list[psutil.Process]:
    """The processes of runs, which the code server has started."""
    try:
        return [process] if "execute_run" in process.cmdline() else []
    except psutil.Error:
        return []
