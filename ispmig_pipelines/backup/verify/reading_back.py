"""Manifests opened, pieces and parts of files read and named anew, and what that hurts."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ispmig_pipelines.backup import evidence
from ispmig_pipelines.backup.evidence import Standing, Verification, Wrong
from ispmig_pipelines.backup.manifest import FilePart, Manifest, PieceRef, content_digest
from ispmig_pipelines.backup.repository import Part, Repository, Stored
from ispmig_pipelines.backup.verify.found import UNKNOWN, UNREADABLE, Problem, counted, some
from ispmig_pipelines.errors import BackupDamaged, BackupError, Damage, StorageError

WHOLE = Fraction(1)
_AHEAD = 2


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


class ReadingBack:
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

    def open_manifests(self, only: str | None, contents: Mapping[str, str]) -> None:
        """Opens and proves manifests; remembers what each needs.

        Args:
            contents: name → digest of what it holds, as the audit trail says.
        """
        self._only = only
        names = [s.name for s in self._repository.snapshots() if only in (None, s.name)]
        self._told(f"manifests of {counted(names, 'snapshot')}")
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
                found = content_digest(manifest.tables, manifest.files)
                told = {manifest.digests.get("content", found), contents.get(name, found)}
                if told != {found}:
                    place = self._repository.storage.place(self._repository.key_of_snapshot(name))
                    self.unopened[name] = (Damage.FORGED, place, _other_content(place))
                    continue
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
            where = ([f"the table {some(tables)}"] if len(tables) == 1 else
                     [f"the tables {some(tables)}"] if tables else [])  # fmt: skip
            if part.part is Part.FILE:
                where.append("a file")
            key = self._repository.key_of(part.part, part.hash)
            yield Problem(
                "piece" if part.part is Part.PIECE else "file",
                damage,
                self._repository.storage.place(key),
                snapshots,
                tables,
                f"{said} It is part of {' and '.join(where)} in {counted(snapshots, 'snapshot')}: "
                f"{some(snapshots)}.",
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


def _other_content(place: str) -> str:
    return (
        f"{place} lists other content than the audit trail says was backed up: whoever changed it "
        "has the tenant's key. Restore from another snapshot, rotate the key, and find out who "
        "that is."
    )
