"""What is free on disks, and whether that will do: looked at before work that would fill them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30

MOST_LOG = 1 * GIB
"""What PostgreSQL keeps of its log unless it is told otherwise (``max_wal_size``)."""


@dataclass(frozen=True)
class TooSmall:
    """A disk that will not do.

    Attributes:
        folder: on that disk.
        needed, free: bytes.
    """

    folder: Path
    needed: float
    free: int


def too_small(needed: Mapping[Path, float], reserve: int) -> Iterator[TooSmall]:
    """Disks with too little room.

    Args:
        needed: folder, whether it is there yet or not → bytes that will be written below it.
        reserve: bytes that are to stay free.
    """
    by_disk: dict[int, tuple[Path, float]] = {}
    for place, own in needed.items():
        folder = _there(place)
        disk = folder.stat().st_dev
        known, before = by_disk.get(disk, (folder, 0.0))
        by_disk[disk] = (known, before + own)
    for folder, own in by_disk.values():
        free = shutil.disk_usage(folder).free
        if own > 0 and own + reserve > free:
            yield TooSmall(folder, own, free)


def _there(place: Path) -> Path:
    """The folder itself, or the nearest above it that there is."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def amount(size: float) -> str:
    """Bytes for people: ``1.5 GiB``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size / 1024:,.0f} KiB"
