"""Files dropped for a tenant, ordinary and hostile, as the UI shows what becomes of them."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from ispmig_pipelines.platform.ledger import State
from ispmig_pipelines_tests.browser import exports
from ispmig_pipelines_tests.browser.house import House, eventually
from ispmig_pipelines_tests.browser.ui import RUN_PATIENCE, Ui

SLUG = "dropped"
HOSTILE = "people<img src=x onerror=alert(1)>.csv"
"""A name that would do something if a page of the UI took it for markup."""


def test_ordinary_files_are_migrated_once_and_hostile_ones_do_nothing(
    ui: Ui, house: House, tmp_path: Path
) -> None:
    spec = exports.spec(tmp_path / "spec")
    house.tenant(SLUG)
    house.command("drop", "add", SLUG, str(spec), "--pattern", "people*.csv", "--marked")
    place = house.home / "drop" / SLUG
    place.mkdir(parents=True, exist_ok=True)
    secret = tmp_path / "people_secret.csv"
    exports.people(secret, 5, first=9000)
    exports.people(place / "people.csv", 40)
    exports.people(place / HOSTILE, 30, first=100)
    exports.people(place / "people_late.csv.part", 20, first=200)
    (place / "people_empty.csv").touch()
    (place / "people_link.csv").symlink_to(secret)
    for name in ("people.csv", HOSTILE, "people_empty.csv", "people_link.csv"):
        (place / f"{name}.done").touch()

    ui.automation("file_drop")
    asked = ui.page.get_by_text("tenant_migration").first
    expect(asked).to_be_visible()
    eventually(lambda: len(house.runs_of(SLUG)) == 2, house.said)
    eventually(lambda: [e.state for e in house.entries(SLUG)] == [State.DONE] * 2, house.said,
               RUN_PATIENCE)  # fmt: skip
    assert house.rows(SLUG)["customer"] == 70

    eventually(lambda: (place / "done" / HOSTILE).is_file(), house.said)
    eventually(lambda: (place / "done" / "people.csv").is_file(), house.said)
    eventually(lambda: (place / "failed" / "people_empty.csv").is_file(), house.said)
    assert list((place / "done").glob("people.csv*.report.html"))
    assert (place / "people_link.csv").is_symlink()
    assert (place / "people_late.csv.part").is_file()
    assert "people_secret" not in str(list(place.rglob("*")))

    for run in house.runs_of(SLUG):
        ui.show_run(run.run_id)
        assert ui.status() == "Success"
    ui.asset("source_export", "Partitions")
    ui.choose_partition(SLUG)
    expect(ui.page.get_by_text("files", exact=True).first).to_be_visible()
    ui.open("/automation")
    ui.automation("file_drop")
    expect(ui.page.get_by_text("runs requested").first).to_be_visible()
    assert ui.page.locator("img[src=x]").count() == 0
    assert ui.alarms == []


def test_the_same_again_under_another_name_is_not_migrated_again(
    ui: Ui, house: House, tmp_path: Path
) -> None:
    before = [entry.id for entry in house.entries(SLUG)]
    assert before
    place = house.home / "drop" / SLUG
    exports.people(place / "people_again.csv", 40)
    (place / "people_again.csv.done").touch()
    eventually(lambda: (place / "done" / "people_again.csv").is_file(), house.said)
    assert [entry.id for entry in house.entries(SLUG)] == before
