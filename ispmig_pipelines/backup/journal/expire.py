"""Parts of journals that lead on from no snapshot any more."""

from __future__ import annotations

from dataclasses import dataclass

from ispmig_pipelines.backup.journal.mark import JournalFolder
from ispmig_pipelines.backup.journal.seen import Seen
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository


@dataclass(frozen=True)
class Expired:
    """What was deleted, or would be.

    Attributes:
        files: marks and their parts.
        since: history → number of the first mark that stays.
    """

    files: int
    since: dict[str, int]


def expire(repository: Repository, oldest: Manifest, *, dry_run: bool = False) -> Expired:
    """Deletes the marks, with their parts, that only led up to the oldest snapshot there is.

    The last mark that the snapshot covers stays: the journal goes on from it. Histories that the
    snapshot is later than as a whole go. The oldest marks go first, so that however this ends, what
    is there has no gap.

    Args:
        oldest: the oldest snapshot that is kept; that there will be no older one, and nobody is
            making one, the caller knows.

    Raises:
        BackupDamaged, BackupError: a mark cannot be read; nothing more was deleted.
        StorageError: it cannot be listed or deleted.
    """
    folder = JournalFolder(repository)
    try:
        seen: Seen | None = Seen.parse(str(oldest.server.get("seen", "")))
    except ValueError:
        seen = None
    files, since = 0, {}
    for history, numbers in folder.histories().items():
        first = _first_needed(folder, history, numbers, oldest, seen)
        since[history] = first
        gone = sorted(
            ((number, key) for key, number in folder.keys_of(history) if number < first),
            # A mark before its parts: without it nobody looks for them.
            key=lambda one: (one[0], not one[1].endswith(".mark.age")),
        )
        files += len(gone)
        if not dry_run:
            for _, key in gone:
                folder.delete(key)
    return Expired(files, since)


def _first_needed(
    folder: JournalFolder, history: str, numbers: list[int], oldest: Manifest, seen: Seen | None
) -> int:
    last, _ = folder.read(history, numbers[-1])
    ours = all(
        last.server[name] and last.server[name] == oldest.server.get(name)
        for name in ("system", "timeline", "database")
    )
    if not ours or seen is None:
        # Numbers of transactions say nothing here; a day is more than any clocks differ.
        behind = (oldest.instant - last.at).total_seconds() > 86_400
        return numbers[-1] + 1 if behind else numbers[0]
    needed = numbers[0]
    for number in numbers:
        mark, _ = folder.read(history, number)
        if not seen.covers(Seen.parse(mark.seen)):
            break
        needed = number
    return needed
