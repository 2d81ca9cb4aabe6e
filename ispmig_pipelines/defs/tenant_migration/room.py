"""Whether there is room for a migration: on the disks it will write to, and in memory.

Looked at when every source is open and before the first record is staged: what will not do costs
seconds then, and hours when a disk is full in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from ispmig_pipelines.disks import MIB, MOST_LOG, amount, too_small
from ispmig_pipelines.errors import PlatformError, StorageError
from ispmig_pipelines.platform.server import is_embedded
from ispmig_pipelines.settings import settings

# Measured with 100,000 customers (docs/production.md): bytes that a migration writes for each byte
# of CSV, at its height.
STAGED = 1.3
IN_TABLES = 3.0
IN_LOG = 2.9

KEYED = frozenset({"json", "ndjson", "xml"})
"""Formats that repeat the names of columns in each record: half of what they hold."""

UNPACKED = 5.0
"""So many bytes of an export does one that is packed hold; gzip of the same customers."""

PACKED = frozenset({"xlsx", "xlsb", "ods"})
"""Formats that are packed by themselves."""


@dataclass(frozen=True)
class Source:
    """A file that is to be migrated.

    Attributes:
        size: its bytes as it lies there; 0 where nothing tells them beforehand.
        format, compression: as :class:`ispmig_pipelines.formats.records.Detected` has them.
    """

    size: int
    format: str
    compression: str

    @property
    def as_csv(self) -> float:
        """The bytes that its records would have as CSV, about."""
        size = float(self.size)
        if self.compression or self.format in PACKED:
            size *= UNPACKED
        return size / 2 if self.format in KEYED else size


def check_room(sources: Iterable[Source], staging: Path) -> None:
    """Refuses a migration for which disk or memory will not do.

    Args:
        staging: where its records are staged, whether the folder is there yet or not.

    Raises:
        StorageError: a disk has too little room; the text says which, how much is needed and how
            much is free.
        PlatformError: there is too little memory.
    """
    _check_memory()
    here = settings()
    factor = here.disk_factor
    if factor == 0:
        return
    found = list(sources)
    size = sum(one.size for one in found)
    as_csv = sum(one.as_csv for one in found)
    needed = {staging: as_csv * STAGED if factor is None else size * factor}
    if is_embedded() and factor is None:
        tables = as_csv * IN_TABLES + min(as_csv * IN_LOG, MOST_LOG)
        # The home may only link to it.
        needed[(here.home / "postgres").resolve()] = tables
    _check_disks(needed, size, here.disk_reserve * MIB)


def _check_disks(needed: dict[Path, float], size: int, reserve: int) -> None:
    for disk in too_small(needed, reserve):
        raise StorageError(
            f"There is not enough room for this migration: for sources of {amount(size)} "
            f"about {amount(disk.needed)} are needed on the disk of {disk.folder}, and "
            f"{amount(disk.free)} are free there, of which {amount(reserve)} are to stay "
            "(ISPMIG_DISK_RESERVE). Nothing was staged or loaded. Free some space, or point "
            "ISPMIG_HOME to a larger disk. If you know that less will do, set ISPMIG_DISK_FACTOR "
            "to the bytes that are needed for each byte of the sources, or to 0 to try it all the "
            "same."
        )


def _check_memory() -> None:
    least = settings().least_memory * MIB
    if not least:
        return
    free = available_memory()
    if free < least:
        raise PlatformError(
            f"There is not enough memory for this run: {amount(free)} are to be had on this "
            f"machine (or in this container), and {amount(least)} are needed to begin. Nothing "
            "was staged or loaded. Wait until other runs have ended, let fewer run at once "
            "(ISPMIG_CONCURRENT_RUNS), give it more memory, or set ISPMIG_LEAST_MEMORY (MiB; 0: "
            "try it all the same)."
        )


def available_memory() -> int:
    """Bytes that this process can still get, without swapping: of the machine, and of every group
    of processes (container) that it is in."""
    return min([psutil.virtual_memory().available, *_left_in_groups()])


CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


def _left_in_groups(root: Path = CGROUPS, own: Path = OWN_GROUP) -> Iterator[int]:
    """What limits of Linux' control groups leave (version 2, and 1 as containers show it)."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory") and "memory" not in controllers.split(","):
            continue
        top = root / "memory" if controllers else root
        names = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            if controllers
            else ("memory.max", "memory.current", "inactive_file")
        )
        group = top / path.strip("/")
        # Each group above it limits it, too; in a container only some of them are to be seen.
        for folder in (group, *group.parents):
            if folder != top and top not in folder.parents:
                break
            left = _left(folder, *names)
            if left is not None:
                yield left


def _left(folder: Path, limit: str, used: str, cache: str) -> int | None:
    try:
        most = (folder / limit).read_text().strip()
        if most == "max":
            return None
        now = int((folder / used).read_text())
        told = dict(
            line.split(" ", 1) for line in (folder / "memory.stat").read_text().splitlines()
        )
    except (OSError, ValueError):
        return None
    # Pages of files that nobody uses count as used, and are given up when somebody needs them.
    return max(0, int(most) - now + int(told.get(cache, 0)))
