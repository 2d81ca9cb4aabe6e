"""What is known of a tenant's backups because it was tried: read back, restored, or found damaged.

Evidence lies with the backups, as ``verified/<time>-<random>.<kind>.age``: JSON with a code of
authentication under a key of the tenant's, packed and encrypted as manifests are. What nobody with
the key wrote is no evidence. A record of a verification says of every piece when it was last read
back, so that the newest few are all that is needed; a record of a drill is of one snapshot.

A snapshot that was never restored is unverified, whatever else is known of it.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hmac
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ispmig_pipelines.backup.cipher import decrypt, encrypt
from ispmig_pipelines.backup.manifest import new_name
from ispmig_pipelines.backup.repository import Part, Repository
from ispmig_pipelines.errors import BackupDamaged, StorageError

VERIFIED = "verified"
ENDING = ".age"

_MARK = b"ispmig evidence 1\n"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}")
_MAX_STORED = 256 << 20
_MAX_BYTES = 1 << 30
_NEWEST = 4
"""Records of verifications that are read: each says again what those before it said, but for those
that were written at the same time."""

Seconds = Annotated[int, Field(ge=0)]
"""An instant, as seconds since 1970 in UTC."""


class Kind(StrEnum):
    """What a record is of."""

    VERIFICATION = "verification"
    DRILL = "drill"


class State(StrEnum):
    """What is known of a snapshot."""

    UNVERIFIED = "unverified"
    """It was never restored."""

    RESTORED = "restored"
    """A drill restored it, or somebody did, and all was there."""

    FAILED = "failed"
    """The newest drill could not restore it."""

    DAMAGED = "damaged"
    """Something that it needs is damaged or not there."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wrong(_Record):
    """A piece, or a part of a file, that was found damaged.

    Attributes:
        damage: see :class:`~ispmig_pipelines.errors.Damage`, or ``unreadable``.
        found: when it was, last.
        written: when the file that was found so was, by the clock of where it lies; None where
            there was none.
    """

    part: Part
    damage: str
    found: Seconds
    written: AwareDatetime | None = None


class Standing(_Record):
    """How a snapshot stands.

    Attributes:
        since: everything that it needs was read back at that instant or later; None where some of
            it never was.
        damaged: how many of its pieces and parts are, its manifest counted too.
    """

    since: Seconds | None = None
    damaged: int = 0


class Verification(_Record):
    """What a verification leaves behind.

    Attributes:
        proved: hash of a piece or a part → when it was last read back and was as it had been
            stored; of those that snapshots need.
        wrong: hash → what was found of it last.
        snapshots: name → how it stands.
    """

    format: Literal[1] = 1
    kind: Literal["verification"] = "verification"
    repository: str
    name: str
    at: AwareDatetime
    proved: dict[str, Seconds] = {}
    wrong: dict[str, Wrong] = {}
    snapshots: dict[str, Standing] = {}


class Drill(_Record):
    """What a drill leaves behind, or a restore.

    Attributes:
        passed: it was restored, and all was there.
        seconds: the restore took, without the comparing.
        problem: stable name of the kind of error that it ended with.
        totals: business totals of what was restored.
        by: a drill, which looks at everything; or a restore, whole or of a copy, or its dry run.
        proved: of a restore: how its tables were (``every row``, or ``sums`` of large ones), and
            how many files were read and proved, of how many.
    """

    format: Literal[1] = 1
    kind: Literal["drill"] = "drill"
    by: Literal["drill", "restore"] = "drill"
    proved: dict[str, str] = {}
    repository: str
    name: str
    at: AwareDatetime
    snapshot: str
    passed: bool
    seconds: float
    rows: int = 0
    problem: str = ""
    totals: dict[str, str] = {}


