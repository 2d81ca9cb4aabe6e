"""What a benchmark ran on: enough to judge its figures by, and no more."""

from __future__ import annotations

import importlib.metadata
import os
import platform

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


def load() -> float:
    """How many processes wanted a core on average in the last minute."""
    return os.getloadavg()[0]
