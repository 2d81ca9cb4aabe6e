"""Reading backups back: whether what is stored is what was stored, and which snapshots it hurts.

Every manifest is opened and proved; that every piece is there, a listing tells; pieces and parts of
files are read, unpacked and named anew, each once however many snapshots need it: all of them, or
the share that was read back longest ago. Pieces that give cause (another size than was stored;
found damaged before) are read whatever the share is. Snapshots that the audit trail has, and that
nobody pruned, must be there.

Memory: names and sizes of pieces, and a few pieces at a time.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import evidence
from ispmig_pipelines.backup.evidence import Standing, Verification, Wrong
from ispmig_pipelines.backup.journal_verify import JournalRead, read_back
from ispmig_pipelines.backup.manifest import FilePart, Manifest, PieceRef
from ispmig_pipelines.backup.repository import Part, Repository, Stored
from ispmig_pipelines.errors import (
    BackupDamaged,
    BackupError,
    BackupKeyError,
    Damage,
    StorageError,
    UsageError,
)
from ispmig_pipelines.platform import ledger, trail
from ispmig_pipelines.platform.server import engine, told_plainly

WHOLE = Fraction(1)
UNREADABLE = "unreadable"
"""Damage of which nothing more is known: the disk or the bucket does not hand it out."""

UNKNOWN = "unknown"
"""Of a manifest that the tenant's key wrote, and this release cannot read."""

_AHEAD = 2
_MOST_NAMES = 5
_SHARE = re.compile(r"(\d{1,4})/(\d{1,4})")


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


def share_of(text: str) -> Fraction:
    """``1/7`` as a number above 0 and up to 1.

    Raises:
        UsageError: it is none.
    """
    match = _SHARE.fullmatch(text.strip())
    if match is None or not 0 < int(match[1]) <= int(match[2]):
        raise UsageError(
            f"{text[:20]!r} is no share: 1/7 is a seventh, so that after seven times all was read."
        )
    return Fraction(int(match[1]), int(match[2]))


def verify(
    slug: str,
    repository: Repository,
    *,
    share: Fraction = WHOLE,
    snapshot: str | None = None,
    actor: str,
    dagster_run_id: str = "",
    told: Callable[[str], None] = lambda text: None,
) -> Verified:
    """Reads backups of a tenant back, and leaves evidence of it; entered into the audit trail.

    What is damaged is told, and no error: see :func:`broken`.

    Args:
        share: so much of what snapshots need (in bytes), what was read back longest ago.
        snapshot: only this one, and all of it; a name, or what :meth:`Repository.find` takes.
        told: is told what is being done.

    Raises:
        UsageError: there is no such snapshot.
        BackupKeyError: there are backups of the tenant, and none that its key is of.
        DatabaseError: the beginning cannot be entered into the trail.
        StorageError: nothing can be listed; or storage failed in passing. What was read back until
            then counts.
    """
    started = time.monotonic()
    only = None if snapshot is None else repository.find(snapshot).name
    with told_plainly():
        database = engine()
        about = {"repository": repository.root, "share": _share_text(share)}
        if only is not None:
            about["snapshot"] = only
        with trail.on_record(
            database.connect,
            slug,
            trail.Operation.BACKUP_VERIFICATION,
            actor=actor,
            dagster_run_id=dagster_run_id,
            details=about,
        ) as record:
            _check_key(slug, repository)
            work = _Work(repository, told)
            with database.connect() as connection:
                gone = missing_snapshots(connection, slug, repository) if only is None else {}
            work.open_manifests(only)
            work.read_back(share if only is None else WHOLE)
            journal = JournalRead()
            if only is None:
                told("change journals")
                journal = read_back(repository, share, dt.datetime.now(dt.UTC))
            problems = (*work.problems(gone), *work.bad_manifests(), *_in_journal(journal))
            found = Verified(
                tenant=slug,
                repository=repository.root,
                share=_share_text(share),
                snapshots=len(work.manifests) + len(work.unopened),
                parts=len(work.parts),
                read=work.read,
                bytes=sum(part.bytes for part in work.parts),
                bytes_read=work.bytes_read,
                oldest=work.oldest(),
                unread=int((work.last == 0).sum()),
                journal_marks=journal.marks,
                whole=work.whole(),
                problems=problems,
                seconds=time.monotonic() - started,
            )
            record.result = {
                "snapshots": found.snapshots,
                "pieces": found.parts,
                "pieces_read": found.read,
                "bytes_read": found.bytes_read,
                "damaged": len(problems),
                "snapshots_damaged": found.snapshots - len(found.whole) + len(gone),
            }
    return found


