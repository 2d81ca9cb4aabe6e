"""Which customers are past their retention: who may not be kept any longer, and who still must.

A customer is past it when ``retain_until`` is over, or when they left longer ago than the tenant
keeps people who left. Whoever is still served, owes something or is owed something is held all the
same (GDPR, article 17(3)(e)), and counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform import ddl, tenant_settings
from ispmig_pipelines.platform.publish import FeedTable
from ispmig_pipelines.platform.tenants import Tenant

_FIELDS = ("status", "cancelled_date", "retain_until", "balance", "deposit")
_SETTING = "cancelled_months"
_SERVED = ("active", "suspended")
_SETTLED = ("paid", "written_off", "void", "draft")
_OPEN = ("open", "partly_paid", "overdue", "disputed")


class RetentionPolicy(StrEnum):
    """What becomes of customers past their retention."""

    keep = "keep"
    """They are migrated as they are, and counted."""

    skip = "skip"
    """They are not migrated; nothing is kept of them but that there was a record."""

    anonymise = "anonymise"
    """They are migrated without what says who they are."""


@dataclass(frozen=True)
class Retention:
    """What a migration does about customers past their retention.

    Attributes:
        as_of: the day that counts.
        cancelled_months: how long the tenant keeps customers who left; None: for ever, unless
            ``retain_until`` says otherwise.
    """

    policy: RetentionPolicy
    as_of: dt.date
    cancelled_months: int | None = None


@dataclass(frozen=True)
class Past:
    """How many customers are past their retention, and why some of these are held."""

    expired: int = 0
    served: int = 0
    owing: int = 0


def of(connection: Connection, slug: str) -> int | None:
    """For how many months a tenant keeps customers who left; None: it does not say."""
    months: int | None = tenant_settings.of(connection, slug).get(_SETTING)
    return months


def declare(connection: Connection, slug: str, months: int | None) -> None:
    """Sets for how many months a tenant keeps customers who left; in the current transaction."""
    tenant_settings.declare(connection, slug, _SETTING, months)


def create_table(driver: psycopg.Connection, tenant: Tenant) -> None:
    """Makes the temporary table of customers past their retention, as its owner."""
    driver.execute("drop table if exists pg_temp.past_retention")
    driver.execute("create temporary table past_retention (key text primary key, held text)")
    driver.execute(
        sql.SQL("grant select, insert on pg_temp.past_retention to {}").format(
            sql.Identifier(tenant.role)
        )
    )


def find(
    driver: psycopg.Connection, tenant: Tenant, feeds: Sequence[FeedTable], retention: Retention
) -> Past:
    """Finds them among the customers that the feeds bring, as the tenant's role, also among those
    that were rejected. Those that are not held stand in ``past_retention`` with ``held`` null."""
    own = [f for f in feeds if f.entity == "customer"]
    if not own:
        return Past()
    for people in (_people(tenant, own), _rejected(tenant, own)):
        _judge(driver, tenant, feeds, retention, people)
    row = driver.execute(
        """select count(*), count(*) filter (where held = 'served'),
                  count(*) filter (where held = 'owes')
           from pg_temp.past_retention"""
    ).fetchone()
    return Past(*row) if row else Past()


def _judge(
    driver: psycopg.Connection,
    tenant: Tenant,
    feeds: Sequence[FeedTable],
    retention: Retention,
    people: sql.Composable,
) -> None:
    """Enters those of ``people`` who are past it."""
    driver.execute(
        sql.SQL(
            """insert into pg_temp.past_retention
               select key, case when status = any(%(served)s) or {served} then 'served'
                                when coalesce(balance, 0) <> 0 or coalesce(deposit, 0) <> 0
                                     or {owes} then 'owes' end
               from ({people}) people
               where retain_until < %(as_of)s
                  or cancelled_date < %(as_of)s - make_interval(months => %(months)s)"""
        ).format(
            people=people,
            served=_among(
                tenant, feeds, "service", "customer", ("status",),
                sql.SQL("c.status = any(%(served)s)"),
            ),
            owes=_among(
                tenant, feeds, "invoice", "customer", ("status", "amount_due"),
                sql.SQL(
                    """(c.status = any(%(open)s)
                        or (coalesce(c.amount_due, 0) <> 0
                            and (c.status is null or not c.status = any(%(settled)s))))"""
                ),
            ),
        ),
        {
            "served": list(_SERVED),
            "open": list(_OPEN),
            "settled": list(_SETTLED),
            "as_of": retention.as_of,
            "months": retention.cancelled_months,
        },
    )  # fmt: skip


def _rejected(tenant: Tenant, feeds: Sequence[FeedTable]) -> sql.Composed:
    """SQL: the customers whose record was rejected before, for cells that retention is not judged
    by, and of whom nothing else is known."""
    there = [*(f.staged for f in feeds), sql.Identifier(tenant.schema, "customer")]
    return sql.SQL(
        """select distinct on (own) own as key, status, cancelled_date, retain_until,
                  case when owes then 1 else 0 end as balance, 0 as deposit
           from pg_temp.rejected_of r
           where entity = 'customer' and own is not null and status is not null and {}
           order by own, owes desc"""
    ).format(
        sql.SQL(" and ").join(
            sql.SQL("not exists (select from {} t where t.account_number = r.own)").format(table)
            for table in there
        )
    )


def _people(tenant: Tenant, feeds: Sequence[FeedTable]) -> sql.Composed:
    """SQL: the customers of the feeds as they would be, the tenant's row below."""
    joins = [
        sql.SQL("left join {} {} on {}.account_number = k.key").format(
            table, sql.Identifier(alias), sql.Identifier(alias)
        )
        for alias, table in [
            *((f"s{i}", feed.staged) for i, feed in enumerate(feeds)),
            ("t", sql.Identifier(tenant.schema, "customer")),
        ]
    ]

    def value(name: str) -> sql.Composed:
        filling = [f"s{i}" for i, feed in enumerate(feeds) if name in feed.fields]
        return sql.SQL("coalesce({}) as {}").format(
            sql.SQL(", ").join(sql.Identifier(a, name) for a in [*reversed(filling), "t"]),
            sql.Identifier(name),
        )

    # A key that stands twice is settled later, and counts once here.
    return sql.SQL("select distinct on (k.key) k.key, {} from ({}) k {} order by k.key").format(
        sql.SQL(", ").join(value(name) for name in _FIELDS),
        sql.SQL(" union ").join(
            sql.SQL("select account_number as key from {}").format(f.staged) for f in feeds
        ),
        sql.SQL(" ").join(joins),
    )


