"""Listing the quarantine from the command line: records by options, and pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ispmig_pipelines.account import account
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.nearest import did_you_mean

if TYPE_CHECKING:
    # Commands that need no database are to start without its libraries.
    from sqlalchemy.engine import Connection

    from ispmig_pipelines.platform.quarantine import Chosen
    from ispmig_pipelines.platform.tenants import Tenant
    from ispmig_pipelines.platform.trail import Record

PAGE = 100
"""Records of a page, unless --limit says otherwise."""


def choose(
    connection: Connection,
    tenant: Tenant,
    *,
    migration: int | None = None,
    entities: Sequence[str] = (),
    rule: str = "",
    closed: bool = False,
    everything: bool = False,
) -> Chosen:
    """The records that options mean.

    Raises:
        UsageError: the migration is none of the tenant's, there is no such entity, no record is
            held back by the rule, or the options contradict each other.
    """
    from ispmig_pipelines.platform import quarantine, tenants
    from ispmig_pipelines.platform.quarantine import Chosen, Which

    if closed and everything:
        raise UsageError("--closed shows what is solved and --all everything: choose one of them.")
    check_entities(entities)
    if migration is not None:
        check_migration(connection, tenant, migration)
    wanted = quarantine.current(connection, tenant) if migration is None else [migration]
    if rule:
        known = quarantine.rules(tenants.raw(connection), tenant, wanted)
        if rule not in known:
            there = f" The rules there: {', '.join(known)}." if known else ""
            raise UsageError(
                f"No record is in quarantine by a rule {rule!r}{did_you_mean(rule, known)}.{there}"
            )
    which = Which.ALL if everything else Which.CLOSED if closed else Which.OPEN
    return Chosen(tuple(wanted), tuple(entities), rule, which)


@contextmanager
def on_record(
    connection: Connection, tenant: Tenant, chosen: Chosen, *, format: str, to: str
) -> Iterator[Record]:
    """Does the block's showing of cells on record: the audit trail has who was given them.

    Args:
        format: what they are written as; to: the file, or where else.
    """
    from ispmig_pipelines.platform import trail

    details = {
        "what": "quarantine",
        "migrations": list(chosen.migrations),
        "entities": list(chosen.entities),
        "rule": chosen.rule or None,
        "which": chosen.which.value,
        "format": format,
        "to": to,
    }
    with trail.on_record(
        connection.engine.connect,
        tenant.slug,
        trail.Operation.ACCESS,
        actor=account(),
        details=details,
    ) as record:
        yield record


def check_entities(entities: Sequence[str]) -> None:
    """Raises:
    UsageError: one of them is none of the platform's.
    """
    from ispmig_pipelines.model import ENTITIES

    for name in entities:
        if name not in ENTITIES:
            raise UsageError(
                f"There is no entity {name!r}{did_you_mean(name, list(ENTITIES))}. The entities: "
                f"{', '.join(ENTITIES)}."
            )


def check_migration(connection: Connection, tenant: Tenant, migration: int) -> None:
    """Raises:
    UsageError: there is no such migration, or it is another tenant's.
    """
    from ispmig_pipelines.platform import ledger

    if ledger.migration(connection, migration).tenant != tenant.slug:
        raise UsageError(f"Migration {migration} is not one of tenant {tenant.slug}.")


def page(number: int | None, limit: int | None, offset: int | None) -> tuple[int | None, int]:
    """Limit and offset of what --page, --limit and --offset say.

    Raises:
        UsageError: a page and an offset are both asked for.
    """
    if number is None:
        return limit, offset or 0
    if offset is not None:
        raise UsageError("--page and --offset both say where to begin: choose one of them.")
    size = limit or PAGE
    return size, (number - 1) * size
