"""What is decided of a migration before a row of it is written, and the locks on what it is
written into.

Judging reads the tenant's tables and writes into the quarantine and the session's own tables only,
so it keeps nobody waiting. Then the tables are locked against other writers; if somebody has
written into them meanwhile, the migration is judged anew, with the tables locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import (
    journal,
    let_go,
    publish,
    quarantine,
    resubmitted,
    set_aside,
    table_locks,
    unmoved,
)
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.feed import Feed
from ispmig_pipelines.platform.integrity import judge as integrity
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.let_go import LetGo
from ispmig_pipelines.platform.publish import Matches, Repeats
from ispmig_pipelines.platform.resubmitted import Continuation
from ispmig_pipelines.platform.retention import Retention
from ispmig_pipelines.platform.table_locks import Mode
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw


@dataclass(frozen=True)
class Terms:
    """By what a migration is judged.

    Attributes:
        policy: what the tenant and the spec decide about the checks.
        retention: what is done about customers past their retention; None: nothing is.
        erased_key: of the digests of who was erased; None: nobody was.
        continues: of a resubmission: what it goes on with.
    """

    policy: Policy
    on_conflict: OnConflict
    retention: Retention | None = None
    erased_key: bytes | None = None
    continues: Continuation | None = None


@dataclass(frozen=True)
class Judged:
    """What was decided.

    Attributes:
        conflicts: entity → records that are set aside because the tenant has other content.
        let_go: what is not to be kept of people.
        repeats: of each feed: records that said again what an earlier one said.
        matches: of each feed: how its rows compare with the tenant's; None where that depends on
            what another feed of the entity writes first.
    """

    conflicts: dict[str, int]
    let_go: LetGo
    repeats: Sequence[Repeats]
    matches: Sequence[Matches | None]


def judge(
    connection: Connection,
    tenant: Tenant,
    migration: int,
    feeds: Sequence[Feed],
    terms: Terms,
) -> Judged:
    """Judges the staged feeds and locks the tables that they go into and refer to, in the current
    transaction. Nobody else writes into these from here to its end, and what was decided is true of
    what they hold.

    Raises:
        DatabaseError: (transient) others work on the tables all the time; the text says who.
    """
    driver = raw(connection)
    tables = {feed.table.entity for feed in feeds}
    # Parents too: one that went away after it was looked up would leave an orphan.
    tables |= {p for e in tables for p in ENTITIES[e].references.values()}
    table_locks.lock(driver, tenant, tables, Mode.READING)
    with as_tenant(driver, tenant):
        seen = unmoved.look(driver, tenant, tables)
    driver.execute("savepoint ispmig_unjudged")
    judged = _judge(connection, tenant, migration, feeds, terms)
    table_locks.lock(driver, tenant, tables, Mode.WRITING)
    with as_tenant(driver, tenant):
        holds = unmoved.unmoved(driver, tenant, seen)
    if not holds:
        # This lets go of the locks, too.
        driver.execute("rollback to savepoint ispmig_unjudged")
        table_locks.lock(driver, tenant, tables, Mode.WRITING)
        judged = _judge(connection, tenant, migration, feeds, terms)
    driver.execute("release savepoint ispmig_unjudged")
    return judged


def _judge(
    connection: Connection,
    tenant: Tenant,
    migration: int,
    feeds: Sequence[Feed],
    terms: Terms,
) -> Judged:
    driver = raw(connection)
    with as_tenant(driver, tenant):
        # Of a try that was refused, when this is a retry.
        quarantine.forget(driver, tenant, [migration])
        for feed in feeds:
            copy_batches(
                driver, sql.Identifier(tenant.schema, journal.QUARANTINE), feed.quarantined()
            )
            set_aside.copy_issues(driver, feed.table, feed.issues())
            if terms.continues is not None:
                resubmitted.reject_known(driver, feed.table, terms.continues)
    gone = let_go.let_go(
        driver,
        tenant,
        migration,
        [(feed.table, feed.rejected) for feed in feeds],
        key=terms.erased_key,
        asked=terms.retention,
    )
    earlier = quarantine.standing(connection, tenant)
    if terms.continues is not None:
        earlier |= dict.fromkeys(terms.continues.family, terms.continues.origin)
    conflicts = integrity.judge(
        driver,
        tenant,
        [feed.table for feed in feeds],
        terms.policy,
        terms.on_conflict,
        earlier,
    )
    with as_tenant(driver, tenant):
        repeats = [publish.settle_repeats(driver, feed.table) for feed in feeds]
        matches = [
            None
            if feed.table.entity in {other.table.entity for other in feeds[:index]}
            else publish.compare(driver, feed.table)
            for index, feed in enumerate(feeds)
        ]
    for feed in feeds:
        set_aside.tell(driver, connection, feed.table, feed.cells)
    return Judged(conflicts, gone, repeats, matches)
