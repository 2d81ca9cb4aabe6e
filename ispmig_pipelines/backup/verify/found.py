"""What a verification found: problems, and what to do about them, as data and in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ispmig_pipelines.errors import BackupDamaged, Damage

UNREADABLE = "unreadable"
"""Damage of which nothing more is known: the disk or the bucket does not hand it out."""

UNKNOWN = "unknown"
"""Of a manifest that the tenant's key wrote, and this release cannot read."""

MOST_NAMES = 5
_MOST_MESSAGES = 20


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was stored.

    Attributes:
        kind: ``snapshot`` (its manifest), ``piece``, ``file`` (a part of one), or ``journal``.
        damage: see :class:`~ispmig_pipelines.errors.Damage`; ``unreadable`` or ``unknown``.
        place: path or URL.
        snapshots: those that it is a part of, the newest first.
        tables: those whose rows it holds; of a manifest none, for it is of all.
        message: what was found and what it hurts, a paragraph for a person.
    """

    kind: str
    damage: str
    place: str
    snapshots: tuple[str, ...]
    tables: tuple[str, ...]
    message: str

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "kind": self.kind,
            "damage": self.damage,
            "place": self.place,
            "snapshots": list(self.snapshots),
            "tables": list(self.tables),
            "message": self.message,
        }


@dataclass(frozen=True)
class Verified:
    """What a verification found.

    Attributes:
        share: of the bytes that snapshots need, how much was to be read.
        snapshots: how many there are.
        parts: pieces and parts of files that they need, each once.
        read: how many of them were read back; bytes_read: their bytes, as they lie encrypted.
        bytes: of all that they need.
        oldest: everything that the snapshots need was read back then or later; None where some of
            it never was.
        unread: how many parts never were.
        journal_marks: marks of change journals that were read back, with their parts.
        whole: snapshots of which nothing is known to be damaged, the newest first.
    """

    tenant: str
    repository: str
    share: str
    snapshots: int
    parts: int
    read: int
    bytes: int
    bytes_read: int
    oldest: dt.datetime | None
    unread: int
    journal_marks: int
    whole: tuple[str, ...]
    problems: tuple[Problem, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing was found damaged."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "tenant": self.tenant,
            "repository": self.repository,
            "holds": self.holds,
            "share": self.share,
            "snapshots": self.snapshots,
            "whole": list(self.whole),
            "pieces": self.parts,
            "pieces_read": self.read,
            "pieces_never_read": self.unread,
            "journal_marks_read": self.journal_marks,
            "bytes": self.bytes,
            "bytes_read": self.bytes_read,
            "read_back_since": None if self.oldest is None else self.oldest.isoformat(),
            "damaged": [problem.as_json() for problem in self.problems],
            "seconds": round(self.seconds, 3),
        }


def broken(found: Verified) -> BackupDamaged | None:
    """The error that says what is wrong and what to do; None where all is as it was stored."""
    if found.holds:
        return None
    count = "1 part" if len(found.problems) == 1 else f"{len(found.problems):,} parts"
    hit = {name for problem in found.problems for name in problem.snapshots}
    where = f", in {counted(hit, 'snapshot')}" if hit else ""
    told = [f"Backups of tenant {found.tenant} are damaged: {count}{where}."]
    told += [problem.message for problem in found.problems[:_MOST_MESSAGES]]
    if len(found.problems) > _MOST_MESSAGES:
        told.append(f"And {len(found.problems) - _MOST_MESSAGES:,} more; --json has them all.")
    told.append(_what_to_do(found))
    first = found.problems[0]
    damage = Damage(first.damage) if first.damage in set(Damage) else Damage.ALTERED
    return BackupDamaged("\n\n".join(told), damage=damage, place=first.place)


def _what_to_do(found: Verified) -> str:
    said = []
    if (
        found.snapshots
        and not found.whole
        and all(
            problem.kind == "snapshot" and problem.damage == Damage.UNOPENED
            for problem in found.problems
        )
    ):
        said.append(
            "The tenant's key opens no manifest at all: most likely it is another key. Bring back "
            "the one that the backups were made with, before anything else."
        )
    elif found.whole:
        said.append(f"Not known to be damaged: {some(found.whole)}.")
    said.append(
        "What to do: put damaged files back from a copy of the disk or the bucket, if there is "
        "one, and verify again. Make a backup at once (ispmig backup create "
        f"{found.tenant}): it relies on nothing that is damaged, and stores anew what is still in "
        "the database, so that older snapshots are whole again where the same rows are still "
        "there. Find out why: a disk that fails, or somebody who can write where backups lie."
    )
    return " ".join(said)


def counted(items: Collection[Any], word: str) -> str:
    """``1 snapshot``, ``2 snapshots``."""
    return f"1 {word}" if len(items) == 1 else f"{len(items):,} {word}s"


def some(names: tuple[str, ...]) -> str:
    """The first of them, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{shown} and {more:,} more" if more > 0 else shown
