"""Snapshots that the policy lets go, and then what no snapshot needs any more: mark and sweep.

Nothing is deleted but while nobody else works on the tenant's backups (:mod:`.beside`), and never
for longer than some seconds at a time: a backup that comes goes first, and what it made is marked
before anything else is deleted. Manifests go first, and pieces after them: however this ends, every
snapshot that is there is whole, and the next prune goes on.

What snapshots need is known from their manifests, all of them: one that cannot be read and proved
stops everything, for it might need anything. What no manifest names is left by a backup that broke
off, and stays for a day, for the next one to use. Backups that other platforms make into the same
place leave marks there (``writers/``): while one is younger than a day, no piece is deleted.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import evidence, holds, policies
from ispmig_pipelines.backup.beside import alone
from ispmig_pipelines.backup.holds import Hold
from ispmig_pipelines.backup.journal.expire import expire
from ispmig_pipelines.backup.policies import Keeping
from ispmig_pipelines.backup.repository import Part, Repository, Stored
from ispmig_pipelines.backup.retention import kept
from ispmig_pipelines.backup.verify import missing_snapshots
from ispmig_pipelines.errors import (
    BackupDamaged,
    BackupError,
    Damage,
    StorageError,
    TenantBusy,
    UsageError,
)
from ispmig_pipelines.platform import trail
from ispmig_pipelines.platform.server import engine, told_plainly
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import ABANDONED

SLICE_SECONDS = 5.0
"""How long others wait at most."""

ABREAST = 32
"""Deletions between two looks at the clock; some of them at a time."""

_THREADS = 4
_RECORDS = 4
"""Records of verifications that stay; the newest says all."""


@dataclass(frozen=True)
class Pruned:
    """What was deleted, or would be.

    Attributes:
        kept: snapshot → why it stays, the newest first.
        removed: snapshots that went, the oldest first.
        held: snapshot → who holds it, and why.
        pieces, bytes: that went with them, and were left by backups that broke off long ago.
        spared: what no snapshot needs and is too young to go.
        journal: files of change journals that led up to the oldest snapshot alone, and went.
        put_off: why some of it stays until the next time; "" where nothing does.
    """

    tenant: str
    repository: str
    keeping: Keeping
    dry_run: bool
    kept: dict[str, list[str]]
    removed: tuple[str, ...]
    held: dict[str, list[Hold]]
    pieces: int
    bytes: int
    spared: int
    journal: int
    put_off: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "tenant": self.tenant,
            "repository": self.repository,
            "dry_run": self.dry_run,
            **{k: v for k, v in self.keeping.as_json().items() if k != "own"},
            "kept": self.kept,
            "removed": list(self.removed),
            "held": {name: [one.as_json() for one in own] for name, own in self.held.items()},
            "pieces": self.pieces,
            "bytes": self.bytes,
            "spared": self.spared,
            "journal_files": self.journal,
            "put_off": self.put_off,
            "seconds": round(self.seconds, 3),
        }


@dataclass
class _Plan:
    """What is to be done, as of one moment.

    Attributes:
        names: of all snapshots there were.
        needed: by snapshots that stay; released: by those that go.
    """

    keeping: Keeping
    names: set[str]
    kept: dict[str, list[str]]
    removed: tuple[str, ...]
    held: dict[str, list[Hold]]
    needed: dict[Part, set[str]] = field(default_factory=lambda: {part: set() for part in Part})
    released: dict[Part, set[str]] = field(default_factory=lambda: {part: set() for part in Part})


@dataclass
class _Done:
    pieces: int = 0
    bytes: int = 0
    spared: int = 0
    journal: int = 0
    put_off: str = ""


def prune(
    slug: str,
    repository: Repository,
    *,
    keeping: Keeping | None = None,
    give_up: Sequence[str] = (),
    dry_run: bool = False,
    now: dt.datetime | None = None,
    actor: str,
    dagster_run_id: str = "",
    told: Callable[[str], None] = lambda text: None,
) -> Pruned:
    """Deletes snapshots that no rule keeps, and what no snapshot needs; entered into the trail.

    Args:
        keeping: the tenant's own unless said.
        give_up: names of snapshots that are damaged or not there any more, and go all the same.
        dry_run: only says what would be deleted.
        told: is told what is being done.

    Raises:
        TenantBusy: (transient) backups are made or restored all the time; nothing was deleted.
        BackupDamaged: a manifest cannot be read; nothing was deleted.
        UsageError: what is to be given up is whole, held, or was never there.
        StorageError: it could not be listed or deleted; every snapshot that is there is whole.
    """
    started = time.monotonic()
    database = engine()
    done = _Done()
    with told_plainly(), database.connect() as connection, ExitStack() as locked:
        if not dry_run:
            locked.enter_context(alone(connection, slug, patience=settings().lock_patience))
        plan = _planned(connection, slug, repository, keeping, give_up, now)
        if dry_run:
            done.put_off = _others_at_work(repository)
            for stored in _unneeded(repository, plan, done):
                done.pieces += 1
                done.bytes += stored.bytes
            _journal(repository, min(plan.kept, default=""), done, dry_run=True)
        else:
            with trail.on_record(
                database.connect,
                slug,
                trail.Operation.BACKUP_PRUNE,
                actor=actor,
                dagster_run_id=dagster_run_id,
                details={
                    "repository": repository.root,
                    "retention": str(plan.keeping.policy),
                    "removed": list(plan.removed),
                },
            ) as record:
                for name in plan.removed:
                    told(f"snapshot {name}")
                    repository.delete_snapshot(name)
                locked.close()
                _sweep(connection, slug, repository, plan, done, told)
                _tidy(repository, plan)
                record.result = {
                    "kept": len(plan.kept),
                    "pieces": done.pieces,
                    "bytes": done.bytes,
                    "journal_files": done.journal,
                    "put_off": bool(done.put_off),
                }
    return Pruned(
        tenant=slug,
        repository=repository.root,
        keeping=plan.keeping,
        dry_run=dry_run,
        kept=plan.kept,
        removed=plan.removed,
        held=plan.held,
        pieces=done.pieces,
        bytes=done.bytes,
        spared=done.spared,
        journal=done.journal,
        put_off=done.put_off,
        seconds=time.monotonic() - started,
    )


# -- what goes ----------------------------------------------------------------------------------


def _planned(
    connection: Connection,
    slug: str,
    repository: Repository,
    keeping: Keeping | None,
    give_up: Sequence[str],
    now: dt.datetime | None,
) -> _Plan:
    keeping = keeping or policies.of(connection, slug)
    connection.rollback()
    there = {snapshot.name: snapshot.instant for snapshot in repository.snapshots()}
    held = holds.held(connection, slug, repository)
    given = _given_up(connection, slug, repository, give_up, there.keys(), held)
    stays = kept(
        {name: instant for name, instant in there.items() if name not in given},
        keeping.policy,
        now or dt.datetime.now(dt.UTC),
        keeping.timezone,
        held,
    )
    goes = sorted({*there, *given} - stays.keys())
    plan = _Plan(keeping, set(there), stays, tuple(goes), held)
    _mark(repository, plan, [name for name in sorted(there) if name not in given])
    return plan


def _given_up(
    connection: Connection,
    slug: str,
    repository: Repository,
    names: Sequence[str],
    there: Iterable[str],
    held: dict[str, list[Hold]],
) -> set[str]:
    """Those that are damaged, or that the trail misses.

    Raises:
        UsageError: one is whole, is held, or was never there.
    """
    if not names:
        return set()
    missing = missing_snapshots(connection, slug, repository)
    for name in names:
        if name in held:
            raise UsageError(
                f"{name} is held ({holds.reasons(held[name])}). Nothing was deleted. Release it "
                f"first, if it may go: ispmig backup release {slug} {name}"
            )
        if name in missing:
            continue
        if name not in there:
            raise UsageError(
                f"There is no snapshot {name[:80]!r} of {slug}, and the audit trail misses none of "
                "that name. Nothing was deleted. Give its whole name."
            )
        if _unreadable(repository, name) is None:
            raise UsageError(
                f"{name} can be read, so that there is nothing to give up. Nothing was deleted. "
                "Whether it stays is what the policy says."
            )
    return set(names)


def _unreadable(repository: Repository, name: str) -> BackupError | StorageError | None:
    try:
        repository.read(name)
    except (BackupError, StorageError) as error:
        if error.transient:
            raise
        return error
    return None


def _mark(repository: Repository, plan: _Plan, names: Iterable[str]) -> None:
    """Reads what snapshots need.

    Raises:
        BackupDamaged: one cannot be read.
    """
    for name in names:
        try:
            manifest = repository.read(name)
        except (BackupError, StorageError) as error:
            if error.transient:
                raise
            place = repository.storage.place(repository.key_of_snapshot(name))
            raise BackupDamaged(
                f"What the snapshot {name} needs is not known, for its manifest cannot be read: "
                "anything that would be deleted may be a part of it, so that nothing is. Put it "
                "back from a copy; or, if it is lost, let it go: ispmig backup prune "
                f"{repository.keys.tenant} --give-up {name}\n\n{error}",
                damage=error.damage if isinstance(error, BackupDamaged) else Damage.ALTERED,
                place=place,
            ) from None
        marks = plan.released if name in plan.removed else plan.needed
        marks[Part.PIECE] |= manifest.piece_hashes()
        marks[Part.FILE] |= manifest.file_hashes()


def _unneeded(repository: Repository, plan: _Plan, done: _Done) -> Iterator[Stored]:
    """What no snapshot needs, and is not of a backup that broke off just now."""
    oldest = dt.datetime.now(dt.UTC) - ABANDONED
    for part in Part:
        for stored in repository.stored(part):
            if stored.hash in plan.needed[part]:
                continue
            if stored.hash in plan.released[part] or stored.written <= oldest:
                yield stored
            else:
                done.spared += 1


def _others_at_work(repository: Repository) -> str:
    """Why nothing may be deleted now: marks of backups that are not of this database, or that were
    killed less than a day ago."""
    oldest = dt.datetime.now(dt.UTC) - ABANDONED
    young = [writer for writer in repository.writers() if writer.begun > oldest]
    if not young:
        return ""
    since = max(writer.begun for writer in young)
    return (
        f"A backup that began at {since:%Y-%m-%d %H:%M} UTC was killed, or is made by another "
        "platform into the same place: pieces are deleted a day after that."
    )


# -- deleting -----------------------------------------------------------------------------------


def _sweep(
    connection: Connection,
    slug: str,
    repository: Repository,
    plan: _Plan,
    done: _Done,
    told: Callable[[str], None],
) -> None:
    """Deletes pieces in slices, between which others may work."""
    waiting = list(_unneeded(repository, plan, done))
    told(f"{len(waiting):,} pieces and parts of files that no snapshot needs")
    at = 0
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="ispmig-prune") as pool:
        while True:
            try:
                with alone(connection, slug, patience=settings().lock_patience):
                    done.put_off = _look_again(repository, plan)
                    if done.put_off:
                        return
                    if at >= len(waiting):
                        there = [snapshot.name for snapshot in repository.snapshots()]
                        _journal(repository, min(there, default=""), done)
                        return
                    at = _slice(connection, repository, plan, waiting, at, done, pool)
                    told(f"{done.pieces:,} deleted")
            except TenantBusy as error:
                done.put_off = str(error)
                return


def _journal(repository: Repository, oldest: str, done: _Done, *, dry_run: bool = False) -> None:
    """Deletes what change journals have from before the oldest snapshot.

    Args:
        oldest: its name; "" where there is none.
    """
    if not oldest:
        return
    try:
        done.journal = expire(repository, repository.read(oldest), dry_run=dry_run).files
    except BackupError as error:
        # Snapshots are whole without it; whoever verifies is told, too.
        done.put_off = f"Nothing of the change journal was deleted: {error}"


def _look_again(repository: Repository, plan: _Plan) -> str:
    """Marks what was made since; and clears away marks of backups that died long ago."""
    names = {snapshot.name for snapshot in repository.snapshots()}
    _mark(repository, plan, sorted(names - plan.names))
    plan.names |= names
    why = _others_at_work(repository)
    oldest = dt.datetime.now(dt.UTC) - ABANDONED
    for writer in repository.writers():
        if writer.begun <= oldest:
            repository.delete_writer(writer.name)
    return why


def _slice(
    connection: Connection,
    repository: Repository,
    plan: _Plan,
    waiting: Sequence[Stored],
    at: int,
    done: _Done,
    pool: ThreadPoolExecutor,
) -> int:
    """Deletes some of what waits, from a position on; returns how far it came."""
    until = time.monotonic() + SLICE_SECONDS
    while at < len(waiting):
        some = [one for one in waiting[at : at + ABREAST] if one.hash not in plan.needed[one.part]]
        at += ABREAST
        for one, _ in zip(some, pool.map(lambda s: repository.delete(s.part, s.hash), some),
                          strict=True):  # fmt: skip
            done.pieces += 1
            done.bytes += one.bytes
        # The lock ends with the session, and then others may be at work.
        connection.execute(sa.select(1))
        connection.rollback()
        if time.monotonic() >= until:
            break
    return at


def _tidy(repository: Repository, plan: _Plan) -> None:
    """Clears away uploads that broke off, and evidence that says nothing any more."""
    repository.sweep()
    for name in evidence.names(repository, evidence.Kind.VERIFICATION)[:-_RECORDS]:
        repository.storage.delete(evidence.key_of(repository, name, evidence.Kind.VERIFICATION))
    gone = set(plan.removed)
    for name in evidence.names(repository, evidence.Kind.DRILL)[:-1]:
        drill = evidence.read(repository, name, evidence.Drill)
        if drill is not None and drill.snapshot in gone:
            repository.storage.delete(evidence.key_of(repository, name, evidence.Kind.DRILL))