def broken(found: Verified) -> BackupDamaged | None:
    """The error that says what is wrong and what to do; None where all is as it was stored."""
    if found.holds:
        return None
    count = "1 part" if len(found.problems) == 1 else f"{len(found.problems):,} parts"
    hit = {name for problem in found.problems for name in problem.snapshots}
    where = f", in {_counted(hit, 'snapshot')}" if hit else ""
    told = [f"Backups of tenant {found.tenant} are damaged: {count}{where}."]
    told += [problem.message for problem in found.problems[:_MOST_MESSAGES]]
    if len(found.problems) > _MOST_MESSAGES:
        told.append(f"And {len(found.problems) - _MOST_MESSAGES:,} more; --json has them all.")
    told.append(_what_to_do(found))
    first = found.problems[0]
    damage = Damage(first.damage) if first.damage in set(Damage) else Damage.ALTERED
    return BackupDamaged("\n\n".join(told), damage=damage, place=first.place)


_MOST_MESSAGES = 20


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
        said.append(f"Not known to be damaged: {_some(found.whole)}.")
    said.append(
        "What to do: put damaged files back from a copy of the disk or the bucket, if there is "
        "one, and verify again. Make a backup at once (ispmig backup create "
        f"{found.tenant}): it relies on nothing that is damaged, and stores anew what is still in "
        "the database, so that older snapshots are whole again where the same rows are still "
        "there. Find out why: a disk that fails, or somebody who can write where backups lie."
    )
    return " ".join(said)


def _in_journal(journal: JournalRead) -> Iterator[Problem]:
    for one in journal.damaged:
        yield Problem(
            "journal", one.damage or UNREADABLE, one.place, (), (),
            f"{one.message} It is part of the change journal: moments after it cannot be restored "
            "(--at), up to the next snapshot.",
        )  # fmt: skip


def missing_snapshots(
    connection: Connection, slug: str, repository: Repository
) -> dict[str, dt.datetime]:
    """Snapshots that the audit trail says were made here, that nobody pruned, and that are not
    there: name → when the entry is from."""
    logs = ledger.data_migration_logs
    here = (logs.c.tenant == slug, logs.c.details["repository"].astext == repository.root)
    made = {
        row.name: row.at
        for row in connection.execute(
            sa.select(logs.c.details["snapshot"].astext.label("name"), logs.c.at).where(
                *here,
                logs.c.operation == trail.Operation.BACKUP.value,
                logs.c.stage == trail.Stage.FINISHED.value,
            )
        )
        if row.name
    }
    connection.rollback()
    # One that is pruned meanwhile is entered as such before it goes, and found below.
    for snapshot in repository.snapshots():
        made.pop(snapshot.name, None)
    for details in connection.execute(
        sa.select(logs.c.details).where(
            *here, logs.c.operation == trail.Operation.BACKUP_PRUNE.value
        )
    ).scalars():
        for name in details.get("removed", ()):
            made.pop(name, None)
    connection.rollback()
    return made


