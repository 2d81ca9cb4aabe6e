"""How far a stage is, told now and then: rows, share, rate and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable

INTERVAL = 5.0
"""Seconds between two messages: enough to watch, few enough to keep the event log small."""


class Progress:
    """Counts the rows of one piece of work and tells about it."""

    def __init__(
        self,
        what: str,
        tell: Callable[[str], None],
        *,
        total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            what: the piece of work, e.g. ``map customer``.
            tell: takes each message.
            total: rows to expect, where that is known.
        """
        self._what = what
        self._tell = tell
        self._total = total
        self._clock = clock
        self._started = self._told = clock()
        self.rows = 0

    @property
    def seconds(self) -> float:
        """Time since the work began."""
        return self._clock() - self._started

    @property
    def rate(self) -> float:
        """Rows a second so far."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    def advance(self, rows: int, share: float | None = None) -> None:
        """Counts ``rows`` more.

        Args:
            share: how much of the work is done, from 0 to 1, where rows do not tell.
        """
        self.rows += rows
        if self._clock() - self._told < INTERVAL:
            return
        self._told = self._clock()
        if share is None and self._total:
            share = self.rows / self._total
        text = f"{self._what}: {self.rows:,} rows"
        if share:
            left = self.seconds * (1 - share) / share
            text += f" ({share:.0%}), about {left:,.0f} s left"
        self._tell(f"{text}, {self.rate:,.0f} rows/s")

    def done(self) -> None:
        """Tells the end of the work."""
        self._tell(
            f"{self._what}: {self.rows:,} rows in {self.seconds:.1f} s, {self.rate:,.0f} rows/s"
        )


Begin = Callable[[str, int | None], Progress]
"""Makes the progress of a piece of work, of its name and the rows to expect."""
