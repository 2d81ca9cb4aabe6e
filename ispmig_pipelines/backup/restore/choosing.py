"""Which snapshot a restore is from: by its name, or by a moment."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.errors import UsageError


@dataclass(frozen=True)
class Chosen:
    """A snapshot that was chosen.

    Attributes:
        at: the moment that was asked for, in UTC; None where a snapshot was.
    """

    manifest: Manifest
    at: dt.datetime | None = None

    @property
    def behind(self) -> float | None:
        """Seconds by which the snapshot is older than the moment that was asked for."""
        if self.at is None:
            return None
        return (self.at - self.manifest.instant).total_seconds()


def moment(text: str) -> dt.datetime:
    """A moment as people write it, in UTC: ``2026-11-22T10:31:07Z``.

    Raises:
        UsageError: it is none, or does not say in which zone it is.
    """
    try:
        found = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        why = "cannot be read" if found is None else "does not say in which time zone it is"
        raise UsageError(
            f"The moment {text[:40]!r} {why}. Write it as 2026-11-22T10:31:07Z, or with what it is "
            "ahead of UTC: 2026-11-22T11:31:07+01:00."
        )
    try:
        return found.astimezone(dt.UTC)
    except OverflowError:
        raise UsageError(f"There is no moment {text[:40]!r} in UTC.") from None


def choose(repository: Repository, snapshot: str, at: dt.datetime | None) -> Chosen:
    """The snapshot of that name; or the newest one at or before a moment.

    Args:
        snapshot: a name, the beginning or end of one, or ``latest``; "" where ``at`` is given.

    Raises:
        UsageError: there is none; or neither is said, or both.
        BackupDamaged: its manifest is damaged, forged or moved.
        BackupError, StorageError: it cannot be read.
    """
    if bool(snapshot) == (at is not None):
        raise UsageError(
            "Say from which snapshot to restore (--snapshot NAME, or latest; ispmig backup list "
            "shows them), or to which moment (--at 2026-11-22T10:31:07Z)."
        )
    if at is None:
        return Chosen(repository.read(repository.find(snapshot).name))
    there = repository.snapshots()
    earlier = [found for found in there if found.instant <= at]
    if not earlier:
        first = f"; the first is of {there[0].instant:%Y-%m-%d %H:%M:%S} UTC" if there else ""
        raise UsageError(
            f"There is no snapshot of {repository.keys.tenant} of {at:%Y-%m-%d %H:%M:%S} UTC or "
            f"earlier in {repository.storage.place(repository.root)}{first}."
        )
    return Chosen(repository.read(earlier[-1].name), at)
