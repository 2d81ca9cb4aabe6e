"""One ``ispmig up`` for all tests of the browser, and a window for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.browser.chromium import NoChromium, chromium
from ispmig_pipelines_tests.browser.house import House, environment, free_port
from ispmig_pipelines_tests.browser.ui import Ui, picture, window

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests of this folder; who does not ask for them does not get them."""
    ours = [item for item in items if item.path.is_relative_to(FOLDER)]
    for item in ours:
        item.add_marker(pytest.mark.browser)
    asked = [config.option.markexpr, *config.invocation_params.args]
    if not any("browser" in str(word) for word in asked):
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call" and report.failed and (ui := item.funcargs.get("ui")) is not None:
        path = item.funcargs["tmp_path"] / "failed.png"
        picture(ui, path)
        house = item.funcargs["house"]
        report.sections.append(("the screen", f"{path}, at {ui.page.url}"))
        report.sections.append(("ispmig up", house.said()))
    return report


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The house, with ``ispmig up`` running in it."""
    home = tmp_path_factory.mktemp("house") / "home"
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("ISPMIG_", "DAGSTER_"))]:
            patch.delenv(name)
        for name, value in environment(home, port).items():
            patch.setenv(name, value)
        settings.cache_clear()
        house = House(port)
        try:
            house.start()
            yield house
        finally:
            house.remove()
            settings.cache_clear()


@pytest.fixture
def house(standing: House) -> House:
    """The house; started again where the test before had ended what ran in it."""
    if not standing.runs:
        standing.start()
    return standing


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    try:
        with chromium() as found:
            yield found
    except NoChromium as error:
        pytest.skip(str(error))


@pytest.fixture
def ui(house: House, browser: Browser, tmp_path: Path) -> Iterator[Ui]:
    """A window with the UI in it."""
    with window(browser, house.url, tmp_path) as found:
        yield found
        assert found.alarms == []
