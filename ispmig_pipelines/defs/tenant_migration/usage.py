"""What an op uses of its process: time, CPU and memory, as numbers that are plotted over time."""

import os
import resource
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

MB = 1_000_000
"""Of sources, as file managers and networks count."""

MIB = 1 << 20
_STATM = Path("/proc/self/statm")
_KIB_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024


def peak_memory() -> float:
    """The most memory that this process has ever had, in MiB, as the kernel keeps it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_OF_MAXRSS / MIB


def memory() -> float:
    """The memory that this process has now, in MiB; 0 where the system does not tell."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def cpu_seconds() -> float:
    """Seconds of CPU that this process has used, in all its threads."""
    return time.process_time()


def together(told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What several processes used for parts of one piece of work, of what each told as metadata:
    seconds of all, the highest peak, and rates by the time that went into it.

    What one of them told alone is as it was.
    """
    each = list(told)
    if len(each) < 2:
        return dict(each[0]) if each else {}
    sums = {
        name: round(sum(one.get(name) or 0.0 for one in each), 3)
        for name in ("seconds", "cpu_seconds")
    }
    rates = {
        name: round(sum(one[name] * one["seconds"] for one in each) / sums["seconds"], 3)
        for name in ("rows_per_second", "mb_per_second")
        if sums["seconds"] and all(one.get(name) is not None for one in each)
    }
    peak = max(one.get("peak_rss_mb") or 0.0 for one in each)
    return {**sums, **rates, "peak_rss_mb": peak}


class Usage:
    """What is used from here on.

    All ops of a run share a process, of which the kernel keeps one peak. If an op raises it, that
    is the op's own; else the op's is the most that was seen whenever rows were done.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._cpu = cpu_seconds()
        self._peak_before = peak_memory()
        self._seen = memory()

    def look(self) -> None:
        """Looks how much memory there is now."""
        self._seen = max(self._seen, memory())

    @property
    def peak(self) -> float:
        """The most memory since, in MiB."""
        self.look()
        peak = peak_memory()
        return peak if peak > self._peak_before or not self._seen else self._seen

    def metadata(self, rows: int, size: int = 0) -> dict[str, float]:
        """As metadata of an op.

        Args:
            rows: that it worked on.
            size: bytes of the files that they come from, or go to; 0 where there are none.
        """
        seconds = max(time.monotonic() - self._started, 1e-6)
        told = {
            "seconds": round(seconds, 3),
            "rows_per_second": round(rows / seconds, 1),
            "cpu_seconds": round(cpu_seconds() - self._cpu, 3),
            "peak_rss_mb": round(self.peak, 1),
        }
        return told | ({"mb_per_second": round(size / MB / seconds, 3)} if size else {})
