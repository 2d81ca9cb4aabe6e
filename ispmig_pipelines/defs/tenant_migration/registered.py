"""What a tenant is migrated by where nobody names a spec: in the launchpad, in a backfill of many
tenants, and by ``ispmig migrate --all``."""

from pathlib import Path

from sqlalchemy.engine import Connection

from ispmig_pipelines.drop.names import CLAIMED, WORK
from ispmig_pipelines.platform import ledger, registered
from ispmig_pipelines.platform.registered import Registered


def of(connection: Connection, slug: str) -> Registered | None:
    """What was registered; else the spec of the tenant's newest migration, with ordinary options:
    a threshold that was raised once is not raised for ever."""
    said = registered.of(connection, slug)
    if said is not None:
        return said
    # The spec of a dropped file went with it.
    lasting = (
        entry.spec_path
        for entry in ledger.migrations(connection, slug)
        if entry.spec_path and not _of_drop(Path(entry.spec_path))
    )
    newest = next(lasting, None)
    return Registered(newest) if newest else None


def _of_drop(spec: Path) -> bool:
    return not {CLAIMED, WORK}.isdisjoint(spec.parts)
