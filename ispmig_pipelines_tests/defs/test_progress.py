"""Progress: what a run tells while it works."""

from __future__ import annotations

from ispmig_pipelines.defs.tenant_migration.progress import INTERVAL, Progress


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_tells_now_and_then_how_far_it_is_and_how_long_it_will_take() -> None:
    clock, told = Clock(), []
    progress = Progress("map customer", told.append, total=1000, clock=clock)
    progress.advance(100)
    assert told == []
    clock.now += INTERVAL
    progress.advance(150)
    assert told == ["map customer: 250 rows (25%), about 15 s left, 50 rows/s"]
    progress.advance(1)
    assert len(told) == 1
    clock.now += INTERVAL
    progress.advance(749)
    progress.done()
    assert told[-1] == "map customer: 1,000 rows in 10.0 s, 100 rows/s"


def test_where_rows_do_not_tell_the_share_of_the_bytes_does() -> None:
    clock, told = Clock(), []
    progress = Progress("extract", told.append, clock=clock)
    clock.now += 10
    progress.advance(5000, share=0.5)
    assert told == ["extract: 5,000 rows (50%), about 10 s left, 500 rows/s"]
