"""The Chromium that the tests drive: the machine's own, installed by apt where that may be.

``python -m ispmig_pipelines_tests.browser.chromium`` makes it ready, or says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
VARIABLE = "CHROMIUM"
"""Names the program, where it is called otherwise or lies elsewhere."""


class NoChromium(Exception):
    """There is no Chromium, and why it could not be installed."""


def find() -> str | None:
    """The path of a Chromium that runs, or None."""
    given = os.environ.get(VARIABLE, "").strip()
    for name in (given,) if given else NAMES:
        path = shutil.which(name)
        # On some systems the program of this name only tells how to install it.
        if path and _version(path):
            return path
    return None


def _version(path: str) -> str:
    try:
        ran = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def ready() -> str:
    """A Chromium that runs, installed if need be; returns its path.

    Raises:
        NoChromium: there is none, and it cannot be installed here.
    """
    if found := find():
        return found
    if given := os.environ.get(VARIABLE, "").strip():
        raise NoChromium(f"{VARIABLE} names {given}, which does not run. Correct it, or unset it.")
    by_hand = (
        "Install Debian's package chromium (apt-get install chromium), or any Chromium or Chrome "
        f"of which {VARIABLE} names the program, and try again."
    )
    apt = shutil.which("apt-get")
    if apt is None:
        raise NoChromium(f"The browser tests need Chromium, and there is no apt here. {by_hand}")
    if os.geteuid() != 0:
        raise NoChromium(
            "The browser tests need Chromium, and only root may install it by apt. " + by_hand
        )
    print("Installing Chromium by apt, for the browser tests", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        ran = subprocess.run(
            [apt, "--quiet", *words], env=environment, capture_output=True, text=True
        )
        if ran.returncode:
            said = (ran.stderr.strip() or ran.stdout.strip() or "nothing").splitlines()[-1]
            raise NoChromium(f"apt-get {words[0]} failed, and said: {said}. {by_hand}")
    if found := find():
        return found
    raise NoChromium(f"apt installed the package chromium, but it does not run. {by_hand}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium.

    Raises:
        NoChromium: there is none; ``make test-browser`` makes it ready.
    """
    if (path := find()) is None:
        raise NoChromium("There is no Chromium here; make test-browser says what to do.")
    # Root has no sandbox, and containers have little shared memory.
    words = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=words)
        try:
            yield browser
        finally:
            browser.close()


def main() -> int:
    """Makes it ready; returns the exit code."""
    try:
        path = ready()
    except NoChromium as error:
        print(f"test-browser: {error}", file=sys.stderr)
        return 1
    print(f"{_version(path)} at {Path(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
