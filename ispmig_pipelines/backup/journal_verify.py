"""Reading change journals back: marks in their order, each after the one before it, and their
parts. A share of them is a stretch of each history, another one every day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from fractions import Fraction

from ispmig_pipelines.backup.journal.mark import JournalFolder, Mark
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.errors import BackupDamaged, BackupError, Damage, StorageError

_DAY = 86_400


@dataclass(frozen=True)
class JournalDamage:
    """Something in a journal that is not as it was written.

    Attributes:
        damage: see :class:`~ispmig_pipelines.errors.Damage`; "" where nothing more is known.
        message: what was found, a paragraph for a person.
    """

    history: str
    number: int
    damage: str
    place: str
    message: str


@dataclass
class JournalRead:
    """What was read of a tenant's journals.

    Attributes:
        marks, parts: that were read and proved.
    """

    marks: int = 0
    parts: int = 0
    damaged: list[JournalDamage] = field(default_factory=list)


def read_back(repository: Repository, share: Fraction, now: dt.datetime) -> JournalRead:
    """Reads journals of a tenant back, all or a share; that no mark is missing is always seen.

    Raises:
        StorageError: they cannot be listed; or storage failed in passing.
    """
    folder = JournalFolder(repository)
    found = JournalRead()
    for history, numbers in folder.histories().items():
        there = set(numbers)
        for number in range(numbers[0], numbers[-1]):
            if number not in there:
                place = folder.place_of(history, number)
                found.damaged.append(
                    JournalDamage(
                        history, number, Damage.MISSING, place,
                        f"{place} is not there (any more): somebody deleted it, or it was lost.",
                    )
                )  # fmt: skip
        before: tuple[int, str] | None = None
        for number in _stretch(numbers, share, now):
            before = _mark(folder, history, number, before, found)
    _forgive_the_pruned(folder, found)
    return found


def _mark(
    folder: JournalFolder,
    history: str,
    number: int,
    before: tuple[int, str] | None,
    found: JournalRead,
) -> tuple[int, str] | None:
    """Reads a mark and its parts; returns its number and code, if it has one."""
    place = folder.place_of(history, number)
    try:
        mark, code = folder.read(history, number)
        if before is not None and before[0] == number - 1 and mark.previous != before[1]:
            raise BackupDamaged(
                f"{place} does not follow the mark before it: one of them is another's.",
                damage=Damage.SWAPPED,
                place=place,
            )
        found.marks += 1
    except (BackupError, StorageError) as error:
        _note(found, history, number, place, error)
        return None
    _parts(folder, mark, found)
    return number, code


def _parts(folder: JournalFolder, mark: Mark, found: JournalRead) -> None:
    for ref in mark.parts:
        try:
            folder.get(mark, ref)
            found.parts += 1
        except (BackupError, StorageError) as error:
            _note(
                found, mark.history, mark.number, folder.place_of(mark.history, mark.number), error
            )


def _note(
    found: JournalRead, history: str, number: int, place: str, error: BackupError | StorageError
) -> None:
    if error.transient:
        raise error
    damage = ""
    if isinstance(error, BackupDamaged):
        damage, place = error.damage.value, error.place
    found.damaged.append(JournalDamage(history, number, damage, place, str(error)))


def _forgive_the_pruned(folder: JournalFolder, found: JournalRead) -> None:
    """What is missing because it was let go meanwhile, from its beginning on, is no damage."""
    if any(one.damage == Damage.MISSING for one in found.damaged):
        first = {history: numbers[0] for history, numbers in folder.histories().items()}
        found.damaged = [
            one
            for one in found.damaged
            if one.damage != Damage.MISSING
            or (one.history in first and one.number >= first[one.history])
        ]


def _stretch(numbers: list[int], share: Fraction, now: dt.datetime) -> list[int]:
    """Of each history as large a stretch as the share is, the next one every day."""
    turn = int(now.timestamp() // _DAY) % share.denominator
    chosen = []
    for part in range(turn, turn + share.numerator):
        at = part % share.denominator
        begin, end = (len(numbers) * n // share.denominator for n in (at, at + 1))
        chosen += numbers[begin:end]
    return sorted(chosen)
