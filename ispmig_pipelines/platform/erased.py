"""Who was erased: keyed digests of their account numbers, so that no later migration brings them
back, and of the addresses that were theirs alone, by which records are known that name no account.

A digest says nothing without the tenant's own key, which lies in the ledger and leaves it for
nobody. It is a pseudonym all the same, and kept for one purpose: that the erasure lasts.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.model.permutation import subkey
from ispmig_pipelines.platform.journal import ERASED
from ispmig_pipelines.platform.mask_key import mask_key
from ispmig_pipelines.platform.tenants import Tenant

_BLOCK = 64
"""Bytes of a block of SHA-256, to which HMAC pads its key (RFC 2104)."""

_PURPOSE = "erased subjects"


def digest_key(connection: Connection, slug: str) -> bytes:
    """The key of a tenant's digests; in the current transaction."""
    return subkey(mask_key(connection, slug), _PURPOSE)


def digest(key: bytes, text: str) -> bytes:
    """The digest of a key or of another identity."""
    return hmac.digest(key, text.encode(), "sha256")


def address_digest(key: bytes, address: str) -> bytes:
    """The digest of an email address or of a telephone number's national digits."""
    return digest(key, f"address\x1f{address}")


def digest_sql(text: sql.Composable) -> sql.Composed:
    """SQL for :func:`digest` of a text; its parameters are those of :func:`digest_parameters`."""
    return sql.SQL(
        "sha256(%(outer)s::bytea || sha256(%(inner)s::bytea || convert_to({}, 'UTF8')))"
    ).format(text)


def digest_parameters(key: bytes) -> dict[str, bytes]:
    """What :func:`digest_sql` needs: the key as HMAC uses it, inside and outside."""
    padded = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return {
        "inner": bytes(byte ^ 0x36 for byte in padded),
        "outer": bytes(byte ^ 0x5C for byte in padded),
    }


def are_there(driver: psycopg.Connection, tenant: Tenant) -> bool:
    """Whether anybody was erased."""
    row = driver.execute(
        sql.SQL("select exists (select from {})").format(sql.Identifier(tenant.schema, ERASED))
    ).fetchone()
    return bool(row and row[0])


def remember(driver: psycopg.Connection, tenant: Tenant, digests: Iterable[bytes]) -> int:
    """Enters digests, as the tenant's role; returns how many are new."""
    return driver.execute(
        sql.SQL(
            """insert into {} (digest, at) select d, now() from unnest(%s::bytea[]) d
               on conflict do nothing"""
        ).format(sql.Identifier(tenant.schema, ERASED)),
        [list(digests)],
    ).rowcount


def allow(driver: psycopg.Connection, tenant: Tenant, digests: Iterable[bytes]) -> int:
    """Forgets digests, as the tenant's role: migrations bring these people in again; returns how
    many there were."""
    return driver.execute(
        sql.SQL("delete from {} where digest = any(%s::bytea[])").format(
            sql.Identifier(tenant.schema, ERASED)
        ),
        [list(digests)],
    ).rowcount


def known(driver: psycopg.Connection, tenant: Tenant, digests: Iterable[bytes]) -> set[bytes]:
    """Those of the digests that are of people who were erased."""
    rows = driver.execute(
        sql.SQL("select digest from {} where digest = any(%s::bytea[])").format(
            sql.Identifier(tenant.schema, ERASED)
        ),
        [list(digests)],
    ).fetchall()
    return {bytes(found) for (found,) in rows}
