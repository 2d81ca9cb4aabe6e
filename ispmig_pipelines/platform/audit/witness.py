"""The witness: ends of chains, written down where no user of the database reaches.

Whoever may do everything in the database can rewrite a whole chain, every digest right, and set
its end back. So after each commit the position and the digest of the new entry are added to a file
(``ISPMIG_AUDIT_WITNESS``, else ``audit`` in the home; a line each, synced to the disk) or put into
a bucket, under a name that holds them. A chain that does not have what was witnessed was changed.

A line that could not be written is no failure of the work that was entered: it has been committed,
and the digest in the next line stands for all entries before it, too.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.audit.chain import GENESIS, PLATFORM, Head
from ispmig_pipelines.platform.ledger import SCHEMA
from ispmig_pipelines.platform.session import Session
from ispmig_pipelines.settings import settings
from ispmig_pipelines.staging import storage_errors
from ispmig_pipelines.storage import S3_SCHEME, Storage, open_storage

_ENDING = ".heads"
_NAME_OF_PLATFORM = "_platform"
"""No tenant has it: a slug begins with a letter."""

_UNFINISHED = b" (begun, and not finished)"
"""Added to a line whose writer died, before the next one: so it is known for no forgery later."""

_OBJECT = re.compile(r"(?P<database>[^/]+)/(?P<position>\d{12,})-(?P<digest>[0-9a-f]{64})")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Witnessed:
    """That a chain had this entry at this position.

    Attributes:
        at: when it was written down, in ISO format; "" where that is not known.
        where: the file, or whatever it was found in, for messages.
        line: its place among the lines of its file, from 1; 0 of what stands in no such file.
    """

    position: int
    digest: bytes
    at: str
    where: str
    line: int = 0


@dataclass(frozen=True)
class Testimony:
    """All that was written down of a chain.

    Attributes:
        seen: in the order in which it was written.
        unreadable: numbers of lines that are none of the witness's, or are about another tenant;
            torn: of lines that were begun and not finished, as by a machine that lost its power.
        changed: line → the next one, which was written after another line than that; 0 where there
            is none before it.
        others: what was written of a chain of that name in other databases, by database.
    """

    where: str
    seen: tuple[Witnessed, ...] = ()
    unreadable: tuple[int, ...] = ()
    torn: tuple[int, ...] = ()
    changed: dict[int, int] = field(default_factory=dict)
    others: dict[str, tuple[Witnessed, ...]] = field(default_factory=dict)

    @property
    def elsewhere(self) -> int:
        """Lines about a chain of that name in other databases."""
        return sum(map(len, self.others.values()))


def place() -> str:
    """Where the witness is: a folder, or a prefix in a bucket."""
    return settings().audit_witness or str(settings().home / "audit")


def after_commit(driver: psycopg.Connection, head: Head) -> None:
    """Lets the entry be witnessed when the transaction has been committed.

    Connections that are not the platform's own have no witness.
    """
    if isinstance(driver, Session):
        driver.when_committed(f"witness {head.tenant}", lambda session: _observe(session, head))


def _observe(session: Session, head: Head) -> None:
    try:
        found = session.execute(
            sql.SQL("select from {} where tenant = %s and position = %s and digest = %s").format(
                sql.Identifier(SCHEMA, "data_migration_logs")
            ),
            [head.tenant, head.position, head.digest],
        ).fetchone()
        # Its savepoint may have been rolled back.
        if found is not None:
            write(head, database_of(session))
    except (IspmigError, OSError, psycopg.Error) as error:
        _LOG.warning(
            "Entry %d of the audit trail of %s was committed, and could not be witnessed (%s).",
            head.position,
            head.tenant or "the platform",
            type(error).__name__,
        )
    finally:
        if not session.closed:
            session.rollback()


def database_of(driver: psycopg.Connection) -> str:
    """Which database it is, whatever host name it is reached by: the server's own identifier,
    which is made with it and does not lie in a table, and the database's name."""
    may = driver.execute(
        "select has_function_privilege('pg_catalog.pg_control_system()', 'execute')"
    ).fetchone()
    if may is None or not may[0]:
        server: object = f"{driver.info.host}:{driver.info.port}"
    else:
        found = driver.execute("select system_identifier from pg_control_system()").fetchone()
        server = found[0] if found else ""
    return quote(f"{server}-{driver.info.dbname}", safe="")


def write(head: Head, database: str) -> None:
    """Writes down the end of a chain.

    Raises:
        StorageError: it could not be.
    """
    told = {
        "tenant": head.tenant,
        "position": head.position,
        "digest": head.digest.hex(),
        "at": ledger.now().isoformat(timespec="microseconds"),
        "database": database,
    }
    if _in_bucket():
        key = f"{_name(head.tenant)}/{database}/{head.position:012d}-{head.digest.hex()}"
        with _bucket(place()).writing(key) as file:
            file.write(json.dumps(told).encode())
        return
    with storage_errors("writing the witness of the audit trail", "Make room for it."):
        _append(_file(head.tenant), told)


