"""One tenant's repository: what is stored by the hash of its content, and the snapshots of it."""

from __future__ import annotations

import datetime as dt
import hmac
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256

import pyarrow as pa

from ispmig_pipelines.backup import manifest as manifests
from ispmig_pipelines.backup import piece
from ispmig_pipelines.backup.cipher import decrypt, encrypt
from ispmig_pipelines.backup.keys import TenantKeys, load, load_or_create, remember_recovery
from ispmig_pipelines.backup.manifest import FilePart, Manifest, PieceRef, instant_of
from ispmig_pipelines.backup.repository import deposit, writers
from ispmig_pipelines.backup.repository.names import (
    ENDINGS,
    HASH,
    MANIFEST_ENDING,
    SNAPSHOTS,
    Part,
    SnapshotName,
    Stored,
    Writer,
)
from ispmig_pipelines.errors import BackupDamaged, Damage, StorageError, UsageError
from ispmig_pipelines.settings import settings
from ispmig_pipelines.storage import Storage, open_storage

FILE_PART_BYTES = 64 << 20
"""Files are cut into parts of so many bytes."""

_FILE_MARK = b"ispmig file 1\n"
_MAX_STORED_MANIFEST = 256 << 20
_AGE_BYTES = 4096
"""More than the header of an age file takes for a few recipients; a chunk of 64 KiB has 16 more."""


def open_repository(
    tenant: str, *, make: bool = False, id: str | None = None, storage: Storage | None = None
) -> Repository:
    """The repository of a tenant, at the place that the settings name.

    Args:
        make: makes the tenant's key if there is none: for a first backup.
        id: of a key that was set aside.

    Raises:
        BackupKeyError, UsageError, StorageError: see :mod:`~ispmig_pipelines.backup.keys`.
    """
    keys = load_or_create(tenant) if make and id is None else load(tenant, id)
    return Repository(storage or open_storage(settings().backup_place, private=True), keys)


