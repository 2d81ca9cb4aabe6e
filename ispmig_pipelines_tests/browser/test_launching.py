"""A migration from the launchpad to its report, and what the assets then show of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ispmig_pipelines import demo
from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines_tests.browser.house import House
from ispmig_pipelines_tests.browser.ui import Ui, window

SLUG = "metro-fiber"
SPEC = Path(demo.__file__).parent / SLUG / "spec.yaml"


@pytest.fixture(scope="module")
def launched(standing: House, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The run of a migration, launched by typing its spec into the launchpad."""
    if not standing.runs:
        standing.start()
    standing.tenant(SLUG)
    with window(browser, standing.url, tmp_path_factory.mktemp("launched")) as ui:
        config = {"ops": {"extract": {"config": {"spec": str(SPEC)}}}}
        run = ui.launch("tenant_migration", SLUG, config)
        assert ui.status() == "Success"
    return run


def test_the_run_shows_every_op_and_leads_to_the_report(
    ui: Ui, house: House, launched: str
) -> None:
    (entry,) = house.entries(SLUG)
    assert (entry.state, entry.dagster_run_id) == (State.DONE, launched)
    ui.show_run(launched)
    # Mapped and validated is each entity by itself.
    steps = len(("extract", "load", "audit")) + 2 * len(entry.entities)
    expect(ui.page.get_by_text(f"Succeeded ({steps})")).to_be_visible()
    ui.events("type:ASSET_MATERIALIZATION")
    with ui.page.context.expect_page() as opened:
        ui.page.get_by_role("link", name=f"/reports/{SLUG}/{entry.id}").first.click()
    report = opened.value
    quarantined = sum(counts["quarantined"] for counts in entry.entities.values())
    read = sum(counts["read"] for counts in entry.entities.values())
    assert quarantined > 0
    expect(report.get_by_text(f"All {read:,} records are accounted for").first).to_be_visible()
    expect(report.get_by_text(f"{quarantined} wait in quarantine").first).to_be_visible()
    # It has no way to do anything at the address of the UI.
    assert report.evaluate("window.origin") == "null"


def test_the_asset_shows_what_lies_in_quarantine_and_leads_to_the_report(
    ui: Ui, house: House, launched: str
) -> None:
    (entry,) = house.entries(SLUG)
    ui.asset("customer", "Partitions")
    ui.choose_partition(SLUG)
    expect(ui.page.get_by_text(f"/reports/{SLUG}/{entry.id}")).to_be_visible()
    counts = entry.entities["customer"]
    assert counts["quarantined"] > 0
    for name in ("read", "inserted", "quarantined"):
        assert ui.metadata(name) == str(counts[name])
    assert ui.metadata("dagster/row_count") == str(house.rows(SLUG)["customer"])


def test_the_checks_say_that_all_is_accounted_for_and_what_is_wrong_with_records(
    ui: Ui, launched: str
) -> None:
    ui.asset("customer", "Checks")
    ui.page.get_by_text("conservation", exact=True).first.click()
    expect(
        ui.page.get_by_text(f"{SLUG}: every record and every amount of the source").first
    ).to_be_visible()


def test_what_each_op_used_is_told_with_the_asset(ui: Ui, launched: str) -> None:
    ui.asset("customer", "Partitions")
    ui.choose_partition(SLUG)
    expect(ui.page.get_by_text(f"/reports/{SLUG}/").first).to_be_visible()
    for name in ("map/rows_per_second", "load/cpu_seconds", "audit/peak_rss_mb"):
        assert float(ui.metadata(name).replace(",", "")) > 0


def test_the_lineage_leads_from_the_export_by_all_entities_to_the_backup(
    ui: Ui, house: House, launched: str
) -> None:
    ui.materialize("tenant_backup", SLUG)
    assert ui.status() == "Success"
    assert house.command("backup", "list", SLUG)["snapshots"]
    nodes = ui.lineage("tenant_backup")
    for name in ("source_export", *ENTITIES, "tenant_backup"):
        expect(nodes.get_by_text(name, exact=True).first).to_be_attached()
    ui.asset("tenant_backup", "Partitions")
    ui.choose_partition(SLUG)
    expect(ui.page.get_by_role("link", name="tenant_backup").last).to_be_visible()
