"""Judges all feeds of a migration before any row of it is written.

First each feed by itself: one row per key, references, completeness, rules of completed rows.
Then the checks over all entities, whose errors reject records; these take along what refers to
them, and the checks are asked again, until nothing more is rejected. Each round rejects at least
one record, and nothing rejected comes back, so there is an end. What does not reject is asked
last, of what is going to be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import psycopg
from psycopg import sql

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.platform import publish
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.integrity import (
    belonging,
    billing,
    completed,
    duplicates,
    findings,
    held_back,
    identity,
    network,
    places,
    references,
    world,
)
from ispmig_pipelines.platform.integrity.findings import Check
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.integrity.world import World
from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.tenants import Tenant, as_tenant

CHECKS: tuple[Check, ...] = (
    *billing.CHECKS,
    *belonging.CHECKS,
    *network.CHECKS,
    *identity.CHECKS,
    *places.CHECKS,
    *completed.CHECKS,
)
"""Every check over rows and entities, in the order in which it is asked."""


def create_tables(driver: psycopg.Connection, feeds: Sequence[FeedTable]) -> None:
    """Makes the temporary tables for judging, as their owner: a tenant's role may make none."""
    for tenant, entity in dict.fromkeys((f.tenant, f.entity) for f in feeds):
        findings.create_table(driver, tenant, entity)
        world.create_table(driver, tenant, entity)
    for tenant in {feed.tenant for feed in feeds}:
        held_back.create_table(driver, tenant)
    for tenant in {feed.tenant for feed in feeds if feed.entity == "location"}:
        places.create_table(driver, tenant)


def _read(checks: Iterable[Check]) -> dict[str, set[str]]:
    """Entity → the fields that the checks ask for."""
    fields: dict[str, set[str]] = {}
    for check in checks:
        for entity, named in check.reads.items():
            fields.setdefault(entity, set()).update(named)
    return fields


def looked_at(feed: FeedTable) -> list[str]:
    """The columns of a feed's staged rows by which they are found, joined and held against each
    other: of the others nobody needs to know what is in them."""
    asked = {*feed.key, *feed.info.references, *_read(CHECKS).get(feed.entity, ())}
    return [*(field for field in feed.fields if field in asked), "_file", "_record"]


def judge(
    driver: psycopg.Connection,
    tenant: Tenant,
    feeds: Sequence[FeedTable],
    policy: Policy,
    on_conflict: OnConflict,
    earlier: Mapping[int, int] = MappingProxyType({}),
) -> dict[str, int]:
    """Rejects what must not be published, in the current transaction.

    What validation rejected lies in quarantine already.

    Args:
        feeds: all of the migration, in the order of loading: parents before those that refer to
            them, and of an entity what makes rows before what completes them.
        earlier: migrations whose quarantine counts: a parent that lies there was rejected, and
            is not just missing; see :func:`ispmig_pipelines.platform.integrity.held_back.fill`.

    Returns:
        entity → records that are set aside because the tenant has other content, which is kept.
    """
    kept: dict[str, int] = {}
    asked_for = {p for feed in feeds for p in feed.info.references.values()}
    asked_for |= {feed.entity for feed in feeds if feed.partial}
    if asked_for:
        held_back.fill(driver, tenant, feeds[0].migration, asked_for, earlier)
    with as_tenant(driver, tenant):
        for index, feed in enumerate(feeds):
            duplicates.settle_duplicates(driver, feed)
            for before in feeds[:index]:
                if before.entity == feed.entity:
                    duplicates.reject_contradictions(driver, feed, before)
            _hold_references(driver, feed, feeds, policy)
            if on_conflict is OnConflict.keep and (aside := publish.reject_conflicts(driver, feed)):
                kept[feed.entity] = kept.get(feed.entity, 0) + aside
    seen = World(driver, tenant, feeds, {})
    checks = (*CHECKS, *completed.checks_of_spec(policy.checks))
    asked = [c for c in checks if findings.to_blame(c, feeds) and c.applies(seen, policy)]
    if asked:
        _ask(driver, tenant, feeds, policy, asked)
    with as_tenant(driver, tenant):
        for feed in feeds:
            references.empty_rejected(driver, feed, feeds, policy)
    return kept


def _hold_references(
    driver: psycopg.Connection, feed: FeedTable, feeds: Sequence[FeedTable], policy: Policy
) -> int:
    return (
        references.reject_orphans(driver, feed, feeds, policy)
        + references.reject_incomplete(driver, feed, feeds)
        + references.reject_rule_breakers(driver, feed, feeds, policy)
    )


def _ask(
    driver: psycopg.Connection,
    tenant: Tenant,
    feeds: Sequence[FeedTable],
    policy: Policy,
    checks: Sequence[Check],
) -> None:
    seen = World(driver, tenant, feeds, _read(checks))
    errors = [c for c in checks if findings.severity_of(c, feeds, policy) is Severity.ERROR]
    # What is asked of each record by itself comes first: what it rejects is in nobody's way.
    due = {check: check.pairs for check in errors}
    while due:
        first = min(due.values())
        now = [check for check, pairs in due.items() if pairs is first]
        for check in now:
            del due[check]
        lost = _round(driver, tenant, feeds, policy, seen, now)
        due |= {check: check.pairs for check in errors if _finds_more(check, seen, lost)}
    _note(driver, tenant, policy, seen, [c for c in checks if c not in errors])


def _finds_more(check: Check, seen: World, lost: set[str]) -> bool:
    """Whether the check may find what it did not find before these entities lost records.

    A rejected record leaves a row of the tenant as it was, and nothing where there is none: then
    there is less to be found wrong, unless the check itself went only as far as it had to.
    """
    touched = lost & check.reads.keys()
    return bool(touched) and (
        check.again or any(not seen.tenant_has_none(entity) for entity in touched)
    )


def _round(
    driver: psycopg.Connection,
    tenant: Tenant,
    feeds: Sequence[FeedTable],
    policy: Policy,
    seen: World,
    checks: Sequence[Check],
) -> set[str]:
    """Asks the checks and rejects what they find with all that follows; returns the entities
    that lost records."""
    if not _note(driver, tenant, policy, seen, checks):
        return set()
    lost: set[str] = set()
    with as_tenant(driver, tenant):
        for feed in feeds:
            if findings.reject_noted(driver, feed):
                lost.add(feed.entity)
        for feed in feeds:
            follows = {feed.entity, *feed.info.references.values()} & lost
            if follows and _hold_references(driver, feed, feeds, policy):
                lost.add(feed.entity)
    seen.lost(lost)
    return lost


def _note(
    driver: psycopg.Connection,
    tenant: Tenant,
    policy: Policy,
    seen: World,
    checks: Iterable[Check],
) -> bool:
    asked = list(checks)
    if not asked:
        return False
    with as_tenant(driver, tenant):
        filled = seen.fill()
    for table in filled:
        driver.execute(sql.SQL("analyze {}").format(table))
    with as_tenant(driver, tenant):
        found = [findings.note(driver, seen, check, policy) for check in asked]
    return any(found)
