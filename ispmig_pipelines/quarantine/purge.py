"""Purging the quarantine from the command line: counted first, and deleted when confirmed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ispmig_pipelines.account import account
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.quarantine.listing import check_entities, check_migration

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.platform.purging import Counted


def purge(
    connection: Connection,
    slug: str,
    *,
    migration: int | None,
    before: str,
    entities: Sequence[str] = (),
    only_closed: bool = False,
    confirmed: bool = False,
) -> Counted:
    """Deletes records from a tenant's quarantine for good, and enters that into the audit trail.

    Args:
        connection: to the platform's database; in no transaction afterwards.
        migration: only of this one; before: of migrations that began before this day. One of both.
        only_closed: only what resubmissions solved.
        confirmed: somebody has seen the counts.

    Raises:
        UsageError: it is not said of what, or not confirmed: the text has the counts.
        TenantBusy: a run is working on the tenant.
    """
    from ispmig_pipelines.platform import purging, tenants
    from ispmig_pipelines.platform.quarantine import Chosen, Which

    check_entities(entities)
    if (migration is None) == (not before):
        raise UsageError(
            "Say what to purge: --migration ID, or --before DATE for all migrations that began "
            "before that day."
        )
    tenant = tenants.get(connection, slug)
    if migration is not None:
        check_migration(connection, tenant, migration)
        wanted = [migration]
    else:
        wanted = purging.before(connection, tenant, _day(before))
    connection.rollback()
    which = Which.CLOSED if only_closed else Which.ALL
    chosen = Chosen(tuple(wanted), tuple(entities), which=which)
    if not confirmed:
        found = purging.counted(connection, tenant, chosen)
        connection.rollback()
        if found.total:
            raise UsageError(_not_confirmed(found, slug))
        return found
    asked: dict[str, Any] = {
        "migration": migration,
        "before": before or None,
        "entities": list(entities),
        "only_closed": only_closed,
    }
    with tenants.lock(connection, slug, "quarantine purge"), connection.begin():
        return purging.purge(connection, tenant, chosen, actor=account(), asked=asked)


def _not_confirmed(found: Counted, slug: str) -> str:
    by_entity = ", ".join(
        f"{sum(counts.values()):,} {entity}" for entity, counts in found.records.items()
    )
    nowhere = (
        f" {found.open:,} of them were never loaded: this deletes them for good."
        if found.open
        else " All of them were solved."
    )
    which = ", ".join(map(str, found.migrations))
    return (
        f"This would delete {found.total:,} records ({by_entity}) of migrations {which} from the "
        f"quarantine of tenant {slug}.{nowhere} Nothing was deleted. If that is meant, add --yes."
    )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--before takes a day such as 2026-03-31, not {text[:40]!r}.") from None
