"""How much memory processes have at most, by the kernel's account."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

_EVERY_SECONDS = 0.05
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process has had since it began its program, in MB of 1,024² bytes.

    ``VmHWM``, and not ``ru_maxrss``: that one counts what the parent had when it forked. 0 for a
    process that is no more.
    """
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process has started, those that these have started, and so on."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return
    for thread in threads:
        try:
            children = (thread / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in map(int, children):
            yield child
            yield from descendants(child)


class OfChildren:
    """Watches all processes that this one starts meanwhile.

    Attributes:
        mb: the most that was had at once: of all that lived at one moment, the sum of what each
            had had at most. For a single process that is its peak; for several it may be more
            than they ever had, never less but for what the last twentieth of a second added.
    """

    def __init__(self) -> None:
        self.mb = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _look(self) -> None:
        self.mb = max(self.mb, sum(peak_mb(pid) for pid in descendants(os.getpid())))

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self._look()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
