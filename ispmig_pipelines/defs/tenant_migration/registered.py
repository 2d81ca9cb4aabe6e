"""A tenant's registered migration: what it is migrated by where nobody names a spec, in the
launchpad, in a backfill of many tenants, and by ``ispmig migrate --all``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from ispmig_pipelines.drop.names import CLAIMED, WORK
from ispmig_pipelines.platform import ledger, tenant_settings
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
    """What was registered for a tenant; else the spec of its newest migration, with ordinary
    options: a threshold that was raised once is not raised for ever. None: neither is there."""
    said = tenant_settings.of(connection, slug).get(_SETTING)
    if said:
        return Registered(**said)
    # The spec of a dropped file went with it.
    lasting = (
        entry.spec_path
        for entry in ledger.migrations(connection, slug)
        if entry.spec_path and not _of_drop(Path(entry.spec_path))
    )
    newest = next(lasting, None)
    return Registered(newest) if newest else None


def declare(connection: Connection, slug: str, said: Registered | None) -> None:
    """Sets it, or forgets it, in the current transaction."""
    tenant_settings.declare(connection, slug, _SETTING, None if said is None else said.as_json())


def _of_drop(spec: Path) -> bool:
    return not {CLAIMED, WORK}.isdisjoint(spec.parts)
