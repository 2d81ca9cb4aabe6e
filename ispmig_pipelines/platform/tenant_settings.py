"""What tenants say of themselves, by name, in the ledger; each name is that of the module which
knows what it means."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform.ledger import tenants


def of(connection: Connection, slug: str) -> dict[str, Any]:
    """All that a tenant says; nothing of one that is there no more."""
    found = connection.execute(sa.select(tenants.c.settings).where(tenants.c.slug == slug))
    return found.scalar_one_or_none() or {}


def of_all(connection: Connection) -> dict[str, dict[str, Any]]:
    """The same of every tenant, in the order of their slugs."""
    rows = connection.execute(sa.select(tenants.c.slug, tenants.c.settings).order_by("slug"))
    return {row.slug: row.settings for row in rows}


def declare(connection: Connection, slug: str, name: str, value: Any) -> None:
    """Says something of a tenant that is there, in the current transaction; None takes it back."""
    asked = sa.select(tenants.c.settings).where(tenants.c.slug == slug).with_for_update()
    said = {k: v for k, v in connection.execute(asked).scalar_one().items() if k != name}
    if value is not None:
        said[name] = value
    connection.execute(sa.update(tenants).where(tenants.c.slug == slug).values(settings=said))