class Repository:
    """One tenant's backups. May be used by several threads at once."""

    def __init__(self, storage: Storage, keys: TenantKeys) -> None:
        self.storage = storage
        self.keys = keys
        self.root = keys.repository
        self._piece_key = keys.derived("piece")
        self._file_key = keys.derived("file")
        self._known: dict[Part, dict[str, int]] = {}
        self._distrusted: dict[tuple[Part, str], dt.datetime] = {}
        # A second listing, begun earlier, would forget what was stored since.
        self._listing = threading.Lock()

    @property
    def border_secret(self) -> bytes:
        """For :func:`~ispmig_pipelines.backup.borders.cut`."""
        return self.keys.derived("borders")

    def key_of(self, part: Part, hash: str) -> str:
        """Where in the storage a part lies.

        Raises:
            ValueError: it is no hash.
        """
        if not HASH.fullmatch(hash):
            raise ValueError(f"no hash: {hash[:80]!r}")
        return f"{self.root}/{part}/{hash[:2]}/{hash}{ENDINGS[part]}"

    def key_of_snapshot(self, name: str) -> str:
        """Where in the storage a snapshot's manifest lies.

        Raises:
            ValueError: it is no name of a snapshot.
        """
        instant_of(name)
        return f"{self.root}/{SNAPSHOTS}/{name}{MANIFEST_ENDING}"

    # -- what is there ----------------------------------------------------------------------

    def stored(self, part: Part) -> Iterator[Stored]:
        """Everything of a kind that lies there, whether a snapshot needs it or not.

        Raises:
            StorageError: it cannot be listed.
        """
        ending = ENDINGS[part]
        for blob in self.storage.list(f"{self.root}/{part}/"):
            hash = blob.key.rpartition("/")[2].removesuffix(ending)
            # What others put there is not ours to tell of, nor to delete.
            if HASH.fullmatch(hash) and blob.key == self.key_of(part, hash):
                yield Stored(part, hash, blob.size, blob.modified)

    def known(self, part: Part) -> dict[str, int]:
        """Hash → bytes of all that lies there, listed once, and then kept up by what we store."""
        with self._listing:
            if part not in self._known:
                self._known[part] = {
                    found.hash: found.bytes
                    for found in self.stored(part)
                    if not self._is_distrusted(found)
                }
            return self._known[part]

    def distrust(self, part: Part, hash: str, written: dt.datetime) -> None:
        """Lets a part that was found damaged be as if it were not there, and be stored anew.

        Args:
            written: when that file was; one that was written later is another one.
        """
        self._distrusted[part, hash] = written
        self._known.pop(part, None)

    def _is_distrusted(self, found: Stored) -> bool:
        since = self._distrusted.get((found.part, found.hash))
        return since is not None and found.written <= since

    def look_again(self) -> None:
        """Forgets what was listed: the next question lists anew."""
        self._known.clear()

    def lacks(self, manifest: Manifest) -> dict[Part, frozenset[str]]:
        """What a snapshot needs and is not there, by one listing of each kind; empty if nothing."""
        needed = {Part.PIECE: manifest.piece_hashes(), Part.FILE: manifest.file_hashes()}
        missing = {
            part: frozenset(hashes - self.known(part).keys())
            for part, hashes in needed.items()
            if hashes
        }
        return {part: hashes for part, hashes in missing.items() if hashes}

    # -- pieces -----------------------------------------------------------------------------

    def put(
        self,
        rows: pa.RecordBatch,
        *,
        first: Sequence[str | None] = (),
        last: Sequence[str | None] = (),
        again: bool = False,
    ) -> tuple[PieceRef, bool]:
        """Stores rows as a piece, unless the same are there already.

        Args:
            first, last: keys, for the manifest.
            again: what is there was found damaged, and is replaced.

        Returns:
            What goes into the manifest, and whether it was new.

        Raises:
            ValueError: a column's type is none that pieces hold.
            StorageError: it cannot be written.
        """
        hash = piece.identity(rows, self._piece_key)
        size, new = self._known_or_written(Part.PIECE, hash, lambda: piece.write(rows), again=again)
        ref = PieceRef(
            hash=hash,
            rows=rows.num_rows,
            bytes=size,
            raw=piece.raw_bytes(rows),
            first=tuple(first),
            last=tuple(last),
        )
        return ref, new

    def get(self, ref: PieceRef) -> pa.RecordBatch:
        """The rows of a piece, proved to be those that were stored.

        Raises:
            BackupDamaged: they are not, or it is not there.
            StorageError: it cannot be read.
        """
        key = self.key_of(Part.PIECE, ref.hash)
        place = self.storage.place(key)
        data = decrypt(self._read(key, 2 * ref.raw), self.keys.identities, place)
        try:
            rows = piece.read(data, rows=ref.rows, raw=ref.raw)
        except piece.NoPieceError as error:
            raise _swapped(
                place, f"what is in it is not the piece of {ref.rows:,} rows ({error})"
            ) from None
        if not hmac.compare_digest(piece.identity(rows, self._piece_key), ref.hash):
            raise _swapped(place, "its rows are others than those it was named for")
        return rows

    def get_columns(self, ref: PieceRef, names: Sequence[str]) -> pa.RecordBatch:
        """Some columns of a piece; that it is not another one of the tenant's is not proved.

        Raises:
            BackupDamaged: it is no such piece, or it is not there.
            StorageError: it cannot be read.
        """
        key = self.key_of(Part.PIECE, ref.hash)
        place = self.storage.place(key)
        data = decrypt(self._read(key, 2 * ref.raw), self.keys.identities, place)
        try:
            return piece.read(data, rows=ref.rows, raw=ref.raw, names=names)
        except piece.NoPieceError as error:
            raise _swapped(
                place, f"what is in it is not the piece of {ref.rows:,} rows ({error})"
            ) from None

    # -- parts of files ---------------------------------------------------------------------

    def put_file_part(self, data: bytes, *, again: bool = False) -> tuple[FilePart, bool]:
        """Stores a part of a file, at most :data:`FILE_PART_BYTES`; see :meth:`put`.

        Raises:
            ValueError: it is larger.
            StorageError: it cannot be written.
        """
        if len(data) > FILE_PART_BYTES:
            raise ValueError("a part of a file is at most 64 MiB")
        hash = self.file_hash(data)
        size, new = self._known_or_written(Part.FILE, hash, lambda: data, again=again)
        return FilePart(hash=hash, bytes=size, raw=len(data)), new

    def get_file_part(self, ref: FilePart) -> bytes:
        """The bytes of a part of a file, proved; see :meth:`get`.

        Raises:
            BackupDamaged: they are not those that were stored, or it is not there.
            StorageError: it cannot be read.
        """
        key = self.key_of(Part.FILE, ref.hash)
        place = self.storage.place(key)
        data = decrypt(self._read(key, ref.raw), self.keys.identities, place)
        if len(data) != ref.raw or not hmac.compare_digest(self.file_hash(data), ref.hash):
            raise _swapped(place, "its bytes are others than those it was named for")
        return data

    def file_hash(self, data: bytes) -> str:
        """The name that these bytes have, or would have, as a part of a file."""
        mac = hmac.new(self._file_key, _FILE_MARK, sha256)
        mac.update(data)
        return mac.hexdigest()

    # -- snapshots --------------------------------------------------------------------------

    def snapshots(self) -> list[SnapshotName]:
        """All snapshots, the oldest first, by one listing; none is opened.

        Raises:
            StorageError: they cannot be listed.
        """
        found = []
        prefix = f"{self.root}/{SNAPSHOTS}/"
        for blob in self.storage.list(prefix):
            name = blob.key.removeprefix(prefix).removesuffix(MANIFEST_ENDING)
            with suppress(ValueError):
                if blob.key == self.key_of_snapshot(name):
                    found.append(SnapshotName(name, instant_of(name), blob.size, blob.modified))
        return sorted(found, key=lambda snapshot: snapshot.name)

    def find(self, text: str) -> SnapshotName:
        """The snapshot of a name, of the beginning or the end of one, or ``latest``.

        Raises:
            UsageError: there is none, or more than one.
        """
        snapshots = self.snapshots()
        if text == "latest":
            found = snapshots[-1:]
        else:
            found = [s for s in snapshots if s.name == text] or [
                s for s in snapshots if text and (s.name.startswith(text) or s.name.endswith(text))
            ]
        if len(found) == 1:
            return found[0]
        where = f"There is no snapshot {text[:80]!r} of {self.keys.tenant}"
        if found:
            where = f"{text[:80]!r} may be any of {len(found)} snapshots of {self.keys.tenant}"
        shown = ", ".join(s.name for s in (found or snapshots)[-5:])
        raise UsageError(
            f"{where} in {self.storage.place(self.root)}. "
            + (f"Say one of: {shown}." if shown else "No backup was made yet.")
        )

    def read(self, name: str) -> Manifest:
        """The manifest of a snapshot, proved to be written with the tenant's key.

        Raises:
            UsageError: there is no such snapshot.
            BackupDamaged: it is damaged, forged, moved, or of another tenant.
            BackupError: a newer release wrote it.
            StorageError: it cannot be read.
        """
        try:
            key = self.key_of_snapshot(name)
        except ValueError:
            raise UsageError(
                f"{name[:80]!r} is no name of a snapshot: 20261122T103107.123456Z-5f0c9a1e."
            ) from None
        data = self._read(key, _MAX_STORED_MANIFEST)
        return manifests.read(data, self.keys, name, self.storage.place(key))

    def newest(self) -> Manifest | None:
        """The manifest of the newest snapshot; None where there is none yet.

        Raises:
            BackupDamaged, BackupError, StorageError: see :meth:`read`.
        """
        snapshots = self.snapshots()
        return self.read(snapshots[-1].name) if snapshots else None

    def publish(self, manifest: Manifest) -> None:
        """Writes the manifest: from now on the snapshot is there.

        Raises:
            BackupDamaged: a piece or part that it needs is not in the repository; there is no
                snapshot then.
            ValueError: it is of another repository.
            UsageError: there is a snapshot of that name.
            StorageError: it cannot be written.
        """
        data = manifests.write(manifest, self.keys)
        # As it is now: something may have been deleted since it was found to be there.
        self.look_again()
        for part, hashes in self.lacks(manifest).items():
            place = self.storage.place(self.key_of(part, min(hashes)))
            raise BackupDamaged(
                f"{place} is needed by the snapshot that was to be made, and is not there"
                + (f", nor are {len(hashes) - 1:,} others" if len(hashes) > 1 else "")
                + ". No snapshot was made. Make a full backup: ispmig backup create "
                f"{self.keys.tenant} --full",
                damage=Damage.MISSING,
                place=place,
            )
        remember_recovery(self.keys)
        deposit.leave(self.storage, self.keys)
        key = self.key_of_snapshot(manifest.snapshot)
        try:
            with self.storage.writing(key, overwrite=False) as stream:
                stream.write(data)
        except UsageError:
            # Where the answer to a request was lost, the repeated one finds what the first wrote.
            if self._read(key, _MAX_STORED_MANIFEST) != data:
                raise

    # -- writers, and what prune deletes ----------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[str]:
        """Tells others, for as long as the block runs, that a backup is being made.

        Whoever deletes must spare what no snapshot needs while one is: see :meth:`writers`.
        Yields the mark's name. One that was killed leaves it.

        Raises:
            StorageError: it cannot be written.
        """
        with writers.writing(self.storage, self.root) as name:
            # What was there before may have been deleted before others saw the mark.
            self.look_again()
            yield name

    def writers(self) -> list[Writer]:
        """Backups that are being made, or were killed.

        Raises:
            StorageError: they cannot be listed.
        """
        return writers.writers(self.storage, self.root)

    def delete_writer(self, name: str) -> None:
        """Takes away the mark of a backup that was killed.

        Raises:
            ValueError: it is no name of a mark.
            StorageError: it cannot be deleted.
        """
        writers.delete_writer(self.storage, self.root, name)

    def delete_snapshot(self, name: str) -> None:
        """Deletes a snapshot's manifest: first of all that goes with it.

        Raises:
            ValueError: it is no name of a snapshot.
            StorageError: it cannot be deleted.
        """
        self.storage.delete(self.key_of_snapshot(name))

    def delete(self, part: Part, hash: str) -> None:
        """Deletes a piece or a part of a file; that no snapshot needs it, the caller knows.

        Raises:
            ValueError: it is no hash.
            StorageError: it cannot be deleted.
        """
        self.storage.delete(self.key_of(part, hash))
        self._known.get(part, {}).pop(hash, None)

    def sweep(self, older_than: dt.timedelta = dt.timedelta(days=1)) -> int:
        """Clears away unfinished uploads and files of writers that died; returns how many.

        Raises:
            StorageError: it cannot be done.
        """
        return self.storage.sweep(
            lambda key: key.startswith(f"{self.root}/"), older_than=older_than
        )

    # -- bytes ------------------------------------------------------------------------------

    def _known_or_written(
        self, part: Part, hash: str, content: Callable[[], bytes], *, again: bool
    ) -> tuple[int, bool]:
        known = self.known(part)
        if hash in known and not again:
            return known[hash], False
        key = self.key_of(part, hash)
        data = encrypt(content(), self.keys.recipients)
        try:
            overwrite = again or (part, hash) in self._distrusted
            with self.storage.writing(key, overwrite=overwrite) as stream:
                stream.write(data)
            self._distrusted.pop((part, hash), None)
        except UsageError:
            # Somebody else stored the same meanwhile.
            known[hash] = next(blob.size for blob in self.storage.list(key) if blob.key == key)
            return known[hash], False
        known[hash] = len(data)
        return len(data), True

    def _read(self, key: str, content: int) -> bytes:
        """All bytes of a file, of at most so much content.

        A file that is much larger is none of ours, and need not be held in memory.
        """
        place = self.storage.place(key)
        limit = content + (content >> 10) + (1 << 20) + _AGE_BYTES
        try:
            with self.storage.reading(key) as stream:
                data = stream.read(limit + 1)
        except StorageError as error:
            if error.transient or self.storage.exists(key):
                raise
            raise BackupDamaged(
                f"{place} is not there (any more): somebody deleted it, or it was lost. Restore "
                "from another snapshot, and make a new backup.",
                damage=Damage.MISSING,
                place=place,
            ) from None
        if len(data) > limit:
            raise _swapped(place, "it is much larger than what was stored")
        return data


def _swapped(place: str, why: str) -> BackupDamaged:
    return BackupDamaged(
        f"{place} is not what its name says: {why}. Somebody put another file in its place. "
        "Nothing of it is used. Restore from another snapshot, and find out who can write there.",
        damage=Damage.SWAPPED,
        place=place,
    )
