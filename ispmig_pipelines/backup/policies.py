"""What a tenant says of keeping its snapshots, in the ledger: a policy, and a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ispmig_pipelines.backup import retention
from ispmig_pipelines.backup.retention import Policy
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import ledger
from ispmig_pipelines.settings import settings

DEFAULT = "default"
"""Takes back what a tenant said."""

_POLICY, _ZONE = "backup_retention", "timezone"


@dataclass(frozen=True)
class Keeping:
    """How a tenant's snapshots are kept.

    Attributes:
        own: it is the tenant's policy, and not that of the settings.
    """

    policy: Policy
    timezone: ZoneInfo
    own: bool

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {"retention": str(self.policy), "timezone": self.timezone.key, "own": self.own}


def of(connection: Connection, slug: str) -> Keeping:
    """What holds for a tenant; of one that is there no more, what the settings say.

    Raises:
        UsageError: the settings say no policy, or no time zone.
    """
    table = ledger.tenants
    found = connection.execute(sa.select(table.c.settings).where(table.c.slug == slug))
    said: dict[str, Any] = found.scalar_one_or_none() or {}
    if _POLICY in said:
        policy = retention.parse(said[_POLICY])
    else:
        try:
            policy = retention.parse(settings().backup_retention)
        except UsageError as error:
            raise UsageError(f"ISPMIG_BACKUP_RETENTION cannot be used. {error}") from None
    try:
        zone = zone_named(said.get(_ZONE) or settings().backup_zone)
    except UsageError as error:
        where = "" if _ZONE in said else "ISPMIG_BACKUP_TIMEZONE cannot be used. "
        raise UsageError(f"{where}{error}") from None
    return Keeping(policy, zone, own=_POLICY in said)


def declare(connection: Connection, slug: str, *, policy: str = "", timezone: str = "") -> Keeping:
    """Sets what holds for a tenant from now on, in the current transaction; "" leaves it as it is.

    Args:
        policy, timezone: ``default`` for what the settings say.

    Raises:
        UsageError: it is none; nothing was changed.
    """
    table = ledger.tenants
    asked = sa.select(table.c.settings).where(table.c.slug == slug).with_for_update()
    said = dict(connection.execute(asked).scalar_one())
    for name, text, canonical in (
        (_POLICY, policy.strip(), lambda text: str(retention.parse(text))),
        (_ZONE, timezone.strip(), lambda text: zone_named(text).key),
    ):
        if text == DEFAULT:
            said.pop(name, None)
        elif text:
            said[name] = canonical(text)
    connection.execute(sa.update(table).where(table.c.slug == slug).values(settings=said))
    return of(connection, slug)


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{name[:60]!r} is no time zone. Give its name as the IANA has it: Europe/Kyiv, "
            "America/Chicago, UTC."
        ) from None
