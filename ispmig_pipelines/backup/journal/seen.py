"""Which transactions had committed: a ``pg_snapshot`` of PostgreSQL's."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

_TEXT = re.compile(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)")


@dataclass(frozen=True)
class Seen:
    """Which transactions (64 bits, without their savepoints) a snapshot sees.

    Attributes:
        xmin: all before it had ended.
        xmax: this one and all after it had not begun.
        running: between both, those that had not ended.
    """

    xmin: int
    xmax: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Seen:
        """What ``pg_current_snapshot()`` tells: ``xmin:xmax:a,b,…``.

        Raises:
            ValueError: it is no such text.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("no snapshot of PostgreSQL's")
        running = frozenset(map(int, match[3].split(","))) if match[3] else frozenset()
        return cls(int(match[1]), int(match[2]), running)

    def sees(self, xid: int) -> bool:
        """Whether it had ended; of one that had changed something, that is: had committed."""
        return xid < self.xmin or (xid < self.xmax and xid not in self.running)

    def sees_each(self, xids: np.ndarray) -> np.ndarray:
        """:meth:`sees`, of many."""
        running = np.fromiter(self.running, dtype=np.int64, count=len(self.running))
        before = (xids < self.xmax) & ~np.isin(xids, running)
        return np.asarray((xids < self.xmin) | before)

    def covers(self, other: Seen) -> bool:
        """Whether it sees all that the other sees: it was taken no earlier."""
        return other.xmax <= self.xmax and not any(other.sees(xid) for xid in self.running)
