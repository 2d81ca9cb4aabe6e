"""How entries of the audit trail hang together: each holds the digest of the one before it.

A tenant's entries are numbered 1, 2, 3 … (``position``). The digest of an entry is the SHA-256 of
its canonical JSON: an object of all its columns but the digest, members sorted by name, without
blanks, in UTF-8; the moment in UTC as ``2026-03-31T09:30:00.000000+00:00``; the digest of the entry
before (``previous``) in hexadecimal, of the first entry 64 zeros; numbers within the details as
PostgreSQL writes them in ``jsonb``. This is the format of entries that exist: it does not change.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import sql

from ispmig_pipelines.platform.ledger import SCHEMA

GENESIS = bytes(32)
"""What the first entry of a chain has for the digest of the one before it."""

PLATFORM = ""
"""The tenant under which the platform's own chain stands."""

_LOG = sql.Identifier(SCHEMA, "data_migration_logs")
_HEADS = sql.Identifier(SCHEMA, "audit_heads")
_READ_AT_ONCE = 2_000


@dataclass(frozen=True)
class Link:
    """An entry as it stands in the database, whatever has been done to it there.

    Attributes:
        at: as PostgreSQL writes it in UTC.
        details: JSON.
        previous: digest of the entry before it.
    """

    id: int | None
    at: str | None
    tenant: str | None
    operation: str | None
    stage: str | None
    actor: str | None
    dagster_run_id: str | None
    details: str | None
    position: int | None
    previous: bytes | None
    digest: bytes | None

    def content(self) -> bytes:
        """The canonical JSON of the entry."""
        members = {
            "id": json.dumps(self.id),
            "at": _text(None if self.at is None else moment(self.at)),
            "tenant": _text(self.tenant),
            "operation": _text(self.operation),
            "stage": _text(self.stage),
            "actor": _text(self.actor),
            "dagster_run_id": _text(self.dagster_run_id),
            "details": "null" if self.details is None else _as_entered(self.details),
            "position": json.dumps(self.position),
            "previous": _text(None if self.previous is None else self.previous.hex()),
        }
        whole = ",".join(f"{_text(name)}:{members[name]}" for name in sorted(members))
        return f"{{{whole}}}".encode()

    def told(self) -> Any:
        """The details; as text where no program of ours can have written them."""
        try:
            return None if self.details is None else json.loads(self.details)
        except (ValueError, RecursionError):
            return self.details

    def computed(self) -> bytes:
        """The digest that belongs to what the entry says."""
        return sha256(self.content()).digest()

    def at_position(self, position: int, previous: bytes) -> Link:
        """The same entry elsewhere in the chain."""
        return replace(self, position=position, previous=previous)

    def as_json(self) -> dict[str, Any]:
        """The entry as people and files get it; digests in hexadecimal."""
        return {
            "position": self.position,
            "id": self.id,
            "at": None if self.at is None else moment(self.at),
            "tenant": self.tenant,
            "operation": self.operation,
            "stage": self.stage,
            "actor": self.actor,
            "dagster_run_id": self.dagster_run_id,
            "details": self.told(),
            "previous": None if self.previous is None else self.previous.hex(),
            "digest": None if self.digest is None else self.digest.hex(),
        }


@dataclass(frozen=True)
class Head:
    """The end of a chain: the position and the digest of its newest entry."""

    tenant: str
    position: int
    digest: bytes

    def as_json(self) -> dict[str, Any]:
        """``{"tenant", "position", "digest"}``, as reports carry it."""
        return {"tenant": self.tenant, "position": self.position, "digest": self.digest.hex()}


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def canonical(text: str) -> str:
    """JSON text of PostgreSQL's in canonical form; numbers stay as they are written.

    As floats they would lose digits, and a change among these would not be seen.
    """
    return _canonical(json.loads(text, parse_float=_Number, parse_int=_Number))


def _as_entered(text: str) -> str:
    """Details in canonical form; as they are where no entry can have been made of them: so deep
    that they cannot be read. Whoever put them there is not to keep a chain from being proven."""
    try:
        return canonical(text)
    except (ValueError, RecursionError):
        return text


def _canonical(value: Any) -> str:
    match value:
        case _Number():
            return str(value)
        case dict():
            members = (f"{_text(name)}:{_canonical(value[name])}" for name in sorted(value))
            return f"{{{','.join(members)}}}"
        case list():
            return f"[{','.join(map(_canonical, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _text(value: str | None) -> str:
    return json.dumps(value, ensure_ascii=False)


def moment(text: str) -> str:
    """A moment of PostgreSQL's (of ISO style, with an offset) in UTC with microseconds; what is
    none of this calendar's (infinity, before Christ, after the year 9999) as it is."""
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        return text


def links(driver: psycopg.Connection, tenant: str) -> Iterator[Link]:
    """A tenant's entries in the order of the chain, read bit by bit in the current transaction.

    Entries without a position, which only tampering can make, come last.
    """
    driver.execute("set local timezone to 'UTC'")
    driver.execute("set local datestyle to 'ISO, YMD'")
    with driver.cursor("ispmig_audit_links") as cursor:
        cursor.itersize = _READ_AT_ONCE
        cursor.execute(
            sql.SQL(
                """select id, at::text, tenant, operation, stage, actor, dagster_run_id,
                          details::text, position, previous, digest
                   from {} where tenant = %s order by position nulls last, id"""
            ).format(_LOG),
            [tenant],
        )
        for row in cursor:
            yield Link(*row)


def head(driver: psycopg.Connection, tenant: str) -> Head | None:
    """The end of a tenant's chain; None of one that has no entry."""
    row = driver.execute(
        sql.SQL("select position, digest from {} where tenant = %s and position > 0").format(
            _HEADS
        ),
        [tenant],
    ).fetchone()
    return None if row is None else Head(tenant, row[0], bytes(row[1]))


def chained(driver: psycopg.Connection) -> list[str]:
    """Tenants that have, or had, a chain, the platform's first; removed tenants too, and those
    that the platform's own chain alone knows of."""
    rows = driver.execute(
        sql.SQL(
            """select tenant from {heads} union select tenant from {log}
               union select details ->> 'tenant' from {log} where tenant = ''
               union select slug from {tenants} union select ''"""
        ).format(heads=_HEADS, log=_LOG, tenants=sql.Identifier(SCHEMA, "tenants"))
    ).fetchall()
    return sorted(row[0] for row in rows if row[0] is not None)


def in_words(tenant: str) -> str:
    """Whose chain it is."""
    return f"tenant {tenant}" if tenant else "the platform"
