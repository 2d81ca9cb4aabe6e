"""What a benchmark ran on: enough to judge its figures by, and no more."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import psutil

_TOLD = ("pandas", "pyarrow", "pandera", "dagster", "psycopg")


def described(postgres: str) -> dict[str, str]:
    """Cores, memory, system and versions; no name, address or path.

    Args:
        postgres: the server's version.
    """
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = platform.system()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _TOLD)
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{system}, {platform.machine()}",
        "PostgreSQL": postgres,
        "Python": f"{platform.python_version()} with {versions}",
    }


def worked() -> float:
    """Seconds of CPU that everything on the machine has worked since it was started."""
    words = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    user, nice, system, _idle, _waiting, *interrupts_and_stolen = map(int, words[:8])
    return sum((user, nice, system, *interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")


class Others:
    """How much of the machine other work takes meanwhile.

    Args:
        server: tells the seconds of CPU of the server that is measured.
    """

    def __init__(self, server: Callable[[], float]) -> None:
        self._server = server
        self._at_first = self._now()

    def _now(self) -> tuple[float, float]:
        ours = sum(os.times()[:4]) + self._server()
        return time.monotonic(), worked() - ours

    @property
    def share(self) -> float:
        """Of what all cores could have done so far: 0 where the machine is ours alone."""
        (began, before), (now, after) = self._at_first, self._now()
        return max(0.0, min(1.0, (after - before) / ((now - began) * (os.cpu_count() or 1))))