def _check_key(slug: str, repository: Repository) -> None:
    """
    Raises:
        BackupKeyError: the present key has no snapshot, and others have.
    """
    if repository.snapshots():
        return
    shape = re.compile(rf"({re.escape(slug)}-[0-9a-f]{{16}})/snapshots/.+")
    others: dict[str, int] = {}
    for blob in repository.storage.list(f"{slug}-"):
        match = shape.fullmatch(blob.key)
        if match is not None and match[1] != repository.root:
            others[match[1]] = others.get(match[1], 0) + 1
    if others:
        raise BackupKeyError(
            f"{repository.storage.place()} has {sum(others.values()):,} snapshots of {slug} that "
            f"were made with another key ({', '.join(sorted(others)[:_MOST_NAMES])}), and none "
            f"that was made with the present one ({repository.root}). Bring back the key that they "
            "were made with; of a former tenant of this name: --key ID."
        )


# -- reading back -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """A piece or a part of a file that snapshots need."""

    part: Part
    hash: str
    bytes: int
    ref: PieceRef | FilePart


@dataclass
class _Needs:
    """What a snapshot needs: positions in the list of all parts, by table; "" for its files."""

    name: str
    tables: dict[str, np.ndarray] = field(default_factory=dict)

    def all(self) -> np.ndarray:
        found = [*self.tables.values(), np.zeros(0, dtype=np.uint32)]
        return np.unique(np.concatenate(found))


