"""A mark: up to when a journal is in the repository, and what came since the mark before it.

::

    <tenant>-<id of its key>/journal/<history>/
        <number>.mark.age                     JSON, packed and signed as manifests are
        <number>-<hash>.parquet.age           changes, or transactions, since the mark before

Marks are numbered from 1 without gaps. A mark is written after its parts, once, and names the
code of the one before it: one that is missing, or another's in its place, is found out.
"""

from __future__ import annotations

import gzip
import hmac
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ispmig_pipelines.backup import piece
from ispmig_pipelines.backup.cipher import decrypt, encrypt
from ispmig_pipelines.backup.manifest import PieceRef
from ispmig_pipelines.backup.repository import Repository
from ispmig_pipelines.errors import BackupDamaged, BackupError, Damage, StorageError, UsageError

FOLDER = "journal"
FORMAT = 1
MAX_BYTES = 64 << 20
"""Of a mark, unpacked: a few hundred bytes for each table and each part."""

CHANGE_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),  # of the statement; grows
        ("xid", pa.int64()),
        ("oid", pa.int64()),  # of the table: another one may have its name later
        ("relation", pa.string()),
        ("op", pa.string()),  # i, u, d, t: insert, update, delete, truncate
        ("added", pa.string()),  # the row as it is after, as PostgreSQL writes rows
        ("gone", pa.string()),  # digest of the row as it was before, in hexadecimal digits
    ]
)
TRANSACTION_SCHEMA = pa.schema([("xid", pa.int64()), ("at", pa.timestamp("us", "UTC"))])

_MARK = b"ispmig journal 1\n"
_ENDING = ".mark.age"
_HISTORY = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_SLACK = 1 << 20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JournaledTable(_Part):
    """A table at a mark.

    Attributes:
        shape: a digest of what it is; another table, or other columns, have another one.
        journaled: every change of it is in the journal.
    """

    oid: int
    shape: str
    journaled: bool


class Mark(_Part):
    """A mark, and what came since the one before.

    Attributes:
        begun: the transaction that began the history.
        previous: the code of the mark before; "" of the first.
        at: the instant, in UTC: whoever had committed by then is seen, up to the moment that it
            takes to look.
        seen: which transactions had committed (``pg_snapshot``).
        server: whose numbers of transactions these are.
        commit_times: the times of transactions are the server's own.
        sequences: name → where it stood, and whether that was handed out.
    """

    format: Literal[1] = 1
    repository: str
    tenant: str
    history: str
    number: Annotated[int, Field(ge=1)]
    begun: int
    previous: str
    at: AwareDatetime
    seen: str
    server: dict[str, Any]
    commit_times: bool = False
    tables: dict[str, JournaledTable] = {}
    sequences: dict[str, tuple[int, bool]] = {}
    changes: tuple[PieceRef, ...] = ()
    transactions: tuple[PieceRef, ...] = ()

    @property
    def parts(self) -> tuple[PieceRef, ...]:
        """All its parts."""
        return (*self.changes, *self.transactions)


