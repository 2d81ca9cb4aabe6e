"""Shipping the journals of all tenants, one after the other, every minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ispmig_pipelines.backup.journal.ship import Shipped, ship
from ispmig_pipelines.backup.repository import open_repository
from ispmig_pipelines.errors import IspmigError
from ispmig_pipelines.platform import change_journal, ledger, tenants
from ispmig_pipelines.platform.server import connect, told_plainly


@dataclass
class Round:
    """What became of the tenants of one round.

    Attributes:
        failed: tenant → why, in words.
        next: the tenant to begin with in the next round; "" for the first.
    """

    shipped: list[Shipped] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    next: str = ""


def ship_all(
    engine: Engine,
    *,
    first: str = "",
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Round:
    """Ships the journal of every tenant that has one, for so long; one that fails holds up no
    other.

    Args:
        first: the tenant to begin with, where the round before ended.
        seconds: after so many no other tenant is begun with.

    Raises:
        DatabaseError: nobody knows who has a journal.
    """
    until = clock() + seconds
    found = Round()
    with engine.connect() as connection:
        slugs = connection.execute(sa.select(ledger.tenants.c.slug)).scalars().all()
    with told_plainly(), connect(autocommit=True) as driver:
        journaled = sorted(
            slug
            for slug in slugs
            if change_journal.is_on(driver, tenants.describe(slug, driver.info.dbname))
        )
    for slug in [s for s in journaled if s >= first] + [s for s in journaled if s < first]:
        if clock() >= until:
            found.next = slug
            break
        try:
            with engine.connect() as connection:
                tenant = tenants.get(connection, slug)
            found.shipped.append(ship(tenant, open_repository(slug, make=True)))
        except IspmigError as error:
            found.failed[slug] = str(error)
    return found