def _append(path: Path, told: dict[str, Any]) -> None:
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        alone = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            alone = (
                False  # The file system knows no locks; a line is added in one piece there, too.
            )
        last = _last(handle)
        rest = b""
        if last and not last.endswith(b"\n"):
            rest = _UNFINISHED + b"\n"
            last += rest
        if alone:
            told = {**told, "after": _digest(last)}
        rest += json.dumps(told).encode() + b"\n"
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _last(handle: int) -> bytes:
    """The last line of a file, as it is."""
    size = os.fstat(handle).st_size
    length = 4_096
    while True:
        tail = os.pread(handle, length, max(0, size - length))
        begins = tail.rstrip(b"\n").rfind(b"\n")
        if begins >= 0 or length >= size:
            return tail[begins + 1 :]
        length *= 16


def _digest(line: bytes) -> str:
    """What the next line says of a line; "" where there is none."""
    line = line.rstrip(b"\n")
    return sha256(line).hexdigest() if line else ""


def read(tenant: str, database: str) -> Testimony:
    """All that was written down of a tenant's chain in this database.

    Raises:
        StorageError: it cannot be read.
    """
    if _in_bucket():
        return _read_bucket(tenant, database)
    path = _file(tenant)
    with storage_errors("reading the witness of the audit trail", "Let this account read it."):
        if not path.exists():
            return Testimony(str(path))
        lines = path.read_bytes().split(b"\n")
    unreadable: list[int] = []
    torn: list[int] = []
    seen: list[Witnessed] = []
    others: dict[str, list[Witnessed]] = {}
    changed: dict[int, int] = {}
    before, last = 0, b""
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        found = _line(line, tenant, path, number)
        if found is not None:
            name, one, after = found
            (seen if name == database else others.setdefault(name, [])).append(one)
            if after not in (None, _digest(last)) and before not in unreadable:
                changed[before] = number
        elif number == len(lines) or line.endswith(_UNFINISHED):
            torn.append(number)
        else:
            unreadable.append(number)
        before, last = number, line
    return Testimony(
        str(path),
        tuple(seen),
        tuple(unreadable),
        tuple(torn),
        changed,
        {name: tuple(lines) for name, lines in others.items()},
    )


def _line(line: bytes, tenant: str, path: Path, number: int) -> tuple[str, Witnessed, Any] | None:
    try:
        told = json.loads(line)
        # An older release did not say whose the line is.
        if told.get("tenant", tenant) != tenant:
            return None
        position, digest = told["position"], bytes.fromhex(told["digest"])
        if type(position) is not int or position < 1 or len(digest) != len(GENESIS):
            return None
        where = f"line {number} of {path}"
        one = Witnessed(position, digest, str(told["at"]), where, number)
        # None of an older release, and where two could write at once.
        return str(told["database"]), one, told.get("after")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _read_bucket(tenant: str, database: str) -> Testimony:
    bucket = _bucket(place())
    seen: list[Witnessed] = []
    others: dict[str, list[Witnessed]] = {}
    prefix = f"{_name(tenant)}/"
    for blob in bucket.list(prefix):
        found = _OBJECT.fullmatch(blob.key.removeprefix(prefix))
        if found is None:
            continue
        (
            seen if found["database"] == database else others.setdefault(found["database"], [])
        ).append(
            Witnessed(
                int(found["position"]),
                bytes.fromhex(found["digest"]),
                blob.modified.isoformat(),
                bucket.place(blob.key),
            )
        )
    return Testimony(
        bucket.place(prefix),
        tuple(seen),
        others={name: tuple(lines) for name, lines in others.items()},
    )


def tenants() -> list[str]:
    """Whose chains were witnessed, the platform's first.

    Raises:
        StorageError: that cannot be read.
    """
    if _in_bucket():
        names = {blob.key.partition("/")[0] for blob in _bucket(place()).list()}
    else:
        with storage_errors("reading the witness of the audit trail", "Let this account read it."):
            names = {
                p.name.removesuffix(_ENDING) for p in Path(place()).expanduser().glob(f"*{_ENDING}")
            }
    return sorted(PLATFORM if name == _NAME_OF_PLATFORM else name for name in names)


def _in_bucket() -> bool:
    return place().startswith(f"{S3_SCHEME}://")


def _name(tenant: str) -> str:
    return tenant or _NAME_OF_PLATFORM


def _file(tenant: str) -> Path:
    return Path(place()).expanduser() / f"{_name(tenant)}{_ENDING}"


@lru_cache(maxsize=4)
def _bucket(place: str) -> Storage:
    return open_storage(place)
