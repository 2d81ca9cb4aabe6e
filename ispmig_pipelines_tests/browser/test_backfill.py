"""Three tenants at once, each by its registered migration."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterRunStatus
from playwright.sync_api import expect

from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines_tests.browser import exports
from ispmig_pipelines_tests.browser.house import House, eventually
from ispmig_pipelines_tests.browser.ui import RUN_PATIENCE, Ui

SLUGS = ("north", "south", "west")


def test_a_backfill_migrates_the_tenants_that_are_chosen_and_no_other(
    ui: Ui, house: House, tmp_path: Path
) -> None:
    for number, slug in enumerate((*SLUGS, "unasked")):
        spec = exports.spec(tmp_path / slug)
        exports.people(spec.parent / "people.csv", 100 + number, bad=number)
        house.tenant(slug, spec, max_quarantined="10%")
    backfill = ui.backfill("tenant_migration", *SLUGS)

    ui.runs()
    ui.page.get_by_text("Backfills", exact=True).first.click()
    row = ui.page.locator("div[class*=rowGrid]").filter(has_text=backfill).first
    expect(row).to_contain_text("3 partitions")
    expect(row).to_contain_text("Success", timeout=RUN_PATIENCE * 1000)

    for number, slug in enumerate(SLUGS):
        (run,) = house.runs_of(slug)
        assert run.status is DagsterRunStatus.SUCCESS
        assert run.tags["dagster/backfill"] == backfill
        (entry,) = house.entries(slug)
        assert entry.state is State.DONE
        assert house.rows(slug)["customer"] == 100
        assert entry.entities["customer"]["quarantined"] == number
    assert house.entries("unasked") == []


def test_what_a_backfill_did_is_shown_tenant_by_tenant(ui: Ui, house: House) -> None:
    eventually(lambda: all(house.entries(slug) for slug in SLUGS), house.said)
    ui.asset("customer", "Partitions")
    for number, slug in enumerate(SLUGS):
        ui.choose_partition(slug)
        expect(ui.page.get_by_text(f"/reports/{slug}/").first).to_be_visible()
        assert ui.metadata("quarantined") == str(number)