class JournalFolder:
    """The journals of a tenant in its repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._storage = repository.storage
        self._keys = repository.keys
        self._part_key = repository.keys.derived("journal part")
        self._mark_key = repository.keys.derived("journal mark")
        self._root = f"{repository.root}/{FOLDER}"

    def histories(self) -> dict[str, list[int]]:
        """History → numbers of its marks, in order; by one listing, the oldest history first.

        Raises:
            StorageError: they cannot be listed.
        """
        found: dict[str, list[int]] = {}
        for blob in self._storage.list(f"{self._root}/"):
            history, _, name = blob.key.removeprefix(f"{self._root}/").partition("/")
            if not _HISTORY.fullmatch(history) or not name.endswith(_ENDING):
                continue
            with suppress(ValueError):
                number = int(name.removesuffix(_ENDING))
                if blob.key == self._mark_place(history, number):
                    found.setdefault(history, []).append(number)
        return {history: sorted(found[history]) for history in sorted(found)}

    def _mark_place(self, history: str, number: int) -> str:
        return f"{self._root}/{history}/{number:010d}{_ENDING}"

    def place_of(self, history: str, number: int) -> str:
        """Path or URL of a mark."""
        return self._storage.place(self._mark_place(history, number))

    # -- parts ------------------------------------------------------------------------------

    def put(self, history: str, number: int, rows: pa.RecordBatch) -> PieceRef:
        """Stores a part of a mark.

        Raises:
            StorageError: it cannot be written.
        """
        hash = piece.identity(rows, self._part_key)
        data = encrypt(piece.write(rows), self._keys.recipients)
        key = self._part_place(history, number, hash)
        with suppress(UsageError), self._storage.writing(key, overwrite=False) as stream:
            # The same is there of one that was killed: its name proves what is in it.
            stream.write(data)
        return PieceRef(hash=hash, rows=rows.num_rows, bytes=len(data), raw=piece.raw_bytes(rows))

    def _part_place(self, history: str, number: int, hash: str) -> str:
        return f"{self._root}/{history}/{number:010d}-{hash}.parquet.age"

    def get(self, mark: Mark, ref: PieceRef) -> pa.RecordBatch:
        """The rows of a part, proved.

        Raises:
            BackupDamaged: they are not those that were stored, or are not there.
            StorageError: they cannot be read.
        """
        key = self._part_place(mark.history, mark.number, ref.hash)
        place = self._storage.place(key)
        data = decrypt(self._read(key, 2 * ref.raw + _SLACK), self._keys.identities, place)
        try:
            rows = piece.read(data, rows=ref.rows, raw=ref.raw)
            same = hmac.compare_digest(piece.identity(rows, self._part_key), ref.hash)
        except piece.NoPieceError:
            same = False
        if not same:
            raise _damaged(place, "its content is not what it was named for", Damage.SWAPPED)
        return rows

    # -- marks ------------------------------------------------------------------------------

    def publish(self, mark: Mark) -> str:
        """Writes the mark; returns its code.

        Raises:
            UsageError: there is a mark of that number.
            StorageError: it cannot be written.
        """
        body = json.dumps(
            mark.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False
        ).encode()
        code = self._code(body)
        packed = gzip.compress(code.encode() + b"\n" + body, mtime=0)
        data = encrypt(packed, self._keys.recipients)
        with self._storage.writing(
            self._mark_place(mark.history, mark.number), overwrite=False
        ) as stream:
            stream.write(data)
        return code

    def _code(self, body: bytes) -> str:
        return hmac.new(self._mark_key, _MARK + body, sha256).hexdigest()

    def find(self, history: str, number: int) -> tuple[Mark, str] | None:
        """A mark and its code; None where there is none.

        Raises:
            BackupDamaged, BackupError, StorageError: see :meth:`read`.
        """
        if not self._storage.exists(self._mark_place(history, number)):
            return None
        return self.read(history, number)

    def read(self, history: str, number: int) -> tuple[Mark, str]:
        """A mark and its code, proved to be written with the tenant's key.

        Raises:
            BackupDamaged: it is missing, damaged, forged, moved, or of another tenant.
            BackupError: a newer release wrote it.
            StorageError: it cannot be read.
        """
        key = self._mark_place(history, number)
        place = self._storage.place(key)
        data = decrypt(self._read(key, MAX_BYTES), self._keys.identities, place)
        try:
            with gzip.open(BytesIO(data)) as stream:
                text = stream.read(MAX_BYTES)
        except (OSError, EOFError, zlib.error):
            text = b""
        told, _, body = text.partition(b"\n")
        code = self._code(body)
        if not hmac.compare_digest(told, code.encode()):
            raise _damaged(place, "its code of authentication is wrong", Damage.FORGED)
        content = json.loads(body)
        try:
            mark = Mark.model_validate(content)
        except ValidationError:
            raise BackupError(
                f"{place} was written with the tenant's key, and this release cannot read it. "
                "Restore with the release that wrote it."
            ) from None
        expected = (self._keys.repository, self._keys.tenant, history, number)
        if (mark.repository, mark.tenant, mark.history, mark.number) != expected:
            raise _damaged(place, "it is another mark than its place says", Damage.SWAPPED)
        return mark, code

    def all(self, history: str, numbers: list[int]) -> Iterator[tuple[Mark, str]]:
        """Marks of a history, each proved to follow the one before it.

        Raises:
            BackupDamaged: one is missing or not what was written.
        """
        before: tuple[int, str] | None = None
        for number in numbers:
            mark, code = self.read(history, number)
            if before is not None:
                if number != before[0] + 1:
                    raise _missing(self.place_of(history, before[0] + 1))
                if mark.previous != before[1]:
                    raise _damaged(
                        self.place_of(history, number),
                        "the mark before it is not the one that it followed",
                        Damage.SWAPPED,
                    )
            yield mark, code
            before = number, code

    # -- what is not needed any more ---------------------------------------------------------

    def keys_of(self, history: str) -> list[tuple[str, int]]:
        """Everything that lies there of a history, with the number of its mark.

        Raises:
            StorageError: it cannot be listed.
        """
        prefix = f"{self._root}/{history}/"
        return [
            (blob.key, int(match[1]))
            for blob in self._storage.list(prefix)
            if (match := re.fullmatch(rf"{re.escape(prefix)}(\d{{10}})[-.].*\.age", blob.key))
        ]

    def delete(self, key: str) -> None:
        """Deletes one of :meth:`keys_of`.

        Raises:
            StorageError: it cannot be deleted.
        """
        self._storage.delete(key)

    # -- bytes --------------------------------------------------------------------------------

    def _read(self, key: str, content: int) -> bytes:
        limit = content + (content >> 10) + _SLACK
        try:
            with self._storage.reading(key) as stream:
                data = stream.read(limit + 1)
        except StorageError as error:
            if error.transient or self._storage.exists(key):
                raise
            raise _missing(self._storage.place(key)) from None
        if len(data) > limit:
            raise _damaged(
                self._storage.place(key), "it is much larger than what was stored", Damage.SWAPPED
            )
        return data


def _missing(place: str) -> BackupDamaged:
    return BackupDamaged(
        f"{place} is not there (any more): a part of the change journal was deleted, or lost. "
        "Nothing was changed. Restore to a moment before it, or to a snapshot.",
        damage=Damage.MISSING,
        place=place,
    )


def _damaged(place: str, why: str, damage: Damage) -> BackupDamaged:
    return BackupDamaged(
        f"{place} is not the part of the change journal that was written there: {why}. Nothing of "
        "it is used, and nothing was changed. Restore to a moment before it, or to a snapshot, and "
        "find out who can write there.",
        damage=damage,
        place=place,
    )