@dataclass(frozen=True)
class Evidence:
    """What is known of one snapshot.

    Attributes:
        read_back: everything that it needs was read back then or later, and was as it had been
            stored; None where some of it never was.
        damaged: how many of its pieces, parts and manifest are damaged.
        restored: when it was last restored, by a drill or a restore, and all was there.
        seconds: that restore took.
        failed: when a drill of it failed, after it was last restored.
    """

    snapshot: str
    read_back: dt.datetime | None = None
    damaged: int = 0
    restored: dt.datetime | None = None
    seconds: float | None = None
    rows: int | None = None
    failed: dt.datetime | None = None

    @property
    def state(self) -> State:
        """In one word; a snapshot that was never restored is unverified."""
        if self.damaged:
            return State.DAMAGED
        if self.failed is not None:
            return State.FAILED
        return State.UNVERIFIED if self.restored is None else State.RESTORED

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "state": self.state.value,
            "read_back": None if self.read_back is None else self.read_back.isoformat(),
            "damaged": self.damaged,
            "restored": None if self.restored is None else self.restored.isoformat(),
            "restore_seconds": None if self.seconds is None else round(self.seconds, 3),
            "failed": None if self.failed is None else self.failed.isoformat(),
        }


def of(repository: Repository) -> dict[str, Evidence]:
    """What is known of each snapshot there is, by its name, the oldest first.

    Raises:
        StorageError: it cannot be listed or read.
    """
    standings: dict[str, Standing] = {}
    for record in verifications(repository):
        for name, standing in record.snapshots.items():
            standings.setdefault(name, standing)
    newest: dict[str, Drill] = {}
    restored: dict[str, Drill] = {}
    for drill in drills(repository):
        newest.setdefault(drill.snapshot, drill)
        if drill.passed:
            restored.setdefault(drill.snapshot, drill)
    found = {}
    for snapshot in repository.snapshots():
        name = snapshot.name
        standing = standings.get(name, Standing())
        last, passed = newest.get(name), restored.get(name)
        found[name] = Evidence(
            snapshot=name,
            read_back=None if standing.since is None else instant(standing.since),
            damaged=standing.damaged,
            restored=passed.at if passed else None,
            seconds=passed.seconds if passed else None,
            rows=passed.rows if passed else None,
            failed=last.at if last is not None and not last.passed else None,
        )
    return found


def distrust_damaged(repository: Repository) -> int:
    """Lets what was found damaged be as if it were not there, unless it was stored again since: so
    a backup stores it anew, and relies on no snapshot that needs it. Returns how much it is.

    Raises:
        StorageError: evidence cannot be listed or read.
    """
    wrong = merged(repository).wrong
    for hash, one in wrong.items():
        if one.written is not None:
            repository.distrust(one.part, hash, one.written)
    return len(wrong)


def merged(repository: Repository) -> Verification:
    """What all verifications together say; an empty record where there was none."""
    known: dict[str, int | Wrong] = {}
    when: dict[str, int] = {}
    snapshots: dict[str, Standing] = {}
    for record in verifications(repository):
        told = [*record.proved.items(), *((h, one.found) for h, one in record.wrong.items())]
        for hash, at in told:
            # What a record only repeats is older than what one beside it found.
            if at > when.get(hash, -1):
                when[hash] = at
                known[hash] = record.wrong.get(hash, at)
        for name, standing in record.snapshots.items():
            snapshots.setdefault(name, standing)
    return Verification(
        repository=repository.root,
        name="",
        at=dt.datetime.now(dt.UTC),
        proved={hash: one for hash, one in known.items() if isinstance(one, int)},
        wrong={hash: one for hash, one in known.items() if isinstance(one, Wrong)},
        snapshots=snapshots,
    )


def verifications(repository: Repository) -> list[Verification]:
    """The records of verifications that count, the newest first.

    Raises:
        StorageError: they cannot be listed or read.
    """
    found: list[Verification] = []
    for name in reversed(names(repository, Kind.VERIFICATION)):
        record = read(repository, name, Verification)
        if record is not None:
            found.append(record)
        if len(found) == _NEWEST:
            break
    return found


