"""A migration of some seconds: how far it is, and that it can be stopped in the middle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dagster import DagsterRunStatus
from playwright.sync_api import expect

from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.browser import exports
from ispmig_pipelines_tests.browser.house import House, eventually
from ispmig_pipelines_tests.browser.ui import RUN_PATIENCE, Ui

SLUG = "large"
ROWS = 700_000


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec of an export that takes longer than the UI goes without a word."""
    folder = tmp_path_factory.mktemp("large")
    exports.many_people(folder / "people.xml", ROWS)
    return exports.spec(folder, "people.xml")


def test_a_run_says_how_far_it_is_and_stopped_leaves_nothing_half_done(
    ui: Ui, house: House, spec: Path
) -> None:
    house.tenant(SLUG, spec)
    # The launchpad shows the tenant's registered migration.
    run = ui.launch("tenant_migration", SLUG)
    expect(ui.page.get_by_text("Started", exact=True).first).to_be_visible()

    on_the_way = re.compile(r"extract \S.*: [\d,]+( of [\d,]+)? rows.* [\d,]+ rows/s")
    ui.events("rows/s")
    told = ui.page.get_by_text(on_the_way).first
    expect(told).to_be_visible(timeout=RUN_PATIENCE * 1000)
    assert house.status_of(run) is DagsterRunStatus.STARTED

    ui.terminate()
    assert ui.status() == "Canceled"

    eventually(lambda: [e.state for e in house.entries(SLUG)] == [State.FAILED], house.said)
    (entry,) = house.entries(SLUG)
    assert "It was stopped." in (entry.error or "")
    assert not any(house.rows(SLUG).values())
    assert "QUARANTINED" not in house.said()


def test_after_it_was_stopped_the_tenant_is_free(ui: Ui, house: House, tmp_path: Path) -> None:
    small = exports.spec(tmp_path)
    exports.people(tmp_path / "people.csv", 10)
    assert house.entries(SLUG)[0].state is State.FAILED
    config = {"ops": {"extract": {"config": {"spec": str(small)}}}}
    ui.launch("tenant_migration", SLUG, config)
    assert ui.status() == "Success"
    assert house.rows(SLUG)["customer"] == 10
    # What the stopped run had staged went with the migration that was published since.
    assert not [path for path in (settings().staging_folder / SLUG).rglob("*") if path.is_file()]
