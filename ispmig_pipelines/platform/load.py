"""Loading one migration: staged first, then published whole in one transaction.

Staging copies what passed validation into temporary tables, which vanish with the session
whatever happens to it. Publishing takes one transaction: all feeds are judged, set-based, over
rows and entities, and everything that cannot be loaded is put in quarantine
(:mod:`ispmig_pipelines.platform.judging`); then, with the tables locked against other writers, the
tenant's rows are inserted and updated, both laws checked from what the database then holds, and the
ledger written. Either all of it is committed or nothing is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.errors import ConflictRefused, IspmigError
from ispmig_pipelines.platform import (
    closings,
    ddl,
    erased,
    journal,
    judging,
    ledger,
    let_go,
    publish,
    quarantine,
    reconcile,
    resubmitted,
    timeouts,
)
from ispmig_pipelines.platform.audit import migrations as entered
from ispmig_pipelines.platform.changes import Changes, changes
from ispmig_pipelines.platform.conflict import OnConflict
from ispmig_pipelines.platform.copy import copy_batches
from ispmig_pipelines.platform.feed import Feed as Feed
from ispmig_pipelines.platform.integrity import judge as integrity
from ispmig_pipelines.platform.integrity.policy import Policy, RejectedParent
from ispmig_pipelines.platform.let_go import LetGo
from ispmig_pipelines.platform.publish import Matches, Repeats
from ispmig_pipelines.platform.reconcile import Amounts, Counts
from ispmig_pipelines.platform.resubmitted import Continuation
from ispmig_pipelines.platform.retention import Retention
from ispmig_pipelines.platform.tenants import Tenant, as_tenant, raw

_ANALYZE_FROM = 10_000
_WRITTEN = (ddl.MIGRATION, ddl.FILE, ddl.RECORD)
_AS_DECLARED = Policy()


@dataclass
class Loaded:
    """What loading did.

    Attributes:
        entities: entity → counts.
        totals: ``entity.field`` → currency → amounts.
        issues: entity → rule → number of records.
        changes: of a dry run: entity → what it would change in the tenant's rows.
        conflicts: entity → records for which the tenant had other content.
        let_go: what was not to be kept of people.
        seconds: of the publishing transaction.
        locked: for how many of them nobody else could write into the tables.
    """

    entities: dict[str, Counts] = field(default_factory=dict)
    totals: dict[str, dict[str, Amounts]] = field(default_factory=dict)
    issues: dict[str, dict[str, int]] = field(default_factory=dict)
    changes: dict[str, Changes] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)
    let_go: LetGo = field(default_factory=LetGo)
    seconds: float = 0.0
    locked: float = 0.0

    def ledger_values(self) -> dict[str, Any]:
        """The columns of the ledger that come from here."""
        return {
            "entities": {name: counts.as_json() for name, counts in self.entities.items()},
            "totals": {
                name: {currency: a.as_json() for currency, a in by_currency.items()}
                for name, by_currency in self.totals.items()
            },
            "issues": self.issues,
        }


def load(
    connection: Connection,
    tenant: Tenant,
    migration: int,
    feeds: list[Feed],
    *,
    on_conflict: OnConflict,
    dry_run: bool,
    approve: Callable[[Loaded], None],
    spill: Path,
    policy: Policy = _AS_DECLARED,
    retention: Retention | None = None,
    continues: Continuation | None = None,
    progress: Callable[[Feed, int], None] = lambda feed, rows: None,
    staged: Callable[[], None] = lambda: None,
) -> Loaded:
    """Loads the feeds, in the order given: parents before those that refer to them, and of an
    entity what makes rows before what completes them.

    Args:
        approve: called with the counts before the commit; raises if they must not stand.
        spill: a private folder for what must outlive a rollback.
        policy: what the tenant and the spec decide about the checks.
        retention: what is done about customers past their retention; None: nothing is.
        continues: of a resubmission: what it goes on with.
        progress: called with the rows staged so far of a feed.
        staged: called when all rows are: from here on the server works, and we wait for it.

    Raises:
        LawBroken: rows or money do not add up; nothing is published.
        ThresholdExceeded: as raised by ``approve``; nothing is published. As after a dry run,
            counts and quarantine are kept all the same, to be looked at.
        ConflictRefused: the policy is ``fail`` and the tenant has other content. A dry run goes on
            to its end before, as if the source were to win, so that there is something to look at.
    """
    driver = raw(connection)
    feeds = [_keeping_legacy(feed, policy) for feed in feeds]
    with connection.begin():
        for feed in feeds:
            _stage(driver, tenant, feed, progress)
        integrity.create_tables(driver, [feed.table for feed in feeds])
        let_go.create_tables(driver, tenant)
        with as_tenant(driver, tenant):
            some_erased = erased.are_there(driver, tenant)
        erased_key = erased.digest_key(connection, tenant.slug) if some_erased else None
        if continues is not None:
            resubmitted.create_tried(driver, tenant)
    staged()
    started = time.monotonic()
    loaded = Loaded()
    refusal: IspmigError | None = None
    kept: quarantine.Kept | None = None
    with connection.begin() as transaction:
        timeouts.limit(driver)
        driver.execute(ddl.write_as(migration))
        judged = judging.judge(
            connection,
            tenant,
            migration,
            feeds,
            judging.Terms(policy, on_conflict, retention, erased_key, continues),
        )
        locked = time.monotonic()
        loaded.let_go, loaded.conflicts = judged.let_go, judged.conflicts
        for index, feed in enumerate(feeds):
            _publish(
                driver,
                tenant,
                feed,
                feeds[:index],
                judged.repeats[index],
                judged.matches[index],
                on_conflict,
                loaded,
                dry_run=dry_run,
            )
        if continues is None and not dry_run:
            closings.carry_over(connection, tenant, migration)
        with as_tenant(driver, tenant):
            _summarise(driver, tenant, migration, loaded)
            if continues is not None:
                resubmitted.close_solved(
                    driver,
                    tenant,
                    origin=continues.origin,
                    resubmission=migration,
                    tried=continues.tried(),
                )
            if dry_run:
                loaded.changes = _changes(driver, tenant, migration, feeds)
        if continues is not None and not dry_run:
            closings.carry_on(connection, tenant, continues.origin)
        reconcile.check(loaded.entities, loaded.totals)
        try:
            approve(loaded)
        except IspmigError as error:
            refusal = error
        if loaded.conflicts and on_conflict is OnConflict.fail:
            both = f" {refusal}" if refusal is not None else ""
            refusal = ConflictRefused(_conflict(tenant, loaded.conflicts) + both)
        if refusal is None and not dry_run:
            ledger.add_findings(connection, migration, loaded.let_go.findings())
            ledger.publish_migration(connection, migration, **loaded.ledger_values())
            # Last, because it makes the tenant's other entries wait.
            entered.published(connection, migration)
        else:
            # Nothing is published, but why records would lie in quarantine is worth keeping.
            with as_tenant(driver, tenant):
                kept = quarantine.take_out(driver, tenant, migration, spill)
            transaction.rollback()
    loaded.locked = time.monotonic() - locked
    if kept is not None:
        with kept, connection.begin():
            with as_tenant(driver, tenant):
                quarantine.forget(driver, tenant, [migration])
                quarantine.put_back(driver, tenant, kept)
            ledger.update_migration(connection, migration, **loaded.ledger_values())
            ledger.add_findings(connection, migration, loaded.let_go.findings())
    loaded.seconds = time.monotonic() - started
    if refusal is not None:
        raise refusal
    return loaded


def _keeping_legacy(feed: Feed, policy: Policy) -> Feed:
    """The feed; where references may be emptied, what they said is to be kept."""
    if policy.rejected_parent is not RejectedParent.keep:
        return feed
    return replace(feed, table=replace(feed.table, has_legacy=True))


def _changes(
    driver: psycopg.Connection, tenant: Tenant, migration: int, feeds: list[Feed]
) -> dict[str, Changes]:
    """What the feeds, published but not committed, change in rows that the tenant had."""
    filled: dict[str, set[str]] = {}
    for feed in feeds:
        filled.setdefault(feed.table.entity, set()).update(feed.table.fields)
    return {
        entity: changes(driver, tenant, migration, entity, fields)
        for entity, fields in filled.items()
    }


def _stage(
    driver: psycopg.Connection,
    tenant: Tenant,
    feed: Feed,
    progress: Callable[[Feed, int], None],
) -> None:
    publish.create_staging(driver, feed.table)

    def counted() -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in feed.accepted():
            yield batch
            rows += batch.num_rows
            progress(feed, rows)

    with as_tenant(driver, tenant):
        copy_batches(driver, feed.table.staged, counted())
        copy_batches(driver, feed.table.adjusted, feed.adjusted())
    driver.execute(
        sql.SQL("analyze {} ({})").format(
            feed.table.staged,
            sql.SQL(", ").join(map(sql.Identifier, integrity.looked_at(feed.table))),
        )
    )


def _publish(
    driver: psycopg.Connection,
    tenant: Tenant,
    feed: Feed,
    earlier: list[Feed],
    repeats: Repeats,
    matches: Matches | None,
    on_conflict: OnConflict,
    loaded: Loaded,
    *,
    dry_run: bool,
) -> None:
    table = feed.table
    counts = loaded.entities.setdefault(table.entity, Counts())
    counts.read += feed.read
    with as_tenant(driver, tenant):
        empty = publish.is_empty(driver, tenant, table.entity)
        if matches is None:
            matches = publish.compare(driver, table)
        if matches.conflicts:
            loaded.conflicts[table.entity] = (
                loaded.conflicts.get(table.entity, 0) + matches.conflicts
            )
            if on_conflict is OnConflict.fail and not dry_run:
                raise ConflictRefused(_conflict(tenant, loaded.conflicts))
        if matches.completed or matches.conflicts:
            counts.updated += publish.update(driver, table)
        if not table.partial:
            counts.inserted += publish.insert(driver, table, there=matches.rows)
        counts.unchanged += matches.same + repeats.rows
        counts.repeated += repeats.rows
    if counts.inserted >= _ANALYZE_FROM:
        # What comes next is planned on what was just written: by these columns rows are found and
        # joined. The server looks at the others by itself, later, and nobody waits for it.
        driver.execute(
            sql.SQL("analyze {} ({})").format(
                table.target,
                sql.SQL(", ").join(
                    map(
                        sql.Identifier,
                        dict.fromkeys([*table.key, *table.info.references, *_WRITTEN]),
                    )
                ),
            )
        )
    with as_tenant(driver, tenant):
        before = [e.table for e in earlier]
        sums, again = publish.loaded_totals(driver, table, before, alone=empty)
        adjusted_again = publish.adjusted_again(driver, table, before)
    for name, by_currency in feed.amounts.items():
        totals = loaded.totals.setdefault(f"{table.entity}.{name}", {})
        for currency, amounts in by_currency.items():
            total = totals.setdefault(currency, Amounts())
            total.source += amounts.source
            total.adjusted += amounts.adjusted
            total.unreadable += amounts.unreadable
        for said_again in (repeats.amounts, again):
            for currency, amount in said_again.get(name, {}).items():
                totals.setdefault(currency, Amounts()).source -= amount
        for currency, amount in sums.get(name, {}).items():
            totals.setdefault(currency, Amounts()).loaded += amount
        for said_again in (repeats.adjusted, adjusted_again):
            for currency, amount in said_again.get(name, {}).items():
                totals.setdefault(currency, Amounts()).source -= amount
                totals[currency].adjusted -= amount


def _conflict(tenant: Tenant, conflicts: dict[str, int]) -> str:
    records = ", ".join(
        f"{count:,} {entity} record" + "s" * (count > 1) for entity, count in conflicts.items()
    )
    return (
        f"The tenant {tenant.slug} already holds other content for {records} of this "
        "migration, and --on-conflict fail was asked for. Nothing was loaded. Choose --on-conflict "
        "update (the source wins) or keep (the tenant wins); ispmig preview shows what differs, "
        "and with --dry-run --on-conflict keep, ispmig quarantine lists which records they are."
    )


def _summarise(driver: psycopg.Connection, tenant: Tenant, migration: int, loaded: Loaded) -> None:
    """Counts and sums what lies in quarantine, from the tables themselves."""
    table = sql.Identifier(tenant.schema, journal.QUARANTINE)
    for entity, count in driver.execute(
        sql.SQL("select entity, count(*) from {} where migration = %s group by 1").format(table),
        [migration],
    ):
        loaded.entities[entity].quarantined = count
    for entity, name, currency, amount in driver.execute(
        sql.SQL(
            """select q.entity, a.name, a.value ->> 'currency', sum((a.value ->> 'amount')::numeric)
               from {} q cross join lateral jsonb_each(q.amounts) as a(name, value)
               where q.migration = %s and a.value ? 'amount' group by 1, 2, 3"""
        ).format(table),
        [migration],
    ):
        totals = loaded.totals.setdefault(f"{entity}.{name}", {})
        totals.setdefault(currency, Amounts()).quarantined += Decimal(amount)
    for entity, rule, count in driver.execute(
        sql.SQL(
            """select entity, rule, count(distinct (feed, file, record)) from {}
               where migration = %s group by 1, 2 order by 1, 2"""
        ).format(sql.Identifier(tenant.schema, journal.ISSUES)),
        [migration],
    ):
        loaded.issues.setdefault(entity, {})[rule] = count
