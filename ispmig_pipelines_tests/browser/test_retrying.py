"""Runs that fail, are put right by a person, and are retried from failure in the UI."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

from playwright.sync_api import expect

from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines_tests.browser import exports
from ispmig_pipelines_tests.browser.house import House, eventually
from ispmig_pipelines_tests.browser.ui import Ui


def test_a_run_that_failed_at_the_load_goes_on_from_there_to_the_same_result(
    ui: Ui, house: House, tmp_path: Path
) -> None:
    spec = exports.spec(tmp_path)
    exports.people(tmp_path / "people.csv", 300, bad=3)
    house.tenant("undisturbed", spec)
    house.tenant("disturbed", spec)
    ui.launch("tenant_migration", "undisturbed")
    assert ui.status() == "Success"

    with house.locked("disturbed", "customer"):
        ui.launch("tenant_migration", "disturbed")
        assert ui.status() == "Failure"
        # Who is in the way is named, and what to do.
        told = ui.events("type:STEP_FAILURE").first
        expect(told).to_contain_text("Others have been working on the tables of tenant disturbed")
        expect(told).to_contain_text("Nothing was loaded")
    assert not any(house.rows("disturbed").values())

    # The source is not needed again for what was staged before the load.
    ui.re_execute("from failure")
    assert ui.status() == "Success"

    assert house.digest("disturbed") == house.digest("undisturbed")
    newest, *_ = house.entries("disturbed")
    assert newest.state is State.DONE
    assert newest.entities == house.entries("undisturbed")[0].entities
    # Load and audit, and nothing before them.
    expect(ui.page.get_by_text("Succeeded (2)")).to_be_visible()


def test_a_failure_says_what_to_do_is_told_of_and_passes_when_that_is_done(
    ui: Ui, house: House, tmp_path: Path
) -> None:
    spec = exports.spec(tmp_path)
    house.tenant("unready", spec)
    run = ui.launch("tenant_migration", "unready")
    assert ui.status() == "Failure"
    told = ui.events("type:STEP_FAILURE").first
    expect(told).to_contain_text("people.csv")

    def alert() -> dict | None:
        told = house.command("alerts", "list")["alerts"]
        return next((one for one in told if one["run_id"] == run), None)

    one = eventually(alert, house.said)
    assert (one["kind"], one["tenant"]) == ("run_failed", "unready")

    exports.people(tmp_path / "people.csv", 20)
    # As somebody does who follows the link of the alert.
    ui.open(urllib.parse.urlsplit(f"{house.url}/runs/{run}").path)
    assert ui.status() == "Failure"
    ui.re_execute("from failure")
    assert ui.status() == "Success"
    assert house.rows("unready")["customer"] == 20