def _among(
    tenant: Tenant,
    feeds: Sequence[FeedTable],
    entity: str,
    reference: str,
    fields: Sequence[str],
    condition: sql.Composable,
) -> sql.Composed:
    """SQL: the customer ``people.key`` has a row of an entity, brought or there, for which the
    condition on ``c`` holds. Whose they are is gathered once, and not asked customer by customer.
    """
    own = [f for f in feeds if f.entity == entity]
    key = ENTITIES[entity].key[0]

    def columns(feed: FeedTable | None, alias: str) -> sql.Composed:
        return sql.SQL("{} as owner, {}").format(
            sql.Identifier(alias, reference),
            sql.SQL(", ").join(
                sql.SQL("{} as {}").format(
                    sql.Identifier(alias, name)
                    if feed is None or name in feed.fields
                    else sql.SQL("null::{}").format(ddl.column_type(ENTITIES[entity].fields[name])),
                    sql.Identifier(name),
                )
                for name in fields
            ),
        )

    parts = [
        sql.SQL("select {} from {} s").format(columns(feed, "s"), feed.staged)
        for feed in own
        if reference in feed.fields
    ]
    untouched = [
        sql.SQL("not exists (select from {} s where s.{key} = t.{key})").format(
            feed.staged, key=sql.Identifier(key)
        )
        for feed in own
    ]
    parts.append(
        sql.SQL("select {} from {} t where {}").format(
            columns(None, "t"),
            sql.Identifier(tenant.schema, entity),
            sql.SQL(" and ").join([sql.SQL("true"), *untouched]),
        )
    )
    return sql.SQL("people.key in (select c.owner from ({}) c where {})").format(
        sql.SQL(" union all ").join(parts), condition
    )
