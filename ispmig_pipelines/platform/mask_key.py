"""The key under which a tenant's data are masked: random, its own, and kept in the ledger."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.model.masking import KEY_BYTES
from ispmig_pipelines.platform import ledger


def mask_key(connection: Connection, slug: str) -> bytes:
    """The tenant's key, made when it is first asked for; in the current transaction."""
    table = ledger.tenants
    connection.execute(
        sa.update(table)
        .where(table.c.slug == slug, table.c.mask_key.is_(None))
        .values(mask_key=secrets.token_bytes(KEY_BYTES))
    )
    found = connection.execute(sa.select(table.c.mask_key).where(table.c.slug == slug))
    return bytes(found.scalar_one())
