"""The manifest of a snapshot: all there is of a tenant at one instant, and in which pieces.

A manifest is complete in itself: no other is needed to restore from it. It is one JSON object
(keys in order, no spaces, UTF-8) whose last member is ``"mac"``: HMAC-SHA-256, under the tenant's
manifest key, of the object without that member. Packed with gzip, which is everywhere, and
encrypted with age. Whoever knows the public key can encrypt to it, so the code is what proves who
wrote it.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hmac
import io
import json
import re
import secrets
import zlib
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ispmig_pipelines.backup.cipher import decrypt, encrypt
from ispmig_pipelines.backup.keys import TenantKeys
from ispmig_pipelines.errors import BackupDamaged, BackupError, Damage

FORMAT = 1
MAX_BYTES = 1 << 30
"""A manifest that unpacks to more is none: a file of names and sizes is a hundred bytes a piece."""

_LEVEL = 6
_TIME = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-([0-9a-f]{8})")
_MAC = re.compile(rb',"mac":"([0-9a-f]{64})"\}')
_MAC_BYTES = len(',"mac":""}') + 64
_MARK = b"ispmig manifest 1\n"

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PieceRef(_Part):
    """Where rows lie.

    Attributes:
        hash: the piece's name, from its content.
        rows: how many.
        bytes: as it lies in the repository, encrypted.
        raw: as Arrow has it in memory.
        first, last: keys of the first and the last row, as texts, one a column of the key.
    """

    hash: Hash
    rows: Count
    bytes: Count
    raw: Count
    first: tuple[str | None, ...] = ()
    last: tuple[str | None, ...] = ()


class Overlay(_Part):
    """What changed in a table since its pieces were cut; a later overlay wins over former ones.

    Attributes:
        upserts: whole rows that are new or changed.
        deletes: keys (the key's columns alone) of rows that are gone. No key is in both.
    """

    upserts: tuple[PieceRef, ...] = ()
    deletes: tuple[PieceRef, ...] = ()


class Column(_Part):
    """A column, in the order of the table.

    Attributes:
        type: as PostgreSQL calls it.
        piece_type: as pieces have it, see :mod:`~ispmig_pipelines.backup.columns`.
    """

    name: str
    type: str
    piece_type: str
    nullable: bool = True


class Table(_Part):
    """A table at the instant of the snapshot.

    Attributes:
        name: in the tenant's schema; ``ledger/…`` for rows of the ledger that are the tenant's.
        key: names of the columns of its key, in the key's order; empty where it has none.
        rows: after all overlays.
        definition: of what is needed to make it anew: constraints, indexes, triggers, grants…
        totals: control totals, name → exact number as text.
        source: what tells the next backup whether it may rely on this one.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: Count
    pieces: tuple[PieceRef, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    definition: dict[str, Any] = {}
    totals: dict[str, str] = {}
    source: dict[str, Any] = {}

    def refs(self) -> tuple[PieceRef, ...]:
        """All its pieces, those of overlays too."""
        found = list(self.pieces)
        for overlay in self.overlays:
            found += (*overlay.upserts, *overlay.deletes)
        return tuple(found)


class FilePart(_Part):
    """Some bytes of a file: ``raw`` of them, ``bytes`` as they lie encrypted."""

    hash: Hash
    bytes: Count
    raw: Count


class StoredFile(_Part):
    """A file of the tenant's, as the parts that make it, in order.

    Attributes:
        path: below the tenant's folder or prefix, with ``/`` between its parts.
        size: bytes.
        modified: in UTC, ISO 8601.
    """

    path: str
    size: Count
    modified: str
    parts: tuple[FilePart, ...] = ()
    source: dict[str, Any] = {}


class Manifest(_Part):
    """A snapshot.

    Attributes:
        format: of this document.
        repository: the folder or prefix it belongs to: slug and id of the key.
        snapshot: its name, see :func:`new_name`.
        instant: all of it is as of then, in UTC.
        parent: the snapshot that this one relied on, for information; nothing needs it.
        server: what tells the next backup whether it may rely on this one.
        definitions: of the schema: sequences, types, views, functions, grants.
        digests: ``content``: see :func:`content_digest`; the audit trail has it, too.
        totals: business totals (see :mod:`.business`), name → exact number as text; empty where the
            tables are not those of the model.
        measured: rows, bytes read and stored, seconds.
        tool: what wrote it.
    """

    format: Literal[1] = 1
    repository: str
    tenant: str
    snapshot: str
    instant: AwareDatetime
    kind: Literal["full", "incremental"]
    parent: str | None = None
    tables: tuple[Table, ...] = ()
    files: tuple[StoredFile, ...] = ()
    server: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    digests: dict[str, str] = {}
    totals: dict[str, str] = {}
    measured: dict[str, Any] = {}
    tool: str = ""

    def table(self, name: str) -> Table | None:
        """The table of that name."""
        return next((table for table in self.tables if table.name == name), None)

    def piece_hashes(self) -> frozenset[str]:
        """Names of all pieces it needs."""
        return frozenset(ref.hash for table in self.tables for ref in table.refs())

    def file_hashes(self) -> frozenset[str]:
        """Names of all parts of files it needs."""
        return frozenset(part.hash for file in self.files for part in file.parts)


def content_digest(tables: Iterable[Table], files: Iterable[StoredFile]) -> str:
    """SHA-256 of what is in a snapshot: of the names of its pieces, which are keyed codes of their
    content, in order."""
    told = sha256()
    for table in tables:
        told.update(f"{table.name} {table.rows} ".encode())
        for ref in table.refs():
            told.update(ref.hash.encode())
    for file in files:
        told.update(file.path.encode("utf-8", "backslashreplace"))
        for part in file.parts:
            told.update(part.hash.encode())
    return told.hexdigest()


def new_name(instant: dt.datetime) -> str:
    """A name for a snapshot of that instant: ``20261122T103107.123456Z-5f0c9a1e``.

    Names are in the order of their instants; the end is random, so that two backups at once have
    two names.
    """
    return f"{instant.astimezone(dt.UTC).strftime(_TIME)}-{secrets.token_hex(4)}"


def instant_of(name: str) -> dt.datetime:
    """The instant in a snapshot's name, in UTC.

    Raises:
        ValueError: it is no name of a snapshot.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"no name of a snapshot: {name[:80]!r}")
    return dt.datetime.strptime(match[1], _TIME).replace(tzinfo=dt.UTC)


def write(manifest: Manifest, keys: TenantKeys) -> bytes:
    """The manifest as it lies in the repository.

    Raises:
        ValueError: it is not of this repository, or its name does not tell its instant.
    """
    if (manifest.repository, manifest.tenant) != (keys.repository, keys.tenant):
        raise ValueError("the manifest is of another repository")
    if instant_of(manifest.snapshot) != manifest.instant.astimezone(dt.UTC):
        raise ValueError("the snapshot's name tells another instant")
    body = json.dumps(
        manifest.model_dump(mode="json"),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()
    signed = body[:-1] + b',"mac":"' + _mac(body, keys).hex().encode() + b'"}'
    return encrypt(gzip.compress(signed, _LEVEL, mtime=0), keys.recipients)


def read(data: bytes, keys: TenantKeys, name: str, place: str) -> Manifest:
    """The manifest in a file of the repository, proved.

    Args:
        name: of the snapshot, as the file's name says.
        place: what the file is called in an error.

    Raises:
        BackupDamaged: it cannot be opened; or is cut off; or nobody with the tenant's key wrote
            it; or it is another snapshot's, or another tenant's.
        BackupError: a newer release wrote it.
    """
    text = _unpack(decrypt(data, keys.identities, place), place)
    match = _MAC.fullmatch(text[-_MAC_BYTES:])
    body = text[:-_MAC_BYTES] + b"}"
    if match is None or not hmac.compare_digest(bytes.fromhex(match[1].decode()), _mac(body, keys)):
        raise BackupDamaged(
            f"{place} was not written with the key of tenant {keys.tenant}: its code of "
            "authentication is wrong. Somebody forged or changed it. Nothing of it is used. "
            "Restore from another snapshot, and find out who can write there.",
            damage=Damage.FORGED,
            place=place,
        )
    content = json.loads(body)
    told = content.get("format") if isinstance(content, dict) else None
    if told != FORMAT:
        raise BackupError(
            f"{place} has the format {told!r}, and this release reads {FORMAT}: a newer one wrote "
            "it. Restore with that release."
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        # Only what had the tenant's key can have written it; its values are not repeated.
        fields = sorted({".".join(str(p) for p in e["loc"]) for e in error.errors()})
        raise BackupError(
            f"{place} was written with the tenant's key, and this release cannot read it: "
            f"{', '.join(fields[:5])}. Restore with the release that wrote it."
        ) from None
    for what, said, right in (
        ("tenant", manifest.tenant, keys.tenant),
        ("repository", manifest.repository, keys.repository),
        ("snapshot", manifest.snapshot, name),
    ):
        if said != right:
            raise BackupDamaged(
                f"{place} holds the manifest of {what} {said}, and not of {right} as its place "
                "says: somebody moved or renamed it. Nothing of it is used. Put it back, or "
                "restore from another snapshot.",
                damage=Damage.SWAPPED,
                place=place,
            )
    return manifest


def _mac(body: bytes, keys: TenantKeys) -> bytes:
    return hmac.digest(keys.manifest_key, _MARK + body, sha256)


def _unpack(data: bytes, place: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            text = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        text = b""
    if not text or len(text) > MAX_BYTES:
        raise BackupDamaged(
            f"{place} holds no manifest: somebody who knows the tenant's public key put something "
            "else there, or packed it otherwise. Nothing of it is used. Restore from another "
            "snapshot, and find out who can write there.",
            damage=Damage.FORGED,
            place=place,
        )
    return text
