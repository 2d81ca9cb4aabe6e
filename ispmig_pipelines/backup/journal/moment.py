"""A moment to restore to: which changes bring a snapshot's rows to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.backup.journal.mark import JournalFolder, Mark
from ispmig_pipelines.backup.journal.seen import Seen
from ispmig_pipelines.backup.manifest import Manifest
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.errors import BackupError

_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TOLD = 5


@dataclass(frozen=True)
class Moment:
    """What brings a snapshot to a moment.

    Attributes:
        at: the moment, in UTC.
        tables: number of each table that is brought there → its name.
        transactions: numbers of those whose changes are added, in order.
        marks: with the changes.
        sequences: name → where it stood when the moment had passed.
        exact: the moment is one of a mark, or the server kept the times of commits.
    """

    at: dt.datetime
    tables: dict[int, str]
    transactions: np.ndarray
    marks: tuple[Mark, ...]
    sequences: dict[str, tuple[int, bool]]
    exact: bool

    def changes(self, folder: JournalFolder) -> Iterator[pa.RecordBatch]:
        """The changes, as :data:`.mark.CHANGE_SCHEMA`; a part of a mark at a time.

        Raises:
            BackupDamaged: a part is not what was written.
            StorageError: a part cannot be read.
        """
        wanted = pa.array(self.transactions, pa.int64())
        oids = pa.array(self.tables, pa.int64())
        for mark in self.marks:
            for ref in mark.changes:
                batch = folder.get(mark, ref)
                chosen = pc.and_(
                    pc.is_in(batch.column("xid"), value_set=wanted),
                    pc.is_in(batch.column("oid"), value_set=oids),
                )
                batch = batch.filter(chosen)
                if batch.num_rows:
                    yield batch


def find(
    repository: Repository,
    manifest: Manifest,
    at: dt.datetime,
    tables: Collection[str] = (),
) -> Moment | None:
    """What brings a snapshot to a moment after it; None if there was no journal then.

    Args:
        at: not before the snapshot.
        tables: of these; all of the tenant's unless said.

    Raises:
        BackupDamaged: a part of the journal is missing, or not what was written.
        BackupError: the journal does not lead from the snapshot to the moment; the text says how
            far it does.
        StorageError: it cannot be read.
    """
    wanted = frozenset(tables) or frozenset(
        table.name for table in manifest.tables if not table.name.startswith("ledger/")
    )
    oids = {
        table.source["oid"]: table.name
        for table in manifest.tables
        if table.name in wanted and "oid" in table.source
    }
    if at == manifest.instant:
        return Moment(at, oids, np.zeros(0, np.int64), (), {}, exact=True)
    folder = JournalFolder(repository)
    marks = _leading_on(folder, manifest, at)
    if not marks:
        return None
    if marks[-1].at < at:
        raise BackupError(
            f"The change journal of {manifest.tenant} leads from the snapshot {manifest.snapshot} "
            f"up to {marks[-1].at.isoformat()}, and no further: what came later was not shipped, "
            "or the moment is still to come. Nothing was changed. Restore to a moment up to then, "
            "or ship first: ispmig backup journal " + manifest.tenant
        )
    _check_unbroken(marks, wanted, manifest, at)
    return Moment(
        at=at,
        tables=oids,
        transactions=_committed(folder, marks, _seen(manifest), at),
        marks=tuple(marks[1:]),
        sequences=marks[-1].sequences,
        exact=marks[-1].at == at or marks[-1].commit_times,
    )


def _seen(manifest: Manifest) -> Seen:
    return Seen.parse(str(manifest.server["seen"]))


def _leading_on(folder: JournalFolder, manifest: Manifest, at: dt.datetime) -> list[Mark]:
    """The last mark that the snapshot covers, and those after it up to the moment; [] if there is
    no journal that the snapshot is within."""
    try:
        seen = _seen(manifest)
    except (KeyError, ValueError):
        # Of a release before journals.
        return []
    newest: tuple[dt.datetime, str, list[int]] | None = None
    for history, numbers in folder.histories().items():
        first, _ = folder.read(history, numbers[0])
        ours = all(
            first.server[name] and first.server[name] == manifest.server.get(name)
            for name in ("system", "timeline", "database")
        )
        if not ours or not seen.covers(Seen.parse(first.seen)):
            continue
        # Numbers have no gaps, and later marks cover earlier ones.
        low, high = 0, len(numbers) - 1
        while low < high:
            middle = (low + high + 1) // 2
            mark, _ = folder.read(history, numbers[middle])
            if seen.covers(Seen.parse(mark.seen)):
                low = middle
            else:
                high = middle - 1
        covered, _ = folder.read(history, numbers[low])
        # One that ended before the snapshot is covered as well.
        if newest is None or covered.at > newest[0]:
            newest = covered.at, history, numbers[low:]
    marks: list[Mark] = []
    if newest is not None:
        for mark, _ in folder.all(newest[1], newest[2]):
            marks.append(mark)
            if len(marks) > 1 and mark.at >= at:
                break
    return marks


def _check_unbroken(
    marks: Sequence[Mark], wanted: Collection[str], manifest: Manifest, at: dt.datetime
) -> None:
    oids = {table.name: table.source.get("oid") for table in manifest.tables}
    for number, mark in enumerate(marks):
        last = number == len(marks) - 1
        broken = []
        for name in sorted(wanted):
            first, now = marks[0].tables.get(name), mark.tables.get(name)
            if now is None and last and first is not None and first.journaled:
                # Dropped since the mark before: all that was written of it is of before that.
                continue
            if (
                first is None
                or now is None
                or now != first
                or not now.journaled
                or now.oid != oids.get(name)
            ):
                broken.append(name)
        if broken:
            until = marks[number - 1].at if number else manifest.instant
            more = f", and {len(broken) - _TOLD} more" if len(broken) > _TOLD else ""
            raise BackupError(
                f"The change journal of {manifest.tenant} does not lead from the snapshot "
                f"{manifest.snapshot} to {at.isoformat()}: between {until.isoformat()} and "
                f"{mark.at.isoformat()} it lost track of {', '.join(broken[:_TOLD])}{more}, "
                "because the table was made, replaced or changed in its definition, or is one that "
                "cannot be followed (a partition, or unlogged). Nothing was changed. Restore to a "
                f"moment up to {until.isoformat()}, or after the next snapshot, or other tables "
                "alone with --entity."
            )


def _committed(
    folder: JournalFolder, marks: Sequence[Mark], seen: Seen, at: dt.datetime
) -> np.ndarray:
    found = [np.zeros(0, np.int64)]
    asked = _microseconds(at)
    for before, mark in pairwise(marks):
        # A mark did not see it: it committed later, whatever it wrote. This one does.
        earliest, latest = _microseconds(before.at + _MICROSECOND), _microseconds(mark.at)
        for ref in mark.transactions:
            batch = folder.get(mark, ref)
            xids = batch.column("xid").to_numpy()
            told = pc.fill_null(batch.column("at").cast(pa.int64()), latest).to_numpy()
            committed = np.clip(told, earliest, max(earliest, latest))
            found.append(xids[(committed <= asked) & ~seen.sees_each(xids)])
    return np.unique(np.concatenate(found))


def _microseconds(at: dt.datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


@dataclass(frozen=True)
class Span:
    """Moments that can be restored to: from the first snapshot within a history to its last mark.

    Attributes:
        until: everything up to then is in the repository.
    """

    history: str
    since: dt.datetime
    until: dt.datetime
    marks: int

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "history": self.history,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "marks": self.marks,
        }


def spans(repository: Repository) -> list[Span]:
    """What a tenant's journals reach over, the oldest first; definitions that changed in between
    are told by a restore itself.

    Raises:
        BackupDamaged, BackupError, StorageError: marks cannot be read.
    """
    folder = JournalFolder(repository)
    found = []
    instants = [snapshot.instant for snapshot in repository.snapshots()]
    for history, numbers in folder.histories().items():
        (first, _), (last, _) = (folder.read(history, numbers[end]) for end in (0, -1))
        since = next((instant for instant in instants if first.at <= instant), None)
        if since is not None and since < last.at:
            found.append(Span(history, since, last.at, len(numbers)))
    return found