def drills(repository: Repository) -> Iterator[Drill]:
    """All records of drills, the newest first.

    Raises:
        StorageError: they cannot be listed or read.
    """
    for name in reversed(names(repository, Kind.DRILL)):
        record = read(repository, name, Drill)
        if record is not None:
            yield record


def instant(seconds: int) -> dt.datetime:
    """Seconds since 1970, as an instant in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


# -- where it lies ------------------------------------------------------------------------------

_R = TypeVar("_R", Verification, Drill)


def names(repository: Repository, kind: Kind) -> list[str]:
    """Names of all records of a kind, the oldest first, whether they are evidence or not."""
    prefix, ending = f"{repository.root}/{VERIFIED}/", f".{kind}{ENDING}"
    found = (
        blob.key.removeprefix(prefix).removesuffix(ending)
        for blob in repository.storage.list(prefix)
        if blob.key.endswith(ending)
    )
    return sorted(name for name in found if _NAME.fullmatch(name))


def key_of(repository: Repository, name: str, kind: Kind) -> str:
    """Where in the storage a record lies."""
    return f"{repository.root}/{VERIFIED}/{name}.{kind}{ENDING}"


def write(repository: Repository, record: Verification | Drill) -> str:
    """Writes a record down; returns its name, which is its ``at`` and a random end.

    Raises:
        StorageError: it cannot be written.
    """
    name = new_name(record.at)
    record = record.model_copy(update={"name": name, "repository": repository.root})
    with repository.storage.writing(
        key_of(repository, name, Kind(record.kind)), overwrite=False
    ) as stream:
        stream.write(_sealed(repository, record.model_dump(mode="json")))
    return name


def read(repository: Repository, name: str, model: type[_R]) -> _R | None:
    """A record, proved to be one; None where it is none, or gone.

    Raises:
        StorageError: it cannot be read.
    """
    kind = Kind.VERIFICATION if model is Verification else Kind.DRILL
    key = key_of(repository, name, kind)
    content = unsealed(repository, key)
    if content is None:
        return None
    with suppress(ValidationError):
        record = model.model_validate(content)
        if (record.repository, record.name) == (repository.root, name):
            return record
    return None


def seal(repository: Repository, key: str, content: Mapping[str, Any]) -> None:
    """Writes an object down, authenticated and encrypted; under a name that is not taken.

    Raises:
        UsageError: the name is taken.
        StorageError: it cannot be written.
    """
    with repository.storage.writing(key, overwrite=False) as stream:
        stream.write(_sealed(repository, content))


def unsealed(repository: Repository, key: str) -> dict[str, Any] | None:
    """An object that was written down so; None where it is none of ours, or gone.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        with repository.storage.reading(key) as stream:
            data = stream.read(_MAX_STORED + 1)
    except StorageError as error:
        if error.transient or repository.storage.exists(key):
            raise
        return None
    if len(data) > _MAX_STORED:
        return None
    try:
        packed = decrypt(data, repository.keys.identities, repository.storage.place(key))
        with gzip.open(io.BytesIO(packed)) as stream:
            text = stream.read(_MAX_BYTES + 1)
        if len(text) > _MAX_BYTES:
            return None
        told = json.loads(text)
        mac, content = bytes.fromhex(told["mac"]), told["content"]
    except (BackupDamaged, OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
        return None
    if not isinstance(content, dict) or not hmac.compare_digest(mac, _mac(repository, content)):
        return None
    return content


def _sealed(repository: Repository, content: Mapping[str, Any]) -> bytes:
    told = {"content": content, "mac": _mac(repository, content).hex()}
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    return encrypt(gzip.compress(text.encode(), 6, mtime=0), repository.keys.recipients)


def _mac(repository: Repository, content: Mapping[str, Any]) -> bytes:
    body = json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hmac.digest(repository.keys.derived("evidence"), _MARK + body.encode(), sha256)
