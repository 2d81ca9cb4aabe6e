"""A tenant's registered migration: what is run where nobody names a spec."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.platform import ledger
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.validation import threshold

_SETTING = "migration"


@dataclass(frozen=True)
class Registered:
    """What a tenant is migrated by.

    Attributes:
        spec: absolute path of the spec; the file is read at each migration anew.
    """

    spec: str
    on_conflict: str = OnConflict.update.value
    max_quarantined: str = threshold.DEFAULT

    def as_json(self) -> dict[str, str]:
        """As the ledger keeps it."""
        return asdict(self)


def of(connection: Connection, slug: str) -> Registered | None:
    """A tenant's registered migration; None where there is none, or no such tenant."""
    table = ledger.tenants
    found = connection.execute(sa.select(table.c.settings).where(table.c.slug == slug))
    said = (found.scalar_one_or_none() or {}).get(_SETTING)
    return Registered(**said) if said else None


def declare(connection: Connection, slug: str, said: Registered | None) -> None:
    """Sets it, or forgets it, in the current transaction."""
    table = ledger.tenants
    asked = sa.select(table.c.settings).where(table.c.slug == slug).with_for_update()
    settings = {k: v for k, v in connection.execute(asked).scalar_one().items() if k != _SETTING}
    if said is not None:
        settings[_SETTING] = said.as_json()
    connection.execute(sa.update(table).where(table.c.slug == slug).values(settings=settings))
