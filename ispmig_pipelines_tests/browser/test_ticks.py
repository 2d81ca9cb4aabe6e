"""Schedules and sensors tick, are turned off and on, and say what they would do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from ispmig_pipelines_tests.browser.house import House
from ispmig_pipelines_tests.browser.ui import Ui

SCHEDULE_PATIENCE = 400.0
"""Seconds: it comes every five minutes, and the machine may be busy."""


@pytest.mark.parametrize("name", ["file_drop", "tenant_backups"])
def test_it_is_turned_off_and_on(ui: Ui, house: House, name: str) -> None:
    ui.automation(name)
    ui.turn(on=False)
    ui.page.reload()
    expect(ui.switch()).not_to_be_checked()
    ui.turn(on=True)
    ui.page.reload()
    expect(ui.switch()).to_be_checked()


def test_the_sensor_ticks_and_tells_why_nothing_is_to_be_done(ui: Ui) -> None:
    ui.automation("file_drop")
    ui.until_it_ticks_after(ui.latest_tick())
    ui.page.get_by_role("button", name="Preview tick result").click()
    dialog = ui.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog.get_by_text("Nothing new was dropped.")).to_be_visible()


def test_the_schedule_tells_what_its_next_tick_would_do(ui: Ui) -> None:
    ui.automation("tenant_backups")
    ui.page.get_by_role("button", name="Preview tick result").click()
    dialog = ui.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Continue").click()
    told = re.compile(r"No tenant's backup is due\.|Requested runs \([1-9]")
    expect(dialog.get_by_text(told).first).to_be_visible()


def test_the_schedule_ticks_by_itself(ui: Ui) -> None:
    ui.automation("tenant_backups")
    ui.until_it_ticks_after("", seconds=SCHEDULE_PATIENCE)
