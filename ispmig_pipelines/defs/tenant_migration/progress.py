"""How far a stage is, told now and then: rows, share, rate and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

INTERVAL = 5.0
"""Seconds between two messages: enough to watch, few enough to keep the event log small."""

WATCHED_INTERVAL = 0.2
"""The same for who looks on in this process, and keeps nothing."""


@dataclass(frozen=True)
class Standing:
    """How far a piece of work is.

    Attributes:
        stage: of the migration, e.g. ``map``.
        what: the piece of work, e.g. ``customer from people``.
        rows: done so far.
        total: rows to expect, where that is known. Of a live database it is an estimate.
        share: how much of the work is done, from 0 to 1, where that is known.
        seconds: since the work began.
        ended: whether this was all.
    """

    stage: str
    what: str
    rows: int
    total: int | None
    share: float | None
    seconds: float
    ended: bool

    @property
    def rate(self) -> float:
        """Rows a second so far."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that are left if it goes on so; None where nobody knows."""
        if self.ended or not self.share:
            return None
        return self.seconds * (1 - self.share) / self.share

    @property
    def text(self) -> str:
        """As a line for people."""
        if self.ended:
            return (
                f"{self.stage} {self.what}: {self.rows:,} rows in {self.seconds:.1f} s, "
                f"{self.rate:,.0f} rows/s"
            )
        total = ""
        if self.total is not None and self.rows <= self.total:
            total = f" of {self.total:,}"
        text = f"{self.stage} {self.what}: {self.rows:,}{total} rows"
        if self.share is not None:
            # What is not done is not 100 %.
            text += f" ({min(int(self.share * 100), 99)}%)"
        text += f", {self.rate:,.0f} rows/s"
        return text if self.left is None else f"{text}, about {in_words(self.left)} left"

    @property
    def metadata(self) -> dict[str, Any]:
        """As numbers, for the event log."""
        told: dict[str, Any] = {"stage": self.stage, "of": self.what, "rows": self.rows}
        if self.total is not None:
            told["rows in all"] = self.total
        if self.share is not None:
            told["done %"] = round(self.share * 100, 1)
        told |= {"rows/s": round(self.rate), "seconds": round(self.seconds, 1)}
        return told if self.left is None else told | {"seconds left": round(self.left, 1)}


def in_words(seconds: float) -> str:
    """A time that is an estimate, no finer than it is known."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


Watch = Callable[[Standing], None]

_watch: ContextVar[Watch | None] = ContextVar("ispmig_watch", default=None)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Lets ``watch`` see how far all work in the block is, that is done in this thread."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def is_watched() -> bool:
    """Whether somebody looks on in this process, who needs no lines."""
    return _watch.get() is not None


class Progress:
    """Counts the rows of one piece of work and tells about it."""

    def __init__(
        self,
        stage: str,
        what: str,
        tell: Callable[[Standing], None],
        *,
        total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        each: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            stage: of the migration, e.g. ``map``.
            what: the piece of work, e.g. ``customer from people``.
            tell: takes each message.
            total: rows to expect, where that is known.
            each: is called whenever rows were done, to look around.
        """
        self._stage = stage
        self._what = what
        self._tell = tell
        self._total = total
        self._clock = clock
        self._each = each
        self._started = self._told = clock()
        self._seen = float("-inf")
        self.rows = 0

    @property
    def seconds(self) -> float:
        """Time since the work began."""
        return self._clock() - self._started

    def standing(self, share: float | None = None, *, ended: bool = False) -> Standing:
        """How far it is now.

        Args:
            share: how much of the work is done, from 0 to 1, where rows do not tell.
        """
        if share is None and self._total and self.rows <= self._total:
            share = self.rows / self._total
        if share is not None:
            share = min(max(share, 0.0), 1.0)
        return Standing(self._stage, self._what, self.rows, self._total, share, self.seconds, ended)

    def advance(self, rows: int, share: float | None = None) -> None:
        """Counts ``rows`` more.

        Args:
            share: how much of the work is done, from 0 to 1, where rows do not tell.
        """
        self.rows += rows
        self._each()
        now = self._clock()
        if now - self._seen >= WATCHED_INTERVAL and (watch := _watch.get()) is not None:
            self._seen = now
            watch(self.standing(share))
        if now - self._told >= INTERVAL:
            self._told = now
            self._tell(self.standing(share))

    def done(self) -> None:
        """Tells the end of the work."""
        self._each()
        standing = self.standing(ended=True)
        if (watch := _watch.get()) is not None:
            watch(standing)
        self._tell(standing)


Begin = Callable[[str, int | None], Progress]
"""Makes the progress of a piece of work, of its name and the rows to expect."""
