"""CPU time of a PostgreSQL server with all its processes, also of those that have ended."""

from __future__ import annotations

import os
from pathlib import Path

from ispmig_pipelines.platform.server import connect

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_USER, _SYSTEM, _ENDED_USER, _ENDED_SYSTEM = 11, 12, 13, 14  # after the name, proc(5)


def postmaster() -> int:
    """The process that all others of the platform's server are children of."""
    with connect() as driver:
        row = driver.execute("show data_directory").fetchone()
    assert row is not None
    return int(Path(row[0], "postmaster.pid").read_text().split()[0])


def seconds(postmaster: int) -> float:
    """CPU time so far.

    A process that ends while we look passes from its own entry to what its parent has of ended
    ones; looking at the one and then at the other would lose it, or count it twice. So it is looked
    again until none has ended meanwhile.
    """
    while True:
        before = _numbers(postmaster)
        own = [_numbers(int(pid)) for pid in _children(postmaster)]
        if (
            None not in own
            and before is not None
            and _ended(before) == _ended(_numbers(postmaster))
        ):
            ticks = before[_USER] + before[_SYSTEM] + sum(_ended(before))
            return _TICK * (ticks + sum(one[_USER] + one[_SYSTEM] for one in own if one))


def _children(pid: int) -> list[str]:
    return (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()


def _ended(numbers: list[int] | None) -> tuple[int, int]:
    return (numbers[_ENDED_USER], numbers[_ENDED_SYSTEM]) if numbers else (-1, -1)


def _numbers(pid: int) -> list[int] | None:
    """What ``stat`` says after the name, from the state on, which is told as 0."""
    try:
        words = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return [0, *map(int, words[1:])]
