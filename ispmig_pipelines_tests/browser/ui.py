"""What a person does in the UI: clicks, in words of the things that are clicked."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

PATIENCE = 180.0
"""Seconds that something on the screen may take: others may need the machine, too."""

RUN_PATIENCE = 600.0
OVER = re.compile(r"^(Success|Failure|Canceled)$")
SCREEN = (1440, 900)

expect.set_options(timeout=PATIENCE * 1000)


class Ui:
    """A window with the UI in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.alarms: list[str] = []
        """What scripts in pages wanted to tell the person: nothing of ours does."""
        page.set_default_timeout(PATIENCE * 1000)
        page.on("dialog", self._alarm)

    def _alarm(self, dialog: Any) -> None:
        self.alarms.append(dialog.message)
        dialog.dismiss()

    # --- getting about

    def open(self, path: str = "/runs") -> None:
        """Opens an address of the UI."""
        self.page.goto(self.url + path)

    def area(self, name: str, path: str) -> None:
        """Clicks an area of the navigation on the left."""
        if not self.page.url.startswith(self.url):
            self.open()
        self.page.locator(f"a[href='{path}']", has_text=name).first.click()
        # An area leads on to its first page at once: /deployment to /deployment/locations.
        self.page.wait_for_url(f"**{path}**")

    def runs(self) -> None:
        self.area("Runs", "/runs")

    def automation(self, name: str) -> None:
        """The page of a schedule or a sensor."""
        self.area("Automation", "/automation")
        of = ", ".join(f"a[href$='/{kind}/{name}']" for kind in ("sensors", "schedules"))
        self.page.locator(of).first.click()
        expect(self.page.get_by_text("Latest tick")).to_be_visible()

    def job(self, name: str, tab: str | None = None) -> None:
        """A tab of a job's page, or that which is shown first."""
        self.area("Jobs", "/jobs")
        self.page.locator(f"a[href$='/jobs/{name}']").first.click()
        self.page.wait_for_url(f"**/jobs/{name}*")
        if tab is not None:
            self.tab(tab)

    def asset(self, name: str, tab: str) -> None:
        """A tab of an asset's page, by the catalog."""
        self.area("Catalog", "/assets")
        self.page.locator(f"a[href='/assets/{name}'], a[href^='/assets/{name}?']").first.click()
        self.page.wait_for_url(f"**/assets/{name}*")
        self.tab(tab)

    def tab(self, name: str) -> None:
        main = self.page.locator("a, [role=tab]").filter(has_text=re.compile(f"^{name}$"))
        # An area of the navigation may have the same name.
        main.locator("visible=true").last.click()

    # --- runs

    def launchpad(self, job: str, tenant: str) -> Locator:
        """The launchpad of a job with a tenant chosen; returns the editor."""
        self.job(job, "Launchpad")
        box = self.page.get_by_placeholder("Partition")
        deadline = time.monotonic() + PATIENCE
        while True:
            # The box is drawn anew when the tenants are there, and forgets what was typed.
            box.click()
            box.press("Control+a")
            self.page.keyboard.type(tenant)
            try:
                self.choice(tenant).click(timeout=3000)
                break
            except TimeoutError:
                assert time.monotonic() < deadline, f"{tenant} cannot be chosen"
        # The run's configuration and tags are the tenant's only then.
        expect(self.page.get_by_text(f"partition: {tenant}", exact=True)).to_be_visible()
        return self.page.locator(".CodeMirror").first

    def choice(self, name: str) -> Locator:
        """An item of a menu that is open."""
        item = self.page.locator("[role=menuitem]")
        return item.filter(has=self.page.get_by_text(name, exact=True)).first

    def launch(self, job: str, tenant: str, config: dict[str, Any] | None = None) -> str:
        """Launches a run from the launchpad; returns its id.

        Args:
            config: typed in place of what stands in the editor. None: what the launchpad shows.
        """
        editor = self.launchpad(job, tenant)
        if config is None:
            expect(self.page.get_by_role("button", name="Launch Run")).to_be_enabled()
        else:
            editor.click()
            self.page.keyboard.press("Control+a")
            self.page.keyboard.insert_text(yaml.safe_dump(config))
        expect(self.page.get_by_text("No errors")).to_be_visible()
        self.page.get_by_role("button", name="Launch Run").click()
        return self.run_id()

    def materialize(self, job: str, tenant: str) -> str:
        """Launches a run of a job of assets, which has no launchpad; returns its id."""
        self.job(job)
        self.page.locator("button", has_text="Materialize").first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text("Select a partition or create one").click()
        self.choice(tenant).click()
        # The menu stays open, and lies over the button.
        dialog.get_by_text("Launch runs to materialize").click()
        dialog.get_by_role("button", name="Launch 1 run").click()
        told = self.page.locator("div", has_text=re.compile(r"^\W*Launched run \w+"))
        told.get_by_text("View", exact=True).first.click()
        return self.run_id()

    def run_id(self, unlike: str = "") -> str:
        """The run whose page is shown, or comes to be shown: not that which it was before."""
        wanted = re.compile(r"/runs/(?!" + (unlike or "-") + r")[0-9a-f-]{36}")
        self.page.wait_for_url(wanted)
        return self.page.url.split("/runs/")[1][:36]

    def show_run(self, run_id: str) -> None:
        """A run's page, by the list of runs."""
        self.runs()
        self.page.get_by_role("link", name=run_id[:8]).first.click()
        self.page.wait_for_url(f"**/runs/{run_id}*")

    def status(self) -> str:
        """What became of the run that is shown, when it is over."""
        tag = self.page.get_by_text(OVER).first
        tag.wait_for(timeout=RUN_PATIENCE * 1000)
        return tag.inner_text()

    def events(self, words: str) -> Locator:
        """The lines of the shown run's log that its filter leaves.

        Args:
            words: of the message, or as ``type:STEP_FAILURE``.
        """
        # Not Enter: that takes what the box proposes in place of what was typed.
        self.page.get_by_placeholder("Filter…").fill(words)
        return self.page.locator("[class*=LogsRowComponents_row_]")

    def re_execute(self, how: str) -> str:
        """Runs the shown run again; returns the new run's id.

        Args:
            how: as the menu says: ``From failure``, ``All steps in root run``.
        """
        before = self.run_id()
        self.page.get_by_role("button", name=re.compile("^Re-execute")).last.wait_for()
        opener = self.page.locator("button:has([aria-label=arrow_drop_down])").last
        opener.click()
        self.page.get_by_role("menuitem", name=re.compile(how, re.IGNORECASE)).first.click()
        return self.run_id(unlike=before)

    def terminate(self) -> None:
        """Terminates the run that is shown, and confirms it."""
        self.page.get_by_role("button", name="Terminate").first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("button", name=re.compile("^Terminate")).click()

    def backfill(self, job: str, *tenants: str) -> str:
        """Launches a backfill of a job for some tenants; returns its id."""
        self.job(job, "Partitions")
        self.page.get_by_role("button", name="Launch backfill").click()
        self.page.get_by_text("Select a partition or create one").click()
        for tenant in tenants:
            self.choice(tenant).click()
        # The menu stays open, and may lie over the button.
        self.page.get_by_text(f"Launch {job} backfill").click()
        self.page.get_by_role("button", name=f"Submit {len(tenants)} runs").click()
        told = self.page.get_by_text(re.compile(r"Created backfill \w+")).first
        return told.inner_text().split()[2]

    # --- assets and automation

    def lineage(self, name: str) -> Locator:
        """The whole lineage upstream of an asset; returns its nodes."""
        self.asset(name, "Lineage")
        self.page.get_by_role("button", name="Upstream").click()
        self.page.get_by_role("button", name="All", exact=True).click()
        return self.page.locator("foreignObject")

    def settle(self) -> None:
        """Waits until nothing on the screen says that it is still loading."""
        self.page.wait_for_load_state("networkidle")
        expect(self.page.get_by_text("Loading")).to_have_count(0)

    def choose_partition(self, tenant: str) -> None:
        """The newest event of a tenant on the tab of an asset's partitions."""
        self.page.get_by_text(tenant, exact=True).first.click()

    def switch(self) -> Locator:
        """The switch of the schedule or sensor that is shown."""
        row = self.page.locator("tr").filter(has=self.page.get_by_text("Running", exact=True))
        return row.locator("input[type=checkbox]")

    def turn(self, on: bool) -> None:
        """Turns the schedule or sensor that is shown on or off."""
        if self.switch().is_checked() != on:
            # What is seen is drawn beside the box itself.
            self.switch().locator("xpath=..").click()
        for dialog in self.page.get_by_role("dialog").all():
            dialog.get_by_role("button").last.click()
        expect(self.switch()).to_be_checked(checked=on)

    def latest_tick(self) -> str:
        """When the schedule or sensor that is shown ticked last; empty if it never did."""
        row = self.page.locator("tr").filter(has=self.page.get_by_text("Latest tick", exact=True))
        found = re.search(r"\d+:\d\d:\d\d", row.first.inner_text())
        return found[0] if found else ""

    def until_it_ticks_after(self, moment: str, seconds: float = PATIENCE) -> None:
        """Waits until the page shows a tick that is another one than that."""
        row = self.page.locator("tr").filter(has=self.page.get_by_text("Latest tick", exact=True))
        another = re.compile(r"\b(?!" + (re.escape(moment) or "-") + r")\d+:\d\d:\d\d")
        expect(row.first).to_contain_text(another, timeout=seconds * 1000)

    def metadata(self, name: str) -> str:
        """The value of a line of metadata that is shown."""
        row = self.page.locator("tr").filter(has=self.page.get_by_text(name, exact=True))
        return row.first.locator("td").nth(1).inner_text().strip()


@contextmanager
def window(browser: Browser, url: str, shots: Path) -> Iterator[Ui]:
    """A new window; where something goes wrong in it, a picture of it is left in ``shots``."""
    context = browser.new_context(
        viewport={"width": SCREEN[0], "height": SCREEN[1]},
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    ui = Ui(context.new_page(), url)
    try:
        yield ui
    except BaseException:
        picture(ui, shots / "failed.png")
        raise
    finally:
        context.close()


def picture(ui: Ui, path: Path) -> None:
    """Leaves a picture of the window as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ui.page.screenshot(path=path)