class _Work:
    """One verification, step by step."""

    def __init__(self, repository: Repository, told: Callable[[str], None]) -> None:
        self._repository = repository
        self._told = told
        self._at = int(time.time())
        self.before = evidence.merged(repository)
        self.parts: list[_Part] = []
        self.manifests: list[_Needs] = []
        self.unopened: dict[str, tuple[str, str, str]] = {}
        """Name of a snapshot → damage, place and what its error says."""
        self._places: dict[tuple[Part, str], int] = {}
        self.wrong: dict[int, tuple[str, str]] = {}
        """Position of a part → damage, and what its error says."""
        self.last = np.zeros(0, dtype=np.int64)
        """When each part was last read back, as seconds since 1970; 0: never."""
        self.read = 0
        self.bytes_read = 0
        self._there: dict[int, Stored] = {}
        self._only: str | None = None

    def open_manifests(self, only: str | None) -> None:
        """Opens and proves manifests; remembers what each needs."""
        self._only = only
        names = [s.name for s in self._repository.snapshots() if only in (None, s.name)]
        self._told(f"manifests of {_counted(names, 'snapshot')}")
        for name in names:
            try:
                manifest = self._repository.read(name)
            except BackupDamaged as error:
                self.unopened[name] = (error.damage.value, error.place, str(error))
            except BackupError as error:
                place = self._repository.storage.place(self._repository.key_of_snapshot(name))
                self.unopened[name] = (UNKNOWN, place, str(error))
            except StorageError as error:
                if error.transient:
                    raise
                place = self._repository.storage.place(self._repository.key_of_snapshot(name))
                self.unopened[name] = (UNREADABLE, place, str(error))
            else:
                self.manifests.append(self._needs(manifest))
        proved, wrong = self.before.proved, self.before.wrong
        self.last = np.array(
            [0 if p.hash in wrong else proved.get(p.hash, 0) for p in self.parts], dtype=np.int64
        )

    def _needs(self, manifest: Manifest) -> _Needs:
        needs = _Needs(manifest.snapshot)
        for table in manifest.tables:
            refs = table.refs()
            if refs:
                needs.tables[table.name] = self._places_of((Part.PIECE, ref) for ref in refs)
        parts = [part for file in manifest.files for part in file.parts]
        if parts:
            needs.tables[""] = self._places_of((Part.FILE, part) for part in parts)
        return needs

    def _places_of(self, refs: Iterable[tuple[Part, PieceRef | FilePart]]) -> np.ndarray:
        found = []
        for part, ref in refs:
            place = self._places.setdefault((part, ref.hash), len(self.parts))
            if place == len(self.parts):
                self.parts.append(_Part(part, ref.hash, ref.bytes, ref))
            found.append(place)
        return np.array(found, dtype=np.uint32)

    def read_back(self, share: Fraction) -> None:
        """Reads parts back, and writes down what came of it, also of what was read when it ends
        with an error."""
        for part in Part:
            for stored in self._repository.stored(part):
                place = self._places.get((part, stored.hash))
                if place is not None:
                    self._there[place] = stored
        chosen = self._chosen(share)
        self._told(f"{len(chosen):,} of {len(self.parts):,} pieces and parts of files")
        try:
            for place, problem in self._each(chosen):
                self.read += 1
                self.bytes_read += self.parts[place].bytes
                if problem is None:
                    self.last[place] = self._at
                else:
                    self.wrong[place] = problem
                    self.last[place] = 0
                if self.read % 500 == 0:
                    self._told(f"{self.read:,} of {len(chosen):,} read back")
        except BaseException:
            # The error that ends this is told, and not one that came of it.
            with suppress(StorageError):
                self._leave_evidence()
            raise
        self._forgive_the_pruned()
        self._leave_evidence()

    def _chosen(self, share: Fraction) -> list[int]:
        """What is to be read: what gives cause, and of the rest what was proved longest ago."""
        must, rest = [], []
        for place, part in enumerate(self.parts):
            there = self._there.get(place)
            if there is None or part.hash in self.before.wrong:
                must.append(place)
                continue
            written, last = int(there.written.timestamp()), int(self.last[place])
            # One that was stored anew has another size than the manifest says, and was read since.
            if there.bytes != part.bytes and written >= last:
                must.append(place)
                continue
            # Names are written once: a file that is younger than its proof is another one.
            again = bool(last) and written > last
            # What was just written was right a while ago; by the clock of where it lies.
            age = last or (written if written <= self._at else 0)
            rest.append((not again, age, part.hash, place))
        wanted = share * sum(part.bytes for part in self.parts)
        taken = Fraction(0)
        for _, _, _, place in sorted(rest):
            if taken >= wanted and share < WHOLE:
                break
            taken += self.parts[place].bytes
            must.append(place)
        return must

    def _each(self, places: Iterable[int]) -> Iterator[tuple[int, tuple[str, str] | None]]:
        waiting: deque[tuple[int, Future[tuple[str, str] | None]]] = deque()
        with ThreadPoolExecutor(_AHEAD, thread_name_prefix="ispmig-verify") as pool:
            try:
                for place in places:
                    waiting.append((place, pool.submit(self._try, self.parts[place])))
                    if len(waiting) > _AHEAD:
                        done, future = waiting.popleft()
                        yield done, future.result()
                while waiting:
                    done, future = waiting.popleft()
                    yield done, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()

    def _try(self, part: _Part) -> tuple[str, str] | None:
        try:
            if isinstance(part.ref, PieceRef):
                self._repository.get(part.ref)
            else:
                self._repository.get_file_part(part.ref)
        except BackupDamaged as error:
            return error.damage.value, str(error)
        except StorageError as error:
            if error.transient:
                raise
            # A disk that cannot read one place may read all others.
            return UNREADABLE, str(error)
        return None

    def _forgive_the_pruned(self) -> None:
        """What is missing because its snapshots were pruned meanwhile is no damage."""
        missing = {place for place, (damage, _) in self.wrong.items() if damage == Damage.MISSING}
        lost = [n for n, (damage, _, _) in self.unopened.items() if damage == Damage.MISSING]
        if not missing and not lost:
            return
        there = {snapshot.name for snapshot in self._repository.snapshots()}
        for name in lost:
            if name not in there:
                del self.unopened[name]
        self.manifests = [needs for needs in self.manifests if needs.name in there]
        needed = {int(place) for needs in self.manifests for place in needs.all()}
        for place in missing - needed:
            del self.wrong[place]

    def _leave_evidence(self) -> None:
        proved = {part.hash: int(self.last[n]) for n, part in enumerate(self.parts) if self.last[n]}
        wrong = {
            self.parts[place].hash: Wrong(
                part=self.parts[place].part,
                damage=damage,
                found=max(int(time.time()), self._at),
                written=there.written if (there := self._there.get(place)) else None,
            )
            for place, (damage, _) in self.wrong.items()
        }
        if self._only is not None:
            # Of other snapshots nothing new is known.
            proved = {**self.before.proved, **proved}
            for hash in wrong:
                proved.pop(hash, None)
        for hash, one in self.before.wrong.items():
            # Also of what was not come to.
            known = self._only is not None or (one.part, hash) in self._places
            if known and hash not in wrong and not proved.get(hash):
                wrong[hash] = one
        standings = dict(self.before.snapshots) if self._only is not None else {}
        for needs in self.manifests:
            standings[needs.name] = self._standing(needs, wrong)
        for name in self.unopened:
            standings[name] = Standing(damaged=1)
        evidence.write(
            self._repository,
            Verification(
                repository=self._repository.root,
                name="",
                at=dt.datetime.now(dt.UTC),
                proved=proved,
                wrong=wrong,
                snapshots=standings,
            ),
        )

    def _standing(self, needs: _Needs, wrong: Mapping[str, Wrong]) -> Standing:
        places = needs.all()
        times = self.last[places]
        oldest = int(times.min()) if len(times) else self._at
        damaged = sum(self.parts[int(place)].hash in wrong for place in places)
        return Standing(since=oldest or None, damaged=damaged)

    # -- what was found -------------------------------------------------------------------------

    def oldest(self) -> dt.datetime | None:
        """Since when everything was read back."""
        if not len(self.last) or not self.last.all():
            return None
        return evidence.instant(int(self.last.min()))

    def whole(self) -> tuple[str, ...]:
        """Snapshots of which nothing is known to be damaged, the newest first."""
        bad = set(self.wrong)
        return tuple(
            needs.name
            for needs in reversed(self.manifests)
            if not bad or not bad.intersection(map(int, needs.all()))
        )

    def bad_manifests(self) -> Iterator[Problem]:
        """What is wrong with manifests, the newest first."""
        for name, (damage, place, said) in sorted(self.unopened.items(), reverse=True):
            yield Problem("snapshot", damage, place, (name,), (), said)

    def problems(self, gone: Mapping[str, dt.datetime]) -> Iterator[Problem]:
        """What is wrong with the rest: snapshots that are not there, pieces, parts of files."""
        for name, at in sorted(gone.items(), reverse=True):
            place = self._repository.storage.place(self._repository.key_of_snapshot(name))
            yield Problem(
                "snapshot", Damage.MISSING, place, (name,), (),
                f"{place} is not there: the audit trail says that this snapshot was made on "
                f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC, and nobody pruned it. Somebody "
                "deleted it, or backups lie elsewhere now; if it is gone for good, say so: ispmig "
                f"backup prune {self._repository.keys.tenant} --give-up {name}",
            )  # fmt: skip
        for position, (damage, said) in self.wrong.items():
            part = self.parts[position]
            snapshots, tables = self._hurt(position)
            where = ([f"the table {_some(tables)}"] if len(tables) == 1 else
                     [f"the tables {_some(tables)}"] if tables else [])  # fmt: skip
            if part.part is Part.FILE:
                where.append("a file")
            key = self._repository.key_of(part.part, part.hash)
            yield Problem(
                "piece" if part.part is Part.PIECE else "file",
                damage,
                self._repository.storage.place(key),
                snapshots,
                tables,
                f"{said} It is part of {' and '.join(where)} in {_counted(snapshots, 'snapshot')}: "
                f"{_some(snapshots)}.",
            )

    def _hurt(self, place: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        snapshots: list[str] = []
        tables: set[str] = set()
        for needs in reversed(self.manifests):
            hit = [table for table, places in needs.tables.items() if (places == place).any()]
            if hit:
                snapshots.append(needs.name)
                tables.update(table for table in hit if table)
        return tuple(snapshots), tuple(sorted(tables))


def _share_text(share: Fraction) -> str:
    return "all" if share == WHOLE else f"{share.numerator}/{share.denominator}"


def _counted(items: Any, word: str) -> str:
    return f"1 {word}" if len(items) == 1 else f"{len(items):,} {word}s"


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more:,} more" if more > 0 else shown
